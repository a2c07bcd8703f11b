#!/usr/bin/perl
# Watchers that do not read, that talk, that leave, and that are too many harm nobody.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant WATCHERS_MAX => 20;

# What is refused, and that the connection is as good as before.
{
    my $server = Server->start('');
    my $client = $server->client;
    for my $bad ('watch frobs', 'watch Fetchers', 'watch fetchersx', 'watch fetchers noreply', 'watch noreply') {
        $client->says("$bad\r\n", "ERROR\r\n", "$bad is an error");
    }
    $client->says("version\r\nwatch\r\nversion\r\n", "VERSION 1.6.45\r\nERROR cannot pipeline other commands before watch\r\n"
            . "VERSION 1.6.45\r\n", 'watch cannot come behind replies that are unsent');
    $client->says("get none\r\nwatch frobs\r\n", "END\r\nERROR cannot pipeline other commands before watch\r\n",
        '... which is looked at first');
    $client->says("set k 0 0 1 noreply\r\nx\r\nwatch mutations\r\n", "OK\r\n", '... but silent ones do no harm');
    for my $good ('watch', 'watch rawcmds', 'watch e f m s c', 'watch p', 'watch proxyreqs proxyevents proxyuser',
        'watch fetchers fetchers', 'watch deletions d  sysevents ') {
        $server->client->says("$good\r\n", "OK\r\n", "$good is taken");
    }
}

# Each is sent what it asked for, and nothing else.
{
    my $server = Server->start('-t 4');
    my %watchers = map { $_ => watcher($server, "watch $_") } 'fetchers', 'mutations', 'deletions', 'rawcmds', 'fetchers m';
    my $client = $server->client;
    $client->set('k', 'x');
    $client->ask('delete k');
    my %types = (fetchers => 'item_get item_get', mutations => 'item_store', deletions => 'deleted',
        'fetchers m' => 'item_get item_store item_get');
    for my $name (sort keys %types) {
        my @types = map { line($watchers{$name}) =~ /type=(\S+) key=k / } split ' ', $types{$name};
        is("@types", $types{$name}, "$name: $types{$name}");
    }
    # One more for each: had anything else been sent, it would come before that.
    $client->set('last', 'x');
    $client->ask('delete last');
    for my $name (sort keys %types) {
        like(line($watchers{$name}), qr/ key=last /, "$name: and no more");
    }
    $watchers{rawcmds}->settle;
    is($watchers{rawcmds}{in}, '', 'rawcmds are never sent');
}

# Numbers are one sequence, and a watcher has none from before its time.
{
    my $server = Server->start('-t 4');
    my $first = watcher($server, 'watch');
    my @clients = map { $server->client } 1 .. 8;
    for my $round (1 .. 20) {
        $_->send("get k$round\r\n") for @clients;
        $_->expects("END\r\n", 'a get') for @clients;
    }
    my @gids = map { line($first) =~ / gid=([0-9]+) / } 1 .. 160;
    is(join(' ', sort { $a <=> $b } @gids), join(' ', 2 .. 161), 'each event has its number, each number one event');
    my $second = watcher($server, 'watch');
    $clients[0]->get('later');
    like(line($second), qr/ gid=163 type=item_get key=later /, 'a watcher begins with its own time, which takes a number');
    like(line($first), qr/ gid=163 type=item_get key=later /, 'all are told of an event under the same number');
}

# It is not a client any more.
{
    my $server = Server->start('-t 1');
    my $client = $server->client;
    my $watcher = $server->client;
    $watcher->send("watch mutations\r\nversion\r\nset hidden 0 0 1\r\nx\r\n");
    $watcher->expects("OK\r\n", '429: what stands behind watch is thrown away');
    $watcher->send("version\r\nquit\r\nwatch evictions\r\nset hidden 0 0 1\r\nx\r\n");
    my ($state) = grep { $_->[1] eq 'conn_watch' } $client->stats_list('conns');
    ok($state, '... its state is conn_watch');
    $watcher->await_taken;
    $client->set('k', 'x');
    like(line($watcher), qr/ key=k /, '... and so is what it sends later');
    is($client->get('hidden'), undef, '... nothing of which has been carried out');

    is($client->stats->{log_watchers}, 1, 'it is counted as a watcher');
    is($client->stats->{curr_connections}, 2, '... and as a connection');
    my $other = watcher($server, 'watch');
    is($client->stats->{log_watchers}, 2, 'two watch');
    $_->close for $watcher, $other;
    wait_for(sub { $client->stats->{log_watchers} == 0 }, 'none does');
    wait_for(sub { $client->stats->{curr_connections} == 1 }, '... and their connections are closed');
    is(scalar(grep { $_->[1] eq 'conn_watch' } $client->stats_list('conns')), 0, '... and not shown any more');
    my $half = watcher($server, 'watch');
    $half->half_close;
    $half->is_eof('who closes one side has gone');
    wait_for(sub { $client->stats->{log_watchers} == 0 }, '... for the server, too');
}

# There are only so many.
{
    my $server = Server->start('-t 4');
    my $client = $server->client;
    my @watchers = map { watcher($server, 'watch') } 1 .. WATCHERS_MAX;
    my $late = $server->client;
    $late->says("watch\r\nversion\r\n", "WATCHER_TOO_MANY log watcher limit reached\r\nVERSION 1.6.45\r\n",
        'one too many is told so, and is a client as before');
    $client->get('k');
    like(line($_), qr/ key=k /, 'all of them are told') for @watchers;
    $watchers[3]->close;
    wait_for(sub { $client->stats->{log_watchers} < WATCHERS_MAX }, 'one goes');
    $late->says("watch\r\n", "OK\r\n", '... and its place is taken');
}

# One that does not read.
{
    my $server = Server->start('-t 2 -m 60 -o watcher_logbuf_size=8');
    my $client = $server->client;
    is($client->stats('settings')->{watcher_logbuf_size}, 8192, 'a small buffer');
    my $idle = watcher($server, 'watch');
    my $reader = watcher($server, 'watch mutations');
    # The socket takes some lines, the buffer a few, and then they are skipped.
    my $key = '#' x 240;
    my $gets = join '', map { "get $key$_\r\n" } 1 .. 100;
    wait_for(sub {
        $client->send("${gets}mn\r\n");
        $client->read_until("MN\r\n");
        return $client->stats->{log_watcher_skipped} > 0;
    }, 'lines are skipped');
    # The ring of the worker may be full as well, for a moment.
    wait_for(sub {
        $client->set('k', 'x');
        $reader->read_some;
        return $reader->{in} =~ / key=k /;
    }, 'who reads is told all the same');
    my $read = 0;
    my $skipped;
    for my $turn (1 .. 10_000) {
        last if defined $skipped;
        $client->get('again');               # a note comes only before a line
        while ($idle->{in} =~ /\n/ || $idle->read_some || $idle->{in} =~ /\n/) {
            my $line = line($idle);
            last if !length $line;
            $skipped = $1 if $line =~ /\Askipped=([0-9]+)\z/;
            last if defined $skipped;
            $read++;
        }
    }
    cmp_ok($skipped // 0, '>', 0, 'who reads again is told how much was skipped');
    like(line($idle), qr/type=item_get /, '... and goes on with a line');
    cmp_ok($read, '>', 0, '... after those that had been kept');
    cmp_ok($client->stats->{log_watcher_skipped}, '>=', $skipped // 1, '... all of which are counted');
    my $full = watcher($server, 'watch');
    $client->send($gets x 20 . "mn\r\n");
    $client->read_until("MN\r\n");
    $full->close;
    wait_for(sub { $client->stats->{log_watchers} == 2 }, 'one that goes with lines pending is forgotten');
}

# One thread has more to tell than its ring holds.
{
    my $server = Server->start('-t 1 -o worker_logbuf_size=1');
    my $client = $server->client;
    my $watcher = watcher($server, 'watch');
    $client->send("get a\r\n" x 1000 . "mn\r\n");
    $client->read_until("MN\r\n");
    wait_for(sub {
        my $stats = $client->stats;
        return $stats->{log_worker_dropped} > 0 && $stats->{log_worker_written} + $stats->{log_worker_dropped} == 1000;
    }, 'what finds no room is dropped and counted');
    my $stats = $client->stats;
    is($stats->{log_watcher_sent}, $stats->{log_worker_written}, 'what was kept has been sent');
    my @lines = map { line($watcher) } 1 .. $stats->{log_worker_written};
    is(scalar(grep { / key=a / } @lines), $stats->{log_worker_written}, '... and arrives');
    $client->ask('stats reset');
    is($client->stats->{$_}, 0, "a reset zeroes $_")
        for qw(log_worker_dropped log_worker_written log_watcher_skipped log_watcher_sent);
    is($client->stats->{log_watchers}, 1, '... and leaves the watcher');
    my $none = Server->start('-o worker_logbuf_size=0');
    my $blind = watcher($none, 'watch');
    my $other = $none->client;
    $other->get('k');
    wait_for(sub { $other->stats->{log_worker_dropped} == 1 }, 'without a ring all is dropped');
}
for my $name (qw(watcher_logbuf_size worker_logbuf_size)) {
    for my $bad (["$name=x", "could not parse argument to $name"], ["$name=-1", "could not parse argument to $name"],
        [$name, "Missing $name argument"]) {
        my ($code, undef, $err) = Server->refused("-o $bad->[0]");
        is("$code $err", "1 $bad->[1]\n", "-o $bad->[0] is refused");
    }
}

# Watchers that come and go while four workers serve.
{
    my $server = Server->start('-t 4');
    my @clients = map { $server->client } 1 .. 4;
    my $bad = 0;
    for my $round (1 .. 30) {
        my $watcher = watcher_quietly($server);
        $_->send("set k$round 0 0 1\r\nx\r\nget k$round\r\ndelete k$round\r\nmn\r\n" x 10) for @clients;
        my $line = $watcher->read_until("\n");
        $bad++ unless $line =~ /\Ats=[0-9]+\.[0-9]{6} gid=[0-9]+ type=[a-z_]+ key=k[0-9]+ .*\n\z/;
        $watcher->close if $round % 2;
        for my $client (@clients) { $client->read_until("MN\r\n") for 1 .. 10 }
    }
    is($bad, 0, 'each is told something, whole');
    wait_for(sub { $clients[0]->stats->{log_watchers} == 0 }, 'all of them have gone');
    $clients[0]->verifies('and all memory is accounted for');
}

done_testing;

sub watcher {
    my ($server, $command) = @_;
    my $client = $server->client;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $client->says("$command\r\n", "OK\r\n", $command);
    return $client;
}

sub watcher_quietly {
    my ($server) = @_;
    my $client = $server->client;
    $client->send("watch fetchers mutations deletions\r\n");
    $client->read_until("OK\r\n");
    return $client;
}

sub line {
    my ($watcher) = @_;
    my $line = $watcher->read_until("\n");
    $line =~ s/\n\z// or fail('a whole line');
    return $line;
}
