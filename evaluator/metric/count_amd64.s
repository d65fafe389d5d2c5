#include "textflag.h"

// func narrowAVX2(truth *Code, score *float64, n int, positive int64, scale float32, keys, bins *uint32, ones *[8]uint32) (took int)
TEXT ·narrowAVX2(SB), NOSPLIT, $0-72
	MOVQ         truth+0(FP), SI
	MOVQ         score+8(FP), DI
	MOVQ         n+16(FP), CX
	VPBROADCASTD positive+24(FP), Y10
	VBROADCASTSS scale+32(FP), Y12
	MOVQ         keys+40(FP), R8
	MOVQ         bins+48(FP), R9
	MOVQ         ones+56(FP), R10
	MOVQ         CX, R11
	VPXOR        Y9, Y9, Y9     // positives
	VPXOR        Y14, Y14, Y14
	MOVL         $0x7f800000, AX
	MOVQ         AX, X11
	VPBROADCASTD X11, Y11       // +Inf
	MOVL         $2047, AX      // narrowBins-1
	MOVQ         AX, X13
	VPBROADCASTD X13, Y13

eight:
	VMOVUPD     (DI), Y0
	VMOVUPD     32(DI), Y1
	VCVTPD2PSY  Y0, X2
	VCVTPD2PSY  Y1, X3
	VCVTPS2PD   X2, Y4
	VCVTPS2PD   X3, Y5
	VCMPPD      $0, Y0, Y4, Y4
	VCMPPD      $0, Y1, Y5, Y5
	VANDPD      Y4, Y5, Y4      // a number of float32
	VINSERTF128 $1, X3, Y2, Y2
	VCMPPS      $17, Y11, Y2, Y6 // < Inf
	VCMPPS      $13, Y14, Y2, Y7 // >= 0
	VANDPS      Y6, Y7, Y6
	VMOVMSKPD   Y4, AX
	VMOVMSKPS   Y6, BX
	ADDL        BX, AX
	CMPL        AX, $(255+15)
	JNE         done
	VPSLLD      $1, Y2, Y6
	VPMOVSXWD   (SI), Y7
	VPCMPEQD    Y10, Y7, Y7
	VPSUBD      Y7, Y9, Y9
	VPSUBD      Y7, Y6, Y6
	VMOVDQU     Y6, (R8)
	VMULPS      Y12, Y2, Y8
	VCVTTPS2DQ  Y8, Y8
	VPMINUD     Y13, Y8, Y8     // what is too large for an integer is 1<<31
	VMOVDQU     Y8, (R9)
	ADDQ        $16, SI
	ADDQ        $64, DI
	ADDQ        $32, R8
	ADDQ        $32, R9
	SUBQ        $8, CX
	JNZ         eight

done:
	SUBQ    CX, R11
	MOVQ    R11, took+64(FP)
	VMOVDQU Y9, (R10)
	VZEROUPPER
	RET

// func scatterAMD64(at *[narrowBins]uint32, slabs **[slabKeys]uint32, keys, bins *uint32, n int) (took int)
TEXT ·scatterAMD64(SB), NOSPLIT, $0-48
	MOVQ at+0(FP), R8
	MOVQ slabs+8(FP), R9
	MOVQ keys+16(FP), SI
	MOVQ bins+24(FP), DI
	MOVQ n+32(FP), CX
	XORL AX, AX

one:
	MOVL      (DI)(AX*4), BX
	MOVL      (R8)(BX*4), DX
	TESTL     $127, DX            // blockKeys-1
	JZ        done
	MOVL      (SI)(AX*4), R10
	MOVL      DX, R11
	SHRL      $16, R11            // of slabKeys
	MOVQ      (R9)(R11*8), R11
	MOVWLZX   DX, R12
	LEAQ      (R11)(R12*4), R11
	MOVL      R10, (R11)
	PREFETCHT0 64(R11)
	INCL      DX
	MOVL      DX, (R8)(BX*4)
	INCQ      AX
	CMPQ      AX, CX
	JLT       one

done:
	MOVQ AX, took+40(FP)
	RET

// func spanAVX2(keys *uint32, n int, out *[2][8]uint32)
TEXT ·spanAVX2(SB), NOSPLIT, $0-24
	MOVQ     keys+0(FP), SI
	MOVQ     n+8(FP), CX
	MOVQ     out+16(FP), DX
	VPCMPEQD Y0, Y0, Y0
	VPXOR    Y1, Y1, Y1

eight:
	VMOVDQU (SI), Y2
	VPMINUD Y2, Y0, Y0
	VPMAXUD Y2, Y1, Y1
	ADDQ    $32, SI
	SUBQ    $8, CX
	JNZ     eight
	VMOVDQU Y0, 0(DX)
	VMOVDQU Y1, 32(DX)
	VZEROUPPER
	RET

// func sweepAVX2(table *[countSlots]uint16, out *sweep)
TEXT ·sweepAVX2(SB), NOSPLIT, $0-16
	MOVQ     table+0(FP), SI
	MOVQ     out+8(FP), DX
	MOVQ     $1024, CX     // countRows
	VPCMPEQD Y4, Y4, Y4
	VPSRLW   $8, Y4, Y4    // 255
	VPXOR    Y5, Y5, Y5    // sum
	VPXOR    Y6, Y6, Y6    // positives
	VPXOR    Y7, Y7, Y7    // twice the negatives

row:
	VMOVDQU  (SI), Y0
	VPSRLW   $8, Y0, Y1
	VPAND    Y4, Y0, Y0
	VPADDW   Y0, Y7, Y2
	VPADDW   Y0, Y2, Y7
	VPMADDWD Y1, Y2, Y2
	VPADDW   Y1, Y6, Y6
	VPADDD   Y2, Y5, Y5
	ADDQ     $32, SI
	DECQ     CX
	JNZ      row
	VMOVDQU  Y5, 0(DX)
	VMOVDQU  Y6, 32(DX)
	VMOVDQU  Y7, 64(DX)
	VZEROUPPER
	RET

// SQUARES adds to acc, in four lanes of 64 bits, weight·x² of the sixteen lanes.
#define SQUARES(weight, x, acc) \
	VPAND    Y14, x, Y8;       \
	VPSRLD   $16, x, Y9;       \
	VPMADDWD Y8, Y8, Y8;       \
	VPMADDWD Y9, Y9, Y9;       \
	VPAND    Y14, weight, Y10; \
	VPSRLD   $16, weight, Y11; \
	VPMULUDQ Y8, Y10, Y12;     \
	VPADDQ   Y12, acc, acc;    \
	VPMULUDQ Y9, Y11, Y12;     \
	VPADDQ   Y12, acc, acc;    \
	VPSRLQ   $32, Y8, Y8;      \
	VPSRLQ   $32, Y9, Y9;      \
	VPSRLQ   $32, Y10, Y10;    \
	VPSRLQ   $32, Y11, Y11;    \
	VPMULUDQ Y8, Y10, Y12;     \
	VPADDQ   Y12, acc, acc;    \
	VPMULUDQ Y9, Y11, Y12;     \
	VPADDQ   Y12, acc, acc

// func sweepSquaresAVX2(table *[countSlots]uint16, base *[2][countLanes]uint16, out *squareSweep)
TEXT ·sweepSquaresAVX2(SB), NOSPLIT, $0-24
	MOVQ     table+0(FP), SI
	MOVQ     base+8(FP), BX
	MOVQ     out+16(FP), DX
	MOVQ     $1024, CX        // countRows
	VPCMPEQD Y14, Y14, Y14
	VPSRLD   $16, Y14, Y14    // the low half of 32 bits
	VMOVDQU  0(BX), Y6        // twice the negatives
	VMOVDQU  32(BX), Y7       // twice the positives
	VPXOR    Y5, Y5, Y5       // sumNeg
	VPXOR    Y13, Y13, Y13    // sqPos
	VPXOR    Y15, Y15, Y15    // sqNeg

row:
	VMOVDQU  (SI), Y0
	VPSRLW   $8, Y0, Y1       // pos
	VPSLLW   $8, Y0, Y0
	VPSRLW   $8, Y0, Y0       // neg
	VPADDW   Y0, Y6, Y2       // x
	VPADDW   Y0, Y2, Y6
	VPADDW   Y1, Y7, Y3       // y
	VPADDW   Y1, Y3, Y7
	VPMADDWD Y0, Y3, Y4
	VPADDD   Y4, Y5, Y5
	SQUARES(Y1, Y2, Y13)
	SQUARES(Y0, Y3, Y15)
	ADDQ     $32, SI
	DECQ     CX
	JNZ      row
	VMOVDQU  Y5, 0(DX)
	VMOVDQU  Y13, 32(DX)
	VMOVDQU  Y15, 64(DX)
	VZEROUPPER
	RET
