package web

import (
	"strings"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/catalog"
	"aihub/server/wire"
)

// lifeView is what became of a version after it was published, and what a steward
// of its organisation or a reviewer may do about it.
type lifeView struct {
	budget   *aihub.PrivacyBudget // nil: none
	requests []aihub.Reidentification
	columns  []string // that may be asked about
	answer   []wire.Revealed
	versions []aihub.DatasetVersion // the others of its name
	against  aihub.Ref              // which of them changes are told from; zero: none
	changes  []catalog.Change
}

// compare lists the other versions and what differs from the one that is asked
// for, or else from the newest before this.
func (s *Site) compare(c *gin.Context, p *page, v aihub.DatasetVersion, l *lifeView) (err error) {
	ctx := c.Request.Context()
	if l.versions, err = s.Desk.Versions(ctx, p.actor, v.Ref); err != nil {
		return err
	}
	asked := c.Query("with")
	for _, o := range l.versions {
		if asked == o.Ref.String() || asked == "" && l.against == (aihub.Ref{}) && o.Ref.Version < v.Ref.Version {
			l.against = o.Ref
		}
	}
	if l.against == (aihub.Ref{}) {
		return nil
	}
	l.changes, err = s.Desk.Diff(ctx, p.actor, l.against.String(), v.Ref.String())
	return err
}

// change renders a value of a difference.
func (p *page) change(what, value string) string {
	switch {
	case value == "":
		return "—"
	case what == "truth":
		return p.t("web.diff.truth." + value)
	}
	return value
}

func (s *Site) life(c *gin.Context, p *page, v aihub.DatasetVersion) (l lifeView, err error) {
	ctx := c.Request.Context()
	if err := s.compare(c, p, v, &l); err != nil {
		return l, err
	}
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
