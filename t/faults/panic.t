#!/usr/bin/perl
# A panic ends the process and says where it was, in a sandbox, too.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Server;

for my $options ('', '-o drop_privileges') {
    for my $detail (0, 1, 'full') {
        my $server = in_panic($options, $detail);
        my $name = "'$options', RUST_BACKTRACE=$detail";
        is($server->{exit}, 'signal 6', "$name: a panic is the end, with a core file where there may be one");
        my $stderr = $server->stderr;
        like($stderr, qr{panicked at src/net/worker\.rs:\d+:\d+:\nepoll_wait: Invalid argument}, '... it says where');
        is($stderr =~ /^stack backtrace:$/m ? 1 : 0, $detail ? 1 : 0, '... and by which way, if that is wanted');
        unlike($stderr, qr/Seccomp/, '... and nothing else ends it before');
    }
}

done_testing;

# A server after its worker's wait has failed. Should the listener's have been the one to fail,
# as it waits now and then, that server ended without a panic and another one is tried.
sub in_panic {
    my ($options, $detail) = @_;
    for (1 .. 10) {
        my $server = Server->start("-t 1 $options", env => { RUST_BACKTRACE => $detail });
        my $client = $server->client;
        $client->is_silent('a client is there');
        $client->faults('epoll_wait EINVAL times 1');
        $server->wait_failure;
        return $server if $server->stderr !~ /^Exiting on error$/m;
    }
    die 'the worker was never the first';
}
