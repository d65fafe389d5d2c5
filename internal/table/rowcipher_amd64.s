#include "textflag.h"

// AES-128 (FIPS 197) backwards, with the processor's own rounds, eight blocks at a
// time: a round waits for the one before of its block only.

// EXPAND makes the key of the next round from the one in X0.
#define EXPAND(rcon) \
	AESKEYGENASSIST $rcon, X0, X1; \
	PSHUFD $0xff, X1, X1;  \
	MOVO   X0, X2;         \
	PSLLO  $4, X2;         \
	PXOR   X2, X0;         \
	PSLLO  $4, X2;         \
	PXOR   X2, X0;         \
	PSLLO  $4, X2;         \
	PXOR   X2, X0;         \
	PXOR   X1, X0

// INVERSE puts the key of a round that is no end at out.
#define INVERSE(at) \
	AESIMC X0, X3;     \
	MOVOU  X3, at(DI)

// func expandAES(key *[16]byte, out *[11][16]byte)
TEXT ·expandAES(SB), NOSPLIT, $0-16
	MOVQ  key+0(FP), SI
	MOVQ  out+8(FP), DI
	MOVOU (SI), X0
	MOVOU X0, 160(DI)
	EXPAND(0x01)
	INVERSE(144)
	EXPAND(0x02)
	INVERSE(128)
	EXPAND(0x04)
	INVERSE(112)
	EXPAND(0x08)
	INVERSE(96)
	EXPAND(0x10)
	INVERSE(80)
	EXPAND(0x20)
	INVERSE(64)
	EXPAND(0x40)
	INVERSE(48)
	EXPAND(0x80)
	INVERSE(32)
	EXPAND(0x1b)
	INVERSE(16)
	EXPAND(0x36)
	MOVOU X0, (DI)
	RET

#define ROUND(at) \
	MOVOU  at(AX), X8; \
	AESDEC X8, X0;     \
	AESDEC X8, X1;     \
	AESDEC X8, X2;     \
	AESDEC X8, X3;     \
	AESDEC X8, X4;     \
	AESDEC X8, X5;     \
	AESDEC X8, X6;     \
	AESDEC X8, X7

// func decryptAES(keys *[11][16]byte, blocks *[16]byte, n int)
TEXT ·decryptAES(SB), NOSPLIT, $0-24
	MOVQ  keys+0(FP), AX
	MOVQ  blocks+8(FP), DI
	MOVQ  n+16(FP), CX
	MOVOU (AX), X9
	MOVOU 160(AX), X10

eight:
	CMPQ       CX, $8
	JLT        one
	MOVOU      0(DI), X0
	MOVOU      16(DI), X1
	MOVOU      32(DI), X2
	MOVOU      48(DI), X3
	MOVOU      64(DI), X4
	MOVOU      80(DI), X5
	MOVOU      96(DI), X6
	MOVOU      112(DI), X7
	PXOR       X9, X0
	PXOR       X9, X1
	PXOR       X9, X2
	PXOR       X9, X3
	PXOR       X9, X4
	PXOR       X9, X5
	PXOR       X9, X6
	PXOR       X9, X7
	ROUND(16)
	ROUND(32)
	ROUND(48)
	ROUND(64)
	ROUND(80)
	ROUND(96)
	ROUND(112)
	ROUND(128)
	ROUND(144)
	AESDECLAST X10, X0
	AESDECLAST X10, X1
	AESDECLAST X10, X2
	AESDECLAST X10, X3
	AESDECLAST X10, X4
	AESDECLAST X10, X5
	AESDECLAST X10, X6
	AESDECLAST X10, X7
	MOVOU      X0, 0(DI)
	MOVOU      X1, 16(DI)
	MOVOU      X2, 32(DI)
	MOVOU      X3, 48(DI)
	MOVOU      X4, 64(DI)
	MOVOU      X5, 80(DI)
	MOVOU      X6, 96(DI)
	MOVOU      X7, 112(DI)
	ADDQ       $128, DI
	SUBQ       $8, CX
	JMP        eight

one:
	TESTQ      CX, CX
	JZ         done
	MOVOU      (DI), X0
	PXOR       X9, X0
	LEAQ       16(AX), BX
	MOVQ       $9, DX

round:
	MOVOU      (BX), X8
	AESDEC     X8, X0
	ADDQ       $16, BX
	DECQ       DX
	JNZ        round
	AESDECLAST X10, X0
	MOVOU      X0, (DI)
	ADDQ       $16, DI
	DECQ       CX
	JMP        one

done:
	RET

// BYTES fills a register with a byte.
#define BYTES(b, x, y) \
	MOVL         $b, AX;  \
	VMOVD        AX, x;   \
	VPBROADCASTB x, y

// func unhexAVX2(ids *[32]byte, n int, out *[16]byte) (ok bool)
TEXT ·unhexAVX2(SB), NOSPLIT, $0-25
	MOVQ         ids+0(FP), SI
	MOVQ         n+8(FP), CX
	MOVQ         out+16(FP), DI
	BYTES('0', X8, Y8)
	BYTES('a', X9, Y9)
	BYTES(9, X10, Y10)
	BYTES(5, X11, Y11)
	BYTES(10, X12, Y12)
	MOVL         $0x0110, AX // 16 times the first of two, and the second
	VMOVD        AX, X13
	VPBROADCASTW X13, Y13
	VPCMPEQB     Y7, Y7, Y7 // all were digits or letters

row:
	VMOVDQU    (SI), Y0
	VPSUBB     Y8, Y0, Y1
	VPSUBB     Y9, Y0, Y2
	VPMINUB    Y10, Y1, Y3
	VPCMPEQB   Y3, Y1, Y3   // a digit
	VPMINUB    Y11, Y2, Y4
	VPCMPEQB   Y4, Y2, Y4   // a letter
	VPOR       Y3, Y4, Y5
	VPAND      Y5, Y7, Y7
	VPADDB     Y12, Y2, Y2
	VPAND      Y3, Y1, Y1
	VPAND      Y4, Y2, Y2
	VPOR       Y1, Y2, Y1
	VPMADDUBSW Y13, Y1, Y1
	VPACKUSWB  Y1, Y1, Y1
	VPERMQ     $0xd8, Y1, Y1
	VMOVDQU    X1, (DI)
	ADDQ       $32, SI
	ADDQ       $16, DI
	DECQ       CX
	JNZ        row
	VPMOVMSKB  Y7, AX
	VZEROUPPER
	CMPL       AX, $-1
	SETEQ      ok+24(FP)
	RET
