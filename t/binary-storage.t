#!/usr/bin/perl
# Frames: values stored, joined and deleted, by the id if one is given.
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

# set, add, replace

33 set answers with the id
    > SET flags=0xcafe exp=0 "c1" val="v"
    < SET 00 cas
34 or, quietly, not at all
    > SETQ flags=0x7 exp=0 "c2" val="v" + GET "c2"
    < GET 00 ext=00000007 val="v" cas
35 add does not replace
    = SET "c3" val="v"
    > ADD flags=0 exp=0 "c3" val="w"
    < ADD 02
36 and says so in its quiet form too
    = SET "c3" val="v"
    > ADDQ flags=0 exp=0 "c3" val="w" + NOOP
    < ADDQ 02; NOOP 00
37 add stores what is not there
    > ADD flags=0 exp=0 "c4" val="w"
    < ADD 00 cas
38 replace does not
    > REPLACE flags=0 exp=0 "none" val="w"
    < REPLACE 01
39 quietly neither, and it is told
    > REPLACEQ flags=0 exp=0 "none" val="w" + NOOP
    < REPLACEQ 01; NOOP 00
40 replace stores over what is there, flags too
    = SET "c3" val="v"
    > REPLACE flags=0x9 exp=0 "c3" val="x" + GET "c3"
    < REPLACE 00 cas; GET 00 ext=00000009 val="x" cas
41 set with the id of the item stores
    = SET "c5" val="v"
    > SET flags=0 exp=0 "c5" val="w" cas=C
    < SET 00 cas
42 with another id it does not
    = SET "c5" val="v"
    > SET flags=0 exp=0 "c5" val="w" cas=stale
    < SET 02
43 which is told quietly too
    = SET "c5" val="v"
    > SETQ flags=0 exp=0 "c5" val="w" cas=stale + NOOP
    < SETQ 02; NOOP 00
44 with an id there must be an item
    > SET flags=0 exp=0 "none" val="w" cas=1
    < SET 01
45 add with the id of the item stores over it
    = SET "c6" val="v"
    > ADD flags=0 exp=0 "c6" val="new" cas=C + GET "c6"
    < ADD 00 cas; GET 00 ext=00000000 val="new" cas
46 with an id it wants an item as well
    > ADD flags=0 exp=0 "none" val="w" cas=1
    < ADD 01
47 which has that id
    = SET "c6" val="v"
    > ADD flags=0 exp=0 "c6" val="w" cas=stale
    < ADD 02
48 replace with the id of the item stores
    = SET "c7" val="v"
    > REPLACE flags=0 exp=0 "c7" val="new" cas=C
    < REPLACE 00 cas
49 with another id it does not
    = SET "c7" val="v"
    > REPLACE flags=0 exp=0 "c7" val="w" cas=stale
    < REPLACE 02
50 nor without an item
    > REPLACE flags=0 exp=0 "none" val="w" cas=1
    < REPLACE 01
51 an expiry in the past is stored and gone
    > SET flags=0 exp=2592001 "c8" val="v" + GET "c8"
    < SET 00 cas; GET 01
52 the largest expiry is in the next century
    > SET flags=0 exp=0xffffffff "c8" val="v" + GET "c8"
    < SET 00 cas; GET 00 ext=00000000 val="v" cas
53 set has flags and expiry
    > SET ext=none "c9" val="v" + NOOP
    < SET 04; {EOF}
54 both of them
    > SET ext=00000000 "c9" val="v" + NOOP
    < SET 04; {EOF}
55 set has a key
    > SET flags=0 exp=0 val="v" + NOOP
    < SET 04; {EOF}
56 a quiet set is refused aloud
    > SETQ ext=none "c9" val="v" + NOOP
    < SETQ 04; {EOF}
57 a long key closes before its value is read
    > SET flags=0 exp=0 "{y*251}" val="v" + NOOP
    < SET 04; {EOF}
58 a value of nearly a mebibyte fits
    > SET flags=0 exp=0 "big" val="{x*1048514}"
    < SET 00 cas
59 a byte more does not, and takes the old value along
    = SET "big" val="small"
    > SET flags=0 exp=0 "big" val="{x*1048515}" + GET "big"
    < SET 03; GET 01
60 flags take four bytes of that
    > SET flags=0x1 exp=0 "bif" val="{x*1048510}"
    < SET 00 cas
61 a byte more does not fit, and the connection goes on
    > SET flags=0x1 exp=0 "bif" val="{x*1048511}" + NOOP
    < SET 03; NOOP 00
62 an add that is too large changes nothing
    = SET "big" val="small"
    > ADD flags=0 exp=0 "big" val="{x*1048577}" + GET "big"
    < ADD 03; GET 00 ext=00000000 val="small" cas
63 nor does a replace
    = SET "big" val="small"
    > REPLACE flags=0 exp=0 "big" val="{x*1048577}" + GET "big"
    < REPLACE 03; GET 00 ext=00000000 val="small" cas
64 a quiet set that is too large is told, and takes the old value along
    = SET "big" val="small"
    > SETQ flags=0 exp=0 "big" val="{x*1048577}" + GET "big"
    < SETQ 03; GET 01
65 a value that is too large is answered before it is read (C answers after the last byte)
    > SET "big" val="{x*1000}" bodylen=2000011
    < SET 03; {wait}

# append, prepend

66 append and prepend keep the flags
    = SET "d1" flags=3 val="v"
    > APPEND "d1" val="+" + PREPEND "d1" val="-" + GET "d1"
    < APPEND 00 cas; PREPEND 00 cas; GET 00 ext=00000003 val="-v+" cas
67 append wants an item
    > APPEND "none" val="+"
    < APPEND 05
68 quietly too
    > APPENDQ "none" val="+"
    < APPENDQ 05
69 quiet ones are silent
    = SET "d1" val="v"
    > APPENDQ "d1" val="+" + PREPENDQ "d1" val="-" + NOOP
    < NOOP 00
70 append with the id of the item stores
    = SET "d2" val="v"
    > APPEND "d2" val="+" cas=C
    < APPEND 00 cas
71 with another id it does not
    = SET "d2" val="v"
    > PREPEND "d2" val="+" cas=stale
    < PREPEND 02
72 without an item the id does not matter
    > APPEND "none" val="+" cas=1
    < APPEND 05
73 nothing may be appended
    = SET "d2" val="v"
    > APPEND "d2"
    < APPEND 00 cas
74 append has no extras
    > APPEND ext=00000000 "d2" val="+" + NOOP
    < APPEND 04; {EOF}
75 but a key
    > APPEND val="+" + NOOP
    < APPEND 04; {EOF}
76 an appended part can be too large itself
    = SET "big" val="small"
    > APPEND "big" val="{x*1048577}" + GET "big"
    < APPEND 03; GET 00 ext=00000000 val="small" cas
77 or together with what is there
    = SET "big" val="{x*524288}"
    > APPEND "big" val="{x*629145}" + NOOP
    < APPEND 05; NOOP 00

# delete

78 delete has no id
    = SET "e1" val="v"
    > DELETE "e1"
    < DELETE 00
79 nor anything to delete twice
    > DELETE "none"
    < DELETE 01
80 which is told quietly too
    > DELETEQ "none"
    < DELETEQ 01
81 a quiet delete is silent
    = SET "e1" val="v"
    > DELETEQ "e1" + NOOP
    < NOOP 00
82 delete with another id is refused
    = SET "e2" val="v"
    > DELETE "e2" cas=stale
    < DELETE 02
83 with the id of the item it is not
    = SET "e2" val="v"
    > DELETE "e2" cas=C
    < DELETE 00
84 delete has no extras
    > DELETE ext=00000000 "e2" + NOOP
    < DELETE 04; {EOF}
85 and no value
    > DELETE "e2" val="v" + NOOP
    < DELETE 04; {EOF}
86 but a key
    > DELETE + NOOP
    < DELETE 04; {EOF}

# without ids

[-C]
178 without ids all are 0
    > SET flags=0 exp=0 "k" val="5" + GET "k"
    < SET 00; GET 00 ext=00000000 val="5"
179 an id is not looked at when storing
    = SET "k" val="5"
    > SET flags=0 exp=0 "k" val="6" cas=77
    < SET 00
180 not even by add
    > ADD flags=0 exp=0 "q" val="6" cas=77
    < ADD 00
182 a delete too
    = SET "k" val="5"
    > DELETE "k" cas=77
    < DELETE 02
