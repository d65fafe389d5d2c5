#include "textflag.h"

// func risingAVX2(xs *int64, n int) bool
TEXT ·risingAVX2(SB), NOSPLIT, $0-17
	MOVQ     xs+0(FP), SI
	MOVQ     n+8(FP), CX
	VPCMPEQD Y0, Y0, Y0

four:
	VMOVDQU  8(SI), Y1
	VPCMPGTQ (SI), Y1, Y1
	VPAND    Y1, Y0, Y0
	ADDQ     $32, SI
	SUBQ     $4, CX
	JNZ      four
	VMOVMSKPD Y0, AX
	CMPL     AX, $15
	SETEQ    ret+16(FP)
	VZEROUPPER
	RET

// func widenAVX2(dst *float64, src *float32, n int, most *[8]uint32)
TEXT ·widenAVX2(SB), NOSPLIT, $0-32
	MOVQ  dst+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  n+16(FP), CX
	MOVQ  most+24(FP), DX
	VPXOR Y0, Y0, Y0

eight:
	VPMAXUD   (SI), Y0, Y0
	VCVTPS2PD (SI), Y1
	VCVTPS2PD 16(SI), Y2
	VMOVUPD   Y1, (DI)
	VMOVUPD   Y2, 32(DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $8, CX
	JNZ       eight
	VMOVDQU   Y0, (DX)
	VZEROUPPER
	RET

// func lookAVX2(index *uint32, table *[8]int32, out *int16, n int, most *[8]uint32)
TEXT ·lookAVX2(SB), NOSPLIT, $0-40
	MOVQ    index+0(FP), SI
	MOVQ    table+8(FP), AX
	MOVQ    out+16(FP), DI
	MOVQ    n+24(FP), CX
	MOVQ    most+32(FP), DX
	VMOVDQU (AX), Y5
	VPXOR   Y0, Y0, Y0

sixteen:
	VMOVDQU   (SI), Y1
	VMOVDQU   32(SI), Y2
	VPMAXUD   Y1, Y0, Y0
	VPMAXUD   Y2, Y0, Y0
	VPERMD    Y5, Y1, Y1
	VPERMD    Y5, Y2, Y2
	VPACKSSDW Y2, Y1, Y1
	VPERMQ    $0xd8, Y1, Y1
	VMOVDQU   Y1, (DI)
	ADDQ      $64, SI
	ADDQ      $32, DI
	SUBQ      $16, CX
	JNZ       sixteen
	VMOVDQU   Y0, (DX)
	VZEROUPPER
	RET

// func renumberAVX2(index, numbers *uint32, n int)
TEXT ·renumberAVX2(SB), NOSPLIT, $0-24
	MOVQ     index+0(FP), SI
	MOVQ     numbers+8(FP), AX
	MOVQ     n+16(FP), CX
	VPCMPEQD Y0, Y0, Y0 // -1

sixteennumbers:
	VMOVDQU    (SI), Y1
	VMOVDQU    32(SI), Y2
	VPCMPEQD   Y3, Y3, Y3
	VPCMPEQD   Y4, Y4, Y4
	VPXOR      Y5, Y5, Y5
	VPXOR      Y6, Y6, Y6
	VPGATHERDD Y3, (AX)(Y1*4), Y5
	VPGATHERDD Y4, (AX)(Y2*4), Y6
	VPADDD     Y0, Y5, Y5
	VPADDD     Y0, Y6, Y6
	VMOVDQU    Y5, (SI)
	VMOVDQU    Y6, 32(SI)
	ADDQ       $64, SI
	SUBQ       $16, CX
	JNZ        sixteennumbers
	VZEROUPPER
	RET

// func unpackAVX2(dst *uint32, src *byte, n int, w *bitPlaces, most *[8]uint32)
TEXT ·unpackAVX2(SB), NOSPLIT, $0-40
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         n+16(FP), CX
	MOVQ         w+24(FP), AX
	MOVQ         most+32(FP), DX
	VMOVDQU      (AX), Y2
	VMOVDQU      32(AX), Y3
	VPBROADCASTD 64(AX), Y4
	MOVLQSX      68(AX), R9
	MOVQ         72(AX), R8
	VPXOR        Y0, Y0, Y0

eightvalues:
	VMOVDQU     (SI), X1
	VINSERTI128 $1, (SI)(R8*1), Y1, Y1
	VPSHUFB     Y2, Y1, Y1
	VPSRLVD     Y3, Y1, Y1
	VPAND       Y4, Y1, Y1
	VPMAXUD     Y1, Y0, Y0
	VMOVDQU     Y1, (DI)
	ADDQ        R9, SI
	ADDQ        $32, DI
	SUBQ        $8, CX
	JNZ         eightvalues
	VMOVDQU     Y0, (DX)
	VZEROUPPER
	RET

// func packAVX2(dst *byte, src *uint32, n, width int)
TEXT ·packAVX2(SB), NOSPLIT, $0-32
	MOVQ     dst+0(FP), DI
	MOVQ     src+8(FP), SI
	MOVQ     n+16(FP), CX
	MOVQ     width+24(FP), AX
	VMOVQ    AX, X1
	LEAQ     (AX)(AX*1), R8
	VMOVQ    R8, X2
	SHLQ     $2, AX
	MOVQ     $64, R9
	SUBQ     AX, R9
	MOVQ     width+24(FP), DX
	VPCMPEQD Y3, Y3, Y3
	VPSRLQ   $32, Y3, Y3

packeight:
	VMOVDQU      (SI), Y0
	VPSRLQ       $32, Y0, Y4
	VPSLLQ       X1, Y4, Y4
	VPAND        Y3, Y0, Y0
	VPOR         Y4, Y0, Y0
	VPSRLDQ      $8, Y0, Y4
	VPSLLQ       X2, Y4, Y4
	VPOR         Y4, Y0, Y0
	VEXTRACTI128 $1, Y0, X4
	VMOVQ        X0, R10
	VMOVQ        X4, R11
	SHLXQ        AX, R11, R12
	SHRXQ        R9, R11, R11
	ORQ          R12, R10
	MOVQ         R10, (DI)
	MOVQ         R11, 8(DI)
	ADDQ         DX, DI
	ADDQ         $32, SI
	SUBQ         $8, CX
	JNZ          packeight
	VZEROUPPER
	RET
