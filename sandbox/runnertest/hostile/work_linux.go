package hostile

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

func init() { facts["work"] = (*program).work }

// work does one kind of honest work and reports how long it took by its own
// clock: work KIND DIR. The kinds are those of BenchmarkWork.
func (p *program) work() int {
	kind, dir := p.args[0], p.args[1]
	big := filepath.Join(dir, "big")
	began := time.Now()
	var err error
	switch kind {
	case "read-1m":
		for range 4 { // 1 GiB in all: a start that wakes threads up counts little then
			err = errors.Join(err, read(big, 1<<20, nil))
		}
	case "read-4k":
		err = read(big, 4<<10, nil)
	case "read-4k-buffered":
		err = read(big, 4<<10, func(r io.Reader) io.Reader { return bufio.NewReaderSize(r, 1<<20) })
	case "small-files":
		var all []string
		all, err = filepath.Glob(filepath.Join(dir, "small", "*"))
		for _, f := range all {
			if err == nil {
				_, err = os.ReadFile(f)
			}
		}
	case "cpu":
		b := make([]byte, 1<<20)
		for range 2048 {
			sum := sha256.Sum256(b)
			copy(b, sum[:])
		}
	case "clock":
		for range 100_000 {
			time.Now()
		}
	case "syscalls":
		for range 100_000 {
			syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
	default:
		err = fmt.Errorf("no such work: %s", kind)
	}
	if err != nil {
		p.say("work: %v", err)
		return 1
	}
	p.say("took: %s", strconv.FormatInt(time.Since(began).Microseconds(), 10))
	return 0
}

func read(name string, chunk int, wrap func(io.Reader) io.Reader) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	var r io.Reader = f
	if wrap != nil {
		r = wrap(r)
	}
	b := make([]byte, chunk)
	for {
		if _, err := io.ReadFull(r, b); err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
