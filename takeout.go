package aihub

import "time"

// FileRelease asks that files which a person left in the /output of a workspace
// leave (出域): they are searched for what is hidden, reviewers of other
// organisations look at them and vote, and what two of them approve its
// organisation may fetch. What is asked for is frozen by digest.
type FileRelease struct {
	ID        FileReleaseID  `json:"id"`
	Workspace SubmissionID   `json:"workspace"`
	Scenario  Ref            `json:"scenario"`
	Org       OrgID          `json:"org"` // its people never review it
	Author    UserID         `json:"author"`
	Purpose   string         `json:"purpose"`
	Files     []ReleasedFile `json:"files"`
	Found     *Search        `json:"found,omitempty"` // for reviewers: to its author it would confirm guesses
	State     ReleaseState   `json:"state"`
	Votes     []Vote         `json:"votes,omitempty"`
	CreatedAt time.Time      `json:"created_at"`
	DecidedAt time.Time      `json:"decided_at,omitzero"`
	Fetched   int            `json:"fetched"` // how often its files were handed out
}

// ReleasedFile is one file below /output.
type ReleasedFile struct {
	Path   string `json:"path"` // with slashes
	Bytes  int64  `json:"bytes"`
	Digest Digest `json:"digest"`
}

// Search says what was looked for in files that would leave, and what was found.
type Search struct {
	Keys  int64   `json:"keys"`  // of hidden and train rows, and the ids under which the workspace saw rows
	Of    int64   `json:"of"`    // there are so many; not all fit a search
	Found []Found `json:"found"` // nothing of it: empty
}

// Found is one finding in one file.
type Found struct {
	Path  string      `json:"path"`
	What  SearchFound `json:"what"`
	Count int         `json:"count"` // different keys; at most SearchUpTo
}

// SearchFound is a kind of finding.
type SearchFound string

// The kinds. Files with a key, or that were not searched to the end, are approved
// by nobody.
const (
	FoundHidden SearchFound = "hidden_key" // the key of a row of a hidden part
	FoundRow    SearchFound = "row"        // the key or id of a row of the train part
	FoundBinary SearchFound = "binary"     // no text: a search and a reader see little of it
	FoundMore   SearchFound = "unsearched" // more is compressed in it than a search looks through
)

// SearchUpTo bounds the keys that a finding counts.
const SearchUpTo = 1000

// Blocks reports whether something was found that never leaves.
func (s Search) Blocks() bool {
	for _, f := range s.Found {
		if f.What != FoundBinary {
			return true
		}
	}
	return false
}
