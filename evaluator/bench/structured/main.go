// Command structured times the metrics of units for structured.py: it reads a
// task from a file, measures it several times, and prints the least processor
// time in seconds and the values as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"aihub/evaluator/metric"
	"aihub/evaluator/metric/speech"
	"aihub/evaluator/metric/track"
	"aihub/evaluator/metric/vision"
)

type task struct {
	Kind   string
	Images []struct {
		ID          int64
		Truth, Pred []struct {
			Class       int
			Box         [4]float64
			Area, Score float64
			Crowd       bool
		}
	}
	Ref, Hyp  []string
	Sequences [][]struct{ Truth, Pred [][5]float64 } // id, box
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(path, rounds string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(rounds)
	if err != nil {
		return err
	}
	var t task
	if err := json.Unmarshal(b, &t); err != nil {
		return err
	}
	measure, ok := map[string]func(*task) func() map[string]float64{"coco": coco, "cer": cer, "track": tracks}[t.Kind]
	if !ok {
		return fmt.Errorf("no task %q", t.Kind)
	}
	work := measure(&t)
	var values map[string]float64
	best := 0.0
	for i := range n {
		start := cpu()
		values = work()
		if took := cpu() - start; i == 0 || took < best {
			best = took
		}
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"cpu": best, "values": values})
}

// cpu is the processor time of all threads, collection of garbage included.
func cpu() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

func gather(m metric.Measure, us []any, names ...string) map[string]float64 {
	g := m.New(nil)
	for _, u := range us {
		g.Add(u, 0)
	}
	out := map[string]float64{}
	for _, name := range names {
		out[name] = g.Result(name).Value
	}
	return out
}

func coco(t *task) func() map[string]float64 {
	var us []any
	for _, im := range t.Images {
		u := &vision.Image{ID: im.ID}
		for _, o := range im.Truth {
			u.Truth = append(u.Truth, vision.Object{Class: o.Class, Box: o.Box, Area: o.Area, Crowd: o.Crowd})
		}
		for _, o := range im.Pred {
			u.Pred = append(u.Pred, vision.Object{Class: o.Class, Box: o.Box, Score: o.Score})
		}
		us = append(us, u)
	}
	return func() map[string]float64 {
		return gather(vision.COCO(false), us, "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large")
	}
}

func cer(t *task) func() map[string]float64 {
	var a speech.Aligner // as scoring keeps its own
	return func() map[string]float64 {
		var e speech.Edits
		for i := range t.Ref {
			x := a.AlignText(t.Ref[i], t.Hyp[i])
			e.Sub += x.Sub
			e.Del += x.Del
			e.Ins += x.Ins
		}
		return map[string]float64{"errors": float64(e.Errors()), "sub": float64(e.Sub)}
	}
}

func tracks(t *task) func() map[string]float64 {
	boxes := func(list [][5]float64) (out []track.Box) {
		for _, x := range list {
			out = append(out, track.Box{ID: int64(x[0]), Box: [4]float64(x[1:])})
		}
		return out
	}
	var us []any
	for _, s := range t.Sequences {
		u := &track.Sequence{}
		for _, f := range s {
			u.Frames = append(u.Frames, track.Frame{Truth: boxes(f.Truth), Pred: boxes(f.Pred)})
		}
		us = append(us, u)
	}
	return func() map[string]float64 { return gather(track.Tracking(), us, "hota", "mota", "idf1") }
}
