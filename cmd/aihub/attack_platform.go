package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"aihub"
	"aihub/internal/config"
	"aihub/internal/oci"
	"aihub/scenarios"
	"aihub/scenarios/packs"
	"aihub/server"
	"aihub/server/client"
	"aihub/server/wire"
)

// clock is what a platform that is attacked goes by: that of the machine, put
// forward, or standing still.
type clock struct {
	of    func() time.Time
	ahead atomic.Int64              // nanoseconds
	still atomic.Pointer[time.Time] // what it shows while it stands
}

func (c *clock) now() time.Time {
	if t := c.still.Load(); t != nil {
		return *t
	}
	return c.of().Add(time.Duration(c.ahead.Load()))
}

// stop lets it stand, and start go on from there.
func (c *clock) stop() time.Time {
	t := c.now()
	c.still.Store(&t)
	return t
}

func (c *clock) start() {
	t := c.now()
	c.ahead.Store(int64(t.Sub(c.of())))
	c.still.Store(nil)
}

// meter is a platform that is measured or attacked, in this process.
type meter struct {
	d     *demo
	clock *clock
	ref   aihub.Ref
	spec  scenarios.Spec
	image aihub.Digest
}

// ownPlatform opens a platform of its own, on a clock of its own, with its front door
// and no workers; done ends it. set changes its settings.
func (p *process) ownPlatform(ctx context.Context, set func(*config.Config)) (m *meter, done func(), err error) {
	home, err := os.MkdirTemp("", "aihub-attacked-*")
	if err != nil {
		return nil, nil, err
	}
	closers := []func(){func() { removeTree(home) }}
	end := func() {
		for _, c := range slices.Backward(closers) {
			c()
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	m = &meter{clock: &clock{of: p.Now}}
	q := *p
	q.Now = m.clock.now
	q.json = true // the play itself says nothing
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, func() { ln.Close() })
	cfg := config.Default(home)
	cfg.URL = "http://" + ln.Addr().String()
	set(&cfg)
	a, err := openApp(ctx, cfg, &q)
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, func() { a.Close() })
	h, err := server.New(server.Deps{DB: a.DB, Policies: a.Policies, Blobs: a.Blobs, Catalog: a.Catalog, Dir: home, Now: a.Now, Log: a.Log})
	if err != nil {
		return nil, nil, err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	closers = append(closers, func() { srv.Close() })
	m.d = &demo{p: &q, a: a, url: cfg.URL, passwords: map[aihub.UserID]string{}, tokens: map[aihub.UserID]string{}}
	return m, end, nil
}

// open publishes the first scenario of those that the platform brings along, as its
// steward would: its raw records as mark leaves them, its spec with edits (a regular
// expression each) made.
func (m *meter) open(ctx context.Context, mark func(raw []byte) ([]byte, error), edits map[string]string) (err error) {
	d := m.d
	if d.passwords[operator], err = d.a.bootstrap(ctx, ""); err != nil {
		return err
	}
	if err := d.people(ctx); err != nil {
		return err
	}
	pack := packs.All()[0]
	var raw bytes.Buffer
	if err := pack.Generate(&raw, 20261122, pack.Rows); err != nil {
		return err
	}
	marked, err := mark(raw.Bytes())
	if err != nil {
		return err
	}
	v, err := d.steward.PublishDataset(ctx, pack.Manifest, bytes.NewReader(marked), nil)
	if err != nil {
		return err
	}
	if err := d.reviewer.DecideDataset(ctx, v.Ref.String(), wire.Decide{Approve: true, Reason: "card read"}); err != nil {
		return err
	}
	source := string(pack.Spec)
	for from, to := range edits {
		source = regexp.MustCompile(from).ReplaceAllString(source, to)
	}
	sc, err := d.steward.PublishScenario(ctx, wire.NewScenario{Spec: source})
	if err != nil {
		return err
	}
	m.ref = sc.Ref
	m.spec, _, err = scenarios.Parse(pack.Name, []byte(source))
	return err
}

// vendor enrols an organisation of its own, with its own quota.
func (m *meter) vendor(ctx context.Context, name string) (aihub.UserID, error) {
	d := m.d
	op := client.New(d.url, d.tokens[operator])
	org, user := aihub.OrgID("org-"+name), aihub.UserID("vendor-"+name)
	if err := op.CreateOrg(ctx, aihub.Org{ID: org, Name: aihub.Text{EN: name, ZH: name}}); err != nil {
		return user, err
	}
	d.passwords[user] = "a long password " + name
	if err := op.CreateUser(ctx, wire.NewUser{User: aihub.User{ID: user, Org: org, Name: name, Roles: []aihub.Role{aihub.Vendor}}, Password: d.passwords[user]}); err != nil {
		return user, err
	}
	c, err := d.signIn(ctx, user)
	if err != nil {
		return user, err
	}
	e, err := c.Enrol(ctx, m.ref.String(), wire.Enrol{Purpose: "measure", Agreement: scenarios.AgreementDigest(m.spec)})
	if err != nil {
		return user, err
	}
	if err := d.reviewer.DecideEnrolment(ctx, string(e.ID), wire.Decide{Approve: true, Reason: "signed"}); err != nil {
		return user, err
	}
	var b bytes.Buffer
	if err := oci.Build(&b, oci.Config{Entrypoint: []string{"/run"}}, []oci.File{{Name: "run", Mode: 0o755, Content: []byte("#!" + name)}}); err != nil {
		return user, err
	}
	img, err := c.UploadImage(ctx, &b, nil)
	m.image = img.Digest
	return user, err
}
