# Reads the sources as t/tidy.t wants them read: which file uses which, and how long things are.
# It knows as much of Rust as this house needs: comments, strings, use trees, paths, braces.
package Tidy;
use strict;
use warnings;

use constant {
    FILE_LINES     => 800,
    FUNCTION_LINES => 60,
    PARAMETERS     => 6,
};

# Rooms that use less than all that lies below them. The macros stand beside the table of rooms.
our %ONLY = (
    macros => [qw(sys)],
    wire  => [qw(digits sys)],
    bench => [qw(wire histogram sys)],
);

# The rooms from the top, as the drawing of src/lib.rs has them; a file may use rooms below its own.
sub rooms {
    my ($lib) = @_;
    my @rooms = $lib =~ /^\/\/! \| `(\w+)` *\|/mg;
    return ('main', 'bench', @rooms[0 .. $#rooms - 1], 'macros', $rooms[-1]);
}

# Names of which there is one type, even if each were private to its file.
our @ONCE = qw(Refusal Padded);

# Takes { path => text } and the rooms, gives what breaks a rule: [what, where and why], in order. `what` has no
# numbers in it, so that a list of known exceptions stays true while files grow and shrink.
sub complaints {
    my ($texts, @rooms) = @_;
    my $self = { files => {}, modules => {}, floor => { map { $rooms[$_] => $_ } 0 .. $#rooms } };
    for my $path (sort keys %$texts) {
        my $file = { path => $path, text => $texts->{$path}, code => blank($texts->{$path}) };
        @$file{qw(crate module)} = place($path);
        $file->{room} = $file->{crate} eq 'memcached' ? $file->{module}[0] // 'lib' : $file->{crate};
        $self->{files}{$path} = $file;
        $self->{modules}{ name($file->{crate}, @{ $file->{module} }) } = $file;
    }
    bless $self;
    my @files = map { $self->{files}{$_} } sort keys %{ $self->{files} };
    $self->read_uses($_) for @files;
    $self->find_tests($_) for @files;
    $self->read_paths($_) for @files;
    return map { $self->$_(\@files) } qw(arrows circles lengths twins);
}

# The crate and the path of modules of a file.
sub place {
    my ($path) = @_;
    my @parts = split m{/}, $path =~ s{^src/}{}r =~ s{\.rs$}{}r;
    return ('main', []) if "@parts" eq 'main';
    my $crate = @parts > 1 && $parts[0] eq 'bench' ? shift @parts : 'memcached';
    pop @parts if $parts[-1] eq 'mod' || @parts == 1 && $parts[0] =~ /^(main|lib)$/;
    return ($crate, \@parts);
}

sub name { join '::', @_ }

# The text with comments, strings and characters blanked out; each line stays where it is.
sub blank {
    my ($text) = @_;
    my $comment; # they nest
    $comment = qr{/\*(?:[^*/]|\*(?!/)|/(?!\*)|(??{ $comment }))*\*/}s;
    $text =~ s{
        ( //[^\n]* | $comment
        | \b b?r(\#*)".*?"\2
        | b?"(?:[^"\\]|\\.)*"
        | b?'(?:[^'\\\n]|\\(?:u\{[^\}]*\}|x..|.))'
        )
    }{ $1 =~ s/[^\n]/ /gr }gsex;
    return $text;
}

sub line_of { my ($code, $at) = @_; 1 + (substr($code, 0, $at) =~ tr/\n//) }

# The end of the block, list or what else begins with the bracket at $at.
sub closing {
    my ($code, $at) = @_;
    my $depth = 0;
    pos($code) = $at;
    while ($code =~ /([\(\[\{])|[\)\]\}]/g) {
        $depth += defined $1 ? 1 : -1;
        return pos $code if $depth == 0;
    }
    return length $code;
}

# Every `use` of a file, as names and what they stand for; and the modules inside it.
sub read_uses {
    my ($self, $file) = @_;
    my $code = $file->{code};
    my @inline;
    while ($code =~ /\bmod\s+(\w+)\s*\{/g) {
        push @inline, [$-[0], closing($code, $+[0] - 1), $1];
    }
    $file->{inline} = \@inline;
    $file->{children}{$1} = 1 while $code =~ /\bmod\s+(\w+)\s*;/g;
    while ($code =~ /\buse\s+([^;]+);/g) {
        my ($at, $end, $tree) = ($-[0], $+[0], $1);
        push @{ $file->{uses} }, map { { at => $at, %$_ } } use_tree('', $tree =~ s/\s+/ /gr);
        substr($file->{bare} //= $code, $at, $end - $at) =~ s/[^\n]/ /g;
    }
    $file->{bare} //= $code;
}

# `a::{b, c::d as e, self}` as a list of { path, name }.
sub use_tree {
    my ($before, $tree) = @_;
    $tree =~ s/^\s+|\s+$//g;
    if ($tree =~ /^(.*?)\{(.*)\}$/s) {
        my ($front, $inner) = ($before . $1, $2);
        my ($depth, $part, @parts) = (0, '');
        for my $char (split //, "$inner,") {
            $depth += $char eq '{' ? 1 : $char eq '}' ? -1 : 0;
            if ($char eq ',' && $depth == 0) { push @parts, $part; $part = '' }
            else                             { $part .= $char }
        }
        return map { use_tree($front, $_) } grep { /\S/ } @parts;
    }
    my ($path, $as) = ($before . $tree) =~ /^(\S+)(?: as (\w+))?/;
    my @path = grep { length } split /::/, $path;
    pop @path if $path[-1] eq 'self' && @path > 1;
    return { path => \@path, name => $as // $path[-1] };
}

# Ranges of a file that are only compiled for tests, and files that are.
sub find_tests {
    my ($self, $file) = @_;
    my $code = $file->{code};
    while ($code =~ /#\[cfg\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)\]/g) {
        my ($condition, $at, $end) = ($1, $-[0], $+[0]);
        next unless $condition =~ s/\bnot\([^()]*\)//gr =~ /\b(test|loom|miri)\b/;
        pos($code) = $end;
        if ($code =~ /\G(?:\s|#\[[^\]]*\])*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;/gc) {
            my $child = $self->{modules}{ name($file->{crate}, @{ $file->{module} }, $1) };
            $child->{is_test} = 1 if $child;
        }
        elsif ($code =~ /\G[^;{]*([;{])/gc) {
            push @{ $file->{tests} }, [$at, $1 eq '{' ? closing($code, pos($code) - 1) : pos $code];
        }
        pos($code) = $end;
    }
}

sub is_test {
    my ($self, $file, $at) = @_;
    for (my @path = @{ $file->{module} }; @path; pop @path) {
        my $above = $self->{modules}{ name($file->{crate}, @path) };
        return 1 if $above && $above->{is_test};
    }
    return grep { $at >= $_->[0] && $at < $_->[1] } @{ $file->{tests} };
}

# Everything that a file names of other files: [file, position].
sub read_paths {
    my ($self, $file) = @_;
    my @found = map { [$_->{path}, $_->{at}] } @{ $file->{uses} };
    my $bare = $file->{bare};
    while ($bare =~ /(?<![\w:])(\$?\w+(?:::\w+)+)/g) {
        push @found, [[split /::/, $1 =~ s/^\$crate/crate/r], $-[0]];
    }
    push @found, [[qw(memcached sys stderr)], $-[0]] while $bare =~ /(?<![\w:])log!/g;
    for (@found) {
        my ($path, $at) = @$_;
        my $within = [map { $_->[2] } grep { $at > $_->[0] && $at < $_->[1] } @{ $file->{inline} }];
        for my $other ($self->files_of($file, $within, $path, {})) {
            push @{ $file->{needs} }, [$other, $at] if $other && $other != $file;
        }
    }
}

# The files that a path leads to. A name counts where it is defined: what a module only passes on
# with `use` or `pub use` is looked through, whether it is asked for by name or by `*`.
sub files_of {
    my ($self, $file, $within, $path, $seen) = @_;
    return if $seen->{"$file->{path} @$path"}++;
    my ($first, @rest) = @$path;
    my ($crate, @module) = ($file->{crate}, @{ $file->{module} }, @$within);
    if    ($first eq 'crate')     { @module = () }
    elsif ($first eq 'memcached') { ($crate, @module) = ($first) }
    elsif ($first eq 'self')      { }
    elsif ($first eq 'super') {
        pop @module;
        while (@rest && $rest[0] eq 'super') { shift @rest; pop @module }
    }
    elsif ($file->{children}{$first}) { unshift @rest, $first }
    else                              { return } # std, another crate, or something imported
    while (@rest && $self->{modules}{ name($crate, @module, $rest[0]) }) { push @module, shift @rest }
    my $inner = $self->{modules}{ name($crate, @module) };
    pop @module until $inner = $self->{modules}{ name($crate, @module) } or !@module;
    return unless $inner;
    return $inner unless @rest;
    my @through = grep { $_->{name} eq $rest[0] } @{ $inner->{uses} };
    if ($rest[0] eq '*') {
        @through = grep { $_->{path}[0] ne '*' } @{ $inner->{uses} };
        return ($inner, map { $self->files_of($inner, [], $_->{path}, $seen) } @through);
    }
    my @files = map { $self->files_of($inner, [], [@{ $_->{path} }, @rest[1 .. $#rest]], $seen) } @through;
    return @files ? @files : $inner;
}

sub arrows {
    my ($self, $files) = @_;
    my (@bad, %told);
    my %floor = %{ $self->{floor} };
    for my $file (@$files) {
        my $from = $file->{room};
        next if $from eq 'lib';
        push @bad, ["$file->{path}: in no room", 'no line of the list has it'] unless defined $floor{$from};
        for (@{ $file->{needs} }) {
            my ($other, $at) = @$_;
            my $to = $other->{room};
            next if $to eq $from || $to eq 'lib' || !defined $floor{$to} || !defined $floor{$from};
            my $allowed = $ONLY{$from} ? grep({ $_ eq $to } @{ $ONLY{$from} }) : $floor{$to} > $floor{$from};
            next if $allowed || $told{"$file->{path} $to"}++;
            my $line = line_of($file->{code}, $at);
            push @bad, ["$file->{path}: $from uses $to", "line $line, $other->{path}"];
        }
    }
    return @bad;
}

# Files of a room that need each other, tests left out: a test uses what it tests.
sub circles {
    my ($self, $files) = @_;
    my (%next, @bad);
    for my $file (@$files) {
        for (@{ $file->{needs} }) {
            my ($other, $at) = @$_;
            next if $other->{room} ne $file->{room} || $self->is_test($file, $at);
            $next{ $file->{path} }{ $other->{path} } //= line_of($file->{code}, $at);
        }
    }
    my $reach = sub {
        my ($from) = @_;
        my (%seen, @todo) = ();
        @todo = ($from);
        while (defined(my $path = shift @todo)) {
            for (sort keys %{ $next{$path} }) { $seen{$_}++ or push @todo, $_ }
        }
        return \%seen;
    };
    my %reach = map { $_ => $reach->($_) } keys %next;
    my %done;
    for my $path (sort keys %next) {
        next if $done{$path} || !$reach{$path}{$path};
        my @ring = grep { $reach{$path}{$_} && $reach{$_} && $reach{$_}{$path} } sort keys %next;
        $done{$_} = 1 for @ring;
        my @ties;
        for my $from (@ring) {
            for my $to (grep { $next{$from}{$_} } @ring) { push @ties, "$from:$next{$from}{$to} -> $to" }
        }
        push @bad, ["$self->{files}{$path}{room}: circle", join "\n    ", '', @ties];
    }
    return @bad;
}

sub lengths {
    my ($self, $files) = @_;
    my @bad;
    for my $file (@$files) {
        my ($path, $code) = @$file{qw(path code)};
        my $lines = $file->{text} =~ tr/\n//;
        push @bad, ["$path: file too long", "$lines lines"] if $lines > FILE_LINES;
        while ($code =~ /\bfn\s+(\w+)\s*(?:<((?:[^<>()]|->|\([^()]*\)|<(?2)>)*)>)?\s*\(/g) {
            my ($name, $begin, $list) = ($1, $-[0], $+[0] - 1);
            my $end = closing($code, $list);
            my $first = line_of($code, $begin);
            my $count = parameters(substr $code, $list + 1, $end - $list - 2);
            push @bad, ["$path: $name has too many parameters", "line $first, $count of them"]
                if $count > PARAMETERS;
            pos(my $after = $code) = $end;
            next unless $after =~ /\G(?:[^;{\[]|(\[(?:[^\[\]]|(?1))*\]))*\{/g;
            my $long = line_of($code, closing($code, pos($after) - 1) - 1) - $first + 1;
            push @bad, ["$path: $name is too long", "line $first, $long lines"] if $long > FUNCTION_LINES;
        }
    }
    return @bad;
}

# How many there are in the text of a list of parameters, `self` not counted.
sub parameters {
    my ($list) = @_;
    $list =~ s/[-=]>//g;
    my ($depth, @parts) = (0, '');
    for my $char (split //, $list) {
        $depth += $char =~ /[\(\[\{<]/ ? 1 : $char =~ /[\)\]\}>]/ ? -1 : 0;
        if   ($char eq ',' && $depth == 0) { push @parts, '' }
        else                               { $parts[-1] .= $char }
    }
    return scalar grep { /\S/ && !/^\s*(?:&\s*(?:'\w+\s+)?)?(?:mut\s+)?self\b/ } @parts;
}

# Types of the library that share a name: public ones, and some names altogether. Tests, and what
# is only for them, may call things as they like.
sub twins {
    my ($self, $files) = @_;
    my (%by, @bad);
    for my $file (grep { $_->{crate} eq 'memcached' && $_->{path} !~ m{/testing/} } @$files) {
        my $code = $file->{code};
        while ($code =~ /^[ ]*(pub(?:\([^)]*\))?\s+)?(?:unsafe\s+)?(?:struct|enum|union|trait)\s+(\w+)/gm) {
            my ($is_public, $name, $at) = ($1, $2, $-[0]);
            next if $self->is_test($file, $at) || !$is_public && !grep { $_ eq $name } @ONCE;
            push @{ $by{$name} }, "$file->{path}:" . line_of($code, $at);
        }
    }
    for my $name (sort grep { @{ $by{$_} } > 1 } keys %by) {
        push @bad, ["type $name: more than one", join ', ', @{ $by{$name} }];
    }
    return @bad;
}

1;
