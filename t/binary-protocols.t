#!/usr/bin/perl
# Which protocol a connection speaks: by its first byte, or by the listener's.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame shown);
use Server;

use constant VERSION_FRAME => "\x81\x0b" . "\0" x 9 . "\x06" . "\0" x 12 . '1.6.45';

# By default the first byte tells.
{
    my $server = Server->start('-t 1');
    is($server->client->stats('settings')->{binding_protocol}, 'auto-negotiate', 'by default each client may choose');
    my $client = $server->client;
    $client->send("\x80\r\n");
    $client->settle;
    ok(!$client->ended && !length $client->{in}, '46: 0x80 speaks binary, and more bytes are waited for');
    $client = $server->client;
    $client->says("\x80\x0b" . "\0" x 22, VERSION_FRAME, '49: a binary version is answered');
    $client->says("\x80\x0b" . "\0" x 22, VERSION_FRAME, '... twice');
    $client = $server->client;
    $client->send("\x80");
    $client->await_taken;
    $client->says("\x0b" . "\0" x 22, VERSION_FRAME, '... when the first byte comes alone');
    $client = $server->client;
    $client->says("\x81\x0b" . "\0" x 22 . "\r\n", "ERROR\r\n", 'any other first byte is text');
    $client->is_silent('... and stays text');
}

# One protocol only.
{
    my $server = Server->start('-t 1 -B binary');
    my $binary = Binary->new($server->client);
    is($binary->stats('settings')->{binding_protocol}, 'binary', '-B binary is shown');
    my $client = $server->client;
    $client->send("version\r\n");
    $client->settle;
    ok(!$client->ended, 'a binary server waits for what may be a frame');
    $client->send(' ' x 24);
    $client->is_eof('454: a binary server closes on text');

    $server = Server->start('-t 1 -B ascii');
    $client = $server->client;
    is($client->stats('settings')->{binding_protocol}, 'ascii', '-B ascii is shown');
    $client->says(frame('NOOP'), "CLIENT_ERROR bad command line format\r\n", 'a frame is a line to a text server');
    $client = $server->client;
    $client->send(frame('VERSION') x 90);
    $client->is_eof('... and many without a line feed are too long a line');
}

# Listeners of their own.
{
    my $server = Server->start('-t 2 -l proto[ascii]:127.0.0.1,proto[binary]:127.0.0.1,proto[negotiating]:127.0.0.1');
    my ($ascii, $binary, $either) = map { { host => '127.0.0.1', port => $_ } } $server->ports('TCP');
    for my $round (1 .. 4) {    # so that each worker has some of each
        $server->client(%$ascii)->says("\x80\x0b" . "\0" x 22 . "\r\n", "ERROR\r\n", 'one listener speaks text');
        $server->client(%$binary)->says(frame('VERSION'), VERSION_FRAME, '... another binary');
        $server->client(%$either)->says(frame('VERSION'), VERSION_FRAME, '... a third both');
        $server->client(%$either)->is_silent('... as the client chooses');
    }
    my $client = $server->client(%$binary);
    $client->send("version\r\n" x 3);
    $client->is_eof('text is not spoken where it is not');
    is($server->client(%$ascii)->stats('settings')->{binding_protocol}, 'auto-negotiate', 'the setting is the default');

    $server = Server->start('-t 1 -B binary -l 127.0.0.1,proto[a]:127.0.0.1,proto[http]:127.0.0.1');
    my @ports = map { { host => '127.0.0.1', port => $_ } } $server->ports('TCP');
    $server->client(%{ $ports[0] })->says(frame('VERSION'), VERSION_FRAME, 'without one the default holds');
    $server->client(%{ $ports[1] })->is_silent('... a listener goes before it');
    $server->client(%{ $ports[2] })->says(frame('VERSION'), VERSION_FRAME, '... a name that means nothing does not');
}

# A unix socket has the default.
{
    my $server = Server->start(['-s', scratch_path('socket')]);
    $server->client->says(frame('VERSION'), VERSION_FRAME, 'binary over a unix socket');
    $server->client->is_silent('... and text');
    $server->stop;
    $server = Server->start(['-s', scratch_path('socket'), '-B', 'binary']);
    $server->client->says(frame('VERSION'), VERSION_FRAME, '... or binary only');
}

# Who is one too many is told in text, whatever it speaks.
{
    my $server = Server->start('-t 1 -c 20 -B binary');
    my @clients;
    my $greeting = '';
    until (length $greeting || @clients > 30) {
        push @clients, $server->client;
        $clients[-1]->send(frame('NOOP'));
        $greeting = $clients[-1]->recv_exact(24) =~ /^(ERROR .*)/ ? $1 : '';
    }
    is($greeting, 'ERROR Too many open conn', 'a client too many is told so in text');
    @clients = ();
}

done_testing;
