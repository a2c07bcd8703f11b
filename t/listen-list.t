#!/usr/bin/perl
# The list of -l means what it has always meant, to the letter; so do ports and socket files.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Client;
use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX ();
use Server;

my $free = free_port();
my $has_ipv6 = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1) ? 1 : 0;

# Lists that are good: how many listeners of each family they make.
for my $row (
    # list                                                  INET  INET6  first port
    ['127.0.0.1',                                           1,    0],
    ['127.0.0.1,127.0.0.2',                                 2,    0],
    ['127.0.0.1;127.0.0.2',                                 2,    0],
    [',127.0.0.1,,;127.0.0.2,',                             2,    0],
    ['127.0.0.1:0',                                         1,    0],
    ['127.0.0.1:-1',                                        1,    0],
    ["127.0.0.1:$free",                                     1,    0,     $free],
    ['127.0.0.1:' . ($free + 65_536),                       1,    0,     $free],
    ["127.0.0.1:+$free",                                    1,    0,     $free],
    ["127.0.0.1:$free ,127.0.0.2",                          2,    0,     $free],
    ["127.0.0.1:$free,127.0.0.2:$free",                     2,    0,     $free],
    ['*',                                                   1,    $has_ipv6],
    ['*:0',                                                 1,    $has_ipv6],
    ['0.0.0.0',                                             1,    0],
    ['proto[ascii]:127.0.0.1',                              1,    0],
    ['proto[asc]:127.0.0.1',                                1,    0],
    ['proto[]:127.0.0.1',                                   1,    0],
    ['proto[negotiating]:127.0.0.1',                        1,    0],
    ['proto[unheard-of]:127.0.0.1',                         1,    0],
    ['tag[a]:127.0.0.1',                                    1,    0],
    ['tag[12345678]:127.0.0.1',                             1,    0],
    ['tag_abc_:127.0.0.1',                                  1,    0],
    ["proto[ascii]:tag[x]:127.0.0.1:$free",                 1,    0,     $free],
    $has_ipv6 ? (
        ['::1',                                             0,    1],
        ['[::1]',                                           0,    1],
        ["[::1]:$free",                                     0,    1,     $free],
        ["127.0.0.1,[::1]:$free",                           1,    1],
        ['::',                                              0,    1],
    ) : (),
) {
    my ($list, $inet, $inet6, $port) = @$row;
    my $server = start_listed($list);
    is(scalar $server->ports('TCP', 'INET'), $inet, "'$list': listeners for IPv4");
    is(scalar $server->ports('TCP', 'INET6'), $inet6, '... and for IPv6');
    is(($server->ports('TCP'))[0], $port, '... the port is that of the list') if $port;
    is($server->stderr, '', '... without a word');
    my $host = $inet ? '127.0.0.1' : '::1';
    my $client = $server->client(host => $host, port => ($server->ports('TCP', $inet ? 'INET' : 'INET6'))[0]);
    is($client->stats('settings')->{inter}, $list, '... and the settings show it');
}

# Lists that are not. All is tried, then nothing is started.
for my $row (
    # list                             what is said, then the line with the list
    ['127.0.0.1:x',                    "Invalid port number: \"x\"\n"],
    ['127.0.0.1:',                     "Invalid port number: \"\"\n"],
    ['127.0.0.1:1x',                   "Invalid port number: \"1x\"\n"],
    ['[::1',                           'Invalid IPV6 address: "[::1"'],
    ['notls:127.0.0.1',                "'notls' option is valid only when SSL is enabled\n"],
    ['btls:127.0.0.1',                 "'btls' option is valid only when SSL is enabled\n"],
    ['mtls:127.0.0.1',                 "'otls' option is valid only when SSL is enabled\n"],
    ['proto[ascii:127.0.0.1',          "Invalid protocol spec: \"proto[ascii:127.0.0.1\"\n"],
    ['proto[proxy]:127.0.0.1',         "Server not built with proxy: \"proto[proxy]:127.0.0.1\"\n"],
    ['tag[]:127.0.0.1',                "Listener tags must be between 1 and 8 characters: \"tag[]:127.0.0.1\"\n"],
    ['tag[123456789]:127.0.0.1',       "Listener tags must be between 1 and 8 characters: \"tag[123456789]:127.0.0.1\"\n"],
    ['tag_123456789_:127.0.0.1',       "Listener tags must be between 1 and 8 characters: \"tag_123456789_:127.0.0.1\"\n"],
    ['tag[a:127.0.0.1',                "Invalid tag in socket config: \"tag[a:127.0.0.1\"\n"],
    ['tag_a:127.0.0.1',                "Invalid tag in socket config: \"tag_a:127.0.0.1\"\n"],
    ['127.0.0.1:-2',                   "getaddrinfo(): Servname not supported for ai_socktype\n"],
    ['198.51.100.1',                      "bind(): Cannot assign requested address\n"],
    ['127.0.0.1,198.51.100.1',            "bind(): Cannot assign requested address\n"],
    ['198.51.100.1,203.0.113.1',            "bind(): Cannot assign requested address\n" x 2],
) {
    my ($list, $said) = @$row;
    my ($code, undef, $err) = Server->refused(['-p', '-1', '-l', $list]);
    is($code, 71, "'$list' is refused");
    like($err, qr/\A\Q$said\Efailed to listen on one of interface\(s\) \Q$list\E: .+\n\z/, '... in the known words');
}
SKIP: {
    my ($code, undef, $err) = Server->refused('-l no.such.host.invalid -p -1');
    is($code, 71, 'a host that cannot be resolved is refused');
    like($err, qr/\Agetaddrinfo\(\): \S.*\nfailed to listen on one of interface\(s\) no\.such\.host\.invalid: /, '... in the known words');
}

# Repeated.
for my $row (
    [['-l', '127.0.0.1', '-l', '127.0.0.2'],  '127.0.0.1,127.0.0.2', 2],
    [['-l', '127.0.0.11', '-l', '127.0.0.1'], '127.0.0.11',          1],
    [['-l', '127.0.0.1', '-l', '127.0.0.1'],  '127.0.0.1',           1],
    [['-l', '127.0.0.1', '-l', '127.0.0.11'], '127.0.0.1,127.0.0.11', 2],
) {
    my ($args, $inter, $count) = @$row;
    my $server = Server->start($args);
    is(scalar $server->ports('TCP'), $count, "@$args: listeners");
    my $settings = $server->client->stats('settings');
    is($settings->{inter}, $inter, '... and what the settings show');
    is($settings->{num_threads_per_udp}, $inter =~ /,/ ? 1 : 4, '... threads per UDP socket');
}

# No listener at all is allowed.
for my $args (['-p', '0'], ['-p', 'abc'], ['-l', ''], ['-l', ',']) {
    my $server = Server->start([@$args, '-A']);
    is(join(' ', $server->ports), '', "'@$args': a server without a listener");
    is($server->stop, 0, '... runs and stops');
}

# Without -l: two sockets, each by itself.
{
    my $server = start_bare('-p', '-1');
    my @ports = ([$server->ports('TCP', 'INET')], [$server->ports('TCP', 'INET6')]);
    is("@{[map { scalar @$_ } @ports]}", "1 $has_ipv6", 'without -l: a socket for each family');
    isnt($ports[0][0], $ports[1][0], '... with ports of their own') if $has_ipv6;
}
SKIP: {
    $has_ipv6 or skip 'no IPv6 here', 4;
    my $holder = IO::Socket::IP->new(LocalHost => '0.0.0.0', LocalPort => 0, Listen => 1) or die "socket: $@";
    my $port = $holder->sockport;
    my $server = start_bare('-p', $port);
    is(join(' ', map { "@$_[1, 2]" } @{ $server->{ports} }), "INET6 $port", 'an address in use is passed over');
    is($server->stderr, '', '... without a word');
    my $both = IO::Socket::IP->new(LocalHost => '0.0.0.0', LocalPort => 0, Listen => 1) or die "socket: $@";
    $port = $both->sockport;
    my $six = IO::Socket::IP->new(LocalHost => '::', LocalPort => $port, Listen => 1, V6Only => 1) or skip 'port taken', 2;
    my ($code, undef, $err) = Server->refused(['-u', 'root', '-p', $port], as_given => 1);
    is($code, 71, '... unless both are');
    is($err, "failed to listen on TCP port $port: Address already in use\n", '... in the known words');
}
{
    my $holder = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1) or die "socket: $@";
    my $port = $holder->sockport;
    my ($code, undef, $err) = Server->refused("-l 127.0.0.2:0,127.0.0.1:$port");
    is($code, 71, 'one address of a list that is in use is enough');
    is($err, "failed to listen on one of interface(s) 127.0.0.2:0,127.0.0.1:$port: Address already in use\n",
        '... in the known words');
}

# The file of ports.
{
    my $plain = Server->start('-l 127.0.0.1,127.0.0.2');
    is(scalar(() = slurp($plain->{port_file}) =~ /^TCP INET: [0-9]+\n/mg), 2, 'the port file has a line for each socket');
    ok(!-e "$plain->{port_file}.lck", '... and no other file is left');
    my $path = scratch_path('socket');
    my $unix = Server->start(['-s', $path]);
    $unix->client->is_silent('a server on a unix socket');
    ok(!-e $unix->{port_file}, '... writes none');
}
{
    my ($code, undef, $err) = Server->refused('-p 0 -c 1', env => { MEMCACHED_PORT_FILENAME => '/nonexistent/ports' });
    isnt($code, 0, 'the limit is looked at before the file');
    my $path = scratch_path('err');
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $ENV{MEMCACHED_PORT_FILENAME} = '/nonexistent/ports';
        open STDERR, '>', $path;
        exec Server::program(), '-p', '0', $> == 0 ? ('-u', 'root') : () or POSIX::_exit(127);
    }
    wait_for(sub { slurp($path) eq "Failed to open \"/nonexistent/ports.lck\": No such file or directory\n" },
        'a port file that cannot be written is told');
    kill 'TERM', $pid;
    waitpid $pid, 0;
    is($?, 0, '... and stops nobody');
}

# Socket files.
{
    my $path = scratch_path('socket');
    my $first = Server->start(['-s', $path, '-a', '0600']);
    my $early = $first->client;
    $early->is_silent('a server on a socket file');
    # It could once; t/listen.t has more of that.
    my ($code) = Server->refused(['-s', $path, '-a', '0640']);
    is($code, 71, '... a second one does not take it over');
    is(mode($path), '0600', '... and leaves it as it is');
    $early->is_silent('... as clients of the first one do');
    is($first->stop, 0, 'when that has stopped');
    my $second = Server->start(['-s', $path, '-a', '7777']);
    is(mode($path), '0777', '... a second one does, and only the nine lowest bits of a mask count');
    my $settings = $second->client->stats('settings');
    is("$settings->{domain_socket} $settings->{umask} $settings->{tcpport}", "$path 7777 11211", '... all are shown');
}
{
    my $path = scratch_path('socket');
    my $dead = IO::Socket::UNIX->new(Local => $path, Listen => 1) or die "$path: $!";
    close $dead;
    ok(-S $path, 'a socket file without a server');
    my $server = Server->start(['-s', $path, '-p', '5', '-l', 'nowhere']);
    $server->client->is_silent('... is replaced');
    my $shown = $server->client->stats('settings');
    is("$shown->{tcpport} $shown->{inter}", '5 nowhere', 'other listeners are shown, not opened');
    is($server->stop, 0, 'it stops');
    ok(-S $path, '... and leaves the file');
}
for my $kind ('directory', 'link') {
    my $path = scratch_path($kind);
    my $target = scratch_path('target');
    $kind eq 'directory' ? mkdir $path : symlink $target, $path;
    my ($code, undef, $err) = Server->refused(['-s', $path]);
    is($code, 71, "a $kind in its place is not replaced");
    is($err, "bind(): Address already in use\nfailed to listen on UNIX socket: $path: Address already in use\n", '... and why');
}
{
    my $path = scratch_path('x' x 120);
    my $server = Server->start(['-s', substr $path, 0, 107]);
    $server->client->is_silent('a path of 107 bytes is the longest');
    undef $server;
    unlink substr $path, 0, 107;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        exec Server::program(), '-s', $path, $> == 0 ? ('-u', 'root') : () or POSIX::_exit(127);
    }
    wait_for(sub { -S substr $path, 0, 107 }, '... a longer one is cut');
    kill 'TERM', $pid;
    waitpid $pid, 0;
}
SKIP: {
    $> == 0 or skip 'not root', 5;
    my $directory = scratch_path('open');
    mkdir $directory or die "$directory: $!";
    my (undef, undef, $uid, $gid) = getpwnam 'nobody';
    chown $uid, $gid, $directory;
    my $server = Server->start(['-s', "$directory/socket", '-u', 'nobody']);
    is((stat "$directory/socket")[4], $uid, 'the socket file belongs to the user of -u');
    my $closed = scratch_path('closed');
    mkdir $closed, 0755 or die "$closed: $!";
    my ($code, undef, $err) = Server->refused(['-s', "$closed/socket", '-u', 'nobody']);
    is($code, 71, '... who must be able to make it');
    is($err, "bind(): Permission denied\nfailed to listen on UNIX socket: $closed/socket: Permission denied\n", '... and why not');
    open my $least, '<', '/proc/sys/net/ipv4/ip_unprivileged_port_start' or skip 'who may have which port?', 2;
    <$least> > 1 or skip 'all ports are free for all here', 2;
    ($code, undef, $err) = Server->refused('-l 127.0.0.1:1 -u nobody');
    is($code, 71, 'ports for root are not for others: sockets are opened as the user of -u');
    like($err, qr/\Abind\(\): Permission denied\n/, '... and why');
}

done_testing;

# A server whose list need not be one that tests can always reach by its first address.
sub start_listed {
    my ($list) = @_;
    return Server->start(['-p', '-1', '-l', $list]) if $list =~ /^(?:\d|\[|::)/ && $list !~ /^::$/;
    return start_bare('-p', '-1', '-l', $list);
}

# The same without what Server.pm completes: it is reached by its port file.
sub start_bare {
    my (@args) = @_;
    my $server = bless {
        args      => \@args,
        stderr    => scratch_path('stderr'),
        port_file => scratch_path('ports'),
        host      => undef,
    }, 'Server';
    $server->{pid} = Server::_spawn([Server::program(), @args, $> == 0 ? ('-u', 'root') : ()], '/dev/null',
        $server->{stderr}, { MEMCACHED_PORT_FILENAME => $server->{port_file} });
    wait_for(sub { -e $server->{port_file} }, "@args: it comes up") or diag $server->stderr;
    $server->{ports} = [map { [/^(TCP|UDP) (INET6?): ([0-9]+)$/] } split /\n/, slurp($server->{port_file})];
    return $server;
}

sub mode { return sprintf '%04o', (stat $_[0])[2] & 07777 }

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
