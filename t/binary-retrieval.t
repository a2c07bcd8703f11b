#!/usr/bin/perl
# Frames: get, touch, and what both are together.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use BinaryConversation;

converse_in_frames(do { local $/; <DATA> });

done_testing;

__DATA__
[]

# get

1 a hit has the flags as extras, and the id
    = SET "a1" flags=0xcafe val="v"
    > GET "a1"
    < GET 00 ext=0000cafe val="v" cas
2 with its key if asked for
    = SET "a1" flags=0xcafe val="v"
    > GETK "a1"
    < GETK 00 ext=0000cafe "a1" val="v" cas
3 a miss says so
    > GET "none"
    < GET 01
4 or shows the key instead, if asked for
    > GETK "none"
    < GETK 01 "none"
5 quiet forms are silent about misses only
    = SET "a1" flags=0xcafe val="v"
    > GETQ "a1" + GETQ "none" + GETKQ "a1" + GETKQ "none" + NOOP
    < GETQ 00 ext=0000cafe val="v" cas; GETKQ 00 ext=0000cafe "a1" val="v" cas; NOOP 00
6 a quiet hit does not wait for a loud request
    = SET "a1" flags=0xcafe val="v"
    > GETQ "a1"
    < GETQ 00 ext=0000cafe val="v" cas
7 a quiet miss is nothing
    > GETQ "none"
    <
8 the id of a retrieval is not looked at
    = SET "a1" flags=0xcafe val="v"
    > GET "a1" cas=999
    < GET 00 ext=0000cafe val="v" cas
9 neither are data type and vbucket
    = SET "a1" flags=0xcafe val="v"
    > GET "a1" datatype=0x7 vbucket=0x1234
    < GET 00 ext=0000cafe val="v" cas
10 a value may be empty
    = SET "a2"
    > GET "a2"
    < GET 00 ext=00000000 cas
11 flags have 32 bits
    = SET "a3" flags=0xffffffff val="v"
    > GET "a3"
    < GET 00 ext=ffffffff val="v" cas
12 a key is any bytes
    = SET "a \r\n\0b" val="v"
    > GETK "a \r\n\0b"
    < GETK 00 ext=00000000 "a \r\n\0b" val="v" cas
13 250 of them at most
    = SET "{z*250}" val="v"
    > GETK "{z*250}"
    < GETK 00 ext=00000000 "{z*250}" val="v" cas
14 in a miss too
    > GETK "{q*250}"
    < GETK 01 "{q*250}"
15 a key that is too long closes
    > GET "{q*251}" + NOOP
    < GET 04; {EOF}
16 whatever the request is
    > GETQ "{q*251}" + NOOP
    < GETQ 04; {EOF}
17 a retrieval has a key
    > GET
    < GET 04; {EOF}
18 and no extras
    > GET ext=00000000 "k" + NOOP
    < GET 04; {EOF}
19 and no value
    > GET "k" val="zz" + NOOP
    < GET 04; {EOF}

# touch

20 touch tells the flags
    = SET "b1" flags=5 val="v"
    > TOUCH exp=100 "b1"
    < TOUCH 00 ext=00000005 cas
21 or that there is nothing to touch
    > TOUCH exp=100 "none"
    < TOUCH 01
22 get and touch is a get
    = SET "b1" flags=5 val="v"
    > GAT exp=100 "b1"
    < GAT 00 ext=00000005 val="v" cas
23 that may miss
    > GAT exp=100 "none"
    < GAT 01
24 with the key if asked for
    = SET "b1" flags=5 val="v"
    > GATK exp=100 "b1"
    < GATK 00 ext=00000005 "b1" val="v" cas
25 in a miss too
    > GATK exp=100 "none"
    < GATK 01 "none"
26 quietly, misses are left out
    = SET "b1" flags=5 val="v"
    > GATQ exp=0 "b1" + GATQ exp=0 "none" + GATKQ exp=0 "b1" + GATKQ exp=0 "none" + NOOP
    < GATQ 00 ext=00000005 val="v" cas; GATKQ 00 ext=00000005 "b1" val="v" cas; NOOP 00
27 the id of a touch is not looked at
    = SET "b1" flags=5 val="v"
    > TOUCH exp=0 "b1" cas=1
    < TOUCH 00 ext=00000005 cas
28 an expiry in the past takes effect at once
    = SET "b2" val="v"
    > GAT exp=2592001 "b2" + GET "b2"
    < GAT 00 ext=00000000 val="v" cas; GET 01
29 touch needs an expiry
    > TOUCH ext=none "b1" + NOOP
    < TOUCH 04; {EOF}
30 get and touch has no more than that
    > GAT ext=0000000000000000 "b1" + NOOP
    < GAT 04; {EOF}
31 and a key
    > GATQ exp=0 + NOOP
    < GATQ 04; {EOF}
32 touch has no value
    = SET "b3" val="v"
    > TOUCH exp=9 "b3" val="zzzz" + NOOP
    < TOUCH 04; {EOF}
