#!/usr/bin/perl
# While pages move, lists are juggled, crawls and dumps run, limits change and clients come and
# go in mid-sentence, every value that is read is one that was stored, and no memory is lost.
#
# STRESS_ROUNDS and STRESS_SEED in the environment make it longer, or another one.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant CLIENTS => 5;
use constant BATCH   => 150;
use constant KEYS    => 3000;
use constant COUNTER => 1_000_000;      # counter n holds n times this, and a little

my $rounds = $ENV{STRESS_ROUNDS} || 60;
my $seed   = $ENV{STRESS_SEED}   || 4711;

# What values are cut from. A record tells where.
my $pool = join '', map { sprintf '%06d;', $_ } 1 .. 15_000;

for my $options (
    # Few classes, so that they have pages to spare.
    '-t 4 -m 16 -f 3 -o slab_chunk_max=16,slab_automove_window=3,temporary_ttl=61',
    '-t 2 -m 12 -C -f 4 -o slab_chunk_max=4,slab_automove=2',
    '-t 3 -m 16 -M -f 3 -o slab_chunk_max=64,hashpower=12',
    '-t 3 -m 12 -o no_modern,slab_reassign,lru_crawler,slab_chunk_max=16,slab_sizes=100-500-3000-10000',
) {
    srand $seed;
    stress($options);
}

done_testing;

sub stress {
    my ($options) = @_;
    my $server   = Server->start($options);
    my $operator = $server->client;
    my @clients  = map { $server->client } 1 .. CLIENTS;
    my @guests;                         # those that will not behave
    my (@wrong, %count);

    for my $round (1 .. $rounds) {
        $_->send(join('', map { some_request() } 1 .. BATCH) . "mn\r\n") for @clients;
        push @guests, some_guest($server) if @guests < 6;
        $count{ (split ' ', operate($operator))[0] }++ for 1 .. 4;
        for my $client (@clients) {
            my $replies = $client->read_until("MN\r\n");
            push @wrong, 'no end' unless $replies =~ /MN\r\n\z/;
            push @wrong, wrong_values($replies, \%count);
        }
        next if $round % 3;
        my $guest = splice @guests, int rand @guests, 1;
        push @wrong, leave($guest);
    }
    push @wrong, map { leave($_) } @guests;
    is(join("\n", @wrong[0 .. ($#wrong > 9 ? 9 : $#wrong)]), '', "$options: every value is one that was stored");
    cmp_ok($count{VALUE} // 0, '>', $rounds, "$options: ... of many that were read");
    $_->close for @clients;
    wait_for(sub { $operator->stats->{curr_connections} == 1 }, "$options: all clients are gone");
    $operator->ask('slabs automove 0');
    wait_for(sub { !$operator->stats->{slab_reassign_running} }, "$options: no page is on its way any more");
    $operator->verifies("$options: all memory is accounted for") or diag("STRESS_SEED=$seed");

    # It works as before: all of it can be flushed, and filled again.
    $operator->ask('debugtime r');
    $operator->ask('flush_all');
    is($operator->set('last', record('last', 20_000)), 'STORED', "$options: there is room afterwards");
    is(join('', wrong_values(read_all($operator, "get last\r\nmn\r\n"), {})), '', '... and what is stored is read');
    $operator->verifies("$options: still all memory is accounted for");
    note(join ' ', map { "$_=$count{$_}" } sort keys %count);
    my $stats = $operator->stats;
    note(join ' ', map { "$_=$stats->{$_}" }
        grep { /slab|moves|evict|reclaim|crawler/ } sort keys %$stats);
    return;
}

sub read_all {
    my ($client, $requests) = @_;
    $client->send($requests);
    return $client->read_until("MN\r\n");
}

# --- what is stored, and how it proves itself ---------------------------------------------

# A value is made of records: the key, where its text begins, its length, the text.
sub record {
    my ($key, $len) = @_;
    my $text = '';
    my $from = int rand(length($pool) - 1);
    $text = substr $pool, $from, $len;
    $text .= $pool while length $text < $len;
    $text = substr $text, 0, $len;
    return "<$key $from $len>$text";
}

sub is_record_of {
    my ($key, $value) = @_;
    my $at = 0;
    while ($at < length $value) {
        pos($value) = $at;
        $value =~ /\G<(\S+) (\d+) (\d+)>/gc or return 0;
        my ($of, $from, $len) = ($1, $2, $3);
        $at = pos $value;
        return 0 if $of ne $key;
        my $expect = substr $pool, $from, $len;
        $expect .= $pool while length $expect < $len;
        return 0 if substr($value, $at, $len) ne substr $expect, 0, $len;
        $at += $len;
    }
    return length $value > 0;
}

sub is_counter {
    my ($key, $value) = @_;
    my ($number) = $key =~ /(\d+)/;
    return $value =~ /\A(\d+) *\z/ && abs($1 - $number * COUNTER) < COUNTER / 2;
}

# What is wrong with the values in these replies.
sub wrong_values {
    my ($replies, $count) = @_;
    my @wrong;
    while ($replies =~ /\G([^\r]*)\r\n/gc) {
        my $line = $1;
        my ($kind, $key, @words) = split ' ', $line;
        $kind = 'VALUE' if ($kind // '') eq 'VA';
        $count->{ $kind // '' }++ unless ($kind // '') =~ /^\d/;
        push @wrong, $line if $line =~ /ERROR/ && $line !~ /memory|non-numeric|no memory/i;
        next unless $line =~ /^VA/;
        my $len;
        ($key, $len) = $line =~ /^VALUE/ ? ($key, $words[1]) : (map({ /^k(.*)/ } @words), $key);
        my $value = substr $replies, pos $replies, $len;
        pos($replies) += $len + 2;
        my $is_right = $key =~ /^n/ ? is_counter($key, $value) : is_record_of($key, $value);
        push @wrong, "$line: " . Client::visible(substr $value, 0, 60) unless $is_right;
    }
    push @wrong, 'the rest: ' . Client::visible(substr $replies, pos($replies) // 0)
        if (pos($replies) // 0) < length $replies;
    return @wrong;
}

# --- clients --------------------------------------------------------------------------------

sub some_length {
    my $kind = rand;
    return int rand 40     if $kind < 0.3;
    return int rand 500    if $kind < 0.7;
    return int rand 9000   if $kind < 0.9;
    return int rand 60_000 if $kind < 0.98;
    return int rand 300_000;
}

sub some_expiry { return (0, 0, 0, 0, 30, 100, 5000)[rand 7] }

sub some_request {
    my $key  = 'key' . int rand KEYS;
    my $kind = int rand 24;
    return "get $key\r\n"             if $kind < 5;
    return "mg $key v k s t h l\r\n"  if $kind < 6;
    return "gat 100 $key\r\n"         if $kind == 6;
    return "touch $key " . some_expiry() . "\r\n" if $kind == 7;
    return "delete $key\r\n"          if $kind == 8;
    if ($kind <= 11) {
        my $number = int rand 20;
        my $start  = $number * COUNTER + COUNTER / 10;
        return "get n$number\r\n"     if $kind == 9;
        return ("add n$number 0 0 " . length($start) . "\r\n$start\r\n",
            "incr n$number 3\r\n", "decr n$number 3\r\n", "ma n$number N0 J$start D1\r\n")[rand 4];
    }
    my $command = (qw(set set set set set add replace append prepend))[rand 9];
    my $value   = record($key, some_length());
    $value = record($key, int rand 2000) if $command =~ /pend/;
    return "ms $key " . length($value) . " T" . some_expiry() . "\r\n$value\r\n" if $kind == 12;
    return "$command $key 0 " . some_expiry() . ' ' . length($value) . "\r\n$value\r\n";
}

# One that uploads half a value, or asks for much and does not read it.
sub some_guest {
    my ($server) = @_;
    my $guest = $server->client;
    my $kind  = int rand 5;
    my $key   = 'key' . int rand KEYS;
    my $many  = join ' ', map { 'key' . int rand KEYS } 1 .. 40;
    if ($kind < 2) {
        my $len = 1 + some_length();
        $guest->push_blindly("set $key 0 0 $len\r\n" . 'h' x rand $len);
    }
    elsif ($kind == 2) { $guest->push_blindly("get $many\r\nget $many\r\nmn\r\n") }
    elsif ($kind == 3) { $guest->push_blindly("lru_crawler metadump all\r\n") }
    else               { $guest->push_blindly("lru_crawler mgdump hash\r\n") }
    return { client => $guest, kind => $kind };
}

# It reads what it has asked for, or just goes. Returns what was wrong.
sub leave {
    my ($guest) = @_;
    my $client = $guest->{client};
    my @wrong;
    if ($guest->{kind} == 2 && rand() < 0.5) {
        @wrong = wrong_values($client->read_until("MN\r\n"), {});
    }
    if ($guest->{kind} > 2 && rand() < 0.5) {
        my $end = $guest->{kind} == 3 ? 'END' : 'EN';
        my $first = $client->read_line;
        if ($first !~ /^(?:BUSY|CLIENT_ERROR lru crawler disabled)/) {
            my $text = $first . $client->read_until("$end\r\n");
            $text =~ /^(?:OK\r\n)?(?:key=\S+ exp=\S+ la=\d+ cas=\d+ fetch=(?:yes|no) cls=\d+ size=\d+ flags=0 \n|mg \S+\r\n)*$end\r\n\z/
                or @wrong = ('a dump: ' . Client::visible($text));
        }
    }
    $client->close;
    return @wrong;
}

# --- the operator ---------------------------------------------------------------------------

sub operate {
    my ($operator) = @_;
    my $kind = int rand 30;
    my ($from, $to) = map { (0, map { int rand 40 } 1 .. 6)[rand 7] } 1 .. 2;
    if ($kind < 14) {
        my $slabs = $operator->stats('slabs');
        my @active = map { /^(\d+):total_pages/ ? $1 : () } sort keys %$slabs;
        my @rich = grep { $slabs->{"$_:total_pages"} > 1 } @active;
        $from = rand() < 0.2 ? -1 : $rich[rand @rich] // 1;
        $to   = $active[rand @active] // 0 if rand() < 0.7;
        return $operator->ask("slabs reassign $from $to");
    }
    my @commands = (
        'lru_crawler crawl all', 'lru_crawler crawl all', "lru_crawler crawl $from,5",
        "lru_crawler tocrawl $from", 'lru_crawler sleep 0', 'lru_crawler sleep 100',
        'lru mode flat', 'lru mode segmented', 'lru temp_ttl 50', 'lru temp_ttl -1', 'lru tune 5 5 0.1 0.1',
        'lru tune 30 30 1 2', 'cache_memlimit 8', 'cache_memlimit 10', 'cache_memlimit 9', 'debugtime 7',
        'debugtime 40', 'slabs automove 0', 'slabs automove 1', 'slabs automove 2', 'flush_all', 'flush_all 30',
        'lru_crawler disable', 'lru_crawler enable', 'slabs automove window 3',
    );
    my $reply = $operator->ask($commands[rand @commands]);
    return $reply;
}
