package wire

import "aihub"

// NewWorkspace opens a workspace: an image with a shell.
type NewWorkspace struct {
	Image aihub.Digest `json:"image"`
	Name  string       `json:"name,omitempty" maxLength:"200"`
	Nonce string       `json:"nonce,omitempty" maxLength:"200" doc:"repeating it returns the first workspace"`
}

// Close ends a workspace.
type Close struct {
	Reason string `json:"reason,omitempty" maxLength:"4000"`
}

// Window is the size of a terminal in characters.
type Window struct {
	Cols uint16 `json:"cols" minimum:"2" maximum:"1000"`
	Rows uint16 `json:"rows" minimum:"2" maximum:"1000"`
}

// Typed says how many bytes were typed into a workspace so far.
type Typed struct {
	At int64 `json:"at"`
}

// Seat is an event of a workspace's stream, beside "screen", whose data are bytes
// in base64: "seat" at the beginning, "watching" when that changes, "end" at last.
type Seat struct {
	Notice   aihub.Text `json:"notice,omitzero"`
	At       int64      `json:"at"` // bytes typed so far
	State    string     `json:"state,omitempty"`
	Watching []string   `json:"watching,omitempty"`
	Why      aihub.Text `json:"why,omitzero"`
}
