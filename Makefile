.PHONY: help check fmt clippy doc invariants deny test fuzz fuzz-keep hostile snap golden clients sanitize sanitize-address sanitize-thread sanitize-valgrind neon bench bench-serve bench-swarm bench-overload bench-encoder bench-truth

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

check: fmt clippy doc invariants deny ## what must hold before a commit: format, lints, documentation, dependency invariants

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

# $(call absent,PACKAGE,DEPENDENCIES): none of the dependencies may stand in the package's tree.
define absent
@tree="$$(cargo tree --locked -p $(1) -e normal --prefix none --format '{p}')" && for name in $(2); do \
	if echo "$$tree" | grep -q "^$$name v"; then echo "$(1) must not depend on $$name" >&2; exit 1; fi; \
done
endef

invariants:
	$(call absent,bakeoff-encoder,tokio hyper axum clap bakeoff-qa tokenizers rayon)
	$(call absent,bakeoff-hub,tokio hyper axum clap native-tls openssl bakeoff-qa)
	$(call absent,bakeoff-qa,tokio hyper ureq axum clap bakeoff-record bakeoff-load)
	$(call absent,bakeoff-serve,bakeoff-record bakeoff-load bakeoff-compare clap)
	$(call absent,bakeoff-load,bakeoff-qa bakeoff-serve bakeoff-compare bakeoff-analysis bakeoff-history bakeoff-report rusqlite plotters minijinja clap)
	$(call absent,bakeoff-compare,bakeoff-qa bakeoff-serve bakeoff-history bakeoff-report rusqlite plotters minijinja clap)
	$(call absent,bakeoff-web,bakeoff-qa bakeoff-serve clap)
	$(call absent,bakeoff-record,bakeoff-load rusqlite plotters tokio hyper axum clap)
	$(call absent,bakeoff-analysis,bakeoff-load bakeoff-report rusqlite plotters minijinja tokio hyper axum clap)
	$(call absent,bakeoff-history,bakeoff-load bakeoff-analysis bakeoff-report plotters tokio hyper axum clap)
	$(call absent,bakeoff-report,bakeoff-load bakeoff-history rusqlite tokio hyper axum clap)
	@echo "dependency invariants hold"

deny: ## licences, sources and advisories of the dependencies, by cargo-deny
	@if ! cargo deny --version > /dev/null 2>&1; then \
		echo "skipped the check of dependencies: needs \`cargo install cargo-deny --locked\`"; \
	else \
		cargo deny --locked --offline check bans licenses sources || exit 1; \
		if cargo deny --locked fetch db > /dev/null 2>&1; then \
			cargo deny --locked check advisories; \
		else \
			echo "skipped the advisories: their database cannot be fetched"; \
		fi; \
	fi

test: ## all tests; BAKEOFF_REQUIRE=cgroup,chromium,clients,curl,docker,haproxy,python,setpriv makes a missing tool a failure
	cargo test --workspace --locked

FUZZ_SECONDS ?= 60
FUZZ_TARGETS := request_body tokenizer config onnx hub_answer import record page_form scenario experiment_file

# What is found goes to fuzz/found, which Git ignores; what fails lies in fuzz/artifacts.
fuzz: ## look for bytes that do harm, FUZZ_SECONDS=60 a target; needs a nightly toolchain and cargo-fuzz
	cargo +nightly fuzz build
	for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/found/$$target && \
		cargo +nightly fuzz run $$target fuzz/found/$$target fuzz/corpus/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 || exit 1; \
	done

fuzz-keep: ## add to the corpus, which the tests replay, what fuzzing found and reaches code that nothing in it does
	for target in $(FUZZ_TARGETS); do \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target fuzz/found/$$target -- -merge=1 -use_counters=0 -rss_limit_mb=2048 || exit 1; \
	done
	du --apparent-size -s -B1 fuzz/corpus/*

# The flags replace those for static linking, with which neither works. ThreadSanitizer needs a standard library that is compiled with it, and
# that the sources of it; valgrind does not know AVX-512, so it tests what is below.
SANITIZE := cargo test --locked -p bakeoff-encoder --lib --test model --target x86_64-unknown-linux-gnu
RUST_SRC := $(shell rustc --print sysroot)/lib/rustlib/src/rust/library/Cargo.lock

sanitize: sanitize-address sanitize-thread sanitize-valgrind ## the encoder's tests under AddressSanitizer, ThreadSanitizer and valgrind

sanitize-address:
	RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" $(SANITIZE) --target-dir target/address

sanitize-thread:
	@if [ -f "$(RUST_SRC)" ]; then \
		RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread" $(SANITIZE) -Zbuild-std --target-dir target/thread -- team:: calls_at threads batch; \
	else \
		echo "skipped ThreadSanitizer: needs rust-src, by \`rustup component add rust-src\`"; \
	fi

sanitize-valgrind:
	RUSTFLAGS="-Cdebuginfo=1" CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="valgrind --error-exitcode=9 --quiet" \
		$(SANITIZE) --target-dir target/valgrind -- batch threads calls_at tokens

NEON := aarch64-unknown-linux-gnu
neon: ## the encoder's tests on an emulated 64-bit ARM
	@for tool in qemu-aarch64-static aarch64-linux-gnu-gcc; do \
		command -v $$tool > /dev/null || { echo "skipped NEON: needs $$tool, of Debian's qemu-user-static and gcc-aarch64-linux-gnu"; exit; }; \
	done; \
	[ -d "$(shell rustc --print sysroot)/lib/rustlib/$(NEON)" ] || { echo "skipped NEON: needs \`rustup target add $(NEON)\`"; exit; }; \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
	CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -cpu max" \
		cargo test --locked -p bakeoff-encoder --lib --test model --target $(NEON)

HOSTILE_SECONDS ?= 60

hostile: ## try for HOSTILE_SECONDS=60 to fill the memory of a server at its default limits, and print the peak
	BAKEOFF_HOSTILE_SECONDS=$(HOSTILE_SECONDS) cargo test --locked -p bakeoff --test it hostile -- --nocapture

snap: ## accept the snapshots as they are now
	INSTA_UPDATE=always cargo test --workspace

golden: ## regenerate the golden data: make golden SQUAD=squad-v1.1-dev.json.gz
	reference/generate "$(SQUAD)"

clients: ## other people's clients, with which tests ask the server
	[ -x reference/clients/.venv/bin/python ] || python3 -m venv reference/clients/.venv
	reference/clients/.venv/bin/pip install --quiet --disable-pip-version-check -r reference/clients/requirements.txt

bench: bench-serve bench-swarm bench-overload ## every benchmark, as tables

bench-serve: ## Bakeoff, FastAPI with onnxruntime and FastAPI with transformers under the same load
	cargo run --release --locked -- compare bench/serve.toml --html target/bench/serve.html

bench-swarm: ## requests/s that one core of Bakeoff, Locust and wrk can make
	python3 bench/swarm.py

bench-truth: ## experiments whose truth is known: hanging, crashing, batching contenders, a stopped generator, equal pairs, pairs 10 % apart
	cargo build --release --locked
	python3 bench/truth.py

ONNX := target/bench/model.onnx
ENCODER_VENV := target/bench/encoder-venv
EXAMPLES = $(dir $(lastword $(wildcard target/*/release/examples/forward)))

bench-encoder: ## ms and tokens/s of the encoder, rten, ONNX Runtime and torch on the same weights, and the machine's peak
	mkdir -p target/bench
	cargo build --release --locked -p bakeoff-encoder -p bakeoff-qa --examples
	[ -x $(ENCODER_VENV)/bin/python ] || python3 -m venv $(ENCODER_VENV)
	$(ENCODER_VENV)/bin/pip install --quiet --disable-pip-version-check -r bench/encoder-requirements.txt
	[ -f $(ONNX) ] || $(ENCODER_VENV)/bin/python contenders/fastapi/quantize.py $(ONNX)
	$(ENCODER_VENV)/bin/python bench/encoder.py --torch --onnx $(ONNX) --encoder $(EXAMPLES)forward \
		--rten $(EXAMPLES)forward_onnx --peak $(EXAMPLES)peak

bench-overload: ## goodput and waiting of Bakeoff and FastAPI when up to three times their capacity is asked
	python3 bench/overload.py
