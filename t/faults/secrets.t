#!/usr/bin/perl
# A password is wiped out of memory also if the connection is lost while it is looked at.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Binary qw(frame);
use Server;

open my $own, '<', "/proc/$$/mem" or plan skip_all => "memory cannot be looked at: $!";
close $own;

my $users = scratch_path('users');
my $text = sub { 'set auth 0 0 ' . length("bob $_[0]") . "\r\nbob $_[0]\r\n" };
my $sasl = sub { frame('SASL_AUTH', key => 'PLAIN', val => "\0bob\0$_[0]") };
my $right = join '', map { sprintf '%08x', rand 1 << 32 } 1 .. 4;
write_file($users, "bob:$right\n");

for my $row (
    # what, options, login, how much of it comes first
    ['by text',                       "-Y $users", $text->($right)],
    ['by text, wrongly',              "-Y $users", $text->("x$right")],
    ['by text, in two pieces',        "-Y $users", $text->($right), -5],
    ['by text, of many bytes',        "-Y $users", $text->($right . ' ' x 15_000), -5],
    ['by SASL',                       '-S',        $sasl->($right)],
    ['by SASL, wrongly',              '-S',        $sasl->("x$right")],
    ['by SASL, in two pieces',        '-S',        $sasl->($right), -5],
    ['by SASL, of many bytes',        '-S',        $sasl->($right . ' ' x 50_000), -5],
    ['by SASL, with half a second',   '-S',        $sasl->($right) . substr $sasl->($right), 0, -4],
) {
    my ($what, $options, $login, $cut) = @$row;
    my $server = Server->start("$options -t 1 -m 16",
        env => { MEMCACHED_FAULTS => 'send EPIPE', MEMCACHED_SASL_PWDB => $users, SASL_CONF_PATH => '/nonexistent' });
    my $before = $server->holds($right);
    my $client = $server->client;
    $client->send(substr $login, 0, $cut) if $cut;
    $client->await_taken if $cut;
    $client->send($cut ? substr $login, $cut : $login);
    $client->is_eof("a login $what whose reply cannot be sent");
    my $left;
    wait_for(sub { ($left = $server->holds($right)) <= $before }, '... leaves nothing behind')
        or diag("$before before, $left after");
}

done_testing;
