package aihub

import "time"

// ScenarioState is where a scenario stands.
type ScenarioState string

// The states of a scenario.
const (
	ScenarioOpen      ScenarioState = "open"
	ScenarioClosed    ScenarioState = "closed"
	ScenarioWithdrawn ScenarioState = "withdrawn"
)

var scenarioMoves = moves[ScenarioState]{
	ScenarioOpen:   {ScenarioClosed, ScenarioWithdrawn},
	ScenarioClosed: {ScenarioWithdrawn},
}

// Next returns nil when s may become to.
func (s ScenarioState) Next(to ScenarioState) error { return scenarioMoves.check("scenario", s, to) }

// Scenario is a published challenge. Spec is its canonical form (JSON, every
// default expanded), which package scenarios parses; Digest is that form's.
type Scenario struct {
	Ref         Ref           `json:"ref"`
	Org         OrgID         `json:"org"`
	Author      UserID        `json:"author"`
	State       ScenarioState `json:"state"`
	Title       Text          `json:"title"`
	Summary     Text          `json:"summary"`
	Field       string        `json:"field"`
	Area        string        `json:"area"`
	Dataset     Ref           `json:"dataset"`
	Spec        []byte        `json:"-"`
	Digest      Digest        `json:"digest"`
	PublishedAt time.Time     `json:"published_at"`
	EndedAt     time.Time     `json:"ended_at,omitzero"`   // when it was closed or withdrawn
	Reason      string        `json:"reason,omitempty"`    // why it was withdrawn: for those who still see it
	SelfTest    []SelfTest    `json:"self_test,omitempty"` // as it is published; see store.SelfTest
}

// Round is a time window of a scenario with its own hidden part and quota.
type Round struct {
	Scenario   Ref       `json:"scenario"`
	Name       string    `json:"name"`
	Title      Text      `json:"title"`
	Part       Part      `json:"part"`
	Opens      time.Time `json:"opens"`       // zero: from publication
	Closes     time.Time `json:"closes"`      // zero: until the scenario closes
	Quota      int       `json:"quota"`       // attempts an organisation has in the round
	BudgetBits float64   `json:"budget_bits"` // leak budget: nothing is answered once the part has had so much
	OrgBits    float64   `json:"org_bits"`    // the most of it that one organisation may spend; 0: all
}

// IsOpen reports whether submissions may enter at now.
func (r Round) IsOpen(now time.Time) bool {
	return !now.Before(r.Opens) && (r.Closes.IsZero() || now.Before(r.Closes))
}

// EnrolmentState is where an enrolment stands.
type EnrolmentState string

// The states of an enrolment.
const (
	EnrolmentRequested EnrolmentState = "requested"
	EnrolmentApproved  EnrolmentState = "approved"
	EnrolmentRejected  EnrolmentState = "rejected"
	EnrolmentRevoked   EnrolmentState = "revoked"
)

var enrolmentMoves = moves[EnrolmentState]{
	EnrolmentRequested: {EnrolmentApproved, EnrolmentRejected},
	EnrolmentApproved:  {EnrolmentRevoked},
}

// Next returns nil when s may become to.
func (s EnrolmentState) Next(to EnrolmentState) error {
	return enrolmentMoves.check("enrolment", s, to)
}

// Enrolment is an organisation's claim on a scenario under a signed agreement.
type Enrolment struct {
	ID        EnrolmentID    `json:"id"`
	Scenario  Ref            `json:"scenario"`
	Org       OrgID          `json:"org"`
	User      UserID         `json:"user"` // who signed for the organisation
	Purpose   string         `json:"purpose"`
	Agreement Digest         `json:"agreement"` // of the agreement's text, as shown
	Expires   time.Time      `json:"expires"`   // zero: with the scenario
	MaxUses   int            `json:"max_uses"`  // hidden runs allowed; 0: as the rounds allow
	State     EnrolmentState `json:"state"`
	DecidedBy UserID         `json:"decided_by,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	DecidedAt time.Time      `json:"decided_at"`
}
