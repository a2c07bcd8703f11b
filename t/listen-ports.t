#!/usr/bin/perl
# Which ports -p and -U give, as the port file tells. In a network of its own, as some are fixed.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use POSIX ();
use Server;

if (!$ENV{MEMCACHED_TEST_INSIDE}) {
    plan skip_all => 'no network namespace may be made here' if $> != 0 || system 'unshare -n true 2>/dev/null';
    $ENV{MEMCACHED_TEST_INSIDE} = 1;
    exec 'unshare', '-n', $^X, $0 or die "unshare: $!";
}

# 'some': a port of the kernel's choice.
for my $row (
    # options                TCP      UDP
    ['',                     11_211,  undef],
    ['-p 11212',             11_212,  undef],
    ['-U 11222',             11_222,  11_222],
    ['-p -1',                'some',  undef],
    ['-U -1',                'some',  'some'],
    ['-p 0',                 undef,   undef],
    ['-U 0',                 11_211,  undef],
    ['-p 11232 -U 11233',    11_232,  11_233],
    ['-p 11242 -U 0',        11_242,  undef],
    ['-p -1 -U 11252',       'some',  11_252],
    ['-p 11262 -U -1',       11_262,  'some'],
    ['-p 1',                 1,       undef],
) {
    my ($options, $tcp, $udp) = @$row;
    my ($ports, $err) = (scratch_path('ports'), scratch_path('err'));
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $ENV{MEMCACHED_PORT_FILENAME} = $ports;
        open STDERR, '>', $err;
        exec Server::program(), '-u', 'root', split ' ', $options or POSIX::_exit(127);
    }
    wait_for(sub { -e $ports || -s $err }, "'$options': the server comes up");
    SKIP: {
        if (!-e $ports && defined $udp) {
            waitpid $pid, 0;
            skip "'$options': " . slurp($err) =~ s/\n//gr, 3;
        }
        is(kind($ports, 'TCP INET'), $tcp // 'none', '... TCP');
        is(kind($ports, 'UDP INET'), $udp // 'none', '... UDP');
        is(slurp($err), '', '... without a word');
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
}

done_testing;

# The port of that kind of socket; any that is not a usual one is 'some'.
sub kind {
    my ($file, $name) = @_;
    my ($port) = slurp($file) =~ /^$name: ([0-9]+)$/m or return 'none';
    return $port == 1 || $port =~ /^112[0-9]{2}$/ ? $port : 'some';
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
