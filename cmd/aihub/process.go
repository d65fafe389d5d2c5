package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"aihub"
	"aihub/internal/i18n"

	"github.com/spf13/cobra"
)

// process holds what is otherwise global, so that the CLI runs inside a test.
type process struct {
	Args     []string
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Now      func() time.Time
	TTY      bool // stdout is a terminal: tables and progress; otherwise TSV

	lang aihub.Lang
	json bool
	as   string // which of the saved sign-ins speaks
}

// Exit codes, as the help lists them.
const (
	exitDone     = 0
	exitError    = 1
	exitUsage    = 2
	exitRefused  = 3
	exitContract = 4
	exitQuota    = 5
	exitRun      = 6
	exitPlatform = 7
	exitPending  = 8
)

// usageError marks a call that cobra could not read.
type usageError struct{ error }

func exitCode(err error) int {
	var u usageError
	if errors.As(err, &u) {
		return exitUsage
	}
	switch aihub.KindOf(err) {
	case "":
		return exitDone
	case aihub.Unauthenticated, aihub.Refused:
		return exitRefused
	case aihub.Contract, aihub.Invalid:
		return exitContract
	case aihub.Quota:
		return exitQuota
	case aihub.RunFailed:
		return exitRun
	case aihub.Unavailable:
		return exitPlatform
	case aihub.Pending:
		return exitPending
	}
	return exitError
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, p process) int {
	p.lang = langOf(p.Getenv)
	root := newRoot(&p)
	root.SetArgs(p.Args)
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	p.fail(err)
	return exitCode(err)
}

// langOf picks the language of messages: AIHUB_LANG, then the locale.
func langOf(getenv func(string) string) aihub.Lang {
	for _, k := range []string{"AIHUB_LANG", "LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := strings.ToLower(getenv(k)); v != "" {
			if strings.HasPrefix(v, "zh") {
				return aihub.ZH
			}
			return aihub.EN
		}
	}
	return aihub.EN
}

// fail prints err for a person, or as JSON.
func (p *process) fail(err error) {
	var e *aihub.Error
	if !errors.As(err, &e) {
		e = aihub.Errorf(aihub.Internal, aihub.Text{EN: err.Error(), ZH: err.Error()})
		var u usageError
		if errors.As(err, &u) {
			e.Kind = aihub.Invalid
		}
	}
	if p.json {
		enc := json.NewEncoder(p.Err)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(map[string]any{"error": e, "exit": exitCode(err)})
		return
	}
	fmt.Fprintln(p.Err, p.t("cli.error")+": "+e.In(p.lang))
}

// t returns a message in the language of this process; args are key, value pairs.
func (p *process) t(key string, args ...any) string {
	m := i18n.Args{}
	for i := 0; i+1 < len(args); i += 2 {
		m[args[i].(string)] = args[i+1]
	}
	return i18n.T(p.lang, key, m)
}

// say prints one message line to stdout, unless --json asked for data only.
func (p *process) say(key string, args ...any) {
	if !p.json {
		fmt.Fprintln(p.Out, p.t(key, args...))
	}
}

// note prints one message line to stderr: progress, which is never data.
func (p *process) note(key string, args ...any) {
	if !p.json {
		fmt.Fprintln(p.Err, p.t(key, args...))
	}
}

// data prints v as JSON when --json asked for it, and otherwise calls human.
func (p *process) data(v any, human func()) error {
	if !p.json {
		human()
		return nil
	}
	enc := json.NewEncoder(p.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// verb builds a command; key names its one-line help.
func (p *process) verb(use, key string, args cobra.PositionalArgs, f func(cmd *cobra.Command, args []string) error) *cobra.Command {
	c := &cobra.Command{Use: use, Short: p.t(key), RunE: f, SilenceErrors: true, SilenceUsage: true}
	if args != nil {
		c.Args = func(cmd *cobra.Command, a []string) error {
			if err := args(cmd, a); err != nil {
				return usageError{errors.New(p.t("cli.usage", "Line", cmd.UseLine(), "Path", cmd.CommandPath()))}
			}
			return nil
		}
	}
	return c
}

// group builds a command that only holds others.
func (p *process) group(use, key string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: p.t(key), SilenceErrors: true, SilenceUsage: true, Args: p.onlyVerbs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// onlyVerbs refuses a word that is no verb of cmd.
func (p *process) onlyVerbs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{errors.New(p.t("cli.unknown_verb", "Verb", args[0], "Path", cmd.CommandPath()))}
	}
	return nil
}

// require makes a verb refuse to start without a flag.
func (p *process) require(c *cobra.Command, flag string) {
	run := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if !cmd.Flags().Changed(flag) {
			return usageError{errors.New(p.t("cli.missing_flag", "Flag", flag, "Path", cmd.CommandPath()))}
		}
		return run(cmd, args)
	}
}

func newRoot(p *process) *cobra.Command {
	root := &cobra.Command{
		Use: "aihub", Short: p.t("cli.root.short"), Long: p.t("cli.root.long"),
		SilenceErrors: true, SilenceUsage: true,
		Args: p.onlyVerbs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().BoolVar(&p.json, "json", false, p.t("cli.flag.json"))
	root.PersistentFlags().StringVar(&p.as, "as", "", p.t("cli.flag.as"))
	root.AddCommand(
		p.serveCmd(), p.demoCmd(), p.doctorCmd(), p.versionCmd(),
		p.loginCmd(), p.userCmd(), p.orgCmd(),
		p.searchCmd(), p.datasetCmd(), p.reidentifyCmd(), p.maskCmd(), p.scenarioCmd(), p.scorerCmd(), p.scoreCmd(), p.enrolCmd(), p.releaseCmd(),
		p.initCmd(), p.imageCmd(), p.testCmd(), p.submitCmd(), p.trainCmd(), p.modelCmd(), p.workspaceCmd(), p.runsCmd(), p.boardCmd(),
		p.ledgerCmd(), p.attackCmd(),
	)
	p.frame(root)
	return root
}
