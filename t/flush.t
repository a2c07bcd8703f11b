#!/usr/bin/perl
# flush_all forgets what was stored before it, at once or at its time, and nothing stored later.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

for my $threads (1, 4) {
    my $server = Server->start("-t $threads");
    my $client = $server->client;
    my $other  = $server->client;
    $client->stop_clock;

    # At once, for every client, whatever the age.
    $client->set("old$_", 'x') for 1 .. 100;
    $client->advance(100);
    $client->set("new$_", 'x') for 1 .. 100;
    is($client->ask('flush_all'), 'OK', "flush_all, with $threads threads");
    my $keys = join ' ', map { "old$_ new$_" } 1 .. 100;
    $other->says("get $keys\r\n", "END\r\n", '... forgets old and new for every client');
    is($client->ask('incr old1 1'), 'NOT_FOUND', '... for incr');
    is($client->ask('delete old2'), 'NOT_FOUND', '... for delete');
    is($client->ask('touch old3 0'), 'NOT_FOUND', '... for touch');
    is($client->set('old4', 'x', command => 'append'), 'NOT_STORED', '... for append');
    is($client->set('old5', 'x', command => 'add'), 'STORED', '... for add');

    # Stored in the same second, before and after.
    $client->says(
        "set a 0 0 1\r\n1\r\nflush_all\r\nadd a 0 0 1\r\n2\r\nget a\r\n"
            . "flush_all\r\nget a\r\nset a 0 0 1\r\n3\r\nget a\r\n",
        "STORED\r\nOK\r\nSTORED\r\nVALUE a 0 1\r\n2\r\nEND\r\nOK\r\nEND\r\nSTORED\r\nVALUE a 0 1\r\n3\r\nEND\r\n",
        'within one second, before is gone and after stays');
    $client->advance(5);
    is($client->get('a')->{value}, 3, '... for good');

    # At its time.
    $client->set('a', 'before');
    is($client->ask('flush_all 100'), 'OK', 'a delayed flush_all');
    $client->advance(90);
    is($client->get('a')->{value}, 'before', '... leaves everything until its time');
    $client->advance(15);
    is($client->get('a'), undef, '... then forgets what was stored before');
    $client->set('a', 'after');
    is($client->get('a')->{value}, 'after', '... and not what is stored later');
    $client->advance(100);
    is($client->get('a')->{value}, 'after', '... ever');
    is($client->ask('flush_all ' . ($client->stats->{time} + 50)), 'OK', 'a flush_all at a date');
    $client->advance(55);
    is($client->get('a'), undef, '... comes with it');

    # Beyond 2038, and beyond the clock.
    $client->set('a', 'late');
    is($client->ask('flush_all ' . 2**31), 'OK', 'a flush_all at a date in 2038');
    my $left = 2**31 - $client->stats->{time};
    $client->advance($left - 10);
    is($client->get('a')->{value}, 'late', '... leaves everything until then');
    $client->advance(15);
    is($client->get('a'), undef, '... and comes with it');
    $client->set('a', 'later');
    is($client->ask('flush_all 9223372036854775807'), 'OK', 'a flush_all at a time that the clock never reaches');
    $client->advance(2**31);
    is($client->get('a')->{value}, 'later', '... never comes');

    # What is flushed is given back.
    $client->set("k$_", 'x' x 1000) for 1 .. 1000;
    $client->ask('flush_all');
    $client->set("k$_", 'y' x 1000) for 1 .. 1000;
    my $stats = $client->stats;
    is($client->get('k1')->{value}, 'y' x 1000, 'flushed keys can be stored again');
    cmp_ok($stats->{curr_items}, '<=', 1210, '... and are not counted twice');
}

done_testing;
