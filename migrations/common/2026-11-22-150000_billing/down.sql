DROP TABLE stripe_subscriptions;
DROP TABLE stripe_customers;
DROP TABLE stripe_events;
ALTER TABLE subscriptions DROP COLUMN grace_ends_at;
