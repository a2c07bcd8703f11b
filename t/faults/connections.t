#!/usr/bin/perl
# A connection that breaks, anywhere, takes nothing with it: not memory, not a pin, not a place.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Server;

use constant LONG => 600_000;           # in chunks, sent from where it lies
my $long = substr join('', map { sprintf '%07d,', $_ } 1 .. LONG / 8), 0, LONG;
my $short = 'v' x 300;

# What a client is in the middle of: what it has sent, the call that breaks, and what it sends
# then. The answer to `debugfaults` is the first send under the plan.
my @middles = (
    ['a line', 'get sh', 'recv', "ort\r\n"],
    ['a request', '', 'recv', "get short\r\n"],
    ['a short value that comes', "set s 0 0 300\r\n" . substr($short, 0, 200), 'recv', 'vvv'],
    ['a long value that comes', "set l 0 0 " . LONG . "\r\n" . substr($long, 0, 300_000), 'readv', $long],
    ['the last bytes of a long value', "set l 0 0 " . LONG . "\r\n$long", 'recv', "\r\n"],
    ['a long meta value', "ms l " . LONG . "\r\n" . substr($long, 0, 300_000), 'readv after 1', $long],
    ['a value that is too long', "set l 0 0 99999999\r\n", 'recv after 3', $long],
    ['a long value in a frame', frame(0x01, 'l', "\0" x 8, $long, 200_000), 'readv after 1', $long],
    ['half a header', substr(frame(0x01, 'l', "\0" x 8, $long), 0, 10), 'recv', "\0" x 5],
    ['a short reply', '', 'send after 1', "get short\r\n" x 5],
    ['a long reply', '', 'sendmsg', "get long\r\n"],
    ['many long replies', '', 'sendmsg after 3', "get long short\r\n" x 50],
    ['a long meta reply', '', 'sendmsg after 2', "mg long v\r\n" x 20],
    ['a long reply in a frame', '', 'sendmsg after 2', frame(0x00, 'long', '', '') x 20],
    ['a dump', '', 'send after 3', "lru_crawler metadump all\r\n"],
    ['a dump of one class', '', 'send after 2', "lru_crawler mgdump 1\r\n"],
    ['statistics', '', 'send after 1', "stats slabs\r\nstats items\r\nstats settings\r\n"],
);

for my $errno (qw(ECONNRESET EPIPE ENOBUFS)) {
    my $server = Server->start('-t 2 -m 64');
    my $bystander = $server->client;
    $bystander->set('long', $long);
    $bystander->set('short', $short);
    $bystander->set("dumped$_", 1) for 1 .. 3000;
    my $before = $bystander->stats;
    my $fds = open_fds($server);
    my $broken = 0;
    for my $middle (@middles) {
        my ($what, $sent, $rule, $sends) = @$middle;
        my ($call, @after) = split ' ', $rule;
        my $client = $server->client;
        $client->is_silent("$errno in $what: a client begins") if $what !~ /frame|header/;
        $client->send($sent);
        $client->settle;
        $bystander->faults("$call $errno @after times 1");
        $client->send($sends);
        $client->read_to_eof;
        ok($client->ended, "$errno in $what: its connection is closed");
        $broken += $bystander->fault_counts->{$call}{faulty};
        $bystander->faults;
    }
    is($broken, scalar @middles, "$errno: each of them was broken");
    wait_for(sub { $bystander->stats->{curr_connections} == $before->{curr_connections} }, '... no connection is left');
    is(open_fds($server), $fds, '... nor a descriptor');
    is($bystander->stats->{curr_items}, $before->{curr_items}, '... the items are those of before');
    is($bystander->get('long')->{value}, $long, '... a value that was being sent is whole');
    is($bystander->get('l'), undef, '... one that was coming is not there');
    $bystander->verifies("$errno: no memory and no pin is left");
}
done_testing;

sub open_fds {
    my ($server) = @_;
    return scalar(my @fds = glob '/proc/' . $server->pid . '/fd/*');
}

# A request of the binary protocol, cut to so many bytes if a length is given.
sub frame {
    my ($opcode, $key, $extras, $value, $length) = @_;
    my $body = $extras . $key . $value;
    my $bytes = pack('CCnCCnNNNN', 0x80, $opcode, length $key, length $extras, 0, 0, length $body, 0, 0, 0) . $body;
    return defined $length ? substr $bytes, 0, $length : $bytes;
}
