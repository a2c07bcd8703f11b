#!/usr/bin/perl
# A full cache in figures: what fits, what goes, what is refused, and who waits for a slow reader.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant MIB  => 1 << 20;
use constant LONG => 66_560;

my ($server, $client);

# Three pages of long values, with segments and without.
for my $options ('-m 3', '-m 3 -o no_modern') {
    start($options);
    is(store('k', 40, LONG), '', "'$options': forty long values are stored");
    my $stats = $client->stats;
    my $slabs = $client->stats('slabs');
    is("$stats->{curr_items} items, $stats->{evictions} evictions, $slabs->{'31:total_pages'} pages",
        '36 items, 4 evictions, 3 pages', '... as many as fit are there');
    is($slabs->{active_slabs}, 1, '... in one class');
    is($client->stats('items')->{'items:31:evicted_nonzero'}, 0, '... none of them with an expiry');
    is(store('t', 50, LONG, 600), '', 'fifty that expire are stored');
    my $items = $client->stats('items');
    cmp_ok($items->{'items:31:evicted'}, '>', 40, '... for which others had to go');
    cmp_ok($items->{'items:31:evicted_nonzero'}, '>', 0, '... some of them with an expiry');
    is($items->{'items:31:evicted'}, $client->stats->{evictions}, '... all of one class');
    is($client->stats('slabs')->{total_malloced}, $slabs->{total_malloced}, '... without a page more');
    $client->verifies;
}
start('-m 3');
is(store('k', 40, LONG), '', 'forty long values');
is($client->stats('slabs')->{total_malloced}, 3_145_728, '... take three mebibytes');

# A class without a page gets one, even beyond the limit.
{
    start('-m 2 -o no_slab_automove');
    is(store('k', 400, 8_192), '', 'a cache is filled with one size');
    is(store('tiny', 1, 10) . store('small', 1, 300), '', 'two other sizes find room');
    is($client->stats('slabs')->{total_malloced}, 4_194_304, '... in a page each');
    ok($client->get('tiny1') && $client->get('small1'), '... and are there');
    $client->verifies;
}

# Without evictions.
{
    start('-M -m 2');
    my $value = 'x' x 8_192;
    my ($n, $reply) = (0, '');
    while ($n < 1_000 && ($reply = $client->set("k$n", $value)) eq 'STORED') { $n++ }
    is($n, 236, 'two pages hold 236 items');
    is($reply, 'SERVER_ERROR out of memory storing object', '... the next is refused');
    is($client->stats('items')->{'items:21:direct_reclaims'}, 10, '... after ten attempts to find room');
    is($client->set('again', $value), 'SERVER_ERROR out of memory storing object', '... and the next');
    my $stats = $client->stats;
    is($stats->{store_no_memory}, 2, '... which is counted');
    is($client->stats('items')->{'items:21:outofmemory'}, 2, '... for the class, too');
    is($stats->{evictions}, 0, '... nothing has gone');
    is(scalar(grep { ($client->get("k$_") // { value => '' })->{value} eq $value } 0 .. $n - 1), 236, 'all are there');
    # What has expired makes room.
    is($client->ask('touch k7 10'), 'TOUCHED', 'one will expire');
    $client->advance(11);
    wait_for(sub { $client->set('again', $value) eq 'STORED' }, '... and makes room when it has');
    is($client->get('k7'), undef, '... by being gone');
    $client->verifies;
}

# Figures beyond 32 bits. The environment pretends that so much is already taken.
{
    $server = Server->start('-m 4098 -M', env => { T_MEMD_INITIAL_MALLOC => 4_294_967_328 });
    $client = $server->client;
    is($client->stats->{limit_maxbytes}, 4_297_064_448, 'a limit of more than 32 bits');
    my $slabs = $client->stats('slabs');
    is($slabs->{total_malloced}, 4_294_967_328, 'as much is taken');
    is($slabs->{active_slabs}, 0, '... by no class');
    my @replies = map { $client->set("k$_", 'a' x 400 x 1024) } 1 .. 5;
    is(scalar(grep { $_ eq 'STORED' } @replies), 2, 'what fits is stored');
    like($replies[4], qr/^SERVER_ERROR /, '... the rest is refused');
    $slabs = $client->stats('slabs');
    is($slabs->{active_slabs}, 1, 'one class has a page');
    is($slabs->{total_malloced}, 4_294_967_328 + MIB, '... which is counted');
}

# A client asks for much and does not read it. (In one list, where what is asked for comes to the
# tail as well.)
{
    start('-m 6 -o no_lru_maintainer');
    my $reader = $server->client;
    is(store('k', 72, LONG), '', 'a cache is filled');
    my $before = $client->stats;
    is($before->{lrutail_reflocked}, 0, 'nobody holds anything');
    my @there = grep { $client->get("k$_") } 1 .. 72;
    my $request = 'get ' . join(' ', map { "k$_" } @there) . "\r\n";
    $reader->push_blindly($request x 8 . "mn\r\n");
    my $hits = 0;
    # The reader must not read, so nothing of its own tells when the server can send no more.
    wait_for(sub { my $before = $hits; $hits = $client->stats->{get_hits}; $hits && $hits == $before },
        'a reader that does not read');
    my @refused = split ' ', store('more', 300, LONG);
    cmp_ok(scalar @refused, '<', 20, 'others can store');
    my $stats = $client->stats;
    cmp_ok($stats->{evictions}, '>', $before->{evictions}, '... for which items have to go');
    cmp_ok($stats->{lrutail_reflocked}, '>', 0, '... but not those that are being sent');
    my $slabs = $client->stats('slabs');
    cmp_ok($slabs->{'31:used_chunks'}, '>=', $stats->{curr_items}, '... which keep their memory');
    $reader->close;
    wait_for(sub { $client->stats('slabs')->{'31:used_chunks'} == $client->stats->{curr_items} },
        'when it has gone all memory is back');
    my @wrong = grep { my $item = $client->get("more$_"); $item && $item->{value} ne 'B' x LONG } 1 .. 300;
    is("@wrong", '', '... and what is there is what was stored');
    $client->verifies;
}

# A class of whose chunks all belong to heads of chains, or to drafts, still finds room.
{
    start('-m 8 -o slab_chunk_max=16,no_slab_automove');
    is(store('long', 300, 60_000), '', 'a cache full of chains');
    is(store('long', 300, 60_000), '', '... takes others');
    is(store('head', 200, 20), '', '... and items of the size of their heads');
    my @drafts = map { $server->client } 1 .. 20;
    $_->push_blindly("set draft 0 0 60000\r\n" . 'd' x 50_000) for @drafts;
    $_->settle for @drafts;
    is(store('other', 100, 60_000), '', '... while others are half way');
    $_->close for @drafts;
    wait_for(sub { $client->stats->{curr_connections} == 1 }, 'those go away');
    is($client->get('draft'), undef, '... and leave nothing');
    $client->verifies;
}

done_testing;

sub start {
    my ($options) = @_;
    $server = Server->start($options);
    $client = $server->client;
    return;
}

# Stores items and returns the numbers of those that were refused.
sub store {
    my ($prefix, $count, $len, $exptime) = @_;
    my $value = 'B' x $len;
    return join ' ', grep { $client->set("$prefix$_", $value, exptime => $exptime // 0) ne 'STORED' } 1 .. $count;
}
