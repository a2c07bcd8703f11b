# One connection to a server: bytes out, bytes in, and what a test says about them.
#
# Every wait ends when the awaited thing happens. A wait fails when the server has
# made no progress for DEADLINE_S seconds; no test depends on how long it took.
# What arrives is kept in {in} until a method takes it, so the order of calls is free.
package Client;

use strict;
use warnings;
use Carp qw(croak);
use Errno qw(EAGAIN EINTR);
use IO::Select;
use Socket qw(IPPROTO_TCP SHUT_WR TCP_NODELAY);
use Test::Builder;
use Time::HiRes qw(time);

use constant DEADLINE_S => 10;
use constant QUIET_S    => 0.05;       # silence that counts as "nothing more to come"
use constant IO_BYTES   => 1 << 18;
use constant SHOWN_MAX  => 400;        # characters of one side of a difference

use constant SIOCOUTQ => 0x5411;       # <linux/sockios.h>

use constant VERSION_LINE => "VERSION 1.6.45\r\n";

$SIG{PIPE} = 'IGNORE';
my $test = Test::Builder->new;

# Takes a connected stream socket and makes it a client.
sub new {
    my ($class, $socket) = @_;
    $socket->blocking(0);
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1 if $socket->can('sockport');
    return bless { socket => $socket, in => '', eof => 0, gone => 0 }, $class;
}

sub close {
    my ($self) = @_;
    CORE::close $self->{socket};
    $self->{eof} = $self->{gone} = 1;
    return;
}

# Says that nothing more will be sent; replies can still be read.
sub half_close {
    my ($self) = @_;
    shutdown $self->{socket}, SHUT_WR;
    return;
}

# --- bytes out ---------------------------------------------------------------------

# Sends all of it, reading meanwhile so that neither side can block the other. Returns
# whether the server took it all; a closed connection is not an error here.
sub send {
    my ($self, $bytes) = @_;
    my $sent = 0;
    my $give_up = time + DEADLINE_S;
    while ($sent < length $bytes && !$self->{gone}) {
        my $before = length $self->{in};
        $self->read_some;
        my $n = $self->send_some($bytes, $sent);
        $sent += $n;
        $give_up = time + DEADLINE_S if $n > 0 || length $self->{in} > $before;
        last if time > $give_up;
        $self->_await($give_up, 1) if $n == 0;
    }
    return $sent == length $bytes;
}

# Sends without ever reading, until all is sent or the socket stays full for a while.
# Returns the number of bytes that went out.
sub push_blindly {
    my ($self, $bytes) = @_;
    my $sent = 0;
    my $writable = IO::Select->new($self->{socket});
    while ($sent < length $bytes && !$self->{gone} && $writable->can_write(10 * QUIET_S)) {
        $sent += $self->send_some($bytes, $sent);
    }
    return $sent;
}

# One write, from that offset on. Returns how many bytes went, 0 if the socket is full.
sub send_some {
    my ($self, $bytes, $start) = @_;
    my $n = syswrite $self->{socket}, $bytes, IO_BYTES, $start;
    return $n if defined $n;
    $self->{gone} = 1 unless $! == EAGAIN || $! == EINTR;
    return 0;
}

# --- bytes in ----------------------------------------------------------------------

# Reads what is there, without waiting. A reset counts as the end of the stream.
sub read_some {
    my ($self) = @_;
    until ($self->{eof}) {
        my $n = sysread $self->{socket}, $self->{in}, IO_BYTES, length $self->{in};
        if (defined $n) {
            $self->{eof} = 1 if $n == 0;
            last if $n < IO_BYTES;
        }
        else {
            $self->{eof} = 1 unless $! == EAGAIN || $! == EINTR;
            last;
        }
    }
    return;
}

# Sleeps until the socket is readable, or writable if asked for, or time is up.
sub _await {
    my ($self, $until, $or_writable) = @_;
    my $left = $until - time;
    return if $left <= 0;
    my $socket = IO::Select->new($self->{socket});
    IO::Select->select($self->{eof} ? undef : $socket, $or_writable ? $socket : undef, undef, $left);
    return;
}

# Reads until the condition holds. Returns false if the stream ended, or the server
# sent nothing new for DEADLINE_S seconds.
sub _read_until {
    my ($self, $holds) = @_;
    my $give_up = time + DEADLINE_S;
    while (1) {
        my $before = length $self->{in};
        $self->read_some;
        return 1 if $holds->();
        return 0 if $self->{eof};
        $give_up = time + DEADLINE_S if length $self->{in} > $before;
        return 0 if time > $give_up;
        $self->_await($give_up);
    }
}

# Waits until the server has read all that was sent.
sub await_taken {
    my ($self) = @_;
    my $give_up = time + DEADLINE_S;
    until ($self->{eof} || $self->_is_taken || time > $give_up) {
        $self->_await(time + 0.0002);
        $self->read_some;
    }
    return;
}

# Waits until the server has read all that was sent and then stayed quiet a while.
sub settle {
    my ($self) = @_;
    $self->await_taken;
    my $seen;
    do {
        $seen = length $self->{in};
        my $quiet = time + QUIET_S;
        while (!$self->{eof} && time < $quiet && length $self->{in} == $seen) {
            $self->_await($quiet);
            $self->read_some;
        }
    } until $self->{eof} || length $self->{in} == $seen;
    return;
}

# Whether the kernel holds none of our bytes that the server has not read yet. A unix
# socket can be asked; of a TCP connection both ends have to be looked up, which is slow.
sub _is_taken {
    my ($self) = @_;
    if (!$self->{socket}->can('sockport')) {
        my $unread = pack 'i', 0;
        return !ioctl($self->{socket}, SIOCOUTQ, $unread) || unpack('i', $unread) == 0;
    }
    my ($ours, $theirs) = map { sprintf '%04X', $_ } $self->{socket}->sockport, $self->{socket}->peerport;
    for my $table ('/proc/net/tcp', '/proc/net/tcp6') {
        open my $lines, '<', $table or next;
        while (defined(my $line = <$lines>)) {
            my (undef, $from, $to, undef, $queues) = split ' ', $line;
            my ($unsent, $unread) = split /:/, $queues;
            return 0 if $from =~ /:$ours$/ && $to =~ /:$theirs$/ && hex $unsent;
            return 0 if $from =~ /:$theirs$/ && $to =~ /:$ours$/ && hex $unread;
        }
    }
    return 1;
}

# Exactly that many bytes; fewer only if the stream ended or stalled.
sub recv_exact {
    my ($self, $count) = @_;
    $self->_read_until(sub { length $self->{in} >= $count });
    return substr $self->{in}, 0, $count, '';
}

# Everything up to and including the mark.
sub read_until {
    my ($self, $mark) = @_;
    my $searched = 0;
    my $at = -1;
    $self->_read_until(sub {
        $at = index $self->{in}, $mark, $searched;
        $searched = length($self->{in}) - length($mark) + 1;
        $searched = 0 if $searched < 0;
        return $at >= 0;
    });
    return substr $self->{in}, 0, ($at < 0 ? length $self->{in} : $at + length $mark), '';
}

sub read_line { return $_[0]->read_until("\r\n") }

# Gives back what was read, to be read again.
sub unread {
    my ($self, $bytes) = @_;
    substr $self->{in}, 0, 0, $bytes;
    return;
}

# Everything until the server closes. Look at `ended` to know that it did.
sub read_to_eof {
    my ($self) = @_;
    $self->_read_until(sub { 0 });
    my $all = $self->{in};
    $self->{in} = '';
    return $all;
}

sub ended { return $_[0]{eof} }

# --- what a test says --------------------------------------------------------------

# Sends, then expects exactly these bytes.
sub says {
    my ($self, $send, $expect, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->send($send);
    return $self->expects($expect, defined $name ? $name : visible($send));
}

# Expects exactly these bytes next.
sub expects {
    my ($self, $expect, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $same = 0;
    $self->_read_until(sub {
        my $have = length $self->{in};
        $have = length $expect if $have > length $expect;
        my $differs = substr($self->{in}, $same, $have - $same) ne substr($expect, $same, $have - $same);
        $same = $have unless $differs;
        return $differs || $have == length $expect;
    });
    $self->settle if $same < length $expect;
    my $got = substr $self->{in}, 0, ($same < length $expect ? length $self->{in} : length $expect), '';
    return is_same($got, $expect, $name);
}

# Sends, then expects what the pattern describes, from the first byte on. Whatever
# comes after the match is left for the next call.
sub says_like {
    my ($self, $send, $pattern, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $self->send($send);
    my $matched = $self->_read_until(sub { $self->{in} =~ /\A(?:$pattern)/ });
    if ($matched) {
        $self->{in} =~ s/\A(?:$pattern)//;
    }
    $test->ok($matched, $name) or $test->diag('     got: ' . visible($self->{in}) . "\nexpected: $pattern");
    return $matched;
}

# Proves that the server has sent nothing more and is in step: whatever was sent
# before, the next reply is the version.
sub is_silent {
    my ($self, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $self->says("version\r\n", VERSION_LINE, $name);
}

# Expects the server to close, with nothing more to read.
sub is_eof {
    my ($self, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $rest = $self->read_to_eof;
    $rest .= '{still open}' unless $self->{eof};
    return is_same($rest, '', $name);
}

# --- commands ----------------------------------------------------------------------

# Stores a value with one command and returns the reply line, without CR LF.
sub set {
    my ($self, $key, $value, %with) = @_;
    my $command = $with{command} || 'set';
    my $line = join ' ', $command, $key, $with{flags} || 0, $with{exptime} || 0, length $value,
        defined $with{cas} ? $with{cas} : ();
    $self->send("$line\r\n$value\r\n");
    return $self->_reply;
}

# What is stored under the key, as { value, flags } or undef.
sub get { return $_[0]->_retrieve('get', $_[1]) }

# The same with its version, as { value, flags, cas } or undef.
sub gets { return $_[0]->_retrieve('gets', $_[1]) }

# Sends one line and returns the reply line, without CR LF.
sub ask {
    my ($self, $line) = @_;
    $self->send("$line\r\n");
    return $self->_reply;
}

sub _reply {
    my ($self) = @_;
    my $line = $self->read_line;
    $line =~ s/\r\n\z// or croak 'no reply line, only: ' . visible($line);
    return $line;
}

sub _retrieve {
    my ($self, $command, $key) = @_;
    my $line = $self->ask("$command $key");
    return if $line eq 'END';
    my ($flags, $bytes, $cas) = $line =~ /\AVALUE \Q$key\E ([0-9]+) ([0-9]+)(?: ([0-9]+))?\z/
        or croak 'not a VALUE line: ' . visible($line);
    my $value = $self->recv_exact($bytes + 2);
    $value =~ s/\r\n\z// or croak 'the value does not end in CR LF';
    my $end = $self->read_line;
    $end eq "END\r\n" or croak 'no END after the value, but ' . visible($end);
    my %item = (value => $value, flags => $flags);
    $item{cas} = $cas if defined $cas;
    return \%item;
}

# The lines of a `stats` reply as [name, value] pairs, in order.
sub stats_list {
    my ($self, $sub) = @_;
    return $self->_stat_lines(defined $sub ? "stats $sub" : 'stats');
}

sub _stat_lines {
    my ($self, $command) = @_;
    $self->send("$command\r\n");
    my @pairs;
    while ((my $line = $self->_reply) ne 'END') {
        my ($name, $value) = $line =~ /\ASTAT (\S+)(?: (.*))?\z/
            or croak 'not a STAT line: ' . visible($line);
        push @pairs, [$name, $value];
    }
    return @pairs;
}

sub stats {
    my ($self, $sub) = @_;
    return { map { $_->[0] => $_->[1] } $self->stats_list($sub) };
}

# --- the clock of a debug build ----------------------------------------------------

# Stops the server's clock: from here on time passes only by `advance`.
# Debug builds: the server walks through all its memory and finds each count and chunk
# where it belongs; nothing is held by anyone. Only while nobody else stores.
sub verifies {
    my ($self, $name) = @_;
    return Test::More::like($self->verdict, qr/^STAT held 0\r$/m, $name // 'all memory is accounted for');
}

# What the walk has found.
sub verdict {
    my ($self) = @_;
    $self->send("debugverify\r\n");
    my $reply = $self->read_until("\r\n");
    $reply .= $self->read_until("END\r\n") if $reply =~ /^STAT/;
    return $reply;
}

sub stop_clock { return $_[0]->_debugtime('p') }

sub advance {
    my ($self, $seconds) = @_;
    return $self->_debugtime($seconds);
}

sub _debugtime {
    my ($self, $argument) = @_;
    my $reply = $self->ask("debugtime $argument");
    $reply eq 'OK' or croak "debugtime $argument: $reply (is this a debug build?)";
    return;
}

# --- the faults of a build that has them ---------------------------------------------

# From here on libc calls of the server fail as the plan says (src/sys/testing/faults.rs), or none.
sub faults {
    my ($self, @rules) = @_;
    my $reply = $self->ask('debugfaults ' . (join('; ', @rules) || 'none'));
    $reply eq 'OK' or croak "debugfaults: $reply (is this a build with faults?)";
    return;
}

# How often each call was made since the plan was set, and how often it had a fault.
sub fault_counts {
    my ($self) = @_;
    my %counts;
    for my $pair ($self->_stat_lines('debugfaults')) {
        my ($call, $numbers) = @$pair;
        @{ $counts{$call} }{qw(made faulty)} = split ' ', $numbers;
    }
    return \%counts;
}

# --- showing bytes -----------------------------------------------------------------

# One test: are these the same bytes? A difference is shown around its first byte.
sub is_same {
    my ($got, $expect, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $same = $got eq $expect;
    $test->ok($same, $name);
    return 1 if $same;
    my $at = 0;
    if (($got ^ $expect) =~ /[^\0]/) {
        $at = $-[0];
    }
    my $start = $at > 60 ? $at - 60 : 0;
    $test->diag(sprintf "first difference at byte %d; %d bytes instead of %d\n     got: %s\nexpected: %s",
        $at, length $got, length $expect,
        map { ($start ? '...' : '') . visible(substr $_, $start < length $_ ? $start : length $_) } $got, $expect);
    return 0;
}

# Bytes in the notation of Notation.pm: \r \n \t \0 \\ \xHH, long runs as {x*N}.
sub visible {
    my ($bytes) = @_;
    my $cut = length $bytes > 1 << 21 ? substr $bytes, 0, 1 << 21 : $bytes;
    my $text = '';
    while ($cut =~ /((.)\g2{0,32765})/gs) {
        my ($run, $byte) = ($1, $2);
        my $shown = _visible_byte($byte);
        $text .= length $run > 9 ? sprintf '{%s*%d}', $shown, length $run : $shown x length $run;
        return "$text..." if length $text > SHOWN_MAX;
    }
    return $text;
}

sub _visible_byte {
    my ($byte) = @_;
    my %short = ("\r" => '\r', "\n" => '\n', "\t" => '\t', "\0" => '\0', '\\' => '\\\\');
    return $short{$byte} if exists $short{$byte};
    return $byte =~ /[\x20-\x7e]/ ? $byte : sprintf '\x%02x', ord $byte;
}

1;
