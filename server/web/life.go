package web

import (
	"strings"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/wire"
)

// lifeView is what became of a version after it was published, and what a steward
// of its organisation or a reviewer may do about it.
type lifeView struct {
	budget   *aihub.PrivacyBudget // nil: none
	requests []aihub.Reidentification
	columns  []string // that may be asked about
	answer   []wire.Revealed
}

func (s *Site) life(c *gin.Context, p *page, v aihub.DatasetVersion) (l lifeView, err error) {
	ctx := c.Request.Context()
	b, err := s.Desk.Privacy(ctx, p.actor, v.Ref.String())
	if err == nil {
		l.budget = &b
	} else if aihub.KindOf(err) != aihub.NotFound {
		return l, err
	}
	if !p.actor.Has(aihub.Steward) && !p.actor.Has(aihub.Reviewer) {
		return l, nil
	}
	all, err := s.Desk.Reidentifications(ctx, p.actor)
	if err != nil {
		return l, err
	}
	for _, r := range all {
		if r.Dataset == v.Ref {
			l.requests = append(l.requests, r)
		}
	}
	if stewards(p, v) {
		for _, col := range v.Columns {
			if s.Desk.Catalog.CanReveal(ctx, v, col.Name) == nil {
				l.columns = append(l.columns, col.Name)
			}
		}
	}
	return l, nil
}

// stewards reports whether the viewer is a steward of the version's organisation.
func stewards(p *page, v aihub.DatasetVersion) bool {
	return p.actor.Org != "" && p.actor.Org == v.Org && p.actor.Has(aihub.Steward)
}

// mayErase reports whether the viewer's organisation may erase the version.
func (v datasetView) mayErase(p *page) bool {
	return stewards(p, v.DatasetVersion) && v.ErasedAt.IsZero() && (v.State == aihub.DatasetWithdrawn || v.State == aihub.DatasetRejected)
}

func (s *Site) eraseDataset(c *gin.Context, p *page) (templ.Component, error) {
	f, err := form(c)
	if err != nil {
		return nil, err
	}
	if err := s.Desk.EraseDataset(c.Request.Context(), p.actor, c.Param("ref"), wire.Withdraw{Reason: f.Get("reason")}); err != nil {
		return nil, err
	}
	back(c, "/datasets/"+c.Param("ref"), "erased")
	return nil, nil
}

func (s *Site) reidentify(c *gin.Context, p *page) (templ.Component, error) {
	f, err := form(c)
	if err != nil {
		return nil, err
	}
	in := wire.Reidentify{Column: f.Get("column"), Purpose: f.Get("purpose")}
	for line := range strings.Lines(f.Get("values")) {
		if line = strings.TrimSpace(line); line != "" {
			in.Masked = append(in.Masked, line)
		}
	}
	if _, err := s.Desk.Reidentify(c.Request.Context(), p.actor, c.Param("ref"), in); err != nil {
		return nil, err
	}
	back(c, "/datasets/"+c.Param("ref"), "asked")
	return nil, nil
}

// reveal shows the answer to a request on the page of its dataset, once: it is
// no address that can be opened again.
func (s *Site) reveal(c *gin.Context, p *page) (templ.Component, error) {
	answer, err := s.Desk.Reveal(c.Request.Context(), p.actor, aihub.ReidentificationID(c.Param("id")))
	if err != nil {
		return nil, err
	}
	return s.datasetWith(c, p, c.Param("ref"), answer)
}

func (s *Site) decideReidentification(c *gin.Context, p *page) (templ.Component, error) {
	return s.decide(c, p, "decided", func(in wire.Decide) error {
		return s.Desk.DecideReidentification(c.Request.Context(), p.actor, aihub.ReidentificationID(c.Param("id")), in)
	})
}
