#include "textflag.h"

// func callSite(code, nr, a1, a2, a3 uintptr) (r, failed uintptr)
TEXT ·callSite(SB),NOSPLIT,$16-56
	MOVQ nr+8(FP), AX
	MOVQ a1+16(FP), DI
	MOVQ a2+24(FP), SI
	MOVQ a3+32(FP), DX
	MOVQ code+0(FP), R12
	CALL R12
	MOVQ AX, r+40(FP)
	MOVQ CX, failed+48(FP)
	RET
