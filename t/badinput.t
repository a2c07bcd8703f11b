#!/usr/bin/perl
# A client that sends nonsense, too much, or half of something harms nobody but itself.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant CE        => "CLIENT_ERROR bad command line format\r\n";
use constant TOO_LARGE => "SERVER_ERROR object too large for cache\r\n";
use constant BAD_TOKEN => "CLIENT_ERROR bad token in command line format\r\n";
use constant FLAGS_TOO_LONG => "CLIENT_ERROR options flags are too long\r\n";

my $server = Server->start('-t 2 -m 64 -M');
my $other = $server->client;
$other->set('kept', 'value');

# Refused, and the stream stays in step: the connection can go on.
my $client = $server->client;
for my $row (
    # input                                                 reply
    ["\r\n",                                                CE],
    ['get ' . 'k' x 251 . "\r\n",                           CE],
    ['get ' . 'k' x 100_000 . "\r\n",                       CE],
    ['set ' . 'k' x 251 . " 0 0 3\r\nabc\r\n",              CE],
    ['set ' . 'k' x 1500 . " 0 0 3\r\nget\r\n",             CE],
    ['delete ' . 'k' x 251 . "\r\n",                        CE],
    ["set k 0 0 3\r\nabcde",                                "CLIENT_ERROR bad data chunk\r\n"],
    ["set k 0 0 3\r\nabc\n\n",                              "CLIENT_ERROR bad data chunk\r\n"],
    ["set k 0 0 0\r\nxx",                                   "CLIENT_ERROR bad data chunk\r\n"],
    ["set k 0 0 4000\r\n" . 'x' x 4000 . '..',              "CLIENT_ERROR bad data chunk\r\n"],
    ["set k 0 0 1000000\r\n" . 'x' x 1_000_000 . '..',      "CLIENT_ERROR bad data chunk\r\n"],
    ["set k 0 0 1048577\r\n" . 'x' x 1_048_577 . "\r\n",    TOO_LARGE],
    ["set k 0 0 1048577\r\n" . "get kept\r\n" x 104_857 . "1234567\r\n", TOO_LARGE],
    ["set k 0 0 5000000\r\n" . 'x' x 5_000_000 . '..',      TOO_LARGE],
    ["add k 0 0 2000000 noreply\r\n" . 'x' x 2_000_000 . "\r\n", ''],
    ["set k 0 0 -1\r\n",                                    CE],
    ["set k 0 0 -2147483648\r\n",                           CE],
    ["set k 0 0 2147483646\r\n",                            CE],
    ["set k 0 0 2147483647\r\n",                            CE],
    ["set k 0 0 2147483648\r\n",                            CE],
    ["set k 0 0 4294967295\r\n",                            CE],
    ["set k 0 0 4294967296\r\n",                            CE],
    ["set k 0 0 4294967299\r\n",                            CE],
    ["set k 0 0 18446744073709551615\r\n",                  CE],
    ["set k 0 0 18446744073709551616\r\n",                  CE],
    ["set k 0 0 99999999999999999999999\r\n",               CE],
    ["set k 0 0 0x3\r\n",                                   CE],
    ["set k 0 0 3.0\r\n",                                   CE],
    ["set k 0 0 abc\r\n",                                   CE],
    ["set\r\n",                                             CE],
    ["set k\r\n",                                           CE],
    ["set k 0\r\n",                                         CE],
    ["set k 0 0\r\n",                                       CE],
    ["\x01\x02\x03\xff\xfe\r\n",                            "ERROR\r\n"],
    ["\0\0\0\0\0\r\n",                                      "ERROR\r\n"],
    ["mg\r\n",                                              CE],
    ['mg ' . 'k' x 251 . "\r\n",                           CE],
    ["mg kept \0\r\n",                                      CE],
    ["mg kept \x80\r\n",                                    CE],
    ["mg kept v {\r\n",                                     CE],
    ["mg kept \t v\r\n",                                    CE],
    ["mg kept v v\r\n",                                     "CLIENT_ERROR duplicate flag\r\n"],
    ["mg kept y\r\n",                                       "CLIENT_ERROR invalid flag\r\n"],
    ["mg kept v" . ' q' x 30 . "\r\n",                      FLAGS_TOO_LONG],
    ["mg kept v O" . 'o' x 1000 . "\r\n",                   "CLIENT_ERROR opaque token too long\r\n"],
    ["mg kept T" . '9' x 1000 . "\r\n",                     BAD_TOKEN],
    ["mg kept N\r\nmg kept R-\0\r\nmg kept C1.5\r\n",      BAD_TOKEN x 3],
    ["mg kept E18446744073709551616\r\n",                   BAD_TOKEN],
    ["mg !!!! b\r\nmg a=== b\r\nmg ===a b\r\n",             "CLIENT_ERROR error decoding key\r\n" x 3],
    ['mg ' . 'A' x 340 . " b\r\n",                         CE],
    ["ms\r\nms k\r\nms k x\r\nms k -1\r\nms k 2147483646\r\nms k 4294967296\r\nms k 1x\r\nms k q\r\n", CE x 8],
    ["ms k 7 !\r\nversion\r\n",                            CE . Client::VERSION_LINE],
    ["ms k x z\r\nversion\r\n",                            CE . Client::VERSION_LINE],
    ['ms ' . 'k' x 251 . " 9\r\nversion\r\n\r\n",          CE],
    ["ms k 9 y\r\nversion\r\n\r\n",                        "CLIENT_ERROR invalid flag\r\n"],
    ["ms k 9 k k\r\nversion\r\n\r\n",                      "CLIENT_ERROR duplicate flag\r\n"],
    ["ms k 9 T\r\nversion\r\n\r\n",                        BAD_TOKEN],
    ["ms k 9 C-1\r\nversion\r\n\r\n",                      BAD_TOKEN],
    ["ms k 9 F-1\r\nversion\r\n\r\n",                      CE],
    ["ms k 9 MZ\r\nversion\r\n\r\n",                       "CLIENT_ERROR invalid mode for ms M token\r\n"],
    ["ms k 9 D\r\nversion\r\n\r\n",                        "CLIENT_ERROR invalid numeric delta value\r\n"],
    ["ms k 9 J\r\nversion\r\n\r\n",                        "CLIENT_ERROR invalid numeric initial value\r\n"],
    ["ms k 9 b\r\nversion\r\n\r\n",                        "CLIENT_ERROR error decoding key\r\n"],
    ["ms k 9" . ' q' x 30 . "\r\nversion\r\n\r\n",         FLAGS_TOO_LONG],
    ["ms k 9 O" . 'o' x 32 . "\r\nversion\r\n\r\n",        "CLIENT_ERROR opaque token too long\r\n"],
    ["ms k 9 T F C D J O" . 'o' x 32 . " y\r\nversion\r\n\r\n", "CLIENT_ERROR invalid flag\r\n"],
    ["ms k 9 y q\r\nversion1234",                            "CLIENT_ERROR invalid flag\r\n"],
    ["ms k 3 q\r\nabcde",                                  "CLIENT_ERROR bad data chunk\r\n"],
    ["ms k 0\r\nxx",                                       "CLIENT_ERROR bad data chunk\r\n"],
    ["ms k 1000000 y\r\n" . "mg kept v\r\n" x 90_909 . "x\r\n", "CLIENT_ERROR invalid flag\r\n"],
    ["ms k 1000000\r\n" . 'x' x 1_000_000 . '..',          "CLIENT_ERROR bad data chunk\r\n"],
    ["ms k 1048577 q\r\n" . 'x' x 1_048_577 . "\r\n",      TOO_LARGE],
    ["ms k 5000000 ME\r\n" . 'x' x 5_000_000 . '..',       TOO_LARGE],
    ["md\r\nme\r\nma\r\n",                                 CE x 3],
    ["md kept y\r\nmd kept C\r\n",                          "CLIENT_ERROR invalid flag\r\n" . BAD_TOKEN],
    ["md kept !\r\nma kept !\r\nme kept !\r\n",              CE x 3],
    ["md kept O" . 'o' x 32 . "\r\n",                       "CLIENT_ERROR opaque token too long\r\n"],
    ["ma kept y\r\nma kept D-1\r\nma kept J\r\nma kept F\r\n", "CLIENT_ERROR invalid or duplicate flag\r\n" x 4],
    ["ma kept MX\r\n",                                      "CLIENT_ERROR invalid mode for ma M token\r\n"],
    ["ma kept\r\n",                          "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"],
    ["m\r\n",                                               CE],
    ["mq kept\r\nmgv kept\r\nms\tk 1\r\n",                  "ERROR\r\n" x 3],
    ["incr kept 99999999999999999999999\r\n",               "CLIENT_ERROR invalid numeric delta argument\r\n"],
    ["touch kept 99999999999999999999999\r\n",              "CLIENT_ERROR invalid exptime argument\r\n"],
    ["flush_all 99999999999999999999999\r\n",               "CLIENT_ERROR invalid exptime argument\r\n"],
) {
    my ($input, $reply) = @$row;
    $client->says($input . "version\r\n", $reply . Client::VERSION_LINE,
        'refused: ' . Client::visible(substr $input, 0, 60));
}
is($client->get('kept')->{value}, 'value', 'after all of it the old value is there');

# Lines that never end.
for my $start ('x', 'set ', 'delete ', 'touch ', 'gat 5 ', 'mg ', 'ms ', 'mg k O', "\0") {
    my $endless = $server->client;
    $endless->send($start . 'k' x 20_000);
    $endless->is_eof('an endless line is cut off: ' . Client::visible($start));
}

# Clients that stop or leave in the middle, at every place one can.
wait_for(sub { $other->stats->{curr_connections} == 2 }, 'two clients are left');
my $before = $other->stats;
my @halves = ('g', 'get', 'get kept', "get kept\r", 'get ' . 'k ' x 5000, 'set', 'set k 0 0 10', "set k 0 0 10\r",
    "set k 0 0 10\r\n", "set k 0 0 10\r\nabc", "set k 0 0 10\r\n0123456789", "set k 0 0 10\r\n0123456789\r",
    "set kept 0 0 10\r\nabc", "append kept 0 0 10\r\nabc", "cas kept 0 0 10 1\r\nabc",
    "set k 0 0 1000000\r\n", "set k 0 0 1000000\r\n" . 'x' x 500_000, "set k 0 0 2147483645\r\nabc",
    'm', 'mg', 'mg kept v', "mg kept v\r", 'ms kept 10', "ms kept 10\r\n", "ms kept 10\r\nabc",
    "ms kept 10 y\r\nabc",
    "ms kept 10 MA\r\n0123456789\r", "ms k 1000000 q\r\n" . 'x' x 500_000,
    "ms k 2147483645 q\r\nabc", 'md kept', 'ma kept');
my @stuck = map { my $half = $server->client; $half->send($_); $half } @halves;
is($other->get('kept')->{value}, 'value', 'while others hang in the middle of a request, a client is served');
is($other->set('fresh', 'x'), 'STORED', '... and can store');
is($other->get('k'), undef, '... and nothing half sent is to be seen');
$_->close for @stuck;
wait_for(sub { $other->stats->{curr_connections} == 2 }, 'those who left are not counted any more');
my $after = $other->stats;
is($after->{curr_items}, $before->{curr_items} + 1, '... nor are items they never finished');
is($other->get('kept')->{value}, 'value', '... and the value they would have changed is as it was');

# The memory of unfinished uploads comes back: three times what fits, without evictions.
for (1 .. 200) {
    my $half = $server->client;
    $half->send("set half 0 0 1000000\r\n" . 'x' x 600);
    $half->await_taken if $_ % 20 == 0;
    $half->close;
}
wait_for(sub { $other->stats->{curr_connections} == 2 }, 'two hundred uploads were broken off');
is($other->stats->{bytes}, $after->{bytes}, '... and left no bytes behind');
is($other->set("full$_", 'x' x 1_000_000), 'STORED', '... room for large value ' . $_) for 1 .. 20;

# Half a request, then the end of the stream: what was complete is answered.
my $leaving = $server->client;
$leaving->send("get kept\r\nversion\r\nset k 0 0 10\r\nabc");
$leaving->half_close;
is($leaving->read_to_eof, "VALUE kept 0 5\r\nvalue\r\nEND\r\n" . Client::VERSION_LINE,
    'who stops sending is answered what was complete');
ok($leaving->ended, '... and let go');

# The first byte decides about the protocol, no later one does.
my $later = $server->client;
$later->says("version\r\n\x80\x0b\r\n", Client::VERSION_LINE . "ERROR\r\n", 'text stays text');

done_testing;
