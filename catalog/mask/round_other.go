//go:build !amd64

package mask

func (w *form) roundLanes(x, hi, lo []uint64, q, s []byte, m, rl uint64, decrypt bool) int { return 0 }
