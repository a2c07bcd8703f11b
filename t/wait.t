#!/usr/bin/perl
# Replies that are not ready come in order, whoever finishes first, and no other client waits for
# them. `debugwait NAME` stands for a request that another thread has to do something for, which is
# done when another client says `debugdone NAME`.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use IO::Socket::INET;
use Socket qw(MSG_OOB SOL_SOCKET SO_LINGER);
use Server;

for my $threads (1, 4) {
    my $server = Server->start("-t $threads -U -1");
    my ($operator, $other) = ($server->client, $server->client);
    my $is = "with -t $threads";
    $other->is_silent("$is: two clients to begin with");
    my $open = sub { $operator->stats->{curr_connections} };
    my $two = 2 + $threads; # and each worker's UDP socket
    wait_for(sub { $open->() == $two }, '... and no other');

    # Three requests wait among others, and are done in every order.
    my $line = "set k 0 0 1\r\n1\r\ndebugwait a\r\nincr k 1\r\ndebugwait b\r\nget k\r\ndebugwait c\r\nincr k 1\r\n";
    my @replies = ("STORED\r\n", "DONE a\r\n2\r\n", "DONE b\r\nVALUE k 0 1\r\n2\r\nEND\r\n", "DONE c\r\n3\r\n");
    for my $order (orders('a', 'b', 'c')) {
        my $client = $server->client;
        $client->send($line);
        wait_for(sub { waiting($operator) == 3 }, "$is: all work is begun at once (@$order)");
        $client->expects($replies[0], '... and what comes before is answered');
        for my $name (@$order) {
            is(finish($operator, $name), 1, "... $name is done");
            $other->says("set other 0 0 1\r\nx\r\nget other\r\n", "STORED\r\nVALUE other 0 1\r\nx\r\nEND\r\n",
                '... meanwhile others are served');
        }
        $client->expects(join('', @replies[1 .. 3]), '... and the replies come in order');
        $client->is_silent('... once');
    }

    # What follows a request that waits is not read, and has no effect, before that is done.
    {
        my $client = $server->client;
        $operator->set('k', 'old');
        $client->send("debugwait a\r\n");
        wait_for(sub { waiting($operator) == 1 }, "$is: a client waits");
        $client->send("set k 0 0 3\r\nnew\r\nget k\r\n");
        is($operator->get('k')->{value}, 'old', '... what it sends meanwhile has no effect');
        is(states($operator), 'conn_io_queue', '... its state is shown');
        finish($operator, 'a');
        $client->expects("DONE a\r\nSTORED\r\nVALUE k 0 3\r\nnew\r\nEND\r\n", '... before that is done');
        is(states($operator), '', '... and so is that it waits no more');
        $client->send("debugwait a\r\ndebugwait a\r\nquit\r\n");
        my $finished = 0;
        wait_for(sub { $finished += finish($operator, 'a'); $finished == 2 }, '... one name twice is done twice');
        $client->expects("DONE a\r\nDONE a\r\n", '... and answered so');
        $client->is_eof('... before the client quits');
    }

    # More than a worker's buffer follows, and is cut anywhere.
    {
        my $client = $server->client;
        my $value = 'v' x 300_000;
        $operator->set('k', 'x');
        my $gets = 20_000;
        my $input = "debugwait a\r\n" . "get k\r\n" x $gets
            . "debugwait b\r\nset big 0 0 300000\r\n$value\r\ndebugwait c\r\nget big\r\n";
        my $expected = "DONE a\r\n" . "VALUE k 0 1\r\nx\r\nEND\r\n" x $gets
            . "DONE b\r\nSTORED\r\nDONE c\r\nVALUE big 0 300000\r\n$value\r\nEND\r\n";
        my ($sent, $got) = (0, '');
        wait_for(sub {
            $sent += $client->push_blindly(substr $input, $sent, 50_000) if $sent < length $input;
            $client->read_some;
            finish($operator, $_) for 'a', 'b', 'c';
            $got .= $client->recv_exact(length $client->{in});
            return length $got >= length $expected;
        }, "$is: a client has sent far more than it is answered");
        ok($got eq $expected, '... and all of it is answered');
    }

    # Clients that do not take their replies, before one that is not ready.
    {
        my $long = 'y' x 1_000_000;
        $operator->set('long', $long);
        my @slow = map { $server->client } 1 .. 8;
        $slow[$_]->push_blindly("get long\r\n" x $_ . "debugwait slow\r\nversion\r\n") for 0 .. 7;
        wait_for(sub { waiting($operator) >= 4 }, "$is: clients wait that do not read");
        finish($operator, 'slow');
        $other->is_silent('... others are served');
        for my $gets (0 .. 7) {
            my $client = $slow[$gets];
            my $values = "VALUE long 0 1000000\r\n$long\r\nEND\r\n" x $gets;
            my $got = $gets ? $client->recv_exact(length $values) : '';
            ok($got eq $values, "... the values come to the one that asked for $gets");
            finish($operator, 'slow'); # if it has got so far only now
            wait_for(sub { finish($operator, 'slow'); $client->read_some; length $client->{in} }, '... and more');
            $client->expects("DONE slow\r\n" . Client::VERSION_LINE, '... and what comes after them');
        }
    }

    # Clients that have gone.
    is(waiting($operator), 0, "$is: nothing waits");
    wait_for(sub { $open->() == $two }, '... and the clients above have gone');
    {
        my $gone = $server->client;
        $gone->send("debugwait gone\r\nset lost 0 0 1\r\nx\r\n");
        wait_for(sub { waiting($operator) == 1 }, '... then for a client');
        reset_connection($gone);
        wait_for(sub { $open->() == $two }, '... that is reset, and has gone at once');
        # Of the worker's free slots the last one to be freed is filled first.
        my @next = map { $server->client } 1 .. 2 * $threads;
        $_->send("debugwait next\r\n") for @next;
        wait_for(sub { waiting($operator) == 1 + @next }, '... others come and wait in its place');
        is(finish($operator, 'gone'), 1, '... what it waited for is done late');
        is(states($operator), join(' ', ('conn_io_queue') x @next), '... the others still wait');
        is(finish($operator, 'next'), scalar @next, '... until what they wait for is done');
        $_->says("version\r\n", "DONE next\r\n" . Client::VERSION_LINE, '... one reply each') for @next;
        is($operator->get('lost'), undef, '... and nothing is left of the one that has gone');
    }
    {
        my $client = $server->client;
        $client->send("debugwait half\r\nset half 0 0 1\r\nx\r\n");
        $client->half_close;
        wait_for(sub { waiting($operator) == 1 }, "$is: a client says that it will send no more");
        is(finish($operator, 'half'), 1, '... what it waits for is done');
        $client->expects("DONE half\r\nSTORED\r\n", '... all that it has sent is answered');
        $client->is_eof('... and then it is closed');
    }
    {
        my $client = $server->client;
        $client->send("debugwait left\r\nset left 0 0 1 noreply\r\nx\r\n");
        wait_for(sub { waiting($operator) == 1 }, "$is: a client waits");
        $client->close;
        is(finish($operator, 'left'), 1, '... and has left when that is done');
        wait_for(sub { $open->() == $two }, '... it is closed');
        is($operator->get('left')->{value}, 'x', '... after all that it had sent');
    }

    # Many at once; several finish them.
    {
        my @finishers = map { $server->client } 1 .. 3;
        my @many = map { $server->client } 1 .. 60;
        # Each waits for three things, none of them twice, so it is known how many that are in all.
        my @names = map { my $n = $_; ['m' . $n % 7, 'n' . $n % 5, 'o' . $n % 3] } 0 .. $#many;
        $many[$_]->send(join '', map { "debugwait $_\r\n" } @{ $names[$_] }) for 0 .. $#many;
        wait_for(sub { waiting($operator) == 3 * @many }, "$is: many wait");
        for my $name ((map { "m$_" } 0 .. 6), (map { "n$_" } 0 .. 4), map { "o$_" } 0 .. 2) {
            $_->send("debugdone $name\r\n") for @finishers;
            /^STAT count [0-9]+\r\nEND\r\n$/ or fail("debugdone $name: $_") for map { $_->read_until("END\r\n") } @finishers;
        }
        my @expected = map { join '', map { "DONE $_\r\n" } @$_ } @names;
        my @got = map { $many[$_]->recv_exact(length $expected[$_]) } 0 .. $#many;
        is_deeply(\@got, \@expected, '... and each has its replies, in order');
        is(waiting($operator), 0, '... nothing waits any more');
    }

    # A datagram cannot wait, and keeps no other one.
    {
        my ($port) = $server->ports('UDP');
        my $socket = IO::Socket::INET->new(Proto => 'udp', PeerAddr => "127.0.0.1:$port");
        $socket->send(pack('n4', 1, 0, 1, 0) . "debugwait d\r\n");
        $socket->send(pack('n4', 2, 0, 1, 0) . "mn\r\n");
        my $reply = '';
        wait_for(sub { $socket->recv($reply, 2000); unpack('n', $reply) == 2 }, "$is: the next datagram is answered");
        is(waiting($operator), 0, '... and nothing waits for the one before');
    }

    $operator->verifies("$is: the store is sound");
    my @parked = map { $server->client } 1 .. 5;
    $_->send("debugwait end\r\n") for @parked;
    wait_for(sub { waiting($operator) == 5 }, "$is: clients wait");
    is($server->stop, 0, '... the server stops all the same');
    $_->is_eof('... which closes them') for @parked;
}

# However requests are cut into batches and turns.
for my $options ('-R 1', '-vv', '-o read_buf_mem_limit=1', '-R 1 -vv -c 64') {
    my $server = Server->start("-t 2 $options");
    my $operator = $server->client;
    my @clients = map { $server->client } 1 .. 4;
    my @names = map { ('a', 'b', 'a', 'c')[$_ % 4] . $_ % 3 } 0 .. 39;
    $operator->set('k', 'v');
    $_->send(join '', map { "get k\r\ndebugwait $_\r\nmn\r\n" } @names) for @clients;
    my $expected = join '', map { "VALUE k 0 1\r\nv\r\nEND\r\nDONE $_\r\nMN\r\n" } @names;
    my %seen = map { $_ => 1 } @names;
    wait_for(sub {
        finish($operator, $_) for sort keys %seen;
        $_->read_some for @clients;
        return !grep { length $_->{in} < length $expected } @clients;
    }, "$options: several clients wait again and again");
    $_->expects($expected . Client::VERSION_LINE, '... and have all replies') for map { $_->send("version\r\n"); $_ } @clients;
}

# A dump may take long. What has been begun for the requests behind it is not forgotten meanwhile.
{
    my $server = Server->start('-t 1 -o no_lru_maintainer');
    my $operator = $server->client;
    my $items = 3000;
    $operator->set("key$_", 'v') for 1 .. $items;
    wait_for(sub { !$operator->stats->{lru_crawler_running} }, 'nothing crawls');
    my $client = $server->client;
    $client->send("lru_crawler mgdump all\r\ndebugwait c\r\n");
    my $finished = 0;
    wait_for(sub { $finished += finish($operator, 'c'); $finished }, 'a client wants to wait after a dump');
    my $dump = $client->read_until("EN\r\n");
    is(() = $dump =~ /^mg key/mg, $items, '... the dump comes first');
    $client->expects("DONE c\r\n", '... and what it waits for is not lost');
    is($finished + waiting($operator), 1, '... or begun twice');
    $operator->is_silent('... and all is well');
}

# A request that waits is logged once, when it is carried out.
{
    my $server = Server->start('-t 1 -vv');
    my $operator = $server->client;
    my $client = $server->client;
    $client->send("mn\r\ndebugwait a\r\nmn\r\n");
    wait_for(sub { waiting($operator) == 1 }, 'a client waits, with -vv');
    finish($operator, 'a');
    $client->expects("MN\r\nDONE a\r\nMN\r\n", '... and is answered');
    my $log = $server->stderr;
    my ($fd) = $log =~ /^<([0-9]+) debugwait a$/m;
    # An earlier connection may have had the same number.
    $log =~ s/.*^<\Q$fd\E new [^\n]*\n//ms;
    my @lines = grep { /^[<>]\Q$fd\E / } split /\n/, $log;
    my @expected = ("<$fd mn", ">$fd MN", "<$fd debugwait a", ">$fd DONE a", "<$fd mn", ">$fd MN");
    is_deeply(\@lines, \@expected, '... each request is logged once, with its reply');
}

# Who is on a unix socket is seen to go.
{
    my $server = Server->start(['-s', scratch_path('wait'), '-t', 1]);
    my $operator = $server->client;
    my $client = $server->client;
    $client->send("debugwait a\r\n");
    wait_for(sub { waiting($operator) == 1 }, 'a client on a unix socket waits');
    $client->close;
    wait_for(sub { $operator->stats->{curr_connections} == 1 }, '... and has gone, with its place');
    my $hasty = $server->client;
    $hasty->send("debugwait b\r\n");
    $hasty->close;
    wait_for(sub { waiting($operator) == 2 }, '... another one goes before it is asked what it wants');
    wait_for(sub { $operator->stats->{curr_connections} == 1 }, '... and has gone, too');
    is(finish($operator, $_), 1, "... $_ is done late") for 'a', 'b';
    $operator->is_silent('... for nothing');
}

# A client that waits is not silent; but one that says no more need not be waited for without end.
{
    my $server = Server->start('-t 2 -o idle_timeout=2');
    my $operator = $server->client;
    my ($waits, $silent, $gone) = map { $server->client } 1 .. 3;
    $_->send("debugwait a\r\n") for $waits, $gone;
    wait_for(sub { waiting($operator) == 2 }, 'two clients wait, one is silent');
    $gone->close;
    wait_for(sub { $operator->stats->{idle_kicks} == 2 }, 'two are closed after a while');
    $silent->is_eof('... the silent one');
    is(states($operator), 'conn_io_queue', '... and the one that has gone');
    is(finish($operator, 'a'), 2, '... both get what they have waited for');
    $waits->says("version\r\n", "DONE a\r\n" . Client::VERSION_LINE, '... the other one in time');
}

# That time is counted from the request that waits, whatever else the client has sent; and urgent
# data, which is seen in the same way as the end, is none.
{
    my $server = Server->start('-t 1 -o idle_timeout=5');
    my ($operator, $late, $urgent, $gone, $silent) = map { $server->client } 1 .. 5;
    $urgent->is_silent('a client says something');
    send $urgent->{socket}, '!', MSG_OOB;
    $urgent->send("debugwait urgent\r\n");
    wait_for(sub { waiting($operator) == 1 }, '... then something urgent, and waits');
    $gone->send("debugwait gone\r\n");
    wait_for(sub { waiting($operator) == 2 }, 'another one waits');
    $gone->send("version\r\n");
    $gone->close;
    sleep 3;
    $late->send("debugwait late\r\n");
    $late->half_close;
    wait_for(sub { $operator->stats->{idle_kicks} }, 'one that said nothing is closed');
    is(finish($operator, 'late'), 1, '... and one that has just sent its last request is answered');
    $late->expects("DONE late\r\n", '... in time');
    $late->is_eof('... before it is closed');
    wait_for(sub { $operator->stats->{idle_kicks} == 2 }, 'one that has gone is closed, although it had sent more');
    is(finish($operator, 'urgent'), 1, 'the one that waits for an answer');
    $urgent->says("version\r\n", "DONE urgent\r\n" . Client::VERSION_LINE, '... has it');
    $silent->is_eof('the silent one had to go');
}

# How many requests wait; and how many were done that waited for a name.
sub waiting { return number_of($_[0], 'debugdone') }
sub finish  { return number_of($_[0], "debugdone $_[1]") }

sub number_of {
    my ($client, $line) = @_;
    $client->send("$line\r\n");
    return $client->read_until("END\r\n") =~ /^STAT count ([0-9]+)\r$/m ? $1 : 'no count';
}

# The states of clients that are not just to say something.
sub states {
    my ($client) = @_;
    my $stats = $client->stats('conns');
    my @states = map { $stats->{$_} } grep { /:state$/ } keys %$stats;
    return join ' ', sort grep { !/^conn_(?:listening|parse_cmd|read|new_cmd)$/ } @states;
}

# Every order of these names.
sub orders {
    my ($first, @rest) = @_;
    return [] unless defined $first;
    my @orders;
    for my $order (orders(@rest)) {
        push @orders, map { [@$order[0 .. $_ - 1], $first, @$order[$_ .. $#$order]] } 0 .. @$order;
    }
    return @orders;
}

# Ends a connection so that the server hears of it at once.
sub reset_connection {
    my ($client) = @_;
    setsockopt $client->{socket}, SOL_SOCKET, SO_LINGER, pack 'II', 1, 0;
    $client->close;
    return;
}

done_testing;
