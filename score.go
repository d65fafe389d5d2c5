package aihub

import (
	"reflect"
	"time"
)

// MetricStatus says whether a metric has a value.
type MetricStatus string

// The statuses. Boards sort undefined last.
const (
	MetricOK         MetricStatus = "ok"
	MetricUndefined  MetricStatus = "undefined"
	MetricDegenerate MetricStatus = "degenerate" // defined by convention; see the reason
)

// MetricValue is one number about quality. Value is never NaN: an undefined
// metric has status and reason instead.
type MetricValue struct {
	ID        string       `json:"id"`        // as the spec names it
	Signature string       `json:"signature"` // name@version and every parameter
	Value     float64      `json:"value"`
	N         int64        `json:"n"`               // rows it was computed on
	Units     int64        `json:"units,omitempty"` // how many independent units those rows are worth; 0: each stands alone
	Status    MetricStatus `json:"status"`
	Reason    string       `json:"reason,omitempty"`
	Lo        float64      `json:"lo,omitempty"` // confidence interval; Lo == Hi == 0 when there is none
	Hi        float64      `json:"hi,omitempty"`
	Slices    []Slice      `json:"slices,omitempty"` // in the order of the spec
}

// Equal reports whether v and o say the same.
func (v MetricValue) Equal(o MetricValue) bool { return reflect.DeepEqual(v, o) }

// Slice is a metric on groups of rows: those that have the same values in some
// columns of the dataset. Every row is in one group.
type Slice struct {
	By     []string     `json:"by"`     // the columns
	Groups []GroupValue `json:"groups"` // by name, then the merged ones; none: too few rows for two
	Worst  int          `json:"worst"`  // the place in Groups of the worst value, the first of several; -1: none has one
}

// GroupValue is a metric on one group. Groups of fewer rows than the spec asks
// for stand together as one, so that none of them can be computed from the rest.
type GroupValue struct {
	Of     []string     `json:"of,omitempty"`     // the value of each column; "" where there is none
	Merged int          `json:"merged,omitempty"` // groups that stand together; 0 with Of
	Value  float64      `json:"value"`
	N      int64        `json:"n"` // rows
	Status MetricStatus `json:"status"`
	Reason string       `json:"reason,omitempty"`
	Lo     float64      `json:"lo,omitempty"` // as in MetricValue; of the primary metric alone
	Hi     float64      `json:"hi,omitempty"`
}

// WorstGroup returns the group with the worst value, and false when none has one.
func (s Slice) WorstGroup() (GroupValue, bool) {
	if s.Worst < 0 || s.Worst >= len(s.Groups) {
		return GroupValue{}, false
	}
	return s.Groups[s.Worst], true
}

// Score is the sealed result of a submission, and what of it was released.
type Score struct {
	ID         ScoreID       `json:"id"`
	Submission SubmissionID  `json:"submission"`
	Run        RunID         `json:"run"`
	Scenario   Ref           `json:"scenario"`
	Round      string        `json:"round"`
	Org        OrgID         `json:"org"`
	Sealed     []MetricValue `json:"sealed,omitempty"` // full precision; never in a vendor's view
	Released   []MetricValue `json:"released,omitempty"`
	Note       string        `json:"note,omitempty"`        // e.g. "no significant improvement"
	Bits       float64       `json:"bits"`                  // price charged for the release
	Proof      *Certificate  `json:"certificate,omitempty"` // how far what was released can be off; with the release
	ScoredAt   time.Time     `json:"scored_at"`
	ReleasedAt time.Time     `json:"released_at"` // zero while sealed
}

// Rescore is a score that was computed again, by the spec of a version of the
// scenario. It is added to the first, which is what was released.
type Rescore struct {
	ID         string        `json:"id"`
	Score      ScoreID       `json:"score"` // the first
	Submission SubmissionID  `json:"submission"`
	Scenario   Ref           `json:"scenario"` // whose spec and truth
	By         UserID        `json:"by"`
	Reason     string        `json:"reason"`
	Sealed     []MetricValue `json:"sealed,omitempty"` // as Score.Sealed
	Same       bool          `json:"same"`             // every bit is that of the first
	ScoredAt   time.Time     `json:"scored_at"`
}

// Certificate says how far a released score can be from what the algorithm
// scores on data it has never met. See package sharing for the bound.
type Certificate struct {
	Error   float64 `json:"error,omitempty"` // in the primary metric's units; 0: no bound is known for this metric
	Delta   float64 `json:"delta"`           // the chance that the bound does not hold
	Bits    float64 `json:"bits"`            // spent on the hidden part by everyone, this answer included
	Total   float64 `json:"total"`           // budget of the part; 0: a final part, asked once
	Answers int64   `json:"answers"`         // given about the part
	Rows    int64   `json:"rows"`            // of the part, or independent units that these are worth
}

// ReleaseState is where a release stands.
type ReleaseState string

// The states of a release.
const (
	ReleaseDraft      ReleaseState = "draft"
	ReleaseSubmitted  ReleaseState = "submitted"
	ReleaseScanning   ReleaseState = "scanning"
	ReleaseBlocked    ReleaseState = "blocked"
	ReleaseReview1    ReleaseState = "review_1"
	ReleaseReview2    ReleaseState = "review_2"
	ReleaseApproved   ReleaseState = "approved"
	ReleaseRejected   ReleaseState = "rejected"
	ReleaseReturned   ReleaseState = "returned"
	ReleaseConflicted ReleaseState = "conflicted"
	ReleaseReleasing  ReleaseState = "releasing"
	ReleaseReleased   ReleaseState = "released"
	ReleaseRevoked    ReleaseState = "revoked"
	ReleaseWithdrawn  ReleaseState = "withdrawn"
	ReleaseExpired    ReleaseState = "expired"
	ReleaseFailed     ReleaseState = "failed"
)

var releaseMoves = moves[ReleaseState]{
	ReleaseDraft:      {ReleaseSubmitted, ReleaseWithdrawn},
	ReleaseSubmitted:  {ReleaseScanning, ReleaseWithdrawn, ReleaseExpired},
	ReleaseScanning:   {ReleaseBlocked, ReleaseReview1, ReleaseApproved, ReleaseFailed},
	ReleaseReview1:    {ReleaseReview2, ReleaseWithdrawn, ReleaseExpired},
	ReleaseReview2:    {ReleaseApproved, ReleaseRejected, ReleaseReturned, ReleaseConflicted, ReleaseWithdrawn, ReleaseExpired},
	ReleaseConflicted: {ReleaseApproved, ReleaseRejected, ReleaseExpired},
	ReleaseReturned:   {ReleaseSubmitted, ReleaseWithdrawn, ReleaseExpired},
	ReleaseApproved:   {ReleaseReleasing, ReleaseExpired},
	ReleaseReleasing:  {ReleaseReleased, ReleaseFailed},
	ReleaseReleased:   {ReleaseRevoked},
}

// Next returns nil when s may become to.
func (s ReleaseState) Next(to ReleaseState) error { return releaseMoves.check("release", s, to) }

// Release is a decision that something leaves: here, the score of a submission.
type Release struct {
	ID         ReleaseID    `json:"id"`
	Score      ScoreID      `json:"score"`
	Submission SubmissionID `json:"submission"`
	Scenario   Ref          `json:"scenario"`
	Org        OrgID        `json:"org"`     // whose work it is; its people never review it
	Content    Digest       `json:"content"` // of what would leave, frozen at submit
	State      ReleaseState `json:"state"`
	DueAt      time.Time    `json:"due_at"` // the tick before which nothing is shown
	Votes      []Vote       `json:"votes,omitempty"`
	CreatedAt  time.Time    `json:"created_at"`
	DecidedAt  time.Time    `json:"decided_at"`
}

// Vote is one reviewer's decision on a release. The first vote is blind: the
// second reviewer does not see it before voting.
type Vote struct {
	By      UserID    `json:"by"`
	Approve bool      `json:"approve"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
}

// Budget is how much feedback about one hidden part has been given: Bits,
// Reserved and Total are of the part, whoever asked and in whichever scenario;
// Attempts, Own and Share are of one organisation in one round.
type Budget struct {
	Scenario Ref     `json:"scenario"`
	Round    string  `json:"round"`
	Org      OrgID   `json:"org"`
	Attempts int     `json:"attempts"` // charged or reserved
	Quota    int     `json:"quota"`
	Part     string  `json:"part"`     // name@N/part, whose budget it is
	Bits     float64 `json:"bits"`     // spent
	Reserved float64 `json:"reserved"` // held by submissions under way
	Total    float64 `json:"total"`
	Answers  int64   `json:"answers"` // given about the part
	Own      float64 `json:"own"`     // spent or held by this organisation in this round
	Share    float64 `json:"share"`   // the most it may spend
}

// Event is something that happened to a run or submission, for streams.
type Event struct {
	Seq        int64        `json:"seq"`
	Submission SubmissionID `json:"submission"`
	Run        RunID        `json:"run,omitempty"`
	Type       string       `json:"type"` // submitted, queue, run, log, scored, released, failed
	State      string       `json:"state,omitempty"`
	Text       string       `json:"text,omitempty"` // a log excerpt (smoke runs only)
	Wait       *Wait        `json:"wait,omitempty"` // type queue, which has no number: how long it waits
	At         time.Time    `json:"at"`
}
