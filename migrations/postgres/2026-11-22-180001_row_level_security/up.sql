-- A second wall between tenants: a session sees and writes the rows of one organization only, the one that it has set as
-- `keyward.organization`. `*` stands for all; where nothing is set there is nothing to see. src/db/scope.rs sets it.
--
-- FORCE, because the application's role owns the tables. A superuser and a role with BYPASSRLS see everything all the same.

-- Walls a table in. A later migration calls it for each new table that has rows of tenants.
--
-- The setting is in a SELECT of its own, so it is read once for each statement and not for each row. `*` is compared first:
-- what asks for all tenants' rows, such as the lookup of a key, then computes nothing more.
CREATE PROCEDURE keyward_wall_in(walled REGCLASS, is_theirs TEXT DEFAULT
    'organization_id = (SELECT current_setting(''keyward.organization'', true))')
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', walled);
    EXECUTE format('CREATE POLICY one_organization ON %s
        USING ((SELECT current_setting(''keyward.organization'', true)) = ''*'' OR %s)', walled, is_theirs);
END
$$;

CALL keyward_wall_in('organizations', 'id = (SELECT current_setting(''keyward.organization'', true))');
-- They have no column of their own to tell whose they are; the key's row is itself behind the wall.
CALL keyward_wall_in('api_key_secrets', 'EXISTS (SELECT 1 FROM api_keys WHERE api_keys.id = api_key_id)');

-- All others name their organization, in a column that is called the same everywhere.
DO $$
DECLARE
    walled TEXT;
BEGIN
    FOR walled IN
        SELECT table_name FROM information_schema.columns
        WHERE table_schema = current_schema() AND column_name = 'organization_id'
        ORDER BY table_name
    LOOP
        CALL keyward_wall_in(walled::REGCLASS);
    END LOOP;
END
$$;
