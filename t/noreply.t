#!/usr/bin/perl
# noreply: the command works or fails as ever, and not one byte of reply is sent. The q of
# meta commands is another thing: what succeeds is silent, what fails is not.
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

# noreply is nothing to a meta command.
$client->says("set k 0 0 3\r\nold\r\n", "STORED\r\n", 'an item');
for my $row (
    ["mg k noreply\r\n",          "CLIENT_ERROR invalid flag\r\n"],
    ["mg k v noreply\r\n",        "CLIENT_ERROR invalid flag\r\n"],
    ["mg noreply\r\n",            "EN\r\n"],
    ["ms k 1 noreply\r\nx\r\n",   "CLIENT_ERROR invalid flag\r\n"],
    ["ms k noreply\r\n",          "CLIENT_ERROR bad command line format\r\n"],
    ["md k noreply\r\n",          "CLIENT_ERROR invalid flag\r\n"],
    ["md noreply\r\n",            "NF\r\n"],
    ["ma k noreply\r\n",          "CLIENT_ERROR invalid or duplicate flag\r\n"],
    ["me none noreply\r\n",       "EN\r\n"],
    ["mn noreply\r\n",            "MN\r\n"],
    ["mg k q noreply\r\n",        "CLIENT_ERROR invalid flag\r\n"],
    ["stats noreply\r\n",         "ERROR\r\n"],
    ["refresh_certs noreply\r\n", "Error TLS not enabled\r\n"],
) {
    my ($command, $reply) = @$row;
    $client->says($command, $reply, 'not silent: ' . Client::visible($command));
}
is($client->get('k')->{value}, 'old', '... and nothing has changed');

# q: what is stored first as `k`, the command, the reply, what `get k` finds then.
for my $row (
    # before    command                         reply           after
    [undef, "mg k q\r\n",                       '',             undef],
    [undef, "mg k q v k O1 T9\r\n",             '',             undef],
    [undef, "mg k q N9\r\n",                    "HD W\r\n",     ''],
    ['old', "mg k q\r\n",                       "HD\r\n",       'old'],
    ['old', "mg k q v\r\n",                     "VA 3\r\nold\r\n", 'old'],
    [undef, "ms k 1 q\r\nx\r\n",                '',             'x'],
    ['old', "ms k 1 q k s c O1\r\nx\r\n",       '',             'x'],
    ['old', "ms k 1 q ME\r\nx\r\n",             "NS\r\n",       'old'],
    [undef, "ms k 1 q MR\r\nx\r\n",             "NS\r\n",       undef],
    ['old', "ms k 1 q MA\r\nx\r\n",             '',             'oldx'],
    [undef, "ms k 1 q MA\r\nx\r\n",             "NS\r\n",       undef],
    [undef, "ms k 1 q MP N0\r\nx\r\n",          '',             'x'],
    ['old', "ms k 1 q C0\r\nx\r\n",             "EX\r\n",       'old'],
    [undef, "ms k 1 q C1\r\nx\r\n",             "NF\r\n",       undef],
    ['old', "ms k 1 q\r\nxyz",                  "CLIENT_ERROR bad data chunk\r\n", 'old'],
    ['old', "ms k 1 q z\r\nx\r\n",              "CLIENT_ERROR invalid flag\r\n", 'old'],
    ['old', "ms k 2000000 q\r\n" . 'x' x 2_000_000 . "\r\n", "SERVER_ERROR object too large for cache\r\n", undef],
    ['old', "md k q\r\n",                       '',             undef],
    ['old', "md k q k O1\r\n",                  '',             undef],
    ['old', "md k q I\r\n",                     '',             'old'],
    ['old', "md k q x\r\n",                     '',             ''],
    [undef, "md k q\r\n",                       "NF\r\n",       undef],
    ['old', "md k q C0\r\n",                    "EX\r\n",       'old'],
    ['5',   "ma k q\r\n",                       '',             '6'],
    ['5',   "ma k q v t c k\r\n",               '',             '6'],
    [undef, "ma k q N0 J7\r\n",                 '',             '7'],
    [undef, "ma k q\r\n",                       "NF\r\n",       undef],
    ['5',   "ma k q C1\r\n",                    "EX\r\n",       '5'],
    ['old', "ma k q\r\n",  "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", 'old'],
    ['old', "mn q\r\n",                         "MN\r\n",       'old'],
) {
    my ($before, $command, $reply, $after) = @$row;
    $client->ask('delete k');
    $client->set('k', $before) if defined $before;
    my $name = Client::visible(substr $command, 0, 60) . ' of ' . (defined $before ? "'$before'" : 'nothing');
    $client->says("${command}version\r\n", $reply . Client::VERSION_LINE,
        "$name says " . (Client::visible($reply) || 'nothing'));
    my $item = $client->get('k');
    is($item && $item->{value}, $after, '... and leaves what it should');
}

# Many of them, with one loud command at the end.
$client->send(join '', map {
    "set k$_ 0 0 3 noreply\r\nabc\r\nincr n$_ 1 noreply\r\ndelete k$_ noreply\r\n"
} 1 .. 5000);
$client->is_silent('fifteen thousand silent commands say nothing');

done_testing;
