package aihub

import "fmt"

// SelfTest is one result of the predictions by which the scoring of a scenario is
// tried before its rounds open: of each it is declared how it must come out. It
// tells of the labels, and is for those who run the scenario.
type SelfTest struct {
	Part        Part         `json:"part"`
	Predictions string       `json:"predictions"`      // one of Trials
	Metric      string       `json:"metric,omitempty"` // its id; "": of the check of the file
	Declared    Declared     `json:"declared"`
	Lo          float64      `json:"lo"` // of DeclaredValue: from Lo to Hi
	Hi          float64      `json:"hi"`
	Code        string       `json:"code,omitempty"` // of DeclaredFault: of the fault; of DeclaredUndefined: the reason
	Value       float64      `json:"value"`
	Status      MetricStatus `json:"status,omitempty"` // "": the metric was not computed
	Reason      string       `json:"reason,omitempty"` // the metric's, or the code of the first fault
	Passed      bool         `json:"passed"`
}

// The predictions of a self-test.
const (
	TrialPerfect  = "perfect"
	TrialShuffled = "shuffled"
	TrialConstant = "constant"
	TrialRandom   = "random"
	TrialBlank    = "blank" // of texts and lists
	TrialEmpty    = "empty"
	TrialNaN      = "NaN"
)

// Declared is what is known beforehand of a result of a self-test.
type Declared string

// What can be declared.
const (
	DeclaredValue     Declared = "value"
	DeclaredSame      Declared = "same"      // as perfect predictions, to the last bit
	DeclaredWorse     Declared = "worse"     // than perfect predictions
	DeclaredUndefined Declared = "undefined" // for the reason Code
	DeclaredFault     Declared = "fault"     // Code, of the check
	DeclaredDefined   Declared = "defined"   // its best depends on the truth
	DeclaredNothing   Declared = "nothing"   // it depends on the truth
)

// Wanted says what was declared, as "0.5", "0.41–0.59" or the name of it.
func (s SelfTest) Wanted() string {
	switch {
	case s.Declared == DeclaredValue && s.Hi-s.Lo <= 4e-9*max(1, s.Hi, -s.Lo):
		return fmt.Sprintf("%.6g", tidy((s.Lo+s.Hi)/2))
	case s.Declared == DeclaredValue:
		return fmt.Sprintf("%.4g … %.4g", tidy(s.Lo), tidy(s.Hi))
	case s.Code != "":
		return s.Code
	}
	return string(s.Declared)
}

// Got says what was found.
func (s SelfTest) Got() string {
	switch {
	case s.Status == "" || s.Status == MetricUndefined:
		return s.Reason
	default:
		return fmt.Sprintf("%.6g", s.Value)
	}
}

// tidy takes a rounding error of the middle of a band for 0.
func tidy(v float64) float64 {
	if v > -1e-9 && v < 1e-9 {
		return 0
	}
	return v
}
