package catalog

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"aihub/catalog/mask"
	"aihub/catalog/media"
	"aihub/internal/table"
)

// Media says that the raw data is a folder: a table, each of whose rows belongs to
// one picture (JPEG, PNG) or recording (WAV) of it, and the files (媒体文件).
// Published is the table with a column of paths, and the files, masked, named after
// their rows' keys. The columns named here are read for the masking and dropped.
type Media struct {
	Table     string      `yaml:"table" json:"table"`                   // path of the table in the folder; default table.csv
	File      string      `yaml:"file" json:"file"`                     // column with the path of the row's file in the folder; the masked table has one of this name
	Boxes     string      `yaml:"boxes" json:"boxes,omitempty"`         // column with what to hide of a picture; see media.ParseBoxes
	Style     media.Style `yaml:"style" json:"style,omitempty"`         // of boxes: blur (default), pixelate, fill
	Spans     string      `yaml:"spans" json:"spans,omitempty"`         // column with what to silence of a recording; see media.ParseSpans
	Semitones float64     `yaml:"semitones" json:"semitones,omitempty"` // that every recording is moved by
	Because   string      `yaml:"because" json:"because,omitempty"`     // why nothing has to be hidden, where boxes or spans are not given
}

func (m *Media) declared() bool { return *m != Media{} }

// columns are those of the raw table that are read for the files.
func (m *Media) columns() (out []string) {
	for _, c := range []string{m.File, m.Boxes, m.Spans} {
		if c != "" {
			out = append(out, c)
		}
	}
	return out
}

// lintMedia checks the section, and has its columns dropped from the table.
func (m *Manifest) lintMedia(l *linter) {
	x := &m.Media
	if !x.declared() {
		return
	}
	x.Table, x.Style = cmp.Or(x.Table, "table.csv"), cmp.Or(x.Style, media.Blur)
	if x.File == "" {
		l.add("missing", "media.file", "media.file is missing: name the column with the path of each row's file", "缺少 media.file：请指明每行文件路径所在的列")
	}
	if x.Style != media.Blur && x.Style != media.Pixelate && x.Style != media.Fill {
		l.add("media", "media.style", "style is blur, pixelate or fill", "style 应为 blur、pixelate 或 fill")
	}
	if !(x.Semitones >= -12 && x.Semitones <= 12) {
		l.add("media", "media.semitones", "semitones are between -12 and 12", "semitones 须在 -12 至 12 之间")
	}
	if m.Key == x.File && x.File != "" {
		l.add("key", "key", "a file's path is not a key, it may tell something: write key_from: rows and a new name", "文件路径可能携带信息，不能作主键：请写 key_from: rows 并另取名称")
	}
	if m.Mask.Columns == nil {
		m.Mask.Columns = map[string]mask.Rule{}
	}
	for _, c := range x.columns() {
		if _, named := m.Mask.Columns[c]; named {
			l.add("media", "mask.columns."+c, fmt.Sprintf("column %q is read for the files and dropped: remove this line", c), fmt.Sprintf("列 %q 仅用于处理文件，随后删除：请去掉此行", c))
		}
		if slices.Contains(m.Truth, c) {
			l.add("truth", "truth", fmt.Sprintf("column %q says where a file is or what is hidden of it: it is no truth column", c), fmt.Sprintf("列 %q 用于指明文件或需隐藏的内容，不能作真值列", c))
		}
		m.Mask.Columns[c] = mask.Rule{Use: "drop"}
	}
}

// planOf is the canonical mask plan of the raw table, of its files, and what of it
// was read as missing.
func (m *Manifest) planOf(columns []table.Field) ([]byte, error) {
	b, err := m.Mask.Canonical(columns)
	if err != nil || !m.Media.declared() && len(m.Missing) == 0 {
		return b, err
	}
	all := map[string]any{}
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	if m.Media.declared() {
		all["media"] = m.Media
	}
	if len(m.Missing) > 0 {
		all["missing"] = m.Missing
	}
	return json.Marshal(all)
}

// MediaProfile counts what was masked of the files.
type MediaProfile struct {
	Pictures   int64   `json:"pictures,omitempty"`
	Recordings int64   `json:"recordings,omitempty"`
	Boxes      int64   `json:"boxes,omitempty"`   // that were hidden
	Seconds    float64 `json:"seconds,omitempty"` // of all recordings
	Silenced   float64 `json:"silenced,omitempty"`
	Bytes      int64   `json:"bytes"` // of the masked files
	Because    string  `json:"because,omitempty"`

	// Of the steward's detector, where one looked at every picture: its name, its
	// program's digest, and how many boxes of each kind it found beside those given.
	Detector       string           `json:"detector,omitempty"`
	DetectorDigest string           `json:"detector_digest,omitempty"`
	Found          map[string]int64 `json:"found,omitempty"`
}
