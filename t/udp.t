#!/usr/bin/perl
# A request in a datagram is answered in datagrams, and what is no request is ignored.
#
# On purpose otherwise than memcached 1.6.45: a command is answered by one message, also if it
# names several keys (14, 15); quit has no answer (20); half a value takes nothing from the
# next datagram (24).
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Frames;
use Notation;
use Server;

use constant ROWS => 26;

my $server = Server->start('-t 1 -U -1');
my $frames = Frames->new($server->ports('UDP'));
my $operator = $server->client;
my %seen;
for my $row (conversations(do { local $/; <DATA> })) {
    $seen{ $row->{number} }++ if defined $row->{number};
    $operator->ask('flush_all');
    $frames->send($_) for frames_of($row->{input});
    my $name = join ': ', grep { defined } $row->{number}, $row->{name};
    is(join("\n", map { shown($_) } $frames->rest), join("\n", map { shown($_) } frames_of($row->{output})), $name);
}
is(join(' ', grep { !$seen{$_} } 1 .. ROWS), '', 'each row is in the table');

# What each thread has: one socket object that is counted, and shown.
{
    my $server = Server->start('-t 4 -U -1');
    my ($port) = $server->ports('UDP');
    my $frames = Frames->new($port);
    my $client = $server->client;
    $client->is_silent('a client');
    # The client that found out that the server accepts may still be closing.
    wait_for(sub { $client->stats->{curr_connections} == 5 }, 'four sockets and a client');
    is($client->stats->{total_connections}, 7, '... and a listener, and one that has gone');
    my @list = $client->stats_list('conns');
    my @udp = map { $_->[0] =~ /^([0-9]+):UDP$/ ? $1 : () } @list;
    is(scalar @udp, 4, 'each is shown');
    for my $fd (@udp) {
        my @lines = map { "$_->[0] $_->[1]" } grep { $_->[0] =~ /^$fd:/ } @list;
        like("@lines", qr/\A$fd:UDP UDP $fd:addr udp:127.0.0.1:$port $fd:state conn_read $fd:secs_since_last_cmd [0-9]+\z/,
            "the lines of $fd");
    }
    my $asked = $frames->ask('stats conns');
    like($asked, qr/:UDP UDP\r\nSTAT [0-9]+:addr udp:127.0.0.1:${\$frames->port}\r\nSTAT [0-9]+:listen_addr udp:127.0.0.1:$port\r\nSTAT [0-9]+:state conn_parse_cmd\r\n/,
        'who asks by a datagram is shown with both ends');

    is($frames->ask("set k 0 0 3\r\nabc"), "STORED\r\n", 'a value comes by a datagram');
    is_deeply($client->get('k'), { value => 'abc', flags => 0 }, '... and goes by a stream');
    # Not more than the client's socket has room for.
    $client->set('k', 'x' x 50_000);
    is($frames->ask('get k'), "VALUE k 0 50000\r\n" . 'x' x 50_000 . "\r\nEND\r\n", 'a long value comes in many datagrams');
    $client->set('k', 'x' x 5000);
    $client->set('short', 'x' x 500);
    my $keys = join ' ', ('k short') x 10;
    is(length $frames->ask("get $keys"), 10 * (5018 + 521) + 5, 'many values are one message');
    $client->set('none', '');
    is(length $frames->ask('get ' . 'none ' x 2000), 2000 * 18 + 5, '... though they are looked up in several batches');
    like($frames->ask('stats'), qr/\ASTAT pid.*\r\nEND\r\n\z/s, 'statistics come in datagrams');
    is($frames->ask('watch'), "ERROR\r\n", 'a datagram cannot become a watcher');
    is($frames->ask("lru_crawler $_ all"), "ERROR\r\n", "... nor be sent a $_") for 'metadump', 'mgdump';

    # Bytes are counted with the headers of frames. Whoever answered counts when all is sent.
    $client->ask('stats reset');
    my $quiet = $client->stats;
    $frames->ask('get none') for 1 .. 100;
    wait_for(sub { $client->stats->{bytes_written} - $quiet->{bytes_written} >= 100 * (8 + 5) }, 'bytes go out');
    cmp_ok($client->stats->{bytes_read} - $quiet->{bytes_read}, '>=', 100 * (8 + 10), '... and have come in');
}

# All workers answer, none of them loses a datagram that was taken.
{
    my $server = Server->start('-t 4 -U -1');
    my @clients = map { Frames->new($server->ports('UDP')) } 1 .. 8;
    my $bad = 0;
    for my $round (1 .. 100) {
        $_->send(frame("$round 0 1 0", "set k$round 0 0 1\r\nx\r\n")) for @clients;
        for my $client (@clients) {
            my $answer = $client->recv;
            $bad++ unless defined $answer && $answer eq frame("$round 0 1 0", "STORED\r\n");
        }
    }
    is($bad, 0, 'eight clients are answered a hundred times');
    is($server->client->stats->{cmd_set}, 800, '... and each request was carried out once');
}

# Where it listens.
{
    my $server = Server->start('-t 4 -U -1 -l 127.0.0.1,127.0.0.2');
    my $client = $server->client;
    is($client->stats('settings')->{num_threads_per_udp}, 1, 'with a list each address has one worker');
    is(scalar(grep { $_->[0] =~ /:UDP$/ } $client->stats_list('conns')), 2, '... so there are two sockets');
    my ($first, $second) = $server->ports('UDP');
    is(Frames->new($first)->ask('version'), "VERSION 1.6.45\r\n", 'the first address answers');
    is(Frames->new($second, '127.0.0.2')->ask('version'), "VERSION 1.6.45\r\n", '... and the second');
}
{
    my $server = Server->start("-l 0.0.0.0 -U -1");
    my $client = $server->client;
    my %addr = map { $_->[1] => 1 } grep { $_->[0] =~ /:addr$/ } $client->stats_list('conns');
    ok($addr{ 'udp:0.0.0.0:' . ($server->ports('UDP'))[0] }, 'the UDP socket is shown where it is bound');
    ok($addr{ 'tcp:0.0.0.0:' . $server->port }, '... and the TCP socket');
}
{
    my $both = Server->start('-U -1 -l [::1]');
    is(Frames->new($both->ports('UDP', 'INET6'), '::1')->ask('version'), "VERSION 1.6.45\r\n", 'IPv6');
    is(join(' ', map { $_->[0] } @{ $both->{ports} }), 'TCP UDP', 'the port file names TCP, then UDP');

    my $none = Server->start(['-s', scratch_path('socket'), '-U', '11299']);
    is(scalar(grep { $_->[0] =~ /:UDP$/ } $none->client->stats_list('conns')), 0, 'with a unix socket there is no UDP');
    is($none->client->stats('settings')->{udpport}, 11299, '... though it was asked for');

    my $port = free_port();
    my $same = Server->start(['-U', $port, '-p', $port]);
    is(join(' ', $same->port, $same->ports('UDP')), "$port $port", 'TCP and UDP may have the same number');

    # Unlike TCP, and with whom the datagrams end up is the kernel's affair.
    my $shared = Server->start(['-U', $same->ports('UDP')]);
    is_deeply([$shared->ports('UDP')], [$same->ports('UDP')], 'a UDP port may be in use');

    my $alone = Server->start('-p 0 -U -1');
    is(Frames->new($alone->ports('UDP'))->ask('version'), "VERSION 1.6.45\r\n", 'UDP alone');
}
for my $off ('', '-U 0') {
    my $server = Server->start($off);
    is(join(' ', $server->ports('UDP')), '', "without UDP: '$off'");
}
{
    my ($code, undef, $err) = Server->refused('-U -2');
    is($code, 71, 'a port below -1 is refused');
    like($err, qr/\Agetaddrinfo\(\): Servname not supported for ai_socktype\nfailed to listen on one of interface\(s\) 127.0.0.1: /,
        '... with the words of the resolver');
}

{
    my @root = $> == 0 ? ('-u', 'root') : ();
    my ($code, undef, $err) = Server->refused([@root, '-p', '0', '-U', '-2'], as_given => 1);
    is($code, 71, 'also without a list');
    like($err, qr/\nfailed to listen on UDP port -2: /, '... which the last line tells');
}

# Garbage is survived, and nothing is kept of it. One worker, so that all is done when the last
# request is answered.
{
    my $server = Server->start('-t 1 -U -1');
    my $frames = Frames->new($server->ports('UDP'));
    my $client = $server->client;
    srand 1;
    my @words = ("\r\n", "\n", ' ', 'get ', 'set k 0 0 10', 'ms k 10', 'noreply', 'mg k v', "\0", "\x80", 'quit', 'x' x 300,
        'incr k 1', 'append k 0 0 5', '99999999999', "stats\r\n", "touch k 0\r\n", 'set l 0 0 600000');
    for my $round (1 .. 3000) {
        my $garbage = join '', map { $words[rand @words] } 1 .. 1 + rand 12;
        my $header = rand() < 0.9 ? 'fffd 0 1 0' : join ' ', map { sprintf '%x', rand 65_536 } 1 .. 4;
        $frames->send(frame($header, $garbage));
        next if $round % 100;
        Frames->new($server->ports('UDP'))->ask('mn') eq "MN\r\n" or fail("no answer after round $round");
        $frames = Frames->new($server->ports('UDP'));
    }
    is(Frames->new($server->ports('UDP'))->ask('version'), "VERSION 1.6.45\r\n", 'after garbage requests are answered');
    $client->verifies('... and all memory is accounted for');
}

done_testing;

__DATA__
1 an id comes back
    > <1234 0 1 0>version\r\n
    < <1234 0 1 0>VERSION 1.6.45\r\n
2 any id will do
    > <ffff 0 1 0>get a\n
    < <ffff 0 1 0>END\r\n
3 sequence and reserved word are ignored
    > <1 7 1 abcd>mn\r\n
    < <1 0 1 0>MN\r\n
4 a request of two datagrams is dropped
    > <1 0 2 0>mn\r\n
    <
5 a request of no datagrams is dropped
    > <1 0 0 0>mn\r\n
    <
6 both bytes of the total count
    > <1 0 101 0>mn\r\n
    <
7 a header alone is nothing
    > <1 0 1 0>
    <
8 less than a header is nothing
    > mn\r\n
    <
9 half a line is nothing
    > <1 0 1 0>mn
    <
10 an empty line is an error
    > <1 0 1 0>\r\n
    < <1 0 1 0>CLIENT_ERROR bad command line format\r\n
11 a value can be stored
    > <1 0 1 0>set a 0 0 3\r\nabc\r\n
    < <1 0 1 0>STORED\r\n
12 noreply means no datagram
    > <1 0 1 0>set a 0 0 3 noreply\r\nabc\r\n
    <
13 each command has its message
    > <1 0 1 0>set a 0 0 3\r\nabc\r\nget a\r\n
    < <1 0 1 0>STORED\r\n
    < <1 0 1 0>VALUE a 0 3\r\nabc\r\nEND\r\n
14 several keys are one command
    > <1 0 1 0>set a 0 0 3\r\nabc\r\nget a a\r\n
    < <1 0 1 0>STORED\r\n
    < <1 0 1 0>VALUE a 0 3\r\nabc\r\nVALUE a 0 3\r\nabc\r\nEND\r\n
15 several keys are one command, also if the last is not there
    > <1 0 1 0>set a 0 0 3\r\nabc\r\nget a zz\r\n
    < <1 0 1 0>STORED\r\n
    < <1 0 1 0>VALUE a 0 3\r\nabc\r\nEND\r\n
several keys are one command, and what comes behind is another
    > <1 0 1 0>set a 0 0 3\r\nabc\r\nget a a\r\nget a zz\r\nversion\r\n
    < <1 0 1 0>STORED\r\n
    < <1 0 1 0>VALUE a 0 3\r\nabc\r\nVALUE a 0 3\r\nabc\r\nEND\r\n
    < <1 0 1 0>VALUE a 0 3\r\nabc\r\nEND\r\n
    < <1 0 1 0>VERSION 1.6.45\r\n
16 1392 bytes fit a datagram
    > <1 0 1 0>set a 0 0 1369\r\n{v*1369}\r\nget a\r\n
    < <1 0 1 0>STORED\r\n
    < <1 0 1 0>VALUE a 0 1369\r\n{v*1369}\r\nEND\r\n
17 one more does not
    > <1 0 1 0>set a 0 0 1370\r\n{v*1370}\r\nget a\r\n
    < <1 0 1 0>STORED\r\n
    < <1 0 2 0>VALUE a 0 1370\r\n{v*1370}\r\nEND\r
    < <1 1 2 0>\n
18 a message is cut at any byte
    > <1 0 1 0>set a 0 0 3000\r\n{v*3000}\r\nget a\r\n
    < <1 0 1 0>STORED\r\n
    < <1 0 3 0>VALUE a 0 3000\r\n{v*1376}
    < <1 1 3 0>{v*1392}
    < <1 2 3 0>{v*232}\r\nEND\r\n
19 a quiet command has no message
    > <1 0 1 0>mg zz v q\r\nmn\r\n
    < <1 0 1 0>MN\r\n
20 quit has no message
    > <1 0 1 0>quit\r\n
    <
21 quit ends the datagram
    > <1 0 1 0>version\r\nquit\r\nversion\r\n
    < <1 0 1 0>VERSION 1.6.45\r\n
22 a browser is not answered, and the next datagram is
    > <1 0 1 0>GET / HTTP/1.1\r\n
    > <2 0 1 0>mn\r\n
    < <2 0 1 0>MN\r\n
23 a long line without an end is not answered, and the next datagram is
    > <1 0 1 0>{x*2049}
    > <2 0 1 0>mn\r\n
    < <2 0 1 0>MN\r\n
24 half a value is an error, and the next datagram is answered
    > <1 0 1 0>set a 0 0 9\r\nab
    > <2 0 1 0>mn\r\n
    < <1 0 1 0>CLIENT_ERROR bad data chunk\r\n
    < <2 0 1 0>MN\r\n
25 a frame of the binary protocol is answered by one
    > <1 0 1 0>\x80\x0b{\0*22}
    < <1 0 1 0>\x81\x0b{\0*8}\0\x06{\0*12}1.6.45
26 no command is refused because it comes in a datagram
    > <1 0 1 0>shutdown\r\n
    < <1 0 1 0>SERVER_ERROR: shutdown not enabled\r\n
half a value with noreply is silent
    > <1 0 1 0>set a 0 0 9 noreply\r\nab
    <
a value that is too large and not all there is refused
    > <1 0 1 0>set a 0 0 2000000\r\nabc
    < <1 0 1 0>SERVER_ERROR object too large for cache\r\n
half a value stores nothing
    > <1 0 1 0>set a 0 0 3\r\nabc\r\n
    > <2 0 1 0>set a 0 0 9\r\nabcdefgh
    > <3 0 1 0>get a\r\n
    < <1 0 1 0>STORED\r\n
    < <2 0 1 0>CLIENT_ERROR bad data chunk\r\n
    < <3 0 1 0>VALUE a 0 3\r\nabc\r\nEND\r\n
commands after a refused one are carried out
    > <1 0 1 0>bogus\r\nmn\r\n
    < <1 0 1 0>ERROR\r\n
    < <1 0 1 0>MN\r\n
a meta command is answered whole
    > <1 0 1 0>ms a 2 c E5\r\nhi\r\nmg a v k\r\n
    < <1 0 1 0>HD c5\r\n
    < <1 0 1 0>VA 2 ka\r\nhi\r\n
