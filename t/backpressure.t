#!/usr/bin/perl
# A client that does not read costs the server no more than a little memory, and nobody else anything.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use IO::Select;
use lib "$Bin/lib";
use Server;

use constant VALUE_LEN  => 100 * 1024;
use constant GETS       => 3000;
use constant GROWTH_MAX => 40 << 20;

my $server = Server->start('-t 1 -m 64');
my $other = $server->client;
my $value = substr join('', map { sprintf '%07d,', $_ } 1 .. VALUE_LEN / 8), 0, VALUE_LEN;
is($other->set('large', $value), 'STORED', 'a large value');
is($other->get('large')->{value}, $value, '... is read back');

my $before = $server->rss_bytes;
my $stalled = $server->client;
my $requests = "get large\r\n" x GETS;
my $sent = $stalled->push_blindly($requests);
cmp_ok($sent, '>', 0, 'a client asks for it thousands of times and does not read');

for my $round (1 .. 20) {
    is($other->set('small', $round), 'STORED', 'meanwhile another client stores');
    is($other->get('small')->{value}, $round, '... and reads');
    is($other->get('large')->{value}, $value, '... the same large value too');
}
cmp_ok($server->rss_bytes - $before, '<', GROWTH_MAX, 'the server has not grown much');

# Now it reads: every reply, and every byte of it.
my $reply = sprintf "VALUE large 0 %d\r\n%s\r\nEND\r\n", VALUE_LEN, $value;
is(count_whole($stalled, $reply), GETS, 'when it reads, every reply is whole');
$stalled->is_silent('... and nothing is left over');

# The value changes hands while replies with the old one are still to be sent.
$stalled = $server->client;
$sent = $stalled->push_blindly($requests);
wait_for(sub { IO::Select->new($stalled->{socket})->can_read(0) }, 'a reply has come');
is($other->set('large', 'new'), 'STORED', 'a value is replaced while a client is slow to read it');
is($other->set("other$_", 'z' x VALUE_LEN), 'STORED', '... and others beside it') for 1 .. 10;
my $old = count_whole($stalled, $reply);
cmp_ok($old, '>', 0, 'replies held back hold the value of their time');
is($old + count_whole($stalled, "VALUE large 0 3\r\nnew\r\nEND\r\n", GETS - $old), GETS, '... all others the new one');
$stalled->is_silent('... and nothing is left over');

# Who leaves without reading leaves nothing behind.
$other->set('large', $value);
for (1 .. 5) {
    my $leaving = $server->client;
    $leaving->push_blindly($requests);
    $leaving->close;
}
wait_for(sub { $other->stats->{curr_connections} == 2 }, 'five more ask, never read and leave');
is($other->ask('delete large'), 'DELETED', 'the value they asked for can go');
is($other->set("fill$_", $value), 'STORED', '... and its memory be used') for 1 .. 3;

done_testing;

# Reads replies as long as they are this one, sending what is left of the requests
# meanwhile. Returns how many there were.
sub count_whole {
    my ($client, $expect, $most) = @_;
    my ($first_line) = $expect =~ /\A(.*\r\n)/;
    for my $count (0 .. ($most || GETS) - 1) {
        $sent += $client->send_some($requests, $sent) if $sent < length $requests;
        my $got = $client->read_line;
        $got .= $client->recv_exact(length($expect) - length $got) if $got eq $first_line;
        next if $got eq $expect;
        $client->unread($got);
        return $count;
    }
    return $most || GETS;
}
