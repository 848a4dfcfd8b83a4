-- Records as they are made. They are never changed: a correction is a row of its own.
CREATE TABLE recognitions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which rows became safe
    record_id TEXT NOT NULL UNIQUE,
    corrects TEXT NOT NULL,
    tenant TEXT NOT NULL,
    wire TEXT NOT NULL,
    custom_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    logging_tag TEXT NOT NULL,
    language TEXT NOT NULL,
    grammars TEXT NOT NULL,
    matched_grammar TEXT NOT NULL,
    cause TEXT NOT NULL,
    ended_by TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    listened_ms INTEGER NOT NULL,
    billed_ms INTEGER NOT NULL,
    asr_model TEXT NOT NULL,
    confidence REAL NOT NULL,
    version TEXT NOT NULL,
    transcript TEXT,
    value TEXT
) STRICT;

CREATE INDEX recognitions_by_time ON recognitions (started_ms, record_id);
CREATE INDEX recognitions_corrected ON recognitions (corrects) WHERE corrects <> '';

CREATE TABLE sessions (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    record_id TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL,
    wire TEXT NOT NULL,
    custom_id TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    opened_ms INTEGER NOT NULL,
    closed_ms INTEGER NOT NULL,
    ended_by TEXT NOT NULL,
    recognitions INTEGER NOT NULL,
    listened_ms INTEGER NOT NULL,
    billed_ms INTEGER NOT NULL,
    version TEXT NOT NULL
) STRICT;

CREATE INDEX sessions_by_time ON sessions (opened_ms, record_id);

CREATE TRIGGER recognitions_stay BEFORE UPDATE ON recognitions BEGIN
    SELECT RAISE(ABORT, 'usage records are never changed: add a row that corrects this one');
END;

CREATE TRIGGER sessions_stay BEFORE UPDATE ON sessions BEGIN
    SELECT RAISE(ABORT, 'usage records are never changed');
END;

-- How far each table was copied to another store.
CREATE TABLE shipped (
    source TEXT PRIMARY KEY,
    up_to INTEGER NOT NULL
) STRICT;
