# Builds, runs, tests and installs handwave. Start with `make demo`; `make help` lists the rest.
# Needs Rust (see Cargo.toml's rust-version), a C compiler, and Python 3 with pip. Nothing needs root.

CARGO ?= cargo
# Labelled pictures of hands, which are not part of this repository.
HANDS ?= $(or $(HANDWAVE_HANDS),../shared/hands)
# Where `make install` installs to. DESTDIR stands for the root while a package is made.
PREFIX ?= $(HOME)/.local
DESTDIR ?=

.PHONY: demo test meant looks policies elastic warm build run install uninstall bench judge runtime libclang moto \
	browser schemathesis peer soak lint clean help

demo: runtime libclang ## show it all with a drawn hand, the real models and a simulated fleet
	$(CARGO) run --quiet --no-default-features --features window,web -- demo --web

# What a build lacks is tested on the demo's.
test: runtime libclang moto browser schemathesis ## run every test
	$(CARGO) test --no-default-features --features window,web --test absent
	$(CARGO) test --workspace

meant: runtime ## count false commands in an hour without a gesture and of hands that touch, and misses: half an hour
	$(CARGO) test --quiet --no-default-features --test meant -- --ignored --nocapture --test-threads 1

looks: runtime browser ## draw every state of window and page: target/looks.png, page-looks.png; README=docs redraws README's
	$(CARGO) run --quiet --no-default-features --features window,web --example looks -- target/looks.png $(README)
	$(CARGO) build --quiet --no-default-features --features window,remote
	@sh tools/page-looks.sh

policies: ## compare handwave's policy with others, on the simulated cloud and paused time
	$(CARGO) run --quiet --no-default-features --example policies

elastic: runtime moto ## let recognizers follow their queue on a stand-in for AWS, 2 minutes; CHART=target/elastic.svg
	$(CARGO) build --quiet --no-default-features --features web,aws --bin handwave
	$(CARGO) build --quiet -p recognizer
	@PYTHONPATH=.deps/moto python3 tests/elastic.py --bin target/debug --chart $(or $(CHART),target/elastic.svg)

warm: ## compare the time to in-service, cold and from the warm pool, on the simulated cloud with AWS's times
	$(CARGO) run --quiet --no-default-features --example warm

build: runtime libclang ## build the release binary, with every feature: target/release/handwave
	$(CARGO) build --release

run: build ## run it with config.toml; ARGS="--camera hands.mp4" adds options
	target/release/handwave run $(ARGS)

install: build ## install into PREFIX (~/.local): binary, runtime library, man pages, completions, systemd user unit
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' sh tools/install.sh install

uninstall: ## remove what `make install` installed into PREFIX
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' sh tools/install.sh uninstall

bench: runtime peer ## compare speed and accuracy with MediaPipe and cvzone, side by side; ROUNDS=1 for a quick look
	$(CARGO) build --release --no-default-features --bin handwave --example bench
	@python3 benches/peer/compare.py target/release

judge: runtime peer ## evaluate the finger heads on labelled hands (HANDS=folder), held out by session and by source
	$(CARGO) build --release --no-default-features --example landmarks
	mkdir -p .deps/dumps
	target/release/examples/landmarks renders 5120 > .deps/dumps/renders.jsonl
	for set in webcam tilted digits; do \
		target/release/examples/landmarks $(HANDS)/$$set > .deps/dumps/$$set.jsonl || exit 1; done
	PYTHONPATH=.deps/peer python3 models/train_fingers.py .deps/dumps $(HANDS) --judge

runtime: ## fetch the ONNX Runtime library into .deps, once
	@sh models/fetch-runtime.sh

moto: ## install the tests' stand-in for AWS into .deps, once
	@sh tests/fetch-moto.sh

browser:
	@sh tests/fetch-browser.sh

schemathesis:
	@sh tests/fetch-schemathesis.sh

peer:
	@sh benches/peer/fetch.sh

libclang: ## fetch libclang into .deps, once: building the webcam support reads the kernel's headers with it
	@sh tools/fetch-libclang.sh

soak: runtime libclang ## lose and regain a webcam for 10 minutes in the lab, looking for leaks; SECONDS=60 for less
	$(CARGO) build --release --no-default-features --features webcam
	tests/soak.sh $(or $(SECONDS),600)

lint: libclang ## check format, clippy and docs, as CI does
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet
	@! LC_ALL=C.UTF-8 git grep -nE -e '^ *(//|# )' --and -e '^.{121}' -- '*.rs' '*.js' '*.toml' '*.sh' '*.py' || \
		{ echo "these comments have lines of more than 120 characters: wrap them" >&2; false; }

clean: ## delete everything that was built and fetched
	$(CARGO) clean
	rm -rf .deps

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18
