#!/usr/bin/perl
# Each libc call that can fail is made to fail by a test here.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Server;

my @files = grep { !m{/list\.t\z} } glob "$Bin/*.t";
my %text = map { my $path = $_; $path => slurp($path) } @files;

# What the server was built with says which calls there are; src/sys/mod.rs has a test that
# there are no others.
my $calls = Server->start('-t 1')->client->fault_counts;
cmp_ok(scalar keys %$calls, '>', 40, 'there are so many calls');
for my $call (sort keys %$calls) {
    my @by = grep { $text{$_} =~ /\b\Q$call\E (?:E[A-Z]+|short \d)/ || $text{$_} =~ /'\Q$call\E(?: after \d+)?'/ } @files;
    ok(scalar @by, "$call has a fault in " . (join(' ', map { m{([^/]+)\z} } @by) || 'no test'));
}

done_testing;

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!";
    local $/;
    return <$file>;
}
