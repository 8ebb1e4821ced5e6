#!/usr/bin/env bash
# Installs pinned Python packages into DIRECTORY/venv, unless they are there: venv.sh REQUIREMENTS DIRECTORY
set -euo pipefail

if ! cmp -s "$1" "$2/venv/installed.txt"; then
    rm -rf "$2/venv"
    python3 -m venv "$2/venv"
    "$2/venv/bin/pip" install --quiet --disable-pip-version-check -r "$1"
    cp "$1" "$2/venv/installed.txt"
fi
