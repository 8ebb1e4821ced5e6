#!/bin/sh
# What compose's PostgreSQL runs once, on its empty disk: the role that Keyward connects as. It owns its database and is no
# superuser, so that row-level security holds for it.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --set password="$KEYWARD_PASSWORD" <<'SQL'
CREATE ROLE keyward LOGIN PASSWORD :'password';
ALTER DATABASE keyward OWNER TO keyward;
SQL
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 --file /leakproof.sql
