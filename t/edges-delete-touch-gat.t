#!/usr/bin/perl
# delete, touch, gat and gats.
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

192 delete wants a key
    > delete\r\n
    < {CE}
193 a key is deleted once
    > set d 0 0 1\r\nx\r\ndelete d\r\ndelete d\r\n
    < STORED\r\nDELETED\r\nNOT_FOUND\r\n
194 delete ignores the historical 0
    > set d 0 0 1\r\nx\r\ndelete d 0\r\n
    < STORED\r\nDELETED\r\n
195 delete ignores any other delay
    > set d 0 0 1\r\nx\r\ndelete d 10\r\n
    < STORED\r\nDELETED\r\n
196 delete is silent with noreply after a delay
    > set d 0 0 1\r\nx\r\ndelete d 0 noreply\r\nget d\r\n
    < STORED\r\nEND\r\n
197 delete of a missing key called noreply is silent
    > delete noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
delete of a key called noreply is silent
    > set noreply 0 0 1\r\nx\r\ndelete noreply\r\nget noreply\r\n
    < STORED\r\nEND\r\n
198 delete of a key of 251 bytes is refused
    > delete {k*251}\r\n
    < {CE}
199 delete of a key of 251 bytes is refused silently with noreply
    > delete {k*251} noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
200 touch wants an exptime
    > touch t\r\n
    < {CE}
201 touch of a missing key is not found
    > touch t 9\r\n
    < NOT_FOUND\r\n
202 noreply in place of the exptime silences the refusal
    > touch t noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
203 touch sets the exptime, and 0 takes it away
    > set t 0 0 1\r\nx\r\ntouch t 100\r\nmg t t\r\ntouch t 0\r\nmg t t\r\n
    < STORED\r\nTOUCHED\r\nHD t{~100}\r\nTOUCHED\r\nHD t-1\r\n
204 touch with a negative exptime ends it
    > set t 0 0 1\r\nx\r\ntouch t -1\r\nget t\r\n
    < STORED\r\nTOUCHED\r\nEND\r\n
205 touch with a date long past ends it
    > set t 0 0 1\r\nx\r\ntouch t 2592001\r\nget t\r\n
    < STORED\r\nTOUCHED\r\nEND\r\n
206 an exptime of touch is a number
    > touch t x\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
# Rows 207 and 209 are not as in C, where an exptime of touch has 32 bits: it means the same here
# in all commands.
207 an exptime of touch has 64 bits
    > set t 0 0 1\r\nx\r\ntouch t 2147483648\r\nmg t t\r\ntouch t 9223372036854775807\r\nmg t t\r\n
    > touch t 9223372036854775808\r\ntouch t -9223372036854775809\r\n
    < STORED\r\nTOUCHED\r\nHD t{#}\r\nTOUCHED\r\nHD t-1\r\n
    < CLIENT_ERROR invalid exptime argument\r\nCLIENT_ERROR invalid exptime argument\r\n
208 an exptime of touch has no plus sign
    > touch t +5\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
209 an exptime of touch may not have 23 digits
    > touch t 00000000000000000000005\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
210 gat wants an exptime and a key
    > gat 5\r\n
    < {CE}
211 an exptime of gat is a number
    > gat x t\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
212 gat leaves out a missing key
    > gat 5 t\r\n
    < END\r\n
213 gats adds the version to each hit and sets the exptime
    > ms t 1 F3 E8\r\nx\r\ngats 100 t none t\r\nmg t t\r\n
    < HD\r\nVALUE t 3 1 8\r\nx\r\nVALUE t 3 1 8\r\nx\r\nEND\r\nHD t{~100}\r\n
214 gat with a negative exptime answers once more, then it is gone
    > set t 0 0 1\r\nx\r\ngat -1 t\r\nget t\r\n
    < STORED\r\nVALUE t 0 1\r\nx\r\nEND\r\nEND\r\n
215 gat of a key of 251 bytes is refused
    > gat 5 {k*251}\r\n
    < {CE}
