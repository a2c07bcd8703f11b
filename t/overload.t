#!/usr/bin/perl
# Crowds that ask and do not read, that stop in the middle, that come and go: whoever behaves is
# served, memory stays within bounds, and all of it comes back.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Overload;
use Server;

use constant MIB => 1 << 20;
use constant HEADER => pack 'CCnCCnNNNN', 0x80, 0x01, 3, 8, 0, 0, 1000 + 11, 0, 0, 0;

my $long = substr join('', map { sprintf '%07d,', $_ } 1 .. 131_072), 0, 900_000;

# Each holds one output of 60 KiB and what the kernel has taken; long values are not copied.
my @requests = ("get long short\r\n" x 3000, "get short\r\n" x 3000, "mg short v\r\n" x 3000);
my $pipeliners = 200;
overload("$pipeliners clients pipeline and never read", '-t 2 -m 64',
    clients => $pipeliners, growth_max => $pipeliners * 256 * 1024, kept_max => 24 * MIB,
    prepare => sub { $_[0]->set('short', 's' x 900); $_[0]->set('long', $long) },
    load => sub {
        my ($server, $operator) = @_;
        my @crowd = map { dial($server, receive => 4096) } 1 .. $pipeliners;
        for my $round (1 .. 6) {
            hurl($crowd[$_], $requests[$_ % @requests]) for 0 .. $#crowd;
        }
        wait_for(sub { blocked($operator) == $pipeliners }, '... none of them is read from any more', 60);
        return @crowd;
    });

my @halves = ('get ke', "set key 0 0 1000\r\n" . 'x' x 500, substr(HEADER, 0, 10), HEADER . 'x' x 100,
    'ms key 10', "ms key 20000\r\n" . 'x' x 9000, 'mg key v k', "set key 0 0 700000\r\n");
my $stopped = 2000;
overload("$stopped clients stop in the middle of a request", '-t 2 -m 64 -c 4096',
    clients => $stopped, growth_max => 96 * MIB, kept_max => 72 * MIB,    # most of it item memory, of -m
    load => sub {
        my ($server, $operator) = @_;
        my @crowd = map { my $socket = dial($server); hurl($socket, $halves[$_ % @halves]); $socket } 1 .. $stopped;
        wait_for(sub { $operator->stats->{curr_connections} >= $stopped }, '... all of them are there');
        return @crowd;
    });

my $resets = 20_000;
overload("$resets connects and resets", '-t 2',
    growth_max => 8 * MIB, kept_max => 4 * MIB,
    load => sub {
        my ($server, $operator) = @_;
        my $before = $operator->stats->{total_connections};
        for my $n (1 .. $resets) {
            my $socket = dial($server) or next;
            hurl($socket, $n % 3 ? "get k$n\r\n" : 'se') if $n % 2;
            reset_hard($socket);
        }
        wait_for(sub { $operator->stats->{total_connections} - $before >= $resets * 0.9 }, '... most were accepted');
        return;
    });

# They share the pages that they are sent from.
my $slow = 200;
overload("$slow slow readers of a long value that changes", '-t 2 -m 64',
    clients => $slow, growth_max => 72 * MIB, kept_max => 72 * MIB, more_max => 64 * MIB,    # item memory, of -m
    prepare => sub { $_[0]->set('long', $long) },
    load => sub {
        my ($server, $operator) = @_;
        my @crowd = map { dial($server, receive => 4096) } 1 .. $slow;
        for my $round (1 .. 20) {
            for my $socket (@crowd) {
                hurl($socket, "get long\r\n" x 5) if $round <= 5;
                sysread $socket, my $bytes, 8192;
            }
            $operator->set('long', $round x (900_000 / length $round));
        }
        return @crowd;
    });

# A list of keys may be 16 MiB long, anything else 2 KiB.
for my $line (['x' x 65536, 4 * MIB], ['get ' . 'key ' x 16_384, 64 * MIB], ['mg key ' . 'v ' x 32_768, 4 * MIB]) {
    my ($piece, $growth_max) = @$line;
    my $mebibytes = size(256, 48);
    overload("a line without an end: " . substr($piece, 0, 8) . '...', '-t 2',
        growth_max => $growth_max, kept_max => 4 * MIB,
        load => sub {
            my ($server, $operator) = @_;
            my $client = $server->client;
            my $rest = $piece =~ s/^get //r;
            $client->send($piece);
            for (1 .. $mebibytes * 16) {
                last if $client->{eof} || !$client->send($rest);
            }
            $client->read_to_eof if !$client->{eof};
            ok($client->ended, '... it is closed');
            return;
        });
}

overload('watchers that do not read', '-t 2',
    growth_max => 24 * MIB, kept_max => 16 * MIB,
    load => sub {
        my ($server, $operator) = @_;
        my $before = $operator->stats->{log_watcher_skipped};
        my @crowd = map { dial($server, receive => 4096) } 1 .. 60;
        hurl($_, "watch fetchers mutations evictions connevents\r\n") for @crowd;
        wait_for(sub { $operator->stats->{log_watchers} == 20 }, '... as many as may');
        my $n = 0;
        wait_for(sub {
            $operator->send(join '', map { $n++; "get k$n\r\nset k$n 0 0 1 noreply\r\nv\r\n" } 1 .. 1000);
            $operator->send("mn\r\n");
            $operator->read_until("MN\r\n");
            return $operator->stats->{log_watcher_skipped} > $before;
        }, '... who miss lines', 60);
        return @crowd;
    });

my $dumps = size(300, 100);
my $statistics = $dumps / 5;
# One dump of the crawler at a time, the others are told so; statistics for all, 10 MB each.
my @dump = ("lru_crawler metadump all\r\n", "lru_crawler mgdump all\r\n", "lru_crawler metadump hash\r\n",
    "stats conns\r\n", "stats settings\r\nstats slabs\r\nstats cachedump 1 0\r\n" x 50);
# How many of the statistics are whole when the load is complete is chance: each may be one
# output more.
overload("$dumps dumps that nobody reads", '-t 2 -m 64',
    growth_max => $dumps * 256 * 1024, kept_max => 16 * MIB, more_max => $dumps * 64 * 1024,
    prepare => sub {
        my ($client) = @_;
        $client->send(join '', map { sprintf "set a-key-of-some-length-%07d 0 0 1 noreply\r\nv\r\n", $_ } 1 .. 50_000);
        # A cachedump lists COLD, where the maintainer brings them by and by.
        wait_for(sub {
            my $items = $client->stats('items');
            return grep { /:number_cold\z/ && $items->{$_} > 30_000 } keys %$items;
        }, '... most items are cold', 30);
    },
    load => sub {
        my ($server, $operator) = @_;
        my @crowd = map { dial($server, receive => 4096) } 1 .. $dumps;
        hurl($crowd[$_], $dump[$_ % @dump]) for 0 .. $#crowd;
        wait_for(sub { blocked($operator) >= $statistics }, '... they wait', 30);
        return @crowd;
    });

# Two hundred clients for 64 descriptors: told so, or made to wait.
overload('200 clients for 64 descriptors', '-t 2 -c 64',
    growth_max => 4 * MIB, kept_max => 4 * MIB,
    load => sub {
        my ($server, $operator) = @_;
        my $before = $operator->stats->{rejected_connections};
        my @crowd = map { dial($server) } 1 .. 200;
        hurl($_, "get k\r\n") for @crowd;
        wait_for(sub { $operator->stats->{rejected_connections} - $before >= 200 - 64 }, '... are turned away');
        return @crowd;
    });
overload('200 clients that wait for 64 descriptors', '-t 2 -c 64 -o no_maxconns_fast',
    growth_max => 4 * MIB, kept_max => 4 * MIB,
    load => sub {
        my ($server, $operator) = @_;
        my $paused = sub { $operator->stats->{listen_disabled_num} };
        my $before = $paused->();
        # The kernel's queue is short while accepting is paused: who finds no place there tries
        # again by and by.
        my @crowd = map { dial($server, later => 1) } 1 .. 200;
        wait_for(sub { $paused->() > $before }, '... accepting is paused');
        my $answered = 0;
        wait_for(sub { $answered += served(\@crowd); !@crowd }, '... and goes on whenever one leaves', 60);
        is($answered, 200, '... all are served in the end');
        return;
    });

# Asks once where it was not done yet; who has an answer goes. How many had it.
sub served {
    my ($crowd) = @_;
    my ($answered, @rest) = (0);
    for my $client (@$crowd) {
        if (!*$client->{asked}) {
            *$client->{asked} = hurl($client, "get k\r\n");
        }
        elsif (defined(my $n = sysread $client, my $reply, 64)) {
            $answered += $n && $reply eq "END\r\n";
            next;
        }
        push @rest, $client;
    }
    @$crowd = @rest;
    return $answered;
}

done_testing;
