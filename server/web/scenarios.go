package web

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/internal/i18n"
	"aihub/internal/store"
	"aihub/scenarios"
	"aihub/server/desk"
	"aihub/server/wire"
)

// option is one choice of a select.
type option struct{ value, label string }

func options(p *page, texts map[string]aihub.Text) []option {
	var out []option
	for _, k := range slices.Sorted(maps.Keys(texts)) {
		out = append(out, option{k, p.in(texts[k])})
	}
	return out
}

type homeView struct {
	cards         []wire.ScenarioCard
	query         string
	field, area   string
	fields, areas []option
}

func (v homeView) filtered() bool { return v.query != "" || v.field != "" || v.area != "" }

// clipped bounds a foreign string of a query.
func clipped(s string) string {
	r := []rune(strings.ToValidUTF8(s, ""))
	return string(r[:min(len(r), 100)])
}

func (s *Site) home(c *gin.Context, p *page) (templ.Component, error) {
	v := homeView{
		query: clipped(c.Query("q")), field: c.Query("field"), area: c.Query("area"),
		fields: options(p, scenarios.Fields), areas: options(p, scenarios.Areas),
	}
	if _, ok := scenarios.Fields[v.field]; !ok {
		v.field = ""
	}
	if _, ok := scenarios.Areas[v.area]; !ok {
		v.area = ""
	}
	var err error
	v.cards, err = s.Desk.Scenarios(c.Request.Context(), p.actor, store.ScenarioFilter{Query: v.query, Field: v.field, Area: v.area})
	if err != nil {
		return nil, err
	}
	p.nav, p.title = "scenarios", p.t("web.home.title")
	return homePage(p, v), nil
}

type scenarioView struct {
	wire.ScenarioView
	spec     scenarios.Spec
	data     aihub.DatasetVersion
	board    wire.Board
	bits     float64
	mine     *aihub.Enrolment  // the newest of the actor's organisation
	members  []aihub.Enrolment // approved, for whoever may end one
	tried    []aihub.SelfTest  // for a steward of the scenario's organisation
	compares bool              // its viewer runs the round, and may compare its submissions
	probing  *aihub.Probing    // when asked for
	purpose  string            // as typed, when the form comes back
}

// steward reports whether the actor's organisation owns the scenario.
func (v scenarioView) own(p *page) bool {
	return p.actor.Org != "" && p.actor.Org == v.Org && p.actor.Has(aihub.Steward)
}

// mayEnter reports whether the actor can submit.
func (v scenarioView) mayEnter(p *page) bool {
	return v.own(p) || p.actor.Has(aihub.Vendor) && v.mine != nil && v.mine.State == aihub.EnrolmentApproved
}

// note returns what a column of the dataset means.
func (v scenarioView) note(column string) aihub.Text {
	for _, c := range v.data.Columns {
		if c.Name == column {
			return c.Note
		}
	}
	return aihub.Text{}
}

func (v scenarioView) columnType(column string) string {
	for _, c := range v.data.Columns {
		if c.Name == column {
			return c.Type
		}
	}
	return ""
}

// asOf reads the day, or moment, of which a board is asked: its end, where the pages'
// times are. What is no date asks for now.
func asOf(s string) time.Time {
	if t, err := time.ParseInLocation(time.DateOnly, s, i18n.China); err == nil {
		return t.Add(24*time.Hour - time.Microsecond)
	}
	t, _ := time.Parse(time.RFC3339, s)
	return t
}

// loadScenario reads what the scenario page shows.
func (s *Site) loadScenario(c *gin.Context, p *page) (v scenarioView, err error) {
	ctx := c.Request.Context()
	if v.ScenarioView, v.spec, err = s.Desk.Scenario(ctx, p.actor, c.Param("ref")); err != nil {
		return v, err
	}
	if v.bits, err = desk.Price(v.ScenarioView); err != nil {
		return v, err
	}
	// A dataset that was withdrawn since takes nothing from the page but its data.
	if v.data, err = s.Desk.Dataset(ctx, p.actor, v.Dataset.String()); err != nil && aihub.KindOf(err) != aihub.NotFound {
		return v, err
	}
	if v.board, err = s.Desk.Board(ctx, p.actor, v.Ref.String(), c.Query("round"), asOf(c.Query("as_of"))); err != nil {
		return v, err
	}
	if p.actor.Has(aihub.Vendor) {
		list, err := s.Desk.Enrolments(ctx, p.actor, v.Ref.String())
		if err != nil {
			return v, err
		}
		for i, e := range list {
			if e.Org == p.actor.Org && (v.mine == nil || e.CreatedAt.After(v.mine.CreatedAt)) {
				v.mine = &list[i]
			}
		}
	}
	if v.own(p) {
		list, err := s.Desk.Enrolments(ctx, p.actor, v.Ref.String())
		if err != nil {
			return v, err
		}
		for _, e := range list {
			if e.State == aihub.EnrolmentApproved {
				v.members = append(v.members, e)
			}
		}
		if v.tried, err = s.Desk.SelfTest(ctx, p.actor, v.Ref.String()); err != nil {
			return v, err
		}
	}
	v.compares = !p.actor.Has(aihub.Vendor) && (v.own(p) || p.actor.Has(aihub.Reviewer))
	if v.compares && c.Query("twins") != "" { // it reads the draws of up to 500 submissions
		found, err := s.Desk.Probing(ctx, p.actor, v.Ref.String(), v.board.Round)
		if err != nil {
			return v, err
		}
		v.probing = &found
	}
	p.nav, p.title = "scenarios", p.in(v.Title)
	return v, nil
}

func (s *Site) scenario(c *gin.Context, p *page) (templ.Component, error) {
	v, err := s.loadScenario(c, p)
	if err != nil {
		return nil, err
	}
	return scenarioPage(p, v), nil
}

func (s *Site) enrol(c *gin.Context, p *page) (templ.Component, error) {
	f, err := form(c)
	if err != nil {
		return nil, err
	}
	v, err := s.loadScenario(c, p)
	if err != nil {
		return nil, err
	}
	v.purpose = f.Get("purpose")
	_, err = s.Desk.Enrol(c.Request.Context(), p.actor, v.Ref.String(), wire.Enrol{
		Purpose: v.purpose, Agreement: aihub.Digest(f.Get("agreement")),
	})
	if err != nil {
		s.again(c, p, err, scenarioPage(p, v))
		return nil, nil
	}
	back(c, scenarioPath(v.Ref), "enrolled")
	return nil, nil
}

func (s *Site) revokeEnrolment(c *gin.Context, p *page) (templ.Component, error) {
	f, err := form(c)
	if err != nil {
		return nil, err
	}
	id := aihub.EnrolmentID(c.Param("id"))
	e, err := s.Desk.Enrolment(c.Request.Context(), p.actor, id)
	if err != nil {
		return nil, err
	}
	if err := s.Desk.RevokeEnrolment(c.Request.Context(), p.actor, id, wire.Withdraw{Reason: f.Get("reason")}); err != nil {
		return nil, err
	}
	back(c, scenarioPath(e.Scenario), "revoked")
	return nil, nil
}

func (s *Site) closeScenario(c *gin.Context, p *page) (templ.Component, error) {
	if err := s.Desk.CloseScenario(c.Request.Context(), p.actor, c.Param("ref")); err != nil {
		return nil, err
	}
	back(c, "/scenarios/"+c.Param("ref"), "closed")
	return nil, nil
}

func scenarioPath(r aihub.Ref) string { return "/scenarios/" + r.String() }

// window says when a round is open.
func (p *page) window(r aihub.Round) string {
	var parts []string
	if !r.Opens.IsZero() {
		parts = append(parts, p.t("web.scenario.window_from", i18n.Args{"Date": p.time(r.Opens)}))
	}
	if !r.Closes.IsZero() {
		parts = append(parts, p.t("web.scenario.window_to", i18n.Args{"Date": p.time(r.Closes)}))
	}
	if len(parts) == 0 {
		return p.t("web.scenario.window_always")
	}
	return strings.Join(parts, " ")
}

// roundState says whether a round is open now: a badge's kind and its text.
func (p *page) roundState(r aihub.Round) (kind, text string) {
	switch {
	case r.IsOpen(p.now):
		return "ok", p.t("web.scenario.round_open")
	case p.now.Before(r.Opens):
		return "wait", p.t("web.scenario.round_soon")
	}
	return "mute", p.t("web.scenario.round_over")
}

// limits lists what a run gets, as name and value.
func (p *page) limits(l scenarios.Limits) []option {
	return []option{
		{p.t("web.limit.cpus"), i18n.Number(l.CPUs, 2)},
		{p.t("web.limit.memory"), i18n.Bytes(int64(l.Memory))},
		{p.t("web.limit.wall"), p.duration(time.Duration(l.Wall))},
		{p.t("web.limit.output"), i18n.Bytes(int64(l.Output))},
		{p.t("web.limit.tmp"), i18n.Bytes(int64(l.Tmp))},
		{p.t("web.limit.pids"), i18n.Int(l.Pids)},
		{p.t("web.limit.network"), p.t("web.limit.no_network")},
	}
}

// rules says what leaves, one sentence each.
func (p *page) rules(v scenarioView) []string {
	sc := v.spec.Sharing.Score
	out := []string{
		p.t("web.sharing.step", i18n.Args{"Step": i18n.Number(sc.Step, 9)}),
		p.t("web.sharing.tick", i18n.Args{"Tick": p.duration(time.Duration(sc.Tick))}),
	}
	for _, r := range v.spec.Rounds {
		if r.Entry == "last" {
			out = slices.Insert(out, 1, p.t("web.sharing.last", i18n.Args{"Round": p.in(r.Title)}))
		}
	}
	if sc.Release == "review" {
		out = append(out, p.t("web.sharing.review"))
	} else {
		out = append(out, p.t("web.sharing.policy"))
	}
	return append(out, p.t("web.sharing.logs"), p.t("web.sharing.price", i18n.Args{"Bits": i18n.Number(v.bits, 1)}), p.t("web.sharing.yours"))
}

// metricName names the metric with this id of a spec.
func (p *page) metricName(s scenarios.Spec, id string) string {
	for _, m := range s.Metrics {
		if m.ID == id {
			return p.metricTitle(m)
		}
	}
	return id
}

// metricTitle names a metric of a spec.
func (p *page) metricTitle(m scenarios.Metric) string {
	if info, ok := scenarios.KnownMetrics[m.Use]; ok && !info.Title.IsZero() {
		return p.in(info.Title)
	}
	return m.Use
}
