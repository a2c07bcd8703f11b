#!/usr/bin/perl
# A value larger than any chunk of memory is stored, read, changed and forgotten like any other.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary;
use Server;

use constant KIB => 1024;
use constant MIB => 1024 * KIB;

{
    my $server = Server->start('-m 128 -I 32m');
    my $client = $server->client;
    is($client->stats('settings')->{item_size_max}, 32 * MIB, 'values up to 32 MiB are allowed');

    for my $length (500 * KIB, 512 * KIB - 60, 512 * KIB, 512 * KIB + 1, 700_001, MIB - 1, MIB, MIB + 1,
        3 * MIB + 17, 10_000_000, 20 * MIB) {
        my $value = pattern($length);
        is($client->set('large', $value, flags => 7), 'STORED', "a value of $length bytes");
        same($client->get('large'), $value, 7, '... is read back');

        my $both = $client->set('large', 'tail', command => 'append');
        is($both, 'STORED', '... appended to');
        same($client->get('large'), $value . 'tail', 7, '... which is read back');
        is($client->set('large', 'head', command => 'prepend'), 'STORED', '... prepended to');
        same($client->get('large'), 'head' . $value . 'tail', 7, '... which is read back');
        is($client->ask('incr large 1'), 'CLIENT_ERROR cannot increment or decrement non-numeric value',
            '... and is no number');
        is($client->ask('touch large 100'), 'TOUCHED', '... but can be touched');
        is($client->ask('delete large'), 'DELETED', '... and deleted');
        is($client->get('large'), undef, '... and is gone');
    }

    # A large value added to a large value, and to a small one.
    my ($one, $two) = (pattern(2 * MIB + 3), 'z' x (3 * MIB + 5));
    $client->set('sum', $one);
    is($client->set('sum', $two, command => 'append'), 'STORED', 'two large values make a larger one');
    same($client->get('sum'), $one . $two, 0, '... in order');
    $client->set('sum', 'small');
    is($client->set('sum', $two, command => 'prepend'), 'STORED', 'a large value before a small one');
    same($client->get('sum'), $two . 'small', 0, '... in order');

    # Overwritten again and again, each kind by the other.
    my @wrong = grep {
        my $value = pattern($_ % 2 ? $_ * 100_003 : $_);
        $client->set('turns', $value) ne 'STORED' || $client->get('turns')->{value} ne $value
    } 1 .. 60;
    is("@wrong", '', 'large and small overwrite each other');

    # Versions.
    $client->set('cas', $one);
    my $version = $client->gets('cas')->{cas};
    is($client->set('cas', $two, command => 'cas', cas => $version), 'STORED',
        'a version of a large value can be spent');
    is($client->set('cas', $one, command => 'cas', cas => $version), 'EXISTS', '... once');
    same($client->get('cas'), $two, 0, '... by the first');

    # What fails on the way leaves the old value.
    $client->send('set cas 0 0 ' . 3 * MIB . "\r\n" . 'q' x (3 * MIB) . 'XX');
    $client->expects("CLIENT_ERROR bad data chunk\r\n", 'a large value without its end is refused');
    same($client->get('cas'), $two, 0, '... the old one stays');
    is($client->set('cas', 'q' x (32 * MIB + 1), command => 'replace'),
        'SERVER_ERROR object too large for cache', 'a value of more than 32 MiB is refused');
    same($client->get('cas'), $two, 0, '... the old one stays');

    # Another client overwrites while the first is still uploading.
    my $slow = $server->client;
    $slow->send('set race 0 0 ' . 2 * MIB . "\r\n" . 's' x MIB);
    is($client->set('race', 'quick'), 'STORED', 'who is quicker stores first');
    is($client->get('race')->{value}, 'quick', '... and is read');
    $slow->says('s' x MIB . "\r\n", "STORED\r\n", '... until the slower one is done');
    same($client->get('race'), 's' x (2 * MIB), 0, '... and is read');
}

# No memory in the middle of a value, and no eviction.
{
    my $server = Server->start('-M -m 8 -I 4m');
    my $client = $server->client;
    my $old = pattern(3_000_000);
    is($client->set("b$_", $old), 'STORED', "three megabytes of eight, b$_") for 0, 1;
    $client->says("set b0 0 0 2900000\r\n" . 'y' x 2_900_000 . "\r\n",
        "SERVER_ERROR Out of memory during read\r\n", 'a third does not fit, which is found in mid-value');
    is(scalar $client->get('b0'), undef, '... the old value goes: who meant to replace it shall not read it for good');
    same($client->get('b1'), $old, 0, '... the other one stays');
    is($client->set('b0', $old), 'STORED', '... and there is room for as much again');
    # The same by meta and binary, and by those who set conditions.
    for my $mode (qw(E A P R)) {
        my $key = $mode eq 'E' ? 'b2' : 'b0';
        $client->says("ms $key 2900000 M$mode\r\n" . 'y' x 2_900_000 . "\r\n",
            "SERVER_ERROR Out of memory during read\r\n", "ms with M$mode finds no memory on the way");
        same($client->get('b0'), $old, 0, '... the old value stays');
    }
    $client->says("ms b0 2900000\r\n" . 'y' x 2_900_000 . "\r\n",
        "SERVER_ERROR Out of memory during read\r\n", 'ms finds no memory on the way');
    is(scalar $client->get('b0'), undef, '... and the old value goes');
    is($client->set('b0', $old), 'STORED', 'it is there again');
    my $cas = $client->gets('b0')->{cas};
    for my $step (['REPLACE', 0, 'stays'], ['SET', $cas, 'stays'], ['SET', 0, 'goes']) {
        my ($op, $id, $becomes) = @$step;
        my $binary = Binary->new($server->client);
        my $reply = $binary->call($op, key => 'b0', val => 'y' x 2_900_000, $id ? (cas => $id) : ());
        is("$reply->{status} $reply->{val}", 0x82 . ' Out of memory during read', "a frame, $op: no memory on the way");
        is(defined $client->get('b0') ? 'stays' : 'goes', $becomes, '... and the old value ' . $becomes);
    }
    is($client->set('b0', $old), 'STORED', 'it is there once more');
    is($client->ask('delete b1'), 'DELETED', 'when one is deleted');
    is($client->set('b0', 'y' x 2_900_000), 'STORED', '... there is room again');
    same($client->get('b0'), 'y' x 2_900_000, 0, '... and it is read back');
}

done_testing;

# Bytes in which a wrong offset shows.
sub pattern {
    my ($length) = @_;
    return substr join('', map { sprintf '%07d,', $_ } 1 .. $length / 8 + 1), 0, $length;
}

sub same {
    my ($item, $value, $flags, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Client::is_same("$item->{flags} $item->{value}", "$flags $value", $name);
    return;
}
