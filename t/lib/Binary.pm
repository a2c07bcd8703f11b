# The binary protocol: frames out, frames in, and a client that speaks it.
#
#     my $binary = Binary->new($server->client);
#     my $reply = $binary->call('SET', key => 'a', val => '1');     # one reply
#     my @replies = $binary->ask(frame('GETQ', key => 'a'), frame('GETQ', key => 'b'));
#
# A reply is { opcode, name, status, ext, key, val, cas, opaque }. `ask` sends a NOOP behind
# and returns what came before its reply.
package Binary;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);

our @EXPORT_OK = qw(frame frames_of name_of shown);

use constant HEADER     => 'C C n C C n N N Q>';
use constant HEADER_LEN => 24;

my %opcodes = (
    GET => 0x00, SET => 0x01, ADD => 0x02, REPLACE => 0x03, DELETE => 0x04, INCR => 0x05, DECR => 0x06,
    QUIT => 0x07, FLUSH => 0x08, GETQ => 0x09, NOOP => 0x0a, VERSION => 0x0b, GETK => 0x0c, GETKQ => 0x0d,
    APPEND => 0x0e, PREPEND => 0x0f, STAT => 0x10, SETQ => 0x11, ADDQ => 0x12, REPLACEQ => 0x13,
    DELETEQ => 0x14, INCRQ => 0x15, DECRQ => 0x16, QUITQ => 0x17, FLUSHQ => 0x18, APPENDQ => 0x19,
    PREPENDQ => 0x1a, TOUCH => 0x1c, GAT => 0x1d, GATQ => 0x1e, SASL_LIST => 0x20, SASL_AUTH => 0x21,
    SASL_STEP => 0x22, GATK => 0x23, GATKQ => 0x24,
);
my %names = reverse %opcodes;

# Extras that an opcode wants, from these fields.
my %extras = (
    (map { $_ => ['N N', 'flags', 'exp'] } qw(SET SETQ ADD ADDQ REPLACE REPLACEQ)),
    (map { $_ => ['Q> Q> N', 'delta', 'init', 'exp'] } qw(INCR INCRQ DECR DECRQ)),
    (map { $_ => ['N', 'exp'] } qw(TOUCH GAT GATQ GATK GATKQ)),
);

# A frame. Fields: key val cas opaque flags exp delta init; and to lie: ext keylen extlen
# bodylen magic datatype vbucket. The opcode is a name or a number.
sub frame {
    my ($name, %with) = @_;
    my ($ext, $key, $val) = (extras_of($name, \%with), map { defined $_ ? $_ : '' } @with{qw(key val)});
    my $body = $ext . $key . $val;
    return pack(HEADER, _or($with{magic}, 0x80), opcode_of($name), _or($with{keylen}, length $key),
        _or($with{extlen}, length $ext), _or($with{datatype}, 0), _or($with{vbucket}, 0),
        _or($with{bodylen}, length $body), _or($with{opaque}, 0), _or($with{cas}, 0)) . $body;
}

sub _or { return defined $_[0] ? $_[0] : $_[1] }

sub extras_of {
    my ($name, $with) = @_;
    return $with->{ext} if defined $with->{ext};
    return pack 'N', $with->{exp} if $name =~ /^FLUSH/ && defined $with->{exp};
    my ($template, @fields) = @{ $extras{$name} || return '' };
    return pack $template, map { _or($with->{$_}, 0) } @fields;
}

sub opcode_of {
    my ($name) = @_;
    return $opcodes{$name} if exists $opcodes{$name};
    $name =~ /^(?:0x[0-9a-f]{1,2}|[0-9]+)\z/ or croak "no opcode: $name";
    return $name =~ /^0x/ ? hex $name : $name;
}

sub name_of {
    my ($opcode) = @_;
    return $names{$opcode} || sprintf '0x%02x', $opcode;
}

# Takes whole replies off the front of the bytes; what is left stays there.
sub frames_of {
    my ($bytes) = @_;
    my @replies;
    while (length $$bytes >= HEADER_LEN) {
        my %reply;
        (@reply{qw(magic opcode)}, my ($key_len, $ext_len), @reply{qw(datatype status)}, my $body_len,
            @reply{qw(opaque cas)}) = unpack HEADER, $$bytes;
        last if length $$bytes < HEADER_LEN + $body_len;
        my $body = substr substr($$bytes, 0, HEADER_LEN + $body_len, ''), HEADER_LEN;
        @reply{qw(ext key val)} = unpack "a$ext_len a$key_len a*", $body;
        $reply{fault} = $reply{magic} != 0x81 ? 'magic' : $reply{datatype} ? 'datatype'
            : $ext_len + $key_len > $body_len ? 'lengths' : undef;
        push @replies, { %reply, name => name_of($reply{opcode}) };
    }
    return @replies;
}

# A reply in the notation of BinaryConversation.pm.
sub shown {
    my ($reply) = @_;
    my $quoted = sub { '"' . Client::visible($_[0]) . '"' };
    my $text = sprintf '%s %02x', $reply->{name}, $reply->{status};
    $text .= ' ext=' . unpack 'H*', $reply->{ext} if length $reply->{ext};
    $text .= ' ' . $quoted->($reply->{key})       if length $reply->{key};
    $text .= ' val=' . $quoted->($reply->{val})   if length $reply->{val};
    $text .= ' cas'                               if $reply->{cas};
    $text .= " (wrong $reply->{fault})"           if $reply->{fault};
    return $text;
}

# --- a client ------------------------------------------------------------------------

# Makes a Client one that speaks binary.
sub new {
    my ($class, $client) = @_;
    return bless { client => $client, opaque => 1 }, $class;
}

sub client { return $_[0]{client} }

# Sends these bytes and a NOOP; returns the replies that come before the NOOP's.
sub ask {
    my ($self, @bytes) = @_;
    my $opaque = 0xf0000000 + $self->{opaque}++;
    $self->{client}->send(join '', @bytes, frame('NOOP', opaque => $opaque));
    my @replies;
    while (my $reply = $self->next) {
        return @replies if $reply->{opcode} == 0x0a && $reply->{opaque} == $opaque;
        push @replies, $reply;
    }
    croak 'the connection ended after ' . join '; ', map { shown($_) } @replies;
}

# Sends one frame and returns the reply.
sub call {
    my ($self, $name, %with) = @_;
    $with{opaque} = $self->{opaque}++ unless defined $with{opaque};
    $self->{client}->send(frame($name, %with));
    my $reply = $self->next or croak "no reply to $name";
    $reply->{opaque} == $with{opaque} && $reply->{opcode} == opcode_of($name)
        or croak "not the reply to $name: " . shown($reply);
    return $reply;
}

# The next reply; undef if there is none.
sub next {
    my ($self) = @_;
    my $head = $self->{client}->recv_exact(HEADER_LEN);
    length $head == HEADER_LEN or return;
    my $body_len = (unpack HEADER, $head)[6];
    my $bytes = $head . $self->{client}->recv_exact($body_len);
    my ($reply) = frames_of(\$bytes);
    return $reply;
}

sub set { my ($self, $key, $val, %with) = @_; return $self->call('SET', key => $key, val => $val, %with) }

# The value, or undef.
sub get {
    my ($self, $key) = @_;
    my $reply = $self->call('GET', key => $key);
    return $reply->{status} ? undef : $reply->{val};
}

# Statistics as [name, value] pairs, in order; undef if they are not there.
sub stats_list {
    my ($self, $what) = @_;
    my @replies = $self->ask(frame('STAT', defined $what ? (key => $what) : ()));
    return if $replies[0]{status};
    my $last = pop @replies;
    !length $last->{key} && !length $last->{val} or croak 'no empty frame at the end';
    return map { [$_->{key}, $_->{val}] } @replies;
}

sub stats { my ($self, $what) = @_; return { map { @$_ } $self->stats_list($what) } }

1;
