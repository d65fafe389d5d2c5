-- How far a run has come, in rows, as its worker last said with a heartbeat: for
-- those who see runs whole. It goes with the lease.

-- +goose Up
ALTER TABLE leases ADD COLUMN done BIGINT;
ALTER TABLE leases ADD COLUMN goal BIGINT;
