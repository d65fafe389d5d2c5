package evaluator

import (
	"context"

	"aihub"
	"aihub/evaluator/board"
	"aihub/internal/store"
	"aihub/policies"
)

// Standings ranks the rows of a final round anew by paired tests, and says of
// each how stable its rank is and what it costs to run. Rows come from
// board.Rank; step is that of the primary metric, directions are those of the
// board's metrics, primary first.
func Standings(ctx context.Context, db *store.DB, sc aihub.Ref, round string, rows []board.Row, step float64, directions []string) ([]board.Row, []board.Standing, error) {
	list, err := db.Measured(ctx, policies.ScopeOf(policies.Platform()), sc, round)
	if err != nil {
		return nil, nil, err
	}
	measured := map[aihub.SubmissionID]board.Measured{}
	for _, m := range list {
		measured[m.Submission] = board.Measured{Sample: m.Sample, Wall: float64(m.Usage.WallMS) / 1000, CPU: float64(m.Usage.CPUMS) / 1000}
	}
	rows, out := board.Final(rows, measured, step, directions[0], directions)
	return rows, out, nil
}
