package block

import "golang.org/x/sys/cpu"

var (
	hasAES  = cpu.X86.HasAES
	hasVAES = cpu.X86.HasAVX512VAES && cpu.X86.HasAVX512F
)

// encryptVAES encrypts n blocks, a multiple of 32 above 0, from src to dst, four
// in a register. keys are the rounds+1 round keys.
//
//go:noescape
func encryptVAES(keys *byte, rounds int, dst, src *byte, n int)
