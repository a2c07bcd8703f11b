#!/usr/bin/perl
# Values in chains of small chunks are read as they were stored, whatever happens to them in between.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant KIB => 1024;

my ($server, $client);

# Patterns, sizes and edges.
{
    start('-m 48 -o slab_chunk_max=16');
    my $pattern = substr join('', map { sprintf 'abcdefghijklmn%d', $_ } 1 .. 3_000), 0, 40_000;
    is($client->set('pattern', $pattern), 'STORED', 'a pattern');
    Client::is_same($client->get('pattern')->{value}, $pattern, '... is read back');
    for my $n (1 .. 5) {
        my $value = value_of("big$n", 400 * KIB);
        is($client->set("big$n", $value), 'STORED', 'four hundred KiB');
        Client::is_same($client->get("big$n")->{value}, $value, '... are read back');
    }
    my @wrong = grep {
        my $value = value_of("half$_", 512 * KIB + 1 + $_ * 100);
        $client->set("half$_", $value) ne 'STORED' || $client->get("half$_")->{value} ne $value;
    } 1 .. 100;
    is("@wrong", '', 'a hundred of more than half a MiB are stored and read, more than fit');
    @wrong = grep {
        my $value = value_of('toast', $_ * KIB);
        my $stored = $client->set('toast', $value);
        $stored ne ($_ < KIB ? 'STORED' : 'SERVER_ERROR object too large for cache')
            || $_ < KIB && $client->get('toast')->{value} ne $value;
    } map { 200 + 2 * $_ } 0 .. (KIB - 200) / 2;
    is("@wrong", '', 'every size up to a MiB, which is too much');

    # Around the sizes at which a value gets one chunk more.
    @wrong = grep {
        my $value = value_of('edge', $_);
        $client->set('edge', $value, flags => 9) ne 'STORED' || $client->get('edge')->{value} ne $value
            || $client->set('edge', 'z', command => 'append') ne 'STORED'
            || $client->get('edge')->{value} ne $value . 'z';
    } map { my $chunks = $_; map { 16 * KIB * $chunks + $_ } -200 .. -1, 0 .. 10 } 1 .. 3;
    is("@wrong", '', 'every size around the end of the first chunks');
    $client->verifies;
}

# The end of the value may come in pieces, and at the wrong place.
{
    start('-m 48 -o slab_chunk_max=16');
    for my $len (16_324, 16_325, 16_326, 32_671, 40_000) {
        my $value = value_of('split', $len);
        for my $cut (1, $len - 1, $len, $len + 1) {
            my $body = "$value\r\n";
            $client->send("set split 0 0 $len\r\n" . substr $body, 0, $cut);
            $client->await_taken;
            $client->says(substr($body, $cut), "STORED\r\n", "$len bytes, in two pieces at $cut");
            Client::is_same($client->get('split')->{value}, $value, '... are read back');
        }
        $client->says("set split 0 0 $len\r\n${value}xx", "CLIENT_ERROR bad data chunk\r\n",
            '... without an end they are refused');
        Client::is_same($client->get('split')->{value}, $value, '... and the old value stays');
    }
    $client->is_silent('the client is in step');
    $client->verifies;
}

# Appended to, byte by byte and then by itself.
for my $command ('append', 'prepend') {
    start('-m 48 -o slab_chunk_max=16');
    my $value = '';
    is($client->set('bench', ''), 'STORED', 'an empty value');
    my $wrong = 0;
    for my $round (1 .. 80) {
        my @parts = map { sprintf '%04d-', ($round * 100 + $_) % 10_000 } 1 .. 100;
        $client->send(join '', map { "$command bench 0 0 5\r\n$_\r\n" } @parts);
        $wrong++ if $client->recv_exact(800) ne "STORED\r\n" x 100;
        $value = $command eq 'append' ? $value . join('', @parts) : join('', reverse @parts) . $value;
        $wrong++ if $client->get('bench')->{value} ne $value;
    }
    is($wrong, 0, "eight thousand times $command: each read is exact");
    for (1 .. 4) {
        is($client->set('bench', $value, command => $command), 'STORED', "$command of a value to itself");
        $value .= $value;
        Client::is_same($client->get('bench')->{value}, $value, '... is read back');
    }
    is($client->set('bench', $value, command => $command), 'NOT_STORED', 'until it would be too large');
    Client::is_same($client->get('bench')->{value}, $value, '... and is read back as it was');
    is($client->ask('delete bench'), 'DELETED', '... and is deleted');
    my $slabs = $client->stats('slabs');
    is(join(' ', grep { $slabs->{$_} } grep { /:used_chunks/ } sort keys %$slabs), '', '... with all its chunks');
    $client->verifies;
}

# Metadata, numbers, versions, and all that is told of a chain.
{
    start('-m 48 -o slab_chunk_max=16');
    my $value = '1' x 50_000;
    is($client->set('n', $value, flags => 77, exptime => 1000), 'STORED', 'digits');
    my $refused = 'CLIENT_ERROR cannot increment or decrement non-numeric value';
    is($client->ask('incr n 1'), $refused, '... are no number when they are many');
    is($client->ask('decr n 1'), $refused, '... nor downwards');
    is($client->ask('ma n'), $refused, '... nor with a meta command');
    like($client->ask('mg n s f t c'), qr/^HD s50000 f77 t(?:1000|999) c\d+$/, 'its metadata are there');
    my $cas = $client->gets('n')->{cas};
    is($client->set('n', 'x' x 60_000, command => 'cas', cas => $cas + 1), 'EXISTS', 'a wrong version is refused');
    is($client->set('n', 'x' x 60_000, command => 'cas', cas => $cas), 'STORED', '... the right one spent');
    is($client->ask('touch n 0'), 'TOUCHED', 'it can be touched');
    is($client->ask('md n I T30'), 'HD', '... marked as stale');
    like($client->ask('mg n t s'), qr/^HD t(?:30|29) s60000 X W$/, '... as a reader is told');
    my $slabs = $client->stats('slabs');
    my $last = (sort { $b <=> $a } grep { $_ < 40 } map { /^(\d+):/ } keys %$slabs)[0];
    is($client->stats('items')->{"items:$last:number"}, 1, 'it is an item of the last class');
    is($client->stats('items')->{"items:$last:mem_requested"}, 48 + 8 + 2 + 60_000 + 2,
        '... with all its bytes');
    $client->verifies;
}

# No memory in the middle of a value, and no eviction.
{
    start('-M -m 8 -o slab_chunk_max=16,no_slab_automove');
    my ($n, $reply) = (0, '');
    while ($n < 100) {
        $reply = $client->set('full' . ++$n, value_of("full$n", 500_000));
        last if $reply ne 'STORED';
    }
    is($reply, 'SERVER_ERROR Out of memory during read', 'when there are no chunks left, that is found on the way');
    $client->is_silent('... and the rest of the value is swallowed');
    is(join(' ', grep { $client->get("full$_")->{value} ne value_of("full$_", 500_000) } 1 .. $n - 1), '',
        '... all others are there');
    # Whoever meant to replace a value shall not read it for good; who set conditions keeps it.
    my $cas = $client->gets('full1')->{cas};
    for my $how (['add', 'new'], ['replace', 'full1'], ['cas', 'full1', cas => $cas], ['append', 'full1']) {
        my ($command, $key, @more) = @$how;
        is($client->set($key, 'y' x 900_000, command => $command, @more),
            'SERVER_ERROR Out of memory during read', "$command finds no memory on the way");
        Client::is_same($client->get('full1')->{value}, value_of('full1', 500_000), '... and what was there stays');
    }
    is($client->set('full1', 'y' x 900_000), 'SERVER_ERROR Out of memory during read', 'an old value that cannot be replaced');
    is(scalar $client->get('full1'), undef, '... goes');
    $client->verifies;
    $client->ask("delete full$_") for 1 .. $n;
    is($client->set('again', value_of('again', 900_000)), 'STORED', 'when others are deleted there is room');
    Client::is_same($client->get('again')->{value}, value_of('again', 900_000), '... to read from');
    $client->verifies;
}

# Replaced while it is read: the reader gets all of the old value, others the new one.
for my $row (['', 256 * KIB], ['-m 48 -o slab_chunk_max=16', 900 * KIB], ['-m 128 -I 32m', 12_000 * KIB]) {
    my ($options, $len) = @$row;
    start($options);
    my $reader = $server->client;
    my ($old, $new) = (value_of('old', $len), value_of('new', $len));
    is($client->set('k', $old), 'STORED', "'$options': a long value");
    $reader->push_blindly("get k\r\n");
    my $head = $reader->recv_exact(128 * KIB);
    is($client->ask('delete k'), 'DELETED', '... is deleted while it is read');
    is($client->set('k', $new), 'STORED', '... and stored anew');
    Client::is_same($client->get('k')->{value}, $new, '... as others read');
    my $rest = $reader->recv_exact(length("VALUE k 0 $len\r\n$old\r\nEND\r\n") - length $head);
    Client::is_same($head . $rest, "VALUE k 0 $len\r\n$old\r\nEND\r\n", 'the first reader gets all of the old one');
    Client::is_same($reader->get('k')->{value}, $new, '... and then the new one');
    $client->verifies;
}

done_testing;

sub start {
    my ($options) = @_;
    $server = Server->start($options);
    $client = $server->client;
    return;
}

# Bytes in which a wrong offset shows: what repeats has a length that no chunk's is a multiple of.
sub value_of {
    my ($key, $len) = @_;
    my $text = substr join('', map { sprintf '%s%05d,', $key, $_ } 1 .. 1_500), 0, 7_919;
    return substr $text x (1 + $len / 7_919), 0, $len;
}
