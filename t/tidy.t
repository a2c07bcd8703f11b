#!/usr/bin/perl
# The sources keep the house in order. Arrows between rooms go down only, files of a room form no
# circles, and nothing is longer than a reader can hold: the list of rooms is the table in
# src/lib.rs, the limits are in t/lib/Tidy.pm.
#
# What counts as an arrow: each `use`, and each path in code that begins with crate, super, self,
# memcached or a module of the file. It leads to the file where the name is defined; a module that
# only passes it on with `use` is looked through, so a mod.rs that is nothing but a face forms no
# circle. `mod x;` is no arrow. Calls of methods are not seen. Between rooms tests count like other
# code; for circles they do not.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use File::Find;
use Tidy;

# Known exceptions, with their reasons; one that is not needed any more fails the test, too.
my %KNOWN = (
);

# First the rules themselves: made-up files, and what is to be said of them.
my $many = join "\n", map { "    step_$_();" } 1 .. 60;
my @made_up_rooms = qw(main bench net commands server upkeep wire settings store counters macros sys);
my @made_up = (
    ['an arrow upwards', ['src/store/lru.rs: store uses server'],
        'src/store/mod.rs' => 'mod lru;', 'src/store/lru.rs' => 'use crate::server::Server;',
        'src/server/mod.rs' => ''],
    ['an arrow upwards in code', ['src/sys/io.rs: sys uses store'],
        'src/sys/mod.rs' => 'mod io;', 'src/sys/io.rs' => 'fn f() { crate::store::put() }',
        'src/store/mod.rs' => ''],
    ['arrows downwards', [],
        'src/net/mod.rs' => 'use crate::{store::{lru::{self, Lists}, Store}, wire};',
        'src/store/mod.rs' => 'pub mod lru; pub struct Store;', 'src/store/lru.rs' => 'pub struct Lists;',
        'src/wire/mod.rs' => "// use crate::store::Store;\nconst A: &str = \"crate::net::x\";"],
    ['a room that is to know less', ['src/wire/mod.rs: wire uses store', 'src/bench/main.rs: bench uses store'],
        'src/wire/mod.rs' => 'use crate::store::Store;', 'src/store/mod.rs' => 'pub struct Store;',
        'src/bench/main.rs' => 'use memcached::store::Store; use memcached::log;', 'src/macros.rs' => ''],
    ['a file of no room', ['src/attic.rs: in no room'], 'src/attic.rs' => ''],
    ['a circle of two', ['store: circle'],
        'src/store/mod.rs' => 'mod a; mod b;', 'src/store/a.rs' => 'use super::b::B; pub struct A;',
        'src/store/b.rs' => 'use crate::store::a::A; pub struct B;'],
    ['a circle of a face that is more', ['store: circle'],
        'src/store/mod.rs' => 'mod a; pub use a::A; pub const MOST: usize = 1;',
        'src/store/a.rs' => 'use super::MOST; pub struct A;'],
    ['a circle through a face', ['store: circle'],
        'src/store/mod.rs' => 'mod a; mod b; pub use a::A; pub use b::B;',
        'src/store/a.rs' => 'use super::B; pub struct A;',
        'src/store/b.rs' => 'use super::A; pub struct B;'],
    ['a face alone', [],
        'src/store/mod.rs' => "mod a; mod b; pub use a::A; pub use b::{B, C};\n#[cfg(test)]\nmod tests;",
        'src/store/a.rs' => "pub struct A;\n#[cfg(test)]\nmod tests { use crate::store::b::B; }",
        'src/store/b.rs' => 'use super::A; pub struct B;', 'src/store/tests.rs' => 'use super::*;'],
    ['a long file', ['src/sys/mod.rs: file too long'], 'src/sys/mod.rs' => "\n" x 801],
    ['a file that is just not too long', [], 'src/sys/mod.rs' => "\n" x 800],
    ['a long function', ['src/sys/mod.rs: long is too long'],
        'src/sys/mod.rs' => "fn long<'a, F: Fn(&u8) -> Vec<u8>>(f: F) -> bool {\n$many\n}\nfn short() {}\n"],
    ['a long function that gives an array', ['src/sys/mod.rs: long is too long'],
        'src/sys/mod.rs' => "fn long() -> [[u8; 2]; 2] {\n$many\n}\nfn short(a: [u8; 4]) -> [u8; 4];\n"],
    ['a long function without a body', [], 'src/sys/mod.rs' => "trait T {\n fn f(&self);\n}\nmod m {\n$many\n}"],
    ['many parameters', ['src/sys/mod.rs: many has too many parameters'],
        'src/sys/mod.rs' => 'fn many(&mut self, a: A<B, C>, b: impl Fn(u8, u8) -> D, c: C, d: D, e: E, f: F, g: G,) {}'
            . 'fn six(self, a: (A, B), b: [B; 2], c: C, d: D, e: E, f: fn(A, B) -> C) {}'],
    ['two types of one name', ['type Padded: more than one', 'type Walk: more than one'],
        'src/store/mod.rs' => 'mod a;', 'src/store/a.rs' => "pub struct Walk;\nstruct Padded;\nstruct State;",
        'src/sys/mod.rs' => "pub(crate) enum Walk {}\nstruct Padded;\nstruct State;\n#[cfg(test)]\npub mod tests {\n    pub struct Walk;\n}"],
);
for (@made_up) {
    my ($name, $expected, %texts) = @$_;
    my @said = map { $_->[0] } Tidy::complaints(\%texts, @made_up_rooms);
    is_deeply([sort @said], [sort @$expected], "made up: $name");
}

my %texts;
find({ no_chdir => 1, wanted => sub {
    return unless /\.rs$/;
    open my $file, '<', $_ or die "$_: $!";
    local $/;
    $texts{ s{^\Q$Bin\E/\.\./}{}r } = <$file>;
} }, "$Bin/../src");

my @rooms = Tidy::rooms($texts{'src/lib.rs'});
cmp_ok(scalar @rooms, '>=', 12, "src/lib.rs draws the rooms: @rooms");
my %seen;
for (Tidy::complaints(\%texts, @rooms)) {
    my ($what, $why) = @$_;
    next if $seen{$what}++ | exists $KNOWN{$what};
    fail("$what ($why)");
}
ok($seen{$_}, "still an exception: $_ ($KNOWN{$_})") for sort keys %KNOWN;
ok(keys %texts > 100, 'the sources are there');

done_testing;
