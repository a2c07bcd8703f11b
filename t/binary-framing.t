#!/usr/bin/perl
# Frames: opcodes that are unknown, lengths that lie, and what is no frame.
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
147 an unknown opcode is told
    > 0x25
    < 0x25 81
148 verbosity is one
    > 0x1b
    < 0x1b 81
149 the last one is one
    > 0xff
    < 0xff 81
150 its value is skipped
    > 0x25 val="abcdef" + NOOP
    < 0x25 81; NOOP 00
151 its key is skipped too, and no more
    > 0x25 "abc"
    < 0x25 81
152 what follows the key is the next frame, which this is not
    > 0x25 "abc" + RAW "{x*3}" + NOOP
    < 0x25 81; {EOF}
153 the same with extras
    > 0x1b ext=00000001 + RAW "{x*4}" + NOOP
    < 0x1b 81; {EOF}
154 and what is a frame is answered
    > 0x25 "abc" + NOOP + NOOP
    < 0x25 81; NOOP 00; NOOP 00
155 ranges are not spoken
    > 0x30 ext=0000000000000000 "a"
    < 0x30 81
156 nor are taps
    > 0x40
    < 0x40 81
157 nor are vbuckets
    > 0x3d
    < 0x3d 81
158 an unknown opcode with a long key closes
    > 0x70 "{q*251}"
    < 0x70 04; {EOF}
159 without -S there is nothing to log in by
    > SASL_LIST
    < SASL_LIST 81
160 a login is skipped
    > SASL_AUTH "PLAIN" val="\0u\0p" + NOOP
    < SASL_AUTH 81; NOOP 00
161 so is its second step
    > SASL_STEP "PLAIN" val="\0u\0p" + NOOP
    < SASL_STEP 81; NOOP 00
162 a login without a mechanism closes all the same
    > SASL_AUTH
    < SASL_AUTH 04; {EOF}
163 a key longer than the body closes
    > GET "aaaaa" bodylen=1 + NOOP
    < GET 81; {EOF}
164 so do key and extras
    > SET ext=0000000000000000 "kk" bodylen=9 + NOOP
    < SET 81; {EOF}
165 but first the key must be here
    > GET "a" keylen=5 bodylen=1
    < {wait}
166 a body is a gibibyte at most
    > NOOP bodylen=0xffffffff
    < NOOP 04; {EOF}
167 not a byte more
    > SET ext=0000000000000000 "hh" bodylen=0x40000001
    < SET 04; {EOF}
170 a long key is waited for
    > GET keylen=365 bodylen=365
    < {wait}
171 and closes when it is here
    > GET "{x*16360}"
    < GET 04; {EOF}
172 unless it is absurd
    > GET "{x*16361}"
    < GET 04; {EOF}
173 a frame begins as a request, not as a reply
    = SET "h1" val="v"
    > NOOP + NOOP magic=81
    < NOOP 00; {EOF}
174 text after frames closes, and they are answered
    = SET "h1" val="v"
    > GET "h1" + RAW "{x*24}"
    < GET 00 ext=00000000 val="v" cas; {EOF}
175 however it comes
    = SET "h1" val="v"
    > GET "h1" + {wait} + RAW "{x*24}"
    < GET 00 ext=00000000 val="v" cas; {EOF}
176 when there is enough of it
    = SET "h1" val="v"
    > GET "h1" + RAW "{x*23}"
    < GET 00 ext=00000000 val="v" cas; {wait}
177 what came before an error is answered
    = SET "h1" val="v"
    > GET "h1" + GET
    < GET 00 ext=00000000 val="v" cas; GET 04; {EOF}

# one protocol only

[-B binary]
196 text is waited for
    > RAW "version\r\n"
    < {wait}
197 until there is enough to be a frame
    > RAW "{x*24}"
    < {EOF}
198 frames are answered
    > NOOP
    < NOOP 00
