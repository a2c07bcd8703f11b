#!/usr/bin/perl
# The options that shape memory do what they say, or stop the start.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# -C
{
    my $server = Server->start('-C');
    my $client = $server->client;
    is($client->stats('settings')->{cas_enabled}, 'no', '-C turns cas off');
    $client->set('k', 'v');
    is($client->gets('k')->{cas}, 0, '... and every version is 0');
    is($client->set('k', 'w', command => 'cas', cas => 0), 'EXISTS', '... which cannot be spent');
    is($client->get('k')->{value}, 'v', '... and changes nothing');
    is($client->set('none', 'w', command => 'cas', cas => 1), 'NOT_FOUND', '... nor finds what is missing');
}
{
    my $server = Server->start('');
    is($server->client->stats('settings')->{cas_enabled}, 'yes', 'cas is on by default');
}

# -I
for my $row (
    # options                      item_size_max
    ['',                           1_048_576],
    ['-I 1024 -o slab_chunk_max=1', 1024],
    ['-I 2097152',                 2_097_152],
    ['-I 512k -o slab_chunk_max=16', 524_288],
    ['-m 256 -I 32m',              33_554_432],
) {
    my ($options, $bytes) = @$row;
    my $server = Server->start($options);
    my $client = $server->client;
    is($client->stats('settings')->{item_size_max}, $bytes, "'$options' allows items of $bytes bytes");
    is($client->set('k', 'x' x ($bytes > 1024 ? $bytes - 1024 : 512)), 'STORED', '... which are stored');
    is($client->set('k', 'x' x ($bytes + 1)), 'SERVER_ERROR object too large for cache', '... and no larger ones');
}
for my $row (
    # options               what stderr says
    ['-I 1000',             'Item max size cannot be less than 1024 bytes.'],
    ['-I 256m',             'Cannot set item size limit higher than 1/2 of memory max.'],
    ['-m 4096 -I 1100m',    'Cannot set item size limit higher than a gigabyte.'],
    ['-m 1',                'Cannot set item size limit higher than 1/2 of memory max.'],
    ['-I 1024',             'slab_chunk_max (bytes: 524288) cannot be larger than -I (item_size_max 1024)'],
    ['-I 1500k',            '-I (item_size_max: 1536000) must be evenly divisible by slab_chunk_max (bytes: 524288)'],
) {
    my ($options, $text) = @$row;
    my ($code, undef, $stderr) = Server->refused($options);
    is($code, 64, "'$options' does not start");
    like($stderr, qr/^\Q$text\E$/m, '... and why');
}

# -m
{
    my $server = Server->start('-m 100');
    my $client = $server->client;
    is($client->stats->{limit_maxbytes}, 100 << 20, '-m is in megabytes');
    is($client->stats('settings')->{maxbytes}, 100 << 20, '... in the settings too');
}

# -n and -f change how memory is cut, not what is stored.
for my $options ('-n 1', '-n 1000', '-f 1.01', '-f 2', '-f 1.0001', '-n 500 -f 3', '-o no_modern') {
    my $server = Server->start($options);
    my $client = $server->client;
    my @wrong = grep {
        my $value = 'x' x $_;
        $client->set('k', $value) ne 'STORED' || $client->get('k')->{value} ne $value
    } 0, 1, 47, 48, 49, 100, 999, 1001, 5000, 100_000, 500_000, 1_000_000;
    is("@wrong", '', "'$options' stores every length");
}

# Memory is asked for when it is used: a large limit costs nothing by itself.
{
    my $server = Server->start('-m 4096');
    my $client = $server->client;
    $client->set('k', 'v');
    cmp_ok($server->rss_bytes, '<', 64 << 20, 'a limit of 4 GiB is not taken at once');
}

done_testing;
