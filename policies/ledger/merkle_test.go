package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"aihub"
)

// The leaves and roots that Certificate Transparency's implementations share as
// their known answers.
var (
	knownLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}
	knownRoots  = []string{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
		"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
		"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
		"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
		"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	}
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hexOf(h Hash) string { return hex.EncodeToString(h[:]) }

func known(t *testing.T) []Hash {
	var out []Hash
	for _, l := range knownLeaves {
		out = append(out, LeafHash(unhex(t, l)))
	}
	return out
}

func TestKnownRoots(t *testing.T) {
	leaves := known(t)
	var f Frontier
	for n := range knownRoots {
		if got := hexOf(Root(leaves[:n])); got != knownRoots[n] {
			t.Errorf("Root of %d leaves = %s, want %s", n, got, knownRoots[n])
		}
		if got := hexOf(f.Root()); got != knownRoots[n] {
			t.Errorf("Frontier of %d leaves = %s, want %s", n, got, knownRoots[n])
		}
		if n < len(leaves) {
			f.Append(leaves[n])
		}
	}
	if Root(nil) != sha256.Sum256(nil) {
		t.Error("the root of the empty tree is not the hash of the empty string")
	}
}

func TestKnownProofs(t *testing.T) {
	leaves := known(t)
	const (
		h1  = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
		h4  = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
		h23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
		h45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
		h67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
		h47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
	)
	show := func(p []Hash) (out []string) {
		for _, h := range p {
			out = append(out, hexOf(h))
		}
		return out
	}
	for _, c := range []struct {
		i, size int64
		want    []string
	}{
		{0, 1, nil},
		{0, 8, []string{h1, h23, h47}},
		{5, 8, []string{h4, h67, knownRoots[4]}},
		{2, 3, []string{knownRoots[2]}},
		{1, 5, []string{knownRoots[1], h23, h4}},
	} {
		p, err := Inclusion(leaves, c.i, c.size)
		if err != nil || !slices.Equal(show(p), c.want) {
			t.Errorf("Inclusion(%d, %d) = %v, %v; want %v", c.i, c.size, show(p), err, c.want)
		}
	}
	for _, c := range []struct {
		m, n int64
		want []string
	}{
		{1, 1, nil},
		{0, 5, nil},
		{1, 8, []string{h1, h23, h47}},
		{6, 8, []string{h45, h67, knownRoots[4]}},
		{2, 5, []string{h23, h4}},
	} {
		p, err := Consistency(leaves, c.m, c.n)
		if err != nil || !slices.Equal(show(p), c.want) {
			t.Errorf("Consistency(%d, %d) = %v, %v; want %v", c.m, c.n, show(p), err, c.want)
		}
	}
}

func TestOutsideIsAnError(t *testing.T) {
	leaves := known(t)
	for _, c := range [][2]int64{{-1, 3}, {3, 3}, {0, 9}, {0, 0}, {0, -1}} {
		if _, err := Inclusion(leaves, c[0], c[1]); aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("Inclusion%v: %v", c, err)
		}
	}
	for _, c := range [][2]int64{{-1, 3}, {4, 3}, {0, 9}} {
		if _, err := Consistency(leaves, c[0], c[1]); aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("Consistency%v: %v", c, err)
		}
	}
	if err := VerifyInclusion(Hash{}, 0, 0, Hash{}, nil); err == nil {
		t.Error("a leaf was found in the empty tree")
	}
	if err := VerifyConsistency(0, 3, Hash{}, Root(leaves[:3]), nil); err == nil {
		t.Error("a tree of no leaves with a wrong root was accepted")
	}
	if _, err := NewFrontier(3, make([]Hash, 1)); err == nil {
		t.Error("a frontier with too few subtrees was accepted")
	}
}

// some returns between 1 and 70 distinct leaf hashes.
func some(t *rapid.T) []Hash {
	n := rapid.IntRange(1, 70).Draw(t, "leaves")
	salt := rapid.Byte().Draw(t, "salt")
	out := make([]Hash, n)
	for i := range out {
		out[i] = LeafHash([]byte{salt, byte(i)})
	}
	return out
}

// reference keeps the same log in golang.org/x/mod's own implementation of it.
type reference struct{ hashes []tlog.Hash }

func (r *reference) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, x := range at {
		out[i] = r.hashes[x]
	}
	return out, nil
}

func (r *reference) append(t *rapid.T, n int64, leaf Hash) {
	hs, err := tlog.StoredHashesForRecordHash(n, tlog.Hash(leaf), r)
	if err != nil {
		t.Fatal(err)
	}
	r.hashes = append(r.hashes, hs...)
}

// Roots and proofs are those of an independent implementation.
func TestAgreesWithTlog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := some(t)
		var ref reference
		for i, l := range leaves {
			ref.append(t, int64(i), l)
		}
		n := rapid.Int64Range(1, int64(len(leaves))).Draw(t, "n")
		want, err := tlog.TreeHash(n, &ref)
		if err != nil || Hash(want) != Root(leaves[:n]) {
			t.Fatalf("root of %d leaves = %v, want %v (%v)", n, Root(leaves[:n]), want, err)
		}
		same := func(a []Hash, b []tlog.Hash) bool {
			return slices.EqualFunc(a, b, func(x Hash, y tlog.Hash) bool { return x == Hash(y) })
		}
		i := rapid.Int64Range(0, n-1).Draw(t, "i")
		rp, err := tlog.ProveRecord(n, i, &ref)
		p, err2 := Inclusion(leaves, i, n)
		if err != nil || err2 != nil || !same(p, rp) {
			t.Fatalf("Inclusion(%d, %d) = %v, want %v (%v, %v)", i, n, p, rp, err2, err)
		}
		m := rapid.Int64Range(1, n).Draw(t, "m")
		tp, err := tlog.ProveTree(n, m, &ref)
		c, err2 := Consistency(leaves, m, n)
		if err != nil || err2 != nil || !same(c, tp) {
			t.Fatalf("Consistency(%d, %d) = %v, want %v (%v, %v)", m, n, c, tp, err2, err)
		}
	})
}

func TestFrontierRestores(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := some(t)
		k := rapid.IntRange(0, len(leaves)).Draw(t, "k")
		var f Frontier
		for _, l := range leaves[:k] {
			f.Append(l)
		}
		g, err := NewFrontier(f.Size(), f.Peaks())
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range leaves[k:] {
			g.Append(l)
		}
		if g.Root() != Root(leaves) || g.Size() != int64(len(leaves)) {
			t.Fatal("a restored frontier leads to another root")
		}
		if f.Root() != Root(leaves[:k]) {
			t.Fatal("growing the copy changed the original")
		}
	})
}

// mutate returns a proof that differs from p in one way.
func mutate(t *rapid.T, p []Hash) []Hash {
	q := slices.Clone(p)
	kinds := []string{"longer"}
	if len(q) > 0 {
		kinds = append(kinds, "bit", "shorter", "head")
	}
	if len(q) > 1 {
		kinds = append(kinds, "swap")
	}
	switch rapid.SampledFrom(kinds).Draw(t, "mutation") {
	case "longer":
		q = append(q, Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "extra")))
	case "bit":
		i := rapid.IntRange(0, len(q)-1).Draw(t, "at")
		q[i][rapid.IntRange(0, 31).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case "shorter":
		q = q[:len(q)-1]
	case "head":
		q = q[1:]
	case "swap":
		i := rapid.IntRange(0, len(q)-2).Draw(t, "at")
		q[i], q[i+1] = q[i+1], q[i]
	}
	return q
}

func TestEveryInclusionProofVerifiesAndNoMutantDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := some(t)
		n := rapid.Int64Range(1, int64(len(leaves))).Draw(t, "n")
		i := rapid.Int64Range(0, n-1).Draw(t, "i")
		root := Root(leaves[:n])
		p, err := Inclusion(leaves, i, n)
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyInclusion(leaves[i], i, n, root, p); err != nil {
			t.Fatalf("leaf %d of %d: %v", i, n, err)
		}
		if VerifyInclusion(leaves[i], i, n, root, mutate(t, p)) == nil {
			t.Fatal("a mutated proof was accepted")
		}
		j := rapid.Int64Range(0, n-1).Draw(t, "j")
		if j != i && VerifyInclusion(leaves[i], j, n, root, p) == nil {
			t.Fatalf("leaf %d passed as leaf %d", i, j)
		}
		if j != i && VerifyInclusion(leaves[j], i, n, root, p) == nil {
			t.Fatal("another leaf was accepted")
		}
		bad := root
		bad[rapid.IntRange(0, 31).Draw(t, "byte")] ^= 0x40
		if VerifyInclusion(leaves[i], i, n, bad, p) == nil {
			t.Fatal("another root was accepted")
		}
	})
}

func TestEveryConsistencyProofVerifiesAndNoMutantDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := some(t)
		n := rapid.Int64Range(1, int64(len(leaves))).Draw(t, "n")
		m := rapid.Int64Range(0, n).Draw(t, "m")
		old, new := Root(leaves[:m]), Root(leaves[:n])
		p, err := Consistency(leaves, m, n)
		if err != nil {
			t.Fatal(err)
		}
		if err := VerifyConsistency(m, n, old, new, p); err != nil {
			t.Fatalf("%d to %d: %v", m, n, err)
		}
		if VerifyConsistency(m, n, old, new, mutate(t, p)) == nil {
			t.Fatal("a mutated proof was accepted")
		}
		bad := old
		bad[3] ^= 1
		if VerifyConsistency(m, n, bad, new, p) == nil {
			t.Fatal("another old root was accepted")
		}
		if m > 0 {
			bad = new
			bad[3] ^= 1
			if VerifyConsistency(m, n, old, bad, p) == nil {
				t.Fatal("another new root was accepted")
			}
		}
	})
}

// What an insider does to a log (threat I1): edit, drop, reorder, truncate. No
// honest proof from the changed log connects to the root that was signed.
func TestTamperedLogDoesNotConnect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		leaves := some(t)
		if len(leaves) < 3 {
			t.Skip("too short to tamper with in every way")
		}
		m := rapid.Int64Range(2, int64(len(leaves))).Draw(t, "signed size")
		signed := Root(leaves[:m])
		i := rapid.Int64Range(0, m-2).Draw(t, "at")
		forged := slices.Clone(leaves)
		switch rapid.SampledFrom([]string{"edit", "drop", "reorder"}).Draw(t, "deed") {
		case "edit":
			forged[i] = LeafHash([]byte("another decision"))
		case "drop":
			forged = append(slices.Delete(forged, int(i), int(i)+1), LeafHash([]byte("filler")))
		case "reorder":
			forged[i], forged[i+1] = forged[i+1], forged[i]
		}
		n := int64(len(forged))
		p, err := Consistency(forged, m, n)
		if err != nil {
			t.Fatal(err)
		}
		if VerifyConsistency(m, n, signed, Root(forged), p) == nil {
			t.Fatal("the forged log passed as a continuation of the signed one")
		}
	})
}

func TestHashText(t *testing.T) {
	h := LeafHash([]byte("x"))
	b, _ := h.MarshalText()
	var got Hash
	if err := got.UnmarshalText(b); err != nil || got != h {
		t.Fatalf("%s: %v", b, err)
	}
	for _, s := range []string{"", "AAAA", string(b[:43]), string(b) + "=", string(b[:42]) + "F=", string(b) + "\n"} {
		if _, err := ParseHash(s); err == nil {
			t.Errorf("ParseHash(%q) accepted", s)
		}
	}
}
