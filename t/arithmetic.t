#!/usr/bin/perl
# incr and decr count in 64 bits, keep flags and expiry, and touch nothing that is not a number.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

my $server = Server->start('-t 4');
my $client = $server->client;

$client->set('n', '0', flags => 42);
my @wrong = grep { $client->ask('incr n 1') ne $_ } 1 .. 1100;
is("@wrong", '', 'counting up by one');
@wrong = grep { $client->ask('decr n 1') ne $_ } reverse 0 .. 1099;
is("@wrong", '', 'counting down by one');
my $item = $client->get('n');
is($item->{flags}, 42, 'the flags stay');
is($item->{value}, '0   ', 'the length never shrinks');

# Every number of digits: grow by one, and stay.
@wrong = grep {
    $client->set('n', '9' x $_);
    $client->ask('incr n 1') ne '1' . '0' x $_ || $client->get('n')->{value} ne '1' . '0' x $_
} 1 .. 18;
is("@wrong", '', 'a carry into a new digit makes room for it');

# The ends of the range.
my $max = '18446744073709551615';
$client->set('n', $max);
is($client->ask('incr n 0'), $max, 'the largest number stays itself');
is($client->ask('incr n 2'), '1', 'incr wraps past the largest number');
$client->set('n', $max);
is($client->ask("decr n $max"), '0', 'decr by the largest delta');
is($client->ask('decr n 1'), '0', 'decr stops at 0');
is($client->ask("incr n $max"), $max, 'incr by the largest delta');

# Refusals leave the value alone.
for my $value ('', 'x', '1x', '-1', '-0', ' -5', '-9223372036854775808', '-9223372036854775809',
    '-18446744073709551615', '-18446744073709551616', '1.5', '0x10', '18446744073709551616', '9' x 30) {
    $client->set('text', $value);
    for my $command ('incr', 'decr') {
        is($client->ask("$command text 1"), 'CLIENT_ERROR cannot increment or decrement non-numeric value',
            "$command of '$value' is refused");
    }
    is($client->get('text')->{value}, $value, '... and leaves it');
}
# A value longer than any number is no number, though it begins like one; a few hundred zeros or
# blanks are allowed.
for my $command ('incr n 1', 'decr n 1') {
    for my $value ('1' . ' ' x 511, '0' x 511 . '1') {
        $client->set('n', $value);
        like($client->ask($command), qr/^[02]$/, "$command of a value of 512 bytes");
        $client->set('n', "$value ");
        is($client->ask($command), 'CLIENT_ERROR cannot increment or decrement non-numeric value',
            '... of 513 bytes is refused');
        is($client->get('n')->{value}, "$value ", '... and changes nothing');
    }
}
$client->set('n', '1' . ' ' x 512);
is($client->ask('ma n'), 'CLIENT_ERROR cannot increment or decrement non-numeric value', 'likewise with ma');
is($client->ask('incr none 1'), 'NOT_FOUND', 'incr of a missing key');
is($client->get('none'), undef, '... makes none');

# Expiry is that of the item, whether it is overwritten in place or replaced.
$client->stop_clock;
$client->set('short', '5', exptime => 100);
$client->set('grows', '9', exptime => 100);
$client->ask('incr short 1');
$client->ask('incr grows 1');
$client->advance(97);
is($client->get('short')->{value}, '6', 'an incremented item lives as long as it was to');
is($client->get('grows')->{value}, '10', '... one that grew too');
$client->advance(4);
is($client->ask('incr short 1'), 'NOT_FOUND', '... and no longer');
is($client->ask('incr grows 1'), 'NOT_FOUND', '... one that grew neither');

# A reply that is still unsent shows the value of its time.
$client->set('n', '10');
$client->says("get n\r\ndecr n 1\r\n", "VALUE n 0 2\r\n10\r\nEND\r\n9\r\n", 'a get before a decr is not changed by it');

# No count is lost between clients.
$client->set('shared', '0');
my @clients = map { $server->client } 1 .. 8;
$_->send("incr shared 1\r\n" x 1000) for @clients;
for my $counter (@clients) {
    $counter->read_line for 1 .. 1000;
}
is($client->get('shared')->{value} + 0, 8000, 'eight clients lose no count');

done_testing;
