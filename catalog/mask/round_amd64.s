#include "textflag.h"

// The bytes of each eight in the other order.
DATA swap<>+0(SB)/8, $0x0001020304050607
DATA swap<>+8(SB)/8, $0x08090a0b0c0d0e0f
DATA swap<>+16(SB)/8, $0x0001020304050607
DATA swap<>+24(SB)/8, $0x08090a0b0c0d0e0f
DATA swap<>+32(SB)/8, $0x0001020304050607
DATA swap<>+40(SB)/8, $0x08090a0b0c0d0e0f
DATA swap<>+48(SB)/8, $0x0001020304050607
DATA swap<>+56(SB)/8, $0x08090a0b0c0d0e0f
GLOBL swap<>(SB), RODATA|NOPTR, $64

// The first words of eight blocks in two registers.
DATA firsts<>+0(SB)/8, $0
DATA firsts<>+8(SB)/8, $2
DATA firsts<>+16(SB)/8, $4
DATA firsts<>+24(SB)/8, $6
DATA firsts<>+32(SB)/8, $8
DATA firsts<>+40(SB)/8, $10
DATA firsts<>+48(SB)/8, $12
DATA firsts<>+56(SB)/8, $14
GLOBL firsts<>(SB), RODATA|NOPTR, $64

// Blocks of first words and second words: four blocks, and the other four.
DATA zip<>+0(SB)/8, $0
DATA zip<>+8(SB)/8, $8
DATA zip<>+16(SB)/8, $1
DATA zip<>+24(SB)/8, $9
DATA zip<>+32(SB)/8, $2
DATA zip<>+40(SB)/8, $10
DATA zip<>+48(SB)/8, $3
DATA zip<>+56(SB)/8, $11
DATA zip<>+64(SB)/8, $4
DATA zip<>+72(SB)/8, $12
DATA zip<>+80(SB)/8, $5
DATA zip<>+88(SB)/8, $13
DATA zip<>+96(SB)/8, $6
DATA zip<>+104(SB)/8, $14
DATA zip<>+112(SB)/8, $7
DATA zip<>+120(SB)/8, $15
GLOBL zip<>(SB), RODATA|NOPTR, $128

// REMAINDER leaves Z1 mod Z16 in Z1, for a quotient below 2^32; Z17 is a little less
// than 1/Z16, so that the quotient is right or one too small.
#define REMAINDER \
	VCVTUQQ2PD  Z1, Z2      \
	VMULPD      Z17, Z2, Z2 \
	VCVTTPD2UQQ Z2, Z2      \
	VPMULUDQ    Z16, Z2, Z2 \
	VPSUBQ      Z2, Z1, Z1  \
	VPSUBQ      Z16, Z1, Z2 \
	VPMINUQ     Z2, Z1, Z1

// func roundAVX512(r *lanesRound)
TEXT ·roundAVX512(SB), NOSPLIT, $0-8
	MOVQ         r+0(FP), AX
	MOVQ         0(AX), DI
	MOVQ         8(AX), R8
	MOVQ         16(AX), R9
	MOVQ         24(AX), R10
	MOVQ         32(AX), SI
	MOVQ         40(AX), CX
	VPBROADCASTQ 48(AX), Z16
	VBROADCASTSD 56(AX), Z17
	VPBROADCASTQ 64(AX), Z18
	VPBROADCASTQ 72(AX), Z19
	VPBROADCASTQ 80(AX), Z20
	VMOVDQU64    swap<>(SB), Z21
	VMOVDQU64    firsts<>(SB), Z22
	VMOVDQU64    zip<>+0(SB), Z23
	VMOVDQU64    zip<>+64(SB), Z24

eight:
	// The number that eight enciphered blocks begin with, modulo m: its upper
	// half first, then the rest of that with the lower half behind it.
	VMOVDQU64 (SI), Z0
	VMOVDQU64 64(SI), Z1
	VPERMT2Q  Z1, Z22, Z0
	VPSHUFB   Z21, Z0, Z0
	VPSRLQ    $32, Z0, Z1
	REMAINDER
	VPSLLQ    $32, Z1, Z1
	VPSLLQ    $32, Z0, Z0
	VPSRLQ    $32, Z0, Z0
	VPORQ     Z0, Z1, Z1
	REMAINDER

	// Added to the half, or taken from it.
	VPXORQ    Z20, Z1, Z1
	VPSUBQ    Z20, Z1, Z1
	VPADDQ    Z19, Z1, Z1
	VPADDQ    (DI), Z1, Z1
	VPSUBQ    Z16, Z1, Z2
	VPMINUQ   Z2, Z1, Z1
	VMOVDQU64 Z1, (DI)

	// The blocks of the next round.
	VPXORQ    (R9), Z1, Z1
	VPXORQ    Z18, Z1, Z1
	VMOVDQU64 (R8), Z0
	VPSHUFB   Z21, Z0, Z0
	VPSHUFB   Z21, Z1, Z1
	VMOVDQA64 Z0, Z2
	VPERMT2Q  Z1, Z23, Z0
	VPERMT2Q  Z1, Z24, Z2
	VMOVDQU64 Z0, (R10)
	VMOVDQU64 Z2, 64(R10)
	ADDQ      $128, SI
	ADDQ      $128, R10
	ADDQ      $64, DI
	ADDQ      $64, R8
	ADDQ      $64, R9
	SUBQ      $8, CX
	JNZ       eight
	VZEROUPPER
	RET
