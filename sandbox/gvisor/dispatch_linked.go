//go:build !linux || embed

package gvisor

// Dispatch does nothing here: the sandbox program is an executable of its own,
// or there is none for this system. See the other Dispatch.
func Dispatch() {}

func canDispatch() error { return nil }
