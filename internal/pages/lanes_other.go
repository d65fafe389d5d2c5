//go:build !amd64

package pages

func risingLanes([]int64) (int, bool) { return 0, true }

func widenLanes([]float64, []float32) (int, uint32) { return 0, 0 }

func lookLanes([]uint32, *[8]int32, []int16) (int, uint32) { return 0, 0 }

func renumberLanes([]uint32, []uint32) int { return 0 }

func packLanes([]byte, []uint32, int) int { return 0 }

func unpackLanes([]uint32, []byte, int) (int, uint32) { return 0, 0 }
