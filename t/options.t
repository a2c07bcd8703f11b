#!/usr/bin/perl
# Options that other tests have no subject for: what they set, and what they do.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;
use Time::HiRes ();

# What is refused.
for my $row (
    # options                                code  stderr
    ['-N 0',                                 1,    'Maximum number of NAPI IDs must be greater than 0'],
    ['-N 5',                                 64,   'Number of napi_ids(5) cannot be greater than number of threads(4)'],
    ['-N 5 -I 100 -t 4',                     64,   'Number of napi_ids(5) cannot be greater than number of threads(4)'],
    ['-o idle_timeout',                      1,    'Missing numeric argument for idle_timeout'],
    ['-o read_buf_mem_limit',                1,    'Missing read_buf_mem_limit argument'],
    ['-o read_buf_mem_limit=x',              1,    'could not parse argument to read_buf_mem_limit'],
    ['-o read_buf_mem_limit=-1',             1,    'could not parse argument to read_buf_mem_limit'],
    ['-o maxconns_fast,nonsense=3',          1,    'Illegal suboption "nonsense=3"'],
    ['-o no_idle_timeout',                   1,    'Illegal suboption "no_idle_timeout"'],
    ['-o num_napi_ids=2',                    1,    'Illegal suboption "num_napi_ids=2"'],
    ['-o read_buf=2',                        1,    'Illegal suboption "read_buf=2"'],
    ['-c 20',                                1,    'Maxconns setting is too low, use -c to increase.'],
    ['-p -2 -l 127.0.0.1',                   71,   'getaddrinfo(): Servname not supported for ai_socktype'],
    ['-P',                                   1,    'Illegal argument "?"'],
) {
    my ($options, $expect, $text) = @$row;
    my ($code, $out, $err) = Server->refused($options, as_given => $options eq '-P');
    is($code, $expect, "'$options' is refused");
    like($err, qr/^\Q$text\E$/m, '... and why');
    is($out, '', '... on stderr alone');
}

# What this build does not have, it says by name.
for my $row (
    # options                   code  stderr
    ['-e /tmp/memory',          1,    'memcached: option -e (--memory-file) is not available in this version'],
    ['-Z',                      64,   'This server is not built with TLS support.'],
    ['-o ssl_key=x',            1,    'memcached: option -o ssl_key is not available in this version'],
    ['-o ext_path=/tmp/x:64m',  1,    'memcached: option -o ext_path is not available in this version'],
    ['-o proxy_config=x',       1,    'Illegal suboption "proxy_config=x"'],
    ['-l notls:127.0.0.1',      71,   q('notls' option is valid only when SSL is enabled)],
    ['-l proto[proxy]:127.0.0.1', 71, 'Server not built with proxy: "proto[proxy]:127.0.0.1"'],
) {
    my ($options, $expect, $text) = @$row;
    my ($code, undef, $err) = Server->refused($options);
    is($code, $expect, "'$options' is not there");
    like($err, qr/^\Q$text\E$/m, '... which is said');
}

# What is set is shown.
for my $row (
    # options                        setting                value
    ['-N 3',                         'num_napi_ids',        3],
    ['--napi-ids=4',                 'num_napi_ids',        4],
    ['-o idle_timeout=5',            'idle_timeout',        5],
    ['-o read_buf_mem_limit=64',     'read_buf_mem_limit',  64 << 20],
    ['-o drop_privileges',           'drop_privileges',     'yes'],
    ['-o no_maxconns_fast',          'maxconns_fast',       'no'],
    ['-o maxconns_fast=0',           'maxconns_fast',       'yes'],
    ['-o resp_obj_mem_limit=5',      'num_threads',         4],
    ['-o sock_cookie_id=x',          'num_threads',         4],
    ['-o modern,no_inline_ascii_resp,inline_ascii_resp', 'inline_ascii_response', 'no'],
    ['--enable-shutdown',            'shutdown_command',    'yes'],
    ['--verbose=3 --verb',           'verbosity',           2],
) {
    my ($options, $setting, $value) = @$row;
    my $server = Server->start($options);
    is($server->client->stats('settings')->{$setting}, $value, "'$options' starts with $setting $value");
    my $remark = $options =~ /resp_obj/ ? "DEPRECATED: resp_obj_mem_limit no longer used. See read_buf_mem_limit,\n" : '';
    is($server->stderr, $remark, '... without a word') unless $options =~ /verb/;
    is($server->stop, 0, '... and stops');
}

# What well-known test suites start servers with.
for my $options (
    '-o relaxed_privileges,modern',
    '-C', '-b 8675', '-B auto', '-B ascii', '-B auto -vv', '-F', '-W', '-M -m 2', '-R 1', '-m 3', '-A', '-X',
    '-o no_modern', '-o no_modern,slab_chunk_max=4', '-o read_buf_mem_limit=1 -t 32 -R 500', '-m 64 -U 0',
    '-o idle_timeout=3', '-o drop_privileges', '-m 3 -o modern,slab_automove_window=3', '-m 4098 -M',
    '-m 48 -o slab_chunk_max=16', '-m 32 -o no_modern', '-m 32 -o no_modern,lru_crawler',
    '-m 6 -o lru_maintainer,lru_crawler', '-m 2 -o lru_maintainer,lru_crawler,temporary_ttl=61',
    '-o slab_reassign -m 4', '-o slab_reassign,no_slab_automove -m 8',
    '-o slab_reassign,slab_automove,lru_crawler,lru_maintainer,slab_chunk_max=4 -m 60',
    '-o slab_reassign,slab_automove,lru_crawler,lru_maintainer,slab_automove_window=3 -m 60',
    '-o no_lru_crawler,slab_reassign,slab_automove=0,slab_chunk_max=16 -m 12', '-m 16 -o modern',
    '-m 60 -o watcher_logbuf_size=8', '-I 1024 -o slab_chunk_max=1,no_lru_crawler,no_lru_maintainer',
    '-I 2097152', '-I 512k -o slab_chunk_max=16', '-m 256 -I 32m',
) {
    my $server = eval { Server->start($options) };
    SKIP: {
        skip "'$options': $1", 2 if !$server && $@ =~ /^memcached: (option \S.* is not available in this version)$/m;
        $server or fail("'$options' starts") or diag($@), next;
        $server->client->says("set k 0 0 1\r\nv\r\nget k\r\n", "STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n", "'$options' starts and serves");
        is($server->stop, 0, '... and stops');
    }
}

# A relaxed sandbox is what test suites ask for; others do not know it.
SKIP: {
    my $server = Server->start('-o relaxed_privileges');
    $server->client->is_silent('a debug build knows relaxed_privileges');
    -x Server::program('release') or skip 'no release build', 2;
    my ($code, undef, $err) = Server->refused('-o relaxed_privileges', build => 'release');
    is($code, 1, 'another one does not');
    is($err, "Illegal suboption \"relaxed_privileges\"\n", '... and says so');
}

# Clients by network queue: those from this machine come by none, so all threads take turns.
{
    my $server = Server->start('-t 4 -N 2');
    my $watcher = $server->client;
    my $before = $watcher->stats;
    my @clients = map { $server->client } 1 .. 8;
    $_->is_silent('a client is served') for @clients;
    my $after = $watcher->stats;
    is($after->{round_robin_fallback}, $before->{round_robin_fallback} + 8, 'clients without a queue are counted');
    is($after->{unexpected_napi_ids}, 0, '... and no unexpected queue');
    $watcher->ask('stats reset');
    is($watcher->stats->{round_robin_fallback}, 0, '... until a reset');
    my $without = Server->start('');
    is($without->client->stats->{round_robin_fallback}, 0, 'without -N nobody asks');
}

# Huge pages. The kernel's file is replaced by others in a mount namespace.
{
    my $file = '/sys/kernel/mm/transparent_hugepage/enabled';
    my $has = slurp($file) =~ /\[(?:always|madvise)\]/;
    SKIP: {
        $has or skip 'no huge pages here', 7;
        my $server = Server->start('-L -vv');
        $server->client->is_silent('with -L it starts where there are huge pages');
        like($server->stderr, qr/\Ahuge page size: 2097152\nslab class   1: /, '... and says how large they are');
        my $slabs = $server->client->stats('slabs');
        is("$slabs->{active_slabs} $slabs->{total_malloced}", '39 40894464', '... each class has a page from the start');
        is($server->client->ask('cache_memlimit 100'), 'MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust',
            '... and the limit stays what it was');
        my ($code, undef, $why) = Server->refused('-L -m 38');
        is($code, 1, '... which has to be enough for that');
        is($why, "Error while preallocating slab memory!\nIf using -L or other prealloc options,"
            . " max memory must be at least 39 megabytes.\n", '... or the server says how much is');
        is($server->stop, 0, '... and stops');
    }
    SKIP: {
        skip 'no mount namespace may be made here', 2 if $> != 0 || !-e $file || system 'unshare -m true 2>/dev/null';
        my $never = scratch_path('never');
        open my $out, '>', $never or die "$never: $!";
        print $out "always madvise [never]\n";
        close $out;
        my $program = Server::program();
        my $said = `unshare -m sh -c 'mount --bind $never $file && exec timeout 10 $program -u root -L -p 0' 2>&1`;
        is($? >> 8, 1, '... it does not where there are none');
        is($said, "Transparent huge pages support disabled.\nWill use default page size.\n"
            . "Cannot enable large pages on this system\n(There is no support as of this version)\n", '... and says why');
    }
}

# Marks of sockets.
SKIP: {
    my $server = Server->start('-o sock_cookie_id=7');
    $server->client->is_silent('with a mark it serves');
    my ($refused) = $server->stderr =~ /^setsockopt: (.*)$/m;
    ok(!$refused || $refused eq 'Operation not permitted', $refused ? 'it may not set it, and says so' : 'it sets it');
    $> == 0 or skip 'not root', 2;
    $server = Server->start('-u nobody -o sock_cookie_id=7');
    $server->client->is_silent('who may not set a mark serves without');
    is($server->stderr, "setsockopt: Operation not permitted\n", '... after a word');
}

# Out of descriptors nobody runs in circles.
{
    my $server = Server->start('-t 1 -c 40 -o no_maxconns_fast');
    my $watcher = $server->client;
    my @clients;
    until ($watcher->stats->{listen_disabled_num} || @clients > 60) {
        push @clients, eval { $server->client } // last;    # refused: it has stopped just now
    }
    wait_for(sub { !$watcher->stats->{accepting_conns} }, 'when descriptors run out accepting stops');
    my @begin = (Time::HiRes::time(), cpu($watcher));
    my $times = $watcher->stats->{listen_disabled_num};
    wait_for(sub { $watcher->stats->{listen_disabled_num} >= $times + 1 }, '... it is tried again now and then');
    my $share = (cpu($watcher) - $begin[1]) / (Time::HiRes::time() - $begin[0]);
    cmp_ok($share, '<', 0.5, '... which is little work');
    is(() = $server->stderr =~ /^accept4\(\): Too many open files$/mg, $watcher->stats->{listen_disabled_num},
        '... and each time it is told');
    $_->close for @clients;
    wait_for(sub { $watcher->stats->{accepting_conns} }, 'when they come back it goes on');
    $server->client->is_silent('... for new clients, too');
}

done_testing;

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}

sub cpu {
    my ($client) = @_;
    my $stats = $client->stats;
    return $stats->{rusage_user} + $stats->{rusage_system};
}
