#!/usr/bin/perl
# ms: flags, modes, ids and what is swallowed.
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

290 ms wants a length
    > ms a\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
291 a length is a number, else the data is not swallowed
    > ms a x\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
292 a length is not negative
    > ms a -1\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
293 the length has no letter before it
    > ms a S3\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
a length may be a lone minus, and has 11 digits at most
    > ms a -\r\n\r\nms a -0\r\n\r\nms a 00000000001\r\nx\r\nms a 000000000001\r\n
    < HD\r\nHD\r\nHD\r\n{CE}
294 a malformed flag: the data is not swallowed
    > ms a 3 !\r\nqqq\r\n
    < {CE}ERROR\r\n
295 a plain store
    > ms a 3\r\nabc\r\n
    < HD\r\n
296 q hides the success
    > ms a 3 q\r\nabc\r\nmg a v\r\n
    < VA 3\r\nabc\r\n
297 of many flags four are answered
    > ms a 3 k s c O7 E9 h f t l v\r\nabc\r\n
    < HD ka s3 c9 O7\r\n
298 ... in the order of the request
    > ms a 3 O7 s k\r\nabc\r\n
    < HD O7 s3 ka\r\n
299 a flag that comes twice: the data is swallowed
    > ms a 3 q q\r\nabc\r\nversion\r\n
    < CLIENT_ERROR duplicate flag\r\nVERSION 1.6.45\r\n
300 an unknown flag: the data is swallowed
    > ms a 3 Z q\r\nabc\r\nversion\r\n
    < CLIENT_ERROR invalid flag\r\nVERSION 1.6.45\r\n
301 a bad T: the data is swallowed
    > ms a 3 Tx\r\nabc\r\nversion\r\n
    < CLIENT_ERROR bad token in command line format\r\nVERSION 1.6.45\r\n
302 F has 32 bits
    > ms a 3 F4294967296\r\nabc\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
303 the largest F
    > ms a 3 F4294967295\r\nabc\r\nmg a f\r\n
    < HD\r\nHD f4294967295\r\n
304 an unknown mode: the data is swallowed
    > ms a 3 MX\r\nabc\r\nversion\r\n
    < CLIENT_ERROR invalid mode for ms M token\r\nVERSION 1.6.45\r\n
305 M wants a mode
    > ms a 3 M\r\nabc\r\nversion\r\n
    < CLIENT_ERROR invalid mode for ms M token\r\nVERSION 1.6.45\r\n
306 a mode is upper case
    > ms a 3 Ms\r\nabc\r\n
    < CLIENT_ERROR invalid mode for ms M token\r\n
307 a mode is one byte, what follows is ignored
    > ms a 3 MSxx\r\nabc\r\n
    < HD\r\n
308 a long opaque: nothing is stored
    > ms a 3 O{x*32}\r\nabc\r\nmg a\r\n
    < CLIENT_ERROR opaque token too long\r\nEN\r\n
the E of a refused line is not left to the next store
    > ms a 3 E7777777777777 O{x*32}\r\nabc\r\nset a 0 0 1\r\nx\r\nms a 1 C7777777777777\r\ny\r\n
    < CLIENT_ERROR opaque token too long\r\nSTORED\r\nEX\r\n
309 a key of 251 bytes is refused, the data is swallowed
    > ms {k*251} 3\r\nabc\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
... but not if a flag is malformed
    > ms {k*251} 3 !\r\nqqq\r\n
    < {CE}ERROR\r\n
310 a key that is no base64: the data is swallowed
    > ms a 3 b\r\nabc\r\nversion\r\n
    < CLIENT_ERROR error decoding key\r\nVERSION 1.6.45\r\n
311 q does not hide a bad data block
    > ms a 3 q\r\nabcXXversion\r\n
    < CLIENT_ERROR bad data chunk\r\nVERSION 1.6.45\r\n
the E of a bad data block is not left to the next store
    > ms a 1 E7777777777777\r\nxXXset a 0 0 1\r\nx\r\nms a 1 C7777777777777\r\ny\r\n
    < CLIENT_ERROR bad data chunk\r\nSTORED\r\nEX\r\n
312 ms may have 20 words
    > ms a 1 k s c O1 P L T0 F0 E1 MS N0 I x h f t v\r\nx\r\n
    < HD ka s1 c1 O1\r\n
313 ms may not have 21 words: the data is swallowed
    > ms a 1 k s c O1 P L T0 F0 E1 MS N0 I x h f t v l\r\nx\r\nversion\r\n
    < CLIENT_ERROR options flags are too long\r\nVERSION 1.6.45\r\n
314 T with a negative time stores what has already expired
    > ms a 1 T-1\r\nx\r\nmg a\r\n
    < HD\r\nEN\r\n
315 ME does not replace; c is 0 and s what was sent
    > ms a 1 ME\r\nx\r\nms a 1 ME s c k O1\r\ny\r\n
    < HD\r\nNS s1 c0 ka O1\r\n
316 MR, MA and MP want a key that is there
    > ms a 1 MR\r\nx\r\nms a 1 MA\r\nx\r\nms a 1 MP q\r\nx\r\n
    < NS\r\nNS\r\nNS\r\n
317 MA and MP add to the value; s is what came of it
    > ms a 1\r\nx\r\nms a 1 MA s\r\ny\r\nms a 2 MP s\r\nzz\r\nmg a v\r\n
    < HD\r\nHD s2\r\nHD s4\r\nVA 4\r\nzzxy\r\n
318 N lets MA make the item, with its time and flags
    > ms a 2 MA N50 T9 F3 s\r\naa\r\nmg a t f\r\nms a 1 MA N90 T9 F4\r\nb\r\nmg a v t f\r\n
    < HD s2\r\nHD t{~50} f3\r\nHD\r\nVA 3 t{~50} f3\r\naab\r\n
319 N without MA or MP does nothing
    > ms a 1 N60\r\nx\r\nmg a t\r\n
    < HD\r\nHD t-1\r\n
320 C of a missing key
    > ms a 1 C5\r\nx\r\nms a 1 C5 MR\r\nx\r\nms a 1 C5 MA\r\nx\r\nms a 1 C5 MA N0\r\nx\r\n
    < NF\r\nNF\r\nNS\r\nHD\r\n
321 ME does not look at C
    > ms a 1 C5 ME\r\nx\r\n
    < HD\r\n
322 C stores only over the id it names
    > ms a 1 E100\r\nx\r\nms a 1 C99 c\r\ny\r\nms a 1 C100 E200 c\r\ny\r\nms a 1 C1 MA c s\r\nz\r\n
    > ms a 1 C200 MA E300 c s\r\nz\r\n
    < HD\r\nEX c0\r\nHD c200\r\nEX c0 s1\r\nHD c300 s2\r\n
323 C0 never matches, but does not hold up an append
    > set a 0 0 1\r\nx\r\nms a 1 C0\r\ny\r\nms a 1 C0 MA\r\ny\r\n
    < STORED\r\nEX\r\nHD\r\n
324 E0 leaves the id to the server
    > ms a 1 E0 c\r\nx\r\n
    < HD c{#}\r\n
325 the largest E
    > ms a 1 E18446744073709551615 c\r\nx\r\n
    < HD c18446744073709551615\r\n
326 I stores a lower id as stale and keeps the time
    > ms a 1 E100 T90\r\nx\r\nms a 1 I C50 E150 T500 c\r\ny\r\nmg a v c t\r\nmg a v\r\n
    < HD\r\nHD c150\r\nVA 1 c150 t{~90} X W\r\ny\r\nVA 1 Z X\r\ny\r\n
327 I stores an equal id as ever
    > ms a 1 E10 T50\r\nx\r\nmd a I E20\r\nms a 1 I C20 T90\r\ny\r\nmg a v t\r\n
    < HD\r\nHD\r\nHD\r\nVA 1 t{~90}\r\ny\r\n
328 I refuses a higher id
    > ms a 1 E100\r\nx\r\nms a 1 I C300\r\ny\r\n
    < HD\r\nEX\r\n
329 I without C does nothing
    > ms a 1 I\r\nx\r\nmg a v\r\n
    < HD\r\nVA 1\r\nx\r\n
330 ms that does not fit removes the old value in every mode
    > set a 0 0 3\r\nold\r\nms a 2000000 ME q\r\n{x*2000000}\r\nget a\r\n
    < STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n
331 MA whose outcome does not fit is not stored
    > set a 0 0 600000\r\n{x*600000}\r\n{wait}ms a 600000 MA s\r\n{y*600000}\r\n
    < STORED\r\nNS s600000\r\n
332 the longest key and opaque together
    > ms {K*250} 1 k O{o*31} s\r\nx\r\n
    < HD k{K*250} O{o*31} s1\r\n
