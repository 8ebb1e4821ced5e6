-- Every value that was ever imported, whatever became of its key: a file that is imported again must not bring back what
-- was rolled or deleted since. Without a foreign key, since it outlives the key.
CREATE TABLE imported_keys (
    hash BYTEA PRIMARY KEY NOT NULL,
    imported_at TIMESTAMPTZ NOT NULL
);
