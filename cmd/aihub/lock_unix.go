//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"

	"aihub"
)

// lockHome makes sure that one server works in home: a start removes what an
// earlier one left, which must not be what another one needs.
func lockHome(home string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(home, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "another server works in " + home, ZH: "已有另一个服务在使用 " + home,
		}).WithHint(aihub.Text{EN: "stop it first, or set AIHUB_HOME", ZH: "请先停止它，或设置 AIHUB_HOME"})
	}
	return func() { f.Close() }, nil
}
