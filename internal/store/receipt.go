package store

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"aihub"
	"aihub/policies"
	"aihub/policies/ledger"
)

// receipted are the acts that a receipt shows: that a submission was entered
// or a workspace opened, how it ended, what its answer cost, what was released. Other leaves about it (who claimed its runs,
// when they ended) are not its vendor's to know.
var receipted = append(slices.Clone(begins), "submission.settle", "release.charge", string(policies.ReleaseScore))

// begins are the acts that begin a submission: one of them is its receipt's
// first leaf, and no other is.
var begins = []string{string(policies.SubmissionCreate), string(policies.WorkspaceOpen)}

const receiptFormat = "aihub-receipt/1"

// receipt is the JSON form of a proof. A leaf is kept as it was hashed; its
// effects are salted digests that only the platform can open.
type receipt struct {
	Format     string             `json:"format"`
	Submission aihub.SubmissionID `json:"submission"`
	Key        string             `json:"key"`        // the log's verifier key; compare it with one you trust
	Checkpoint string             `json:"checkpoint"` // signed note
	Leaves     []receiptLeaf      `json:"leaves"`
}

type receiptLeaf struct {
	Leaf  json.RawMessage `json:"leaf"`
	Proof []ledger.Hash   `json:"proof"` // RFC 6962 audit path, lowest sibling first
}

// Receipt returns a self-contained JSON proof for a submission: its leaves that
// are not secret, their inclusion proofs and a signed checkpoint, verifiable
// offline. The checkpoint is that of the last of these leaves, not the newest:
// a receipt says nothing of what happened since. It grows with the outcome.
func (db *DB) Receipt(ctx context.Context, s policies.Scope, id aihub.SubmissionID) ([]byte, error) {
	r := receipt{
		Format: receiptFormat, Submission: id, Leaves: []receiptLeaf{},
		Key: ledger.VerifierKey(origins[acts], db.PublicKey()),
	}
	err := db.read(ctx, func(t *tx) error {
		if _, err := t.seenSubmission(s, id); err != nil {
			return err
		}
		bodies, err := all(t, value[string], "SELECT body FROM ledger WHERE subject = ? AND log = ? ORDER BY seq", id, acts)
		if err != nil {
			return err
		}
		var leaves []leaf
		for _, b := range bodies {
			var l leaf
			if err := json.Unmarshal([]byte(b), &l); err != nil {
				return damaged("a leaf is not JSON", "叶子不是 JSON")
			}
			if slices.Contains(receipted, l.Act) {
				leaves = append(leaves, l)
				r.Leaves = append(r.Leaves, receiptLeaf{Leaf: json.RawMessage(b)})
			}
		}
		if len(leaves) == 0 {
			return damaged("a submission has no leaf", "提交没有对应的叶子")
		}
		end := leaves[len(leaves)-1]
		size := end.Seq + 1
		for i, l := range leaves {
			if r.Leaves[i].Proof, err = t.inclusion(acts, l.Seq, size); err != nil {
				return err
			}
		}
		root, err := t.rootAt(acts, size)
		if err != nil {
			return err
		}
		note, err := ledger.Checkpoint{Origin: origins[acts], Size: size, Root: root, At: end.At}.Sign(db.signer)
		r.Checkpoint = string(note)
		return err
	})
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	if _, err := VerifyReceipt(b, db.PublicKey()); err != nil {
		return nil, damaged("it does not prove submission "+string(id), "无法证明提交 "+string(id))
	}
	return b, nil
}

// Checkpoint returns the newest signed checkpoint of acts, which anyone may see;
// empty before anything was decided.
func (db *DB) Checkpoint(ctx context.Context) (string, error) {
	heads, err := db.heads(ctx)
	if h := heads[acts]; h != nil {
		return h.note, err
	}
	return "", err
}

// Proven is what a receipt proves.
type Proven struct {
	Submission aihub.SubmissionID `json:"submission"`
	Size       int64              `json:"size"` // of the log
	Signed     time.Time          `json:"signed"`
	Steps      []ProvenStep       `json:"steps"`
}

// ProvenStep is one leaf: what was done, when, by whom, and the facts it states.
type ProvenStep struct {
	Seq   int64           `json:"seq"`
	At    time.Time       `json:"at"`
	Act   string          `json:"act"`
	By    aihub.UserID    `json:"by,omitempty"` // "" for the platform's own rules
	Facts json.RawMessage `json:"facts,omitempty"`
}

const maxReceipt = 1 << 20

// VerifyReceipt checks a receipt offline against the platform's public key and
// returns what it proves. Any changed byte of a leaf, proof or checkpoint is an
// error of kind Contract.
func VerifyReceipt(raw []byte, pub ed25519.PublicKey) (Proven, error) {
	if len(raw) > maxReceipt {
		return Proven{}, badReceipt(fmt.Sprintf("it is longer than %d bytes", maxReceipt), fmt.Sprintf("超过 %d 字节", maxReceipt))
	}
	var r receipt
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return Proven{}, badReceipt("it is not a receipt's JSON: "+err.Error(), "不是凭证的 JSON："+err.Error())
	}
	if _, err := dec.Token(); err != io.EOF {
		return Proven{}, badReceipt("something follows its end", "结尾之后还有内容")
	}
	if r.Format != receiptFormat || r.Submission == "" || len(r.Leaves) == 0 {
		return Proven{}, badReceipt(fmt.Sprintf("expected format %s, a submission and leaves", receiptFormat), fmt.Sprintf("应为 %s 格式，并含提交与叶子", receiptFormat))
	}
	if r.Key != ledger.VerifierKey(origins[acts], pub) {
		return Proven{}, badReceipt("it is signed with another key than yours", "签名密钥与您持有的不一致")
	}
	c, err := ledger.Verify([]byte(r.Checkpoint), pub)
	if err != nil {
		return Proven{}, err
	}
	if c.Origin != origins[acts] {
		return Proven{}, badReceipt("its checkpoint is of another log", "检查点属于另一日志")
	}
	p := Proven{Submission: r.Submission, Size: c.Size, Signed: c.At}
	for i, rl := range r.Leaves {
		var body bytes.Buffer // white space that a printer added is no change
		if err := json.Compact(&body, rl.Leaf); err != nil {
			return Proven{}, badReceipt(fmt.Sprintf("leaf %d is not JSON", i), fmt.Sprintf("第 %d 个叶子不是 JSON", i))
		}
		var l leaf
		if err := json.Unmarshal(body.Bytes(), &l); err != nil {
			return Proven{}, badReceipt(fmt.Sprintf("leaf %d is not a leaf", i), fmt.Sprintf("第 %d 个叶子格式不符", i))
		}
		if err := ledger.VerifyInclusion(ledger.LeafHash(body.Bytes()), l.Seq, c.Size, c.Root, rl.Proof); err != nil {
			return Proven{}, err
		}
		if l.Log != acts || l.Subject != string(r.Submission) || !slices.Contains(receipted, l.Act) ||
			(len(p.Steps) == 0) != slices.Contains(begins, l.Act) ||
			len(p.Steps) > 0 && l.Seq <= p.Steps[len(p.Steps)-1].Seq {
			return Proven{}, badReceipt(fmt.Sprintf("leaf %d is not of this submission, or out of order", i), fmt.Sprintf("第 %d 个叶子不属于该提交，或次序不对", i))
		}
		step := ProvenStep{Seq: l.Seq, At: l.At, Act: l.Act, Facts: l.Facts}
		if l.Decision != nil {
			step.By = l.Decision.Actor.User
		}
		p.Steps = append(p.Steps, step)
	}
	return p, nil
}

func badReceipt(en, zh string) error {
	return aihub.Errorf(aihub.Contract, aihub.Text{EN: "the receipt does not hold: " + en, ZH: "凭证不成立：" + zh}).
		WithHint(aihub.Text{EN: "fetch it again; if it still fails, keep the file and ask the platform", ZH: "请重新获取；若仍不成立，请保存文件并联系平台"})
}
