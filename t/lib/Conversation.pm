# Runs a table of conversations (Notation.pm) against the server. Each is held on a new
# connection to an empty cache, with the clock stopped. A reply list is complete: what the
# server sends beyond it is a failure, and afterwards it must still be in step.
package Conversation;

use strict;
use warnings;
use Exporter qw(import);
use Test::More;

use Notation;
use Server;

our @EXPORT = qw(converse_all converse hold_alone);

sub converse_all {
    my ($text) = @_;
    my ($server, $operator);
    my $serial = -1;
    for my $row (conversations($text)) {
        if ($row->{server} != $serial) {
            $serial = $row->{server};
            $server = Server->start($row->{options});
            $operator = $server->client;
            $operator->stop_clock;
        }
        $operator->ask('flush_all');
        converse($server, $operator, $row);
    }
    return;
}

# One row without an operator: on a cache as it is, and a clock that runs.
sub hold_alone {
    my ($server, $row) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return converse($server, undef, $row);
}

# One row. The operator is a second connection, which moves the clock.
sub converse {
    my ($server, $operator, $row) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    my $name = defined $row->{number} ? "$row->{number}: $row->{name}" : $row->{name};
    my ($expect, $closes) = pattern_of($row->{output});
    my $waits_at_end = $row->{input} =~ /\{wait\}\z/;
    my $got = '';

    prepare($server, $row->{given}) if length $row->{given};
    my $client = $server->client;
    for my $step (steps_of($row->{input})) {
        my ($what, $with) = @$step;
        if    ($what eq 'send')    { $client->send($with) }
        elsif ($what eq 'wait')    { $client->settle }
        elsif ($what eq 'advance') { $client->settle; $operator->advance($with) }
    }
    if (!$closes) {
        $got = '{EOF}' if $client->ended;
        # A row that ends in {wait} may stand in mid-request; others must be in step.
        $client->send("version\r\n") unless $waits_at_end;
        $client->half_close;
    }
    $got .= $client->read_to_eof;
    $got .= '{still open}' unless $client->ended;
    $got =~ s/\Q${\Client::VERSION_LINE}\E\z/{in step}/ unless $closes || $waits_at_end;

    my $tail = $closes || $waits_at_end ? '' : '{in step}';
    if (!ref $expect) {
        return Client::is_same($got, "$expect$tail", $name);
    }
    $got =~ s/\Q$tail\E\z// or $got .= '{out of step}';
    return ok($got =~ /\A$expect\z/, $name)
        || diag('     got: ' . Client::visible($got) . "\nexpected: $row->{output}");
}

# Sends what a row takes for granted and waits until all of it is answered.
sub prepare {
    my ($server, $given) = @_;
    my $client = $server->client;
    $client->send(bytes_of($given) . "quit\r\n");
    $client->read_to_eof;
    return;
}

1;
