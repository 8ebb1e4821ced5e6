-- For the tests' PostgreSQL only: a transaction that changes somebody's access and leaves no audit event of the
-- organization fails at its commit. So each test of the suite, whatever it proves, finds a writer that forgets the
-- trail.
CREATE FUNCTION refuse_unrecorded_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    present jsonb := to_jsonb(NEW) - 'last_used_at' - 'updated_at';
    past jsonb := to_jsonb(OLD) - 'last_used_at' - 'updated_at';
    organization text := CASE TG_TABLE_NAME
        WHEN 'organizations' THEN COALESCE(present, past) ->> 'id' ELSE COALESCE(present, past) ->> 'organization_id' END;
BEGIN
    -- `xmin` names the transaction that wrote a row.
    IF present IS DISTINCT FROM past AND NOT EXISTS (
        SELECT 1 FROM audit_events WHERE organization_id = organization AND xmin = pg_current_xact_id()::xid
    ) THEN
        RAISE EXCEPTION '% of % changed without an audit event', TG_TABLE_NAME, organization;
    END IF;
    RETURN NULL;
END
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['organizations', 'subscriptions', 'organization_members', 'workspaces', 'workspace_members',
        'invitations', 'invitation_workspaces', 'api_keys']
    LOOP
        EXECUTE format('CREATE CONSTRAINT TRIGGER unrecorded AFTER INSERT OR UPDATE OR DELETE ON %I
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unrecorded_change()', name);
    END LOOP;
END
$$;
