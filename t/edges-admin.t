#!/usr/bin/perl
# Commands of the operator: their syntax, and what is refused.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Conversation;
use Server;

converse_all(do { local $/; <DATA> });

{
    my $server = Server->start('-o no_lru_maintainer');
    my $client = $server->client;
    for my $classes ('+1', '01,2') {
        wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, 'no crawl is under way');
        is($client->ask("lru_crawler crawl $classes"), 'OK',
            '416: classes to crawl may have a plus sign and leading zeros');
    }
}

my $release = Server->start('', build => 'release');
$release->client->says("debugtime 5\r\ndebugitem ref a\r\nmisbehave\r\n", "ERROR\r\n" x 3,
    '442: a release build knows no test commands');

done_testing;

__DATA__
[]

# verbosity and memory

387 verbosity wants a level
    > verbosity\r\n
    < {CE}
388 a verbosity above the largest is taken for it
    > verbosity 99\r\nverbosity 0\r\n
    < OK\r\nOK\r\n
389 a verbosity is not negative
    > verbosity -1\r\n
    < {CE}
390 verbosity is silent with noreply, in place of the level too
    > verbosity noreply\r\nverbosity 0 noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
391 cache_memlimit wants a number
    > cache_memlimit\r\ncache_memlimit x\r\n
    < ERROR\r\nERROR\r\n
392 memory is at least 8 megabytes
    > cache_memlimit 7\r\n
    < MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n
393 the memory limit can be set to what it is
    > cache_memlimit 64\r\n
    < OK\r\n
394 the memory limit is in megabytes
    > cache_memlimit 1000000001\r\n
    < MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes\r\n
395 the memory limit has 32 bits
    > cache_memlimit 4294967296\r\n
    < ERROR\r\n
a second number for cache_memlimit is ignored
    > cache_memlimit 64 junk\r\n
    < OK\r\n

# slabs

396 slabs wants to be told what to do
    > slabs\r\nslabs reassign 1\r\nslabs automove\r\nslabs fiddle 1\r\n
    < ERROR\r\nERROR\r\nERROR\r\nERROR\r\n
397 a page does not move to its own class
    > slabs reassign 1 1\r\n
    < SAME src and dst class are identical\r\n
398 there are 63 classes
    > slabs reassign 1 64\r\n
    < BADCLASS invalid src or dst class id\r\n
399 a class keeps its last page
    > slabs reassign 5 6\r\n
    < NOSPARE source class has no spare pages\r\n
400 a class to move pages from is a number
    > slabs reassign x 1\r\n
    < {CE}
402 reassign may be shortened
    > slabs r 2 2\r\n
    < SAME src and dst class are identical\r\n
401 a fifth word is an error, which noreply silences
    > slabs reassign 1 2 noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n
403 automove is 0, 1 or 2
    > slabs automove 3\r\n
    < ERROR\r\n
404 automove is a number
    > slabs automove x\r\n
    < {CE}
405 words after automove are ignored
    > slabs automove 2\r\nslabs automove 1 junk\r\n
    < OK\r\nOK\r\n
406 the window of automove has bounds
    > slabs automove window 2\r\nslabs automove window 3\r\nslabs automove window 1801\r\n
    > slabs automove window q\r\n
    < CLIENT_ERROR automove window too low or too high\r\nOK\r\n
    < CLIENT_ERROR automove window too low or too high\r\n{CE}
407 the ratios of automove are numbers
    > slabs automove ratio\r\nslabs automove ratio 0.8\r\nslabs automove freeratio x\r\n
    < ERROR\r\nOK\r\nERROR\r\n
automove can be switched off
    > slabs automove 0\r\n
    < OK\r\n
keywords of slabs may be shortened
    > slabs a 0\r\nslabs automove w 10\r\nslabs automove r 0.8\r\nslabs automove f 0.01\r\n
    < OK\r\nOK\r\nOK\r\nOK\r\n

# lru

408 lru wants to be told what to do
    > lru\r\nlru tune 1 2 3\r\nlru mode\r\nlru mode warm\r\nlru temp_ttl x\r\n
    < ERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\n
409 hot and warm leave a fifth to the rest
    > lru tune 40 41 0.2 2.0\r\n
    < ERROR hot and warm pcts must not exceed 80\r\n
410 the age factors are above 0
    > lru tune 20 40 0 2.0\r\n
    < ERROR hot/warm age factors must be greater than 0\r\n
the parameters of the LRU can be tuned
    > lru tune 20 40 0.2 2.0\r\n
    < OK\r\n
hot and warm may leave no more than a fifth
    > lru tune 80 0 0.2 2.0\r\nlru tune 20 40 0.2 -1\r\nlru tune 20 40 x 2.0\r\n
    < OK\r\nERROR hot/warm age factors must be greater than 0\r\nERROR\r\n

411 the LRU can be flat or segmented, with or without temporary items
    > lru tune 20 40 0.2 2.0\r\nlru mode flat\r\nlru mode segmented\r\nlru temp_ttl -1\r\n
    < OK\r\nOK\r\nOK\r\nOK\r\n
412 mode, segmented and temp_ttl may be shortened
    > lru m seg\r\nlru t -1\r\n
    < OK\r\nOK\r\n

# lru_crawler: without the maintainer, which starts crawls of its own

[-o no_lru_maintainer]

413 lru_crawler wants to be told what to do
    > lru_crawler\r\nlru_crawler crawl\r\nlru_crawler wibble\r\n
    < ERROR\r\nERROR\r\nERROR\r\n
414 the crawler runs already
    > lru_crawler enable\r\n
    < ERROR failed to start lru crawler thread\r\n
415 a class to crawl is 1 to 63
    > lru_crawler crawl 0\r\nlru_crawler crawl 64\r\nlru_crawler crawl 1,x\r\n
    < BADCLASS invalid class id\r\nBADCLASS invalid class id\r\nBADCLASS invalid class id\r\n
417 no class is nothing to crawl
    > lru_crawler crawl ,\r\n
    < NOTSTARTED no items to crawl\r\n
418 crawl does not take hash
    > lru_crawler crawl hash\r\n
    < ERROR an unknown error happened\r\n
419 the sleep of the crawler is at most a second
    > lru_crawler sleep 1000001\r\nlru_crawler sleep x\r\nlru_crawler sleep 100\r\n
    < CLIENT_ERROR sleep must be one second or less\r\n{CE}OK\r\n
420 the crawl limit is a number
    > lru_crawler tocrawl -1\r\nlru_crawler tocrawl 0\r\n
    < {CE}OK\r\n
421 a dump of nothing, and the connection goes on
    > {1.1s}lru_crawler metadump all\r\n{0.6s}version\r\n
    < OK\r\nEND\r\nVERSION 1.6.45\r\n
422 metadump tells of each item
    > {1.1s}ms a%b 2 F5 E7\r\nhi\r\n{wait}lru_crawler metadump hash\r\n{0.6s}
    < HD\r\nOK\r\nkey=a%25b exp=-1 la={#} cas=7 fetch=no cls=1 size=68 flags=5 \nEND\r\n
423 mgdump names each key
    > {1.1s}ms Zm9v 2 b\r\nhi\r\n{wait}lru_crawler mgdump hash\r\n{0.6s}
    < HD\r\nOK\r\nmg Zm9v b\r\nEN\r\n
424 metadump does not come after replies that are unsent
    > version\r\nlru_crawler metadump all\r\n
    < VERSION 1.6.45\r\nERROR cannot pipeline other commands before metadump\r\n
425 mgdump does not come after replies that are unsent
    > version\r\nlru_crawler mgdump all\r\n
    < VERSION 1.6.45\r\nERROR cannot pipeline other commands before mgdump\r\n
426 a fourth word is an error, which noreply silences
    > lru_crawler metadump all noreply\r\nversion\r\n
    < VERSION 1.6.45\r\n

# stats cachedump

433 stats cachedump wants class and limit
    > stats cachedump\r\n
    < CLIENT_ERROR bad command line\r\n
434 a class to dump is 1 to 63
    > stats cachedump 64 0\r\n
    < CLIENT_ERROR Illegal slab id\r\n
435 a class to dump is a number
    > stats cachedump x 0\r\n
    < {CE}
436 cachedump may be shortened
    > stats c\r\n
    < CLIENT_ERROR bad command line\r\n

[]

# watch, stats, extstore, shutdown, certificates

427 watch does not come after replies that are unsent
    > version\r\nwatch\r\n
    < VERSION 1.6.45\r\nERROR cannot pipeline other commands before watch\r\n
428 an unknown stream cannot be watched
    > watch frobs\r\n
    < ERROR\r\n
430 stats reset may be shortened
    > stats reset\r\nstats r\r\n
    < RESET\r\nRESET\r\n
431 stats detail wants on, off or dump
    > stats detail\r\n
    < CLIENT_ERROR usage: stats detail on\x7coff\x7cdump\r\n
432 stats detail counts by prefix
    > stats detail on\r\nset p:1 0 0 1\r\nx\r\nget p:1 p:2 none\r\ndelete p:1\r\nstats detail dump\r\n
    > stats detail off\r\n
    < OK\r\nSTORED\r\nVALUE p:1 0 1\r\nx\r\nEND\r\nDELETED\r\nPREFIX p get 2 hit 1 set 1 del 1\r\nEND\r\n
    < OK\r\n
437 unknown kinds of stats, and kinds that may not be shortened
    > stats wibble\r\nstats noreply\r\nstats item\r\n
    < ERROR\r\nERROR\r\nERROR\r\n
438 sizes are not counted
    > stats sizes\r\n
    < STAT sizes_status disabled\r\nEND\r\n
439 extstore reads its arguments though nothing is stored there
    > extstore\r\nextstore item_size x\r\nextstore frob 1\r\nextstore item_size 512\r\n
    < ERROR\r\nERROR\r\nERROR\r\nOK\r\n
extstore may be shortened, and reads classes and factors
    > extstore free_memchunks 1 1\r\nextstore f 64 1\r\nextstore max_frag 0.5\r\nextstore max_frag x\r\n
    > extstore d 1\r\n
    < OK\r\nERROR\r\nOK\r\nERROR\r\nOK\r\n
noreply silences all of them
    > slabs automove 0 noreply\r\ncache_memlimit 64 noreply\r\nlru tune 20 40 0.2 2.0 noreply\r\n
    > lru_crawler sleep 100 noreply\r\nextstore item_size 512 noreply\r\nextstore frob noreply\r\n
    > lru noreply\r\n
    <
440 shutdown is refused unless allowed, whatever its arguments
    > shutdown\r\nshutdown now\r\nshutdown noreply\r\nversion\r\n
    < SERVER_ERROR: shutdown not enabled\r\nSERVER_ERROR: shutdown not enabled\r\nVERSION 1.6.45\r\n
441 without TLS there are no certificates to read, noreply or not
    > refresh_certs noreply\r\nversion\r\n
    < Error TLS not enabled\r\nVERSION 1.6.45\r\n

[-X]
448 dumps can be forbidden
    > lru_crawler metadump all\r\n{wait}lru_crawler mgdump all\r\n
    < ERROR metadump not allowed\r\nERROR key dump not allowed\r\n
447 stats detail and cachedump can be forbidden
    > stats detail on\r\nstats detail\r\nstats cachedump 1 1\r\n
    < CLIENT_ERROR stats detail not allowed\r\nCLIENT_ERROR stats detail not allowed\r\n
    < CLIENT_ERROR stats cachedump not allowed\r\n
[-W]
446 watch can be forbidden, and is refused before its arguments are read
    > watch\r\nwatch frobs\r\n
    < CLIENT_ERROR watch commands not allowed\r\nCLIENT_ERROR watch commands not allowed\r\n
