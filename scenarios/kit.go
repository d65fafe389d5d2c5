package scenarios

import (
	"bytes"
	"embed"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"aihub"
)

// KitFile is one file of a starter kit, below the kit's directory.
type KitFile struct {
	Path string
	Mode fs.FileMode
	Data []byte
}

// maxSample bounds the public sample of a kit.
const maxSample = 256 << 20

// Kit makes the starter kit of spec, published as ref: what a vendor begins
// with. Columns are those of the dataset; sample is its public sample as CSV
// with a header, labels included; machine the architecture of the platform. The files are
//
//	README.md, README.<other language>.md
//	scenario.json               the spec, every default expanded
//	sample.csv                  the public sample, with labels
//	sample/input/task.json      what a run finds in /input, made from the sample
//	sample/input/<input file>   (not for Parquet: aihub test makes that itself)
//	sample/input/files/         the rows' pictures and recordings; the caller writes them
//	Dockerfile, go/             an example that always answers the same, in Go
//	Dockerfile.python, python/  the same in Python
//
// The examples really run: they predict the most frequent class, the share of
// each class, or the mean, as learned from sample.csv. They use the standard
// library only, unless the scenario asks for Parquet.
func Kit(ref aihub.Ref, spec Spec, columns []aihub.Column, machine string, sample io.Reader, lang aihub.Lang) ([]KitFile, error) {
	raw, err := io.ReadAll(io.LimitReader(sample, maxSample+1))
	if err != nil {
		return nil, fmt.Errorf("starter kit: read the sample: %w", err)
	}
	if len(raw) > maxSample {
		return nil, aihub.Errorf(aihub.Quota, aihub.Text{EN: "the public sample is larger than 256 MiB", ZH: "公开样本超过 256 MiB"}).
			WithHint(aihub.Text{EN: "download it by itself: aihub dataset sample", ZH: "请单独下载：aihub dataset sample"})
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	task, err := NewTask(ref, spec, columns)
	if err != nil {
		return nil, fmt.Errorf("starter kit: %w", err)
	}
	taskJSON, err := task.JSON()
	if err != nil {
		return nil, err
	}
	specJSON, err := Canonical(spec)
	if err != nil {
		return nil, err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, specJSON, "", "  "); err != nil {
		return nil, err
	}
	files := []KitFile{
		{"scenario.json", 0o644, append(pretty.Bytes(), '\n')},
		{"sample.csv", 0o644, raw},
		{"sample/input/task.json", 0o644, taskJSON},
	}
	input, err := sampleInput(task, raw)
	if err != nil {
		return nil, err
	}
	if input != nil {
		files = append(files, KitFile{"sample/input/" + spec.Input.File, 0o644, input})
	}

	other := aihub.EN
	if lang == aihub.EN {
		other = aihub.ZH
	}
	filesIn := ""
	for _, c := range task.Input.Columns {
		if c.File {
			filesIn = c.Name
		}
	}
	data := kitData{Ref: ref, Machine: machine, Spec: spec, Answers: spec.answers(), Step: strconv.FormatFloat(spec.Sharing.Score.Step, 'f', -1, 64), Files: filesIn}
	for _, f := range []struct{ path, template string }{
		{"README.md", "readme." + string(lang)},
		{"README." + string(other) + ".md", "readme." + string(other)},
		{"Dockerfile", "dockerfile.go"},
		{"Dockerfile.python", "dockerfile.python"},
		{"go/go.mod", "gomod"},
		{"go/main.go", "main.go"},
		{"python/main.py", "main.py"},
	} {
		var b bytes.Buffer
		if err := kitTemplates.ExecuteTemplate(&b, f.template+".tmpl", data); err != nil {
			return nil, fmt.Errorf("starter kit: %s: %w", f.path, err)
		}
		if strings.HasSuffix(f.path, ".go") {
			src, err := format.Source(b.Bytes())
			if err != nil {
				return nil, fmt.Errorf("starter kit: %s: %w", f.path, err)
			}
			b = *bytes.NewBuffer(src)
		}
		files = append(files, KitFile{f.path, 0o644, b.Bytes()})
	}
	slices.SortFunc(files, func(a, b KitFile) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

//go:embed kit/*.tmpl
var kitFiles embed.FS

// quote makes a literal that both Go and Python read as the same text.
func quote(s string) string { return strconv.QuoteToASCII(s) }

var kitTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"q": quote,
	"title": func(use string, lang string) string {
		return KnownMetrics[use].Title.In(aihub.Lang(lang))
	},
	"code": func(s string) string { return "`" + strings.ReplaceAll(s, "`", "'") + "`" },
}).ParseFS(kitFiles, "kit/*.tmpl"))

type kitData struct {
	Machine string
	Ref     aihub.Ref
	Spec    Spec
	Answers []answer
	Step    string
	Files   string // column of the input that names the rows' files
}

// Parquet reports whether the examples need a Parquet library.
func (d kitData) Parquet() bool {
	return d.Spec.Input.Format == "parquet" || d.Spec.Output.Format == "parquet" || d.Spec.Output.Format == "arrow"
}

// Lines is how the examples write a file of lines in which the units lie mixed:
// what stands before all lines, a line with %s for the id, what stands between
// lines, and after them. nil for tables and archives.
func (d kitData) Lines() []string {
	switch d.Spec.Output.Format {
	case FormatCOCO:
		return []string{"[\n", `{"image_id": "%s", "category_id": 0, "bbox": [0, 0, 10, 10], "score": 0.5}`, ",\n", "\n]\n"}
	case FormatRTTM:
		return []string{"", "SPEAKER %s 1 0.0 1.0 <NA> <NA> speaker <NA> <NA>", "\n", "\n"}
	case FormatCTM:
		return []string{"", "%s 1 0.0 1.0 word", "\n", "\n"}
	case FormatTREC:
		return []string{"", "%s Q0 document 1 1.0 kit", "\n", "\n"}
	}
	return nil
}

// Archive reports whether the answers are an archive of PNG files.
func (d kitData) Archive() bool {
	return d.Spec.Output.Format == FormatMasks || d.Spec.Output.Format == FormatPictures
}

// Mask is a PNG of one grey pixel, class 0 or black, base64: what the examples answer for
// every image.
func (d kitData) Mask() string {
	return "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
}

// answer is how the examples fill one output column.
type answer struct {
	Column string
	Type   string
	How    string // majority, share, mean, constant, text
	Class  string // share: of this class
	Value  string // constant, text: this
	Lo, Hi string // range; "" when there is none
}

// answers says for every output column what a constant guess is.
func (s Spec) answers() []answer {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	var out []answer
	for _, c := range s.Output.Columns {
		a := answer{Column: c.Name, Type: c.Type, How: "constant", Value: "0"}
		if len(c.Range) == 2 {
			a.Lo, a.Hi, a.Value = number(c.Range[0]), number(c.Range[1]), number(c.Range[0])
		}
		cols := s.columnsOf(c)
		switch at := slices.Index(cols, c.Name); {
		case s.CellsOf(c.Name) != "":
			a.How, a.Value = "text", s.EmptyCell(c.Name)
		case c.Type == "string":
			a.How = "majority"
		case s.Truth.Type != "string":
			a.How = "mean"
		case len(cols) == len(s.Truth.Classes) && at >= 0:
			a.How, a.Class = "share", s.Truth.Classes[at]
		case len(cols) > 1:
			a.Value = number(1 / float64(len(cols)))
		case len(s.Truth.Classes) > 0:
			a.How, a.Class = "share", s.positive(c.Name)
		}
		out = append(out, a)
	}
	return out
}

// columnsOf returns the columns that share a whole with c, in the order of the
// truth's classes when a metric names that order.
func (s Spec) columnsOf(c OutputColumn) []string {
	for _, m := range s.Metrics {
		list, _ := m.Params[columnsParam.Name].([]any)
		var names []string
		for _, x := range list {
			name, _ := x.(string)
			names = append(names, name)
		}
		if len(names) > 1 && slices.Contains(names, c.Name) {
			return names
		}
	}
	for _, o := range s.Output.Columns {
		if names := group(s.Output.Columns, o); slices.Contains(names, c.Name) && len(names) > 1 {
			return names
		}
	}
	return []string{c.Name}
}

// positive is the class whose probability the column holds.
func (s Spec) positive(column string) string {
	for _, m := range s.Metrics {
		if class, ok := m.Params[positiveParam.Name].(string); ok && m.Prediction == column {
			return class
		}
	}
	return s.Truth.Classes[len(s.Truth.Classes)-1]
}

// sampleInput writes the sample as a run would find it: the columns of the task
// and no label. It returns nil for Parquet.
func sampleInput(t Task, raw []byte) ([]byte, error) {
	if t.Input.Format == "parquet" {
		return nil, nil
	}
	r := csv.NewReader(bytes.NewReader(raw))
	header, err := r.Read()
	if err != nil {
		return nil, badSample(err)
	}
	names := []string{t.Input.Key}
	types := []string{"string"}
	for _, c := range t.Input.Columns {
		names, types = append(names, c.Name), append(types, c.Type)
	}
	var at []int
	for _, name := range names {
		k := slices.Index(header, name)
		if k < 0 {
			return nil, badSample(fmt.Errorf("no column %q", name))
		}
		at = append(at, k)
	}
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	if t.Input.Format == "csv" {
		out.Write(names) // to memory: Flush reports what fails
	}
	row := make([]string, len(at))
	for {
		rec, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, badSample(err)
		}
		for i, k := range at {
			row[i] = rec[k]
		}
		if t.Input.Format == "csv" {
			out.Write(row)
		} else if err := jsonLine(&b, names, types, row); err != nil {
			return nil, badSample(err)
		}
	}
	out.Flush()
	return b.Bytes(), out.Error()
}

// jsonLine writes one object; an empty value is null, a number a number.
func jsonLine(b *bytes.Buffer, names, types, row []string) error {
	for i, v := range row {
		if i == 0 {
			b.WriteByte('{')
		} else {
			b.WriteByte(',')
		}
		writeString(b, names[i])
		b.WriteByte(':')
		switch types[i] {
		case "int64", "float64", "bool":
			if v == "" {
				v = "null"
			}
			if !json.Valid([]byte(v)) {
				return fmt.Errorf("column %q: %q is not a %s", names[i], clip(v), types[i])
			}
			b.WriteString(v)
		default:
			writeString(b, v)
		}
	}
	b.WriteString("}\n")
	return nil
}

func badSample(err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New("the file is empty")
	}
	return aihub.Errorf(aihub.Contract, aihub.Text{
		EN: "the public sample does not fit the scenario: " + err.Error(),
		ZH: "公开样本与场景不符：" + err.Error(),
	}).WithHint(aihub.Text{EN: "download it again; if it stays, tell the scenario's steward", ZH: "请重新下载；若仍如此，请联系场景管理员"})
}
