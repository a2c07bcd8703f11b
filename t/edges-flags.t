#!/usr/bin/perl
# What options of the command line forbid or change.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Conversation;

converse_all(do { local $/; <DATA> });

done_testing;

__DATA__

[-F]

443 flush_all can be forbidden, and is refused before its delay is read
    > set a 0 0 1\r\nx\r\nflush_all\r\nflush_all x\r\nflush_all noreply\r\nget a\r\n
    < STORED\r\nCLIENT_ERROR flush_all not allowed\r\nCLIENT_ERROR flush_all not allowed\r\nVALUE a 0 1\r\n
    < x\r\nEND\r\n

[-C]

444 without cas every id is 0
    > set a 0 0 1\r\nx\r\ngets a\r\nms a 1 E50 c\r\ny\r\n
    < STORED\r\nVALUE a 0 1 0\r\nx\r\nEND\r\nHD c0\r\n
without cas every version reads 0
    > set a 0 0 1\r\nx\r\ngets a\r\nset a 0 0 1\r\ny\r\ngets a\r\n
    < STORED\r\nVALUE a 0 1 0\r\nx\r\nEND\r\nSTORED\r\nVALUE a 0 1 0\r\ny\r\nEND\r\n
445 without cas no id ever matches
    > set a 0 0 1\r\nx\r\ncas a 0 0 1 0\r\ny\r\ncas a 0 0 1 5\r\ny\r\ncas b 0 0 1 5\r\ny\r\nms a 1 C0\r\ny\r\n
    < STORED\r\nEXISTS\r\nEXISTS\r\nNOT_FOUND\r\nEX\r\n

[-A]

449 an unknown way to shut down is refused
    > shutdown now\r\nshutdown graceful now\r\nshutdown graceful noreply\r\nversion\r\n
    < CLIENT_ERROR invalid shutdown mode\r\nCLIENT_ERROR invalid shutdown mode\r\nVERSION 1.6.45\r\n

[-A]

450 shutdown sends the replies before it and closes
    > version\r\nshutdown\r\n
    < VERSION 1.6.45\r\n{EOF}

[-o no_modern]

451 without slab_reassign no page is moved
    > slabs reassign 1 2\r\n
    < CLIENT_ERROR slab reassignment disabled\r\n
452 without crawler and maintainer there is nothing to command
    > lru_crawler crawl all\r\nlru mode segmented\r\nlru temp_ttl 5\r\n
    < CLIENT_ERROR lru crawler disabled\r\nERROR\r\nERROR\r\n

[-B ascii]

453 an ASCII server takes 0x80 for an ordinary byte
    > \x80\x0b{\0*22}\r\n
    < ERROR\r\n

[-M -m 8 -I 4m]

# Row 455 of the spec keeps the old value. Issue 13 stands above it: a client that meant to replace
# a value shall not read it for good.
455 memory that ends in mid-value takes the old value away
    = set b0 0 0 3000000\r\n{x*3000000}\r\nset b1 0 0 3000000\r\n{x*3000000}\r\n
    > set b0 0 0 2900000\r\n{y*2900000}\r\nmg b0 s\r\n
    < SERVER_ERROR Out of memory during read\r\nEN\r\n

[-M -m 8 -I 4m]

456 q hides that memory ended in mid-value
    = set b0 0 0 3000000\r\n{x*3000000}\r\nset b1 0 0 3000000\r\n{x*3000000}\r\n
    > ms q 3000000 q\r\n{y*3000000}\r\nmn\r\n
    < MN\r\n
