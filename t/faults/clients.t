#!/usr/bin/perl
# What the system does not tell about a client, or does not do for it, costs nobody else anything.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Server;
use IO::Socket::INET;

# A client that cannot be watched is closed, and the next one is served.
{
    my $server = Server->start('-t 2');
    my $first = $server->client;
    $first->is_silent('a client');
    my $fds = open_fds($server);
    $first->faults('epoll_ctl ENOSPC times 3');
    for (1 .. 3) {
        my $client = $server->client;
        $client->is_eof('a client that cannot be watched is closed');
    }
    $server->client->is_silent('... the next one is served');
    wait_for(sub { $first->stats->{curr_connections} == 1 }, '... and no connection is left');
    is(open_fds($server), $fds, '... nor a descriptor');
}

# A client whose address is not known is served all the same.
{
    my $server = Server->start('-t 2 -o idle_timeout=1');
    my $first = $server->client;
    $first->faults('getpeername ENOBUFS', 'getsockname ENOBUFS');
    my $client = $server->client;
    $client->is_silent('served without an address');
    like($first->stats('conns')->{ (grep { /:addr$/ } keys %{ $first->stats('conns') })[0] } // '', qr/./, '... and shown');
    cmp_ok($first->fault_counts->{getpeername}{faulty}, '>=', 1, '... it was asked for');
    wait_for(sub { $first->ask('version'); $first->fault_counts->{getsockname}{faulty} >= 1 }, 'a silent client is looked at');
    $client->is_silent('... and kept, as it may be one on a unix socket');
}

# Network queues that are not known: the workers take turns.
{
    my $server = Server->start('-t 2 -N 2');
    my $first = $server->client;
    $first->faults('getsockopt EINVAL');
    $server->client->is_silent('served whatever queue it came by') for 1 .. 4;
    cmp_ok($first->fault_counts->{getsockopt}{faulty}, '>=', 4, '... it was asked for');
}

# The pipe to a worker: what is written is written in the end.
{
    my $server = Server->start('-t 1');
    my $first = $server->client;
    $first->faults('write EINTR every 2', 'read EINTR every 2', 'epoll_wait EINTR every 2', 'syscall EINTR');
    my @clients = map { $server->client } 1 .. 50;
    $_->is_silent('a client that came by an interrupted pipe') for @clients;
    my $counts = $first->fault_counts;
    cmp_ok($counts->{$_}{faulty}, '>', 0, "$_ was interrupted") for qw(write read epoll_wait);
    $first->faults('write EPIPE times 1');
    my $lost = $server->client;
    $lost->is_eof('a client that does not come through is closed');
    $first->faults;
    @clients = ();
    wait_for(sub { $first->stats->{curr_connections} == 1 }, '... and not counted');
    $server->client->is_silent('... and others come through');

    # What is done for a client that waits is not forgotten if the worker cannot be woken for it.
    my $waits = $server->client;
    $waits->send("debugwait a\r\n");
    wait_for(sub {
        $first->send("debugdone\r\n");
        return $first->read_until("END\r\n") eq "STAT count 1\r\nEND\r\n";
    }, 'a client waits');
    $first->faults('write ENOMEM times 1');
    $first->says("debugdone a\r\n", "STAT count 1\r\nEND\r\n", '... and what for is done');
    is($first->fault_counts->{write}{faulty}, 1, '... which cannot be said');
    $server->client->is_silent('... until the worker is woken for something else');
    $waits->says("version\r\n", "DONE a\r\n" . Client::VERSION_LINE, '... then it is answered');
}

# Threads that wait for each other's locks, interrupted while they sleep.
{
    my $server = Server->start('-t 4');
    my $first = $server->client;
    $first->set('n', 0);
    $first->faults('syscall EINTR every 2', 'syscall EAGAIN every 3');
    my @clients = map { $server->client } 1 .. 8;
    for my $round (1 .. 20) {
        $_->send("incr n 1 noreply\r\n" x 200) for @clients;
    }
    $_->is_silent('one of eight has counted') for @clients;
    is($first->get('n')->{value}, 8 * 20 * 200, 'with interrupted sleepers no count is lost');
    diag('futex waits, faulty: ' . join ' ', @{ $first->fault_counts->{syscall} }{qw(made faulty)});
}

# UDP: what cannot be sent is lost, and the next request is answered.
{
    my $server = Server->start('-t 2 -U -1');
    my ($port) = $server->ports('UDP');
    my $operator = $server->client;
    $operator->set('long', 'x' x 20_000);
    my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => "127.0.0.1:$port") or die "udp: $@";
    my $ask = sub {
        $socket->send(pack('nnnn', $_[0], 0, 1, 0) . $_[1]);
        return receive($socket);
    };
    is($ask->(1, "mn\r\n"), pack('nnnn', 1, 0, 1, 0) . "MN\r\n", 'a datagram is answered');
    for my $errno (qw(EAGAIN ENOBUFS ENOMEM EPERM EHOSTUNREACH ENETDOWN)) {
        $operator->faults("sendmsg $errno times 1");
        $socket->send(pack('nnnn', 2, 0, 1, 0) . "get long\r\n");
        wait_for(sub { $operator->fault_counts->{sendmsg}{faulty} == 1 }, "$errno: a reply is lost");
        is($ask->(3, "mn\r\n"), pack('nnnn', 3, 0, 1, 0) . "MN\r\n", '... the next one comes');
    }
    for my $errno (qw(EAGAIN EINTR ENOMEM)) {
        $operator->faults("recvfrom $errno times 5");
        is($ask->(4, "mn\r\n"), pack('nnnn', 4, 0, 1, 0) . "MN\r\n", "$errno: received in the end");
        is($operator->fault_counts->{recvfrom}{faulty}, 5, '... it did fail');
    }
    $operator->verifies;
}

# Watchers that cannot be sent anything, or not be watched for, leave; others go on.
for my $plan ('send ECONNRESET after 2 times 1', 'send ENOBUFS after 2 times 1', 'recv ECONNRESET times 1', 'epoll_ctl ENOSPC after 1 times 1', 'epoll_ctl ENOENT times 1; epoll_ctl ENOMEM times 1') {
    my $server = Server->start('-t 1');
    my $operator = $server->client;
    my $stays = $server->client;
    $stays->says("watch mutations\r\n", "OK\r\n", "$plan: a watcher");
    my $goes = $server->client;
    if ($plan =~ /epoll/) {
        $goes->is_silent('... and another, not yet');
        $operator->faults($plan);
        $goes->send("watch mutations\r\n");
    }
    else {
        $goes->says("watch mutations\r\n", "OK\r\n", '... and another');
        # Both are sent the line; whose turn comes first has the fault.
        $operator->faults($plan);
        $goes->send("x") if $plan =~ /^recv/;
        $operator->send("set k 0 0 1 noreply\r\nv\r\n") if $plan =~ /^send/;
    }
    wait_for(sub { $goes->read_some; $stays->read_some; $goes->{eof} || $stays->{eof} }, '... one of them is closed');
    my ($left) = grep { !$_->{eof} } $stays, $goes;
    $operator->faults;
    wait_for(sub { $operator->stats->{curr_connections} == 2 }, '... and not counted');
    $operator->send("set other 0 0 1 noreply\r\nv\r\n");
    like($left->read_until("key=other"), qr/key=other\z/, '... the other one is told what happens');
    is($operator->stats->{log_watchers} // 1, 1, '... one is left');
}

# Half of what is sent to a watcher, and what is told later.
{
    my $server = Server->start('-t 1');
    my $operator = $server->client;
    my $watcher = $server->client;
    $watcher->says("watch mutations\r\n", "OK\r\n", 'a watcher');
    $operator->faults('send short 1 every 2', 'send EAGAIN every 3', 'epoll_wait EINTR every 3');
    $operator->send(join '', map { "set k$_ 0 0 1 noreply\r\nv\r\n" } 1 .. 300);
    $operator->is_silent('three hundred items are stored');
    my $told = $watcher->read_until('key=k300 ');
    my @keys = $told =~ /^ts=\S+ gid=\d+ type=item_store key=(\w+)/mg;
    is(join(' ', @keys), join(' ', map { "k$_" } 1 .. 300), '... each is told once, in order, however it is sent');
}

# Sockets that a supervisor has opened, and what may be missing of them: t/supervisor.t passes
# them, here it is asked what each of the calls about them does.
{
    local $^F = 100;                    # it is to be inherited
    socket(my $socket, Socket::PF_INET(), Socket::SOCK_STREAM(), 0) or die "socket: $!";
    bind $socket, Socket::sockaddr_in(0, Socket::INADDR_LOOPBACK()) or die "bind: $!";
    listen $socket, 5 or die "listen: $!";
    for my $case (
        ['getsockopt EINVAL', 71, "LISTEN_FDS: descriptor 3: no stream socket that listens\n"],
        ['fcntl EINVAL after 1', 71, "LISTEN_FDS: descriptor 3: Invalid argument\n"],
        ['setsockopt ENOMEM', 71, "LISTEN_FDS: descriptor 3: Cannot allocate memory\n"],
        ['getsockname ENOBUFS', 71, "LISTEN_FDS: descriptor 3: No buffer space available\n"],
    ) {
        my ($plan, $code, $says) = @$case;
        is_deeply([passed($socket, $plan)], [$code, $says], "$plan: a socket that was passed is refused");
    }
}

done_testing;

# Starts the server with a listening socket as descriptor 3; its exit code and stderr.
sub passed {
    my ($socket, $plan) = @_;
    my $errors = scratch_path('stderr');
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDERR, '>', $errors;
        POSIX::dup2(fileno $socket, 3);
        @ENV{qw(LISTEN_PID LISTEN_FDS MEMCACHED_FAULTS)} = ($$, 1, $plan);
        exec { Server::program() } Server::program(), '-u', 'root' or POSIX::_exit(127);
    }
    my $status;
    wait_for(sub { defined($status = Server::_reap($pid, 0)) }, "$plan: the server ends") or kill 'KILL', $pid;
    return ($status >> 8, Server::_slurp($errors));
}

sub receive {
    my ($socket) = @_;
    IO::Select->new($socket)->can_read(10) or return 'nothing';
    $socket->recv(my $datagram, 2000);
    return $datagram;
}

sub open_fds {
    my ($server) = @_;
    return scalar(my @fds = glob '/proc/' . $server->pid . '/fd/*');
}
