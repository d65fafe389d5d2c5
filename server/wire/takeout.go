package wire

import "aihub"

// AskFiles asks that files of a workspace that is over leave.
//
//	POST /workspaces/{id}/file-releases  AskFiles -> aihub.FileRelease
//	GET  /file-releases?workspace=       []aihub.FileRelease
//	GET  /file-releases/{id}             aihub.FileRelease
//	POST /file-releases/{id}/votes       Decide
//	GET  /file-releases/{id}/view?file=&from=  FileView, for reviewers
//	GET  /file-releases/{id}/files?file= its bytes, for its organisation once it is released
type AskFiles struct {
	Files   []string `json:"files" minItems:"1" maxItems:"20" doc:"paths below /output; 1 MiB at most each, 2 MiB together"`
	Purpose string   `json:"purpose" required:"true" minLength:"1" maxLength:"4000" doc:"what they are needed for; reviewers read it"`
}

// FileView is a piece of a file for a reviewer.
type FileView struct {
	File  aihub.ReleasedFile `json:"file"`
	From  int64              `json:"from"` // in bytes
	Next  int64              `json:"next"` // where the next piece begins; 0: this is the last
	Text  string             `json:"text"` // with every character that cannot be shown written out; of what is no text, hex
	IsHex bool               `json:"is_hex"`
}
