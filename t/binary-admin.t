#!/usr/bin/perl
# Frames: those that are not about a key.
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
116 the version comes bare
    > VERSION
    < VERSION 00 val="1.6.45"
117 and takes no key
    > VERSION "k" + NOOP
    < VERSION 04; {EOF}
118 a noop has no id, whatever was sent
    > NOOP cas=5
    < NOOP 00
119 and takes no value
    > NOOP val="v" + NOOP
    < NOOP 04; {EOF}
120 flush empties the cache
    = SET "g1" val="v"
    > FLUSH + GET "g1"
    < FLUSH 00; GET 01
121 quietly too
    = SET "g1" val="v"
    > FLUSHQ + GET "g1"
    < GET 01
122 at once, if it says so
    = SET "g1" val="v"
    > FLUSH exp=0 + GET "g1"
    < FLUSH 00; GET 01
123 or later
    = SET "g2" val="v"
    > FLUSH exp=60 + GET "g2"
    < FLUSH 00; GET 00 ext=00000000 val="v" cas
124 or never, if that is long past
    = SET "g2" val="v"
    > FLUSH exp=2592001 + GET "g2"
    < FLUSH 00; GET 00 ext=00000000 val="v" cas
125 one second is at once
    = SET "g3" val="v"
    > FLUSH exp=1 + GET "g3"
    < FLUSH 00; GET 01
126 a time long past is obeyed by doing nothing
    > FLUSH exp=2592001 + NOOP
    < FLUSH 00; NOOP 00
127 flush has one time
    > FLUSH ext=0000000000000000 + NOOP
    < FLUSH 04; {EOF}
128 and no key
    > FLUSH "k" + NOOP
    < FLUSH 04; {EOF}
131 sizes are not kept
    > STAT "sizes"
    < STAT 00 "sizes_status" val="disabled"; STAT 00
132 unknown statistics are not found
    > STAT "bogus" + NOOP
    < STAT 01; NOOP 00
133 those of connections too
    > STAT "conns"
    < STAT 01
134 a name is more than a beginning
    > STAT "itemsx"
    < STAT 01
135 a reset has nothing to tell
    > STAT "reset"
    < STAT 00
136 detail alone is not found
    > STAT "detail"
    < STAT 01
137 detail on has nothing to tell
    > STAT "detail on"
    < STAT 00
138 detail counts gets, hits, sets and deletions by prefix
    = STAT "detail on" + SET "p:a" val="v" + GET "p:a" + GET "p:b" + DELETE "p:a"
    > STAT "detail dump"
    < STAT 00 "detailed" val="PREFIX p get 2 hit 1 set 1 del 1\r\nEND\r\n"; STAT 00
139 detail off has nothing to tell
    > STAT "detail off"
    < STAT 00
and nothing is counted any more, but what was is still there
    > GET "p:b" + STAT "detail dump and more"
    < GET 01; STAT 00 "detailed" val="PREFIX p get 2 hit 1 set 1 del 1\r\nEND\r\n"; STAT 00
a reset forgets what was counted
    > STAT "reset" + STAT "detail dump"
    < STAT 00; STAT 00 "detailed" val="END\r\n"; STAT 00
what touches counts as a get, quiet or not; a number and a key without a prefix do not count
    = STAT "detail on" + SETQ "q:a" val="1" + TOUCH "q:a" + GATQ "q:a" + GATK "q:b" + INCR "q:a" delta=1 + DELETEQ "q:a" + DELETE "q:a" + APPENDQ "q:a" val="1" + SET "q" val="1"
    > STAT "detail dump" + STAT "reset" + STAT "detail off"
    < STAT 00 "detailed" val="PREFIX q get 3 hit 2 set 2 del 2\r\nEND\r\n"; STAT 00; STAT 00; STAT 00
what is switched on counts at once
    > STAT "detail on" + GET "r:a" + STAT "detail off" + GET "r:a" + STAT "detail dump" + STAT "reset"
    < STAT 00; GET 01; STAT 00; GET 01; STAT 00 "detailed" val="PREFIX r get 1 hit 0 set 0 del 0\r\nEND\r\n"; STAT 00; STAT 00
a value that waits to arrive, or is refused, counts
    = STAT "detail on"
    > SET "s:a" val="{x*3000}" + STAT "detail dump" + SET "s:b" val="{x*1100000}" + STAT "detail dump" + STAT "reset" + STAT "detail off"
    < SET 00 cas; STAT 00 "detailed" val="PREFIX s get 0 hit 0 set 1 del 0\r\nEND\r\n"; STAT 00; SET 03; STAT 00 "detailed" val="PREFIX s get 0 hit 0 set 2 del 0\r\nEND\r\n"; STAT 00; STAT 00; STAT 00
140 detail with anything else is not found
    > STAT "detail bogus"
    < STAT 01
141 statistics have no extras
    > STAT ext=00000000 + NOOP
    < STAT 04; {EOF}
142 and no value
    > STAT "sizes" val="abc" + NOOP
    < STAT 04; {EOF}
143 quit is answered, and what follows is not
    > QUIT + NOOP
    < QUIT 00; {EOF}
144 quietly it is not answered either
    > QUITQ + NOOP
    < {EOF}
145 quit with a key closes as well
    > QUIT "k" + NOOP
    < QUIT 04; {EOF}
146 what came before a quit is answered
    = SET "g4" val="v"
    > GET "g4" + QUITQ
    < GET 00 ext=00000000 val="v" cas; {EOF}

# flush may be forbidden

[-F]
184 flush may be forbidden
    > FLUSH
    < FLUSH 20
185 quietly too, and it is told
    > FLUSHQ + NOOP
    < FLUSHQ 20; NOOP 00

# so may dumps

[-X]
186 detail on may be forbidden
    > STAT "detail on"
    < STAT 01
187 and detail dump
    > STAT "detail dump"
    < STAT 01
