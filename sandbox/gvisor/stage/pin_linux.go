package stage

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Pin keeps processes, their threads and all that these start from now on on the
// given cores; without cores it does nothing.
func Pin(cores []int, pids ...int) error {
	if len(cores) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, c := range cores {
		set.Set(c)
	}
	for _, pid := range pids {
		// Threads inherit from their makers; the second round catches those that an
		// unpinned one made during the first.
		for range 2 {
			tasks, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
			if errors.Is(err, os.ErrNotExist) {
				break
			}
			if err != nil {
				return err
			}
			for _, t := range tasks {
				tid, err := strconv.Atoi(t.Name())
				if err != nil {
					continue
				}
				if err := unix.SchedSetaffinity(tid, &set); err != nil && !errors.Is(err, unix.ESRCH) {
					return fmt.Errorf("pinning to cores %v: %w", cores, err)
				}
			}
		}
	}
	return nil
}
