#!/usr/bin/perl
# With drop_privileges a thread that does what it should not is the end of the process.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary;
use Frames;
use Server;

# Without it nothing is given up.
for my $options ('', '-o no_drop_privileges', '-o drop_privileges,no_drop_privileges,relaxed_privileges') {
    my $server = Server->start($options);
    my $client = $server->client;
    is($client->stats('settings')->{drop_privileges}, 'no', "'$options': nothing is given up");
    $client->says("misbehave\r\n", "ERROR\r\n", '... so a worker can open a socket, or run a program');
    my %modes = modes($server);
    is(join(' ', sort keys %modes), '0', '... no thread is watched');
}

# With it, it is.
for my $options ('-o drop_privileges', '-o drop_privileges,relaxed_privileges') {
    my $users = scratch_path('users');
    write_users($users, "bob:secret\n");
    my $server = Server->start("-t 2 $options -o idle_timeout=1000 -Y $users");
    my $client = $server->client;
    $client->says("set auth 0 0 10\r\nbob secret\r\n", "STORED\r\n", 'a client logs in');
    is($client->stats('settings')->{drop_privileges}, 'yes', "'$options' is shown");
    # A thread is watched from soon after it has begun.
    my %modes;
    wait_for(sub { %modes = modes($server); join(' ', sort keys %modes) eq '2' }, '... each thread is watched');
    is($modes{2}{'mc-worker'}, 2, '... each worker');
    is($modes{2}{$_}, 1, "... and $_") for 'memcached', 'mc-log', 'mc-stderr', 'mc-lrumaint', 'mc-slabmaint',
        'mc-itemcrawler', 'mc-idletimeout', 'mc-users';
    like(slurp('/proc/' . $server->pid . '/status'), qr/^NoNewPrivs:\s+1$/m, '... which gets no new privileges');

    my $other = $server->client;
    $client->send("misbehave\r\n");
    $client->is_eof('who makes a worker misbehave is cut off without a reply');
    is($server->wait_failure, 1, '... the process is gone');
    like($server->stderr, qr/^Seccomp policy failure\. Caught syscall [0-9]{4}\. \S.*\n\z/, '... and names the call');
    $other->is_eof('... for all');
}

# What a server does all day it still may.
{
    my $pid_file = scratch_path('pid');
    my $server = Server->start("-t 3 -A -k -P $pid_file -o drop_privileges,idle_timeout=1000");
    my $client = $server->client;
    my $many = 'x' x 300;
    for my $round (1 .. 3) {
        my @clients = map { $server->client } 1 .. 50;
        $_->is_silent('clients come') for @clients[0, 1, 2];
        $clients[$_]->set("k$_", $many x (1 << $_ % 12)) for 0 .. 49;
        is(length $clients[$_]->get("k$_")->{value}, 300 * (1 << $_ % 12), "... store and read $_") for 0 .. 11;
        $_->close for @clients;
    }
    $client->set("t$_", $many) for 1 .. 5000;
    $client->says("set n 0 0 1\r\n1\r\nincr n 5\r\nms m 2\r\nab\r\nmg m v\r\nflush_all\r\n",
        "STORED\r\n6\r\nHD\r\nVA 2\r\nab\r\nOK\r\n", 'all kinds of commands are obeyed');
    $client->send(join '', map { "$_\r\n" } 'verbosity 2', 'verbosity 0', 'cache_memlimit 100', 'lru mode flat',
        'slabs automove 0', 'lru_crawler enable', 'lru_crawler metadump all', 'stats', 'stats items', 'stats slabs',
        'stats sizes', 'stats settings', 'stats conns', 'stats detail dump');
    $client->settle;
    my $after = $server->client;
    $after->is_silent('... those of operators, too');
    $after->verifies('... and the walk through all memory, which gives much of its own back');
    $server->signal('HUP');
    $after->is_silent('SIGHUP does no harm') for 1 .. 3;
    is($server->stop, 0, 'it stops in order');
}
{
    my $server = Server->start('-t 2 -U -1 -vv -o drop_privileges');
    my $frames = Frames->new($server->ports('UDP'));
    my ($watcher, $client) = ($server->client, $server->client);
    $watcher->says("watch fetchers mutations evictions connevents sysevents deletions\r\n", "OK\r\n", 'a client watches');
    my $value = 'x' x 5000;
    $client->set('a', $value);
    is(length $frames->ask('get a'), length("VALUE a 0 5000\r\n\r\nEND\r\n") + 5000, 'datagrams are answered');
    $server->client->is_silent('clients come and go');
    my $seen = '';
    wait_for(sub { $seen .= $watcher->read_until("\n"); $seen =~ /item_get key=a .*conn_close/s }, 'who watches is told');
    $client->says_like("stats conns\r\n", qr/STAT .*:UDP UDP\r\n.*END\r\n\z/s, 'and connections are shown');
    $watcher->close;
    $client->is_silent('watchers go');
    is($server->stop, 0, '... and nothing of that is out of bounds');
}

# Who may log in is looked up in memory; one thread reads files, and can do little else.
{
    my $users = scratch_path('users');
    write_users($users, "bob:secret\n");
    my %env = (env => { MEMCACHED_SASL_PWDB => $users, SASL_CONF_PATH => '/nonexistent' });
    my $server = Server->start('-S -o drop_privileges', %env);
    my $login = sub { Binary::shown(Binary->new($server->client)->call('SASL_AUTH', key => 'PLAIN', val => "\0$_[0]\0secret")) };
    is($login->('bob'), 'SASL_AUTH 00 val="Authenticated"', 'who is in the file may log in');
    is($login->('eve'), 'SASL_AUTH 20 val="Auth failure."', '... and nobody else');
    write_users($users, "eve:secret\n");
    wait_for(sub { $login->('eve') =~ /Authenticated/ }, 'a file that changes counts');
    is($login->('bob'), 'SASL_AUTH 20 val="Auth failure."', '... and it alone');
    write_users($users, "ann:secret\n");
    $server->signal('HUP');
    wait_for(sub { $login->('ann') =~ /Authenticated/ }, '... after SIGHUP, too');
    write_users($users, "eve:secret\n");
    is($server->stop, 0, '... and none of that ends the server');

    $server = Server->start("-Y $users -o drop_privileges");
    my $by_text = sub { $server->client->ask("set auth 0 0 10\r\n$_[0] secret") };
    is($by_text->('eve'), 'STORED', 'by text, too, who is in the file may log in');
    write_users($users, "bob:secret\n");
    $server->signal('HUP');
    wait_for(sub { $by_text->('bob') eq 'STORED' }, '... and after SIGHUP who is in it now');
    is($server->stop, 0, '... which does not end the server');
}
for my $how ("shutdown\r\n", "shutdown graceful\r\n") {
    my $server = Server->start('-A -o drop_privileges');
    $server->client->send($how);
    is($server->wait_exit, 0, 'it stops in order when a client says so');
}

done_testing;

# What the kernel lets threads do: mode, then name, then how many.
sub modes {
    my ($server) = @_;
    my %modes;
    for my $task (glob '/proc/' . $server->pid . '/task/*') {
        my ($mode) = slurp("$task/status") =~ /^Seccomp:\s+([0-9]+)$/m;
        (my $name = slurp("$task/comm")) =~ s/\n//;
        $modes{$mode}{$name}++;
    }
    return %modes;
}

sub write_users {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file;
    chmod 0600, $path;
    return;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
