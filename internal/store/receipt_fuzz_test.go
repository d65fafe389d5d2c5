package store

import (
	"crypto/ed25519"
	_ "embed"
	"testing"
)

// oldReceipt was issued by the first version of the platform, with the tests'
// key: whoever holds a receipt must be able to verify it with any later one.
//
//go:embed testdata/receipt.json
var oldReceipt []byte

const oldSubmission = "sub_nzxbjmirjqg4d3gu"

func TestOldReceipt(t *testing.T) {
	t.Parallel()
	p, err := VerifyReceipt(oldReceipt, signer.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if p.Submission != oldSubmission || len(p.Steps) != 3 || p.Steps[0].By != "alice" {
		t.Errorf("it proves %+v", p)
	}
}

// A foreign receipt is an error or a proof of what was signed, never a panic.
func FuzzVerifyReceipt(f *testing.F) {
	pub := signer.Public().(ed25519.PublicKey)
	f.Add(oldReceipt)
	f.Add([]byte(`{"format":"aihub-receipt/1","submission":"s","key":"","checkpoint":"","leaves":[{"leaf":{},"proof":[]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := VerifyReceipt(b, pub)
		if err == nil && p.Submission != oldSubmission {
			t.Errorf("it proves %+v", p)
		}
	})
}
