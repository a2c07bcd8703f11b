#!/usr/bin/perl
# cas, and who changes the id of an item.
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

146 cas wants an id, its data is swallowed
    > cas a 0 0 1\r\nx\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
147 an id is a number
    > cas a 0 0 1 q\r\nx\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
148 an id is not negative
    > cas a 0 0 1 -1\r\nx\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
149 an id has 64 bits
    > cas a 0 0 1 18446744073709551616\r\nx\r\n
    < {CE}
150 noreply in place of the id silences the refusal
    > cas a 0 0 1 noreply\r\nx\r\nversion\r\n
    < VERSION 1.6.45\r\n
151 cas with a bad length is refused, its data is not swallowed
    > cas a 0 0 x 1\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
152 cas of a missing key is not found
    > cas a 0 0 1 5\r\nx\r\n
    < NOT_FOUND\r\n
153 cas of a missing key with id 0 is not found
    > cas a 0 0 1 0\r\nx\r\n
    < NOT_FOUND\r\n
154 a cas that fits takes flags and exptime, and spends the id
    > ms a 1 E500\r\nx\r\ncas a 3 70 2 500\r\nyy\r\nmg a v t f\r\ncas a 0 0 1 500\r\nz\r\n
    < HD\r\nSTORED\r\nVA 2 t{~70} f3\r\nyy\r\nEXISTS\r\n
155 id 0 never matches
    > set a 0 0 1\r\nx\r\ncas a 0 0 1 0\r\ny\r\n
    < STORED\r\nEXISTS\r\n
156 an id may have 22 digits
    > ms a 1 E500\r\nx\r\ncas a 0 0 1 0000000000000000000500\r\ny\r\n
    < HD\r\nSTORED\r\n
157 an id may not have 23 digits
    > ms a 1 E500\r\nx\r\ncas a 0 0 1 00000000000000000000500\r\ny\r\n
    < HD\r\n{CE}
158 words after the id are ignored
    > ms a 1 E500\r\nx\r\ncas a 0 0 1 500 1 2 3\r\ny\r\n
    < HD\r\nSTORED\r\n
159 touching an item leaves its id
    > ms a 1 E9\r\nx\r\ntouch a 50\r\ngat 60 a\r\nmg a T70\r\nmg a c\r\n
    < HD\r\nTOUCHED\r\nVALUE a 0 1\r\nx\r\nEND\r\nHD\r\nHD c9\r\n
