-- However many rows there are.
SET LOCAL statement_timeout = 0;

-- Pages of one tenant's records are read by this order.
CREATE INDEX h2b_recognitions_by_tenant ON h2b_recognitions (tenant, started_ms, record_id);
CREATE INDEX h2b_sessions_by_tenant ON h2b_sessions (tenant, opened_ms, record_id);
