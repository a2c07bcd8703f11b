#!/usr/bin/perl
# A page on its way waits for whoever uses it, loses nothing on the way, and waits for nobody for ever.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;
use Time::HiRes qw(time);

use constant MIB => 1 << 20;

my $OPTIONS = '-o no_lru_crawler,slab_reassign,slab_automove=0,slab_chunk_max=16 -m 12';

my $server = Server->start($OPTIONS);
my $client = $server->client;
my $busy   = 'BUSY currently processing reassign request';
my $no_spare = 'NOSPARE source class has no spare pages';

# The window of automove has bounds.
is($client->ask('slabs automove 1'), 'OK', 'automove is switched on');
for my $window (0, 2, 1801, 67_108_864) {
    is($client->ask("slabs automove window $window"), 'CLIENT_ERROR automove window too low or too high',
        "a window of $window is refused");
}
is($client->ask('slabs automove 0'), 'OK', '... and the server is there after that');

# Syntax.
for my $row (
    ['invalid1 invalid2', 'CLIENT_ERROR bad command line format'],
    ['5',                 'ERROR'],
    ['1 1',               'SAME src and dst class are identical'],
    ['99 99',             'SAME src and dst class are identical'],
    ['-5 70',             'BADCLASS invalid src or dst class id'],
    ['1 -1',              'BADCLASS invalid src or dst class id'],
    ['2 1',               $no_spare],
    ['0 1',               $no_spare],
) {
    my ($arguments, $reply) = @$row;
    is($client->ask("slabs reassign $arguments"), $reply, "slabs reassign $arguments");
}

# Two classes fill the memory, and pages go to and fro.
{
    fill('large', 15_000);
    fill('small', 2_000);
    my %pages = pages();
    is(scalar keys %pages, 2, 'two classes have pages');
    my ($small, $large) = sort { $a <=> $b } keys %pages;
    my $stats = $client->stats;
    is($stats->{evictions}, 2, 'two items had to go');
    is($stats->{slabs_moved}, 0, '... and no page has moved');

    is($client->ask("slabs reassign $large $small"), 'OK', 'a page goes to the small');
    is_moved('... and arrives');
    my %now = pages();
    is($now{$large}, $pages{$large} - 1, '... one class has one less');
    is($now{$small}, $pages{$small} + 1, '... the other one more');
    $stats = $client->stats;
    is($stats->{slabs_moved}, 1, '... which is counted');
    cmp_ok($stats->{slab_reassign_busy_nomem}, '>', 1, '... there was no memory to copy items to');
    cmp_ok($stats->{evictions}, '>', 10, '... so others had to go');
    is($client->ask("slabs reassign $large $small"), 'OK', 'another follows');
    is_moved('... and arrives');
    is($client->stats->{slabs_moved}, 2, '... which is counted');

    empty($_) for $large, $small;
    # Thirteen were in use with a limit of twelve: one goes back to the system, and each class keeps one.
    is($client->stats->{slab_global_page_pool}, 10, 'the pool has the pages that nobody needs');
    my $slabs = $client->stats('slabs');
    is($slabs->{total_malloced}, 12 * MIB, '... and the limit is kept');
    is(join(' ', map { $slabs->{"$_:total_pages"} } $small, $large), '1 1', '... each class has kept one');
    is($client->ask('slabs reassign 0 1'), 'OK', 'a page of the pool goes to a class');
    is_moved('... and arrives');
    is($client->stats->{slab_global_page_pool}, 9, '... the pool has one less');
    is($client->stats('slabs')->{'1:total_pages'}, 1, '... the class has it');
    $client->verifies;
}

# Items that are chains of chunks.
start_again();
{
    fill('chain', 30_000);
    my %pages = pages();
    my $class = (sort { $a <=> $b } grep { $_ < 40 } keys %pages)[-1];
    cmp_ok($pages{$class}, '>', 5, 'chains fill the pages of the last class');
    cmp_ok($client->stats('slabs')->{"$class:used_chunks"}, '>', 500, '... with their chunks');
    my $before = $client->stats;
    is($before->{slab_reassign_chunk_rescues}, 0, 'no chunk has been copied');
    is($client->ask("slabs reassign $class 0"), 'OK', 'a page of them goes while all is full');
    is_moved('... and arrives');
    cmp_ok($client->stats->{evictions}, '>', $before->{evictions}, '... others had to go for it');
    cmp_ok($client->stats('slabs')->{"$class:free_chunks"}, '<', 5, '... and memory is as full as it was');

    # Where there is room nobody has to go.
    my $per_page = $client->stats('slabs')->{"$class:chunks_per_page"};
    my @newest = reverse grep { $client->get($_) } map { "chain$_" } 1 .. 500;
    my $freed = 0;
    while ($freed <= $per_page) {
        $client->ask('delete ' . shift @newest);
        $freed += 2;
    }
    $before = $client->stats;
    is($client->ask("slabs reassign $class 0"), 'OK', 'another goes while there is room');
    is_moved('... and arrives');
    my $after = $client->stats;
    cmp_ok($after->{slab_reassign_chunk_rescues} - $before->{slab_reassign_chunk_rescues}, '>', 50,
        '... its chunks have been copied');
    is($after->{evictions}, $before->{evictions}, '... nobody had to go');
    is($after->{slab_reassign_busy_deletes}, 0, '... and nothing was deleted');
    is_all_right(map { [$_ => 30_000] } @newest);
    empty($class);
    cmp_ok($client->stats->{slab_global_page_pool}, '>', 6, 'the class can be emptied');
    is_all_right(grep { $client->get($_->[0]) } map { [$_ => 30_000] } @newest);
    $client->verifies;
}

# Somebody holds the lock of an item.
start_again();
{
    fill('item', 9_000);
    my ($class) = keys %{ { pages() } };
    is($client->ask('debugitem lock item40'), 'OK', 'an item is locked');
    # The oldest page goes first; what is there has not been evicted but for the first few.
    is($client->ask("slabs reassign $class 0"), 'OK', 'its page is to move');
    my $moved = $client->stats->{slabs_moved};
    wait_for(sub { $client->stats->{slab_reassign_busy_items} > 500 }, '... and the mover tries and tries');
    my $stats = $client->stats;
    is($stats->{slab_reassign_last_busy_status}, 'locked', '... it says why');
    is($stats->{slabs_moved}, $moved, '... the page is where it was');
    is($stats->{slab_reassign_running}, 1, '... and on its way');
    is($client->ask("slabs reassign $class 0"), $busy, '... so that no other can go');
    is($client->ask('debugitem unlock item40'), 'OK', 'the item is unlocked');
    is_moved('... the page arrives');
    is($client->stats->{slabs_moved}, $moved + 1, '... which is counted');
    is_all_right(['item40' => 9_000]);
    empty($class);
    cmp_ok($client->stats->{slab_global_page_pool}, '>', 5, 'the class can be emptied');
    $client->verifies;
}

# Items that have expired.
start_again();
{
    fill('item', 9_000, sub { $_[0] % 2 ? 0 : 30 });
    my ($class) = keys %{ { pages() } };
    $client->advance(60);
    empty($class);
    is($client->stats('slabs')->{"$class:total_pages"}, 1, 'a class of which half has expired can be emptied');
    $client->verifies;
}
start_again();
{
    fill('chain', 30_000, sub { $_[0] % 2 ? 0 : 30 });
    my $class = (sort { $a <=> $b } grep { $_ < 40 } keys %{ { pages() } })[-1];
    $client->advance(60);
    empty($class);
    is($client->stats('slabs')->{"$class:total_pages"}, 1, '... a class of chains too');
    $client->verifies;
}

# Items that somebody holds when they are gone.
start_again();
{
    $client->stop_clock;
    my $last = fill('item', 9_000, sub { $_[0] % 2 ? 0 : 240 });
    my ($class) = keys %{ { pages() } };
    my $per_page = $client->stats('slabs')->{"$class:chunks_per_page"};
    my @there = grep { $client->get($_) } map { "item$_" } 1 .. $last;
    $client->ask("delete $_") for splice @there, -$per_page;
    is(scalar(grep { $client->ask("debugitem ref $_") ne 'OK' } @there), 0, 'all items are held by somebody');
    $client->advance(480);
    my $before = $client->stats;
    is($client->ask("slabs reassign $class 0"), 'OK', 'a page is to move');
    wait_for(sub { $client->stats->{slab_reassign_busy_items} > $before->{slab_reassign_busy_items} + 500 },
        '... and the mover tries and tries');
    my $stats = $client->stats;
    is($stats->{slab_reassign_last_busy_status}, 'busy_floating', '... it says why');
    is($stats->{slabs_moved}, $before->{slabs_moved}, '... the page is where it was');
    is($stats->{slab_reassign_running}, 1, '... and on its way');
}

# Half of a value has come, and then nothing.
for my $case ([9_000, 'goes on'], [9_000, 'goes away'], [30_000, 'goes on'], [30_000, 'goes away']) {
    my ($len, $and_then) = @$case;
    start_again();
    my $uploader = $server->client;
    $uploader->send("set half 0 0 $len\r\n" . 'h' x ($len / 2));
    $uploader->settle;
    fill('item', $len);
    my %pages = pages();
    my ($class) = sort { $pages{$b} <=> $pages{$a} } keys %pages;
    is($client->ask("slabs reassign $class 0"), 'OK', 'the page on which a draft begins is to move');
    wait_for(sub { $client->stats->{slab_reassign_busy_items} > 50 }, '... and the mover tries and tries');
    my $stats = $client->stats;
    is($stats->{slab_reassign_last_busy_status}, 'busy_floating', '... it says why');
    is($client->ask("slabs reassign $class 0"), $busy, '... no other page can go meanwhile');
    is($client->set('other', 'o' x $len), 'STORED', '... but clients notice nothing');
    is_all_right([other => $len, 'o']);
    if ($and_then eq 'goes on') {
        $uploader->says('h' x ($len / 2) . "\r\n", "STORED\r\n", 'the upload is finished');
    }
    else {
        $uploader->close;
    }
    is_moved("when the client $and_then, the page moves");
    is($client->stats->{slabs_moved}, 1, '... which is counted');
    if ($and_then eq 'goes on') {
        is_all_right([half => $len, 'h']);
        is($client->ask('delete half'), 'DELETED', '... and can be deleted');
    }
    is($client->get('half'), undef, 'nothing of the upload is left');
    $client->verifies;
}

# What the mover does of its own accord it gives up sooner, and then tries another page. (What
# an operator wants is given up too, after a minute and a half.)
{
    start_again();
    my $uploader = $server->client;
    $uploader->send("set half 0 0 9000\r\n" . 'h' x 4_500);
    $uploader->settle;
    fill('large', 9_000);
    is($client->ask('slabs automove 2'), 'OK', 'each eviction wants a page for its class');
    fill('small', 2_000);
    wait_for(sub { $client->stats->{slab_reassign_busy_items} > 50 }, 'one is kept by an upload');
    is($client->stats->{slabs_moved}, 0, '... and does not move');
    wait_for(sub { $client->stats->{slabs_moved} > 0 || !$client->stats->{slab_reassign_running} }, '... it is given up');
    fill('more', 2_000);
    wait_for(sub { $client->stats->{slabs_moved} > 0 }, '... and another moves instead');
    $client->ask('slabs automove 0');
    $uploader->says('h' x 4_500 . "\r\n", "STORED\r\n", 'the upload is finished all the same');
    is_all_right([half => 9_000, 'h']);
    is_moved('no page is on its way any more');
    $client->verifies;
}

# Somebody reads, slowly.
{
    my $reader = $server->client;
    $client->ask('flush_all');
    wait_for(sub { $client->stats->{curr_items} == 0 }, 'the cache is empty');
    my $last = fill('slow', 9_000);
    my @there = grep { $client->get($_) } map { "slow$_" } 1 .. $last;
    my %pages = pages();
    my ($class) = sort { $pages{$b} <=> $pages{$a} } keys %pages;
    # More than the sockets hold, so that most of it waits in the server.
    my $many = 'get ' . join(' ', (@there) x 8) . "\r\nmn\r\n";
    $reader->push_blindly($many);
    my $hits = 0;
    # The reader must not read, so nothing of its own tells when the server can send no more.
    wait_for(sub { my $before = $hits; $hits = $client->stats->{get_hits}; $hits && $hits == $before },
        'a reader that does not read');
    is($client->ask("slabs reassign $class 0"), 'OK', 'a page moves while a client reads of it');
    is($client->set('other', 'o' x 9_000), 'STORED', '... and others store');
    my $replies = $reader->read_until("MN\r\n");
    my $wrong = 0;
    while ($replies =~ /\GVALUE (\S+) 0 9000\r\n/gc) {
        my $at = pos $replies;
        $wrong++ if substr($replies, $at, 9_002) ne value_of($1, 9_000) . "\r\n";
        pos($replies) = $at + 9_002;
    }
    is(substr($replies, pos($replies) // 0), "END\r\nMN\r\n", 'the reader gets all that it has asked for');
    is($wrong, 0, '... whole');
    is_moved('... then the page moves');
    $reader->close;
    $client->verifies;
}

done_testing;

# Stores until the next eviction; returns the number of the last item.
sub fill {
    my ($prefix, $len, $expiry) = @_;
    my $evictions = $client->stats->{evictions};
    my $n = 0;
    while ($n < 20_000) {
        # Several at once, as long as there is no danger.
        my $some = $client->stats('slabs')->{total_malloced} < 11 * MIB ? int 500_000 / $len : 1;
        my $requests = '';
        for ($n + 1 .. $n + $some) {
            my $line = join ' ', "set $prefix$_ 0", $expiry ? $expiry->($_) : 0, $len;
            $requests .= "$line\r\n" . value_of("$prefix$_", $len) . "\r\n";
        }
        $client->send($requests);
        my $replies = $client->recv_exact($some * length "STORED\r\n");
        if ($replies ne "STORED\r\n" x $some) { fail("$prefix$n: $replies"); return $n }
        $n += $some;
        return $n if $client->stats->{evictions} > $evictions;
    }
    fail('memory never gets full');
    return 0;
}

sub value_of {
    my ($key, $len) = @_;
    return substr "$key," x (1 + $len / length $key), 0, $len;
}

# Each is [key, length], or the letter that the value consists of besides.
sub is_all_right {
    my (@items) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @wrong = grep {
        my ($key, $len, $letter) = @$_;
        my $item = $client->get($key);
        !$item || $item->{value} ne ($letter ? $letter x $len : value_of($key, $len));
    } @items;
    return is(join(' ', map { $_->[0] } @wrong), '', '... ' . @items . ' items are what they should be');
}

# Pages by class, of those that have any.
sub pages {
    my $slabs = $client->stats('slabs');
    return map { /^(\d+):total_pages$/ ? ($1 => $slabs->{$_}) : () } keys %$slabs;
}

sub is_moved {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return wait_for(sub { $client->stats->{slab_reassign_running} == 0 }, $name);
}

# Sends all pages of a class but one to the pool.
sub empty {
    my ($class) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $reply;
    my $done = sub {
        $reply = $client->ask("slabs reassign $class 0");
        return $reply ne 'OK' && $reply ne $busy;
    };
    wait_for($done, "class $class is emptied");
    is($reply, $no_spare, '... until it has one page');
    return;
}

sub start_again {
    $server = Server->start($OPTIONS);
    $client = $server->client;
    return;
}
