// Package sandbox runs a vendor's image beside data it may not keep. The
// Orchestrator claims queued runs from the store by lease, prepares their
// inputs (row ids random per run, order shuffled), gives a Job to a Runner, and
// collects the declared outputs. A Runner is a way to isolate: gvisor
// (embedded, its own kernel, no daemon) is the default.
package sandbox
