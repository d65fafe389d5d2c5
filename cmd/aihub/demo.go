package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/internal/config"
	"aihub/internal/embedded"
	"aihub/internal/oci"
	"aihub/sandbox/runnertest/hostile"
	"aihub/scenarios"
	"aihub/scenarios/packs"
	"aihub/server/client"
	"aihub/server/desk"
	"aihub/server/wire"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

// demo plays the main job over HTTP, as each of its people would.
type demo struct {
	p         *process
	a         *app
	url       string
	passwords map[aihub.UserID]string
	steward   *client.Client
	reviewer  *client.Client
	vendor    *client.Client
	tokens    map[aihub.UserID]string
	program   []byte                        // the static program that every demo image carries
	images    map[string]aihub.Digest       // by algorithm
	entries   map[aihub.SubmissionID]*entry // what was submitted
	order     []*entry
	report    demoReport
}

// demoReport is what --json prints of a demo that went well.
type demoReport struct {
	Boards  []wire.Board   `json:"boards"`
	Attacks []demoAttack   `json:"attacks"`
	Canary  map[string]int `json:"canary"` // how many canaries, and in how many answers and bytes none of them was
	Ledger  map[string]int `json:"ledger"`
	URL     string         `json:"url,omitempty"` // these while it serves on
	Home    string         `json:"home,omitempty"`
	SignIns []wire.SignIn  `json:"sign_ins,omitempty"`
}

// demoAttack is one hostile run that was stopped.
type demoAttack struct {
	Scenario aihub.Ref      `json:"scenario"`
	Attack   string         `json:"attack"`
	State    aihub.RunState `json:"state"`
	Reason   aihub.Reason   `json:"reason,omitempty"`
	Saw      string         `json:"saw"`
}

// entry is one submission of the demo.
type entry struct {
	Scenario  aihub.Ref
	Algorithm string   // baseline, weak, trained, hostile
	Args      []string // of the program
	Train     bool     // it leaves a model
	Model     *entry   // the training whose model it uses
	ID        aihub.SubmissionID
	Released  []aihub.MetricValue // its score, once it is shown
}

func (p *process) demoCmd() *cobra.Command {
	var exit bool
	c := p.verb("demo", "cli.demo.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		home, err := os.MkdirTemp("", "aihub-demo-*")
		if err != nil {
			return err
		}
		defer removeTree(home)
		return p.demo(cmd.Context(), home, exit)
	})
	c.Flags().BoolVar(&exit, "exit", false, p.t("cli.flag.exit"))
	return c
}

func (p *process) demo(ctx context.Context, home string, exit bool) error {
	cfg := config.Default(home)
	cfg.Listen = freeAddress(cfg.Listen)
	cfg.URL = "http://" + cfg.Listen
	ln, err := listen(cfg)
	if err != nil {
		return err
	}
	defer ln.Close()
	a, err := openApp(ctx, cfg, p)
	if err != nil {
		return err
	}
	defer a.Close()
	caps := a.Runner.Probe(ctx)
	if !caps.CanRunHidden() {
		return aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "this machine cannot run the demo's sandboxes", ZH: "本机无法运行演示所需的沙箱",
		}).WithHint(aihub.Text{EN: "aihub doctor says why", ZH: "aihub doctor 会说明原因"})
	}
	d := &demo{p: p, a: a, url: cfg.URL, passwords: map[aihub.UserID]string{}, tokens: map[aihub.UserID]string{},
		images: map[string]aihub.Digest{}, entries: map[aihub.SubmissionID]*entry{}}
	if d.passwords[operator], err = a.bootstrap(ctx, ""); err != nil {
		return err
	}
	// The server outlives the play: without --exit it serves on afterwards.
	serve, stop := context.WithCancel(ctx)
	defer stop()
	g, serve := errgroup.WithContext(serve)
	ready := make(chan struct{})
	g.Go(func() error { return a.serve(serve, ln, func() { close(ready) }) })
	select {
	case <-ready:
	case <-serve.Done():
		return g.Wait()
	}
	play, cancel := context.WithTimeout(serve, 10*time.Minute)
	defer cancel()
	if err := d.play(play); err != nil {
		stop()
		if werr := g.Wait(); werr != nil {
			return werr
		}
		return err
	}
	if exit {
		stop()
		if err := g.Wait(); err != nil {
			return err
		}
		return p.data(d.report, func() {})
	}
	d.report.URL, d.report.Home = d.url, home
	for _, u := range []aihub.UserID{"steward", "vendor", "reviewer"} {
		d.report.SignIns = append(d.report.SignIns, wire.SignIn{User: u, Password: d.passwords[u]})
	}
	if err := p.data(d.report, d.invite); err != nil {
		return err
	}
	return g.Wait()
}

// invite says where the server is and who may sign in.
func (d *demo) invite() {
	d.p.say("cli.demo.address", "URL", d.url)
	for _, in := range d.report.SignIns {
		fmt.Fprintf(d.p.Out, "  %-9s %s\n", in.User, in.Password)
	}
	d.p.say("cli.demo.data", "Home", d.report.Home)
	d.p.say("cli.demo.stop")
}

func (d *demo) play(ctx context.Context) error {
	started := d.p.Now()
	if err := d.people(ctx); err != nil {
		return err
	}
	var hidden []string
	for _, pack := range packs.All() {
		tokens, err := d.publish(ctx, pack)
		if err != nil {
			return err
		}
		hidden = append(hidden, tokens...)
	}
	if err := d.submitAll(ctx); err != nil {
		return err
	}
	if err := d.wait(ctx); err != nil {
		return err
	}
	if err := d.judge(ctx); err != nil {
		return err
	}
	if err := d.searchCanaries(ctx, hidden); err != nil {
		return err
	}
	r, err := d.a.DB.VerifyLedger(ctx)
	if err != nil {
		return err
	}
	if len(r.Faults) > 0 {
		return d.p.ledgerReport(desk.LedgerReport(r))
	}
	d.report.Ledger = map[string]int{"leaves": int(r.Leaves), "rows": int(r.Rows)}
	d.step("cli.demo.ledger", "Leaves", r.Leaves, "Rows", r.Rows)
	if err := d.boards(ctx); err != nil {
		return err
	}
	d.p.note("cli.demo.done", "Seconds", int(d.p.Now().Sub(started).Seconds()))
	return nil
}

// step prints one finished step.
func (d *demo) step(key string, args ...any) {
	if !d.p.json {
		fmt.Fprintln(d.p.Out, "✓ "+d.p.t(key, args...))
	}
}

// people creates three organisations and their people, and signs them in.
func (d *demo) people(ctx context.Context) error {
	op, err := d.signIn(ctx, operator)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		org  aihub.Org
		user aihub.User
	}{
		{aihub.Org{ID: "futian-data", Name: aihub.Text{ZH: "福田区政务服务和数据管理局", EN: "Futian Data Bureau"}},
			aihub.User{ID: "steward", Name: "陈静", Roles: []aihub.Role{aihub.Steward}}},
		{aihub.Org{ID: "review-panel", Name: aihub.Text{ZH: "独立评审组", EN: "Independent review panel"}},
			aihub.User{ID: "reviewer", Name: "林涛", Roles: []aihub.Role{aihub.Reviewer}}},
		{aihub.Org{ID: "yuntu", Name: aihub.Text{ZH: "云图智能", EN: "Yuntu AI"}},
			aihub.User{ID: "vendor", Name: "周航", Roles: []aihub.Role{aihub.Vendor}}},
	} {
		if err := op.CreateOrg(ctx, x.org); err != nil {
			return err
		}
		x.user.Org = x.org.ID
		d.passwords[x.user.ID] = strings.ToLower(rand.Text()[:12])
		if err := op.CreateUser(ctx, wire.NewUser{User: x.user, Password: d.passwords[x.user.ID]}); err != nil {
			return err
		}
	}
	for user, to := range map[aihub.UserID]**client.Client{"steward": &d.steward, "reviewer": &d.reviewer, "vendor": &d.vendor} {
		if *to, err = d.signIn(ctx, user); err != nil {
			return err
		}
	}
	d.step("cli.demo.people")
	return nil
}

func (d *demo) signIn(ctx context.Context, u aihub.UserID) (*client.Client, error) {
	in, err := client.New(d.url, "").SignIn(ctx, wire.SignIn{User: u, Password: d.passwords[u], Name: "demo"})
	if err != nil {
		return nil, err
	}
	d.tokens[u] = in.Token
	return client.New(d.url, in.Token), nil
}

// publish takes a pack from raw records to an open scenario with an approved
// enrolment, and returns the canaries that lie in its hidden parts.
func (d *demo) publish(ctx context.Context, pack packs.Pack) ([]string, error) {
	raw := filepath.Join(d.a.Config.Home, pack.Name+".csv")
	var buf bytes.Buffer
	if err := pack.Generate(&buf, 20261122, pack.Rows); err != nil {
		return nil, err
	}
	marked, err := plant(buf.Bytes())
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(raw, marked, 0o600); err != nil {
		return nil, err
	}
	f, err := os.Open(raw)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	bar := d.p.progress()
	v, err := d.steward.PublishDataset(ctx, pack.Manifest, f, bar.show)
	bar.end()
	if err != nil {
		return nil, err
	}
	if err := os.Remove(raw); err != nil {
		return nil, err
	}
	d.step("cli.demo.masked", "Ref", v.Ref.String(), "Rows", rowsOf(v))
	if err := d.reviewer.DecideDataset(ctx, v.Ref.String(), wire.Decide{Approve: true, Reason: "card and risk numbers read"}); err != nil {
		return nil, err
	}
	sc, err := d.steward.PublishScenario(ctx, wire.NewScenario{Spec: string(pack.Spec)})
	if err != nil {
		return nil, err
	}
	d.step("cli.demo.published", "Ref", sc.Ref.String(), "Title", sc.Title.In(d.p.lang))
	spec, _, err := scenarios.Parse(pack.Name, pack.Spec)
	if err != nil {
		return nil, err
	}
	e, err := d.vendor.Enrol(ctx, sc.Ref.String(), wire.Enrol{Purpose: "compete in the challenge", Agreement: scenarios.AgreementDigest(spec)})
	if err != nil {
		return nil, err
	}
	if err := d.reviewer.DecideEnrolment(ctx, string(e.ID), wire.Decide{Approve: true, Reason: "agreement signed"}); err != nil {
		return nil, err
	}
	d.step("cli.demo.enrolled", "Ref", sc.Ref.String())
	if err := d.enter(ctx, pack, spec, sc.Ref, v); err != nil {
		return nil, err
	}
	return d.hiddenTokens(ctx, spec, v)
}

func rowsOf(v aihub.DatasetVersion) (n int64) {
	for _, f := range v.Parts {
		n += f.Rows
	}
	return n
}

// enter assembles the images for a pack and lists what will be submitted.
func (d *demo) enter(ctx context.Context, pack packs.Pack, spec scenarios.Spec, ref aihub.Ref, v aihub.DatasetVersion) error {
	if d.program == nil {
		var err error
		if d.program, err = embedded.Algorithm(); err != nil {
			return err
		}
	}
	var sample bytes.Buffer
	if err := d.vendor.DatasetSample(ctx, v.Ref.String(), "csv", &sample); err != nil {
		return err
	}
	add := func(algorithm string, args ...string) *entry {
		e := &entry{Scenario: ref, Algorithm: algorithm, Args: args}
		d.order = append(d.order, e)
		return e
	}
	add("baseline", "baseline", pack.Name)
	add("weak", "weak", pack.Name)
	for _, m := range hostile.Modes {
		add("hostile", "hostile", m)
	}
	if spec.Train != nil {
		// A vendor that trains in earnest, and one that only wants the rows out.
		for algorithm, args := range map[string][2][]string{
			"trained": {{"train", pack.Name}, {"trained", pack.Name}},
			"hostile": {{"hostile", "hoard"}, {"hostile", "recall"}},
		} {
			training := add(algorithm, args[0]...)
			training.Train = true
			add(algorithm, args[1]...).Model = training
		}
	}
	n := 0
	for _, e := range d.order {
		if e.Scenario != ref {
			continue
		}
		img, err := push(ctx, d.submitter(e), d.program, e.Args, sample.Bytes())
		if err != nil {
			return err
		}
		d.images[e.key()] = img
		n++
	}
	d.step("cli.demo.images", "Ref", ref.String(), "Count", n)
	return nil
}

func (e *entry) key() string  { return e.Scenario.Name + " " + strings.Join(e.Args, " ") }
func (e *entry) name() string { return strings.Join(e.Args[:min(2, len(e.Args))], " ") }

// submitter is who enters e: the scenario's own organisation its baseline, the
// vendor everything else.
func (d *demo) submitter(e *entry) *client.Client {
	if e.Algorithm == "baseline" {
		return d.steward
	}
	return d.vendor
}

// push builds an image of the demo's program and uploads it.
func push(ctx context.Context, c *client.Client, program []byte, args []string, sample []byte) (aihub.Digest, error) {
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(oci.Build(w, oci.Config{Entrypoint: append([]string{"/algorithm"}, args...)}, []oci.File{
			{Name: "algorithm", Mode: 0o755, Content: program},
			{Name: "opt/sample.csv", Mode: 0o644, Content: sample},
		}))
	}()
	img, err := c.UploadImage(ctx, r, nil)
	r.CloseWithError(io.ErrClosedPipe)
	return img.Digest, err
}

func (d *demo) submitAll(ctx context.Context) error {
	n := 0
	for _, e := range d.order {
		if e.Model != nil {
			continue // when there is one
		}
		if err := d.submit(ctx, e); err != nil {
			return err
		}
		n++
	}
	d.step("cli.demo.submitted", "Count", n)
	return nil
}

func (d *demo) submit(ctx context.Context, e *entry) error {
	in := wire.NewSubmission{Image: d.images[e.key()], Name: e.name(), Train: e.Train, Nonce: rand.Text()}
	if e.Model != nil {
		in.Model = string(e.Model.ID)
	}
	s, err := d.submitter(e).Submit(ctx, e.Scenario.String(), in)
	e.ID = s.ID
	d.entries[s.ID] = e
	return err
}

// wait shows each submission as its outcome becomes visible to the vendor, and
// enters what uses a model once there is one.
func (d *demo) wait(ctx context.Context) error {
	open := len(d.order)
	for done := map[aihub.SubmissionID]bool{}; open > 0; {
		for _, e := range d.order {
			if e.ID == "" {
				if !done[e.Model.ID] {
					continue
				}
				if err := d.submit(ctx, e); err != nil {
					return err
				}
			}
			if done[e.ID] {
				continue
			}
			v, err := d.submitter(e).Submission(ctx, e.ID)
			if err != nil {
				return err
			}
			if !v.State.Terminal() || v.State == aihub.SubmissionScored && (v.Score == nil || v.Score.ReleasedAt.IsZero()) {
				continue
			}
			done[e.ID] = true
			open--
			if v.Score != nil {
				e.Released = v.Score.Released
			}
			d.p.note("cli.demo.outcome", "Done", len(d.order)-open, "Count", len(d.order), "Scenario", e.Scenario.Name, "Name", e.name(), "State", d.p.t("cli.event."+string(v.State)))
		}
		select {
		case <-ctx.Done():
			return aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "the demo's runs did not end in time", ZH: "演示的运行未能按时结束"})
		case <-time.After(500 * time.Millisecond):
		}
	}
	return nil
}

func (d *demo) boards(ctx context.Context) error {
	for _, pack := range packs.All() {
		b, err := d.vendor.Board(ctx, pack.Name, "", time.Time{})
		if err != nil {
			return err
		}
		d.report.Boards = append(d.report.Boards, b)
		if !d.p.json {
			fmt.Fprintln(d.p.Out)
			d.p.showBoard(b)
		}
		listed := map[string]bool{}
		for _, r := range b.Rows {
			listed[r.Name] = true
		}
		value := map[string]float64{}
		for _, e := range d.order {
			at := slices.IndexFunc(e.Released, func(m aihub.MetricValue) bool { return m.ID == b.Primary })
			if e.Scenario.Name != pack.Name || at < 0 {
				continue
			}
			value[e.Algorithm] = e.Released[at].Value
			if e.Algorithm == "weak" && !listed[e.name()] && !d.p.json {
				// A board has the best of each organisation, and what was trained inside is better.
				d.p.say("cli.demo.unlisted", "Name", e.name(), "Metric", b.Primary, "Value", number(e.Released[at]))
			}
		}
		baseline, there := value["baseline"]
		weak, both := value["weak"]
		if b.Better == "min" {
			baseline, weak = -baseline, -weak
		}
		if !there || !both || baseline <= weak {
			return aihub.Errorf(aihub.Internal, aihub.Text{
				EN: "the baseline of " + pack.Name + " does not score above the weak algorithm",
				ZH: pack.Name + " 的基线算法得分未高于弱算法",
			})
		}
		for _, e := range d.order {
			if e.Scenario.Name == pack.Name && (e.Algorithm == "baseline" || e.Algorithm == "trained" && !e.Train) && !listed[e.name()] {
				return aihub.Errorf(aihub.Internal, aihub.Text{
					EN: "the board of " + pack.Name + " lacks " + e.name(), ZH: pack.Name + " 榜单缺少 " + e.name(),
				})
			}
		}
	}
	if !d.p.json {
		fmt.Fprintln(d.p.Out)
	}
	return nil
}

// freeAddress keeps want when nothing listens there, else takes a free port.
func freeAddress(want string) string {
	ln, err := net.Listen("tcp", want)
	if err != nil {
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return want
		}
	}
	defer ln.Close()
	return ln.Addr().String()
}
