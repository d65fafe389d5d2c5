package main

import (
	"context"
	"fmt"
	"strings"

	"aihub"
	"aihub/scenarios"
	"aihub/server/client"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) enrolCmd() *cobra.Command {
	var purpose string
	var accept bool
	c := p.verb("enrol SCENARIO", "cli.enrol.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			v, err := c.Scenario(ctx, args[0])
			if err != nil {
				return err
			}
			spec, err := scenarios.ParseCanonical(v.Spec)
			if err != nil {
				return err
			}
			if !accept {
				if !p.json {
					fmt.Fprintf(p.Out, "%s\n\n", printable(strings.TrimSpace(spec.Agreement.In(p.lang))))
				}
				return p.enrolled(ctx, c, v)
			}
			e, err := c.Enrol(ctx, v.Ref.String(), wire.Enrol{Purpose: purpose, Agreement: scenarios.AgreementDigest(spec)})
			if err != nil {
				return err
			}
			return p.data(e, func() { p.say("cli.enrol.requested", "ID", string(e.ID), "Ref", v.Ref.String()) })
		})
	})
	c.Flags().BoolVar(&accept, "accept", false, p.t("cli.flag.accept"))
	c.Flags().StringVar(&purpose, "purpose", "", p.t("cli.flag.purpose"))
	list := p.verb("list [SCENARIO]", "cli.enrol.list.short", cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			ref := ""
			if len(args) == 1 {
				ref = args[0]
			}
			es, err := c.Enrolments(ctx, ref)
			if err != nil {
				return err
			}
			return p.data(es, func() {
				var rows [][]string
				for _, e := range es {
					rows = append(rows, []string{string(e.ID), e.Scenario.String(), string(e.Org), stateOf(p, "cli.enrolment_state.", e.State), e.Purpose})
				}
				p.table([]string{"ENROLMENT", "SCENARIO", "ORG", "STATE", "PURPOSE"}, rows)
			})
		})
	})
	decide := func(ctx context.Context, c *client.Client, id string, d wire.Decide) error {
		return c.DecideEnrolment(ctx, id, d)
	}
	c.AddCommand(list, p.revokeCmd(), p.decideCmd("approve ENROLMENT", "cli.enrol.approve.short", true, decide),
		p.decideCmd("reject ENROLMENT", "cli.enrol.reject.short", false, decide))
	return c
}

func (p *process) revokeCmd() *cobra.Command {
	var reason string
	c := p.verb("revoke ENROLMENT", "cli.enrol.revoke.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			if err := c.RevokeEnrolment(ctx, args[0], wire.Withdraw{Reason: reason}); err != nil {
				return err
			}
			return p.data(map[string]any{"revoked": args[0]}, func() { p.say("cli.enrol.revoked", "ID", args[0]) })
		})
	})
	c.Flags().StringVar(&reason, "reason", "", p.t("cli.flag.reason"))
	p.require(c, "reason")
	return c
}

// enrolled says whether the organisation that asks has signed v's agreement.
func (p *process) enrolled(ctx context.Context, c *client.Client, v wire.ScenarioView) error {
	me, err := c.Me(ctx)
	if err != nil && aihub.KindOf(err) != aihub.Unauthenticated {
		return err
	}
	var es []aihub.Enrolment
	if err == nil {
		if es, err = c.Enrolments(ctx, v.Ref.String()); err != nil {
			return err
		}
	}
	for _, e := range es {
		switch {
		case e.Org != me.Org:
		case e.State == aihub.EnrolmentApproved:
			return p.data(e, func() { p.say("cli.enrol.approved", "ID", string(e.ID)) })
		case e.State == aihub.EnrolmentRequested:
			return aihub.Errorf(aihub.Pending, aihub.Text{
				EN: "your organisation has signed the agreement; enrolment " + string(e.ID) + " waits for approval",
				ZH: "本机构已签署协议；揭榜申请 " + string(e.ID) + " 等待批准",
			})
		}
	}
	return aihub.Errorf(aihub.Pending, aihub.Text{
		EN: "the agreement is not signed yet", ZH: "协议尚未签署",
	}).WithHint(aihub.Text{
		EN: "sign for your organisation: aihub enrol " + v.Ref.Name + " --accept --purpose \"…\"",
		ZH: "代表本机构签署：aihub enrol " + v.Ref.Name + " --accept --purpose \"……\"",
	})
}

func (p *process) releaseCmd() *cobra.Command {
	c := p.group("release", "cli.release.short")
	var state string
	list := p.verb("list", "cli.release.list.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			rs, err := c.Releases(ctx, aihub.ReleaseState(state))
			if err != nil {
				return err
			}
			return p.data(rs, func() {
				var rows [][]string
				for _, r := range rs {
					rows = append(rows, []string{string(r.ID), stateOf(p, "web.release_state.", r.State), r.Scenario.String(), string(r.Org), string(r.Submission)})
				}
				p.table([]string{"RELEASE", "STATE", "SCENARIO", "ORG", "SUBMISSION"}, rows)
			})
		})
	})
	list.Flags().StringVar(&state, "state", "", p.t("cli.flag.state"))
	vote := func(ctx context.Context, c *client.Client, id string, d wire.Decide) error { return c.Vote(ctx, id, d) }
	c.AddCommand(list, p.voteCmd("approve RELEASE", "cli.release.approve.short", true, vote),
		p.voteCmd("reject RELEASE", "cli.release.reject.short", false, vote))
	return c
}
