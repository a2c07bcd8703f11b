# Replies taken apart, so that two can be compared although ids and times differ.
package Reply;

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT = qw(masked same_reply ids_shown);

use constant TIME_SLACK_S => 2;         # the two servers' clocks do not tick together

# A key that cannot stand in a line; replies may show it all the same.
my $LINE_END_KEY = "a b\r\n\0c";

my $number = qr/-?[0-9]+/;

# Returns the reply with its ids and times replaced by {kind}, and the list of them as
# [kind, value].
sub masked {
    my ($rest) = @_;
    my ($text, @numbers) = ('');
    $rest =~ s/\Q$LINE_END_KEY\E/{key}/g;
    while (length $rest) {
        if ($rest =~ s/\A(VALUE [^ \n]+ [0-9]+ ([0-9]+))(?: ([0-9]+))?\r\n//) {
            my ($line, $length, $id) = ($1, $2, $3);
            $text .= $line;
            if (defined $id) {
                $text .= ' {cas}';
                push @numbers, [cas => $id];
            }
            $text .= "\r\n" . substr $rest, 0, $length + 2, '';
        }
        elsif ($rest =~ s/\A((?:VA ([0-9]+)|HD|EN|NS|EX|NF)(?= |\r\n))((?: [^\n]*)?)\r\n//) {
            my ($code, $length, $flags) = ($1, $2, $3);
            $text .= $code . _masked_flags($flags, \@numbers) . "\r\n";
            $text .= substr $rest, 0, $length + 2, '' if defined $length;
        }
        elsif ($rest =~ s/\A(ME [^\n]+) exp=($number) la=($number) cas=($number) //) {
            $text .= "$1 exp={time} la={time} cas={cas} ";
            push @numbers, [time => $2], [time => $3], [cas => $4];
        }
        elsif ($rest =~ s/\AVERSION [0-9.]+\r\n//) {
            $text .= "VERSION {version}\r\n";
        }
        else {
            $rest =~ s/\A([^\n]*\n?)//;
            $text .= $1;
        }
    }
    return ($text, @numbers);
}

sub _masked_flags {
    my ($flags, $numbers) = @_;
    my %kinds = (c => 'cas', t => 'time', l => 'time');
    $flags =~ s{(?<= )([ctl])($number)(?= |\z)}{
        my ($letter, $kind) = ($1, $kinds{$1});
        push @$numbers, [$kind => $2];
        $letter . '{' . $kind . '}';
    }ge;
    return $flags;
}

# Whether two replies say the same. `pairs` holds which id of the one stands for which
# of the other: { ours => {}, peers => {} }.
sub same_reply {
    my ($ours, $peers, $pairs) = @_;
    my ($our_text, @our_numbers)     = masked($ours);
    my ($peers_text, @peers_numbers) = masked($peers);
    return 0 if $our_text ne $peers_text || @our_numbers != @peers_numbers;
    for my $i (0 .. $#our_numbers) {
        my ($kind, $our, $peer) = (@{ $our_numbers[$i] }, $peers_numbers[$i][1]);
        if ($kind eq 'time') {
            return 0 if ($our < 0) != ($peer < 0) || abs($our - $peer) > TIME_SLACK_S;
            next;
        }
        return 0 if ($pairs->{ours}{$our} //= $peer) ne $peer || ($pairs->{peers}{$peer} //= $our) ne $our;
    }
    return 1;
}

# The ids in the replies to `gets` and the like: key, id, key, id...
sub ids_shown {
    my ($reply, @requests) = @_;
    my @shown;
    while ($reply =~ /^VALUE ([^ \n]+) [0-9]+ [0-9]+ ([0-9]+)\r\n/mg) {
        push @shown, $1, $2;
    }
    if (@requests == 1 && defined $requests[0]{key} && $reply =~ /\A(?:VA [0-9]+|HD)[^\n]* c([1-9][0-9]*)[ \r]/) {
        push @shown, $requests[0]{key}, $1;
    }
    return @shown;
}

1;
