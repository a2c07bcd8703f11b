#!/usr/bin/perl
# A start that the system refuses anything ends at once, with one clear line and an exit code.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Server;

use IO::Socket::UNIX;

use constant LISTENING => 'failed to listen on one of interface\(s\) 127\.0\.0\.1: ';

# The file of a unix socket whose server is gone.
my $stale = scratch_path('socket');
IO::Socket::UNIX->new(Local => $stale, Listen => 1) or die "$stale: $!";

my @refusals = (
    # plan, options, exit code, all of stderr
    ['mmap ENOMEM', '', 1, 'failed to make the cache: Cannot allocate memory'],
    ['mmap ENOMEM after 2', '', 1, 'failed to make the cache: Cannot allocate memory'],
    ['mprotect ENOMEM', '', 1, 'failed to make the cache: Cannot allocate memory'],
    ['mprotect ENOMEM after 1', '-L -m 64', 1,
        'Error while preallocating slab memory!\nIf using -L or other prealloc options, max memory must be at least \d+ megabytes\.'],
    ['mprotect ENOMEM after 3', '-L -m 64', 1,
        'Error while preallocating slab memory!\nIf using -L or other prealloc options, max memory must be at least \d+ megabytes\.'],
    ['eventfd EMFILE', '', 1, 'failed to make the cache: Too many open files'],
    ['epoll_create1 EMFILE', '', 1, 'logger: Too many open files'],
    ['epoll_create1 ENFILE after 1', '', 1, 'worker: Too many open files in system'],
    ['epoll_create1 EMFILE after 5', '', 1, 'epoll: Too many open files'],
    ['epoll_ctl ENOSPC', '', 1, 'logger: No space left on device'],
    ['epoll_ctl ENOSPC after 1', '', 1, 'worker: No space left on device'],
    ['epoll_ctl ENOMEM after 5', '', 1, 'epoll: Cannot allocate memory'],
    ['epoll_ctl ENOMEM after 6', '', 1, 'epoll: Cannot allocate memory'],
    ['epoll_ctl ENOMEM after 2', '-U -1', 1, 'worker: Cannot allocate memory'],
    ['pipe2 ENFILE', '', 1, 'worker: Too many open files in system'],
    ['pipe2 EMFILE after 2', '', 1, 'worker: Too many open files'],
    ['signalfd EMFILE', '', 1, 'signalfd: Too many open files'],
    ['pthread_sigmask EINVAL', '', 1, 'signalfd: Invalid argument'],
    (map { ["pthread_create EAGAIN after $_", '-o idle_timeout=5', 1,
        'failed to start a thread: Resource temporarily unavailable'] } 0 .. 9),
    ['socket EMFILE', '', 71, 'server_socket: Too many open files'],
    ['socket ENOBUFS', '', 71, LISTENING . 'No buffer space available'],
    ['setsockopt ENOMEM', '', 71, LISTENING . 'Cannot allocate memory'],
    ['bind EADDRINUSE', '', 71, LISTENING . 'Address already in use'],
    ['bind EADDRINUSE; strerror_r EINVAL', '', 71, LISTENING . 'Unknown error 98'],
    ['bind EACCES', '', 71, 'bind\(\): Permission denied\n' . LISTENING . 'Permission denied'],
    ['listen EADDRINUSE', '', 71, 'listen\(\): Address already in use\n' . LISTENING . 'Address already in use'],
    ['getsockname ENOBUFS', '', 71, 'getsockname\(\): No buffer space available\n' . LISTENING . 'No buffer space available'],
    ['connect EACCES', "-s $stale", 71, 'bind\(\): Permission denied\n' . "failed to listen on UNIX socket: $stale: Permission denied"],
    ['getaddrinfo EIO', '', 71, 'getaddrinfo\(\): Input/output error\n' . LISTENING . 'Input/output error'],
    ['setrlimit EPERM; getrlimit EIO', '-r', 71, 'failed to ensure corefile creation'],
    ['setrlimit EPERM', '-r', 71, 'failed to ensure corefile creation'],
    ['fork EAGAIN', '-d', 1, 'failed to daemon\(\) in order to daemonize'],
    ['prctl EINVAL', '-o drop_privileges', 1, '(?:failed to drop privileges: Invalid argument\n?)+'],
    ['prctl ENOSYS after 1', '-o drop_privileges', 1, '(?:failed to drop privileges: Function not implemented\n?)+'],
);
my @as_root = (
    ['getpwnam_r EIO', '-u nobody', 67, "can't find the user nobody to switch to"],
    ['setgroups EINVAL', '-u nobody', 71, 'failed to drop supplementary groups: Invalid argument'],
    ['setgid EPERM', '-u nobody', 71, 'failed to assume identity of user nobody'],
    ['setuid EAGAIN', '-u nobody', 71, 'failed to assume identity of user nobody'],
);

for my $refusal (@refusals, $> == 0 ? @as_root : ()) {
    my ($plan, $options, $exit_code, $says) = @$refusal;
    my ($code, $out, $err) = Server->refused("-t 4 $options", env => { MEMCACHED_FAULTS => $plan });
    is($code, $exit_code, "$plan ($options): refused");
    like($err, qr/\A$says\n?\z/, '... and it is said why');
}

# What is not needed is done without.
for my $tolerated (
    ['setrlimit EPERM times 1', '-r', ''],
    ['setsockopt ENOMEM after 5 times 1', '-U -1', 'setsockopt: Cannot allocate memory\n'],
    ['setrlimit EPERM', '', ''],              # a debug build goes on; t/daemon.t has the other
    ['mlockall ENOMEM; mlock2 EPERM', '-k', 'warning: -k: mlock2\(\) failed: Operation not permitted; memory taken from now on may be swapped out\n'
        . 'warning: -k invalid, mlockall\(\) failed: Cannot allocate memory\n'],
    ['mlockall ENOMEM; getrlimit EPERM', '-k', 'warning: -k invalid, mlockall\(\) failed: Cannot allocate memory\n'
        . '-k: memory of the cache is locked as it is taken, up to 0 kB\n'],
    ['mmap ENOMEM times 1', '', ''],
    ['getpwnam_r EINTR times 3', '', ''],
    ['gethostname EPERM', '', ''],
    ['prctl EINVAL', '', ''],
    ['madvise EINVAL', '-L -m 64', ''],
    $> == 0 ? ['setgroups EPERM', '', 'failed to drop supplementary groups: Operation not permitted\n'] : (),
    $> == 0 ? ['setgroups EPERM; poll EINTR times 3', '', 'failed to drop supplementary groups: Operation not permitted\n'] : (),
    $> == 0 ? ['setgroups EPERM; poll EIO', '', '1 log lines dropped\n'] : (),
) {
    my ($plan, $options, $says) = @$tolerated;
    my $server = Server->start("-t 2 $options", env => { MEMCACHED_FAULTS => $plan });
    $server->client->is_silent("$plan ($options): the server serves");
    like($server->stderr, qr/\A$says\z/, '... and says as much as it should');
}

# Who puts a socket beside others waits for its turn, for a second; not where there are no turns.
for my $case (['flock EAGAIN times 3', 4], ['flock EAGAIN', 100], ['flock EIO', 1]) {
    my ($plan, $tries) = @$case;
    my $server = Server->start("-s $stale", env => { MEMCACHED_FAULTS => $plan });
    is($server->client->fault_counts->{flock}{made}, $tries, "$plan: tried as often as it may help");
    is($server->stop, 0, '... and served');
}

# In the background nobody is told, but the process ends.
for my $plan ('setsid EPERM', 'dup2 EIO') {
    my $pid_file = scratch_path('pid');
    my ($code, $out, $err) = Server->refused("-d -P $pid_file", env => { MEMCACHED_FAULTS => $plan });
    is($code, 0, "$plan: who was called has gone by then");
    ok(!-e $pid_file, '... and no pid file was written');
}

# A process whose number stands in an old pid file, and that cannot be asked for.
{
    my $pid_file = scratch_path('pid');
    open my $old, '>', $pid_file or die "$pid_file: $!";
    print {$old} "$$\n";
    close $old;
    for my $case (['kill ESRCH', ''], ['kill EPERM', "WARNING: The pid file contained the following (running) pid: $$\n"]) {
        my ($plan, $says) = @$case;
        my $server = Server->start("-P $pid_file", env => { MEMCACHED_FAULTS => "$plan times 1" });
        $server->client->is_silent("$plan: served");
        wait_for(sub { $server->stderr eq $says }, '... and told as it is');
        $server->stop;
        open $old, '>', $pid_file or die "$pid_file: $!";
        print {$old} "$$\n";
        close $old;
    }
}

# A plan that cannot be read is no plan.
for my $plan ('recv', 'recv WIBBLE', 'wibble EIO', 'read short 3', 'recv short 0', 'recv EIO every', 'recv EIO every x', 'recv EIO 5', 'seed', 'seed 1 2') {
    my ($code, undef, $err) = Server->refused('', env => { MEMCACHED_FAULTS => "$plan; seed 3" });
    is($code, 1, "'$plan' is no plan");
    is($err, "MEMCACHED_FAULTS: not a rule: $plan\n", '... which is said');
}

done_testing;
