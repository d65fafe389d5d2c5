package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"aihub"
	"aihub/scenarios"
)

// Patience is how long a run may stay in a state before the platform takes it
// for stuck. A zero field means the default.
type Patience struct {
	Queued     time.Duration // default 7 days
	Preparing  time.Duration // from the claim on; default 30 minutes, for each of its two states
	Running    time.Duration // beyond twice the scenario's wall limit; default 5 minutes
	Collecting time.Duration // default 15 minutes
	Scoring    time.Duration // of a score run, beyond twice its scorer's wall limit if it has one; default 2 hours
	Pause      time.Duration // before the second attempt after a fault of the platform, six times that before the third; default 10 seconds
}

var patience = Patience{
	Queued: 7 * 24 * time.Hour, Preparing: 30 * time.Minute, Running: 5 * time.Minute,
	Collecting: 15 * time.Minute, Scoring: 2 * time.Hour, Pause: 10 * time.Second,
}

func (p Patience) or(d Patience) Patience {
	return Patience{
		Queued: cmp.Or(p.Queued, d.Queued), Preparing: cmp.Or(p.Preparing, d.Preparing), Running: cmp.Or(p.Running, d.Running),
		Collecting: cmp.Or(p.Collecting, d.Collecting), Scoring: cmp.Or(p.Scoring, d.Scoring), Pause: cmp.Or(p.Pause, d.Pause),
	}
}

// pause is how long to wait after a failed attempt.
func (p Patience) pause(attempt int) time.Duration {
	for ; attempt > 1; attempt-- {
		p.Pause *= 6
	}
	return p.Pause
}

// limits are those of a scenario that the queue counts with.
type limits struct {
	CPUs float64            `json:"cpus"`
	Wall scenarios.Duration `json:"wall"`

	Train     *trainLimits  `json:"-"` // nil: no training
	Workspace *limits       `json:"-"` // nil: no workspaces
	Scorer    time.Duration `json:"-"` // wall limit of one run of the scorer; 0: the platform computes the scores
}

// trainLimits are those of a training.
type trainLimits struct {
	Limits limits `json:"limits"`
	Quota  int    `json:"quota"`
}

// of returns the limits of the runs of a submission.
func (l limits) of(s aihub.Submission) limits {
	switch {
	case s.Workspace && l.Workspace != nil && l.Train != nil:
		return limits{CPUs: l.Train.Limits.CPUs, Wall: l.Workspace.Wall}
	case s.Train && l.Train != nil:
		return l.Train.Limits
	}
	return l
}

// limitsOf reads them from the spec.
func limitsOf(sc scenarioRow) (limits, error) {
	var m struct {
		Limits    limits       `json:"limits"`
		Train     *trainLimits `json:"train"`
		Workspace *limits      `json:"workspace"`
		Scorer    struct {
			Limits limits `json:"limits"`
		} `json:"scorer"`
	}
	if len(sc.Spec) == 0 {
		return m.Limits, nil
	}
	if err := json.Unmarshal(sc.Spec, &m); err != nil {
		return limits{}, fmt.Errorf("store: spec of %s: %w", sc.Ref, err)
	}
	m.Limits.Train, m.Limits.Workspace, m.Limits.Scorer = m.Train, m.Workspace, time.Duration(m.Scorer.Limits.Wall)
	return m.Limits, nil
}
