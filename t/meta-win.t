#!/usr/bin/perl
# Of many clients that miss an item, find it stale or about to expire, one is told to make
# it anew. And what h, l and t tell of an item as time goes by.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

my $server = Server->start('-t 2');
my ($one, $two, $three) = map { $server->client } 1 .. 3;
$one->stop_clock;

# --- a miss ------------------------------------------------------------------------

$one->says("mg miss v N30 t\r\n", "VA 0 t30 W\r\n\r\n", 'who misses first is to make the item');
$two->says("mg miss v N30 t\r\n", "VA 0 t30 Z\r\n\r\n", 'who comes second is told that somebody does');
$three->says("mg miss v\r\n", "VA 0 Z\r\n\r\n", '... asked for the lease or not');
$two->says("get miss\r\n", "VALUE miss 0 0\r\n\r\nEND\r\n", '... and finds nothing in it by get');
$two->says("mg miss N30 R60\r\n", "HD Z\r\n", '... and does not win by its time either');
$one->advance(10);
$two->says("mg miss N90 t\r\n", "HD t20 Z\r\n", 'a second N does not prolong the lease');
$one->says("ms miss 4 T100\r\nmade\r\n", "HD\r\n", 'the winner makes it');
$_->says("mg miss v N30 t\r\n", "VA 4 t100\r\nmade\r\n", '... and all have it') for $one, $two, $three;

# A winner that never comes back.
$one->says("mg lost N30\r\n", "HD W\r\n", 'a winner that never comes back');
$one->advance(29);
$two->says("mg lost N30 t\r\n", "HD t1 Z\r\n", '... keeps others waiting until its lease ends');
$one->advance(1);
$two->says("mg lost\r\n", "EN\r\n", '... then it is a miss again');
$two->says("mg lost N30 t\r\n", "HD t30 W\r\n", '... and the next one wins');
$one->says("add lost 0 0 1\r\nx\r\n", "NOT_STORED\r\n", 'a lease is in the way of add');
$one->advance(31);
$one->says("add lost 0 0 1\r\nx\r\nmg lost v N30\r\n", "STORED\r\nVA 1\r\nx\r\n", '... until it ends');

$one->says("mg flushed N30\r\nflush_all\r\nmg flushed N30\r\n", "HD W\r\nOK\r\nHD W\r\n", 'a flush ends leases');
$one->says("mg gone N30\r\nmd gone\r\nmg gone N30\r\n", "HD W\r\nHD\r\nHD W\r\n", 'so does a delete');
$one->says("mg ever N0 t\r\n", "HD t-1 W\r\n", 'a lease without end');
$one->advance(10_000_000);
$two->says("mg ever N0 t\r\n", "HD t-1 Z\r\n", '... does not end');

# --- time runs short ---------------------------------------------------------------

$one->says("ms short 3 T100\r\nold\r\n", "HD\r\n", 'an item for 100 seconds');
$one->advance(60);
$one->says("mg short R40 t\r\n", "HD t40\r\n", 'as long as enough is left nobody wins');
$one->advance(1);
$one->says("mg short v R40 t\r\n", "VA 3 t39 W\r\nold\r\n", '... then one does');
$two->says("mg short v R40\r\n", "VA 3 Z\r\nold\r\n", '... only one');
$three->says("mg short v\r\n", "VA 3 Z\r\nold\r\n", '... which even those see who do not ask');
$one->says("ms short 3 T100\r\nnew\r\n", "HD\r\n", 'the winner makes it anew');
$two->says("mg short v R40 t\r\n", "VA 3 t100\r\nnew\r\n", '... and nobody is told any more');
$one->advance(100);
$two->says("mg short v R40\r\n", "EN\r\n", 'what nobody made anew is a miss in the end');
$one->says("ms calm 1 T100\r\nx\r\nmg calm R0\r\nmg calm R-1\r\nmg calm R100\r\nmg calm R101\r\n",
    "HD\r\n" x 4 . "HD W\r\n", 'R0, a negative R and the exact time left do not win');

# --- stale -------------------------------------------------------------------------

$one->says("ms stale 3 T300\r\nold\r\nmd stale I T40\r\n", "HD\r\nHD\r\n", 'an item is marked stale');
$two->says("mg stale v t\r\n", "VA 3 t40 X W\r\nold\r\n", 'who finds it first is to make it anew');
$three->says("mg stale v t\r\n", "VA 3 t40 Z X\r\nold\r\n", 'others may use the old value');
$three->says("get stale\r\ngets none\r\n", "VALUE stale 0 3\r\nold\r\nEND\r\nEND\r\n", '... by get as well');
$one->says("md stale I\r\n", "HD\r\n", 'marked stale once more');
$three->says("mg stale t\r\n", "HD t40 X W\r\n", '... another one wins');
$one->advance(40);
$two->says("mg stale v\r\n", "EN\r\n", 'stale items expire as any other');

# What clears the marks of a stale item that somebody has won, and what does not.
for my $row (
    # command                              reply                    marks afterwards
    ["ms k 1\r\n2\r\n",                    "HD\r\n",                ''],
    ["set k 0 0 1\r\n2\r\n",               "STORED\r\n",            ''],
    ["replace k 0 0 1\r\n2\r\n",           "STORED\r\n",            ''],
    ["append k 0 0 1\r\n2\r\n",            "STORED\r\n",            ''],
    ["prepend k 0 0 1\r\n2\r\n",           "STORED\r\n",            ''],
    ["ms k 1 MA\r\n2\r\n",                 "HD\r\n",                ''],
    ["ms k 1 C50 E60\r\n2\r\n",            "HD\r\n",                ''],
    ["cas k 0 0 1 50\r\n2\r\n",            "STORED\r\n",            ''],
    ["md k x\r\n",                         "HD\r\n",                ''],
    ["incr k 5\r\n",                       "10\r\n",                ''],
    ["ma k D5 v\r\n",                      "VA 2\r\n10\r\n",        ''],
    ["md k I\r\n",                         "HD\r\n",                ' X W'],
    ["md k x I\r\n",                       "HD\r\n",                ' X W'],
    ["ms k 1 I C40\r\n2\r\n",              "HD\r\n",                ' Z X'],
    ["ms k 1 I C60\r\n2\r\n",              "EX\r\n",                ' Z X'],
    ["ms k 1 C60\r\n2\r\n",                "EX\r\n",                ' Z X'],
    ["ms k 1 q\r\n2XX",                    "CLIENT_ERROR bad data chunk\r\n", ' Z X'],
    ["add k 0 0 1\r\n2\r\n",               "NOT_STORED\r\n",        ' Z X'],
    ["incr k 1\r\n",                       "6\r\n",                 ' Z X'],
    ["ma k\r\n",                           "HD\r\n",                ' Z X'],
    ["touch k 90\r\n",                     "TOUCHED\r\n",           ' Z X'],
    ["gat 90 k\r\n",                       "VALUE k 0 1\r\n5\r\nEND\r\n", ' Z X'],
    ["mg k T90\r\n",                       "HD Z X\r\n",            ' Z X'],
    ["me k q\r\n",                         qr/ME k .*\r\n/,         ' Z X'],
) {
    my ($command, $reply, $marks) = @$row;
    $one->says("ms k 1\r\n5\r\nmd k I E50\r\nmg k\r\n", "HD\r\nHD\r\nHD X W\r\n", 'stale and won');
    my $says = ref $reply ? 'says_like' : 'says';
    $two->$says($command, $reply, '... ' . Client::visible($command));
    $one->says("mg k\r\n", "HD$marks\r\n", "... leaves the marks '$marks'");
}

# --- h, l and t --------------------------------------------------------------------

# What counts as a hit.
for my $row (
    # command                         reply                         hit afterwards
    ["get k\r\n",                     "VALUE k 0 1\r\n5\r\nEND\r\n", 1],
    ["gets k\r\n",                    qr/VALUE k 0 1 [0-9]+\r\n5\r\nEND\r\n/, 1],
    ["gat 0 k\r\n",                   "VALUE k 0 1\r\n5\r\nEND\r\n", 1],
    ["gats 0 k\r\n",                  qr/VALUE k 0 1 [0-9]+\r\n5\r\nEND\r\n/, 1],
    ["touch k 0\r\n",                 "TOUCHED\r\n",                1],
    ["mg k\r\n",                      "HD\r\n",                     1],
    ["mg k v\r\n",                    "VA 1\r\n5\r\n",              1],
    ["mg k T0\r\n",                   "HD\r\n",                     1],
    ["mg k u v\r\n",                  "VA 1\r\n5\r\n",              0],
    ["mg k q O" . 'x' x 32 . "\r\n",  "CLIENT_ERROR opaque token too long\r\n", 0],
    ["me k\r\n",                      qr/ME k exp=-1 la=0 cas=[0-9]+ fetch=no cls=1 size=61\r\n/, 0],
    ["incr k 1\r\n",                  "6\r\n",                      0],
    ["decr k 1\r\n",                  "4\r\n",                      0],
    ["ma k\r\n",                      "HD\r\n",                     0],
    ["add k 0 0 1\r\nx\r\n",          "NOT_STORED\r\n",             0],
) {
    my ($command, $reply, $hit) = @$row;
    $one->says("ms k 1\r\n5\r\n", "HD\r\n", 'a new item');
    my $says = ref $reply ? 'says_like' : 'says';
    $two->$says($command, $reply, '... ' . Client::visible($command));
    $one->says("mg k h u\r\n", "HD h$hit\r\n", $hit ? '... is a hit' : '... is no hit');
}
$one->says("get k\r\nms k 1\r\n5\r\nmg k h\r\nmg k h\r\n", "VALUE k 0 1\r\n5\r\nEND\r\nHD\r\nHD h0\r\nHD h1\r\n",
    'a store forgets the hits');
$one->says("get k\r\nappend k 0 0 1\r\n5\r\nmg k h\r\n", "VALUE k 0 1\r\n5\r\nEND\r\nSTORED\r\nHD h0\r\n",
    '... an append as well');

# The last access.
$one->says("ms k 1\r\n5\r\n", "HD\r\n", 'an item');
$one->advance(10);
$one->says("mg k l u\r\nmg k l u\r\n", "HD l10\r\nHD l10\r\n",
    '... was stored ten seconds ago, u does not change that');
$one->says_like("me k\r\n", qr/ME k exp=-1 la=10 /, '... nor does me');
$one->read_line;
$one->says("mg k l\r\nmg k l\r\n", "HD l10\r\nHD l10\r\n", '... nor a first hit');
for my $row (
    # command                       reply                  name
    ["incr k 1\r\n",                "6\r\n",               'incr'],
    ["ma k v\r\n",                  "VA 1\r\n7\r\n",       'ma'],
    ["add k 0 0 1\r\nx\r\n",        "NOT_STORED\r\n",      'a failed add'],
    ["ms k 1 MA\r\n0\r\n",          "HD\r\n",              'an append'],
    ["set k 0 0 1\r\nx\r\n",        "STORED\r\n",          'a store'],
) {
    my ($command, $reply, $name) = @$row;
    $one->advance(10);
    $two->says($command, $reply, $name);
    $one->says("mg k l u\r\n", "HD l0\r\n", '... is an access');
}

# The time that is left.
$one->says("ms k 1 T100\r\nx\r\nmg k t\r\n", "HD\r\nHD t100\r\n", 'a hundred seconds');
for my $left (99, 60, 1) {
    $one->advance(1) if $left == 99;
    $one->advance(39) if $left == 60;
    $one->advance(59) if $left == 1;
    $one->says("mg k t\r\n", "HD t$left\r\n", "... then $left");
    $two->says_like("me k\r\n", qr/ME k exp=$left la=[0-9]+ cas=[0-9]+ fetch=yes cls=1 size=61\r\n/,
        '... says me, too');
}
$one->says("mg k T50 t\r\n", "HD t50\r\n", '... then 50 again');
$one->advance(50);
$one->says("mg k t\r\n", "EN\r\n", 'and none');
$one->says("ms k 1 T100\r\n5\r\nma k t\r\nma k T30 t\r\nma k T0 t\r\nma k T-1\r\nma k\r\n",
    "HD\r\nHD t100\r\nHD t30\r\nHD t-1\r\nHD\r\nNF\r\n", 'ma tells and sets the time, too');
my $date = $one->stats->{time} + 500;
$one->says("ms k 1 T$date\r\n5\r\nmg k t\r\nmg k T2592001\r\nmg k\r\n", "HD\r\nHD t500\r\nHD\r\nEN\r\n",
    'T may be a date');
$one->says("ma n N$date t\r\nmg m N$date t\r\n", "HD t500\r\nHD t500 W\r\n", '... and so may N');
$one->says("ma x N-1 v\r\nma x\r\nmg x\r\n", "VA 1\r\n0\r\nNF\r\nEN\r\n",
    'ma with a negative N makes what has expired');

# What has expired or was flushed is missing for every meta command.
for my $how ("ms k 1 T-1\r\n5\r\n", "ms k 1\r\n5\r\nflush_all\r\n") {
    my $stored = $how =~ /flush/ ? "HD\r\nOK\r\n" : "HD\r\n";
    for my $row (
        ["mg k\r\n", "EN\r\n"], ["mg k v T9 k\r\n", "EN kk\r\n"], ["mg k N9\r\n", "HD W\r\n"],
        ["md k\r\n", "NF\r\n"], ["md k I\r\n", "NF\r\n"], ["md k x\r\n", "NF\r\n"],
        ["ma k\r\n", "NF\r\n"], ["ma k N0 J7 v\r\n", "VA 1\r\n7\r\n"], ["me k\r\n", "EN\r\n"],
        ["ms k 1 ME\r\n6\r\n", "HD\r\n"], ["ms k 1 MR\r\n6\r\n", "NS\r\n"], ["ms k 1 MA\r\n6\r\n", "NS\r\n"],
        ["ms k 1 MP N0 s\r\n6\r\n", "HD s1\r\n"], ["ms k 1 C1\r\n6\r\n", "NF\r\n"], ["ms k 1 I C1\r\n6\r\n", "NF\r\n"],
    ) {
        my ($command, $reply) = @$row;
        $one->says("$how$command", "$stored$reply", Client::visible("$how$command"));
    }
}

# --- ids ---------------------------------------------------------------------------

# An item with id 50, a command, and what the id is then.
for my $row (
    # command                        reply               id
    ["get k\r\n",                    qr/VALUE.*END\r\n/s, 50],
    ["touch k 9\r\n",                "TOUCHED\r\n",      50],
    ["gats 9 k\r\n",                 "VALUE k 0 1 50\r\n5\r\nEND\r\n", 50],
    ["mg k T9 R90\r\n",              "HD W\r\n",         50],
    ["mg k N9 E99\r\n",              "HD\r\n",           50],
    ["add k 0 0 1\r\nx\r\n",         "NOT_STORED\r\n",   50],
    ["cas k 0 0 1 49\r\nx\r\n",      "EXISTS\r\n",       50],
    ["ms k 1 C49 E99\r\nx\r\n",      "EX\r\n",           50],
    ["ms k 1 C51 I E99\r\nx\r\n",    "EX\r\n",           50],
    ["ms k 1 ME E99\r\nx\r\n",       "NS\r\n",           50],
    ["ms k 1 MA C51 E99\r\nx\r\n",   "EX\r\n",           50],
    ["ms k 1 E99\r\nxXX",            "CLIENT_ERROR bad data chunk\r\n", 50],
    ["ma k C49 E99\r\n",             "EX\r\n",           50],
    ["ma k E99 Mx\r\n",              "CLIENT_ERROR invalid mode for ma M token\r\n", 50],
    ["md k C49 I E99\r\n",           "EX\r\n",           50],
    ["md k C0\r\n",                  "EX\r\n",           50],
    ["md k x\r\n",                   "HD\r\n",           50],
    ["set k 0 0 1\r\nx\r\n",         "STORED\r\n",       'new'],
    ["append k 0 0 1\r\nx\r\n",      "STORED\r\n",       'new'],
    ["cas k 0 0 1 50\r\nx\r\n",      "STORED\r\n",       'new'],
    ["incr k 1\r\n",                 "6\r\n",            'new'],
    ["incr k 5\r\n",                 "10\r\n",           'new'],
    ["ma k\r\n",                     "HD\r\n",           'new'],
    ["ma k C50 D5\r\n",              "HD\r\n",           'new'],
    ["ma k C0\r\n",                  "HD\r\n",           'new'],
    ["md k I\r\n",                   "HD\r\n",           'new'],
    ["md k C50 x I\r\n",             "HD\r\n",           'new'],
    ["ms k 1 C50\r\nx\r\n",          "HD\r\n",           'new'],
    ["ms k 1 C50 E0\r\nx\r\n",       "HD\r\n",           'new'],
    ["ms k 1 C0 MA\r\nx\r\n",        "HD\r\n",           'new'],
    ["ms k 1 C49 I\r\nx\r\n",        "HD\r\n",           'new'],
    ["ms k 1 E99\r\nx\r\n",          "HD\r\n",           99],
    ["ms k 1 E9 MR\r\nx\r\n",        "HD\r\n",           9],
    ["ms k 1 C50 E99 MA\r\nx\r\n",   "HD\r\n",           99],
    ["ms k 1 C49 I E99\r\nx\r\n",    "HD\r\n",           99],
    ["ma k E99\r\n",                 "HD\r\n",           99],
    ["ma k C50 E99 D5\r\n",          "HD\r\n",           99],
    ["md k I E99\r\n",               "HD\r\n",           99],
    ["md k x E99\r\n",               "HD\r\n",           99],
    ["md k C50 x I E99\r\n",         "HD\r\n",           99],
) {
    my ($command, $reply, $id) = @$row;
    my $name = Client::visible($command);
    $one->says("ms k 1 E50\r\n5\r\n", "HD\r\n", 'an item with id 50');
    my $says = ref $reply ? 'says_like' : 'says';
    $two->$says($command, $reply, "... $name");
    my ($is) = $one->ask('mg k c') =~ / c([0-9]+)/;
    if ($id eq 'new') {
        ok($is && $is != 50, '... has a new id');
        $two->says("ms k 1 C$is c\r\nx\r\n" =~ s/ c\r/\r/r, "HD\r\n", '... which can be spent');
    }
    else { is($is, $id, "... has id $id") }
}

# c tells the id that the item has from now on.
for my $command ("ms k 1 c\r\n5\r\n", "ma k c\r\n", "ma k D50 c\r\n", "ms k 1 MA c\r\n5\r\n",
    "ms k 1 MP q c\r\n5\r\nmg k c\r\n") {
    $one->send($command);
    my ($told) = $one->read_line =~ / c([0-9]+)/;
    my ($is) = $two->ask('mg k c') =~ / c([0-9]+)/;
    is($told, $is, 'the id is told: ' . Client::visible($command));
    is($two->gets('k')->{cas}, $is, '... to gets as well');
}

done_testing;
