package aihub

import "time"

// Part names a cut of a dataset version.
type Part string

// The parts. Truth of a part is kept in a file of its own.
const (
	Sample Part = "sample" // public, with labels
	Train  Part = "train"  // seen only inside a sandbox, with labels
	Test   Part = "test"   // hidden inputs of ordinary rounds
	Final  Part = "final"  // hidden inputs, scored once
)

// Parts lists every part in the order they are cut.
var Parts = []Part{Sample, Train, Test, Final}

// Hidden reports whether a vendor may learn about p only through releases.
func (p Part) Hidden() bool { return p == Test || p == Final }

// PartFile is one cut of a dataset version, as Parquet. Input never holds a
// truth column; Truth holds the key and the truth columns. Files is the archive of
// the pictures and recordings that a column of Input names, one a row.
type PartFile struct {
	Part  Part   `json:"part"`
	Rows  int64  `json:"rows"`
	Input Digest `json:"input"`
	Truth Digest `json:"truth"`
	Files Digest `json:"files,omitempty"`
	Bytes int64  `json:"bytes"` // of all files
}

// Column describes one column of the masked table.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type"`           // string, int64, float64, bool, date, timestamp
	Truth bool   `json:"truth"`          // seen by the evaluator alone in hidden parts
	Note  Text   `json:"note"`           // what it means; and what masking did to it
	File  bool   `json:"file,omitempty"` // its values are paths of the rows' files, below the input
}

// DatasetState is where a dataset version stands.
type DatasetState string

// The states of a dataset version.
const (
	DatasetProposed  DatasetState = "proposed"  // masked and cut, waits for a second person
	DatasetPublished DatasetState = "published" // may be pinned by a scenario
	DatasetRejected  DatasetState = "rejected"
	DatasetWithdrawn DatasetState = "withdrawn"
)

var datasetMoves = moves[DatasetState]{
	DatasetProposed:  {DatasetPublished, DatasetRejected, DatasetWithdrawn},
	DatasetPublished: {DatasetWithdrawn},
}

// Next returns nil when s may become to.
func (s DatasetState) Next(to DatasetState) error { return datasetMoves.check("dataset", s, to) }

// DatasetVersion is an immutable masked dataset. Raw data is never part of it.
type DatasetVersion struct {
	Ref         Ref          `json:"ref"`
	Org         OrgID        `json:"org"`
	Author      UserID       `json:"author"`
	Approver    UserID       `json:"approver,omitempty"`
	State       DatasetState `json:"state"`
	Title       Text         `json:"title"`
	Description Text         `json:"description"`
	License     string       `json:"license"`
	Key         string       `json:"key"` // the row id column
	Columns     []Column     `json:"columns"`
	Parts       []PartFile   `json:"parts"`
	Content     Digest       `json:"content"`         // of the canonical list of columns and parts
	Plan        Digest       `json:"plan"`            // of the canonical mask plan
	Raw         Digest       `json:"raw"`             // of the raw file; lineage only
	Split       Digest       `json:"split,omitempty"` // of all that says which part a row goes to; lineage only
	Profile     Digest       `json:"profile"`         // blob: profile, detector evidence, risk numbers (JSON)
	Card        Digest       `json:"card"`            // blob: data card (Markdown, both languages)
	CreatedAt   time.Time    `json:"created_at"`
	DecidedAt   time.Time    `json:"decided_at"`       // of State: when it was published, rejected or withdrawn
	Reason      string       `json:"reason,omitempty"` // for State, of who decided: for stewards and reviewers

	Risk RiskRecord `json:"risk,omitzero"` // what the risk gate let it through with

	MaskKey     string    `json:"mask_key,omitempty"`     // id of the key it was masked with: org/scope#generation
	Level       int       `json:"level,omitempty"`        // of general data (GB/T 43697), 1 to 4: as declared, else LevelFound
	LevelFound  int       `json:"level_found,omitempty"`  // what the detectors' evidence does not fall below
	RetainUntil time.Time `json:"retain_until,omitzero"`  // when it is erased; zero: never by itself
	ErasedAt    time.Time `json:"erased_at,omitzero"`     // its parts cannot be read since
	EraseReason string    `json:"erase_reason,omitempty"` // for stewards and reviewers
}

// Lowered reports whether v was declared at a lower level than the evidence says.
func (v DatasetVersion) Lowered() bool { return v.Level < v.LevelFound }

// Reidentification is a steward's request to learn the raw values behind masked
// ones of a column (重标识). A second person grants it; the answer goes to its
// author alone and is never kept.
type Reidentification struct {
	ID        ReidentificationID    `json:"id"`
	Dataset   Ref                   `json:"dataset"`
	Org       OrgID                 `json:"org"`
	Column    string                `json:"column"`
	Masked    []string              `json:"masked"` // values as they were published
	Purpose   string                `json:"purpose"`
	Author    UserID                `json:"author"`
	Approver  UserID                `json:"approver,omitempty"`
	State     ReidentificationState `json:"state"`
	Reason    string                `json:"reason,omitempty"` // the approver's
	Reads     int                   `json:"reads"`            // how often the answer was given
	CreatedAt time.Time             `json:"created_at"`
	DecidedAt time.Time             `json:"decided_at"`
}

// ReidentificationState is where a request stands.
type ReidentificationState string

// The states of a re-identification.
const (
	ReidentificationRequested ReidentificationState = "requested"
	ReidentificationApproved  ReidentificationState = "approved"
	ReidentificationRejected  ReidentificationState = "rejected"
)

var reidentificationMoves = moves[ReidentificationState]{
	ReidentificationRequested: {ReidentificationApproved, ReidentificationRejected},
}

// Next returns nil when s may become to.
func (s ReidentificationState) Next(to ReidentificationState) error {
	return reidentificationMoves.check("re-identification", s, to)
}

// PrivacyBudget is how much differentially private aggregates of all versions of
// a dataset may cost together, and what was spent.
type PrivacyBudget struct {
	Dataset string      `json:"dataset"`  // name
	Measure string      `json:"measure"`  // pure (ε) or zcdp (ρ)
	Total   string      `json:"total"`    // a decimal or a fraction
	PerUnit int64       `json:"per_unit"` // rows that one person has at most
	Spent   []Aggregate `json:"spent"`    // oldest first
}

// Aggregate is a histogram that was published with differential privacy.
type Aggregate struct {
	ID      string          `json:"id"`
	Dataset Ref             `json:"dataset"`
	Column  string          `json:"column"`
	Cost    string          `json:"cost"`
	Cells   []AggregateCell `json:"cells"`
	Author  UserID          `json:"author"`
	At      time.Time       `json:"at"`
}

// AggregateCell is a value and about how many rows have it; "*" stands for every
// value that is not named. The noise is within ±Margin with a chance of 95 %.
type AggregateCell struct {
	Cell   string `json:"cell"`
	Rows   int64  `json:"rows"`
	Margin int64  `json:"margin"`
}

// File returns the cut p of v, or false.
func (v DatasetVersion) File(p Part) (PartFile, bool) {
	for _, f := range v.Parts {
		if f.Part == p {
			return f, true
		}
	}
	return PartFile{}, false
}
