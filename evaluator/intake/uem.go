package intake

import (
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// uem adds to the turns of each recording the stretches that alone are scored, as a UEM
// file of NIST names them: lines "recording channel start end", seconds, ";;" before a
// remark. Who is in one of the two files only is at fault but where nobody speaks: md-eval
// leaves a recording without a stretch out, and a unit cannot be.
func (g *grouped) uem(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read stretches: %w", err)
	}
	defer f.Close()
	speak, scored := slices.Sorted(maps.Keys(g.cells)), map[string]bool{}
	for l := newTextLines(f); ; {
		line, where, err := l.next(g)
		if err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		w := strings.Fields(strings.TrimPrefix(line, "\ufeff"))
		if len(w) == 0 || strings.HasPrefix(w[0], ";;") {
			continue
		}
		where = "UEM " + where
		if len(w) != 4 {
			g.fault("bad_line", where, "", "expected: recording channel start end", "应为：录音 声道 起 止")
			continue
		}
		start, ok := finite(w[2])
		end, ok2 := finite(w[3])
		item := scoredMark + " " + decimal(start) + " " + decimal(span(start, end))
		if !ok || !ok2 || turns.Truth(item) != nil {
			g.fault("bad_value", where, "", "start must be seconds from 0 on, end more than start", "起须为不小于 0 的秒数，止须大于起")
			continue
		}
		scored[w[0]] = true
		g.add(w[0], item, l.n, where)
	}
	for _, id := range speak {
		if !scored[id] {
			g.fault("missing_ids", "recording "+strconv.Quote(id), "", "the UEM file names no stretch of this recording: add one, or leave its turns out", "UEM 文件未列出该录音的时段：请补上，或删去其说话段")
		}
	}
	return nil
}

// span is the duration that leads from start to end when it is added.
func span(start, end float64) float64 {
	d := end - start
	for _, x := range []float64{d, math.Nextafter(d, 0), math.Nextafter(d, math.Inf(1))} {
		if start+x == end {
			return x
		}
	}
	return d
}
