#!/usr/bin/perl
# When the system gives no memory, the server does with what it has, says so, and goes on.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Server;

use constant FIRST_READ => 'SERVER_ERROR Out of memory during read';
use constant NO_MEMORY  => 'SERVER_ERROR out of memory storing object';

my @sizes = (10, 500, 5000, 100_000, 700_000);

# With -M nothing may be given up for something new.
for my $args ('-t 2 -m 64 -M', '-t 2 -m 64', '-t 2 -m 64 -o no_lru_maintainer,no_slab_reassign') {
    my $server = Server->start($args);
    my $client = $server->client;
    for my $size (@sizes) {
        $client->faults('mprotect ENOMEM');
        my %replies;
        $replies{ $client->set("k$size.$_", 'x' x $size) }++ for 1 .. 20;
        my $refused = delete($replies{ +NO_MEMORY } ) // 0;
        $refused += delete($replies{ +FIRST_READ }) // 0;
        cmp_ok($refused, '>', 0, "$args: no page for a value of $size bytes, and that is said");
        delete $replies{STORED};
        is(join(' ', keys %replies), '', '... and nothing else');
        cmp_ok($client->fault_counts->{mprotect}{faulty}, '>', 0, '... the system was asked');
        $client->verifies('... all memory is accounted for');
        $client->faults;
        is($client->set("later$size", 'y' x $size), 'STORED', '... later there is one');
        is($client->get("later$size")->{value}, 'y' x $size, '... and the value is read');
    }
}

# Where its memory cannot lie apart, as in a small address space, no range can be relied on to grow:
# the table does all the same.
{
    my $server = Server->start('-t 2 -m 64 -o hashpower=12',
        env => { MEMCACHED_FAULTS => 'mmap ENOMEM every 2 times 4; mmap ENOMEM after 5' });
    my $client = $server->client;
    $client->send(join '', map { "set k$_ 0 0 1 noreply\r\nx\r\n" } 1 .. 30_000);
    is($client->get('k30000')->{value}, 'x', 'ranges side by side: all is stored');
    my $stats = $client->stats;
    is($stats->{curr_items}, 30_000, '... and kept');
    cmp_ok($stats->{hash_power_level}, '>=', 15, '... in a table that has grown');
    cmp_ok($client->fault_counts->{mmap}{faulty}, '>=', 4, '... though the system refused');
}

# A server that has pages gives up old values for new ones, and its table does not grow.
{
    my $server = Server->start('-t 2 -m 64 -o hashpower=12');
    my $client = $server->client;
    $client->send(join '', map { "set old$_ 0 0 20 noreply\r\n" . 'o' x 20 . "\r\n" } 1 .. 30_000);
    $client->set("middle$_", 'm' x 9000) for 1 .. 50;
    $client->set("long$_", 'l' x 600_000) for 1 .. 6;
    my $before = $client->stats;
    $client->faults('mprotect ENOMEM');
    my %replies;
    $replies{ $client->set("middler$_", 'm' x 9000) }++ for 1 .. 200;
    $replies{ $client->set("longer$_", 'l' x 600_000) }++ for 1 .. 20;
    $client->send(join '', map { "set new$_ 0 0 20 noreply\r\n" . 'n' x 20 . "\r\n" } 1 .. 60_000);
    is($client->get('new60000')->{value}, 'n' x 20, 'without more pages: the newest value is there');
    is(join(' ', %replies), 'STORED 220', '... the others were stored');
    cmp_ok($client->stats->{evictions}, '>', 20_000, '... others went');
    cmp_ok($client->fault_counts->{mprotect}{faulty}, '>', 100, '... since the system refused');
    cmp_ok($client->stats->{curr_items}, '>', 10_000, '... as many as there is room for stay');
    my @gets = map { "new$_" } 50_000 .. 50_050, 59_990 .. 59_999;
    my $lost = grep { my $item = $client->get($_); $item && $item->{value} ne 'n' x 20 } @gets;
    is($lost, 0, '... and what is there is what was stored');
    $client->verifies('... all memory is accounted for');
    my $pages = $client->stats('slabs')->{total_malloced};
    $client->faults;
    $client->send(join '', map { "set more$_ 0 0 20 noreply\r\n" . 'm' x 20 . "\r\n" } 1 .. 60_000);
    is($client->get('more60000')->{value}, 'm' x 20, 'with memory again: stored');
    cmp_ok($client->stats('slabs')->{total_malloced}, '>', $pages, '... in new pages');
    cmp_ok($client->stats->{hash_bytes}, '>', $before->{hash_bytes}, '... and the table grows');
    $client->verifies('... all memory is accounted for');
}

# Memory that the system does not take back, as it does with locked pages, is used again.
{
    my $server = Server->start('-t 2 -m 12 -o slab_automove=0');
    my $client = $server->client;
    $client->faults('madvise EINVAL');
    $client->set("long$_", 'l' x 66_560) for 1 .. 130;
    my ($class) = map { /^items:(\d+):number/ } keys %{ $client->stats('items') };
    $client->ask("delete long$_") for 1 .. 130;
    $client->ask('cache_memlimit 8');
    wait_for(sub {
        $client->ask("slabs reassign $class 0");
        return $client->stats('slabs')->{total_malloced} <= 8 << 20;
    }, 'the limit goes down');
    cmp_ok($client->fault_counts->{madvise}{faulty}, '>=', 4, '... the system takes nothing back');
    $client->ask('cache_memlimit 12');
    $client->set("short$_", 's' x 9000) for 1 .. 600;
    is($client->get('short600')->{value}, 's' x 9000, '... the limit goes up, and all is used for something else');
    is($client->stats('slabs')->{total_malloced}, 12 << 20, '... all of it');
    $client->verifies('... and accounted for');
}

done_testing;
