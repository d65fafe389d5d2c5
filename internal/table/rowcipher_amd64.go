package table

import (
	"crypto/aes"

	"golang.org/x/sys/cpu"
)

var (
	hasAES   = cpu.X86.HasAES && cpu.X86.HasSSE41
	hasUnhex = cpu.X86.HasAVX2
)

//go:noescape
func expandAES(key *[aes.BlockSize]byte, out *[11][aes.BlockSize]byte)

//go:noescape
func decryptAES(keys *[11][aes.BlockSize]byte, blocks *[aes.BlockSize]byte, n int)

//go:noescape
func unhexAVX2(ids *[RowIDSize]byte, n int, out *[aes.BlockSize]byte) (ok bool)
