package aihub

import "time"

// KeptImage is an image that an organisation keeps on the platform, to be submitted.
type KeptImage struct {
	Digest    Digest    `json:"digest" doc:"of its manifest: submissions name it by this"`
	Org       OrgID     `json:"org"`
	Bytes     int64     `json:"bytes" doc:"size of its layers and manifests, compressed; other images may share some"`
	CreatedAt time.Time `json:"created_at"`

	Submissions int          `json:"submissions" doc:"that name it, over or not"`
	Last        SubmissionID `json:"last,omitempty" doc:"the newest of them"`
	Needed      bool         `json:"needed" doc:"a submission whose outcome may not be seen yet, or a scorer, needs it: it cannot be deleted"`
}
