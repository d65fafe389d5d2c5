//go:build !amd64

package table

import "crypto/aes"

const hasAES, hasUnhex = false, false

func expandAES(*[aes.BlockSize]byte, *[11][aes.BlockSize]byte)       {}
func decryptAES(*[11][aes.BlockSize]byte, *[aes.BlockSize]byte, int) {}
func unhexAVX2(*[RowIDSize]byte, int, *[aes.BlockSize]byte) bool     { return false }
