#!/usr/bin/perl
# The server listens where it was told to, and nowhere else.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX ();

# Several addresses.
{
    my $server = Server->start('-l 127.0.0.1,127.0.0.2');
    my @ports = $server->ports('TCP');
    is(scalar @ports, 2, 'a list of two addresses is two listeners');
    $server->client(host => '127.0.0.1', port => $ports[0])->is_silent('the first serves');
    $server->client(host => '127.0.0.2', port => $ports[1])->is_silent('the second serves');
    is($server->client->stats('settings')->{inter}, '127.0.0.1,127.0.0.2', 'the settings name them');
}
{
    my $server = Server->start('-l 127.0.0.1 -l 127.0.0.2');
    my @ports = $server->ports('TCP');
    is(scalar @ports, 2, '-l may be repeated');
    $server->client(host => '127.0.0.1', port => $ports[0])->is_silent('the first serves');
    $server->client(host => '127.0.0.2', port => $ports[1])->is_silent('the second serves');
}
{
    my $port = free_port();
    my $server = Server->start("-p $port -l 127.0.0.1,127.0.0.2");
    is(join(' ', $server->ports('TCP')), "$port $port", 'one port may serve several addresses');
    $server->client(host => $_, port => $port)->is_silent("$_ serves") for '127.0.0.1', '127.0.0.2';
    my $elsewhere = IO::Socket::IP->new(PeerHost => '127.0.0.3', PeerPort => $port);
    ok(!$elsewhere, 'an address not named does not');
}

# Addresses with ports of their own.
{
    my ($one, $two) = (free_port(), free_port());
    my $server = Server->start("-l 127.0.0.1:$one,127.0.0.1:$two");
    is(join(' ', $server->ports('TCP')), "$one $two", 'an address may bring its port');
    $server->client(host => '127.0.0.1', port => $_)->is_silent('... which serves') for $one, $two;
}

# Names and IPv6.
{
    my $server = Server->start('-l localhost');
    my ($port) = $server->ports('TCP', 'INET');
    $server->client(host => '127.0.0.1', port => $port)->is_silent('a name is resolved');
}
SKIP: {
    IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1) or skip 'no IPv6 here', 3;
    my $server = Server->start('-l [::1]');
    my ($port) = $server->ports('TCP', 'INET6');
    ok($port, 'an IPv6 address in brackets');
    $server->client(host => '::1', port => $port)->is_silent('... serves');
    $server = Server->start('-l ::1');
    $server->client(host => '::1', port => ($server->ports('TCP', 'INET6'))[0])->is_silent('... without brackets too');
}

# Ports.
{
    my ($one, $two) = (Server->start('-p -1'), Server->start('-p -1'));
    cmp_ok($one->port, '!=', $two->port, 'port -1 is any free port, so two servers can run');
    my $port = free_port();
    my $server = Server->start("-p $port");
    is($server->port, $port, 'a port that is given is taken');
    is($server->client->stats('settings')->{tcpport}, $port, '... and shown');
    my ($code, undef, $stderr) = Server->refused("-p $port");
    is($code, 71, 'a port that is taken is refused');
    like($stderr, qr/^failed to listen on one of interface\(s\) 127\.0\.0\.1: Address already in use$/m, '... and why');
}

# A unix socket.
{
    my $path = scratch_path('socket');
    my $server = Server->start(['-s', $path]);
    ok(-S $path, '-s makes a socket');
    is(mode($path), '0700', '... for its owner alone');
    my $client = $server->client;
    $client->says("set a 0 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n", '... which serves');
    my $settings = $client->stats('settings');
    is($settings->{domain_socket}, $path, '... and is shown');
    is($settings->{umask}, '700', '... with its mode');
    is($server->stop, 0, 'it stops in order');
    ok(-S $path, '... and leaves the socket file');

    $server = Server->start(['-s', $path, '-a', '0777']);
    $server->client->is_silent('a leftover socket file is replaced');
    is(mode($path), '0777', '-a gives its mode');
    $server->stop;
    $server = Server->start(['-s', $path, '-a', '660']);
    is(mode($path), '0660', '... in octal');
}

# A unix socket that somebody has already.
{
    my $path = scratch_path('socket');
    my $server = Server->start(['-s', $path]);
    my $refused = sub {
        my ($when) = @_;
        my ($code, undef, $stderr) = Server->refused(['-s', $path]);
        is($code, 71, "a socket is not taken away from $when");
        is($stderr, "bind(): Address already in use\nfailed to listen on UNIX socket: $path: Address already in use\n",
            '... the reason is told');
    };
    $refused->('a server that lives');
    is($server->client->stats->{pid}, $server->pid, '... which goes on');
    $server->suspend;
    $refused->('one that stands still');
    $server->signal('CONT');
    $server->client->is_silent('... and serves when it goes on');
    $server->signal('KILL');
    is($server->wait_failure, 'signal 9', 'when it is killed');
    ok(-S $path, '... the file stays');

    # It is for one of several that start at the same moment.
    for my $round (1 .. 5) {
        my (@pids, @ended);
        for (1 .. 4) {
            my $pid = fork // die "fork: $!";
            if (!$pid) {
                open STDERR, '>', '/dev/null';
                exec Server::program(), '-s', $path, $> == 0 ? ('-u', 'root') : () or POSIX::_exit(127);
            }
            push @pids, $pid;
        }
        my %alive = map { $_ => 1 } @pids;
        until (keys %alive == 1) {
            my $pid = waitpid -1, 0;
            push @ended, $? >> 8 if delete $alive{$pid};
        }
        is("@ended", '71 71 71', 'of four that start at once three are refused');
        my ($left) = keys %alive;
        my $socket = IO::Socket::UNIX->new(Peer => $path) or die "connect: $!";
        is(Client->new($socket)->stats->{pid}, $left, '... and the other one has the socket');
        kill 'KILL', $left;
        waitpid $left, 0;
    }
    $server = Server->start(['-s', $path]);
    $server->client->is_silent('... and then it is free');
}
{
    my $pipe = scratch_path('fifo');
    POSIX::mkfifo($pipe, 0600) or die "$pipe: $!";
    my ($code, undef, $stderr) = Server->refused(['-s', "$pipe/socket"]);
    like("$code $stderr", qr/^71 bind\(\): Not a directory$/m, 'a socket is not put into a pipe, nor does it wait for one');
}
for my $mode (qw(abc 888 0778 10000), '') {
    my ($code, undef, $stderr) = Server->refused(['-s', scratch_path('socket'), '-a', $mode]);
    is("$code $stderr", "64 ERROR: Invalid mask $mode of the unix socket: octal numbers up to 7777 are possible.\n",
        "-a '$mode' is refused");
}
{
    my $path = scratch_path('file');
    open my $file, '>', $path or die "$path: $!";
    print $file "precious\n";
    close $file;
    my ($code, undef, $stderr) = Server->refused(['-s', $path]);
    is($code, 71, 'a file that is no socket is not replaced');
    like($stderr, qr/^bind\(\): Address already in use$/m, '... the reason is told');
    like($stderr, qr/^failed to listen on UNIX socket: \Q$path\E: /m, '... with the path');
    open $file, '<', $path or die "$path: $!";
    is(<$file>, "precious\n", '... and the file is left alone');
}
{
    my ($code, undef, $stderr) = Server->refused(['-s', '/nonexistent/socket']);
    is($code, 71, 'a socket in no directory is refused');
    like($stderr, qr/^bind\(\): No such file or directory$/m, '... the reason is told');
}

done_testing;

sub mode { return sprintf '%04o', (stat $_[0])[2] & 0777 }
