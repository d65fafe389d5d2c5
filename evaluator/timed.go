package evaluator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/evaluator/metric/stat"
	"aihub/internal/table"
	"aihub/scenarios"
)

// NotMeasured is the reason of a metric of timings where no run was timed.
const NotMeasured = "not_measured"

// A run answers all rows when it ends. To the platform, whose clock alone counts, it
// is one request: latency@1 is its seconds, throughput@1 the rows over them, rtf@1
// them over the seconds of all rows' media.

// timed puts the metrics of timings into their places among the values of the
// others; see Scoring.Took. rows are those of the truth.
func (s Scoring) timed(ctx context.Context, truthPath string, rows int64, values []aihub.MetricValue) ([]aihub.MetricValue, error) {
	if len(s.Plan.timed) == 0 {
		return values, nil
	}
	out := make([]aihub.MetricValue, 0, len(values)+len(s.Plan.timed))
	for i, m := range s.Plan.all.Metrics {
		u, ok := s.Plan.timed[i]
		if !ok {
			out, values = append(out, values[0]), values[1:]
			continue
		}
		r, err := s.time(ctx, u, truthPath, rows)
		if err != nil {
			return nil, err
		}
		out = append(out, aihub.MetricValue{ID: m.ID, Signature: u.Signature() + onUndefined(m), Value: r.Value, N: rows, Status: r.Status, Reason: r.Reason})
	}
	return out, nil
}

func (s Scoring) time(ctx context.Context, m *metric.UnitMetric, truthPath string, rows int64) (metric.Result, error) {
	if s.Took <= 0 {
		return metric.Undefined(rows, NotMeasured), nil
	}
	run := stat.Timing{End: s.Took.Seconds()}
	switch m.Use {
	case "rtf@1":
		media, ok, err := s.media(ctx, truthPath)
		if err != nil {
			return metric.Result{}, err
		}
		if !ok {
			return metric.Undefined(rows, metric.OutOfDomain), nil
		}
		run.Media = media
	case "throughput@1": // all rows end with the run; the measure would keep a time of each
		if rows == 0 {
			return metric.Undefined(0, metric.NoRows), nil
		}
		return metric.OK(float64(rows)/run.End, rows), nil
	}
	g := m.Measure.New(nil)
	g.Add(&run, 0)
	return m.Result(g), nil
}

// media sums the column that rtf@1 names, of the truth or else of the input; false
// when a row has no number there, or one below 0.
func (s Scoring) media(ctx context.Context, truthPath string) (seconds float64, ok bool, err error) {
	column := s.Plan.all.Media()
	path := truthPath
	has, err := columnsOf(truthPath)
	if err != nil {
		return 0, false, err
	}
	if !slices.Contains(has, column) {
		if s.Input == "" {
			return 0, false, nil
		}
		path = s.Input
	}
	var sum metric.Sum
	ok = true
	err = eachBatch(ctx, path, column, func(c *table.Column, rows int) {
		for i := range rows {
			text, _ := c.Text(i)
			v, err := strconv.ParseFloat(text, 64)
			if err != nil || !(v >= 0) || math.IsInf(v, 0) {
				ok = false
				return
			}
			sum.Add(v)
		}
	})
	return sum.Float(), ok, err
}

// mediaOfInput reports whether the column of rtf@1 is one that only the input of a
// part has.
func mediaOfInput(spec scenarios.Spec, columns []aihub.Column) bool {
	return slices.ContainsFunc(columns, func(c aihub.Column) bool { return !c.Truth && c.Name == spec.Media() })
}

// eachBatch reads one column of a file.
func eachBatch(ctx context.Context, path, column string, see func(c *table.Column, rows int)) (err error) {
	r, err := openColumns(path, []string{column}, "")
	if err != nil {
		return err
	}
	defer r.Close()
	at := -1
	for i, f := range r.Schema() {
		if f.Name == column {
			at = i
		}
	}
	if at < 0 {
		return fmt.Errorf("evaluator: no column %q", clip(column))
	}
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		see(&b.Cols[at], b.Rows)
	}
}

// took is how long a run was, by the platform's clock.
func took(run aihub.Run) time.Duration { return time.Duration(run.Usage.WallMS) * time.Millisecond }
