#!/usr/bin/env bash
# Installs the pinned linters and generators that the tests of the OpenAPI document run: install.sh DIRECTORY
# What is installed already is left alone.
set -euo pipefail

sources=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"

"$sources/../venv.sh" "$sources/requirements.txt" .
if ! cmp -s "$sources/package-lock.json" node_modules/installed.json; then
    cp "$sources/package.json" "$sources/package-lock.json" .
    npm ci --silent --no-audit --no-fund --ignore-scripts
    cp package-lock.json node_modules/installed.json
fi
