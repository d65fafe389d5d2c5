package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"aihub"
	"aihub/internal/config"
	"aihub/internal/embedded"
	"aihub/sandbox/attack"

	"github.com/spf13/cobra"
)

func (p *process) attackCmd() *cobra.Command {
	var only string
	var measure bool
	var runs int
	c := p.verb("attack", "attack.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		if measure {
			if runs < 40 || runs > 10_000 {
				return usageError{errors.New(p.t("attack.runs_bounds"))}
			}
			return p.channels(cmd.Context(), runs)
		}
		return p.attack(cmd.Context(), only)
	})
	c.Flags().StringVar(&only, "runner", "", p.t("attack.flag.runner"))
	c.Flags().BoolVar(&measure, "channels", false, p.t("attack.flag.channels"))
	c.Flags().IntVar(&runs, "runs", 80, p.t("attack.flag.runs"))
	return c
}

// attack carries out the attacks on each runner that there is here.
func (p *process) attack(ctx context.Context, only string) error {
	cfg, err := config.Load("", p.Getenv)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "aihub-attack-*")
	if err != nil {
		return err
	}
	defer removeTree(dir)
	program, err := embedded.Algorithm()
	if err != nil {
		return err
	}
	all := []attack.Finding{}
	open, attacked := 0, 0
	for _, name := range []string{"gvisor", "docker"} {
		if only != "" && only != name || name == "gvisor" && runtime.GOOS != "linux" {
			continue
		}
		c := cfg.Sandbox
		c.Runner = name
		own := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(own, "attack"), 0o755); err != nil {
			return err
		}
		r := newRunner(filepath.Join(own, "runner"), c)
		caps := r.Probe(ctx)
		if name == "docker" && !caps.Available && only == "" {
			p.note("attack.skipped", "Runner", name, "Why", caps.Checks[0].Why.In(p.lang))
			continue
		}
		p.note("attack.attacking", "Runner", name, "Platform", caps.Platform)
		attacked++
		count := map[attack.Status]int{}
		s := &attack.Suite{Runner: r, Program: program, Dir: filepath.Join(own, "attack"),
			Platform: func(ctx context.Context) (map[string]attack.Shown, error) { return p.hidden(ctx, c, program) }}
		err := s.Run(ctx, func(f attack.Finding) {
			all = append(all, f)
			count[f.Status]++
		})
		if err != nil {
			return err
		}
		open += count[attack.Open]
		p.note("attack.count", "Runner", name, "Stopped", count[attack.Stopped], "Open", count[attack.Open], "NotShown", count[attack.NotShown], "Residual", count[attack.Residual])
	}
	if attacked == 0 {
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "there is no runner to attack", ZH: "没有可攻击的执行器"}).
			WithHint(aihub.Text{EN: "the runners are gvisor, on Linux, and docker", ZH: "执行器为 gvisor（Linux）与 docker"})
	}
	if err := p.findings(all); err != nil {
		return err
	}
	if open > 0 {
		return aihub.Errorf(aihub.Internal, aihub.Text{
			EN: strconv.Itoa(open) + " attacks were not stopped", ZH: strconv.Itoa(open) + " 项攻击未被阻止",
		}).WithHint(aihub.Text{EN: "run nothing on hidden data here; aihub attack --json has the evidence", ZH: "请勿在此处理隐藏数据；证据见 aihub attack --json"})
	}
	return nil
}

func (p *process) findings(all []attack.Finding) error {
	return p.data(map[string]any{"findings": all}, func() {
		words := map[attack.Status]string{attack.Stopped: "attack.stopped", attack.Open: "attack.open", attack.NotShown: "attack.not_shown", attack.Residual: "attack.residual"}
		var rows [][]string
		for _, f := range all {
			rows = append(rows, []string{f.Row, f.Attack.In(p.lang), f.Runner, p.t(words[f.Status]), printable(f.Why.In(p.lang))})
		}
		p.table([]string{p.t("attack.row"), p.t("attack.attack"), p.t("attack.runner"), p.t("attack.status"), p.t("attack.why")}, rows)
	})
}
