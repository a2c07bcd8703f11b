#!/usr/bin/perl
# The server against a model in Perl: random meta commands on few keys, by
# two clients in turns, while time goes by. Every reply is foretold to the byte.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use List::Util qw(shuffle);
use MIME::Base64 qw(encode_base64);
use Server;

use constant SEED    => 20_240_229;
use constant BATCHES => 1500;
use constant BATCH   => 60;             # commands in one pipeline

my @keys = qw(a bb ccc n1 n2 n3);
my %items;                              # key => { value flags expires id won stale coded hit }
my $now = 0;

my $server = Server->start('-t 2');
my @clients = map { $server->client } 1 .. 2;
my $operator = $server->client;
$operator->stop_clock;

srand SEED;
my $wrong = 0;
for my $batch (1 .. BATCHES) {
    my (@sent, @told);
    for (1 .. BATCH) {
        my ($command, $reply) = random_command();
        push @sent, $command;
        push @told, $reply;
    }
    my $client = $clients[$batch % @clients];
    $client->send(join '', @sent, "mn\r\n");
    for my $i (0 .. $#sent) {
        my $got = $client->recv_exact(length $told[$i]);
        next if $got eq $told[$i];
        Client::is_same($got, $told[$i], "batch $batch, command $i: " . Client::visible($sent[$i]));
        diag('before: ' . Client::visible(join '', @sent[($i > 12 ? $i - 12 : 0) .. $i - 1])) if $i;
        $wrong++;
        last;
    }
    last if $wrong;
    if ($client->recv_exact(4) ne "MN\r\n") {
        fail("batch $batch: more was said than foretold");
        last;
    }
    my $seconds = int rand 3;
    $operator->advance($seconds) if $seconds;
    $now += $seconds;
}
is($wrong, 0, BATCHES * BATCH . ' commands are answered as foretold');
$operator->verifies;

done_testing;

sub random_command {
    my $dice = rand;
    my $key = $keys[rand @keys];
    return mg($key) if $dice < 0.40;
    return ms($key) if $dice < 0.65;
    return ma($key) if $dice < 0.78;
    return md($key) if $dice < 0.90;
    return get($key) if $dice < 0.95;
    return touch($key) if $dice < 0.98;
    %items = () if (my $flush = $dice > 0.997);
    return $flush ? ("flush_all\r\n", "OK\r\n") : ("mn\r\n", "MN\r\n");
}

# --- commands: [what is sent, what is answered] ------------------------------------

sub mg {
    my ($key) = @_;
    my $item = there($key);
    my %with = some(v => '', s => '', f => '', t => '', c => '', k => '', q => '', u => '', O => 'op', b => '',
        T => int rand 9, N => int rand 9, R => int rand 6, C => id());
    $with{E} = id() if defined $with{N};
    delete $with{C} unless $item;       # of a new item it says nothing sure
    $with{h} = '' if $item && defined $item->{hit} && rand() < 0.5;
    my @order = shuffle(sort keys %with);
    my ($send, $coded) = request('mg', $key, \%with, @order);

    my $made = !$item && defined $with{N};
    if ($made) {
        $item = $items{$key} = { value => '', flags => 0, id => $with{E}, expires => 0 };
    }
    if (!$item) {
        my $reply = answer('EN', \@order, { O => $with{O}, k => shown($key, $coded) });
        return ($send, defined $with{q} ? '' : $reply);
    }
    my $value = defined $with{v} && !(defined $with{C} && $with{C} == $item->{id});
    my $recache = 0;
    my $hit = $item->{hit};
    my $code = $value ? 'VA ' . length $item->{value} : 'HD';
    for my $flag (@order) {
        $item->{expires} = date($with{$flag}) if $flag eq 'T' || $flag eq 'N' && $made;
        $recache = 1 if $flag eq 'R' && $item->{expires} && $item->{expires} - $now < $with{R};
        $code .= " s" . length $item->{value} if $flag eq 's';
        $code .= " f$item->{flags}" if $flag eq 'f';
        $code .= ' t' . left($item) if $flag eq 't';
        $code .= " c$item->{id}" if $flag eq 'c';
        $code .= ' h' . $hit if $flag eq 'h';
        $code .= " O$with{O}" if $flag eq 'O';
        $code .= ' k' . shown($key, $item->{coded}) if $flag eq 'k';
    }
    my $wins = !$item->{won} && ($made || $recache || $item->{stale});
    $code .= ' Z' if $item->{won};
    $code .= ' X' if $item->{stale};
    $code .= ' W' if $wins;
    $item->{won} = 1 if $wins;
    $item->{hit} = 1 unless defined $with{u} || $made;
    return ($send, "$code\r\n" . ($value ? "$item->{value}\r\n" : ''));
}

sub ms {
    my ($key) = @_;
    my $item = there($key);
    my $value = rand() < 0.6 ? int rand 200 : join '', map { chr 97 + rand 26 } 1 .. rand 30;
    my %with = (E => id(), some(T => int(rand 10) - 1, F => int rand 3, s => '', c => '', q => '', O => '#1',
        b => '', C => id(), N => int rand 9, M => (qw(S E R A P))[rand 5]));
    my $mode = $with{M} // 'S';
    my $adds = $mode eq 'A' || $mode eq 'P';
    delete $with{b} if $adds;
    $with{I} = '' if !$adds && rand() < 0.3;
    $with{k} = '' if !$adds && rand() < 0.3;
    my @order = shuffle(sort keys %with);
    my ($line, $coded) = request('ms', $key, { %with }, length $value, @order);
    my $send = "$line$value\r\n";

    my ($code, $new) = ('HD');
    my $c = $mode eq 'E' ? undef : $with{C};
    $c = undef if $adds && !($c // 1);
    if (!$item) {
        $code = 'NF' if defined $c && !$adds;
        $code = 'NS' if !defined $c && $mode eq 'R' || $adds && !defined $with{N};
        $new = { value => $value, flags => $with{F} // 0, id => $with{E}, coded => $coded, hit => 0,
            expires => date($adds ? $with{N} // 0 : $with{T} // 0) };
    }
    elsif ($mode eq 'E') { $code = 'NS' }
    else {
        my $stale = defined $c && !$adds && defined $with{I} && $c < $item->{id};
        $code = 'EX' if defined $c && $c != $item->{id} && !$stale;
        $new = $adds
            ? { %$item, value => $mode eq 'A' ? $item->{value} . $value : $value . $item->{value}, won => 0, stale => 0,
                coded => 0, hit => 0, id => $with{E} }
            : { value => $value, flags => $with{F} // 0, id => $with{E}, coded => $coded, hit => 0,
                expires => $stale ? $item->{expires} : date($with{T} // 0),
                stale => $stale, won => $stale && $item->{won} };
    }
    $items{$key} = $new if $code eq 'HD';
    my $size = $code eq 'HD' ? length $new->{value} : length $value;
    my $reply = answer($code, \@order, { O => $with{O}, k => shown($key, $coded), s => $size,
        c => $code eq 'HD' ? $with{E} : 0 });
    return ($send, $code eq 'HD' && defined $with{q} ? '' : $reply);
}

sub md {
    my ($key) = @_;
    my $item = there($key);
    my %with = some(q => '', O => 'x-y', k => '', C => id(), I => '', x => '', b => '', T => int(rand 10) - 1, F => int rand 3);
    $with{E} = id() if defined $with{I};
    my @order = shuffle(sort keys %with);
    my ($send, $coded) = request('md', $key, \%with, @order);

    my $code = !$item ? 'NF' : defined $with{C} && $with{C} != $item->{id} ? 'EX' : 'HD';
    if ($code eq 'HD' && !defined $with{x} && !defined $with{I}) { delete $items{$key} }
    elsif ($code eq 'HD') {
        %$item = (value => '', flags => $with{F} // 0, id => $item->{id}, expires => 0) if defined $with{x};
        $item->{expires} = date($with{T}) if defined $with{T};
        @$item{qw(stale won id)} = (1, 0, $with{E}) if defined $with{I};
    }
    my $reply = answer($code, \@order, { O => $with{O}, k => shown($key, $coded) });
    return ($send, $code eq 'HD' && defined $with{q} ? '' : $reply);
}

sub ma {
    my ($key) = @_;
    my $item = there($key);
    my %with = (E => id(), some(q => '', v => '', t => '', c => '', k => '', O => '', b => '', N => int rand 9,
        J => int rand 30, D => int rand 100, C => id(), T => int rand 9, M => (qw(I + D -))[rand 4]));
    my @order = shuffle(sort keys %with);
    my ($send, $coded) = request('ma', $key, \%with, @order);

    my $code = 'HD';
    my $made = !$item && defined $with{N};
    if ($made) {
        $item = $items{$key} = { value => $with{J} // 0, flags => 0, id => $with{E}, expires => 0 };
    }
    elsif (!$item) { $code = 'NF' }
    elsif (length $item->{value} && $with{C} && $with{C} != $item->{id}) { $code = 'EX' }
    else {
        my ($old) = $item->{value} =~ /\A([0-9]{1,15})(?:\s|\z)/
            or return $item->{value} =~ /\A[0-9]{16}/ ? md($key)
                : ($send, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
        my $delta = $with{D} // 1;
        my $number = ($with{M} // 'I') =~ /[I+]/ ? $old + $delta : $old > $delta ? $old - $delta : 0;
        if (length $number > length $item->{value}) {
            %$item = (%$item, value => $number, won => 0, stale => 0, coded => 0, hit => undef);
        }
        else { $item->{value} = sprintf '%-*s', length $item->{value}, $number }
        $item->{id} = $with{E};
    }
    return ($send, answer($code, \@order, { O => $with{O}, k => shown($key, $coded) })) if $code ne 'HD';

    my ($number) = $item->{value} =~ /\A([0-9]+)/;
    $code = defined $with{v} ? 'VA ' . length $number : 'HD';
    for my $flag (@order) {
        $item->{expires} = date($with{$flag}) if $flag eq 'T' || $flag eq 'N' && $made;
        $code .= ' t' . left($item) if $flag eq 't';
        $code .= " c$item->{id}" if $flag eq 'c';
        $code .= " O$with{O}" if $flag eq 'O';
        $code .= ' k' . shown($key, $coded) if $flag eq 'k';
    }
    return ($send, defined $with{q} ? '' : "$code\r\n" . (defined $with{v} ? "$number\r\n" : ''));
}

sub get {
    my ($key) = @_;
    my $item = there($key) or return ("get $key\r\n", "END\r\n");
    $item->{hit} = 1;
    return ("gets $key\r\n", sprintf "VALUE %s %d %d %d\r\n%s\r\nEND\r\n", $key, $item->{flags}, length $item->{value},
        $item->{id}, $item->{value});
}

sub touch {
    my ($key) = @_;
    my $seconds = int rand 9;
    my $item = there($key) or return ("touch $key $seconds\r\n", "NOT_FOUND\r\n");
    $item->{hit} = 1;
    $item->{expires} = date($seconds);
    return ("touch $key $seconds\r\n", "TOUCHED\r\n");
}

# --- what commands have in common --------------------------------------------------

# Each flag with one chance in four.
sub some {
    my %all = @_;
    return map { rand() < 0.25 ? ($_ => $all{$_}) : () } sort keys %all;
}

# Few enough to meet again; 0 only where it has no special meaning.
sub id { return 1 + int rand 9 }

sub there {
    my ($key) = @_;
    my $item = $items{$key} or return;
    return $item if !$item->{expires} || $item->{expires} > $now;
    delete $items{$key};
    return;
}

# Seconds from now as a date; 0 is never, what is negative has been.
sub date { return $_[0] == 0 ? 0 : $_[0] < 0 ? -1 : $now + $_[0] }

sub left { return $_[0]{expires} ? $_[0]{expires} - $now : -1 }

sub shown {
    my ($key, $coded) = @_;
    return $coded ? encode_base64($key, '') . ' b' : $key;
}

# The command line, and whether its key is in base64.
sub request {
    my ($command, $key, $with, @order) = @_;
    my $coded = defined $with->{b};
    my $line = join ' ', $command, $coded ? encode_base64($key, '') : $key,
        map { /\A[0-9]+\z/ ? $_ : $_ . $with->{$_} } @order;
    return ("$line\r\n", $coded);
}

# A reply without a value.
sub answer {
    my ($code, $order, $shown) = @_;
    return join(' ', $code, map { defined $shown->{$_} ? $_ . $shown->{$_} : () } @$order) . "\r\n";
}
