# Reads the files of t/fuzz/corpus, whose notation t/fuzz/src/recipe.rs tells, as steps for a
# test that has sockets.
package Recipe;

use strict;
use warnings;
use Carp qw(croak);
use Exporter qw(import);

our @EXPORT = qw(read_recipe);

# What the fuzzer's reader stops at, too.
use constant STREAM_LEN_MAX => 2 << 20;

my %short = (r => "\r", n => "\n", t => "\t", 0 => "\0");

# The words of its line `with`, as a hash, and its steps: [send => bytes], [clock => seconds],
# or [name] of any other mark. A mark `cut` only ends one step of sending.
sub read_recipe {
    my ($path) = @_;
    open my $file, '<:raw', $path or croak "$path: $!";
    my %self = (with => {}, steps => [[send => '']], room => STREAM_LEN_MAX, number => 0);
    while (defined(my $line = <$file>)) {
        chomp $line;
        next if $line =~ /^#/;
        if    ($line =~ /^with (.*)/) { $self{with}{$_} = 1 for split ' ', $1 }
        elsif ($line =~ /^:(.*)/)     { _send(\%self, pack 'H*', $1 =~ s/\s//gr) }
        else                          { _stretch(\%self, $line) }
    }
    return ($self{with}, @{ $self{steps} });
}

sub _stretch {
    my ($self, $text) = @_;
    while (length $text) {
        if    ($text =~ s/^([^\\{]+)//)            { _send($self, $1) }
        elsif ($text =~ s/^\\x([0-9a-fA-F]{2})//)  { _send($self, chr hex $1) }
        elsif ($text =~ s/^\\([rnt0\\{}])//)       { _send($self, $short{$1} // $1) }
        elsif ($text =~ s/^\{number\}//)           { _send($self, $self->{number}++) }
        elsif ($text =~ s/^\{([0-9]+)\*((?:\\.|[^\\{}]|(\{(?:\\.|[^\\{}]|(?3))*\}))*)\}//) {
            my ($times, $again) = ($1, $2);
            # Without a mark in it, it is the same each time.
            if ($again =~ /(?<!\\)\{/) {
                $self->{room} > 0 and _stretch($self, $again) for 1 .. $times;
            }
            else {
                my %once = (steps => [[send => '']], room => STREAM_LEN_MAX);
                _stretch(\%once, $again);
                _send($self, $once{steps}[0][1] x $times);
            }
        }
        elsif ($text =~ s/^\{clock ([0-9]+)\}//) { push @{ $self->{steps} }, [clock => $1] }
        elsif ($text =~ s/^\{cut\}//)            { push @{ $self->{steps} }, [send  => ''] }
        elsif ($text =~ s/^\{(other|new|reading|upkeep)\}//) { push @{ $self->{steps} }, [$1] }
        else                                     { croak "not a recipe: $text" }
    }
    return;
}

sub _send {
    my ($self, $bytes) = @_;
    my $steps = $self->{steps};
    push @$steps, [send => ''] if $steps->[-1][0] ne 'send';
    $steps->[-1][1] .= substr $bytes, 0, $self->{room};
    $self->{room} -= length $bytes;
    $self->{room} = 0 if $self->{room} < 0;
    return;
}

1;
