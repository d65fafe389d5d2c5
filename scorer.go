package aihub

import "time"

// ScorerState is where a scorer stands.
type ScorerState string

// The states of a scorer.
const (
	ScorerProposed ScorerState = "proposed" // waits for a second person
	ScorerApproved ScorerState = "approved" // may be named by its organisation's scenarios
	ScorerRejected ScorerState = "rejected"
)

var scorerMoves = moves[ScorerState]{ScorerProposed: {ScorerApproved, ScorerRejected}}

// Next returns nil when s may become to.
func (s ScorerState) Next(to ScorerState) error { return scorerMoves.check("scorer", s, to) }

// Scorer is an image of an organisation that is to score: it meets truth, so a
// second person reads it first. What was approved is the digest.
type Scorer struct {
	ID        ScorerID    `json:"id"`
	Org       OrgID       `json:"org"`
	Image     Digest      `json:"image"`
	Name      string      `json:"name"`
	Author    UserID      `json:"author"`
	Approver  UserID      `json:"approver,omitempty"`
	State     ScorerState `json:"state"`
	Reason    string      `json:"reason,omitempty"`
	CreatedAt time.Time   `json:"created_at"`
	DecidedAt time.Time   `json:"decided_at,omitzero"`
}
