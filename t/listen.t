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
