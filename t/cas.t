#!/usr/bin/perl
# A version can be spent once: the second writer who holds it is refused.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

for my $threads (1, 4) {
    my $server = Server->start("-t $threads");
    my $client = $server->client;

    $client->says("set k 0 0 1\r\na\r\n", "STORED\r\n", "store, with $threads threads");
    my $version = $client->gets('k')->{cas};
    $client->says("cas k 0 0 1 $version\r\nb\r\n", "STORED\r\n", 'first spend is taken');
    $client->says("cas k 0 0 1 $version\r\nc\r\n", "EXISTS\r\n", 'second spend is refused');
    $client->says("get k\r\n", "VALUE k 0 1\r\nb\r\nEND\r\n", 'the first spender has won');

    # What makes a new version, and what does not.
    for my $line ("set k 0 0 1\r\n1", "replace k 0 0 1\r\n1", "append k 0 0 1\r\n1", "prepend k 0 0 1\r\n1",
        'incr k 1', 'decr k 1', 'incr k 100000') {
        my $old = $client->gets('k')->{cas};
        $client->ask($line);
        my $new = $client->gets('k')->{cas};
        my ($command) = split ' ', $line;
        cmp_ok($new, '>', $old, "$command makes a newer version");
        is($client->set('k', '5', command => 'cas', cas => $old), 'EXISTS', '... and the old one is void');
    }
    $client->set('k', '5');
    $version = $client->gets('k')->{cas};
    $client->says("get k\r\n",     "VALUE k 0 1\r\n5\r\nEND\r\n", 'get is no change');
    $client->says("gat 100 k\r\n", "VALUE k 0 1\r\n5\r\nEND\r\n", 'gat is no change');
    $client->says("touch k 100\r\n", "TOUCHED\r\n", 'touch is no change');
    is($client->set('k', 'x', command => 'add'), 'NOT_STORED', 'add of a key that is there is no change');
    is($client->gets('k')->{cas}, $version, 'no change keeps the version');

    # The stored flags and exptime are those of the cas.
    $client->says("cas k 7 0 2 $version\r\nyy\r\n", "STORED\r\n", 'cas stores');
    is($client->get('k')->{flags}, 7, '... with its own flags');

    # How an id may be written.
    $version = $client->gets('k')->{cas};
    $client->says(sprintf("cas k 0 0 1 %022d\r\ny\r\n", $version), "STORED\r\n", 'an id may have 22 digits');
    $version = $client->gets('k')->{cas};
    $client->says(sprintf("cas k 0 0 1 %023d\r\ny\r\n", $version),
        "CLIENT_ERROR bad command line format\r\n", 'an id may not have 23 digits');
    $client->says("cas k 0 0 1 $version 1 2 3\r\ny\r\n", "STORED\r\n", 'words after the id are ignored');

    # A key that comes back is another item.
    $version = $client->gets('k')->{cas};
    $client->ask('delete k');
    is($client->set('k', 'z', command => 'cas', cas => $version), 'NOT_FOUND',
        'the version of a deleted key finds nothing');
    $client->set('k', 'again');
    is($client->set('k', 'z', command => 'cas', cas => $version), 'EXISTS',
        '... nor fits the key when it comes back');

    # Of many who hold one version, sent at the same time, one wins.
    my @clients = map { $server->client } 1 .. 8;
    my @winners = map {
        my $round = $_;
        $client->set('race', 'start');
        my $held = $client->gets('race')->{cas};
        $_->send("cas race 0 0 1 $held\r\nw\r\n") for @clients;
        scalar grep { $_->read_line eq "STORED\r\n" } @clients;
    } 1 .. 50;
    is("@winners", join(' ', (1) x 50), 'of eight who spend a version at once, one wins every time');
}

done_testing;
