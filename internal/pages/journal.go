package pages

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// journalUnit is a line of the journal.
type journalUnit struct {
	Unit   int
	Groups []outGroup
	Ends   []int64
}

// identity tells whether a journal belongs to this work.
func (j *job) identity() string {
	h := sha256.New()
	fmt.Fprintf(h, "pages 1\n%q %d %d\n", j.p.ID, j.f.size, len(j.units))
	h.Write(j.f.foot)
	h.Write(binary.LittleEndian.AppendUint64(j.p.Shuffle, uint64(len(j.p.Shuffle))))
	for _, c := range j.p.Columns {
		fmt.Fprintf(h, "%d %v %d %d %d %v\n", c.Op, c.Strip, c.Type, c.Width, c.Logical, c.Nullable)
	}
	for _, o := range j.outs {
		fmt.Fprintf(h, "%d %v\n", o.Part, o.has)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// resume takes over what a journal says is finished and still stands in the
// outputs, and prepares them for the rest.
func (a *assembler) resume() error {
	good := int64(0)
	if a.j.p.Journal != "" {
		f, err := os.OpenFile(a.j.p.Journal, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		a.journal = f
		in := bufio.NewReader(f)
		id := a.j.identity()
		if line, err := in.ReadString('\n'); err == nil && line == id+"\n" {
			good = int64(len(line))
			for a.first < len(a.j.units) {
				line, err := in.ReadBytes('\n')
				var u journalUnit
				if err != nil || json.Unmarshal(line, &u) != nil || u.Unit != a.first || len(u.Ends) != len(a.j.outs) || len(u.Groups) != len(a.j.outs) || !a.stands(&u) {
					break
				}
				good += int64(len(line))
				for i, o := range a.j.outs {
					o.end = u.Ends[i]
				}
				a.accept(a.first, u.Groups)
				a.first++
			}
		}
		if err := f.Truncate(good); err != nil {
			return err
		}
		if _, err := f.Seek(good, io.SeekStart); err != nil {
			return err
		}
		if good == 0 {
			if _, err := f.WriteString(id + "\n"); err != nil {
				return err
			}
		}
	}
	a.next = a.first * len(a.j.leaf)
	a.placed = a.next
	for _, o := range a.j.outs {
		if a.first > 0 {
			if err := o.File.Truncate(o.end); err != nil {
				return err
			}
			continue
		}
		o.end = 4
		// A file system may write at once what stands in a file that was emptied, while
		// it is closed: an empty one is left alone.
		if st, err := o.File.Stat(); err != nil {
			return err
		} else if st.Size() > 0 {
			if err := o.File.Truncate(0); err != nil {
				return err
			}
		}
		if _, err := o.File.WriteAt([]byte("PAR1"), 0); err != nil {
			return err
		}
	}
	return nil
}

// stands says whether the bytes of a noted unit are in the outputs.
func (a *assembler) stands(u *journalUnit) bool {
	buf := make([]byte, 1<<20)
	for i, g := range u.Groups {
		at := g.Start
		if at != a.j.outs[i].end || g.Rows < 0 || at+offsetOf(g.Chunks) != u.Ends[i] {
			return false
		}
		for _, c := range g.Chunks {
			crc := uint32(0)
			for n := c.Size; n > 0; {
				b := buf[:min(n, int64(len(buf)))]
				if readFull(a.j.outs[i].File, b, at) != nil {
					return false
				}
				crc = updateSum(crc, b)
				at, n = at+int64(len(b)), n-int64(len(b))
			}
			if crc != c.CRC {
				return false
			}
		}
	}
	return true
}
