// Package policies answers "may she?". An Actor (a person with roles in an
// organisation, or the platform itself) asks to take an Action on an Object;
// the Engine, a casbin model over typed tuples (role, kind, action, relation),
// returns a Permit or a refusal. A Permit cannot be made anywhere else, and
// every write of internal/store that a person causes takes one: forgetting the
// check does not compile. A Scope is the same for reads: it says which
// organisation's things an actor may see.
//
// What may leave, and with how many digits, is package sharing's; the log that
// keeps every Decision is package ledger's.
package policies

import (
	"strings"
	"time"

	"aihub"
)

// Action is a verb on an Object, "kind.verb".
type Action string

// The actions, and what the Object of each says. ID is what Permit.Check of
// the store compares; a field that is not named does not matter. A missing Org,
// Author or For that a rule looks at means refusal.
//
//	org.create         ID: the new organisation
//	user.create        ID: the new user
//	token.create       ID: whose token it is (also to delete it)
//	dataset.propose    ID: name; Org: who owns the name (for a new one: the actor's)
//	dataset.approve    ID: name@N; Author: who proposed it
//	dataset.withdraw   ID: name@N; Org: whose dataset
//	dataset.erase      ID: name@N; Org: whose dataset
//	key.rotate         ID: org/scope; Org: whose mask scope
//	reidentify.request ID: name@N; Org: whose dataset
//	reidentify.approve ID: request; Author: who made it
//	reidentify.read    ID: request; Org: whose dataset; Author: who made it
//	aggregate.publish  ID: name@N; Org: whose dataset
//	scenario.publish   ID: name; Org: who owns the name (for a new one: the actor's)
//	scenario.close     ID: name@N; Org: whose scenario
//	scenario.withdraw  ID: name@N; Org: whose scenario
//	enrolment.request  ID: scenario; For: the organisation that enrols
//	enrolment.decide   ID: enrolment; Org: whose scenario; For: the organisation that enrols
//	enrolment.revoke   ID: enrolment; Org: whose scenario
//	submission.create  ID: scenario; Org: whose scenario; For: the organisation that submits
//	submission.cancel  ID: submission; Org: the organisation that submitted
//	workspace.open     ID: scenario; Org: whose scenario; For: the organisation that opens it
//	workspace.close    ID: submission; Org: whose scenario
//	score.again        ID: submission; Org: whose scenario
//	scorer.propose     ID: image; Org: whose image
//	scorer.approve     ID: scorer; Author: who proposed it
//	release.vote       ID: release; Org: the organisation that submitted
//	release.score      ID: release
//	files.request      ID: workspace; Org: the organisation that opened it
//	files.vote         ID: release of files; Org: the organisation that asks
//	files.fetch        ID: release of files; Org: the organisation that asked
//	model.delete       ID: model; Org: the organisation that trained it
//	image.push         ID and Org: whose image it will be
//	image.delete       ID: org/digest; Org: whose image it is
//	log.read           ID: run; Org: whose scenario
//	ledger.read        nothing
//	sample.read        ID: name@N; Org: empty when the version is published, else whose dataset
const (
	OrgCreate        Action = "org.create"
	UserCreate       Action = "user.create"
	TokenCreate      Action = "token.create"
	DatasetPropose   Action = "dataset.propose"
	DatasetApprove   Action = "dataset.approve" // and reject; never by its author
	DatasetWithdraw  Action = "dataset.withdraw"
	DatasetErase     Action = "dataset.erase" // of a version out of use; the platform, when its time is over
	KeyRotate        Action = "key.rotate"
	AggregatePublish Action = "aggregate.publish" // with differential privacy
	ScenarioPublish  Action = "scenario.publish"
	ScenarioClose    Action = "scenario.close"
	ScenarioWithdraw Action = "scenario.withdraw"
	EnrolmentRequest Action = "enrolment.request"
	EnrolmentDecide  Action = "enrolment.decide"
	EnrolmentRevoke  Action = "enrolment.revoke"
	SubmissionCreate Action = "submission.create"
	SubmissionCancel Action = "submission.cancel"
	ScoreAgain       Action = "score.again" // adds a score, changes none
	ScorerPropose    Action = "scorer.propose"
	ScorerApprove    Action = "scorer.approve" // and reject; never by its author
	WorkspaceOpen    Action = "workspace.open"
	WorkspaceClose   Action = "workspace.close" // another organisation's
	ReleaseVote      Action = "release.vote"    // never by the organisation it is about
	ReleaseScore     Action = "release.score"   // the platform, when sharing says so
	FilesRequest     Action = "files.request"   // that files of a workspace leave
	FilesVote        Action = "files.vote"      // and look at them; never by the organisation that asks
	FilesFetch       Action = "files.fetch"
	ModelDelete      Action = "model.delete"
	ImagePush        Action = "image.push"
	ImageDelete      Action = "image.delete"
	LogRead          Action = "log.read" // steward reads a hidden run's log
	LedgerRead       Action = "ledger.read"
	SampleRead       Action = "sample.read"

	ReidentifyRequest Action = "reidentify.request"
	ReidentifyApprove Action = "reidentify.approve" // and reject; never by its author
	ReidentifyRead    Action = "reidentify.read"    // by its author alone
)

// Actions lists every action.
var Actions = []Action{
	OrgCreate, UserCreate, TokenCreate, DatasetPropose, DatasetApprove, DatasetWithdraw,
	ScenarioPublish, ScenarioClose, EnrolmentRequest, EnrolmentDecide, EnrolmentRevoke,
	SubmissionCreate, SubmissionCancel, ReleaseVote, ReleaseScore, ImagePush, LogRead,
	LedgerRead, SampleRead, ScenarioWithdraw, WorkspaceOpen, WorkspaceClose, ScoreAgain, ScorerPropose, ScorerApprove,
	FilesRequest, FilesVote, FilesFetch, ModelDelete, ImageDelete,
	DatasetErase, KeyRotate, AggregatePublish, ReidentifyRequest, ReidentifyApprove, ReidentifyRead,
}

// split returns the kind and the verb of a.
func (a Action) split() (kind, verb string) {
	kind, verb, _ = strings.Cut(string(a), ".")
	return kind, verb
}

// Object is what an action is about. Org is whose it is, Author who made it, and
// For the organisation that asks for it where that is not whose it is: rules of
// four eyes compare them with the actor. Which are needed is said at the actions.
type Object struct {
	Kind   string       `json:"kind"` // the part of the action before the dot
	ID     string       `json:"id"`
	Org    aihub.OrgID  `json:"org,omitempty"`
	Author aihub.UserID `json:"author,omitempty"`
	For    aihub.OrgID  `json:"for,omitempty"`
}

// Decision is what the engine found, as the ledger keeps it.
type Decision struct {
	Actor   aihub.Actor `json:"actor"`
	Action  Action      `json:"action"`
	Object  Object      `json:"object"`
	Allowed bool        `json:"allowed"`
	Rule    string      `json:"rule"` // the policy line that decided
	At      time.Time   `json:"at"`
}

// Permit is an allowed Decision. Its zero value permits nothing.
type Permit struct{ d Decision }

// Decision returns what was decided.
func (p Permit) Decision() Decision { return p.d }

// Actor returns who holds the permit.
func (p Permit) Actor() aihub.Actor { return p.d.Actor }

// Check returns nil when p allows action on the object with this id. The store
// calls it first in every write.
func (p Permit) Check(action Action, id string) error {
	if p.d.Allowed && p.d.Action == action && p.d.Object.ID == id {
		return nil
	}
	return aihub.Errorf(aihub.Refused, aihub.Text{
		EN: "this permit does not cover " + string(action) + " on " + id,
		ZH: "该许可不包括对 " + id + " 执行 " + string(action),
	})
}

// Scope says what an actor may read. Its zero value sees only what is public.
// Another organisation's thing and a thing that does not exist look the same.
type Scope struct {
	actor aihub.Actor
	all   bool
}

// ScopeOf returns what the actor may read. Without a user there are no roles.
func ScopeOf(a aihub.Actor) Scope {
	if a.Anonymous() {
		return Scope{}
	}
	return Scope{actor: a, all: a.Has(aihub.Steward) || a.Has(aihub.Reviewer) || a.User == system}
}

// Actor returns whose scope it is.
func (s Scope) Actor() aihub.Actor { return s.actor }

// All reports whether the scope covers every organisation's submissions, runs
// and enrolments (stewards, reviewers, the platform; not vendors or operators).
func (s Scope) All() bool { return s.all }

// Sees reports whether things of org are in scope.
func (s Scope) Sees(org aihub.OrgID) bool {
	return s.all || (org != "" && org == s.actor.Org)
}

const system aihub.UserID = "aihub:platform"

// Platform is the actor for what the platform does by itself.
func Platform() aihub.Actor { return aihub.Actor{User: system} }
