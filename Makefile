# `make demo` shows the main job, `make test` runs every check. Both install and build what they need.

export CARGO_TERM_COLOR ?= auto
# The real node-fash, which the tests and the benchmarks run side by side with ours. `make setup` installs it.
NODE_FASH_DIR ?= $(CURDIR)/target/node-fash
export NODE_FASH ?= $(NODE_FASH_DIR)/node-fash
# The real node-fast, which the tests of moray-client run on the other side.
export NODE_FAST ?= $(CURDIR)/target/node-fast
# A ring of a real deployment. It is not part of the repository; without it its tests say that they were skipped.
RING_2014 := $(wildcard $(CURDIR)/../shared/rings/production-2014.tar.xz)
ifneq ($(RING_2014),)
export FASH_PRODUCTION_RING ?= $(RING_2014)
endif

.PHONY: help demo ring-demo test test-versions versions bench bench-cutover campaign fuzz setup setup-demo check publish-check

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup-demo ## a region on loopback: a shard is split under load, with a crash, a rollback, and again
	@scripts/demo.sh

ring-demo: ## a million-vnode ring: create, split, audit, pack, unpack
	@scripts/ring-demo.sh

test: setup versions ## every check there is; installs what is missing first
	@scripts/test.sh

test-versions: versions ## what meets a server, on PostgreSQL 10, 12 and 17 and on ZooKeeper 3.4.6
	@scripts/test-versions.sh

campaign: setup ## all tests, with those that `make test` leaves out because they take minutes: failovers again and again
	cargo nextest run --workspace --locked --profile campaign

check: ## formatting, lints, licences: the quick part of `make test`
	@scripts/test.sh check

publish-check: ## all that publishing does but the upload; it asks the registry, and builds what is packed
	cargo publish --dry-run --workspace --allow-dirty --locked

bench: setup ## the benchmarks, and the table of goals beside node-fash
	cargo bench --locked --package benches
	cargo build --locked --release --package reshard-cli --package benches
	scripts/bench-table.py

bench-cutover: setup-demo ## many cutovers in a lab under load: make bench-cutover OPTIONS='--writes 2000 --zones 20'
	cargo build --locked --profile figures --workspace --bin reshard-lab --example cutover
	$(or $(CARGO_TARGET_DIR),target)/figures/examples/cutover $(OPTIONS)

fuzz: ## every fuzz target for a minute: make fuzz SECONDS=60
	@scripts/fuzz.sh $(or $(SECONDS),60)

versions: setup ## PostgreSQL 10, 12 and 17, and ZooKeeper 3.4.6, which Debian does not have, into target/versions
	@scripts/setup.sh versions

setup: ## install what the tests need: packages, cargo tools, node-fash, node-fast
	@scripts/setup.sh test "$(NODE_FASH_DIR)" "$(NODE_FAST)"

setup-demo: ## install what the demo and the lab need: packages
	@scripts/setup.sh demo
