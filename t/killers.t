#!/usr/bin/perl
# What has killed servers of this kind is sent over TCP, UDP and unix sockets, and a bystander notices nothing.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Binary qw(frame);
use Frames ();
use Recipe;
use Server;

# Pieces that a stretch is cut into at most.
use constant PIECES => 12;

srand 1645;
my $users = scratch_path('users');
open my $file, '>', $users or die "$users: $!";
print $file "bob:secret\n";
close $file;
chmod 0600, $users;

# The options that a recipe's words stand for.
my %options = (
    verbose  => '-vv',
    limited  => '-o read_buf_mem_limit=1',
    keep     => '-M',
    'no-cas' => '-C',
    detail   => '-D :',
);
my %places;    # by options

for my $target (qw(text meta binary udp)) {
    my $turn = 0;
    for my $path (sort glob("$Bin/fuzz/corpus/$target/*")) {
        my ($with, @steps) = read_recipe($path);
        my ($name) = $path =~ m{([^/]+/[^/]+)\z};
        my $place = place($with, $target, $turn++ % 2);
        my $shoots = $target eq 'udp' ? \&shoot_datagrams : \&converse;
        $shoots->($place, @steps);
        is_unharmed($place, $name);
    }
}

done_testing;

# A server, and the bystander there.
sub place {
    my ($with, $target, $unix) = @_;
    my @words = grep { $options{$_} } sort keys %$with;
    my $sasl = $with->{login} && $target eq 'binary';
    my @args = (split(' ', '-t 2 -m 2 -I 256k -o slab_chunk_max=16'), map { split ' ' } @options{@words});
    push @args, '-S' if $sasl;
    push @args, '-Y', $users if $with->{login} && !$sasl;
    my $key = "@args $target-$unix";
    return $places{$key} //= do {
        push @args, '-U', '-1' if $target eq 'udp';
        push @args, '-s', scratch_path('socket') if $target ne 'udp' && $unix;
        my $server = Server->start(\@args, env => { MEMCACHED_SASL_PWDB => $users, SASL_CONF_PATH => '/nonexistent' });
        my $client = $server->client;
        my $bystander = $sasl ? Binary->new($client) : $client;
        $bystander->ask(frame('SASL_AUTH', key => 'PLAIN', val => "\0bob\0secret")) if $sasl;
        $client->says("set x 0 0 10\r\nbob secret\r\n", "STORED\r\n", 'the bystander logs in') if $with->{login} && !$sasl;
        # The client that found out that the server accepts may still be closing.
        wait_for(sub { $bystander->stats->{curr_connections} == ($target eq 'udp' ? 3 : 1) }, "a server with @args");
        {
            server => $server, bystander => $bystander, sasl => $sasl, keeps => $with->{keep},
            connections => $bystander->stats->{curr_connections},
            datagrams   => $target eq 'udp' ? Frames->new($server->ports('UDP')) : undef,
        };
    };
}

# Two clients, as the steps want them.
sub converse {
    my ($place, @steps) = @_;
    my ($here, $there) = map { { client => $place->{server}->client, reads => 1 } } 1, 2;
    for my $step (@steps) {
        my ($what, $with) = @$step;
        if    ($what eq 'send')    { send_in_pieces($here, $with) }
        elsif ($what eq 'other')   { ($here, $there) = ($there, $here) }
        elsif ($what eq 'reading') { $here->{reads} = !$here->{reads} }
        elsif ($what eq 'clock')   { advance($place, $with) }
        elsif ($what eq 'new') {
            $here->{client}->close;
            $here = { client => $place->{server}->client, reads => 1 };
        }
        serves_bystander($place) or last;
    }
    # One goes in order and one does not.
    $here->{client}->half_close;
    $here->{client}->read_to_eof;
    $_->{client}->close for $here, $there;
    return;
}

sub send_in_pieces {
    my ($one, $bytes) = @_;
    my $client = $one->{client};
    while (length $bytes && !$client->{gone}) {
        my $most = rand() < 0.5 ? 20 : 1 + 2 * length($bytes) / PIECES;
        my $piece = substr $bytes, 0, 1 + int rand $most, '';
        if ($one->{reads}) {
            $client->send($piece);
            $client->{in} = '';
        }
        elsif ($client->push_blindly($piece) < length $piece) {
            return;    # the server reads no more before this one does
        }
    }
    return;
}

sub shoot_datagrams {
    my ($place, @steps) = @_;
    for my $step (@steps) {
        my ($what, $with) = @$step;
        if    ($what eq 'clock') { advance($place, $with) }
        elsif ($what eq 'send')  { $place->{datagrams}->send($with) if length $with <= 65_507 }
    }
    # By another socket: the first one has no room left for answers.
    is(Frames->new($place->{server}->ports('UDP'))->ask('mn'), "MN\r\n", 'a datagram is still answered');
    return;
}

sub advance {
    my ($place, $seconds) = @_;
    $place->{bystander}->advance($seconds) unless $place->{sasl};    # there is no such frame
    return;
}

# Asks for a value, and gets it: unless there is no memory for values, or all are flushed at a
# time that is to come.
sub serves_bystander {
    my ($place) = @_;
    my $bystander = $place->{bystander};
    if ($place->{sasl}) {
        my @replies = $bystander->ask(frame('SET', key => 'by', val => 'v'), frame('GET', key => 'by'));
        return @replies == 2;
    }
    $bystander->send("set by 0 0 1\r\nv\r\nget by\r\nmn\r\n");
    my $reply = $bystander->read_until("MN\r\n");
    my $stored = $place->{keeps} ? qr/(?:STORED|SERVER_ERROR [^\r\n]*)\r\n/ : qr/STORED\r\n/;
    return $reply =~ /\A$stored(?:VALUE by 0 1\r\nv\r\n)?END\r\nMN\r\n\z/
        || !fail('the bystander gets ' . Client::visible($reply));
}

# The server lives, has nothing left of who has gone, and the bystander has its value again.
sub is_unharmed {
    my ($place, $name) = @_;
    my $bystander = $place->{bystander};
    return fail("$name: the bystander has lost its connection") unless serves_bystander($place);
    wait_for(sub { $bystander->stats->{curr_connections} == $place->{connections} }, "$name: connections are back");
    return if $place->{sasl};
    $bystander->advance(3) for 1 .. 2;
    $bystander->ask('flush_all');
    if (!$place->{keeps}) {
        $bystander->says("set by 0 0 1\r\nv\r\nget by\r\n", "STORED\r\nVALUE by 0 1\r\nv\r\nEND\r\n", '... the bystander has its value');
    }
    # Datagrams have no connection that one could wait for: some may still be in work.
    wait_for(sub { $bystander->verdict =~ /^STAT held 0\r$/m }, '... and all memory');
    return;
}
