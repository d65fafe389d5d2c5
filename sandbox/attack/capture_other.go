//go:build !linux

package attack

// capture needs packet sockets of Linux.
type capture struct{}

func startCapture(...string) (*capture, error) { return nil, nil }

func (*capture) end() ([]string, error) { return nil, nil }
