#!/usr/bin/perl
# The crawler removes what has expired, dumps list what is alive, and neither keeps anyone waiting.
use strict;
use warnings;
use MIME::Base64 qw(encode_base64);
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary;
use Server;

my ($server, $client);
my $busy = "BUSY currently processing crawler request";

# An operator enables the crawler, and uses it.
{
    start('-m 32 -o no_modern');
    for (1 .. 30) {
        $client->set("ifoo$_", 'ok');
        $client->set("lfoo$_", 'ok', exptime => 3600);
        $client->set("sfoo$_", 'ok', exptime => 1);
    }
    is($client->stats('settings')->{lru_crawler}, 'no', 'there is no crawler');
    is($client->ask('lru_crawler crawl 1'), 'CLIENT_ERROR lru crawler disabled', '... so it takes no orders');
    is($client->ask('lru_crawler metadump all'), 'CLIENT_ERROR lru crawler disabled', '... and dumps nothing');
    is($client->stats('slabs')->{'1:used_chunks'}, 90, 'ninety items have a chunk each');
    $client->advance(3);
    is($client->ask('lru_crawler enable'), 'OK', 'it is enabled');
    is($client->ask('lru_crawler enable'), 'ERROR failed to start lru crawler thread', '... once');
    is($client->ask('lru_crawler crawl 1'), 'OK', '... and crawls');
    is($client->stats('settings')->{lru_crawler}, 'yes', '... as the settings say');
    wait_for(sub { $client->stats('slabs')->{'1:used_chunks'} == 60 }, '... what has expired is gone');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... and that was all');
    is($client->stats('slabs')->{'1:used_chunks'}, 60, '... the others are there');
    is($client->stats('items')->{'items:1:crawler_reclaimed'}, 30, '... which is counted');
    is($client->stats->{crawler_reclaimed}, 30, '... for all classes');
    is($client->stats->{crawler_items_checked}, 90, '... and how many were looked at');

    $client->says("mg foo v\r\nlru_crawler metadump all\r\n",
        "EN\r\nERROR cannot pipeline other commands before metadump\r\n", 'a dump is the first of its batch');
    $client->says("mg foo v\r\nlru_crawler mgdump all\r\n",
        "EN\r\nERROR cannot pipeline other commands before mgdump\r\n", '... of either kind');
    my @keys = sort map { ("ifoo$_", "lfoo$_") } 1 .. 30;
    is_deeply([sort(dumped())], \@keys, 'a dump lists all that is alive');
    is_deeply([sort(dumped('mgdump', 'all'))], \@keys, '... as commands, too');
    is_deeply([sort(dumped('metadump', '1'))], \@keys, '... by class');
    is_deeply([dumped('metadump', '2,3')], [], '... another class has nothing');
    is_deeply([dumped('mgdump', '39')], [], '... nor has this');

    $client->set("bfoo$_", 'x' x 512) for 1 .. 30;
    $client->send(join '', map { "set foo$_ 0 0 1 noreply\r\n1\r\n" } 1 .. 70_000);
    my %seen;
    $seen{$_}++ for dumped('metadump', 'hash');
    is(scalar keys %seen, 70_090, 'a dump by hash lists seventy thousand items');
    is(scalar(grep { $_ != 1 } values %seen), 0, '... each once');
    is(join(' ', grep { !$seen{"bfoo$_"} } 1 .. 30), '', '... of all classes');
    is_deeply([sort(dumped('mgdump', 9))], [sort map { "bfoo$_" } 1 .. 30], 'a dump of one class lists that class');

    is($client->ask('lru_crawler disable'), 'OK', 'it is disabled');
    wait_for(sub { $client->stats('settings')->{lru_crawler} eq 'no' }, '... and the settings say so');
    is($client->ask('lru_crawler crawl 1'), 'CLIENT_ERROR lru crawler disabled', '... and it takes no orders');
    $client->verifies;
}

# The same from the start.
{
    start('-m 32 -o no_modern,lru_crawler');
    $client->set("sfoo$_", 'ok', exptime => 1) for 1 .. 30;
    is($client->stats('slabs')->{'1:used_chunks'}, 30, 'thirty items have a chunk each');
    $client->advance(3);
    is($client->ask('lru_crawler crawl 1'), 'OK', 'a crawl begins');
    wait_for(sub { $client->stats('slabs')->{'1:used_chunks'} == 0 }, '... and removes all of them');
    is($client->stats->{curr_items}, 0, '... from everywhere');
    $client->verifies;
}

# What a line of a dump says.
{
    start('');
    $client->stop_clock;
    $client->advance(1_000);
    my $now = $client->stats->{time};
    $client->set('plain', 'value', flags => 7);
    $client->set('with%and/ü', 'x' x 100, exptime => 500);
    $client->advance(10);
    $client->get('plain');
    my $cas = $client->gets('with%and/ü')->{cas};
    $client->ask('mn');
    $client->set('gone', 'v', exptime => -1);
    $client->set('soon', 'v', exptime => 5);
    $client->advance(20);
    is(dump_begun('metadump all'), 'OK', 'a dump begins with OK');
    my @lines = split /(?<=\n)/, $client->read_until("END\r\n");
    is(pop @lines, "END\r\n", '... and ends with END');
    my $late = $now + 500;
    my $version = $client->gets('plain')->{cas};
    is_deeply([sort { $a cmp $b } @lines], [
        "key=plain exp=-1 la=$now cas=$version fetch=yes cls=1 size=73 flags=7 \n",
        "key=with%25and%2F%C3%BC exp=$late la=$now cas=$cas fetch=yes cls=3 size=170 flags=0 \n",
    ], '... each line has all there is to know, and what has expired has none') or diag(explain(\@lines));
    my $binary = 'YmluYXJ5AA==';
    $client->says("ms $binary 2 b\r\nhi\r\n", "HD\r\n", 'a key in base64');
    is_deeply([sort(dumped('mgdump', 'all'))], [sort 'plain', "$binary b", 'with%and/ü'], '... is listed in base64');
    Binary->new($server->client)->set("two\nlines", 'v');
    $client->says("mn\r\n", "MN\r\n", 'a key that is no word of a line, from a frame');
    is((grep { /^dHdv/ } dumped('mgdump', 'all'))[0], 'dHdvCmxpbmVz b', '... is listed in base64, too');
    $client->ask('flush_all');
    is_deeply([dumped()], [], 'what is flushed is not listed');
    $client->verifies;
}

# A list of one class has only what can stand in a line.
{
    start('-o no_modern');
    $client->set('plain', 'v');
    Binary->new($server->client)->set("two\nlines", 'v');
    $client->says("stats cachedump 1 0\r\n", "ITEM plain [1 b; 0 s]\r\nEND\r\n", 'stats cachedump leaves out what is no word of a line');
    # What is left out counts, too: of a list of nothing else, 1000 items are looked at, or ten a line.
    my $fill = sub { $client->says(join('', map { "ms @{[encode_base64(sprintf('%04d', $_), '')]} 1 b q\r\nx\r\n" } @_) . "mn\r\n", "MN\r\n", 'more of them') };
    $fill->(1 .. 998);
    $client->says("stats cachedump 1 1\r\n", "ITEM plain [1 b; 0 s]\r\nEND\r\n", '... behind 999 of those it is found');
    $fill->(999);
    $client->says("stats cachedump 1 1\r\n", "END\r\n", '... behind 1000 it is not');
    $client->says("stats cachedump 1 100\r\n", "END\r\n", '... nor with a hundred lines');
    $client->says("stats cachedump 1 $_\r\n", "ITEM plain [1 b; 0 s]\r\nEND\r\n", "... but with $_") for 101, 0;
    $client->set("p$_", 'v') for 1 .. 5;
    $client->says("stats cachedump 1 3\r\n", join('', map { "ITEM p$_ [1 b; 0 s]\r\n" } 5, 4, 3) . "END\r\n", 'the newest come first');
}

# One at a time.
{
    start('-o no_lru_maintainer');
    store('k', 20_000, 10);
    is($client->ask('lru_crawler sleep 300000'), 'OK', 'the crawler is to rest a lot');
    is($client->ask('lru_crawler crawl all'), 'OK', 'it begins');
    is($client->stats->{lru_crawler_running}, 1, '... and is at it');
    is($client->ask('lru_crawler crawl 1'), $busy, 'another crawl has to wait');
    is($client->ask('lru_crawler metadump all'), $busy, '... a dump as well');
    is($client->ask('lru_crawler mgdump hash'), $busy, '... of either kind');
    is($client->ask('lru_crawler sleep 0'), 'OK', 'it is to rest no more');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... and ends');
    is($client->stats->{lru_crawler_starts}, 1, '... which was one start');
    is(scalar(dumped()), 20_000, '... a dump is possible again');
    is($client->ask('lru_crawler crawl all'), 'OK', '... and another crawl');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... which ends');
    $client->verifies;
}

# A client that wants a dump and does not take it.
{
    start('-t 2 -o hashpower=12');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, 'the first crawl is over');
    store('key' . 'y' x 200, 40_000, 10);
    $client->stop_clock;
    my $lazy = $server->client;
    $lazy->push_blindly("lru_crawler metadump all\r\n");
    wait_for(sub { $client->stats->{lru_crawler_running} == 1 }, 'a dump that nobody reads is under way');
    is($client->ask('lru_crawler crawl 1'), $busy, '... others are told, and not kept waiting');
    is($client->set('k', 'v'), 'STORED', '... and all are served');
    my $juggles = $client->stats->{lru_maintainer_juggles};
    wait_for(sub { $client->stats->{lru_maintainer_juggles} > $juggles + 5 }, '... the maintainer goes on');
    my $moved = $server->client;
    is($moved->ask('slabs reassign 1 2'), 'NOSPARE source class has no spare pages', '... pages can be asked for');
    store('more', 40_000, 10);
    is($client->stats->{hash_is_expanding}, 0, '... the table can grow');
    $client->advance(40);
    is($client->ask('lru_crawler crawl all'), 'OK', 'after a while it does not count any more');
    wait_for(sub { $client->stats->{crawler_items_checked} > 80_000 }, '... and others can crawl');
    my $text = $lazy->read_until("END\r\n");
    my %seen;
    $seen{$_}++ for $text =~ /^key=(key\S+)/mg;
    is(scalar keys %seen, 40_000, 'who takes it after all gets all of it');
    is(scalar(grep { $_ != 1 } values %seen), 0, '... each item once');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... and that is the end of it');

    # One that goes away in the middle.
    my $gone = $server->client;
    $gone->push_blindly("lru_crawler mgdump hash\r\n");
    wait_for(sub { $client->stats->{lru_crawler_running} == 1 }, 'another dump is under way');
    $gone->close;
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... and over when its client has gone');
    is(scalar(dumped('mgdump', 'all')), 80_001, '... others get theirs');
    $client->ask('lru_crawler crawl all');
    $_->close for $lazy, $moved;
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, 'nothing is under way');
    $client->verifies;
}

# What stays all the time is listed once, whatever others do meanwhile.
{
    start('-t 4 -m 64 -o hashpower=13,no_lru_maintainer');
    store('stays', 5_000, 10);
    my $writer = $server->client;
    my $dumper = $server->client;
    my ($round, %seen) = (0);
    for (1 .. 3) {
        %seen = ();
        $dumper->send("lru_crawler metadump hash\r\n");
        my $text = '';
        while ($text !~ /END\r\n\z/ && !$dumper->ended) {
            $round++;
            $writer->send(join '', map {
                my ($old, $len) = ($round - 5, 1 + int rand 300);
                "set r$round.$_ 0 0 $len noreply\r\n" . 'v' x $len . "\r\ndelete r$old.$_ noreply\r\n"
            } 1 .. 300);
            $dumper->send('');
            $text .= $dumper->recv_exact(1);
            $dumper->read_some;
            $text .= $dumper->recv_exact(length $dumper->{in});
        }
        $seen{$_}++ for $text =~ /^key=(stays\d+) /mg;
        is(scalar keys %seen, 5_000, 'all that stays is listed while others store and delete');
        is(scalar(grep { $_ != 1 } values %seen), 0, '... once');
    }
    $writer->is_silent('the others are done');
    wait_for(sub { $client->stats->{hash_is_expanding} == 0 }, '... and the table has grown');
    $client->verifies;
}

# A budget: each crawl goes on where the last one stopped, so that every item has its turn.
{
    start('-m 32 -o no_lru_maintainer,hashpower=16');
    $client->send(join '', map { "set k$_ 0 10 1 noreply\r\n1\r\n" } 1 .. 10_000);
    $client->is_silent('items that expire');
    $client->advance(20);
    is($client->ask('lru_crawler tocrawl 2000'), 'OK', 'two thousand items at a time');
    is($client->ask('lru_crawler crawl all'), 'OK', 'a crawl');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... ends');
    cmp_ok($client->stats->{curr_items}, '>', 4_000, '... and leaves what is beyond the budget');
    for (1 .. 12) {
        $client->ask('lru_crawler crawl all');
        wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, 'another');
    }
    is($client->stats->{curr_items}, 0, '... until all have had their turn');
    $client->verifies;
}

# By itself.
{
    start('');
    $client->set("lasting$_", 'v') for 1 .. 100;
    $client->set("short$_", 'v', exptime => 30) for 1 .. 100;
    # How long it waits depends on what it found last; in the end it comes.
    wait_for(sub { $client->advance(70); $client->stats->{curr_items} == 100 }, 'what has expired goes without being asked for');
    cmp_ok($client->stats->{lru_crawler_starts}, '>', 0, '... the crawler starts by itself');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... and ends');
    $client->verifies;
}

# -X
{
    start('-X');
    $client->set('k', 'v');
    is($client->ask('lru_crawler metadump all'), 'ERROR metadump not allowed', 'with -X there is no dump');
    is($client->ask('lru_crawler mgdump all'), 'ERROR key dump not allowed', '... of any kind');
    is($client->ask('stats cachedump 1 0'), 'CLIENT_ERROR stats cachedump not allowed', '... at all');
    wait_for(sub { $client->ask('lru_crawler crawl all') eq 'OK' }, '... but crawls there are');
    wait_for(sub { $client->stats->{lru_crawler_running} == 0 }, '... which end');
    $client->verifies;
}

done_testing;

sub start {
    my ($options) = @_;
    $server = Server->start($options);
    $client = $server->client;
    return;
}

sub store {
    my ($prefix, $count, $len) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $value = 'v' x $len;
    $client->send(join '', map { "set $prefix$_ 0 0 $len noreply\r\n$value\r\n" } 1 .. $count);
    return $client->is_silent("$count items of $len bytes");
}

# Asks for a dump; it may have to wait for a crawl that the server has started by itself.
sub dump_begun {
    my ($what) = @_;
    my $first;
    do { $first = $client->ask("lru_crawler $what") } while $first eq $busy;
    return $first;
}

# The keys of a dump.
sub dumped {
    my ($command, $classes) = @_ ? @_ : ('metadump', 'all');
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $end = $command eq 'mgdump' ? "EN\r\n" : "END\r\n";
    is(dump_begun("$command $classes"), 'OK', "$command $classes begins");
    my $text = $client->read_until($end);
    ok($text =~ s/\Q$end\E\z//, '... and ends');
    my $line = $command eq 'mgdump' ? qr/^mg (.*)\r$/m : qr/^key=(\S+) /m;
    my @keys = $text =~ /$line/g;
    return @keys;
}
