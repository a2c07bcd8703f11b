#!/usr/bin/perl
# stats conns tells of each connection who it is, what it does, and since when.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# Over a unix socket: the example that tools were written for.
{
    my $path = scratch_path('socket');
    my $server = Server->start(['-s', $path]);
    ok(-S $path, 'the socket is there');
    my ($busy, $asker) = ($server->client, $server->client);
    $asker->stop_clock;
    $busy->send("set foo 0 0 6\r\n");
    state_comes($asker, 'conn_nread');
    $asker->advance(1);
    my %conns = conns($asker);
    my ($listener) = grep { $conns{$_}{state} eq 'conn_listening' } keys %conns;
    is($conns{$listener}{addr}, "unix:$path", 'the listener is where it was asked to be');
    is($conns{$listener}{listen_addr}, undef, '... and has no other address');
    my ($upload) = grep { $conns{$_}{state} eq 'conn_nread' } keys %conns;
    is($conns{$upload}{addr}, '?:<AF 0>', 'a client has no name');
    is($conns{$upload}{listen_addr}, "unix:$path", '... but came by this one');
    is($conns{$upload}{secs_since_last_cmd}, 1, '... and gave its command a second ago');
    is(scalar(grep { $_->{state} eq 'conn_parse_cmd' } values %conns), 1, 'the one that asks is carried out');
    is(scalar keys %conns, 3, 'that is all');
}

# Each state, on one worker and on four.
for my $threads (1, 4) {
    my $server = Server->start("-t $threads -I 2m");
    my $asker = $server->client;
    $asker->stop_clock;
    my %clients = map { $_ => $server->client } qw(new read partial value swallow blocked);
    my %fd;
    for my $name (sort keys %clients) {
        # The one that asks is in conn_parse_cmd, and so learns its own descriptor.
        next if $name eq 'new';
        my %conns = conns($clients{$name});
        ($fd{$name}) = grep { $conns{$_}{state} eq 'conn_parse_cmd' } keys %conns;
    }
    $asker->set('big', 'x' x 1_000_000);
    $clients{partial}->send('get fo');
    $clients{value}->send("set foo 0 0 6\r\nab");
    $clients{swallow}->send("set foo 0 0 3000000\r\nabc");
    $clients{blocked}->push_blindly("get big\r\n" x 20);
    my %state = (new => 'conn_new_cmd', read => 'conn_read', partial => 'conn_read', value => 'conn_nread',
        swallow => 'conn_swallow', blocked => 'conn_mwrite');
    for my $name (sort keys %fd) {
        wait_for(sub { my %conns = conns($asker); $conns{ $fd{$name} }{state} eq $state{$name} },
            "-t $threads: $name is $state{$name}");
    }
    my %conns = conns($asker);
    is(join(' ', sort map { $_->{state} } values %conns),
        'conn_listening conn_mwrite conn_new_cmd conn_nread conn_parse_cmd conn_read conn_read conn_swallow',
        '... and there are no others');
    my ($ours) = map { $_->{listen_addr} } $conns{ $fd{read} };
    is($ours, 'tcp:127.0.0.1:' . $server->port, 'listen_addr is our end');
    is($conns{ $fd{read} }{addr}, 'tcp:127.0.0.1:' . $clients{read}{socket}->sockport, 'addr is the other end');

    # They go on, and the state with them.
    $clients{value}->send("cdef\r\n");
    $clients{value}->expects("STORED\r\n", 'a value is completed');
    my $replies = ("VALUE big 0 1000000\r\n" . 'x' x 1_000_000 . "\r\nEND\r\n") x 20;
    $clients{blocked}->expects($replies, 'replies are read');
    for my $name (qw(value blocked)) {
        wait_for(sub { my %conns = conns($asker); $conns{ $fd{$name} }{state} eq 'conn_read' }, "... and $name is idle");
    }

    # Half a command is none.
    $asker->advance(7);
    $clients{partial}->send('o');
    $clients{partial}->await_taken;
    $clients{read}->is_silent('a command');
    wait_for(sub { my %conns = conns($asker); $conns{ $fd{read} }{secs_since_last_cmd} == 0 }, '... is seen');
    %conns = conns($asker);
    is($conns{ $fd{partial} }{secs_since_last_cmd}, 7, '... half a one is not');
    my ($listener) = grep { $_->{state} eq 'conn_listening' } values %conns;
    cmp_ok($listener->{secs_since_last_cmd}, '>=', 7, 'a listener counts from the start');

    $_->close for values %clients;
    wait_for(sub { my %conns = conns($asker); keys %conns == 2 }, 'who has gone is not shown');
    $asker->says("stats co\r\n", stats_text($asker), 'conns may be shortened');
}

# Lines come in order, and descriptors ascend.
{
    my $server = Server->start('-l 127.0.0.1,[::1]');
    my @clients = map { $server->client } 1 .. 5;
    $_->is_silent('a client is there') for @clients;
    my @lines = $clients[0]->stats_list('conns');
    my (%order, @fds);
    for my $pair (@lines) {
        my ($fd, $name) = split /:/, $pair->[0];
        push @fds, $fd unless $order{$fd};
        push @{ $order{$fd} }, $name;
    }
    is("@fds", join(' ', sort { $a <=> $b } @fds), 'by descriptor');
    my %conns = conns($clients[0]);
    for my $fd (@fds) {
        my $listens = $conns{$fd}{state} eq 'conn_listening';
        is("@{ $order{$fd} }", join(' ', 'addr', $listens ? () : 'listen_addr', 'state', 'secs_since_last_cmd'),
            "the lines of $fd");
    }
    is(join(' ', sort map { $_->{addr} } grep { $_->{state} eq 'conn_listening' } values %conns),
        join(' ', sort map { ('tcp:127.0.0.1:' . $_->[0], 'tcp6:[::1]:' . $_->[1]) } [$server->ports('TCP')]),
        'both listeners');
}

# A worker that is busy holds nobody up.
{
    my $server = Server->start('-t 2');
    my ($holder, $stuck) = map { $server->client } 1 .. 2;   # one to each worker, in turn
    $stuck->is_silent('a second worker');
    $holder->says("debugitem lock k\r\n", "OK\r\n", 'a stripe is held');
    $stuck->send("get k\r\n");
    my %conns = conns($holder);
    is(scalar keys %conns, 3, '... and conns are listed all the same');
    $holder->says("debugitem unlock k\r\n", "OK\r\n", 'it is left');
    $stuck->expects("END\r\n", '... and the other goes on');
}

# Lists are whole while clients come and go.
{
    my $server = Server->start('-t 4');
    my $asker = $server->client;
    my @bad;
    for my $round (1 .. 60) {
        my @clients = map { $server->client } 1 .. 10;
        $_->send("get k\r\nset k 0 0 1\r\nx\r\n") for @clients;
        my %conns = conns($asker);
        push @bad, grep { !defined $conns{$_}{state} || !defined $conns{$_}{addr} || !defined $conns{$_}{secs_since_last_cmd} } keys %conns;
        push @bad, grep { ($conns{$_}{secs_since_last_cmd} // 0) > 1000 } keys %conns;
        $_->close for @clients;
    }
    is("@bad", '', 'each connection is told of in full');
    wait_for(sub { my %conns = conns($asker); keys %conns == 2 }, '... and none is left behind');
}

done_testing;

# fd => { name => value } for each connection.
sub conns {
    my ($client) = @_;
    my %conns;
    for my $pair ($client->stats_list('conns')) {
        my ($fd, $name) = $pair->[0] =~ /\A([0-9]+):([a-zA-Z_]+)\z/ or die "not of a connection: $pair->[0]\n";
        $conns{$fd}{$name} = $pair->[1];
    }
    return %conns;
}

sub state_comes {
    my ($client, $state) = @_;
    return wait_for(sub { my %conns = conns($client); grep { $_->{state} eq $state } values %conns }, "$state comes");
}

sub stats_text {
    my ($client) = @_;
    return join('', map { "STAT $_->[0] $_->[1]\r\n" } $client->stats_list('conns')) . "END\r\n";
}
