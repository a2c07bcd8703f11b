#!/usr/bin/perl
# However the network cuts a conversation into pieces, the replies are the same.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use MIME::Base64 qw(encode_base64);
use Server;

use constant SEED   => 20_240_229;
use constant IN_TWO => 2000;
use constant LINES  => 131;             # of replies to the whole conversation

my $big = join '', map { sprintf '%06d,', $_ } 1 .. 200;
my $coded = encode_base64("a b\r\n\0\xff", '');
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
    # meta commands
    "mg a s v t f k O12345\r\n",
    "mg none v q\r\nmg none k Omiss\r\n",
    "mg  a   v  \n",
    "mg lease N30 v t c\r\nmg lease N30 v\r\n",
    "ms lease 4 T60 c O" . 'o' x 31 . "\r\n\r\n\r\n\r\n",
    "mg lease s v c R90 k\r\n",
    "ms $coded 6 b k s c E77 F5\r\nbinary\r\n",
    "mg $coded b k v c f h l t\r\n",
    "ms $coded 1 b MA q\r\n!\r\nmg $coded b v s\r\n",
    "md $coded b I T30 O#stale\r\nmg $coded b c v t\r\n",
    "ms $coded 3 b I C9 E1001\r\nnew\r\nme $coded b q\r\n",
    "md $coded b x k\r\nmd $coded b q C1001\r\nmg $coded b\r\n",
    "ms m 2 ME k\r\n41\r\nms m 2 ME k O7 q\r\n42\r\n",
    "ma m v O#ma t T50\r\nma m MD D100 v k\r\nma new N20 J13 v t\r\nma none k\r\nma m D1x\r\n",
    "ms m 3 q\r\nabcXX",
    "ms m 3 !\r\nabc\r\nms m 5 z\r\nget m\r\n",
    "ms m 8 b\r\nversion\n\r\n",
    "mg m v v\r\nmg m T\r\nmg m O" . 'x' x 32 . "\r\nmd m z q\r\n",
    "ms big2 " . length($big) . " MS s k\r\n$big\r\nmg big2 v\r\nms big2 2 MP s\r\nxx\r\n",
    "me a\r\nme none\r\nmn\r\n",
    # the operator's
    "verbosity 0\r\ncache_memlimit 7\r\ncache_memlimit x\r\n",
    "slabs automove 0\r\nslabs automove window 2\r\nslabs reassign 1 2\r\n",
    "lru tune 40 41 0.2 2.0\r\nlru\r\nlru_crawler\r\nlru_crawler sleep x\r\n",
    "stats wibble\r\nstats reset\r\nextstore item_size x\r\nrefresh_certs\r\nshutdown\r\n",
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
is($whole =~ tr/\n//, LINES, '... in so many lines');

is(replies($_), $whole, "in pieces of $_ bytes the replies are the same") for 1, 2, 3, 7, 100, 1460;

srand SEED;
my @rounds = map { [random_cuts(200)] } 1 .. 10;
is(replies(@$_), $whole, 'cut at 200 random places the replies are the same') for @rounds;

my @wrong = grep { replies($_, length $conversation) ne $whole } map { (random_cuts(1))[0] } 1 .. IN_TWO;
is("@wrong", '', 'cut in two anywhere the replies are the same');

# Through TCP it is up to the network what arrives together.
$server = Server->start('-t 2');
is(replies(length $conversation), $whole, 'through TCP the replies are the same');
is(replies(1), $whole, '... in pieces of 1 byte too');
is(replies(@$_), $whole, '... cut at 200 random places too') for @rounds;

done_testing;

sub random_cuts {
    my ($count) = @_;
    my %cut = map { 1 + int(rand(length($conversation) - 1)) => 1 } 1 .. $count;
    return sort { $a <=> $b } keys %cut;
}

# Holds the conversation on a new connection, cut at these places, or in pieces of this
# length if there is but one. Ids and times in the replies are masked.
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
    $replies =~ s/^(VALUE \S+ \d+ \d+) \d+\r$/$1 ID\r/mg;
    $replies =~ s/^((?:VA|HD|EX) .*)/$1 =~ s{ ([ctl])[0-9]+}{ $1#}gr/mge;
    $replies =~ s/^(ME \S+) exp=[-0-9]+ la=[0-9]+ cas=[0-9]+/$1/mg;
    return $replies;
}
