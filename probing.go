package aihub

// Probing says who asks about single rows of a hidden part: which submissions of a
// round are nearly the same as an earlier one. It is for those who run the round.
type Probing struct {
	Orgs  []Prober `json:"orgs"`  // the most probing first
	Twins []Twins  `json:"twins"` // newest first, at most a hundred
}

// Probe is a scored submission with its primary metric under each bootstrap draw of
// its round.
type Probe struct {
	Submission SubmissionID
	Org        OrgID
	Sample     []float64
}

// Prober is an organisation that entered something.
type Prober struct {
	Org         OrgID `json:"org"`
	Submissions int   `json:"submissions"` // that were scored
	Near        int   `json:"near"`        // of these, nearly the same as an earlier one of anybody's: the probing score
	Identical   int   `json:"identical"`   // of these, the same under every draw
	Foreign     int   `json:"foreign"`     // of those near, to one of another organisation
}

// Twins are a submission and the earlier one that is nearest to it.
type Twins struct {
	Later      SubmissionID `json:"later"`
	Org        OrgID        `json:"org"`
	Earlier    SubmissionID `json:"earlier"`
	EarlierOrg OrgID        `json:"earlier_org"`
	Differ     float64      `json:"differ"` // variance of the difference over the sum of both variances: 0 the same, 1 unrelated
	Identical  bool         `json:"identical"`
}
