-- Events are only added. The one way out is retention's: it moves the anchor forward first, and what lies behind the
-- anchor may go.
CREATE FUNCTION keyward_audit_events_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (
            SELECT 1 FROM audit_heads
            WHERE organization_id = OLD.organization_id AND pruned_sequence >= OLD.sequence
        ) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'audit events are append-only';
END
$$;

CREATE FUNCTION keyward_audit_heads_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'audit heads are kept';
    END IF;
    IF NEW.organization_id <> OLD.organization_id
        OR NEW.sequence < OLD.sequence
        OR NEW.pruned_sequence < OLD.pruned_sequence
        OR NEW.pruned_sequence > NEW.sequence
    THEN
        RAISE EXCEPTION 'audit heads only move forward';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE ON audit_events
    FOR EACH ROW EXECUTE FUNCTION keyward_audit_events_append_only();
CREATE TRIGGER audit_events_no_truncate BEFORE TRUNCATE ON audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION keyward_audit_events_append_only();
CREATE TRIGGER audit_heads_forward BEFORE UPDATE OR DELETE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION keyward_audit_heads_forward();
CREATE TRIGGER audit_heads_no_truncate BEFORE TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION keyward_audit_heads_forward();
