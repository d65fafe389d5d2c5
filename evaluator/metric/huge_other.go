//go:build !linux

package metric

func hugePages([]uint32) {}
