#!/usr/bin/perl
# Clients that people use hold a conversation over the binary protocol, without a login and
# with one by SASL. One that is not installed is skipped, and named.
#
# A conversation is a program beside this file. It is given host, port and, for SASL, user and
# password, and prints a line for each of its checks, `ok <what>` or `not ok <what>`.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/../lib";
use Binary;
use Server;

use POSIX ();

my $modules = $ENV{NODE_PATH} || `npm root -g 2>/dev/null`;
chomp $modules;
$ENV{NODE_PATH} = $modules;
# Client libraries that bring their own SASL look for its plug-ins elsewhere.
my ($plugins) = grep { -d } glob('/usr/lib/*/sasl2 /usr/lib/sasl2');
$ENV{SASL_PATH} //= $plugins // '';
my $jar = (grep { -e } map { "$_/spymemcached.jar" } '/usr/share/java', '/usr/local/share/java')[0] || '';

# Name, what must succeed for it to be there, the conversation.
my @clients = (
    ['pylibmc',                 ['python3', '-c', 'import pylibmc; assert pylibmc.support_sasl'], ['python3', "$Bin/libmc.py"]],
    ['python-binary-memcached', ['python3', '-c', 'import bmemcached'],                ['python3', "$Bin/bmemcached.py"]],
    ['memjs',                   ['node', '-e', 'require("memjs")'],                    ['node', "$Bin/memjs.js"]],
    ['dalli',                   ['ruby', '-e', 'require "dalli"'],                     ['ruby', "$Bin/dalli.rb"]],
    ['spymemcached',            ['sh', '-c', "test -e '$jar' && command -v java"],
        ['java', '-cp', $jar, "$Bin/Spymemcached.java"]],
);

my $users = scratch_path('users');
open my $file, '>', $users or die "$users: $!";
print $file "bob:secret\n";
close $file;
chmod 0600, $users;

for my $client (@clients) {
    my ($name, $probe, $conversation) = @$client;
  SKIP: {
        run(@$probe) or skip "$name is not installed", 1;
        my $server = Server->start('-m 64');
        subtest $name => sub { converse($server, @$conversation) };
        $server = Server->start('-m 64 -S', env => { MEMCACHED_SASL_PWDB => $users });
        subtest "$name with SASL" => sub { converse($server, @$conversation, [qw(bob secret)]) };
    }
}

SKIP: {
    run('sh', '-c', 'command -v memccapable') or skip 'memccapable is not installed', 1;
    my $server = Server->start('-m 64');
    my $told = `memccapable -b -h 127.0.0.1 -p @{[$server->port]} 2>&1`;
    like($told, qr/^All tests passed$/m, 'memccapable -b is content') or diag($told);
}

done_testing;

# Runs a program in silence; whether it succeeds.
sub run {
    my @command = @_;
    my $pid = fork;
    defined $pid or die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return $? == 0;
}

sub converse {
    my ($server, @command) = @_;
    my $login = ref $command[-1] ? pop @command : [];
    open my $lines, '-|', @command, '127.0.0.1', $server->port, @$login or die "$command[0]: $!";
    my $count = 0;
    while (my $line = <$lines>) {
        my ($not, $what) = $line =~ /^(not )?ok (.*)/ or next;
        ok(!$not, $what);
        $count++;
    }
    ok(close($lines), 'the conversation came to its end') or diag("exit status $?");
    cmp_ok($count, '>=', 15, '... after all its checks');
    return if !@$login;

    # Whether it has logged in is best known to the server.
    my $asked = Binary->new($server->client);
    $asked->call('SASL_AUTH', key => 'PLAIN', val => join "\0", '', @$login);
    my $stats = $asked->stats;
    cmp_ok($stats->{auth_cmds}, '>=', 2, 'it has logged in');
    is($stats->{auth_errors}, 1, '... and failed to when it had a wrong password');
    return;
}
