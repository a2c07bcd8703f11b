#!/usr/bin/perl
# Frames that are wrong, torn or absurd harm nobody but who sends them.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame frames_of shown);
use Server;

my $server = Server->start('-t 2 -m 64 -M');
my $other = Binary->new($server->client);
my $text = $server->client;
$other->set('kept', 'value');

# Each is answered with an error, and the connection is closed.
for my $row (
    ['04', frame('SET', key => 'k', bodylen => 0xffffffff)],
    ['04', frame('SET', key => 'k', bodylen => 0xfffffff5)],
    ['04', frame('SET', key => 'k', bodylen => 0x80000000)],
    ['04', frame('SET', key => 'k', bodylen => 0x7fffffff)],
    ['04', frame('SET', key => 'k', bodylen => 0x40000001)],
    ['04', frame('SETQ', key => 'k', bodylen => 0xffffffe8) . 'x' x 40],
    ['04', frame('GET', key => 'k', bodylen => 0xffffffff)],
    ['04', frame('0x70', key => 'k', bodylen => 0xffffffff)],
    ['04', frame('0x70', bodylen => 0x40000001)],
    ['81', frame('SET', key => 'kkkk', bodylen => 3)],
    ['81', frame('SET', key => 'kkkk', bodylen => 11)],
    ['81', frame('GET', key => 'kkkk', bodylen => 0)],
    ['81', frame('SET', ext => 'e' x 255, key => 'k' x 250, bodylen => 504)],
    ['04', frame('SET', ext => 'e' x 255, key => 'k' x 250, val => 'v')],
    ['04', frame('GET', keylen => 65_535, bodylen => 65_535)],
    ['04', frame('GET', keylen => 65_535, bodylen => 5)],
    ['04', frame('GET', keylen => 65_535, extlen => 255, bodylen => 0)],
    ['04', frame('GET', key => 'k' x 16_360)],
    ['04', frame('GET', key => 'k' x 16_361)],
    ['04', frame('GET', key => 'k' x 251)],
    ['04', frame('0x1b', key => 'k' x 251)],
    ['04', frame('DELETE', key => 'k', val => 'v' x 100)],
    ['04', frame('DELETE', key => 'k', val => 'v' x 1_000_000)],
    ['04', frame('INCR', key => 'k', ext => "\0" x 19)],
    ['04', frame('FLUSH', ext => "\0" x 3)],
    ['04', frame('SASL_AUTH', key => 'PLAIN', ext => "\0")],
) {
    my ($status, $bytes) = @$row;
    my $client = $server->client;
    $client->send(frame('VERSION') . $bytes . frame('NOOP'));
    my $got = $client->read_to_eof;
    my @replies = frames_of(\$got);
    is(join(' ', map { sprintf '%02x', $_->{status} } @replies) . $got, "00 $status",
        'refused: ' . Client::visible(substr $bytes, 0, 30));
    ok($client->ended, '... and closed');
}
is($other->get('kept'), 'value', 'after all of it a client is served, and the old value is there');

# Each is skipped, and the connection goes on.
for my $row (
    ['81', frame('0x25', val => 'v' x 100_000)],
    ['81', frame('0xff', ext => 'e' x 255, key => 'k' x 250, val => frame('NOOP') x 5_000)],
    ['81', frame('SASL_AUTH', key => 'PLAIN', val => "\0bob\0" x 50_000)],
    ['03', frame('SET', key => 'k', val => frame('NOOP') x 60_000)],
    ['03', frame('ADDQ', key => 'k', val => 'v' x 5_000_000)],
    ['03', frame('APPEND', key => 'kept', val => 'v' x 2_000_000)],
    ['05', frame('APPEND', key => 'k', val => 'v' x 1_000_000)],
    ['05', frame('APPEND', key => 'kept', val => 'v' x 1_048_510)],
    ['02', frame('SETQ', key => 'kept', cas => ~0, val => 'v' x 1_000_000)],
) {
    my ($status, $bytes) = @$row;
    my $client = Binary->new($server->client);
    is(join(' ', map { sprintf '%02x', $_->{status} } $client->ask($bytes)), $status,
        'skipped: ' . Client::visible(substr $bytes, 0, 30));
}
is($other->get('kept'), 'value', 'after all of it the old value is there');

# What is not a frame.
for my $row (
    ['text',         "get kept\r\n" x 3],
    ['a reply',      frame('NOOP', magic => 0x81)],
    ['zeros',        "\0" x 24],
    ['a later text', frame('NOOP') . "set kept 0 0 3\r\nabc\r\nversion\r\n", frame('NOOP')],
) {
    my ($what, $bytes) = @$row;
    my $client = $server->client;
    $client->send(frame('NOOP') . $bytes);
    my $got = $client->read_to_eof;
    my @replies = frames_of(\$got);
    is(join('; ', map { shown($_) } @replies) . $got, join('; ', ('NOOP 00') x ($what =~ /later/ ? 2 : 1)),
        "$what among frames closes, and what came before is answered");
}

# Clients that stop or leave anywhere.
wait_for(sub { $text->stats->{curr_connections} == 2 }, 'two clients are left');
my $before = $text->stats;
my $whole = frame('SET', key => 'kept', val => 'other value') . frame('APPEND', key => 'kept', val => 'x' x 50);
my @stuck;
for my $cut (1 .. length(frame('SET', key => 'kept', val => 'other value')) - 1) {
    push @stuck, $server->client;
    $stuck[-1]->send(substr $whole, 0, $cut);
}
push @stuck, $server->client;
$stuck[-1]->send(frame('SET', key => 'half', val => 'x' x 500_000, bodylen => 1_000_012));
$_->await_taken for @stuck;
is($other->get('kept'), 'value', 'while others hang in the middle of a frame, a client is served');
is($other->set('fresh', 'x')->{status}, 0, '... and can store');
$_->close for @stuck;
wait_for(sub { $text->stats->{curr_connections} == 2 }, 'those who left are not counted any more');
is($text->stats->{curr_items}, $before->{curr_items} + 1, '... nor are items they never finished');
is($other->get('kept'), 'value', '... and the value they would have changed is as it was');

# Who stops sending is answered what was complete.
my $leaving = $server->client;
$leaving->send(frame('GET', key => 'kept') . frame('NOOP') . substr $whole, 0, 40);
$leaving->half_close;
my $got = $leaving->read_to_eof;
is(join('; ', map { shown($_) } frames_of(\$got)), 'GET 00 ext=00000000 val="value" cas; NOOP 00',
    'who stops sending is answered what was complete');

# Random frames, known and unknown, in random pieces, one reply or none for each.
for my $seed (1 .. 6) {
    srand $seed;
    my (@sent, $bytes);
    while (length($bytes // '') < 1 << 16) {
        my ($name, %with) = random_frame();
        $with{opaque} = @sent;
        push @sent, $name;
        $bytes .= frame($name, %with);
    }
    my $client = $server->client;
    for (my $at = 0; $at < length $bytes;) {
        my $len = 1 + int rand 1023;
        $client->send(substr $bytes, $at, $len);
        $at += $len;
    }
    $client->send(frame('QUITQ'));
    my $all = $client->read_to_eof;
    my ($last, $wrong) = (-1, 0);
    for my $reply (frames_of(\$all)) {
        my $is_its = defined $sent[ $reply->{opaque} ] && Binary::opcode_of($sent[ $reply->{opaque} ]) == $reply->{opcode};
        $wrong++ unless $is_its && !$reply->{fault} && $reply->{opaque} > $last;
        my $skipped = grep { !/Q$/ } @sent[ $last + 1 .. $reply->{opaque} - 1 ];
        $wrong++ if $skipped;
        $last = $reply->{opaque};
    }
    is("$wrong wrong, " . length($all) . ' bytes left', '0 wrong, 0 bytes left',
        'each of ' . @sent . ' random frames has its reply, in order');
    ok($client->ended, '... and quit closes');
}
$text->verifies;

done_testing;

sub random_frame {
    my @with_key = qw(GET GETQ GETK GETKQ DELETE DELETEQ TOUCH GAT GATQ GATK GATKQ INCR INCRQ DECR DECRQ);
    my @with_value = qw(SET SETQ ADD ADDQ REPLACE REPLACEQ APPEND APPENDQ PREPEND PREPENDQ);
    my $key = join '', map { chr rand 256 } 1 .. (rand() < 0.2 ? 1 + rand 250 : 1);
    my $kind = rand;
    return ($with_key[rand @with_key], key => $key, delta => 1, exp => rand() < 0.1 ? 0xffffffff : 0) if $kind < 0.5;
    return ($with_value[rand @with_value], key => $key, val => join '', map { int rand 10 } 1 .. rand 200) if $kind < 0.9;
    return (sprintf('0x%02x', 0x25 + rand 0xda), val => 'v' x rand 100) if $kind < 0.95;
    return ((qw(NOOP VERSION))[rand 2]);
}
