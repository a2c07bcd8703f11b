#!/usr/bin/perl
# Address space: as much is reserved as -m needs, more when it is needed, and a limit on it is kept.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant MIB => 1 << 10;            # in kilobytes, as ulimit and /proc count

# What ps shows is in proportion to -m.
for my $row ([64, 1024], [1024, 2048]) {
    my ($megabytes, $most) = @$row;
    my $server = Server->start("-m $megabytes");
    my $size = size($server);
    cmp_ok($size, '>', $megabytes * MIB, "-m $megabytes: address space for that");
    cmp_ok($size, '<', $most * MIB, '... and not much more');
    my $client = $server->client;
    is($client->ask('cache_memlimit ' . 2 * $megabytes), 'OK', '... a higher limit');
    cmp_ok(size($server) - $size, '>=', $megabytes * MIB, '... takes more of it');
}

# What hosting panels and batch systems leave to a process is enough if -m fits in.
for my $row ([64, 600], [1024, 1600], [1024, 2000], [4096, 6000]) {
    my ($megabytes, $limit) = @$row;
    my $server = start_within($limit, "-t 4 -m $megabytes");
    my $client = $server->client;
    is($client->set('k', 'v'), 'STORED', "-m $megabytes with $limit megabytes of addresses starts and serves");
    cmp_ok(size($server), '<=', $limit * MIB, '... within them');
    is($client->ask('cache_memlimit 65536'), 'MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust',
        '... a limit that does not fit in is refused');
    is($client->stats->{limit_maxbytes}, $megabytes << 20, '... and changes nothing');
    is($client->get('k')->{value}, 'v', '... for anybody');
}

# Memory that is all used, under a limit that leaves it just room.
{
    my $server = start_within(700, '-t 4 -m 64');
    my $client = $server->client;
    $client->set("k$_", 'x' x 400_000) for 1 .. 400;
    cmp_ok($client->stats->{evictions}, '>', 100, 'a cache under a limit fills up and evicts');
    is(length $client->get('k400')->{value}, 400_000, '... and has what came last');
    $client->verifies;
}

done_testing;

# Kilobytes of address space.
sub size {
    my ($server) = @_;
    my $path = '/proc/' . $server->pid . '/status';
    open my $file, '<', $path or die "$path: $!";
    my ($size) = map { /^VmSize:\s+([0-9]+) kB/ } <$file>;
    return $size;
}

# A server that may have so many megabytes of address space.
sub start_within {
    my ($megabytes, $options) = @_;
    my $program = scratch_path('program');
    my $limit = $megabytes * MIB;
    write_file($program, "#!/bin/sh\nulimit -v $limit && exec " . Server::program() . ' "$@"' . "\n");
    chmod 0700, $program;
    local $ENV{MEMCACHED_DEBUG} = $program;
    return Server->start($options);
}
