package evaluator

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"aihub"
)

// The rate of rows is made of their number: nothing is kept of each.
func TestThroughputKeepsNoRows(t *testing.T) { // not parallel: it counts what is allocated
	plan, err := NewPlan(textSpec(t, "jsonl", "{use: cer@1, primary: true}, {use: throughput@1, range: [0, 1e6], step: 1e5}"), "")
	if err != nil {
		t.Fatal(err)
	}
	const rows = 1_000_000
	s := Scoring{Plan: plan, Took: 4 * time.Second}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := s.timed(t.Context(), "", rows, []aihub.MetricValue{{ID: "cer"}})
	runtime.ReadMemStats(&after)
	if err != nil || len(got) != 2 || got[1].Value != rows/4 || got[1].N != rows || got[1].Status != aihub.MetricOK {
		t.Errorf("%+v %v", got, err)
	}
	if d := after.TotalAlloc - before.TotalAlloc; d > rows {
		t.Errorf("%d bytes for %d rows", d, rows)
	}
}

// Where ratings are of categories, one that is none is refused with its row: it would
// leave the whole metric undefined.
func TestRatingsAreOfCategories(t *testing.T) {
	t.Parallel()
	for _, use := range []string{"fleiss@1", "gwet_ac1@1"} {
		spec := unitSpec(t, "jsonl", "  - {use: "+use+", primary: true, params: {categories: 3}}\n")
		for said, good := range map[string]bool{"0": true, "2": true, " 1 ": true, "2.0": true, "3": false, "7.5": false, "0.5": false, "-1": false, "": false} {
			_, faults, err := CheckPredictions(t.Context(), spec, write(t, fmt.Sprintf("{\"id\":\"unit-0\",\"answer\":%q}\n", said)), mustIDs(t, "unit-0"))
			if err != nil || good != (len(faults) == 0) {
				t.Errorf("%s of %q: %+v %v", use, said, faults, err)
			}
			if !good && said != "" && (faults[0].Code != "bad_cell" || !strings.Contains(faults[0].Message.EN, "a whole number from 0 to 2") || !strings.Contains(faults[0].Message.ZH, "0 至 2 的整数") ||
				!strings.Contains(strings.Join(faults[0].Examples, " "), said)) {
				t.Errorf("%s of %q: %+v", use, said, faults)
			}
		}
		if _, err := ReadTruth(t.Context(), cellsFile(t, []string{"0 1 2", "0 3 1"}), "id", spec); len(faultsOf(err)) != 1 {
			t.Errorf("%s: true ratings beyond the categories passed: %v", use, err)
		}
	}
	spec := unitSpec(t, "jsonl", "  - {use: krippendorff@1, primary: true}\n")
	if _, faults, err := CheckPredictions(t.Context(), spec, write(t, "{\"id\":\"unit-0\",\"answer\":\"-7.5\"}\n"), mustIDs(t, "unit-0")); err != nil || faults != nil {
		t.Errorf("ratings of no categories are numbers: %+v %v", faults, err)
	}
}
