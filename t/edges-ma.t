#!/usr/bin/perl
# ma: counting with flags.
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

354 ma wants a key
    > ma\r\n
    < {CE}
355 q does not hide that there is nothing to count
    > ma n\r\nma n q\r\nma n k O1 v\r\n
    < NF\r\nNF\r\nNF kn O1\r\n
356 ma counts by one or D, and shows what is asked for
    > set n 0 0 1\r\n5\r\nma n\r\nma n v\r\nma n D10 v k O1 t\r\n
    < STORED\r\nHD\r\nVA 1\r\n7\r\nVA 2 kn O1 t-1\r\n17\r\n
357 the modes of ma
    > set n 0 0 1\r\n5\r\nma n MD v\r\nma n M- D2 v\r\nma n MD D100 v\r\nma n M+ D3 v\r\nma n MI v\r\n
    < STORED\r\nVA 1\r\n4\r\nVA 1\r\n2\r\nVA 1\r\n0\r\nVA 1\r\n3\r\nVA 1\r\n4\r\n
358 a mode is upper case
    > ma n Mi\r\n
    < CLIENT_ERROR invalid mode for ma M token\r\n
359 M wants a mode; q does not hide it
    > ma n M q\r\nmn\r\n
    < CLIENT_ERROR invalid mode for ma M token\r\nMN\r\n
360 a mode is one of four bytes
    > set n 0 0 1\r\n5\r\nma n Mincr\r\n
    < STORED\r\nCLIENT_ERROR invalid mode for ma M token\r\n
361 one text for every error in the flags
    > ma n z\r\nma n v v\r\nma n Dx\r\nma n D-1\r\nma n Tx\r\nma {k*251}\r\nma Zm9 b\r\n
    < CLIENT_ERROR invalid or duplicate flag\r\nCLIENT_ERROR invalid or duplicate flag\r\n
    < CLIENT_ERROR invalid or duplicate flag\r\nCLIENT_ERROR invalid or duplicate flag\r\n
    < CLIENT_ERROR invalid or duplicate flag\r\nCLIENT_ERROR invalid or duplicate flag\r\n
    < CLIENT_ERROR invalid or duplicate flag\r\n
362 N makes the number J, without adding
    > ma n N60 J13 v t\r\nma n N60 J13 v t\r\n
    < VA 2 t{~60}\r\n13\r\nVA 2 t{~60}\r\n14\r\n
363 N alone makes 0, and t before it knows no time
    > ma n t N60\r\nmg n t v\r\n
    < HD t-1\r\nVA 1 t{~60}\r\n0\r\n
364 J without N does nothing
    > ma n J5\r\n
    < NF\r\n
365 q hides even the number
    > ma n N0 q v k\r\nma n q v\r\nmn\r\nget n\r\n
    < MN\r\nVALUE n 0 1\r\n1\r\nEND\r\n
366 a number made by N wraps as well
    > ma n N0 J18446744073709551615\r\nma n v\r\n
    < HD\r\nVA 1\r\n0\r\n
367 the reply is not padded, what is stored is
    > set n 0 0 2\r\n10\r\n{wait}ma n MD v\r\n{wait}get n\r\n
    < STORED\r\nVA 1\r\n9\r\nVALUE n 0 2\r\n9 \r\nEND\r\n
368 q does not hide that it is no number
    > set n 0 0 3\r\nabc\r\nma n q\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
369 C counts only the id it names, C0 any
    > ms n 2 E50 F9 T60\r\n10\r\nma n C49 k q\r\nma n C50 E51 v c t\r\nma n C0\r\nma n C51\r\n
    < HD\r\nEX kn\r\nVA 2 c51 t{~60}\r\n11\r\nHD\r\nEX\r\n
370 C of a missing key
    > ma n C5\r\n
    < NF\r\n
371 E is the id after it
    > ma n N0 E5 c\r\nma n E9 c\r\n
    < HD c5\r\nHD c9\r\n
372 t before T shows the old time, after it the new
    > set n 0 50 1\r\n1\r\nma n t T90\r\nma n T80 t\r\n
    < STORED\r\nHD t{~50}\r\nHD t{~80}\r\n
373 a long opaque: nothing is counted
    > set n 0 0 1\r\n5\r\nma n O{x*32}\r\nget n\r\n
    < STORED\r\nCLIENT_ERROR opaque token too long\r\nVALUE n 0 1\r\n5\r\nEND\r\n
a long opaque: N makes nothing
    > ma n N0 O{x*32}\r\nmg n\r\n
    < CLIENT_ERROR opaque token too long\r\nEN\r\n
374 ma shows the key as asked for, and does not mark the item
    > ma Zm9v b N0 k v\r\nma foo k v\r\nmg Zm9v b k\r\n
    < VA 1 kZm9v b\r\n0\r\nVA 1 kfoo\r\n1\r\nHD kfoo\r\n
an empty value is no number, whatever the id
    > set n 0 0 0\r\n\r\nma n C1\r\nset n 0 0 1\r\nx\r\nma n C1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\nSTORED\r\nEX\r\n
