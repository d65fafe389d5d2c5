package block

import "slices"

// NewSM4Inverse returns the inverse of SM4 under a key of 16 bytes: the cipher
// with its round keys the other way round.
func NewSM4Inverse(key []byte) (Cipher, error) {
	c, err := NewSM4(key)
	if err != nil {
		return nil, err
	}
	s := *c.(*sm4)
	slices.Reverse(s.keys[:])
	return &s, nil
}
