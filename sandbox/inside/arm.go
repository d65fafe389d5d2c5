package inside

import "aihub/sandbox/tiny"

// arm is arm64. x9 holds the result, x19 keeps, x20 is the cursor, x21 the
// environment, x22 the stack at the start.
type arm struct {
	w     []uint32
	ends  []int
	fills []place
}

func (a *arm) emit(w ...uint32) { a.w = append(a.w, w...) }

// load emits mov r, v: always four instructions.
func (a *arm) load(r uint32, v uint64) {
	a.emit(0xd2800000 | uint32(v&0xffff)<<5 | r) // movz
	for i := uint32(1); i < 4; i++ {
		a.emit(0xf2800000 | i<<21 | uint32(v>>(16*i)&0xffff)<<5 | r) // movk
	}
}

func (a *arm) start(cursor uint64) {
	a.emit(0x910003f6) // mov x22, sp
	a.emit(0xf94003e9) // ldr x9, [sp]
	a.emit(0x8b090ed5) // add x21, x22, x9, lsl 3
	a.emit(0x910042b5) // add x21, x21, 16
	a.set(cursor)
}

func (a *arm) set(cursor uint64) { a.load(20, cursor) }

func (a *arm) call(nr uint64, args []operand, report uint64) {
	for i, o := range args {
		r := uint32(i)
		from := func(src uint32) { a.emit(0xaa0003e0 | src<<16 | r) } // mov r, src
		switch o.kind {
		case number:
			a.load(r, o.value)
		case text:
			a.fills = append(a.fills, place{len(a.w), o.value})
			a.load(r, 0)
		case result:
			from(9)
		case kept:
			from(19)
		case environ:
			from(21)
		case room:
			a.emit(0x91000000 | uint32(8+o.value)<<10 | 20<<5 | r) // add r, x20, 8+value
		case argv1:
			a.emit(0xf9400000 | 2<<10 | 22<<5 | r) // ldr r, [x22, 16]
		case argv2:
			a.emit(0x91000000 | 24<<10 | 22<<5 | r) // add r, x22, 24
		case length:
			a.load(10, report)
			a.emit(0xcb000000 | 10<<16 | 20<<5 | r) // sub r, x20, x10
		}
	}
	a.load(8, nr)
	a.emit(0xd4000001) // svc 0
	a.emit(0xaa0003e9) // mov x9, x0
}

func (a *arm) keep() { a.emit(0xaa0903f3) } // mov x19, x9

func (a *arm) put() {
	a.emit(0xf9000289) // str x9, [x20]
	a.emit(0x91002294) // add x20, x20, 8
}

func (a *arm) data() {
	a.emit(0xf100013f) // cmp x9, 0
	a.emit(0x9a9fa129) // csel x9, x9, xzr, ge
	a.emit(0x8b090294) // add x20, x20, x9
}

func (a *arm) skip(n uint64) {
	a.load(10, n)
	a.emit(0x8b0a0294) // add x20, x20, x10
}

func (a *arm) unless(v uint64) {
	a.emit(0xf100013f | uint32(v)<<10) // cmp x9, v
	a.ends = append(a.ends, len(a.w))
	a.emit(0x54000001) // b.ne end
}

func (a *arm) end() {
	for _, at := range a.ends {
		a.w[at] |= uint32(len(a.w)-at) << 5
	}
}

func (a *arm) texts(at uint64) {
	for _, f := range a.fills {
		for i := range uint64(4) {
			a.w[f.at+int(i)] |= uint32((at+f.value)>>(16*i)&0xffff) << 5
		}
	}
}

func (a *arm) code() []byte { return tiny.Words(a.w...) }
