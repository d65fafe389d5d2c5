//go:build !amd64

package block

const hasVAES = false

func encryptVAES(*byte, int, *byte, *byte, int) { panic("block: no VAES instructions") }
