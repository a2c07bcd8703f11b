#!/usr/bin/perl
# The corners of the text protocol are listed and numbered, 1 to 456. The tables in
# t/edges-*.t carry these numbers; what a row needs that this server has not got yet is
# told here. Whoever builds it moves the row over: it is given with what it will answer.
#
# On purpose otherwise than memcached 1.6.45: a get with a key that is too long is refused
# with one line and takes no other reply with it (40, 63, 64, 65, 215); replies are not held
# or dropped because of what follows them (36, 106, 450); an opaque that is too long is
# refused before anything is changed (373); me finds b anywhere (381).
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use List::Util qw(sum0);
use lib "$Bin/lib";
use Notation;

use constant ROWS => 456;

# Tested in Perl, not in a table: row => file.
my %elsewhere = (442 => 'edges-admin.t');

my %where;
for my $path (sort glob "$Bin/edges-*.t") {
    open my $file, '<', $path or die "$path: $!";
    my (undef, $table) = split /^__DATA__\n/m, do { local $/; <$file> };
    push @{ $where{ $_->{number} } }, $path =~ s{.*/}{}r
        for grep { defined $_->{number} } conversations($table // '');
}
push @{ $where{$_} }, $elsewhere{$_} for keys %elsewhere;

my ($reason, %waiting);
for my $line (split /\n/, do { local $/; <DATA> }) {
    if    ($line =~ /^# (.*)/)      { $reason = $1 }
    elsif ($line =~ /^([0-9]+) /) { push @{ $where{$1} }, 'waiting'; $waiting{$reason}++ }
}

is(join(' ', grep { !$where{$_} } 1 .. ROWS), '', 'each row is in a table, or waits for something');
is(join(' ', grep { @{ $where{$_} } > 1 } sort keys %where), '', '... once');
is(join(' ', grep { $_ < 1 || $_ > ROWS } sort keys %where), '', '... and there are no others');

diag(sum0(values %waiting) . ' of ' . ROWS . ' rows wait:');
diag("  $waiting{$_} for $_") for sort keys %waiting;

done_testing;

__DATA__
# the binary protocol

46 0x80 as the first byte speaks binary, and more bytes are waited for
    > \x80\r\n
    <
49 a binary version is answered
    > \x80\x0b{\0*22}
    < \x81\x0b{\0*8}\0\x06{\0*12}1.6.45
[-B binary]
454 a binary server closes on text
    > version\r\n{\x20*24}
    < {EOF}

# a page mover: until there is one, a move is refused as disabled

397 a page does not move to its own class
    > slabs reassign 1 1\r\n
    < SAME src and dst class are identical\r\n
398 there are 63 classes
    > slabs reassign 1 64\r\n
    < BADCLASS invalid src or dst class id\r\n
399 a class keeps its last page
    > slabs reassign 5 6\r\n
    < NOSPARE source class has no spare pages\r\n
400 a class to move pages from is a number
    > slabs reassign x 1\r\n
    < {CE}
402 reassign may be shortened
    > slabs r 2 2\r\n
    < SAME src and dst class are identical\r\n

# an LRU maintainer: until there is one, mode and temp_ttl are refused

411 the LRU can be flat or segmented, with or without temporary items
    > lru tune 20 40 0.2 2.0\r\nlru mode flat\r\nlru mode segmented\r\nlru temp_ttl -1\r\n
    < OK\r\nOK\r\nOK\r\nOK\r\n
412 mode, segmented and temp_ttl may be shortened
    > lru m seg\r\nlru t -1\r\n
    < OK\r\nOK\r\n

# an LRU crawler: until there is one, it is refused as disabled

414 the crawler runs already
    > lru_crawler enable\r\n
    < ERROR failed to start lru crawler thread\r\n
415 a class to crawl is 1 to 63
    > lru_crawler crawl 0\r\nlru_crawler crawl 64\r\nlru_crawler crawl 1,x\r\n
    < BADCLASS invalid class id\r\nBADCLASS invalid class id\r\nBADCLASS invalid class id\r\n
416 classes to crawl may have a plus sign and leading zeros
    > lru_crawler crawl +1\r\n{wait}lru_crawler crawl 01,2\r\n
    < OK\r\nOK\r\n
417 no class is nothing to crawl
    > lru_crawler crawl ,\r\n
    < NOTSTARTED no items to crawl\r\n
418 crawl does not take hash
    > lru_crawler crawl hash\r\n
    < ERROR an unknown error happened\r\n

# dumps by the crawler, and -X

421 a dump of nothing, and the connection goes on
    > {1.1s}lru_crawler metadump all\r\n{0.6s}version\r\n
    < OK\r\nEND\r\nVERSION 1.6.45\r\n
422 metadump tells of each item
    > {1.1s}ms a%b 2 F5 E7\r\nhi\r\n{wait}lru_crawler metadump hash\r\n{0.6s}
    < HD\r\nOK\r\nkey=a%25b exp=-1 la={#} cas=7 fetch=no cls=1 size=68 flags=5 \nEND\r\n
423 mgdump names each key
    > {1.1s}ms Zm9v 2 b\r\nhi\r\n{wait}lru_crawler mgdump hash\r\n{0.6s}
    < HD\r\nOK\r\nmg Zm9v b\r\nEN\r\n
[-X]
448 dumps can be forbidden
    > lru_crawler metadump all\r\n{wait}lru_crawler mgdump all\r\n
    < ERROR metadump not allowed\r\nERROR key dump not allowed\r\n

# a logger that feeds watchers, and -W

429 a watcher is not listened to any more
    > watch mutations\r\n{0.4s}version\r\n{0.4s}
    < OK\r\n
[-W]
446 watch can be forbidden, and is refused before its arguments are read
    > watch\r\nwatch frobs\r\n
    < CLIENT_ERROR watch commands not allowed\r\nCLIENT_ERROR watch commands not allowed\r\n

# stats detail and stats cachedump

431 stats detail wants on, off or dump
    > stats detail\r\n
    < CLIENT_ERROR usage: stats detail on\x7coff\x7cdump\r\n
432 stats detail counts by prefix
    > stats detail on\r\nset p:1 0 0 1\r\nx\r\nget p:1 p:2 none\r\ndelete p:1\r\nstats detail dump\r\n
    > stats detail off\r\n
    < OK\r\nSTORED\r\nVALUE p:1 0 1\r\nx\r\nEND\r\nDELETED\r\nPREFIX p get 2 hit 1 set 1 del 1\r\nEND\r\n
    < OK\r\n
433 stats cachedump wants class and limit
    > stats cachedump\r\n
    < CLIENT_ERROR bad command line\r\n
434 a class to dump is 1 to 63
    > stats cachedump 64 0\r\n
    < CLIENT_ERROR Illegal slab id\r\n
435 a class to dump is a number
    > stats cachedump x 0\r\n
    < {CE}
436 cachedump may be shortened
    > stats c\r\n
    < CLIENT_ERROR bad command line\r\n
[-X]
447 stats detail and cachedump can be forbidden
    > stats detail on\r\nstats detail\r\nstats cachedump 1 1\r\n
    < CLIENT_ERROR stats detail not allowed\r\nCLIENT_ERROR stats detail not allowed\r\n
    < CLIENT_ERROR stats cachedump not allowed\r\n
