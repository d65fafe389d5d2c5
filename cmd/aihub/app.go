package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"aihub"
	"aihub/catalog"
	"aihub/evaluator"
	"aihub/internal/blob"
	"aihub/internal/config"
	"aihub/internal/keys"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/sandbox"

	"golang.org/x/sync/errgroup"
)

// app is the platform with every room wired: the one place where they meet.
type app struct {
	Config    config.Config
	DB        *store.DB
	Blobs     *blob.Vault
	Keys      *keys.Ring
	Policies  *policies.Engine
	Catalog   *catalog.Catalog
	Images    *oci.Cache
	Runner    sandbox.Runner
	Terminals *sandbox.Workspaces
	machine   atomic.Value // string: what Runner runs, "" until it has answered
	Log       *slog.Logger
	Now       func() time.Time
}

// openStore opens the database of an existing data directory and nothing else:
// enough to verify it.
func openStore(ctx context.Context, p *process) (*app, error) {
	cfg, err := config.Load("", p.Getenv)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(cfg.Home, "keys", "root.key")); err != nil {
		return nil, aihub.Errorf(aihub.NotFound, aihub.Text{
			EN: "there is no platform in " + cfg.Home, ZH: cfg.Home + " 中没有平台数据",
		}).WithHint(aihub.Text{EN: "set AIHUB_HOME to the server's data directory, or use --remote", ZH: "请将 AIHUB_HOME 设为服务器数据目录，或使用 --remote"})
	}
	a := &app{Config: cfg, Now: p.Now}
	if a.Keys, err = keys.Open(filepath.Join(cfg.Home, "keys", "root.key")); err != nil {
		return nil, err
	}
	return a, a.openDB(ctx)
}

func (a *app) openDB(ctx context.Context) (err error) {
	driver, dsn := "sqlite", filepath.Join(a.Config.Home, "aihub.db")
	if a.Config.Database != "" {
		driver, dsn = "postgres", a.Config.Database
	}
	a.DB, err = store.Open(ctx, store.Options{
		Driver: driver, DSN: dsn, Signer: a.Keys.Signer(),
		Checkpoint: filepath.Join(a.Config.Home, "checkpoint"), Now: a.Now,
		Queue: queueOf(a.Config.Queue),
	})
	return err
}

func queueOf(c config.Queue) store.Queue {
	q := store.Queue{PerOrg: c.PerOrganisation, PerScenario: c.PerScenario, ScenarioWeights: c.Scenarios, Hours: c.CPUHours}
	q.OrgWeights, q.HoursOf = map[aihub.OrgID]int{}, map[aihub.OrgID]float64{}
	for org, n := range c.Organisations {
		q.OrgWeights[aihub.OrgID(org)] = n
	}
	for org, h := range c.CPUHoursOf {
		q.HoursOf[aihub.OrgID(org)] = h
	}
	return q
}

// openApp opens the platform in cfg.Home, creating it when it is new.
func openApp(ctx context.Context, cfg config.Config, p *process) (*app, error) {
	if err := os.MkdirAll(cfg.Home, 0o700); err != nil {
		return nil, aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "cannot create the data directory " + cfg.Home + ": " + rootCause(err), ZH: "无法创建数据目录 " + cfg.Home + "：" + rootCause(err),
		}).WithHint(aihub.Text{EN: "set AIHUB_HOME to a directory you may write", ZH: "请将 AIHUB_HOME 设为可写目录"})
	}
	at := func(name ...string) string { return filepath.Join(append([]string{cfg.Home}, name...)...) }
	a := &app{Config: cfg, Now: p.Now, Log: slog.New(slog.NewTextHandler(p.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	var err error
	if a.Keys, err = keys.Open(at("keys", "root.key")); err != nil {
		return nil, err
	}
	if a.Policies, err = policies.New(); err != nil {
		return nil, err
	}
	where := cfg.Blobs
	if where == "" {
		where = at("blobs")
	}
	blobs, err := blob.Open(where)
	if err != nil {
		return nil, err
	}
	if err := a.openDB(ctx); err != nil {
		return nil, err
	}
	a.Blobs = &blob.Vault{Store: blobs, Find: a.DB.SealOf, Key: a.Keys.Derive("vault", "")}
	a.Images = &oci.Cache{Dir: at("cache", "images")}
	a.Catalog = &catalog.Catalog{DB: a.DB, Policies: a.Policies, Blobs: a.Blobs, Keys: a.Keys, Dir: at("tmp"), Now: p.Now}
	a.Runner = newRunner(at("run"), cfg.Sandbox)
	a.Terminals = &sandbox.Workspaces{}
	return a, nil
}

func (a *app) Close() error { return a.DB.Close() }

// work runs the platform's workers until ctx ends.
func (a *app) work(ctx context.Context) error {
	host, _ := os.Hostname()
	id := aihub.WorkerID(fmt.Sprintf("%s-%d-%s", host, os.Getpid(), aihub.NewID("w")))
	n := a.Config.Workers
	if n == 0 {
		n = runtime.NumCPU()
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		o := &sandbox.Orchestrator{
			DB: a.DB, Blobs: a.Blobs, Images: a.Images, Runner: a.Runner, Parallel: n, Workspaces: a.Terminals,
			Dir: filepath.Join(a.Config.Home, "work"), Worker: id, TTL: 15 * time.Second, Log: a.Log,
			Found: func(machine string) { a.machine.Store(machine) },
			Check: func(ctx context.Context, t sandbox.Predicted) ([]aihub.Fault, error) {
				return evaluator.CheckTrial(ctx, t.Spec, t.IDs, t.Path)
			},
		}
		return o.Work(ctx)
	})
	g.Go(func() error {
		w := &evaluator.Worker{
			DB: a.DB, Blobs: a.Blobs, Policies: a.Policies,
			Dir: filepath.Join(a.Config.Home, "score"), Worker: id, Now: a.Now, TTL: 15 * time.Second, Log: a.Log,
		}
		return w.Work(ctx)
	})
	g.Go(func() error { return a.Catalog.Work(ctx, a.Log) })
	err := g.Wait()
	if ctx.Err() != nil {
		return nil // asked to stop
	}
	return err
}
