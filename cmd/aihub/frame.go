package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usage is the help of a verb; words in brackets are messages.
const usage = `[usage]{{if .Runnable}}
  {{.UseLine}}{{if .HasAvailableFlags}} [flag]{{end}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} [verb]

[verbs]{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

[flags]
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

[global]
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

[more]{{end}}
`

// frame puts the words of cobra's own into the language of this process.
func (p *process) frame(root *cobra.Command) {
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(&cobra.Command{Hidden: true}) // --help says the same
	root.SetUsageTemplate(strings.NewReplacer(
		"[usage]", p.t("cli.frame.usage"), "[verbs]", p.t("cli.frame.verbs"), "[verb]", p.t("cli.frame.verb"), "[flag]", p.t("cli.frame.flag"),
		"[flags]", p.t("cli.frame.flags"), "[global]", p.t("cli.frame.global"), "[more]", p.t("cli.frame.more"),
	).Replace(usage))
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{errors.New(p.t("cli.bad_flag", "What", p.flagFault(err), "Path", c.CommandPath()))}
	})
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		c.DisableFlagsInUseLine = true // it would say so in English
		c.Flags().BoolP("help", "h", false, p.t("cli.frame.help"))
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// flagFault says what is wrong with a flag.
func (p *process) flagFault(err error) string {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	var bad *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		return p.t("cli.flag_unknown", "Flag", dashed(unknown.GetSpecifiedName()))
	case errors.As(err, &bare):
		return p.t("cli.flag_bare", "Flag", dashed(bare.GetSpecifiedName()))
	case errors.As(err, &bad):
		return p.t("cli.flag_value", "Flag", dashed(bad.GetFlag().Name), "Value", bad.GetValue(), "Type", bad.GetFlag().Value.Type())
	}
	return err.Error()
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
