#!/usr/bin/perl
# md: deleting, marking stale, emptying.
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

333 md wants a key
    > md\r\n
    < {CE}
334 q does not hide that there is nothing to delete
    > md a\r\nmd a q\r\nmd a k O1\r\n
    < NF\r\nNF\r\nNF ka O1\r\n
335 md deletes and answers with key and opaque
    > set a 0 0 1\r\nx\r\nmd a k O1\r\nmg a\r\n
    < STORED\r\nHD ka O1\r\nEN\r\n
336 q hides the success
    > set a 0 0 1\r\nx\r\nmd a q\r\nmg a\r\n
    < STORED\r\nEN\r\n
337 C deletes only the id it names
    > ms a 1 E10\r\nx\r\nmd a C9 q k\r\nmd a C10\r\n
    < HD\r\nEX ka\r\nHD\r\n
338 C0 is compared
    > set a 0 0 1\r\nx\r\nmd a C0\r\nmg a\r\n
    < STORED\r\nEX\r\nHD\r\n
339 I marks the item stale: one client wins, others see it
    > ms a 1 T90 E10\r\nx\r\nmd a I T30 E20\r\nmg a t c v\r\nmg a v\r\nget a\r\n
    < HD\r\nHD\r\nVA 1 t{~30} c20 X W\r\nx\r\nVA 1 Z X\r\nx\r\nVALUE a 0 1\r\nx\r\nEND\r\n
340 I once more, and one more client wins
    > ms a 1\r\nx\r\nmd a I\r\nmg a\r\nmd a I\r\nmg a\r\n
    < HD\r\nHD\r\nHD X W\r\nHD\r\nHD X W\r\n
341 I renews the id
    > ms a 1 E10\r\nx\r\nmd a I\r\nmg a\r\nms a 1 C10\r\ny\r\n
    < HD\r\nHD\r\nHD X W\r\nEX\r\n
342 I with a negative time ends the item
    > ms a 1 T50\r\nx\r\nmd a I T-1\r\nmg a\r\n
    < HD\r\nHD\r\nEN\r\n
343 T without I does not keep md from deleting
    > set a 0 50 1\r\nx\r\nmd a T90\r\nmg a\r\n
    < STORED\r\nHD\r\nEN\r\n
344 x empties the item and keeps its id
    > ms a 3 T50 F8 E10\r\nabc\r\nmd a x\r\nmg a v t f c\r\n
    < HD\r\nHD\r\nVA 0 t-1 f0 c10\r\n\r\n
345 x with time, flags and id
    > ms a 3 T50 F8 E10\r\nabc\r\nmd a x T30 F5 E99\r\nmg a v t f c\r\n
    < HD\r\nHD\r\nVA 0 t{~30} f5 c99\r\n\r\n
346 x and I together
    > ms a 3 T50 F8 E10\r\nabc\r\nmd a x I\r\nmg a v t f\r\n
    < HD\r\nHD\r\nVA 0 t-1 f0 X W\r\n\r\n
347 x and I of a missing key
    > md a x I\r\n
    < NF\r\n
348 a long opaque: nothing is deleted
    > set a 0 0 1\r\nx\r\nmd a O{x*32}\r\nmg a\r\n
    < STORED\r\nCLIENT_ERROR opaque token too long\r\nHD\r\n
349 flags of other meta commands do nothing
    > md a v s t c f h l u N1 R1\r\n
    < NF\r\n
350 md of a key of 251 bytes is refused
    > md {k*251}\r\n
    < {CE}
351 incr in place keeps the item stale
    > ms a 1\r\n1\r\nmd a I\r\n{wait}incr a 1\r\nmg a v\r\n
    < HD\r\nHD\r\n2\r\nVA 1 X W\r\n2\r\n
352 append makes it good again
    > ms a 1\r\nx\r\nmd a I\r\nappend a 0 0 1\r\ny\r\nmg a v\r\n
    < HD\r\nHD\r\nSTORED\r\nVA 2\r\nxy\r\n
353 touch keeps it stale
    > ms a 1\r\nx\r\nmd a I\r\ntouch a 90\r\nmg a t\r\n
    < HD\r\nHD\r\nTOUCHED\r\nHD t{~90} X W\r\n
