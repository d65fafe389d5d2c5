package main

import (
	"fmt"
	"runtime"

	"aihub"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func (p *process) versionCmd() *cobra.Command {
	return p.verb("version", "cli.version.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		v := map[string]string{"version": version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
		return p.data(v, func() {
			fmt.Fprintf(p.Out, "aihub %s  %s  %s\n", version, v["platform"], v["go"])
		})
	})
}

func (p *process) doctorCmd() *cobra.Command {
	return p.verb("doctor", "cli.doctor.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		r, done, err := localRunner(p.Getenv)
		if err != nil {
			return err
		}
		defer done()
		caps := r.Probe(cmd.Context())
		err = p.data(map[string]any{"runner": r.Name(), "can_run_hidden": caps.CanRunHidden(), "capabilities": caps}, func() {
			user := p.t("cli.doctor.rootless")
			if caps.Root {
				user = p.t("cli.doctor.root")
			}
			p.say("cli.doctor.runner", "Runner", r.Name(), "Platform", caps.Platform, "User", user)
			var rows [][]string
			for _, c := range caps.Checks {
				mark := "✓"
				if !c.Enforced {
					mark = "✗"
				}
				rows = append(rows, []string{mark, p.t("cli.check." + c.Name), c.By.In(p.lang), c.Why.In(p.lang)})
			}
			p.table([]string{"", p.t("cli.doctor.promise"), p.t("cli.doctor.by"), p.t("cli.doctor.why")}, rows)
			if caps.CanRunHidden() {
				p.say("cli.doctor.good")
			}
		})
		if err != nil || caps.CanRunHidden() {
			return err
		}
		if _, down := r.Machine(cmd.Context()); down != nil {
			return aihub.Errorf(aihub.Unavailable, aihub.Text{
				EN: "nothing can be run here now: a server keeps its runs queued, and goes on by itself once the sandbox answers",
				ZH: "现在无法在此运行任何程序：服务器会让运行保持排队，沙箱应答后自动继续",
			}).WithHint(aihub.Text{EN: "see the marked line above for the cause", ZH: "原因见上面标记的行"}).Because(down)
		}
		return aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "this machine cannot hold every promise of the sandbox, so it refuses hidden runs",
			ZH: "本机无法兑现沙箱的全部承诺，因此拒绝执行隐藏数据运行",
		}).WithHint(aihub.Text{EN: "see the marked lines above for what would help", ZH: "请按上面标记的行处理"})
	})
}
