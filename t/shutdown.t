#!/usr/bin/perl
# The server stops when it is told to by someone who may, at once and in order.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

for my $signal ('TERM', 'INT') {
    my $server = Server->start('-t 2');
    my $client = $server->client;
    $client->set('k', 'v');
    my $half = $server->client;
    $half->send("set k 0 0 100\r\nabc");
    $server->signal($signal);
    is($server->wait_exit, 0, "SIG$signal ends it with exit code 0, with clients or without");
    is($server->stderr, '', '... and without a word');
    $client->is_eof('... and the clients are cut off');
    ok(!refused_connection($server), '... and nobody is accepted any more');
}

{
    my $server = Server->start('-v');
    is($server->stop, 0, 'with -v it ends in the same way');
    is($server->stderr, "Exiting normally\n", '... and says so');
}

{
    my $server = Server->start('');
    my $client = $server->client;
    my $refusal = "SERVER_ERROR: shutdown not enabled\r\n";
    $client->says("shutdown\r\n", $refusal, 'without -A a client may not shut it down');
    $client->says("shutdown now\r\n", $refusal, '... whatever it says');
    $client->says("shutdown graceful\r\n", $refusal, '... however kindly');
    $client->is_silent('... and it goes on');
}

{
    my $server = Server->start('-A');
    my $client = $server->client;
    my $other = $server->client;
    $client->says("shutdown now\r\n", "CLIENT_ERROR invalid shutdown mode\r\n", 'with -A it must be said right');
    $client->says("shutdown graceful now\r\n", "CLIENT_ERROR invalid shutdown mode\r\n", '... to the last word');
    $client->says("shutdown noreply\r\nversion\r\n", Client::VERSION_LINE, '... which noreply is not');
    $other->is_silent('until then it goes on');
    $client->send("version\r\nshutdown\r\n");
    $client->expects(Client::VERSION_LINE, 'shutdown sends the replies before it');
    $client->is_eof('... and closes');
    is($server->wait_exit, 0, '... and the server ends with exit code 0');
    $other->is_eof('... and every client is cut off');
}

{
    my $server = Server->start('-A');
    my $client = $server->client;
    $client->send("shutdown graceful\r\n");
    $client->is_eof('shutdown graceful closes without a reply');
    is($server->wait_exit, 0, '... and the server ends with exit code 0');
}

for my $signal ('HUP', 'PIPE') {
    my $server = Server->start('');
    $server->signal($signal);
    my $client = $server->client;
    $client->is_silent("SIG$signal does not stop it") for 1 .. 3;
    is($server->stop, 0, '... but SIGTERM then does');
}

done_testing;

sub refused_connection {
    my ($server) = @_;
    return eval { $server->client; 1 };
}
