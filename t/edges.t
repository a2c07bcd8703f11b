#!/usr/bin/perl
# The corners of the text protocol are listed and numbered, 1 to 478. The tables in
# t/edges-*.t carry these numbers.
#
# On purpose otherwise than memcached 1.6.45: a get with a key that is too long is refused
# with one line and takes no other reply with it (40, 63, 64, 65, 215); replies are not held
# or dropped because of what follows them (36, 106, 450); an opaque that is too long is
# refused before anything is changed (373); me finds b anywhere (381); before a login each
# line has its reply (466).
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Notation;

use constant ROWS => 478;

# Tested in Perl, not in a table: row => file.
my %elsewhere = (
    429 => 'watch-limits.t', 416 => 'edges-admin.t', 442 => 'edges-admin.t',
    (map { $_ => 'binary-protocols.t' } 46, 49, 454),
);

my %where;
for my $path (sort glob "$Bin/edges-*.t") {
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
