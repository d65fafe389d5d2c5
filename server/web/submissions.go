package web

import (
	"context"
	"io"
	"mime/multipart"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/internal/i18n"
	"aihub/policies/sharing"
	"aihub/scenarios"
	"aihub/server/api"
	"aihub/server/desk"
	"aihub/server/wire"
)

type submissionsView struct {
	list      []aihub.Submission
	scenarios map[aihub.Ref]wire.ScenarioView
	all       bool         // of every organisation
	hours     *aihub.Hours // of the own organisation
}

func (s *Site) submissions(c *gin.Context, p *page) (templ.Component, error) {
	ctx := c.Request.Context()
	list, err := s.Desk.Submissions(ctx, p.actor, "")
	if err != nil {
		return nil, err
	}
	v := submissionsView{list: list, scenarios: map[aihub.Ref]wire.ScenarioView{}, all: p.actor.Has(aihub.Steward) || p.actor.Has(aihub.Reviewer)}
	for _, sub := range list {
		if _, ok := v.scenarios[sub.Scenario]; ok {
			continue
		}
		sc, _, err := s.Desk.Scenario(ctx, p.actor, sub.Scenario.String())
		if err != nil {
			return nil, err
		}
		v.scenarios[sub.Scenario] = sc
	}
	if v.hours, err = s.hours(ctx, p); err != nil {
		return nil, err
	}
	p.nav, p.title = "submissions", p.t("web.submissions.title")
	return submissionsPage(p, v), nil
}

// hours are those of the viewer's organisation, nil when it submits nothing.
func (s *Site) hours(ctx context.Context, p *page) (*aihub.Hours, error) {
	if !p.actor.Has(aihub.Vendor) {
		return nil, nil
	}
	h, err := s.Desk.Hours(ctx, p.actor, "")
	return &h, err
}

type submissionView struct {
	wire.SubmissionView
	title   aihub.Text
	rounds  []aihub.Round
	spec    scenarios.Spec
	release *aihub.Release
	log     string
	logRun  aihub.RunID // of a smoke run: whose log is shown
	nonce   string      // for a second run
	out     []aihub.FileRelease
}

// whole reports whether the viewer sees more than the submission's own vendor.
func (v submissionView) whole() bool {
	for _, r := range v.Runs {
		if r.Kind == aihub.RunScore || r.Usage.WallMS > 0 || r.Worker != "" {
			return true
		}
	}
	return false
}

// name is what to call the submission.
func (v submissionView) name() string {
	if v.Name != "" {
		return v.Name
	}
	return string(v.ID)
}

// settled reports whether there is nothing more to wait for.
func (v submissionView) settled() bool { return v.State.Terminal() && !v.awaited() }

// awaited reports whether the score will be released by itself, at its tick.
func (v submissionView) awaited() bool { return desk.Awaited(v.SubmissionView, v.spec) }

// nextTick is the first time at which an outcome could be shown. It depends on
// the clock alone.
func (v submissionView) nextTick(now time.Time) time.Time {
	if v.VisibleAt.After(now) {
		return v.VisibleAt // a viewer who may see the run whole
	}
	return sharing.NextTick(now, time.Duration(v.spec.Sharing.Score.Tick))
}

// reason says why it failed, for a person.
func (v submissionView) reason() aihub.Text { return sharing.Reason(v.Fault.Reason) }

func (s *Site) submission(c *gin.Context, p *page) (templ.Component, error) {
	ctx := c.Request.Context()
	var v submissionView
	var err error
	if v.SubmissionView, err = s.Desk.Submission(ctx, p.actor, aihub.SubmissionID(c.Param("id"))); err != nil {
		return nil, err
	}
	sc, spec, err := s.Desk.Scenario(ctx, p.actor, v.Scenario.String())
	if err != nil {
		return nil, err
	}
	v.title, v.rounds, v.spec, v.nonce = sc.Title, sc.Rounds, spec, aihub.NewID("web")
	if v.Smoke && !v.Workspace && v.Org == p.actor.Org {
		for _, r := range v.Runs {
			v.logRun = r.ID // the newest
		}
		if v.logRun != "" {
			if v.log, err = s.Desk.RunLog(ctx, p.actor, v.logRun); err != nil {
				return nil, err
			}
			v.log = plain(tail(v.log, 256<<10))
		}
	}
	if v.Score != nil {
		if v.release, err = s.releaseOf(ctx, p, v.ID); err != nil {
			return nil, err
		}
	}
	if v.Workspace && v.State.Terminal() {
		if v.out, err = s.Desk.FileReleases(ctx, p.actor, v.ID); err != nil {
			return nil, err
		}
	}
	p.nav, p.poll = "submissions", !v.settled()
	p.title = p.t("web.submission.title", i18n.Args{"Name": v.name()})
	return submissionPage(p, v), nil
}

// releaseOf finds the release of a submission, nil when there is none to see.
func (s *Site) releaseOf(ctx context.Context, p *page, id aihub.SubmissionID) (*aihub.Release, error) {
	list, err := s.Desk.Releases(ctx, p.actor, "")
	for _, r := range list {
		if r.Submission == id {
			return &r, nil
		}
	}
	return nil, err
}

// tail returns the end of a long log, from a whole line on.
func tail(s string, n int) string {
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	for i := range s {
		if s[i] == '\n' {
			return "…\n" + s[i+1:]
		}
	}
	return s
}

func (s *Site) cancel(c *gin.Context, p *page) (templ.Component, error) {
	id := c.Param("id")
	if err := s.Desk.Cancel(c.Request.Context(), p.actor, aihub.SubmissionID(id)); err != nil {
		return nil, err
	}
	back(c, "/submissions/"+id, "cancelled")
	return nil, nil
}

// rerun enters the same image again.
func (s *Site) rerun(c *gin.Context, p *page) (templ.Component, error) {
	sub, err := s.Desk.Rerun(c.Request.Context(), p.actor, aihub.SubmissionID(c.Param("id")), c.PostForm("nonce"))
	if err != nil {
		return nil, err
	}
	back(c, "/submissions/"+string(sub.ID), "submitted")
	return nil, nil
}

type submitView struct {
	scenarioView
	hours  *aihub.Hours
	round  aihub.Round // that is open; zero when none is
	budget *aihub.Budget
	nonce  string
	name   string
	models []aihub.Model // that its organisation has
	kept   []aihub.KeptImage
}

// offered is how many of the images that an organisation keeps its form offers, newest first.
const offered = 50

func (s *Site) loadSubmit(c *gin.Context, p *page) (v submitView, err error) {
	if err := s.Desk.CanPush(c.Request.Context(), p.actor); err != nil {
		return v, err
	}
	if v.scenarioView, err = s.loadScenario(c, p); err != nil {
		return v, err
	}
	for _, r := range v.Rounds {
		if r.IsOpen(p.now) && v.State == aihub.ScenarioOpen {
			v.round = r
			b, err := s.Desk.Budget(c.Request.Context(), p.actor, v.Ref, r.Name)
			if err != nil {
				return v, err
			}
			v.budget = &b
			break
		}
	}
	if v.hours, err = s.hours(c.Request.Context(), p); err != nil {
		return v, err
	}
	models, err := s.Desk.Models(c.Request.Context(), p.actor, v.Ref.String())
	if err != nil {
		return v, err
	}
	for _, m := range models { // a steward sees those of others too
		if !m.DeletedAt.IsZero() {
			continue
		}
		if m.Org == p.actor.Org {
			v.models = append(v.models, m)
		}
	}
	kept, err := s.Desk.Kept(c.Request.Context(), p.actor)
	if err != nil {
		return v, err
	}
	v.kept = kept.Images[:min(len(kept.Images), offered)]
	v.nonce = aihub.NewID("web")
	p.title = p.t("web.submit.title")
	return v, nil
}

func (s *Site) submitForm(c *gin.Context, p *page) (templ.Component, error) {
	v, err := s.loadSubmit(c, p)
	if err != nil {
		return nil, err
	}
	return submitPage(p, v), nil
}

// submit streams the image out of the form: the small fields come before it.
func (s *Site) submit(c *gin.Context, p *page) (templ.Component, error) {
	ctx := c.Request.Context()
	v, err := s.loadSubmit(c, p)
	if err != nil {
		return nil, err
	}
	if !v.mayEnter(p) {
		s.again(c, p, aihub.Errorf(aihub.Refused, i18n.Text("web.submit.not_enrolled_text")), submitPage(p, v))
		return nil, nil
	}
	c.Request.Body = io.NopCloser(api.Slowly(c.Writer, c.Request))
	parts, err := c.Request.MultipartReader()
	if err != nil {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "this is not the form of this page", ZH: "这不是本页的表单"}).Because(err)
	}
	in := wire.NewSubmission{Nonce: v.nonce}
	var seat bool
	err = s.readSubmission(ctx, p, parts, &in, &seat)
	v.name = in.Name
	if err == nil && !in.Smoke && !in.Train {
		in.Round = v.round.Name
	}
	var sub aihub.Submission
	if err == nil && seat {
		if sub, err = s.Desk.OpenWorkspace(ctx, p.actor, v.Ref.String(), wire.NewWorkspace{Image: in.Image, Name: in.Name, Nonce: in.Nonce}); err == nil {
			back(c, "/workspaces/"+string(sub.ID), "")
			return nil, nil
		}
	} else if err == nil {
		sub, err = s.Desk.Submit(ctx, p.actor, v.Ref.String(), in)
	}
	if err != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(c.Request.Body, 64<<20)) // so that the browser reads the answer
		s.again(c, p, err, submitPage(p, v))
		return nil, nil
	}
	back(c, "/submissions/"+string(sub.ID), "submitted")
	return nil, nil
}

// readSubmission reads the form and keeps its image. A file counts before an image
// that is kept.
func (s *Site) readSubmission(ctx context.Context, p *page, parts *multipart.Reader, in *wire.NewSubmission, seat *bool) error {
	noFile := aihub.Errorf(aihub.Invalid, i18n.Text("web.submit.no_file")).WithHint(i18n.Text("web.submit.no_file_hint"))
	for range 8 {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "the upload broke off", ZH: "上传中断"}).
				WithHint(aihub.Text{EN: "send it again", ZH: "请重新上传"}).Because(err)
		}
		if part.FormName() == "image" {
			switch {
			case part.FileName() != "":
			case in.Image != "":
				return nil
			default:
				return noFile
			}
			img, err := s.Desk.ImportImage(ctx, p.actor, part)
			in.Image = img.Digest
			return err
		}
		b, err := io.ReadAll(io.LimitReader(part, 1000))
		if err != nil {
			return err
		}
		switch part.FormName() {
		case "kind":
			in.Train = string(b) == "train" || string(b) == "train-smoke"
			in.Smoke = string(b) != "round" && string(b) != "train"
			*seat = string(b) == "workspace"
		case "model":
			in.Model = string(b)
		case "kept":
			in.Image = aihub.Digest(b)
		case "name":
			in.Name = string(b)
		case "nonce":
			if len(b) >= 8 && len(b) <= 100 {
				in.Nonce = string(b)
			}
		}
	}
	return noFile
}

func (s *Site) deleteModel(c *gin.Context, p *page) (templ.Component, error) {
	if err := s.Desk.DeleteModel(c.Request.Context(), p.actor, c.Param("id")); err != nil {
		return nil, err
	}
	back(c, "/submissions", "model_deleted")
	return nil, nil
}
