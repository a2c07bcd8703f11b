#!/usr/bin/perl
# Several servers make one cache: by clients that know them all, and by a proxy in front.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Client;
use IO::Socket::IP;
use POSIX ();
use Server;

my @proxies;
END { kill 'KILL', @proxies }

use constant FILES => 60;
use constant KEYS  => 300;

# --- clients that know the pool ------------------------------------------------------

SKIP: {
    for my $tool (qw(memccp memccat memcrm memcexist memctouch memcstat memcflush memcping)) {
        have($tool) or skip "no $tool: libmemcached-tools is not installed", 1;
    }
    my @servers = map { Server->start('-t 2') } 1 .. 3;
    my $list = join ',', map { '127.0.0.1:' . $_->port } @servers;
    is(run('memcping', $list), '0 ', 'memcping: all three are there');

    my $directory = scratch_path('files');
    mkdir $directory or die "$directory: $!";
    my @files = map { "file$_" } 1 .. FILES;
    write_file("$directory/$files[$_]", "content $_\n" x ($_ * 50)) for 0 .. $#files;
    is(run('memccp', $list, map { "$directory/$_" } @files), '0 ', 'memccp: files are copied to three servers');
    my @counts = items(@servers);
    is($counts[0] + $counts[1] + $counts[2], FILES, '... each to one of them');
    is(scalar(grep { $_ > FILES / 10 } @counts), 3, "... to all of them alike (@counts)");

    my $good = 0;
    for my $index (0 .. $#files) {
        my $text = run('memccat', $list, $files[$index]);
        $good++ if $text =~ /\A0 \Q@{[ "content $index\n" x ($index * 50) ]}\E\n?\z/;
    }
    is($good, FILES, 'memccat: each is read back');
    is(run('memcexist', $list, 'file7'), '0 ', 'memcexist: one that is there');
    isnt(substr(run('memcexist', $list, 'nofile'), 0, 1), 0, '... and one that is not');
    is(run('memctouch', $list, '--expire=1000', 'file7'), '0 ', 'memctouch');
    is(run('memcrm', $list, 'file7'), '0 ', 'memcrm');
    isnt(substr(run('memcexist', $list, 'file7'), 0, 1), 0, '... and it is gone');
    my $stats = run('memcstat', $list);
    is(scalar(() = $stats =~ /^\s*version: 1\.6\.45$/mg), 3, 'memcstat: of all three');

    $servers[1]->signal('KILL');
    is($servers[1]->wait_failure, 'signal 9', 'one server is killed');
    my $left = grep { run('memccat', $list, $_) =~ /\A0 / } @files;
    my $held = grep { $servers[0]->client->get($_) || $servers[2]->client->get($_) } @files;
    cmp_ok($held, '>', 0, '... the others hold many');
    is($left, $held, '... and these are found');
    $servers[1] = Server->start('-t 2 -p ' . $servers[1]->port);
    is(run('memcflush', $list), '0 ', 'it comes back, and memcflush reaches all');
    is(join(' ', map { run('memcexist', $list, $_) =~ /\A0/ ? 1 : 0 } @files[0 .. 9]), join(' ', (0) x 10), '... so nothing is left');
}

# --- a proxy -------------------------------------------------------------------------

SKIP: {
    have('nutcracker') or skip 'no nutcracker', 1;
    my @servers = map { Server->start('-t 2') } 1 .. 3;
    my $port = free_port();
    # The configuration is the one that the document shows, with our addresses.
    my ($config) = slurp("$Bin/../doc/scaling.txt") =~ /^(    pool:\n(?:    .*\n)+)/m or die 'no configuration';
    $config =~ s/127\.0\.0\.1:22121/127.0.0.1:$port/;
    $config =~ s/10\.0\.0\.$_:11211/'127.0.0.1:' . $servers[$_ - 1]->port/e for 1 .. 3;
    $config =~ s/^    //mg;
    my $file = scratch_path('nutcracker.yml');
    write_file($file, $config);
    my $log = scratch_path('nutcracker.log');
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDERR, '>', '/dev/null';
        exec program('nutcracker'), '-c', $file, '-o', $log, '-s', free_port(), '-a', '127.0.0.1', '-p', scratch_path('pid')
            or POSIX::_exit(127);
    }
    push @proxies, $pid;
    my $client;
    wait_for(sub {
        my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) or return 0;
        return $client = Client->new($socket);
    }, 'nutcracker listens, with the configuration of doc/scaling.txt') or BAIL_OUT(slurp($log));

    my @keys = map { "key$_" } 1 .. KEYS;
    my $stored = grep { $client->set($_, "value of $_") eq 'STORED' } @keys;
    is($stored, KEYS, 'through it many keys are stored');
    my @counts = items(@servers);
    is(sum(@counts), KEYS, '... each on one server');
    is(scalar(grep { $_ > KEYS / 10 } @counts), 3, "... on all of them alike (@counts)");
    is(found($client, @keys), KEYS, '... and found again');
    my %got = retrieve($client, @keys[0 .. 49]);
    is(scalar(grep { ($got{$_} // '') eq "value of $_" } @keys[0 .. 49]), 50, '... fifty in one request');
    $client->says("incr key1 1\r\n", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", 'errors come through');
    is($client->set('key1', 'again', command => 'add'), 'NOT_STORED', '... and refusals');
    my $version = $client->gets('key2')->{cas};
    is($client->set('key2', 'value of key2', command => 'cas', cas => $version), 'STORED', '... and versions');

    for my $row (
        ["touch key3 0\r\n",              "TOUCHED\r\n"],
        ["set n 0 0 1\r\n5\r\n",          "STORED\r\n"],
        ["incr n 2\r\n",                  "7\r\n"],
        ["decr n 1\r\n",                  "6\r\n"],
        ["append n 0 0 1\r\n0\r\n",       "STORED\r\n"],
        ["prepend n 0 0 1\r\n1\r\n",      "STORED\r\n"],
        ["replace n 0 0 1\r\n1\r\n",      "STORED\r\n"],
        ["delete n\r\n",                  "DELETED\r\n"],
    ) {
        $client->says(@$row, 'the proxy passes on ' . (split ' ', $row->[0])[0]);
    }
    for my $line ("mg key3 v\r\n", "stats\r\n", "flush_all\r\n") {
        my $other = Client->new(IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port));
        $other->send($line);
        $other->read_to_eof;
        ok($other->ended, '... but closes at ' . (split ' ', $line)[0]);
    }

    # One goes.
    my @on_dead = grep { $servers[0]->client->get($_) } @keys;
    my %is_on_dead = map { $_ => 1 } @on_dead;
    my @others = grep { !$is_on_dead{$_} } @keys;
    $servers[0]->signal('KILL');
    is($servers[0]->wait_failure, 'signal 9', 'one server is killed');
    wait_for(sub { $client->ask("delete $on_dead[0]") !~ /^SERVER_ERROR/ }, '... the proxy takes it out');
    is(found($client, @others), scalar @others, '... every key of the others is where it was');
    is(found($client, @on_dead), 0, '... those of the one that is gone are lost');
    $stored = grep { $client->set($_, "value of $_") eq 'STORED' } @on_dead;
    cmp_ok($stored, '>=', @on_dead - 2, '... but can be stored again, on the others');
    my @now = items(@servers[1, 2]);
    ok($now[0] > $counts[1] && $now[1] > $counts[2], '... on both of them alike');

    # It comes back.
    $servers[0] = Server->start('-t 2 -p ' . $servers[0]->port);
    my $direct = $servers[0]->client;
    wait_for(sub {
        $client->set($_, "value of $_") for @on_dead;
        return $direct->stats->{curr_items} >= @on_dead;
    }, 'it comes back, and gets its keys again');
    is($direct->stats->{curr_items}, scalar @on_dead, '... those that were its own, and no others');
    is(found($client, @keys), KEYS, '... and all are found');
    kill 'TERM', $pid;
    waitpid $pid, 0;
    @proxies = ();
}

done_testing;

# Runs a tool of libmemcached's; its exit code and output.
sub run {
    my ($tool, $list, @args) = @_;
    my $out = scratch_path('out');
    my $command = join ' ', map { "'$_'" } program($tool), "--servers=$list", @args;
    my $code = system("$command >$out 2>/dev/null") >> 8;
    return "$code " . slurp($out);
}

sub items { return map { $_->client->stats->{curr_items} } @_ }

# Keys that are found. The proxy tries a server that it has taken out again after a while, and
# answers the request that it tried it with by an error.
sub found {
    my ($client, @keys) = @_;
    return scalar grep { my $item = eval { $client->get($_) }; $item && $item->{value} eq "value of $_" } @keys;
}

# A get of several keys, in whatever order the values come.
sub retrieve {
    my ($client, @keys) = @_;
    my %got;
    my $line = $client->ask("get @keys");
    while (my ($key, $len) = $line =~ /^VALUE (\S+) [0-9]+ ([0-9]+)$/) {
        ($got{$key}) = $client->recv_exact($len + 2) =~ /\A(.*)\r\n\z/s;
        ($line = $client->read_line) =~ s/\r\n\z//;
    }
    return %got;
}

sub sum {
    my $sum = 0;
    $sum += $_ for @_;
    return $sum;
}

sub program {
    my ($name) = @_;
    return (grep { -x } map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin')[0];
}

sub have { return defined program($_[0]) }

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
