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
// truth column; Truth holds the key and the truth columns.
type PartFile struct {
	Part  Part   `json:"part"`
	Rows  int64  `json:"rows"`
	Input Digest `json:"input"`
	Truth Digest `json:"truth"`
	Bytes int64  `json:"bytes"` // of both files
}

// Column describes one column of the masked table.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type"`  // string, int64, float64, bool, date, timestamp
	Truth bool   `json:"truth"` // seen by the evaluator alone in hidden parts
	Note  Text   `json:"note"`  // what it means; and what masking did to it
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
	Content     Digest       `json:"content"` // of the canonical list of columns and parts
	Plan        Digest       `json:"plan"`    // of the canonical mask plan
	Raw         Digest       `json:"raw"`     // of the raw file; lineage only
	Profile     Digest       `json:"profile"` // blob: profile, detector evidence, risk numbers (JSON)
	Card        Digest       `json:"card"`    // blob: data card (Markdown, both languages)
	CreatedAt   time.Time    `json:"created_at"`
	DecidedAt   time.Time    `json:"decided_at"`
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
