//go:build !amd64

package metric

import "slices"

func minusLnsLanes([]float64, float64, float64) int                          { return 0 }
func (s *Sum) sumLanes([]float64) (int, bool)                                { return 0, false }
func splitLanes([]float64, *[maxQuick]uint64, *[maxQuick]uint64) (int, bool) { return 0, false }

func (s *Sum) squareLanes([]float64) (int, bool) { return 0, false }

func eitherLanes([]Code, []float64, Code, bool, []float64) int { return 0 }

func equalLanes(a, b []Code) (int, int64) { return 0, 0 }

func narrowLanes([]Code, []float64, Code, float32, *[dealt]uint32, *[dealt]uint32) (int, int) {
	return 0, 0
}

func spanOf(keys []uint32) (least, most uint32) { return slices.Min(keys), slices.Max(keys) }

func sweepSlots(table *[countSlots]uint16, out *sweep) { sweepRows(table, out) }

func sweepSquares(table *[countSlots]uint16, base *[2][countLanes]uint16, out *squareSweep) {
	sweepSquareRows(table, base, out)
}

func scatter(at *[narrowBins]uint32, slabs []*[slabKeys]uint32, keys, bins []uint32) int {
	return scatterRows(at, slabs, keys, bins)
}

func draw(digits []int16, w [][]uint8, wider *[]int16, acc []int32) { drawRows(digits, w, wider, acc) }

func wholeLanes([]float64, *[maxQuick]uint64) (int, bool) { return 0, false }

func wrongLanes([]Code, []Code, []uint16, *wrongRows) (int, int) { return 0, 0 }

func (s *besideRight) countLanes([]Code, []Code, []uint16) int { return 0 }

func mixLanes([]uint64, uint64, uint64) int { return 0 }

func (s *besideClasses) placeLanes(int) int { return 0 }

func countBytes(first, second []uint32, table []uint8, full *[2 * missed]uint32) int {
	return countByteRows(first, second, table, full)
}

func addWholes(cell []uint16, whole []uint64, q []square, full *[maxQuick]uint16) int {
	return addWholeRows(cell, whole, q, full)
}

func fineLanes([]float64, *[maxQuick]uint64, *[maxQuick / 8]uint8) (int, bool) { return 0, false }

func addFine([]uint16, []uint64, []uint64, []uint32, *[maxQuick]uint16) []uint16 { return nil }
