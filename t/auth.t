#!/usr/bin/perl
# Who has not logged in by text gets nothing, whichever way; the file says who may.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame);
use Server;

use Cwd qw(getcwd);
use File::Basename qw(basename dirname);

use constant DENIED    => "CLIENT_ERROR authentication failure\r\n";
use constant NOT_YET   => "CLIENT_ERROR unauthenticated\r\n";
use constant NO_BINARY => "ERROR: You cannot allow the BINARY protocol while using ascii authentication tokens.\n";
use constant MALFORMED => "has a malformed entry. Should be 'user:password'";
use constant ABSENT    => 'No such file or directory';

my $users = scratch_path('users');
write_file($users, "bob:secret\n");

# What does not start.
for my $options ("-Y $users -B binary", "-Y $users -B auto", "-B auto -Y $users", "-S -Y $users -B binary") {
    my ($code, undef, $err) = Server->refused($options);
    is("$code $err", '64 ' . NO_BINARY, "'$options' is refused");
}
for my $path ('/nonexistent', '') {
    my ($code, undef, $err) = Server->refused(['-Y', $path]);
    is("$code $err", "1 Could not open authfile [$path] for reading, error @{[ABSENT]}: @{[ABSENT]}\n",
        "a file that is not there is refused: '$path'");
}
for my $text ('', "\n", "bob\n", "bob:secret\n\nann:x\n", "# remark\nbob:secret\n", 'x' x 300) {
    my $bad = scratch_path('bad');
    write_file($bad, $text);
    my ($code, undef, $err) = Server->refused("-Y $bad");
    is("$code $err", "1 Authfile [$bad] " . MALFORMED, 'a malformed file is refused: ' . Client::visible($text));
}
{
    my ($code, undef, $err) = Server->refused("-Y $users -l proto[binary]:127.0.0.1");
    is($code, 71, 'a binary listener is refused');
    like($err, qr/\ACannot use binary protocol when ascii authentication enabled\nfailed to listen on one of interface/,
        '... in the known words');
}

# Nothing is to be had without a login, by no listener and no protocol.
my $server = Server->start("-t 2 -Y $users -l 127.0.0.1,proto[negotiating]:127.0.0.1,proto[ascii]:127.0.0.1");
like($server->stderr, qr/^WARNING: negotiating ports are ascii only when ascii authentication enabled$/m,
    'a listener for any protocol is cut down, with a warning');
for my $port ($server->ports('TCP')) {
    my $client = $server->client(port => $port, host => '127.0.0.1');
    $client->says("get a b\r\nstats\r\nversion\r\nms a 1\r\nshutdown\r\n", NOT_YET x 5, 'no command is obeyed');
    $client->says(login('bob', 'secret') . "version\r\n", "STORED\r\n" . Client::VERSION_LINE, '... before a login');
    $client = $server->client(port => $port, host => '127.0.0.1');
    $client->send(frame('SET', key => 'way_around', val => 'x') . frame('NOOP') x 2);
    $client->is_eof('frames are no way around');
    $client = $server->client(port => $port, host => '127.0.0.1');
    $client->send(frame('VERSION'));
    $client->settle;
    ok(!length $client->{in}, '... not even to the version');
}
my $bob = $server->client;
$bob->says(login('bob', 'secret'), "STORED\r\n", 'a user logs in');
is($bob->get($_), undef, "... and finds no '$_'") for 'auth', 'way_around';
my $settings = $bob->stats('settings');
is("$settings->{auth_enabled_ascii} $settings->{binding_protocol}", "$users ascii", '... the settings show it');
$server->client->says("get a\r\n", NOT_YET, 'another connection has to log in itself');
is($bob->set('auth', 'bob secret'), 'STORED', 'after a login set is set');
is($bob->get('auth')->{value}, 'bob secret', '... and stores');

# Cut anywhere, a login is a login.
{
    my $bytes = login('bob', 'secret') . "get auth\r\n";
    for my $cut (1 .. length($bytes) - 1) {
        my $client = $server->client;
        $client->send(substr $bytes, 0, $cut);
        $client->await_taken if $cut % 8 == 0;
        $client->send(substr $bytes, $cut);
        my $got = $client->recv_exact(length "STORED\r\nVALUE auth 0 10\r\nbob secret\r\nEND\r\n");
        next if $got eq "STORED\r\nVALUE auth 0 10\r\nbob secret\r\nEND\r\n";
        fail("cut at $cut: " . Client::visible($got));
    }
    pass('a login may come in two pieces');
}

# What is counted.
for my $row (
    ['a login',              '1 0', login('bob', 'secret')],
    ['a wrong password',     '1 1', login('bob', 'nope')],
    ['an unknown user',      '1 1', login('eve', 'secret')],
    ['no password',          '0 0', "set auth 0 0 3\r\nbob\r\n"],
    ['a bad end',            '0 0', "set auth 0 0 3\r\nbob secret\r\n"],
    ['any other command',    '0 0', "version\r\n"],
    ['too long a password',  '0 0', "set auth 0 0 16383\r\n"],
    ['wrong, then right',    '2 1', login('bob', 'nope') . login('bob', 'secret')],
) {
    my ($what, $expect, $bytes) = @$row;
    my $before = $bob->stats;
    my $client = $server->client;
    $client->send($bytes);
    $client->settle;
    my $after = $bob->stats;
    is(join(' ', map { $after->{$_} - $before->{$_} } qw(auth_cmds auth_errors)), $expect, "$what counts $expect");
}

# The file: who is in it, and when it is read again.
write_file($users, join '', map { "$_\n" } 'ann:new', ":\r", 'b c:x', 'col:on:s', 'long:' . 'x' x 250);
admits($server, 'bob', 'secret', 'a file that has changed is not read');
hang_up($server);
wait_for(sub { is_admitted($server, 'ann', 'new') }, '... until the server is told');
refuses($server, 'bob', 'secret', '... and then it alone counts');
admits($server, '', '', 'user and password may be empty');
refuses($server, 'b c', 'x', 'a user with a space cannot log in');
refuses($server, 'b', 'c:x', '... not even in parts');
admits($server, 'col', 'on:s', 'a password may hold a colon');
refuses($server, 'col:on', 's', '... and a user may not');
admits($server, 'long', 'x' x 250, 'a line has 255 bytes');
is($bob->ask('version'), 'VERSION 1.6.45', 'who is logged in stays so');
my $complaints = 0;
for my $bad ('', "nobody\n") {
    write_file($users, $bad);
    hang_up($server);
    my $told = ++$complaints;
    wait_for(sub { (() = $server->stderr =~ /malformed/g) == $told }, 'a malformed file is told of');
    admits($server, 'ann', 'new', '... and changes nothing');
}
unlink $users;
hang_up($server);
wait_for(sub { $server->stderr =~ /^Could not open authfile/m }, 'a file that is gone is told of');
admits($server, 'ann', 'new', '... and changes nothing');
write_file($users, join '', map { "user$_:p$_\n" } 1 .. 9);
hang_up($server);
wait_for(sub { is_admitted($server, 'user8', 'p8') }, 'the eighth user may log in');
refuses($server, 'user9', 'p9', '... and the ninth may not');
write_file($users, 'cut:' . 'x' x 300 . "\nafter:it\n");
hang_up($server);
wait_for(sub { is_admitted($server, 'cut', 'x' x 251) }, 'a longer line is cut');
refuses($server, 'cut', 'x' x 300, '... so it is not meant');
refuses($server, 'after', 'it', '... and ends the file');
unlike($server->stderr, qr/secret|p8|\bon:s/, 'no password is told to anyone');

# Elsewhere, and by a path from where it was started.
{
    write_file($users, "bob:secret\n");
    my $here = getcwd();
    chdir dirname($users);
    my $path = scratch_path('socket');
    my $server = Server->start(['-s', $path, '-Y', basename($users)]);
    chdir $here;
    my $client = $server->client;
    $client->says("version\r\n", NOT_YET, 'a unix socket wants a login too');
    $client->says(login('bob', 'secret'), "STORED\r\n", '... and has it');
}

done_testing;

sub login {
    my ($user, $password) = @_;
    return 'set auth 0 0 ' . length("$user $password") . "\r\n$user $password\r\n";
}

sub hang_up { return $_[0]->signal('HUP') }

sub is_admitted {
    my ($server, $user, $password) = @_;
    my $client = $server->client;
    $client->send(login($user, $password));
    my $line = $client->read_line;
    $line eq "STORED\r\n" || $line eq DENIED or die 'neither yes nor no: ' . Client::visible($line);
    return $line eq "STORED\r\n";
}

sub admits  { return ok(is_admitted(@_[0 .. 2]), $_[3]) }
sub refuses { return ok(!is_admitted(@_[0 .. 2]), $_[3]) }
