-- The records of all servers. They are never changed: a correction is a row of its own.
CREATE TABLE h2b_recognitions (
    record_id uuid PRIMARY KEY,
    corrects text NOT NULL,
    tenant text NOT NULL,
    wire text NOT NULL,
    custom_id text NOT NULL,
    channel_id text NOT NULL,
    session_id text NOT NULL,
    request_id text NOT NULL,
    logging_tag text NOT NULL,
    language text NOT NULL,
    grammars text NOT NULL,
    matched_grammar text NOT NULL,
    cause text NOT NULL,
    ended_by text NOT NULL,
    started_ms bigint NOT NULL,
    listened_ms bigint NOT NULL,
    billed_ms bigint NOT NULL,
    asr_model text NOT NULL,
    confidence double precision NOT NULL,
    version text NOT NULL,
    transcript text,
    value text,
    received_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX h2b_recognitions_by_time ON h2b_recognitions (started_ms, record_id);
CREATE INDEX h2b_recognitions_corrected ON h2b_recognitions (corrects) WHERE corrects <> '';

CREATE TABLE h2b_sessions (
    record_id uuid PRIMARY KEY,
    tenant text NOT NULL,
    wire text NOT NULL,
    custom_id text NOT NULL,
    channel_id text NOT NULL,
    session_id text NOT NULL,
    opened_ms bigint NOT NULL,
    closed_ms bigint NOT NULL,
    ended_by text NOT NULL,
    recognitions bigint NOT NULL,
    listened_ms bigint NOT NULL,
    billed_ms bigint NOT NULL,
    version text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX h2b_sessions_by_time ON h2b_sessions (opened_ms, record_id);
