# One command for each thing that a contributor does. Works on Debian, Ubuntu and macOS.

.DEFAULT_GOAL := help
.PHONY: help run test reliability bench lint openapi fuzz-api deny setup setup-postgres setup-redis setup-nginx setup-gateways setup-contracts setup-docs setup-node setup-firebase setup-openapi setup-bench lint-deploy install

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## Try Keyward on this machine: demo tenant, SQLite in ./data, http://127.0.0.1:8080
	cargo run -- demo

install: setup ## Put the command keyward on the PATH, where cargo has its programs (~/.cargo/bin)
	cargo install --locked --path .

test: setup setup-postgres setup-redis setup-nginx setup-gateways setup-contracts setup-docs setup-node setup-firebase setup-openapi ## Run all tests, on SQLite and on PostgreSQL
	cargo test

reliability: setup setup-postgres ## Measure what happens when things break, into docs/operations/reliability.md (5 minutes)
	KEYWARD_SUITE_RELIABILITY=$(CURDIR)/docs/operations/reliability.md cargo test --test suite -- faults::
	KEYWARD_SUITE_RELIABILITY=$(CURDIR)/docs/operations/reliability.md cargo test --test suite -- nobody_slips_through_while_everything_fails

bench: setup setup-postgres setup-redis setup-bench ## Measure everything side by side, into benches/RESULTS.md (10 minutes; a quiet machine)
	cargo bench --bench http

lint: setup ## Formatting, clippy and documentation, with warnings as errors
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items

lint-deploy: ## Check deploy/ with promtool (Debian: prometheus) and systemd-analyze
	promtool check rules deploy/alerts.yml
	systemd-analyze security --offline=true --threshold=15 deploy/keyward.service

openapi: setup setup-node ## Write the documents in openapi/ and the SDK's types anew
	cargo build
	mkdir -p openapi target
	target/debug/keyward openapi > target/keyward.json
	target/debug/keyward openapi --version 3.0 > target/keyward-3.0.json
	mv target/keyward.json target/keyward-3.0.json openapi/
	cd clients/typescript && npm ci --no-audit --no-fund --ignore-scripts && npm run --silent generate

fuzz-api: setup ## Send thousands of generated requests, and compare the answers with the OpenAPI document
	cargo build
	scripts/fuzz-api.sh target/debug/keyward

deny: ## Check licences, advisories and sources of the dependencies
	@command -v cargo-deny > /dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny"; exit 1; }
	cargo deny check

setup: ## Install what the build needs, if it is missing
	@scripts/setup.sh build

setup-postgres: ## Install what the tests need, if it is missing
	@scripts/setup.sh postgres

setup-redis: ## Install what the tests of shared rate limits need, if it is missing
	@scripts/setup.sh redis

setup-nginx: ## Install what the tests of gateways need, if it is missing
	@scripts/setup.sh nginx

setup-gateways: ## Install the proxies whose recipes the tests run, if they are missing
	@scripts/setup.sh gateways
	@tests/gateways/install.sh $(or $(CARGO_TARGET_DIR),target)/gateways

setup-contracts: ## Install what the tests of documented requests need, if it is missing
	@scripts/setup.sh contracts

setup-docs: ## Install what the shell blocks of README.md and docs/ use, if it is missing
	@scripts/setup.sh docs

setup-node: ## Install what the TypeScript SDK needs, if it is missing
	@scripts/setup.sh node

setup-firebase: ## Install what the tests with Firebase's SDKs and with a browser need, if it is missing
	@scripts/setup.sh firebase

setup-openapi: ## Install what the tests of the OpenAPI document need, if it is missing
	@scripts/setup.sh openapi
	@tests/openapi/install.sh $(or $(CARGO_TARGET_DIR),target)/openapi

setup-bench: ## Install what the benchmarks need, if it is missing
	@scripts/setup.sh bench
