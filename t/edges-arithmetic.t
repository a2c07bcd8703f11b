#!/usr/bin/perl
# incr and decr: deltas, numbers, padding.
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

160 incr wants a delta
    > incr n\r\n
    < {CE}
161 incr and decr of a missing key are not found
    > incr n 1\r\ndecr n 1\r\n
    < NOT_FOUND\r\nNOT_FOUND\r\n
162 incr of a key of 251 bytes is refused
    > incr {k*251} 1\r\n
    < {CE}
163 noreply in place of the delta silences the refusal
    > incr n noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
164 incr makes room for more digits
    > set n 0 0 1\r\n9\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n10\r\nVALUE n 0 2\r\n10\r\nEND\r\n
165 decr keeps the length and pads with a space
    > set n 0 0 2\r\n10\r\n{wait}decr n 1\r\n{wait}get n\r\n
    < STORED\r\n9\r\nVALUE n 0 2\r\n9 \r\nEND\r\n
166 padding is not part of the number
    > set n 0 0 2\r\n10\r\n{wait}decr n 1\r\n{wait}incr n 7\r\n{wait}get n\r\n
    < STORED\r\n9\r\n16\r\nVALUE n 0 2\r\n16\r\nEND\r\n
padding happens in place, whatever is still unsent
    > set n 0 0 2\r\n10\r\nget n\r\ndecr n 1\r\nget n\r\n
    < STORED\r\nVALUE n 0 2\r\n10\r\nEND\r\n9\r\nVALUE n 0 2\r\n9 \r\nEND\r\n
167 decr stops at 0
    > set n 0 0 1\r\n5\r\n{wait}decr n 6\r\n
    < STORED\r\n0\r\n
168 incr wraps at 2^64
    > set n 0 0 20\r\n18446744073709551615\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n0\r\nVALUE n 0 20\r\n0{\x20*19}\r\nEND\r\n
169 incr by the largest delta wraps
    > set n 0 0 1\r\n5\r\n{wait}incr n 18446744073709551615\r\n
    < STORED\r\n4\r\n
170 a delta has 64 bits
    > set n 0 0 1\r\n5\r\n{wait}incr n 18446744073709551616\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
171 a delta is not negative
    > set n 0 0 1\r\n5\r\n{wait}incr n -1\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
172 a delta has no plus sign
    > set n 0 0 1\r\n5\r\n{wait}incr n +1\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
173 a delta is digits alone
    > set n 0 0 1\r\n5\r\n{wait}incr n 1x\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
174 a delta may have 22 digits
    > set n 0 0 1\r\n5\r\n{wait}incr n 0000000000000000000001\r\n
    < STORED\r\n6\r\n
175 a delta may not have 23 digits
    > set n 0 0 1\r\n5\r\n{wait}incr n 00000000000000000000001\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
176 words after the delta are ignored
    > set n 0 0 1\r\n5\r\n{wait}incr n 2 junk\r\n
    < STORED\r\n7\r\n
177 incr is silent with noreply, whatever comes of it
    > set n 0 0 1\r\n5\r\n{wait}incr n 2 noreply\r\nincr n q noreply\r\nincr zz 1 noreply\r\nget n\r\n
    < STORED\r\nVALUE n 0 1\r\n7\r\nEND\r\n
178 letters are no number
    > set n 0 0 3\r\nabc\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
179 an empty value is no number
    > set n 0 0 0\r\n\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
180 a digit and a letter are no number
    > set n 0 0 2\r\n7a\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
181 a negative value is no number
    > set n 0 0 2\r\n-1\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
182 a fraction is no number
    > set n 0 0 3\r\n1.5\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
183 a value beyond 64 bits is no number
    > set n 0 0 20\r\n18446744073709551616\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
184 a number may start with a space
    > set n 0 0 3\r\n\x2012\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n13\r\nVALUE n 0 3\r\n13 \r\nEND\r\n
185 a number may start with a plus sign
    > set n 0 0 2\r\n+7\r\n{wait}incr n 1\r\n
    < STORED\r\n8\r\n
186 leading zeros become trailing spaces
    > set n 0 0 4\r\n0012\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n13\r\nVALUE n 0 4\r\n13  \r\nEND\r\n
187 what follows white space in a value is overwritten
    > set n 0 0 5\r\n12 34\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n13\r\nVALUE n 0 5\r\n13   \r\nEND\r\n
188 a NUL ends the number
    > set n 0 0 3\r\n12\0\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n13\r\nVALUE n 0 3\r\n13 \r\nEND\r\n
189 a number may have any number of digits
    > set n 0 0 301\r\n{0*300}5\r\n{wait}incr n 1\r\n
    < STORED\r\n6\r\n
190 a value kept in several chunks is no number
    > set n 0 0 600000\r\n1{\x20*599999}\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
191 incr keeps flags and exptime and renews the id
    > ms n 2 F9 T100 E77\r\n99\r\n{wait}incr n 1\r\nmg n v t f\r\ngets n\r\n
    < HD\r\n100\r\nVA 3 t{~100} f9\r\n100\r\nVALUE n 9 3 {#}\r\n100\r\nEND\r\n
