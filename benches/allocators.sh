#!/usr/bin/env bash
# Builds the benchmark with each allocator and release profile, runs one scenario (`hot`) on each, and prints the tables
# one after the other: benches/allocators.sh [SCENARIO…]. The builds stay apart, so a second run builds nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
scenarios=("${@:-hot}")

# measure NAME FEATURES LTO CODEGEN_UNITS
measure() {
    echo "# $1"
    CARGO_TARGET_DIR="target/allocators/$1" CARGO_PROFILE_BENCH_LTO="$3" CARGO_PROFILE_BENCH_CODEGEN_UNITS="$4" \
        cargo bench --quiet --bench http --no-default-features --features "$2" -- "${scenarios[@]}"
}

# The allocators, on the profile as it is; then the profile, on the system's allocator.
measure system "" off 16
measure mimalloc mimalloc off 16
measure jemalloc jemalloc off 16
measure system-thin "" thin 1
measure system-fat "" fat 1
