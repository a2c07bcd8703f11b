# An overload and what must be true of it: a bystander is served all the time, memory stays
# within a bound, and afterwards everything has been given back. It comes twice, and the second
# time takes no more memory than the first.
#
#     overload('name', '-t 2', growth_max => 10 << 20, kept_max => 4 << 20, load => sub {
#         my ($server, $operator) = @_;
#         ...;                        # returns the sockets that hold the load up
#     });
#
# In the environment: OVERLOAD=full for full size (see `size`) and the figures on standard error;
# OVERLOAD_BUILD=release for a server that is not a debug build and knows no `debugverify`.
package Overload;

use strict;
use warnings;
use Errno qw(EINPROGRESS);
use Exporter qw(import);
use List::Util qw(max);
use POSIX qw(_exit);
use Socket qw(AF_INET INADDR_LOOPBACK SOCK_STREAM SOL_SOCKET SO_LINGER SO_RCVBUF sockaddr_in);
use Test::More;
use Time::HiRes qw(time);

use Server;

our @EXPORT = qw(overload size dial hurl reset_hard blocked);

use constant DESCRIPTORS => 4096;
use constant SPARE       => 64;         # descriptors that are none of the crowd's
use constant ROUNDS_MIN  => 50;         # of the bystander while the load is complete
use constant WAVES       => 2;
# What a second wave may take beyond the first: the allocator places things a little otherwise.
use constant MORE_MAX    => 4 << 20;

# The crowd's descriptors are this program's, too, and a limit is inherited: the server has it
# as well.
if (descriptors() < DESCRIPTORS && !$ENV{OVERLOAD_STARTED}) {
    $ENV{OVERLOAD_STARTED} = 1;
    exec '/bin/sh', '-c', 'ulimit -n "$0" || ulimit -n "$(ulimit -H -n)"; exec "$@"',
        DESCRIPTORS, $^X, (map { "-I$_" } @INC), $0, @ARGV or die "sh: $!";
}

# How many this program may have.
sub descriptors { return POSIX::sysconf(POSIX::_SC_OPEN_MAX()) || 0 }

sub is_full { return ($ENV{OVERLOAD} // '') eq 'full' }

# The number of a full run, or the one for every day.
sub size {
    my ($full, $everyday) = @_;
    return is_full() ? $full : $everyday;
}

# `clients`: how many sockets the load needs at a time, if many. `prepare` is called with a
# client before anything is measured. `more_max`: what the second time may take beyond the first,
# where that is item memory.
sub overload {
    my ($name, $args, %with) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    SKIP: {
        my $needed = ($with{clients} // 0) + SPARE;
        skip "$name: needs $needed descriptors, and the system gives " . descriptors(), 1
            if $needed > descriptors();
        my $begin = time;
        my $build = $ENV{OVERLOAD_BUILD} // 'debug';
        my $server = Server->start($args, build => $build);
        my $operator = $server->client;
        $with{prepare}->($operator) if $with{prepare};
        $operator->is_silent("$name: a server ($args)");
        wait_for(sub { $operator->stats->{curr_connections} == 1 }, '... with one client');
        my $before = state_of($server, $operator);
        my @waves = map { wave($server, $operator, $before, %with) } 1 .. WAVES;
        $operator->verifies('... all item memory is accounted for') if $build eq 'debug';

        my ($first, $last) = @waves[0, -1];
        cmp_ok(max(map { $_->{peak} } @waves) - $before->{rss}, '<', $with{growth_max},
            "... memory grew by less than $with{growth_max} bytes");
        cmp_ok($last->{peak} - $first->{peak}, '<', $with{more_max} // MORE_MAX, '... and not again when they came again');
        cmp_ok($last->{rss} - $before->{rss}, '<', $with{kept_max}, "... no more than $with{kept_max} bytes are kept");
        report(sprintf "%s (%s, %.1f s)\n%s", $name, $build, time - $begin, join "\n", map { shown($before, $_) } @waves);
    }
    return;
}

# Once: the load comes, is held up, and goes. What could be seen of it.
sub wave {
    my ($server, $operator, $before, %with) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    forget_peak($server);
    my $bystander = bystander($server);
    my @crowd = $with{load}->($server, $operator);
    my ($rounds, $worst_ms, $wrong) = end_of($bystander);
    is($wrong, '', '... a bystander was served rightly meanwhile');
    cmp_ok($rounds, '>=', ROUNDS_MIN, '... and often');
    my %seen = (connections => $operator->stats->{curr_connections}, rounds => $rounds, worst_ms => $worst_ms);
    # Some end in order, some do not.
    $_ % 2 ? reset_hard($crowd[$_]) : close $crowd[$_] for grep { $crowd[$_] } 0 .. $#crowd;
    wait_for(sub { $operator->stats->{curr_connections} == 1 }, '... all connections go');
    wait_for(sub { $operator->stats->{accepting_conns} == 1 }, '... clients are accepted');
    my $after = state_of($server, $operator);
    is($after->{$_}, $before->{$_}, "... $_ is what it was") for sort grep { $_ ne 'rss' } keys %$before;
    return { %seen, rss => $after->{rss}, peak => peak_bytes($server) };
}

# What must be as it was once the load has gone; memory within bounds.
sub state_of {
    my ($server, $operator) = @_;
    my $stats = $operator->stats;
    my %state = map { $_ => $stats->{$_} } qw(response_obj_count read_buf_bytes threads);
    return { %state, descriptors => open_fds($server), rss => $server->rss_bytes };
}

sub shown {
    my ($before, $wave) = @_;
    return sprintf '%6d connections; resident %.1f MiB before, %.1f at most, %.1f after; bystander: %d round trips, the worst %.0f ms',
        $wave->{connections}, (map { $_ / (1 << 20) } $before->{rss}, $wave->{peak}, $wave->{rss}), $wave->{rounds}, $wave->{worst_ms};
}

sub report {
    my ($text) = @_;
    return is_full() ? diag($text) : note($text);
}

# --- one who has nothing to do with it ---------------------------------------------

# A process that stores and reads, over and over, on a connection of its own.
sub bystander {
    my ($server) = @_;
    my $client = $server->client;
    $client->ask('version');
    pipe my $stop_reader, my $stop or die "pipe: $!";
    pipe my $told, my $tells or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if ($pid) {
        close $_ for $stop_reader, $tells;
        $client->close;
        return { pid => $pid, stop => $stop, told => $told };
    }
    close $_ for $stop, $told;
    my ($rounds, $worst_s, $wrong) = (0, 0, '');
    my $stopped = IO::Select->new($stop_reader);
    # So often after it is told that the load is complete.
    my $left = ROUNDS_MIN;
    until ($wrong || !$left) {
        $left-- if $stopped->can_read(0);
        my $begin = time;
        my $value = "value $rounds";
        my $reply = eval { $client->set('bystander', $value) } // 'no reply';
        my $item = eval { $client->get('bystander') };
        my $took_s = time - $begin;
        $wrong = "$reply, " . ($item ? $item->{value} : 'nothing') if $reply ne 'STORED' || !$item || $item->{value} ne $value;
        $worst_s = $took_s if $took_s > $worst_s;
        $rounds++;
        select undef, undef, undef, 0.001;
    }
    syswrite $tells, join "\t", $rounds, 1000 * $worst_s, $wrong;
    _exit(0);
}

sub end_of {
    my ($bystander) = @_;
    close $bystander->{stop};
    my $told = do { local $/; readline $bystander->{told} };
    waitpid $bystander->{pid}, 0;
    my ($rounds, $worst_ms, $wrong) = split /\t/, $told // '', -1;
    return ($rounds // 0, $worst_ms // 0, $wrong // 'it has died');
}

# --- the crowd -----------------------------------------------------------------------

# A plain socket, never waited with but for the connection; with `later`, not even for that.
# `receive` is the size of the buffer for what comes.
sub dial {
    my ($server, %with) = @_;
    socket my $socket, AF_INET, SOCK_STREAM, 0 or die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, $with{receive} if $with{receive};
    $socket->blocking(0) if $with{later};
    connect $socket, sockaddr_in($server->port, INADDR_LOOPBACK) or $! == EINPROGRESS or return;
    $socket->blocking(0);
    return $socket;
}

# Sends as much of it as the socket takes now; how many bytes that was. Never reads.
sub hurl {
    my ($socket, $bytes) = @_;
    my $sent = 0;
    while ($sent < length $bytes) {
        my $n = syswrite $socket, $bytes, 1 << 16, $sent;
        last if !defined $n;
        $sent += $n;
    }
    return $sent;
}

# How many connections the server waits for to take their replies.
sub blocked {
    my ($operator) = @_;
    my $conns = $operator->stats('conns');
    return scalar grep { /:state\z/ && $conns->{$_} =~ /\Aconn_(?:mwrite|watch)\z/ } keys %$conns;
}

# Closes it so that the server is told with a reset.
sub reset_hard {
    my ($socket) = @_;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    close $socket;
    return;
}

sub open_fds {
    my ($server) = @_;
    return scalar(my @fds = glob '/proc/' . $server->pid . '/fd/*');
}

# From here on the peak is that of what follows; it stays what it was where that is forbidden.
sub forget_peak {
    my ($server) = @_;
    if (open my $file, '>', '/proc/' . $server->pid . '/clear_refs') {
        syswrite $file, 5;
    }
    return;
}

# Most memory that was resident.
sub peak_bytes {
    my ($server) = @_;
    my ($kib) = Server::_slurp('/proc/' . $server->pid . '/status') =~ /^VmHWM:\s+([0-9]+) kB/m;
    return $kib << 10;
}

1;
