#!/usr/bin/perl
# What an operator changes while the server runs takes effect, and what is refused changes
# nothing. The syntax of these commands is in t/edges-admin.t.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant MIB => 1 << 20;

my $server = Server->start('-M -m 8');
my ($operator, $client) = map { $server->client } 1 .. 2;

# The memory limit.
my $value = 'x' x 10_000;
my $stored = fill();
cmp_ok($stored, '>', 100, 'a small cache takes some items');
for my $refused ('cache_memlimit', 'cache_memlimit x', 'cache_memlimit 7', 'cache_memlimit 1000000001') {
    isnt($operator->ask($refused), 'OK', "$refused is refused");
    is($client->stats->{limit_maxbytes}, 8 * MIB, '... and the limit is as it was');
}
is($operator->ask('cache_memlimit 32'), 'OK', 'the limit is raised while clients are served');
is($client->stats->{limit_maxbytes}, 32 * MIB, '... as stats tell');
is($client->stats('settings')->{maxbytes}, 32 * MIB, '... and the settings');
cmp_ok(fill(), '>', $stored, '... and there is room for more than before');
is($client->stats->{evictions}, 0, '... without an eviction');
is($operator->ask('cache_memlimit 8'), 'OK', 'the limit is lowered');
is($client->stats->{limit_maxbytes}, 8 * MIB, '... as stats tell');
is($client->get('k1')->{value}, $value, '... and what is stored stays');
is($client->set('more', $value), 'SERVER_ERROR out of memory storing object', '... but there is no room for more');

# How much is told.
for my $row ([1, 1], [2, 2], [99, 2], [0, 0]) {
    my ($level, $shown) = @$row;
    is($operator->ask("verbosity $level"), 'OK', "verbosity $level");
    is($client->stats('settings')->{verbosity}, $shown, "... is $shown for all");
}
is($operator->ask('verbosity x'), 'CLIENT_ERROR bad command line format', 'a bad verbosity is refused');
is($client->stats('settings')->{verbosity}, 0, '... and changes nothing');

# What the threads that look after memory go by.
for my $row (
    ['slabs automove 2',               slab_automove => 2],
    ['slabs automove ratio 0.55',      slab_automove_ratio => '0.55'],
    ['slabs automove window 60',       slab_automove_window => 60],
    ['lru tune 10 30 0.5 3',           hot_lru_pct => 10, warm_lru_pct => 30, hot_max_factor => '0.50',
        warm_max_factor => '3.00'],
    ['lru_crawler sleep 500',          lru_crawler_sleep => 500],
    ['lru_crawler tocrawl 77',         lru_crawler_tocrawl => 77],
    ['lru mode flat',                  lru_segmented => 'no'],
    ['lru mode segmented',             lru_segmented => 'yes'],
    ['lru temp_ttl 30',                temp_lru => 'yes', temporary_ttl => 30],
    ['lru temp_ttl -1',                temp_lru => 'no', temporary_ttl => 30],
    ['lru_crawler disable',            lru_crawler => 'no'],
    ['lru_crawler enable',             lru_crawler => 'yes'],
) {
    my ($command, %shown) = @$row;
    is($operator->ask($command), 'OK', $command);
    my $settings = $client->stats('settings');
    is($settings->{$_}, $shown{$_}, "... is shown as $_") for sort keys %shown;
}

is($client->get('k1')->{value}, $value, 'all that leaves the items');
$client->verifies;

# Commands for threads that were left out at the start are answered, and harm nothing.
{
    my $server = Server->start('-o no_modern');
    $operator = $server->client;
    my %before = settings();
    $operator->says("slabs reassign 1 2\r\nlru mode segmented\r\nlru mode flat\r\nlru temp_ttl 5\r\n"
        . "lru_crawler crawl all\r\nlru_crawler disable\r\n",
        "CLIENT_ERROR slab reassignment disabled\r\nERROR\r\nERROR\r\nERROR\r\n"
        . "CLIENT_ERROR lru crawler disabled\r\nOK\r\n",
        'commands for threads that are not there');
    is_deeply({ settings() }, \%before, '... leave all settings');
    $operator->says("slabs automove 2\r\n", "OK\r\n", 'the mode of the page mover can be set all the same');
}

done_testing;

# Stores items until there is no room, and returns their number.
sub fill {
    my $n = 0;
    $n++ while $client->set('k' . ($n + 1), $value, command => $n < ($stored // 0) ? 'replace' : 'add') eq 'STORED';
    return $n;
}

sub settings { return map { @$_ } $operator->stats_list('settings') }
