#!/usr/bin/perl
# doc/protocol.txt tells the truth: its examples are held with a server, and it names
# every command.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

my $text = slurp("$Bin/../doc/protocol.txt");
my @examples = examples($text);
cmp_ok(scalar @examples, '>=', 10, 'the document has examples');

my $server = Server->start('-t 1');
my $operator = $server->client;
for my $example (@examples) {
    $operator->ask('flush_all');
    hold($server->client, $example);
}

my ($commands) = slurp("$Bin/../src/wire/command.rs") =~ /^commands! \{\n(.*?)^\}/ms;
my @words = $commands =~ /\bb"([a-z_]+)"/g;
cmp_ok(scalar @words, '>=', 20, 'the commands are found');
for my $word (@words) {
    like($text, qr/(?:^|[ |])\Q$word\E(?:[ |,]|$)/m, "$word is in the document");
}
my @unfit = grep { !/^    \| / && /^.{80}|[ \t]$|[^\x20-\x7e]/ } split /\n/, $text;
is("@unfit", '', 'its lines are short and plain');

done_testing;

# The drawn conversations as { name, turns }, a turn being [what is sent, what is answered].
sub examples {
    my ($document) = @_;
    my @found;
    for my $line (split /\n/, $document) {
        if ($line =~ /^    \+-- (.+)/) {
            push @found, { name => $1, turns => [] };
        }
        elsif ($line =~ /^    \| ([<>]) (.*)/ && @found) {
            my ($side, $words) = ($1, $2);
            my $turns = $found[-1]{turns};
            push @$turns, ['', ''] if !@$turns || $side eq '>' && length $turns->[-1][1];
            $turns->[-1][$side eq '>' ? 0 : 1] .= "$words\r\n";
        }
    }
    # The first one explains how they are drawn.
    return grep { $_->{turns}[0][0] !~ /^a line from/ } @found;
}

sub hold {
    my ($client, $example) = @_;
    my $name = $example->{name};
    for my $turn (@{ $example->{turns} }) {
        my ($sent, $answered) = @$turn;
        if ($answered =~ s/\(closed\)\r\n\z//) {
            $client->send($sent);
            my $got = $client->read_to_eof;
            ok($client->ended, "$name: closed");
            Client::is_same($got, $answered, "$name: what comes before");
            return;
        }
        if ($answered =~ /~/) {
            my $pattern = join '[0-9]+', map { quotemeta } split /~/, $answered, -1;
            return unless $client->says_like($sent, $pattern, "$name: " . Client::visible($sent));
            next;
        }
        return unless $client->says($sent, $answered, "$name: " . Client::visible($sent));
    }
    $client->is_silent("$name: and no more");
    return;
}

sub slurp {
    my ($path) = @_;
    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}
