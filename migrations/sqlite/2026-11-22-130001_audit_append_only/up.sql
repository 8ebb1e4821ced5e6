-- Events are only added. The one way out is retention's: it moves the anchor forward first, and what lies behind the
-- anchor may go.
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events
BEGIN
    SELECT RAISE(ABORT, 'audit events are append-only');
END;

CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events
WHEN NOT EXISTS (
    SELECT 1 FROM audit_heads
    WHERE organization_id = OLD.organization_id AND pruned_sequence >= OLD.sequence
)
BEGIN
    SELECT RAISE(ABORT, 'audit events are append-only');
END;

CREATE TRIGGER audit_heads_no_delete BEFORE DELETE ON audit_heads
BEGIN
    SELECT RAISE(ABORT, 'audit heads are kept');
END;

CREATE TRIGGER audit_heads_only_forward BEFORE UPDATE ON audit_heads
WHEN NEW.organization_id <> OLD.organization_id
    OR NEW.sequence < OLD.sequence
    OR NEW.pruned_sequence < OLD.pruned_sequence
    OR NEW.pruned_sequence > NEW.sequence
BEGIN
    SELECT RAISE(ABORT, 'audit heads only move forward');
END;
