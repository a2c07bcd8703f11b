#!/usr/bin/perl
# Frames: numbers made and changed, and what is no number.
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
87 a number is made, then changed
    > INCR delta=1 init=7 exp=0 "f1" + INCR delta=1 init=7 exp=0 "f1" + GET "f1"
    < INCR 00 u64=7 cas; INCR 00 u64=8 cas; GET 00 ext=00000000 val="8" cas
88 not if the expiry forbids it
    > INCR delta=1 init=7 exp=0xffffffff "none"
    < INCR 01
89 which is told quietly too
    > DECRQ delta=1 init=7 exp=0xffffffff "none" + NOOP
    < DECRQ 01; NOOP 00
90 quietly, both are silent
    > INCRQ delta=1 init=5 exp=0 "f2" + INCRQ delta=3 init=5 exp=0 "f2" + GET "f2"
    < GET 00 ext=00000000 val="8" cas
91 a shorter number is padded, flags stay
    = SET "f3" flags=9 val="15"
    > DECR delta=6 init=0 exp=0 "f3" + GET "f3"
    < DECR 00 u64=9 cas; GET 00 ext=00000009 val="9 " cas
92 nothing is below zero
    = SET "f4" val="3"
    > DECR delta=10 init=0 exp=0 "f4"
    < DECR 00 u64=0 cas
93 what is above 64 bits wraps
    = SET "f5" val="18446744073709551615"
    > INCR delta=1 init=0 exp=0 "f5" + GET "f5"
    < INCR 00 u64=0 cas; GET 00 ext=00000000 val="0                   " cas
94 a number may grow
    = SET "f6" val="9"
    > INCR delta=1 init=0 exp=0 "f6" + GET "f6"
    < INCR 00 u64=10 cas; GET 00 ext=00000000 val="10" cas
95 text is not a number
    = SET "f7" val="text"
    > INCR delta=1 init=0 exp=0 "f7"
    < INCR 06
96 which is told quietly too
    = SET "f7" val="text"
    > INCRQ delta=1 init=0 exp=0 "f7"
    < INCRQ 06
97 nothing is not a number
    = SET "f7"
    > INCR delta=1 init=0 exp=0 "f7"
    < INCR 06
98 blanks before a number are skipped
    = SET "f7" val=" 5"
    > INCR delta=1 init=0 exp=0 "f7"
    < INCR 00 u64=6 cas
99 so is a plus
    = SET "f7" val="+5"
    > INCR delta=1 init=0 exp=0 "f7"
    < INCR 00 u64=6 cas
100 a minus is not
    = SET "f7" val="-1"
    > INCR delta=1 init=0 exp=0 "f7"
    < INCR 06
101 what follows a blank is not looked at, and lost
    = SET "f7" val="5 x"
    > INCR delta=1 init=0 exp=0 "f7" + GET "f7"
    < INCR 00 u64=6 cas; GET 00 ext=00000000 val="6  " cas
102 what follows directly spoils a number
    = SET "f7" val="5x"
    > INCR delta=1 init=0 exp=0 "f7"
    < INCR 06
103 a number has 64 bits
    = SET "f7" val="18446744073709551616"
    > INCR delta=1 init=0 exp=0 "f7"
    < INCR 06
104 a number with the id of the item is changed
    = SET "f8" val="5"
    > INCR delta=1 init=0 exp=0 "f8" cas=C
    < INCR 00 u64=6 cas
105 with another id it is not
    = SET "f8" val="5"
    > INCR delta=1 init=0 exp=0 "f8" cas=stale
    < INCR 02
106 an id does not stop a number from being made
    > INCR delta=1 init=17 exp=0 "f9" cas=1
    < INCR 00 u64=17 cas
107 another id is told before what is no number
    = SET "f7" val="x"
    > INCR delta=1 init=0 exp=0 "f7" cas=stale
    < INCR 02
108 but after what can never be one
    = SET "f7"
    > INCR delta=1 init=0 exp=0 "f7" cas=stale
    < INCR 06
109 a first number may be the largest
    > DECR delta=1 init=18446744073709551615 exp=0 "fa" + GET "fa"
    < DECR 00 u64=18446744073709551615 cas; GET 00 ext=00000000 val="18446744073709551615" cas
110 it may have expired at once
    > DECR delta=1 init=42 exp=2592001 "fb" + GET "fb"
    < DECR 00 u64=42 cas; GET 01
111 an increment has extras
    > INCR ext=none "f1" + NOOP
    < INCR 04; {EOF}
112 of twenty bytes
    > INCR ext=000000000000000000000000000000000000000000000000 "f1" + NOOP
    < INCR 04; {EOF}
113 no value
    > INCR delta=1 init=0 exp=0 "f1" val="x" + NOOP
    < INCR 04; {EOF}
114 and a key
    > INCR delta=1 init=0 exp=0 + NOOP
    < INCR 04; {EOF}
115 a value in many chunks is no number
    = SET "f7" val="{0*600000}"
    > INCR delta=1 init=0 exp=0 "f7"
    < INCR 06
[-C]
181 an increment wants what is not there
    = SET "k" val="6"
    > INCR delta=1 init=0 exp=0 "k" cas=77
    < INCR 02
183 without an id all is well
    = SET "k" val="6"
    > INCR delta=1 init=0 exp=0 "k"
    < INCR 00 u64=7
