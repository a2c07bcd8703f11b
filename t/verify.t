#!/usr/bin/perl
# After clients have stored, overwritten, deleted, flushed, half uploaded, not read and gone
# away, every chunk of memory is exactly one of free or linked, and all counts agree.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

srand(20);
for my $flags ('-t 1 -m 8', '-t 4 -m 8', '-t 2 -m 8 -C -o slab_chunk_max=16', '-t 2 -m 8 -M -o no_hashexpand') {
    my $server = Server->start($flags);
    my $watcher = $server->client;
    my $wrong = 0;
    for my $round (1 .. 12) {
        my @clients = map { $server->client } 1 .. 6;
        for my $client (@clients) {
            $client->push_blindly(join '', map { some_request() } 1 .. 150);
        }
        # One has announced a value and sends only some of it; one reads nothing of much.
        $clients[0]->push_blindly("set half 0 0 300000\r\n" . 'h' x 100_000);
        $clients[1]->push_blindly("get big0 big1 big2 big3\r\n" x 200);
        # The others read to the end, and each value they get is what its key says.
        for my $client (@clients[2 .. 5]) {
            $client->half_close;
            my $replies = $client->read_to_eof;
            while ($replies =~ /^VALUE (\S+) 0 ([0-9]+)\r\n/mg) {
                my ($key, $len) = ($1, $2);
                my $value = substr $replies, pos $replies, $len;
                $wrong++ if $value ne value_of($key, $len);
                pos($replies) += $len;
            }
        }
        $_->close for @clients;
        $watcher->ask('flush_all') if $round % 5 == 0;
    }
    is($wrong, 0, "$flags: no wrong value");
    wait_for(sub { $watcher->stats->{curr_connections} == 1 }, "$flags: all clients are gone");
    $watcher->verifies("$flags: all memory is accounted for");
    my $items = $watcher->stats->{curr_items};
    cmp_ok($items, '>', 0, "$flags: something is still stored");
}

sub value_of {
    my ($key, $len) = @_;
    return substr "$key," x (1 + $len / length $key), 0, $len;
}

sub some_request {
    my $key = 'key' . int rand 400;
    my $kind = int rand 20;
    return "get $key key1 key2 key3\r\n" if $kind < 6;
    return "delete $key noreply\r\n" if $kind == 6;
    return "incr $key 1\r\n" if $kind == 7;
    return "touch $key 100\r\n" if $kind == 8;
    return "gat 0 $key\r\n" if $kind == 9;
    my $len = $kind == 10 ? int rand 5000 : int rand 400;
    ($key, $len) = ('big' . int rand 4, 50_000 + int rand 200_000) if $kind == 11 && rand() < 0.2;
    my $command = (qw(set set set add replace))[rand 5];
    return "$command $key 0 0 $len noreply\r\n" . value_of($key, $len) . "\r\n";
}

done_testing;
