# A UDP client: frames out, frames in. A frame is 8 bytes of header, written as four
# hexadecimal words `<id sequence total reserved>`, and its payload.
package Frames;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);
use IO::Select;
use IO::Socket::IP;
use Socket qw(SOCK_DGRAM);

use Client;
use Notation;

our @EXPORT = qw(frame shown frames_of);

use constant DEADLINE_S => 10;
use constant LEN_MAX    => 65_536;

# A socket that talks to that port of the host.
sub new {
    my ($class, $port, $host) = @_;
    my $socket = IO::Socket::IP->new(
        PeerHost => $host // '127.0.0.1', PeerPort => $port, Type => SOCK_DGRAM, Proto => 'udp')
        or croak "no UDP socket: $@";
    return bless { socket => $socket }, $class;
}

sub port { return $_[0]{socket}->sockport }

sub send {
    my ($self, $datagram) = @_;
    my $sent = $self->{socket}->send($datagram);
    return defined $sent && $sent == length $datagram;
}

# The next datagram; undef if none comes.
sub recv {
    my ($self) = @_;
    IO::Select->new($self->{socket})->can_read(DEADLINE_S) or return;
    defined $self->{socket}->recv(my $datagram, LEN_MAX) or return;
    return $datagram;
}

# What is answered up to the reply to a no-op that is sent now, which is not given.
sub rest {
    my ($self) = @_;
    my $last = frame('fffe 0 1 0', "MN\r\n");
    $self->send(frame('fffe 0 1 0', "mn\r\n"));
    my @datagrams;
    while (defined(my $datagram = $self->recv)) {
        return @datagrams if $datagram eq $last;
        push @datagrams, $datagram;
    }
    return (@datagrams, 'and no answer to a no-op');
}

# Sends one line and joins its answer, which may come in several datagrams.
sub ask {
    my ($self, $line) = @_;
    $self->send(frame('abc 0 1 0', "$line\r\n"));
    my ($answer, $sequence) = ('', 0);
    while (defined(my $datagram = $self->recv)) {
        my ($id, $at, $total) = unpack 'nnn', $datagram;
        croak 'not the next datagram: ' . shown($datagram) if $id != 0xabc || $at != $sequence++;
        $answer .= substr $datagram, 8;
        return $answer if $sequence == $total;
    }
    croak "no whole answer to $line";
}

sub frame {
    my ($words, $payload) = @_;
    return pack('n4', map { hex } split ' ', $words) . $payload;
}

# A datagram in the notation of the tables.
sub shown {
    my ($datagram) = @_;
    return Client::visible($datagram) if length $datagram < 8;
    return sprintf('<%x %x %x %x>', unpack 'n4', $datagram) . Client::visible(substr $datagram, 8);
}

# The datagrams of a text: each begins with its header; what has none is one as it is.
sub frames_of {
    my ($text) = @_;
    my @frames;
    for my $part (split /(?=<[0-9a-f]+ [0-9a-f]+ [0-9a-f]+ [0-9a-f]+>)/, $text) {
        push @frames, $part =~ /\A<([^>]*)>(.*)\z/s ? frame($1, bytes_of($2)) : bytes_of($part);
    }
    return @frames;
}

1;
