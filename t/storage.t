#!/usr/bin/perl
# What a storage command accepts is what is read back; what it refuses changes nothing.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

for my $threads (1, 4) {
    my $server = Server->start("-t $threads");
    my $client = $server->client;

    # Each command on a key that is there and on one that is not.
    for my $row (
        # command    there         then       missing       then
        ['set',     'STORED',     'new',     'STORED',     'new'],
        ['add',     'NOT_STORED', 'old',     'STORED',     'new'],
        ['replace', 'STORED',     'new',     'NOT_STORED', undef],
        ['append',  'STORED',     'oldnew',  'NOT_STORED', undef],
        ['prepend', 'STORED',     'newold',  'NOT_STORED', undef],
    ) {
        my ($command, $there, $then, $missing, $then_missing) = @$row;
        $client->set('there', 'old');
        $client->ask('delete missing');

        is($client->set('there', 'new', command => $command), $there, "$command of a key that is there");
        is($client->get('there')->{value}, $then, "... leaves what it should");
        is($client->set('missing', 'new', command => $command), $missing, "$command of a missing key");
        my $item = $client->get('missing');
        is($item && $item->{value}, $then_missing, "... leaves what it should");
    }

    # A value may be any bytes of any length, at any length of key.
    my $all_bytes = join '', map { chr } 0 .. 255;
    is($client->set('bytes', $all_bytes), 'STORED', 'a value of every byte is stored');
    is($client->get('bytes')->{value}, $all_bytes, '... and read back');

    my @wrong = grep {
        my $key = 'k' x $_;
        $client->set($key, "value $_") ne 'STORED' || $client->get($key)->{value} ne "value $_"
    } 1 .. 250;
    is("@wrong", '', 'a key may have any length from 1 to 250 bytes');

    # Overwriting with other sizes, up and down.
    @wrong = grep {
        my $value = chr(ord('a') + $_ % 26) x $_;
        $client->set('resized', $value, flags => $_) ne 'STORED'
            || $client->get('resized')->{value} ne $value
            || $client->get('resized')->{flags} != $_
    } 0, 1, 10, 100, 1000, 10_000, 100_000, 500_000, 1_000_000, 600_000, 50_000, 5000, 500, 50, 5, 0;
    is("@wrong", '', 'a value may be overwritten by one of any other length');

    # Growing one byte at a time.
    $client->set('grown', '');
    $client->set('grown', chr(ord('a') + $_ % 26), command => $_ % 2 ? 'append' : 'prepend') for 1 .. 600;
    my $grown = '';
    $grown = $_ % 2 ? $grown . chr(ord('a') + $_ % 26) : chr(ord('a') + $_ % 26) . $grown for 1 .. 600;
    is($client->get('grown')->{value}, $grown, 'append and prepend add up');

    # Many keys at once, on another connection than they were stored.
    $client->send(join '', map { sprintf "set many%d 0 0 %d noreply\r\n%s\r\n", $_, length $_, $_ } 1 .. 20_000);
    $client->is_silent('twenty thousand silent sets say nothing');
    my $other = $server->client;
    $other->says(
        join('', map { "get many$_\r\n" } 1 .. 20_000),
        join('', map { sprintf "VALUE many%d 0 %d\r\n%s\r\nEND\r\n", $_, length $_, $_ } 1 .. 20_000),
        '... and every one of them is there for another client');
}

done_testing;
