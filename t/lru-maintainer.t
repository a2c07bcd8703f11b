#!/usr/bin/perl
# The maintainer keeps each class in order by itself: what is used stays, what is not or has expired goes.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant LONG => 66_560;

my ($server, $client);

# Many small items with long keys, as fast as they come.
{
    start('-m 3 -o lru_maintainer,lru_crawler');
    my $key = 'k' x 190;
    $client->send(join '', map { sprintf "set %s%010d 0 0 1 noreply\r\n1\r\n", $key, $_ } 1 .. 15_000);
    is($client->set('canary', '1'), 'STORED', 'after many items that nobody waits for one is stored');
    is(scalar(grep { /:outofmemory$/ && $client->stats('items')->{$_} } keys %{ $client->stats('items') }), 0,
        '... and memory was never refused');
    $client->verifies;
}

# What has expired goes without being asked for, and what is asked for is no victim.
{
    start('-m 6 -o lru_maintainer,lru_crawler');
    is($client->set("ifoo$_", 'ok', exptime => 1), 'STORED', 'an item for a second') for 1 .. 10;
    $client->advance(3);
    # Who comes first, the crawler or the maintainer, is not promised.
    wait_for(sub { my $s = $client->stats; $s->{reclaimed} + $s->{crawler_reclaimed} == 10 }, 'all of them go');
    is($client->stats->{curr_items}, 0, '... and none is left');

    my $value = 'B' x LONG;
    is($client->set('canary', $value), 'STORED', 'an item that will be asked for');
    is($client->set("key$_", $value), 'STORED', '... one that will not') for 1 .. 30;
    ok($client->get('canary'), 'it is asked for') for 1 .. 2;
    my $juggles = $client->stats->{lru_maintainer_juggles};
    $client->advance(2);
    wait_for(sub { $client->stats->{lru_maintainer_juggles} >= $juggles + 5 }, 'the maintainer works');
    wait_for(sub { $client->stats('items')->{'items:31:moves_to_cold'} }, '... items become cold');
    is($client->stats('items')->{'items:31:evicted'}, 0, '... and none has had to go');
    my $stored = 0;
    $stored += $client->set("other$_", $value) eq 'STORED' for 1 .. 70;
    is($stored, 70, 'others are stored');
    my $items = $client->stats('items');
    cmp_ok($items->{'items:31:moves_to_warm'}, '>', 0, '... it has become warm');
    cmp_ok($items->{'items:31:evicted'}, '>', 0, '... some have had to go');
    ok($client->get('canary'), '... but not what was asked for');
    $client->verifies;
}

# What lives shortly is kept apart.
{
    start('-m 2 -o lru_maintainer,lru_crawler,temporary_ttl=61');
    my $settings = $client->stats('settings');
    is("$settings->{temp_lru} $settings->{temporary_ttl}", 'yes 61', 'there are temporary items');
    my $value = 'B' x LONG;
    is($client->set('canary', $value, exptime => 30), 'STORED', 'an item for half a minute');
    my $items = $client->stats('items');
    is($items->{'items:31:number_hot'}, 0, '... is not where others begin');
    is($items->{'items:31:number_temp'}, 1, '... but apart');
    my @refused = grep { $client->set("junk$_", $value, exptime => 3600) ne 'STORED' } 1 .. 100;
    is("@refused", '', 'others, for an hour, are stored');
    $items = $client->stats('items');
    is($items->{'items:31:number_temp'}, 1, '... it is where it was');
    cmp_ok($items->{'items:31:number_hot'}, '>', 0, '... and others are where they begin');
    ok($client->get('canary'), '... it outlives them');
    $client->advance(31);
    is($client->get('canary'), undef, '... until its time is over');
    $client->verifies;
}

# A hit in COLD comes to effect before the item is at the tail.
{
    start('-m 8');
    my $value = 'v' x 4_000;
    $client->send(join '', map { "set k$_ 0 0 4000 noreply\r\n$value\r\n" } 1 .. 200);
    $client->advance(2);
    wait_for(sub { $client->stats('items')->{'items:18:number_cold'} == 200 }, 'what is not asked for becomes cold');
    $client->get("k$_") for (181 .. 200) x 2;
    wait_for(sub { $client->stats('items')->{'items:18:number_warm'} == 20 }, '... what is then asked for, warm');
    is($client->stats('items')->{'items:18:moves_to_warm'}, 20, '... which is counted');
    is($client->stats->{lru_bumps_dropped}, 0, '... and no hint was lost');
    $client->verifies;
}

# An item that is asked for all the time is not held by that: it can be deleted at any moment.
{
    start('-t 4 -m 8');
    my $reader = $server->client;
    my $wrong  = 0;
    for my $round (1 .. 100) {
        $client->send(join '', map { "set k$_ 0 0 1000 noreply\r\n" . "$_," x 200 . '.' x (1000 - 200 * length "$_,") . "\r\n" }
            10 .. 50);
        $reader->send('get ' . join(' ', (10 .. 50) x 3) . "\r\n" x 1);
        $reader->send(join '', map { "get k$_\r\nget k$_\r\nget k$_\r\n" } 10 .. 50);
        $client->send(join '', map { "delete k$_ noreply\r\n" } 10 .. 50);
        $reader->send("mn\r\n");
        my $replies = $reader->read_until("MN\r\n");
        while ($replies =~ /^VALUE k(\d+) 0 1000\r\n(.*?)\r$/mg) { $wrong++ if index($2, "$1,$1,") != 0 }
    }
    is($wrong, 0, 'whatever is read is what was stored');
    $client->is_silent('all is deleted');
    is($client->stats->{curr_items}, 0, '... and counted so');
    my $slabs = $client->stats('slabs');
    is(join(' ', map { $slabs->{$_} } grep { /:used_chunks/ } sort keys %$slabs), '0', '... and has left its memory');
    $client->verifies;
}

done_testing;

sub start {
    my ($options) = @_;
    $server = Server->start($options);
    $client = $server->client;
    return;
}
