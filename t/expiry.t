#!/usr/bin/perl
# An item lives as long as it was told to, and is missing for every command afterwards.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

my $server = Server->start('-t 2');
my $client = $server->client;
$client->stop_clock;

# Seconds from now.
$client->set('ever', 'x');
$client->set("s$_", 'x', exptime => $_) for 10, 20, 2_592_000;
$client->advance(8);
is(there('ever', 's10', 's20', 's2592000'), 'ever s10 s20 s2592000', 'before its time nothing has expired');
$client->advance(3);
is(there('ever', 's10', 's20', 's2592000'), 'ever s20 s2592000', 'an item expires at its time');
$client->advance(10);
is(there('ever', 's10', 's20', 's2592000'), 'ever s2592000', 'one after the other');

# A date.
my $now = $client->stats->{time};
$client->set('date', 'x', exptime => $now + 100);
$client->set('past', 'x', exptime => $now - 1);
is(there('date', 'past'), 'date', 'a date in the past has expired already');
$client->advance(98);
is(there('date'), 'date', 'a date in the future is waited for');
$client->advance(3);
is(there('date'), '', '... and comes');

# What has expired is missing for every command.
for my $row (
    ["add gone 0 0 1\r\ny",     'STORED'],
    ["set gone 0 0 1\r\ny",     'STORED'],
    ["replace gone 0 0 1\r\ny", 'NOT_STORED'],
    ["append gone 0 0 1\r\ny",  'NOT_STORED'],
    ["prepend gone 0 0 1\r\ny", 'NOT_STORED'],
    ["cas gone 0 0 1 1\r\ny",   'NOT_FOUND'],
    ['incr gone 1',             'NOT_FOUND'],
    ['decr gone 1',             'NOT_FOUND'],
    ['touch gone 100',          'NOT_FOUND'],
    ['delete gone',             'NOT_FOUND'],
    ['get gone',                'END'],
    ['gets gone',               'END'],
    ['gat 100 gone',            'END'],
) {
    my ($line, $reply) = @$row;
    $client->set('gone', '1', exptime => -1);
    my ($command) = split ' ', $line;
    is($client->ask($line), $reply, "$command of what has expired");
}

# touch and gat move the end, both ways.
$client->set('moved', 'x', exptime => 10);
is($client->ask('touch moved 50'), 'TOUCHED', 'touch moves the end');
$client->advance(48);
is(there('moved'), 'moved', '... away');
$client->says("gat 5 moved\r\n", "VALUE moved 0 1\r\nx\r\nEND\r\n", 'gat moves the end');
$client->advance(6);
is(there('moved'), '', '... nearer');

$client->set('moved', 'x', exptime => 10);
my $version = $client->gets('moved')->{cas};
$client->says("gats 0 moved\r\n", "VALUE moved 0 1 $version\r\nx\r\nEND\r\n", 'gats with 0');
$client->advance(1000);
is(there('moved'), 'moved', '... takes the end away');

# An exptime belongs to the store that gave it.
$client->set('again', 'x', exptime => 10);
$client->set('again', 'y');
$client->advance(20);
is($client->get('again')->{value}, 'y', 'a store without exptime lasts');
$client->set('again', 'z', command => 'append', exptime => 10);
$client->advance(20);
is($client->get('again')->{value}, 'yz', 'the exptime of an append is ignored');

done_testing;

sub there {
    return join ' ', grep { $client->get($_) } @_;
}
