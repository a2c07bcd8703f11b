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
my %elsewhere = (429 => 'watch-limits.t', 442 => 'edges-admin.t');

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
