#!/usr/bin/perl
# What is a line, a word and a command, and what ends a connection.
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

1 an empty line is refused
    > \r\n
    < {CE}
2 an empty line that ends in LF alone is refused
    > \n
    < {CE}
3 a line of three bytes is refused
    > q\r\n
    < {CE}
4 a line of three bytes is refused, whatever the word
    > mn\n
    < {CE}
5 a line of one space is refused
    > \x20\n
    < {CE}
6 a line of two spaces and LF is refused
    > \x20\x20\n
    < {CE}
7 four bytes are enough for a line
    > mn \n
    < MN\r\n
8 an unknown word is an error
    > qq\r\n
    < ERROR\r\n
9 an unknown word that ends in LF alone is an error
    > qqq\n
    < ERROR\r\n
10 spaces alone are a command without a name
    > \x20\x20\r\n
    < ERROR\r\n
11 a leading space is not skipped
    > \x20version\r\n
    < ERROR\r\n
12 a command line may end in LF alone
    > version\n
    < VERSION 1.6.45\r\n
13 only one CR is part of the line end
    > version\r\r\n
    < ERROR\r\n
14 a tab does not separate
    > version\tx\r\n
    < ERROR\r\n
15 commands are lower case
    > VERSION\r\n
    < ERROR\r\n
16 version ignores its arguments
    > version now please\r\n
    < VERSION 1.6.45\r\n
17 a command is a whole word
    > versions\r\n
    < ERROR\r\n
18 short lines do not disturb what follows
    > \r\n\r\nversion\r\n
    < {CE}{CE}VERSION 1.6.45\r\n
19 an unknown command with an argument is an error
    > wibble wobble\r\n
    < ERROR\r\n
20 noreply silences even an unknown command
    > wibble noreply\r\n
    <
21 noreply alone is silent
    > noreply\r\n
    <
22 noreply counts only as the last word
    > wibble noreply x\r\n
    < ERROR\r\n
23 version does not honour noreply
    > version noreply\r\n
    < VERSION 1.6.45\r\n
24 quit closes
    > quit\r\n
    < {EOF}
25 quit closes with noreply too
    > quit noreply\r\n
    < {EOF}
26 quit is a whole word
    > quitx\r\n
    < ERROR\r\n
27 quit sends the replies before it and ignores what follows
    > version\r\nquit\r\nversion\r\n
    < VERSION 1.6.45\r\n{EOF}
28 a web browser is cut off
    > GET / HTTP/1.1\r\n
    < {EOF}
29 a last word that starts with HTTP/ is enough to be cut off
    > zap HTTP/\r\n
    < {EOF}
30 HTTP without a slash is only an unknown command
    > zap HTTP\r\n
    < ERROR\r\n
31 HTTP/ as the command itself is only an unknown command
    > HTTP/1.1\r\n
    < ERROR\r\n
32 HTTP/ before the last word is only an unknown command
    > zap HTTP/1.1 z\r\n
    < ERROR\r\n
33 a known command judges an HTTP/ argument itself
    > lru HTTP/1.1\r\n
    < ERROR\r\n
an HTTP/ argument of flush_all is a bad delay
    > flush_all HTTP/1.1\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
34 an unknown kind of stats is an error, even HTTP/
    > stats HTTP/1.1\r\n
    < ERROR\r\n
35 get takes HTTP/ for a key
    > get / HTTP/1.1\r\n
    < END\r\n
36 a browser is cut off after the replies before it
    > version\r\nGET / HTTP/1.1\r\n
    < VERSION 1.6.45\r\n{EOF}
37 2048 bytes without a line end are kept
    > {x*2048}{wait}\r\nversion\r\n
    < ERROR\r\nVERSION 1.6.45\r\n
38 2049 bytes without a line end are cut off
    > {x*2049}{wait}\r\n
    < {EOF}
39 a get of any length is waited for
    > get {k*2045}{wait}
    <
40 a gets of any length is waited for, then judged once
    > gets {k*3000}{wait} b\r\n
    < {CE}
41 a hundred spaces before a long get are waited for, but name no command
    > {\x20*100}get {k*2000}{wait}\r\n
    < ERROR\r\n
42 a hundred and one spaces before a long get are cut off
    > {\x20*101}get {k*2000}{wait}
    < {EOF}
43 a long gat is cut off
    > gat 5 {k *1100}{wait}
    < {EOF}
44 a long meta line is cut off
    > mg {k*2100}{wait}
    < {EOF}
a long storage line is cut off
    > set {k*2100}{wait}
    < {EOF}
45 a get of 9000 keys is answered
    > get {key *9000}\r\n
    < END\r\n
47 0x81 is an ordinary first byte
    > \x81\r\n
    < {CE}
48 0x80 after a text command is an ordinary byte
    > version\r\n{wait}\x80\x0b{\0*22}\n
    < VERSION 1.6.45\r\nERROR\r\n
