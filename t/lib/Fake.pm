# A server that answers as a test wants it to: for what no real one would do.
#
#     my $fake = Fake->start(sub { my ($socket, $line) = @_; print {$socket} "END\r\n" });
#     my $address = $fake->address;
#
# The code is called for each line that arrives on a connection; each connection has a process
# of its own, so it may take its time. It ends with the value, or with the test.
package Fake;

use strict;
use warnings;
use Carp qw(croak);
use IO::Handle;
use IO::Socket::IP;
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);

my $owner = $$;

sub start {
    my ($class, $answer) = @_;
    my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 128)
        or croak "no free port: $@";
    my $port = $listener->sockport;
    my $pid = fork;
    defined $pid or croak "fork: $!";
    return bless { port => $port, pid => $pid }, $class if $pid;

    # From here on it is the server, with a process group for all that it starts.
    setpgrp;
    $SIG{CHLD} = 'IGNORE';
    while (my $socket = $listener->accept) {
        next if fork;
        _serve($socket, $answer);
        POSIX::_exit(0);
    }
    POSIX::_exit(0);
}

sub _serve {
    my ($socket, $answer) = @_;
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    $socket->autoflush(1);
    $SIG{PIPE} = 'IGNORE';
    while (my $line = <$socket>) {
        $answer->($socket, $line);
    }
    return;
}

sub address { return "127.0.0.1:$_[0]{port}" }

sub DESTROY {
    my ($self) = @_;
    return if $$ != $owner || !$self->{pid};
    local ($?, $!);
    kill 'KILL', -$self->{pid}, $self->{pid};
    waitpid delete $self->{pid}, 0;
    return;
}

1;
