# Everything a person does with handwave. `make demo` first; `make help` lists the rest.
# Needs Rust (see Cargo.toml's rust-version), a C compiler, Python 3 with pip. Nothing needs root.

CARGO ?= cargo
# The labelled hands, which are not part of this repository.
HANDS ?= $(or $(HANDWAVE_HANDS),../shared/hands)

.PHONY: demo test meant looks build run bench judge runtime libclang moto peer soak lint clean help

demo: runtime libclang ## play the main job with a drawn hand, the real models and a simulated fleet
	$(CARGO) run --quiet --no-default-features --features window -- demo

test: runtime libclang moto ## run every test
	$(CARGO) test

meant: runtime ## count false commands in 30 minutes of nothing meant, and missed ones of 200 meant: ten minutes
	$(CARGO) test --quiet --no-default-features --test meant -- --ignored --nocapture

looks: runtime ## draw every state that the window shows, side by side, into target/looks.png
	$(CARGO) run --quiet --no-default-features --features window --example looks -- target/looks.png $(README)

build: runtime libclang ## leave the release binary, with everything on, at target/release/handwave
	$(CARGO) build --release

run: build ## run it, as config.toml says; ARGS="--camera hands.mp4" adds to the command line
	target/release/handwave run $(ARGS)

bench: runtime peer ## compare speed and accuracy with MediaPipe and cvzone, side by side; ROUNDS=1 for a quick look
	$(CARGO) build --release --no-default-features --bin handwave --example bench
	@python3 benches/peer/compare.py target/release

judge: runtime peer ## judge the finger head on labelled hands, each by a head that has not seen its session or person
	$(CARGO) build --release --no-default-features --example landmarks
	mkdir -p .deps/dumps
	target/release/examples/landmarks renders 2560 > .deps/dumps/renders.jsonl
	for set in webcam tilted digits; do \
		target/release/examples/landmarks $(HANDS)/$$set > .deps/dumps/$$set.jsonl || exit 1; done
	PYTHONPATH=.deps/peer python3 models/train_fingers.py .deps/dumps $(HANDS) --judge

runtime: ## fetch the ONNX Runtime library into .deps, once
	@sh models/fetch-runtime.sh

moto: ## install the tests' stand-in for AWS into .deps, once
	@sh tests/fetch-moto.sh

peer:
	@sh benches/peer/fetch.sh

libclang: ## fetch libclang into .deps, once: the webcam's build reads the kernel's headers with it
	@sh tools/fetch-libclang.sh

soak: runtime libclang ## lose and regain a webcam for 10 minutes in the lab, and say what it cost; SECONDS=60 for less
	$(CARGO) build --release --no-default-features --features webcam
	tests/soak.sh $(or $(SECONDS),600)

lint: libclang ## what CI says besides the tests: format, clippy, docs
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --quiet

clean: ## throw away all that was built and fetched
	$(CARGO) clean
	rm -rf .deps

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16
