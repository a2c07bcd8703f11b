# A notation for bytes on the wire, and tables of conversations written in it.
#
#     \r \n \t \0 \\ \xHH    bytes, as in C
#     {text*N}               the text N times
#     {CE}                   CLIENT_ERROR bad command line format\r\n
#     {wait}                 input: pause until the server has read all and gone quiet
#     {12s}                  input: the server's clock advances by 12 seconds
#     {#}                    output: any decimal number
#     {EOF}                  output: the server closes the connection
package Notation;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);

our @EXPORT = qw(conversations steps_of pattern_of);

# Rows of a table:
#     [-F]                       the server's options, from here on
#     the promise, as a sentence
#         > input; the lines of a row are joined
#         < output
# Lines that start with # are headings and comments. Returns a list of
# { server, name, input, output }.
sub conversations {
    my ($text) = @_;
    my ($server, @rows) = ('');
    for my $line (split /\n/, $text) {
        next if $line =~ /^\s*(?:#|$)/;
        if ($line =~ /^\[(.*)\]$/) { $server = $1 }
        elsif ($line =~ /^    > ?(.*)/) { $rows[-1]{input}  .= $1 }
        elsif ($line =~ /^    < ?(.*)/) { $rows[-1]{output} .= $1 }
        elsif ($line =~ /^\S/) {
            push @rows, { server => $server, name => $line, input => '', output => '' };
        }
        else { croak "not a row: $line" }
    }
    return @rows;
}

# Input as steps: [send => bytes], ['wait'], [advance => seconds].
sub steps_of {
    my ($text) = @_;
    my @steps;
    for my $part (split /(\{(?:wait|[0-9]+s)\})/, $text) {
        if    ($part eq '{wait}')          { push @steps, ['wait'] }
        elsif ($part =~ /^\{([0-9]+)s\}$/) { push @steps, [advance => $1] }
        elsif (length $part)               { push @steps, [send => bytes_of($part)] }
    }
    return @steps;
}

# Output as plain bytes, or as a pattern if it has a {#}; and whether {EOF} ends it.
sub pattern_of {
    my ($text) = @_;
    my $closes = $text =~ s/\{EOF\}\z//;
    my @parts = map { bytes_of($_) } split /\{#\}/, $text, -1;
    return ($parts[0] // '', $closes) if @parts <= 1;
    my $pattern = join '[0-9]+', map { quotemeta } @parts;
    return (qr/\A$pattern\z/, $closes);
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
