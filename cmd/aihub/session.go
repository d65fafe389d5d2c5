package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aihub"
	"aihub/internal/config"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// signIn is one saved sign-in.
type signIn struct {
	Server string       `json:"server"`
	User   aihub.UserID `json:"user"`
	Token  string       `json:"token"`
}

// signIns is the file of saved sign-ins; the last one is the current one.
type signIns struct {
	Current string            `json:"current"` // user
	Saved   map[string]signIn `json:"saved"`   // by user
}

func (p *process) credentialFile() (string, error) {
	if v := p.Getenv("AIHUB_CREDENTIALS"); v != "" {
		return v, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "aihub", "credentials.json"), nil
}

func (p *process) loadSignIns() (signIns, error) {
	s := signIns{Saved: map[string]signIn{}}
	file, err := p.credentialFile()
	if err != nil {
		return s, err
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil || s.Saved == nil {
		return s, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: file + " is not a credentials file", ZH: file + " 不是有效的凭据文件",
		}).WithHint(aihub.Text{EN: "remove it and sign in again: aihub login", ZH: "删除后重新登录：aihub login"})
	}
	return s, nil
}

func (p *process) saveSignIn(in signIn) error {
	s, err := p.loadSignIns()
	if err != nil {
		return err
	}
	s.Current = string(in.User)
	s.Saved[string(in.User)] = in
	file, err := p.credentialFile()
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".credentials-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	if _, err := tmp.Write(b); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), file)
}

// client speaks as the signed-in person, the one named by --as, or the one in
// AIHUB_SERVER and AIHUB_TOKEN. With nobody signed in it speaks anonymously.
func (p *process) client() (*client.Client, error) {
	if tok := p.Getenv("AIHUB_TOKEN"); tok != "" && p.as == "" {
		return client.New(p.server(""), tok), nil
	}
	s, err := p.loadSignIns()
	if err != nil {
		return nil, err
	}
	who := s.Current
	if p.as != "" {
		who = p.as
	}
	in, ok := s.Saved[who]
	if !ok && p.as != "" {
		return nil, aihub.Errorf(aihub.Unauthenticated, aihub.Text{
			EN: fmt.Sprintf("there is no saved sign-in for %q", p.as), ZH: fmt.Sprintf("没有保存 %q 的登录信息", p.as),
		}).WithHint(aihub.Text{EN: "aihub login --user " + p.as, ZH: "请执行 aihub login --user " + p.as})
	}
	return client.New(p.server(in.Server), in.Token), nil
}

func (p *process) server(saved string) string {
	if v := p.Getenv("AIHUB_SERVER"); v != "" {
		return strings.TrimRight(v, "/")
	}
	if saved != "" {
		return saved
	}
	return "http://" + config.Default("/").Listen
}

func (p *process) loginCmd() *cobra.Command {
	var user, server string
	c := p.verb("login", "cli.login.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		if server == "" {
			server = p.server("")
		}
		if user == "" {
			fmt.Fprint(p.Err, p.t("cli.login.user"))
			var err error
			if user, err = readLine(p.In); err != nil {
				return err
			}
		}
		password, err := p.password()
		if err != nil {
			return err
		}
		host, _ := os.Hostname()
		got, err := client.New(server, "").SignIn(cmd.Context(), wire.SignIn{User: aihub.UserID(user), Password: password, Name: "cli " + host})
		if err != nil {
			return err
		}
		if err := p.saveSignIn(signIn{Server: server, User: aihub.UserID(user), Token: got.Token}); err != nil {
			return err
		}
		return p.data(got.Actor, func() {
			p.say("cli.login.done", "User", user, "Server", server, "Expires", got.Expires.Local().Format("2006-01-02"))
		})
	})
	c.Flags().StringVar(&user, "user", "", p.t("cli.flag.user"))
	c.Flags().StringVar(&server, "server", "", p.t("cli.flag.server"))
	return c
}

// password takes AIHUB_PASSWORD, asks on a terminal, or reads one line.
func (p *process) password() (string, error) {
	if v := p.Getenv("AIHUB_PASSWORD"); v != "" {
		return v, nil
	}
	fmt.Fprint(p.Err, p.t("cli.login.password"))
	if f, ok := p.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(p.Err)
		return string(b), err
	}
	return readLine(p.In)
}

// readLine reads one line byte by byte, so that nothing after it is lost.
func readLine(r io.Reader) (string, error) {
	var b []byte
	one := make([]byte, 1)
	for len(b) < 1024 {
		n, err := r.Read(one)
		if n == 1 {
			if one[0] == '\n' {
				break
			}
			b = append(b, one[0])
		}
		if err == io.EOF && len(b) > 0 {
			break
		}
		if err != nil {
			return "", aihub.Errorf(aihub.Invalid, aihub.Text{EN: "no answer was given", ZH: "没有输入"}).
				WithHint(aihub.Text{EN: "type it, or set AIHUB_PASSWORD", ZH: "请输入，或设置 AIHUB_PASSWORD"})
		}
	}
	return strings.TrimRight(string(b), "\r"), nil
}

func (p *process) userCmd() *cobra.Command {
	c := p.group("user", "cli.user.short")
	var name, org string
	var roles []string
	add := p.verb("add USER", "cli.user.add.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		cl, err := p.client()
		if err != nil {
			return err
		}
		password, err := p.password()
		if err != nil {
			return err
		}
		u := aihub.User{ID: aihub.UserID(args[0]), Org: aihub.OrgID(org), Name: name}
		for _, r := range roles {
			u.Roles = append(u.Roles, aihub.Role(r))
		}
		if u.Name == "" {
			u.Name = args[0]
		}
		if err := cl.CreateUser(cmd.Context(), wire.NewUser{User: u, Password: password}); err != nil {
			return err
		}
		return p.data(u, func() { p.say("cli.user.added", "User", args[0], "Org", org, "Roles", strings.Join(roles, ", ")) })
	})
	add.Flags().StringVar(&name, "name", "", p.t("cli.flag.name"))
	add.Flags().StringVar(&org, "org", "", p.t("cli.flag.org"))
	add.Flags().StringSliceVar(&roles, "role", nil, p.t("cli.flag.role"))
	p.require(add, "org")
	p.require(add, "role")
	list := p.verb("list", "cli.user.list.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cl, err := p.client()
		if err != nil {
			return err
		}
		us, err := cl.Users(cmd.Context())
		if err != nil {
			return err
		}
		return p.data(us, func() {
			var rows [][]string
			for _, u := range us {
				rows = append(rows, []string{string(u.ID), string(u.Org), strings.Trim(fmt.Sprint(u.Roles), "[]"), u.Name})
			}
			p.table([]string{"USER", "ORG", "ROLES", "NAME"}, rows)
		})
	})
	c.AddCommand(add, list)
	return c
}

func (p *process) orgCmd() *cobra.Command {
	c := p.group("org", "cli.org.short")
	var zh, en string
	add := p.verb("add ORG", "cli.org.add.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		cl, err := p.client()
		if err != nil {
			return err
		}
		o := aihub.Org{ID: aihub.OrgID(args[0]), Name: aihub.Text{ZH: zh, EN: en}}
		if o.Name.IsZero() {
			o.Name = aihub.Text{ZH: args[0], EN: args[0]}
		}
		if err := cl.CreateOrg(cmd.Context(), o); err != nil {
			return err
		}
		return p.data(o, func() { p.say("cli.org.added", "Org", args[0]) })
	})
	add.Flags().StringVar(&zh, "zh", "", p.t("cli.flag.zh"))
	add.Flags().StringVar(&en, "en", "", p.t("cli.flag.en"))
	list := p.verb("list", "cli.org.list.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		cl, err := p.client()
		if err != nil {
			return err
		}
		os, err := cl.Orgs(cmd.Context())
		if err != nil {
			return err
		}
		return p.data(os, func() {
			var rows [][]string
			for _, o := range os {
				rows = append(rows, []string{string(o.ID), o.Name.In(p.lang)})
			}
			p.table([]string{"ORG", "NAME"}, rows)
		})
	})
	c.AddCommand(add, list)
	return c
}

// ctxClient is the common start of a verb that talks to the server.
func (p *process) with(cmd *cobra.Command, f func(ctx context.Context, c *client.Client) error) error {
	c, err := p.client()
	if err != nil {
		return err
	}
	return f(cmd.Context(), c)
}
