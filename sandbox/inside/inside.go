// Package inside measures a sandbox from inside, before the vendor's program
// starts in it. The probe, a static program of the platform's own of some
// thousand instructions in a row, is the first process of the very same sandbox:
// it asks its kernel what it is, what it may do and what it sees, reports, waits
// for a word, and then becomes the vendor's program by execve. No byte of the
// vendor's has run when the report is compared with the contract, so it can say
// nothing but what the platform has set up.
//
// A report comes through a file that the vendor's program does not have, or, where
// an engine allows no other, as the first bytes of the standard output. The word
// is random: should the start fail, the probe says so behind the same word, which
// the vendor's program cannot know.
package inside

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"io"
	"strconv"
	"sync"
	"syscall"
)

// Probe is the measuring program for one architecture. Its arguments are the path
// of the vendor's program, looked up in the image, and that program's arguments
// from the name on; its environment is handed on.
type Probe struct{ program *program }

var made struct {
	sync.Mutex
	probes map[string]*Probe
}

// For returns the probe for arch, "amd64" or "arm64", that uses f.
func For(arch string, f Files) (*Probe, error) {
	key := arch + string(rune('0'+f.In)) + string(rune('0'+f.Out))
	made.Lock()
	defer made.Unlock()
	if p := made.probes[key]; p != nil {
		return p, nil
	}
	b, err := build(arch, f)
	if err != nil {
		return nil, err
	}
	if made.probes == nil {
		made.probes = map[string]*Probe{}
	}
	made.probes[key] = &Probe{b}
	return made.probes[key], nil
}

// Program is the probe as a static executable.
func (p *Probe) Program() []byte { return p.program.elf }

// Read reads one report and nothing behind it. An error means that it is no
// report, or that something the contract is about could not be measured.
func (p *Probe) Read(r io.Reader) (Seen, error) {
	all, err := p.program.read(r)
	if err != nil {
		return Seen{}, err
	}
	return all.seen()
}

// WordSize is the length of the word that lets the guest start, in bytes.
const WordSize = 16

// FailureSize is how many bytes the probe writes when the start fails.
const FailureSize = WordSize + 8

// Word lets the guest start.
type Word [WordSize]byte

// NewWord makes one that nobody can guess. It holds no line feed, of which a
// terminal makes two bytes.
func NewWord() (w Word) {
	_, _ = rand.Read(w[:]) // never fails
	for i, b := range w {
		if b == '\n' {
			w[i] = '\v'
		}
	}
	return w
}

// Failed reports whether b, what follows the word, begins with the probe's
// answer that the guest could not be started, and why.
func (w Word) Failed(b []byte) (syscall.Errno, bool) {
	if len(b) < FailureSize || !bytes.Equal(b[:WordSize], w[:]) {
		return 0, false
	}
	return syscall.Errno(-int64(binary.LittleEndian.Uint64(b[WordSize:]))), true
}

// Reason says in words why a program did not start.
func Reason(path string, e syscall.Errno) string {
	why := map[syscall.Errno]string{
		2: "no such file, or its interpreter is missing", 7: "its arguments are too long", 8: "no program that this machine can execute", 12: "more memory than there is",
		13: "permission denied", 20: "a part of its path is no directory", 21: "it is a directory", 40: "too many links",
	}[e]
	if why == "" {
		why = "error " + strconv.Itoa(int(e))
	}
	return "cannot execute " + path + ": " + why
}
