package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/internal/config"
	"aihub/internal/store"
	"aihub/policies/sharing"
	"aihub/sandbox/attack"
	"aihub/sandbox/runnertest/hostile"
	"aihub/server/client"
	"aihub/server/wire"
)

// play is a hostile algorithm that asks its hidden data one question, and shows the
// answer by what it does (the deeds of package hostile).
type play struct {
	row     string
	yes, no string
	mode    string // another of its modes, which asks nothing
	fails   bool   // both ways its vendor's fault
	train   bool   // it trains
}

// sooner are played at one tick, and plays at the next, with what those left. By then
// both have a score, which later ones equal: what is told of one does not hang on which
// is told first.
var (
	sooner = []play{
		{row: "V16", yes: "hoard", no: "forget", train: true},
		{row: "V42", mode: "recognise"},
	}
	plays = []play{
		{row: "V5", yes: "print", no: "quiet"},
		{row: "V6", yes: "exit:1", no: "exit:42", fails: true},
		{row: "V6", yes: "exit:139", no: "exit:255", fails: true},
		{row: "V7", yes: "crash", no: "memory", fails: true},
		{row: "V7", yes: "wait:60000", no: "exit:1", fails: true},
		{row: "V7", yes: "none", no: "strange", fails: true},
		{row: "V8", yes: "wait:3000", no: "quiet"},
		{row: "V10", yes: "files:14", no: "quiet"},
		{row: "V12", yes: "dressed", no: "quiet"},
		{row: "V12", yes: "encode", no: "encode"},
		{row: "V13", yes: "label", no: "strange", fails: true},
		{row: "V13", yes: "formula", no: "entity", fails: true},
		{row: "V14", yes: "burn:2000", no: "wait:100"},
		{row: "V15", yes: "progress:20", no: "quiet"},
		{row: "V16", mode: "recall"},
		{row: "V41", yes: "long", no: "columns", fails: true},
		{row: "V41", yes: "unclosed", no: "pickle", fails: true},
		{row: "V42", mode: "recognise"},
	}
)

func (p play) String() string {
	if p.mode != "" {
		return p.mode
	}
	return p.yes + " or " + p.no
}

// staged is a play that was entered by a vendor.
type staged struct {
	play
	vendor aihub.UserID
	id     aihub.SubmissionID
	run    aihub.Run         // the hidden one, as the platform sees it
	ended  time.Time         // all of it, as the platform sees it
	failed bool              // so, too
	log    string            // as the steward sees it
	before map[string]string // what its vendor could read when it was entered
	place  int64             // in the ledger, of the last that its receipt says
}

// hidden plays hostile algorithms on a platform of its own, through its front door.
// Two organisations enter the same: the data of the first hold what it asks about,
// that of the other do not. Whatever either can read is compared, and searched for
// canaries.
type hidden struct {
	*meter
	program []byte
	guess   [2]string // what lies in the test part, and in the train part
	eyes    *eyes
	entered time.Time
	told    time.Time // the tick
	shown   map[string]attack.Shown
}

// tickOfHidden is long: all that is played at once ends within it.
const tickOfHidden = 10 * time.Minute

var sides = []string{"party-one", "party-two"}

func vendorOf(side string) aihub.UserID { return aihub.UserID("vendor-" + side) }

// hidden shows the rows that take a platform whose runs are those of a runner.
func (p *process) hidden(ctx context.Context, runner config.Sandbox, program []byte) (map[string]attack.Shown, error) {
	m, done, err := p.ownPlatform(ctx, func(c *config.Config) { c.Sandbox, c.Workers = runner, 4 })
	if err != nil {
		return nil, err
	}
	defer done()
	h := &hidden{meter: m, program: program, shown: map[string]attack.Shown{}}
	if err := h.prepare(ctx); err != nil {
		return nil, err
	}
	first, err := h.enter(ctx, sooner, nil)
	if err != nil {
		return nil, err
	}
	if err := h.watch(ctx, first); err != nil {
		return nil, err
	}
	second, err := h.enter(ctx, plays, first)
	if err != nil {
		return nil, err
	}
	if err := h.watch(ctx, second); err != nil {
		return nil, err
	}
	return h.shown, h.conclude(ctx, first, second)
}

// prepare publishes a scenario with marks in its data, and enrols the two.
func (h *hidden) prepare(ctx context.Context) error {
	if err := h.open(ctx, plant, map[string]string{`tick: \w+`: "tick: " + tickOfHidden.String(), `quota: \d+`: "quota: 60", `wall: 20s`: "wall: 6s", `bits: \d+`: "bits: 436", `share: \d+`: "share: 218", `step: [0-9.]+`: "step: 0.5"}); err != nil {
		return err
	}
	for _, side := range sides {
		if _, err := h.vendor(ctx, side); err != nil {
			return err
		}
	}
	v, err := h.d.steward.Dataset(ctx, h.spec.Dataset)
	if err != nil {
		return err
	}
	var tokens []string
	for _, part := range v.Parts {
		only := v
		only.Parts = []aihub.PartFile{part}
		in, err := h.d.hiddenTokens(ctx, h.spec, only)
		if err != nil {
			return err
		}
		// What is asked about lies in an image, so that its vendor reads it there.
		for i, of := range []aihub.Part{aihub.Test, aihub.Train} {
			if part.Part == of {
				at := slices.IndexFunc(in, hostile.Mark.MatchString)
				h.guess[i] = in[at]
				in = slices.Delete(in, at, at+1)
			}
		}
		tokens = append(tokens, in...)
	}
	look, n := sharing.NewCanaries(tokens)
	if n < 1000 || h.guess[0] == "" || h.guess[1] == "" {
		return fmt.Errorf("only %d canaries lie in the data", n)
	}
	h.eyes = &eyes{d: h.d, look: look}
	return nil
}

// enter submits plays for both sides, while the clock stands so that when they were
// entered tells nobody apart. Some use what earlier ones left.
func (h *hidden) enter(ctx context.Context, plays []play, earlier []*staged) (all []*staged, err error) {
	h.entered = h.clock.stop()
	defer h.clock.start()
	for _, side := range sides {
		for _, p := range plays {
			mark := h.guess[0]
			if p.train {
				mark = h.guess[1]
			}
			if side == sides[1] {
				mark = "zq" + strings.ToLower(rand.Text() + rand.Text())[:30]
			}
			args := []string{"hostile", "tell", mark, p.yes, p.no}
			if p.mode != "" {
				args = []string{"hostile", p.mode}
			}
			var known []byte
			in := wire.NewSubmission{Name: "x", Train: p.train, Nonce: rand.Text()} // one name for all
			for _, e := range earlier {
				switch {
				case e.vendor != vendorOf(side) || e.row != p.row:
				case e.train:
					in.Model = string(e.id)
				case e.mode == p.mode:
					known = []byte(e.log)
				}
			}
			c := client.New(h.d.url, h.d.tokens[vendorOf(side)])
			if in.Image, err = push(ctx, c, h.program, args, known); err != nil {
				return nil, err
			}
			sub, err := c.Submit(ctx, h.ref.String(), in)
			if err != nil {
				return nil, err
			}
			all = append(all, &staged{play: p, vendor: vendorOf(side), id: sub.ID})
		}
	}
	for _, s := range all {
		if s.before, err = h.view(ctx, s, true); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// bad says that something of a row succeeded.
func (h *hidden) bad(row, format string, args ...any) {
	s := h.shown[row]
	s.Bad = append(s.Bad, fmt.Sprintf(format, args...))
	h.shown[row] = s
}

// leaks says that the canaries that were found since it was asked last are those of a row.
func (h *hidden) leaks(row string) {
	for _, l := range h.eyes.leaked {
		h.bad(row, "%s", l)
	}
	h.eyes.leaked = nil
}

// unchanged says where what a vendor can read about its entries is not, before their
// tick, what it was when they were entered.
func (h *hidden) unchanged(ctx context.Context, all []*staged) error {
	for _, s := range all {
		v, err := h.view(ctx, s, true)
		if err != nil {
			return err
		}
		for _, d := range differ(s.before, v) {
			h.bad(s.row, "%s, before the tick: %s", s, d)
		}
	}
	return nil
}

// compare holds what the two sides of each play can read after the tick together.
func (h *hidden) compare(ctx context.Context, all []*staged) error {
	views := map[aihub.UserID][]map[string]string{}
	for _, s := range all {
		v, err := h.view(ctx, s, false)
		if err != nil {
			return err
		}
		views[s.vendor] = append(views[s.vendor], v)
	}
	one, two := views[vendorOf(sides[0])], views[vendorOf(sides[1])]
	failed := -1 // the first that failed: all others look like it
	for i, s := range all[:len(one)] {
		for _, d := range differ(one[i], two[i]) {
			h.bad(s.row, "%s, after the tick: %s", s, d)
		}
		if s.fails && failed < 0 {
			failed = i
		} else if s.fails {
			for _, d := range differ(one[failed], one[i]) {
				h.bad(s.row, "%s and %s: %s", all[failed], s, d)
			}
		}
	}
	return nil
}

// view is what the vendor of s can read about it. Event streams that have no end yet
// are left out: they are followed while it runs.
func (h *hidden) view(ctx context.Context, s *staged, early bool) (map[string]string, error) {
	runs, err := client.New(h.d.url, h.d.tokens[s.vendor]).Submission(ctx, s.id)
	if err != nil {
		return nil, err
	}
	ids := []string{string(s.id)}
	for _, r := range runs.Runs {
		ids = append(ids, string(r.ID))
	}
	urls, err := h.d.vendorURLs(ctx, map[string][]string{"id": ids})
	if err != nil {
		return nil, err
	}
	urls = slices.DeleteFunc(urls, func(u string) bool {
		return !strings.Contains(u, "/submissions/") && !strings.Contains(u, "/runs/") || !slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(u, id) }) ||
			early && strings.HasSuffix(u, "/events")
	})
	seen, err := h.eyes.see(ctx, s.vendor, urls)
	if err != nil {
		return nil, err
	}
	h.leaks(s.row)
	view := map[string]string{}
	for where, b := range seen {
		where = strings.ReplaceAll(where, h.d.url, "")
		for i, id := range ids {
			where = strings.ReplaceAll(where, id, fmt.Sprintf("ID%d", i))
		}
		if strings.HasSuffix(where, "/receipt") && bytes.HasPrefix(b, []byte("200")) {
			if view[where], s.place, err = h.receipt(b); err != nil {
				return nil, err
			}
			continue
		}
		view[where] = h.plain(b)
	}
	return view, nil
}

// receipt is what a receipt says of each step, and the place in the ledger of the last
// one. Its proofs are of what others did, too, and the steps of a tick are those of two
// workers, in no order.
func (h *hidden) receipt(answer []byte) (steps string, place int64, err error) {
	_, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	proven, err := store.VerifyReceipt(body, h.d.a.DB.PublicKey())
	if err != nil {
		return "", 0, err
	}
	var all []string
	for _, s := range proven.Steps {
		place = s.Seq
		all = append(all, h.plain(fmt.Appendf(nil, "%s %s %s %s\n", s.At.Format(time.RFC3339Nano), s.Act, s.Facts, s.By)))
	}
	slices.Sort(all)
	return strings.Join(all, ""), place, nil
}
