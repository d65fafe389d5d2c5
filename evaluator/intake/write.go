package intake

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"aihub"
	"aihub/internal/table"
	"aihub/scenarios"
)

// Write makes a file of format from a table of keys and cells, its first two
// columns: what Open reads. It writes what it is given; Open checks.
func Write(w io.Writer, format string, b *table.Batch) error {
	out := bufio.NewWriter(w)
	row := func(i int) (id, cell string) {
		id, _ = b.Cols[0].Text(i)
		cell, _ = b.Cols[1].Text(i)
		return id, cell
	}
	if write := map[string]func(io.Writer, string) error{scenarios.FormatMasks: writeMask, scenarios.FormatPictures: writePicture}[format]; write != nil {
		z := zip.NewWriter(out)
		for i := range b.Rows {
			id, cell := row(i)
			f, err := z.Create(id + ".png")
			if err == nil {
				err = write(f, cell)
			}
			if err != nil {
				return err
			}
		}
		if err := z.Close(); err != nil {
			return err
		}
		return out.Flush()
	}
	if format == scenarios.FormatCOCO {
		n := 0
		out.WriteByte('[') // Flush reports what fails
		for i := range b.Rows {
			id, cell := row(i)
			var list []object
			if err := json.Unmarshal([]byte(cell), &list); err != nil {
				return fmt.Errorf("intake: row %d: %w", i+1, err)
			}
			for _, o := range list {
				if n++; n > 1 {
					out.WriteByte(',')
				}
				x := struct {
					Image string `json:"image_id"`
					object
				}{id, o}
				j, err := json.Marshal(x)
				if err != nil {
					return err
				}
				out.WriteByte('\n')
				out.Write(j)
			}
		}
		out.WriteString("\n]\n")
		return out.Flush()
	}
	for i := range b.Rows {
		id, cell := row(i)
		n := 0
		if format == scenarios.FormatCTM {
			for _, word := range strings.Fields(cell) {
				fmt.Fprintf(out, "%s 1 %d 1 %s\n", id, n, word)
				n++
			}
			continue
		}
		if bad := eachLine(cell, func(w []string) *aihub.Text {
			n++
			switch {
			case format == scenarios.FormatRTTM && len(w) == 3:
				fmt.Fprintf(out, "SPEAKER %s 1 %s %s <NA> <NA> %s <NA> <NA>\n", id, w[0], w[1], w[2])
			case format == scenarios.FormatTREC && len(w) == 2:
				fmt.Fprintf(out, "%s Q0 %s %d %s aihub\n", id, w[0], n, w[1])
			default:
				return say("a cell of another kind", "单元格类型不符")
			}
			return nil
		}); bad != nil {
			return fmt.Errorf("intake: row %d: %s", i+1, bad.EN)
		}
	}
	return out.Flush()
}
