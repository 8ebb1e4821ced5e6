#!/usr/bin/env bash
# Installs the pinned proxies whose recipes the tests run, Caddy and Traefik: install.sh DIRECTORY
# What is installed already is left alone.
set -euo pipefail

sources=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"

if ! cmp -s "$sources/requirements.txt" venv/installed.txt; then
    rm -rf venv
    python3 -m venv venv
    venv/bin/pip install --quiet --disable-pip-version-check -r "$sources/requirements.txt"
    cp "$sources/requirements.txt" venv/installed.txt
fi
