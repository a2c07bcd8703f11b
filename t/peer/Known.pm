# What is known to differ between this server and a peer, and why.
#
# The peer at hand is mostly Debian's memcached 1.6.18; this server follows 1.6.45. Each
# entry is one change between the two, or one deliberate deviation (doc/protocol.txt).
# `when` sees the requests whose replies lie between two marks, mostly one, and the two
# replies. `splits`: the two servers may hold different things afterwards; the key is
# levelled after such a request (that alone, if there is no `when`). A newer peer just
# meets fewer of the entries.
package Known;

use strict;
use warnings;
use Exporter qw(import);
use MIME::Base64 qw(decode_base64);

use Reply;

our @EXPORT = qw(known_difference known_entries splits_state is_odd);

my $CE = "CLIENT_ERROR bad command line format\r\n";
my $I32 = qr/\A-?[0-9]{0,10}\z|\A[0-9]{11}\z/;
my $U64 = qr/\A[0-9]{1,22}\z/;
my $STORAGE = qr/\A(?:set|add|replace|append|prepend|cas)\z/;

# Tokens that a line has at least, and those that it is meant to have at most.
my %tokens_min = (get => 2, gets => 2, delete => 2, gat => 3, gats => 3, incr => 3, decr => 3, touch => 3,
    set => 5, add => 5, replace => 5, append => 5, prepend => 5, cas => 5, mg => 2, ms => 3, md => 2, ma => 2, me => 2,
    verbosity => 2);
my %tokens_max = (delete => 2, incr => 3, decr => 3, touch => 3, set => 5, add => 5, replace => 5, append => 5,
    prepend => 5, cas => 6, verbosity => 2, flush_all => 2);

my @ENTRIES = (
    # --- 1.6.18 is older ---
    {
        name => '1.6.18: noreply is looked for before the arguments',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return 1 if $request->{line} =~ /\Adelete +noreply\z/ && $ours eq '' && $peers =~ /\A(?:DELETED|NOT_FOUND)\r\n\z/;
            return $request->{line} =~ /\A[a-z]+ .* noreply *\z/ && $ours =~ s/\A$CE//
                && without_stubs($ours) eq without_stubs($peers);
        },
    },
    {
        name => '1.6.18: other replies to a line that is too short or has too few words',
        splits => sub { is_stub($_[0]{line}) },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return 1 if is_stub($request->{line}) && $ours =~ /\A(?:$CE)+\z/;
            # What is left of a block may be such a line.
            return 0 unless $ours =~ /$CE/ && ($request->{name} =~ $STORAGE || $request->{name} eq 'nonsense');
            return without_stubs($ours) eq without_stubs($peers);
        },
    },
    {
        name => '1.6.18: ERROR for a line with words to spare, and its block is read as commands',
        splits => sub { has_spare_words($_[0]) },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return has_spare_words($request) && $peers =~ /\A(?:ERROR\r\n|CLIENT_ERROR bad command line format\.  Usage[^\n]+\n)+\z/;
        },
    },
    {
        name => '1.6.18: the block of a line with a bad flags, exptime, key or id is read as commands',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return 0 unless $request->{name} =~ $STORAGE || $request->{line} =~ /\Ams +[^ ]{251}/;
            return 0 unless $ours eq $CE || $ours eq '';
            return $peers =~ /\A(?:$CE|ERROR\r\n)(?:ERROR\r\n|$CE)*\z/ || $peers eq '';
        },
    },
    {
        name => '1.6.18: takes numbers with a sign, too many digits, or blanks around them',
        splits => sub { has_lax_number($_[0]) },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return has_lax_number($request) && $ours =~ /\ACLIENT_ERROR/;
        },
    },
    {
        name => '1.6.18: a lone minus is not a number',
        splits => sub { $_[0]{line} =~ / -(?: |\z)/ },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ / -(?: |\z)/ && $peers =~ /\ACLIENT_ERROR/;
        },
    },
    {
        name => '1.6.18: a NUL ends a line',
        splits => sub { $_[0]{line} =~ /\0/ },
        when => sub { return $_[0]{line} =~ /\0/ },
    },
    {
        name => '1.6.18: blanks before a command are skipped',
        splits => sub { $_[0]{line} =~ /\A / },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ /\A / && ($ours eq "ERROR\r\n" || $ours eq '');
        },
    },
    {
        name => '1.6.18: noreply is not looked for behind an unknown command, nor if blanks follow it',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ /(?:\A| )noreply *\z/ && $ours eq ''
                && ($request->{line} =~ / \z/ || $peers eq "ERROR\r\n");
        },
    },
    {
        name => '1.6.18: other texts for flags that are not',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return 0 unless $request->{name} =~ /\A(?:mg|ms|md|ma|me)\z/ && $ours =~ /\ACLIENT_ERROR [^\n]*\n(?:ERROR\r\n|$CE)*\z/;
            return 1 if $request->{name} eq 'md' && $peers eq "CLIENT_ERROR invalid or duplicate flag\r\n";
            return 1 if $request->{name} eq 'ma' && $ours =~ /invalid or duplicate flag/ && $peers eq $CE;
            return $ours =~ /\A$CE/ && $request->{line} =~ / [^0-9A-Za-z_\\\[\]^`]/;
        },
    },
    {
        name => '1.6.18: the argument of M has to be one byte',
        splits => sub { $_[0]{line} =~ / M(?:[ \r]|\z|[^ ]{2})/ },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ / M(?:[ \r]|\z|[^ ]{2})/
                && $peers =~ /\ACLIENT_ERROR (?:incorrect length for M token|invalid or duplicate flag)\r\n\z/;
        },
    },
    {
        name => '1.6.18: F may be too large',
        splits => sub { $_[0]{line} =~ / F[0-9]{10}/ },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ / F4294967296/ && $ours =~ /\ACLIENT_ERROR/;
        },
    },
    {
        name => '1.6.18: T of a ma that makes the number longer is forgotten',
        splits => sub { $_[0]{name} eq 'ma' && $_[0]{flags}{T} },
    },
    {
        name => '1.6.18: ma looks at the value before C',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{name} eq 'ma' && $request->{flags}{C} && $ours =~ /\AEX/ && $peers =~ /non-numeric/;
        },
    },
    {
        name => '1.6.18: closes at HTTP/ even if it is the first word',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{closes} && $request->{line} =~ /\AHTTP/ && $ours eq "ERROR\r\n" && $peers eq '';
        },
    },
    {
        name => '1.6.18: shutdown is refused with another word',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ /\Ashutdown/ && $ours eq "SERVER_$peers";
        },
    },
    {
        name => '1.6.18: no E flag, no x flag',
        splits => sub { $_[0]{flags}{E} || $_[0]{flags}{x} },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return ($request->{flags}{E} || $request->{flags}{x})
                && $peers =~ /\ACLIENT_ERROR invalid (?:or duplicate )?flag\r\n/;
        },
    },
    {
        name => '1.6.18: ms does not return s',
        when => sub {
            my ($request, $ours, $peers, $pairs) = @_;
            return 0 unless $request->{name} eq 'ms' && $request->{flags}{s};
            return $ours =~ s/ s[0-9]+(?=[ \r])// && same_reply($ours, $peers, $pairs);
        },
    },
    {
        name => '1.6.18: ma with q is not quiet when it creates or changes',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{name} eq 'ma' && $request->{flags}{q} && $ours eq '' && $peers =~ /\A(?:HD|VA) ?/;
        },
    },
    {
        name => '1.6.18: ms does not create with N',
        splits => sub { $_[0]{name} eq 'ms' && $_[0]{flags}{N} },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{name} eq 'ms' && $request->{flags}{N} && $peers =~ /\ANS/ && ($ours eq '' || $ours =~ /\AHD/);
        },
    },
    {
        name => '1.6.18: mg with C sends the value in any case',
        when => sub {
            my ($request, $ours, $peers, $pairs) = @_;
            return 0 unless $request->{name} eq 'mg' && $request->{flags}{C} && $ours =~ /\AHD/;
            return $peers =~ s/\AVA ([0-9]+)([^\n]*\n)(??{".{$1}"})\r\n\z/HD$2/s
                && same_reply($ours, $peers =~ s/ t429496[0-9]{4}(?=[ \r])/ t-1/r, $pairs);
        },
    },
    {
        name => '1.6.18: me shows the time left with the wrong sign',
        when => sub {
            my ($request, $ours, $peers, $pairs) = @_;
            return $request->{name} eq 'me' && $peers =~ s/ exp=-([0-9]+) / exp=$1 / && same_reply($ours, $peers, $pairs);
        },
    },

    # --- deliberate ---
    {
        name => 'deliberate: what a get with too long a key found does not count as fetched',
        splits => sub { $_[0]{line} =~ /\Ag(?:et|at)s? / && $_[0]{line} =~ /[^ ]{251}/ },
    },
    {
        name => 'deliberate: too long an opaque is refused before anything is done',
        splits => sub { $_[0]{line} =~ / O[^ ]{32}/ },
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ / O[^ ]{32}/ && $ours =~ /\ACLIENT_ERROR opaque/ && $peers =~ /non-numeric/;
        },
    },
    {
        name => 'deliberate: me takes b wherever it stands',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ /\Ame +[^ ]+ .*\bb/ && $request->{line} !~ /\Ame +[^ ]+ +b +[^ ]/
                && $peers eq "EN\r\n" && $ours =~ /\A(?:ME |$CE)/;
        },
    },
    {
        name => 'deliberate: a number is filled up with spaces even if an older reply still holds it',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return 0 unless $request->{after_arithmetic};
            return $ours =~ s/ ([0-9]+)\r\n([0-9]+) +\r\n/ ' ' . length($2) . "\r\n$2\r\n" /er eq $peers;
        },
    },
    {
        name => 'deliberate: items take less memory, so some are in a smaller class',
        when => sub {
            my ($request, $ours, $peers, $pairs) = @_;
            return 0 unless $request->{name} eq 'me';
            s/ exp=-([0-9]{2,}) / exp=$1 / for $peers;
            s/ cls=[0-9]+ / cls= / for $ours, $peers;
            return same_reply($ours, $peers, $pairs);
        },
    },
    {
        name => 'deliberate: replies are sent before a value is awaited and before a close',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{closes} && $request->{text} =~ /\Aversion\r\n(?:GET|set) / && $peers eq ''
                && $ours =~ /\AVERSION [^\n]*\n\z/;
        },
    },
    {
        name => 'deliberate: an item that expired by a negative or old time shows t-1',
        when => sub {
            my ($request, $ours, $peers, $pairs) = @_;
            return level_expired($peers) && same_reply($ours, $peers, $pairs);
        },
    },
    {
        name => 'deliberate: an exptime has 64 bits, whatever command it stands in',
        splits => \&has_long_exptime,
        when => sub { has_long_exptime($_[0]) },
    },
    {
        name => 'deliberate: a key in base64 may take more than 250 letters, and is decoded first',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $request->{line} =~ /\Am[a-z] +[^ ]{251,336} (?:.* )?b(?: |\r|\z)/
                && $ours =~ /\ACLIENT_ERROR error decoding key\r\n/
                && $peers =~ /\ACLIENT_ERROR bad command line format\r\n/;
        },
    },
    {
        name => 'deliberate: client flags below zero are no flags',
        splits => \&has_flags_below_zero,
        when => sub {
            my ($request, $ours, $peers) = @_;
            return has_flags_below_zero($request) && $ours =~ /\ACLIENT_ERROR bad command line format\r\n/;
        },
    },
    {
        name => 'deliberate: a value that is too large is refused before it comes',
        when => sub {
            my ($request, $ours, $peers) = @_;
            return $peers eq '' && $ours eq "SERVER_ERROR object too large for cache\r\n";
        },
    },
    {
        name => 'deliberate: a key that cannot stand in a line of text is shown in base64',
        when => sub {
            my ($request, $ours, $peers, $pairs) = @_;
            my $raw;
            my $shown = $ours =~ s{ k([A-Za-z0-9+/=]+) b(?=[ \r])}{ ' k' . ($raw = decode_base64($1)) }er;
            $shown =~ s{\AME ([A-Za-z0-9+/=]+)(?= exp=)}{ 'ME ' . ($raw = decode_base64($1)) }e;
            level_expired($peers);
            return defined $raw && $raw =~ /[ \n]/ && same_reply($shown, $peers, $pairs);
        },
    },
);

# Writes the time left of a peer's item that expired in the past as here; whether there is one.
sub level_expired { return $_[0] =~ s/ t429496[0-9]{4}(?=[ \r])/ t-1/ }

sub has_flags_below_zero { return $_[0]{line} =~ /\A(?:set|add|replace|append|prepend|cas) +[^ ]+ +-[0-9]/ }

sub known_entries { return @ENTRIES }

# The name of the entry that explains why the two replies differ, if there is one.
sub known_difference {
    my ($requests, $ours, $peers, $pairs) = @_;
    return unless @$requests == 1;
    for my $entry (@ENTRIES) {
        return $entry->{name} if $entry->{when} && $entry->{when}->($requests->[0], $ours, $peers, $pairs);
    }
    return;
}

# Whether the servers may hold different things after that request.
sub splits_state {
    my ($request) = @_;
    # The peer takes a number of 2^63 and more for negative, if a minus sign lies about
    # behind it.
    return 1 if $request->{name} =~ /\A(?:incr|decr|ma)\z/ && $request->{line} =~ / [DJ]?[0-9]{19}/;
    return grep { $_->{splits} && $_->{splits}->($request) } @ENTRIES;
}

# Whether its reply is better told from the others.
sub is_odd {
    my ($request) = @_;
    return $request->{line} !~ /\A[a-z_]+(?: [^ ]+)*\r?\z/ || is_stub($request->{line}) || has_spare_words($request)
        || splits_state($request);
}

# --- what requests look like -------------------------------------------------------

sub words { return grep { length } split / /, $_[0] }

# Fewer than four bytes with its end, or fewer words than the command needs.
sub is_stub {
    my ($line) = @_;
    return 1 if length $line < 3;
    $line =~ s/\r\z//;
    my @words = words($line);
    return @words && $line !~ /\A / && @words < ($tokens_min{ $words[0] } // 0);
}

# Whether an exptime does not fit in 32 bits, or has more digits than fit there.
sub has_long_exptime {
    my ($request) = @_;
    my @words = words($request->{line});
    my $word = $words[0] // '';
    my @times = $word =~ $STORAGE ? $words[3] : $word eq 'touch' ? $words[2] : $word =~ /\A(?:gats?|flush_all)\z/ ? $words[1]
        : $word =~ /\Am[gsda]\z/ ? map { /\A[TNR](.*)/s } @words[2 .. $#words] : ();
    my ($least, $most) = (-2**31, 2**31 - 1);
    return grep { defined && /\A\s*([-+]?[0-9]{10,})(?:\s|\z)/ && ($1 < $least || $1 > $most || length $1 > 11) } @times;
}

sub without_stubs {
    my ($reply) = @_;
    $reply =~ s/^$CE/ERROR\r\n/mg;
    return $reply;
}

sub has_spare_words {
    my ($request) = @_;
    my @words = words($request->{line});
    return 0 unless @words && $tokens_max{ $words[0] };
    my $count = @words - ($words[-1] eq 'noreply' ? 1 : 0);
    return $count > $tokens_max{ $words[0] };
}

# Whether a field that must be plain digits is something that C's strtol would take.
sub has_lax_number {
    my ($request) = @_;
    my @words = words($request->{line});
    my $word = $words[0] // '';
    my @numbers;
    if ($word =~ $STORAGE) { @numbers = ([$words[4], $I32], $word eq 'cas' ? [$words[5], $U64] : ()) }
    elsif ($word eq 'ms')  { @numbers = ([$words[2], $I32]) }
    elsif ($word =~ /\A(?:incr|decr)\z/) { @numbers = ([$words[2], $U64]) }
    elsif ($word eq 'verbosity')         { @numbers = ([$words[1], $I32]) }
    elsif ($word eq 'touch')             { @numbers = ([$words[2], $I32]) }
    elsif ($word =~ /\Agats?\z/)         { @numbers = ([$words[1], $I32]) }
    my %meta = (T => $I32, N => $I32, R => $I32, C => $U64, E => $U64, D => $U64, J => $U64, F => $U64);
    if ($word =~ /\A(?:mg|ms|md|ma)\z/) {
        push @numbers, map { [substr($_, 1), $meta{ substr $_, 0, 1 }] } grep { /\A[TNRCEDJF]/ } @words[2 .. $#words];
    }
    return grep { defined $_->[0] && ($_->[0] !~ $_->[1] || $_->[1] eq $I32 && $_->[0] =~ /[0-9]{10}/ && abs $_->[0] > 2 ** 31 - 1) && $_->[0] =~ /\A\s*[-+]?[0-9]+(?:\s.*)?\z/ } @numbers;
}

1;
