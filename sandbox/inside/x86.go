package inside

import "encoding/binary"

// x86 is amd64. r12 keeps, r13 is the cursor, r14 the environment, r15 the stack
// at the start; the result is in rax.
type x86 struct {
	b     []byte
	ends  []int
	fills []place
}

// The registers of arguments: rdi, rsi, rdx, r10, r8, r9.
var x86Args = []byte{7, 6, 2, 10, 8, 9}

func (a *x86) emit(b ...byte) { a.b = append(a.b, b...) }

func high(r byte) byte { return r >> 3 }

// load emits mov r, v.
func (a *x86) load(r byte, v uint64) {
	a.emit(0x48|high(r), 0xb8|r&7)
	a.b = binary.LittleEndian.AppendUint64(a.b, v)
}

func (a *x86) start(cursor uint64) {
	a.emit(0x49, 0x89, 0xe7)             // mov r15, rsp
	a.emit(0x48, 0x8b, 0x04, 0x24)       // mov rax, [rsp]
	a.emit(0x4c, 0x8d, 0x74, 0xc4, 0x10) // lea r14, [rsp+rax*8+16]
	a.set(cursor)
}

func (a *x86) set(cursor uint64) { a.load(13, cursor) }

func (a *x86) call(nr uint64, args []operand, report uint64) {
	for i, o := range args {
		r := x86Args[i]
		from := func(src byte) { a.emit(0x48|high(src)<<2|high(r), 0x89, 0xc0|(src&7)<<3|r&7) } // mov r, src
		switch o.kind {
		case number:
			a.load(r, o.value)
		case text:
			a.fills = append(a.fills, place{len(a.b), o.value})
			a.load(r, 0)
		case result:
			from(0)
		case kept:
			from(12)
		case environ:
			from(14)
		case room:
			a.emit(0x49|high(r)<<2, 0x8d, 0x45|(r&7)<<3, byte(8+o.value)) // lea r, [r13+8+value]
		case argv1:
			a.emit(0x49|high(r)<<2, 0x8b, 0x47|(r&7)<<3, 16) // mov r, [r15+16]
		case argv2:
			a.emit(0x49|high(r)<<2, 0x8d, 0x47|(r&7)<<3, 24) // lea r, [r15+24]
		case length:
			from(13)
			a.emit(0x48|high(r), 0x81, 0xe8|r&7) // sub r, report
			a.b = binary.LittleEndian.AppendUint32(a.b, uint32(report))
		}
	}
	a.emit(0xb8) // mov eax, nr
	a.b = binary.LittleEndian.AppendUint32(a.b, uint32(nr))
	a.emit(0x0f, 0x05) // syscall
}

func (a *x86) keep() { a.emit(0x49, 0x89, 0xc4) } // mov r12, rax

func (a *x86) put() {
	a.emit(0x49, 0x89, 0x45, 0x00) // mov [r13], rax
	a.emit(0x49, 0x83, 0xc5, 8)    // add r13, 8
}

func (a *x86) data() {
	a.emit(0x31, 0xc9)             // xor ecx, ecx
	a.emit(0x48, 0x85, 0xc0)       // test rax, rax
	a.emit(0x48, 0x0f, 0x48, 0xc1) // cmovs rax, rcx
	a.emit(0x49, 0x01, 0xc5)       // add r13, rax
}

func (a *x86) skip(n uint64) {
	a.emit(0x49, 0x81, 0xc5) // add r13, n
	a.b = binary.LittleEndian.AppendUint32(a.b, uint32(n))
}

func (a *x86) unless(v uint64) {
	a.emit(0x48, 0x83, 0xf8, byte(v)) // cmp rax, v
	a.ends = append(a.ends, len(a.b))
	a.emit(0x0f, 0x85, 0, 0, 0, 0) // jne end
}

func (a *x86) end() {
	for _, at := range a.ends {
		binary.LittleEndian.PutUint32(a.b[at+2:], uint32(len(a.b)-at-6))
	}
}

func (a *x86) texts(at uint64) {
	for _, f := range a.fills {
		binary.LittleEndian.PutUint64(a.b[f.at+2:], at+f.value)
	}
}

func (a *x86) code() []byte { return a.b }
