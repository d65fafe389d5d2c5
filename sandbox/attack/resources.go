package attack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"aihub"
	"aihub/sandbox"
	"aihub/scenarios"
)

func fork(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.run(ctx, nil, "fork")
	if err != nil {
		return nil, err
	}
	n := -1
	_, after, _ := strings.Cut(r.log, "a fork bomb after ")
	_, _ = fmt.Sscan(after, &n)
	if n < 0 || n > limits.Pids || !strings.Contains(r.log, "resource temporarily unavailable") {
		return []string{fmt.Sprintf("%d children with a limit of %d", n, limits.Pids)}, nil
	}
	return nil, nil
}

// memory is V33. What twenty runs took comes back to the machine.
func memory(ctx context.Context, s *Suite) ([]string, error) {
	var bad []string
	const times, most = 20, 128 << 20
	before := available()
	for range times {
		r, err := s.run(ctx, func(j *sandbox.Job) { j.Limits.Memory, j.Limits.Tmp = most, 1<<30 }, "memory", "shm")
		if err != nil {
			return bad, err
		}
		bad = append(bad, r.ended(aihub.ReasonMemory)...)
	}
	// Others take memory too, and give it back: half of what a leak would keep is allowed, and a minute.
	for end := time.Now().Add(time.Minute); before-available() > times*most/2; time.Sleep(time.Second) {
		if time.Now().After(end) {
			bad = append(bad, fmt.Sprintf("the machine has %d MiB less than before", (before-available())>>20))
			break
		}
	}
	for _, where := range []string{"", "shm", "tmp"} {
		r, err := s.run(ctx, func(j *sandbox.Job) { j.Limits.Memory, j.Limits.Tmp = 128<<20, 1<<30 }, "memory", where)
		if err != nil {
			return bad, err
		}
		bad = append(bad, r.ended(aihub.ReasonMemory)...)
		if strings.Contains(r.log, "has 256 MiB") {
			bad = append(bad, "it had 256 MiB with a limit of 128")
		}
	}
	return bad, nil
}

// available is how many bytes of this machine's memory can be had, 0 where that is
// not told.
func available() (n int64) {
	b, _ := os.ReadFile("/proc/meminfo")
	_, after, _ := strings.Cut(string(b), "MemAvailable:")
	_, _ = fmt.Sscan(after, &n)
	return n << 10
}

// fill is V34. While one run fills its places, another writes its prediction.
func fill(ctx context.Context, s *Suite) ([]string, error) {
	type answer struct {
		r   *ran
		err error
	}
	other := make(chan answer, 1)
	beside := &Suite{Runner: s.Runner, Program: s.Program, Dir: filepath.Join(s.Dir, "beside"), caps: s.caps, rootfs: s.rootfs}
	go func() {
		r, err := beside.run(ctx, nil, "make", "extra")
		other <- answer{r, err}
	}()
	r, err := s.run(ctx, nil, "output")
	a := <-other
	if err == nil {
		err = a.err
	}
	if err != nil {
		return nil, err
	}
	var bad []string
	for _, b := range append(a.r.ended(""), a.r.only("predictions.csv")...) {
		bad = append(bad, "a run beside it: "+b)
	}
	if strings.Count(r.log, "no space left on device") < 2 {
		bad = append(bad, "/output did not get full")
	}
	for _, where := range []string{"shm", "tmp"} {
		r, err := s.run(ctx, nil, "memory", where)
		if err != nil {
			return bad, err
		}
		if !strings.Contains(r.log, "tried filling memory after 16 MiB: ") {
			bad = append(bad, "/"+where+" did not get full at 16 MiB")
		}
	}
	return bad, nil
}

func flood(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.run(ctx, func(j *sandbox.Job) { j.Limits.Log = 10_000 }, "flood", "64")
	if err != nil {
		return nil, err
	}
	bad := r.ended("")
	if len(r.log) != 10_000 || r.Usage.LogBytes < 64<<20 {
		bad = append(bad, fmt.Sprintf("%d bytes kept, %d counted", len(r.log), r.Usage.LogBytes))
	}
	return bad, nil
}

func stubborn(ctx context.Context, s *Suite) ([]string, error) {
	r, err := s.run(ctx, func(j *sandbox.Job) { j.Limits.Wall = scenarios.Duration(4 * time.Second) }, "stubborn")
	if err != nil {
		return nil, err
	}
	bad := r.ended(aihub.ReasonTimeout)
	if over := r.Usage.WallMS - 4000; over > 5000 {
		bad = append(bad, fmt.Sprintf("it lived %d ms longer", over))
	}
	r, err = s.run(ctx, nil, "leave")
	if err != nil {
		return bad, err
	}
	return append(bad, r.ended("")...), nil
}

// load is V19: a run tells another beside it bits by the load that it makes, ten a
// second, and what arrives is measured.
func load(ctx context.Context, s *Suite) ([]string, error) {
	const n, slot = 80, 100 * time.Millisecond
	random := rand.New(rand.NewPCG(19, 20261122))
	secret, bits := make([]bool, n), make([]byte, n)
	for i := range secret {
		secret[i] = random.IntN(2) == 1
		bits[i] = map[bool]byte{true: '1', false: '0'}[secret[i]]
	}
	at := fmt.Sprint(time.Now().Add(10 * time.Second).UnixMilli())
	length := fmt.Sprint(slot.Milliseconds())
	sender := &Suite{Runner: s.Runner, Program: s.Program, Dir: filepath.Join(s.Dir, "beacon"), caps: s.caps, rootfs: s.rootfs}
	sent := make(chan error, 1)
	go func() {
		r, err := sender.run(ctx, nil, "beacon", at, length, string(bits))
		if err == nil && r.value("beacon") == "" {
			err = fmt.Errorf("the sender did not send: %s", r.log)
		}
		sent <- err
	}()
	r, err := s.run(ctx, nil, "sense", at, length, fmt.Sprint(n))
	if err := errors.Join(err, <-sent); err != nil {
		return nil, err
	}
	var views []View
	for i := range n {
		views = append(views, View{"work": r.value(fmt.Sprint("slot ", i))})
	}
	told, _, chance := Bits(secret, views)
	s.note = text(fmt.Sprintf("%.1f bits a second between two runs with one processor each on %d, of 10 sent (as much by chance: %.2f)", told/slot.Seconds(), runtime.NumCPU(), chance),
		fmt.Sprintf("两个各占一个处理器的运行之间每秒 %.1f 比特（共 %d 个处理器，每秒发送 10 比特；偶然达到的概率 %.2f）", told/slot.Seconds(), runtime.NumCPU(), chance))
	return nil, nil
}
