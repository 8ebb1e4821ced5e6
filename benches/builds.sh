#!/usr/bin/env bash
# Builds the benchmark with other allocators and release profiles, and measures them beside the one that is used, in the run
# that writes RESULTS.md; `benches/builds.sh choices` measures only them. The builds stay, so a second run builds nothing.
# An hour of building.
set -euo pipefail
cd "$(dirname "$0")/.."

# build NAME FEATURES LTO CODEGEN_UNITS: prints NAME=PROGRAM
build() {
    CARGO_TARGET_DIR=target/builds CARGO_PROFILE_BENCH_LTO="$3" CARGO_PROFILE_BENCH_CODEGEN_UNITS="$4" \
        cargo bench --quiet --no-run --bench http --no-default-features --features "$2" --message-format json |
        sed -n 's/.*"name":"http".*"executable":"\([^"]*\)".*/\1/p' | tail -1 | {
        read -r program
        cp "$program" "target/builds/$1"
        echo "$1=target/builds/$1"
    }
}

builds=$(build system "" thin 1),$(build mimalloc mimalloc thin 1),$(build mimalloc-2 mimalloc,mimalloc/v2 thin 1)
builds+=,$(build jemalloc-without-lto jemalloc off 16),$(build jemalloc-fat-lto jemalloc fat 1)
KEYWARD_BENCH_BUILDS="$builds" cargo bench --bench http -- "$@"
