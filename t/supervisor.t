#!/usr/bin/perl
# A supervisor may open the sockets, is told when the server is ready, and its scripts work.
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
use Socket qw(SOCK_DGRAM SOMAXCONN);

my @started;
END { kill 'KILL', grep { (readlink("/proc/$_/exe") // '') =~ m{/memcached\z} } @started }

# Sockets that somebody else has opened.
{
    my $tcp = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 5) or die "socket: $@";
    my $path = scratch_path('socket');
    my $unix = IO::Socket::UNIX->new(Local => $path, Listen => 5) or die "socket: $!";
    my $early = connect_to($tcp->sockport);
    $early->send("version\r\n");
    my $ports = scratch_path('ports');
    my $pid = run([$tcp, $unix], {MEMCACHED_PORT_FILENAME => $ports}, '-p', '1', '-l', 'nonexistent');
    $early->expects(Client::VERSION_LINE, 'a client who came before the server is served');
    connect_to($tcp->sockport)->is_silent('... and those who come later');
    Client->new(IO::Socket::UNIX->new(Peer => $path))->is_silent('... by each of the sockets');
    is($early->stats->{max_connections}, 1024, '... with all else as usual');
    kill 'TERM', $pid;
    is(ended($pid), 0, 'it stops in order');
    ok(IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $tcp->sockport),
        '... and the socket is still open for the next one');
}

# Only if they are meant for this process.
for my $row (
    # environment                          why
    [{ LISTEN_PID => 1, LISTEN_FDS => 1 }, 'another process'],
    [{ LISTEN_FDS => 1 },                  'no process'],
    [{ LISTEN_PID => '$$' },               'no number'],
    [{ LISTEN_PID => '$$', LISTEN_FDS => 'x' }, 'no number in words'],
    [{ LISTEN_PID => '$$', LISTEN_FDS => 0 },   'none'],
) {
    my ($env, $why) = @$row;
    my $tcp = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 5) or die "socket: $@";
    my $ports = scratch_path('ports');
    my $pid = run([$tcp], { %$env, MEMCACHED_PORT_FILENAME => $ports }, '-p', '-1', '-l', '127.0.0.1');
    wait_for(sub { -e $ports }, "sockets for $why are not taken");
    my ($port) = slurp($ports) =~ /^TCP INET: ([0-9]+)$/;
    isnt($port, $tcp->sockport, '... it opens its own');
    connect_to($port)->is_silent('... and serves there');
    kill 'TERM', $pid;
    is(ended($pid), 0, '... and stops in order');
}

# What is no listener is refused.
for my $row (
    [IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Proto => 'udp'), 'a socket for datagrams'],
    [IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => Server->start('')->port), 'a connection'],
    [do { open my $file, '<', $0; $file }, 'a file'],
) {
    my ($handle, $what) = @$row;
    my $err = scratch_path('err');
    my $pid = run([$handle], { STDERR => $err }, '-p', '-1');
    is(ended($pid), 71, "$what is refused");
    is(slurp($err), "LISTEN_FDS: descriptor 3: no stream socket that listens\n", '... in words');
}

# Readiness.
for my $row (['a path', 0, ''], ['an abstract name', 1, ''], ['a sandbox', 0, 'drop_privileges'], ['the background', 0, 'd']) {
    my ($what, $is_abstract, $option) = @$row;
    my $name = $is_abstract ? "\0memcached-test-$$" : scratch_path('notify');
    my $supervisor = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $name) or die "socket: $!";
    $name =~ s/^\0/@/;
    my ($ports, $pid_file) = (scratch_path('ports'), scratch_path('pid'));
    my @options = $option eq 'd' ? ('-d', '-P', $pid_file) : $option ? ('-o', $option) : ();
    my $pid = run([], { NOTIFY_SOCKET => $name, MEMCACHED_PORT_FILENAME => $ports }, '-p', '-1', '-l', '127.0.0.1', @options);
    is(ended($pid), 0, 'who goes into the background ends first') if $option eq 'd';
    my $said = heard($supervisor);
    my ($main) = $said =~ /^MAINPID=([0-9]+)$/m;
    like($said, qr/\AREADY=1\nMAINPID=[0-9]+\n\z/, "$what: the supervisor is told");
    push @started, $main if $option eq 'd';
    my ($port) = slurp($ports) =~ /^TCP INET: ([0-9]+)$/;
    is(connect_to($port)->stats->{pid}, $main, '... when clients are served, and by whom');
    kill 'TERM', $main;
    is(heard($supervisor), "STOPPING=1\n", '... and when it stops');
    if ($option eq 'd') {
        wait_for(sub { !kill 0, $main }, '... which it does');
    }
    else {
        is(ended($pid), 0, '... in order');
    }
}
{
    my $server = Server->start('', env => { NOTIFY_SOCKET => '/nonexistent/notify' });
    $server->client->is_silent('a supervisor that is not there is no reason not to serve');
    is($server->stderr, "NOTIFY_SOCKET /nonexistent/notify: No such file or directory\n", '... but is missed');
}

# By systemd's own hand.
SKIP: {
    have('systemd-socket-activate') or skip 'no systemd-socket-activate', 3;
    my $port = free_port();
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDERR, '>', '/dev/null';
        exec 'systemd-socket-activate', '-l', "127.0.0.1:$port", Server::program(), '-u', 'root' or POSIX::_exit(127);
    }
    push @started, $pid;
    my $client;
    wait_for(sub {
        my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) or return 0;
        return $client = Client->new($socket);
    }, 'systemd-socket-activate listens');
    $client->is_silent('... and the server that it starts serves');
    kill 'TERM', $pid;
    is(ended($pid), 0, '... and stops in order');
}

# The units, as systemd reads them.
SKIP: {
    have('systemd-analyze') or skip 'no systemd-analyze', 3;
    -x '/usr/bin/memcached' or skip 'no /usr/bin/memcached, which the units start', 3;
    my $units = "$Bin/../doc/systemd";
    my $said = `systemd-analyze verify --man=no $units/memcached.service $units/memcached.socket $units/memcached\@.service 2>&1`;
    my @about_ours = grep { /memcached/ } split /\n/, $said;
    is($? >> 8, 0, 'the units are legal') or diag $said;
    is("@about_ours", '', '... without a remark');
    my ($start) = slurp("$units/memcached.service") =~ /^ExecStart=\S+ (.*)$/m;
    my %value = slurp("$units/memcached.service") =~ /^Environment=(.*)$/m ? map { split /=/, $_, 2 } split ' ', $1 : ();
    $start =~ s/\$\{?(\w+)\}?/$value{$1} \/\/ "?$1"/ge;
    my ($code, $out) = Server->refused("$start -V", as_given => 1);
    is("$code $out", "0 memcached 1.6.45\n", '... and so is their command line');
}

# The init script.
SKIP: {
    $> == 0 or skip 'not root', 8;
    have('start-stop-daemon') or skip 'no start-stop-daemon', 8;
    my $port = free_port();
    my $directory = scratch_path('run');
    my $defaults = scratch_path('defaults');
    open my $file, '>', $defaults or die "$defaults: $!";
    print $file map { "$_\n" } 'DAEMON=' . Server::program(), "PIDFILE=$directory/pid", "PORT=$port",
        'USER_NAME=nobody', 'CACHESIZE=100', 'OPTIONS="-t 2 -o idle_timeout=100"';
    close $file;
    my $script = sub { return init("$Bin/../doc/init/memcached", $defaults, @_) };
    is($script->('start'), 0, 'the init script starts it');
    wait_for(sub { -s "$directory/pid" }, '... in the background');
    push @started, slurp("$directory/pid") + 0;
    my $settings = connect_to($port)->stats('settings');
    is("$settings->{maxbytes} $settings->{num_threads} $settings->{idle_timeout}", (100 << 20) . ' 2 100', '... with its options');
    my ($uid) = slurp('/proc/' . (slurp("$directory/pid") + 0) . '/status') =~ /^Uid:\s+([0-9]+)/m;
    is($uid, (getpwnam 'nobody')[2], '... as the user it names');
    is($script->('status'), 0, '... knows that it runs');
    is($script->('start'), 0, '... does not start it twice');
    is($script->('stop'), 0, '... stops it');
    ok(!-e "$directory/pid", '... with its pid file');
    isnt($script->('status'), 0, '... and knows that it does not run');
    isnt($script->('bogus'), 0, '... and what it cannot do');
}

done_testing;

# Runs the program with these handles from descriptor 3 on. '$$' is its own number.
sub run {
    my ($handles, $env, @args) = @_;
    my $pid = fork // die "fork: $!";
    if ($pid) {
        push @started, $pid;
        return $pid;
    }
    my %env = (@$handles && !exists $env->{LISTEN_FDS} && !exists $env->{LISTEN_PID}
        ? (LISTEN_PID => '$$', LISTEN_FDS => scalar @$handles) : (), %$env);
    delete @ENV{ 'LISTEN_PID', 'LISTEN_FDS' };
    $ENV{$_} = $env{$_} eq '$$' ? $$ : $env{$_} for keys %env;
    open STDERR, '>', $env{STDERR} || '/dev/null';
    # Out of the way first, or one could be closed by another's copy.
    my @high = map { my $n = fileno $_; my $to = 100 + $n; POSIX::dup2($n, $to); $to } @$handles;
    POSIX::dup2($high[$_], 3 + $_) for 0 .. $#high;
    POSIX::close($_) for @high, 3 + @high .. 40;
    my @user = $> == 0 ? ('-u', 'root') : ();
    exec Server::program(), @args, @user or POSIX::_exit(127);
}

sub ended {
    my ($pid) = @_;
    my $status = Server::_reap($pid, 10);
    return 'still running' unless defined $status;
    @started = grep { $_ != $pid } @started;
    return $status & 127 ? "signal $status" : $status >> 8;
}

sub heard {
    my ($socket) = @_;
    my $message = '';
    IO::Select->new($socket)->can_read(10) and $socket->recv($message, 1000);
    return $message;
}

sub connect_to {
    my ($port) = @_;
    return Client->new(IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) || die "connect: $@");
}

# Runs an init script, whose children keep none of our handles.
sub init {
    my ($script, $defaults, @words) = @_;
    local $ENV{DEFAULTS} = $defaults;
    return system("sh $script @words </dev/null >/dev/null 2>&1") >> 8;
}

sub have {
    my ($program) = @_;
    return scalar grep { -x "$_/$program" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
