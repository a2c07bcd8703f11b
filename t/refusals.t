#!/usr/bin/perl
# A value that cannot be stored is refused as soon as its head has been read, in every protocol; its
# bytes are read all the same, so that the stream stays in step.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame);
use Server;

use constant LEN       => 3 << 20;
use constant TOO_LARGE => "SERVER_ERROR object too large for cache\r\n";
use constant CE        => "CLIENT_ERROR bad command line format\r\n";

my $server = Server->start('-t 1 -m 64');
my ($client, $other) = ($server->client, $server->client);
my $block = 'x' x LEN . "\r\n";
my $long  = 'k' x 251;

# [head, reply, whether the old value goes]
for my $row (
    ['set k 0 0 ' . LEN,              TOO_LARGE, 1],
    ['set k 0 0 ' . LEN . ' noreply', '',        1],
    ['add k 0 0 ' . LEN,              TOO_LARGE, 0],
    ['append k 0 0 ' . LEN,           TOO_LARGE, 0],
    ['cas k 0 0 ' . LEN . ' 1',       TOO_LARGE, 0],
    ['ms k ' . LEN,                   TOO_LARGE, 1],
    ['ms k ' . LEN . ' q',            TOO_LARGE, 1],
    ['ms k ' . LEN . ' S x x',        "CLIENT_ERROR invalid flag\r\n", 0],
    ['set k x 0 ' . LEN,              CE,        0],
    ["set $long 0 0 " . LEN,          CE,        0],
) {
    my ($head, $reply, $goes) = @$row;
    my $name = Client::visible(substr $head, 0, 30);
    is($other->set('k', 'old'), 'STORED', "before $name");
    # Behind other commands, with a first part of the value: the answers keep their order.
    $client->says("get k\r\n$head\r\n" . substr($block, 0, 1000), "VALUE k 0 3\r\nold\r\nEND\r\n$reply",
        '... it is answered before its value has come');
    $client->await_taken;
    is($other->get('k') ? 'stays' : 'goes', $goes ? 'goes' : 'stays', '... and so is the old value');
    $client->send(substr $block, 1000);
    $client->says("version\r\n", Client::VERSION_LINE, '... nothing more is said, and what follows the value is a command');
}

# Binary: a frame is answered when its head is here.
my $binary = $server->client;
for my $op (qw(SET SETQ ADD APPEND)) {
    my $with = $op eq 'APPEND' ? {} : { flags => 0, exp => 0 };
    my $frame = frame($op, key => 'b', val => 'x' x LEN, %$with);
    my $head = length($frame) - LEN;
    $binary->send(substr $frame, 0, $head + 10);
    my $answer = $binary->recv_exact(24 + length 'Too large.');
    is(substr($answer, 6, 2) . substr($answer, 24), "\0\3Too large.", "$op is answered before its value has come");
    $binary->send(substr $frame, $head + 10);
    $binary->send(frame('NOOP'));
    is(unpack('x C', $binary->recv_exact(24)), 0x0a, '... and what follows the value is a frame');
}

# Two gigabytes are refused before the first of them is sent.
my $patient = $server->client;
$patient->says("set k 0 0 2147483645\r\n", TOO_LARGE, 'two gigabytes are refused at once');

# Who goes away in the middle has had the answer, and is not told twice.
my $leaving = $server->client;
$leaving->send("set k 0 0 ${\LEN}\r\nabc");
$leaving->half_close;
is($leaving->read_to_eof, TOO_LARGE, 'who leaves in the middle is told once');

done_testing;
