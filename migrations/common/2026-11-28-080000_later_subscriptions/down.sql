ALTER TABLE subscriptions DROP COLUMN later;
