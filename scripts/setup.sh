#!/usr/bin/env bash
# Installs what the build, the tests or the benchmarks need, and only when it is missing:
# setup.sh build|postgres|redis|nginx|gateways|contracts|docs|node|firebase|openapi|bench
# Without root, or without apt, it prints the command instead and fails.
set -euo pipefail

has_cargo() { command -v cargo > /dev/null; }
has_compiler() { command -v cc > /dev/null; }
has_openssl() { command -v pkg-config > /dev/null && pkg-config --exists openssl; }
# Debian keeps the servers' binaries off the PATH.
has_postgres() {
    compgen -G "/usr/lib/postgresql/*/bin/initdb" > /dev/null ||
        compgen -G "/opt/homebrew/opt/postgresql@*/bin/initdb" > /dev/null ||
        compgen -G "/usr/local/opt/postgresql@*/bin/initdb" > /dev/null ||
        command -v initdb > /dev/null
}
has_redis() { command -v redis-server > /dev/null; }
has_pgbouncer() { command -v pgbouncer > /dev/null || [ -x /usr/sbin/pgbouncer ]; }
has_nginx() { command -v nginx > /dev/null || [ -x /usr/sbin/nginx ]; }
# Debian's Python makes no virtual environments without a package of its own.
has_python() { command -v python3 > /dev/null && python3 -c 'import ensurepip, venv' 2> /dev/null; }
has_node() { command -v node > /dev/null && command -v npm > /dev/null; }
# macOS has no valgrind for its own processors, and no way to keep a program on a core.
has_load_tools() {
    command -v wrk > /dev/null &&
        { [ "$(uname)" = Darwin ] || { command -v valgrind > /dev/null && command -v taskset > /dev/null; }; }
}
has_chromium() { command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null; }

case "${1:-}" in
    build)
        if ! has_cargo; then
            echo "Rust is missing. Install it as https://rustup.rs says, then open a new terminal:" >&2
            echo "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
            exit 1
        fi
        if has_compiler && has_openssl; then exit; fi
        packages="gcc libc6-dev libssl-dev pkg-config"
        formulae="openssl@3 pkgconf"
        ;;
    postgres)
        # The cluster's tests restart a PostgreSQL of their own, whatever else there is.
        if has_postgres && has_pgbouncer; then exit; fi
        packages="postgresql pgbouncer"
        formulae="postgresql@17 pgbouncer"
        ;;
    redis)
        if has_redis; then exit; fi
        packages="redis-server"
        formulae="redis"
        ;;
    nginx)
        if has_nginx; then exit; fi
        packages="nginx"
        formulae="nginx"
        ;;
    gateways)
        if has_python; then exit; fi
        packages="python3 python3-venv"
        formulae="python"
        ;;
    contracts)
        if command -v curl > /dev/null; then exit; fi
        packages="curl"
        formulae="curl"
        ;;
    docs)
        if command -v curl > /dev/null && command -v jq > /dev/null; then exit; fi
        packages="curl jq"
        formulae="curl jq"
        ;;
    node)
        if has_node; then exit; fi
        packages="nodejs npm"
        formulae="node"
        ;;
    firebase)
        if has_node && has_chromium; then exit; fi
        packages=chromium
        formulae=chromium
        ;;
    openapi)
        if has_node && has_python; then exit; fi
        packages="python3 python3-venv"
        formulae="python"
        ;;
    bench)
        if has_node && has_load_tools; then exit; fi
        packages="wrk valgrind util-linux"
        formulae="wrk"
        ;;
    *)
        echo "usage: $0 build|postgres|redis|nginx|gateways|contracts|docs|node|firebase|openapi|bench" >&2
        exit 2
        ;;
esac

# Node.js from elsewhere brings its own npm, and conflicts with Debian's package of that name.
case "$1" in
    firebase | openapi | bench)
        if ! has_node; then
            packages="$packages nodejs npm"
            formulae="$formulae node"
        fi
        ;;
esac

if [ "$(uname)" = Darwin ]; then
    echo "Missing packages. Install them with: brew install $formulae" >&2
    exit 1
fi
if ! command -v apt-get > /dev/null; then
    echo "Missing packages. Install what your system calls: $packages" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    echo "Missing packages. Install them with: sudo apt-get install $packages" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of words
apt-get install -q -y --no-install-recommends $packages
