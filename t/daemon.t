#!/usr/bin/perl
# In the background the server is a process of its own, found by its pid file.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary;
use Cwd qw(getcwd);
use Client;
use File::Basename qw(basename dirname);
use IO::Socket::IP;
use Server;

my @daemons;
END { kill 'KILL', grep { (readlink("/proc/$_/exe") // '') =~ m{/memcached\z} } @daemons }

# What -d is.
{
    my $pid_file = scratch_path('pid');
    my $daemon = daemon("-P $pid_file");
    is($daemon->{code}, 0, 'with -d the process that was called ends well');
    is($daemon->{err}, '', '... and complains of nothing');
    wait_for(sub { -s $pid_file }, '... the other one writes its pid file');
    like(slurp($pid_file), qr/\A[0-9]+\n\z/, '... a number and a line end');
    ok(!-e "$pid_file.tmp", '... in one piece');
    my $pid = pid_of($pid_file);
    my $client = connect_to($daemon);
    is($client->stats->{pid}, $pid, '... which is the number of the server');
    is(session($pid), $pid, 'it has a session of its own');
    is(readlink "/proc/$pid/cwd", '/', '... stands in /');
    is(readlink "/proc/$pid/fd/$_", '/dev/null', "... stream $_ leads nowhere") for 0 .. 2;
    connect_to($daemon)->is_silent('it serves whoever comes');
    kill 'HUP', $pid;
    $client->is_silent('SIGHUP does not end it') for 1 .. 3;
    kill 'TERM', $pid;
    $client->is_eof('SIGTERM does');
    wait_for(sub { !kill 0, $pid }, '... it is gone');
    ok(!-e $pid_file, '... and so is its pid file');
}

# Killed, it leaves the file, which the next one takes over without a word.
{
    my $pid_file = scratch_path('pid');
    my $daemon = daemon("-P $pid_file");
    wait_for(sub { -s $pid_file }, 'a daemon has come up');
    my $pid = pid_of($pid_file);
    kill 'KILL', $pid;
    wait_for(sub { !kill 0, $pid }, '... and is killed');
    ok(!connects($daemon), '... so nobody answers');
    is(pid_of($pid_file), $pid, '... and its pid file is still there');
    my $server = Server->start("-P $pid_file");
    wait_for(sub { pid_of($pid_file) == $server->pid }, 'a new server takes the file over');
    is($server->stderr, '', '... without a word, as that process is gone');
}

# With -v the streams stay, with -r the directory.
{
    my ($pid_file, $err) = (scratch_path('pid'), scratch_path('err'));
    my $daemon = daemon("-v -r -P $pid_file", $err);
    wait_for(sub { -s $pid_file }, 'with -v -r it comes up');
    my $pid = pid_of($pid_file);
    is(readlink "/proc/$pid/cwd", getcwd(), '-r keeps the directory, for the core file');
    is(readlink "/proc/$pid/fd/2", $err, '-v keeps standard error');
    my ($soft) = slurp("/proc/$pid/limits") =~ /^Max core file size\s+(\S+)/m;
    isnt($soft, 0, '-r allows a core file');
    kill 'USR1', $pid;
    wait_for(sub { !kill 0, $pid }, 'SIGUSR1 ends it');
    like(slurp($err), qr/^Gracefully stopping$/m, '... which it says there');
    ok(!-e $pid_file, '... and the pid file is gone');
}

# What is wrong with the options is told before, and by the exit code.
for my $row (
    ['-c 0',             1,  "Maximum connections must be greater than 0\n"],
    ['-I 100',           64, "Item max size cannot be less than 1024 bytes.\n"],
    $> == 0 ? ['-u nosuchuserhere', 67, "can't find the user nosuchuserhere to switch to\n"] : (),
) {
    my ($options, $expect, $text) = @$row;
    my $pid_file = scratch_path('pid');
    my ($code, undef, $err) = Server->refused("-d -P $pid_file $options");
    is($code, $expect, "-d $options is refused by the process that was called");
    is($err, $text, '... in words');
    ok(!-e $pid_file, '... and leaves no pid file');
}

# Files of users are looked for where it was started, though it goes elsewhere.
{
    my $here = getcwd();
    my $users = scratch_path('users');
    open my $file, '>', $users or die "$users: $!";
    print $file "bob:secret\n";
    close $file;
    chdir dirname($users);
    local $ENV{MEMCACHED_SASL_PWDB} = basename($users);
    for my $options ('-Y ' . basename($users), '-S') {
        my $pid_file = scratch_path('pid');
        my $daemon = daemon("$options -P $pid_file");
        my $pid = pid_of($pid_file);
        is(readlink "/proc/$pid/cwd", '/', "-d $options by a relative path: a daemon is in /");
        my $client = connect_to($daemon);
        if ($options eq '-S') {
            is(Binary->new($client)->call('SASL_AUTH', key => 'PLAIN', val => "\0bob\0secret")->{status}, 0,
                '... and lets in whom the file names');
        }
        else {
            $client->says("set auth 0 0 10\r\nbob secret\r\n", "STORED\r\n", '... and lets in whom the file names');
        }
        kill 'TERM', $pid;
        wait_for(sub { !kill 0, $pid }, '... until it ends');
    }
    chdir $here;
}

# What is found out later only the daemon knows.
{
    my $port = free_port();
    my $holder = Server->start("-p $port");
    my $pid_file = scratch_path('pid');
    my $err = scratch_path('err');
    my $second = daemon("-p $port -P $pid_file");
    is($second->{code}, 0, 'a port in use is found out in the background');
    is($second->{err}, '', '... without a word');
    $second = daemon("-v -p $port -P $pid_file", $err);
    is($second->{code}, 0, '... with -v, too');
    wait_for(sub { slurp($err) =~ /^failed to listen on .*: Address already in use$/m }, '... but then it is said');
    ok(!-e $pid_file, '... and no pid file is written');
    $holder->client->is_silent('who had the port first keeps it');
}

# Without -d the file is written as well, and left.
{
    my $pid_file = scratch_path('pid');
    my $server = Server->start("-P $pid_file");
    wait_for(sub { -s $pid_file }, 'in the foreground a pid file is written, too');
    is(slurp($pid_file), $server->pid . "\n", '... with the number of the process');
    is($server->stop, 0, 'it stops in order');
    is(slurp($pid_file), $server->pid . "\n", '... and leaves the file to who started it');

    write_file($pid_file, "$$\n");
    $server = Server->start("-P $pid_file");
    wait_for(sub { pid_of($pid_file) == $server->pid }, 'a file that names a process that runs is overwritten');
    is($server->stderr, "WARNING: The pid file contained the following (running) pid: $$\n",
        '... with a warning');

    for my $junk ('', "junk\n", "-1\n", "0\n", '2147483647', 'x' x 5000) {
        write_file($pid_file, $junk);
        $server = Server->start("-P $pid_file");
        wait_for(sub { pid_of($pid_file) == $server->pid }, 'a file with junk is overwritten');
        is($server->stderr, '', '... without a word');
    }
}

# No pid file is no reason not to serve.
{
    my $server = Server->start('-P /nonexistent/pid');
    $server->client->is_silent('a pid file that cannot be written stops nobody');
    is($server->stderr,
        "Could not open the pid file /nonexistent/pid.tmp for writing: No such file or directory\n",
        '... but is told');
    my $directory = scratch_path('directory');
    mkdir $directory or die "$directory: $!";
    $server = Server->start("-P $directory");
    $server->client->is_silent('nor does one that is a directory');
    is($server->stderr, "Could not rename the pid file from $directory.tmp to $directory: Is a directory\n",
        '... which is told, too');
    unlink "$directory.tmp";
}

# A file that somebody has taken away in the meantime is missed, no more.
{
    my ($pid_file, $err) = (scratch_path('pid'), scratch_path('err'));
    my $daemon = daemon("-v -P $pid_file", $err);
    wait_for(sub { -s $pid_file }, 'a daemon has come up');
    my $pid = pid_of($pid_file);
    unlink $pid_file;
    kill 'INT', $pid;
    wait_for(sub { !kill 0, $pid }, 'it ends without its pid file');
    is(slurp($err), "Exiting normally\nCould not remove the pid file $pid_file: No such file or directory\n",
        '... and says so');
}

# Limits.
SKIP: {
    $> == 0 or skip 'not root', 5;
    my $server = Server->start('-c 345', build => 'release');
    my ($soft, $hard) = slurp('/proc/' . $server->pid . '/limits') =~ /^Max open files\s+(\S+)\s+(\S+)/m;
    is("$soft $hard", '345 345', '-c sets both limits of open files to exactly that');
    $server = Server->start('-c 20000 -u nobody', build => 'release');
    ($soft) = slurp('/proc/' . $server->pid . '/limits') =~ /^Max open files\s+(\S+)/m;
    is($soft, 20_000, '... while root can, before the user is changed');
    my @ids = map { [slurp('/proc/' . $server->pid . '/status') =~ /^$_:((?:\t[0-9]+)+)$/m] } 'Uid', 'Gid';
    my (undef, undef, $uid, $gid) = getpwnam 'nobody';
    is($ids[0][0], "\t$uid" x 4, '-u gives the user in every way');
    is($ids[1][0], "\t$gid" x 4, '... and the group');
    like(slurp('/proc/' . $server->pid . '/status'), qr/^Groups:\s*$/m, '... and no other groups');
}
SKIP: {
    $> == 0 or skip 'not root', 3;
    my @as_nobody = ('setpriv', '--reuid=nobody', '--clear-groups', '--regid=nogroup');
    (grep { -x "$_/setpriv" } split /:/, $ENV{PATH}) or skip 'no setpriv', 3;
    -x Server::program('release') or skip 'no release build', 3;
    my $command = "ulimit -n 100; exec timeout 10 @as_nobody " . Server::program('release') . ' -c 200 -u ghost';
    my $text = `$command 2>&1`;
    is($? >> 8, 71, 'a limit that cannot be raised is refused');
    is($text, 'failed to set rlimit for open files. Try starting as root or requesting smaller maxconns value.' . "\n",
        '... in the words that scripts know');
    $text = `ulimit -c 0; exec timeout 10 @as_nobody @{[Server::program('release')]} -r -p 0 2>&1`;
    is("$?: $text", (71 << 8) . ": failed to ensure corefile creation\n", '-r wants to be able to leave a core file');
}

# Locked memory.
{
    my $server = Server->start('-k');
    $server->client->is_silent('with -k it serves');
    my ($locked) = slurp('/proc/' . $server->pid . '/status') =~ /^VmLck:\s+([0-9]+) kB/m;
    my $warned = $server->stderr =~ /^warning: -k invalid, mlockall\(\) failed: \S/m ? 1 : 0;
    ok(($locked > 0) != $warned, $warned ? '... with a warning, as it may not lock' : '... in memory that is locked');
    my $client = $server->client;
    $client->set("k$_", 'x' x 500_000) for 1 .. 100;
    is(length $client->get('k100')->{value}, 500_000, '... and so is what comes later');
}

# Locked memory of those who may lock some.
SKIP: {
    $> == 0 or skip 'only root can try what others may do', 1;
    my $locked_kb = sub { (slurp('/proc/' . $_[0]->pid . '/status') =~ /^VmLck:\s+([0-9]+) kB/m)[0] };
    my $start = sub {
        my ($limit_kb) = @_;
        my $program = scratch_path('program');
        write_file($program, "#!/bin/sh\nulimit -l $limit_kb && exec " . Server::program() . ' "$@"' . "\n");
        chmod 0700, $program;
        local $ENV{MEMCACHED_DEBUG} = $program;
        return Server->start('-k -m 5 -I 512k -u nobody');
    };
    my $server = $start->(8 << 10);
    like($server->stderr, qr/\A-k: memory of the cache is locked as it is taken, up to 8192 kB\n\z/,
        'who may lock as much as -m has the memory of the cache locked');
    my ($client, $before) = ($server->client, $locked_kb->($server));
    $client->set("k$_", 'x' x 50_000) for 1 .. 300;
    cmp_ok($locked_kb->($server) - $before, '>=', 4 << 10, '... as it is taken');
    is(length $client->get('k300')->{value}, 50_000, '... up to the limit of memory');
    unlike($server->stderr, qr/warning/, '... all of that without a warning');

    $server = $start->(4 << 10);
    like($server->stderr, qr/\Awarning: -k invalid, mlockall\(\) failed: Cannot allocate memory\n-k: memory of the cache is locked as it is taken, up to 4096 kB\n\z/,
        'who may lock less gets a warning');
    $client = $server->client;
    $client->set("k$_", 'x' x 50_000) for 1 .. 100;
    is(length $client->get('k100')->{value}, 50_000, '... and is served');
    my $warnings = () = $server->stderr =~ /^warning: -k: mlock2\(\) failed: Cannot allocate memory; memory taken from now on may be swapped out$/mg;
    is($warnings, 1, '... when no more can be locked, that is told once');

    $server = $start->(0);
    $server->client->is_silent('who may not lock memory is served, too');
    like($server->stderr, qr/^warning: -k invalid, mlockall\(\) failed: Operation not permitted$/m, '... after a warning');
}

done_testing;

# Starts a server with -d. Its pid file tells when it is there, or its port file.
sub daemon {
    my ($args, $err_path) = @_;
    my $ports = scratch_path('ports');
    my %with = (env => { MEMCACHED_PORT_FILENAME => $ports });
    my @saved;
    if ($err_path) {
        # What the daemon keeps is the file that it was started with.
        my $command = join ' ', Server::program(), '-d', $args, $> == 0 ? '-u root' : (),
            $args =~ /-p / ? () : '-p -1', '-l 127.0.0.1';
        local $ENV{MEMCACHED_PORT_FILENAME} = $ports;
        my $status = system "exec $command </dev/null >/dev/null 2>$err_path";
        @saved = ($status >> 8, '', '');
    }
    else {
        @saved = Server->refused("-d $args", %with);
    }
    my ($pid_file) = $args =~ /-P (\S+)/;
    wait_quietly(sub { -s $pid_file || !$saved[0] && $args =~ /-p / });
    push @daemons, pid_of($pid_file) if -s $pid_file;
    return { code => $saved[0], err => $saved[2], ports => $ports };
}

sub wait_quietly {
    my ($holds) = @_;
    for (1 .. 2000) {
        return 1 if $holds->();
        select undef, undef, undef, 0.005;
    }
    return 0;
}

sub port_of {
    my ($daemon) = @_;
    my ($port) = slurp($daemon->{ports}) =~ /^TCP INET: ([0-9]+)$/m;
    return $port;
}

sub connects {
    my ($daemon) = @_;
    return IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => port_of($daemon), Timeout => 10);
}

sub connect_to { return Client->new(connects($_[0]) || die "cannot connect: $@") }

sub pid_of {
    my ($number) = slurp($_[0]) =~ /\A([0-9]+)\n\z/;
    return $number || 0;
}

sub stat_of { return split ' ', slurp("/proc/$_[0]/stat") =~ s/^.*\) //sr }
sub session { return (stat_of($_[0]))[3] }

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
