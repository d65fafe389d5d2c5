// Package store is the only SQL of the platform. A write takes a
// policies.Permit (a person or the platform acts) or a Lease (a worker acts; it
// carries a fencing token), and puts the Decision, the ledger leaf, the change
// and its events in one transaction. A read takes the actor's Scope and returns
// only what that scope may see, already redacted: no path hands a vendor a
// hidden run's log, times, sizes or sealed score.
//
// SQLite and PostgreSQL are dialects of one DB; the SQL is portable.
package store

import (
	"context"
	"crypto/ed25519"
	"time"

	"aihub"
	"aihub/policies"
)

// Options says where the database is and how its ledger is signed.
type Options struct {
	Driver     string             // "sqlite" (default)
	DSN        string             // file path of the database, or ":memory:"
	Signer     ed25519.PrivateKey // signs ledger checkpoints
	Checkpoint string             // file that keeps the newest checkpoint outside the database; "" for none
	Now        func() time.Time   // default time.Now
}

// DB is an open store.
type DB struct{}

// Open migrates and opens the store. It refuses a database whose ledger is
// behind its checkpoint file.
func Open(ctx context.Context, o Options) (*DB, error) { panic("not built yet") }

func (db *DB) Close() error { panic("not built yet") }

// --- people

// Bootstrap creates the first organisation and operator. It refuses when any user exists.
func (db *DB) Bootstrap(ctx context.Context, o aihub.Org, u aihub.User, passwordHash string) error {
	panic("not built yet")
}

// OrgCreate, ID = org
func (db *DB) CreateOrg(ctx context.Context, p policies.Permit, o aihub.Org) error {
	panic("not built yet")
}

// UserCreate, ID = user
func (db *DB) CreateUser(ctx context.Context, p policies.Permit, u aihub.User, passwordHash string) error {
	panic("not built yet")
}
func (db *DB) Orgs(ctx context.Context) ([]aihub.Org, error) { panic("not built yet") }
func (db *DB) Users(ctx context.Context, s policies.Scope) ([]aihub.User, error) {
	panic("not built yet")
}

// Credential returns a user and the password hash, for sign-in only.
func (db *DB) Credential(ctx context.Context, id aihub.UserID) (aihub.User, string, error) {
	panic("not built yet")
}

// Token is a bearer token; only the sha256 of its secret is kept.
type Token struct {
	ID      string
	User    aihub.UserID
	Hash    aihub.Digest
	Name    string
	Expires time.Time
}

// TokenCreate, ID = user
func (db *DB) CreateToken(ctx context.Context, p policies.Permit, t Token) error {
	panic("not built yet")
}

// TokenCreate, ID = user; only the user's own
func (db *DB) DeleteToken(ctx context.Context, p policies.Permit, id string) error {
	panic("not built yet")
}

// TokenActor returns who holds the token with this hash, or Unauthenticated.
func (db *DB) TokenActor(ctx context.Context, hash aihub.Digest) (aihub.Actor, error) {
	panic("not built yet")
}

// ActorOf returns the actor of a signed-in user.
func (db *DB) ActorOf(ctx context.Context, id aihub.UserID) (aihub.Actor, error) {
	panic("not built yet")
}

// --- datasets

// NextDatasetVersion returns the number a new version of name would get.
func (db *DB) NextDatasetVersion(ctx context.Context, name string) (int, error) {
	panic("not built yet")
}

// DatasetPropose, ID = name
func (db *DB) ProposeDataset(ctx context.Context, p policies.Permit, v aihub.DatasetVersion) error {
	panic("not built yet")
}

// DecideDataset publishes or rejects a proposed version. The approver is never its author.
// DatasetApprove, ID = name@N
func (db *DB) DecideDataset(ctx context.Context, p policies.Permit, ref aihub.Ref, approve bool, reason string) error {
	panic("not built yet")
}

// DatasetWithdraw, ID = name@N
func (db *DB) WithdrawDataset(ctx context.Context, p policies.Permit, ref aihub.Ref, reason string) error {
	panic("not built yet")
}
func (db *DB) Dataset(ctx context.Context, s policies.Scope, ref aihub.Ref) (aihub.DatasetVersion, error) {
	panic("not built yet")
}
func (db *DB) Datasets(ctx context.Context, s policies.Scope) ([]aihub.DatasetVersion, error) {
	panic("not built yet")
}

// --- scenarios

func (db *DB) NextScenarioVersion(ctx context.Context, name string) (int, error) {
	panic("not built yet")
}

// PublishScenario opens sc with its rounds. The dataset must be published.
// ScenarioPublish, ID = name
func (db *DB) PublishScenario(ctx context.Context, p policies.Permit, sc aihub.Scenario, rounds []aihub.Round) error {
	panic("not built yet")
}

// ScenarioClose, ID = name@N
func (db *DB) CloseScenario(ctx context.Context, p policies.Permit, ref aihub.Ref) error {
	panic("not built yet")
}
func (db *DB) Scenario(ctx context.Context, s policies.Scope, ref aihub.Ref) (aihub.Scenario, error) {
	panic("not built yet")
}

// LatestScenario resolves a bare name to its newest open version.
func (db *DB) LatestScenario(ctx context.Context, s policies.Scope, name string) (aihub.Scenario, error) {
	panic("not built yet")
}

// ScenarioFilter narrows a listing; zero fields do not.
type ScenarioFilter struct {
	Query string // words looked for in name, title, summary and description, both languages
	Field string
	Area  string
	State aihub.ScenarioState
}

func (db *DB) Scenarios(ctx context.Context, s policies.Scope, f ScenarioFilter) ([]aihub.Scenario, error) {
	panic("not built yet")
}
func (db *DB) Rounds(ctx context.Context, ref aihub.Ref) ([]aihub.Round, error) {
	panic("not built yet")
}

// --- enrolments

// EnrolmentRequest, ID = scenario ref
func (db *DB) RequestEnrolment(ctx context.Context, p policies.Permit, e aihub.Enrolment) error {
	panic("not built yet")
}

// EnrolmentDecide, ID = enrolment
func (db *DB) DecideEnrolment(ctx context.Context, p policies.Permit, id aihub.EnrolmentID, approve bool, reason string) error {
	panic("not built yet")
}

// EnrolmentRevoke; cancels what is queued or running
func (db *DB) RevokeEnrolment(ctx context.Context, p policies.Permit, id aihub.EnrolmentID, reason string) error {
	panic("not built yet")
}
func (db *DB) Enrolment(ctx context.Context, s policies.Scope, id aihub.EnrolmentID) (aihub.Enrolment, error) {
	panic("not built yet")
}

// Enrolments lists those in scope; a zero ref means of every scenario.
func (db *DB) Enrolments(ctx context.Context, s policies.Scope, sc aihub.Ref) ([]aihub.Enrolment, error) {
	panic("not built yet")
}

// --- images

// RegisterImage links an image that lies in the blob store to an organisation.
// ImagePush, ID = org
func (db *DB) RegisterImage(ctx context.Context, p policies.Permit, org aihub.OrgID, d aihub.Digest, size int64) error {
	panic("not built yet")
}

// of the actor's own organisation
func (db *DB) HasImage(ctx context.Context, s policies.Scope, d aihub.Digest) (bool, error) {
	panic("not built yet")
}

// --- submissions and runs

// Submit enters sub: in one transaction it checks the enrolment (approved, not
// expired, uses left), the round's window, the image link, reserves one attempt
// and bits of the leak budget, and queues its first run (infer, or smoke).
// A smoke submission reserves nothing. Repeating a nonce returns the first one.
// SubmissionCreate, ID = scenario ref
func (db *DB) Submit(ctx context.Context, p policies.Permit, sub aihub.Submission, bits float64) (aihub.Submission, error) {
	panic("not built yet")
}

// SubmissionCancel, ID = submission
func (db *DB) CancelSubmission(ctx context.Context, p policies.Permit, id aihub.SubmissionID) error {
	panic("not built yet")
}
func (db *DB) Submission(ctx context.Context, s policies.Scope, id aihub.SubmissionID) (aihub.Submission, error) {
	panic("not built yet")
}

// SubmissionFilter narrows a listing; zero fields do not.
type SubmissionFilter struct {
	Scenario aihub.Ref
	Round    string
	Limit    int // default 200
}

func (db *DB) Submissions(ctx context.Context, s policies.Scope, f SubmissionFilter) ([]aihub.Submission, error) {
	panic("not built yet")
}
func (db *DB) Run(ctx context.Context, s policies.Scope, id aihub.RunID) (aihub.Run, error) {
	panic("not built yet")
}
func (db *DB) Runs(ctx context.Context, s policies.Scope, sub aihub.SubmissionID) ([]aihub.Run, error) {
	panic("not built yet")
}

// Events returns those after seq that the scope may see now, oldest first.
func (db *DB) Events(ctx context.Context, s policies.Scope, sub aihub.SubmissionID, after int64) ([]aihub.Event, error) {
	panic("not built yet")
}
func (db *DB) Budget(ctx context.Context, s policies.Scope, sc aihub.Ref, round string, org aihub.OrgID) (aihub.Budget, error) {
	panic("not built yet")
}

// Queue returns how many runs of each state there are.
func (db *DB) Queue(ctx context.Context) (map[aihub.RunState]int, error) { panic("not built yet") }

// --- workers

// Lease is a worker's claim on one run until it expires or ends. It can only
// come from Claim.
type Lease struct {
	run    aihub.Run
	worker aihub.WorkerID
	fence  int64
}

// Run returns the run as it was claimed, row key included.
func (l *Lease) Run() aihub.Run { return l.run }

// Claim leases the oldest queued run of one of the kinds for ttl, or returns nil, nil.
func (db *DB) Claim(ctx context.Context, w aihub.WorkerID, ttl time.Duration, kinds ...aihub.RunKind) (*Lease, error) {
	panic("not built yet")
}

// Heartbeat extends the lease. Conflict means it is lost: stop the work at once.
// Cancelled reports that the run should stop because its submission was cancelled or revoked.
func (db *DB) Heartbeat(ctx context.Context, l *Lease, ttl time.Duration) (cancelled bool, err error) {
	panic("not built yet")
}

// Advance moves the run to preparing, running or collecting.
func (db *DB) Advance(ctx context.Context, l *Lease, to aihub.RunState) error { panic("not built yet") }

// AppendLog adds an event with a log excerpt (smoke runs only; at most 64 KiB a call).
func (db *DB) AppendLog(ctx context.Context, l *Lease, text string) error { panic("not built yet") }

// Outcome is what a sandbox run left.
type Outcome struct {
	Output  aihub.Digest // collected prediction file; zero for a failed run
	Log     aihub.Digest
	Usage   aihub.Usage
	Posture []byte
	Failure aihub.Failure // zero when it ended well
}

// Finish ends a smoke, train or infer run. A good infer run queues the score
// run; a vendor's failure costs the attempt, any other refunds it.
func (db *DB) Finish(ctx context.Context, l *Lease, o Outcome) error { panic("not built yet") }

// FinishScore ends a score run well: the score is sealed, the reserved bits are
// charged, and its Release is submitted, due at the given time.
func (db *DB) FinishScore(ctx context.Context, l *Lease, values []aihub.MetricValue, due time.Time) error {
	panic("not built yet")
}

// Reap turns runs whose lease ran out into lost and queues their successor, or
// fails the submission (platform's fault) after 3 attempts. It returns how many.
func (db *DB) Reap(ctx context.Context) (int, error) { panic("not built yet") }

// RunInputs returns what a lease holder needs: the scenario (with its spec),
// the dataset version, and for a score run the infer run it scores.
func (db *DB) RunInputs(ctx context.Context, l *Lease) (aihub.Scenario, aihub.DatasetVersion, aihub.Run, error) {
	panic("not built yet")
}

// --- scores and releases

// DueReleases returns submitted releases whose tick has come.
func (db *DB) DueReleases(ctx context.Context) ([]aihub.Release, error) { panic("not built yet") }

// ReleaseScore shows values of a score: the release goes to released in one
// transaction with its leaf. For a scenario with review it must be approved first.
// ReleaseScore, ID = release
func (db *DB) ReleaseScore(ctx context.Context, p policies.Permit, id aihub.ReleaseID, shown []aihub.MetricValue, note string) error {
	panic("not built yet")
}

// Vote records a reviewer's decision and moves the release (review_1, review_2,
// approved, rejected, conflicted). Compare-and-swap on its state.
// ReleaseVote, ID = release
func (db *DB) Vote(ctx context.Context, p policies.Permit, id aihub.ReleaseID, approve bool, reason string) error {
	panic("not built yet")
}
func (db *DB) Release(ctx context.Context, s policies.Scope, id aihub.ReleaseID) (aihub.Release, error) {
	panic("not built yet")
}
func (db *DB) Releases(ctx context.Context, s policies.Scope, state aihub.ReleaseState) ([]aihub.Release, error) {
	panic("not built yet")
}

// Score returns the score of a submission: its released part in a vendor's
// scope and the public's, sealed values too for a reviewer, all for the platform.
func (db *DB) Score(ctx context.Context, s policies.Scope, sub aihub.SubmissionID) (aihub.Score, error) {
	panic("not built yet")
}

// Scores lists the scores of a round the same way, oldest first.
func (db *DB) Scores(ctx context.Context, s policies.Scope, sc aihub.Ref, round string) ([]aihub.Score, error) {
	panic("not built yet")
}

// Entry is one released score with what a board shows of its submission.
type Entry struct {
	Score    aihub.Score
	Org      aihub.Org
	Name     string
	Baseline bool
	At       time.Time // submitted
}

// Board returns the released scores of a round; public.
func (db *DB) Board(ctx context.Context, sc aihub.Ref, round string) ([]Entry, error) {
	panic("not built yet")
}

// --- ledger

// LedgerReport is what Verify found.
type LedgerReport struct {
	Leaves     int64         `json:"leaves"`
	Root       string        `json:"root"`
	Rows       int64         `json:"rows"` // rows compared with the leaf that last wrote them
	Checkpoint string        `json:"checkpoint"`
	Faults     []aihub.Fault `json:"faults,omitempty"`
}

// VerifyLedger recomputes every leaf, the tree, the signed checkpoint, and
// compares every row of every table that the ledger covers with the leaf that
// last wrote it.
func (db *DB) VerifyLedger(ctx context.Context) (LedgerReport, error) { panic("not built yet") }

// Receipt returns a self-contained JSON proof for a submission: its leaves,
// their inclusion proofs and the signed checkpoint, verifiable offline.
func (db *DB) Receipt(ctx context.Context, s policies.Scope, sub aihub.SubmissionID) ([]byte, error) {
	panic("not built yet")
}
