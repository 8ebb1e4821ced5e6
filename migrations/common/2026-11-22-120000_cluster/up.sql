-- The processes that serve from a cache. A change of access waits for them.
CREATE TABLE cluster_nodes (
    id TEXT PRIMARY KEY NOT NULL,
    -- Counts up while the process lives, as long as there is another one to see it.
    beat BIGINT NOT NULL
);

-- Whose access changed, for processes that share an SQLite file. PostgreSQL has NOTIFY, and leaves this table empty.
CREATE TABLE access_changes (
    id BIGINT PRIMARY KEY NOT NULL,
    touched TEXT NOT NULL
);
