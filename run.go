package aihub

import (
	"encoding/json"
	"time"
)

// SubmissionState is where a submission stands.
type SubmissionState string

// The states of a submission.
const (
	SubmissionQueued    SubmissionState = "queued"    // waits for or is in its run
	SubmissionScoring   SubmissionState = "scoring"   // its predictions are being scored
	SubmissionScored    SubmissionState = "scored"    // has a sealed score
	SubmissionTried     SubmissionState = "tried"     // a smoke run or a training ended well; there is no score
	SubmissionFailed    SubmissionState = "failed"    // see Fault
	SubmissionCancelled SubmissionState = "cancelled" // by its organisation
)

var submissionMoves = moves[SubmissionState]{
	SubmissionQueued:  {SubmissionScoring, SubmissionTried, SubmissionFailed, SubmissionCancelled},
	SubmissionScoring: {SubmissionScored, SubmissionFailed, SubmissionCancelled},
}

// Next returns nil when s may become to.
func (s SubmissionState) Next(to SubmissionState) error {
	return submissionMoves.check("submission", s, to)
}

// Terminal reports whether nothing follows s.
func (s SubmissionState) Terminal() bool { return submissionMoves.terminal(s) }

// Submission is an image entered in a round; or, with Smoke, tried on the public
// sample without counting; or, with Train, run on the train part (with Smoke too,
// on the sample) to leave a Model.
type Submission struct {
	ID        SubmissionID    `json:"id"`
	Scenario  Ref             `json:"scenario"`
	Round     string          `json:"round"`
	Org       OrgID           `json:"org"`
	User      UserID          `json:"user"`
	Name      string          `json:"name"` // what its people call it; shown on the board
	Image     Digest          `json:"image"`
	Smoke     bool            `json:"smoke"`
	Train     bool            `json:"train,omitempty"`
	Model     Digest          `json:"model,omitempty"`     // of the Model that its runs find in /model
	Workspace bool            `json:"workspace,omitempty"` // Smoke is set too: it counts in no round, and how it ends is open
	Baseline  bool            `json:"baseline"`            // entered by the scenario's own organisation
	State     SubmissionState `json:"state"`
	Fault     Failure         `json:"fault"`
	Nonce     string          `json:"-"` // idempotency key: unique within the organisation
	CreatedAt time.Time       `json:"created_at"`
	VisibleAt time.Time       `json:"visible_at,omitzero"` // when the vendor may learn the outcome (release tick)
	RerunOf   SubmissionID    `json:"rerun_of,omitempty"`  // the submission that was entered again
}

// Failure says why something failed: who pays for it and the reason class.
type Failure struct {
	Owner  FaultOwner `json:"owner,omitempty"`
	Reason Reason     `json:"reason,omitempty"`
	Detail string     `json:"detail,omitempty"` // for the steward; never for a vendor's hidden run
}

// FaultOwner says whose fault ended a run. Only a vendor's costs an attempt.
type FaultOwner string

// The owners.
const (
	FaultVendor   FaultOwner = "vendor"
	FaultScenario FaultOwner = "scenario"
	FaultData     FaultOwner = "data"
	FaultPlatform FaultOwner = "platform"
	FaultPolicy   FaultOwner = "policy"
)

// Reason is the class of a failure.
type Reason string

// The reasons. A vendor sees them for smoke runs; for hidden runs sharing
// collapses them to ReasonHidden.
const (
	ReasonExit       Reason = "exit"       // exit code other than 0
	ReasonSignal     Reason = "signal"     // killed by a signal of its own making
	ReasonMemory     Reason = "memory"     // memory limit
	ReasonTimeout    Reason = "timeout"    // wall clock limit
	ReasonNoOutput   Reason = "no_output"  // a declared file is missing
	ReasonOutput     Reason = "output"     // output is not what the contract allows (type, size, links)
	ReasonPrediction Reason = "prediction" // predictions break the output schema
	ReasonStart      Reason = "start"      // the image's command cannot be started
	ReasonScorer     Reason = "scorer"     // the scenario's scoring failed
	ReasonUndefined  Reason = "undefined"  // a metric that must be defined is not
	ReasonData       Reason = "data"       // a part is unreadable or does not match its digest
	ReasonPlatform   Reason = "platform"   // the platform failed, retries included
	ReasonPolicy     Reason = "policy"     // revoked or refused while running
	ReasonHidden     Reason = "run_failed" // all a vendor learns of a failed hidden run
	ReasonCancelled  Reason = "cancelled"  //
)

// Judged reports whether a failed hidden run can tell of labels: its outcome came
// after they were read. It is charged like an answer.
func (f Failure) Judged() bool { return f.Reason == ReasonScorer || f.Reason == ReasonUndefined }

// RunKind is why a run runs.
type RunKind string

// The kinds.
const (
	RunSmoke RunKind = "smoke" // public sample, open logs
	RunTrain RunKind = "train" // train part, output sealed
	RunInfer RunKind = "infer" // hidden inputs
	RunScore RunKind = "score" // predictions against truth

	RunWorkspace RunKind = "workspace" // a person at a shell beside the train part
	// RunScorer is no kind that a run has: a sandbox claims by it those score runs
	// that are at StageScorer.
	RunScorer RunKind = "scorer"
)

// RunStage is how far a score run has come whose scenario has a scorer: the
// evaluator checks the predictions, a sandbox runs the scorer, and the evaluator
// reads what it wrote. The run is queued between them.
type RunStage string

// The stages; other runs have none.
const (
	StageCheck  RunStage = "check"
	StageScorer RunStage = "scorer"
	StageRead   RunStage = "read"
)

// Hidden reports whether a vendor may see nothing of the run but one reason class.
func (k RunKind) Hidden() bool { return k != RunSmoke }

// RowKeySize is how many bytes the row key of a run has. Those of earlier runs have 32,
// and ids of another form.
const RowKeySize = 48

// RunState is where a run stands.
type RunState string

// The states of a run.
const (
	RunQueued      RunState = "queued"
	RunLeased      RunState = "leased"
	RunPreparing   RunState = "preparing"
	RunRunning     RunState = "running"
	RunCollecting  RunState = "collecting"
	RunSucceeded   RunState = "succeeded"
	RunFailedState RunState = "failed" // see Fault; RunFailed is the error kind
	RunCancelled   RunState = "cancelled"
	RunLost        RunState = "lost" // its worker went silent; a new run takes its place
)

var runMoves = moves[RunState]{
	RunQueued:     {RunLeased, RunCancelled},
	RunLeased:     {RunPreparing, RunFailedState, RunCancelled, RunLost},
	RunPreparing:  {RunRunning, RunFailedState, RunCancelled, RunLost},
	RunRunning:    {RunCollecting, RunFailedState, RunCancelled, RunLost},
	RunCollecting: {RunSucceeded, RunFailedState, RunCancelled, RunLost, RunQueued}, // the last: a score run goes on to its next stage
}

// Next returns nil when s may become to.
func (s RunState) Next(to RunState) error { return runMoves.check("run", s, to) }

// Terminal reports whether nothing follows s.
func (s RunState) Terminal() bool { return runMoves.terminal(s) }

// Run is one execution. Its fence grows with every lease, so that a worker
// that lost its lease can write nothing.
type Run struct {
	ID         RunID           `json:"id"`
	Submission SubmissionID    `json:"submission"`
	Scenario   Ref             `json:"scenario"`
	Org        OrgID           `json:"org"`
	Kind       RunKind         `json:"kind"`
	Part       Part            `json:"part"`
	Stage      RunStage        `json:"stage,omitempty"`
	Attempt    int             `json:"attempt"` // 1, 2, … ; a lost run is retried as a new run
	State      RunState        `json:"state"`
	Done       int64           `json:"done,omitempty"` // of a run that scores: rows, of Goal, a few seconds ago
	Goal       int64           `json:"goal,omitempty"` // 0: nothing is known
	Fault      Failure         `json:"fault"`
	Worker     WorkerID        `json:"worker,omitempty"`
	Image      Digest          `json:"image"`
	RowKey     []byte          `json:"-"`                // makes the row ids of this run; never leaves the platform
	Output     Digest          `json:"output,omitempty"` // the collected prediction file
	Log        Digest          `json:"log,omitempty"`
	Usage      Usage           `json:"usage"`
	Posture    json.RawMessage `json:"posture,omitempty"` // what isolation the run really had
	CreatedAt  time.Time       `json:"created_at"`
	StartedAt  time.Time       `json:"started_at,omitzero"`
	FinishedAt time.Time       `json:"finished_at,omitzero"`
}

// Percent is how much of a run's rows are done, -1 when that is not known.
func (r Run) Percent() int {
	if r.Goal <= 0 || r.State.Terminal() {
		return -1
	}
	return int(min(100, 100*float64(r.Done)/float64(r.Goal)))
}

// Usage is what a run consumed.
type Usage struct {
	WallMS    int64 `json:"wall_ms"`
	CPUMS     int64 `json:"cpu_ms"`
	PeakBytes int64 `json:"peak_bytes"`
	LogBytes  int64 `json:"log_bytes"`
	OutBytes  int64 `json:"out_bytes"`
}
