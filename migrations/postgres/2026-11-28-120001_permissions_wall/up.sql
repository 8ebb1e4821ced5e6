-- On a new database the first migration of walls has found the table already.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM pg_policies
        WHERE schemaname = current_schema() AND tablename = 'roles' AND policyname = 'one_organization'
    ) THEN
        CALL keyward_wall_in('roles');
    END IF;
END
$$;
