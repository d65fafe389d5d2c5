package gvisor

import (
	"testing"
	"time"

	"aihub"
	"aihub/sandbox/gvisor/stage"
)

// What ended a container from outside counts before what it did by itself.
func TestResult(t *testing.T) {
	bad := &aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonOutput}
	for name, c := range map[string]struct {
		r      stage.Report
		reason aihub.Reason
		exit   int
	}{
		"good":                 {stage.Report{Exited: true}, "", 0},
		"137 by itself":        {stage.Report{Exited: true, Code: 137}, aihub.ReasonExit, 137},
		"memory":               {stage.Report{OOM: true}, aihub.ReasonMemory, 137},
		"memory, then exit 0":  {stage.Report{OOM: true, Exited: true}, aihub.ReasonMemory, 137},
		"memory and time":      {stage.Report{OOM: true, TimedOut: true}, aihub.ReasonMemory, 137},
		"time":                 {stage.Report{TimedOut: true}, aihub.ReasonTimeout, 137},
		"signal":               {stage.Report{Signal: 11}, aihub.ReasonSignal, 139},
		"no start":             {stage.Report{Start: "why"}, aihub.ReasonStart, 127},
		"output":               {stage.Report{Exited: true, Output: bad}, aihub.ReasonOutput, 0},
		"exit before output":   {stage.Report{Exited: true, Code: 1, Output: bad}, aihub.ReasonExit, 1},
		"signal before output": {stage.Report{Signal: 9, Output: bad}, aihub.ReasonSignal, 137},
	} {
		got := result(c.r, stage.Limits{Wall: time.Second}, false)
		if got.Failure.Reason != c.reason || got.Exit != c.exit || (c.reason != "") != (got.Failure.Owner == aihub.FaultVendor) {
			t.Errorf("%s: exit %d, %+v; want %d, %q", name, got.Exit, got.Failure, c.exit, c.reason)
		}
	}
}
