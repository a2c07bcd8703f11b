# Everything a developer or packager needs. Cargo does the work.

PREFIX  ?= /usr/local
DESTDIR ?=
ARGS    ?=
CARGO   ?= cargo

TARGET  := $(abspath $(or $(CARGO_TARGET_DIR),target))
BINARY  := $(TARGET)/release/memcached
BENCH   := $(TARGET)/release/memcached-bench
# Root has to name the user to run as; a -u in ARGS comes later and wins.
AS_ROOT := $(if $(filter 0,$(shell id -u)),-u root)

# The programs that t/lib/Server.pm starts.
export MEMCACHED_DEBUG   ?= $(TARGET)/debug/memcached
export MEMCACHED_RELEASE ?= $(BINARY)

all:
	$(CARGO) build --release --locked

run: all
	$(BINARY) $(AS_ROOT) $(ARGS)

test: all
	$(CARGO) build --locked
	$(CARGO) test --locked --lib --bin memcached-bench --test replay --test model --test stress
	prove -j 2 t/

# Libc calls fail as plans say: doc/testing.txt, "Faults". A build of its own.
test-faults:
	$(CARGO) build --locked --features faults --target-dir $(TARGET)/faults
	MEMCACHED_DEBUG=$(TARGET)/faults/debug/memcached prove -j 2 t/faults/

# Compares with another memcached: $PEER, else Debian's. PEER=optional: if there is one.
PEER_SECONDS ?= 60
test-peer:
	$(CARGO) build --locked
	perl t/peer/differ.pl --seconds $(PEER_SECONDS)

# Conversations with real clients, as many as are installed; t/clients/clients.t names them.
test-clients:
	$(CARGO) build --locked
	prove -v t/clients/

# Long runs of tests that `make test` has short ones of (doc/testing.txt), in a build that is fast
# and checks itself.
CHECKED := $(CARGO) test --locked --profile checked
model:
	MODEL_SEED=$(SEED) MODEL_OPS=$(or $(OPS),1000000) $(CHECKED) --test model -- --nocapture
stress:
	STRESS_SEED=$(SEED) STRESS_SECONDS=$(or $(STRESS_SECONDS),60) \
		$(CHECKED) --test stress -- --nocapture --test-threads 1 --skip soak
soak:
	SOAK_SECONDS=$(or $(SOAK_SECONDS),60) $(CHECKED) --test stress -- --nocapture soak

# Every order of the steps of a few threads, and every value that a load may see, for what they do
# to each other (doc/testing.txt).
loom:
	RUSTFLAGS="--cfg loom" $(CARGO) test --locked --profile loom --lib \
		--target-dir $(TARGET)/loom models::

# Unit tests and conversations under the memory checkers that this machine has; many minutes.
sanitize:
	t/sanitize/run

# Looks for input that breaks something, each target for so many seconds; doc/testing.txt tells
# what to do with a finding. Wants `cargo install cargo-fuzz` and a C++ compiler.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= text meta binary udp
FUZZ         := $(TARGET)/fuzz
fuzz:
	$(CARGO) build --manifest-path t/fuzz/Cargo.toml --target-dir $(FUZZ) --locked --example seeds
	$(CARGO) fuzz build --fuzz-dir t/fuzz --target-dir $(FUZZ) --sanitizer none
	mkdir -p $(FUZZ)/found
	set -e; for target in $(FUZZ_TARGETS); do \
		$(FUZZ)/debug/examples/seeds t/fuzz/corpus/$$target $(FUZZ)/corpus/$$target; \
		$(FUZZ)/*/release/$$target $(FUZZ)/corpus/$$target -max_total_time=$(FUZZ_SECONDS) \
			-dict=t/fuzz/dict/$$target.dict -artifact_prefix=$(FUZZ)/found/$$target- \
			-timeout=60 -max_len=4096 -entropic_scale_per_exec_time=1 -close_fd_mask=2 \
			-print_final_stats=1; \
	done

# What a key costs here and in another memcached: $PEER, else the one in PATH, if there is one.
ROUNDS  ?= 3
SECONDS ?= 2
bench: all
	$(BENCH) compare --rounds $(ROUNDS) --seconds $(SECONDS) \
		--text doc/bench.txt --svg doc/bench.svg

doc:
	$(CARGO) doc --locked --no-deps

check:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --features faults -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps
	@if command -v groff >/dev/null; then \
		for page in memcached.1 doc/memcached-bench.1; do echo "groff $$page"; \
			! groff -man -Tutf8 -ww $$page 2>&1 >/dev/null | grep . || exit 1; done; \
	else echo "no groff: the man pages are not checked"; fi

# Builds only if there is no binary, so that it needs no cargo under sudo.
install: $(BINARY) $(BENCH)
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/memcached
	install -D -m 755 $(BENCH) $(DESTDIR)$(PREFIX)/bin/memcached-bench
	install -D -m 644 memcached.1 $(DESTDIR)$(PREFIX)/share/man/man1/memcached.1
	install -D -m 644 doc/memcached-bench.1 $(DESTDIR)$(PREFIX)/share/man/man1/memcached-bench.1

$(BINARY) $(BENCH):
	$(CARGO) build --release --locked

clean:
	$(CARGO) clean --locked

.PHONY: all run test test-faults test-peer test-clients loom sanitize model stress soak fuzz bench doc check install clean
