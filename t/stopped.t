#!/usr/bin/perl
# Time passes while the process is stopped: for items and flushes, but nobody was silent or worked.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Frames;
use Server;
use Time::HiRes qw(time);

# What waited in the sockets meanwhile is judged by the time at which it is answered, by whichever
# thread wakes up first. Who was silent meanwhile could not be heard.
{
    my $server = Server->start('-t 4 -U -1 -o idle_timeout=9');
    my @clients = map { $server->client } 1 .. 40;
    my @mute    = map { $server->client } 1 .. 4;
    my @frames  = map { Frames->new($server->ports('UDP')) } 1 .. 4;
    my ($client, $counter, $toucher, $storer) = @clients;
    $client->set($_, '1', exptime => 2) for qw(k c t a);
    $client->set($_, '1') for qw(flushed kept);
    is($client->ask('flush_all 3'), 'OK', 'items expire, and a flush is to come');
    $_->ask('mn') for @clients;

    $server->suspend;
    $counter->send("incr c 1\r\n");
    $toucher->send("touch t 100\r\n");
    $storer->send("add a 0 0 1\r\n2\r\n");
    $_->send("get k flushed\r\n") for @clients;
    $_->send(frame('1 0 1 0', "get k flushed\r\n")) for @frames;
    passes(11);
    $server->signal('CONT');

    $counter->expects("NOT_FOUND\r\n", 'after a stop, what has expired meanwhile is not counted up');
    $toucher->expects("NOT_FOUND\r\n", '... nor brought back');
    $storer->expects("STORED\r\n", '... nor in the way');
    my $found = grep { $_->read_until("END\r\n") ne "END\r\n" } @clients;
    is($found, 0, '... nor found, nor what was to be flushed, by anybody who asked meanwhile');
    $found = grep { ($_->recv // '') !~ /^.{8}END\r\n\z/s } @frames;
    is($found, 0, '... or asked by datagram');
    my $uptime = $client->stats->{uptime};
    cmp_ok($uptime, '>=', 11, '... the server knows how long it has been there');

    is($client->stats->{idle_kicks}, 0, 'nobody is closed for having been silent meanwhile');
    $_->is_silent('... not who has never said anything') for @mute;
    wait_for(sub { $server->client->stats->{idle_kicks} >= @clients + @mute },
        '... who goes on being silent is', 60);
}

# Each thread is stopped while it works; all go on with it.
my %by_thread = (
    'mc-lrumaint'    => 'lru_maintainer_juggles',
    'mc-itemcrawler' => 'crawler_items_checked',
    'mc-slabmaint'   => 'slabs_moved',
    'mc-worker'      => 'cmd_set',
    'mc-log'         => 'log_watcher_sent',
    'memcached'      => 'total_connections',
);
my $server  = Server->start('-t 1 -m 256 -o slab_automove=0');
my $client  = $server->client;
my $watcher = $server->client;
$watcher->says("watch mutations\r\n", "OK\r\n", 'a client watches');
my $stored = 0;
for my $thread (sort keys %by_thread) {
    # Of the maintainer, which rests in proportion to its work, not every stop would tell.
    for my $stop (1 .. ($thread eq 'mc-lrumaint' ? 6 : 2)) {
        my $before = work($client)->{ $by_thread{$thread} };
        ok(caught($thread), "$thread is stopped while it works");
        passes(0.5);
        $server->signal('CONT');
        wait_for(sub { work($client)->{ $by_thread{$thread} } > $before }, '... and goes on with it');
    }
}
wait_for(sub { !$client->stats->{lru_crawler_running} && !$client->stats->{slab_reassign_running} },
    'all come to an end', 60);
$client->verifies;

done_testing;

# Gives every thread something to do; what they have done.
sub work {
    my ($client) = @_;
    load($client);
    $client->ask('version');
    return $client->stats;
}

# New items of many classes, a crawl, a move, a connection, lines for the watcher.
sub load {
    my ($client) = @_;
    my $lines = '';
    for (1 .. 10) {
        for my $class (1 .. 36) {
            my $len = int(16 * 1.2**$class);
            $lines .= "set k$stored 0 0 $len noreply\r\n" . 'x' x $len . "\r\n";
            $stored++;
        }
    }
    $client->send($lines);
    $client->ask('lru_crawler crawl all');
    $client->ask('slabs reassign 1 2');
    $client->ask('slabs reassign 2 1');
    $server->client->ask('version');
    $watcher->read_some;
    $watcher->{in} = '';
    return;
}

# Stops the server while that thread is at work; false if it never is.
sub caught {
    my ($name) = @_;
    my $give_up = time + 30;
    while (time < $give_up) {
        load($client);
        my $spin = time + 0.03;
        while (time < $spin) {
            $server->client if $name eq 'memcached';    # the listener works for a moment only
            next unless grep { is_at_work($_) } tasks($name);
            $server->suspend;
            return 1;
        }
    }
    return 0;
}

sub tasks {
    my ($name) = @_;
    return grep { slurp("$_/comm") eq "$name\n" } glob '/proc/' . $server->pid . '/task/*';
}

sub is_at_work {
    my ($task) = @_;
    return slurp("$task/stat") =~ /\) R /;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}

# Waits until so many seconds have passed.
sub passes {
    my ($seconds) = @_;
    my $until = time + $seconds;
    return wait_for(sub { time > $until }, "... for $seconds seconds", $seconds + 10);
}
