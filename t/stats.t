#!/usr/bin/perl
# Every counter moves when its request is made, by one, and no other counter does.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# The counters of requests. What a row below does not name must stay.
my @counters = qw(cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses get_expired
    delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval
    touch_hits touch_misses store_too_large store_no_memory total_items curr_items evictions);

# Each row starts with `k` = 5, `n` = 5 and `text` = abc stored, nothing else. When
# flushed items are taken out, and so curr_items after flush_all, is not promised.
my @rows = (
    # request                                        moves
    ['get k',                                        'cmd_get get_hits'],
    ['get none',                                     'cmd_get get_misses'],
    ['get k none k',                                 'cmd_get*3 get_hits*2 get_misses'],
    ['gets k none',                                  'cmd_get*2 get_hits get_misses'],
    ['gat 100 k',                                    'cmd_touch touch_hits'],
    ['gat 100 none',                                 'cmd_touch touch_misses'],
    ['gats 100 k none k',                            'cmd_touch*3 touch_hits*2 touch_misses'],
    ['gat x k',                                      ''],
    ['touch k 100',                                  'cmd_touch touch_hits'],
    ['touch none 100',                               'cmd_touch touch_misses'],
    ['touch k x',                                    ''],
    ["set k 0 0 1\r\nx",                             'cmd_set total_items'],
    ["set new 0 0 1\r\nx",                           'cmd_set total_items curr_items'],
    ["set k 0 0 x",                                  ''],
    ["set k x 0 1\r\nx",                             ''],
    ["set k 0 0 1\r\nxyz",                           'cmd_set'],
    ["add k 0 0 1\r\nx",                             'cmd_set'],
    ["add new 0 0 1\r\nx",                           'cmd_set total_items curr_items'],
    ["replace k 0 0 1\r\nx",                         'cmd_set total_items'],
    ["replace none 0 0 1\r\nx",                      'cmd_set'],
    ["append k 0 0 1\r\nx",                          'cmd_set total_items'],
    ["append none 0 0 1\r\nx",                       'cmd_set'],
    ["prepend k 0 0 1\r\nx",                         'cmd_set total_items'],
    ["prepend none 0 0 1\r\nx",                      'cmd_set'],
    ["cas k 0 0 1 VERSION\r\nx",                     'cmd_set cas_hits total_items'],
    ["cas k 0 0 1 99999999999\r\nx",                 'cmd_set cas_badval'],
    ["cas k 0 0 1 0\r\nx",                           'cmd_set cas_badval'],
    ["cas none 0 0 1 1\r\nx",                        'cmd_set cas_misses'],
    ["cas k 0 0 1 x\r\nx",                           ''],
    ["set k 0 0 2000000\r\n" . 'x' x 2_000_000,      'store_too_large curr_items*-1'],
    ["add new 0 0 2000000\r\n" . 'x' x 2_000_000,    'store_too_large'],
    ['incr n 1',                                     'incr_hits'],
    ['incr n 10',                                    'incr_hits total_items'],
    ['incr none 1',                                  'incr_misses'],
    ['incr n x',                                     ''],
    ['decr n 1',                                     'decr_hits'],
    ['decr none 1',                                  'decr_misses'],
    ['incr text 1',                                  ''],
    ['delete k',                                     'delete_hits curr_items*-1'],
    ['delete none',                                  'delete_misses'],
    ["set k 0 -1 1\r\nx\r\nget k",
        'cmd_set total_items cmd_get get_misses get_expired curr_items*-1'],
    ['flush_all',                                    'cmd_flush'],
    ['flush_all x',                                  'cmd_flush'],
    ['version',                                      ''],
    ['verbosity 0',                                  ''],
    ['wibble',                                       ''],
    ["set k 0 0 1 noreply\r\nx\r\nversion",          'cmd_set total_items'],
    ["get none\r\nget k\r\nget k",                   'cmd_get*3 get_hits*2 get_misses'],
);

for my $threads (1, 4) {
    my $server = Server->start("-t $threads");
    my $client = $server->client;
    my $other  = $server->client;
    for my $row (@rows) {
        my ($request, $moves) = @$row;
        $client->ask('delete new');
        $client->set('k', 5);
        $client->set('n', 5);
        $client->set('text', 'abc');
        my $version = $client->gets('k')->{cas};
        (my $line = $request) =~ s/VERSION/$version/;
        my $before = $other->stats;
        converse($client, $line);
        my $after = $other->stats;
        $after->{curr_items} = $before->{curr_items} if $request eq 'flush_all';
        is(moves($before, $after), sorted($moves), Client::visible(substr $request, 0, 50));
    }
}

my $server = Server->start('-t 4 -m 64 -c 500');
my $client = $server->client;

# The list: no name twice, and in the order tools know.
{
    my @order = qw(pid uptime time version libevent pointer_size rusage_user rusage_system max_connections
        curr_connections total_connections rejected_connections connection_structures response_obj_oom
        response_obj_count response_obj_bytes read_buf_count read_buf_bytes read_buf_bytes_free read_buf_oom
        reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses get_expired get_flushed
        delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval
        touch_hits touch_misses store_too_large store_no_memory auth_cmds auth_errors idle_kicks bytes_read
        bytes_written limit_maxbytes accepting_conns listen_disabled_num time_in_listen_disabled_us threads
        conn_yields hash_power_level hash_bytes hash_is_expanding slab_reassign_rescues
        slab_reassign_chunk_rescues slab_reassign_inline_reclaim slab_reassign_busy_items
        slab_reassign_busy_deletes slab_reassign_busy_nomem slab_reassign_last_busy_status
        slab_reassign_running slabs_moved lru_crawler_running lru_crawler_starts lru_maintainer_juggles
        malloc_fails log_worker_dropped log_worker_written log_watcher_skipped log_watcher_sent log_watchers
        unexpected_napi_ids round_robin_fallback bytes curr_items total_items slab_global_page_pool
        expired_unfetched evicted_unfetched evicted_active evictions reclaimed crawler_reclaimed
        crawler_items_checked lrutail_reflocked moves_to_cold moves_to_warm moves_within_lru direct_reclaims
        lru_bumps_dropped);
    my @names = map { $_->[0] } $client->stats_list;
    my (%known, %times);
    $known{$_}++ for @order;
    $times{$_}++ for @names;
    is(join(' ', grep { $times{$_} > 1 } sort keys %times), '', 'no name comes twice');
    is(join(' ', grep { $known{$_} } @names), join(' ', grep { $times{$_} } @order), 'names come in the known order');
    my @needed = (@counters, qw(pid uptime time version pointer_size rusage_user rusage_system
        curr_connections total_connections bytes_read bytes_written limit_maxbytes threads bytes));
    is(join(' ', grep { !$times{$_} } @needed), '', 'what everybody reads is there');
}

# What the gauges say.
{
    my $stats = $client->stats;
    is($stats->{pid}, $server->pid, 'pid');
    is($stats->{version}, '1.6.45', 'version');
    is($stats->{pointer_size}, 64, 'pointer_size');
    is($stats->{threads}, 4, 'threads');
    is($stats->{max_connections}, 500, 'max_connections');
    is($stats->{limit_maxbytes}, 64 << 20, 'limit_maxbytes');
    is($stats->{curr_items}, 0, 'curr_items of an empty cache');
    is($stats->{bytes}, 0, 'bytes of an empty cache');
    is($stats->{accepting_conns}, 1, 'accepting_conns');
    like($stats->{rusage_user}, qr/\A[0-9]+\.[0-9]{6}\z/, 'rusage_user');
    like($stats->{rusage_system}, qr/\A[0-9]+\.[0-9]{6}\z/, 'rusage_system');
    cmp_ok(abs($stats->{time} - time), '<=', 3, 'time');

    wait_for(sub { $client->stats->{curr_connections} == 1 }, 'one client is one connection');
    my $total = $client->stats->{total_connections};
    my @more = map { $server->client } 1 .. 5;
    $_->is_silent('another') for @more;
    is($client->stats->{curr_connections}, 6, 'six clients are six');
    is($client->stats->{total_connections}, $total + 5, '... and are counted for ever');
    $_->close for @more;
    wait_for(sub { $client->stats->{curr_connections} == 1 }, '... until they leave');

    $client->set('k', 'x' x 1000);
    my $one = $client->stats->{bytes};
    cmp_ok($one, '>', 1000, 'bytes counts more than the value');
    cmp_ok($one, '<', 1200, '... but not much more');
    $client->set('l', 'x' x 1000);
    is($client->stats->{bytes}, 2 * $one, 'two items are twice as many bytes');
    $client->ask("delete $_") for 'k', 'l';
    is($client->stats->{bytes}, 0, 'none are none');
}

# Bytes of the network.
{
    my $other = $server->client;
    my $before = $other->stats;
    $client->says("set traffic 0 0 100000\r\n" . 'x' x 100_000 . "\r\n", "STORED\r\n", 'a value comes in');
    $client->get('traffic') for 1 .. 3;
    # Another worker counts a reply when it has been sent, so it may do so after it has arrived.
    wait_for(sub { $other->stats->{bytes_written} - $before->{bytes_written} >= 300_000 }, 'bytes_written counts each reply');
    my $after = $other->stats;
    cmp_ok($after->{bytes_read} - $before->{bytes_read}, '>=', 100_000, 'bytes_read counts it');
    cmp_ok($after->{bytes_read} - $before->{bytes_read}, '<', 101_000, '... once');
    cmp_ok($after->{bytes_written} - $before->{bytes_written}, '<', 310_000, '... once');
}

# Reset: the counters, not the gauges.
{
    $client->set('k', 'v');
    $client->get($_) for 'k', 'none';
    # Clients of the tests above may still be closing.
    wait_for(sub { $client->stats->{curr_connections} == 1 }, 'only this client is left');
    my $before = $client->stats;
    is($client->ask('stats reset'), 'RESET', 'stats reset');
    my $after = $client->stats;
    my @left = grep { $after->{$_} } grep { !/^curr_/ } @counters;
    is("@left", '', '... zeroes every counter of requests');
    is($after->{$_}, $before->{$_}, "... and leaves $_")
        for qw(curr_items bytes curr_connections limit_maxbytes pid threads);
    $client->get('k');
    is($client->stats->{get_hits}, 1, '... and counting goes on from there');
}

# The settings: those that every build has, in the order tools know.
{
    my @order = qw(maxbytes maxconns tcpport udpport inter verbosity oldest evictions domain_socket umask
        shutdown_command growth_factor chunk_size num_threads num_threads_per_udp stat_key_prefix
        detail_enabled reqs_per_event cas_enabled tcp_backlog binding_protocol auth_enabled_sasl
        auth_enabled_ascii item_size_max maxconns_fast hashpower_init slab_reassign slab_automove
        slab_automove_ratio slab_automove_window slab_chunk_max lru_crawler lru_crawler_sleep
        lru_crawler_tocrawl tail_repair_time flush_enabled dump_enabled hash_algorithm
        lru_maintainer_thread lru_segmented hot_lru_pct warm_lru_pct hot_max_factor warm_max_factor temp_lru
        temporary_ttl idle_timeout watcher_logbuf_size worker_logbuf_size read_buf_mem_limit track_sizes
        inline_ascii_response);
    my %known;
    $known{$_}++ for @order;
    is(join(' ', grep { $known{$_} } map { $_->[0] } $client->stats_list('settings')), "@order",
        'stats settings has the known names in the known order');
    my $settings = $client->stats('settings');
    my %default = (maxbytes => 67_108_864, maxconns => 500, udpport => 0, inter => '127.0.0.1', verbosity => 0,
        evictions => 'on', domain_socket => 'NULL', umask => 700, shutdown_command => 'no',
        growth_factor => '1.25', chunk_size => 48, num_threads => 4, stat_key_prefix => ':',
        reqs_per_event => 20, cas_enabled => 'yes', tcp_backlog => 1024, binding_protocol => 'auto-negotiate',
        item_size_max => 1_048_576, maxconns_fast => 'yes', slab_chunk_max => 524_288, flush_enabled => 'yes',
        hot_max_factor => '0.20', warm_max_factor => '2.00', temporary_ttl => 61, idle_timeout => 0);
    is($settings->{$_}, $default{$_}, "the default of $_") for sort keys %default;
}

$client->says("stats wibble\r\nstats noreply\r\n", "ERROR\r\nERROR\r\n", 'an unknown kind of stats is an error');
$client->says_like("stats\r\n", qr/(?:STAT [^ \r]+ [^\r]+\r\n)+END\r\n/, 'stats ends with END');

{
    my $client = $server->client;
    $client->says("stats sizes\r\n", "STAT sizes_status disabled\r\nEND\r\n", 'sizes are not tracked');
}

# Figures that meet a reset are of before it or of after it, never less than nothing.
{
    my ($reader, $resetter) = ($server->client, $server->client);
    $resetter->push_blindly("get none\r\nstats reset\r\n" x 2000);
    my @wrapped;
    for (1 .. 200) {
        my $stats = $reader->stats;
        push @wrapped, grep { $stats->{$_} =~ /^[0-9]+$/ && $stats->{$_} > 2**62 } sort keys %$stats;
    }
    is("@wrapped", '', 'statistics that meet a reset do not wrap');
    $resetter->close;
}

done_testing;

# Sends the line and reads its replies, up to that of a version that follows.
sub converse {
    my ($client, $line) = @_;
    my $ends_itself = $line =~ /\r\nxyz\z/;
    $client->send($line . ($ends_itself ? '' : "\r\n") . "version\r\n");
    my $reply;
    do { $reply = $client->read_line } until $reply eq Client::VERSION_LINE || $client->ended;
    $client->read_line if $line =~ /version\z/;
    return;
}

# What moved between the two, as 'name name*times'.
sub moves {
    my ($before, $after) = @_;
    return sorted(join ' ', map {
        my $by = $after->{$_} - $before->{$_};
        $by == 0 ? () : $by == 1 ? $_ : "$_*$by"
    } @counters);
}

sub sorted { return join ' ', sort split ' ', $_[0] }
