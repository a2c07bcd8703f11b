#!/usr/bin/perl
# Counters in a conversation: what tools have been written against, step by step.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

my $server = Server->start('-I 1024 -o slab_chunk_max=1,no_lru_crawler,no_lru_maintainer');
my $client = $server->client;

# A fresh server.
{
    my $stats = $client->stats;
    # bytes_written is not among them: whoever found out that the server accepts asked nothing.
    my @zero = qw(curr_items total_items bytes cmd_get cmd_set get_hits evictions get_misses get_expired
        bytes_written delete_hits delete_misses incr_hits incr_misses decr_hits decr_misses get_flushed
        listen_disabled_num lrutail_reflocked time_in_listen_disabled_us store_too_large store_no_memory);
    is(join(' ', grep { $stats->{$_} ne '0' } @zero), '', 'nothing has happened');
    is($stats->{accepting_conns}, 1, '... but it accepts');
    is($stats->{uptime} >= 2 && $stats->{uptime} < 100, 1, '... and begins with second 2');
    is(scalar(my @names = $client->stats_list), 84, 'so many names');
    my $settings = $client->stats('settings');
    my %expect = (maxconns => 1024, evictions => 'on', cas_enabled => 'yes', auth_enabled_sasl => 'no',
        shutdown_command => 'no', domain_socket => 'NULL');
    is($settings->{$_}, $expect{$_}, "settings: $_") for sort keys %expect;
}

moves('set and get', sub {
    is($client->set('foo', 'fooval'), 'STORED', 'set');
    is($client->get('foo')->{value}, 'fooval', 'get');
}, qw(total_items 1 curr_items 1 cmd_get 1 cmd_set 1 get_hits 1));

moves('the first delete', sub { is($client->ask('delete foo'), 'DELETED', 'delete') }, qw(delete_hits 1 delete_misses 0));
moves('the second', sub { is($client->ask('delete foo'), 'NOT_FOUND', 'delete') }, qw(delete_hits 0 delete_misses 1));

my @arithmetic = qw(incr_hits incr_misses decr_hits decr_misses);
moves('incr of nothing', sub { is($client->ask('incr i 1'), 'NOT_FOUND', 'incr') }, spread('0 1 0 0', @arithmetic));
moves('decr of nothing', sub { is($client->ask('decr d 1'), 'NOT_FOUND', 'decr') }, spread('0 0 0 1', @arithmetic));
$client->set('n', 0);
moves('incr', sub { is($client->ask('incr n 3'), 3, 'incr') }, spread('1 0 0 0', @arithmetic));
moves('decr', sub { is($client->ask('decr n 1'), 2, 'decr') }, spread('0 0 1 0', @arithmetic));

my @cas = qw(cas_hits cas_misses cas_badval);
moves('cas of nothing', sub { is($client->set('c', 1, command => 'cas', cas => 99999999), 'NOT_FOUND', 'cas') },
    spread('0 1 0', @cas));
$client->set('c', 'x');
moves('cas with another id', sub { is($client->set('c', 1, command => 'cas', cas => 99999999), 'EXISTS', 'cas') },
    spread('0 0 1', @cas));
is($client->get('c')->{value}, 'x', '... changes nothing');
moves('cas with its id', sub {
    is($client->set('c', 'y', command => 'cas', cas => $client->gets('c')->{cas}), 'STORED', 'cas');
}, spread('1 0 0', @cas));
is($client->get('c')->{value}, 'y', '... changes the value');

# An absolute time long past.
moves('what has expired', sub {
    is($client->set('old', 'x', exptime => 2_678_400), 'STORED', 'set');
    is($client->get('old'), undef, 'get');
}, qw(get_expired 1 get_misses 1));

$client->stop_clock;
$client->set('key', 'value');
$client->advance(3);
moves('what was flushed', sub {
    is($client->ask('flush_all'), 'OK', 'flush_all');
    is($client->get('key'), undef, 'get');
}, qw(cmd_flush 1 get_flushed 1));

# A store that takes the place of what is dead counts that as memory gained, wherever in its list
# the dead one was.
$client->set($_, 'value', exptime => 2) for qw(first dead last);
$client->advance(3);
moves('a set in the place of an expired item', sub {
    is($client->set('dead', 'new'), 'STORED', 'set');
}, qw(cmd_set 1 get_expired 1 reclaimed 1 expired_unfetched 1));
$client->set('dead', 'new');
$client->ask('flush_all');
moves('a set in the place of a flushed item', sub {
    is($client->set('dead', 'newer'), 'STORED', 'set');
}, qw(cmd_set 1 get_flushed 1 reclaimed 1));
$client->ask($_) for 'delete first', 'delete last';

moves('what is too large', sub {
    is($client->set('big', 'x' x 2048), 'SERVER_ERROR object too large for cache', 'set');
}, qw(store_too_large 1 cmd_set 0));

is($client->ask('stats reset'), 'RESET', 'reset');
{
    my $stats = $client->stats;
    my @zero = grep { /^(?:cmd|get|delete|incr|decr|cas)_|^(?:evictions|reclaimed|lrutail_reflocked)$/ } keys %$stats;
    cmp_ok(scalar @zero, '>', 18, 'the counters are there');
    is(join(' ', grep { $stats->{$_} ne '0' } sort @zero), '', '... and all are zero');
}

# How many lines there are, by what the server has.
{
    my %lines = ('' => 93, '-o no_lru_maintainer,no_lru_crawler' => 84,
        '-o no_lru_maintainer,no_lru_crawler,no_slab_reassign,no_maxconns_fast' => 74);
    for my $flags (sort keys %lines) {
        my $server = Server->start($flags);
        is(scalar(my @names = $server->client->stats_list), $lines{$flags}, "lines with '$flags'");
    }
}

# Values have room for 126 bytes.
{
    my @list = map { "127.0.0.$_" } 10 .. 29;
    my $long = join ',', @list;
    my $server = Server->start("-l $long");
    is($server->client(host => $list[0])->stats('settings')->{inter}, substr($long, 0, 126), 'a long value is cut');
}

# Without storage outside there is nothing to tell of it.
$client->says("stats extstore\r\nstats e\r\n", "END\r\nEND\r\n", 'stats extstore');
$client->says("stats $_\r\n", "ERROR\r\n", "stats $_") for qw(threads sizes_enable proxy proxyfuncs proxybe settingsx item);
$client->says_like("stats  \r\n", qr/STAT pid .*\r\n(?:STAT .*\r\n)+END\r\n/, 'blanks behind stats are nothing');
$client->says_like("stats set\r\n", qr/STAT maxbytes .*\r\n(?:STAT .*\r\n)+END\r\n/, 'settings may be shortened');

done_testing;

# What the conversation moves, of what is named.
sub moves {
    my ($name, $act, %expect) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = $client->stats;
    $act->();
    my $after = $client->stats;
    is(join(' ', map { "$_ " . ($after->{$_} - $before->{$_}) } sort keys %expect),
        join(' ', map { "$_ $expect{$_}" } sort keys %expect), $name);
    return;
}

# name => number for each.
sub spread {
    my ($numbers, @names) = @_;
    my @numbers = split ' ', $numbers;
    return map { $names[$_] => $numbers[$_] } 0 .. $#names;
}
