#!/usr/bin/perl
# However little the system takes or gives at a time, and however often it says "not now", the
# replies are the same: tests of conversations pass under a storm of faults.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);

# One byte at a time now and then, and at other times none; nothing that ends a connection.
my @storm = (
    'recv short 1 one_in 2', 'recv EINTR one_in 5', 'recv EAGAIN one_in 3',
    'readv short 700 one_in 2', 'readv EAGAIN one_in 3', 'readv EINTR one_in 5',
    'send short 1 one_in 3', 'send EAGAIN one_in 3', 'send EINTR one_in 4',
    'sendmsg EINTR one_in 4',
    'recvfrom EINTR one_in 3', 'recvfrom EAGAIN one_in 3',
    'epoll_wait EINTR one_in 3', 'syscall EINTR one_in 2', 'syscall EAGAIN one_in 3',
    'read EINTR one_in 2', 'read EAGAIN one_in 3', 'write EINTR one_in 2',
    'accept4 EINTR one_in 2', 'accept4 ECONNABORTED one_in 3', 'accept4 EAGAIN one_in 3',
);
# A reply by UDP that the socket does not take is lost, so these are for streams.
my @streams = ('sendmsg short 1000 one_in 2', 'sendmsg EAGAIN one_in 3');
my @trickle = ('recv short 1', 'readv short 1 every 2', 'send short 1', 'sendmsg short 999');

my @tests = qw(split binary binary-framing meta cas noreply chunked-items backpressure);
my @rounds = (
    ['a storm', [@storm, @streams, 'seed 1'], @tests],
    ['a storm and UDP', [@storm, 'seed 2'], qw(udp binary-udp)],
    ['a trickle', \@trickle, qw(cas edges-mg edges-keys binary-edges)],
);

for my $round (@rounds) {
    my ($name, $plan, @names) = @$round;
    local $ENV{MEMCACHED_FAULTS} = join '; ', @$plan;
    for my $test (@names) {
        my $output = `$^X $Bin/../$test.t 2>&1`;
        ok($? == 0, "$name: t/$test.t passes") or diag(join "\n", grep { !/^ok / } split /\n/, $output);
    }
}

done_testing;
