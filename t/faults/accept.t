#!/usr/bin/perl
# However accepting fails, the server does not spin, serves whom it has, and accepts again.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Server;

use constant TIMES => 15;

# What a client that gave up looks like is over at once; the rest is waited for.
my %at_once = map { $_ => 1 } qw(EINTR EAGAIN ECONNABORTED);
for my $errno (sort(keys %at_once), qw(ENFILE ENOMEM ENOBUFS EPROTO EPERM)) {
    my $server = Server->start('-t 2');
    my $first = $server->client;
    $first->faults("accept4 $errno times " . TIMES);
    my $late = $server->client;
    $late->is_silent("$errno for a while: the client that waited is served");
    $first->is_silent('... and so is who was there before');
    my $counts = $first->fault_counts;
    is($counts->{accept4}{faulty}, TIMES, '... it did fail');
    # Once for each client, once more when nobody waits any longer.
    cmp_ok($counts->{accept4}{made}, '<=', TIMES + 3, '... and was not tried more often than that');
    my $stats = $first->stats;
    is($stats->{listen_disabled_num}, $at_once{$errno} ? 0 : TIMES, '... pauses are counted');
    is($stats->{accepting_conns}, 1, '... and over');
    is($stats->{curr_connections}, 2, '... and nobody is counted who is not there');
}

# Without descriptors it is the going of a client that counts, or a second.
{
    my $server = Server->start('-t 2');
    my $first = $server->client;
    my @others = map { $server->client } 1 .. 5;
    $_->is_silent('served') for @others;
    $first->faults('accept4 EMFILE times 3');
    my $late = $server->client;
    my $left = @others;
    for my $pause (1 .. 3) {
        wait_for(sub { $first->stats->{listen_disabled_num} == $pause }, 'EMFILE: accepting is paused');
        (pop @others)->close;
    }
    $late->is_silent('... goes on when a client has gone');
    cmp_ok($first->fault_counts->{accept4}{made}, '<=', 5, '... and is not tried in between');
}

# The pause itself may meet trouble: that is no reason to give the others up.
for my $plan (
    'listen EINVAL times 1', 'listen EINVAL after 1 times 1',
    'epoll_ctl ENOMEM times 1', 'epoll_ctl ENOSPC after 1 times 1', 'epoll_ctl ENOENT times 2',
) {
    my $server = Server->start('-t 2 -l 127.0.0.1,127.0.0.2');
    my $first = $server->client;
    my $before;
    wait_for(sub { ($before = $first->stats->{curr_connections}) == 2 }, 'a client and two listeners, less one');
    $first->faults('accept4 ENOMEM times 1', $plan);
    my $late = $server->client;
    $first->is_silent("$plan in a pause: who is there is served");
    $late->is_silent('... and the others in the end');
    is($first->stats->{accepting_conns}, 1, '... the pause is over');
    my ($call) = split ' ', $plan;
    cmp_ok($first->fault_counts->{$call}{faulty}, '>=', 1, '... it did happen');
    my @more = map { $server->client } 1 .. 10;
    $_->ask('version') for @more;
    is($first->stats->{curr_connections}, $before + 11, '... and many more are accepted');
}

done_testing;
