package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"time"

	"aihub"
	"aihub/internal/config"
	"aihub/internal/store"
	"aihub/sandbox/attack"
	"aihub/server/client"
	"aihub/server/wire"
)

// channel is one thing by which an algorithm could tell its vendor a secret bit.
type channel struct {
	name     string
	text     aihub.Text
	residual bool // known, and bounded by design: it is measured and does not fail
	act      func(secret bool) ending
}

// ending is what a hidden run does, in the time of the platform.
type ending struct {
	lasts   time.Duration
	lost    bool // its worker dies once
	failure aihub.Failure
	usage   aihub.Usage
	output  int // bytes
	log     string
	behind  bool // a trial of the same vendor is entered while it runs
}

// tickOf is the tick of the scenario that is measured.
const tickOf = time.Minute

func vendorFault(r aihub.Reason, detail string) aihub.Failure {
	return aihub.Failure{Owner: aihub.FaultVendor, Reason: r, Detail: detail}
}

func pick[T any](secret bool, yes, no T) T {
	if secret {
		return yes
	}
	return no
}

var channels = []channel{
	{"duration", aihub.Text{EN: "duration within a tick", ZH: "一个时间片内的时长"}, false, func(s bool) ending {
		return ending{lasts: pick(s, 40*time.Second, 3*time.Second), output: 100}
	}},
	{"exit", aihub.Text{EN: "exit code", ZH: "退出码"}, false, func(s bool) ending {
		return ending{lasts: 5 * time.Second, failure: vendorFault(aihub.ReasonExit, pick(s, "exit code 1", "exit code 42"))}
	}},
	{"kind", aihub.Text{EN: "kind of failure, with its duration", ZH: "失败类型及其时长"}, false, func(s bool) ending {
		return pick(s, ending{lasts: 20 * time.Second, failure: vendorFault(aihub.ReasonTimeout, "longer than 20s")}, ending{lasts: time.Second, failure: vendorFault(aihub.ReasonMemory, "more memory")})
	}},
	{"use", aihub.Text{EN: "processor time and memory", ZH: "CPU 时间与内存"}, false, func(s bool) ending {
		return ending{lasts: 5 * time.Second, output: 100, usage: pick(s, aihub.Usage{CPUMS: 9000, PeakBytes: 200 << 20, WallMS: 9000}, aihub.Usage{CPUMS: 10, PeakBytes: 1 << 20, WallMS: 50})}
	}},
	{"size", aihub.Text{EN: "size of the output", ZH: "输出大小"}, false, func(s bool) ending {
		return ending{lasts: 5 * time.Second, output: pick(s, 1<<20, 10)}
	}},
	{"log", aihub.Text{EN: "length of the log", ZH: "日志长度"}, false, func(s bool) ending {
		return ending{lasts: 5 * time.Second, output: 100, log: strings.Repeat("x", pick(s, 50_000, 1))}
	}},
	{"loss", aihub.Text{EN: "a worker that dies", ZH: "工作进程中断"}, false, func(s bool) ending {
		return ending{lasts: 5 * time.Second, output: 100, lost: s}
	}},
	{"order", aihub.Text{EN: "when a trial behind it begins", ZH: "其后的试运行何时开始"}, false, func(s bool) ending {
		return ending{lasts: pick(s, 40*time.Second, 3*time.Second), output: 100, behind: true}
	}},
	{"hours", aihub.Text{EN: "hours that it is charged", ZH: "所计的核时"}, true, func(s bool) ending {
		return ending{lasts: 5 * time.Second, failure: vendorFault(aihub.ReasonExit, "exit code 1"), usage: pick(s, aihub.Usage{CPUMS: 1 << 30}, aihub.Usage{CPUMS: 10})}
	}},
	{"tick", aihub.Text{EN: "the tick at which it ends", ZH: "结束所在的时间片"}, true, func(s bool) ending {
		return ending{lasts: pick(s, 5*time.Second, 5*time.Second+tickOf), output: 100}
	}},
	{"outcome", aihub.Text{EN: "success or failure", ZH: "成功或失败"}, true, func(s bool) ending {
		return pick(s, ending{lasts: 5 * time.Second, output: 100}, ending{lasts: 5 * time.Second, failure: vendorFault(aihub.ReasonExit, "exit code 1")})
	}},
}

// measured is one row of the table of channels.
type measured struct {
	Channel  string     `json:"channel"`
	Text     aihub.Text `json:"text"`
	Runs     int        `json:"runs"`
	Bits     float64    `json:"bits"`   // a run
	Chance   float64    `json:"chance"` // that a closed channel seems to tell as much
	Field    string     `json:"field,omitempty"`
	Residual bool       `json:"residual"`
}

// tells reports whether a channel that should be closed is not: more than 0.05
// bits a run, and not by chance.
func (m measured) tells() bool { return !m.Residual && m.Bits > 0.05 && m.Chance < 0.01 }

// channels measures on a platform of its own, in this process and on a clock of
// its own, how much of a secret bit reaches a vendor who reads all the API says
// about a hidden run, before its tick and after.
func (p *process) channels(ctx context.Context, runs int) error {
	m, done, err := p.meter(ctx, 1) // what is under way holds all that its vendor may have
	if err != nil {
		return err
	}
	defer done()
	var all []measured
	open := 0
	for _, c := range channels {
		r, err := m.measure(ctx, c, runs)
		if err != nil {
			return err
		}
		if r.tells() {
			open++
		}
		all = append(all, r)
	}
	several, err := p.several(ctx, runs)
	if err != nil {
		return err
	}
	if several.tells() {
		open++
	}
	all = append(all, several)
	err = p.data(map[string]any{"channels": all}, func() {
		var rows [][]string
		for _, r := range all {
			state := p.t("attack.stopped")
			if r.Residual {
				state = p.t("attack.residual")
			} else if r.tells() {
				state = p.t("attack.open")
			}
			rows = append(rows, []string{r.Text.In(p.lang), fmt.Sprint(r.Runs), fmt.Sprintf("%.2f", r.Bits), fmt.Sprintf("%.2f", r.Chance), state, r.Field})
		}
		p.table([]string{p.t("attack.channel"), p.t("attack.runs"), p.t("attack.bits"), p.t("attack.chance"), p.t("attack.status"), p.t("attack.field")}, rows)
	})
	if err == nil && open > 0 {
		err = aihub.Errorf(aihub.Internal, aihub.Text{EN: fmt.Sprintf("%d channels tell a vendor something", open), ZH: fmt.Sprintf("%d 条信道向厂商泄露信息", open)})
	}
	return err
}

// meter opens a platform of its own on which an organisation may have so many runs at
// once; done ends it.
func (p *process) meter(ctx context.Context, most int) (m *meter, done func(), err error) {
	m, done, err = p.ownPlatform(ctx, func(c *config.Config) { c.Queue.PerOrganisation = most })
	if err != nil {
		return nil, nil, err
	}
	if err = m.open(ctx, func(raw []byte) ([]byte, error) { return raw, nil }, map[string]string{`tick: \w+`: "tick: " + tickOf.String(), `quota: \d+`: "quota: 100"}); err != nil {
		done()
		return nil, nil, err
	}
	return m, done, nil
}

// quota is how many submissions an organisation has: whoever is to enter more is another.
const quota = 90

// measure plays runs submissions, those of one organisation one after the other.
func (m *meter) measure(ctx context.Context, c channel, runs int) (out measured, err error) {
	out = measured{Channel: c.name, Text: c.text, Runs: runs, Residual: c.residual}
	var vendor aihub.UserID
	r := rand.New(rand.NewPCG(uint64(runs), 20261122)) // the same secrets each time, so that figures can be compared
	var secrets []bool
	var views []attack.View
	for n := range runs {
		if n%quota == 0 {
			if vendor, err = m.vendor(ctx, fmt.Sprintf("%s-%03d", c.name, n/quota)); err != nil {
				return out, err
			}
		}
		s := r.IntN(2) == 1
		v, err := m.trial(ctx, vendor, c.act(s))
		if err != nil {
			return out, fmt.Errorf("channel %s: %w", c.name, err)
		}
		secrets, views = append(secrets, s), append(views, v)
	}
	out.Bits, out.Field, out.Chance = attack.Bits(secrets, views)
	return out, nil
}

// trial plays one submission from just after a tick on, and looks as its vendor.
func (m *meter) trial(ctx context.Context, vendor aihub.UserID, e ending) (attack.View, error) {
	d := m.d
	now := d.a.Now()
	begin := now.Truncate(tickOf).Add(2*tickOf + time.Second)
	to := func(at time.Duration) { m.clock.ahead.Add(int64(begin.Add(at).Sub(d.a.Now()))) }
	to(0)
	c := client.New(d.url, d.tokens[vendor])
	before, err := c.Hours(ctx, "")
	if err != nil {
		return nil, err
	}
	sub, err := c.Submit(ctx, m.ref.String(), wire.NewSubmission{Image: m.image, Name: "x", Nonce: fmt.Sprint(begin.UnixNano())})
	if err != nil {
		return nil, err
	}
	view := attack.View{}
	var behind aihub.SubmissionID
	look := func(at time.Duration) error {
		to(at)
		if _, err := d.a.DB.Reap(ctx); err != nil { // settles what is due, as a worker does: a failure is shown after that
			return err
		}
		if behind != "" {
			if err := m.trials(ctx); err != nil {
				return err
			}
			if err := m.look(ctx, vendor, "trial ", behind, begin, at, view); err != nil {
				return err
			}
		}
		hours, err := c.Hours(ctx, "")
		if err != nil {
			return err
		}
		view[fmt.Sprintf("%v hours used", at)] = fmt.Sprintf("%.6f", hours.Used-before.Used)
		return m.look(ctx, vendor, "", sub.ID, begin, at, view)
	}
	polls := []time.Duration{time.Second, 15 * time.Second, 50 * time.Second, tickOf + 5*time.Second, tickOf + 50*time.Second, 2*tickOf + 5*time.Second}
	next := 0
	until := func(at time.Duration) error { // looks on the way
		for ; next < len(polls) && polls[next] < at; next++ {
			if err := look(polls[next]); err != nil {
				return err
			}
		}
		to(at)
		return nil
	}
	start := 2 * time.Second
	if err := until(start); err != nil {
		return nil, err
	}
	l, err := m.claim(ctx, aihub.RunInfer, 10*time.Second)
	if err != nil {
		return nil, err
	}
	if e.lost {
		start += 11 * time.Second
		if err := until(start); err != nil {
			return nil, err
		}
		if _, err := d.a.DB.Reap(ctx); err != nil {
			return nil, err
		}
	}
	if e.lost {
		start += 5 * time.Second // a run that was lost waits a little
		if err := until(start); err != nil {
			return nil, err
		}
		if l, err = m.claim(ctx, aihub.RunInfer, time.Hour); err != nil {
			return nil, err
		}
	} else if _, err := d.a.DB.Heartbeat(ctx, l, time.Hour); err != nil {
		return nil, err
	}
	for _, s := range []aihub.RunState{aihub.RunPreparing, aihub.RunRunning} {
		if err := d.a.DB.Advance(ctx, l, s); err != nil {
			return nil, err
		}
	}
	if e.behind {
		t, err := c.Submit(ctx, m.ref.String(), wire.NewSubmission{Image: m.image, Name: "x", Smoke: true, Nonce: fmt.Sprint("behind", begin.UnixNano())})
		if err != nil {
			return nil, err
		}
		behind = t.ID
	}
	if err := until(start + e.lasts); err != nil {
		return nil, err
	}
	if err := d.a.DB.Advance(ctx, l, aihub.RunCollecting); err != nil {
		return nil, err
	}
	o := store.Outcome{Failure: e.failure, Usage: e.usage}
	if e.log != "" {
		if o.Log, _, err = d.a.Blobs.Put(ctx, strings.NewReader(e.log)); err != nil {
			return nil, err
		}
	}
	if e.failure.Reason == "" {
		if o.Output, _, err = d.a.Blobs.Put(ctx, strings.NewReader(strings.Repeat("p", e.output))); err != nil {
			return nil, err
		}
	}
	if err := d.a.DB.Finish(ctx, l, o); err != nil {
		return nil, err
	}
	if e.failure.Reason == "" {
		if l, err = m.claim(ctx, aihub.RunScore, time.Hour); err != nil {
			return nil, err
		}
		// The part cannot be read: the same end for all, so that no score tells, and
		// one that costs nothing: what fails in the scorer is charged like an answer.
		if err := d.a.DB.Finish(ctx, l, store.Outcome{Failure: aihub.Failure{Owner: aihub.FaultData, Reason: aihub.ReasonData}}); err != nil {
			return nil, err
		}
	}
	return view, until(2*tickOf + 10*time.Second)
}

// trials carries out the trials whose turn it is, as a worker with a free place for
// them would.
func (m *meter) trials(ctx context.Context) error {
	for {
		l, err := m.d.a.DB.Claim(ctx, "measuring", time.Hour, store.Trials...)
		if err != nil || l == nil {
			return err
		}
		if err := m.d.a.DB.Finish(ctx, l, store.Outcome{}); err != nil {
			return err
		}
	}
}

func (m *meter) claim(ctx context.Context, kind aihub.RunKind, ttl time.Duration) (*store.Lease, error) {
	l, err := m.d.a.DB.Claim(ctx, "measuring", ttl, kind)
	if err == nil && l == nil {
		err = errors.New("there is no run to claim")
	}
	return l, err
}

var (
	idForm   = regexp.MustCompile(`\b[a-z]{2,12}_[a-z0-9]{10,}\b`)
	timeForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT`)
)

// look reads what the API says about a submission and its runs, heads included,
// into fields of view that begin with what it is.
func (m *meter) look(ctx context.Context, vendor aihub.UserID, what string, id aihub.SubmissionID, begin time.Time, at time.Duration, view attack.View) error {
	at = at.Round(time.Second)
	get := func(path string) (map[string]any, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.d.url+"/api/v1/"+path, nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+m.d.tokens[vendor])
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return nil, err
		}
		name := what + idForm.ReplaceAllString(path, "ID")
		view[fmt.Sprintf("%v %s status", at, name)] = resp.Status
		view[fmt.Sprintf("%v %s bytes", at, name)] = fmt.Sprint(len(body))
		for h := range resp.Header {
			if h != "Date" {
				view[fmt.Sprintf("%v %s header %s", at, name, h)] = resp.Header.Get(h)
			}
		}
		var v any
		if json.Unmarshal(body, &v) != nil {
			view[fmt.Sprintf("%v %s", at, name)] = string(body)
			return nil, nil
		}
		flatten(fmt.Sprintf("%v %s", at, name), v, begin, view)
		o, _ := v.(map[string]any)
		return o, nil
	}
	sub, err := get("submissions/" + string(id))
	if err != nil {
		return err
	}
	runs, _ := sub["runs"].([]any)
	for _, r := range runs {
		r, _ := r.(map[string]any)
		if rid, _ := r["id"].(string); rid != "" {
			for _, path := range []string{"runs/" + rid, "runs/" + rid + "/log"} {
				if _, err := get(path); err != nil {
					return err
				}
			}
		}
	}
	_, err = get("submissions/" + string(id) + "/receipt")
	return err
}

// flatten writes the leaves of v into view. Ids become one word, and times
// seconds after the submission.
func flatten(path string, v any, begin time.Time, view attack.View) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flatten(path+"."+k, x, begin, view)
		}
	case []any:
		view[path+" count"] = fmt.Sprint(len(v))
		for i, x := range v {
			flatten(fmt.Sprintf("%s[%d]", path, i), x, begin, view)
		}
	case string:
		if timeForm.MatchString(v) {
			if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
				v = fmt.Sprint(int64(t.Sub(begin).Seconds()))
			}
		}
		view[path] = idForm.ReplaceAllString(v, "ID")
	default:
		view[path] = fmt.Sprint(v)
	}
}
