#!/usr/bin/perl
# With -v and more of them the server tells what it does, in lines that people grep for.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use IO::Socket::IP;
use POSIX ();
use Frames;
use Server;

# Without -v, and with one, it says nothing of a client that behaves.
for my $options ('', '-v') {
    my $server = Server->start($options);
    my $client = $server->client;
    $client->set('a', 1);
    $client->says("get a\r\nbogus\r\n", "VALUE a 0 1\r\n1\r\nEND\r\nERROR\r\n", "'$options': a client is served");
    $client->send("quit\r\n");
    $client->is_eof('... and goes');
    is($server->stderr, '', '... without a word of the server');
}

# With two, each command and its reply.
{
    my $server = Server->start('-vv');
    my ($told, $fd) = ('', undef);
    my $listening = qr/^<([0-9]+) server listening \(auto-negotiate\)$/m;
    wait_for(sub { $server->stderr =~ $listening }, 'it says where it listens');
    my @classes = $server->stderr =~ /^slab class (.*)$/mg;
    is($classes[0], '  1: chunk size        96 perslab   10922', 'before, it shows its slab classes');
    ok(index($server->stderr, 'slab class') < index($server->stderr, 'server listening'), '... before it listens');

    my $client = $server->client;
    $client->is_silent('a client');
    # The first connection was the harness's, which is gone.
    wait_for(sub { $server->stderr =~ /^<[0-9]+ connection closed\.$/m }, '... who came first has gone');
    wait_for(sub { $server->stderr =~ /^<([0-9]+) version$/m && ($fd = $1) }, '... and this one is told of')
        or BAIL_OUT('nothing is told');
    like($server->stderr, qr/^<$fd new auto-negotiating client connection$/m, '... when it came');
    like($server->stderr, qr/^$fd: Client using the ascii protocol$/m, '... and with its protocol');
    my $seen = length $server->stderr;
    for my $row (
        # sent                                 told
        ["set foo 0 0 3\r\nbar\r\n",           "<N set foo 0 0 3\n>N STORED\n"],
        ["set foo 0 0 3\nbar\r\n",             "<N set foo 0 0 3\n>N STORED\n"],
        ["add foo 0 0 3\r\nbar\r\n",           "<N add foo 0 0 3\n>N NOT_STORED\n"],
        ["replace f 1 2 1\r\nx\r\n",           "<N replace f 1 2 1\n>N NOT_STORED\n"],
        ["append foo 0 0 1\r\nx\r\n",          "<N append foo 0 0 1\n>N STORED\n"],
        ["cas foo 0 0 1 1\r\nx\r\n",           "<N cas foo 0 0 1 1\n>N EXISTS\n"],
        ["cas no 0 0 1 1\r\nx\r\n",            "<N cas no 0 0 1 1\n>N NOT_FOUND\n"],
        ["set a 0 0 1 noreply\r\n1\r\n",       "<N set a 0 0 1 noreply\n>N NOREPLY STORED\n"],
        ["get foo\r\n",                        "<N get foo\n>N sending key foo\n>N END\n"],
        ["get no\r\n",                         "<N get no\n>N END\n"],
        ["gets foo  no a\r\n",                 "<N gets foo  no a\n>N sending key foo\n>N sending key a\n>N END\n"],
        ["gat 100 foo no\r\n",                 "<N gat 100 foo no\n>N sending key foo\n>N END\n"],
        ["incr a 1\r\n",                       "<N incr a 1\n"],
        ["decr no 1\r\n",                      "<N decr no 1\n"],
        ["incr foo 1\r\n",                     "<N incr foo 1\n>N CLIENT_ERROR cannot increment or decrement non-numeric value\n"],
        ["touch foo 100\r\n",                  "<N touch foo 100\n"],
        ["delete foo\r\n",                     "<N delete foo\n"],
        ["mn\r\n",                             "<N mn\n>N MN\n"],
        ["mg a v k\r\n",                       "<N mg a v k\n"],
        ["ms a 1\r\n1\r\n",                    "<N ms a 1\n"],
        ["ms a x\r\n",                         "<N ms a x\n>N CLIENT_ERROR bad command line format\n"],
        ["md a q\r\nmn\r\n",                   "<N md a q\n<N mn\n>N MN\n"],
        ["bogus line\r\n",                     "<N bogus line\n>N ERROR\n"],
        ["get\r\n",                            "<N get\n>N CLIENT_ERROR bad command line format\n"],
        ["get " . 'k' x 251 . "\r\n",          '<N get ' . 'k' x 251 . "\n>N CLIENT_ERROR bad command line format\n"],
        ["get \x01\xff\r\n",                   "<N get \x01\xff\n>N END\n"],
        ["version\r\n",                        "<N version\n>N VERSION 1.6.45\n"],
        ["flush_all\r\n",                      "<N flush_all\n>N OK\n"],
        ["flush_all noreply\r\n",              "<N flush_all noreply\n>N NOREPLY OK\n"],
        ["stats\r\n",                          "<N stats\n"],
        ["stats reset\r\n",                    "<N stats reset\n>N RESET\n"],
        ["shutdown\r\n",                       "<N shutdown\n>N SERVER_ERROR: shutdown not enabled\n"],
        ["set big 0 0 100000\r\n" . 'x' x 100_000 . "\r\n", "<N set big 0 0 100000\n>N STORED\n"],
        ["get big\r\n",                        "<N get big\n>N sending key big\n>N END\n"],
        ["set huge 0 0 9999999\r\n" . 'x' x 9_999_999 . "\r\n",
            "<N set huge 0 0 9999999\n>N SERVER_ERROR object too large for cache\n"],
    ) {
        my ($send, $expect) = @$row;
        $client->send($send);
        $client->send("version\r\n");
        $client->read_until("VERSION 1.6.45\r\n");
        $client->read_until("VERSION 1.6.45\r\n") if $send eq "version\r\n";
        (my $all = $expect . "<N version\n>N VERSION 1.6.45\n") =~ s/^([<>])N/$1$fd/mg;
        my $name = Client::visible(substr $send, 0, 40);
        Client::is_same(substr($server->stderr, $seen), $all, $name);
        $seen = length $server->stderr;
    }

    # In one packet and in pieces it is the same.
    $client->says("get x\r\nget y z\r\nset q 0 0 5\r\nab", "END\r\nEND\r\n", 'several commands');
    $client->says("cde\r\n", "STORED\r\n", '... the last one in pieces');
    my $expect = join '', map { "$_\n" } "<$fd get x", ">$fd END", "<$fd get y z", ">$fd END", "<$fd set q 0 0 5", ">$fd STORED";
    Client::is_same(substr($server->stderr, $seen), $expect, '... each is told');
    $seen = length $server->stderr;
    $client->send("quit\r\n");
    $client->is_eof('when it goes');
    wait_for(sub { substr($server->stderr, $seen) eq "<$fd quit\n<$fd connection closed.\n" }, '... that is told');
}

# A running server can be told to begin and to stop.
{
    my $server = Server->start('');
    my $client = $server->client;
    $client->says("verbosity 2\r\n", "OK\r\n", 'verbosity 2');
    $client->says("get a\r\n", "END\r\n", '... in a server that runs');
    like($server->stderr, qr/^<([0-9]+) get a\n>\1 END$/m, '... makes it talk from then on') or diag $server->stderr;
    $client->says("verbosity 1\r\n", "OK\r\n", 'verbosity 1');
    $client->says("get b\r\n", "END\r\n", '... and back');
    unlike($server->stderr, qr/get b/, '... makes it silent again');
}

# With three, each look for a key.
{
    my $server = Server->start('-vvv');
    my $client = $server->client;
    $client->says("set a 0 0 1\r\n1\r\nget a no\r\nmg YQ== b\r\n", "STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\nHD\r\n",
        'with -vvv');
    my $told = join "\n", $server->stderr =~ /^(> .*)$/mg;
    is($told, "> NOT FOUND a\n> FOUND KEY a\n> NOT FOUND no\n> FOUND KEY a", '... each look for a key is told');
}

# Only one protocol.
{
    my $server = Server->start('-vv -B ascii');
    my $client = $server->client;
    $client->is_silent('with -B ascii');
    like($server->stderr, qr/^<[0-9]+ server listening \(ascii\)$/m, '... that is what it listens for');
    like($server->stderr, qr/^<([0-9]+) new ascii client connection\.\n(?:.*\n)*<\1 version$/m, '... of a client, too');
    unlike($server->stderr, qr/Client using/, '... and nothing is negotiated');
}

# Who watches, and what is watched.
{
    my $server = Server->start('-vvv');
    my ($watcher, $client) = ($server->client, $server->client);
    $watcher->says("watch fetchers\r\n", "OK\r\n", 'with -vvv a client may watch');
    $client->says("get no\r\nget no\r\n", "END\r\nEND\r\n", '... what another one does');
    my @lines = map { $watcher->read_until("\n") } 1 .. 2;
    is(scalar(grep { /type=item_get key=no status=not_found/ } @lines), 2, '... and hears of each command once');
    $client->says("get no\r\nwatch\r\n", "END\r\nERROR cannot pipeline other commands before watch\r\n", 'a refusal');
    my $refused = qr/^<([0-9]+) watch\n>\1 ERROR cannot pipeline other commands before watch$/m;
    like($server->stderr, $refused, '... is told');
    # The number may have been that of the harness's connection before.
    my $gone = qr/^<([0-9]+) watch fetchers\n(?:.*\n)*<\1 connection closed\.$/m;
    unlike($server->stderr, $gone, 'who watches is not gone');
    $watcher->close;
    wait_for(sub { $server->stderr =~ $gone }, '... before he goes');
    $client->says("stats detail on\r\nget a:1\r\nstats detail dump\r\n",
        "OK\r\nEND\r\nPREFIX a get 1 hit 0 set 0 del 0\r\nEND\r\n", 'prefixes are counted as without -vvv');
    my %conns = %{ $client->stats('conns') };
    is(scalar(grep { /:secs_since_last_cmd\z/ } keys %conns), 2, 'and connections are shown');
}

# Datagrams.
{
    my $server = Server->start('-vv -t 1 -U -1');
    my $frames = Frames->new($server->ports('UDP'));
    my $fd;
    wait_for(sub { ($fd) = $server->stderr =~ /^<([0-9]+) server listening \(udp\)$/m },
        'a worker says that it reads datagrams');
    my ($before, $after) = $server->stderr =~ /^<[0-9]+ send buffer was ([0-9]+), now ([0-9]+)\n(?:.*\n)*<[0-9]+ server listening \(udp\)$/m;
    cmp_ok($after // 0, '>=', $before // 1, '... and before, how long the buffer for replies has become');
    is($frames->ask("set a 0 0 1\r\n1"), "STORED\r\n", '... one comes');
    is($frames->ask('get a'), "VALUE a 0 1\r\n1\r\nEND\r\n", '... and another one');
    is($frames->ask("set a 0 0 9\r\n1"), "CLIENT_ERROR bad data chunk\r\n", '... and half of one');
    my $told = join '', $server->stderr =~ /^([<>]?$fd(?!.*listening).*\n)/mg;
    my $expect = join '', map { "$_\n" } "<$fd set a 0 0 1", ">$fd STORED", "<$fd get a", ">$fd sending key a", ">$fd END",
        "<$fd set a 0 0 9", ">$fd CLIENT_ERROR bad data chunk";
    Client::is_same($told, $expect, '... which is told, and nothing else');
}

# Standard error that nobody reads any more is no reason to end.
{
    my $port_file = scratch_path('ports');
    pipe my $reads, my $writes or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $ENV{MEMCACHED_PORT_FILENAME} = $port_file;
        open STDERR, '>&', $writes;
        close $reads;
        exec Server::program(), '-vv', '-l', '127.0.0.1', '-p', '-1', $> == 0 ? ('-u', 'root') : () or POSIX::_exit(127);
    }
    close $writes;
    close $reads;
    wait_for(sub { -e $port_file }, 'a server whose standard error is closed comes up');
    open my $ports, '<', $port_file or die "$port_file: $!";
    my ($port) = <$ports> =~ /([0-9]+)$/;
    my $socket = IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) or die "connect: $@";
    Client->new($socket)->is_silent('... and serves');
    kill 'TERM', $pid;
    waitpid $pid, 0;
    is($?, 0, '... and stops in order');
}

# What is lost is told with -v.
{
    my $server = Server->start('-v');
    my $client = $server->client;
    $client->is_silent('a client');
    setsockopt $client->{socket}, Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'ii', 1, 0;
    $client->close;
    wait_for(sub { $server->stderr =~ /^Failed to read or write, and not due to blocking: Connection reset by peer$/m },
        '... that is reset is told with -v');
}

done_testing;
