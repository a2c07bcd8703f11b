#!/usr/bin/perl
# flush_all, now and later.
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

216 what is stored in the second of a flush_all, but after it, stays
    > set a 0 0 1\r\nx\r\nflush_all\r\nget a\r\nset a 0 0 1\r\ny\r\nget a\r\n
    < STORED\r\nOK\r\nEND\r\nSTORED\r\nVALUE a 0 1\r\ny\r\nEND\r\n
217 a negative delay is none
    > set a 0 0 1\r\nx\r\nflush_all -1\r\nget a\r\n
    < STORED\r\nOK\r\nEND\r\n
218 flush_all is silent with noreply, with a delay or without
    > set a 0 0 1\r\nx\r\nflush_all 0 noreply\r\nflush_all noreply\r\nget a\r\n
    < STORED\r\nEND\r\n
219 flush_all ignores words after the delay
    > flush_all 0 junk\r\n
    < OK\r\n
220 a delay is a number
    > flush_all x\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
221 noreply is no delay
    > flush_all noreply 0\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
222 a bad delay is refused silently with noreply
    > flush_all x noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
# Row 223 is not as in C, where a delay has 32 bits.
223 a delay has 64 bits
    > set a 0 0 1\r\nx\r\nflush_all 4294967296\r\nflush_all 9223372036854775807\r\nget a\r\n
    > flush_all 9223372036854775808\r\n
    < STORED\r\nOK\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\nCLIENT_ERROR invalid exptime argument\r\n
224 a delay of 1 is immediate
    > set a 0 0 1\r\nx\r\nflush_all 1\r\nget a\r\n
    < STORED\r\nOK\r\nEND\r\n
225 a delayed flush comes with its time
    > set a 0 0 1\r\nx\r\nflush_all 3\r\nget a\r\n{3.1s}get a\r\n
    < STORED\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\n
226 a date long past cancels a delayed flush
    > set a 0 0 1\r\nx\r\nflush_all 3\r\nflush_all 2592001\r\n{3.1s}get a\r\n
    < STORED\r\nOK\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\n
227 the last flush_all counts
    > flush_all 3\r\nflush_all\r\nset a 0 0 1\r\nx\r\n{3.1s}get a\r\n
    < OK\r\nOK\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n
