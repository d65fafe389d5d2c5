// Package scenarios is the language in which a challenge is written down: the
// YAML Spec, its strict parser (every fault at once, with line and column), its
// linter, its JSON Schema for editors, its canonical form and digest, and the
// starter kit that a vendor begins with. Package packs holds the built-in ones.
package scenarios

import (
	"strings"
	"time"

	"aihub"
)

// APIVersion is the value of every spec's apiVersion key.
const APIVersion = "aihub/v1"

// Spec is one challenge. Parse fills every default, so a parsed Spec is
// complete and Canonical (sorted-key JSON) is stable.
type Spec struct {
	APIVersion  string            `json:"apiVersion" yaml:"apiVersion"`
	Kind        string            `json:"kind" yaml:"kind"` // "Scenario"
	Name        string            `json:"name" yaml:"name"` // slug
	Title       aihub.Text        `json:"title" yaml:"title"`
	Summary     aihub.Text        `json:"summary" yaml:"summary"`         // one sentence
	Description aihub.Text        `json:"description" yaml:"description"` // Markdown
	Field       string            `json:"field" yaml:"field"`             // one of Fields
	Area        string            `json:"area" yaml:"area"`               // one of Areas
	Agency      aihub.Text        `json:"agency" yaml:"agency"`
	Contact     string            `json:"contact,omitempty" yaml:"contact"`
	Dataset     string            `json:"dataset" yaml:"dataset"` // name@N
	Input       Input             `json:"input" yaml:"input"`
	Output      Output            `json:"output" yaml:"output"`
	Truth       Truth             `json:"truth" yaml:"truth"`
	Unit        string            `json:"unit,omitempty" yaml:"unit"` // column of the dataset: rows with the same value belong together; "": each stands alone
	Limits      Limits            `json:"limits" yaml:"limits"`
	Train       *Train            `json:"train,omitempty" yaml:"train"`             // nil: nobody trains
	Workspace   *Workspace        `json:"workspace,omitempty" yaml:"workspace"`     // nil: nobody sits at a shell beside the train part
	Environment map[string]string `json:"environment,omitempty" yaml:"environment"` // AIHUB_* only
	Scorer      *Scorer           `json:"scorer,omitempty" yaml:"scorer"`           // a scoring program of its own
	Metrics     []Metric          `json:"metrics" yaml:"metrics"`                   // exactly one primary
	Slices      []Slice           `json:"slices,omitempty" yaml:"slices"`           // groups of rows on which every metric is computed, too
	Sharing     Sharing           `json:"sharing" yaml:"sharing"`
	Rounds      []Round           `json:"rounds" yaml:"rounds"`
	Agreement   aihub.Text        `json:"agreement" yaml:"agreement"` // what a vendor signs on enrolment
}

// Input says what lies in /input beside task.json: one table.
type Input struct {
	File    string   `json:"file" yaml:"file"`       // e.g. "events.parquet"
	Format  string   `json:"format" yaml:"format"`   // parquet, csv, jsonl
	Key     string   `json:"key" yaml:"key"`         // the row id column; ids are random per run
	Columns []string `json:"columns" yaml:"columns"` // of the dataset, key excluded; none of them truth
}

// Output says what an algorithm must write to /output.
type Output struct {
	File    string         `json:"file" yaml:"file"`     // e.g. "predictions.csv"; its suffix is not its format
	Format  string         `json:"format" yaml:"format"` // parquet, csv
	Columns []OutputColumn `json:"columns" yaml:"columns"`
}

// OutputColumn is one column of the predictions. The key column of Input is
// implied and always first.
type OutputColumn struct {
	Name      string    `json:"name" yaml:"name"`
	Type      string    `json:"type" yaml:"type"`                         // string, int64, float64
	Classes   []string  `json:"classes,omitempty" yaml:"classes"`         // allowed values of a string column
	Range     []float64 `json:"range,omitempty" yaml:"range"`             // [lo, hi] of a numeric column
	SumsToOne []string  `json:"sums_to_one,omitempty" yaml:"sums_to_one"` // this and these columns are probabilities that sum to 1 ± 1e-6
}

// Truth names the label columns and their vocabulary.
type Truth struct {
	Column  string   `json:"column" yaml:"column"` // of the dataset; a truth column
	Type    string   `json:"type" yaml:"type"`     // string, int64, float64
	Classes []string `json:"classes,omitempty" yaml:"classes"`

	// Of texts without classes: what stands between several right ones of a row, and
	// whether one may be empty.
	Separator string `json:"separator,omitempty" yaml:"separator"`
	Empty     bool   `json:"empty,omitempty" yaml:"empty"`
}

// Golds are the right texts that a label spells out, without the blanks around them.
func (t Truth) Golds(label string) []string {
	if t.Separator == "" {
		return []string{label}
	}
	list := strings.Split(label, t.Separator)
	for i, s := range list {
		list[i] = strings.TrimSpace(s)
	}
	return list
}

// Limits bound one run. Parse fills defaults and refuses what no machine grants.
type Limits struct {
	CPUs   float64  `json:"cpus" yaml:"cpus"`
	Memory Bytes    `json:"memory" yaml:"memory"` // and no swap
	Pids   int      `json:"pids" yaml:"pids"`
	Files  int      `json:"files" yaml:"files"` // open at once
	Wall   Duration `json:"wall" yaml:"wall"`
	Output Bytes    `json:"output" yaml:"output"`
	Inodes int      `json:"inodes" yaml:"inodes"` // in /output
	Tmp    Bytes    `json:"tmp" yaml:"tmp"`       // /tmp and /dev/shm, each
	Log    Bytes    `json:"log" yaml:"log"`       // kept; the rest is counted and dropped
}

// Bytes is a size; YAML and JSON take 64MiB, 1GiB, or a plain number.
type Bytes int64

// Duration is a time.Duration; YAML and JSON take 90s, 5m.
type Duration time.Duration

// Metric declares one metric of package metric.
type Metric struct {
	ID          string         `json:"id" yaml:"id"`
	Use         string         `json:"use" yaml:"use"`                         // name@version, e.g. f1@1
	Prediction  string         `json:"prediction,omitempty" yaml:"prediction"` // output column; default: the only one that fits
	Params      map[string]any `json:"params,omitempty" yaml:"params"`
	Primary     bool           `json:"primary,omitempty" yaml:"primary"`
	Direction   string         `json:"direction" yaml:"direction"`       // max, min
	OnUndefined string         `json:"on_undefined" yaml:"on_undefined"` // worst, error, skip, or a number: what it counts as
	Step        float64        `json:"step,omitempty" yaml:"step"`       // how fine it is shown; of the primary metric: sharing.score
	Range       []float64      `json:"range,omitempty" yaml:"range"`     // that is shown; of the primary metric: sharing.score
}

// Sharing is what may leave of a hidden run.
type Sharing struct {
	Score ScoreSharing `json:"score" yaml:"score"`
	Logs  LogSharing   `json:"logs" yaml:"logs"`
}

// ScoreSharing is how a score is released.
type ScoreSharing struct {
	Release string    `json:"release" yaml:"release"` // policy (by itself, at the tick) or review (two reviewers)
	Step    float64   `json:"step" yaml:"step"`       // a score is shown in multiples of step, and only when it beats the best shown by a step
	Tick    Duration  `json:"tick" yaml:"tick"`       // outcomes of hidden runs become visible at multiples of tick
	Range   []float64 `json:"range" yaml:"range"`     // of the primary metric, for the price of a step
}

// LogSharing is who sees logs.
type LogSharing struct {
	Smoke  string `json:"smoke" yaml:"smoke"`   // open
	Hidden string `json:"hidden" yaml:"hidden"` // reason: one reason class
}

// Round declares one round.
type Round struct {
	Name   string     `json:"name" yaml:"name"`
	Title  aihub.Text `json:"title" yaml:"title"`
	Part   string     `json:"part" yaml:"part"`             // test, final
	Entry  string     `json:"entry,omitempty" yaml:"entry"` // which of an organisation's scores stands on the board: best (default), last
	Opens  time.Time  `json:"opens,omitzero" yaml:"opens"`
	Closes time.Time  `json:"closes,omitzero" yaml:"closes"`
	Quota  int        `json:"quota" yaml:"quota"` // attempts an organisation
	Bits   float64    `json:"bits" yaml:"bits"`   // leak budget of the part: nothing more is answered after so much
	Share  float64    `json:"share" yaml:"share"` // bits of it that one organisation may spend
}

// Fields are the technical fields a scenario may be in.
var Fields = map[string]aihub.Text{
	"big-data":        {ZH: "大数据分析", EN: "Big-data analysis"},
	"video":           {ZH: "视频识别", EN: "Video recognition"},
	"knowledge-graph": {ZH: "知识图谱", EN: "Knowledge graph"},
	"text":            {ZH: "文本处理", EN: "Text"},
	"speech":          {ZH: "语音识别", EN: "Speech"},
}

// Areas are the application areas.
var Areas = map[string]aihub.Text{
	"governance":  {ZH: "社会治理", EN: "Urban governance"},
	"services":    {ZH: "政务服务", EN: "Government services"},
	"education":   {ZH: "教育", EN: "Education"},
	"health":      {ZH: "医疗健康", EN: "Health"},
	"transport":   {ZH: "交通", EN: "Transport"},
	"safety":      {ZH: "公共安全", EN: "Public safety"},
	"emergency":   {ZH: "应急管理", EN: "Emergency management"},
	"environment": {ZH: "生态环境", EN: "Environment"},
	"housing":     {ZH: "住房建设", EN: "Housing and construction"},
	"economy":     {ZH: "经济发展", EN: "Economy"},
}
