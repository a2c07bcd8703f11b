#!/usr/bin/perl
# Memory goes where it is needed: pages move by themselves, and what is stored survives it.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant MIB => 1 << 20;

my ($server, $client);

# Items of one size, half of them deleted; then of another; then none; then of a third.
{
    start('-m 60 -o slab_reassign,slab_automove,lru_crawler,lru_maintainer,slab_automove_window=3');
    store('a', 6_000, 11_000);
    cmp_ok($client->stats->{curr_items}, '>', 4_000, 'a cache is filled');
    say_all(map { "delete a$_ noreply\r\n" } grep { $_ % 2 == 0 } 1 .. 6_000);
    wait_for(sub { $client->stats->{slab_global_page_pool} > 24 }, 'pages that are hardly used go to the pool', 20);
    cmp_ok(hits('a', 6_000, 11_000), '>', 2_000, '... and what is left of the items is what it was');

    my $before = $client->stats;
    store('a', 6_000, 6_000);
    for (1 .. 10) {
        wait_for(sub { $client->ask('slabs reassign ' . (most_pages())[0] . ' 1') eq 'OK' },
            'an operator moves pages besides');
    }
    is_moved();
    my $after = $client->stats;
    my $evictions = $after->{evictions} - $before->{evictions};
    cmp_ok($evictions, '>', 0, 'something has had to go');
    cmp_ok($evictions, '<', 2_200, '... but not much');
    cmp_ok(hits('a', 6_000, 6_000), '>', 2_000, '... what is left is what it was');
    cmp_ok($after->{slab_reassign_rescues}, '>', 0, '... some of it after a move');

    $client->ask('flush_all');
    wait_for(sub { $client->stats->{slab_global_page_pool} > 50 }, 'after a flush the pages go to the pool', 20);
    is($client->stats('slabs')->{total_malloced}, 60 * MIB, '... which keeps them');
    is_moved();
    $client->verifies;

    store('c', 24_000, 4_096);
    cmp_ok($client->stats->{curr_items}, '>', 10_000, 'a cache is filled with a third size');
    is($client->stats->{slab_global_page_pool}, 0, '... from the pool');
    is($client->stats('slabs')->{total_malloced}, 60 * MIB, '... and nowhere else');
    cmp_ok(hits('c', 24_000, 4_096), '>', 10_000, '... which is what was stored');
    is_moved();
    $client->verifies;
}

# Items that are chains of small chunks.
{
    start('-m 60 -o slab_reassign,slab_automove,lru_crawler,lru_maintainer,slab_chunk_max=4');
    store('a', 5_100, 11_000);
    cmp_ok($client->stats->{curr_items}, '>', 4_000, 'a cache is filled with chains');
    for (1 .. 3) {
        wait_for(sub { $client->ask('slabs reassign 17 0') eq 'OK' }, 'an operator takes a page of chunks');
        is_moved();
    }
    my $stats = $client->stats;
    cmp_ok($stats->{slab_global_page_pool}, '>', 0, '... which the pool gets');
    cmp_ok($stats->{slab_reassign_chunk_rescues}, '>', 0, '... after its chunks have been copied');
    cmp_ok(hits('a', 5_100, 11_000), '>', 0, '... and what is left is what it was');
    store('b', 5_100, 3_000);
    my $evictions = $client->stats->{evictions} - $stats->{evictions};
    cmp_ok($evictions, '<', 2_000, 'when others are stored few have to go');
    cmp_ok(hits('b', 5_100, 3_000), '>', 4_000, '... and most of them are there');
    hits('a', 5_100, 11_000);
    is_moved();
    $client->verifies;
}

# The class whose victims are young gets pages from the one whose items are old.
{
    start('-m 16 -o slab_automove_window=3,slab_automove_ratio=0.8');
    store('old', 2_000, 6_000);
    my $old = (most_pages())[0];
    $client->advance(1_000);
    my $count = 0;
    wait_for(
        sub {
            store('young' . $count++ . '.', 100, 2_000, 'silently');
            $client->stats->{slabs_moved} >= 3;
        },
        'a class that evicts gets pages, one by one', 30);
    my $stats = $client->stats;
    my $slabs = $client->stats('slabs');
    cmp_ok($slabs->{'15:total_pages'}, '>=', 3, '... from the class of which nothing is wanted');
    # Sets go on meanwhile: one may hold a stripe when its item is looked at.
    like($stats->{slab_reassign_last_busy_status}, qr/^(?:none|locked)$/, '... which nothing else stands in the way of');
    is_moved();
    $client->verifies;
}

# Every class has its first page, even when there is no memory left: what is beyond the limit
# is paid back after a while, by who needs it least.
{
    start('-m 8');
    store('large', 200, 70_000);
    store("size$_.", 2, $_) for 100, 500, 1_000, 3_000, 10_000, 30_000;
    my $over = $client->stats('slabs')->{total_malloced} - 8 * MIB;
    cmp_ok($over, '>', 4 * MIB, 'sizes that come late have a page each, beyond the limit');
    my @missing = grep { !$client->get($_) } map { ("size$_.1", "size$_.2") } 100, 500, 1_000, 3_000, 10_000, 30_000;
    is("@missing", '', '... in which they are');
    $client->advance(31);
    wait_for(sub { $client->stats('slabs')->{total_malloced} == 8 * MIB }, '... and the limit is kept in the end', 20);
    @missing = grep { !$client->get($_) } map { ("size$_.1", "size$_.2") } 100, 500, 1_000, 3_000, 10_000, 30_000;
    is("@missing", '', '... which costs them nothing');
    is_moved();
    $client->verifies;
}

# With mode 2 every class that evicts gets a page from any other.
{
    start('-m 16 -o slab_automove=2');
    store('large', 300, 70_000);
    my $before = (most_pages())[1];
    my $round = 0;
    wait_for(sub { store('small' . $round++ . '.', 600, 2_000, 'silently'); $client->stats->{slabs_moved} > 4 },
        'in mode 2 pages move as soon as something is evicted');
    cmp_ok($client->stats('slabs')->{'15:total_pages'}, '>', 3, '... to the class that evicts');
    $client->ask('slabs automove 0');
    is_moved();
    $client->verifies;
}

# A client that reads slowly, and pages that have to move from under it.
{
    start('-m 16 -o slab_automove=0');
    my $reader = $server->client;
    store('slow', 70, 260_144);
    my ($class, $pages) = most_pages();
    my @there = grep { $client->get($_) } map { "slow$_" } 1 .. 70;
    my $many = join ' ', @there, @there, @there;
    $reader->push_blindly("get $many\r\nmn\r\n");
    my $hits = 0;
    # The reader must not read, so nothing of its own tells when the server can send no more.
    wait_for(sub { my $before = $hits; $hits = $client->stats->{get_hits}; $hits && $hits == $before },
        'a reader that does not read');
    is($client->ask("slabs reassign $class 1"), 'OK', 'a page moves that somebody reads');
    is($client->set('other', 'o' x 100), 'STORED', '... and all others are served');
    $reader->close;
    for (1 .. 3) {
        wait_for(sub { $client->ask("slabs reassign $class 1") eq 'OK' }, 'when the reader is gone the next one goes');
    }
    is_moved();
    is($client->stats->{slabs_moved}, 4, 'four pages have moved');
    is($client->stats('slabs')->{'1:total_pages'}, 4, '... and arrived');
    cmp_ok(hits('slow', 70, 260_144), '>', 20, '... most items are left, and what they were');
    $client->verifies;
}

# Without slab_reassign nothing moves, whatever is asked for; and the cache does its work.
{
    start('-m 8 -o no_slab_reassign,slab_automove=2');
    store('a', 300, 70_000);
    store('b', 2_000, 2_000);
    is($client->ask('slabs automove 2'), 'OK', 'automove can be switched on without a mover');
    store('c', 2_000, 6_000);
    my $stats = $client->stats;
    is(join(' ', grep { /^slab(?:s_|_reass)/ } sort keys %$stats), '', '... there is nothing to tell');
    cmp_ok($stats->{evictions}, '>', 0, '... evictions or not');
    $client->verifies;
}

done_testing;

sub start {
    my ($options) = @_;
    $server = Server->start($options);
    $client = $server->client;
    return;
}

sub value_of {
    my ($key, $len) = @_;
    return substr "$key," x (1 + $len / length $key), 0, $len;
}

sub store {
    my ($prefix, $count, $len, $silently) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    for (my $n = 1; $n <= $count; $n += 200) {
        my $last = $n + 199 > $count ? $count : $n + 199;
        $client->send(join '', map { "set $prefix$_ 0 0 $len\r\n" . value_of("$prefix$_", $len) . "\r\n" } $n .. $last);
        my $stored  = "STORED\r\n" x ($last - $n + 1);
        my $replies = $client->recv_exact(length $stored);
        next if $replies eq $stored;
        fail("$count items of $len bytes are stored");
        return;
    }
    pass("$count items of $len bytes are stored") unless $silently;
    return;
}

sub say_all {
    my (@requests) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $client->send(join '', @requests);
    return $client->is_silent(scalar(@requests) . ' requests are done');
}

# How many of the items are there. Fails if one is not what was stored.
sub hits {
    my ($prefix, $count, $len) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($hits, $wrong) = (0, 0);
    for (my $n = 1; $n <= $count; $n += 100) {
        my $last = $n + 99 > $count ? $count : $n + 99;
        $client->send('get ' . join(' ', map { "$prefix$_" } $n .. $last) . "\r\n");
        while ((my $line = $client->read_line) =~ /^VALUE (\S+) 0 ([0-9]+)/) {
            my ($key, $told) = ($1, $2);
            $hits++;
            $wrong++ if $client->recv_exact($told + 2) ne value_of($key, $len) . "\r\n";
        }
    }
    is($wrong, 0, "all items of $len bytes are what was stored");
    return $hits;
}

# The class with the most pages, and how many.
sub most_pages {
    my $slabs = $client->stats('slabs');
    my ($class) = sort { $slabs->{"$b:total_pages"} <=> $slabs->{"$a:total_pages"} }
        map { /^(\d+):total_pages/ } keys %$slabs;
    return ($class, $slabs->{"$class:total_pages"});
}

sub is_moved {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(sub { $client->stats->{slab_reassign_running} == 0 }, 'no page is on its way');
}
