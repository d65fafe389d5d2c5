package scenarios

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"aihub"
	"aihub/internal/yamlx"
)

// Schema returns the JSON Schema (draft 2020-12) of a spec, for editors: they
// then complete keys, explain them and mark mistakes while a spec is written.
// It is made from the Go types; what only the linter can see (that a column
// exists, that a metric fits) it does not say.
func Schema() []byte {
	g := generator{defs: map[string]any{}}
	root := g.object(reflect.TypeFor[Spec]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://aihub.invalid/schema/scenario-v1.json"
	root["title"] = "aihub scenario / 应用场景"
	root["$defs"] = g.defs
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps, strings and numbers always marshal
	}
	return b
}

// generator turns Go types into schemas, each struct once.
type generator struct{ defs map[string]any }

// hint is what the Go type of a field cannot say.
type hint struct {
	required bool
	doc      aihub.Text
	extra    map[string]any // keywords to add or replace
}

func (g generator) object(t reflect.Type) map[string]any {
	props, required := map[string]any{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		key, ok := yamlx.Key(f)
		if !ok {
			continue
		}
		h, ok := hints[t.Name()+"."+key]
		if !ok {
			panic(fmt.Sprintf("scenarios: %s.%s has no description for the schema", t.Name(), key))
		}
		s := g.schema(f.Type)
		maps.Copy(s, h.extra)
		s["description"] = h.doc.EN + " / " + h.doc.ZH
		if h.required {
			required = append(required, key)
		}
		props[key] = s
	}
	s := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
	if len(required) > 0 {
		slices.Sort(required)
		s["required"] = required
	}
	return s
}

func (g generator) schema(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case reflect.TypeFor[Bytes]():
		return map[string]any{"type": []any{"string", "integer"}, "pattern": `^[0-9]+ *(KiB|MiB|GiB)?$`, "minimum": 0}
	case reflect.TypeFor[Duration]():
		return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.schema(t.Elem())
	case reflect.Struct:
		if g.defs[t.Name()] == nil {
			g.defs[t.Name()] = g.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.schema(t.Elem())}
	case reflect.Map:
		m := map[string]any{"type": "object"}
		if t.Elem().Kind() != reflect.Interface {
			m["additionalProperties"] = g.schema(t.Elem())
		}
		return m
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	}
	panic("scenarios: no schema for " + t.String())
}

func one(name string) map[string]any { return map[string]any{"const": name} }

func oneOf[T any](choices []string, fallback T) map[string]any {
	return map[string]any{"enum": choices, "default": fallback}
}

func keys[V any](m map[string]V) map[string]any {
	return map[string]any{"enum": slices.Sorted(maps.Keys(m))}
}

func numbers(lo, hi, fallback any) map[string]any {
	m := map[string]any{"minimum": lo, "maximum": hi}
	if fallback != nil {
		m["default"] = fallback
	}
	return m
}

func fallback(v any) map[string]any { return map[string]any{"default": v} }

// pair is [lo, hi].
var pair = map[string]any{"minItems": 2, "maxItems": 2}

const (
	slugPattern   = `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`
	refPattern    = `^[a-z][a-z0-9]*(-[a-z0-9]+)*@[1-9][0-9]*$`
	columnPattern = `^[^",\s]([^",]*[^",\s])?$`
)

var hints = map[string]hint{
	"Spec.apiVersion":  {true, aihub.Text{EN: "version of this language", ZH: "本规范语言的版本"}, one(APIVersion)},
	"Spec.kind":        {true, aihub.Text{EN: "what this file declares", ZH: "本文件声明的对象"}, one("Scenario")},
	"Spec.name":        {true, aihub.Text{EN: "name; a new version is name@N", ZH: "名称；新版本为 名称@N"}, map[string]any{"pattern": slugPattern, "minLength": 2, "maxLength": 64}},
	"Spec.title":       {true, aihub.Text{EN: "title", ZH: "标题"}, nil},
	"Spec.summary":     {true, aihub.Text{EN: "one sentence", ZH: "一句话简介"}, nil},
	"Spec.description": {true, aihub.Text{EN: "what is wanted and why, in Markdown", ZH: "需求与背景，Markdown 格式"}, nil},
	"Spec.field":       {true, aihub.Text{EN: "technical field", ZH: "技术领域"}, keys(Fields)},
	"Spec.area":        {true, aihub.Text{EN: "application area", ZH: "应用领域"}, keys(Areas)},
	"Spec.agency":      {true, aihub.Text{EN: "who needs it", ZH: "需求单位"}, nil},
	"Spec.contact":     {false, aihub.Text{EN: "how to reach them", ZH: "联系方式"}, map[string]any{"maxLength": maxTitle}},
	"Spec.dataset":     {true, aihub.Text{EN: "pinned dataset version, name@N", ZH: "固定的数据集版本，名称@N"}, map[string]any{"pattern": refPattern}},
	"Spec.input":       {true, aihub.Text{EN: "the table an algorithm reads in /input", ZH: "算法在 /input 读取的表"}, nil},
	"Spec.output":      {true, aihub.Text{EN: "the table an algorithm writes to /output", ZH: "算法写入 /output 的表"}, nil},
	"Spec.truth":       {true, aihub.Text{EN: "the label column, seen by the evaluator alone", ZH: "真值列，仅评测器可见"}, nil},
	"Spec.limits":      {false, aihub.Text{EN: "limits of one run", ZH: "单次运行的资源限制"}, nil},
	"Spec.train":       {false, aihub.Text{EN: "opens the train part to training runs; without it nobody trains", ZH: "开放训练分区供训练运行；不写则不提供训练"}, nil},
	"Spec.workspace":   {false, aihub.Text{EN: "opens the train part to people: a shell in the sandbox, whose screen they see; takes train too; without it nobody gets one", ZH: "向人员开放训练分区：沙箱内的交互终端，屏幕内容可见；须同时写 train；不写则不开放"}, nil},
	"Spec.environment": {false, aihub.Text{EN: "environment of the algorithm, AIHUB_* only", ZH: "算法的环境变量，仅限 AIHUB_*"}, map[string]any{"maxProperties": maxEnv, "propertyNames": map[string]any{"pattern": envRE.String()}}},
	"Spec.metrics":     {true, aihub.Text{EN: "how predictions are scored; exactly one is primary", ZH: "评测指标；恰有一个主指标"}, map[string]any{"minItems": 1, "maxItems": maxMetrics}},
	"Spec.sharing":     {true, aihub.Text{EN: "what may leave a hidden run", ZH: "隐藏运行允许出域的内容"}, nil},
	"Spec.rounds":      {true, aihub.Text{EN: "time windows for submissions", ZH: "评测轮次"}, map[string]any{"minItems": 1}},
	"Spec.agreement":   {true, aihub.Text{EN: "what a vendor signs on enrolment", ZH: "厂商揭榜时签署的协议"}, nil},

	"Text.zh": {true, aihub.Text{EN: "Chinese", ZH: "中文"}, map[string]any{"minLength": 1}},
	"Text.en": {true, aihub.Text{EN: "English", ZH: "英文"}, map[string]any{"minLength": 1}},

	"Input.file":    {false, aihub.Text{EN: "file name in /input; default input.<format>", ZH: "在 /input 中的文件名；默认 input.<格式>"}, map[string]any{"pattern": fileRE.String(), "maxLength": 64, "not": one("task.json")}},
	"Input.format":  {false, aihub.Text{EN: "file format", ZH: "文件格式"}, oneOf(inputFormats, DefaultFormat)},
	"Input.key":     {true, aihub.Text{EN: "row id column of the dataset; ids are random in every run", ZH: "数据集的行标识列；每次运行随机生成"}, map[string]any{"pattern": columnPattern}},
	"Input.columns": {true, aihub.Text{EN: "columns an algorithm may see, without key and truth", ZH: "算法可见的列，不含主键和真值"}, map[string]any{"minItems": 1, "maxItems": maxColumns, "uniqueItems": true, "items": map[string]any{"type": "string", "pattern": columnPattern}}},

	"Output.file":    {false, aihub.Text{EN: "file name in /output; default predictions.<format>", ZH: "在 /output 中的文件名；默认 predictions.<格式>"}, map[string]any{"pattern": fileRE.String(), "maxLength": 64}},
	"Output.format":  {false, aihub.Text{EN: "file format", ZH: "文件格式"}, oneOf(outputFormats, DefaultFormat)},
	"Output.columns": {true, aihub.Text{EN: "columns after the key column", ZH: "主键列之后的各列"}, map[string]any{"minItems": 1, "maxItems": maxColumns}},

	"OutputColumn.name":        {true, aihub.Text{EN: "column name", ZH: "列名"}, map[string]any{"pattern": columnPattern}},
	"OutputColumn.type":        {false, aihub.Text{EN: "value type; string when classes are given", ZH: "值类型；给出 classes 时为 string"}, map[string]any{"enum": valueTypes}},
	"OutputColumn.classes":     {false, aihub.Text{EN: "allowed values; default truth.classes", ZH: "允许的取值；默认为 truth.classes"}, map[string]any{"minItems": 2, "maxItems": maxClasses, "uniqueItems": true}},
	"OutputColumn.range":       {false, aihub.Text{EN: "allowed values [lo, hi], ends included", ZH: "允许的取值区间 [下限, 上限]，含端点"}, pair},
	"OutputColumn.sums_to_one": {false, aihub.Text{EN: "other columns that sum to 1 with this one", ZH: "与本列之和为 1 的其他列"}, map[string]any{"uniqueItems": true}},

	"Truth.column":  {true, aihub.Text{EN: "truth column of the dataset", ZH: "数据集的真值列"}, map[string]any{"pattern": columnPattern}},
	"Truth.type":    {false, aihub.Text{EN: "type of the column", ZH: "该列的类型"}, oneOf(valueTypes, "string")},
	"Truth.classes": {false, aihub.Text{EN: "every label that may occur", ZH: "可能出现的全部类别"}, map[string]any{"minItems": 2, "maxItems": maxClasses, "uniqueItems": true}},

	"Truth.separator": {false, aihub.Text{EN: "what stands between several right texts of a row", ZH: "同一行多个正确文本之间的分隔符"}, map[string]any{"minLength": 1, "maxLength": maxSeparator}},
	"Truth.empty":     {false, aihub.Text{EN: "a true text may be empty", ZH: "真值文本可以为空"}, map[string]any{"default": false}},

	"Limits.cpus":   {false, aihub.Text{EN: "processors", ZH: "处理器数"}, numbers(minLimits.CPUs, maxLimits.CPUs, DefaultLimits.CPUs)},
	"Limits.memory": {false, aihub.Text{EN: "memory, and no swap", ZH: "内存，无交换区"}, fallback(DefaultLimits.Memory.String())},
	"Limits.pids":   {false, aihub.Text{EN: "processes and threads", ZH: "进程与线程数"}, numbers(minLimits.Pids, maxLimits.Pids, DefaultLimits.Pids)},
	"Limits.files":  {false, aihub.Text{EN: "open files", ZH: "打开的文件数"}, numbers(minLimits.Files, maxLimits.Files, DefaultLimits.Files)},
	"Limits.wall":   {false, aihub.Text{EN: "time from start to end", ZH: "从开始到结束的时间"}, fallback(DefaultLimits.Wall.String())},
	"Limits.output": {false, aihub.Text{EN: "size of /output", ZH: "/output 的容量"}, fallback(DefaultLimits.Output.String())},
	"Limits.inodes": {false, aihub.Text{EN: "files in /output", ZH: "/output 中的文件数"}, numbers(minLimits.Inodes, maxLimits.Inodes, DefaultLimits.Inodes)},
	"Limits.tmp":    {false, aihub.Text{EN: "size of /tmp and of /dev/shm, each", ZH: "/tmp 与 /dev/shm 各自的容量"}, fallback(DefaultLimits.Tmp.String())},
	"Limits.log":    {false, aihub.Text{EN: "log kept; the rest is counted and dropped", ZH: "保留的日志；超出部分计数后丢弃"}, fallback(DefaultLimits.Log.String())},

	"Train.labels": {false, aihub.Text{EN: "file of the labels in /input of a training run; default labels.<input format>", ZH: "训练运行中 /input 内的真值文件；默认 labels.<输入格式>"}, map[string]any{"pattern": fileRE.String(), "maxLength": 64, "not": one("task.json")}},
	"Train.limits": {false, aihub.Text{EN: "limits of a training run; default those of limits, with output 64MiB and inodes 1024, which bound the model", ZH: "训练运行的资源限制；默认同 limits，但 output 为 64MiB、inodes 为 1024（即模型的上限）"}, nil},
	"Train.quota":  {false, aihub.Text{EN: "training runs of an organisation", ZH: "每个机构的训练次数"}, numbers(1, maxQuota, DefaultTrains)},

	"Workspace.wall":   {false, aihub.Text{EN: "the longest that a workspace stays open, 1m to 12h; default 2h", ZH: "工作区最长开放时间，1m 至 12h；默认 2h"}, nil},
	"Workspace.idle":   {false, aihub.Text{EN: "closed when nobody types for so long, 10s to 2h; default 15m", ZH: "无人输入达此时长即关闭，10s 至 2h；默认 15m"}, nil},
	"Workspace.screen": {false, aihub.Text{EN: "the most that a workspace shows, 64KiB to 64MiB", ZH: "工作区最多显示的字节数，64KiB 至 64MiB"}, fallback(DefaultWorkspace.Screen.String())},

	"Spec.scorer":     {false, aihub.Text{EN: "a scoring program of the scenario's own, an approved image", ZH: "场景自带的评分程序（已获批准的镜像）"}, nil},
	"Scorer.image":    {true, aihub.Text{EN: "its digest; a second person has approved it", ZH: "镜像摘要；须由另一人批准"}, map[string]any{"pattern": "^sha256:[0-9a-f]{64}$"}},
	"Scorer.input":    {false, aihub.Text{EN: "it reads the algorithm's input, too", ZH: "评分程序也读取算法的输入"}, fallback(false)},
	"Scorer.per_unit": {false, aihub.Text{EN: "columns of per_unit.csv, one row for each unit; shown by scorer_mean@1", ZH: "per_unit.csv 的各列，每个单元一行；由 scorer_mean@1 使用"}, map[string]any{"maxItems": maxScorerValues}},
	"Scorer.scores":   {false, aihub.Text{EN: "keys of scores.json; shown by scorer_value@1", ZH: "scores.json 的各键；由 scorer_value@1 使用"}, map[string]any{"maxItems": maxScorerValues}},
	"Scorer.messages": {false, aihub.Text{EN: "what it may say of a unit, in column message of per_unit.csv", ZH: "可对单元给出的消息，写在 per_unit.csv 的 message 列"}, map[string]any{"maxItems": maxMessages}},
	"Scorer.limits":   {false, aihub.Text{EN: "limits of one run of the scorer; default limits", ZH: "评分程序单次运行的资源限制；默认同 limits"}, nil},

	"ScorerValue.name":      {true, aihub.Text{EN: "column or key", ZH: "列名或键"}, map[string]any{"pattern": idRE.String()}},
	"ScorerValue.range":     {true, aihub.Text{EN: "it lies in [lo, hi]", ZH: "取值区间 [下限, 上限]"}, pair},
	"ScorerValue.direction": {true, aihub.Text{EN: "which is better", ZH: "何者为优"}, map[string]any{"enum": []string{"max", "min"}}},
	"ScorerValue.perfect":   {false, aihub.Text{EN: "for predictions that are the truth; default the better end", ZH: "预测即真值时的值；默认为较优的端点"}, nil},
	"ScorerValue.constant":  {false, aihub.Text{EN: "where it lies, [lo, hi], when every unit is given one answer; the self-test checks it", ZH: "所有单元同一作答时的取值区间 [下限, 上限]；由自检核对"}, pair},
	"ScorerValue.random":    {false, aihub.Text{EN: "where it lies, [lo, hi], when each unit is given the truth of another", ZH: "每个单元以另一单元的真值作答时的取值区间 [下限, 上限]"}, pair},
	"ScorerValue.blank":     {false, aihub.Text{EN: "where it lies, [lo, hi], when every text is empty", ZH: "文本均为空时的取值区间 [下限, 上限]"}, pair},

	"ScorerMessage.code": {true, aihub.Text{EN: "what the scorer writes", ZH: "评分程序写出的代码"}, map[string]any{"pattern": idRE.String()}},
	"ScorerMessage.text": {true, aihub.Text{EN: "what a vendor reads", ZH: "厂商看到的文字"}, nil},

	"Metric.id":           {false, aihub.Text{EN: "name on the board; default the metric's name", ZH: "榜单上的名称；默认为指标名"}, map[string]any{"pattern": idRE.String()}},
	"Metric.use":          {true, aihub.Text{EN: "metric, name@version", ZH: "指标，名称@版本"}, keys(KnownMetrics)},
	"Metric.prediction":   {false, aihub.Text{EN: "scored output column; default the only one that fits", ZH: "被评分的输出列；默认为唯一适用的列"}, nil},
	"Metric.params":       {false, aihub.Text{EN: "parameters of the metric", ZH: "指标参数"}, nil},
	"Metric.primary":      {false, aihub.Text{EN: "ranks the board", ZH: "用于榜单排名"}, fallback(false)},
	"Metric.direction":    {false, aihub.Text{EN: "which is better; default the metric's own", ZH: "何者为优；默认由指标决定"}, map[string]any{"enum": []string{"max", "min"}}},
	"Metric.step":         {false, aihub.Text{EN: "how fine it is shown; the primary metric has sharing.score.step", ZH: "公布步长；主指标见 sharing.score.step"}, map[string]any{"exclusiveMinimum": 0}},
	"Metric.range":        {false, aihub.Text{EN: "range that is shown; the primary metric has sharing.score.range", ZH: "公布的取值范围；主指标见 sharing.score.range"}, nil},
	"Metric.on_undefined": {false, aihub.Text{EN: "what an undefined value counts as", ZH: "指标无定义时如何处理"}, map[string]any{"pattern": `^(worst|error|skip|-?[0-9].*)$`, "default": undefinedAs}},

	"Spec.unit":   {false, aihub.Text{EN: "column of the dataset whose equal values are one unit (a patient, a site): rows of a unit are drawn together and count as one; default every row", ZH: "数据集的列，取值相同的行为一个单元（如同一患者、同一站点）：一起抽样，并计为一个；默认每行各为一个单元"}, nil},
	"Spec.slices": {false, aihub.Text{EN: "groups of rows on which every metric is computed, too", ZH: "按组另行计算各指标的切片"}, map[string]any{"maxItems": MaxSlices}},
	"Slice.by":    {true, aihub.Text{EN: "columns of the dataset: rows with the same values are a group", ZH: "数据集的列：取值相同的行为一组"}, map[string]any{"minItems": 1, "maxItems": maxSliceColumns}},
	"Slice.min":   {false, aihub.Text{EN: "the fewest rows, or units where the spec has a unit, of a group that is shown by itself", ZH: "单独显示的组至少须有的行数（有 unit 时为单元数）"}, numbers(leastGroup, maxGroup, DefaultGroup)},

	"Sharing.score": {true, aihub.Text{EN: "how a score is released", ZH: "成绩如何公布"}, nil},
	"Sharing.logs":  {false, aihub.Text{EN: "who sees logs", ZH: "谁能看到日志"}, nil},

	"ScoreSharing.release": {false, aihub.Text{EN: "by itself at the tick, or by two reviewers", ZH: "到点自动公布，或由两名评审决定"}, oneOf([]string{"policy", "review"}, releaseBy)},
	"ScoreSharing.step":    {true, aihub.Text{EN: "scores are shown in multiples of this, and only when they beat the best shown by it", ZH: "成绩按此步长公布，且仅在超过已公布最好成绩一个步长时更新"}, map[string]any{"exclusiveMinimum": 0}},
	"ScoreSharing.tick":    {false, aihub.Text{EN: "outcomes of hidden runs become visible at multiples of this", ZH: "隐藏运行的结果按此周期可见"}, fallback(DefaultTick.String())},
	"ScoreSharing.range":   {false, aihub.Text{EN: "values shown; default all values of a bounded primary metric", ZH: "公布的取值范围；主指标有界时默认为其全部取值"}, pair},

	"LogSharing.smoke":  {false, aihub.Text{EN: "of smoke runs", ZH: "试运行的日志"}, oneOf([]string{smokeLogs}, smokeLogs)},
	"LogSharing.hidden": {false, aihub.Text{EN: "of hidden runs: one reason class", ZH: "隐藏运行：仅一个原因类别"}, oneOf([]string{hiddenLogs}, hiddenLogs)},

	"Round.name":   {true, aihub.Text{EN: "name", ZH: "名称"}, map[string]any{"pattern": slugPattern, "minLength": 2, "maxLength": 64}},
	"Round.title":  {false, aihub.Text{EN: "title; default the name", ZH: "标题；默认为名称"}, nil},
	"Round.part":   {false, aihub.Text{EN: "hidden part it scores on; each round has its own", ZH: "所用的隐藏分区；各轮次不同"}, oneOf([]string{"test", "final"}, "test")},
	"Round.opens":  {false, aihub.Text{EN: "first moment; default publication", ZH: "开始时间；默认为发布之时"}, nil},
	"Round.closes": {false, aihub.Text{EN: "end; default when the scenario closes; the final part needs one", ZH: "结束时间；默认为场景关闭之时；final 分区必填"}, nil},
	"Round.entry":  {false, aihub.Text{EN: "which of an organisation's scores stands on the board; with last every score is shown in steps, better or not, and each answer costs the full price of one", ZH: "榜单采用机构的哪一次成绩；取 last 时每个成绩无论高低均按步长公布，每次答复都按新成绩的全价收取"}, oneOf([]string{"best", "last"}, "best")},
	"Round.quota":  {false, aihub.Text{EN: "attempts of an organisation; 1 on the final part", ZH: "每个机构的提交次数；final 分区为 1"}, numbers(1, maxQuota, DefaultQuota)},
	"Round.bits":   {false, aihub.Text{EN: "leak budget of the part, in bits, for everyone together", ZH: "该分区的泄露预算（比特），所有机构共用"}, numbers(1, maxBits, DefaultBits)},
	"Round.share":  {false, aihub.Text{EN: "bits of it that one organisation may spend; default half", ZH: "单个机构最多可用的比特；默认为一半"}, numbers(1, maxBits, nil)},
}
