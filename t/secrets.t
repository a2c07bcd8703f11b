#!/usr/bin/perl
# What a client says to log in is wiped out of memory as soon as it has been looked at.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame);
use Server;

my $users = scratch_path('users');
write_file($users, "bob:secret\n");
my %env = (env => { MEMCACHED_SASL_PWDB => $users, SASL_CONF_PATH => '/nonexistent' });

open my $own, '<', "/proc/$$/mem" or plan skip_all => "memory cannot be looked at: $!";
close $own;

for my $row (
    ["-Y $users", sub { 'set auth 0 0 ' . length("bob $_[0]") . "\r\nbob $_[0]\r\n" },
        length "CLIENT_ERROR authentication failure\r\n"],
    ['-S',        sub { frame('SASL_AUTH', key => 'PLAIN', val => "\0bob\0$_[0]") },
        24 + length 'Auth failure.'],
) {
    my ($options, $login_with, $reply_len) = @$row;
    my $server = Server->start("$options -t 1 -m 16", %env);
    for my $before ('first', $options eq '-S' ? 'another' : ()) {
        my $password = sub { join '', map { sprintf '%08x', rand 1 << 32 } 1 .. 4 };
        my $new_client = sub {
            my $client = $server->client;
            return $client if $before eq 'first';
            $client->send($login_with->('secret'));
            $client->recv_exact(24 + length 'Authenticated');
            return $client;
        };
        for my $cut (0, -20) {
            my ($client, $wrong) = ($new_client->(), $password->());
            my $bytes = $login_with->($wrong);
            $client->send(substr $bytes, 0, $cut) if $cut;
            $client->await_taken if $cut;
            $client->send(substr $bytes, $cut);
            $client->recv_exact($reply_len);
            # Of a wrong password, as the right one is in the table of users.
            wait_for(sub { !$server->holds(substr $wrong, 0, 12) },
                "$options, $before login, " . ($cut ? 'cut' : 'whole') . ': nothing is left of it');
        }
        my ($client, $wrong) = ($new_client->(), $password->());
        $client->send(substr $login_with->($wrong), 0, -4);
        wait_for(sub { $server->holds(substr $wrong, 0, 12) }, '... one that is not finished is kept');
        $client->close;
        wait_for(sub { !$server->holds(substr $wrong, 0, 12) }, '... until the client goes');
    }
}

done_testing;
