//go:build !amd64

package metric

func minusLnsLanes([]float64, float64, float64) int                          { return 0 }
func (s *Sum) sumLanes([]float64) (int, bool)                                { return 0, false }
func splitLanes([]float64, *[maxQuick]uint64, *[maxQuick]uint64) (int, bool) { return 0, false }

func (s *Sum) squareLanes([]float64) (int, bool) { return 0, false }

func eitherLanes([]Code, []float64, Code, bool, []float64) int { return 0 }

func equalLanes(a, b []Code) (int, int64) { return 0, 0 }
