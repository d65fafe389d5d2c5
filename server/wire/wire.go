// Package wire is the JSON of the HTTP API, where a noun of package aihub is
// not itself the body. Handlers in server/api and the client share it.
//
// All paths are below /api/v1; a {ref} is name@N, or a bare name for the newest
// open version. Errors are an aihub.Error as JSON with a matching status.
//
//	POST /signin                         SignIn -> SignedIn
//	GET  /me                             -> aihub.Actor
//	GET  /orgs, POST /orgs               []aihub.Org; aihub.Org
//	GET  /users, POST /users             []aihub.User; NewUser
//	GET  /datasets, /datasets/{ref}      []aihub.DatasetVersion
//	POST /datasets                       multipart: manifest (YAML), data (file) -> NDJSON of Progress, last line has dataset or error
//	POST /datasets/{ref}/decision        Decide
//	GET  /datasets/{ref}/sample          the public sample, ?format=csv|parquet (labels included)
//	GET  /datasets/{ref}/card|profile    Markdown (?lang=zh|en) | JSON
//	GET  /scenarios?q=&field=&area=      []ScenarioCard
//	GET  /scenarios/{ref}                ScenarioView
//	POST /scenarios                      NewScenario -> aihub.Scenario
//	POST /scenarios/{ref}/close
//	GET  /scenarios/{ref}/board?round=   Board
//	POST /scenarios/{ref}/enrolments     Enrol -> aihub.Enrolment
//	GET  /enrolments?scenario=           []aihub.Enrolment
//	POST /enrolments/{id}/decision       Decide
//	POST /images                         body: OCI layout tar or docker-save tar -> Image
//	POST /scenarios/{ref}/submissions    NewSubmission -> aihub.Submission
//	GET  /submissions?scenario=          []aihub.Submission
//	GET  /submissions/{id}               SubmissionView
//	POST /submissions/{id}/cancel
//	GET  /submissions/{id}/events?after= server-sent events, data: aihub.Event; closes when the outcome is visible
//	GET  /submissions/{id}/receipt       JSON proof, verifiable offline
//	GET  /runs/{id}, /runs/{id}/log      aihub.Run; text (smoke: its organisation; hidden: steward)
//	GET  /releases?state=, /releases/{id}
//	POST /releases/{id}/votes            Decide
//	GET  /ledger/checkpoint, /ledger/verify
//	GET  /queue                          map of run state to count
package wire

import (
	"encoding/json"
	"time"

	"aihub"
)

// SignIn asks for a bearer token.
type SignIn struct {
	User     aihub.UserID `json:"user"`
	Password string       `json:"password"`
	Name     string       `json:"name,omitempty"` // what the token is for, e.g. a host name
}

// SignedIn carries the token's secret, once.
type SignedIn struct {
	Token   string      `json:"token"`
	Expires time.Time   `json:"expires"`
	Actor   aihub.Actor `json:"actor"`
}

// NewUser creates a person.
type NewUser struct {
	aihub.User
	Password string `json:"password"`
}

// Decide approves or rejects.
type Decide struct {
	Approve bool   `json:"approve"`
	Reason  string `json:"reason,omitempty"`
}

// Progress is one line of a long request's answer. Exactly one field group is set.
type Progress struct {
	Stage   string                `json:"stage,omitempty"` // ingest, profile, mask, split, store
	Done    int64                 `json:"done,omitempty"`  // rows
	Total   int64                 `json:"total,omitempty"` // rows; 0 unknown
	Dataset *aihub.DatasetVersion `json:"dataset,omitempty"`
	Error   *aihub.Error          `json:"error,omitempty"`
}

// ScenarioCard is a scenario in a list.
type ScenarioCard struct {
	aihub.Scenario
	Enrolled    int       `json:"enrolled"`
	Submissions int       `json:"submissions"`
	Closes      time.Time `json:"closes"`
}

// ScenarioView is one scenario whole.
type ScenarioView struct {
	aihub.Scenario
	Spec   json.RawMessage `json:"spec"` // canonical
	Rounds []aihub.Round   `json:"rounds"`
}

// NewScenario publishes a spec.
type NewScenario struct {
	Spec string `json:"spec"` // YAML
}

// Enrol signs the agreement for the actor's organisation.
type Enrol struct {
	Purpose   string       `json:"purpose"`
	Agreement aihub.Digest `json:"agreement"` // digest of the agreement text that was shown
}

// Image is a stored image.
type Image struct {
	Digest aihub.Digest `json:"digest"`
	Bytes  int64        `json:"bytes"`
}

// NewSubmission enters an image.
type NewSubmission struct {
	Image aihub.Digest `json:"image"`
	Round string       `json:"round,omitempty"` // default: the round that is open
	Name  string       `json:"name,omitempty"`
	Smoke bool         `json:"smoke,omitempty"`
	Nonce string       `json:"nonce"`
}

// SubmissionView is one submission whole, as its viewer may see it.
type SubmissionView struct {
	aihub.Submission
	Runs   []aihub.Run   `json:"runs"`
	Score  *aihub.Score  `json:"score,omitempty"`
	Budget *aihub.Budget `json:"budget,omitempty"`
}

// Board is the ranking of one round.
type Board struct {
	Scenario aihub.Ref  `json:"scenario"`
	Title    aihub.Text `json:"title"`
	Round    string     `json:"round"`
	Metrics  []string   `json:"metrics"` // ids, primary first
	Primary  string     `json:"primary"`
	Better   string     `json:"better"` // max, min
	AsOf     time.Time  `json:"as_of"`
	Rows     []BoardRow `json:"rows"`
}

// BoardRow is one place. Rows that the released precision or interval cannot
// tell apart share a rank.
type BoardRow struct {
	Rank       int                 `json:"rank"`
	Tied       bool                `json:"tied"`
	Org        aihub.Org           `json:"org"`
	Name       string              `json:"name"`
	Submission aihub.SubmissionID  `json:"submission"`
	Baseline   bool                `json:"baseline"`
	Values     []aihub.MetricValue `json:"values"` // in the order of Metrics
	At         time.Time           `json:"at"`
}
