#!/usr/bin/perl
# The memory limit can be raised, and lowered, while clients are served.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant MIB  => 1 << 20;
use constant LONG => 66_560;

my ($server, $client);

# A cache that is full gets more memory, uses it, and loses it again.
{
    start('-m 3 -o modern,slab_automove_window=3');
    store('key', 40, LONG);
    my $before = $client->stats;
    cmp_ok($client->stats('items')->{'items:31:evicted'}, '>', 0, 'a small cache has had to give something up');
    is($client->ask('cache_memlimit 8'), 'OK', 'the limit is raised');
    is($client->stats('settings')->{maxbytes}, 8 * MIB, '... as the settings say');
    is($client->stats->{limit_maxbytes}, 8 * MIB, '... and the statistics');
    store('more', 1, LONG);
    my $malloced = $client->stats('slabs')->{total_malloced};
    cmp_ok($malloced, '>', 3 * MIB, '... one more item gets new memory');
    is($client->stats->{evictions}, $before->{evictions}, '... and nothing has to go for it');

    is($client->ask('cache_memlimit 16'), 'OK', 'the limit is raised again');
    store('key', 150, LONG);
    is($client->stats->{evictions}, $before->{evictions}, '... all finds room');
    $malloced = $client->stats('slabs')->{total_malloced};
    cmp_ok($malloced, '>', 10 * MIB, '... in new memory');
    is($client->ask('cache_memlimit 8'), 'OK', 'the limit is lowered');
    is(missing('key', 150), '', '... nothing goes because of that');
    is($client->stats('slabs')->{total_malloced}, $malloced, '... as long as it is needed');
    $client->ask("delete key$_") for 1 .. 150;
    wait_for(sub { $client->stats('slabs')->{total_malloced} == 8 * MIB }, '... and memory goes back when it is not', 20);
    is_moved();
    $client->verifies;
}

# Pages of the pool go back at once, others when they come there; locked ones as well.
for my $options ('', ' -k') {
    start("-m 12 -o slab_automove=0$options");
    store('key', 130, LONG);
    my ($class) = map { /^(\d+):total_pages/ } keys %{ $client->stats('slabs') };
    $client->ask("delete key$_") for 1 .. 60;
    my $move = sub {
        wait_for(sub { $client->ask("slabs reassign $class 0") eq 'OK' }, 'a page goes to the pool');
        is_moved();
    };
    # Twelve pages in all, three of them in the pool.
    store('fill', 72, LONG);
    is($client->stats('slabs')->{total_malloced}, 12 * MIB, 'all memory is in use');
    $client->ask("delete $_") for map({ "key$_" } 61 .. 130), map { "fill$_" } 1 .. 30;
    $move->() for 1 .. 3;
    is($client->stats->{slab_global_page_pool}, 3, '... three pages are in the pool');
    is($client->ask('cache_memlimit 8'), 'OK', 'the limit is lowered to eight');
    is($client->stats('slabs')->{total_malloced}, 9_437_184, '... the pool gives all it has at once');
    is($client->stats->{slab_global_page_pool}, 0, '... all of it');
    my $rss = $server->rss_bytes;
    $move->();
    is($client->stats('slabs')->{total_malloced}, 8_388_608, '... the next page that comes there as well');
    is($client->stats->{slab_global_page_pool}, 0, '... it does not stay');
    cmp_ok($server->rss_bytes, '<', $rss, '... and the system has its memory');
    $move->();
    is($client->stats('slabs')->{total_malloced}, 8_388_608, 'when the limit is kept');
    is($client->stats->{slab_global_page_pool}, 1, '... the next one stays');
    is(missing('fill', 72, 31), '', 'nothing was lost by that');
    is($client->ask('cache_memlimit 12'), 'OK', 'the limit is raised to what it was');
    store('again', 130, LONG);
    is($client->stats('slabs')->{total_malloced}, 12 * MIB, '... and all of it is used again');
    $client->verifies;
}

# Again and again, while others store: what is there is what was stored, and the limit is kept.
{
    start('-t 2 -m 16 -o slab_automove_window=3');
    my $writer = $server->client;
    my $wrong  = 0;
    for my $round (1 .. 30) {
        $writer->send(join '', map {
            my $len = (100, 2_000, 30_000)[$_ % 3];
            "set k$_ 0 0 $len\r\n" . substr("$_," x $len, 0, $len) . "\r\nget k$_\r\n"
        } 200 * $round .. 200 * $round + 299);
        my $megabytes = (8, 16, 12, 9)[$round % 4];
        is($client->ask("cache_memlimit $megabytes"), 'OK', "a limit of $megabytes MiB") if $round > 26;
        $client->ask("cache_memlimit $megabytes") if $round <= 26;
        $writer->send("mn\r\n");
        my $replies = $writer->read_until("MN\r\n");
        while ($replies =~ /^VALUE k(\d+) 0 (\d+)\r\n/mg) {
            my $at = pos $replies;
            $wrong++ if substr($replies, $at, $2 + 2) ne substr("$1," x $2, 0, $2) . "\r\n";
            pos($replies) = $at + $2 + 2;
        }
        $wrong++ if $replies =~ /ERROR/;
    }
    is($wrong, 0, 'all is stored and read while the limit changes');
    $client->ask('cache_memlimit 8');
    $client->ask('flush_all');
    wait_for(sub { $client->stats('slabs')->{total_malloced} == 8 * MIB }, 'the limit is kept in the end', 20);
    is_moved();
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
    my $value = 'B' x $len;
    my @refused = grep { $client->set("$prefix$_", $value) ne 'STORED' } 1 .. $count;
    return is("@refused", '', "$count items of $len bytes are stored");
}

sub missing {
    my ($prefix, $last, $first) = @_;
    return join ' ', grep { !$client->get($_) } map { "$prefix$_" } ($first // 1) .. $last;
}

sub is_moved {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(sub { $client->stats->{slab_reassign_running} == 0 }, 'no page is on its way');
}
