#!/usr/bin/perl
# The corners of the classic text protocol, byte for byte. Each conversation runs on a
# new connection to an empty cache. A reply list is complete: what the server sends
# beyond it is a failure, and afterwards it must still be in step.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;
use Notation;

my @rows = conversations(do { local $/; <DATA> });
my %seen;
for my $options (grep { !$seen{$_}++ } map { $_->{server} } @rows) {
    my $server = Server->start($options);
    my $operator = $server->client;
    $operator->stop_clock;
    for my $row (grep { $_->{server} eq $options } @rows) {
        converse($server, $operator, $row);
        $operator->ask('flush_all');
    }
}

done_testing;

sub converse {
    my ($server, $operator, $row) = @_;
    my $client = $server->client;
    my ($expect, $closes) = pattern_of($row->{output});
    my $waits_at_end = $row->{input} =~ /\{wait\}\z/;
    my $got = '';

    for my $step (steps_of($row->{input})) {
        my ($what, $with) = @$step;
        if    ($what eq 'send')    { $client->send($with) }
        elsif ($what eq 'wait')    { $client->settle }
        elsif ($what eq 'advance') { $client->settle; $operator->advance($with) }
    }
    if (!$closes) {
        $got = '{EOF}' if $client->ended;
        # A row that ends in {wait} may stand in mid-request; others must be in step.
        $client->send("version\r\n") unless $waits_at_end;
        $client->half_close;
    }
    $got .= $client->read_to_eof;
    $got .= '{still open}' unless $client->ended;
    $got =~ s/\QVERSION 1.6.45\E\r\n\z/{in step}/ unless $closes || $waits_at_end;

    my $tail = $closes || $waits_at_end ? '' : '{in step}';
    if (!ref $expect) {
        return Client::is_same($got, "$expect$tail", $row->{name});
    }
    $got =~ s/\Q$tail\E\z// or $got .= '{out of step}';
    return like($got, $expect, $row->{name});
}

__DATA__
[]

# Framing, tokens, unknown commands

an empty line is refused
    > \r\n
    < {CE}
an empty line that ends in LF alone is refused
    > \n
    < {CE}
a line of three bytes is refused
    > q\r\n
    < {CE}
a line of three bytes is refused, whatever the word
    > mn\n
    < {CE}
a line of one space is refused
    > \x20\n
    < {CE}
a line of two spaces and LF is refused
    > \x20\x20\n
    < {CE}
four bytes are enough for a line
    > qq \n
    < ERROR\r\n
an unknown word is an error
    > qq\r\n
    < ERROR\r\n
an unknown word that ends in LF alone is an error
    > qqq\n
    < ERROR\r\n
spaces alone are a command without a name
    > \x20\x20\r\n
    < ERROR\r\n
a leading space is not skipped
    > \x20version\r\n
    < ERROR\r\n
a command line may end in LF alone
    > version\n
    < VERSION 1.6.45\r\n
only one CR is part of the line end
    > version\r\r\n
    < ERROR\r\n
a tab does not separate
    > version\tx\r\n
    < ERROR\r\n
commands are lower case
    > VERSION\r\n
    < ERROR\r\n
version ignores its arguments
    > version now please\r\n
    < VERSION 1.6.45\r\n
a command is a whole word
    > versions\r\n
    < ERROR\r\n
short lines do not disturb what follows
    > \r\n\r\nversion\r\n
    < {CE}{CE}VERSION 1.6.45\r\n
an unknown command with an argument is an error
    > wibble wobble\r\n
    < ERROR\r\n
noreply silences even an unknown command
    > wibble noreply\r\n
    <
noreply alone is silent
    > noreply\r\n
    <
noreply counts only as the last word
    > wibble noreply x\r\n
    < ERROR\r\n
version does not honour noreply
    > version noreply\r\n
    < VERSION 1.6.45\r\n
quit closes
    > quit\r\n
    < {EOF}
quit closes with noreply too
    > quit noreply\r\n
    < {EOF}
quit is a whole word
    > quitx\r\n
    < ERROR\r\n
quit sends the replies before it and ignores what follows
    > version\r\nquit\r\nversion\r\n
    < VERSION 1.6.45\r\n{EOF}
a web browser is cut off
    > GET / HTTP/1.1\r\n
    < {EOF}
a last word that starts with HTTP/ is enough to be cut off
    > zap HTTP/\r\n
    < {EOF}
HTTP without a slash is only an unknown command
    > zap HTTP\r\n
    < ERROR\r\n
HTTP/ as the command itself is only an unknown command
    > HTTP/1.1\r\n
    < ERROR\r\n
HTTP/ before the last word is only an unknown command
    > zap HTTP/1.1 z\r\n
    < ERROR\r\n
a known command judges an HTTP/ argument itself
    > flush_all HTTP/1.1\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
an unknown kind of stats is an error, even HTTP/
    > stats HTTP/1.1\r\n
    < ERROR\r\n
get takes HTTP/ for a key
    > get / HTTP/1.1\r\n
    < END\r\n
a browser is cut off after the replies before it
    > version\r\nGET / HTTP/1.1\r\n
    < VERSION 1.6.45\r\n{EOF}
2048 bytes without a line end are kept
    > {x*2048}{wait}\r\nversion\r\n
    < ERROR\r\nVERSION 1.6.45\r\n
2049 bytes without a line end are cut off
    > {x*2049}{wait}\r\n
    < {EOF}
a get of any length is waited for
    > get {k*2045}{wait}
    <
a gets of any length is waited for, then judged once
    > gets {k*3000}{wait} b\r\n
    < {CE}
a hundred spaces before a long get are waited for, but name no command
    > {\x20*100}get {k*2000}{wait}\r\n
    < ERROR\r\n
a hundred and one spaces before a long get are cut off
    > {\x20*101}get {k*2000}{wait}
    < {EOF}
a long gat is cut off
    > gat 5 {k *1100}{wait}
    < {EOF}
a long storage line is cut off
    > set {k*2100}{wait}
    < {EOF}
a get of 9000 keys is answered
    > get {key *9000}\r\n
    < END\r\n
0x81 is an ordinary first byte
    > \x81\r\n
    < {CE}
0x80 after a text command is an ordinary byte
    > version\r\n{wait}\x80\x0b{\0*22}\n
    < VERSION 1.6.45\r\nERROR\r\n
names that only start like a meta command are unknown
    > mnx\r\nmx a\r\nMG a\r\n
    < ERROR\r\nERROR\r\nERROR\r\n

# Keys and retrieval

get wants a key
    > get\r\n
    < {CE}
get and a space is no key
    > get \r\n
    < {CE}
gets wants a key
    > gets\r\n
    < {CE}
a missing key is left out
    > get none\r\n
    < END\r\n
a stored value comes back with its flags
    > set a 5 0 2\r\nhi\r\nget a\r\n
    < STORED\r\nVALUE a 5 2\r\nhi\r\nEND\r\n
command lines may end in LF, the data block may not
    > set a 0 0 1\nx\r\nget a\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n
runs of spaces separate, and a key asked twice is answered twice
    > set  a   0  0    1  \r\nx\r\nget   a  b   a  \r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nVALUE a 0 1\r\nx\r\nEND\r\n
gets adds the version to each hit
    > set a 0 0 1\r\nx\r\ngets a none a\r\n
    < STORED\r\nVALUE a 0 1 {#}\r\nx\r\nVALUE a 0 1 {#}\r\nx\r\nEND\r\n
a CR before the line end belongs to the key
    > get a\r\r\n
    < END\r\n
a key may end in CR
    > set a\r 0 0 1\r\nx\r\nget a\r\r\n
    < STORED\r\nVALUE a\r 0 1\r\nx\r\nEND\r\n
NUL is a byte of a key
    > set a\0b 0 0 1\r\nx\r\nget a\0b a\r\n
    < STORED\r\nVALUE a\0b 0 1\r\nx\r\nEND\r\n
control and 8-bit bytes are legal in a key
    > set \x01\t\xff\xc3\xa9 0 0 1\r\nx\r\nget \x01\t\xff\xc3\xa9\r\n
    < STORED\r\nVALUE \x01\t\xff\xc3\xa9 0 1\r\nx\r\nEND\r\n
a key may have 250 bytes
    > set {k*250} 0 0 1\r\nx\r\nget {k*250}\r\n
    < STORED\r\nVALUE {k*250} 0 1\r\nx\r\nEND\r\n
a get of a key of 251 bytes is refused
    > get {k*251}\r\n
    < {CE}
one long key refuses the whole get, its hits included, and nothing before it
    > set a 0 0 1\r\nx\r\n{wait}get a {k*251} a\r\nversion\r\n
    < STORED\r\n{CE}VERSION 1.6.45\r\n
replies still unsent before a refused get are kept
    > set a 0 0 1\r\nx\r\nget a\r\nget a {k*251} a\r\nget a\r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n{CE}VALUE a 0 1\r\nx\r\nEND\r\n
a get with a long key is refused aloud, noreply or not
    > get {k*251} noreply\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
noreply is an ordinary key for get
    > get noreply\r\n
    < END\r\n
a key may be called noreply
    > set noreply 0 0 1\r\nx\r\nget noreply\r\n
    < STORED\r\nVALUE noreply 0 1\r\nx\r\nEND\r\n
a get may name more keys than other commands have arguments
    > set z 0 0 1\r\nZ\r\nget {q *40}z\r\n
    < STORED\r\nVALUE z 0 1\r\nZ\r\nEND\r\n
a value may hold line ends and NUL
    > set bin 0 0 6\r\n\0\r\n\xffa\n\r\nget bin\r\n
    < STORED\r\nVALUE bin 0 6\r\n\0\r\n\xffa\n\r\nEND\r\n
pipelined commands are answered in order
    > get a\r\nset z 0 0 1\r\nx\r\ndelete z\r\nget z\r\n
    < END\r\nSTORED\r\nDELETED\r\nEND\r\n
a command may arrive in pieces
    > ge{wait}t a\r{wait}\nversion\r\n
    < END\r\nVERSION 1.6.45\r\n

# Storage

set with too few words is refused, its data is not swallowed
    > set a 0 0\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
set with a length that is no number is refused, its data is not swallowed
    > set a 0 0 x\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
set with a negative length is refused, its data is not swallowed
    > set a 0 0 -1\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
a bad length is refused aloud, noreply or not
    > set a 0 0 x noreply\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
noreply is no length
    > set a 0 0 noreply\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
a length has no plus sign
    > set a 0 0 +1\r\nx\r\n
    < {CE}{CE}
a length may have 11 digits
    > set a 0 0 00000000001\r\nx\r\n
    < STORED\r\n
a length may not have 12 digits
    > set a 0 0 000000000001\r\nx\r\n
    < {CE}{CE}
the largest length is swallowed before it is refused
    > set a 0 0 2147483645\r\n{wait}
    <
one more than the largest length is refused at once
    > set a 0 0 2147483646\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
a length of 32 bits is refused at once
    > set a 0 0 4294967295\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
a length of -0 is 0
    > set a 0 0 -0\r\n\r\nversion\r\n
    < STORED\r\nVERSION 1.6.45\r\n
a length of a lone minus is 0
    > set a 0 0 -\r\n\r\nversion\r\n
    < STORED\r\nVERSION 1.6.45\r\n
a value may be empty
    > set a 0 0 0\r\n\r\nget a\r\n
    < STORED\r\nVALUE a 0 0\r\n\r\nEND\r\n
words after the length are ignored
    > set a 0 0 1 what ever\r\nx\r\n
    < STORED\r\n
a silent set stores
    > set a 0 0 1 noreply\r\nx\r\nget a\r\n
    < VALUE a 0 1\r\nx\r\nEND\r\n
noreply counts as the last of many words
    > set a 0 0 1 what noreply\r\nx\r\nversion\r\n
    < VERSION 1.6.45\r\n
noreply before the last word does not count
    > set a 0 0 1 noreply what\r\nx\r\n
    < STORED\r\n
noreply is lower case
    > set a 0 0 1 NOREPLY\r\nx\r\n
    < STORED\r\n
noreply counts as the 23rd word
    > set a 0 0 1{ x*17} noreply\r\nx\r\nversion\r\n
    < VERSION 1.6.45\r\n
noreply as the 24th word is not seen
    > set a 0 0 1{ x*18} noreply\r\nx\r\n
    < STORED\r\n
bad flags are refused, the data is swallowed
    > set a x 0 1\r\nq\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
bad flags are refused silently with noreply
    > set a x 0 1 noreply\r\nq\r\nversion\r\n
    < VERSION 1.6.45\r\n
a bad exptime is refused, the data is swallowed
    > set a 0 x 1\r\nq\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
a key of 251 bytes is refused, the data is swallowed
    > set {k*251} 0 0 1\r\nq\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
a key of 251 bytes is refused silently with noreply
    > set {k*251} 0 0 1 noreply\r\nq\r\nversion\r\n
    < VERSION 1.6.45\r\n
a data block that is too long loses its length and two bytes, the rest is a command
    > set b 0 0 3\r\nabcdef\r\nversion\r\n
    < CLIENT_ERROR bad data chunk\r\n{CE}VERSION 1.6.45\r\n
a data block that is too short eats into the next command
    > set b 0 0 3\r\nab\r\nversion\r\nversion\r\n
    < CLIENT_ERROR bad data chunk\r\nERROR\r\nVERSION 1.6.45\r\n
a data block does not end in LF alone
    > set b 0 0 1\r\nx\n\nversion\r\n
    < CLIENT_ERROR bad data chunk\r\nVERSION 1.6.45\r\n
a bad data block leaves the old value
    > set b 0 0 3\r\nold\r\nset b 0 0 3\r\nnewXXget b\r\n
    < STORED\r\nCLIENT_ERROR bad data chunk\r\nVALUE b 0 3\r\nold\r\nEND\r\n
a bad data block is silent with noreply
    > set b 0 0 3 noreply\r\nnewXXversion\r\n
    < VERSION 1.6.45\r\n
an empty line after the data block is a short line
    > set b 0 0 3\r\nabc\r\n\r\nversion\r\n
    < STORED\r\n{CE}VERSION 1.6.45\r\n
a bad data block of a large value is refused alike
    > set b 0 0 600000\r\n{x*600000}XXversion\r\n
    < CLIENT_ERROR bad data chunk\r\nVERSION 1.6.45\r\n
a value may arrive in pieces
    > set b 0 0 5\r\nab{wait}cde{wait}\r{wait}\nget b\r\n
    < STORED\r\nVALUE b 0 5\r\nabcde\r\nEND\r\n
a reply does not wait for the data block of a later command
    > version\r\nset b 0 0 1\r\n{wait}
    < VERSION 1.6.45\r\n
a reply before a data block and the reply after it come in order
    > version\r\nset b 0 0 1\r\n{wait}x\r\n
    < VERSION 1.6.45\r\nSTORED\r\n
add does not replace
    > set a 0 0 1\r\n1\r\nadd a 0 0 1\r\n2\r\nget a\r\n
    < STORED\r\nNOT_STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n
replace, append and prepend want a key that is there
    > replace a 0 0 1\r\n1\r\nappend a 0 0 1\r\n1\r\nprepend a 0 0 1\r\n1\r\n
    < NOT_STORED\r\nNOT_STORED\r\nNOT_STORED\r\n
NOT_STORED is silent with noreply
    > append a 0 0 1 noreply\r\n1\r\nversion\r\n
    < VERSION 1.6.45\r\n
append and prepend keep flags and exptime
    > set a 7 100 2\r\nmm\r\nappend a 9 500 2\r\naa\r\nprepend a 11 0 2\r\npp\r\nget a\r\n
    > {98s}get a\r\n{3s}get a\r\n
    < STORED\r\nSTORED\r\nSTORED\r\nVALUE a 7 6\r\nppmmaa\r\nEND\r\n
    < VALUE a 7 6\r\nppmmaa\r\nEND\r\nEND\r\n
append reads the flags it ignores
    > set a 0 0 1\r\nx\r\nappend a q 0 1\r\nx\r\n
    < STORED\r\n{CE}
replace takes the new flags and exptime
    > set a 5 50 1\r\nx\r\nreplace a 0 0 1\r\ny\r\n{60s}get a\r\n
    < STORED\r\nSTORED\r\nVALUE a 0 1\r\ny\r\nEND\r\n
a value of 1 MiB less 1 KiB fits
    > set a 0 0 1047552\r\n{x*1047552}\r\n
    < STORED\r\n
a value of more than 1 MiB does not fit
    > set a 0 0 1048577\r\n{x*1048577}\r\n
    < SERVER_ERROR object too large for cache\r\n
a set that does not fit removes the old value
    > set a 0 0 3\r\nold\r\nset a 0 0 2000000\r\n{x*2000000}\r\nget a\r\n
    < STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n
an add that does not fit leaves the old value
    > set a 0 0 3\r\nold\r\nadd a 0 0 2000000\r\n{x*2000000}\r\nget a\r\n
    < STORED\r\nSERVER_ERROR object too large for cache\r\nVALUE a 0 3\r\nold\r\nEND\r\n
a replace that does not fit leaves the old value
    > set a 0 0 3\r\nold\r\nreplace a 0 0 2000000\r\n{x*2000000}\r\nget a\r\n
    < STORED\r\nSERVER_ERROR object too large for cache\r\nVALUE a 0 3\r\nold\r\nEND\r\n
a value that does not fit is swallowed silently with noreply
    > set a 0 0 2000000 noreply\r\n{x*2000000}\r\nversion\r\n
    < VERSION 1.6.45\r\n
an append whose outcome does not fit is not stored
    > set a 0 0 600000\r\n{x*600000}\r\n{wait}append a 0 0 600000\r\n{y*600000}\r\nget a\r\n
    < STORED\r\nNOT_STORED\r\nVALUE a 0 600000\r\n{x*600000}\r\nEND\r\n

# Numbers: client flags and exptime of storage commands

flags have 32 bits
    > set a 4294967295 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 4294967295 1\r\nx\r\nEND\r\n
larger flags are cut to 32 bits
    > set a 4294967297 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 1 1\r\nx\r\nEND\r\n
the largest 64-bit flags are cut to 32 bits
    > set a 18446744073709551615 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 4294967295 1\r\nx\r\nEND\r\n
flags beyond 64 bits are refused
    > set a 18446744073709551616 0 1\r\nx\r\nget a\r\n
    < {CE}END\r\n
negative flags are refused
    > set a -1 0 1\r\nx\r\nget a\r\n
    < {CE}END\r\n
flags of -0 are 0
    > set a -0 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n
flags are negated modulo 2^64
    > set a -18446744073709551611 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n
flags may have a plus sign
    > set a +5 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n
flags may have any number of digits
    > set a {0*40}5 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n
flags may start with a tab
    > set a \t5 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n
flags end at a tab
    > set a 5\t7 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n
flags end at a NUL
    > set a 5\0 0 1\r\nx\r\nget a\r\n
    < STORED\r\nVALUE a 5 1\r\nx\r\nEND\r\n
flags of white space alone are read on into the next word
    > set a \t 7 1\r\nx\r\nget a\r\n{8s}get a\r\n
    < STORED\r\nVALUE a 7 1\r\nx\r\nEND\r\nEND\r\n
letters after the flags are refused
    > set a 5x 0 1\r\nx\r\nget a\r\n
    < {CE}END\r\n
hexadecimal flags are refused
    > set a 0x10 0 1\r\nx\r\nget a\r\n
    < {CE}END\r\n
a negative exptime stores what has already expired
    > set a 0 -1 1\r\nx\r\nget a\r\nadd a 0 0 1\r\ny\r\n
    < STORED\r\nEND\r\nSTORED\r\n
an exptime of 30 days is relative
    > set a 0 2592000 1\r\nx\r\nget a\r\n{2591998s}get a\r\n{3s}get a\r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\n
an exptime above 30 days is a date, here long past
    > set a 0 2592001 1\r\nx\r\nget a\r\n
    < STORED\r\nEND\r\n
an exptime is cut to its low 32 bits
    > set a 0 4294967396 1\r\nx\r\nget a\r\n{101s}get a\r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\n
an exptime of 2^31 becomes negative
    > set a 0 2147483648 1\r\nx\r\nget a\r\n
    < STORED\r\nEND\r\n
an exptime beyond 64 bits is refused
    > set a 0 9223372036854775808 1\r\nx\r\nget a\r\n
    < {CE}END\r\n
an exptime may have a plus sign
    > set a 0 +90 1\r\nx\r\n{88s}get a\r\n{3s}get a\r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\n
letters after the exptime are refused
    > set a 0 9x 1\r\nx\r\nget a\r\n
    < {CE}END\r\n
what has expired is missing for every command
    > set a 0 -1 1\r\n1\r\nreplace a 0 0 1\r\n2\r\nappend a 0 0 1\r\n2\r\nincr a 1\r\ntouch a 9\r\n
    > delete a\r\ncas a 0 0 1 1\r\n2\r\n
    < STORED\r\nNOT_STORED\r\nNOT_STORED\r\nNOT_FOUND\r\nNOT_FOUND\r\nNOT_FOUND\r\nNOT_FOUND\r\n
an item is gone no later than its exptime
    > set a 0 2 1\r\nx\r\nget a\r\n{2s}get a\r\n
    < STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\n

# cas

cas wants an id, its data is swallowed
    > cas a 0 0 1\r\nx\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
an id is a number
    > cas a 0 0 1 q\r\nx\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
an id is not negative
    > cas a 0 0 1 -1\r\nx\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
an id has 64 bits
    > cas a 0 0 1 18446744073709551616\r\nx\r\n
    < {CE}
noreply in place of the id silences the refusal
    > cas a 0 0 1 noreply\r\nx\r\nversion\r\n
    < VERSION 1.6.45\r\n
cas with a bad length is refused, its data is not swallowed
    > cas a 0 0 x 1\r\nversion\r\n
    < {CE}VERSION 1.6.45\r\n
cas of a missing key is not found
    > cas a 0 0 1 5\r\nx\r\n
    < NOT_FOUND\r\n
cas of a missing key with id 0 is not found
    > cas a 0 0 1 0\r\nx\r\n
    < NOT_FOUND\r\n
id 0 never matches
    > set a 0 0 1\r\nx\r\ncas a 0 0 1 0\r\ny\r\n
    < STORED\r\nEXISTS\r\n

# incr and decr

incr wants a delta
    > incr n\r\n
    < {CE}
incr and decr of a missing key are not found
    > incr n 1\r\ndecr n 1\r\n
    < NOT_FOUND\r\nNOT_FOUND\r\n
incr of a key of 251 bytes is refused
    > incr {k*251} 1\r\n
    < {CE}
noreply in place of the delta silences the refusal
    > incr n noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
incr makes room for more digits
    > set n 0 0 1\r\n9\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n10\r\nVALUE n 0 2\r\n10\r\nEND\r\n
decr keeps the length and pads with a space
    > set n 0 0 2\r\n10\r\n{wait}decr n 1\r\n{wait}get n\r\n
    < STORED\r\n9\r\nVALUE n 0 2\r\n9 \r\nEND\r\n
padding is not part of the number
    > set n 0 0 2\r\n10\r\n{wait}decr n 1\r\n{wait}incr n 7\r\n{wait}get n\r\n
    < STORED\r\n9\r\n16\r\nVALUE n 0 2\r\n16\r\nEND\r\n
decr stops at 0
    > set n 0 0 1\r\n5\r\n{wait}decr n 6\r\n
    < STORED\r\n0\r\n
incr wraps at 2^64
    > set n 0 0 20\r\n18446744073709551615\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n0\r\nVALUE n 0 20\r\n0{\x20*19}\r\nEND\r\n
incr by the largest delta wraps
    > set n 0 0 1\r\n5\r\n{wait}incr n 18446744073709551615\r\n
    < STORED\r\n4\r\n
a delta has 64 bits
    > set n 0 0 1\r\n5\r\n{wait}incr n 18446744073709551616\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
a delta is not negative
    > set n 0 0 1\r\n5\r\n{wait}incr n -1\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
a delta has no plus sign
    > set n 0 0 1\r\n5\r\n{wait}incr n +1\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
a delta is digits alone
    > set n 0 0 1\r\n5\r\n{wait}incr n 1x\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
a delta may have 22 digits
    > set n 0 0 1\r\n5\r\n{wait}incr n 0000000000000000000001\r\n
    < STORED\r\n6\r\n
a delta may not have 23 digits
    > set n 0 0 1\r\n5\r\n{wait}incr n 00000000000000000000001\r\n
    < STORED\r\nCLIENT_ERROR invalid numeric delta argument\r\n
words after the delta are ignored
    > set n 0 0 1\r\n5\r\n{wait}incr n 2 junk\r\n
    < STORED\r\n7\r\n
incr is silent with noreply, whatever comes of it
    > set n 0 0 1\r\n5\r\n{wait}incr n 2 noreply\r\nincr n q noreply\r\nincr zz 1 noreply\r\nget n\r\n
    < STORED\r\nVALUE n 0 1\r\n7\r\nEND\r\n
letters are no number
    > set n 0 0 3\r\nabc\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
an empty value is no number
    > set n 0 0 0\r\n\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
a digit and a letter are no number
    > set n 0 0 2\r\n7a\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
a negative value is no number
    > set n 0 0 2\r\n-1\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
a fraction is no number
    > set n 0 0 3\r\n1.5\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
a value beyond 64 bits is no number
    > set n 0 0 20\r\n18446744073709551616\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
a number may start with a space
    > set n 0 0 3\r\n\x2012\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n13\r\nVALUE n 0 3\r\n13 \r\nEND\r\n
a number may start with a plus sign
    > set n 0 0 2\r\n+7\r\n{wait}incr n 1\r\n
    < STORED\r\n8\r\n
leading zeros become trailing spaces
    > set n 0 0 4\r\n0012\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n13\r\nVALUE n 0 4\r\n13  \r\nEND\r\n
what follows white space in a value is overwritten
    > set n 0 0 5\r\n12 34\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n13\r\nVALUE n 0 5\r\n13   \r\nEND\r\n
a NUL ends the number
    > set n 0 0 3\r\n12\0\r\n{wait}incr n 1\r\n{wait}get n\r\n
    < STORED\r\n13\r\nVALUE n 0 3\r\n13 \r\nEND\r\n
a number may have any number of digits
    > set n 0 0 301\r\n{0*300}5\r\n{wait}incr n 1\r\n
    < STORED\r\n6\r\n
a value kept in several chunks is no number
    > set n 0 0 600000\r\n1{\x20*599999}\r\n{wait}incr n 1\r\n
    < STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n
incr keeps flags and exptime
    > set n 9 100 2\r\n99\r\n{wait}incr n 1\r\ngets n\r\n{98s}get n\r\n{3s}get n\r\n
    < STORED\r\n100\r\nVALUE n 9 3 {#}\r\n100\r\nEND\r\nVALUE n 9 3\r\n100\r\nEND\r\nEND\r\n

# delete, touch, gat

delete wants a key
    > delete\r\n
    < {CE}
a key is deleted once
    > set d 0 0 1\r\nx\r\ndelete d\r\ndelete d\r\n
    < STORED\r\nDELETED\r\nNOT_FOUND\r\n
delete ignores the historical 0
    > set d 0 0 1\r\nx\r\ndelete d 0\r\n
    < STORED\r\nDELETED\r\n
delete ignores any other delay
    > set d 0 0 1\r\nx\r\ndelete d 10\r\n
    < STORED\r\nDELETED\r\n
delete is silent with noreply after a delay
    > set d 0 0 1\r\nx\r\ndelete d 0 noreply\r\nget d\r\n
    < STORED\r\nEND\r\n
delete of a key called noreply is silent
    > set noreply 0 0 1\r\nx\r\ndelete noreply\r\nget noreply\r\n
    < STORED\r\nEND\r\n
delete of a key of 251 bytes is refused
    > delete {k*251}\r\n
    < {CE}
delete of a key of 251 bytes is refused silently with noreply
    > delete {k*251} noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
touch wants an exptime
    > touch t\r\n
    < {CE}
touch of a missing key is not found
    > touch t 9\r\n
    < NOT_FOUND\r\n
noreply in place of the exptime silences the refusal
    > touch t noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
touch sets the exptime
    > set t 0 0 1\r\nx\r\ntouch t 100\r\n{98s}get t\r\n{3s}get t\r\n
    < STORED\r\nTOUCHED\r\nVALUE t 0 1\r\nx\r\nEND\r\nEND\r\n
touch with 0 makes it last
    > set t 0 100 1\r\nx\r\ntouch t 0\r\n{200s}get t\r\n
    < STORED\r\nTOUCHED\r\nVALUE t 0 1\r\nx\r\nEND\r\n
touch with a negative exptime ends it
    > set t 0 0 1\r\nx\r\ntouch t -1\r\nget t\r\n
    < STORED\r\nTOUCHED\r\nEND\r\n
touch with a date long past ends it
    > set t 0 0 1\r\nx\r\ntouch t 2592001\r\nget t\r\n
    < STORED\r\nTOUCHED\r\nEND\r\n
an exptime of touch is a number
    > touch t x\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
an exptime of touch has 32 bits
    > touch t 2147483648\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
an exptime of touch has no plus sign
    > touch t +5\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
an exptime of touch may not have 12 digits
    > touch t 000000000005\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
gat wants an exptime and a key
    > gat 5\r\n
    < {CE}
an exptime of gat is a number
    > gat x t\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
gat leaves out a missing key
    > gat 5 t\r\n
    < END\r\n
gats adds the version to each hit and sets the exptime
    > set t 3 0 1\r\nx\r\ngats 100 t none t\r\n{98s}get t\r\n{3s}get t\r\n
    < STORED\r\nVALUE t 3 1 {#}\r\nx\r\nVALUE t 3 1 {#}\r\nx\r\nEND\r\n
    < VALUE t 3 1\r\nx\r\nEND\r\nEND\r\n
gat with a negative exptime answers once more, then it is gone
    > set t 0 0 1\r\nx\r\ngat -1 t\r\nget t\r\n
    < STORED\r\nVALUE t 0 1\r\nx\r\nEND\r\nEND\r\n
gat of a key of 251 bytes is refused
    > gat 5 {k*251}\r\n
    < {CE}

# flush_all

what is stored in the second of a flush_all, but after it, stays
    > set a 0 0 1\r\nx\r\nflush_all\r\nget a\r\nset a 0 0 1\r\ny\r\nget a\r\n
    < STORED\r\nOK\r\nEND\r\nSTORED\r\nVALUE a 0 1\r\ny\r\nEND\r\n
a negative delay is none
    > set a 0 0 1\r\nx\r\nflush_all -1\r\nget a\r\n
    < STORED\r\nOK\r\nEND\r\n
flush_all is silent with noreply, with a delay or without
    > set a 0 0 1\r\nx\r\nflush_all 0 noreply\r\nflush_all noreply\r\nget a\r\n
    < STORED\r\nEND\r\n
flush_all ignores words after the delay
    > flush_all 0 junk\r\n
    < OK\r\n
a delay is a number
    > flush_all x\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
noreply is no delay
    > flush_all noreply 0\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
a bad delay is refused silently with noreply
    > flush_all x noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
a delay has 32 bits
    > flush_all 4294967296\r\n
    < CLIENT_ERROR invalid exptime argument\r\n
a delay of 1 is immediate
    > set a 0 0 1\r\nx\r\nflush_all 1\r\nget a\r\n
    < STORED\r\nOK\r\nEND\r\n
a delayed flush comes with its time
    > set a 0 0 1\r\nx\r\nflush_all 3\r\nget a\r\n{3s}get a\r\n
    < STORED\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\nEND\r\n
a date long past cancels a delayed flush
    > set a 0 0 1\r\nx\r\nflush_all 3\r\nflush_all 2592001\r\n{3s}get a\r\n
    < STORED\r\nOK\r\nOK\r\nVALUE a 0 1\r\nx\r\nEND\r\n
the last flush_all counts
    > flush_all 3\r\nflush_all\r\nset a 0 0 1\r\nx\r\n{3s}get a\r\n
    < OK\r\nOK\r\nSTORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n

# verbosity and shutdown

verbosity wants a level
    > verbosity\r\n
    < {CE}
a verbosity above the largest is taken for it
    > verbosity 99\r\nverbosity 0\r\n
    < OK\r\nOK\r\n
a verbosity is not negative
    > verbosity -1\r\n
    < {CE}
verbosity is silent with noreply, in place of the level too
    > verbosity noreply\r\nverbosity 0 noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
shutdown is refused unless allowed, whatever its arguments
    > shutdown\r\nshutdown now\r\nshutdown noreply\r\nversion\r\n
    < SERVER_ERROR: shutdown not enabled\r\nSERVER_ERROR: shutdown not enabled\r\nVERSION 1.6.45\r\n

[-F]

flush_all can be forbidden, and is refused before its delay is read
    > set a 0 0 1\r\nx\r\nflush_all\r\nflush_all x\r\nflush_all noreply\r\nget a\r\n
    < STORED\r\nCLIENT_ERROR flush_all not allowed\r\nCLIENT_ERROR flush_all not allowed\r\n
    < VALUE a 0 1\r\nx\r\nEND\r\n

[-C]

without cas every version reads 0
    > set a 0 0 1\r\nx\r\ngets a\r\nset a 0 0 1\r\ny\r\ngets a\r\n
    < STORED\r\nVALUE a 0 1 0\r\nx\r\nEND\r\nSTORED\r\nVALUE a 0 1 0\r\ny\r\nEND\r\n
without cas no id ever matches
    > set a 0 0 1\r\nx\r\ncas a 0 0 1 0\r\ny\r\ncas a 0 0 1 5\r\ny\r\ncas b 0 0 1 5\r\ny\r\n
    < STORED\r\nEXISTS\r\nEXISTS\r\nNOT_FOUND\r\n

[-A]

an unknown way to shut down is refused
    > shutdown now\r\nshutdown graceful now\r\nshutdown graceful noreply\r\nversion\r\n
    < CLIENT_ERROR invalid shutdown mode\r\nCLIENT_ERROR invalid shutdown mode\r\nVERSION 1.6.45\r\n

[-B ascii]

an ASCII server takes 0x80 for an ordinary byte
    > \x80\x0b{\0*22}\r\n
    < ERROR\r\n
