package inside

import (
	"encoding/binary"
	"fmt"

	"aihub/sandbox/tiny"
)

// Filtered returns a static program for arch, "amd64" or "arm64", that lays a
// filter of system calls on itself and becomes the program at the path in its
// first argument, under the name and with the arguments that follow. filter is
// of the kernel's struct sock_filter. When the kernel takes none, it goes on
// without.
func Filtered(arch string, filter []byte) ([]byte, error) {
	b, err := newBuilder(arch)
	if err != nil {
		return nil, err
	}
	// struct sock_fprog: how many, and where they are.
	fprog := operand{text, uint64(len(filter))}
	b.texts = binary.LittleEndian.AppendUint64(append(b.texts, filter...), uint64(len(filter)/8))
	b.texts = binary.LittleEndian.AppendUint64(b.texts, 0)
	b.asm.start(0)
	b.call("seccomp", n(1), n(0), fprog) // SECCOMP_SET_MODE_FILTER
	b.call("execve", operand{kind: argv1}, operand{kind: argv2}, operand{kind: environ})
	b.call("exit_group", n(127))
	at := tiny.Start + uint64(len(b.asm.code()))
	binary.LittleEndian.PutUint64(b.texts[len(filter)+8:], at)
	b.asm.texts(at)
	return tiny.ELF(arch, append(b.asm.code(), b.texts...), 0)
}

// newBuilder returns a builder for arch.
func newBuilder(arch string) (*builder, error) {
	switch arch {
	case "amd64":
		return &builder{calls: calls[arch], asm: &x86{}}, nil
	case "arm64":
		return &builder{calls: calls[arch], asm: &arm{}}, nil
	}
	return nil, fmt.Errorf("no programs are made for %s", arch)
}
