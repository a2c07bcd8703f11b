#!/usr/bin/perl
# Two servers, one conversation: this server and another memcached are sent the same
# requests and have to answer the same.
#
#     t/peer/differ.pl [--seconds=60] [--seed=1] [--rounds=N] [--failures=3]
#
# A round is one connection to each server and the stream of one seed (Stream.pm); seeds
# count up from --seed. Replies are compared byte for byte, except that each server has
# its own cas ids, clock and version (Reply.pm). What is known to differ is in Known.pm.
# After a difference that is not known there the stream is cut down to what is needed for
# it and printed, with the seed: `differ.pl --seed=N --rounds=1` shows it again.
#
# The peer is $PEER, else /usr/bin/memcached. If there is none that is an error, unless
# PEER=optional.
use strict;
use warnings;
use FindBin qw($Bin);
use lib "$Bin/../lib", $Bin;
use Getopt::Long qw(GetOptions);
use MIME::Base64 ();
use List::Util qw(sum0);
use Time::HiRes qw(time sleep);

use Client;
use Known;
use Reply;
use Server;
use Stream;

use constant SHRINK_RUNS_MAX => 400;
use constant SHRINK_S        => 20;
use constant PACKET_GAP_S    => 0.0003;
use constant LAST_MARK       => 1e9;    # of what comes after the last one

my %option = (seconds => 60, seed => 1, rounds => 0, failures => 3);
GetOptions(\%option, 'seconds=f', 'seed=i', 'rounds=i', 'failures=i') && !@ARGV
    or die "usage: $0 [--seconds=60] [--seed=1] [--rounds=N] [--failures=3]\n";

my $peer_path = peer_path() or exit 0;
$ENV{MEMCACHED_PEER} = $peer_path;
my %server = (
    ours  => Server->start('-m 128 -t 2'),
    # Without the threads that hold items for a moment: what is held is not changed in place.
    peers => Server->start('-m 128 -t 2 -o no_lru_maintainer,no_lru_crawler', build => 'peer'),
);
my %client;
my %tally = (rounds => 0, requests => 0, failures => 0);
my %known;
my $began = time;
my $mark_reply = qr/NF O~([0-9]+)~\r\n/;

for my $side (sort keys %server) {
    printf "# %-5s %s: %s\n", $side, Server::program($side eq 'ours' ? 'debug' : 'peer'),
        $server{$side}->client->ask('version');
}
for (my $seed = $option{seed}; goes_on(); $seed++) {
    my $stream = stream_of($seed);
    my $failure = converse($stream, \%known);
    $tally{rounds}++;
    $tally{requests} += sum0(map { scalar @$_ } @$stream);
    if ($failure) {
        $tally{failures}++;
        report($seed, shrunk($stream, $failure));
    }
}
summary();
exit($tally{failures} ? 1 : 0);

sub goes_on {
    return 0 if $tally{failures} >= $option{failures};
    return $tally{rounds} < $option{rounds} if $option{rounds};
    return time - $began < $option{seconds};
}

# Where the peer is; nothing if there is none and none is needed.
sub peer_path {
    my $given = $ENV{PEER} // '';
    my $path = $given eq '' || $given eq 'optional' ? '/usr/bin/memcached' : $given;
    return $path if -x $path;
    my $message = "no peer to compare with: $path is not there (Debian's package: memcached)\n";
    die $message unless $given eq 'optional';
    print $message;
    return;
}

# --- a conversation ----------------------------------------------------------------

# Sends the stream to both. Returns the first difference that is not known: the requests
# and what was answered; nothing if all is well.
sub converse {
    my ($stream, $known) = @_;
    my %id;                             # side => { key => the id last shown }
    my %pairs;
    my $mark = 0;
    %client = map { $_ => clean_client($server{$_}) } keys %server;
    for my $burst (@$stream) {
        my ($groups, $pieces) = marked($burst, \$mark);
        my $closes = @$burst && $burst->[-1]{closes};
        my %reply = map { $_ => answer($client{$_}, $pieces, $id{$_}, $closes, $mark) } keys %client;
        my $failure = differences($groups, \%reply, \%pairs, \%id, $known);
        return $failure if $failure;
        last if $client{ours}->ended && $client{peers}->ended;
    }
    $_->close for values %client;
    return;
}

# A connection to a server that holds none of the keys.
sub clean_client {
    my ($server) = @_;
    my $client = $server->client;
    $client->send(join('', map { delete_request($_) } keys_used()) . "mn\r\n");
    $client->read_until("MN\r\n");
    return $client;
}

sub delete_request {
    my ($key) = @_;
    return "delete $key noreply\r\n" if $key !~ /[ \n]/;
    return 'md ' . MIME::Base64::encode_base64($key, '') . " b q\r\n";
}

# Puts marks between the requests, so that replies can be told apart. Returns the groups
# of requests as { mark number => [requests] }, and the pieces to send: bytes, or undef
# where a packet ends.
sub marked {
    my ($burst, $mark) = @_;
    my (%groups, @pieces, @group);
    $_->{alone} ||= is_odd($_) for @$burst;
    for my $i (0 .. $#$burst) {
        my $request = $burst->[$i];
        my $next = $burst->[$i + 1];
        my $at = 0;
        for my $cut (grep { $_ > 0 && substr($request->{text}, 0, $_) !~ /<(?:<[^>]*>?)?\z/ } @{ $request->{cuts} }) {
            push @pieces, substr($request->{text}, $at, $cut - $at), undef;
            $at = $cut;
        }
        push @pieces, substr $request->{text}, $at;
        push @group, $request;
        return ({ %groups, LAST_MARK() => [@group] }, \@pieces) if $request->{closes};
        next if !$request->{alone} && $next && !$next->{alone} && @group < 4;
        # A request that reaches beyond its end takes a mark or two.
        for (1 .. ($request->{overhang} ? 3 : 1)) {
            $groups{ ++$$mark } = [@group];
            push @pieces, mark($$mark);
        }
        push @pieces, levelled($request->{key}) if splits_state($request);
        @group = ();
    }
    $groups{ ++$$mark } = [@group];
    push @pieces, mark($$mark);
    return (\%groups, \@pieces);
}

# A request whose reply is like no other.
sub mark {
    my ($number) = @_;
    return "md ~mark O~$number~\r\n";
}

# A silent request after which the key is the same on both sides.
sub levelled {
    my ($key) = @_;
    return '' unless defined $key && length $key && length $key <= 250;
    return "set $key 0 0 0 noreply\r\n\r\n" if $key !~ /[ \n]/;
    return 'ms ' . MIME::Base64::encode_base64($key, '') . " 0 b q\r\n\r\n";
}

# Sends the pieces and returns all that is answered.
sub answer {
    my ($client, $pieces, $id, $closes, $mark) = @_;
    my $packet = '';
    for my $piece (@$pieces) {
        if (!defined $piece) {
            $client->send($packet);
            sleep PACKET_GAP_S;
            $packet = '';
            next;
        }
        $packet .= with_ids($piece, $id);
    }
    $client->send($packet);
    if ($closes) {
        $client->half_close;
        return $client->read_to_eof;
    }
    return $client->read_until("NF O~$mark~\r\n");
}

sub with_ids {
    my ($text, $id) = @_;
    my @keys = keys_used();
    $text =~ s/<<cas ([0-9]+)>>/$id->{ $keys[$1] } || 888888888888/ge;
    return $text;
}

# --- comparing ---------------------------------------------------------------------

# Compares what lies between the marks that both have sent.
sub differences {
    my ($groups, $reply, $pairs, $id, $known) = @_;
    my %parts = map { $_ => parts($reply->{$_}) } keys %$reply;
    my %both = map { $_->[0] => 1 } @{ $parts{ours} };
    $both{ $_->[0] }++ for @{ $parts{peers} };
    my $last = 0;
    while (@{ $parts{ours} } && @{ $parts{peers} }) {
        my ($mark, $ours)  = next_common($parts{ours}, \%both);
        my (undef, $peers) = next_common($parts{peers}, \%both);
        my $until = $mark eq 'end' ? LAST_MARK : $mark;
        my @requests = map { @{ $groups->{$_} } } grep { $_ > $last && $_ <= $until } sort { $a <=> $b } keys %$groups;
        @requests = uniq(@requests);
        $last = $until;
        if (same_reply($ours, $peers, $pairs)) {
            my %shown = (ours => $ours, peers => $peers);
            for my $side (keys %shown) {
                $id->{$side} = { %{ $id->{$side} || {} }, ids_shown($shown{$side}, @requests) };
            }
            next;
        }
        my $entry = known_difference(\@requests, $ours, $peers, $pairs);
        return { requests => \@requests, ours => $ours, peers => $peers } unless $entry;
        $known->{$entry}++;
    }
    return;
}

# The reply as [mark, what came before it]; what follows the last mark has `end`.
sub parts {
    my ($reply) = @_;
    my @parts;
    my $at = 0;
    while ($reply =~ /$mark_reply/g) {
        push @parts, [$1, substr $reply, $at, $-[0] - $at];
        $at = $+[0];
    }
    return [@parts, ['end', substr $reply, $at]];
}

sub next_common {
    my ($parts, $both) = @_;
    my $text = '';
    while (my $part = shift @$parts) {
        $text .= $part->[1];
        return ($part->[0], $text) if $both->{ $part->[0] } == 2;
    }
    return ('end', $text);
}

sub uniq {
    my %seen;
    return grep { !$seen{$_}++ } @_;
}

# --- shrinking and telling ---------------------------------------------------------

# The stream without what the difference does not need, and the difference.
sub shrunk {
    my ($stream, $failure) = @_;
    my @requests = map { my $burst = $_; map { [$burst, $stream->[$burst][$_]] } 0 .. $#{ $stream->[$burst] } } 0 .. $#$stream;
    my $runs = 0;
    my $give_up = time + SHRINK_S;
    my $attempt = sub {
        my (@some) = @_;
        return if $runs++ >= SHRINK_RUNS_MAX || time > $give_up;
        return converse([map { my $burst = $_; [map { $_->[1] } grep { $_->[0] == $burst } @some] } 0 .. $#$stream], {});
    };
    for (my $size = @requests; $size >= 1; $size = $size > 1 ? int(($size + 1) / 2) : 0) {
        for (my $at = 0; $at < @requests;) {
            my @less = @requests;
            splice @less, $at, $size;
            my $still = @less ? $attempt->(@less) : undef;
            if ($still) { @requests = @less; $failure = $still }
            else        { $at += $size }
        }
    }
    my @uncut = map { [$_->[0], { %{ $_->[1] }, cuts => [] }] } @requests;
    if (my $still = $attempt->(@uncut)) { @requests = @uncut; $failure = $still }
    return (\@requests, $failure);
}

sub report {
    my ($seed, $requests, $failure) = @_;
    print "\nnot ok - seed $seed: a difference that is not known\n";
    my $burst = $requests->[0][0];
    for my $request (@$requests) {
        print "    (replies are read)\n" if $request->[0] != $burst;
        $burst = $request->[0];
        print '    > ', Client::visible($request->[1]{text}), "\n";
        print '      in packets, cut at ', join(', ', @{ $request->[1]{cuts} }), "\n" if @{ $request->[1]{cuts} };
    }
    print "    the answer to ", join(' and ', map { Client::visible($_->{text}) } @{ $failure->{requests} }), "\n";
    print '    ours:  ', Client::visible($failure->{ours}), "\n";
    print '    peers: ', Client::visible($failure->{peers}), "\n\n";
    return;
}

sub summary {
    printf "# %d rounds, %d requests, %.0f s\n", @tally{qw(rounds requests)}, time - $began;
    for my $entry (known_entries()) {
        my $count = $entry->{when} ? sprintf '%6d times', $known{ $entry->{name} } // 0 : '    levelled';
        print "# $count: $entry->{name}\n";
    }
    printf "%s - %d differences that are not known\n", $tally{failures} ? 'not ok' : 'ok', $tally{failures};
    return;
}
