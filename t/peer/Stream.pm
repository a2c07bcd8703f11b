# Streams of requests, legal and not, made from a seed.
#
# A stream is a list of bursts, a burst a list of requests that are sent together:
#
#     text       the bytes; <<cas N>> stands for the id that the server last showed for key N
#     name       the command, for counting
#     line       the first line without its end
#     key        the key as the item has it, if there is one
#     cuts       offsets at which the bytes are cut into packets
#     overhang   bytes that it takes from the requests after it
#     alone      whether its reply has to be told from its neighbours'
#     closes     whether the connection ends with it
#
# Times are so far away, or so long ago, that none comes while a stream runs.
package Stream;

use strict;
use warnings;
use Exporter qw(import);
use MIME::Base64 qw(encode_base64);

our @EXPORT = qw(stream_of keys_used);

use constant BURSTS_MAX   => 5;
use constant REQUESTS_MAX => 24;
use constant LARGE        => [600_000, 1_200_000];

# Short and long, printable and not; two numbers; two that are best written in base64.
my @KEYS = (
    'a', 'b', 'foo', 'n', 'n2', 'key:with:colons', 'noreply', "\x01\t\xff\xc3\xa9", "r\r", 'K' x 250,
    "a b\r\n\0c", "\x80",
);
my @NUMERIC = (3, 4);
my $PLAIN_KEYS = 10;                    # the first so many can be written as they are

my @LETTERS = ('b', 'c', 'f', 'h', 'k', 'l', 'q', 's', 't', 'u', 'v', 'x', 'I', 'L', 'P');

# What the round may leave behind.
sub keys_used { return @KEYS }

# The stream of a seed.
sub stream_of {
    my ($seed) = @_;
    srand $seed;
    my %commands = (
        retrieve => 12, store => 14, cas => 5, arithmetic => 6, delete => 3, touch => 3,
        simple => 3, nonsense => 3, flush => 0.4,
        mg => 18, ms => 14, md => 6, ma => 7, me => 2, mn => 1,
    );
    my @bursts;
    for my $burst (1 .. 1 + int rand BURSTS_MAX) {
        my @requests = map { request(weighted(%commands)) } 1 .. 1 + int rand REQUESTS_MAX;
        push @requests, show($_) for shuffled(0 .. $PLAIN_KEYS - 1);
        push @bursts, \@requests;
    }
    push @bursts, [goodbye()] if chance(0.15);
    return \@bursts;
}

# One request of a kind, or more where one leads to the next.
sub request {
    my ($kind) = @_;
    my @requests = Stream->can($kind)->();
    for my $request (@requests) {
        bend($request) if chance(0.02);
        ($request->{line}) = $request->{text} =~ /\A(?:mn\r\n)?([^\n]*?)\r?\n/;
        $request->{line} //= $request->{text};
        my ($word, undef, @flags) = split / +/, $request->{line};
        $request->{flags} = { map { substr($_, 0, 1) => 1 } @flags } if ($word // '') =~ /\Am[gsda]\z/;
        $request->{cuts} = [sort { $a <=> $b } map { int rand length $request->{text} } 1 .. 1 + int rand 3]
            if chance(0.1);
    }
    return @requests;
}

# --- classic commands --------------------------------------------------------------

sub retrieve {
    my $word = pick('get', 'get', 'gets', 'gat', 'gats');
    my @keys = map { scalar plain_key() } 1 .. (chance(0.7) ? 1 : 1 + int rand 6);
    push @keys, map { 'miss' . int rand 1e6 } 1 .. 30 if chance(0.05);
    my $bad = chance(0.02);
    splice @keys, pick(0, 1), @keys, 'k' x (251 + int rand 40) if $bad;
    push @keys, 'noreply' if chance(0.03);
    @keys = () if !$bad && chance(0.01);
    my @time = $word =~ /gat/ ? exptime_strict() : ();
    my $odd = @time && $time[0] !~ /\A(?:0|[1-9][0-9]{0,8}|2000000000|-1)\z/;
    if ($odd) { @keys = scalar plain_key(); $bad = 0 }
    # The peer drops replies that wait when a key is too long: none does.
    return one($word, ($bad ? "mn\r\n" : '') . line($word, @time, @keys) . line_end(),
        alone => $bad || $odd, key => $keys[0]);
}

sub store {
    my $word = pick('set', 'set', 'set', 'add', 'replace', 'append', 'prepend');
    return upload($word, []);
}

sub cas {
    my $id = chance(0.9) ? undef : pick('0', '1', 'q', '-1', '18446744073709551616', '18446744073709551615',
        '+5', '0' x 21 . '5', '0' x 22 . '5', '999999999999');
    return upload('cas', [defined $id ? $id : '<<cas>>']);
}

# A storage line with its block, right or wrong.
sub upload {
    my ($word, $extra) = @_;
    my ($index, $key) = plain_key();
    my ($flags, $time) = (flags_lax(), exptime_lax());
    my $value = value($index);
    my $length = length $value;
    my ($bad, $overhang) = (0, 0);
    my $good_number = qr/\A(?:0|[1-9][0-9]{0,6}|-1)\z/;
    if ($flags !~ $good_number || $flags eq '-1' || $time !~ $good_number) { $bad = 1 }
    if (chance(0.02)) { $key = 'k' x (251 + int rand 40); $bad = 1 }
    if (chance(0.03)) {
        $length = pick('x', '-1', '-0', '-', '+3', '00000000003', '000000000003', '2147483646', '4294967295',
            '99999999999999999999', '3x', "3\t");
        $bad = 1;
    }
    $bad = 1 if $word eq 'cas' && $extra->[0] ne '<<cas>>';
    if ($word eq 'cas' && chance(0.03)) { $extra = []; $bad = 1 }
    # A block that is not taken as one is read as commands: these do no harm.
    if ($bad) {
        $value = pick('', 'z', 'zz', 'zap zap', 'abc', "zzzz\r\nzap");
        $length = length $value if $length =~ /\A[0-9]{1,7}\z/;
        $overhang = 40;
    }
    my $end = "\r\n";
    if (!$bad && length $value < 200 && chance(0.04)) {
        if (chance(0.5)) { $length += 1 + int rand 30; $overhang = 40 }
        elsif ($length > 4) { $length -= 1 + int rand 4 }
        else { $end = pick("\n\n", 'XX', "\n") ; $overhang = 2 }
        $bad = 1;
    }
    $extra = [map { $_ eq '<<cas>>' ? "<<cas $index>>" : $_ } @$extra];
    my @tail = chance(0.12) ? 'noreply' : chance(0.02) ? ('what', 'noreply') : chance(0.02) ? ('noreply', 'what') : ();
    # Some peers do not take such a line, so its block should be short.
    @tail = () if @tail > 1 && $value !~ /\A[0-9a-z]{0,200}\z/;
    my $line = line($word, $key, $flags, $time, $length, @$extra, @tail);
    return one($word, $line . line_end() . $value . $end,
        key => $KEYS[$index], alone => $bad || @tail > 1 || length $value > 4000, overhang => $overhang);
}

sub arithmetic {
    my $word = pick('incr', 'incr', 'decr');
    my $key = chance(0.85) ? $KEYS[pick(@NUMERIC)] : plain_key();
    my $delta = chance(0.9) ? number() : pick('18446744073709551615', '9223372036854775807', '-1', '+1', '1x', 'q', '18446744073709551616', '0' x 21 . '1',
        '0' x 22 . '1', "1\t");
    my @tail = chance(0.1) ? 'noreply' : chance(0.03) ? 'junk' : ();
    @tail = $delta = () if chance(0.02);
    $key = 'k' x 251 if chance(0.01);
    return before_arithmetic($key, one($word, line($word, $key, defined $delta ? $delta : (), @tail) . line_end(),
        key => $key, alone => 1));
}

# A value that a reply still holds is changed elsewhere by the peer: no reply may wait,
# or the item is looked at and goes.
sub before_arithmetic {
    my ($key, $request) = @_;
    return (one('mn', "mn \r\n"), $request) if chance(0.9) || $key =~ /[ \n]|.{251}/;
    return ($request, one('get', "get $key\r\n", key => $key, alone => 1, after_arithmetic => 1),
        one('delete', "delete $key noreply\r\n", after_arithmetic => 1));
}

sub delete {
    my $key = chance(0.02) ? 'k' x 251 : plain_key();
    my @tail = chance(0.2) ? 'noreply' : chance(0.1) ? pick('0', '10', '0 noreply', 'x') : ();
    return one('delete', line('delete', $key, @tail) . line_end(), key => $key, alone => 1);
}

sub touch {
    my $key = chance(0.02) ? 'k' x 251 : plain_key();
    my @tail = chance(0.1) ? 'noreply' : ();
    my $time = exptime_strict();
    return one('touch', line('touch', $key, chance(0.97) ? $time : (), @tail) . line_end(), key => $key,
        alone => $time =~ /\A(?:0|[1-9][0-9]*|-1)\z/ ? 0 : 1);
}

sub simple {
    return one(@{ pick(
        ['version', "version\r\n"], ['version', "version noreply\r\n"], ['version', "version now\n"],
        ['verbosity', "verbosity 0\r\n"], ['verbosity', "verbosity 0 noreply\r\n"], ['verbosity', "verbosity\r\n"],
        ['verbosity', "verbosity -1\r\n"], ['verbosity', "verbosity noreply\r\n"],
        ['verbosity', "verbosity 0 1 2\r\n"], ['shutdown', "shutdown\r\n"],
    ) }, alone => 1);
}

sub flush {
    return one('flush_all', line('flush_all', pick('', '', '0', '-1', 'noreply', '0 noreply', '0 junk', 'x', 'x noreply',
        'noreply 0')) . line_end(), alone => 1);
}

# Lines that no server should know.
sub nonsense {
    my $text = pick(
        "\r\n", "\n", "q\r\n", "qq\r\n", "qqq\n", "mn\n", " \n", "  \r\n", " version\r\n", "version\r\r\n",
        "version\tx\r\n", "VERSION\r\n", "versions\r\n", "\r\n\r\n", "wibble\r\n", "wibble wobble\r\n",
        "wibble noreply\r\n", "noreply\r\n", "wibble noreply x\r\n", "zap HTTP\r\n",
        "zap HTTP/1.1 z\r\n", "get / HTTP/1.1\r\n", "\x80\r\n", "\x81\x0b\0\0\0\n", "mx a\r\n", "MG a\r\n", "mnx\r\n",
        "quitx\r\n", "get\r\n", "get \r\n", "gat 5\r\n", "gets\r\n", "delete\r\n", "incr n\r\n", "touch t\r\n",
        "set a 0 0\r\n", "set a 0 0 noreply\r\n", "mg\r\n", "ms a\r\n", "md\r\n", "ma\r\n", "me\r\n", "set\r\n",
        "gat x a\r\n", "zap" . ' z' x int(rand 40) . "\r\n", 'x' x int(rand 1500) . "\r\n",
        'zap ' . join('', map { chr 33 + int rand 90 } 1 .. int rand 30) . "\r\n",
    );
    return one('nonsense', $text, alone => 1);
}

# The last words on a connection.
sub goodbye {
    my $text = pick("quit\r\n", "quit noreply\r\nversion\r\n", "quit\r\nversion\r\n", "GET / HTTP/1.1\r\n",
        "zap HTTP/\r\n", 'set a 0 0 10', "set a 0 0 10\r\nabc", 'version', "get a b", "set a 0 0 2147483645\r\nabc",
        "set a 0 0 2147483645 noreply\r\nabc", 'x' x 3000, "version\r\nGET / HTTP/1.1\r\n",
        "HTTP/1.1\r\n", "version\r\nset a 0 0 10\r\nabc", "mn\r\nGET / HTTP/1.1\r\n");
    my ($line) = $text =~ /\A([^\n]*?)(?:\r?\n|\z)/;
    return one('goodbye', $text, alone => 1, closes => 1, line => $line);
}

# Everything that can be seen of a key, for the comparison and to learn its id.
sub show {
    my ($index) = @_;
    my $key = $KEYS[$index];
    return chance(0.3) ? () : one('gets', "gets $key\r\n", line => "gets $key") if chance(0.5);
    my $line = "mg $key s v c t f k h l";
    return one('mg', "$line\r\n", line => $line, key => $key);
}

# --- meta commands -----------------------------------------------------------------

sub mg {
    my ($key, $written, @b) = meta_key();
    my @flags = (@b, some('v', 's', 'f', 't', 'c', 'k', 'h', 'l', 'q', 'u', 'O'));
    push @flags, 'N' . exptime_meta() if chance(0.12);
    push @flags, 'R' . pick('0', '30', '5000', '2000000', '-1') if chance(0.12);
    push @flags, 'T' . exptime_meta() if chance(0.15);
    push @flags, compared($key) if chance(0.05);
    return meta('mg', $key, [$written], @flags);
}

sub ms {
    my ($key, $written, @b) = meta_key();
    my ($index) = grep { $KEYS[$_] eq $key } 0 .. $#KEYS;
    my $value = value($index);
    my @flags = (@b, some('k', 'c', 's', 'q', 'O'));
    push @flags, 'T' . exptime_meta() if chance(0.3);
    push @flags, 'F' . pick('0', '5', '4294967295') if chance(0.3);
    push @flags, 'M' . pick('E', 'A', 'P', 'R', 'S', 'A', 'P') if chance(0.4);
    push @flags, compared($key) if chance(0.25);
    push @flags, 'I' if chance(0.15);
    push @flags, 'N' . exptime_meta() if chance(0.08);
    my $length = length $value;
    if (chance(0.02)) {
        # Not a length: the block is read as commands.
        $length = pick('x', '-1', '+3', 'S3', '000000000003', '2147483646');
        $value = 'zzz';
    }
    return meta('ms', $key, [$written, $length], \$value, @flags);
}

sub md {
    my ($key, $written, @b) = meta_key();
    my @flags = (@b, some('k', 'q', 'O'));
    push @flags, compared($key) if chance(0.3);
    push @flags, 'I' if chance(0.5);
    push @flags, 'T' . exptime_meta() if chance(0.3);
    push @flags, 'x' if chance(0.06);
    return meta('md', $key, [$written], @flags);
}

sub ma {
    my ($key, $written, @b) = chance(0.85) ? ($KEYS[3], $KEYS[3]) : meta_key();
    my @flags = (@b, some('v', 't', 'c', 'k', 'q', 'O'));
    push @flags, 'D' . (chance(0.95) ? number() : '18446744073709551615') if chance(0.4);
    push @flags, 'M' . pick('I', '+', 'D', '-', 'D') if chance(0.4);
    push @flags, 'N' . exptime_meta() if chance(0.4);
    push @flags, 'J' . (chance(0.95) ? number() : '18446744073709551615') if chance(0.2);
    push @flags, 'T' . exptime_meta() if chance(0.15);
    push @flags, compared($key) if chance(0.15);
    return before_arithmetic($key, meta('ma', $key, [$written], @flags));
}

sub me {
    my ($key, $written, @b) = meta_key();
    return one('me', line('me', $written, @b, some('q', 'k', 'z')) . line_end(), key => $key, alone => 1);
}

sub mn { return one('mn', pick("mn\r\n", "mn \n", "mn q k whatever\r\n"), alone => 1) }

# A meta command with its flags in any order, and now and then a wrong one.
sub meta {
    my ($word, $key, $fixed, @flags) = @_;
    my $value = ref $flags[0] ? shift @flags : undef;
    push @flags, 'E' . pick('0', '1000000001', '1000000002') if chance(0.03);
    if (chance(0.06)) {
        push @flags, pick(@LETTERS, 'z', 'S', 'W', '_', '0', 'Q', 'vwxyz', "v\r", '!', "\x7b", "\xff", 'MX', 'Mi',
            'M', 'Mincr', 'Tx', 'T', 'T5x', 'T2147483648', 'Nx', 'R', 'Cx', 'C', 'Fx', 'F4294967296', 'Dx', 'D-1', 'D',
            'Jx', 'J', 'O' . 'x' x 31, 'O' . 'x' x 32, 'O', 'C18446744073709551616', 'D1', 'J1', 'F1', 'N90000',
            'R1', 'T90000', 'Lq', 'P9');
    }
    push @flags, some(@LETTERS) if chance(0.02);
    # The block of an unreadable line is read as lines, which should be short.
    @flags = grep { !/\A[!\x7b\xff]/ } @flags if defined $value && $$value !~ /\A[0-9a-z]{0,200}\z/;
    my @texts = shuffled(@flags);
    my %seen;
    @texts = grep { !$seen{ substr $_, 0, 1 }++ } @texts unless chance(0.03);
    my ($written, @rest) = @$fixed;
    $written = 'k' x 251 if chance(0.01) && ($value ? $$value : '') =~ /\A[0-9a-z]{0,200}\z/;
    my @request = one($word, line($word, $written, @rest, @texts) . line_end()
        . (defined $value ? "$$value\r\n" : ''), key => $key, alone => 1);
    return @request;
}

# A C flag: the id that was last seen, one that is lower than any, or higher.
sub compared {
    my ($key) = @_;
    my ($index) = grep { $KEYS[$_] eq $key } 0 .. $#KEYS;
    return 'C' . (chance(0.6) ? "<<cas $index>>" : pick('0', '1', '999999999999', '18446744073709551615'));
}

# --- parts -------------------------------------------------------------------------

sub one {
    my ($name, $text, %more) = @_;
    return { name => $name, text => $text, line => '', cuts => [], overhang => 0, alone => 0, %more };
}

sub line { return join chance(0.03) ? '   ' : ' ', grep { defined && length } @_ }

sub line_end { return chance(0.05) ? "\n" : chance(0.03) ? " \r\n" : "\r\n" }

# Returns (index, key), or just the key where one value is wanted.
sub plain_key {
    my $index = chance(0.5) ? int rand 4 : int rand $PLAIN_KEYS;
    return wantarray ? ($index, $KEYS[$index]) : $KEYS[$index];
}

# The key, how it is written, and `b` if that is in base64.
sub meta_key {
    return plain_as_meta() if chance(0.75);
    my $key = pick(@KEYS[0 .. 8], @KEYS[10 .. $#KEYS]);
    my $written = encode_base64($key, '');
    if (chance(0.08)) {
        $written = pick($written . '=', substr($written, 0, -1), "!$written", "$written.", '====', 'Zm9', 'Zm-v', 'Z');
    }
    return ($key, $written, 'b');
}

sub plain_as_meta {
    my $key = plain_key();
    return ($key, $key);
}

sub value {
    my ($index) = @_;
    if (grep { $_ == $index } @NUMERIC) {
        return number() if chance(0.85);
        return pick('', ' 12', '+7', '0012', '12 34', "12\0", '7a', '-1', '1.5', '18446744073709551616', '0' x 300 . '5',
            'abc', '99', '10', "\t5");
    }
    return 'x' x pick(@{ LARGE() }) if chance(0.004);
    my $length = chance(0.6) ? int rand 40 : chance(0.7) ? int rand 600 : int rand 5001;
    return chr(97 + int rand 26) x $length if chance(0.5);
    return pick("-\r\n", "a\r\nb", "END\r\n", "\0\r\n\xff", 'get a') if chance(0.1);
    return join '', map { chr int rand 256 } 1 .. ($length < 300 ? $length : 300);
}

sub number {
    return pick(0, 1, 9, 10, 99, 100, int rand 1000, int rand 4e9);
}

sub flags_lax {
    return chance(0.7) ? 0 : pick(1, 5, 65535) if chance(0.95);
    return pick('4294967295', '4294967297', '18446744073709551615', '18446744073709551616', '-1', '-0', '+5',
        '0' x 40 . '5', "\t5", "5\t7", "5\0", '5x', '0x10', '-18446744073709551611', 'q', '2147483648');
}

sub exptime_lax {
    return chance(0.7) ? 0 : pick(1000, 100_000, 2_592_000, 2_000_000_000, -1, 2_592_001, 0) if chance(0.95);
    return pick('+9000', '4294977297', '2147483648', '9223372036854775808', '9x', 'q', "\t9000", "9000\t1", '-0', '-',
        '-2147483649');
}

sub exptime_strict {
    return pick(0, 1000, 100_000, 2_592_000, 2_000_000_000, -1, 2_592_001) if chance(0.95);
    return pick('x', '+5', '2147483648', '000000000005', '00000009000', '5x', '-', '-0', '-2147483648', '-2147483649', "5\t");
}

sub exptime_meta { return pick(0, 1000, 1000, 100_000, 2_592_000, 2_000_000_000, -1, 2_592_001) }

# A few of the letters; O gets an argument.
sub some {
    my @letters = @_;
    return map { $_ eq 'O' ? 'O' . pick('1', 'abc', 'x' x 31, '') : $_ } grep { chance(0.25) } @letters;
}

# One small change to a line that no block follows.
sub bend {
    my ($request) = @_;
    my $text = $request->{text};
    return if $text =~ /\n.|\Aflush|HTTP|[^ ]{250}/s || $text =~ /\Agats? .* .* [^\r\n]/ || $request->{closes} || $request->{after_arithmetic};
    my $at = int rand length $text;
    my $how = pick('double', 'drop', 'blank', 'tab', 'upper', $request->{name} =~ /\Ag/ ? () : 'nul');
    return if substr($text, $at, 1) eq "\n" || $text =~ /<<cas/;
    if    ($how eq 'double') { substr $text, $at, 0, substr $text, $at, 1 }
    elsif ($how eq 'drop')   { substr $text, $at, 1, '' }
    elsif ($how eq 'blank')  { substr $text, $at, 0, ' ' }
    elsif ($how eq 'tab')    { substr $text, $at, 0, "\t" }
    elsif ($how eq 'nul')    { substr $text, $at, 0, "\0" }
    else                     { substr $text, $at, 1, uc substr $text, $at, 1 }
    @$request{qw(text alone bent)} = ($text, 1, 1);
    return;
}

sub chance { return rand() < $_[0] }

sub pick { return $_[rand @_] }

sub weighted {
    my %weights = @_;
    my $total = 0;
    $total += $_ for values %weights;
    my $at = rand $total;
    for my $name (sort keys %weights) {
        return $name if ($at -= $weights{$name}) < 0;
    }
    return 'simple';
}

sub shuffled {
    my @list = @_;
    for my $i (reverse 1 .. $#list) {
        my $j = int rand($i + 1);
        @list[$i, $j] = @list[$j, $i];
    }
    return @list;
}

1;
