#!/usr/bin/perl
# The server stops when it is told to by someone who may, at once and in order.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use POSIX ();
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

# SIGUSR1 is the kind way; it saves what can be saved, and says so in any case.
for my $options ('', '-v', '-v -o idle_timeout=10') {
    my $server = Server->start($options);
    my $client = $server->client;
    $server->signal('USR1');
    is($server->wait_exit, 0, "'$options': SIGUSR1 ends it with exit code 0");
    $client->is_eof('... and the clients are cut off');
    my @told = split /\n/, $server->stderr;
    is(shift @told, 'Gracefully stopping', '... which is told at once');
    my @steps = ('asking workers to stop', 'asking background threads to stop', 'stopped idle timeout thread',
        'closing connections', 'reaping worker threads', 'all background threads stopped');
    my %known = map { $_ => 1 } @steps;
    is(join("\n", grep { $known{$_} } @told), $options ? join "\n", @steps : '',
        $options ? '... with -v, step by step' : '... without -v no more is said');
}

# Others act as anywhere.
for my $signal ('USR2', 'QUIT', 'ALRM') {
    my $pid_file = scratch_path('pid');
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDERR, '>', '/dev/null';
        $SIG{$signal} = 'DEFAULT';      # it may be ignored here, as in the background of a shell
        exec Server::program(), '-p', '0', '-P', $pid_file, $> == 0 ? ('-u', 'root') : () or POSIX::_exit(127);
    }
    wait_for(sub { -s $pid_file }, 'a server without any listener comes up');
    kill $signal, $pid;
    waitpid $pid, 0;
    isnt($? & 127, 0, "SIG$signal kills it");
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
    is($server->stderr, "Gracefully stopping\n", '... as after SIGUSR1');
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
