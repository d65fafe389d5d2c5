package web

import (
	"net/url"
	"strconv"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/internal/store"
	"aihub/server/wire"
)

// listed is how many things a page of a listing has.
const listed = 60

type datasetsView struct {
	query   string
	state   string
	states  []option
	org     string
	license string
	total   int
	entries []store.CatalogueEntry
	next    string // address of the next page; "" when this is the last
}

func (s *Site) datasets(c *gin.Context, p *page) (templ.Component, error) {
	v := datasetsView{query: clipped(c.Query("q")), org: clipped(c.Query("org")), license: clipped(c.Query("license"))}
	states := []aihub.DatasetState{aihub.DatasetPublished}
	if p.actor.Has(aihub.Steward) || p.actor.Has(aihub.Reviewer) {
		states = append(states, aihub.DatasetProposed, aihub.DatasetRejected, aihub.DatasetWithdrawn)
	}
	for _, st := range states {
		v.states = append(v.states, option{string(st), p.t("web.dataset_state." + string(st))})
		if c.Query("state") == string(st) {
			v.state = string(st)
		}
	}
	offset, _ := strconv.Atoi(c.Query("from")) // what is no number is the beginning
	offset = max(offset, 0)
	found, err := s.Desk.Search(c.Request.Context(), p.actor, store.CatalogueQuery{Kind: "dataset", Words: v.query, State: v.state, Org: aihub.OrgID(v.org), License: v.license, Offset: offset, Limit: listed})
	if err != nil {
		return nil, err
	}
	v.total, v.entries = found.Total, found.Entries
	if next := offset + len(found.Entries); len(found.Entries) > 0 && next < found.Total {
		at := url.Values{"from": {strconv.Itoa(next)}}
		for k, word := range map[string]string{"q": v.query, "state": v.state, "org": v.org, "license": v.license} {
			if word != "" {
				at.Set(k, word)
			}
		}
		v.next = "/datasets?" + at.Encode()
	}
	p.nav, p.title = "datasets", p.t("web.datasets.title")
	return datasetsPage(p, v), nil
}

// filtered reports whether anything narrows the list.
func (v datasetsView) filtered() bool { return v.query+v.state+v.org+v.license != "" }

func (s *Site) withdrawDataset(c *gin.Context, p *page) (templ.Component, error) {
	f, err := form(c)
	if err != nil {
		return nil, err
	}
	if err := s.Desk.WithdrawDataset(c.Request.Context(), p.actor, c.Param("ref"), wire.Withdraw{Reason: f.Get("reason")}); err != nil {
		return nil, err
	}
	back(c, "/datasets/"+c.Param("ref"), "withdrawn")
	return nil, nil
}

func (s *Site) withdrawScenario(c *gin.Context, p *page) (templ.Component, error) {
	f, err := form(c)
	if err != nil {
		return nil, err
	}
	if err := s.Desk.WithdrawScenario(c.Request.Context(), p.actor, c.Param("ref"), wire.Withdraw{Reason: f.Get("reason")}); err != nil {
		return nil, err
	}
	back(c, "/scenarios/"+c.Param("ref"), "withdrawn")
	return nil, nil
}

// mayWithdraw reports whether the viewer's organisation may take the version back.
func (v datasetView) mayWithdraw(p *page) bool {
	return v.State.Next(aihub.DatasetWithdrawn) == nil && p.actor.Org != "" && p.actor.Org == v.Org && p.actor.Has(aihub.Steward)
}
