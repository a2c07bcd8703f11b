#!/usr/bin/perl
# An item lives as long as it was told to, and is missing for every command afterwards.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;
use Binary;

my $server = Server->start('-t 2');
my $client = $server->client;
$client->stop_clock;

# Seconds from now.
$client->set('ever', 'x');
$client->set("s$_", 'x', exptime => $_) for 10, 20, 2_592_000;
$client->advance(8);
is(there('ever', 's10', 's20', 's2592000'), 'ever s10 s20 s2592000', 'before its time nothing has expired');
$client->advance(3);
is(there('ever', 's10', 's20', 's2592000'), 'ever s20 s2592000', 'an item expires at its time');
$client->advance(10);
is(there('ever', 's10', 's20', 's2592000'), 'ever s2592000', 'one after the other');

# A date.
my $now = $client->stats->{time};
$client->set('date', 'x', exptime => $now + 100);
$client->set('past', 'x', exptime => $now - 1);
is(there('date', 'past'), 'date', 'a date in the past has expired already');
$client->advance(98);
is(there('date'), 'date', 'a date in the future is waited for');
$client->advance(3);
is(there('date'), '', '... and comes');

# What has expired is missing for every command.
for my $row (
    ["add gone 0 0 1\r\ny",     'STORED'],
    ["set gone 0 0 1\r\ny",     'STORED'],
    ["replace gone 0 0 1\r\ny", 'NOT_STORED'],
    ["append gone 0 0 1\r\ny",  'NOT_STORED'],
    ["prepend gone 0 0 1\r\ny", 'NOT_STORED'],
    ["cas gone 0 0 1 1\r\ny",   'NOT_FOUND'],
    ['incr gone 1',             'NOT_FOUND'],
    ['decr gone 1',             'NOT_FOUND'],
    ['touch gone 100',          'NOT_FOUND'],
    ['delete gone',             'NOT_FOUND'],
    ['get gone',                'END'],
    ['gets gone',               'END'],
    ['gat 100 gone',            'END'],
) {
    my ($line, $reply) = @$row;
    $client->set('gone', '1', exptime => -1);
    my ($command) = split ' ', $line;
    is($client->ask($line), $reply, "$command of what has expired");
}

# touch and gat move the end, both ways.
$client->set('moved', 'x', exptime => 10);
is($client->ask('touch moved 50'), 'TOUCHED', 'touch moves the end');
$client->advance(48);
is(there('moved'), 'moved', '... away');
$client->says("gat 5 moved\r\n", "VALUE moved 0 1\r\nx\r\nEND\r\n", 'gat moves the end');
$client->advance(6);
is(there('moved'), '', '... nearer');

$client->set('moved', 'x', exptime => 10);
my $version = $client->gets('moved')->{cas};
$client->says("gats 0 moved\r\n", "VALUE moved 0 1 $version\r\nx\r\nEND\r\n", 'gats with 0');
$client->advance(1000);
is(there('moved'), 'moved', '... takes the end away');

# An exptime belongs to the store that gave it.
$client->set('again', 'x', exptime => 10);
$client->set('again', 'y');
$client->advance(20);
is($client->get('again')->{value}, 'y', 'a store without exptime lasts');
$client->set('again', 'z', command => 'append', exptime => 10);
$client->advance(20);
is($client->get('again')->{value}, 'yz', 'the exptime of an append is ignored');

# However an exptime is given, it means the same: 64 bits with a sign.
my $frames = Binary->new($server->client);
my $is_32 = qr/^binary/;                # there it has 32 bits, without a sign
my %give = (
    set           => sub { $client->set('k', '1', exptime => $_[0]) },
    add           => sub { $client->set('k', '1', exptime => $_[0], command => 'add') },
    replace       => sub { made(); $client->set('k', '1', exptime => $_[0], command => 'replace') },
    cas           => sub { made(); $client->ask("cas k 0 $_[0] 1 " . $client->gets('k')->{cas} . "\r\n1") },
    touch         => sub { made(); $client->ask("touch k $_[0]") },
    gat           => sub { made(); $client->says("gat $_[0] k\r\n", "VALUE k 0 1\r\n1\r\nEND\r\n", 'gat') },
    ms            => sub { $client->ask("ms k 1 T$_[0]\r\n1") },
    'ms MA N'     => sub { $client->ask("ms k 1 MA N$_[0]\r\n1") },
    'mg N'        => sub { $client->ask("mg k N$_[0]") },
    'mg T'        => sub { made(); $client->ask("mg k T$_[0]") },
    'ma N'        => sub { $client->ask("ma k N$_[0]") },
    'ma T'        => sub { made(); $client->ask("ma k T$_[0]") },
    'md I T'      => sub { made(); $client->ask("md k I T$_[0]") },
    'binary set'  => sub { $frames->call('SET', key => 'k', val => '1', exp => $_[0]) },
    'binary touch' => sub { made(); $frames->call('TOUCH', key => 'k', exp => $_[0]) },
    'binary gat'  => sub { made(); $frames->call('GAT', key => 'k', exp => $_[0]) },
    'binary incr' => sub { $frames->call('INCR', key => 'k', exp => $_[0]) },
);
$now = $client->stats->{time};
my %left = (
    0                                => -1,
    90                               => 90,
    2_592_000                        => 2_592_000,
    $now + 100                       => 100,
    (map { $_ => $_ - $now } 2**31 - 1, 2**31, 2**32 - 2, 2**32, 2**32 + 5),
    $now * 1000                      => -1,        # in milliseconds
    '9223372036854775807'            => -1,
    (map { $_ => undef } -1, -2**31 - 1, '-9223372036854775808', $now, 2_592_001),
);
for my $way (sort keys %give) {
    my @wrong;
    for my $given (sort { $a <=> $b } keys %left) {
        next if $way =~ $is_32 && ($given < 0 || $given >= 2**32);
        $client->ask('delete k');
        $give{$way}->($given);
        my ($left) = $client->ask('mg k t') =~ /^HD t(-?[0-9]+)/;
        my ($is, $wanted) = map { $_ // 'gone' } $left, $left{$given};
        push @wrong, "$given: $is, not $wanted" if $is ne $wanted;
    }
    is("@wrong", '', "$way: an exptime is relative up to 30 days, a date above, never if out of reach");
}
$client->set('date', 'x', exptime => 2**32 + 5);
$client->advance(2**32 + 4 - $now);
is(there('date'), 'date', 'a date in 2106 is waited for');
$client->advance(1);
is(there('date'), '', '... and comes');
$client->advance($now - 2**32 - 5);
$frames->call('SET', key => 'k', val => '1', exp => 0xffffffff);
is($client->ask('mg k t'), 'HD t' . (0xffffffff - $now), 'binary: 0xffffffff is a date in 2106');
is($client->ask('mg k t R9223372036854775807'), 'HD t' . (0xffffffff - $now) . ' W',
    'what expires at all has less time left than for ever');
$client->set('k', 'x');
is($client->ask('mg k t R9223372036854775807'), 'HD t-1', '... what does not has not');

done_testing;

sub made {
    $client->set('k', '1');
    return;
}

sub there {
    return join ' ', grep { $client->get($_) } @_;
}
