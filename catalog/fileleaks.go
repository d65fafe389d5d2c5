package catalog

import (
	"crypto/sha256"
	"math/bits"

	"aihub"
)

// fileLeaks looks for files of hidden parts that also stand in a visible one: the
// same bytes, before masking or after, or files that nobody can tell apart
// (media.Print).
type fileLeaks struct {
	files [4][]*mediaFile // by part, an index of aihub.Parts
}

func (l *fileLeaks) add(x *mediaFile, part uint8) { l.files[part] = append(l.files[part], x) }

// printBands are the bands that a print's hash is cut into: two that differ in
// fewer bits than there are bands are alike in one.
const (
	printBands = 8
	printTries = 2048 // files of a band that one is compared with, at most
)

func (l *fileLeaks) report() (out []Leak) {
	for from := range 2 {
		if len(l.files[from]) == 0 {
			continue
		}
		same := map[[sha256.Size]byte]bool{}
		var bands [printBands][256][]*mediaFile
		for _, x := range l.files[from] {
			same[x.raw], same[x.made] = true, true
			for b := range bands {
				at := byte(x.print.Hash >> (8 * b))
				bands[b][at] = append(bands[b][at], x)
			}
		}
		for to := 2; to < 4; to++ {
			if len(l.files[to]) == 0 {
				continue
			}
			k := Leak{Check: "duplicate_files", From: aihub.Parts[from], To: aihub.Parts[to], Of: int64(len(l.files[to]))}
			near := k
			near.Check = "near_duplicate_files"
			for _, x := range l.files[to] {
				if same[x.raw] || same[x.made] {
					k.Rows++
				} else if nearly(x, &bands) {
					near.Rows++
				}
			}
			out = append(out, k)
			if near.Rows > 0 {
				out = append(out, near)
			}
		}
	}
	return out
}

func nearly(x *mediaFile, bands *[printBands][256][]*mediaFile) bool {
	for b := range bands {
		list := bands[b][byte(x.print.Hash>>(8*b))]
		for _, o := range list[:min(len(list), printTries)] {
			if bits.OnesCount64(x.print.Hash^o.print.Hash) < printBands && x.print.Near(o.print) {
				return true
			}
		}
	}
	return false
}
