package store

import "testing"

// A foreign receipt is an error or a proof, never a panic.
func FuzzVerifyReceipt(f *testing.F) {
	w, sc := entered(f, 9, 64, "policy")
	sub := w.submit(w.alice, sc, 1)
	raw, err := w.Receipt(w.ctx, w.scope(w.alice), sub.ID)
	if err != nil {
		f.Fatal(err)
	}
	pub := w.PublicKey()
	f.Add(raw)
	f.Add([]byte(`{"format":"aihub-receipt/1","submission":"s","key":"","checkpoint":"","leaves":[{"leaf":{},"proof":[]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := VerifyReceipt(b, pub)
		if err == nil && p.Submission != sub.ID {
			t.Errorf("it proves %+v", p)
		}
	})
}
