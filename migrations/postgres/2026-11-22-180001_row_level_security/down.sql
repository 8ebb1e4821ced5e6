DO $$
DECLARE
    walled TEXT;
BEGIN
    FOR walled IN
        SELECT tablename FROM pg_policies WHERE schemaname = current_schema() AND policyname = 'one_organization'
    LOOP
        EXECUTE format('DROP POLICY one_organization ON %I', walled);
        EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY', walled);
    END LOOP;
END
$$;
DROP PROCEDURE keyward_wall_in(REGCLASS, TEXT);
