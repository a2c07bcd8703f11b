#!/usr/bin/perl
# Who has not logged in by SASL gets nothing, and who may log in is in the file.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame shown);
use Server;

use Sys::Hostname qw(hostname);

use constant DENIED => 'SASL_AUTH 20 val="Auth failure."';
use constant GOOD   => 'SASL_AUTH 00 val="Authenticated"';
use constant NO_TEXT => "ERROR: You cannot allow the ASCII protocol while using SASL.\n";
use constant NO_SASL => "Error initializing sasl.\n";

my $users = scratch_path('users');
write_file($users, "bob:secret\n");
my %env = (env => { MEMCACHED_SASL_PWDB => $users, SASL_CONF_PATH => '/nonexistent' });

# What does not start.
for my $options ('-S -B auto', '-S -B ascii', '-S -B binary -B ascii', '-B ascii -S', "-S -Y $users -B ascii",
    '-S -l proto[ascii]:127.0.0.1', '-S -l 127.0.0.1,proto[negotiating]:127.0.0.1', '-S -l proto[]:127.0.0.1') {
    my ($code, undef, $err) = Server->refused($options, %env);
    is("$code $err", '64 ' . NO_TEXT, "'$options' is refused");
}
for my $row (
    [{ MEMCACHED_SASL_PWDB => '/nonexistent' }, "SASL: /nonexistent: No such file or directory\n" . NO_SASL],
    [{ MEMCACHED_SASL_PWDB => '/' },            "SASL: /: Is a directory\n" . NO_SASL],
    [{},                                        "SASL: MEMCACHED_SASL_PWDB must name a password file\n" . NO_SASL],
) {
    my ($env, $expect) = @$row;
    local $ENV{MEMCACHED_SASL_PWDB};
    delete $ENV{MEMCACHED_SASL_PWDB};
    my ($code, undef, $err) = Server->refused('-S', env => $env);
    is("$code $err", "1 $expect", 'without a password file it does not start');
}

# What does.
for my $options ('-S', '-S -B binary', '-B auto -S -B binary', '-S -l proto[binary]:127.0.0.1') {
    my $server = Server->start($options, %env);
    my $client = Binary->new($server->client);
    is(shown(plain($client, "\0bob\0secret")), GOOD, "'$options' starts, and a user logs in");
    my $settings = $client->stats('settings');
    is("$settings->{auth_enabled_sasl} $settings->{binding_protocol}", 'yes binary', '... which is shown');
}
{
    my $server = Server->start("-S -Y $users", %env);
    my $client = $server->client;
    $client->says("version\r\nset a 0 0 10\r\nbob secret\r\n", "CLIENT_ERROR unauthenticated\r\nSTORED\r\n",
        'with a file for text as well clients log in by text');
    is($client->stats('settings')->{auth_enabled_sasl}, 'yes', '... though SASL is on');
}

my $server = Server->start('-S -t 2', %env);

# Who has not logged in.
for my $opcode (0x00 .. 0xff) {
    next if $opcode == 0x0b || $opcode >= 0x20 && $opcode <= 0x22;
    my $client = $server->client;
    $client->send(frame($opcode, ext => '', key => 'k') . frame('VERSION'));
    my $got = $client->read_to_eof;
    my @replies = map { shown($_) } Binary::frames_of(\$got);
    next if "@replies" eq Binary::name_of($opcode) . ' 20 val="Auth failure."' && $client->ended;
    fail(sprintf 'opcode %02x is refused to who has not logged in: %s', $opcode, "@replies");
}
pass('no opcode but four is open to who has not logged in');
for my $text ("version\r\n" x 3, "stats\r\n" x 4, "set a 0 0 10\r\nbob secret\r\n") {
    my $client = $server->client;
    $client->send($text);
    $client->is_eof('text is not spoken');
}
{
    my ($one, $two) = map { Binary->new($server->client) } 1, 2;
    is(shown(plain($one, "\0bob\0secret")), GOOD, 'one client logs in');
    is(shown($one->set('a', 'x')), 'SET 00 cas', '... and may store');
    is(shown($two->call('GET', key => 'a')), 'GET 20 val="Auth failure."', '... another one has to do so itself');
    $two->client->is_eof('... and is closed');
    my @replies = Binary->new($server->client)->ask(frame('SASL_AUTH', key => 'PLAIN', val => "\0bob\0secret"),
        frame('SET', key => 'b', val => 'y'), frame('GETQ', key => 'b'));
    is(join('; ', map { shown($_) } @replies), GOOD . '; SET 00 cas; GETQ 00 ext=00000000 val="y" cas',
        'a login and what needs it may come at once');
}

# Who may log in.
my $host = hostname();
write_file($users, join '', map { "$_\n" } '# users', '', 'bob:secret', "ann\@$host:one", 'ann:two', 'eve@there:three',
    'colon:pa:ss', "cr:end\r", 'empty:', 'twice:one', 'twice:two', 'long:' . 'x' x 248, 'over:' . 'x' x 249,
    'cut:' . 'x' x 252, ' spaced:out ');
my $admits = sub { shown(plain(Binary->new($server->client), $_[0])) eq GOOD };
$server->signal('HUP');
wait_for(sub { $admits->("\0empty\0") }, 'SIGHUP has the file read');
for my $row (
    # payload                          whether admitted
    ["\0bob\0secret",                  1],
    ["bob\0bob\0secret",               1],
    ["bob\@$host\0bob\0secret",        1],
    ["\0bob\@$host\0secret",           1],
    ["\0 bob \0secret",                1],
    ["\0bob\0secre",                   0],
    ["\0bob\0secrets",                 0],
    ["\0bob\0",                        0],
    ["\0bob\0SECRET",                  0],
    ["\0BOB\0secret",                  0],
    ["\0bo\0secret",                   0],
    ["\0nobody\0secret",               0],
    ["eve\0bob\0secret",               0],
    ["BOB\0bob\0secret",               0],
    ["\0bob\@there\0secret",           0],
    ["\0bob\@\0secret",                0],
    ["\0\0secret",                     0],
    ["\0 \0secret",                    0],
    ["\0\0",                           0],
    ["bob\0secret",                    0],
    ["bob",                            0],
    ["\0bob\0secret\0",                0],
    ["\0\0bob\0secret",                0],
    ["\0ann\0one",                     1],
    ["\0ann\0two",                     0],
    ["\0eve\@there\0three",            1],
    ["\0eve\0three",                   0],
    ["\0colon\0pa",                    1],
    ["\0colon\0pa:ss",                 1],
    ["\0colon\0pa:s",                  0],
    ["\0cr\0end",                      1],
    ["\0empty\0",                      1],
    ["\0empty\0x",                     0],
    ["\0twice\0one",                   1],
    ["\0twice\0two",                   1],
    ["\0long\0" . 'x' x 248,           1],
    ["\0over\0" . 'x' x 249,           0],
    ["\0cut\0" . 'x' x 250,            0],
    ["\0# users\0",                    0],
    ["\0spaced\0out",                  0],
    ["\0bob\0secret\nann",             0],
    ["\0bob\0" . 'x' x 60_000,         0],
    ["\0" . 'x' x 60_000 . "\0x",      0],
    ["\0" x 65_536,                    0],
    ["\0bob\0" . 'x' x 100_000,        0],
) {
    my ($payload, $admitted) = @$row;
    is(shown(plain(Binary->new($server->client), $payload)), $admitted ? GOOD : DENIED,
        ($admitted ? 'admitted: ' : 'refused: ') . Client::visible(substr $payload, 0, 60));
}

# The file is read again when it has changed, and only then: by a thread that looks each second.
write_file($users, "bob:new\n");
wait_for(sub { $admits->("\0bob\0new") }, 'a new password is good soon');
is(shown(plain(Binary->new($server->client), "\0bob\0secret")), DENIED, '... and the old one is not');
unlink $users;
wait_for(sub { $server->stderr =~ /^SASL: \Q$users\E: No such file or directory; the users of before stay$/m },
    'that the file is gone is told');
is(shown(plain(Binary->new($server->client), "\0bob\0new")), GOOD, '... and its users stay');
write_file("$users.new", 'x' x 300 . "\nann:x\n");
chmod 0644, "$users.new";
rename "$users.new", $users;
wait_for(sub { $admits->("\0ann\0x") }, 'a file that takes its place is read');
is(shown(plain(Binary->new($server->client), "\0bob\0new")), DENIED, '... and counts alone');
like($server->stderr, qr/everybody can read the passwords$/m, '... it is told that everybody can read it');
like($server->stderr, qr/lines of more than 255 bytes are ignored: 1$/m, '... and that a line is too long');
unlike($server->stderr, qr/secret|ann:x|\bnew\b\W*$/, 'no password is told to anyone');

# A change that cannot be read for want of descriptors is read when there are some again.
{
    write_file($users, "bob:secret\n");
    my $crowded = Server->start('-S -t 1 -c 40 -o no_maxconns_fast', %env);
    my $bob = Binary->new($crowded->client);
    plain($bob, "\0bob\0secret");
    my @others;
    until ($bob->stats->{listen_disabled_num}) {
        my $before = $bob->stats->{curr_connections};
        push @others, $crowded->client;
        my $stats;
        do { $stats = $bob->stats } until $stats->{listen_disabled_num} || $stats->{curr_connections} > $before;
    }
    write_file($users, "eve:secret\n");
    my $refusals = sub { scalar(() = $crowded->stderr =~ /Too many open files; the users of before stay$/mg) };
    wait_for($refusals, 'that there is no descriptor for the file is told');
    is(shown(plain($bob, "\0bob\0secret")), GOOD, '... its users stay') for 1 .. 3;
    is($refusals->(), 1, '... which is told once');
    $_->close for @others;
    wait_for(sub { $bob->stats->{accepting_conns} }, '... then there are some');
    wait_for(sub { shown(plain(Binary->new($crowded->client), "\0eve\0secret")) eq GOOD },
        '... and who is in the file by now is admitted');
    is(shown(plain(Binary->new($crowded->client), "\0bob\0secret")), DENIED, '... and who is no longer in it is not');
}

# What is counted.
write_file($users, "bob:secret\n");
wait_for(sub { $admits->("\0bob\0secret") }, 'bob may log in again');
for my $row (
    ['a login',                     '1 0', ["PLAIN", "\0bob\0secret"]],
    ['a wrong password',            '1 1', ["PLAIN", "\0bob\0nope"]],
    ['an unknown mechanism',        '1 1', ["CRAM-MD5", "\0bob\0secret"]],
    ['one with a long name',        '0 0', ['X' x 33, "\0bob\0secret"]],
    ['a first step alone',          '0 0', ["PLAIN", '']],
    ['two steps',                   '1 0', ["PLAIN", ''], ["PLAIN", "\0bob\0secret", 'SASL_STEP']],
    ['a second step that is wrong', '1 1', ["PLAIN", ''], ["PLAIN", "\0bob\0x", 'SASL_STEP']],
    ['an empty second step',        '1 1', ["PLAIN", ''], ["PLAIN", '', 'SASL_STEP']],
    ['a second step alone',         '1 1', ["PLAIN", "\0bob\0secret", 'SASL_STEP']],
    ['three steps',                 '2 1', ["PLAIN", ''], (["PLAIN", "\0bob\0secret", 'SASL_STEP']) x 2],
    ['two logins',                  '2 0', (["PLAIN", "\0bob\0secret"]) x 2],
    ['half a mebibyte and more',    '0 0', ["PLAIN", "\0" x (512 * 1024 + 1)]],
    ['somewhat less',               '1 1', ["PLAIN", "\0" x (512 * 1024)]],
) {
    my ($what, $expect, @attempts) = @$row;
    my $before = logged_in()->stats;
    my $client = Binary->new($server->client);
    $client->call($_->[2] || 'SASL_AUTH', key => $_->[0], val => $_->[1]) for @attempts;
    my $after = logged_in()->stats;
    # One of them is that of who asks.
    is(join(' ', $after->{auth_cmds} - $before->{auth_cmds} - 1, $after->{auth_errors} - $before->{auth_errors}), $expect,
        "$what counts $expect");
}
{
    my $before = logged_in()->stats;
    my $client = Binary->new($server->client);
    is($client->call('SASL_LIST')->{val}, 'PLAIN', 'one mechanism is on offer');
    $client->call('NOOP');
    my $after = logged_in()->stats;
    is($after->{auth_cmds} - $before->{auth_cmds} - 1, 0, '... which is not counted, nor is what was refused');
}

# A failed attempt takes a login away.
for my $row (['wrong', ['PLAIN', "\0bob\0nope"]], ['begun only', ['PLAIN', '']], ['unknown', ['FOO', "\0bob\0secret"]],
    ['too long a name', ['X' x 33, '']], ['too much', ['PLAIN', "\0" x 600_000]]) {
    my ($what, $attempt) = @$row;
    my $client = logged_in();
    $client->call('SASL_AUTH', key => $attempt->[0], val => $attempt->[1]);
    is(shown($client->call('NOOP')), 'NOOP 20 val="Auth failure."', "a second login that is $what ends the first");
}

# The configuration of other servers.
{
    my $directory = scratch_path('sasl');
    mkdir $directory;
    for my $row (["mech_list: cram-md5 plain\n", 'PLAIN', GOOD, ''], ["mech_list: SCRAM-SHA-1\n", '', DENIED, 'mech_list has no PLAIN'],
        ["pwcheck_method: saslauthd\n", 'PLAIN', GOOD, 'pwcheck_method saslauthd is not available']) {
        my ($config, $offer, $reply, $remark) = @$row;
        write_file("$directory/memcached.conf", $config);
        my $server = Server->start('-S', env => { %{ $env{env} }, SASL_CONF_PATH => $directory });
        my $client = Binary->new($server->client);
        is($client->call('SASL_LIST')->{val}, $offer, "on offer with $config");
        is(shown(plain($client, "\0bob\0secret")), $reply, '... and nothing else');
        like($server->stderr, qr/\Q$remark\E/, '... which is told if it matters');
    }
}

done_testing;

sub plain {
    my ($client, $payload) = @_;
    return $client->call('SASL_AUTH', key => 'PLAIN', val => $payload);
}

sub logged_in {
    my $client = Binary->new($server->client);
    plain($client, "\0bob\0secret")->{status} == 0 or die 'bob cannot log in';
    return $client;
}
