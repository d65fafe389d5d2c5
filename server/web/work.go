package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/catalog"
	"aihub/catalog/detect"
	"aihub/internal/i18n"
	"aihub/scenarios"
	"aihub/server/wire"
)

type workView struct {
	datasets   []datasetWork
	enrolments []enrolmentWork
	releases   []releaseWork
	requests   []aihub.Reidentification
	scorers    []aihub.Scorer
	files      []aihub.FileRelease
}

func (v workView) empty() bool {
	return len(v.datasets) == 0 && len(v.enrolments) == 0 && len(v.releases) == 0 && len(v.requests) == 0 && len(v.scorers) == 0 && len(v.files) == 0
}

type datasetWork struct {
	aihub.DatasetVersion
	profile *catalog.Profile
}

type enrolmentWork struct {
	aihub.Enrolment
	title aihub.Text
}

type releaseWork struct {
	aihub.Release
	title aihub.Text
	spec  scenarios.Spec
	score aihub.Score
	voted bool
}

// work lists what waits for a person. What the actor may not decide is not a
// form here; the store refuses it in any case.
func (s *Site) work(c *gin.Context, p *page) (templ.Component, error) {
	v, err := s.loadWork(c, p)
	if err != nil {
		return nil, err
	}
	return workPage(p, v), nil
}

func (s *Site) loadWork(c *gin.Context, p *page) (v workView, err error) {
	ctx := c.Request.Context()
	if _, err := s.Desk.Me(p.actor); err != nil {
		return v, err
	}
	p.nav, p.title = "work", p.t("web.work.title")
	reviewer, steward := p.actor.Has(aihub.Reviewer), p.actor.Has(aihub.Steward)
	if !reviewer && !steward {
		return v, aihub.Errorf(aihub.Refused, aihub.Text{EN: "the worklist is for stewards and reviewers", ZH: "待办事项仅供数据管理员与评审员使用"})
	}
	all, err := s.Desk.Datasets(ctx, p.actor)
	if err != nil {
		return v, err
	}
	for _, d := range all {
		if d.State == aihub.DatasetProposed && (reviewer || d.Org == p.actor.Org) {
			profile, _, err := s.profile(c, p, d.Ref)
			if err != nil {
				return v, err
			}
			v.datasets = append(v.datasets, datasetWork{d, profile})
		}
	}
	scorers, err := s.Desk.Scorers(ctx, p.actor)
	if err != nil {
		return v, err
	}
	for _, x := range scorers {
		if x.State == aihub.ScorerProposed && (reviewer || x.Org == p.actor.Org) {
			v.scorers = append(v.scorers, x)
		}
	}
	enrolments, err := s.Desk.Enrolments(ctx, p.actor, "")
	if err != nil {
		return v, err
	}
	for _, e := range enrolments {
		if e.State != aihub.EnrolmentRequested || e.Org == p.actor.Org {
			continue
		}
		sc, _, err := s.Desk.Scenario(ctx, p.actor, e.Scenario.String())
		if err != nil {
			return v, err
		}
		if reviewer || sc.Org == p.actor.Org {
			v.enrolments = append(v.enrolments, enrolmentWork{e, sc.Title})
		}
	}
	if !reviewer {
		return v, nil
	}
	requests, err := s.Desk.Reidentifications(ctx, p.actor)
	if err != nil {
		return v, err
	}
	for _, r := range requests {
		if r.State == aihub.ReidentificationRequested && r.Author != p.actor.User {
			v.requests = append(v.requests, r)
		}
	}
	files, err := s.Desk.FileReleases(ctx, p.actor, "")
	if err != nil {
		return v, err
	}
	for _, f := range files {
		if f.Org != p.actor.Org && f.State != aihub.ReleaseReleased && f.State != aihub.ReleaseRejected {
			v.files = append(v.files, f)
		}
	}
	for _, state := range []aihub.ReleaseState{aihub.ReleaseReview1, aihub.ReleaseReview2, aihub.ReleaseConflicted} {
		releases, err := s.Desk.Releases(ctx, p.actor, state)
		if err != nil {
			return v, err
		}
		for _, r := range releases {
			if r.Org == p.actor.Org {
				continue
			}
			w := releaseWork{Release: r}
			for _, vote := range r.Votes {
				w.voted = w.voted || vote.By == p.actor.User
			}
			sub, err := s.Desk.Submission(ctx, p.actor, r.Submission)
			if err != nil {
				return v, err
			}
			if sub.Score != nil {
				w.score = *sub.Score
			}
			sc, spec, err := s.Desk.Scenario(ctx, p.actor, r.Scenario.String())
			if err != nil {
				return v, err
			}
			w.title, w.spec = sc.Title, spec
			v.releases = append(v.releases, w)
		}
	}
	return v, nil
}

// decide runs a decision of the worklist and comes back to it.
func (s *Site) decide(c *gin.Context, p *page, done string, f func(in wire.Decide) error) (templ.Component, error) {
	values, err := form(c)
	if err != nil {
		return nil, err
	}
	err = f(wire.Decide{Approve: values.Get("decision") == "approve", Reason: values.Get("reason"), LowerLevel: values.Get("lower_level") != ""})
	if err != nil {
		v, lerr := s.loadWork(c, p)
		if lerr != nil {
			return nil, lerr
		}
		s.again(c, p, err, workPage(p, v))
		return nil, nil
	}
	back(c, "/work", done)
	return nil, nil
}

func (s *Site) decideDataset(c *gin.Context, p *page) (templ.Component, error) {
	return s.decide(c, p, "decided", func(in wire.Decide) error {
		return s.Desk.DecideDataset(c.Request.Context(), p.actor, c.Param("ref"), in)
	})
}

func (s *Site) decideScorer(c *gin.Context, p *page) (templ.Component, error) {
	return s.decide(c, p, "decided", func(in wire.Decide) error {
		return s.Desk.DecideScorer(c.Request.Context(), p.actor, aihub.ScorerID(c.Param("id")), in)
	})
}

func (s *Site) decideEnrolment(c *gin.Context, p *page) (templ.Component, error) {
	return s.decide(c, p, "decided", func(in wire.Decide) error {
		return s.Desk.DecideEnrolment(c.Request.Context(), p.actor, aihub.EnrolmentID(c.Param("id")), in)
	})
}

func (s *Site) vote(c *gin.Context, p *page) (templ.Component, error) {
	return s.decide(c, p, "voted", func(in wire.Decide) error {
		return s.Desk.Vote(c.Request.Context(), p.actor, aihub.ReleaseID(c.Param("id")), in)
	})
}

type datasetView struct {
	aihub.DatasetVersion
	card    string // Markdown
	plots   catalog.Plots
	profile *catalog.Profile // nil when it is not for the viewer
	raw     string           // the profile as indented JSON
	life    lifeView
}

// hasFiles reports whether the rows of the sample have pictures or recordings.
func (v datasetView) hasFiles() bool {
	f, ok := v.File(aihub.Sample)
	return ok && f.Files != ""
}

func (v datasetView) rows() (n int64) {
	for _, f := range v.Parts {
		n += f.Rows
	}
	return n
}

func (s *Site) dataset(c *gin.Context, p *page) (templ.Component, error) {
	return s.datasetWith(c, p, c.Param("ref"), nil)
}

// datasetWith is the page of a version with an answer to a re-identification.
func (s *Site) datasetWith(c *gin.Context, p *page, ref string, answer []wire.Revealed) (templ.Component, error) {
	ctx := c.Request.Context()
	d, err := s.Desk.Dataset(ctx, p.actor, ref)
	if err != nil {
		return nil, err
	}
	v := datasetView{DatasetVersion: d}
	if v.card, err = s.Desk.Card(ctx, p.actor, d.Ref.String(), p.lang); err != nil {
		return nil, err
	}
	if v.plots, err = s.Desk.Plots(ctx, p.actor, d.Ref.String()); err != nil {
		return nil, err
	}
	// The page says title and description itself.
	v.card = strings.TrimPrefix(v.card, "# "+p.in(d.Title)+"\n\n"+p.in(d.Description)+"\n\n")
	if p.actor.Has(aihub.Steward) || p.actor.Has(aihub.Reviewer) {
		if v.profile, v.raw, err = s.profile(c, p, d.Ref); err != nil {
			return nil, err
		}
	}
	if v.life, err = s.life(c, p, d); err != nil {
		return nil, err
	}
	v.life.answer = answer
	p.nav, p.title = "datasets", p.in(d.Title)
	return datasetPage(p, v), nil
}

// profile reads the profile of a dataset version, also as indented JSON.
func (s *Site) profile(c *gin.Context, p *page, ref aihub.Ref) (*catalog.Profile, string, error) {
	raw, err := s.Desk.Profile(c.Request.Context(), p.actor, ref.String())
	if err != nil {
		return nil, "", err
	}
	var profile catalog.Profile
	var b bytes.Buffer
	err = json.Unmarshal(raw, &profile)
	if err == nil {
		err = json.Indent(&b, raw, "", "  ")
	}
	if err != nil {
		return nil, "", fmt.Errorf("profile of %s: %w", ref, err)
	}
	// Columns of which nothing was found are in the JSON, and no news.
	profile.Detected = slices.DeleteFunc(profile.Detected, func(f detect.Finding) bool { return f.Kind == "" || f.Class == detect.None })
	return &profile, b.String(), nil
}

// risks says how well rows hide among each other, one sentence each.
func (p *page) risks(r *catalog.Profile) []string {
	if r.Risk == nil {
		return []string{p.t("web.risk.none")}
	}
	args := i18n.Args{
		"Quasi": strings.Join(r.Risk.Policy.Quasi, ", "), "K": i18n.Int(r.Risk.After.K), "Others": i18n.Int(max(0, r.Risk.After.K-1)),
		"Wanted": i18n.Int(r.Risk.Policy.K),
	}
	dropped := p.t("web.risk.dropped", i18n.Args{"Dropped": i18n.Int(r.Risk.Suppressed), "Rows": i18n.Int(r.Rows)})
	if who := r.Risk.Policy.Subject; who != "" {
		args["Subject"] = who
		return []string{
			p.t("web.risk.people", args), p.t("web.risk.people_k", args), dropped,
			p.t("web.risk.people_before", i18n.Args{"K": i18n.Int(r.Risk.Before.K), "Below": i18n.Int(r.Risk.Before.Below), "Unique": i18n.Int(r.Risk.Before.Unique)}),
		}
	}
	return []string{
		p.t("web.risk.rows"), p.t("web.risk.k", args), dropped,
		p.t("web.risk.before", i18n.Args{"K": i18n.Int(r.Risk.Before.K), "Below": i18n.Int(r.Risk.Before.Below), "Unique": i18n.Int(r.Risk.Before.Unique)}),
	}
}

// treated says what was done with a raw column.
func (p *page) treated(r *catalog.Profile, f detect.Finding) string {
	for _, c := range r.Columns {
		if c.Name == f.Column {
			return c.Use
		}
	}
	return p.t("web.risk.not_published")
}

// found says what a detector saw in a column.
func (p *page) found(f detect.Finding) string {
	s := p.word("web.detected.", string(f.Kind))
	if f.Inside {
		s += " " + p.t("web.risk.inside")
	}
	return s
}

// leak says what the parts tell about each other.
func (p *page) leak(l catalog.Leak) string {
	args := i18n.Args{"Rows": i18n.Int(l.Rows), "Of": i18n.Int(l.Of)}
	switch l.Check {
	case "duplicate_files", "near_duplicate_files":
		args["From"], args["To"] = p.t("web.part."+string(l.From)), p.t("web.part."+string(l.To))
		return p.t("web.risk."+l.Check, args)
	}
	if l.Check == "duplicate_rows" {
		args["From"], args["To"] = p.t("web.part."+string(l.From)), p.t("web.part."+string(l.To))
		return p.t("web.risk.duplicates", args)
	}
	switch l.Check {
	case "near_duplicate_rows":
		args["From"], args["To"] = p.t("web.part."+string(l.From)), p.t("web.part."+string(l.To))
		return p.t("web.risk.near", args)
	case "single_feature":
		args["Column"], args["Truth"] = l.Column, l.Truth
		return p.t("web.risk.single", args)
	case "label_in_text":
		args["Column"], args["Truth"] = l.Column, l.Truth
		return p.t("web.risk.holds", args)
	case "raw_order":
		args["Truth"] = l.Truth
		return p.t("web.risk.order", args)
	}
	return p.t("web.risk.determined", i18n.Args{"Column": l.Column, "Truth": l.Truth, "Rows": args["Rows"], "Of": args["Of"]})
}
