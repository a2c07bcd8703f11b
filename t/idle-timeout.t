#!/usr/bin/perl
# Clients that have nothing to say are closed after a while, and nobody else.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# The clock is the server's: who asks it to move has just been active. Nobody else's
# silence is longer than what has been asked for.
{
    my $server = Server->start('-t 2 -vv -o idle_timeout=30');
    my $clock = $server->client;
    $clock->stop_clock;                    # before anybody is silent
    is($clock->stats('settings')->{idle_timeout}, 30, 'the settings name the timeout');
    is($clock->stats->{idle_kicks}, 0, 'nobody has been closed to begin with');

    my $silent = $server->client;
    my $mute = $server->client;            # never says a word
    my $stuck = $server->client;           # in the middle of a line
    my $sender = $server->client;          # in the middle of a value
    my $watcher = $server->client;         # is told what goes on
    $watcher->says("watch connevents\r\n", "OK\r\n", 'a client watches');
    my $slow = $server->client;            # in the middle of a reply
    $silent->is_silent('a client says something');
    $stuck->send("version\r\nget half");
    $stuck->expects(Client::VERSION_LINE, 'another one stops in mid-line');
    $sender->send("set k 0 0 10000\r\nabc");
    $sender->await_taken;
    $clock->set('long', 'x' x 1_000_000);
    $slow->push_blindly("get long\r\n" x 40);
    wait_for(sub { $clock->stats->{get_hits} > 0 }, 'and one does not take its replies');
    wait_for(sub { $clock->stats->{curr_connections} == 7 }, 'all are there');

    $clock->advance(30);
    swept($server, $clock);
    is($clock->stats->{idle_kicks}, 0, 'after just that time nobody is closed');
    $clock->advance(1);
    wait_for(sub { $clock->stats->{idle_kicks} == 3 }, 'a second later three are');
    $_->is_eof('... the silent one') for $silent;
    $mute->is_eof('... one who has never said anything');
    $stuck->is_eof('... and one in mid-line');
    my $kicked = 0;
    wait_for(sub { $kicked += $watcher->read_until("\n") =~ /type=conn_close .* reason=idle_timeout / ; $kicked == 3 },
        '... for that reason, as those hear who watch');
    is($clock->stats->{curr_connections}, 4, '... and they are gone');
    $clock->is_silent('who has just said something stays');

    $clock->advance(1000);
    swept($server, $clock);
    $sender->send('x' x (10_000 - 3) . "\r\n");
    $sender->expects("STORED\r\n", 'who is sending a value may take his time');
    my $reply = "VALUE long 0 1000000\r\n" . 'x' x 1_000_000 . "\r\nEND\r\n";
    $slow->expects($reply x 40, 'and so may who is taking a reply');
    is($clock->stats->{idle_kicks}, 3, '... neither is closed');
    my @told = $server->stderr =~ /^(Closing idle fd [0-9]+)$/mg;
    is(scalar @told, 3, 'with -vv it is told who was');
}

# In its own time.
{
    my $server = Server->start('-o idle_timeout=1');
    my $watcher = $server->client;
    my $client = $server->client;
    $client->is_silent('a client says something');
    my $kicks = 0;
    wait_for(sub { $kicks = $watcher->stats->{idle_kicks} }, 'after a second or more it is closed');
    is($kicks, 1, '... it alone');
    $client->is_eof('... indeed');
    $watcher->is_silent('who is not silent stays');
    $watcher->ask('stats reset');
    is($watcher->stats->{idle_kicks}, 0, 'a reset zeroes the counter');
    like(names($server), qr/\bmc-idletimeout\b/, 'a thread is there for that');
    is($server->stop, 0, '... which ends with the others');
}

# Off.
for my $options ('', '-o idle_timeout=0') {
    my $server = Server->start($options);
    my $clock = $server->client;
    my $client = $server->client;
    $client->is_silent('a client says something');
    $clock->stop_clock;
    $clock->advance(100_000);
    $client->is_silent("'$options': without a timeout nobody is closed");
    ok(!exists $clock->stats->{idle_kicks}, '... nor is there a counter');
    unlike(names($server), qr/\bmc-idletimeout\b/, '... or a thread');
}

# On a unix socket.
{
    my $server = Server->start(['-s', scratch_path('socket'), '-o', 'idle_timeout=5', '-vvv']);
    my $clock = $server->client;
    my $client = $server->client;
    $client->is_silent('a client on a unix socket');
    $clock->stop_clock;
    $clock->advance(100);
    swept($server, $clock);
    is($clock->stats->{idle_kicks}, 0, 'a timeout does not concern a unix socket');
    $client->is_silent('... its client stays');
    like($server->stderr, qr/^idle timeout thread at top of connection list$/m, 'with -vvv the thread is heard');
    like($server->stderr, qr/^idle timeout thread finished pass, sleeping for [0-9]+s$/m, '... twice');
}

done_testing;

# Waits until each worker has looked: a thread goes round once a second, and tells a worker
# that is asked something after that has done what came before.
sub swept {
    my ($server, $clock) = @_;
    my $switches = sub { slept($server) };
    my $before = $switches->();
    wait_for(sub { $switches->() >= $before + 2 }, 'the thread has gone round');
    for (1 .. 4) {
        my $next = $server->client;        # through the same pipes, behind the order to look
        $next->is_silent('... and the workers have looked') if $_ == 4;
        $next->ask('version');
    }
    return;
}

# How often the thread has gone to sleep.
sub slept {
    my ($server) = @_;
    for my $task (glob '/proc/' . $server->pid . '/task/*') {
        next if slurp("$task/comm") ne "mc-idletimeout\n";
        my ($times) = slurp("$task/status") =~ /^voluntary_ctxt_switches:\s+([0-9]+)/m;
        return $times;
    }
    return 0;
}

sub names {
    my ($server) = @_;
    return join '', map { slurp("$_/comm") } glob '/proc/' . $server->pid . '/task/*';
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
