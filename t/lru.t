#!/usr/bin/perl
# Who is asked for stays, who is not goes first: in one list or in segments, as the operator likes.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use List::Util qw(sum0);
use lib "$Bin/lib";
use Server;

my ($server, $client);

# One list: the oldest go, exactly as many as there is no room for.
{
    start('-o no_modern');
    my $long = 'x' x (1_048_576 - 250);
    is($client->set('too', $long x 3), 'SERVER_ERROR object too large for cache', 'a value larger than a page is refused');
    is($client->set('big', $long), 'STORED', 'one of nearly a page is stored');
    my @refused = grep { $client->set("item_$_", $long) ne 'STORED' } 1 .. 100;
    is("@refused", '', '... and a hundred more');
    is($client->stats->{evictions}, 37, 'what does not fit in 64 pages has gone');
    is($client->get('big'), undef, '... the oldest');
    is(join(' ', grep { $client->get("item_$_") } 1 .. 40), '37 38 39 40', '... and those after it');
    $client->verifies;
}

# What is asked for stays in either mode.
for my $options ('-m 8 -o no_lru_maintainer', '-m 8') {
    start($options);
    $client->set("hot$_", "value $_") for 1 .. 10;
    my $value = 'v' x 4_000;
    $client->set("long$_", $value) for 1 .. 10;
    for my $round (1 .. 30) {
        $client->send(join '', map { "set cold$round.$_ 0 0 4000 noreply\r\n$value\r\n" } 1 .. 200);
        my @gone = grep { !$client->get($_) } map({ "hot$_" } 1 .. 10), map { "long$_" } 1 .. 10;
        next unless @gone;
        is("@gone", '', "'$options': round $round: nothing that is asked for goes");
        last;
    }
    is(join(' ', grep { !$client->get($_) } map { "long$_" } 1 .. 10), '',
        "'$options': what is asked for outlives three times what fits");
    cmp_ok($client->stats->{evictions}, '>', 3_000, "'$options': ... while others go");
    $client->verifies;
}

# From segments to one list and back, while clients store and read.
{
    start('-m 8');
    store('a', 1_000, 4_000);
    is(listed(qw(hot warm cold)), 1_000, 'items are in the segments');
    is($client->ask('lru mode flat'), 'OK', 'one list is wanted');
    wait_for(sub { listed(qw(hot warm)) == 0 }, '... and the others are drained');
    is(lists()->{cold}, 1_000, '... into it');
    store('b', 10, 4_000);
    is(lists()->{cold}, 1_010, 'what is new goes there too');
    $client->get("a$_") for (1 .. 20) x 3;
    store('c', 1_900, 4_000);
    is(join(' ', grep { !$client->get("a$_") } 1 .. 20), '', 'what was asked for stays');
    is(lists()->{hot} + lists()->{warm}, 0, '... where it is');
    is($client->ask('lru mode segmented'), 'OK', 'segments are wanted again');
    store('d', 200, 4_000);
    $client->get("d$_") for 1 .. 200;
    $client->get("d$_") for 1 .. 200;
    wait_for(sub { lists()->{warm} > 0 }, '... and are used');
    $client->verifies;
}

# Deleting what was asked for frees its memory, in one list too: no report of a hit holds an item.
{
    start('-m 8');
    store('a', 50, 4_000);
    wait_for(sub { lists()->{cold} == 50 }, 'items that nobody asks for get cold');
    $client->get("a$_") for (1 .. 50) x 2;
    is($client->ask('lru mode flat'), 'OK', 'one list is wanted');
    $client->get("a$_") for (1 .. 50) x 2;
    $client->ask("delete a$_") for 1 .. 50;
    my ($class) = grep { /:used_chunks/ } keys %{ $client->stats('slabs') };
    is($client->stats('slabs')->{$class}, 0, 'what is deleted leaves its memory at once');
    $client->verifies;
}

# The shares of the segments.
{
    start('-m 8 -o hot_lru_pct=20,warm_lru_pct=40');
    for my $row (
        ['lru tune 10 25 0.1 2.0',  'OK'],
        ['lru tune 40 41 0.1 2.0',  'ERROR hot and warm pcts must not exceed 80'],
        ['lru tune 10 20 0 2.0',    'ERROR hot/warm age factors must be greater than 0'],
        ['lru tune 10 20 0.1 -1',   'ERROR hot/warm age factors must be greater than 0'],
        ['lru tune 10 20 0.1',      'ERROR'],
        ['lru tune x 20 0.1 2.0',   'ERROR'],
        ['lru mode round',          'ERROR'],
        ['lru temp_ttl x',          'ERROR'],
        ['lru',                     'ERROR'],
    ) {
        is($client->ask($row->[0]), $row->[1], $row->[0]);
    }
    my $settings = $client->stats('settings');
    is("$settings->{hot_lru_pct} $settings->{warm_lru_pct} $settings->{hot_max_factor} $settings->{warm_max_factor}",
        '10 25 0.10 2.00', 'only the first was taken');

    # With a stopped clock nothing is too old, so the shares alone decide.
    $client->stop_clock;
    store('a', 1_000, 4_000);
    $client->get("a$_") for (1 .. 600) x 2;
    wait_for(sub { lists()->{hot} == 100 && lists()->{warm} == 250 && lists()->{cold} == 650 },
        'each segment has its share') or diag(explain(lists()));
    is($client->ask('lru tune 30 30 0.1 2.0'), 'OK', 'other shares are wanted');
    $client->get("a$_") for (1 .. 1000) x 2;
    wait_for(sub { lists()->{warm} == 300 }, '... and taken');
    is($client->ask('lru tune 0 0 0.1 2.0'), 'OK', 'no shares at all are possible');
    wait_for(sub { lists()->{cold} == 1_000 }, '... then all is cold');
    is(join(' ', grep { !$client->get("a$_") } 1 .. 1_000), '', 'nothing is lost by all that');
    $client->verifies;
}

# By age: what is much older than the coldest leaves.
{
    start('-m 8 -o hot_lru_pct=40,warm_lru_pct=40,hot_max_factor=0.5,warm_max_factor=0.5');
    $client->stop_clock;
    store('a', 100, 4_000);
    wait_for(sub { lists()->{cold} == 60 }, 'a part of the items is cold');
    $client->advance(100);
    # The cold are 100 s old, so 50 s is too old for the others.
    wait_for(sub { lists()->{hot} == 0 }, 'the others follow when they are as old');
    store('b', 10, 4_000);
    $client->advance(60);
    wait_for(sub { lists()->{cold} == 100 }, '... but not those that are young');
    is(lists()->{hot}, 10, '... compared with the coldest');
    $client->verifies;
}

# Temporary items are not victims; those that have become lasting ones are.
{
    start('-m 4 -o temporary_ttl=61');
    is($client->set("t$_", 'x' x 70_000, exptime => 50), 'STORED', 'a temporary item') for 1 .. 5;
    is(lists()->{temp}, 5, '... is kept apart');
    is($client->ask('touch t1 0'), 'TOUCHED', 'one becomes a lasting one');
    is($client->ask('touch t2 3600'), 'TOUCHED', '... one lives for an hour');
    is($client->ask('touch t3 40'), 'TOUCHED', '... one for less');
    is($client->ask('mg t4 T5000'), 'HD', '... and a meta command does the same');
    is(lists()->{temp}, 2, '... which makes those that live long like others');
    store('a', 200, 70_000);
    is(join(' ', map { $client->get("t$_") ? 1 : 0 } 1 .. 5), '0 0 1 0 1', '... who can be given up');
    is($client->ask('lru temp_ttl -1'), 'OK', 'no item is to be temporary');
    # The number in TEMP is not shown any more, that of the others is.
    wait_for(sub { listed(qw(hot warm cold)) == $client->stats->{curr_items} },
        '... those that were are like others');
    store('b', 200, 70_000);
    is(join(' ', map { $client->get("t$_") ? 1 : 0 } 3, 5), '0 0', '... and can be given up');
    $client->verifies;
}

# Even if there are no others: a cache of temporary items takes new ones.
{
    start('-m 4 -o temporary_ttl=61');
    my @refused = grep { $client->set("t$_", 'x' x 70_000, exptime => 50) ne 'STORED' } 1 .. 200;
    is("@refused", '', 'a cache full of temporary items takes others');
    ok($client->get('t200'), '... the newest is there');
    $client->verifies;
}

done_testing;

sub start {
    my ($options) = @_;
    $server = Server->start($options);
    $client = $server->client;
    return;
}

sub store {
    my ($prefix, $count, $len) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $value = 'v' x $len;
    $client->send(join '', map { "set $prefix$_ 0 0 $len noreply\r\n$value\r\n" } 1 .. $count);
    return $client->is_silent("$count items of $len bytes");
}

# Items in some segments, at one moment.
sub listed {
    my $in = lists();
    return sum0(@$in{@_});
}

# Items in the segments of all classes.
sub lists {
    my $items = $client->stats('items');
    my %sum = map { $_ => 0 } qw(hot warm cold temp);
    for my $name (keys %$items) {
        $sum{$1} += $items->{$name} if $name =~ /:number_(\w+)/;
    }
    return \%sum;
}
