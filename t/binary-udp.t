#!/usr/bin/perl
# Frames in datagrams: each datagram says by its first byte what it speaks.
#
# On purpose otherwise than memcached 1.6.45: what has no answer has no datagram either (240,
# 241), and half a request takes nothing from the next datagram.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary ();
use BinaryConversation;
use Client;
use Frames;
use Notation;
use Server;

my $server = Server->start('-t 1 -U -1');
my $operator = Binary->new($server->client);
my $frames = Frames->new($server->ports('UDP'));

# A datagram of a row: its header as in t/udp.t, and frames as in the tables of other binary-*.t.
for my $row (conversations(do { local $/; <DATA> })) {
    $operator->call('FLUSH');
    BinaryConversation::prepare($server, $row->{given}) if length $row->{given};
    my %sent; # by the id of the datagram
    for my $datagram (datagrams($row->{input})) {
        my ($requests, $bytes) = BinaryConversation::requests($datagram->{text}, 0);
        $sent{ hex((split ' ', $datagram->{header})[0]) } = $requests;
        $frames->send(frame($datagram->{header}, $bytes));
    }
    my @got = map { answer($_, $sent{ unpack 'n', $_ }) } $frames->rest;
    my @expected = map {
        my ($header, $text) = @$_{qw(header text)};
        $text =~ /^RAW/ ? "<$header> $text" : "<$header> " . BinaryConversation::expected($text);
    } datagrams($row->{output});
    is(join("\n", @got), join("\n", @expected), join ': ', grep { defined } $row->{number}, $row->{name});
}

# `<header> text` parts.
sub datagrams {
    my ($text) = @_;
    my @parts = split /<([0-9a-f]+ [0-9a-f]+ [0-9a-f]+ [0-9a-f]+)>\s*/, $text;
    shift @parts;
    my @datagrams;
    while (my ($header, $frames) = splice @parts, 0, 2) {
        push @datagrams, { header => $header, text => $frames =~ s/\s+\z//r };
    }
    return @datagrams;
}

sub answer {
    my ($datagram, $sent) = @_;
    my $header = sprintf '<%x %x %x %x>', unpack 'n4', $datagram;
    my $payload = substr $datagram, 8;
    return qq($header RAW ") . Client::visible($payload) . '"' if $payload !~ /\A\x81/;
    return join ' ', $header, BinaryConversation::replies($payload, $sent);
}

# A value longer than a datagram.
{
    my $value = join '', map { chr(33 + $_ % 90) } 1 .. 5000;
    $operator->set('long', $value, flags => 5);
    $frames->send(frame('1234 0 1 0', Binary::frame('GET', key => 'long')));
    my @datagrams = $frames->rest;
    is(join(' ', map { sprintf '<%x %x %x %x>%d', (unpack 'n4', $_), length $_ } @datagrams),
        '<1234 0 4 0>1400 <1234 1 4 0>1400 <1234 2 4 0>1400 <1234 3 4 0>860', '246: a long value comes in four datagrams');
    my $bytes = join '', map { substr $_, 8 } @datagrams;
    my ($reply) = Binary::frames_of(\$bytes);
    is($reply->{val}, $value, '... whole');
    is(length $bytes, 0, '... and nothing behind it');

    $frames->send(frame('1 0 1 0', Binary::frame('SET', key => 'long', val => 'v' x 4096)));
    is(join(' ', map { answer($_, [{ name => 'SET', opaque => 0 }]) } $frames->rest), '<1 0 1 0> SET 00 cas', 'a value of 4 KiB fits a datagram');
    is($operator->get('long'), 'v' x 4096, '... and is stored');

    $frames->send(frame('1 0 1 0', Binary::frame('STAT')));
    $bytes = join '', map { substr $_, 8 } $frames->rest;
    my @names = map { $_->{key} } Binary::frames_of(\$bytes);
    is(join(' ', @names), join(' ', (map { $_->[0] } $operator->stats_list), ''), 'statistics are one message');
}

# What connections speak does not matter.
for my $options ('-B ascii', '-B binary') {
    my $server = Server->start("-t 1 -U -1 $options");
    my $frames = Frames->new($server->ports('UDP'));
    is($frames->ask('version'), "VERSION 1.6.45\r\n", "$options: text in datagrams is answered");
    $frames->send(frame('1 0 1 0', Binary::frame('VERSION')));
    is(join(' ', map { answer($_, [{ name => 'VERSION', opaque => 0 }]) } $frames->rest), '<1 0 1 0> VERSION 00 val="1.6.45"',
        '... and frames are');
}

# There is no way around a login.
for my $case (
    ['-S', 'ERROR: Cannot enable UDP while using binary SASL authentication.'],
    ["-Y $0", 'Cannot use UDP with ascii authentication enabled (-U 0 to disable)'],
) {
    my ($options, $line) = @$case;
    my ($code, undef, $err) = Server->refused("$options -U -1");
    is($code, 64, "UDP is refused with $options");
    is($err, "$line\n", '... and the reason told');
}

$operator->client->close;
$server->client->verifies('all memory is accounted for');

done_testing;

__DATA__
236 a value can be stored
    > <1234 0 1 0> SET "k" flags=5 val="v"
    < <1234 0 1 0> SET 00 cas
237 and read
    = SET "k" flags=5 val="v"
    > <1234 0 1 0> GET "k"
    < <1234 0 1 0> GET 00 ext=00000005 val="v" cas
238 a miss is told
    > <1234 0 1 0> GET "nn"
    < <1234 0 1 0> GET 01
239 each request has its message
    = SET "k" flags=5 val="v"
    > <1234 0 1 0> GET "k" + GET "k"
    < <1234 0 1 0> GET 00 ext=00000005 val="v" cas
    < <1234 0 1 0> GET 00 ext=00000005 val="v" cas
240 quiet success has no message
    > <1234 0 1 0> SETQ "k" val="v"
    <
241 a quiet miss has none
    > <1234 0 1 0> GETQ "nn"
    <
242 a request of two datagrams is dropped
    > <1234 0 2 0> NOOP
    <
243 sequence and reserved word are ignored
    > <7 9 1 ffff> NOOP
    < <7 0 1 0> NOOP 00
244 half a header is nothing
    > <1234 0 1 0> RAW "\x80\n{\0*8}"
    > <1235 0 1 0> NOOP
    < <1235 0 1 0> NOOP 00
245 what would close a connection ends the datagram
    > <1234 0 1 0> GET + NOOP
    > <1235 0 1 0> NOOP
    < <1234 0 1 0> GET 04
    < <1235 0 1 0> NOOP 00
247 lengths that lie are told
    > <1234 0 1 0> GET "aaaaa" bodylen=1
    < <1234 0 1 0> GET 81
248 text behind a frame is nothing
    > <1234 0 1 0> NOOP + RAW "get k\r\n"
    < <1234 0 1 0> NOOP 00
249 text alone is answered in text
    = SET "k" flags=5 val="v"
    > <1234 0 1 0> RAW "get k\r\n"
    < <1234 0 1 0> RAW "VALUE k 5 1\r\nv\r\nEND\r\n"
the first byte of a reply is the start of no request
    > <1 0 1 0> RAW "\x81\n{\0*22}"
    < <1 0 1 0> RAW "CLIENT_ERROR bad command line format\r\n"
numbers are changed and keys deleted
    > <1 0 1 0> INCR "n" delta=1 init=7 + DECR "n" delta=2 + DELETE "n"
    < <1 0 1 0> INCR 00 u64=7 cas
    < <1 0 1 0> DECR 00 u64=5 cas
    < <1 0 1 0> DELETE 00
quit is answered, and ends the datagram
    > <1 0 1 0> QUIT + NOOP
    > <2 0 1 0> QUITQ + NOOP
    > <3 0 1 0> NOOP
    < <1 0 1 0> QUIT 00
    < <3 0 1 0> NOOP 00
an unknown opcode is told, and its body is skipped
    > <1 0 1 0> 0x25 "key" + NOOP
    < <1 0 1 0> 0x25 81
    < <1 0 1 0> NOOP 00
half of its body takes nothing from the next datagram
    > <1 0 1 0> 0x25 "key" bodylen=100
    > <2 0 1 0> NOOP
    < <1 0 1 0> 0x25 81
    < <2 0 1 0> NOOP 00
half a value is dropped, and takes nothing from the next datagram
    = SET "k" flags=5 val="v"
    > <1 0 1 0> SET "k" val="abc" bodylen=100
    > <2 0 1 0> GET "k"
    < <2 0 1 0> GET 00 ext=00000005 val="v" cas
a value that is too large and not all there is dropped, and the old one is gone
    = SET "k" flags=5 val="v"
    > <1 0 1 0> SET "k" val="abc" bodylen=2000000
    > <2 0 1 0> GET "k"
    < <2 0 1 0> GET 01
nobody can log in
    > <1 0 1 0> SASL_LIST + SASL_AUTH "PLAIN" val="\0bob\0secret"
    < <1 0 1 0> SASL_LIST 81
    < <1 0 1 0> SASL_AUTH 81
