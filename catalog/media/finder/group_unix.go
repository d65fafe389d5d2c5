//go:build unix

package finder

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// inGroup has the end of c's context end the programs too that c starts.
func inGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error {
		err := syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
}
