// Package store is the only SQL of the platform. A write takes a
// policies.Permit (a person or the platform acts) or a Lease (a worker acts; it
// carries a fencing token), and puts the Decision, the ledger leaf, the change
// and its events in one transaction. A read takes the actor's Scope and returns
// only what that scope may see, already redacted: no path hands a vendor a
// hidden run's log, times, sizes or sealed score.
//
// The ledger (存证) is two Merkle logs, one of what people decided and what was
// released, one of what workers did. Each leaf commits to the rows that its
// transaction changed, so VerifyLedger can account for every row of every table
// that matters. A Receipt proves a submission's leaves offline.
//
// An attempt and a price in bits are held when a submission is entered; they are
// settled (spent, kept or given back) no earlier than its outcome may be seen, at
// the scenario's tick.
//
// The SQL is portable: SQLite (dialect.go) and PostgreSQL (postgres.go) are
// dialects of one DB, and every test of this package runs on both.
package store
