#!/usr/bin/perl
# Who watches is told what happens, in lines and in order, and holds nobody up.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use Socket qw(SOL_SOCKET SO_LINGER);
use lib "$Bin/lib";
use Binary ();
use Frames;
use Server;

# A value of 4 bytes, and what each command tells of the keys that it touches. `k` is 4 bytes
# long at the start of each row, `n` is 5, `gone` has expired, `none` is not there.
my $STORED = 'ttl=0 clsid=1 cfd=FD size=4';
my $FOUND  = 'key=k status=found clsid=1 cfd=FD size=4';
my $MISS   = 'key=none status=not_found clsid=0 cfd=FD size=0';
my $BIG    = 'x' x 2_000_000;
my @rows = (
    # request, what is told
    ['get k',                           "item_get $FOUND"],
    ['get none',                        "item_get $MISS"],
    ['gets k none',                     "item_get $FOUND", "item_get $MISS"],
    ['gat 0 k none',                    "item_get $FOUND", "item_get $MISS"],
    ['gats 0 k',                        "item_get $FOUND"],
    ['mg k',                            "item_get $FOUND"],
    ['mg none q',                       "item_get $MISS"],
    ['me k',                            "item_get $FOUND"],
    ['touch k 0',                       "item_get $FOUND"],
    ['touch none 0',                    "item_get $MISS"],
    ['incr n 1',                        'item_get key=n status=found clsid=1 cfd=FD size=1'],
    ['decr none 1',                     "item_get $MISS"],
    ['ma n',                            'item_get key=n status=found clsid=1 cfd=FD size=1'],
    ['get gone',                        'item_get key=gone status=expired clsid=0 cfd=FD size=0'],
    ["set k 0 0 4\r\nwxyz",             "item_get $FOUND", "item_store key=k status=stored cmd=set $STORED"],
    ["set none 0 100 4\r\nwxyz",        "item_get $MISS",
        'item_store key=none status=stored cmd=set ttl=100 clsid=1 cfd=FD size=4'],
    ["set k 0 0 0\r\n",                 "item_get $FOUND",
        'item_store key=k status=stored cmd=set ttl=0 clsid=1 cfd=FD size=0'],
    ["add k 0 0 4\r\nwxyz",             "item_get $FOUND", "item_store key=k status=not_stored cmd=add $STORED"],
    ["add none 0 0 4\r\nwxyz",          "item_get $MISS", "item_store key=none status=stored cmd=add $STORED"],
    ["replace k 0 0 4\r\nwxyz",         "item_get $FOUND", "item_store key=k status=stored cmd=replace $STORED"],
    ["replace none 0 0 4\r\nwxyz",      "item_get $MISS", "item_store key=none status=not_stored cmd=replace $STORED"],
    ["append k 0 0 2\r\nyz",            "item_get $FOUND",
        'item_store key=k status=stored cmd=append ttl=0 clsid=1 cfd=FD size=6'],
    ["prepend none 0 0 4\r\nwxyz",      "item_get $MISS", "item_store key=none status=not_stored cmd=prepend $STORED"],
    ["cas k 0 0 4 99\r\nwxyz",          "item_get $FOUND", "item_store key=k status=exists cmd=cas $STORED"],
    ["cas none 0 0 4 99\r\nwxyz",       "item_get $MISS", "item_store key=none status=not_found cmd=cas $STORED"],
    ["ms k 4\r\nwxyz",                  "item_get $FOUND", "item_store key=k status=stored cmd=set $STORED"],
    ["ms k 4 ME\r\nwxyz",               "item_get $FOUND", "item_store key=k status=not_stored cmd=add $STORED"],
    ["ms k 4 MR\r\nwxyz",               "item_get $FOUND", "item_store key=k status=stored cmd=replace $STORED"],
    ["ms k 4 MA\r\nwxyz",               "item_get $FOUND",
        'item_store key=k status=stored cmd=append ttl=0 clsid=1 cfd=FD size=8'],
    ["ms none 4 MP N30\r\nwxyz",        "item_get $MISS",
        'item_store key=none status=stored cmd=prepend ttl=30 clsid=1 cfd=FD size=4'],
    ["ms k 4 C99\r\nwxyz",              "item_get $FOUND", "item_store key=k status=exists cmd=cas $STORED"],
    ["ms k 4 C99 MR\r\nwxyz",           "item_get $FOUND", "item_store key=k status=exists cmd=cas $STORED"],
    ["ms bm9uZQ== 4 b\r\nwxyz",         "item_get $MISS", "item_store key=none status=stored cmd=set $STORED"],
    ['ma none N30 J123',                "item_get $MISS", "item_get $MISS",
        'item_store key=none status=stored cmd=add ttl=0 clsid=1 cfd=FD size=3'],
    ['mg none N30',                     "item_get $MISS"],
    ["set k 0 0 2000000\r\n$BIG",       'item_store key=k status=too_large cmd=set ttl=0 clsid=0 cfd=FD size=0',
        "item_get $FOUND"],
    ["add k 0 0 2000000\r\n$BIG",       'item_store key=k status=too_large cmd=add ttl=0 clsid=0 cfd=FD size=0'],
    ["cas k 0 0 2000000 1\r\n$BIG",     'item_store key=k status=too_large cmd=cas ttl=0 clsid=0 cfd=FD size=0'],
    ["ms k 2000000 MA\r\n$BIG",         'item_store key=k status=too_large cmd=append ttl=0 clsid=0 cfd=FD size=0',
        "item_get $FOUND"],
    ['delete k',                        "item_get $FOUND", 'deleted key=k cmd=delete clsid=1 size=4'],
    ['delete none',                     "item_get $MISS"],
    ['md k',                            "item_get $FOUND", 'deleted key=k cmd=md clsid=1 size=4'],
    ['md none q',                       "item_get $MISS"],
    ['md k I',                          "item_get $FOUND"],
    ['md k C99',                        "item_get $FOUND"],
    ['md k x',                          "item_get $FOUND", "item_get $FOUND",
        'item_store key=k status=stored cmd=set ttl=0 clsid=1 cfd=FD size=0', 'deleted key=k cmd=md clsid=1 size=0'],
    ["set k 0 0 4\r\nwxyz12",           ()],
    ["get k\x{f}", 'item_get key=k%0F status=not_found clsid=0 cfd=FD size=0'],
    ['bogus',                           ()],
    ['flush_all',                       ()],
    ['version',                         ()],
);

for my $threads (1, 4) {
    # Without those who would remove what has expired before it is met.
    my $server = Server->start("-t $threads -o no_lru_maintainer,no_lru_crawler");
    my $client = $server->client;
    $client->stop_clock;
    my $fd = fd_of($client);
    my $watcher = watcher($server, 'watch fetchers mutations deletions');
    for my $row (@rows) {
        my ($request, @expect) = @$row;
        $client->send("delete none\r\ndelete k\r\nset n 0 0 1\r\n5\r\nset gone 0 -1 1\r\nx\r\nset k 0 0 4\r\nabcd\r\n");
        $client->send("get here\r\n$request\r\nget there\r\nmn\r\n");
        $client->read_until("MN\r\n");
        my @got = between($watcher, 'here', 'there');
        s/cfd=$fd /cfd=FD / for @got;
        is(join("\n", @got), join("\n", @expect), "-t $threads: " . Client::visible(substr $request, 0, 40));
    }
}

# Two clients of two workers: each event has the descriptor of its own client.
{
    my $server = Server->start('-t 4');
    my ($writer, $reader) = ($server->client, $server->client);
    my ($writer_fd, $reader_fd) = (fd_of($writer), fd_of($reader));
    isnt($writer_fd, $reader_fd, 'two clients have two descriptors');
    my $watcher = watcher($server, 'watch fetchers mutations');
    $writer->set('foo', 'vfoo');
    like(line($watcher), qr/type=item_get key=foo status=not_found clsid=0 cfd=$writer_fd size=0\z/, 'a set looks first');
    like(line($watcher), qr/type=item_store key=foo status=stored cmd=set ttl=0 clsid=1 cfd=$writer_fd size=4\z/, '... then stores');
    $reader->get('foo');
    like(line($watcher), qr/type=item_get key=foo status=found clsid=1 cfd=$reader_fd size=4\z/, 'another client looks');
}
{
    my $server = Server->start('-t 2 -U -1');
    my $client = $server->client;
    my $watcher = watcher($server, 'watch');
    my %udp = map { $_->[0] =~ /^([0-9]+):UDP$/ ? ($1 => 1) : () } $client->stats_list('conns');
    Frames->new($server->ports('UDP'))->ask('get none');
    my ($fd) = line($watcher) =~ /type=item_get key=none status=not_found clsid=0 cfd=([0-9]+) /;
    ok(defined $fd && $udp{$fd}, 'a datagram has the descriptor of its socket');
}

# What a negative expiry looks like, and that values which arrive in pieces are told of once.
{
    my $server = Server->start('-t 1');
    my $client = $server->client;
    my $watcher = watcher($server, 'watch mutations');
    $client->set('k', 'x', exptime => -1);
    like(line($watcher), qr/ status=stored cmd=set ttl=42949[0-9]{5} /, 'a negative expiry is a large number');
    $client->send("set k 0 0 6\r\nabc");
    $client->await_taken;
    $client->says("def\r\n", "STORED\r\n", 'a value in pieces');
    like(line($watcher), qr/ key=k status=stored cmd=set ttl=0 clsid=1 cfd=[0-9]+ size=6\z/, '... is told of when it is whole');
    $client->says("set big 0 0 600000\r\n" . 'x' x 600_000 . "\r\n", "STORED\r\n", 'a value of several chunks');
    like(line($watcher), qr/ key=big .* size=600000\z/, '... has its whole size');
    $client->set('#' x 250, 'x');
    like(line($watcher), qr/ key=(?:%23){250} /, 'a long key is shown in full');
}

# A flush, as look-ups see it.
{
    my $server = Server->start('-t 1 -o no_lru_maintainer,no_lru_crawler');
    my $client = $server->client;
    $client->stop_clock;
    $client->set('k', 'abcd');
    $client->advance(3);
    my $watcher = watcher($server, 'watch');
    $client->ask('flush_all');
    $client->get('k') for 1 .. 2;
    like(line($watcher), qr/type=item_get key=k status=flushed clsid=0 cfd=[0-9]+ size=0\z/, 'flushed');
    like(line($watcher), qr/type=item_get key=k status=not_found /, '... and gone');
    $client->set('k', 'abcd', exptime => 2);
    like(line($watcher), qr/ status=not_found /, 'a set looks, too');
    $client->advance(3);
    $client->set('k', 'abcd');
    like(line($watcher), qr/ key=k status=expired clsid=0 cfd=[0-9]+ size=0\z/, '... and meets what has expired');
}

# Memory runs out.
{
    my $server = Server->start('-t 1 -m 8');
    my $client = $server->client;
    my $watcher = watcher($server, 'watch mutations evictions');
    my $second = watcher($server, 'watch evictions');
    $client->send(join '', map { "set k$_ 0 0 11000 noreply\r\n" . 'x' x 11_000 . "\r\n" } 1 .. 1000);
    $client->is_silent('memory is full');
    my ($stored, $evicted) = (0, '');
    while (!$stored || !$evicted) {
        my $line = line($watcher);
        last if !length $line;
        $stored ||= $line =~ /type=item_store key=k[0-9]+ status=stored /;
        $evicted = $line if $line =~ /type=eviction/;
    }
    ok($stored, 'a watcher of both sees what is stored');
    like($evicted, qr/type=eviction key=k[0-9]+ fetch=no ttl=-1 la=[0-9]+ clsid=[0-9]+ size=11000\z/, '... and what goes');
    like(line($second), qr/type=eviction key=/, 'a watcher of evictions sees only those');
}
{
    my $server = Server->start('-t 1 -m 8 -M');
    my $client = $server->client;
    my $watcher = watcher($server, 'watch mutations');
    $client->send(join '', map { "set k$_ 0 0 11000 noreply\r\n" . 'x' x 11_000 . "\r\n" } 1 .. 1000);
    $client->is_silent('memory is full');
    my $line;
    do { $line = line($watcher) } while $line =~ / status=stored / || $line =~ /^skipped/;
    like($line, qr/type=item_store key=k[0-9]+ status=no_memory cmd=set ttl=0 clsid=0 cfd=[0-9]+ size=0\z/,
        'without evictions a value is refused');
}

# Crawls that begin by themselves.
{
    my $server = Server->start('-t 1');
    my $client = $server->client;
    $client->set("long$_", 'x') for 1 .. 5;
    my $watcher = watcher($server, 'watch sysevents');
    # A crawl is due about a minute after the one before it, and told of when the next second
    # begins; when the first one was is not known here.
    my $polls = 0;
    wait_for(sub {
        $client->advance(70) if $polls++ % 250 == 0;
        $watcher->read_some;
        return $watcher->{in} =~ /type=lru_crawler .* examined=5 /;
    }, 'a class is crawled');
    my $line = line_with($watcher, qr/type=lru_crawler .* examined=5 /);
    like($line, qr/ type=lru_crawler crawler=[0-9]+ lru=cold low_mark=1 next_reclaims=0 since_run=[0-9]+ next_run=[0-9]+ elapsed=[0-9]+ examined=5 reclaimed=0\z/,
        'a crawl that began by itself');
    $client->says("lru_crawler crawl all\r\n", "OK\r\n", 'one that was asked for');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... ends');
}

# Pages that move by themselves.
{
    my $server = Server->start('-t 1 -m 16 -o slab_automove=2');
    my $client = $server->client;
    my $watcher = watcher($server, 'watch sysevents');
    for my $size (20_000, 1000) {
        $client->send(join '', map { "set k$size.$_ 0 0 $size noreply\r\n" . 'x' x $size . "\r\n" } 1 .. 30_000_000 / $size);
        $client->is_silent("memory is full of $size bytes");
    }
    my $line = line_with($watcher, qr/ state=ok\z/);
    like($line, qr/ type=slab_move src=[0-9]+ dst=[0-9]+ state=ok\z/, 'a page moves');
}

# Frames are looked at like text; a deletion in one is not told.
{
    my $server = Server->start('-t 1 -o no_lru_maintainer,no_lru_crawler');
    my $watcher = watcher($server, 'watch fetchers mutations deletions');
    my $client = Binary->new($server->client);
    my ($missed, $found) = map { "item_get key=k status=$_" } 'not_found', 'found';
    for my $row (
        ['GET', { key => 'k' },                                   $missed],
        ['SET', { key => 'k', val => 'wxyz', exp => 100 },        $missed, 'item_store key=k status=stored cmd=set ttl=100'],
        ['ADD', { key => 'k', val => 'wxyz' },                    $found,  'item_store key=k status=not_stored cmd=add ttl=0'],
        ['SET', { key => 'k', val => 'wxyz', cas => 1 << 40 },    $found,  'item_store key=k status=exists cmd=cas ttl=0'],
        ['REPLACE', { key => 'k', val => 'wxyz', cas => 1 << 40 }, $found, 'item_store key=k status=exists cmd=cas ttl=0'],
        ['TOUCH', { key => 'k', exp => 50 },                      $found],
        ['GATK', { key => 'k', exp => 50 },                       $found],
        ['APPEND', { key => 'k', val => '1' },                    $found,  'item_store key=k status=stored cmd=append ttl=50'],
        ['DELETE', { key => 'k' },                                $found],
        ['SET', { key => 'k', val => $BIG },                      'item_store key=k status=too_large cmd=set ttl=0', $missed],
        ['INCR', { key => 'k', delta => 1, init => 5 },           $missed, $missed, 'item_store key=k status=stored cmd=add ttl=0'],
        ['INCR', { key => 'k', delta => 1 },                      $found],
        ['NOOP', {}],
    ) {
        my ($name, $with, @told) = @$row;
        $client->call($name, %$with);
        $client->call('GET', key => 'last');
        my @got;
        while (length(my $line = line($watcher))) {
            last if $line =~ / key=last /;
            push @got, $line =~ s/^.*?type=//r =~ s/ (?:clsid|cfd|size)=[0-9]+//gr;
        }
        is(join("\n", @got), join("\n", @told), "a frame: $name");
    }
}

# Connections.
{
    my $server = Server->start('-t 4');
    my $watcher = watcher($server, 'watch connevents');
    my $seen = sub {
        my ($port, $reason, $name) = @_;
        # The client that found out that the server accepts may come between.
        my ($new, $close) = map { line_with($watcher, qr/ rport=$port /) } 1, 2;
        my ($fd) = $new =~ /type=conn_new rip=127.0.0.1 rport=$port transport=tcp cfd=([0-9]+)\z/;
        ok($fd, "$name: conn_new") or diag($new);
        like($close, qr/type=conn_close rip=127.0.0.1 rport=$port transport=tcp reason=$reason cfd=$fd\z/, "$name: conn_close");
    };
    my %ways = (
        quit                => [sub { $_[0]->send("version\r\nquit\r\n"); $_[0]->read_to_eof }, 'normal'],
        close               => [sub { $_[0]->is_silent('served'); $_[0]->half_close; $_[0]->read_to_eof }, 'normal'],
        'a web browser'     => [sub { $_[0]->send("GET / HTTP/1.1\r\n"); $_[0]->read_to_eof }, 'error'],
        'a line without end' => [sub { $_[0]->send('x' x 3000); $_[0]->read_to_eof }, 'error'],
        'a reset'           => [sub {
            $_[0]->is_silent('served');
            setsockopt $_[0]{socket}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
        }, 'error'],
    );
    for my $name (sort keys %ways) {
        my ($leave, $reason) = @{ $ways{$name} };
        my $client = $server->client;
        my $port = $client->{socket}->sockport;
        $leave->($client);
        $client->close;
        $seen->($port, $reason, $name);
    }
    # Clients that speak the binary protocol.
    my %frames = (
        'QUIT'            => [Binary::frame('QUIT'), 'normal'],
        'QUITQ'           => [Binary::frame('QUITQ'), 'normal'],
        'a bad frame'     => [Binary::frame('GET'), 'error'],
        'text in its place' => [Binary::frame('NOOP') . 'x' x 24, 'error'],
    );
    for my $name (sort keys %frames) {
        my ($bytes, $reason) = @{ $frames{$name} };
        my $client = $server->client;
        my $port = $client->{socket}->sockport;
        $client->send($bytes);
        $client->read_to_eof;
        $client->close;
        $seen->($port, $reason, $name);
    }
    # A watcher that goes is an error, told to those who stay.
    my $other = watcher($server, 'watch fetchers');
    my $port = $other->{socket}->sockport;
    like(line_with($watcher, qr/ rport=$port /), qr/type=conn_new /, 'another one comes');
    $other->close;
    like(line_with($watcher, qr/ rport=$port /), qr/type=conn_close rip=127.0.0.1 rport=$port transport=tcp reason=error cfd=[0-9]+\z/,
        '... and goes without a word');
}
{
    my $path = scratch_path('socket');
    my $server = Server->start(['-s', $path]);
    my $watcher = watcher($server, 'watch connevents');
    $server->client->is_silent('a client');
    my $new = line_with($watcher, qr/type=conn_new/);
    my ($fd) = $new =~ /type=conn_new rip=unix rport=0 transport=local cfd=([0-9]+)\z/;
    ok($fd, 'a unix socket: conn_new') or diag($new);
    ok(line_with($watcher, qr/type=conn_close rip=unix rport=0 transport=local reason=normal cfd=$fd\z/), '... conn_close');
}

done_testing;

# A connection that watches.
sub watcher {
    my ($server, $command) = @_;
    my $client = $server->client;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $client->says("$command\r\n", "OK\r\n", $command);
    return $client;
}

# The next line; number and time must be there.
sub line {
    my ($watcher) = @_;
    my $line = $watcher->read_until("\n");
    $line =~ s/\n\z//;
    return $line if $line =~ /\Ats=[0-9]+\.[0-9]{6} gid=[0-9]+ type=/ || $line =~ /\Askipped=/;
    fail('a line has time and number') or diag($line);
    return '';
}

# The next line that is like that.
sub line_with {
    my ($watcher, $pattern) = @_;
    while (length(my $line = line($watcher))) {
        return $line if $line =~ $pattern;
    }
    return '';
}

# What is told between two look-ups, as type and fields.
sub between {
    my ($watcher, $from, $to) = @_;
    my (@lines, $begun);
    while (length(my $line = line($watcher))) {
        $line =~ s/\A.*? type=//;
        last if $line =~ /key=$to /;
        push @lines, $line if $begun;
        $begun ||= $line =~ /key=$from /;
    }
    return @lines;
}

sub fd_of {
    my ($client) = @_;
    my ($mine) = grep { $_->[1] eq 'conn_parse_cmd' } $client->stats_list('conns');
    return $mine->[0] =~ s/:.*//r;
}
