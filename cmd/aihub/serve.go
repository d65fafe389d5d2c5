package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"aihub"
	"aihub/internal/config"
	"aihub/server"
	"aihub/server/auth"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

func (p *process) serveCmd() *cobra.Command {
	var file string
	c := p.verb("serve", "cli.serve.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(file, p.Getenv)
		if err != nil {
			return err
		}
		ln, err := listen(cfg)
		if err != nil {
			return err
		}
		defer ln.Close()
		a, err := openApp(cmd.Context(), cfg, p)
		if err != nil {
			return err
		}
		defer a.Close()
		unlock, err := lockHome(cfg.Home)
		if err != nil {
			return err
		}
		defer unlock()
		password, err := a.bootstrap(cmd.Context(), p.Getenv("AIHUB_OPERATOR_PASSWORD"))
		if err != nil {
			return err
		}
		if password != "" {
			p.note("cli.serve.operator", "Password", password)
		}
		return a.serve(cmd.Context(), ln, func() { p.note("cli.serve.ready", "URL", a.Config.URL, "Home", a.Config.Home) })
	})
	c.Flags().StringVar(&file, "config", "", p.t("cli.flag.config"))
	return c
}

// operator is the first person of a new platform; they create the others.
const operator aihub.UserID = "operator"

// bootstrap creates the operator on a new platform and returns the password,
// made up when none is given; on an old one it does nothing and returns "".
func (a *app) bootstrap(ctx context.Context, password string) (string, error) {
	if _, _, err := a.DB.Credential(ctx, operator); err == nil {
		return "", nil
	} else if aihub.KindOf(err) != aihub.NotFound {
		return "", err
	}
	if password == "" {
		password = strings.ToLower(rand.Text()[:20])
	}
	hash, err := auth.HashPassword(password)
	if err != nil {
		return "", err
	}
	org := aihub.Org{ID: "platform", Name: aihub.Text{ZH: "平台运营方", EN: "Platform operator"}}
	user := aihub.User{ID: operator, Org: org.ID, Name: "operator", Roles: []aihub.Role{aihub.Operator}}
	return password, a.DB.Bootstrap(ctx, org, user, hash)
}

// listen takes the address before anything is written: a server that cannot be
// reached must not start to exist.
func listen(cfg config.Config) (net.Listener, error) {
	ln, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "cannot listen on " + cfg.Listen + ": " + rootCause(err), ZH: "无法监听 " + cfg.Listen + "：" + rootCause(err),
		}).WithHint(aihub.Text{EN: "another server may run there; set AIHUB_LISTEN", ZH: "可能已有服务占用；请设置 AIHUB_LISTEN"})
	}
	return ln, nil
}

// firstAnswer is how long a start waits for the sandbox. Without its answer the server
// starts all the same: pages, boards and receipts need none, and runs wait in the queue.
const firstAnswer = 5 * time.Second

// serve answers HTTP and works until ctx ends, then lets requests finish.
func (a *app) serve(ctx context.Context, ln net.Listener, ready func()) error {
	first, cancel := context.WithTimeout(ctx, firstAnswer)
	machine, _ := a.Runner.Machine(first)
	cancel()
	a.machine.Store(machine) // "": not known yet, and the workers ask again
	h, err := server.New(server.Deps{
		Machine: func() string { return a.machine.Load().(string) },
		DB:      a.DB, Policies: a.Policies, Blobs: a.Blobs, Catalog: a.Catalog, Terminals: a.Terminals, Judge: a.judge,
		Dir: a.Config.Home, Secure: strings.HasPrefix(a.Config.URL, "https://"), Now: a.Now, Log: a.Log,
	})
	if err != nil {
		ln.Close()
		return err
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error { return a.work(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if srv.Shutdown(stop) != nil {
			return srv.Close() // event streams do not end by themselves
		}
		return nil
	})
	ready()
	return g.Wait()
}
