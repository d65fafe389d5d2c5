package gvisor

import (
	"runtime"

	"aihub/sandbox/tiny"
)

// Two programs for Probe, small enough to be written down: one exits with 0, one
// maps 4 GiB and writes to every page.
var (
	exitProgram = tiny.Exit(runtime.GOARCH)
	bombProgram = tiny.Must(runtime.GOARCH, bombs[runtime.GOARCH])
)

var bombs = map[string][]byte{
	"amd64": {
		0x31, 0xff, //                   xor edi, edi
		0x48, 0xbe, 0, 0, 0, 0, 1, 0, 0, 0, // mov rsi, 4 GiB
		0xba, 3, 0, 0, 0, //             mov edx, PROT_READ|PROT_WRITE
		0x41, 0xba, 0x22, 0x40, 0, 0, // mov r10d, MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE
		0x49, 0xc7, 0xc0, 0xff, 0xff, 0xff, 0xff, // mov r8, -1
		0x45, 0x31, 0xc9, //             xor r9d, r9d
		0xb8, 9, 0, 0, 0, //             mov eax, 9 (mmap)
		0x0f, 0x05, //                   syscall
		0xc6, 0x00, 0x01, //             mov byte [rax], 1
		0x48, 0x05, 0x00, 0x10, 0, 0, // add rax, 4096
		0xeb, 0xf5, //                   jmp to the mov
	},
	"arm64": tiny.Words(
		0xd2800000, // mov x0, #0
		0xd2c00021, // mov x1, #4 GiB
		0xd2800062, // mov x2, #PROT_READ|PROT_WRITE
		0xd2880443, // mov x3, #MAP_PRIVATE|MAP_ANONYMOUS|MAP_NORESERVE
		0x92800004, // mov x4, #-1
		0xd2800005, // mov x5, #0
		0xd2801bc8, // mov x8, #222 (mmap)
		0xd4000001, // svc #0
		0x52800021, // mov w1, #1
		0x39000001, // strb w1, [x0]
		0x91400400, // add x0, x0, #4096
		0x17fffffe, // b to the strb
	),
}
