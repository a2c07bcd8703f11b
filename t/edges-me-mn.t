#!/usr/bin/perl
# me and mn, and words that are nearly meta commands.
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

375 me wants a key
    > me\r\n
    < {CE}
376 a miss
    > me a\r\n
    < EN\r\n
377 what me tells of an item
    > ms a 5 E7\r\nhello\r\nme a\r\n
    < HD\r\nME a exp=-1 la=0 cas=7 fetch=no cls=1 size=65\r\n
378 me tells of a hit, and ignores flags
    > ms a 5 E7 F1 T90\r\nhello\r\nget a\r\nme a z k\r\n
    < HD\r\nVALUE a 1 5\r\nhello\r\nEND\r\nME a exp={~90} la=0 cas=7 fetch=yes cls=1 size=69\r\n
379 flags are read all the same
    > me a !\r\n
    < {CE}
380 me of a key of 251 bytes is refused
    > me {k*251}\r\n
    < {CE}
381 me understands b
    > ms Zm9v 3 b E7\r\nabc\r\nme foo\r\nme Zm9v b\r\nme Zm9v b q\r\n
    < HD\r\nME Zm9v exp=-1 la=0 cas=7 fetch=no cls=1 size=65\r\n
    < ME Zm9v exp=-1 la=0 cas=7 fetch=no cls=1 size=65\r\n
    < ME Zm9v exp=-1 la=0 cas=7 fetch=no cls=1 size=65\r\n
me understands b among other flags
    > ms Zm9v 3 b E7\r\nabc\r\nme Zm9v k b\r\n
    < HD\r\nME Zm9v exp=-1 la=0 cas=7 fetch=no cls=1 size=65\r\n
382 me refuses a key that is no base64
    > me Zm9 b q\r\n
    < {CE}
383 mn ignores its arguments
    > mn\r\nmn q k whatever\r\n
    < MN\r\nMN\r\n
384 mn is a whole word
    > mnx\r\n
    < ERROR\r\n
385 mx is unknown
    > mx a\r\n
    < ERROR\r\n
386 meta commands are lower case
    > MG a\r\n
    < ERROR\r\n
