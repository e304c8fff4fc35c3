# `just` alone lists the recipes. Everything runs from a fresh clone; what is missing is fetched and said.

set shell := ["bash", "-euo", "pipefail", "-c"]

# List the recipes.
default:
    @just --list --unsorted

# Three experiments on the embedded lab, and an HTML report of each with an index.
demo: build
    target/release/lab demo --reports target/demo

# Everything that needs no cluster and no virtual machine.
test: build
    cargo test --release --workspace --no-fail-fast --lib --bins --tests
    cargo test --release --workspace --doc

# What CI runs: the tests, then what keeps the house in order.
ci: test tidy

# Formatting, lints, documentation, licences, unused dependencies.
tidy: deny unused
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    cargo clippy -p squall-experiments --no-default-features -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Licences, bans and sources of every dependency. Advisories need a network that CI does not have.
deny:
    @command -v cargo-deny >/dev/null || { echo "fetching cargo-deny from crates.io (a few minutes, once)"; cargo install --locked --quiet cargo-deny; }
    cargo deny --all-features check bans licenses sources

# Dependencies that no source names.
unused:
    @command -v cargo-machete >/dev/null || { echo "fetching cargo-machete from crates.io (a minute, once)"; cargo install --locked --quiet cargo-machete; }
    cargo machete

# Ratios against peers and the kernel, in one run.
bench: build
    cargo bench -p squall-experiments
    cargo bench -p squall-agent --bench inject
    cargo bench -p squall-tests

# The squall program, the agent, and the lab that tests them.
build:
    cargo build --release --workspace --bins
