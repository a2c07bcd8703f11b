#!/usr/bin/perl
# With a limit on buffers a client who asks for too much at once is refused, and nobody else.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# Little memory, shared by many threads.
for my $more ('', ' -vv') {
    my $server = Server->start("-t 32 -R 500 -o read_buf_mem_limit=1$more");
    my $watcher = $server->client;
    is($watcher->stats('settings')->{read_buf_mem_limit}, 1 << 20, "'$more': the settings show the limit in bytes");
    is($watcher->stats->{response_obj_oom}, 0, 'nobody has been refused to begin with');
    my $client = $server->client;
    my @keys = map { "foo$_" } 1 .. 500;
    $client->set($_, 'x') for @keys;
    my $list = join ' ', @keys;
    my $no_memory = "SERVER_ERROR out of memory writing get response\r\n";
    $client->says("get $list\r\n", $no_memory, 'a retrieval of very many keys is refused as a whole');
    is($watcher->stats->{response_obj_oom}, 1, '... and counted');
    $client->says("get foo1\r\n", "VALUE foo1 0 1\r\nx\r\nEND\r\n", '... and the next one is served');
    $client->says("get foo1 $list\r\nget foo2\r\n", $no_memory . "VALUE foo2 0 1\r\nx\r\nEND\r\n", '... in step');
    my $misses = join ' ', map { "bar$_" } 1 .. 500;
    $client->says("gets $misses\r\n", "END\r\n", 'keys that are not there take no memory');
    my $some = join ' ', @keys[0 .. 9];
    $client->says("gat 0 $some\r\n", join('', map { "VALUE $_ 0 1\r\nx\r\n" } @keys[0 .. 9]) . "END\r\n",
        'a few keys are no problem');

    my $before = $watcher->stats->{response_obj_oom};
    my $greedy = $server->client;
    $greedy->is_silent('a client');
    $greedy->send("mg foo v\r\n" x 500);
    $greedy->is_eof('... that wants 500 replies at once is closed, without any of them');
    cmp_ok($watcher->stats->{response_obj_oom}, '>', $before, '... and counted');
    $client->says("mg foo v\r\n" x 5, "EN\r\n" x 5, 'others are served');
    $watcher->ask('stats reset');
    is($watcher->stats->{response_obj_oom}, 0, 'a reset zeroes the counter');
}

# Values that are sent from where they lie are let go of as well.
{
    my $server = Server->start('-t 1 -R 500 -o read_buf_mem_limit=1,slab_chunk_max=16');
    my $client = $server->client;
    # One thread has 64 buffers, so more than a thousand replies.
    $client->set('big', 'x' x 20_000);
    my $reply = "VALUE big 0 20000\r\n" . 'x' x 20_000 . "\r\n";
    $client->says('get ' . 'big ' x 200 . "big\r\n", $reply x 201 . "END\r\n", 'long replies are sent in parts, so they fit');
    $client->set('s', 'x' x 1500);
    my $tight = Server->start('-t 32 -R 500 -o read_buf_mem_limit=1');
    $client = $tight->client;
    $client->set('s', 'x' x 1500);
    $client->says('get ' . 's ' x 30 . "s\r\n", "SERVER_ERROR out of memory writing get response\r\n",
        'a reply of many values that are not copied is taken back');
    $client->verifies('... and nothing is held');
}

# Clients in mid-line.
{
    my $server = Server->start('-t 32 -o read_buf_mem_limit=1');
    my $watcher = $server->client;
    my @halves = map { $server->client } 1 .. 200;
    $_->send("get ke") for @halves;
    wait_for(sub { $watcher->stats->{read_buf_oom} >= 200 - 2 * 32 }, 'too many partial requests are not kept');
    wait_for(sub { $watcher->stats->{curr_connections} <= 1 + 2 * 32 }, '... their clients are closed');
    my $kept = 0;
    for my $half (@halves) {
        $half->send("y\r\n");
        $kept++ if $half->read_line eq "END\r\n";
    }
    cmp_ok($kept, '>=', 32, '... others are served');
    cmp_ok($kept, '<=', 64, '... as many as there is memory for');
    my @late = map { $server->client } 1 .. 64;
    $_->send("get ke") for @late[0 .. 31];
    $_->is_silent('memory comes back') for @late[32 .. 35];
}

# Without a limit all that is no matter.
{
    my $server = Server->start('-t 2 -R 500');
    my $client = $server->client;
    $client->says("mg foo v\r\n" x 500, "EN\r\n" x 500, '500 replies at once');
    my @halves = map { $server->client } 1 .. 200;
    $_->send("get ke") for @halves;
    $_->says("y\r\n", "END\r\n", '... and a partial request of each client') for @halves[0, 99, 199];
    is($client->stats->{read_buf_oom}, 0, '... no memory is missed');
}

done_testing;
