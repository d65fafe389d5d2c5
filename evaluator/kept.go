package evaluator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"aihub"
	"aihub/evaluator/metric"
	"aihub/evaluator/metric/forecast"
	"aihub/evaluator/metric/stat"
	"aihub/evaluator/metric/text"
	"aihub/internal/blob"
	"aihub/scenarios"
)

// keptRows finds metrics that keep every row of a part which has too many.
func keptRows(spec scenarios.Spec, f aihub.PartFile) (faults []aihub.Fault) {
	kept := f.Rows * int64(1+len(spec.Slices)) // a row is in a group of each slice, too
	for i, m := range spec.Metrics {
		most, ok := text.MaxTexts[m.Use]
		if scenarios.KnownMetrics[m.Use].Needs == scenarios.NeedsRatings {
			most, ok = stat.MaxRated, true
		}
		if ok && kept > int64(most) {
			faults = append(faults, aihub.Fault{Code: metric.TooManyRows, Where: fmt.Sprintf("%s: metrics[%d].use", f.Part, i), Message: aihub.Text{
				EN: fmt.Sprintf("%s keeps every row, once more for each slice, and takes at most %d; of this part it would keep %d", m.Use, most, kept),
				ZH: fmt.Sprintf("%s 须保留每一行（每个切片再各一次），至多 %d 行，而该分区须保留 %d 行", m.Use, most, kept),
			}})
		}
		if m.Use == "ece_mass@1" && kept > metric.MaxMassRows {
			faults = append(faults, aihub.Fault{Code: metric.TooManyRows, Where: fmt.Sprintf("%s: metrics[%d].use", f.Part, i), Message: aihub.Text{
				EN: fmt.Sprintf("%s keeps every row, once more for each slice, and takes at most %d; of this part it would keep %d: use ece@1, whose bins are of equal width", m.Use, metric.MaxMassRows, kept),
				ZH: fmt.Sprintf("%s 须保留每一行（每个切片再各一次），至多 %d 行，而该分区须保留 %d 行：请改用等宽分箱的 ece@1", m.Use, metric.MaxMassRows, kept),
			}})
		}
	}
	return faults
}

// keptNumbers finds wrmsse@1 with levels, which keeps every number of every series, of
// a part that has more than most: it counts those of the whole part, however large it is.
func keptNumbers(ctx context.Context, blobs blob.Store, v aihub.DatasetVersion, spec scenarios.Spec, f aihub.PartFile, dir string, most int64) (faults []aihub.Fault, err error) {
	for i, m := range spec.Metrics {
		if by, given := m.Params["by"].(string); m.Use != "wrmsse@1" || !given || by == "series" {
			continue
		}
		path := filepath.Join(dir, "kept-truth")
		if err := blob.Fetch(ctx, blobs, f.Truth, path); err != nil {
			return nil, err
		}
		defer os.Remove(path)
		n, err := countNumbers(ctx, spec, v.Key, path)
		if err != nil {
			return nil, err
		}
		n *= int64(1 + len(spec.Slices)) // a series is in a group of each slice, too
		if n <= most {
			return nil, nil
		}
		return []aihub.Fault{{Code: metric.TooManyRows, Where: fmt.Sprintf("%s: metrics[%d].params.by", f.Part, i), Message: aihub.Text{
			EN: fmt.Sprintf("levels keep every number of every series, once more for each slice, and take at most %d; of this part they would keep %d: shorten the pasts, or write by: series", most, n),
			ZH: fmt.Sprintf("分层须保留每条序列的每个数（每个切片再各一次），至多 %d 个，而该分区须保留 %d 个：请缩短历史，或写 by: series", most, n),
		}}}, nil
	}
	return nil, nil
}

// countNumbers is how many numbers the series of a truth have, with a forecast each.
func countNumbers(ctx context.Context, spec scenarios.Spec, key, truth string) (n int64, err error) {
	r, err := openLabelled(truth, key, spec, nil)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	kind := cellsOf(spec)
	err = scanTruth(ctx, r, key, spec, nil, func(_ string, l label) error {
		u := kind.Unit("", l.str, kind.Empty).(*forecast.Series)
		n += int64(len(u.Past) + len(u.Truth) + len(u.Pred))
		return nil
	})
	return n, err
}
