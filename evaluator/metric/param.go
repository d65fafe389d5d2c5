package metric

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/scenarios"
)

// The parameters whose default comes from the Setup: the positive class, and
// the probability columns, one for each class or one for the positive class.
const (
	posParam = "positive"
	colParam = "columns"
	upParam  = "upper" // the column of the upper bound
	costs    = "costs"
)

// args are the values of all parameters of one Metric.
type args struct {
	skip bool // see Setup
	signed
	num   map[string]float64
	str   map[string]string
	costs []float64 // of the costs parameter, row by row
}

func resolve(d *Def, s Setup) (args, []aihub.Fault) {
	a := args{num: map[string]float64{}, str: map[string]string{}}
	var faults []aihub.Fault
	for name := range s.Params {
		if !slices.ContainsFunc(d.Params, func(p scenarios.ParamInfo) bool { return p.Name == name }) {
			faults = append(faults, paramFault(name, aihub.Text{
				EN: fmt.Sprintf("%s has no parameter %q; it has: %s", d.Use, clip(name), paramNames(d)),
				ZH: fmt.Sprintf("%s 没有参数 %q；可用参数：%s", d.Use, clip(name), paramNames(d)),
			}))
		}
	}
	slices.SortFunc(faults, func(x, y aihub.Fault) int { return strings.Compare(x.Where, y.Where) })

	sig := []string{d.Use}
	a.cols, a.needs, a.perfect, a.skip = []string{s.Column}, d.Needs, d.Best(), s.Skip && d.Skips
	for _, p := range d.Params {
		v := s.Params[p.Name]
		given := v != nil
		if !given {
			v = p.Default
		}
		var err aihub.Text
		var shown string
		switch p.Name {
		case posParam:
			if len(a.cols) > 1 { // "columns" sorts before "positive"
				if given {
					err = aihub.Text{EN: "positive has no meaning with one probability column per class", ZH: "每个类别各有一列概率时，positive 没有意义"}
				}
				break
			}
			shown, err = positive(v, given, s.Classes)
			a.one = slices.Index(s.Classes, shown)
		case colParam:
			a.cols, err = columns(v, given, s)
			shown = strings.Join(a.cols, ",")
		case upParam:
			if shown, _ = v.(string); shown == "" || shown == s.Column {
				err = aihub.Text{EN: "upper must name the output column of the upper bound; prediction names the lower one", ZH: "upper 必须指定上界所在的输出列；prediction 指定下界所在的列"}
			}
			a.cols = []string{s.Column, shown}
		case costs:
			if shown, err = a.set(p, v); err.IsZero() {
				if a.costs = scenarios.Costs(shown, len(s.Classes)); a.costs == nil {
					k := len(s.Classes)
					err = aihub.Text{
						EN: fmt.Sprintf(`costs must be %d rows of %d numbers from 0 to 1e12, the true class by rows, e.g. "0,1;5,0"`, k, k),
						ZH: fmt.Sprintf(`costs 应为 %d 行、每行 %d 个 0 到 1e12 之间的数，行为真实类别，例如 "0,1;5,0"`, k, k),
					}
				}
			}
		default:
			if p.Required && !given {
				err = aihub.Text{EN: "the spec must say " + p.Name, ZH: "规范必须给出 " + p.Name}
				break
			}
			shown, err = a.set(p, v)
		}
		if !err.IsZero() {
			faults = append(faults, paramFault(p.Name, err))
		}
		if shown != "" {
			sig = append(sig, p.Name+"="+quote(shown))
		}
	}
	a.sig = strings.Join(sig, "|")
	if d.PerfectVaries {
		a.perfect = math.NaN()
	}
	return a, faults
}

// set reads v as p's type, checks it, and returns how the signature shows it.
func (a *args) set(p scenarios.ParamInfo, v any) (string, aihub.Text) {
	switch p.Default.(type) {
	case float64:
		f, ok := number(v)
		if !ok || !(f >= p.Range[0] && f <= p.Range[1]) || p.Whole && f != math.Trunc(f) {
			return "", aihub.Text{
				EN: fmt.Sprintf("%s must be a number from %g to %g", p.Name, p.Range[0], p.Range[1]),
				ZH: fmt.Sprintf("%s 必须是 %g 到 %g 之间的数", p.Name, p.Range[0], p.Range[1]),
			}
		}
		a.num[p.Name] = f
		return strconv.FormatFloat(f, 'g', -1, 64), aihub.Text{}
	default:
		s, ok := v.(string)
		if !ok || p.OneOf != nil && !slices.Contains(p.OneOf, s) {
			list := strings.Join(p.OneOf, ", ")
			return "", aihub.Text{
				EN: fmt.Sprintf("%s must be one of: %s", p.Name, list),
				ZH: fmt.Sprintf("%s 必须是以下之一：%s", p.Name, list),
			}
		}
		a.str[p.Name] = s
		return s, aihub.Text{}
	}
}

func positive(v any, given bool, classes []string) (string, aihub.Text) {
	if !given {
		if len(classes) == 2 {
			return classes[1], aihub.Text{}
		}
		return "", aihub.Text{
			EN: fmt.Sprintf("name the positive class: %d classes are declared", len(classes)),
			ZH: fmt.Sprintf("请指明正类：声明了 %d 个类别", len(classes)),
		}
	}
	s, ok := v.(string)
	if !ok || !slices.Contains(classes, s) {
		return "", aihub.Text{EN: "positive must be one of truth.classes, as a string", ZH: "positive 必须是 truth.classes 之一（字符串）"}
	}
	return s, aihub.Text{}
}

func columns(v any, given bool, s Setup) ([]string, aihub.Text) {
	list := s.Group
	if given {
		list = nil
		switch v := v.(type) {
		case []string:
			list = v
		case []any:
			for _, x := range v {
				name, _ := x.(string)
				list = append(list, name)
			}
		}
	} else if list == nil {
		list = []string{s.Column}
	}
	seen := map[string]bool{}
	for _, name := range list {
		if name == "" || seen[name] {
			list = nil
			break
		}
		seen[name] = true
	}
	if len(list) != 1 && len(list) != len(s.Classes) {
		return []string{s.Column}, aihub.Text{
			EN: fmt.Sprintf("columns must name one output column (the probability of the positive class) or %d different ones in the order of truth.classes", len(s.Classes)),
			ZH: fmt.Sprintf("columns 必须指定一个输出列（正类概率），或按 truth.classes 的顺序指定 %d 个不同的列", len(s.Classes)),
		}
	}
	return list, aihub.Text{}
}

// number reads what YAML or JSON decoders make of a number.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsNaN(v)
	case float32:
		return float64(v), v == v
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

// quote keeps the separators of a signature unambiguous.
func quote(s string) string {
	if strings.ContainsAny(s, "|=\"\n\r") {
		return strconv.Quote(s)
	}
	return s
}

func paramNames(d *Def) string {
	if len(d.Params) == 0 {
		return "-"
	}
	var names []string
	for _, p := range d.Params {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

func paramFault(where string, t aihub.Text) aihub.Fault {
	if where != "" {
		where = "params." + clip(where)
	}
	return aihub.Fault{Code: "bad_metric", Where: where, Message: t}
}
