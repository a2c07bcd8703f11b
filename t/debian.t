#!/usr/bin/perl
# Debian's package works when nothing of it is replaced but the binary.
#
# It runs in namespaces of its own: over /usr/bin/memcached lies the binary under test, /run and
# /var/log are empty, and the port of the package's configuration is nobody else's.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Client;
use IO::Socket::IP;
use Server;
use Socket qw(AF_INET SOCK_DGRAM);

my $BINARY  = '/usr/bin/memcached';
my $SCRIPTS = '/usr/share/memcached/scripts';
my $CONFIG  = '/etc/memcached.conf';
my $INIT    = '/etc/init.d/memcached';

plan skip_all => 'not root' if $> != 0;
for my $file ($BINARY, $INIT, "$SCRIPTS/start-memcached", "$SCRIPTS/memcached-tool", $CONFIG) {
    plan skip_all => "Debian's package is not installed: no $file" if !-e $file;
}
for my $tool ('start-stop-daemon', 'unshare', 'mount', 'bash') {
    plan skip_all => "no $tool" if !grep { -x "$_/$tool" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
}
my $program = -x Server::program('release') ? Server::program('release') : Server::program();
if (!$ENV{MEMCACHED_TEST_INSIDE}) {
    plan skip_all => 'no namespaces may be made here' if system 'unshare -m -n true 2>/dev/null';
    $ENV{MEMCACHED_TEST_INSIDE} = 1;
    exec 'unshare', '-m', '-n', $^X, $0 or die "unshare: $!";
}

my ($user, undef, $uid, $gid) = getpwnam 'memcache' or plan skip_all => 'no user memcache';
loopback_up();
for my $mount (['--bind', $program, $BINARY], map { ['-t', 'tmpfs', 'tmpfs', $_] } '/run', '/var/log') {
    system('mount', @$mount) == 0 or plan skip_all => "cannot mount: @$mount";
}
# As the package's tmpfiles.d says.
mkdir '/run/memcached' or die "/run/memcached: $!";
chown $uid, $gid, '/run/memcached';

my %asked = configuration();
my ($script_pid, $own_pid) = ('/var/run/memcached.pid', $asked{-P});
END {
    # Whoever of them is left, should a test have gone wrong.
    my @left = $ENV{MEMCACHED_TEST_INSIDE} ? map { number($_ // '') } $script_pid, $own_pid : ();
    kill 'KILL', grep { $_ && (readlink("/proc/$_/exe") // '') eq $BINARY } @left;
}

is(`$BINARY -V`, "memcached 1.6.45\n", 'the binary under test is in its place');

# Start.
is(init('status'), 3, 'before the start the init script says that nothing runs');
is(init('start'), 0, 'it starts the server');
wait_for(sub { -s $script_pid && -s $own_pid }, '... whose pid files are written');
my $pid = number($script_pid);
is(number($own_pid), $pid, '... the one of the script and its own agree');
is((stat $own_pid)[4], $uid, '... its own belongs to the user of the configuration');
my ($ids) = slurp("/proc/$pid/status") =~ /^Uid:\t(.*)$/m;
is($ids, join("\t", ($uid) x 4), '... as whom it runs');
is(readlink "/proc/$pid/exe", $BINARY, '... under the path that the scripts know');
is(init('status'), 0, 'the init script says that it runs');
my $client = connect_to($asked{-p});
my $settings = $client->stats('settings');
is($settings->{maxbytes}, $asked{-m} << 20, 'its memory is that of the configuration');
is($settings->{tcpport}, $asked{-p}, '... its port');
is($settings->{inter}, $asked{-l}, '... its address');
is($client->stats->{pid}, $pid, 'and it answers itself');
is(init('start'), 0, 'a second start does no harm');
is(number($script_pid), $pid, '... and starts nothing');
is(slurp($asked{logfile}), '', 'nothing was complained of') if $asked{logfile};

# The package's tool.
$client->set("key$_", 'x' x 100) for 1 .. 300;
$client->set("long$_", 'x' x 5000) for 1 .. 30;
$client->get("key$_") for 1 .. 100;
{
    my ($head, @lines) = split /\n/, tool('display');
    like($head, qr/^\s*#\s+Item_Size\s+Max_age\s+Pages\s+Count\s+Full\?\s+Evicted\s+Evict_Time\s+OOM\s*$/, 'display: a table');
    is(scalar @lines, 2, '... of two classes');
    my @counts = map { (split)[4] } @lines;
    is("@counts", '300 30', '... with what is in them');
    # Ages grow from one to the next.
    is(tool('') =~ s/ [0-9]+s / /gr, tool('display') =~ s/ [0-9]+s / /gr, '... which is what it shows unasked');

    my $stats = tool('stats');
    like($stats, qr/^\s+curr_items\s+330\s*$/m, 'stats: items');
    like($stats, qr/^\s+get_hits\s+100\s*$/m, '... hits');
    like($stats, qr/^\s+version\s+1\.6\.45\s*$/m, '... version');
    like(tool('settings'), qr/^\s+num_threads\s+4\s*$/m, 'settings');
    like(tool('sizes'), qr/sizes_status\s+disabled/, 'sizes: off');
}
SKIP: {
    $client->send("lru_crawler metadump hash\r\n");
    my $line = $client->read_until("\n");
    $client->read_until("END\r\n") if $line eq "OK\r\n";
    skip 'dump: this build has no LRU crawler yet, it says ' . Client::visible($line), 3 if $line ne "OK\r\n";
    my $dump = tool('dump');
    is(scalar(() = $dump =~ /^add key[0-9]+ 0 [0-9]+ 100\r?$/mg), 300, 'dump: every short item');
    is(scalar(() = $dump =~ /^add long[0-9]+ 0 [0-9]+ 5000\r?$/mg), 30, '... and every long one');
    is(scalar(() = tool('keys') =~ /^key=(?:key|long)[0-9]+ /mg), 330, 'keys: of all of them');
}

# Restart, stop.
is(init('restart'), 0, 'the init script starts it anew');
wait_for(sub { number($script_pid) && number($script_pid) != $pid && number($own_pid) == number($script_pid) },
    '... as another process');
$pid = number($script_pid);
wait_for(sub { eval { $client = connect_to($asked{-p}) } }, '... which serves');
is($client->stats->{curr_items}, 0, '... from an empty cache');
is(init('stop'), 0, 'the init script stops it');
is(slurp("/proc/$pid/cmdline"), '', '... and waits until it is gone');
$client->is_eof('... its clients are cut off');
ok(!-e $script_pid, '... the pid file of the script is gone');
is(number($own_pid), $pid, '... its own is left, as always without -d');
is(init('status'), 3, '... and the status is told');

# The way of systemd's unit.
SKIP: {
    my $wrapper = "$SCRIPTS/systemd-memcached-wrapper";
    -x $wrapper or skip 'no systemd-memcached-wrapper', 4;
    my $child = fork // die "fork: $!";
    if (!$child) {
        exec $wrapper, $CONFIG or POSIX::_exit(127);
    }
    wait_for(sub { number($own_pid) == $child }, 'the wrapper becomes the server, which takes over the pid file');
    wait_for(sub { eval { $client = connect_to($asked{-p}) } }, '... and serves');
    is($client->stats->{pid}, $child, '... itself');
    kill 'TERM', $child;
    waitpid $child, 0;
    is($?, 0, '... and ends in order');
}

done_testing;

# What the configuration says: flag or word, then value.
sub configuration {
    my %says;
    for my $line (split /\n/, slurp($CONFIG)) {
        $line =~ s/#.*//;
        $says{$1} = $2 if $line =~ /^\s*(\S+)\s+(\S+)/;
    }
    return %says;
}

sub init {
    my ($what) = @_;
    return system("$INIT $what </dev/null >/dev/null 2>&1") >> 8;
}

sub tool {
    my ($mode) = @_;
    return scalar `perl $SCRIPTS/memcached-tool $asked{-l}:$asked{-p} $mode 2>&1`;
}

sub connect_to {
    my ($port) = @_;
    return Client->new(IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $port) || die "connect: $@");
}

# Makes 127.0.0.1 work in a new network namespace.
sub loopback_up {
    use constant { SIOCGIFFLAGS => 0x8913, SIOCSIFFLAGS => 0x8914, IFF_UP => 1 };   # <linux/sockios.h>
    socket my $socket, AF_INET, SOCK_DGRAM, 0 or die "socket: $!";
    my $request = pack 'a16 s x22', 'lo', 0;
    ioctl $socket, SIOCGIFFLAGS, $request or die "lo: $!";
    my ($name, $flags) = unpack 'a16 s', $request;
    $request = pack 'a16 s x22', $name, $flags | IFF_UP;
    ioctl $socket, SIOCSIFFLAGS, $request or die "lo: $!";
    return;
}

sub number { return slurp($_[0]) =~ /\A([0-9]+)\s*\z/ ? $1 : 0 }

sub slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}
