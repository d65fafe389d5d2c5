// Package wire is the JSON of the HTTP API, where a noun of package aihub is
// not itself the body. Handlers in server/api and the client share it.
//
// All paths are below /api/v1; a {ref} is name@N, or a bare name for the newest
// open version. Errors are an aihub.Error as JSON with a matching status.
//
//	POST /signin                         SignIn -> SignedIn
//	POST /signout                        the token that the request carries is no longer valid
//	GET  /me                             -> aihub.Actor
//	GET  /orgs, POST /orgs               []aihub.Org; aihub.Org
//	GET  /users, POST /users             []aihub.User; NewUser
//	GET  /datasets, /datasets/{ref}      []aihub.DatasetVersion
//	POST /datasets                       multipart: manifest (YAML), then data (file) -> NDJSON of Progress, last line has dataset or error
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
//	GET  /images, DELETE /images/{digest}  -> Images: what the own organisation keeps
//	POST /scenarios/{ref}/submissions    NewSubmission -> aihub.Submission
//	GET  /submissions?scenario=          []aihub.Submission
//	GET  /models?scenario=               []aihub.Model: what trainings left; their content has no address
//	DELETE /models/{digest}
//	GET  /submissions/{id}               SubmissionView
//	POST /submissions/{id}/cancel
//	POST /submissions/{id}/rerun         Rerun -> aihub.Submission: the same image in the round that is open
//	GET  /submissions/{id}/events?after= server-sent events, id: Seq, data: aihub.Event; when the outcome is
//	                                     visible an event named "end" follows (data: SubmissionView) and the stream closes
//	GET  /submissions/{id}/receipt       JSON proof, verifiable offline
//	GET  /runs/{id}, /runs/{id}/log      aihub.Run; text (smoke: its organisation; hidden: steward)
//	GET  /releases?state=, /releases/{id}
//	POST /releases/{id}/votes            Decide
//	GET  /ledger/checkpoint, /ledger/verify  Checkpoint (public); LedgerReport
//	GET  /queue                          map of run state to count
//	GET  /hours?org=                     aihub.Hours of this month, of the own organisation unless told
package wire

import (
	"encoding/json"
	"time"

	"aihub"
)

// SignIn asks for a bearer token.
type SignIn struct {
	User     aihub.UserID `json:"user" required:"true" maxLength:"256" doc:"sign-in name"`
	Password string       `json:"password" required:"true" maxLength:"1024" doc:"password"`
	Name     string       `json:"name,omitempty" maxLength:"256" doc:"what the token is for, e.g. a host name"`
}

// SignedIn carries the token's secret, once.
type SignedIn struct {
	Token   string      `json:"token" doc:"the secret: send it as Authorization: Bearer; it is shown only here"`
	Expires time.Time   `json:"expires" doc:"when the token stops working"`
	Actor   aihub.Actor `json:"actor" doc:"who signed in"`
}

// NewOrg creates an organisation.
type NewOrg struct {
	ID   aihub.OrgID `json:"id" required:"true" maxLength:"64" doc:"lower-case slug"`
	Name aihub.Text  `json:"name" required:"true" doc:"name in both languages"`
}

// NewUser creates a person. CreatedAt of the embedded user is ignored.
type NewUser struct {
	aihub.User
	Password string `json:"password" required:"true" maxLength:"1024" doc:"initial password, at least 10 bytes"`
}

// Decide approves or rejects.
type Decide struct {
	Approve bool   `json:"approve" required:"true" doc:"true to approve, false to reject"`
	Reason  string `json:"reason,omitempty" maxLength:"2000" doc:"why; kept with the decision"`

	LowerLevel bool `json:"lower_level,omitempty" doc:"of a dataset: sign for a declared level below what was found"`
}

// Reidentify asks for the raw values behind masked ones.
type Reidentify struct {
	Column  string   `json:"column" required:"true" maxLength:"128" doc:"of the masked table"`
	Masked  []string `json:"masked" required:"true" minItems:"1" maxItems:"100" doc:"values as they were published"`
	Purpose string   `json:"purpose" required:"true" minLength:"1" maxLength:"2000" doc:"what the names are needed for; kept"`
}

// Revealed is the answer to a granted re-identification.
type Revealed struct {
	Masked string `json:"masked"`
	Raw    string `json:"raw,omitempty"`
	Found  bool   `json:"found" doc:"false where the technique cannot be turned back for this value"`
}

// Count asks for a histogram with differential privacy.
type Count struct {
	Column string   `json:"column" required:"true" maxLength:"128"`
	Cells  []string `json:"cells" required:"true" maxItems:"1000" doc:"values named beforehand; all others are counted as *"`
	Cost   string   `json:"cost" required:"true" maxLength:"40" doc:"of the budget, as 0.1 or 1/10"`
}

// Rotate gives a mask scope a new key.
type Rotate struct {
	Reason string `json:"reason" required:"true" minLength:"1" maxLength:"2000"`
}

// Rotated says which generation of its key a mask scope is at.
type Rotated struct {
	Scope      string `json:"scope" doc:"org/scope"`
	Generation int    `json:"generation"`
}

// Progress is one line of a long request's answer. Exactly one field group is set.
type Progress struct {
	Stage   string                `json:"stage,omitempty" doc:"ingest, profile, mask, cells, linkage, risk, split, media, store"`
	Done    int64                 `json:"done,omitempty" doc:"rows done"`
	Total   int64                 `json:"total,omitempty" doc:"rows; absent while unknown"`
	Dataset *aihub.DatasetVersion `json:"dataset,omitempty" doc:"the result, in the last line"`
	Error   *aihub.Error          `json:"error,omitempty" doc:"why it failed, in the last line"`
}

// ScenarioCard is a scenario in a list.
type ScenarioCard struct {
	aihub.Scenario
	Enrolled    int       `json:"enrolled" doc:"organisations whose enrolment is approved"`
	Submissions int       `json:"submissions" doc:"submissions that count, of all organisations"`
	Closes      time.Time `json:"closes" doc:"when its last round closes; zero: open-ended"`
}

// ScenarioView is one scenario whole.
type ScenarioView struct {
	aihub.Scenario
	Spec      json.RawMessage `json:"spec" doc:"canonical form"`
	Rounds    []aihub.Round   `json:"rounds"`
	Agreement aihub.Digest    `json:"agreement" doc:"digest of the agreement's text; send it back on enrolment"`
	Machine   string          `json:"machine" doc:"architecture that images must be built for: amd64 or arm64; empty while the platform's sandbox has not answered since its start"`
}

// NewScenario publishes a spec.
type NewScenario struct {
	Spec string `json:"spec" required:"true" doc:"the spec, YAML"`
}

// Enrol signs the agreement for the actor's organisation.
type Enrol struct {
	Purpose   string       `json:"purpose" required:"true" maxLength:"2000" doc:"what the organisation will do"`
	Agreement aihub.Digest `json:"agreement" required:"true" maxLength:"100" doc:"digest of the agreement text that was shown"`
}

// Image is a stored image.
type Image struct {
	Digest aihub.Digest `json:"digest" doc:"name it by this in a submission"`
	Bytes  int64        `json:"bytes" doc:"size of its layers and manifests, compressed"`
}

// Images are those that an organisation keeps, newest first, at most 1000.
type Images struct {
	Images []aihub.KeptImage `json:"images"`
	Kept   int64             `json:"kept" doc:"how many it keeps; where that is over 1000, the others are not listed"`
	Bytes  int64             `json:"bytes" doc:"kept by the organisation, what it pushed to the registry included"`
	Most   int64             `json:"most" doc:"that it may keep"`
}

// NewSubmission enters an image.
type NewSubmission struct {
	Image aihub.Digest `json:"image" required:"true" maxLength:"100" doc:"digest of an image of the own organisation"`
	Round string       `json:"round,omitempty" maxLength:"100" doc:"default: the round that is open"`
	Name  string       `json:"name,omitempty" maxLength:"100" doc:"what its people call it; shown on the board"`
	Smoke bool         `json:"smoke,omitempty" doc:"try it on the public sample; does not count"`
	Train bool         `json:"train,omitempty" doc:"run it on the train part, or with smoke on the public sample: what it leaves in /output becomes a model"`
	Model string       `json:"model,omitempty" maxLength:"100" doc:"what it finds in /model: the digest of a model of the own organisation, or the training that made it"`
	Nonce string       `json:"nonce" required:"true" minLength:"8" maxLength:"100" doc:"a random string: sending the same one again returns the first submission"`
}

// Rerun enters a submission again.
type Rerun struct {
	Nonce string `json:"nonce" required:"true" minLength:"8" maxLength:"100" doc:"a random string: sending the same one again returns the first submission"`
}

// SubmissionView is one submission whole, as its viewer may see it.
type SubmissionView struct {
	aihub.Submission
	Runs   []aihub.Run   `json:"runs"`
	Made   *aihub.Model  `json:"made,omitempty" doc:"the model that a training left"`
	Score  *aihub.Score  `json:"score,omitempty" doc:"what of it was released; absent before"`
	Budget *aihub.Budget `json:"budget,omitempty" doc:"of its organisation in its round"`
	Wait   *aihub.Wait   `json:"wait,omitempty" doc:"how long it waits, while it does"`
}

// Board is the ranking of one round.
type Board struct {
	Scenario aihub.Ref    `json:"scenario"`
	Title    aihub.Text   `json:"title"`
	Round    string       `json:"round"`
	Metrics  []string     `json:"metrics" doc:"ids, primary first"`
	Primary  string       `json:"primary"`
	Better   string       `json:"better" enum:"max,min"`
	AsOf     time.Time    `json:"as_of" doc:"the tick up to which outcomes are shown"`
	Entry    string       `json:"entry" enum:"best,last" doc:"which of an organisation's scores stands here: with last, every score is shown, better or not"`
	Final    bool         `json:"final" doc:"a final part: scored once, after the close, at full precision"`
	Budget   aihub.Budget `json:"budget" doc:"leak budget of the round's hidden part, for everyone together"`
	Rows     []BoardRow   `json:"rows"`
}

// Overall ranks organisations over several boards, each a task.
type Overall struct {
	Tasks []Task       `json:"tasks"`
	Rows  []OverallRow `json:"rows"`

	Friedman float64 `json:"friedman,omitempty" doc:"χ² of the places, the boards being blocks"`
	Apart    float64 `json:"apart,omitempty" doc:"Nemenyi's critical difference at 0.05 of mean places; absent with more than ten organisations, or where no board tells any apart"`
}

// Task is one board of an Overall.
type Task struct {
	Scenario aihub.Ref  `json:"scenario"`
	Title    aihub.Text `json:"title"`
	Round    string     `json:"round"`
	AsOf     time.Time  `json:"as_of"`
}

// OverallRow is an organisation's place. Baselines have none.
type OverallRow struct {
	Rank   int       `json:"rank"`
	Tied   bool      `json:"tied"`
	Org    aihub.Org `json:"org"`
	Mean   float64   `json:"mean" doc:"mean of places"`
	Places []float64 `json:"places" doc:"on each board; ties share their mean place, who is absent stands behind everyone"`
	Tasks  int       `json:"tasks" doc:"on how many of the boards it stands"`
}

// BoardRow is one place. Rows that the released precision or interval cannot
// tell apart share a rank.
type BoardRow struct {
	Rank       int                 `json:"rank"`
	Tied       bool                `json:"tied"`
	Org        aihub.Org           `json:"org"`
	Name       string              `json:"name"`
	Submission aihub.SubmissionID  `json:"submission"`
	Baseline   bool                `json:"baseline" doc:"entered by the scenario's own organisation"`
	Values     []aihub.MetricValue `json:"values" doc:"in the order of metrics"`
	At         time.Time           `json:"at" doc:"when it was submitted"`
	Standing   *Standing           `json:"standing,omitempty" doc:"on the board of a final round"`
	Proof      *aihub.Certificate  `json:"certificate,omitempty" doc:"how far its values can be off, as of their release"`
}

// Untested reports whether a final board has a difference that nobody could test.
func (b Board) Untested() bool {
	for i, r := range b.Rows {
		if i > 0 && r.Standing != nil && r.Standing.P == nil && r.Values[0].Status != aihub.MetricUndefined {
			return true
		}
	}
	return false
}

// Standing is what the board of a final round says of one row beside its values.
type Standing struct {
	P        *float64 `json:"p,omitempty" doc:"that it differs from the first row by chance alone: paired test, Holm-adjusted over all tested pairs; rows at 0.05 or more from their group's first share its rank. Absent: the first row itself, or not tested, as no spread of the values is known; then rows share a rank when they are equal in multiples of the step"`
	RankLo   int      `json:"rank_lo,omitempty" doc:"95 % of the bootstrap draws rank it from here; absent: not known"`
	RankHi   int      `json:"rank_hi,omitempty" doc:"to here"`
	First    *float64 `json:"first,omitempty" doc:"share of the draws in which nobody is better; absent: not known"`
	MeanRank float64  `json:"mean_rank" doc:"over the board's metrics, each a task; ties share their mean place"`
	Wall     float64  `json:"wall,omitempty" doc:"seconds of the run, rounded up to a power of two; absent: not known"`
	CPU      float64  `json:"cpu,omitempty" doc:"seconds of processor time, likewise"`
	Pareto   bool     `json:"pareto" doc:"nobody is as good, as quick and as cheap, and better in one of them"`
}

// Checkpoint is the newest signed state of the ledger.
type Checkpoint struct {
	Checkpoint string `json:"checkpoint" doc:"signed note: origin, size, root hash, signature"`
	Key        string `json:"key" doc:"the platform's public key (Ed25519, hex): keep it, receipts verify against it offline"`
}

// LedgerReport is what verifying the ledger found.
type LedgerReport struct {
	Leaves     int64         `json:"leaves" doc:"of both logs"`
	Root       string        `json:"root" doc:"root hash of what people decided, base64"`
	Rows       int64         `json:"rows" doc:"rows compared with the leaf that last wrote them"`
	Checkpoint string        `json:"checkpoint" doc:"the newest signed checkpoint"`
	Logs       []LedgerLog   `json:"logs"`
	Faults     []aihub.Fault `json:"faults,omitempty" doc:"what does not hold; absent when all does"`
}

// LedgerLog is one of the two logs of the ledger.
type LedgerLog struct {
	Log        string `json:"log" enum:"acts,runs"`
	Leaves     int64  `json:"leaves"`
	Root       string `json:"root"`
	Checkpoint string `json:"checkpoint"`
}

// NewUpload begins an upload in ranges.
type NewUpload struct {
	Size   int64        `json:"size" doc:"bytes of the whole file"`
	Digest aihub.Digest `json:"digest" maxLength:"71" doc:"sha256:… of the whole file"`
}

// Upload says how far an upload is.
type Upload struct {
	ID     string `json:"id"`
	Offset int64  `json:"offset" doc:"bytes that are there"`
	Size   int64  `json:"size"`
}
