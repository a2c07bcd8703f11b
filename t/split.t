#!/usr/bin/perl
# However the network cuts a conversation into pieces, the replies are the same.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant SEED => 20_240_229;

my $big = join '', map { sprintf '%06d,', $_ } 1 .. 200;
my $conversation = join '',
    "version\r\n",
    "set a 5 0 2\r\nhi\r\n",
    "get a\r\n",
    "gets a none a\n",
    "set crlf 0 0 8\r\n\r\n\r\nab\r\n\r\n",
    "get crlf\r\n",
    "set empty 0 0 0\r\n\r\n",
    "get empty a crlf\r\n",
    "add a 0 0 1\r\nx\r\n",
    "append a 0 0 3\r\n!!!\r\n",
    "prepend a 0 0 2 noreply\r\n<<\r\n",
    "get   a   \r\n",
    "set n 0 0 1\r\n9\r\n",
    "incr n 1\r\n",
    "decr n 5\r\n",
    "incr n 7 noreply\r\n",
    "get n\r\n",
    "cas a 0 0 1 0\r\nz\r\n",
    "cas none 0 0 1 1\r\nz\r\n",
    "touch a 100\r\n",
    "gat 50 a none\r\n",
    "gats 50 a\r\n",
    "set bad 0 0 3\r\nabcXX",
    "set a 0 0 x\r\n",
    "set b q 0 5\r\nget a\r\n",
    "wibble\r\n",
    "set big 0 0 " . length($big) . "\r\n$big\r\n",
    "get big\r\n",
    "get " . join(' ', map { "key$_" } 1 .. 300) . " a\r\n",
    "delete a\r\n",
    "delete a\r\n",
    "get a\r\n",
    "flush_all\r\n",
    "get n big crlf\r\n",
    "quit\r\n";

# Through a unix socket each piece is sent when the server has taken the one before.
my $server = Server->start(['-t', 2, '-s', scratch_path('socket')]);
my $whole = replies(length $conversation);
like($whole, qr/\AVERSION 1\.6\.45\r\nSTORED\r\n.*\r\nOK\r\nEND\r\n\z/s, 'the conversation in one piece is answered');
is($whole =~ tr/\n//, 64, '... in so many lines');

is(replies($_), $whole, "in pieces of $_ bytes the replies are the same") for 1, 2, 3, 7, 100, 1460;

srand SEED;
my @rounds = map { [random_cuts()] } 1 .. 10;
is(replies(@$_), $whole, 'cut at 200 random places the replies are the same') for @rounds;

my @wrong = grep { replies($_, length $conversation) ne $whole } 1 .. 120;
is("@wrong", '', 'cut in two at any byte the replies are the same');

# Through TCP it is up to the network what arrives together.
$server = Server->start('-t 2');
is(replies(length $conversation), $whole, 'through TCP the replies are the same');
is(replies(1), $whole, '... in pieces of 1 byte too');
is(replies(@$_), $whole, '... cut at 200 random places too') for @rounds;

done_testing;

sub random_cuts {
    my %cut = map { 1 + int(rand(length($conversation) - 1)) => 1 } 1 .. 200;
    return sort { $a <=> $b } keys %cut;
}

# Holds the conversation on a new connection, cut at these places, or in pieces of this
# length if there is but one. Versions in the replies are masked.
sub replies {
    my @cuts = @_;
    if (@cuts == 1) {
        my $piece = $cuts[0];
        @cuts = map { $_ * $piece } 1 .. length($conversation) / $piece;
    }
    my $client = $server->client;
    $client->ask('flush_all');
    my $sent = 0;
    for my $cut (@cuts, length $conversation) {
        next if $cut == $sent;
        $client->send(substr $conversation, $sent, $cut - $sent);
        $client->await_taken if $server->{path};
        $sent = $cut;
    }
    my $replies = $client->read_to_eof;
    $replies =~ s/^(VALUE \S+ \d+ \d+) \d+\r$/$1 VERSION\r/mg;
    return $replies;
}
