package wire

import "aihub"

// NewScorer proposes an image of the organisation as a scorer.
type NewScorer struct {
	Image aihub.Digest `json:"image" minLength:"71" maxLength:"71" doc:"sha256:… of an image of your organisation"`
	Name  string       `json:"name" minLength:"1" maxLength:"100"`
}

// ScoreAgain has a submission scored again.
type ScoreAgain struct {
	Scenario string `json:"scenario,omitempty" maxLength:"80" doc:"name@N, by whose spec and truth; default: its own"`
	Reason   string `json:"reason" minLength:"1" maxLength:"1000"`
}
