#!/usr/bin/env bash
# Runs Schemathesis against a server of its own: fuzz-api.sh target/debug/keyward [SCHEMATHESIS ARGUMENTS]
#
# Every operation of the OpenAPI document gets generated requests, valid and invalid ones, as a signed-in owner of an
# organization. It fails on any 5xx, and on any status, content type or body that the document does not promise.
set -euo pipefail

SCHEMATHESIS_VERSION=4.32.5
PASSWORD=correct-horse-battery

binary=$(realpath "$1")
shift
venv=$(dirname "$binary")/../schemathesis-venv
directory=$(mktemp -d)
server=

stop() {
    if [ -n "$server" ]; then
        kill "$server" 2> /dev/null || true
        wait "$server" || true
    fi
    rm -rf "$directory"
}
trap stop EXIT

if ! "$venv/bin/pip" show schemathesis 2> /dev/null | grep -qx "Version: $SCHEMATHESIS_VERSION"; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "schemathesis==$SCHEMATHESIS_VERSION"
fi

# A limit that stops the fuzzing would hide what comes after it.
cat > "$directory/keyward.toml" << 'TOML'
[plans.free]
requests_per_minute = 1000000
burst = 1000000
max_active_keys = 100000
TOML
(
    cd "$directory"
    DATABASE_URL="sqlite://$directory/keyward.db" exec "$binary" serve \
        --config keyward.toml --listen 127.0.0.1:0 2> "$directory/log.jsonl"
) &
server=$!
for _ in $(seq 150); do
    address=$(sed -n 's/.*"message":"listening","address":"\([^"]*\)".*/\1/p' "$directory/log.jsonl" 2> /dev/null || true)
    if [ -n "$address" ]; then break; fi
    kill -0 "$server" 2> /dev/null || { cat "$directory/log.jsonl" >&2; exit 1; }
    sleep 0.2
done
if [ -z "$address" ]; then
    cat "$directory/log.jsonl" >&2
    exit 1
fi

# field NAME: the text of a field of the JSON on standard input.
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }
# post PATH JSON [CURL ARGUMENTS]
post() {
    curl --silent --show-error --fail-with-body --noproxy '*' \
        -H 'Content-Type: application/json' -d "$2" "${@:3}" "http://$address$1"
}

token=$(post '/identitytoolkit.googleapis.com/v1/accounts:signUp?key=fuzz' \
    "{\"email\":\"fuzz@example.com\",\"password\":\"$PASSWORD\",\"returnSecureToken\":true}" | field idToken)
organization=$(post /v1/organizations '{"name":"Fuzz"}' -H "Authorization: Bearer $token" | field id)
workspace=$(post "/v1/organizations/$organization/workspaces" '{"name":"Fuzz"}' \
    -H "Authorization: Bearer $token" | field id)

# Real ids in the paths, so that more than the 404 is reached.
cat > "$directory/schemathesis.toml" << TOML
[parameters]
"path.organizationId" = "$organization"
"path.workspaceId" = "$workspace"

# Some rules are beyond a schema: a time in the future, a member of this organization.
[checks]
enabled = true
positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422", "429"]

# Here no generated request can be good: a cursor must come from the page before, and a second credential is refused.
[[operations]]
include-path-regex = "^/v1/.*(organizations|workspaces|members|invitations|api-keys|whoami|forward-auth)$"
include-method = "GET"
checks.positive_data_acceptance.enabled = false

# A generated X-API-Key besides the token is refused before the method is looked at.
[[operations]]
include-path-regex = "^/v1/(members|whoami|forward-auth)$"
checks.unsupported_method.enabled = false

# No generated request can be good here either: made-up passwords and tokens answer 400, as Firebase does.
[[operations]]
include-tag = "Identity"
checks.positive_data_acceptance.enabled = false
TOML

cd "$directory" # Schemathesis leaves its notes where it runs
NO_PROXY='*' "$venv/bin/schemathesis" --config-file "$directory/schemathesis.toml" run \
    "http://$address/openapi.json" \
    --header "Authorization: Bearer $token" \
    --phases examples,coverage,fuzzing \
    --max-examples 50 \
    --seed 1 \
    --no-color \
    "$@"
