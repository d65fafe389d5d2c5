//go:build amd64 || arm64

package block

// encryptAES encrypts n > 0 blocks from src to dst, eight at a time. keys are
// the rounds+1 round keys.
//
//go:noescape
func encryptAES(keys *byte, rounds int, dst, src *byte, n int)
