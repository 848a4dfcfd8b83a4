CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    secret TEXT NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    created_s INTEGER NOT NULL
) STRICT;
