#!/usr/bin/perl
# A client that speaks binary: all it may ask for, next to one that speaks text.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame shown);
use Server;

# Nobody looks after memory in the background, so that figures stand still.
my $server = Server->start('-t 2 -m 64 -o no_lru_maintainer,no_lru_crawler,slab_automove=0');
my $text = $server->client;
my $client = Binary->new($server->client);

# What one protocol stores the other reads.
{
    my $stored = $client->set('a', "one\r\ntwo", flags => 77);
    is($text->gets('a')->{value}, "one\r\ntwo", 'text reads what binary stores');
    is($text->gets('a')->{flags}, 77, '... its flags');
    is($text->gets('a')->{cas}, $stored->{cas}, '... and its id');
    $text->set('b', 'three', flags => 5);
    my $reply = $client->call('GETK', key => 'b');
    is(shown($reply), 'GETK 00 ext=00000005 "b" val="three" cas', 'binary reads what text stores');
    is($reply->{cas}, $text->gets('b')->{cas}, '... and its id');
    $client->set("with space\0\n", 'x');
    is($client->get("with space\0\n"), 'x', 'a key that text cannot name');
    $client->set('last', 'x', cas => $client->set('last', 'w')->{cas});
    is($client->get('last'), 'x', 'the id of a reply is the id to give');
}

# Many at once.
{
    my @keys = map { "many$_" } 1 .. 500;
    my @replies = $client->ask(map { frame('SETQ', key => $_, val => "value of $_") } @keys);
    is(scalar @replies, 0, 'five hundred quiet sets are silent');
    @replies = $client->ask(map { (frame('GETKQ', key => $_, opaque => 7), frame('GETQ', key => "not $_")) } @keys);
    is(join(' ', map { $_->{key} } @replies), "@keys", 'quiet gets have the hits, in order');
    is((grep { $_->{val} ne "value of $_->{key}" || $_->{opaque} != 7 } @replies), 0, '... with value and opaque');
    @replies = $client->ask(map { frame('DELETEQ', key => $_) } @keys, 'one more');
    is(join('; ', map { shown($_) } @replies), 'DELETEQ 01 val="Not found"', 'quiet deletes tell what was not there');
}

# Every quiet form once, then aloud what has come of it.
{
    my @replies = $client->ask(
        frame('SETQ', key => 'q', val => 'b'), frame('APPENDQ', key => 'q', val => 'c'),
        frame('PREPENDQ', key => 'q', val => 'a'), frame('ADDQ', key => 'r', val => '5'),
        frame('REPLACEQ', key => 'r', val => '6'), frame('INCRQ', key => 'r', delta => 4),
        frame('DECRQ', key => 'r', delta => 1), frame('ADDQ', key => 'gone', val => ''), frame('DELETEQ', key => 'gone'),
        frame('GATQ', key => 'q', exp => 100), frame('GATKQ', key => 'r', exp => 100), frame('GETQ', key => 'gone'),
        frame('INCR', key => 'r', delta => 1), frame('FLUSHQ', exp => 1_000), frame('GET', key => 'q'),
    );
    is(join('; ', map { shown($_) } @replies), join('; ', 'GATQ 00 ext=00000000 val="abc" cas',
        'GATKQ 00 ext=00000000 "r" val="9 " cas', 'INCR 00 val="\0\0\0\0\0\0\0\n" cas',
        'GET 00 ext=00000000 val="abc" cas'), 'quiet ones do what they say');
    $client->call('FLUSH', exp => 2_592_001);
}

# Values of all lengths, sent in one piece and in many, read back over both protocols.
{
    for my $len (0, 1, 1023 .. 1025, 4_000, 7_903, 8_103, 65_511, 65_536, 70_000, 500_000, 600_000, 1_048_000) {
        my $value = join '', map { chr(($_ * 7 + $len) % 256) } 1 .. 1_000;
        $value = substr $value x ($len / 1_000 + 1), 0, $len;
        my $reply = $client->set('len', $value);
        is(shown($reply), 'SET 00 cas', "$len bytes are stored");
        ok($client->get('len') eq $value, '... and come back');
        ok($text->get('len')->{value} eq $value, '... over text too');
        my ($head, $tail) = (frame('SET', key => 'cut', val => $value), '');
        $tail = substr $head, length($head) / 2, length $head, '';
        $client->client->send($head);
        $client->client->await_taken;
        $client->client->send($tail);
        is(shown($client->next), 'SET 00 cas', '... cut in two as well');
        ok($client->get('cut') eq $value, '... and come back');
    }
    is(shown($client->call('PREPEND', key => 'cut', val => 'x' x 5)), 'PREPEND 00 cas', 'a large value is prepended to');
    is(substr($client->get('cut'), 0, 6) =~ /^xxxxx/, 1, '... and reads so');
    $client->call('DELETE', key => $_) for 'len', 'cut';
}

# Twenty uploads at once, each in three parts, and one that never ends.
{
    my $stuck = $server->client;
    $stuck->send(frame('SET', key => 'never', val => 'x' x 100, bodylen => 1_000_013));
    my @uploads = map { $server->client } 1 .. 20;
    my $bytes = frame('SET', key => 'same', val => 'y' x 200_000);
    for my $part (0 .. 2) {
        $_->send(substr $bytes, $part * 80_000, 80_000) for @uploads;
    }
    is((grep { substr($_->recv_exact(24), 6, 2) ne "\0\0" } @uploads), 0, 'uploads side by side are stored');
    is(length $client->get('same'), 200_000, '... whole');
    is($client->get('never'), undef, '... what has not ended is not there');
    $stuck->close;
}

# A value that can never fit is refused before it has come (C: after that), and the old one gone at once.
{
    $client->set('hh', 'small');
    my $huge = $server->client;
    $huge->send(frame('SET', key => 'hh', bodylen => 0x40000000));
    $huge->settle;
    ok(!$huge->ended && $huge->{in} =~ /\A\x81\x01.{4}\x00\x03.{16}Too large\.\z/s, '168: a gibibyte is refused, and read all the same');
    is(shown($client->call('GET', key => 'hh')), 'GET 01 val="Not found"', '169: and the old value is gone');
    $huge->close;
}

# Statistics are those of text, name by name.
{
    $client->set('a', 'x');
    for my $what (undef, 'settings', 'items', 'slabs', 'sizes') {
        my @text = $text->stats_list($what);
        my @frames = $client->stats_list($what);
        my $shown = defined $what ? $what : 'general';
        is(join(' ', map { $_->[0] } @frames), join(' ', map { $_->[0] } @text), {
            general => '129: statistics are those of text', settings => '130: settings too' }->{$shown} // "$shown too");
        # What passes while they are asked for may differ.
        my %fixed = map { @$_ } grep { $_->[0] !~ /rusage|time|bytes_|:age/ } @text;
        my %got = map { @$_ } @frames;
        is_deeply({ map { $_ => $got{$_} } keys %fixed }, \%fixed, '... with their values');
    }
    is(shown($client->call('STAT', key => 'settings and more')) =~ /^STAT 00 "maxbytes"/, 1, 'settings may be followed by anything');
    1 while length $client->next->{key};
    $client->call('GET', key => 'a');
    is($text->stats->{cmd_get} > 0, 1, 'gets are counted');
    is(shown($client->call('STAT', key => 'reset')), 'STAT 00', 'counters are reset');
    is($text->stats->{cmd_get}, 0, '... to nothing');
}

# What is counted.
for my $row (
    ['GET', { key => 'a' },                          'cmd_get 1, get_hits 1'],
    ['GETK', { key => 'none' },                      'cmd_get 1, get_misses 1'],
    ['TOUCH', { key => 'a', exp => 0 },              'cmd_touch 1, touch_hits 1'],
    ['GAT', { key => 'a', exp => 0 },                'cmd_touch 1, touch_hits 1'],
    ['GATK', { key => 'none' },                      'cmd_touch 1, touch_misses 1'],
    ['SET', { key => 'n', val => '5' },              'cmd_set 1'],
    ['ADD', { key => 'n', val => '5' },              'cmd_set 1'],
    ['SET', { key => 'n', val => '5', cas => 1 },    'cas_badval 1, cmd_set 1'],
    ['SET', { key => 'none', cas => 1 },             'cas_misses 1, cmd_set 1'],
    ['APPEND', { key => 'n', val => '5', cas => 1 }, 'cmd_set 1'],
    ['SET', { key => 'n', val => 'x' x 2_000_000 },  ''],
    ['INCR', { key => 'n', delta => 1, init => 1 },  ''],
    ['INCR', { key => 'n', delta => 1 },             'incr_hits 1'],
    ['DECR', { key => 'n', delta => 1 },             'decr_hits 1'],
    ['DECR', { key => 'n', cas => 1 },               ''],
    ['INCR', { key => 'none', exp => 0xffffffff },   'incr_misses 1'],
    ['DECR', { key => 'none', exp => 0xffffffff },   'decr_misses 1'],
    ['DELETE', { key => 'n', cas => 1 },             ''],
    ['DELETE', { key => 'n' },                       'delete_hits 1'],
    ['DELETE', { key => 'n' },                       'delete_misses 1'],
    ['FLUSH', {},                                    'cmd_flush 1'],
    ['NOOP', {},                                     ''],
    ['VERSION', {},                                  ''],
    ['0x25', {},                                     ''],
    ['SASL_LIST', {},                                ''],
) {
    my ($name, $with, $expect) = @$row;
    $client->set('a', 'x');
    my $before = $text->stats;
    $client->call($name, %$with);
    my $after = $text->stats;
    my @changed = map { "$_ " . ($after->{$_} - $before->{$_}) }
        grep { $after->{$_} ne $before->{$_} } grep { /^(cmd|get|cas|incr|decr|delete|touch|store|auth)_/ } sort keys %$after;
    is(join(', ', @changed), $expect, "$name counts: " . ($expect || 'nothing'));
}

# Flushed later.
{
    my $timed = Server->start('-t 1');
    my $operator = $timed->client;
    $operator->stop_clock;
    my $client = Binary->new($timed->client);
    $client->set('a', 'x');
    $client->call('FLUSH', exp => 3);
    $operator->advance(1);
    is($client->get('a'), 'x', 'a flush that is to come has not come');
    $client->set('during', 'x');
    $operator->advance(1);
    wait_for(sub { !defined $client->get('a') }, '... and comes when the second before is reached');
    is($client->get('during'), undef, '... for what was stored meanwhile too');
    $client->set('b', 'x', exp => 5);
    $client->set('c', 'x', exp => 5);
    $client->call('TOUCH', key => 'c', exp => 50);
    $operator->advance(6);
    is($client->get('b'), undef, 'an item expires');
    is($client->get('c'), 'x', '... unless touched');
    $client->call('INCR', key => 'n', init => 5, exp => 5);
    $operator->advance(6);
    is($client->get('n'), undef, 'a number that was made expires');
    $client->call('INCR', key => 'n', init => 6);
    $operator->advance(100_000);
    is($client->get('n'), '6', '... or not');
}

$text->verifies;
done_testing;
