//go:build !linux

package attack

var metadataHosts = []string{"169.254.169.254", "fd00:ec2::254", "100.100.100.200"}

func beside(func() error) (int64, bool, error) { return 0, false, nil }
