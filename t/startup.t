#!/usr/bin/perl
# Options: what starts, what is refused, with which words and which exit code.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

# Asked for information, the program prints it and goes.
{
    my ($code, $out, $err) = Server->refused('-V', as_given => 1);
    is($code, 0, '-V ends well');
    is($out, "memcached 1.6.45\n", '... and prints the version alone');
    is($err, '', '... and complains of nothing');
    ($code, $out) = Server->refused('--version', as_given => 1);
    is("$code $out", "0 memcached 1.6.45\n", '--version does the same');

    for my $help ('-h', '--help') {
        ($code, $out, $err) = Server->refused($help, as_given => 1);
        is($code, 0, "$help ends well");
        like($out, qr/\Amemcached 1\.6\.45\n/, '... names itself first');
        like($out, qr/^\s*-\Q$_\E\b/m, "... and tells of -$_") for qw(p s U m M c u l t f n R C b B S Y I v h V o);
    }
    ($code, $out) = Server->refused('-V -c 0', as_given => 1);
    is("$code $out", "0 memcached 1.6.45\n", 'options count from left to right');
    ($code, $out) = Server->refused('-c 0 -V', as_given => 1);
    is("$code $out", '1 ', '... so the first bad one ends it');
}

# What is refused.
my $one_of = ' -- should be one of auto, binary, or ascii';
for my $row (
    # options               code  stderr
    ['-p 65536',            64,   'ERROR: Invalid port number 65536.'],
    ['-p 70000',            64,   'ERROR: Invalid port number 70000.'],
    ['-t 0',                1,    'Number of threads must be greater than 0'],
    ['-t -1',               1,    'Number of threads must be greater than 0'],
    ['-t x',                1,    'Number of threads must be greater than 0'],
    ['-c 0',                1,    'Maximum connections must be greater than 0'],
    ['-c -1',               1,    'Maximum connections must be greater than 0'],
    ['-m 0',                64,   'Cannot set item size limit higher than 1/2 of memory max.'],
    ['-m 1',                64,   'Cannot set item size limit higher than 1/2 of memory max.'],
    ['-I 1023',             64,   'Item max size cannot be less than 1024 bytes.'],
    ['-I 0',                64,   'Item max size cannot be less than 1024 bytes.'],
    ['-I 64m',              64,   'Cannot set item size limit higher than 1/2 of memory max.'],
    ['-f 1',                1,    'Factor must be greater than 1'],
    ['-f 0.5',              1,    'Factor must be greater than 1'],
    ['-f x',                1,    'Factor must be greater than 1'],
    ['-n 0',                1,    'Chunk size must be greater than 0'],
    ['-R 0',                1,    'Number of requests per event must be greater than 0'],
    ['-B http',             64,   "Invalid value for binding protocol: http\n$one_of"],
    ['-B ASCII',            64,   "Invalid value for binding protocol: ASCII\n$one_of"],
    ['-l fooble',           71,   'getaddrinfo(): Name or service not known'],
    ['-l 127.0.0.1:x',      71,   'Invalid port number: "x"'],
    ['-l 127.0.0.1:11x',    71,   'Invalid port number: "11x"'],
    ['-o nonsense',         1,    'Illegal suboption "nonsense"'],
    ['-o nonsense=1',       1,    'Illegal suboption "nonsense=1"'],
    ['-o ,',                1,    'Illegal suboption ""'],
) {
    my ($options, $expect, $text) = @$row;
    my ($code, $out, $err) = Server->refused($options);
    is($code, $expect, "'$options' is refused");
    like($err, qr/^\Q$text\E$/m, '... and why');
    is($out, '', '... on stderr alone');
}
for my $options ('-l fooble', '-l 127.0.0.1:x') {
    my (undef, undef, $err) = Server->refused($options);
    my ($list) = $options =~ /-l (.*)/;
    like($err, qr/^failed to listen on one of interface\(s\) \Q$list\E: /m, "'$options' names the whole list");
}

# Options that do not exist.
for my $row (
    ['-q',            q{invalid option -- 'q'}],
    ['--foo',         q{unrecognized option '--foo'}],
    ['-t',            q{option requires an argument -- 't'}],
    ['--threads',     q{option '--threads' requires an argument}],
    ['--disable-cas=1', q{option '--disable-cas' doesn't allow an argument}],
) {
    my ($options, $text) = @$row;
    my ($code, undef, $err) = Server->refused($options, as_given => 1);
    is($code, 1, "'$options' is no option");
    like($err, qr/: \Q$text\E$/m, '... and what is wrong with it');
    like($err, qr/^Illegal argument "\?"$/m, '... in the words scripts know');
}

# Who starts it.
SKIP: {
    skip 'not root', 4 if $> != 0;
    my ($code, undef, $err) = Server->refused('-l 127.0.0.1 -p -1', as_given => 1);
    is($code, 64, 'root has to say whom to run as');
    is($err, "must add '-u root' to start as root\n", '... and is told so');
    ($code, undef, $err) = Server->refused('-u nosuchuserhere');
    is($code, 67, 'an unknown user is refused');
    is($err, "can't find the user nosuchuserhere to switch to\n", '... by name');
}

# What starts, and what the settings say then.
for my $row (
    # options                setting           value
    ['-t 3',                 'num_threads',    3],
    ['-t3',                  'num_threads',    3],
    ['--threads=3',          'num_threads',    3],
    ['--threads 3',          'num_threads',    3],
    ['--thr 3',              'num_threads',    3],
    ['-t 2 -t 3',            'num_threads',    3],
    ['-t 3x',                'num_threads',    3],
    ['-c 200',               'maxconns',       200],
    ['-m 100',               'maxbytes',       104_857_600],
    ['-f 1.5',               'growth_factor',  '1.50'],
    ['-n 100',               'chunk_size',     100],
    ['-R 7',                 'reqs_per_event', 7],
    ['-b 8675',              'tcp_backlog',    8675],
    ['-B auto',              'binding_protocol', 'auto-negotiate'],
    ['-B ascii',             'binding_protocol', 'ascii'],
    ['-B ascii -vv',         'binding_protocol', 'ascii'],
    ['-B auto',              'auth_enabled_sasl', 'no'],
    ['-B auto',              'auth_enabled_ascii', 'no'],
    ['-vvv',                 'verbosity',      3],
    ['-M',                   'evictions',      'off'],
    ['-F',                   'flush_enabled',  'no'],
    ['-A',                   'shutdown_command', 'yes'],
    ['-C',                   'cas_enabled',    'no'],
    ['-I 2m',                'item_size_max',  2_097_152],
    ['some words -- more',   'num_threads',    4],
) {
    my ($options, $setting, $value) = @$row;
    # Words go last: what follows -- is no option.
    my $server = Server->start(['-u', 'root', '-l', '127.0.0.1', '-p', '-1', split ' ', $options]);
    my $client = $server->client;
    is($client->stats('settings')->{$setting}, $value, "'$options' starts with $setting $value");
    $client->says("set k 0 0 1\r\nv\r\nget k\r\n", "STORED\r\nVALUE k 0 1\r\nv\r\nEND\r\n", '... and serves');
}

# The hooks of a debug build are not there for everybody.
SKIP: {
    -x Server::program('release') or skip 'no release build', 1;
    my $server = Server->start('', build => 'release');
    $server->client->says("debugtime 5\r\ndebugitem ref a\r\nmisbehave\r\n", "ERROR\r\n" x 3,
        'a release build has no debug commands');
}

done_testing;
