// Package sandbox runs a vendor's image beside data it may not keep. The
// Orchestrator claims queued runs from the store by lease, prepares their
// inputs (row ids random per run, order shuffled), gives a Job to a Runner, and
// collects the declared outputs. A Runner is a way to isolate: gvisor
// (embedded, its own kernel, no daemon) is the default.
//
// An algorithm sees the same in every kind of run: /input with task.json and one
// table, /model or not, /output, /tmp and /dev/shm in memory, the environment
// that its scenario declares, user 65532, no network. Truth never comes near:
// a column that holds it cannot be part of an input.
//
// Every end names who is at fault: the vendor for what the algorithm did, the
// data when a part cannot be read or is not what its digest says, the scenario
// when its spec cannot be carried out, and the platform for the rest. What
// the platform failed is tried again by the store's rules, and so is a run whose
// worker went silent or that stays in one state beyond its deadline.
package sandbox
