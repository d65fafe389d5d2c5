package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"

	"aihub"
	"aihub/internal/store"
	"aihub/server/client"
	"aihub/server/desk"
	"aihub/server/wire"

	"github.com/spf13/cobra"
)

func (p *process) ledgerCmd() *cobra.Command {
	c := p.group("ledger", "cli.ledger.short")
	var remote bool
	var key string
	verify := p.verb("verify [RECEIPT.json]", "cli.ledger.verify.short", cobra.MaximumNArgs(1), func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return p.verifyReceipt(cmd.Context(), args[0], key)
		}
		if remote {
			return p.with(cmd, func(ctx context.Context, c *client.Client) error {
				r, err := c.VerifyLedger(ctx)
				if err != nil {
					return err
				}
				return p.ledgerReport(r)
			})
		}
		// Without --remote the database itself is read: an auditor needs no server.
		a, err := openStore(cmd.Context(), p)
		var e *aihub.Error
		if errors.As(err, &e) && len(e.Faults) > 0 {
			e.Kind = aihub.Conflict // what a server must not serve is no fault that a retry mends
		}
		if err != nil {
			return err
		}
		defer a.Close()
		r, err := a.DB.VerifyLedger(cmd.Context())
		if err != nil {
			return err
		}
		return p.ledgerReport(desk.LedgerReport(r))
	})
	verify.Flags().StringVar(&key, "key", "", p.t("cli.flag.key"))
	verify.Flags().BoolVar(&remote, "remote", false, p.t("cli.flag.remote"))
	receipt := p.verb("receipt SUBMISSION", "cli.ledger.receipt.short", cobra.ExactArgs(1), func(cmd *cobra.Command, args []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			b, err := c.Receipt(ctx, aihub.SubmissionID(args[0]))
			if err != nil {
				return err
			}
			_, err = p.Out.Write(b)
			return err
		})
	})
	keyCmd := p.verb("key", "cli.ledger.key.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		return p.with(cmd, func(ctx context.Context, c *client.Client) error {
			cp, err := c.Checkpoint(ctx)
			if err != nil {
				return err
			}
			return p.data(cp, func() { fmt.Fprintln(p.Out, cp.Key) })
		})
	})
	c.AddCommand(verify, receipt, keyCmd)
	return c
}

func (p *process) ledgerReport(r wire.LedgerReport) error {
	if len(r.Faults) > 0 {
		return aihub.Errorf(aihub.Internal, aihub.Text{
			EN: fmt.Sprintf("the ledger does not verify; faults: %d, in %d leaves and %d rows", len(r.Faults), r.Leaves, r.Rows),
			ZH: fmt.Sprintf("存证校验失败：%d 条存证、%d 行数据中有 %d 处问题", r.Leaves, r.Rows, len(r.Faults)),
		}).WithFaults(r.Faults).WithHint(aihub.Text{
			EN: "keep the data directory as it is and compare it with a backup and with receipts that others hold",
			ZH: "请保留数据目录原状，并与备份及他人持有的回执比对",
		})
	}
	return p.data(r, func() {
		p.say("cli.ledger.good", "Leaves", r.Leaves, "Rows", r.Rows, "Root", r.Root)
	})
}

// verifyReceipt checks a receipt against a key from elsewhere: the receipt
// cannot vouch for itself.
func (p *process) verifyReceipt(ctx context.Context, file, key string) error {
	b, err := readFile(file, 4<<20)
	if err != nil {
		return err
	}
	if key == "" {
		c, err := p.client()
		if err != nil {
			return err
		}
		cp, err := c.Checkpoint(ctx)
		if err != nil {
			return err
		}
		key = cp.Key
	}
	pub, err := hex.DecodeString(key)
	if err != nil || len(pub) != ed25519.PublicKeySize {
		return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "a key has 64 hex digits", ZH: "密钥应为 64 个十六进制数字"}).
			WithHint(aihub.Text{EN: "aihub ledger key prints the platform's", ZH: "aihub ledger key 会显示平台的公钥"})
	}
	r, err := store.VerifyReceipt(b, pub)
	if err != nil {
		return err
	}
	return p.data(r, func() {
		p.say("cli.ledger.receipt.good", "Submission", string(r.Submission), "Steps", len(r.Steps), "Size", r.Size)
		var rows [][]string
		for _, s := range r.Steps {
			rows = append(rows, []string{fmt.Sprint(s.Seq), s.At.Local().Format("2006-01-02 15:04:05"), s.Act, string(s.By), string(s.Facts)})
		}
		p.table([]string{"LEAF", "AT", "ACT", "BY", "FACTS"}, rows)
	})
}
