#!/usr/bin/perl
# Whatever stands still outside (who reads standard error, a file of users) stops nobody inside.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame shown);
use Server;

use Fcntl;
use POSIX qw(mkfifo);

my $key = 'k' x 200;
my $crowd = join '', map { "get $key$_\r\n" } 100 .. 199;

# A pipe that nobody reads. 20 rounds are more than pipe and queue hold.
{
    my ($reads, $server) = with_pipe('-vv -t 2');
    my $client = $server->client;
    my $served = 1;
    for my $round (1 .. 20) {
        my @clients = ($client, map { $server->client } 1 .. 3);
        $_->send($crowd x 10) for @clients;
        $served &&= length $_->recv_exact(5 * 1000) == 5 * 1000 for @clients;
        last if !$served;
    }
    ok($served, 'with -vv clients are served though nobody reads standard error');
    $client->is_silent('... then, too');
    my $told = '';
    my $note;
    while ($served && !$note) {
        sysread $reads, $told, 1 << 20, length $told or last;
        ($note) = $told =~ /^([0-9]+) log lines dropped\n/m;
    }
    cmp_ok($note // 0, '>', 0, 'who reads again hears how many lines are missing');
    my @odd = grep { !/^(?:[<>]?[0-9]+[ :]|slab class|[0-9]+ log lines dropped|\z)/ } split /\n/, $told;
    is(join("\n", @odd), '', '... and that no line is torn');
    my $asked = () = $told =~ /^<[0-9]+ get k/mg;
    my $answered = () = $told =~ /^>[0-9]+ END/mg;
    cmp_ok($asked + $answered + $note, '<=', 2 * 80_000 + 2000, '... each line counts once');
    $client->says("get told\r\n", "END\r\n", 'a line that comes now');
    sysread $reads, $told, 1 << 20, length $told or last until $told =~ /^<[0-9]+ get told\n>[0-9]+ END\n/m;
    pass('... is written like any other');
    is($server->stop, 0, 'it stops in order');
}

# A client can make any server talk; and nobody reads until the end.
{
    my ($reads, $server) = with_pipe('-A');
    my $client = $server->client;
    $client->says("verbosity 2\r\n", "OK\r\n", 'who says verbosity 2');
    for (1 .. 10) {
        $client->send($crowd);
        $client->recv_exact(5 * 100);
    }
    $server->client->is_silent('... stops neither worker nor listener');
    is($server->stop, 0, '... and it stops in order though its last words find no reader');
}
{
    my ($reads, $server) = with_pipe('-vv -o drop_privileges');
    my $client = $server->client;
    $client->send($crowd x 10);
    $client->recv_exact(5 * 1000);
    $client->send("misbehave\r\n");
    $client->is_eof('who misbehaves then');
    is($server->wait_failure, 1, '... is the end of the process, whoever reads');
}

# No memory for lines that wait.
SKIP: {
    my ($reads, $server) = with_pipe('-vv -t 1');
    my $client = $server->client;
    my $ask = sub {
        $client->send($crowd x 10);
        return length $client->recv_exact(5 * 1000);
    };
    $ask->();
    my ($kb) = slurp('/proc/' . $server->pid . '/status') =~ /^VmData:\s+([0-9]+) kB/m;
    system('prlimit', '--pid', $server->pid, '--data=' . (($kb + 512) << 10)) == 0 or skip 'no prlimit', 1;
    my $served = 1;
    $served &&= $ask->() == 5 * 1000 for 1 .. 20;
    ok($served, 'without memory for lines that nobody reads clients are served');
    $server->client->is_silent('... new ones, too');
    is($server->stop, 0, '... and it stops in order');
}

# Time in which the process is stopped is not the reader's.
{
    my ($reads, $server) = with_pipe('-vv -t 1');
    my $client = $server->client;
    $client->send($crowd x 10);
    $client->recv_exact(5 * 1000);
    $server->signal('TERM');
    my $task = '/proc/' . $server->pid . '/task/*/comm';
    wait_for(sub { !grep { slurp($_) eq "mc-worker\n" } glob $task }, 'a server has only its last words to say');
    $server->suspend;
    my $told = '';
    sysread $reads, $told, 1 << 16;                     # all that the pipe holds
    my $until = time + 4;
    wait_for(sub { time > $until }, '... when it is stopped for longer than a reader is waited for');
    $server->signal('CONT');
    1 while sysread $reads, $told, 1 << 16, length $told;
    my $asked = () = $told =~ /^<[0-9]+ get k/mg;
    is($asked, 1000, '... and then it says them all');
    is($server->wait_exit, 0, '... and is gone');
}

# A full disk, and a descriptor that does not block.
{
    open my $full, '>', '/dev/full' or die "/dev/full: $!";
    my $server = Server->start('-vv', stderr => $full);
    $server->client->is_silent('with standard error on a full disk it serves');
    is($server->stop, 0, '... and stops');
}
{
    my ($reads, $server) = with_pipe('-vv', sub { fcntl $_[0], F_SETFL, O_NONBLOCK });
    my $client = $server->client;
    my $told = '';
    $client->send($crowd x 20);
    $client->recv_exact(5 * 2000);
    $client->says("get last\r\n", "END\r\n", 'with a standard error that does not block');
    sysread $reads, $told, 1 << 20, length $told or last until $told =~ /get last\n/;
    my $lines = () = $told =~ /^<[0-9]+ get /mg;
    is($lines, 2001, '... each line is written when there is room');
}

# A file of users that is a pipe, or stands for a disk that does not answer: who opens it waits.
for my $row (
    ['-Y', sub { my ($server, $user) = @_; $server->client->ask("set auth 0 0 10\r\n$user secret") eq 'STORED' }],
    ['-S', sub {
        my ($server, $user) = @_;
        shown(Binary->new($server->client)->call('SASL_AUTH', key => 'PLAIN', val => "\0$user\0secret")) =~ /Authenticated/;
    }],
) {
    my ($option, $admits) = @$row;
    my $fifo = scratch_path('fifo');
    mkfifo($fifo, 0600) or die "$fifo: $!";
    my $writer = write_when_read($fifo, "bob:secret\n");
    my $server = Server->start($option eq '-Y' ? "-Y $fifo" : '-S',
        env => { MEMCACHED_SASL_PWDB => $fifo, SASL_CONF_PATH => '/nonexistent' });
    waitpid $writer, 0;
    ok($admits->($server, 'bob'), "$option: a pipe is read at the start");
    $server->signal('HUP');
    wait_for(sub { waits_to_open($server) }, '... and opened again after SIGHUP');
    $server->signal('HUP') for 1 .. 3;
    ok($admits->($server, 'bob'), '... which no worker waits for') for 1 .. 8;
    ok(!$admits->($server, 'eve'), '... nor the listener');
    waitpid write_when_read($fifo, "eve:secret\n"), 0;
    wait_for(sub { $admits->($server, 'eve') }, '... until somebody writes');
    ok(!$admits->($server, 'bob'), '... then it counts');
    is($server->stop, 0, '... and a file that stands still does not keep it from stopping');
}

done_testing;

# A server whose standard error is a pipe, and the end to read from.
sub with_pipe {
    my ($options, $prepare) = @_;
    pipe my $reads, my $writes or die "pipe: $!";
    $prepare->($writes) if $prepare;
    return ($reads, Server->start($options, stderr => $writes));
}

# A process that writes to a pipe as soon as somebody opens it, and ends.
sub write_when_read {
    my ($path, $text) = @_;
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    open my $file, '>', $path or POSIX::_exit(1);
    syswrite $file, $text;
    POSIX::_exit(0);
}

# Whether the thread that reads files sleeps in open(2).
sub waits_to_open {
    my ($server) = @_;
    for my $task (glob '/proc/' . $server->pid . '/task/*') {
        next unless slurp("$task/comm") eq "mc-users\n";
        my ($number) = split ' ', slurp("$task/syscall");
        return $number eq "257" || $number eq "56";      # openat on x86-64, on others
    }
    return 0;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
