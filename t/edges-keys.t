#!/usr/bin/perl
# What may be a key, and what get and gets say about it.
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

50 get wants a key
    > get\r\n
    < {CE}
51 get and a space is no key
    > get \r\n
    < {CE}
52 gets wants a key
    > gets\r\n
    < {CE}
53 a missing key is left out
    > get none\r\n
    < END\r\n
54 a stored value comes back with its flags
    > set a 5 0 2\r\nhi\r\nget a\r\n
    < STORED\r\nVALUE a 5 2\r\nhi\r\nEND\r\n
55 command lines may end in LF, the data block may not
    > set a 0 0 1\nx\r\nget a\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n
56 runs of spaces separate, and a key asked twice is answered twice
    > set  a   0  0    1  \r\nx\r\nget   a  b   a  \r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nVALUE a 0 1\r\nx\r\nEND\r\n
57 gets adds the version to each hit
    > ms a 1 E70\r\nx\r\ngets a none a\r\n
    < HD\r\nVALUE a 0 1 70\r\nx\r\nVALUE a 0 1 70\r\nx\r\nEND\r\n
58 a CR before the line end belongs to the key
    > get a\r\r\n
    < END\r\n
59 a key may end in CR
    > set a\r 0 0 1\r\nx\r\nget a\r\r\n
    < STORED\r\nVALUE a\r 0 1\r\nx\r\nEND\r\n
60 NUL is a byte of a key
    > set a\0b 0 0 1\r\nx\r\nget a\0b a\r\n
    < STORED\r\nVALUE a\0b 0 1\r\nx\r\nEND\r\n
61 control and 8-bit bytes are legal in a key
    > set \x01\t\xff\xc3\xa9 0 0 1\r\nx\r\nget \x01\t\xff\xc3\xa9\r\n
    < STORED\r\nVALUE \x01\t\xff\xc3\xa9 0 1\r\nx\r\nEND\r\n
62 a key may have 250 bytes
    > set {k*250} 0 0 1\r\nx\r\nget {k*250}\r\n
    < STORED\r\nVALUE {k*250} 0 1\r\nx\r\nEND\r\n
63 a get of a key of 251 bytes is refused with one line
    > get {k*251}\r\n
    < {CE}
64 one long key refuses the whole get, its hits included, and nothing before it
    > set a 0 0 1\r\nx\r\n{wait}get a {k*251} a\r\nversion\r\n
    < STORED\r\n{CE}VERSION 1.6.45\r\n
replies still unsent before a refused get are kept
    > set a 0 0 1\r\nx\r\nget a\r\nget a {k*251} a\r\nget a\r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n{CE}VALUE a 0 1\r\nx\r\nEND\r\n
65 a get with a long key is refused aloud, noreply or not
    > get {k*251} noreply\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
66 noreply is an ordinary key for get
    > get noreply\r\n
    < END\r\n
67 a key may be called noreply
    > set noreply 0 0 1\r\nx\r\nget noreply\r\n
    < STORED\r\nVALUE noreply 0 1\r\nx\r\nEND\r\n
68 a get may name more keys than other commands have arguments
    > set z 0 0 1\r\nZ\r\nget {q *40}z\r\n
    < STORED\r\nVALUE z 0 1\r\nZ\r\nEND\r\n
69 a value may hold line ends and NUL
    > set bin 0 0 6\r\n\0\r\n\xffa\n\r\nget bin\r\n
    < STORED\r\nVALUE bin 0 6\r\n\0\r\n\xffa\n\r\nEND\r\n
70 pipelined commands are answered in order
    > get a\r\nset z 0 0 1\r\nx\r\ndelete z\r\nget z\r\n
    < END\r\nSTORED\r\nDELETED\r\nEND\r\n
71 a command may arrive in pieces
    > ge{wait}t a\r{wait}\nversion\r\n
    < END\r\nVERSION 1.6.45\r\n
