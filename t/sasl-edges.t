#!/usr/bin/perl
# Frames: who has logged in, and who has not.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use BinaryConversation;
use Server;

my $users = scratch_path('users');
open my $file, '>', $users or die "$users: $!";
print $file "bob:secret\n";
close $file;
chmod 0600, $users;
converse_in_frames(do { local $/; <DATA> }, env => { MEMCACHED_SASL_PWDB => $users });

done_testing;

__DATA__
[-S]
199 the mechanisms are told to everyone
    > SASL_LIST
    < SASL_LIST 00 val="PLAIN"
200 so is the version
    > VERSION
    < VERSION 00 val="1.6.45"
201 all else wants a login, and closes
    > NOOP + NOOP
    < NOOP 20; {EOF}
202 a get too
    > GET "k"
    < GET 20; {EOF}
203 quiet requests too
    > SETQ flags=0 exp=0 "k" val="v" + NOOP
    < SETQ 20; {EOF}
204 a quit too
    > QUIT
    < QUIT 20; {EOF}
205 a quiet quit too
    > QUITQ
    < QUITQ 20; {EOF}
206 unknown ones too
    > 0x70
    < 0x70 20; {EOF}
207 before the key is looked at
    > GET "{k*251}"
    < GET 20; {EOF}
208 but not before lengths are
    > GET "kkkkk" bodylen=1
    < GET 81; {EOF}
209 what is open to everyone must be right
    > VERSION "k"
    < VERSION 04; {EOF}
210 a login is good for what comes with it
    > SASL_AUTH "PLAIN" val="\0bob\0secret" + NOOP
    < SASL_AUTH 00 val="Authenticated"; NOOP 00
211 a wrong password is refused
    > SASL_AUTH "PLAIN" val="\0bob\0nope" + NOOP
    < SASL_AUTH 20; NOOP 20; {EOF}
212 and may be tried again
    > SASL_AUTH "PLAIN" val="\0bob\0nope" + SASL_AUTH "PLAIN" val="\0bob\0secret" + NOOP
    < SASL_AUTH 20; SASL_AUTH 00 val="Authenticated"; NOOP 00
213 one may act as oneself
    > SASL_AUTH "PLAIN" val="bob\0bob\0secret" + NOOP
    < SASL_AUTH 00 val="Authenticated"; NOOP 00
214 but not as somebody else
    > SASL_AUTH "PLAIN" val="eve\0bob\0secret" + NOOP
    < SASL_AUTH 20; NOOP 20; {EOF}
215 the mechanism may be in lower case
    > SASL_AUTH "plain" val="\0bob\0secret" + NOOP
    < SASL_AUTH 00 val="Authenticated"; NOOP 00
216 an unknown mechanism is refused
    > SASL_AUTH "FOO" val="\0bob\0secret" + NOOP
    < SASL_AUTH 20; NOOP 20; {EOF}
217 up to 32 bytes of it
    > SASL_AUTH "{X*32}" val="\0bob\0secret" + NOOP
    < SASL_AUTH 20; NOOP 20; {EOF}
218 a longer name is invalid, and the connection goes on
    > SASL_AUTH "{X*33}" val="\0bob\0secret" + SASL_AUTH "PLAIN" val="\0bob\0secret" + NOOP
    < SASL_AUTH 04; SASL_AUTH 00 val="Authenticated"; NOOP 00
219 unless it is no key
    > SASL_AUTH "{X*251}" val="\0bob\0secret"
    < SASL_AUTH 04; {EOF}
220 a login may come in two steps
    > SASL_AUTH "PLAIN"
    < SASL_AUTH 21
221 the second has the password
    > SASL_AUTH "PLAIN" + SASL_STEP "PLAIN" val="\0bob\0secret" + NOOP
    < SASL_AUTH 21; SASL_STEP 00 val="Authenticated"; NOOP 00
222 and any mechanism
    > SASL_AUTH "PLAIN" + SASL_STEP "FOO" val="\0bob\0secret"
    < SASL_AUTH 21; SASL_STEP 00 val="Authenticated"
223 a second step needs a first
    > SASL_STEP "PLAIN" val="\0bob\0secret" + NOOP
    < SASL_STEP 20; NOOP 20; {EOF}
224 a password needs two zeros
    > SASL_AUTH "PLAIN" val="bob\0secret" + NOOP
    < SASL_AUTH 20; NOOP 20; {EOF}
225 and not three
    > SASL_AUTH "PLAIN" val="\0bob\0secret\0" + NOOP
    < SASL_AUTH 20; NOOP 20; {EOF}
226 nobody is no user
    > SASL_AUTH "PLAIN" val="\0\0secret"
    < SASL_AUTH 20
227 a login has a mechanism
    > SASL_AUTH val="\0bob\0secret"
    < SASL_AUTH 04; {EOF}
228 and no extras
    > SASL_AUTH ext=00000000 "PLAIN" val="\0bob\0secret" + NOOP
    < SASL_AUTH 04; {EOF}
229 the list takes no key
    > SASL_LIST "x" + NOOP
    < SASL_LIST 04; {EOF}
230 who is logged in may do so again
    > SASL_AUTH "PLAIN" val="\0bob\0secret" + SASL_AUTH "PLAIN" val="\0bob\0secret" + NOOP
    < SASL_AUTH 00 val="Authenticated"; SASL_AUTH 00 val="Authenticated"; NOOP 00
231 the list changes nothing
    > SASL_AUTH "PLAIN" val="\0bob\0secret" + SASL_LIST + NOOP
    < SASL_AUTH 00 val="Authenticated"; SASL_LIST 00 val="PLAIN"; NOOP 00
232 a step too many ends a login
    > SASL_AUTH "PLAIN" val="\0bob\0secret" + SASL_STEP "PLAIN" val="\0bob\0secret" + NOOP
    < SASL_AUTH 00 val="Authenticated"; SASL_STEP 20; NOOP 20; {EOF}
233 too much for a password is refused
    > SASL_AUTH "PLAIN" val="{x*600008}" + NOOP
    < SASL_AUTH 82 val="Out of memory"; NOOP 20; {EOF}
234 text is waited for
    > RAW "version\r\n"
    < {wait}
235 until there is enough to be a frame
    > RAW "{x*30}"
    < {EOF}
