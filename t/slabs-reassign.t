#!/usr/bin/perl
# `slabs reassign` moves a page from one class to another; what was stored stays what it was.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# An operator fills a small cache with two sizes, and moves pages between their classes.
{
    my $server = Server->start('-o slab_reassign -m 4');
    my $client = $server->client;
    is($client->stats('settings')->{slab_reassign}, 'yes', 'pages can be moved');
    my ($large, $small) = ('b' x 70_000, 'b' x 20_000);
    my @refused = grep { $client->set("foo$_", $large) ne 'STORED' } 1 .. 60;
    push @refused, grep { $client->set("bar$_", $small) ne 'STORED' } 1 .. 60;
    is("@refused", '', 'items of two sizes are stored');

    my $bad = 'BADCLASS invalid src or dst class id';
    is($client->ask('slabs reassign 31 64'), $bad, 'no class is above the last');
    is($client->ask('slabs reassign 31 60'), $bad, 'an id above the table is none either, as long as it has no page');
    is($client->ask('slabs reassign 60 31'), $bad, '... in either place');
    is($client->ask('slabs reassign 31 39'), 'OK', 'a page goes to a class that has none');
    is($client->ask('slabs reassign invalid1 invalid2'), 'CLIENT_ERROR bad command line format', 'ids are numbers');
    my $items = $client->stats('items');
    cmp_ok($items->{"items:$_:evicted"}, '>', 0, "class $_ has had to give something up") for 31, 25;
    is_moved($client, 'the page has arrived');

    my $before = $client->stats('slabs');
    is($client->ask('slabs reassign 31 25'), 'OK', 'a page goes from the large to the small');
    is_moved($client, '... and arrives');
    my $after = $client->stats('slabs');
    is($after->{'31:total_pages'}, $before->{'31:total_pages'} - 1, '... one has a page less');
    is($after->{'25:total_pages'}, $before->{'25:total_pages'} + 1, '... the other one more');
    is($client->stats->{slabs_moved}, 2, '... which is counted');
    is($client->ask('slabs reassign 31 25'), 'OK', 'a second one follows');
    is_moved($client, '... and arrives');
    is($client->set('foo1', $large), 'STORED', 'the large find room as before');
    is($client->set('bar1', $small), 'STORED', '... the small too');
    is($client->ask('slabs reassign 31 25'), 'NOSPARE source class has no spare pages', 'the last page stays');
    $client->verifies;
}

# Versions stay while items are copied from page to page.
{
    my $server = Server->start('-o slab_reassign,no_slab_automove -m 8');
    my $client = $server->client;
    my $value = 'b' x 70_000;
    $client->set("bfoo$_", $value) for 1 .. 60;
    my $before = $client->gets('bfoo5');
    is($client->stats('items')->{'items:31:number'}, 60, 'sixty items are in one class');
    cmp_ok($before->{cas}, '>', 0, 'an item has a version');
    $client->ask("delete bfoo$_") for 6 .. 60;
    my $rescued = $client->stats->{slab_reassign_rescues};
    is($client->ask('slabs reassign 31 5'), 'OK', 'a page of them moves');
    is_moved($client, '... and arrives');
    is($client->stats->{slab_reassign_rescues} - $rescued, 5, '... the living ones have been copied');
    my $after = $client->gets('bfoo5');
    is($after->{cas}, $before->{cas}, '... with their versions');
    Client::is_same($after->{value}, $value, '... and values');
    is($client->set('bfoo5', 'new', command => 'cas', cas => $before->{cas}), 'STORED', '... which can be spent');
    is(join(' ', grep { !$client->get("bfoo$_") } 1 .. 8), '6 7 8', 'what was deleted stays so');
    $client->verifies;
}

# All that there is to know of an item comes along.
{
    my $server = Server->start('-m 16 -o no_slab_automove');
    my $client = $server->client;
    $client->stop_clock;
    my $value = 'v' x 70_000;
    $client->set("k$_", $value, flags => $_, exptime => 1000 + $_) for 1 .. 20;
    $client->get("k$_") for 1 .. 10;
    $client->get("k$_") for 1 .. 5;
    my $dump = dump_of($client);
    is($client->ask('slabs reassign 31 1'), 'OK', 'a page moves');
    is_moved($client, '... and arrives');
    is($client->stats->{slab_reassign_rescues}, 12, '... its items are elsewhere');
    is(dump_of($client), $dump, 'key, expiry, last access, version, flags: nothing has changed');
    $client->advance(1011);
    is(join(' ', grep { $client->get("k$_") } 1 .. 20), join(' ', 12 .. 20), '... and each expires when it should');
    $client->verifies;
}

# Who asks for two moves at once is told so, or both are done.
{
    my $server = Server->start('-m 64 -o no_slab_automove');
    my $client = $server->client;
    store_many($client, 'a', 400, 100_000);
    for my $round (1 .. 10) {
        my $moved = $client->stats->{slabs_moved};
        $client->send("slabs reassign 32 1\r\nslabs reassign 32 2\r\nslabs reassign 32 3\r\n");
        my @replies = map { $client->read_line } 1 .. 3;
        my $accepted = grep { /^OK/ } @replies;
        is(scalar(grep { /^(?:OK|BUSY currently processing reassign request)\r\n$/ } @replies), 3,
            'three moves at once are accepted, or refused as too many');
        is_moved($client, '... those that are accepted end');
        is($client->stats->{slabs_moved} - $moved, $accepted, '... and each is carried out');
    }
    $client->verifies;
}

# From any class, in turn.
{
    my $server = Server->start('-m 32 -o no_slab_automove');
    my $client = $server->client;
    is($client->ask('slabs reassign -1 5'), 'BADCLASS invalid src or dst class id', 'nobody has a page to spare');
    store_many($client, 'a', 60, 70_000);
    store_many($client, 'b', 200, 20_000);
    $client->ask("delete $_") for map({ "a$_" } 1 .. 12), map { "b$_" } 1 .. 48;
    my $before = $client->stats('slabs');
    for (1 .. 2) {
        is($client->ask('slabs reassign -1 5'), 'OK', 'a page comes from anywhere');
        is_moved($client, '... and arrives');
    }
    my $after = $client->stats('slabs');
    is($after->{"$_:total_pages"}, $before->{"$_:total_pages"} - 1, "class $_ gave one") for 31, 25;
    is($after->{'5:total_pages'}, 2, '... and one class has both');
    $client->verifies;
}

# A finer class has an id above the table. It gets its first page by itself, and then others too.
{
    my $server = Server->start('-m 64 -o no_slab_automove');
    my $client = $server->client;
    store_many($client, 's', 40_000, 20);
    my $slabs = $client->stats('slabs');
    my ($finer) = grep { ($slabs->{"$_:total_pages"} // 0) > 1 } 40 .. 63;
    ok($finer, 'small items fill pages of a finer class');
    store_many($client, 'a', 60, 70_000);
    is($client->ask("slabs reassign 31 $finer"), 'OK', 'such a class takes a page');
    is_moved($client, '... and gets it');
    is($client->ask("slabs reassign $finer 31"), 'OK', '... and gives one');
    is_moved($client, '... which arrives');
    my @missing = grep { !$client->get("s$_") } map { $_ * 97 } 1 .. 400;
    is("@missing", '', 'nothing is lost by that');
    $client->verifies;
}

done_testing;

sub is_moved {
    my ($client, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(sub { $client->stats->{slab_reassign_running} == 0 }, $name);
}

sub store_many {
    my ($client, $prefix, $count, $len) = @_;
    my $value = 'v' x $len;
    $client->send(join '', map { "set $prefix$_ 0 0 $len noreply\r\n$value\r\n" } 1 .. $count);
    return $client->is_silent("$count items of $len bytes");
}

# All that a dump shows; it may have to wait for a crawl that the server has started by itself.
sub dump_of {
    my ($client) = @_;
    my $first;
    do { $first = $client->ask('lru_crawler metadump all') } while $first =~ /^BUSY /;
    return join '', "$first\n", sort split /^/m, $client->read_until("END\r\n");
}
