#!/usr/bin/perl
# A full cache makes room by forgetting the old; with -M it refuses the new instead.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

{
    my $server = Server->start('-m 8');
    my $client = $server->client;
    my $value = 'v' x 4000;
    $client->send(join '', map { sprintf "set key%05d 0 0 4000\r\n%s\r\n", $_, $value } 1 .. 8000);
    my $replies = $client->recv_exact(length("STORED\r\n") * 8000);
    ok($replies eq "STORED\r\n" x 8000, 'four times what fits is stored without an error');
    my $stats = $client->stats;
    cmp_ok($stats->{evictions}, '>', 0, 'something had to go');
    cmp_ok($stats->{curr_items}, '<', 2200, '... and is not counted any more');
    cmp_ok($stats->{curr_items}, '>', 1500, '... but most of the memory is in use');
    cmp_ok($stats->{bytes}, '<=', $stats->{limit_maxbytes}, '... and no more than was given');

    my @missing = grep { !$client->get(sprintf 'key%05d', $_) } 7901 .. 8000;
    is("@missing", '', 'the newest hundred are there');
    my @left = grep { $client->get(sprintf 'key%05d', $_) } 1 .. 100;
    cmp_ok(scalar @left, '<', 100, 'of the oldest hundred some are not');
    cmp_ok($client->stats->{evicted_unfetched}, '>', 0, 'what went had never been asked for');

    # What is asked for again and again stays.
    $client->set("hot$_", "value $_") for 1 .. 10;
    for my $round (1 .. 40) {
        $client->send(join '', map { sprintf "set cold%d.%d 0 0 4000 noreply\r\n%s\r\n", $round, $_, $value } 1 .. 200);
        $client->read_until("END\r\n") if $client->send('get ' . join(' ', map { "hot$_" } 1 .. 10) . "\r\n");
    }
    my @hot = grep { my $item = $client->get("hot$_"); $item && $item->{value} eq "value $_" } 1 .. 10;
    is("@hot", join(' ', 1 .. 10), 'what is asked for all the time outlives four times what fits');
}

# Values of very different lengths in turn.
{
    my $server = Server->start('-m 16');
    my $client = $server->client;
    my @lengths = (10, 100, 1000, 10_000, 100_000, 1_000_000);
    my @refused = grep { $client->set("mixed$_", 'm' x $lengths[$_ % @lengths]) ne 'STORED' } 1 .. 600;
    is(scalar @refused, 0, 'small and large values find room in turn');
    is(length $client->get('mixed600')->{value}, $lengths[0], 'the newest is there');
}

# Without evictions.
{
    my $server = Server->start('-M -m 2');
    my $client = $server->client;
    my $value = 'x' x 8192;
    my ($stored, $reply) = (0, '');
    while ($stored < 1000) {
        $reply = $client->set("key$stored", $value);
        last if $reply ne 'STORED';
        $stored++;
    }
    is($reply, 'SERVER_ERROR out of memory storing object', 'a full cache without evictions refuses');
    cmp_ok($stored, '>', 200, '... after it has stored what fits');
    is($client->set('again', $value), 'SERVER_ERROR out of memory storing object', '... and refuses again');
    my $stats = $client->stats;
    is($stats->{store_no_memory}, 2, '... and counts it');
    is($stats->{evictions}, 0, '... and evicts nothing');
    my @missing = grep { my $item = $client->get("key$_"); !$item || $item->{value} ne $value } 0 .. $stored - 1;
    is("@missing", '', 'everything stored before is there');

    is($client->set('key0', $value, command => 'add'), 'SERVER_ERROR out of memory storing object', 'add is refused');
    is($client->get('key0')->{value}, $value, '... and the old value kept');
    my $other = 'y' x 8192;
    is($client->set('key0', $other), 'STORED', 'a set of the same size takes the place of the old value');
    is($client->get('key0')->{value}, $other, '... which is the new one now');
    # Longer values belong to a class that has no page yet and so gets one: that must be full too.
    my $longer = 'z' x 10000;
    my $wide = 0;
    $wide++ while $wide < 200 && $client->set("wide$wide", $longer) eq 'STORED';
    is($client->set('key0', $longer), 'SERVER_ERROR out of memory storing object', 'a longer one is refused');
    is($client->get('key0'), undef, '... and the old value gone');
    is($client->set('key0', $value), 'STORED', '... which made room');
    is($client->ask('delete key1'), 'DELETED', 'a delete makes room');
    wait_for(sub { $client->set('again', $value) eq 'STORED' }, '... for another');
    $client->says("set more 0 0 8192 noreply\r\n$value\r\nversion\r\n", Client::VERSION_LINE,
        'with noreply the refusal is silent');
}

done_testing;
