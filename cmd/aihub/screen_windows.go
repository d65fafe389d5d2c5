package main

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// rawScreen has a Windows console obey the sequences of a terminal until the
// returned function is called.
func rawScreen(out io.Writer) (restore func()) {
	f, ok := out.(*os.File)
	if !ok {
		return func() {}
	}
	h := windows.Handle(f.Fd())
	var before uint32
	if windows.GetConsoleMode(h, &before) != nil {
		return func() {}
	}
	_ = windows.SetConsoleMode(h, before|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING|windows.DISABLE_NEWLINE_AUTO_RETURN)
	return func() { _ = windows.SetConsoleMode(h, before) }
}
