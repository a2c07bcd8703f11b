# A notation for bytes on the wire, and tables of conversations written in it.
#
#     \r \n \t \0 \\ \xHH    bytes, as in C
#     {text*N}               the text N times
#     {CE}                   CLIENT_ERROR bad command line format\r\n
#     {wait}                 input: pause until the server has read all and gone quiet
#     {12s} {2.1s}           input: the server's clock advances by so many whole seconds
#     {#}                    output: any decimal number
#     {~30}                  output: 30 or 29
#     {EOF}                  output: the server closes the connection
package Notation;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);

our @EXPORT = qw(conversations steps_of pattern_of bytes_of);

# Rows of a table:
#     [-F]                       a new server with these options, from here on
#     12 the promise, as a sentence; the number is the row's in t/edges.t, if it has one
#         = what is sent first, replies aside
#         > input; the lines of a row are joined
#         < output
# Lines that start with # are headings and comments. Returns a list of
# { server, options, number, name, given, input, output }; server counts the servers.
sub conversations {
    my ($text) = @_;
    my ($server, $options, @rows) = (0, '');
    for my $line (split /\n/, $text) {
        next if $line =~ /^\s*(?:#|$)/;
        if ($line =~ /^\[(.*)\]$/) { $server++; $options = $1 }
        elsif ($line =~ /^    = ?(.*)/) { $rows[-1]{given}  .= $1 }
        elsif ($line =~ /^    > ?(.*)/) { $rows[-1]{input}  .= $1 }
        elsif ($line =~ /^    < ?(.*)/) { $rows[-1]{output} .= $1 }
        elsif ($line =~ /^(?:([0-9]+) )?(\S.*)/) {
            push @rows, { server => $server, options => $options, number => $1, name => $2,
                given => '', input => '', output => '' };
        }
        else { croak "not a row: $line" }
    }
    return @rows;
}

# Input as steps: [send => bytes], ['wait'], [advance => seconds].
sub steps_of {
    my ($text) = @_;
    my @steps;
    for my $part (split /(\{(?:wait|[0-9.]+s)\})/, $text) {
        if    ($part eq '{wait}')             { push @steps, ['wait'] }
        elsif ($part =~ /^\{([0-9]+)\S*s\}$/) { push @steps, [advance => $1] }
        elsif (length $part)                  { push @steps, [send => bytes_of($part)] }
    }
    return @steps;
}

# Output as plain bytes, or as a pattern if it has a {#} or {~N}; and whether {EOF} ends it.
sub pattern_of {
    my ($text) = @_;
    my $closes = $text =~ s/\{EOF\}\z//;
    my ($pattern, $varies) = ('', 0);
    for my $part (split /(\{#\}|\{~[0-9]+\})/, $text) {
        if    ($part eq '{#}')             { $pattern .= '[0-9]+'; $varies = 1 }
        elsif ($part =~ /^\{~([0-9]+)\}$/) { $pattern .= sprintf '(?:%d|%d)', $1, $1 - 1; $varies = 1 }
        else                               { $pattern .= quotemeta bytes_of($part) }
    }
    return ($varies ? qr/$pattern/ : bytes_of($text), $closes);
}

sub bytes_of {
    my ($text) = @_;
    $text =~ s/\{CE\}/CLIENT_ERROR bad command line format\\r\\n/g;
    my $bytes = '';
    for my $part (split /(\{[^{}]*\*[0-9]+\})/, $text) {
        my ($repeated, $times) = $part =~ /^\{(.*)\*([0-9]+)\}$/;
        $bytes .= defined $times ? _unescape($repeated) x $times : _unescape($part);
    }
    return $bytes;
}

sub _unescape {
    my ($text) = @_;
    my %short = (r => "\r", n => "\n", t => "\t", 0 => "\0", '\\' => '\\');
    $text =~ s/\\(?:x([0-9a-f]{2})|([rnt0\\]))/defined $1 ? chr hex $1 : $short{$2}/ge;
    return $text;
}

1;
