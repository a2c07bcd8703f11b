#!/usr/bin/perl
# mg: flags, misses, marks and base64 keys.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Conversation;

converse_all(do { local $/; <DATA> });

done_testing;

__DATA__
[]

228 mg wants a key
    > mg\r\n
    < {CE}
229 a miss
    > mg a\r\n
    < EN\r\n
230 a miss shows key and opaque, nothing else
    > mg a k Oxyz t\r\n
    < EN ka Oxyz\r\n
231 q hides a miss
    > mg a q k v\r\nmn\r\n
    < MN\r\n
232 a hit without flags
    > set a 5 100 3\r\nabc\r\nmg a\r\n
    < STORED\r\nHD\r\n
233 q does not hide a hit
    > set a 0 0 3\r\nabc\r\nmg a q\r\nmn\r\n
    < STORED\r\nHD\r\nMN\r\n
234 what mg can show of an item
    > ms a 3 F5 T100 E7\r\nabc\r\nmg a v s f t c k O1 h l q\r\n
    < HD\r\nVA 3 s3 f5 t{~100} c7 ka O1 h0 l0\r\nabc\r\n
235 flags are answered in the order of the request
    > ms a 3 F5 E7\r\nabc\r\nmg a h k O1 c t f s v\r\n
    < HD\r\nVA 3 h0 ka O1 c7 t-1 f5 s3\r\nabc\r\n
236 an empty value is shown
    > set a 0 0 0\r\n\r\nmg a v s\r\n
    < STORED\r\nVA 0 s0\r\n\r\n
237 a flag may come once
    > mg a v v\r\n
    < CLIENT_ERROR duplicate flag\r\n
238 a flag may come once, whatever its argument
    > mg a Ox Oy\r\n
    < CLIENT_ERROR duplicate flag\r\n
239 an unknown flag
    > mg a z\r\n
    < CLIENT_ERROR invalid flag\r\n
240 an unknown upper-case flag
    > mg a S\r\n
    < CLIENT_ERROR invalid flag\r\n
241 a digit is an unknown flag
    > mg a 0\r\n
    < CLIENT_ERROR invalid flag\r\n
242 an underscore is an unknown flag
    > mg a _\r\n
    < CLIENT_ERROR invalid flag\r\n
243 a flag begins with a letter or the line is malformed
    > mg a !\r\n
    < {CE}
244 a brace is no letter
    > mg a \x7b\r\n
    < {CE}
245 an 8-bit byte is no letter
    > mg a \xff\r\n
    < {CE}
246 text after a flag without argument is ignored
    > set a 0 0 1\r\nx\r\nmg a vwxyz\r\n
    < STORED\r\nVA 1\r\nx\r\n
247 a CR after a flag without argument is ignored
    > set a 0 0 1\r\nx\r\nmg a v\r\r\n
    < STORED\r\nVA 1\r\nx\r\n
248 flags of other meta commands are accepted and do nothing
    > set a 0 0 1\r\nx\r\nmg a I x M F1 D1 J1 E1 P Lq u v\r\n
    < STORED\r\nVA 1\r\nx\r\n
249 q does not hide an error
    > mg a z q\r\nmn\r\n
    < CLIENT_ERROR invalid flag\r\nMN\r\n
250 T wants a number
    > mg a T\r\n
    < CLIENT_ERROR bad token in command line format\r\n
251 T wants nothing but a number
    > mg a T5x\r\n
    < CLIENT_ERROR bad token in command line format\r\n
# Row 252 is not as in C, where T has 32 bits.
252 T has 64 bits
    > ms a 1\r\nx\r\nmg a T2147483648\r\nmg a t T9223372036854775807\r\nmg a t\r\n
    > mg a T9223372036854775808\r\nmg a T-9223372036854775809\r\n
    < HD\r\nHD\r\nHD t{#}\r\nHD t-1\r\n
    < CLIENT_ERROR bad token in command line format\r\nCLIENT_ERROR bad token in command line format\r\n
T may be a lone minus, has no plus sign, and 22 bytes at most
    > mg a T-\r\nmg a T-0\r\nmg a T+5\r\nmg a T0000000000000000000005\r\n
    > mg a T00000000000000000000005\r\n
    < EN\r\nEN\r\nCLIENT_ERROR bad token in command line format\r\nEN\r\n
    < CLIENT_ERROR bad token in command line format\r\n
253 C wants a number
    > mg a Cx\r\n
    < CLIENT_ERROR bad token in command line format\r\n
C has 22 digits at most
    > mg a C0000000000000000000005\r\nmg a C00000000000000000000005\r\n
    < EN\r\nCLIENT_ERROR bad token in command line format\r\n
N, R and E want numbers as well
    > mg a Nx\r\nmg a R\r\nmg a E-1\r\n
    < CLIENT_ERROR bad token in command line format\r\nCLIENT_ERROR bad token in command line format\r\n
    < CLIENT_ERROR bad token in command line format\r\n
254 F wants a number, refused in other words
    > mg a Fx\r\n
    < {CE}
F has 11 digits at most
    > mg a F00000000001\r\nmg a F000000000001\r\n
    < EN\r\n{CE}
255 D wants a number, refused in its own words
    > mg a Dx\r\n
    < CLIENT_ERROR invalid numeric delta value\r\n
256 J wants a number, refused in its own words
    > mg a Jx\r\n
    < CLIENT_ERROR invalid numeric initial value\r\n
257 the last error of a line is the one that is told
    > mg a Tx z\r\n
    < CLIENT_ERROR invalid flag\r\n
... of several bad arguments as well, but that of F has no text of its own
    > mg a Tx Fx\r\nmg a Fx Tx\r\nmg a Dx Jx\r\n
    < CLIENT_ERROR bad token in command line format\r\nCLIENT_ERROR bad token in command line format\r\nCLIENT_ERROR invalid numeric initial value\r\n
... but no word after an unknown flag, or one that comes twice, is read
    > mg a z Tx\r\nmg a Tx v v Fx\r\n
    < CLIENT_ERROR invalid flag\r\nCLIENT_ERROR duplicate flag\r\n
258 an opaque may have 31 bytes
    > mg a O{x*31}\r\n
    < EN O{x*31}\r\n
259 an opaque may not have 32 bytes
    > mg a O{x*32}\r\n
    < CLIENT_ERROR opaque token too long\r\n
260 q does not hide a long opaque
    > mg a O{x*32} q\r\nmn\r\n
    < CLIENT_ERROR opaque token too long\r\nMN\r\n
a long opaque: N makes nothing
    > mg a N30 O{x*32}\r\nmg a\r\n
    < CLIENT_ERROR opaque token too long\r\nEN\r\n
a long opaque: T changes nothing
    > set a 0 50 1\r\nx\r\nmg a T90 O{x*32}\r\nmg a t\r\n
    < STORED\r\nCLIENT_ERROR opaque token too long\r\nHD t{~50}\r\n
261 an opaque may be empty
    > mg a O\r\n
    < EN O\r\n
262 mg may have 20 words
    > set a 0 0 1\r\nx\r\nmg a v s t c f k l h u q O1 P L T0 R1 N1 I x\r\n
    < STORED\r\nVA 1 s1 t-1 c{#} f0 ka l0 h0 O1\r\nx\r\n
263 mg may not have 21 words
    > mg a v s t c f k l h u q O1 P L T0 R1 N1 I x F1\r\n
    < CLIENT_ERROR options flags are too long\r\n
264 mg of a key of 251 bytes is refused
    > mg {k*251} v\r\n
    < {CE}
265 t before T shows the old time, after it the new
    > set a 0 50 1\r\nx\r\nmg a t T90\r\nmg a T80 t\r\n
    < STORED\r\nHD t{~50}\r\nHD t{~80}\r\n
266 T with a negative time ends the item
    > set a 0 50 1\r\nx\r\nmg a T-1\r\nmg a\r\n
    < STORED\r\nHD\r\nEN\r\n
what N makes with a negative time has expired
    > mg a N-1 t\r\nmg a\r\n
    < HD t-1 W\r\nEN\r\n
267 C shows the value only if the id has changed
    > ms a 1 E10\r\nx\r\nmg a C10 v k\r\nmg a C11 v k\r\n
    < HD\r\nHD ka\r\nVA 1 ka\r\nx\r\n
268 h tells whether the item was hit before
    > set a 0 0 1\r\nx\r\nmg a h\r\nmg a h\r\n
    < STORED\r\nHD h0\r\nHD h1\r\n
269 u is no hit
    > set a 0 0 1\r\nx\r\nmg a h u\r\nmg a h\r\nmg a h u\r\n
    < STORED\r\nHD h0\r\nHD h0\r\nHD h1\r\n
270 the first hit does not count as an access
    > set a 0 0 1\r\nx\r\n{2.1s}mg a l\r\nmg a l\r\n
    < STORED\r\nHD l{~3}\r\nHD l{~3}\r\n
271 N makes an empty item on a miss
    > mg a N30 t s v k\r\nmg a N30 v\r\nget a\r\n
    < VA 0 t{~30} s0 ka W\r\n\r\nVA 0 Z\r\n\r\nVALUE a 0 0\r\n\r\nEND\r\n
272 E is the id of the item that N makes, nothing else
    > mg a N30 E5 c\r\nmg a E6 c\r\n
    < HD c5 W\r\nHD c5 Z\r\n
273 t before N knows nothing of its time
    > mg a t N30\r\n
    < HD t-1 W\r\n
274 q does not hide what N made
    > mg a N30 q\r\nmg a q\r\nmn\r\n
    < HD W\r\nHD Z\r\nMN\r\n
275 a store takes the win back
    > mg a N0\r\nms a 2\r\nok\r\nmg a v\r\n
    < HD W\r\nHD\r\nVA 2\r\nok\r\n
276 what N made is a real item
    > mg a N30\r\nadd a 0 0 1\r\nx\r\n
    < HD W\r\nNOT_STORED\r\n
277 R makes one client win when time runs short
    > ms a 1 T50\r\nx\r\nmg a R40\r\nmg a R60\r\nmg a R60\r\nmg a\r\n
    < HD\r\nHD\r\nHD W\r\nHD Z\r\nHD Z\r\n
278 R never wins without an exptime
    > ms a 1\r\nx\r\nmg a R60\r\n
    < HD\r\nHD\r\n
279 T before R renews the time
    > ms a 1 T50\r\nx\r\nmg a T100 R60\r\n
    < HD\r\nHD\r\n
280 T after R renews the time for the next one
    > ms a 1 T50\r\nx\r\nmg a R60 T100 t\r\n
    < HD\r\nHD t{~100} W\r\n
281 an item stored with b shows its key in base64, however asked
    > ms Zm9v 3 b\r\nabc\r\nmg Zm9v b k v\r\nget foo\r\nmg foo k\r\n
    < HD\r\nVA 3 kZm9v b\r\nabc\r\nVALUE foo 0 3\r\nabc\r\nEND\r\nHD kZm9v b\r\n
282 an item stored without b shows its key as it is, however asked
    > set foo 0 0 1\r\nx\r\nmg Zm9v b k\r\n
    < STORED\r\nHD kfoo\r\n
283 a miss shows the key as it was asked for
    > mg Zm9v b k\r\n
    < EN kZm9v b\r\n
284 base64 comes in fours
    > mg Zm9 b\r\n
    < CLIENT_ERROR error decoding key\r\n
285 bytes outside the alphabet are skipped
    > ms Zm9v 1 b\r\nx\r\nmg Z!m9.v b k\r\n
    < HD\r\nHD kZm9v b\r\n
286 the alphabet for URLs is not known
    > mg Zm-v b\r\n
    < CLIENT_ERROR error decoding key\r\n
287 padding alone is no key
    > mg ==== b\r\n
    < CLIENT_ERROR error decoding key\r\n
288 a base64 key may hold space, CR, LF and NUL
    > ms YSBiDQoAYw== 1 b k\r\nx\r\nmg YSBiDQoAYw== b k v\r\n
    < HD kYSBiDQoAYw== b\r\nVA 1 kYSBiDQoAYw== b\r\nx\r\n
289 append forgets that the key was base64
    > ms Zm9v 1 b\r\nx\r\nms Zm9v 1 b MA\r\ny\r\nmg Zm9v b k v\r\n
    < HD\r\nHD\r\nVA 2 kfoo\r\nxy\r\n
an incr that grows forgets it as well, one in place does not
    > ms Zm9v 1 b\r\n1\r\nincr foo 1\r\nmg foo k\r\nincr foo 9\r\nmg foo k\r\n
    < HD\r\n2\r\nHD kZm9v b\r\n11\r\nHD kfoo\r\n
md with x forgets it as well, touch does not
    > ms Zm9v 1 b\r\n1\r\ntouch foo 9\r\nmg foo k\r\nmd foo x\r\nmg foo k\r\n
    < HD\r\nTOUCHED\r\nHD kZm9v b\r\nHD\r\nHD kfoo\r\n
a key that is no word of a line is shown in base64 all the same
    > mg YSBi b N30 k v\r\nmg YSBi b k\r\nma Cg== b N0 k\r\nmg Cg== b k v\r\nme Cg== b v\r\n
    < VA 0 kYSBi b W\r\n\r\nHD kYSBi b Z\r\nHD kCg== b\r\nVA 1 kCg== b\r\n0\r\nME Cg== exp=-1 la=0 cas={#} fetch=yes cls=1 size=61\r\n
and after an append
    > ms YQpi 1 b\r\nx\r\nms YQpi 1 b MA\r\ny\r\nmg YQpi b k v\r\n
    < HD\r\nHD\r\nVA 2 kYQpi b\r\nxy\r\n
