#!/usr/bin/perl
# get and its family return every hit, whole and in the order asked, however much that is.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

my $server = Server->start('-m 256');
my $client = $server->client;

# Many keys in one line.
$client->send(join '', map { "set key$_ $_ 0 1 noreply\r\nx\r\n" } grep { $_ % 2 } 1 .. 5000);
$client->is_silent('2500 keys are stored');
my $line = join ' ', map { "key$_" } 1 .. 5000;
my $hits = join '', map { $_ % 2 ? "VALUE key$_ $_ 1\r\nx\r\n" : () } 1 .. 5000;
$client->says("get $line\r\n", "${hits}END\r\n", 'a get of 5000 keys leaves out the missing half');

# A line of more than 64 KiB, also when it arrives in two parts.
my $long = join ' ', map { sprintf 'key%d %s', $_, 'm' x 60 } 1 .. 2000;
my $long_hits = join '', map { $_ % 2 ? "VALUE key$_ $_ 1\r\nx\r\n" : () } 1 .. 2000;
cmp_ok(length $long, '>', 65_536, 'the next line is longer than 64 KiB');
$client->says("get $long\r\n", "${long_hits}END\r\n", '... and is answered in full');
$client->send('get ' . substr $long, 0, 40_000);
$client->settle;
$client->says(substr($long, 40_000) . "\r\n", "${long_hits}END\r\n", '... in two parts too');

# Every length around what a server might treat apart.
my @lengths = (0 .. 20, 100, 500, 1000, (map { 3072 + 64 * $_ } 0 .. 32), (map { 4096 + $_ } -70 .. 10),
    8191 .. 8193, 16_000, 16_384, 65_535 .. 65_537, 300_000, 524_000 .. 524_002, 524_288, 1_047_552);
my @wrong = grep {
    my $value = pattern($_);
    $client->set('sized', $value) ne 'STORED' || $client->get('sized')->{value} ne $value
} @lengths;
is("@wrong", '', 'a value of any length is read back');

# Small and large values mixed in one reply.
$client->set("mixed$_", pattern($_)) for @lengths;
my @asked = (@lengths, reverse @lengths);
$client->says(
    'get ' . join(' ', map { "mixed$_ none" } @asked) . "\r\n",
    join('', map { sprintf "VALUE mixed%d 0 %d\r\n%s\r\n", $_, $_, pattern($_) } @asked) . "END\r\n",
    'values of all lengths come in one reply');

# Many large values in one reply, more than any socket buffer holds.
$client->set("large$_", pattern(900_000 + $_)) for 1 .. 30;
$client->says(
    'get ' . join(' ', map { "large$_" } 1 .. 30) . "\r\n",
    join('', map { sprintf "VALUE large%d 0 %d\r\n%s\r\n", $_, 900_000 + $_, pattern(900_000 + $_) } 1 .. 30)
        . "END\r\n",
    'thirty large values come in one reply');

# One large value asked for many times.
$client->says(
    'get' . ' large1' x 50 . "\r\n",
    sprintf("VALUE large1 0 %d\r\n%s\r\n", 900_001, pattern(900_001)) x 50 . "END\r\n",
    'one large value comes fifty times in one reply');

# A value that changes between two pipelined gets, while the first reply is on its way.
my ($before, $after) = (pattern(700_000), 'z' x 700_000);
$client->set('changing', $before);
$client->says(
    "get changing\r\nset changing 0 0 700000\r\n$after\r\nget changing\r\ndelete changing\r\nget changing\r\n",
    "VALUE changing 0 700000\r\n$before\r\nEND\r\nSTORED\r\n"
        . "VALUE changing 0 700000\r\n$after\r\nEND\r\nDELETED\r\nEND\r\n",
    'each of several pipelined gets sees the value of its time');

# gat and gats answer like get and gets.
$client->says("gat 100 key1 none key3\r\n",
    "VALUE key1 1 1\r\nx\r\nVALUE key3 3 1\r\nx\r\nEND\r\n", 'gat of three keys');
my $cas = $client->gets('key1')->{cas};
$client->says("gats 100 key1\r\n", "VALUE key1 1 1 $cas\r\nx\r\nEND\r\n", 'gats shows the version gets shows');

done_testing;

# Bytes in which a wrong offset shows.
sub pattern {
    my ($length) = @_;
    my $count = int($length / 7) + 1;
    return substr join('', map { sprintf '%06d,', $_ } 1 .. $count), 0, $length;
}
