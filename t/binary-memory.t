#!/usr/bin/perl
# Frames: what is told when there is no memory and nothing may be evicted.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame shown);
use Server;

use constant LONG   => '8' x 200;
use constant DENIED => ' val="Out of memory allocating item"';

my $server = Server->start('-M -m 2 -t 1 -o slab_automove=0');
my $text = $server->client;
my $client = Binary->new($server->client);

# A page for small items, of which there are two, and the rest full of longer ones.
$client->set('o1', 'v');
$client->set('nine', '9');
fill('k%06d', LONG);
says('APPEND', { key => 'k000001', val => '8' }, 'APPEND 05 val="Not stored."',
    '188: what is appended has memory, both together have not');

# Then the page of small ones is full too.
fill('s%d', '');
says('APPEND', { key => 'k000001', val => '8' }, 'APPEND 82' . DENIED, '189: what is appended has none');
says('APPEND', { key => 'k000001', val => LONG }, 'APPEND 82' . DENIED, '190: much of it has none either');
says('ADD', { key => 'zz', val => LONG }, 'ADD 82' . DENIED, '191: a new value has none');
is(shown($client->ask(frame('SETQ', key => 'zz', val => LONG))), 'SETQ 82' . DENIED,
    '192: which a quiet set is told, and the connection goes on');
says('INCR', { key => 'newc', delta => 1 }, 'INCR 82 val="Out of memory allocating new item"',
    '193: a new number has none');
says('INCR', { key => 'nine', delta => 1 }, 'INCR 82 val="Out of memory incrementing value"',
    '194: a number that grows has none');
is($client->get('nine'), '9', '... and stays what it was');
my $before = $client->stats;
says('SET', { key => 'o1', val => LONG }, 'SET 82' . DENIED, '195: a value that is set has none');
is($client->get('o1'), undef, '... and takes the old one along');
my $after = $client->stats;
is($after->{$_}, $before->{$_}, "... which is not counted as $_") for qw(store_no_memory store_too_large cmd_set);
is($client->get('k000001'), LONG, 'the others are there');

# A large value that memory runs out under is read to its end.
$server = Server->start('-M -m 8 -I 4m -t 1');
$client = Binary->new($server->client);
$client->set('old', 'value');
1 while !$client->set('big' . $client->{opaque}, 'x' x 1_000_000)->{status};
my $refused = $client->set('old', 'x' x 3_500_000);
like(shown($refused), qr/^SET 82 val="Out of memory (during read|allocating item)"$/,
    'a large value is refused when all of it has come');
is(scalar $client->ask, 0, '... and the stream is in step');

done_testing;

sub fill {
    my ($key, $value) = @_;
    for my $n (1 .. 100_000) {
        return pass("full of '$key'") if $client->set(sprintf($key, $n), $value)->{status};
    }
    return fail("never full of '$key'");
}

sub says {
    my ($name, $with, $expect, $why) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is(shown($client->call($name, %$with)), $expect, $why);
}
