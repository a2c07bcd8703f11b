#!/usr/bin/perl
# memcached-bench does what it is asked, believes no reply, and hides no stall.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use File::Basename qw(dirname);
use JSON::PP qw(decode_json);
use Fake;
use Server;

our $BENCH = dirname(Server::program()) . '/memcached-bench';
-x $BENCH or plan skip_all => "$BENCH is not built";

# --- every protocol ----------------------------------------------------------------

for my $protocol ('text', 'meta', 'binary') {
    my $server = Server->start('-t 2');
    my $at = '127.0.0.1:' . $server->port;
    my $stats = $server->client;
    my @load = ('-s', $at, '-P', $protocol, '-k', 500, '-v', '0-300', '-V', '-c', 7, '-t', 3);

    my $got = measured("$protocol: fill and get", @load, '-f', '-r', '1:0', '-n', 2000, '-p', 5);
    is($stats->stats->{curr_items}, 500, '... all keys are stored');
    is(counts($got, qw(requests gets sets keys hits misses)), '2000 2000 0 2000 2000 0', '... and found');
    my $before = $stats->stats;
    is("@$before{qw(cmd_set cmd_get get_hits)}", '500 2000 2000', '... as the server says, too');
    cmp_ok($got->{server_user_us} + $got->{server_system_us}, '>', 0, '... which tells its processor time');

    $got = measured("$protocol: gets of several keys", @load, '-r', '1:0', '-n', 100, '-m', 30, '-p', 2);
    is(counts($got, qw(requests keys hits)), '100 3000 3000', '... finds all');

    $got = measured("$protocol: a mix", @load, '-r', '3:1', '-n', 3000, '-d', 'zipf:0.9');
    is($got->{gets} + $got->{sets}, 3000, '... makes as many as it should');
    cmp_ok($got->{sets}, '>', 500, '... sets among them');
    cmp_ok($got->{sets}, '<', 1000, '... and not too many');
    is($got->{hits}, $got->{gets}, '... and finds all');
    is($got->{latency_us}{count}, $got->{get_latency_us}{count} + $got->{set_latency_us}{count}, '... and times all');

    $stats->ask('flush_all');
    $got = measured("$protocol: look-aside", @load, '-a', '-r', '1:0', '-n', 1000, '-m', 4, '-d', 'sequential', '-p', 3);
    is($got->{sets}, $got->{misses}, '... stores what it did not find');
    cmp_ok($got->{hits}, '>', 0, '... and finds it then');
    is($stats->stats->{curr_items}, 500, '... every key');

    $got = measured("$protocol: at a rate", @load, '-R', 5000, '-n', 500, '-c', 20, '-r', '1:1');
    is(counts($got, qw(rate requests)), '5000 500', '... makes them all');
    cmp_ok($got->{seconds}, '>', 0.0998, '... not sooner than they are due');

    # What does not fit one segment, nor what is received at once.
    $got = measured("$protocol: large values", @load[0 .. 3], '-k', 20, '-v', '500000', '-V', '-f', '-r', '1:1', '-n', 200, '-p', 4);
    is(counts($got, qw(requests misses)), '200 0', '... are read whole');
    is(measured("$protocol: expiry", @load[0 .. 3], '-k', 1, '-n', 1, '-r', '0:1', '--ttl', 1000)->{sets}, 1, '... is stored');
    like($stats->ask('mg key:0000000000 t'), qr/^HD t(?:1000|99\d)$/, '... with its time');
}

# --- ways to the server ------------------------------------------------------------

{
    my $path = scratch_path('socket');
    my $server = Server->start(['-s', $path, '-t', 1]);
    my $got = measured('a unix socket', '-s', $path, '-f', '-k', 50, '-n', 100, '-r', '1:0', '--key-prefix', 'user:', '--key-length', 200);
    is(counts($got, qw(server hits)), "$path 100", '... is a way to a server');
    $got = measured('a process', '-s', $path, '-n', 100, '--pid', $server->pid);
    ok(exists $got->{server_user_us}, '... has its time in /proc');
}
{
    my ($users, $wrong) = map { scratch_path('users') } 1, 2;
    spew($users, "bob:s3cret\n");
    spew($wrong, "bob:guess\n");
    my %sasl = (env => { MEMCACHED_SASL_PWDB => $users, SASL_CONF_PATH => '/nonexistent' });
    for my $row (['text', Server->start("-Y $users")], ['meta', Server->start("-Y $users")], ['binary', Server->start('-S', %sasl)]) {
        my ($protocol, $server) = @$row;
        my @load = ('-s', '127.0.0.1:' . $server->port, '-P', $protocol, '-k', 50, '-n', 100, '-r', '1:0', '-c', 3);
        my $got = measured("$protocol: a login", @load, '-f', '--login', $users);
        is($got->{hits}, 100, '... is enough');
        ok(exists $got->{server_user_us}, '... for statistics, too');
        my ($code, $out, $err) = bench(@load, '--login', $wrong);
        is($code, 2, "$protocol: a wrong login is no start");
        like($err, qr/login refused: /, '... and says so');
        ($code, $out) = bench(@load);
        is($code, 1, "$protocol: without a login every request is refused");
        like($out, qr/100 error replies|connections? lost/, '... and counted');
    }
}

# --- what is wrong is found --------------------------------------------------------

{
    my $server = Server->start('-t 1');
    my $client = $server->client;
    my @load = ('-s', '127.0.0.1:' . $server->port, '-k', 20, '-v', 30, '-r', '1:0', '-d', 'sequential', '-n', 40);
    measured('sound values', @load, '-f', '-V');
    my $name = sprintf 'key:%010d', 7;
    my $value = $client->get($name)->{value};
    is(length $value, 30, 'a value is as long as it should be');
    for my $row (
        ['one byte changed', $value =~ s/.\z/\0/r],
        ['the value of another key', $client->get('key:0000000008')->{value}],
        ['a byte too few', substr $value, 0, 29],
        ['nothing', ''],
    ) {
        my ($what, $wrong) = @$row;
        $client->says("set $name 0 0 " . length($wrong) . "\r\n$wrong\r\n", "STORED\r\n", $what);
        my ($code, $out) = bench(@load, '-V', '-j');
        is($code, 1, '... is a failure');
        my $got = decode_json($out);
        is(counts($got, qw(wrong_values hits)), '2 40', '... counted each time');
        like(join(' ', keys %{ $got->{messages} }), qr/wrong value of $name: /, '... and named');
        ($code) = bench(@load);
        is($code, 0, '... unless nobody verifies');
    }
    $server->suspend;
    my ($code, $out) = bench(@load, '--timeout', 0.2, '--pid', $server->pid);
    $server->signal('CONT');
    is($code, 1, 'a server that stands still is a failure');
    like($out, qr/ 40 requests not answered, 40 connections lost/, '... of all that is asked');
}

# A server that says what none should.
for my $row (
    # name                      replies                                        message
    ['an error reply',          sub { "SERVER_ERROR out of memory\r\n" },      qr/^10 x SERVER_ERROR out of memory$/],
    ['a key not asked for',     sub { "VALUE key:0000000099 0 1\r\nx\r\nEND\r\n" }, qr/^1 x a value of 'key:0000000099', not asked for$/],
    ['the same value twice',    sub { "VALUE $_[0] 0 1\r\nx\r\n" x 2 . "END\r\n" }, qr/^1 x a value of 'key:\d+', not asked for$/],
    ['a value that is longer',  sub { "VALUE $_[0] 0 1\r\nxyz\r\nEND\r\n" },   qr/^1 x a value of 1 bytes does not end there$/],
    ['a reply of another kind', sub { "STORED\r\n" },                          qr/^1 x stored as the reply to a get$/],
    ['one reply too many',      sub { "END\r\nEND\r\n" },                      qr/^1 x a reply that nobody asked for: an end of values$/],
    ['no reply of memcached',   sub { "HTTP/1.1 400 Bad Request\r\n" },        qr/^1 x unexpected reply: HTTP\/1.1 400 Bad Request$/],
    ['nothing any more',        sub { '' },                                    qr/^1 x the server closed the connection$/],
) {
    my ($name, $replies, $message) = @$row;
    my $fake = Fake->start(sub {
        my ($socket, $line) = @_;
        my ($key) = $line =~ /^get (\S+)/ or return print {$socket} "ERROR\r\n";
        my $reply = $replies->($key);
        length $reply ? print {$socket} $reply : POSIX::_exit(0);
    });
    my ($code, $out) = bench('-s', $fake->address, '-k', 10, '-r', '1:0', '-n', 10, '-c', 1);
    is($code, 1, "$name is a failure");
    ok((grep { /$message/ } map { s/^ +//r } split /\n/, $out), '... and shown') or diag $out;
}

# Replies that arrive byte by byte.
{
    my $fake = Fake->start(sub {
        my ($socket, $line) = @_;
        $line =~ /^get (\S+)/ or return print {$socket} "ERROR\r\n";
        for my $byte (split //, "VALUE $1 0 6\r\na\r\nbcd\r\nEND\r\n") {
            print {$socket} $byte;
        }
    });
    my $got = measured('cut everywhere', '-s', $fake->address, '-r', '1:0', '-n', 30, '-c', 2, '-p', 3);
    is(counts($got, qw(hits misses)), '30 0', '... a reply is the same');
}

# --- stalls ------------------------------------------------------------------------

# A server that stands still for a second at its first request, and is quick then. Of 1000
# requests that are due within this second half have waited for half of it or more; that is so
# however fast the machine is. A closed loop with one connection has sent one of them.
{
    my $stalling = sub {
        my $stood = 0;
        return Fake->start(sub {
            my ($socket, $line) = @_;
            $line =~ /^get/ or return print {$socket} "ERROR\r\n";
            select undef, undef, undef, 1 if !$stood++;
            print {$socket} "END\r\n";
        });
    };
    for my $row ([1, 1], [1, 32], [1, 5000]) {
        my ($connections, $pipeline) = @$row;
        my $fake = $stalling->();
        my $got = measured("a stall, $pipeline in flight at most", '-s', $fake->address, '-R', 1000, '-n', 1000, '-r', '1:0', '-c', $connections, '-p', $pipeline);
        is($got->{latency_us}{count}, 1000, '... all that was due is counted');
        cmp_ok($got->{latency_us}{max}, '>=', 990_000, '... the first one waited for all of it');
        cmp_ok($got->{latency_us}{p50}, '>=', 490_000, '... and half of them for half of it');
    }
    my $fake = $stalling->();
    my $closed = measured('a closed loop', '-s', $fake->address, '-n', 1000, '-r', '1:0', '-c', 1);
    cmp_ok($closed->{latency_us}{max}, '>=', 990_000, '... sees the stall once');
    cmp_ok($closed->{latency_us}{p50}, '<', 490_000, '... and that is why there is another');

    # One that never answers: what could not even be sent counts.
    my $silent = Fake->start(sub { });
    my ($code, $out) = bench('-s', $silent->address, '-R', 1000, '-n', 100, '-c', 2, '--timeout', 0.2, '--pid', $$, '-j');
    my $got = decode_json($out);
    is($code, 1, 'no answer at all is a failure');
    is(counts($got, qw(requests unanswered connections_lost)), '0 100 2', '... of every request that was due');
    is($got->{latency_us}{count}, 100, '... and each is timed');
    cmp_ok($got->{latency_us}{p50}, '>=', 200_000, '... as far as it has waited');
}

# --- options -----------------------------------------------------------------------

for my $row (
    # options                         complaint
    ['-p 0',                          q{--pipeline: '0' is not a whole number from 1}],
    ['-p 1000000',                    q{--pipeline: at most 100000 requests}],
    ['-k 0',                          q{--keys: '0' is not a whole number from 1}],
    ['-k 10000000000 --key-length 8', q{--key-length, --key-prefix: 10000000000 keys with the prefix 'key:' need 14 bytes each, not 8}],
    ['--key-length 251',              q{--key-length, --key-prefix: keys have at most 250 bytes}],
    ['-c 2 -t 3',                     q{--threads: each needs a connection}],
    ['-m 10001',                      q{--multi-get: at most 10000 keys}],
    ['-R 0',                          q{--rate: '0' is not a number above 0, up to 1000000000}],
    ['-r 1',                          q{--ratio: '1' is not <gets>:<sets>, each up to 1000000, such as 9:1}],
    ['-d even',                       q{--distribution: 'even' is not uniform, sequential, zipf or zipf:<exponent>, above 0 up to 10}],
    ['-v 9-1',                        q{--value-size: '9-1' is not <bytes>, <least>-<most>, or a list of these with weights, such as 100:9,1000-4000:1; up to 1073741824}],
    ['-P http',                       q{--protocol: 'http' is not text, meta or binary}],
    ['-s host:',                      q{--server: 'host:' is not <host>, <host>:<port> or the path of a unix socket, with a slash}],
    ['--pid 999999999 -s HERE',       q{--pid: there is no such process}],
    ['--login /nonexistent',          q{--login: /nonexistent: No such file or directory (os error 2)}],
    ['-q',                            q{Unrecognized option: 'q'}],
    ['word',                          q{'word' is not an option}],
    ['compare -w get1,nonsense',      q{--workloads: 'nonsense' is none of get1, getpipe, mgpipe, mget50, set1, setpipe, mspipe, get4k, set4k, get100k, get8m}],
    ['compare -s /nonexistent',       q{/nonexistent: No such file or directory (os error 2)}],
    ['compare -s /bin/echo',          q{/bin/echo: this is no memcached}],
) {
    my ($options, $complaint) = @$row;
    my $server = $options =~ /HERE/ ? Server->start('-t 1') : undef;
    $options =~ s/HERE/'127.0.0.1:' . $server->port/e if $server;
    my ($code, $out, $err) = bench(split ' ', $options);
    my ($first) = split /\n/, $err;
    is("$code $first", "2 memcached-bench: $complaint", "$options is refused");
    is($out, '', '... and nothing else is said');
}
my ($code, $out, $err) = bench('-s', '127.0.0.1:' . free_port());
is($code, 2, 'no server is no start');
like($err, qr/^memcached-bench: 127\.0\.0\.1:\d+: Connection refused$/, '... and says so');
is((bench('--version'))[1], "memcached-bench 1.6.45\n", 'it tells its version');

# What is declared is explained.
my $page = slurp("$Bin/../doc/memcached-bench.1") =~ s/\\-/-/gr;
for my $row (['', 'load.rs'], ['compare', 'compare/mod.rs']) {
    my ($command, $file) = @$row;
    my @options = slurp("$Bin/../src/bench/$file") =~ /"((?:-\w, )?--[\w-]+(?:=<[^"]+>)?)";/g;
    cmp_ok(scalar @options, '>=', 9, "$file declares options");
    my ($code, $help) = bench(split(' ', $command), '--help');
    is($code, 0, '... and explains them');
    is(join(' ', grep { $help !~ /^ {2,6}\Q$_\E(?: |$)/m } @options), '', '... all');
    is(join(' ', grep { index($page, ".B $_\n") < 0 } @options), '', '... as the man page does');
    is(join('|', grep { /.{81}/ } split /\n/, $help), '', '... in short lines');
}

# --- comparison --------------------------------------------------------------------

{
    my ($text, $svg) = map { scratch_path($_) } 'bench.txt', 'bench.svg';
    # The release build, if there is one: what is compared is stored first, 100,000 keys.
    my $release = Server::program('release');
    local $BENCH = "$release-bench" if -x "$release-bench";
    my $server = dirname($BENCH) . '/memcached';
    my @options = ('-s', $server, '-o', $server, '-w', 'get1,mspipe', '-r', 2, '-S', 0.1, '-M', 64);
    my ($code, $out, $err) = bench('compare', @options, '--text', $text, '--svg', $svg);
    is($code, 0, 'a comparison') or diag $err;
    is($out, slurp($text), '... is printed and written');
    my $cell = qr/\d+\.\d{3}\+\d+\.\d{3} +\d+[ *] +\d+/;
    like($out, qr/^$_ +$cell +$cell +\d+\.\d\d$/m, "... has a row for $_") for 'get1', 'mspipe';
    like($out, qr/^    $_ +\S/m, '... and tells what it is') for 'get1', 'mspipe';
    my $chart = slurp($svg);
    is(unbalanced($chart), '', '... and a chart that is well-formed');
    is(scalar(() = $chart =~ /class="[ab]-(?:user|system)"/g), 4 + 8, '... with all bars, and a legend');
    unlike($chart, qr/(?:href|src|url\()|@(?:import|font-face)/, '... that needs nothing else');
    is(join('|', grep { /.{90}/ } split /\n/, $out), '', '... in lines that fit');

    local $ENV{PATH} = '';
    ($code, $out, $err) = bench('compare', '-s', $server, '-w', 'set1', '-r', 1, '-S', 0.1, '-M', 64);
    is($code, 0, 'a server alone, without taskset') or diag $err;
    like($err, qr/^No other memcached: /, '... if there is no other');
    like($out, qr/^set1 +$cell$/m, '... has its row');
}

done_testing;

# Runs it to its end: exit code, stdout, stderr.
sub bench {
    my @args = @_;
    my ($out, $err) = (scratch_path('stdout'), scratch_path('stderr'));
    my $pid = fork;
    defined $pid or die "fork: $!";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $out;
        open STDERR, '>', $err;
        exec { $BENCH } $BENCH, @args or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $code = $? & 127 ? 'signal ' . ($? & 127) : $? >> 8;
    return ($code, slurp($out), slurp($err));
}

# Runs a load that must go well; returns its summary.
sub measured {
    my ($name, @args) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($code, $out, $err) = bench(@args, '-j');
    is($code, 0, $name) or diag $out, $err;
    is($err, '', '... nothing on standard error, which is no terminal');
    my $got = eval { decode_json($out) };
    ok(ref $got eq 'HASH', '... one object of JSON') or diag $out;
    return $got || {};
}

sub counts {
    my ($got, @names) = @_;
    return join ' ', map { $got->{$_} // 'none' } @names;
}

# The first element that is not closed as it should be.
sub unbalanced {
    my ($xml) = @_;
    my @open;
    while ($xml =~ m{<(/?)(\w+)((?:\s+[\w:-]+="[^"<]*")*)\s*(/?)>|<}g) {
        return substr $xml, $-[0], 40 if !defined $2;
        next if $4;
        return $2 if $1 && (!@open || pop(@open) ne $2);
        push @open, $2 if !$1;
    }
    return join ' ', @open;
}

sub spew {
    my ($path, $text) = @_;
    open my $file, '>', $path or die "$path: $!";
    print {$file} $text;
    close $file;
    return;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
