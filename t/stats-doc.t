#!/usr/bin/perl
# doc/stats.txt names every line that a server shows, in order, and says what kind of value it has.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# The page by its sections: [name, kind, when it is shown]; what is said of each line is left out.
my (%page, $section);
open my $file, '<', "$Bin/../doc/stats.txt" or die "doc/stats.txt: $!";
while (<$file>) {
    if    (/^\d  stats ?(\w*)$/)                       { $section = $1 || 'general' }
    elsif (/^ {4}(\S+) +(counter|gauge|text) +(.*)/)  { push @{ $page{$section} }, [$1, $2, $3] }
    elsif (/^ {40,}(\S.*)/)                            { $page{$section}[-1][2] .= " $1" }
}
is_deeply([sort keys %page], [qw(conns general items sizes slabs)], 'the sections of the page');

# Takes the lines of one block, without what each begins with.
sub compare {
    my ($name, $section, $lines, $left_out) = @_;
    my @rows = grep { !($_->[2] =~ /\[(.*)\]$/ && $left_out->{$1}) } @{ $page{$section} };
    is(join(' ', map { $_->[0] } @$lines), join(' ', map { $_->[0] } @rows), "$name: names and order");
    my %kind = map { $_->[0] => $_->[1] } @rows;
    my @odd = grep { ($_->[1] =~ /^\d+(\.\d{6})?$/) != (($kind{ $_->[0] } // '') ne 'text') }
        grep { $_->[0] ne 'version' } @$lines;
    is(join(' ', map { "$_->[0]=$_->[1]" } @odd), '', "$name: numbers where there should be");
}

# The lines of `$before<number>:`, of the first such block; the others.
sub block {
    my ($before, @lines) = @_;
    my ($first) = map { $_->[0] =~ /^(\Q$before\E\d+:)/ } @lines;
    return [map { [$_->[0] =~ s/^\Q$first\E//r, $_->[1]] } grep { $_->[0] =~ /^\Q$first\E/ } @lines];
}

my %all = map { $_ => 1 } 'without track_sizes';
my %few = map { $_ => 1 } 'with idle_timeout', 'with lru_maintainer and temporary_ttl', 'with track_sizes';
my %none = (%few, map { $_ => 1 } 'with slab_reassign', 'with lru_maintainer', 'with lru_crawler', 'with maxconns_fast');
for (
    ['all there is', '-U 0 -o idle_timeout=60,track_sizes,temporary_ttl=10', \%all],
    ['by default',   '-U 0', \%few],
    ['the least',    '-U 0 -o no_lru_maintainer,no_lru_crawler,no_slab_reassign,no_maxconns_fast', \%none],
) {
    my ($name, $options, $left_out) = @$_;
    my $server = Server->start($options);
    my $client = $server->client;
    $client->set("k$_", 'x' x $_) for 1, 50;
    compare("$name, stats", general => [$client->stats_list], $left_out);
    compare("$name, stats items", items => block('items:', $client->stats_list('items')), $left_out);
    my @slabs = $client->stats_list('slabs');
    compare("$name, stats slabs", slabs => [@{ block('', @slabs) }, grep { $_->[0] !~ /:/ } @slabs], $left_out);
    my @sizes = map { $_->[0] =~ s/^\d+$/<bytes>/; $_ } $client->stats_list('sizes');
    compare("$name, stats sizes", sizes => [$sizes[0]], $left_out);
    my ($client_block) = grep { $_->[0] =~ /listen_addr/ } my @conns = $client->stats_list('conns');
    my ($fd) = $client_block->[0] =~ /^(\d+:)/;
    compare("$name, stats conns", conns => [map { [$_->[0] =~ s/^\Q$fd\E//r, $_->[1]] } grep { $_->[0] =~ /^\Q$fd\E/ } @conns],
        { %$left_out, 'of UDP sockets' => 1 });
}

done_testing;
