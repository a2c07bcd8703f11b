# Starts the built server for a test, gives out connections to it, stops it, and fails
# the test if it crashed.
#
#     my $server = Server->start('-t 4 -m 64');           # any free port on 127.0.0.1
#     my $server = Server->start(['-s', $path], build => 'release', env => { A => 1 });
#     my $server = Server->start('-vv', stderr => $pipe); # then ->stderr knows nothing
#     my ($code, $out, $err) = Server->refused('-c 0');   # a start that must fail
#
# The programs are $MEMCACHED_DEBUG and $MEMCACHED_RELEASE, else what cargo built under
# $CARGO_TARGET_DIR or target/. Files of a run live in a directory of its own, so any
# number of tests may run side by side.
package Server;

use strict;
use warnings;
use Carp qw(croak);
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX qw(WNOHANG);
use Scalar::Util qw(weaken);
use Socket qw(SOCK_STREAM);
use Test::Builder;
use Time::HiRes qw(time sleep);

use Client;

our @EXPORT = qw(wait_for free_port scratch_path write_file);

use constant DEADLINE_S => 10;
use constant POLL_S     => 0.005;

my $test    = Test::Builder->new;
my $root    = abs_path(dirname(__FILE__) . '/../..');
my $scratch = tempdir('memcached-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 01777, $scratch;                  # a server that runs as nobody writes there, too
my $owner   = $$;
# A debug build takes its hash secret from here: which keys share a stripe is the same in every run.
# Release builds, and so several tests, draw one.
$ENV{MEMCACHED_HASH_SECRET} //= 1;
my $serial  = 0;
my @running;                            # weak references, for END

# --- start -------------------------------------------------------------------------

# Returns when the server accepts; croaks with its stderr if it does not come up.
sub start {
    my ($class, $args, %with) = @_;
    my @args = _complete($args);
    my $self = bless {
        args      => \@args,
        stderr    => scratch_path('stderr'),
        port_file => scratch_path('ports'),
        path      => scalar _value_of('-s', @args),
        host      => _host(scalar _value_of('-l', @args)),
    }, $class;
    $self->{pid} = _spawn([program($with{build}), @args], '/dev/null', $with{stderr} || $self->{stderr},
        { MEMCACHED_PORT_FILENAME => $self->{port_file}, %{ $with{env} || {} } });
    push @running, $self;
    weaken $running[-1];
    $self->_await_listeners;
    return $self;
}

# Runs a start that is expected to fail (or -h, -V). Returns its exit code, stdout and
# stderr; the exit code is text if the program had to be killed.
sub refused {
    my ($class, $args, %with) = @_;
    my ($out, $err) = (scratch_path('stdout'), scratch_path('stderr'));
    my @args = $with{as_given} ? _words($args) : _complete($args);
    my $pid = _spawn([program($with{build}), @args], $out, $err,
        { MEMCACHED_PORT_FILENAME => scratch_path('ports'), %{ $with{env} || {} } });
    my $status = _reap($pid, DEADLINE_S);
    if (!defined $status) {
        kill 'KILL', $pid;
        waitpid $pid, 0;
        return ('still running', _slurp($out), _slurp($err));
    }
    return (_exit_code($status), _slurp($out), _slurp($err));
}

# The path of the program under test.
sub program {
    my ($build) = @_;
    $build ||= 'debug';
    my $given = $ENV{ 'MEMCACHED_' . uc $build };
    return $given if defined $given && length $given;
    my $target = $ENV{CARGO_TARGET_DIR} || 'target';
    $target = "$root/$target" unless $target =~ m{^/};
    return "$target/$build/memcached";
}

# The arguments with what every test wants, unless the test says otherwise.
sub _complete {
    my @args = _words($_[0]);
    push @args, '-u', 'root' if $> == 0 && !defined _value_of('-u', @args);
    return @args if defined _value_of('-s', @args);
    push @args, '-p', '-1' unless defined _value_of('-p', @args);
    push @args, '-l', '127.0.0.1' unless defined _value_of('-l', @args);
    return @args;
}

sub _words {
    my ($args) = @_;
    return @$args if ref $args;
    return split ' ', defined $args ? $args : '';
}

# The argument of a short flag, glued to it or not; undef if the flag is absent.
sub _value_of {
    my ($flag, @args) = @_;
    for my $i (0 .. $#args) {
        return $args[$i + 1] if $args[$i] eq $flag;
        return $1 if $args[$i] =~ /^\Q$flag\E(.+)/;
    }
    return;
}

# Where to connect to reach the first address of a -l list.
sub _host {
    my ($list) = @_;
    return '127.0.0.1' unless defined $list && $list =~ /[^,;]/;
    my ($first) = split /[,;]/, $list;
    $first =~ s/^proto\[\w*\]://;
    return $1 if $first =~ /^\[(.*)\]/;
    return $first if $first =~ /:.*:/;
    $first =~ s/:.*//;
    return $first eq '*' || $first eq '0.0.0.0' ? '127.0.0.1' : $first;
}

sub _spawn {
    my ($command, $out, $err, $env) = @_;
    -x $command->[0] or croak "$command->[0] is not there: build it first";
    my $pid = fork;
    defined $pid or croak "fork: $!";
    return $pid if $pid;
    @ENV{ keys %$env } = values %$env;
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', $out;
    open STDERR, ref $err ? '>&' : '>', $err;
    exec { $command->[0] } @$command or POSIX::_exit(127);
}

sub _await_listeners {
    my ($self) = @_;
    my $give_up = time + DEADLINE_S;
    until ($self->_accepts) {
        if ($self->_has_ended) {
            croak "server did not start: exit $self->{exit}\n" . $self->stderr;
        }
        time < $give_up or croak "server does not accept\n" . $self->stderr;
        sleep POLL_S;
    }
    return;
}

# Whether the sockets are there. Fills in {ports}: [transport, family, number] each.
sub _accepts {
    my ($self) = @_;
    return $self->_connect(path => $self->{path}) if defined $self->{path};
    return 0 unless -e $self->{port_file};
    $self->{ports} = [map { [/^(TCP|UDP) (INET6?): ([0-9]+)$/] } split /\n/, _slurp($self->{port_file})];
    my ($first) = $self->ports('TCP') or return 1;
    return $self->_connect(host => $self->{host}, port => $first);
}

# --- while it runs -----------------------------------------------------------------

sub pid { return $_[0]{pid} }

# Port numbers in the order of the port file: all, or those of a transport and family.
sub ports {
    my ($self, $transport, $family) = @_;
    return map { $_->[2] }
        grep { (!$transport || $_->[0] eq $transport) && (!$family || $_->[1] eq $family) }
        @{ $self->{ports} || [] };
}

# The first TCP port.
sub port {
    my ($port) = $_[0]->ports('TCP');
    return $port;
}

# A new connection. Another host, port or unix path can be named.
sub client {
    my ($self, %to) = @_;
    %to = (path => $self->{path}) if defined $self->{path} && !%to;
    my $socket = $self->_connect(host => $self->{host}, port => $self->port, %to)
        or croak "cannot connect: $@ $!\n" . $self->stderr;
    return Client->new($socket);
}

sub _connect {
    my ($self, %to) = @_;
    return IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $to{path}) if defined $to{path};
    return IO::Socket::IP->new(
        PeerHost => $to{host}, PeerPort => $to{port}, Type => SOCK_STREAM, Timeout => DEADLINE_S);
}

# What the server has said on stderr so far, the last reply's lines included: those that a thread
# of the server's own has still to write are waited for. It sleeps when there are none.
sub stderr {
    my ($self) = @_;
    my $give_up = time + DEADLINE_S;
    sleep POLL_S while _is_writing($self->{pid}) && time < $give_up;
    return _slurp($self->{stderr});
}

sub _is_writing {
    my ($pid) = @_;
    return 0 unless $pid;
    for my $stat (map { _slurp("$_/stat") } glob "/proc/$pid/task/*") {
        return 1 if $stat =~ /\(mc-stderr\) ([A-Z])/ && $1 !~ /[STZX]/;
    }
    return 0;
}

# Resident memory of the process.
sub rss_bytes {
    my ($self) = @_;
    my (undef, $pages) = split ' ', _slurp("/proc/$self->{pid}/statm");
    return $pages * POSIX::sysconf(POSIX::_SC_PAGESIZE());
}

# In how many places of the memory that the server may write these bytes are.
sub holds {
    my ($self, $bytes) = @_;
    no warnings 'portable';             # addresses have 64 bits
    my $process = "/proc/$self->{pid}";
    open my $maps, '<', "$process/maps" or croak "$process/maps: $!";
    open my $memory, '<:raw', "$process/mem" or croak "$process/mem: $!";
    my $count = 0;
    while (my $line = <$maps>) {
        my ($start, $end) = $line =~ /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
        ($start, $end) = (hex $start, hex $end);
        for (my $at = $start; $at < $end; $at += 1 << 20) {
            sysseek $memory, $at, 0 or last;
            # So much more than the step that what stands across its end is seen, once.
            defined sysread $memory, my $piece, (1 << 20) + length($bytes) - 1 or last;
            $count++ while $piece =~ /\Q$bytes\E/g;
        }
    }
    return $count;
}

sub signal {
    my ($self, $name) = @_;
    kill $name, $self->{pid} unless $self->_has_ended;
    return;
}

# Stops the process (SIGSTOP); returns when each of its threads has: until then they work.
sub suspend {
    my ($self) = @_;
    $self->signal('STOP');
    my $give_up = time + DEADLINE_S;
    until ($self->_is_suspended) {
        croak 'the server does not stop' if time > $give_up;
        sleep POLL_S;
    }
    return;
}

sub _is_suspended {
    my ($self) = @_;
    for my $file (glob "/proc/$self->{pid}/task/*/stat") {
        open my $stat, '<', $file or next;
        return 0 unless <$stat> =~ /\) T /;
    }
    return 1;
}

# --- the end -----------------------------------------------------------------------

# Asks the server to stop and returns its exit code. Fails the test if it crashed.
sub stop {
    my ($self) = @_;
    $self->signal('TERM');
    return $self->wait_exit;
}

# Waits for a server that was told to stop. Returns its exit code, or 'signal N'.
sub wait_exit {
    my ($self) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    if (!$self->_has_ended) {
        my $status = _reap($self->{pid}, DEADLINE_S);
        if (!defined $status) {
            kill 'KILL', $self->{pid};
            waitpid $self->{pid}, 0;
            $status = $?;
            $self->{exit} = 'never';
        }
        $self->{exit} = _exit_code($status) unless defined $self->{exit};
    }
    $self->_judge;
    return $self->{exit};
}

# Waits for a server that is expected to fail. Returns its exit code, or 'signal N'.
sub wait_failure {
    my ($self) = @_;
    $self->{judged} = 1;
    return $self->wait_exit;
}

# Whether it has ended; if so {exit} is known.
sub _has_ended {
    my ($self) = @_;
    return 1 if defined $self->{exit};
    my $status = _reap($self->{pid}, 0);
    return 0 unless defined $status;
    $self->{exit} = _exit_code($status);
    return 1;
}

# A crash is a failure of whatever test was running, once.
sub _judge {
    my ($self) = @_;
    return if $self->{judged}++;
    my $stderr = $self->stderr;
    return if $self->{exit} eq '0' && $stderr !~ /panicked at/;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $test->ok(0, "the server ends in order (@{ $self->{args} })");
    $test->diag("exit: $self->{exit}\n" . substr $stderr, 0, 4000);
    return;
}

sub DESTROY {
    my ($self) = @_;
    return if $$ != $owner || $self->{judged} || !$self->{pid};
    local ($., $@, $!, $^E, $?);
    if (defined $self->{exit}) {
        $self->_judge if $self->{ports} || $self->{path};   # else the start croaked already
        return;
    }
    $self->stop;
    return;
}

END {
    if ($$ == $owner) {
        my $code = $?;
        $_->DESTROY for grep { defined } @running;
        $? = $code;
    }
}

# The wait status of a child that ended within the time, else undef.
sub _reap {
    my ($pid, $seconds) = @_;
    my $give_up = time + $seconds;
    while (waitpid($pid, WNOHANG) == 0) {
        return if time >= $give_up;
        sleep POLL_S;
    }
    return $?;
}

sub _exit_code {
    my ($status) = @_;
    return $status & 127 ? 'signal ' . ($status & 127) : $status >> 8;
}

sub _slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or return '';
    local $/;
    my $all = <$file>;
    return defined $all ? $all : '';
}

# --- helpers for tests -------------------------------------------------------------

# One test: the condition comes true before the deadline, which can be set further off.
sub wait_for {
    my ($holds, $name, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $give_up = time + ($seconds // DEADLINE_S);
    my $held;
    until ($held = $holds->() or time > $give_up) {
        sleep POLL_S;
    }
    return $test->ok($held, $name);
}

# A TCP port that was free a moment ago.
sub free_port {
    my $socket = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1)
        or croak "no free port: $@";
    return $socket->sockport;
}

# Makes a file of that text, which its owner alone may read: it may hold passwords.
sub write_file {
    my ($path, $text) = @_;
    open my $file, '>', $path or croak "$path: $!";
    chmod 0600, $path;
    print $file $text;
    close $file;
    return;
}

# A path that is nobody else's, gone when the test ends.
sub scratch_path {
    my ($name) = @_;
    return "$scratch/" . ++$serial . ".$name";
}

1;
