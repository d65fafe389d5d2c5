package aihub

import "time"

// Model is what a training run left, sealed: later runs of its organisation on
// the same scenario find it in /model, and nobody else ever sees its bytes. Its
// digest is that of an archive with a random beginning, so that it confirms no
// guess at the content. Of a model that has seen the train part its vendor is
// told neither size nor number of files: both could carry data.
type Model struct {
	Digest     Digest       `json:"digest"`
	Org        OrgID        `json:"org"`
	Scenario   Ref          `json:"scenario"`
	Submission SubmissionID `json:"submission"` // the training that made it
	Name       string       `json:"name"`       // of that training
	Part       Part         `json:"part"`       // what it was learned from: train, or the public sample
	Bytes      int64        `json:"bytes,omitempty"`
	Files      int64        `json:"files,omitempty"`
	CreatedAt  time.Time    `json:"created_at"` // when it could first be seen
	DeletedAt  time.Time    `json:"deleted_at,omitzero"`
}
