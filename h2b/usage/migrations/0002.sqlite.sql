-- Pages of one tenant's records are read by this order.
CREATE INDEX recognitions_by_tenant ON recognitions (tenant, started_ms, record_id);
CREATE INDEX sessions_by_tenant ON sessions (tenant, opened_ms, record_id);
