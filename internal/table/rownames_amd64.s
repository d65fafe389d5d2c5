#include "textflag.h"

// SHA-256 (FIPS 180-4) of two rows at once, with the processor's own rounds: each
// round waits for the one before, so that two rows take hardly longer than one. A
// state is F E B A, H G D C; the constants of the rounds, and others, are in SI.

// ROUNDS does four rounds of the constants at k and the words in m.
#define ROUNDS(k, m, s0, s1) \
	MOVOU       k(SI), X0;      \
	PADDD       m, X0;          \
	SHA256RNDS2 X0, s0, s1;     \
	PSHUFD      $0x0e, X0, X0;  \
	SHA256RNDS2 X0, s1, s0

// WORDS makes four words more, in next, of the sixteen that are known.
#define WORDS(m, before, next) \
	MOVO       m, X13;              \
	PALIGNR    $4, before, X13;     \
	PADDD      X13, next;           \
	SHA256MSG2 m, next

#define TWO(k, a, b) \
	ROUNDS(k, a, X1, X2); \
	ROUNDS(k, b, X7, X8)

#define MORE(k, a, a0, a1, b, b0, b1) \
	TWO(k, a, b);      \
	WORDS(a, a0, a1);  \
	WORDS(b, b0, b1)

#define SOON(a, a0, b, b0) \
	SHA256MSG1 a, a0; \
	SHA256MSG1 b, b0

// BLOCK hashes the words in X3-X6 and X9-X12 into the states in X1, X2 and X7, X8.
#define BLOCK \
	TWO(0, X3, X9); \
	TWO(16, X4, X10); \
	SOON(X4, X3, X10, X9); \
	TWO(32, X5, X11); \
	SOON(X5, X4, X11, X10); \
	MORE(48, X6, X5, X3, X12, X11, X9); \
	SOON(X6, X5, X12, X11); \
	MORE(64, X3, X6, X4, X9, X12, X10); \
	SOON(X3, X6, X9, X12); \
	MORE(80, X4, X3, X5, X10, X9, X11); \
	SOON(X4, X3, X10, X9); \
	MORE(96, X5, X4, X6, X11, X10, X12); \
	SOON(X5, X4, X11, X10); \
	MORE(112, X6, X5, X3, X12, X11, X9); \
	SOON(X6, X5, X12, X11); \
	MORE(128, X3, X6, X4, X9, X12, X10); \
	SOON(X3, X6, X9, X12); \
	MORE(144, X4, X3, X5, X10, X9, X11); \
	SOON(X4, X3, X10, X9); \
	MORE(160, X5, X4, X6, X11, X10, X12); \
	SOON(X5, X4, X11, X10); \
	MORE(176, X6, X5, X3, X12, X11, X9); \
	SOON(X6, X5, X12, X11); \
	MORE(192, X3, X6, X4, X9, X12, X10); \
	SOON(X3, X6, X9, X12); \
	MORE(208, X4, X3, X5, X10, X9, X11); \
	MORE(224, X5, X4, X6, X11, X10, X12); \
	TWO(240, X6, X12)

// DIGEST makes of a hashed state the first words of the second block.
#define DIGEST(s0, s1, m0, m1) \
	PSHUFD     $0x1b, s0, m0; \
	PSHUFD     $0x1b, s1, X13; \
	MOVO       m0, m1;        \
	PUNPCKLQDQ X13, m0;       \
	PUNPCKHQDQ X13, m1

// func hmacSHA(keyed *[2][8]uint32, blocks *[64]byte, n int, out *RowName)
TEXT ·hmacSHA(SB), NOSPLIT, $0-32
	MOVQ keyed+0(FP), BX
	MOVQ blocks+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ out+24(FP), DX
	LEAQ ·shaWords(SB), SI

two:
	MOVOU  256(SI), X15  // the order of bytes
	MOVOU  0(BX), X1
	MOVOU  16(BX), X2
	MOVO   X1, X7
	MOVO   X2, X8
	MOVOU  0(DI), X3
	MOVOU  16(DI), X4
	MOVOU  32(DI), X5
	MOVOU  48(DI), X6
	MOVOU  64(DI), X9
	MOVOU  80(DI), X10
	MOVOU  96(DI), X11
	MOVOU  112(DI), X12
	PSHUFB X15, X3
	PSHUFB X15, X4
	PSHUFB X15, X5
	PSHUFB X15, X6
	PSHUFB X15, X9
	PSHUFB X15, X10
	PSHUFB X15, X11
	PSHUFB X15, X12
	BLOCK
	MOVOU  0(BX), X14
	MOVOU  16(BX), X15
	PADDD  X14, X1
	PADDD  X15, X2
	PADDD  X14, X7
	PADDD  X15, X8
	DIGEST(X1, X2, X3, X4)
	DIGEST(X7, X8, X9, X10)
	MOVOU  272(SI), X5   // what ends the second block
	MOVOU  288(SI), X6
	MOVO   X5, X11
	MOVO   X6, X12
	MOVOU  32(BX), X1
	MOVOU  48(BX), X2
	MOVO   X1, X7
	MOVO   X2, X8
	BLOCK
	MOVOU  32(BX), X14
	MOVOU  48(BX), X15
	PADDD  X14, X1
	PADDD  X15, X2
	PADDD  X14, X7
	PADDD  X15, X8
	PUNPCKHQDQ X2, X1    // A B C D, as two numbers
	PUNPCKHQDQ X8, X7
	MOVOU  X1, 0(DX)
	MOVOU  X7, 16(DX)
	ADDQ   $128, DI
	ADDQ   $32, DX
	SUBQ   $2, CX
	JG     two
	RET

// func cpuid(leaf, sub uint32) (a, b, c uint32)
TEXT ·cpuid(SB), NOSPLIT, $0-20
	MOVL leaf+0(FP), AX
	MOVL sub+4(FP), CX
	CPUID
	MOVL AX, a+8(FP)
	MOVL BX, b+12(FP)
	MOVL CX, c+16(FP)
	RET
