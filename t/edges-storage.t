#!/usr/bin/perl
# Storage commands: what is refused, what is swallowed, what is kept.
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

72 set with too few words is refused, its data is not swallowed
    > set a 0 0\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
73 set with a length that is no number is refused, its data is not swallowed
    > set a 0 0 x\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
74 set with a negative length is refused, its data is not swallowed
    > set a 0 0 -1\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
75 a bad length is refused aloud, noreply or not
    > set a 0 0 x noreply\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
76 noreply is no length
    > set a 0 0 noreply\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
77 a length has no plus sign
    > set a 0 0 +1\r\nx\r\n
    < {CE}{CE}
78 a length may have 11 digits
    > set a 0 0 00000000001\r\nx\r\n
    < STORED\r\n
79 a length may not have 12 digits
    > set a 0 0 000000000001\r\nx\r\n
    < {CE}{CE}
80 the largest length is refused at once, and swallowed (C tells it after the last byte)
    > set a 0 0 2147483645\r\n{wait}
    < SERVER_ERROR object too large for cache\r\n
81 one more than the largest length is refused at once
    > set a 0 0 2147483646\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
82 a length of 32 bits is refused at once
    > set a 0 0 4294967295\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
83 a length of -0 is 0
    > set a 0 0 -0\r\n\r\nversion\r\n
    < STORED\r\nVERSION 1.6.45\r\n
84 a length of a lone minus is 0
    > set a 0 0 -\r\n\r\nversion\r\n
    < STORED\r\nVERSION 1.6.45\r\n
85 a value may be empty
    > set a 0 0 0\r\n\r\nget a\r\n
    < STORED\r\nVALUE a 0 0\r\n\r\nEND\r\n
86 words after the length are ignored
    > set a 0 0 1 what ever\r\nx\r\n
    < STORED\r\n
87 a silent set stores
    > set a 0 0 1 noreply\r\nx\r\nget a\r\n
    < VALUE a 0 1\r\nx\r\nEND\r\n
88 noreply counts as the last of many words
    > set a 0 0 1 what noreply\r\nx\r\nversion\r\n
    < VERSION 1.6.45\r\n
89 noreply before the last word does not count
    > set a 0 0 1 noreply what\r\nx\r\n
    < STORED\r\n
90 noreply is lower case
    > set a 0 0 1 NOREPLY\r\nx\r\n
    < STORED\r\n
91 noreply counts as the 23rd word
    > set a 0 0 1{ x*17} noreply\r\nx\r\nversion\r\n
    < VERSION 1.6.45\r\n
92 noreply as the 24th word is not seen
    > set a 0 0 1{ x*18} noreply\r\nx\r\n
    < STORED\r\n
93 bad flags are refused, the data is swallowed
    > set a x 0 1\r\nq\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
94 bad flags are refused silently with noreply
    > set a x 0 1 noreply\r\nq\r\nversion\r\n
    < VERSION 1.6.45\r\n
95 a bad exptime is refused, the data is swallowed
    > set a 0 x 1\r\nq\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
96 a key of 251 bytes is refused, the data is swallowed
    > set {k*251} 0 0 1\r\nq\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
97 a key of 251 bytes is refused silently with noreply
    > set {k*251} 0 0 1 noreply\r\nq\r\nversion\r\n
    < VERSION 1.6.45\r\n
98 a data block that is too long loses its length and two bytes, the rest is a command
    > set b 0 0 3\r\nabcdef\r\nversion\r\n
    < CLIENT_ERROR bad data chunk\r\n{CE}VERSION 1.6.45\r\n
99 a data block that is too short eats into the next command
    > set b 0 0 3\r\nab\r\nversion\r\nversion\r\n
    < CLIENT_ERROR bad data chunk\r\nERROR\r\nVERSION 1.6.45\r\n
100 a data block does not end in LF alone
    > set b 0 0 1\r\nx\n\nversion\r\n
    < CLIENT_ERROR bad data chunk\r\nVERSION 1.6.45\r\n
101 a bad data block leaves the old value
    > set b 0 0 3\r\nold\r\nset b 0 0 3\r\nnewXXget b\r\n
    < STORED\r\nCLIENT_ERROR bad data chunk\r\nVALUE b 0 3\r\nold\r\nEND\r\n
102 a bad data block is silent with noreply
    > set b 0 0 3 noreply\r\nnewXXversion\r\n
    < VERSION 1.6.45\r\n
103 an empty line after the data block is a short line
    > set b 0 0 3\r\nabc\r\n\r\nversion\r\n
    < STORED\r\n{CE}VERSION 1.6.45\r\n
104 a bad data block of a large value is refused alike
    > set b 0 0 600000\r\n{x*600000}XXversion\r\n
    < CLIENT_ERROR bad data chunk\r\nVERSION 1.6.45\r\n
105 a value may arrive in pieces
    > set b 0 0 5\r\nab{wait}cde{wait}\r{wait}\nget b\r\n
    < STORED\r\nVALUE b 0 5\r\nabcde\r\nEND\r\n
106 a reply does not wait for the data block of a later command
    > version\r\nset b 0 0 1\r\n{wait}
    < VERSION 1.6.45\r\n
107 a reply before a data block and the reply after it come in order
    > version\r\nset b 0 0 1\r\n{wait}x\r\n
    < VERSION 1.6.45\r\nSTORED\r\n
108 add does not replace
    > set a 0 0 1\r\n1\r\nadd a 0 0 1\r\n2\r\nget a\r\n
    < STORED\r\nNOT_STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n
109 replace, append and prepend want a key that is there
    > replace a 0 0 1\r\n1\r\nappend a 0 0 1\r\n1\r\nprepend a 0 0 1\r\n1\r\n
    < NOT_STORED\r\nNOT_STORED\r\nNOT_STORED\r\n
110 NOT_STORED is silent with noreply
    > append a 0 0 1 noreply\r\n1\r\nversion\r\n
    < VERSION 1.6.45\r\n
111 append and prepend keep flags and exptime
    > set a 7 100 2\r\nmm\r\nappend a 9 500 2\r\naa\r\nprepend a 11 0 2\r\npp\r\nmg a v t f\r\n
    < STORED\r\nSTORED\r\nSTORED\r\nVA 6 t{~100} f7\r\nppmmaa\r\n
112 append reads the flags it ignores
    > set a 0 0 1\r\nx\r\nappend a q 0 1\r\nx\r\n
    < STORED\r\n{CE}
113 replace takes the new flags and exptime
    > set a 5 50 1\r\nx\r\nreplace a 0 0 1\r\ny\r\nmg a v t f\r\n
    < STORED\r\nSTORED\r\nVA 1 t-1 f0\r\ny\r\n
114 the largest value that fits
    > set a 0 0 1048516\r\n{x*1048516}\r\n
    < STORED\r\n
115 a value that is one byte too large
    > set a 0 0 1048517\r\n{x*1048517}\r\n
    < SERVER_ERROR object too large for cache\r\n
116 flags other than 0 take room
    > set a 1 0 1048513\r\n{x*1048513}\r\n
    < SERVER_ERROR object too large for cache\r\n
117 a set that does not fit removes the old value
    > set a 0 0 3\r\nold\r\nset a 0 0 2000000\r\n{x*2000000}\r\nget a\r\n
    < STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n
118 an add that does not fit leaves the old value
    > set a 0 0 3\r\nold\r\nadd a 0 0 2000000\r\n{x*2000000}\r\nget a\r\n
    < STORED\r\nSERVER_ERROR object too large for cache\r\nVALUE a 0 3\r\nold\r\nEND\r\n
a replace that does not fit leaves the old value
    > set a 0 0 3\r\nold\r\nreplace a 0 0 2000000\r\n{x*2000000}\r\nget a\r\n
    < STORED\r\nSERVER_ERROR object too large for cache\r\nVALUE a 0 3\r\nold\r\nEND\r\n
119 a value that does not fit is swallowed silently with noreply
    > set a 0 0 2000000 noreply\r\n{x*2000000}\r\nversion\r\n
    < VERSION 1.6.45\r\n
120 an append whose outcome does not fit is not stored
    > set a 0 0 600000\r\n{x*600000}\r\n{wait}append a 0 0 600000\r\n{y*600000}\r\nmg a s\r\n
    < STORED\r\nNOT_STORED\r\nHD s600000\r\n
