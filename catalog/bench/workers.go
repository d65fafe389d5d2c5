package main

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// twoWorkers compares two workers with one by the clock. The dictionary-encoded table
// is made anew with four times the rows: of two row groups, which is what it has
// else, the work takes 50 ms and comes in few pieces.
func twoWorkers(db *sql.DB, dir, kind, src string) error {
	n := *rows
	if kind == "dictionary" {
		n *= 4
		src = filepath.Join(dir, "larger.parquet")
		if err := generate(db, kind, src, n); err != nil {
			return err
		}
		defer os.Remove(src)
	}
	dst := filepath.Join(dir, "workers.parquet")
	var walls [2][]time.Duration
	for r := range *rounds + 1 {
		for i := range walls {
			if err := os.Remove(dst); err != nil && !os.IsNotExist(err) {
				return err
			}
			runtime.GC()
			start := time.Now()
			if err := ours(src, dst, "16", i+1); err != nil {
				return err
			}
			if r > 0 { // the first round warms up
				walls[i] = append(walls[i], time.Since(start))
			}
		}
	}
	most, err := ceiling(src, dir)
	if err != nil {
		return err
	}
	for i := range walls {
		slices.Sort(walls[i])
	}
	ratio := func(at int) float64 { return walls[0][at].Seconds() / walls[1][at].Seconds() }
	fmt.Printf("two workers against one, wall clock, %d rows: %.2fx (best rounds; medians %.2fx)   bar 1.7x: %s\n", n, ratio(0), ratio(len(walls[0])/2), verdict(ratio(0) >= 1.7))
	fmt.Printf("two processes against one, each masking all of it with one worker: %.2fx, what this machine has to give\n", most)
	return os.Remove(dst)
}

// A process with twin in its environment is one of the two that ceiling compares:
// for each byte of its standard input it masks the table once, with one worker,
// and answers with a line.
const twin = "AIHUB_BENCH_TWIN"

func serveTwin(src, dst string) error {
	order := make([]byte, 1)
	for {
		if _, err := os.Stdin.Read(order); err != nil {
			if err == io.EOF {
				return nil
			}
			return err
		}
		if err := ours(src, dst, "16", 1); err != nil {
			return err
		}
		fmt.Println("done")
	}
}

// ceiling is how much more two processes that know nothing of one another get done
// on this machine than one, in the same time: what no number of workers exceeds.
func ceiling(src, dir string) (float64, error) {
	type process struct {
		in  io.WriteCloser
		out *bufio.Reader
	}
	var ps []process
	outs := []string{filepath.Join(dir, "twin-0"), filepath.Join(dir, "twin-1")}
	var ends []func() error
	for i := range 2 {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), twin+"="+src, twin+"_OUT="+outs[i])
		c.Stderr = os.Stderr
		in, err1 := c.StdinPipe()
		out, err2 := c.StdoutPipe()
		if err := errors.Join(err1, err2, c.Start()); err != nil {
			return 0, err
		}
		ps = append(ps, process{in, bufio.NewReader(out)})
		ends = append(ends, func() error { return errors.Join(in.Close(), c.Wait()) })
	}
	run := func(ps []process) (time.Duration, error) {
		for _, name := range outs {
			if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
				return 0, err
			}
		}
		start := time.Now()
		for _, p := range ps {
			if _, err := p.in.Write([]byte{'.'}); err != nil {
				return 0, err
			}
		}
		for _, p := range ps {
			if _, err := p.out.ReadString('\n'); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	}
	var one, two []time.Duration
	var err error
	for r := 0; r <= *rounds && err == nil; r++ {
		var a, b time.Duration
		if a, err = run(ps[:1]); err == nil {
			b, err = run(ps)
		}
		if r > 0 { // the first round warms up
			one, two = append(one, a), append(two, b)
		}
	}
	for _, end := range ends {
		err = errors.Join(err, end())
	}
	if err != nil {
		return 0, fmt.Errorf("two processes: %w", err)
	}
	return 2 * slices.Min(one).Seconds() / slices.Min(two).Seconds(), nil
}
