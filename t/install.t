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
my $bench = "$release-bench";
plan skip_all => 'no release build' if !-x $release || !-x $bench;

for my $row (
    # variables          where
    ['',                 'usr/local'],
    ['PREFIX=/usr',      'usr'],
    ['PREFIX=/opt/cache', 'opt/cache'],
) {
    my ($variables, $prefix) = @$row;
    my $stage = scratch_path('stage');
    # As a packager has it: what is built is installed, and nothing is built.
    my $out = `make -C '$root' install DESTDIR='$stage' $variables CARGO=false BINARY='$release' BENCH='$bench' 2>&1`;
    is($?, 0, "make install $variables") or diag $out;
    my @files = sort map { s{^\Q$stage\E/}{}r } grep { -f } split /\n/, `find '$stage'`;
    my @programs = map { "$prefix/bin/$_" } 'memcached', 'memcached-bench';
    my @pages = map { "$prefix/share/man/man1/$_.1" } 'memcached-bench', 'memcached';
    is("@files", "@programs @pages", '... installs two programs and their pages');
    is(sprintf('%04o', (stat "$stage/$_")[2] & 07777), '0755', '... one that can be run') for @programs;
    is(sprintf('%04o', (stat "$stage/$_")[2] & 07777), '0644', '... one that can be read') for @pages;
    is(`'$stage/$prefix/bin/memcached' -V`, "memcached 1.6.45\n", '... and it runs');
    is(`'$stage/$prefix/bin/memcached-bench' --version`, "memcached-bench 1.6.45\n", '... and so does the other');
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
