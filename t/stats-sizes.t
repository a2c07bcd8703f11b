#!/usr/bin/perl
# `stats sizes` counts the items there are by their size, if it was asked for at the start.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

{
    my $server = Server->start('');
    my $client = $server->client;
    is_deeply([$client->stats_list('sizes')], [['sizes_status', 'disabled']], 'sizes are not counted by themselves');
    is($client->stats('settings')->{track_sizes}, 'no', '... as the settings tell');
    $client->says("stats sizes_enable\r\n", "ERROR\r\n", '... and cannot be while running');
}

my $server = Server->start('-t 2 -o track_sizes');
my ($client, $other) = ($server->client, $server->client);
is($client->stats('settings')->{track_sizes}, 'yes', 'with track_sizes they are');
is_deeply([$client->stats_list('sizes')], [], '... from none');

# 48 bytes, 8 for the version, the key and one more, the value and two more.
$client->set("k$_", 'x' x 3) for 1 .. 5;                  # 64
$other->set("m$_", 'x' x 4) for 1 .. 3;                   # 65, which is up to 96
$other->set('large', 'x' x 100_000);                      # 100_064, which is up to 100_064
is_deeply(sizes(), { 64 => 5, 96 => 3, 100_064 => 1 }, 'each item counts for the next multiple of 32');

$client->ask('delete m1');
$client->set('k1', 'x' x 50);
$other->set('k2', 'y');
is_deeply(sizes(), { 64 => 4, 96 => 2, 128 => 1, 100_064 => 1 }, 'what goes, and what changes, counts no more');
$client->says("stats reset\r\n", "RESET\r\n", 'a reset');
is_deeply(sizes(), { 64 => 4, 96 => 2, 128 => 1, 100_064 => 1 }, '... changes nothing about that');
$other->says("set c 0 0 1\r\n1\r\nincr c 99\r\ndelete c\r\n", "STORED\r\n100\r\nDELETED\r\n", 'a number grows and goes');
is_deeply(sizes(), { 64 => 4, 96 => 2, 128 => 1, 100_064 => 1 }, '... and leaves nothing');
$client->verifies;
done_testing;

sub sizes { return { map { @$_ } $client->stats_list('sizes') } }
