# Runs a table of conversations in frames (Binary.pm), each on a new connection to an empty
# cache. Rows are written as Notation.pm says; a row's lines hold
#
#     > SET "key" flags=7 val="text" + GET "key"         frames, sent in one piece
#     > GET "key" + {wait} + RAW "bytes"                 in two; bytes as they are
#     < SET 00 cas; GET 00 ext=00000007 val="text" cas   replies: opcode, status in hex, extras,
#                                                        "key", value; cas: the id is not 0
#     < GET 04; {EOF}                                    then the server closes
#     < {wait}                                           the server waits for more
#
# ext=none leaves out the extras that an opcode wants. u64=N is a value of eight bytes. cas=C is the id that the last frame of `=` was answered
# with, cas=stale is another one. A reply list is complete, and unless it ends in {EOF} or
# {wait} the server must still be in step.
package BinaryConversation;

use strict;
use warnings;
use Exporter qw(import);
use Test::More;

use Binary qw(frame frames_of name_of shown);
use Notation;
use Server;

our @EXPORT = qw(converse_in_frames hold_in_frames);

# Texts of the errors that always have the same one.
my %texts = (
    '01' => 'Not found', '02' => 'Data exists for key.', '03' => 'Too large.', '04' => 'Invalid arguments',
    '05' => 'Not stored.', '06' => 'Non-numeric server-side value for incr or decr', '20' => 'Auth failure.',
    '81' => 'Unknown command',
);

sub converse_in_frames {
    my ($text, %with) = @_;
    my ($server, $operator);
    my $serial = -1;
    for my $row (conversations($text)) {
        if ($row->{server} != $serial) {
            $serial = $row->{server};
            $server = Server->start($row->{options}, %with);
            $operator = Binary->new($server->client) unless $row->{options} =~ /-S/;
        }
        $operator->call('FLUSH') if $operator;
        hold_in_frames($server, $row);
    }
    return;
}

# One row.
sub hold_in_frames {
    my ($server, $row) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 2;
    my $name = defined $row->{number} ? "$row->{number}: $row->{name}" : $row->{name};
    my $cas = length $row->{given} ? prepare($server, $row->{given}) : 0;
    my $expect = join '; ', map { expected($_) } split /\s*;\s+/, $row->{output};
    my $ends = $expect =~ s/(?:; |\A)\{(EOF|wait)\}\z// ? $1 : '';

    my $client = $server->client;
    my ($sent, @pieces) = requests($row->{input}, $cas);
    for my $index (0 .. $#pieces) {
        $client->settle if $index;
        $client->send($pieces[$index]);
    }
    my @got;
    if ($ends eq 'EOF') {
        @got = replies($client->read_to_eof, $sent);
        push @got, '{still open}' unless $client->ended;
    }
    else {
        # The version is told to those too who have not logged in.
        $client->send(frame('VERSION', opaque => 0xffffffff)) unless $ends;
        $client->settle if $ends;
        push @got, '{EOF}' if $ends && $client->ended;
        $client->half_close;
        push @got, replies($client->read_to_eof, [@$sent, { name => 'VERSION', opaque => 0xffffffff }]);
        if (!$ends) {
            my $last = pop @got;
            push @got, $last, '{out of step}' unless defined $last && $last eq 'VERSION 00 val="1.6.45"';
        }
    }
    return is(join('; ', @got), $expect, $name);
}

# Sends what a row takes for granted; returns the last reply's id.
sub prepare {
    my ($server, $given) = @_;
    my (undef, $bytes) = requests($given, 0);
    my @replies = Binary->new($server->client)->ask($bytes);
    return $replies[-1]{cas};
}

# The frames of a row as a list of { name, opaque }, and the bytes of each piece.
sub requests {
    my ($text, $cas) = @_;
    my (@sent, @pieces);
    my $bytes = '';
    for my $part (split /\s+\+\s+/, $text) {
        if ($part eq '{wait}') {
            push @pieces, $bytes;
            $bytes = '';
            next;
        }
        my ($name, %with) = fields($part);
        if ($name eq 'RAW') {
            $bytes .= $with{key};
            next;
        }
        $with{cas} = $with{cas} eq 'C' ? $cas : $with{cas} eq 'stale' ? $cas + 7 : $with{cas} if defined $with{cas};
        $with{opaque} = 0xa0000000 + @sent;
        push @sent, { name => name_of(Binary::opcode_of($name)), opaque => $with{opaque} };
        $bytes .= frame($name, %with);
    }
    return (\@sent, @pieces, $bytes);
}

# NAME "key" field=value field="text" ...
sub fields {
    my ($text) = @_;
    my ($name, $rest) = $text =~ /^(\w+)(.*)\z/s or die "not a frame: $text\n";
    my %with;
    while ($rest =~ /\G\s+(?:(\w+)=)?(?:"([^"]*)"|(\w+))/gc) {
        my ($field, $string, $word) = ($1, $2, $3);
        $with{ $field // (defined $string ? 'key' : length $word == 2 ? 'status' : $word) } =
            defined $string ? bytes_of($string)
            : $word eq 'none'           ? ''
            : ($field // '') eq 'ext'   ? pack 'H*', $word
            : ($field // '') eq 'magic' ? hex $word
            : $word =~ /^0x/            ? hex $word
            :                             $word;
    }
    ($rest // '') =~ /\G\s*\z/g or die "not understood: $text\n";
    return ($name, %with);
}

# An expected reply as `shown` would show it.
sub expected {
    my ($text) = @_;
    return $text if $text =~ /^\{/;
    my ($name, %with) = fields($text);
    $with{val} = pack 'Q>', $with{u64} if defined $with{u64};
    $with{val} //= $with{key} ? undef : $texts{ $with{status} };
    return shown({ name => $name, status => hex $with{status}, cas => exists $with{cas},
        map { $_ => $with{$_} // '' } qw(ext key val) });
}

# Replies as text, each held against the request that it answers.
sub replies {
    my ($bytes, $sent) = @_;
    my @requests = @$sent;
    my @shown;
    for my $reply (frames_of(\$bytes)) {
        # Quiet requests may have had no reply; statistics have many.
        shift @requests while @requests && $requests[0]{opaque} != $reply->{opaque};
        my $is_its = @requests && $requests[0]{name} eq $reply->{name};
        push @shown, shown($reply) . ($is_its ? '' : ' {of no request}');
    }
    push @shown, '{rest: ' . Client::visible($bytes) . '}' if length $bytes;
    return @shown;
}

1;
