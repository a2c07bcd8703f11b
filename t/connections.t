#!/usr/bin/perl
# The connection limit turns away whom it must, and nobody else.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;
use Socket qw(MSG_OOB);

use constant TOO_MANY => "ERROR Too many open connections\r\n";

# By default a client too many is told so.
{
    my $server = Server->start('-t 1 -c 40');
    my $first = $server->client;
    is($first->stats->{max_connections}, 40, 'the limit is known');

    my ($served, $rejected) = connect_until($server, $first, 'rejected_connections');
    ok($rejected, 'at some number of clients the next one is too many');
    cmp_ok(scalar @$served, '<', 40, '... below the limit, which counts descriptors');
    $rejected->expects(TOO_MANY, '... and is told so');
    $rejected->is_eof('... and cut off');
    $_->is_silent('a client served before is served still') for @$served[0, 1, -1];

    my $again = $server->client;
    $again->expects(TOO_MANY, 'the one after it is too many as well');
    $again->is_eof('... and cut off');
    is($first->stats->{rejected_connections}, 2, '... and both are counted');

    my $curr = $first->stats->{curr_connections};
    (pop @$served)->close;
    wait_for(sub { $first->stats->{curr_connections} < $curr }, 'one client leaves');
    my $late = $server->client;
    $late->is_silent('... and makes room for another');
    is($first->stats->{rejected_connections}, 2, '... who is not rejected');
}

# With no_maxconns_fast a client too many waits for its turn.
{
    my $server = Server->start('-t 1 -c 40 -o no_maxconns_fast');
    my $first = $server->client;
    my ($served, $waiting) = connect_until($server, $first, 'listen_disabled_num');
    ok($waiting, 'at some number of clients listening stops');
    my $stats = $first->stats;
    cmp_ok($stats->{listen_disabled_num}, '>', 0, '... which is counted');
    is($stats->{accepting_conns}, 0, '... and shown');
    ok(!exists $stats->{rejected_connections}, '... and nobody is rejected');

    $waiting->send("version\r\n");
    $_->is_silent('a client served before is served still') for @$served[0, 1, -1];
    (pop @$served)->close;
    $waiting->expects(Client::VERSION_LINE, 'when one leaves the waiting one is served');
    wait_for(sub { $first->stats->{accepting_conns} == 1 }, '... and listening goes on');
}

# Connections that come and go leave nothing behind.
{
    my $server = Server->start('-t 4');
    my $first = $server->client;
    wait_for(sub { $first->stats->{curr_connections} == 1 }, 'one client to begin with');
    my $before = $first->stats;
    for my $round (1 .. 20) {
        my @clients = map { $server->client } 1 .. 25;
        $_->send("version\r\n") for @clients;
        $_->read_line for @clients;
        $clients[$_]->ask('wibble') for 0 .. 4;
        $clients[$_]->send("quit\r\n") for 5 .. 9;
        $clients[$_]->half_close for 10 .. 14;
        $_->close for @clients;
    }
    wait_for(sub { $first->stats->{curr_connections} == $before->{curr_connections} },
        'five hundred clients have come and gone');
    is($first->stats->{total_connections}, $before->{total_connections} + 500, '... and are counted');
}

# A client may mark a byte as urgent, as telnet does when it is interrupted. The byte is no part
# of the stream, and reading stops where it was.
{
    my $server = Server->start('-t 1');
    my $client = $server->client;
    for my $round (1 .. 10) {
        $client->is_silent('a client');
        $server->suspend;                      # all of it is there when it is read
        send $client->{socket}, "version\r\nvers", 0;
        send $client->{socket}, '!', MSG_OOB;
        send $client->{socket}, "ion\r\nversion\r\n", 0;
        kill 'CONT', $server->pid;
        $client->expects(Client::VERSION_LINE x 3, '... is answered beyond what is urgent');
    }
}

done_testing;

# Opens connections until the counter moves. Returns those that were served and the one
# that was not.
sub connect_until {
    my ($server, $first, $counter) = @_;
    my @served;
    wait_for(sub { $first->stats->{curr_connections} == 1 }, 'one client to begin with');
    for (1 .. 60) {
        my $before = $first->stats->{curr_connections};
        my $next = $server->client;
        my $stats;
        wait_quietly(sub {
            $stats = $first->stats;
            return $stats->{$counter} || $stats->{curr_connections} > $before;
        });
        return (\@served, $next) if $stats->{$counter};
        push @served, $next;
    }
    return (\@served, undef);
}

sub wait_quietly {
    my ($holds) = @_;
    for (1 .. 2000) {
        return 1 if $holds->();
        select undef, undef, undef, 0.005;
    }
    return 0;
}
