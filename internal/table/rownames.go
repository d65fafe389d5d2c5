package table

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"hash"
	"math/bits"
)

// RowName is a RowID as two numbers, which are in the order of the ids.
type RowName [2]uint64

// RowNamer makes the ids of many rows of a run. It is not safe for concurrent use.
type RowNamer struct {
	cipher cipher.Block // of short keys; nil where all have an HMAC
	mac    hash.Hash
	keyed  [2][8]uint32 // the states of both hashes once they have the row key
	block  [nameRows][64]byte
	sum    []byte
	text   []byte
	one    [aes.BlockSize]byte
}

const (
	nameRows = 64 // that are hashed at once
	oneBlock = 55 // bytes of a key that end in the first block
)

// NewRowNamer returns the namer of a run's rows.
func NewRowNamer(rowKey []byte) *RowNamer {
	c, rowKey := rowCipher(rowKey)
	n := &RowNamer{cipher: c, mac: hmac.New(sha256.New, rowKey)}
	if len(rowKey) > sha256.BlockSize {
		sum := sha256.Sum256(rowKey)
		rowKey = sum[:]
	}
	for i, pad := range [2]byte{0x36, 0x5c} { // RFC 2104
		var block [sha256.BlockSize]byte
		copy(block[:], rowKey)
		for j := range block {
			block[j] ^= pad
		}
		n.keyed[i] = shaState(block[:])
	}
	return n
}

// shaState is the state of a SHA-256 after some blocks, as hmacSHA has it.
func shaState(blocks []byte) (out [8]uint32) {
	h := sha256.New()
	h.Write(blocks)
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic(err) // it has no reason to
	}
	for i, at := range [8]int{5, 4, 1, 0, 7, 6, 3, 2} { // F E B A, H G D C
		out[i] = binary.BigEndian.Uint32(b[4+4*at:]) // behind four letters
	}
	return out
}

// Names writes the id of each row to out. key appends the key of row i to dst.
func (n *RowNamer) Names(out []RowName, key func(dst []byte, i int) []byte) {
	var at [nameRows]int
	var sums [nameRows]RowName
	some, ok := 0, false
	flush := func() {
		hmacSHA(&n.keyed, &n.block[0], some, &sums[0])
		for j, i := range at[:some] {
			out[i] = sums[j]
		}
		some = 0
	}
	for i := range out {
		n.text = key(n.text[:0], i)
		if n.cipher != nil {
			if n.one, ok = rowBlock(n.text); ok {
				n.cipher.Encrypt(n.one[:], n.one[:])
				out[i] = RowName{binary.BigEndian.Uint64(n.one[:8]), binary.BigEndian.Uint64(n.one[8:])}
				continue
			}
		}
		if !hasSHA || len(n.text) > oneBlock {
			n.mac.Reset()
			n.mac.Write(n.text)
			n.sum = n.mac.Sum(n.sum[:0])
			out[i] = RowName{binary.BigEndian.Uint64(n.sum), binary.BigEndian.Uint64(n.sum[8:])}
			continue
		}
		b := &n.block[some]
		k := copy(b[:], n.text)
		b[k] = 0x80
		clear(b[k+1:])
		binary.BigEndian.PutUint16(b[62:], uint16(64+k)*8)
		at[some] = i
		if some++; some == nameRows {
			flush()
		}
	}
	if some > 0 {
		flush() // of an odd number, one row too many is hashed
	}
}

// Compare is below 0 when r comes before o.
func (r RowName) Compare(o RowName) int {
	if c := cmp.Compare(r[0], o[0]); c != 0 {
		return c
	}
	return cmp.Compare(r[1], o[1])
}

// Bytes are those that the digits of the id stand for.
func (r RowName) Bytes() (b [16]byte) {
	binary.BigEndian.PutUint64(b[:], r[0])
	binary.BigEndian.PutUint64(b[8:], r[1])
	return b
}

// Append appends the id to dst.
func (r RowName) Append(dst []byte) []byte {
	for _, v := range r {
		dst = binary.LittleEndian.AppendUint64(dst, hexDigits(uint32(v>>32)))
		dst = binary.LittleEndian.AppendUint64(dst, hexDigits(uint32(v)))
	}
	return dst
}

// hexDigits are the eight hexadecimal digits of v, the highest in the lowest byte.
func hexDigits(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 0x0606060606060606) >> 4 & 0x0101010101010101
	return bits.ReverseBytes64(x + 0x3030303030303030 + letters*('a'-'0'-10))
}

// ParseRowName is the name whose id this is; false of what is no id.
func ParseRowName(id []byte) (r RowName, ok bool) {
	if len(id) != 32 {
		return r, false
	}
	wrong := uint64(0)
	for i := range r {
		for half := range 2 {
			digits := binary.LittleEndian.Uint64(id[16*i+8*half:])
			v := fromHex(digits)
			wrong |= hexDigits(v) ^ digits
			r[i] = r[i]<<32 | uint64(v)
		}
	}
	return r, wrong == 0
}

// fromHex is what hexDigits gives these digits for, if it does for any.
func fromHex(digits uint64) uint32 {
	x := bits.ReverseBytes64(digits)
	letters := x >> 6 & 0x0101010101010101
	x = x&0x0f0f0f0f0f0f0f0f + letters*9
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}
