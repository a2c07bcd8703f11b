#!/usr/bin/perl
# The corners of the binary protocol are listed and numbered, 1 to 249. The tables in
# t/binary-*.t and t/sasl-edges.t carry these numbers.
#
# On purpose otherwise than memcached 1.6.45: a value where there is none to be is refused
# (32, 142); of an unknown opcode's body no more is skipped than there is, and the reply does
# not wait (151-155); an absurd key length is told (172), as is what came before text (174);
# who has logged in may do so again, and may ask for the list (230, 231).
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Notation;

use constant ROWS => 249;

# Tested in Perl, not in a table: row => file.
my %elsewhere = (
    (map { $_ => 'binary.t' } 129, 130, 168, 169),
    (map { $_ => 'binary-memory.t' } 188 .. 195),
    246 => 'binary-udp.t',
);

my %where;
for my $path (sort glob("$Bin/binary-*.t $Bin/sasl-edges.t")) {
    next if $path =~ /binary-edges/;
    open my $file, '<', $path or die "$path: $!";
    my (undef, $table) = split /^__DATA__\n/m, do { local $/; <$file> };
    push @{ $where{ $_->{number} } }, $path =~ s{.*/}{}r
        for grep { defined $_->{number} } conversations($table // '');
}
for my $row (keys %elsewhere) {
    my $path = "$Bin/$elsewhere{$row}";
    open my $file, '<', $path or die "$path: $!";
    push @{ $where{$row} }, $elsewhere{$row} if grep { /'$row: / } <$file>;
}

is(join(' ', grep { !$where{$_} } 1 .. ROWS), '', 'each row is in a table');
is(join(' ', grep { @{ $where{$_} } > 1 } sort keys %where), '', '... once');
is(join(' ', grep { $_ < 1 || $_ > ROWS } sort keys %where), '', '... and there are no others');

done_testing;
