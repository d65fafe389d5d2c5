#include "go_asm.h"
#include "textflag.h"

// Offsets in lnConstants and sumConstants, 32 bytes each.

// func minusLnsAVX2(xs *float64, n int, c *lnConstants, table *lnStep)
TEXT ·minusLnsAVX2(SB), NOSPLIT, $0-32
	MOVQ    xs+0(FP), DI
	MOVQ    n+8(FP), CX
	MOVQ    c+16(FP), AX
	MOVQ    table+24(FP), SI
	VMOVUPD 0(AX), Y6      // least
	VMOVUPD 32(AX), Y7     // most

four:
	VMOVUPD     (DI), Y0
	VMINPD      Y0, Y7, Y1     // a NaN stays
	VMAXPD      Y1, Y6, Y1
	VPADDQ      64(AX), Y1, Y2 // its bits, less those of 0.6875, exponent biased
	VPSRLQ      $52, Y2, Y3
	VPOR        96(AX), Y3, Y3
	VSUBPD      128(AX), Y3, Y3 // k
	VPAND       160(AX), Y2, Y4
	VPSUBQ      Y4, Y1, Y5
	VPADDQ      192(AX), Y5, Y5 // m
	VPSRLQ      $45, Y2, Y2
	VPAND       224(AX), Y2, Y2
	VPADDQ      Y2, Y2, Y4
	VPADDQ      Y2, Y4, Y4      // three times the step
	VPCMPEQD    Y8, Y8, Y8
	VGATHERQPD  Y8, (SI)(Y4*8), Y9 // inv
	VPCMPEQD    Y8, Y8, Y8
	VGATHERQPD  Y8, 8(SI)(Y4*8), Y14 // lnHi
	VPCMPEQD    Y8, Y8, Y8
	VGATHERQPD  Y8, 16(SI)(Y4*8), Y15 // lnLo
	VFMSUB213PD 256(AX), Y5, Y9 // r = m·inv - 1
	VMULPD      Y9, Y9, Y10     // r²
	VMOVUPD     288(AX), Y11
	VFMADD213PD 320(AX), Y9, Y11 // p = -r/4 + 1/3
	VMOVUPD     352(AX), Y12
	VFMADD213PD 384(AX), Y9, Y12 // q = -r/6 + 1/5
	VMOVUPD     416(AX), Y13
	VFMADD213PD 448(AX), Y9, Y13 // s = -r/8 + 1/7
	VFMADD231PD Y13, Y10, Y12    // r²·s + q
	VFMADD231PD Y12, Y10, Y11    // r²·that + p
	VMULPD      Y9, Y10, Y13
	VMULPD      Y11, Y13, Y13
	VFMADD231PD 480(AX), Y10, Y13 // p = -r²/2 + r³·that
	VFMADD231PD 512(AX), Y3, Y14  // hi = k·ln2Hi + lnHi
	VFMADD231PD 544(AX), Y3, Y15
	VADDPD      Y15, Y13, Y15
	VADDPD      Y15, Y9, Y15
	VADDPD      Y15, Y14, Y15
	VXORPD      576(AX), Y15, Y15
	VCMPPD      $3, Y1, Y1, Y8
	VBLENDVPD   Y8, Y1, Y15, Y15
	VMOVUPD     Y15, (DI)
	ADDQ        $32, DI
	SUBQ        $4, CX
	JNZ         four
	VZEROUPPER
	RET

// func sumAVX2(xs *float64, n int, c *sumConstants, out *[3][4]uint64)
TEXT ·sumAVX2(SB), NOSPLIT, $0-32
	MOVQ    xs+0(FP), DI
	MOVQ    n+8(FP), CX
	MOVQ    c+16(FP), AX
	MOVQ    out+24(FP), DX
	VMOVUPD 0(AX), Y6   // 2^-40
	VMOVUPD 32(AX), Y7  // 2^12
	VMOVUPD 64(AX), Y8  // 2^40
	VMOVUPD 96(AX), Y9  // 2^92
	VMOVUPD 128(AX), Y10 // 2^52
	VPXOR   Y11, Y11, Y11 // hi
	VPXOR   Y12, Y12, Y12 // lo
	VPXOR   Y13, Y13, Y13 // odd
	VPXOR   Y14, Y14, Y14

four:
	VMOVUPD  (DI), Y0
	VCMPPD   $13, Y6, Y0, Y1
	VCMPPD   $1, Y7, Y0, Y2
	VANDPD   Y1, Y2, Y1
	VCMPPD   $4, Y14, Y0, Y2
	VANDNPD  Y2, Y1, Y2
	VORPD    Y2, Y13, Y13
	VANDPD   Y1, Y0, Y0
	VMULPD   Y8, Y0, Y1
	VROUNDPD $3, Y1, Y1
	VMULPD   Y6, Y1, Y2
	VSUBPD   Y2, Y0, Y0
	VMULPD   Y9, Y0, Y0
	VADDPD   Y10, Y0, Y0
	VADDPD   Y10, Y1, Y1
	VPXOR    Y10, Y0, Y0
	VPXOR    Y10, Y1, Y1
	VPADDQ   Y1, Y11, Y11
	VPADDQ   Y0, Y12, Y12
	ADDQ     $32, DI
	SUBQ     $4, CX
	JNZ      four
	VMOVDQU  Y11, 0(DX)
	VMOVDQU  Y12, 32(DX)
	VMOVDQU  Y13, 64(DX)
	VZEROUPPER
	RET

// func splitAVX2(xs *float64, n int, c *sumConstants, hi, lo *uint64, odd *[4]uint64)
TEXT ·splitAVX2(SB), NOSPLIT, $0-48
	MOVQ    xs+0(FP), DI
	MOVQ    n+8(FP), CX
	MOVQ    c+16(FP), AX
	MOVQ    hi+24(FP), SI
	MOVQ    lo+32(FP), BX
	MOVQ    odd+40(FP), DX
	VMOVUPD 0(AX), Y6   // 2^-40
	VMOVUPD 32(AX), Y7  // 2^12
	VMOVUPD 64(AX), Y8  // 2^40
	VMOVUPD 96(AX), Y9  // 2^92
	VMOVUPD 128(AX), Y10 // 2^52
	VPXOR   Y13, Y13, Y13 // odd
	VPXOR   Y14, Y14, Y14

four:
	VMOVUPD  (DI), Y0
	VCMPPD   $13, Y6, Y0, Y1
	VCMPPD   $1, Y7, Y0, Y2
	VANDPD   Y1, Y2, Y1
	VCMPPD   $4, Y14, Y0, Y2
	VANDNPD  Y2, Y1, Y2
	VORPD    Y2, Y13, Y13
	VANDPD   Y1, Y0, Y0
	VMULPD   Y8, Y0, Y1
	VROUNDPD $3, Y1, Y1
	VMULPD   Y6, Y1, Y2
	VSUBPD   Y2, Y0, Y0
	VMULPD   Y9, Y0, Y0
	VADDPD   Y10, Y0, Y0
	VADDPD   Y10, Y1, Y1
	VPXOR    Y10, Y0, Y0
	VPXOR    Y10, Y1, Y1
	VMOVDQU  Y1, (SI)
	VMOVDQU  Y0, (BX)
	ADDQ     $32, SI
	ADDQ     $32, BX
	ADDQ     $32, DI
	SUBQ     $4, CX
	JNZ      four
	VMOVDQU  Y13, (DX)
	VZEROUPPER
	RET

// func squaresAVX2(xs *float64, n int, c *squareConstants, out *[4][4]uint64)
TEXT ·squaresAVX2(SB), NOSPLIT, $0-32
	MOVQ     xs+0(FP), DI
	MOVQ     n+8(FP), CX
	MOVQ     c+16(FP), AX
	MOVQ     out+24(FP), DX
	VMOVUPD  0(AX), Y5    // all bits but the sign
	VMOVUPD  32(AX), Y6   // 1
	VMOVUPD  64(AX), Y7   // 2^26
	VMOVUPD  96(AX), Y8   // 2^-26
	VMOVUPD  128(AX), Y9  // 2^53
	VMOVUPD  160(AX), Y10 // 2^52
	VPXOR    Y11, Y11, Y11 // a²
	VPXOR    Y12, Y12, Y12 // ab
	VPXOR    Y13, Y13, Y13 // b²
	VPCMPEQD Y14, Y14, Y14 // none is odd

four:
	VANDPD   (DI), Y5, Y0
	VCMPPD   $2, Y6, Y0, Y4
	VMULPD   Y7, Y0, Y1
	VROUNDPD $3, Y1, Y1
	VMULPD   Y8, Y1, Y2
	VSUBPD   Y2, Y0, Y0
	VMULPD   Y9, Y0, Y0     // b
	VADDPD   Y10, Y1, Y1    // a, in the low bits
	VADDPD   Y10, Y0, Y2    // b, in the low bits
	VSUBPD   Y10, Y2, Y3
	VCMPPD   $0, Y0, Y3, Y3 // b is whole
	VANDPD   Y3, Y4, Y4
	VANDPD   Y4, Y14, Y14
	VANDPD   Y4, Y1, Y1
	VANDPD   Y4, Y2, Y2
	VPMULUDQ Y1, Y1, Y0
	VPMULUDQ Y1, Y2, Y1
	VPMULUDQ Y2, Y2, Y2
	VPADDQ   Y0, Y11, Y11
	VPADDQ   Y1, Y12, Y12
	VPADDQ   Y2, Y13, Y13
	ADDQ     $32, DI
	SUBQ     $4, CX
	JNZ      four
	VMOVDQU  Y11, 0(DX)
	VMOVDQU  Y12, 32(DX)
	VMOVDQU  Y13, 64(DX)
	VMOVDQU  Y14, 96(DX)
	VZEROUPPER
	RET

// func eitherAVX2(truth *Code, p *float64, n int, class, flip int64, out *float64)
TEXT ·eitherAVX2(SB), NOSPLIT, $0-48
	MOVQ         truth+0(FP), SI
	MOVQ         p+8(FP), DI
	MOVQ         n+16(FP), CX
	VPBROADCASTQ class+24(FP), Y6
	VPBROADCASTQ flip+32(FP), Y7
	MOVQ         out+40(FP), DX
	MOVQ         $0x3ff0000000000000, AX
	MOVQ         AX, X8
	VPBROADCASTQ X8, Y8 // 1

four:
	VPMOVSXWQ (SI), Y0
	VPCMPEQQ  Y6, Y0, Y0
	VPXOR     Y7, Y0, Y0
	VMOVUPD   (DI), Y1
	VSUBPD    Y1, Y8, Y2
	VBLENDVPD Y0, Y1, Y2, Y1
	VMOVUPD   Y1, (DX)
	ADDQ      $8, SI
	ADDQ      $32, DI
	ADDQ      $32, DX
	SUBQ      $4, CX
	JNZ       four
	VZEROUPPER
	RET

// func equalAVX2(a, b *Code, n int, out *[16]uint16)
TEXT ·equalAVX2(SB), NOSPLIT, $0-32
	MOVQ  a+0(FP), SI
	MOVQ  b+8(FP), DI
	MOVQ  n+16(FP), CX
	MOVQ  out+24(FP), DX
	VPXOR Y2, Y2, Y2

sixteen:
	VMOVDQU  (SI), Y0
	VPCMPEQW (DI), Y0, Y0
	VPSUBW   Y0, Y2, Y2
	ADDQ     $32, SI
	ADDQ     $32, DI
	SUBQ     $16, CX
	JNZ      sixteen
	VMOVDQU  Y2, (DX)
	VZEROUPPER
	RET

// func mixAVX512(xs *uint64, n int, by, with uint64)
TEXT ·mixAVX512(SB), NOSPLIT, $0-32
	MOVQ         xs+0(FP), SI
	MOVQ         n+8(FP), CX
	VPBROADCASTQ by+16(FP), Z8
	VPBROADCASTQ with+24(FP), Z9
	MOVQ         $0xbf58476d1ce4e5b9, AX
	VPBROADCASTQ AX, Z10
	MOVQ         $0x94d049bb133111eb, AX
	VPBROADCASTQ AX, Z11

eight:
	VPMULLQ   (SI), Z8, Z0
	VPXORQ    Z9, Z0, Z0
	VPSRLQ    $30, Z0, Z1
	VPXORQ    Z1, Z0, Z0
	VPMULLQ   Z10, Z0, Z0
	VPSRLQ    $27, Z0, Z1
	VPXORQ    Z1, Z0, Z0
	VPMULLQ   Z11, Z0, Z0
	VPSRLQ    $31, Z0, Z1
	VPXORQ    Z1, Z0, Z0
	VMOVDQU64 Z0, (SI)
	ADDQ      $64, SI
	SUBQ      $8, CX
	JNZ       eight
	VZEROUPPER
	RET

// func widenAVX2(w *uint8, n int, out *int16)
TEXT ·widenAVX2(SB), NOSPLIT, $0-24
	MOVQ w+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ out+16(FP), DX

sixteen:
	VPMOVZXBW (SI), Y0
	VMOVDQU   Y0, (DX)
	ADDQ      $16, SI
	ADDQ      $32, DX
	SUBQ      $16, CX
	JNZ       sixteen
	VZEROUPPER
	RET

// func drawAVX2(digits, w *int16, n int, acc *[8]int32)
TEXT ·drawAVX2(SB), NOSPLIT, $0-32
	MOVQ  digits+0(FP), SI
	MOVQ  w+8(FP), DI
	MOVQ  n+16(FP), CX
	MOVQ  acc+24(FP), DX
	VPXOR Y2, Y2, Y2

sixteen:
	VMOVDQU  (DI), Y0
	VPMADDWD (SI), Y0, Y1
	VPADDD   Y1, Y2, Y2
	ADDQ     $32, SI
	ADDQ     $32, DI
	SUBQ     $16, CX
	JNZ      sixteen
	VMOVDQU  Y2, (DX)
	VZEROUPPER
	RET

// func drawFourAVX2(digits, w *int16, n int, acc *[4][8]int32)
TEXT ·drawFourAVX2(SB), NOSPLIT, $0-32
	MOVQ  digits+0(FP), SI
	MOVQ  w+8(FP), DI
	MOVQ  n+16(FP), CX
	MOVQ  acc+24(FP), DX
	LEAQ  (SI)(CX*2), R8  // the digits of the next place
	LEAQ  (R8)(CX*2), R9
	LEAQ  (R9)(CX*2), R10
	XORL  AX, AX
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5

sixteen:
	VMOVDQU  (DI)(AX*2), Y0
	VPMADDWD (SI)(AX*2), Y0, Y6
	VPADDD   Y6, Y2, Y2
	VPMADDWD (R8)(AX*2), Y0, Y7
	VPADDD   Y7, Y3, Y3
	VPMADDWD (R9)(AX*2), Y0, Y8
	VPADDD   Y8, Y4, Y4
	VPMADDWD (R10)(AX*2), Y0, Y9
	VPADDD   Y9, Y5, Y5
	ADDQ     $16, AX
	CMPQ     AX, CX
	JLT      sixteen
	VMOVDQU  Y2, 0(DX)
	VMOVDQU  Y3, 32(DX)
	VMOVDQU  Y4, 64(DX)
	VMOVDQU  Y5, 96(DX)
	VZEROUPPER
	RET

// func drawTileAVX512(digits *int16, w *[4]*uint8, n int, acc *[4][4][8]int32)
TEXT ·drawTileAVX512(SB), NOSPLIT, $0-32
	MOVQ   digits+0(FP), SI
	MOVQ   w+8(FP), AX
	MOVQ   n+16(FP), CX
	MOVQ   acc+24(FP), DX
	LEAQ   (SI)(CX*2), R8  // the digits of the next place
	LEAQ   (R8)(CX*2), R9
	LEAQ   (R9)(CX*2), R10
	MOVQ   0(AX), DI
	MOVQ   8(AX), R11
	MOVQ   16(AX), R12
	MOVQ   24(AX), R13
	XORL   AX, AX
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7
	VPXORQ Z8, Z8, Z8
	VPXORQ Z9, Z9, Z9
	VPXORQ Z10, Z10, Z10
	VPXORQ Z11, Z11, Z11
	VPXORQ Z12, Z12, Z12
	VPXORQ Z13, Z13, Z13
	VPXORQ Z14, Z14, Z14
	VPXORQ Z15, Z15, Z15

// DRAW4 adds the digits of four places times the weights of one draw.
#define DRAW4(w, a, b, c, d) \
	VPDPWSSD Z16, w, a; \
	VPDPWSSD Z17, w, b; \
	VPDPWSSD Z18, w, c; \
	VPDPWSSD Z19, w, d

thirtytwo:
	VMOVDQU64 (SI)(AX*2), Z16
	VMOVDQU64 (R8)(AX*2), Z17
	VMOVDQU64 (R9)(AX*2), Z18
	VMOVDQU64 (R10)(AX*2), Z19
	VPMOVZXBW (DI)(AX*1), Z20
	VPMOVZXBW (R11)(AX*1), Z21
	VPMOVZXBW (R12)(AX*1), Z22
	VPMOVZXBW (R13)(AX*1), Z23
	DRAW4(Z20, Z0, Z1, Z2, Z3)
	DRAW4(Z21, Z4, Z5, Z6, Z7)
	DRAW4(Z22, Z8, Z9, Z10, Z11)
	DRAW4(Z23, Z12, Z13, Z14, Z15)
	ADDQ      $32, AX
	CMPQ      AX, CX
	JLT       thirtytwo

// HALVES writes the sums of the two halves of a register.
#define HALVES(at, z, y) \
	VEXTRACTI64X4 $1, z, Y16;   \
	VPADDD        Y16, y, Y16;  \
	VMOVDQU64     Y16, at(DX)

// ALLHALVES writes those of Z0 to Z15.
#define ALLHALVES \
	HALVES(0, Z0, Y0); \
	HALVES(32, Z1, Y1); \
	HALVES(64, Z2, Y2); \
	HALVES(96, Z3, Y3); \
	HALVES(128, Z4, Y4); \
	HALVES(160, Z5, Y5); \
	HALVES(192, Z6, Y6); \
	HALVES(224, Z7, Y7); \
	HALVES(256, Z8, Y8); \
	HALVES(288, Z9, Y9); \
	HALVES(320, Z10, Y10); \
	HALVES(352, Z11, Y11); \
	HALVES(384, Z12, Y12); \
	HALVES(416, Z13, Y13); \
	HALVES(448, Z14, Y14); \
	HALVES(480, Z15, Y15)

	ALLHALVES
	VZEROUPPER
	RET

// func drawPairAVX512(digits *int16, w *[8]*uint8, n int, acc *[8][2][8]int32)
TEXT ·drawPairAVX512(SB), NOSPLIT, $0-32
	MOVQ digits+0(FP), SI
	MOVQ w+8(FP), AX
	MOVQ n+16(FP), CX
	MOVQ acc+24(FP), DX
	LEAQ (SI)(CX*2), BX // the digits of the second place
	MOVQ 0(AX), DI
	MOVQ 8(AX), R8
	MOVQ 16(AX), R9
	MOVQ 24(AX), R10
	MOVQ 32(AX), R11
	MOVQ 40(AX), R12
	MOVQ 48(AX), R13
	MOVQ 56(AX), R15
	XORL AX, AX
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7
	VPXORQ Z8, Z8, Z8
	VPXORQ Z9, Z9, Z9
	VPXORQ Z10, Z10, Z10
	VPXORQ Z11, Z11, Z11
	VPXORQ Z12, Z12, Z12
	VPXORQ Z13, Z13, Z13
	VPXORQ Z14, Z14, Z14
	VPXORQ Z15, Z15, Z15

// DRAW2 adds the digits of two places times the weights of one draw.
#define DRAW2(w, a, b) \
	VPMOVZXBW (w)(AX*1), Z18; \
	VPDPWSSD  Z16, Z18, a;    \
	VPDPWSSD  Z17, Z18, b

thirtytwo:
	VMOVDQU64 (SI)(AX*2), Z16
	VMOVDQU64 (BX)(AX*2), Z17
	DRAW2(DI, Z0, Z1)
	DRAW2(R8, Z2, Z3)
	DRAW2(R9, Z4, Z5)
	DRAW2(R10, Z6, Z7)
	DRAW2(R11, Z8, Z9)
	DRAW2(R12, Z10, Z11)
	DRAW2(R13, Z12, Z13)
	DRAW2(R15, Z14, Z15)
	ADDQ      $32, AX
	CMPQ      AX, CX
	JLT       thirtytwo

	ALLHALVES
	VZEROUPPER
	RET

// func wholeAVX2(xs *float64, n int, c *squareConstants, out *uint64, none *[4]uint64)
TEXT ·wholeAVX2(SB), NOSPLIT, $0-40
	MOVQ     xs+0(FP), DI
	MOVQ     n+8(FP), CX
	MOVQ     c+16(FP), AX
	MOVQ     out+24(FP), SI
	MOVQ     none+32(FP), DX
	VMOVUPD  0(AX), Y5    // all bits but the sign
	VMOVUPD  32(AX), Y6   // the greatest
	VMOVUPD  64(AX), Y7   // 2^26
	VMOVUPD  96(AX), Y8   // 2^-26
	VMOVUPD  128(AX), Y9  // 2^53
	VMOVUPD  160(AX), Y10 // 2^52
	VPCMPEQD Y14, Y14, Y14 // none is odd

four:
	VANDPD   (DI), Y5, Y0
	VCMPPD   $2, Y6, Y0, Y4
	VMULPD   Y7, Y0, Y1
	VROUNDPD $3, Y1, Y1
	VMULPD   Y8, Y1, Y2
	VSUBPD   Y2, Y0, Y0
	VMULPD   Y9, Y0, Y0     // b
	VADDPD   Y10, Y1, Y1    // a, in the low bits
	VADDPD   Y10, Y0, Y2    // b, in the low bits
	VSUBPD   Y10, Y2, Y3
	VCMPPD   $0, Y0, Y3, Y3 // b is whole
	VANDPD   Y3, Y4, Y4
	VANDPD   Y4, Y14, Y14
	VPXOR    Y10, Y1, Y1
	VPXOR    Y10, Y2, Y2
	VPSLLQ   $27, Y1, Y1
	VPADDQ   Y2, Y1, Y1
	VPAND    Y4, Y1, Y1
	VMOVDQU  Y1, (SI)
	ADDQ     $32, DI
	ADDQ     $32, SI
	SUBQ     $4, CX
	JNZ      four
	VMOVDQU  Y14, (DX)
	VZEROUPPER
	RET

// EIGHTS leaves in AX a bit for each of sixteen rows that is wrong.
#define EIGHTS(at) \
	VMOVDQU   at(SI), X0;    \
	VMOVDQU   at+16(SI), X1; \
	VPCMPEQW  at(DI), X0, X0; \
	VPCMPEQW  at+16(DI), X1, X1; \
	VPACKSSWB X1, X0, X0;    \
	VPMOVMSKB X0, AX;        \
	XORL      $0xffff, AX

// SQUEEZED moves the cells of those, masked, to the front of what was found.
#define SQUEEZED(at) \
	MOVBLZX AX, R10;           \
	SHRL    $8, AX;            \
	POPCNTL R10, R11;          \
	SHLL    $4, R10;           \
	VPAND   at(BX), X5, X2;    \
	VPSHUFB (R12)(R10*1), X2, X2; \
	VMOVDQU X2, (R8);          \
	LEAQ    (R8)(R11*2), R8;   \
	POPCNTL AX, R11;           \
	SHLL    $4, AX;            \
	VPAND   at+16(BX), X5, X3; \
	VPSHUFB (R12)(AX*1), X3, X3; \
	VMOVDQU X3, (R8);          \
	LEAQ    (R8)(R11*2), R8

// STRETCH takes the wrongStretch at AX into registers; the mask is in every word of Y5.
#define STRETCH \
	MOVQ wrongStretch_truth(AX), SI; \
	MOVQ wrongStretch_pred(AX), DI; \
	MOVQ wrongStretch_cell(AX), BX; \
	MOVQ wrongStretch_found(AX), R8; \
	MOVQ wrongStretch_waiting(AX), R13; \
	MOVQ wrongStretch_each(AX), R9; \
	MOVQ wrongStretch_table(AX), DX; \
	VPBROADCASTW wrongStretch_mask(AX), Y5

// COUNTED counts an even number of cells, of those that wait.
#define COUNTED(count, done) \
	MOVQ  R9, R10;          \
	TESTQ R10, R10;         \
	JZ    done;             \
count: \
	MOVWLZX (R13), AX;       \
	MOVWLZX 2(R13), R11;     \
	INCL    (DX)(AX*4);      \
	INCL    (DX)(R11*4);     \
	ADDQ    $4, R13;         \
	SUBQ    $2, R10;         \
	JNZ     count;           \
done:

// func countWrongAVX2(rows *wrongStretch, n int, squeezes *[256][16]uint8) (wrong int)
TEXT ·countWrongAVX2(SB), NOSPLIT, $8-32
	MOVQ rows+0(FP), AX
	MOVQ n+8(FP), CX
	MOVQ squeezes+16(FP), R12
	STRETCH
	MOVQ R8, start-8(SP)

thirtytwo:
	PREFETCHT1 4096(SI) // what is looked at when these are counted
	PREFETCHT1 4096(DI)
	PREFETCHT1 4096(BX)
	EIGHTS(0)
	SQUEEZED(0)
	EIGHTS(32)
	SQUEEZED(32)
	COUNTED(count, counted)
	ADDQ       $64, SI
	ADDQ       $64, DI
	ADDQ       $64, BX
	SUBQ       $32, CX
	JNZ        thirtytwo
	SUBQ       start-8(SP), R8
	SHRQ       $1, R8
	MOVQ       R8, wrong+24(FP)
	VZEROUPPER
	RET

// func countWrongAVX512(rows *wrongStretch, n int) (wrong int)
TEXT ·countWrongAVX512(SB), NOSPLIT, $8-24
	MOVQ rows+0(FP), AX
	MOVQ n+8(FP), CX
	STRETCH
	MOVQ R8, start-8(SP)
	VPBROADCASTW X5, Z5

thirtytwo:
	PREFETCHT1  4096(SI) // what is looked at when these are counted
	PREFETCHT1  4096(DI)
	PREFETCHT1  4096(BX)
	VMOVDQU16   (SI), Z0
	VPCMPW      $4, (DI), Z0, K1 // not equal
	VPANDD      (BX), Z5, Z1
	VPCOMPRESSW Z1, K1, Z2
	VMOVDQU16   Z2, (R8)
	KMOVD       K1, AX
	POPCNTL     AX, AX
	LEAQ        (R8)(AX*2), R8
	COUNTED(count, counted)
	ADDQ        $64, SI
	ADDQ        $64, DI
	ADDQ        $64, BX
	SUBQ        $32, CX
	JNZ         thirtytwo
	SUBQ        start-8(SP), R8
	SHRQ        $1, R8
	MOVQ        R8, wrong+16(FP)
	VZEROUPPER
	RET

// func wrongRowsAVX2(truth, pred *Code, cell *uint16, n int, squeezes *[256][16]uint8, out *wrongRows) (wrong int)
TEXT ·wrongRowsAVX2(SB), NOSPLIT, $0-56
	MOVQ truth+0(FP), SI
	MOVQ pred+8(FP), DI
	MOVQ cell+16(FP), BX
	MOVQ n+24(FP), CX
	MOVQ squeezes+32(FP), DX
	MOVQ out+40(FP), R8
	LEAQ wrongRows_pred(R8), R13
	LEAQ wrongRows_cell(R8), R15
	XORL R9, R9

// SQUEEZE moves the wrong ones of eight rows to the front of the output.
#define SQUEEZE(at, by) \
	VMOVDQU (DX)(by*1), X5;    \
	VMOVDQU at(SI), X2;        \
	VPSHUFB X5, X2, X2;        \
	VMOVDQU X2, (R8)(R9*2);    \
	VMOVDQU at(DI), X3;        \
	VPSHUFB X5, X3, X3;        \
	VMOVDQU X3, (R13)(R9*2);   \
	VMOVDQU at(BX), X4;        \
	VPSHUFB X5, X4, X4;        \
	VMOVDQU X4, (R15)(R9*2)

sixteen:
	PREFETCHT0 2048(SI) // what is looked at when these are counted
	PREFETCHT0 2048(DI)
	PREFETCHT0 2048(BX)
	EIGHTS(0)
	MOVBLZX AX, R10
	SHRL    $8, AX
	POPCNTL R10, R11
	POPCNTL AX, R12
	SHLL    $4, R10
	SHLL    $4, AX
	SQUEEZE(0, R10)
	ADDQ    R11, R9
	SQUEEZE(16, AX)
	ADDQ    R12, R9
	ADDQ    $32, SI
	ADDQ    $32, DI
	ADDQ    $32, BX
	SUBQ    $16, CX
	JNZ     sixteen
	MOVQ    R9, wrong+48(FP)
	VZEROUPPER
	RET

// func wrongPlacesAVX2(w *wrongRows, n int, k, shift, mask int64, first, second *uint32)
TEXT ·wrongPlacesAVX2(SB), NOSPLIT, $0-56
	MOVQ         w+0(FP), SI
	MOVQ         n+8(FP), CX
	VPBROADCASTD k+16(FP), Y8
	VMOVQ        shift+24(FP), X9
	VPBROADCASTD mask+32(FP), Y7
	MOVQ         first+40(FP), R8
	MOVQ         second+48(FP), R9
	LEAQ         wrongRows_pred(SI), DI
	LEAQ         wrongRows_cell(SI), BX

eight:
	VPMOVZXWD (SI), Y0
	VPMOVSXWD (DI), Y1
	VPMOVZXWD (BX), Y2
	VPMINUD   Y8, Y0, Y0 // is below k
	VPMINUD   Y8, Y1, Y1 // of no class: k
	VPAND     Y7, Y2, Y2
	VPSLLD    X9, Y2, Y2
	VPADDD    Y2, Y0, Y0
	VMOVDQU   Y0, (R8)
	VPADDD    Y8, Y1, Y1
	VPADDD    Y2, Y1, Y1
	VMOVDQU   Y1, (R9)
	ADDQ      $16, SI
	ADDQ      $16, DI
	ADDQ      $16, BX
	ADDQ      $32, R8
	ADDQ      $32, R9
	SUBQ      $8, CX
	JNZ       eight
	VZEROUPPER
	RET

// func countBytesAMD64(first, second *uint32, n int, table *uint8, full *uint32) (over int)
TEXT ·countBytesAMD64(SB), NOSPLIT, $0-48
	MOVQ first+0(FP), SI
	MOVQ second+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), DX
	MOVQ full+32(FP), R9
	LEAQ (SI)(CX*4), SI
	LEAQ (DI)(CX*4), DI
	NEGQ CX
	XORL R10, R10

one:
	MOVL (SI)(CX*4), AX
	MOVL (DI)(CX*4), BX
	INCB (DX)(AX*1)
	JEQ  firstFull

next:
	INCB (DX)(BX*1)
	JEQ  secondFull

done:
	INCQ CX
	JNZ  one
	MOVQ R10, over+40(FP)
	RET

firstFull:
	MOVL AX, (R9)(R10*4)
	INCQ R10
	JMP  next

secondFull:
	MOVL BX, (R9)(R10*4)
	INCQ R10
	JMP  done

// func addWholesAMD64(cell *uint16, whole *uint64, n int, q *square, mask int64, full *uint16) (over int)
TEXT ·addWholesAMD64(SB), NOSPLIT, $0-56
	MOVQ cell+0(FP), SI
	MOVQ whole+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ q+24(FP), BX
	MOVQ mask+32(FP), R8
	MOVQ full+40(FP), R9
	MOVQ $(1<<54), R14  // squareOne
	LEAQ (SI)(CX*2), SI
	LEAQ (DI)(CX*8), DI
	NEGQ CX
	XORL R10, R10

one:
	MOVWLZX (SI)(CX*2), R11
	ANDQ    R8, R11
	SHLQ    $4, R11
	MOVQ    (DI)(CX*8), AX
	MULQ    AX
	ADDQ    R14, DX
	MOVQ    (BX)(R11*1), R12
	MOVQ    8(BX)(R11*1), R13
	ADDQ    AX, R12
	ADCQ    DX, R13
	MOVQ    R12, (BX)(R11*1)
	MOVQ    R13, 8(BX)(R11*1)
	JCS     isFull

next:
	INCQ CX
	JNZ  one
	MOVQ R10, over+48(FP)
	RET

isFull:
	SHRQ $4, R11
	MOVW R11, (R9)(R10*2)
	INCQ R10
	JMP  next

// func fineAVX2(xs *float64, n int, out *uint64, odd *uint8) (odds int)
TEXT ·fineAVX2(SB), NOSPLIT, $0-40
	MOVQ         xs+0(FP), DI
	MOVQ         n+8(FP), CX
	MOVQ         out+16(FP), SI
	MOVQ         odd+24(FP), DX
	MOVQ         $0x41d0000000000000, AX // 2^30
	VMOVQ        AX, X8
	VPBROADCASTQ X8, Y8
	XORL         R9, R9

// FINE squares four of xs in units of 2^-60, and leaves in a register which have no
// such square: theirs is 0.
#define FINE(at, out) \
	VMULPD     at(DI), Y8, Y0; \
	VCVTTPD2DQY Y0, X1;        \
	VCVTDQ2PD  X1, Y2;         \
	VCMPPD     $4, Y0, Y2, Y3; \
	VPMOVSXDQ  X1, Y1;         \
	VPMULDQ    Y1, Y1, Y1;     \
	VPANDN     Y1, Y3, Y1;     \
	VMOVDQU    Y1, at(SI);     \
	VMOVMSKPD  Y3, out

eight:
	FINE(0, R10)
	FINE(32, R11)
	SHLL    $4, R11
	ORL     R11, R10
	MOVB    R10, (DX)
	POPCNTL R10, R10
	ADDQ    R10, R9
	ADDQ    $64, DI
	ADDQ    $64, SI
	INCQ    DX
	SUBQ    $8, CX
	JNZ     eight
	MOVQ    R9, odds+32(FP)
	VZEROUPPER
	RET

// func addFineAMD64(cell *uint16, square *uint64, n int, sums *uint64, rows *uint32, mask int64, over *uint16) (overs int)
TEXT ·addFineAMD64(SB), NOSPLIT, $0-64
	MOVQ cell+0(FP), SI
	MOVQ square+8(FP), DI
	MOVQ n+16(FP), CX
	MOVQ sums+24(FP), BX
	MOVQ rows+32(FP), DX
	MOVQ mask+40(FP), R8
	MOVQ over+48(FP), R9
	LEAQ (SI)(CX*2), SI
	LEAQ (DI)(CX*8), DI
	NEGQ CX
	XORL R10, R10

one:
	MOVWLZX (SI)(CX*2), R11
	ANDQ    R8, R11
	MOVQ    (DI)(CX*8), AX
	INCL    (DX)(R11*4)
	ADDQ    AX, (BX)(R11*8)
	JCS     isOver

next:
	INCQ CX
	JNZ  one
	MOVQ R10, overs+56(FP)
	RET

isOver:
	MOVW R11, (R9)(R10*2)
	INCQ R10
	JMP  next
