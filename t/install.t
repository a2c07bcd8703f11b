#!/usr/bin/perl
# What a packager gets: `make install` puts the binary and the man page where it is told.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

my $root = "$Bin/..";
for my $tool ('make', 'install') {
    plan skip_all => "no $tool" if !grep { -x "$_/$tool" } split /:/, $ENV{PATH};
}
my $release = Server::program('release');
plan skip_all => 'no release build' if !-x $release;

for my $row (
    # variables          where
    ['',                 'usr/local'],
    ['PREFIX=/usr',      'usr'],
    ['PREFIX=/opt/cache', 'opt/cache'],
) {
    my ($variables, $prefix) = @$row;
    my $stage = scratch_path('stage');
    # As a packager has it: what is built is installed, and nothing is built.
    my $out = `make -C '$root' install DESTDIR='$stage' $variables CARGO=false BINARY='$release' 2>&1`;
    is($?, 0, "make install $variables") or diag $out;
    my @files = sort map { s{^\Q$stage\E/}{}r } grep { -f } split /\n/, `find '$stage'`;
    is("@files", "$prefix/bin/memcached $prefix/share/man/man1/memcached.1", '... installs two files');
    is(sprintf('%04o', (stat "$stage/$prefix/bin/memcached")[2] & 07777), '0755', '... one that can be run');
    is(sprintf('%04o', (stat "$stage/$prefix/share/man/man1/memcached.1")[2] & 07777), '0644', '... one that can be read');
    is(`'$stage/$prefix/bin/memcached' -V`, "memcached 1.6.45\n", '... and it runs');
}

# The man page.
my $page = slurp("$root/memcached.1");
my @headings = $page =~ /^\.SH (.*)$/mg;
is("@headings", 'NAME SYNOPSIS DESCRIPTION OPTIONS AUTHENTICATION LICENSE SEE ALSO AUTHOR', 'the man page has the usual parts');
like($page, qr/^\.SH NAME\nmemcached \\- \S/m, '... and a line that whatis can find');
SKIP: {
    (grep { -x "$_/groff" } split /:/, $ENV{PATH}) or skip 'no groff', 2;
    my $said = `groff -man -Tutf8 -ww '$root/memcached.1' 2>&1 >/dev/null`;
    is($said, '', '... renders without a warning');
    my $text = `groff -man -Tascii -P-cbou -rLL=200n '$root/memcached.1' 2>/dev/null`;
    my (undef, $help) = Server->refused('-h', as_given => 1, build => 'release');
    my @missing = grep { index($text, $_) < 0 } $help =~ /^ {4}- (?:\[no_\])?(\w+)/mg, $help =~ /^(-\w), --/mg;
    is("@missing", '', '... and names all that -h does');
}

done_testing;

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
