-- Lets indexes answer filters of collections' lists behind row-level security. For a superuser, once in each database of
-- Keyward's, also after a restore and after an upgrade of PostgreSQL to a new major version.
--
-- PostgreSQL looks at a row's tenant before it runs a function over the row, unless the function is declared to be
-- leakproof: one whose errors and effects tell nothing of other tenants' rows. Conditions on a field of a document are made
-- of these functions, by Keyward alone: it runs nobody else's SQL, and shows nobody PostgreSQL's errors.
ALTER FUNCTION pg_catalog.jsonb_typeof(jsonb) LEAKPROOF;
ALTER FUNCTION pg_catalog.jsonb_extract_path(jsonb, text[]) LEAKPROOF;
ALTER FUNCTION pg_catalog.jsonb_extract_path_text(jsonb, text[]) LEAKPROOF;
ALTER FUNCTION pg_catalog.substr(text, integer, integer) LEAKPROOF;
ALTER FUNCTION pg_catalog."numeric"(jsonb) LEAKPROOF;
ALTER FUNCTION pg_catalog.numeric_eq(numeric, numeric) LEAKPROOF;
ALTER FUNCTION pg_catalog.numeric_lt(numeric, numeric) LEAKPROOF;
ALTER FUNCTION pg_catalog.numeric_gt(numeric, numeric) LEAKPROOF;
