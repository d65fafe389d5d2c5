package table

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"

	"aihub"
)

// A row key of aihub.RowKeySize bytes is two: one for an HMAC, and behind it one for
// AES-128. A key of up to cipherText bytes is one block: how many they are, zeros, and
// the bytes themselves, at the end. The id is that block under the cipher, so that who
// has the row key reads from an id which row it is; to all others it says as little as
// an HMAC. Longer keys have the HMAC.
const (
	cipherKey  = 16
	cipherText = aes.BlockSize - 1
)

// rowCipher parts a row key; of any other length, all of it is for the HMAC.
func rowCipher(rowKey []byte) (c cipher.Block, mac []byte) {
	if len(rowKey) != aihub.RowKeySize {
		return nil, rowKey
	}
	at := len(rowKey) - cipherKey
	c, err := aes.NewCipher(rowKey[at:])
	if err != nil {
		panic(err) // of the length, which is right
	}
	return c, rowKey[:at]
}

// rowBlock is the block of a key; false of a longer one.
func rowBlock[T string | []byte](key T) (b [aes.BlockSize]byte, ok bool) {
	if len(key) > cipherText {
		return b, false
	}
	b[0] = byte(len(key))
	copy(b[len(b)-len(key):], key)
	return b, true
}

// RowReader reads from the ids of a run which rows they are. It is not safe for
// concurrent use.
type RowReader struct {
	cipher cipher.Block
	keys   [11][aes.BlockSize]byte // of the rounds, where the processor has them
	blocks [ReadRows][aes.BlockSize]byte
}

// ReadRows is how many ids are read at once, and RowIDSize how many bytes each has.
const (
	ReadRows  = 512
	RowIDSize = 2 * aes.BlockSize

	// MostRead is the greatest number that ids tell.
	MostRead = 999_999_999_999_999
)

// NewRowReader returns the reader of a run's ids, or nil when they say nothing.
func NewRowReader(rowKey []byte) *RowReader {
	c, _ := rowCipher(rowKey)
	if c == nil {
		return nil
	}
	r := &RowReader{cipher: c}
	if hasAES {
		expandAES((*[aes.BlockSize]byte)(rowKey[len(rowKey)-cipherKey:]), &r.keys)
	}
	return r
}

// Numbers reads ids of rows whose keys are whole numbers of at most 15 digits and no
// sign: what the rows are called, and the keys.
// It is false when one is no such id. At most ReadRows are read at once.
func (r *RowReader) Numbers(ids [][RowIDSize]byte, names []RowName, keys []int64) bool {
	n := len(ids)
	if n == 0 {
		return true
	}
	blocks := r.blocks[:n]
	names, keys = names[:n], keys[:n]
	if !unhexAll(ids, blocks) {
		return false
	}
	for i, b := range blocks {
		names[i] = RowName{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
	}
	if hasAES {
		decryptAES(&r.keys, &r.blocks[0], n)
	} else {
		for i := range blocks {
			r.cipher.Decrypt(blocks[i][:], blocks[i][:])
		}
	}
	good := 1
	for i := range blocks {
		v, ok := blockNumber(&blocks[i])
		keys[i] = v
		good &= ok
	}
	return good == 1
}

// unhexAll is false when not all is lower-case hexadecimal digits.
func unhexAll(ids [][RowIDSize]byte, out [][aes.BlockSize]byte) bool {
	if hasUnhex {
		return unhexAVX2(&ids[0], len(ids), &out[0])
	}
	for i := range ids {
		name, ok := ParseRowName(ids[i][:])
		if !ok {
			return false
		}
		out[i] = name.Bytes()
	}
	return true
}

// digitPads has for each number of digits the bytes of a block that are none of them,
// and digitLeast the least number that has so many.
var digitPads, digitLeast = func() (pads [cipherText + 1][2]uint64, least [cipherText + 1]int64) {
	ten := int64(1)
	for n := range pads {
		var b [aes.BlockSize]byte
		for i := range len(b) - n {
			b[i] = 0xff
		}
		pads[n] = [2]uint64{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
		if n > 1 {
			ten *= 10
			least[n] = ten
		}
	}
	return pads, least
}()

// blockNumber is the number whose decimal a block is of; ok is 1, or 0 when it is of
// something else.
func blockNumber(b *[aes.BlockSize]byte) (v int64, ok int) {
	const zeros = 0x3030303030303030
	n := b[0]
	if n == 0 || n > cipherText {
		return 0, 0
	}
	pads := &digitPads[n]
	x, y := binary.LittleEndian.Uint64(b[:8])&^0xff, binary.LittleEndian.Uint64(b[8:])
	wrong := x&pads[0] | y&pads[1]
	y |= zeros & pads[1]
	wrong |= notDigits(y)
	v = int64(eightDigits(y))
	if n > 8 {
		x |= zeros & pads[0]
		wrong |= notDigits(x)
		v += int64(eightDigits(x)) * 100_000_000
	}
	if wrong != 0 || v < digitLeast[n] {
		return 0, 0
	}
	return v, 1
}

// notDigits is 0 when all bytes of x are digits.
func notDigits(x uint64) uint64 {
	const high, six, zeros = 0xf0f0f0f0f0f0f0f0, 0x0606060606060606, 0x3030303030303030
	return (x&high ^ zeros) | ((x+six)&high ^ zeros)
}

// eightDigits is the number of eight digits, of which the first is in the lowest byte:
// neighbours are put together, thrice.
func eightDigits(x uint64) uint64 {
	x = (x & 0x0f0f0f0f0f0f0f0f) * (10<<8 + 1) >> 8
	x = (x & 0x00ff00ff00ff00ff) * (100<<16 + 1) >> 16
	return (x & 0x0000ffff0000ffff) * (10_000<<32 + 1) >> 32
}
