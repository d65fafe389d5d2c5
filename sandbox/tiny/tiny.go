// Package tiny makes static Linux programs of a few instructions without a
// compiler: what the platform itself runs inside a sandbox must be small enough
// to be read, the same on every build, and there for each architecture.
package tiny

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// base is where a program is loaded, Data where its zeroed memory begins.
const (
	base = 0x400000
	Data = 0x10000000
)

// headers are the bytes before the code: the ELF header and two segments.
const headers = 64 + 2*56

// Start is the address of the first byte of the code.
const Start = base + headers

// machines are the architectures as Go names them, with ELF's numbers.
var machines = map[string]uint16{"amd64": 62, "arm64": 183}

// ELF wraps code into a static 64-bit executable for arch ("amd64", "arm64"):
// one segment that is read and executed and, if memory is not 0, one of so many
// zeroed bytes at Data that is read and written.
func ELF(arch string, code []byte, memory uint64) ([]byte, error) {
	machine, ok := machines[arch]
	if !ok {
		return nil, fmt.Errorf("no programs are made for %s", arch)
	}
	segments := uint16(1)
	if memory > 0 {
		segments = 2
	}
	size := uint64(headers + len(code))
	var b bytes.Buffer
	for _, v := range []any{
		[]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		uint16(2), machine, uint32(1), uint64(Start), uint64(64), uint64(0), uint32(0),
		uint16(64), uint16(56), segments, uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(5), uint64(0), uint64(base), uint64(base), size, size, uint64(0x10000),
		uint32(1), uint32(6), uint64(0), uint64(Data), uint64(Data), uint64(0), memory, uint64(0x10000),
	} {
		_ = binary.Write(&b, binary.LittleEndian, v) // fixed sizes
	}
	b.Write(code)
	return b.Bytes(), nil
}

// Must is ELF without memory for an architecture that is known to be there.
func Must(arch string, code []byte) []byte {
	b, err := ELF(arch, code, 0)
	if err != nil {
		panic(err)
	}
	return b
}

// exits is code that ends a process with 0, by architecture.
var exits = map[string][]byte{
	"amd64": {
		0x31, 0xff, //            xor edi, edi
		0xb8, 0xe7, 0, 0, 0, //   mov eax, 231 (exit_group)
		0x0f, 0x05, //            syscall
	},
	"arm64": Words(
		0xd2800000, // mov x0, #0
		0xd2800bc8, // mov x8, #94 (exit_group)
		0xd4000001, // svc #0
	),
}

// Exit is a program that ends at once, with 0; nil for an architecture for which
// no programs are made.
func Exit(arch string) []byte {
	if exits[arch] == nil {
		return nil
	}
	return Must(arch, exits[arch])
}

// Words are the instructions of arm64 as bytes.
func Words(ws ...uint32) []byte {
	var b []byte
	for _, w := range ws {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}
