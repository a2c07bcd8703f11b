#!/usr/bin/perl
# noreply: the command works or fails as ever, and not one byte of reply is sent.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

my $server = Server->start('-t 2');
my $client = $server->client;

# What is stored first as `k`, the silent command, what `get k` finds then.
for my $row (
    # before    command                                     after
    [undef, "set k 0 0 1 noreply\r\nx\r\n",                 'x'],
    ['old', "set k 0 0 1 noreply\r\nx\r\n",                 'x'],
    [undef, "add k 0 0 1 noreply\r\nx\r\n",                 'x'],
    ['old', "add k 0 0 1 noreply\r\nx\r\n",                 'old'],
    [undef, "replace k 0 0 1 noreply\r\nx\r\n",             undef],
    ['old', "replace k 0 0 1 noreply\r\nx\r\n",             'x'],
    [undef, "append k 0 0 1 noreply\r\nx\r\n",              undef],
    ['old', "append k 0 0 1 noreply\r\nx\r\n",              'oldx'],
    [undef, "prepend k 0 0 1 noreply\r\nx\r\n",             undef],
    ['old', "prepend k 0 0 1 noreply\r\nx\r\n",             'xold'],
    [undef, "cas k 0 0 1 1 noreply\r\nx\r\n",               undef],
    ['old', "cas k 0 0 1 0 noreply\r\nx\r\n",               'old'],
    ['old', "cas k 0 0 1 q noreply\r\nx\r\n",               'old'],
    ['old', "cas k 0 0 1 noreply\r\nx\r\n",                 'old'],
    ['old', "set k q 0 1 noreply\r\nx\r\n",                 'old'],
    ['old', "set k 0 q 1 noreply\r\nx\r\n",                 'old'],
    ['old', "set k 0 0 1 noreply\r\nxyz",                   'old'],
    ['old', 'set ' . 'k' x 251 . " 0 0 1 noreply\r\nx\r\n", 'old'],
    ['old', "add k 0 0 2000000 noreply\r\n" . 'x' x 2_000_000 . "\r\n", 'old'],
    ['old', "set k 0 0 2000000 noreply\r\n" . 'x' x 2_000_000 . "\r\n", undef],
    [undef, "delete k noreply\r\n",                         undef],
    ['old', "delete k noreply\r\n",                         undef],
    ['old', "delete k 0 noreply\r\n",                       undef],
    ['old', "delete noreply\r\n",                           'old'],
    [undef, "incr k 1 noreply\r\n",                         undef],
    ['5',   "incr k 1 noreply\r\n",                         '6'],
    ['5',   "decr k 1 noreply\r\n",                         '4'],
    ['5',   "incr k q noreply\r\n",                         '5'],
    ['5',   "incr k noreply\r\n",                           '5'],
    ['old', "incr k 1 noreply\r\n",                         'old'],
    [undef, "touch k 1 noreply\r\n",                        undef],
    ['old', "touch k 100 noreply\r\n",                      'old'],
    ['old', "touch k -1 noreply\r\n",                       undef],
    ['old', "touch k q noreply\r\n",                        'old'],
    ['old', "touch k noreply\r\n",                          'old'],
    ['old', "flush_all q noreply\r\n",                      'old'],
    ['old', "flush_all noreply\r\n",                        undef],
    ['old', "flush_all 0 noreply\r\n",                      undef],
    ['old', "verbosity 0 noreply\r\n",                      'old'],
    ['old', "verbosity noreply\r\n",                        'old'],
    ['old', "shutdown noreply\r\n",                         'old'],
    ['old', "wibble noreply\r\n",                           'old'],
    ['old', "noreply\r\n",                                  'old'],
) {
    my ($before, $command, $after) = @$row;
    $client->ask('delete k');
    $client->set('k', $before) if defined $before;
    $client->send($command);
    my $name = Client::visible(substr $command, 0, 60) . ' of ' . (defined $before ? "'$before'" : 'nothing');
    $client->is_silent("$name says nothing");
    my $item = $client->get('k');
    is($item && $item->{value}, $after, '... and leaves what it should');
}

# A silent cas that fits.
$client->set('k', 'old');
my $version = $client->gets('k')->{cas};
$client->send("cas k 0 0 1 $version noreply\r\nx\r\n");
$client->is_silent('a cas that fits says nothing');
is($client->get('k')->{value}, 'x', '... and stores');

# Many of them, with one loud command at the end.
$client->send(join '', map {
    "set k$_ 0 0 3 noreply\r\nabc\r\nincr n$_ 1 noreply\r\ndelete k$_ noreply\r\n"
} 1 .. 5000);
$client->is_silent('fifteen thousand silent commands say nothing');

done_testing;
