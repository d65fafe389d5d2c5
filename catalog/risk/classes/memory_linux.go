package classes

import "syscall"

// zeroed returns n zero bytes and what gives them back. Touched in random order,
// memory in small pages costs a fault each 4 KiB: large ones are asked for.
func zeroed(n uint64) ([]uint8, func() error) {
	const madvHugePage = 14
	if n < 4<<20 {
		return make([]uint8, n), func() error { return nil }
	}
	b, err := syscall.Mmap(-1, 0, int(n), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return make([]uint8, n), func() error { return nil }
	}
	_ = syscall.Madvise(b, madvHugePage) // a kernel without large pages counts all the same
	return b, func() error { return syscall.Munmap(b) }
}
