#!/usr/bin/perl
# Meta commands at work: whole conversations, long pipelines, keys of any bytes, large values.
# What single flags do is in t/edges-mg.t and its neighbours.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use MIME::Base64 qw(encode_base64);
use Server;
use Notation;

use constant BATCH => 500;

my $server = Server->start('-t 2');
my $client = $server->client;
$client->stop_clock;

# --- conversations -----------------------------------------------------------------

transcript('a lease on a miss, a loser, a fill, an early refresh', <<'');
> mg page:7 v N30 t
< VA 0 t{~30} W
<
> mg page:7 v N30 t
< VA 0 t{~30} Z
<
> ms page:7 5 T60
> fresh
< HD
> mg page:7 v N30 R20 t
< VA 5 t{~60}
< fresh
> mg page:7 v R90
< VA 5 W
< fresh
> mg page:7 v R90
< VA 5 Z
< fresh

transcript('stale while it is made anew, with ids', <<'');
> ms user:3 3 T300 E1000
> old
< HD
> md user:3 I T40 E1001
< HD
> mg user:3 c t v
< VA 3 c1001 t{~40} X W
< old
> mg user:3 c t v
< VA 3 c1001 t{~40} Z X
< old
> ms user:3 3 I C1000 E1002 T300
> mid
< HD
> mg user:3 c t v
< VA 3 c1002 t{~40} Z X
< mid
> ms user:3 3 C1002 E1003 T300
> new
< HD
> mg user:3 c t v
< VA 3 c1003 t{~300}
< new

transcript('a quiet pipeline ended by mn', <<'');
> ms q1 1 q
> 1
> ms q1 1 q ME Oadd
> 2
> mg q1 q v k
> mg q2 q v k
> md q2 q Odel
> ma q1 q v
> ma q3 q v k
> mn
< NS Oadd
< VA 1 kq1
< 1
< NF Odel
< NF kq3
< MN

transcript('counters', <<'');
> ma hits N120 J100 v t
< VA 3 t{~120}
< 100
> ma hits N120 J100 D5 v t
< VA 3 t{~120}
< 105
> ma hits MD D6 v k Oz
< VA 2 khits Oz
< 99
> mg hits v s
< VA 3 s3
< 99\x20
> ma hits E77 c T10 t
< HD c77 t{~10}
> ma hits C76 v
< EX
> ma hits C77 v
< VA 3
< 101

transcript('a binary key, an opaque, a conditional get', <<'');
> ms AAEC/w== 4 b k F9 E5 O#1
> blob
< HD kAAEC/w== b O#1
> mg AAEC/w== b k f s v
< VA 4 kAAEC/w== b f9 s4
< blob
> mg AAEC/w== b C5 v c
< HD c5
> mg AAEC/w== b C4 v c
< VA 4 c5
< blob
> md AAEC/w== b x E6
< HD
> mg AAEC/w== b v c f
< VA 0 c6 f0
<

# --- pipelines ---------------------------------------------------------------------

my @n = 1 .. BATCH;
$client->says(join('', map { "ms p$_ " . length($_) . " q F$_\r\n$_\r\n" } @n) . "mn\r\n", "MN\r\n",
    BATCH . ' quiet stores say nothing but MN');
$client->says(join('', map { ($_ % 2 ? "mg p$_" : "mg none$_") . " q v k f O$_\r\n" } @n) . "mn\r\n",
    join('', map { $_ % 2 ? "VA " . length($_) . " kp$_ f$_ O$_\r\n$_\r\n" : '' } @n) . "MN\r\n",
    BATCH . ' quiet gets show the hits');
$client->says(join('', map { "ma p$_ q v O$_\r\nma none$_ q v O$_\r\n" } @n) . "mn\r\n",
    join('', map { "NF O$_\r\n" } @n) . "MN\r\n", '... quiet counting shows the misses');
$client->says(join('', map { "mg p$_ v\r\n" } @n),
    join('', map { 'VA ' . length($_ + 1) . "\r\n" . ($_ + 1) . "\r\n" } @n), '... each has counted once');
$client->says(join('', map { "md p$_ q\r\nmd p$_ q O$_\r\n" } @n) . "mn\r\n",
    join('', map { "NF O$_\r\n" } @n) . "MN\r\n", '... quiet deletes show the misses');
$client->says(
    join('', map { "ms p$_ 1 q MR O$_\r\nx\r\nms p$_ 1 q ME\r\ny\r\nms p$_ 1 q C0 k\r\nz\r\n" } @n) . "mn\r\n",
    join('', map { "NS O$_\r\nEX kp$_\r\n" } @n) . "MN\r\n", '... quiet stores show what was not stored');
$client->says(join('', map { "mg p$_ q !\r\nmg p$_ q z\r\nms p$_ 1 q z\r\nx\r\nma p$_ q z\r\n" } @n) . "mn\r\n",
    ("CLIENT_ERROR bad command line format\r\n" . "CLIENT_ERROR invalid flag\r\n" x 2
        . "CLIENT_ERROR invalid or duplicate flag\r\n") x BATCH . "MN\r\n", '... and errors are never quiet');

# Old and new commands in one pipeline, on the same items.
my @mixed = 1 .. 2 * BATCH;
$client->set("m$_", "value $_", flags => $_) for 1 .. 10;
my (@asked, @told);
for my $i (@mixed) {
    my $k = $i % 12;                         # m0 and m11 are missing
    my $hit = $k >= 1 && $k <= 10;
    my $value = "value $k";
    if ($i % 2) {
        push @asked, "mg m$k s v k f O$i\r\n";
        push @told, $hit ? sprintf "VA %d s%d km%d f%d O%d\r\n%s\r\n", (length $value) x 2, $k, $k, $i, $value
            : "EN km$k O$i\r\n";
    }
    else {
        push @asked, "get m$k\r\n";
        push @told, ($hit ? sprintf("VALUE m%d %d %d\r\n%s\r\n", $k, $k, length $value, $value) : '') . "END\r\n";
    }
}
$client->says(join('', @asked), join('', @told), @mixed . ' of mg and get in turns are answered in turns');

# --- keys of any bytes -------------------------------------------------------------

# Each byte value in front, in the middle, at the end; with each kind of padding.
my @keys = map { my $b = chr; ($b, "${b}x", "x${b}x", "xxx$b") } 0 .. 255;
my %keys = map { $_ => 1 } @keys;
@keys = sort keys %keys;
my @coded = map { encode_base64($_, '') } @keys;
$client->says(join('', map { "ms $coded[$_] " . length($_) . " b k\r\n$_\r\n" } 0 .. $#keys),
    join('', map { "HD k$_ b\r\n" } @coded), @keys . ' keys in base64 are stored');
$client->says(join('', map { "mg $_ b v k\r\n" } @coded),
    join('', map { 'VA ' . length($_) . " k$coded[$_] b\r\n$_\r\n" } 0 .. $#keys), '... and found, each its own');
my @plain = grep { $keys[$_] !~ /[ \n]|\r\z/ } 0 .. $#keys;
$client->says(join('', map { "get $keys[$_]\r\n" } @plain),
    join('', map { "VALUE $keys[$_] 0 " . length($_) . "\r\n$_\r\nEND\r\n" } @plain),
    '... by get as well, if the key can be written');
$client->says(join('', map { "mg $keys[$_] k\r\n" } @plain), join('', map { "HD k$coded[$_] b\r\n" } @plain),
    '... and by mg, which tells the key as it was stored');
$client->says(join('', map { "md $_ b q\r\n" } @coded) . "mn\r\n", "MN\r\n", '... and deleted');
$client->says(join('', map { "mg $_ b k\r\n" } @coded), join('', map { "EN k$_ b\r\n" } @coded), '... all of them');

# Stored by its bytes, a key is shown by its bytes.
$client->send(join '', map { "set $keys[$_] 0 0 1 noreply\r\nx\r\n" } @plain);
$client->says(join('', map { "mg $coded[$_] b k\r\n" } @plain), join('', map { "HD k$keys[$_]\r\n" } @plain),
    'a key stored by its bytes is shown by its bytes');

# The limit is that of the key, not of its text on the line. (C takes 248 letters, 186 bytes.)
for my $len (186, 187, 188, 200, 249, 250) {
    my $key = join '', map { chr } 1 .. $len;
    my $coded = encode_base64($key, '');
    $client->says("ms $coded 2 b k q\r\nok\r\nms $coded 2 b k\r\nok\r\nmg $coded b v k\r\n",
        "HD k$coded b\r\nVA 2 k$coded b\r\nok\r\n", "a key of $len bytes is stored and found");
    my $size = 61 + $len;
    $client->says_like("me $coded b\r\n", qr/ME \Q$coded\E exp=-1 [^\r]* size=$size\r\n/, '... shown by me');
    my $uri = join '', map { /[A-Za-z0-9._~-]/ ? $_ : sprintf '%%%02X', ord } split //, $key;
    for my $dump (["mg $coded b\r\n", 'mgdump', "EN\r\n"], ["key=$uri exp=-1 ", 'metadump', "END\r\n"]) {
        my ($line, $command, $end) = @$dump;
        $client->send("lru_crawler $command all\r\n");
        cmp_ok(index($client->read_until("\n$end"), "\n$line"), '>', 0, "... and by $command");
    }
    $client->says("md $coded b k\r\nma $coded b k N0 J7 v\r\nmd $coded b q\r\nmn\r\n",
        "HD k$coded b\r\nVA 1 k$coded b\r\n7\r\nMN\r\n", '... deleted, and made by ma');
}
# What is not of the alphabet is skipped, but a text longer than that of any key is none.
my $spaced = encode_base64('k' x 249, '');
substr $spaced, 10, 0, '!' x 4;
$client->says("ms $spaced 1 b\r\nx\r\nget " . 'k' x 249 . "\r\n", "HD\r\nVALUE " . 'k' x 249 . " 0 1\r\nx\r\nEND\r\n",
    'a key of 249 bytes in 336 letters');
for my $longer (encode_base64('k' x 251, ''), encode_base64('k' x 253, ''), $spaced . '!', 'A' x 1000) {
    my $length = length $longer;
    $client->says("ms $longer 2 b k\r\nok\r\nmg $longer b\r\nmd $longer b\r\nma $longer b\r\nme $longer b\r\n",
        "CLIENT_ERROR bad command line format\r\n" x 3 . "CLIENT_ERROR invalid or duplicate flag\r\n"
            . "CLIENT_ERROR bad command line format\r\n", "more than 250 bytes, or letters than they take: $length");
}
my $bare = 'k' x 251;
$client->says("mg $bare v\r\nms $bare 1 q\r\nx\r\nme $bare\r\n", "CLIENT_ERROR bad command line format\r\n" x 3,
    'a key as it stands has 250 bytes at most, as ever');

# --- large values ------------------------------------------------------------------

my $large = join '', map { sprintf '%09d,', $_ } 1 .. 60_000;
my $length = length $large;
$client->says("ms large $length k s T100\r\n$large\r\n", "HD klarge s$length\r\n", "a value of $length bytes");
$client->says("mg large s v t\r\n", "VA $length s$length t100\r\n$large\r\n", '... is read back');
$client->says("mg large v\r\nget large\r\nmg large v q\r\n",
    "VA $length\r\n$large\r\nVALUE large 0 $length\r\n$large\r\nEND\r\nVA $length\r\n$large\r\n",
    '... again and again');
$client->says("ma large\r\nma large N0 q\r\n",
    "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n" x 2, '... is no number');
$client->says("ms large 4 MA s\r\ntail\r\nms large 4 MP s\r\nhead\r\n",
    'HD s' . ($length + 4) . "\r\nHD s" . ($length + 8) . "\r\n", '... grows at both ends');
my $tail = 'y' x 300_000;
$client->says("ms large 300000 MA s q\r\n$tail\r\nmg large v t\r\n",
    'VA ' . ($length + 300_008) . " t100\r\nhead${large}tail$tail\r\n", '... by a lot');
$client->says("ms large 300000 MA s\r\n$tail\r\nmg large s\r\n",
    "NS s300000\r\nHD s" . ($length + 300_008) . "\r\n", '... but not beyond what fits');
$client->says_like("ms large 300000 E70 s\r\n$tail\r\nme large\r\n",
    "HD s300000\r\nME large exp=-1 la=0 cas=70 fetch=no cls=[0-9]+ size=300064\r\n", 'me tells its size');
$client->says("ms large $length C70 E71\r\n$large\r\nms large $length C70\r\n$large\r\n", "HD\r\nEX\r\n",
    'its id is compared');
$client->says("md large I E72\r\nmg large c v\r\nmg large c s\r\n",
    "HD\r\nVA $length c72 X W\r\n$large\r\nHD c72 s$length Z X\r\n", 'it can be stale');
$client->says("ms large $length q\r\n${large}XXmg large s\r\n",
    "CLIENT_ERROR bad data chunk\r\nHD s$length Z X\r\n", 'a bad data block leaves it as it was');
$client->says("md large x\r\nmg large v s\r\nmd large\r\n", "HD\r\nVA 0 s0\r\n\r\nHD\r\n",
    'it can be emptied and deleted');
$client->says("ms new $length MA N50 F3\r\n$large\r\nmg new v t f\r\n",
    "HD\r\nVA $length t50 f3\r\n$large\r\n", 'an append may make it');

$client->verifies;
done_testing;

# Lines of a client (>) and a server (<). What is sent together stands together.
sub transcript {
    my ($name, $text) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($speaker, $step) = ($server->client, 0);
    for my $turn ($text =~ /((?:^>.*\n)+(?:^<.*\n)+)/mg) {
        my $input  = join '', map { "$_\\r\\n" } $turn =~ /^> ?(.*)$/mg;
        my $output = join '', map { "$_\\r\\n" } $turn =~ /^< ?(.*)$/mg;
        my ($expect) = pattern_of($output);
        my $says = ref $expect ? 'says_like' : 'says';
        $speaker->$says(bytes_of($input), $expect, "$name, " . ++$step);
    }
    return;
}
