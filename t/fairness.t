#!/usr/bin/perl
# However much one client asks for at once, the others have their turn.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# One request a turn: six in one packet are five turns given away.
{
    my $server = Server->start('-R 1');
    my $client = $server->client;
    my $before = $client->stats->{conn_yields};
    $client->says(
        join('', map { "set k$_ 0 0 1\r\nx\r\n" } 1 .. 6),
        "STORED\r\n" x 6,
        'with one request a turn, six in one packet are all answered');
    cmp_ok($client->stats->{conn_yields} - $before, '>=', 5, '... and the connection has given way between them');
}

# A long queue on one connection, one worker, one request from another.
for my $options ('-t 1', '-t 1 -R 1') {
    my $server = Server->start($options);
    my $greedy = $server->client;
    my $modest = $server->client;
    my $queue = 100_000;
    my $requests = "get none\r\n" x $queue;

    my $sent = 0;
    my $served = 0;
    while ($sent < length $requests) {
        my $n = $greedy->send_some($requests, $sent);
        $sent += $n;
        $served++ if $modest->ask('version') eq 'VERSION 1.6.45';
        $greedy->read_some if $n == 0;
    }
    cmp_ok($served, '>', 0, "$options: while one client queues $queue requests another is served");
    my $replies = $greedy->recv_exact(length("END\r\n") * $queue);
    ok($replies eq "END\r\n" x $queue, '... and every one of the queue is answered');
    $greedy->is_silent('... once');
}

# Many greedy clients at the same time, all served to the end.
{
    my $server = Server->start('-t 2 -R 5');
    my @clients = map { $server->client } 1 .. 10;
    $clients[$_]->send(join '', map { "set c$_ 0 0 4 noreply\r\nabcd\r\nget c$_\r\n" } ($_) x 2000) for 0 .. 9;
    for my $i (0 .. 9) {
        my $expect = "VALUE c$i 0 4\r\nabcd\r\nEND\r\n" x 2000;
        ok($clients[$i]->recv_exact(length $expect) eq $expect, "client $i of ten has all its replies");
    }
}

done_testing;
