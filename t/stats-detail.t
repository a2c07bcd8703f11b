#!/usr/bin/perl
# stats detail counts requests by the prefix of their key, and only while it is on.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary;
use Server;

my $USAGE = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";

# What it counts, by request: on a server with one worker and on one with four.
for my $threads (1, 4) {
    my $server = Server->start("-t $threads");
    my $client = $server->client;
    my $dump = sub { dump_is($client, @_) };

    $client->set('foo:1', 'x');
    $dump->('', 'nothing is counted before it is on');
    $client->says("stats detail on\r\n", "OK\r\n", 'on');
    $client->set('foo:123', 'x');
    $dump->('foo get 0 hit 0 set 1 del 0', 'a set');
    $client->get('foo:123');
    $dump->('foo get 1 hit 1 set 1 del 0', 'a hit');
    $client->get('foo:124');
    $dump->('foo get 2 hit 1 set 1 del 0', 'a miss');
    $client->ask('delete foo:125');
    $dump->('foo get 2 hit 1 set 1 del 1', 'a delete, though nothing was there');

    $client->says("stats reset\r\n", "RESET\r\n", 'reset');
    $dump->('', '... forgets it all');
    $client->get('foo:123');
    $dump->('foo get 1 hit 1 set 0 del 0', '... and counting goes on');
    $client->says("stats detail off\r\n", "OK\r\n", 'off');
    $client->get($_) for 'foo:124', 'foo:123';
    $dump->('foo get 1 hit 1 set 0 del 0', '... keeps what there is and counts no more');
    is($client->stats('settings')->{detail_enabled}, 'no', '... as the settings say');
}

# Each kind of request.
{
    my $server = Server->start('-D /');
    my $client = $server->client;
    is($client->stats('settings')->{$_->[0]}, $_->[1], "-D: $_->[0]")
        for ['stat_key_prefix', '/'], ['detail_enabled', 'yes'];
    my @rows = (
        ["get a/b/c\r\n",                            'a get 1 hit 0 set 0 del 0'],
        ["gets a/1 a/2 b/3 none\r\n",                'a get 2 hit 0 set 0 del 0, b get 1 hit 0 set 0 del 0'],
        ["gat 0 a/1\r\ngats 0 a/1\r\n",              'a get 2 hit 0 set 0 del 0'],
        ["get /\r\n",                                ' get 1 hit 0 set 0 del 0'],
        ["get a:1 a\r\n",                            ''],
        ["set a/1 0 0 1\r\nx\r\nget a/1 a/1\r\n",    'a get 2 hit 2 set 1 del 0'],
        ["add a/1 0 0 1\r\nx\r\n",                   'a get 0 hit 0 set 1 del 0'],
        ["replace a/ 0 0 1\r\nx\r\n",                'a get 0 hit 0 set 1 del 0'],
        ["append a/ 0 0 1\r\nx\r\nprepend a/ 0 0 1\r\nx\r\n", 'a get 0 hit 0 set 2 del 0'],
        ["cas a/1 0 0 1 9\r\nx\r\n",                 'a get 0 hit 0 set 1 del 0'],
        ["set a/1 0 0 1\r\nxyz\r\n",                 'a get 0 hit 0 set 1 del 0'],
        ["set a/1 0 0 2000000\r\n" . 'x' x 2_000_000 . "\r\n", 'a get 0 hit 0 set 1 del 0'],
        ["set a/1 0 0 9000\r\n" . 'x' x 9_000 . "\r\n", 'a get 0 hit 0 set 1 del 0'],
        ["set a/1 x 0 1\r\nx\r\nset a/1 0 0 x\r\n",  ''],
        ["delete a/1\r\ndelete a/1\r\n",             'a get 0 hit 0 set 0 del 2'],
        ["touch a/1 0\r\nincr a/1 1\r\ndecr a/1 1\r\n", ''],
        ["mg a/1 v\r\nms a/1 1\r\nx\r\nmd a/1\r\nma a/1\r\nme a/1\r\n", ''],
    );
    for my $row (@rows) {
        my ($request, $counted) = @$row;
        $client->ask('stats reset');
        $client->send("${request}mn\r\n");
        $client->read_until("MN\r\n");
        dump_is($client, $counted, Client::visible(substr $request, 0, 40));
    }
}

# The words of it.
{
    my $server = Server->start('');
    my $client = $server->client;
    $client->says("stats detail $_\r\n", $USAGE, "stats detail $_ is refused") for '', 'x', 'onn', 'ON';
    $client->says("stats d $_\r\n", "OK\r\n", "stats d $_ does") for 'o', 'on', 'of', 'off', 'on noreply';
    $client->says("stats d d\r\n", "END\r\n", 'stats d d dumps');
    $client->says("stats detail on\r\nget p:1 :2\r\nstats detail off\r\nget p:1\r\nstats reset\r\n",
        "OK\r\nEND\r\nOK\r\nEND\r\nRESET\r\n", 'on, off and reset in one go');
    dump_is($client, '', '... leave nothing');
    $client->says("stats detail on\r\nget :2\r\nstats detail dump\r\n",
        "OK\r\nEND\r\nPREFIX  get 1 hit 0 set 0 del 0\r\nEND\r\n", 'an empty prefix shows as nothing between two blanks');
    $client->ask('stats reset');
    Binary->new($server->client)->get("two\nlines:x");
    dump_is($client, 'dHdvCmxpbmVz get 1 hit 0 set 0 del 0', 'a prefix that is no word of a line shows in base64');
}

{
    my $server = Server->start('-X');
    my $client = $server->client;
    my $refusal = "CLIENT_ERROR stats detail not allowed\r\n";
    $client->says("stats detail$_\r\n", $refusal, "-X: stats detail$_") for '', ' on', ' dump', ' x';
    is($client->stats('settings')->{dump_enabled}, 'no', '... as the settings say');
}

my ($code, undef, $err) = Server->refused(['-D', '']);
is("$code $err", "1 No delimiter specified\n", 'a delimiter must be given');

# Counting by many clients at once loses nothing.
{
    my $server = Server->start('-t 4 -D :');
    my @clients = map { $server->client } 1 .. 8;
    $_->send("get many:1\r\nset other:1 0 0 1 noreply\r\nx\r\n" x 500 . "mn\r\n") for @clients;
    $_->read_until("MN\r\n") for @clients;
    dump_is($clients[0], 'many get 4000 hit 0 set 0 del 0, other get 0 hit 0 set 4000 del 0', 'all are counted');
}

done_testing;

# The dump, sorted, without the word PREFIX, joined with commas.
sub dump_is {
    my ($client, $expect, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $client->send("stats detail dump\r\n");
    my @lines;
    while ((my $line = $client->read_line) ne "END\r\n") {
        $line =~ s/\APREFIX (.*)\r\n\z/$1/ or $line = "not a PREFIX line: $line";
        push @lines, $line;
        last if $client->ended;
    }
    return is(join(', ', sort @lines), $expect, $name);
}
