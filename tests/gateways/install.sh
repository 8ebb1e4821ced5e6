#!/usr/bin/env bash
# Installs the pinned proxies whose recipes the tests run, Caddy and Traefik: install.sh DIRECTORY
# What is installed already is left alone.
set -euo pipefail

sources=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
"$sources/../venv.sh" "$sources/requirements.txt" "$1"
