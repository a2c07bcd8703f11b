#!/usr/bin/perl
# Clients that have to log in by text, right and wrong.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Conversation;
use Notation;
use Server;

my $users = scratch_path('users');
open my $file, '>', $users or die "$users: $!";
print $file "bob:hunter2\nann:pass word:x\n";
close $file;

# Nobody can be asked to empty the cache or to stop the clock before each of these.
my $server = Server->start("-Y $users");
hold_alone($server, $_) for conversations(do { local $/; <DATA> });

done_testing;

__DATA__

457 a get needs a login
    > get a\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\n
458 so does the version
    > version\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\n
459 a short line closes
    > quit\r\n
    < {EOF}
460 whatever it says
    > mn\r\n
    < {EOF}
461 after a login all is as usual
    > set x 0 0 11\r\nbob hunter2\r\nversion\r\n
    < STORED\r\nVERSION 1.6.45\r\n
462 of the line only the length matters, and noreply does not
    > set x wat ever 11 noreply\r\nbob hunter2\r\nversion\r\n
    < STORED\r\nVERSION 1.6.45\r\n
463 of the command three bytes matter
    > settle y 0 0 11\r\nbob hunter2\r\n
    < STORED\r\n
464 no other command will do
    > add x 0 0 11\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\n
465 a login may be tried again
    > set x 0 0 11\r\nbob hunterX\r\n{wait}set x 0 0 11\r\nbob hunter2\r\n
    < CLIENT_ERROR authentication failure\r\nSTORED\r\n
466 each attempt has its reply
    > set x 0 0 11\r\nbob hunterX\r\nset x 0 0 11\r\nbob hunter2\r\nversion\r\n
    < CLIENT_ERROR authentication failure\r\nSTORED\r\nVERSION 1.6.45\r\n
467 the block ends in a line end
    > set x 0 0 11\r\nbob hunter2XX{wait}
    < CLIENT_ERROR bad command line termination\r\n
468 the block has a space
    > set x 0 0 5\r\nhello\r\n{wait}
    < CLIENT_ERROR bad authentication token format\r\n
469 the password begins behind the first space
    > set x 0 0 12\r\nbob  hunter2\r\n{wait}
    < CLIENT_ERROR authentication failure\r\n
470 it may hold spaces and colons
    > set x 0 0 15\r\nann pass word:x\r\n
    < STORED\r\n
471 the line has five words
    > set x 0 0\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\n
472 a length is not negative
    > set x 0 0 -1\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\n
473 nor longer than any password
    > set x 0 0 16385\r\n{wait}
    < CLIENT_ERROR auth token too long\r\n
474 however long that is
    > set x 0 0 4294967295\r\n{wait}
    < CLIENT_ERROR auth token too long\r\n
475 a length has 32 bits
    > set x 0 0 4294967296\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\n
476 the longest block that is read
    > set x 0 0 16382\r\nbob {p*16378}\r\n{wait}
    < CLIENT_ERROR authentication failure\r\n
477 an endless line closes
    > {x*2049}{wait}
    < {EOF}
478 after a login set is an ordinary command
    > set x 0 0 11\r\nbob hunter2\r\n{wait}set x 0 0 3\r\nabc\r\n{wait}get x\r\n
    < STORED\r\nSTORED\r\nVALUE x 0 3\r\nabc\r\nEND\r\n

a block longer than that is told at once
    > set x 0 0 16383\r\n{wait}
    < CLIENT_ERROR auth token too long\r\n
a length has digits alone
    > set x 0 0 +7\r\nset x 0 0 7x\r\nset x 0 0 0x7\r\nset x 0 0 7\0\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\n
    < CLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\n
an empty block has no space
    > set x 0 0 0\r\n\r\n{wait}
    < CLIENT_ERROR bad authentication token format\r\n
nothing is neither a user nor a password
    > set x 0 0 1\r\n \r\n{wait}
    < CLIENT_ERROR authentication failure\r\n
a line may end in a line feed alone
    > set x 0 0 11\nbob hunter2\r\nversion\n
    < STORED\r\nVERSION 1.6.45\r\n
words are split at any number of spaces
    > set   x  0   0    11\r\nbob hunter2\r\n
    < STORED\r\n
before the command there is none
    >  set x 0 0 11\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\n
the command is in lower case
    > SET x 0 0 11\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\n
a wrong length leaves the rest to be read as lines
    > set x 0 0 9\r\nbob hunter2\r\nset x 0 0 11\r\nbob hunter2\r\n
    < CLIENT_ERROR bad command line termination\r\n{EOF}
a beginning of the password is not enough
    > set x 0 0 10\r\nbob hunter\r\nset x 0 0 12\r\nbob hunter22\r\nset x 0 0 12\r\nbob hunter2\0\r\n{wait}
    < CLIENT_ERROR authentication failure\r\nCLIENT_ERROR authentication failure\r\n
    < CLIENT_ERROR authentication failure\r\n
a colon does not move into the user
    > set x 0 0 15\r\nann:pass word:x\r\n{wait}
    < CLIENT_ERROR authentication failure\r\n
an empty line closes when another byte has come
    > \r\n{wait}x
    < {EOF}
five bytes are a short line too
    > stats\n
    < {EOF}
lines are refused one by one, however many
    > {flush_all\r\n*3}{wait}
    < CLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\n
a frame is a line
    > \x80\x0a{\0*22}
    < {EOF}
a frame without a line feed is waited for
    > \x80\x0b{\0*22}{wait}
    <
meta commands need a login
    > mg x v\r\nms x 1\r\n{wait}
    < CLIENT_ERROR unauthenticated\r\nCLIENT_ERROR unauthenticated\r\n
