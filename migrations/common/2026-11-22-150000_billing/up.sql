-- Runs unchanged on SQLite and on PostgreSQL.

-- Until when programs pass although a payment is due, or although the period ended: the renewal's news may be late.
ALTER TABLE subscriptions ADD COLUMN grace_ends_at TIMESTAMPTZ;

-- Events that were taken in; kept longer than Stripe sends one again.
CREATE TABLE stripe_events (
    id TEXT PRIMARY KEY NOT NULL,
    received_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX stripe_events_age ON stripe_events (received_at);

-- Whoever takes in an event of a customer holds its row. No foreign keys here and below: Stripe knows things before
-- Keyward does, and after they are gone.
CREATE TABLE stripe_customers (
    id TEXT PRIMARY KEY NOT NULL,
    -- By the newest Checkout session that named one.
    organization_id TEXT,
    -- That session's event: seconds since 1970, and its id.
    tied_at BIGINT NOT NULL,
    tied_by TEXT NOT NULL
);

CREATE TABLE stripe_subscriptions (
    id TEXT PRIMARY KEY NOT NULL,
    customer_id TEXT NOT NULL,
    -- By its own Checkout session.
    session_organization_id TEXT,
    -- Whose it is: by its metadata, or else by its session, or else by its customer.
    organization_id TEXT,
    -- JSON: what events told of it, as far as that can still matter.
    history TEXT NOT NULL
);
CREATE INDEX stripe_subscriptions_customer ON stripe_subscriptions (customer_id);
CREATE INDEX stripe_subscriptions_organization ON stripe_subscriptions (organization_id);
