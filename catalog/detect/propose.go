package detect

import (
	"encoding/json"
	"fmt"
	"strings"

	"aihub/internal/table"
)

// Proposal is what the evidence about one column suggests to the person who
// writes the mask plan.
type Proposal struct {
	Column  string    `json:"column"`
	Class   Class     `json:"class"`
	Level   int       `json:"level"` // see Level
	Use     string    `json:"use"`   // technique, keep and drop among them
	Rule    string    `json:"rule"`  // the whole rule as YAML: in one line, or a mapping in several
	Because []Finding `json:"because"`
}

// Level is the grade of general data (一般数据, 1 to 4, after the appendix of GB/T
// 43697-2024 on it) that the evidence about one column does not fall below:
// 1 when nothing speaks of people, 2 for what narrows them down, 3 for what names
// them, 4 for sensitive personal information (敏感个人信息, GB/T 35273): numbers of
// identity documents and bank accounts, exact places, health, income, faith.
// What is important or core data (重要数据, 核心数据) no column tells: that is for
// people to say, and only upwards.
func Level(fs []Finding) int {
	level := 1
	for _, f := range fs {
		switch {
		case f.Class == Sensitive:
			level = 4
		case f.Kind == KindResident, f.Kind == KindResident15, f.Kind == KindCard, f.Kind == KindPassport, f.Kind == KindPlace, f.Kind == KindAddress:
			level = 4
		case f.Class == Direct:
			level = max(level, 3)
		case f.Class == Quasi:
			level = max(level, 2)
		}
	}
	return level
}

// Propose makes one Proposal for each column from its findings, the gravest of
// which come first.
func Propose(fields []table.Field, findings []Finding) []Proposal {
	of := map[string][]Finding{}
	for _, f := range findings {
		of[f.Column] = append(of[f.Column], f)
	}
	out := make([]Proposal, 0, len(fields))
	for _, f := range fields {
		fs := of[f.Name]
		p := Proposal{Column: f.Name, Class: None, Level: Level(fs), Use: "keep", Rule: "{use: keep}", Because: fs}
		if len(fs) > 0 {
			p.Class = fs[0].Class
			p.Use, p.Rule = ruleFor(f.Type, fs[0])
		}
		out = append(out, p)
	}
	return out
}

// ruleFor is the technique for a column, and its rule: one that the column's
// type takes. Columns of one kind share a domain, so that tables still join.
func ruleFor(t table.Type, f Finding) (use, rule string) {
	with := func(use, params string) (string, string) { return use, "{use: " + use + params + "}" }
	use = f.Use
	invalid := ""
	if f.Share < 1 {
		invalid = ", on_invalid: missing"
	}
	number := t == table.Int64
	switch {
	case f.Class == None || f.Class == Sensitive || f.Kind == KindPlace && use == "keep":
		return with("keep", "")
	case (f.Kind == KindNamed || f.Kind == KindDescribed) && f.Class == Direct && (number || t == table.String):
		return with("pseudonym", "")
	case (f.Kind == KindNamed || f.Kind == KindDescribed) && f.Class == Direct:
		return with("drop", "")
	case f.Kind == KindNamed && number:
		return with("band", ", width: 5")
	case f.Kind == KindUnique:
		return with("pseudonym", "")
	case (f.Kind == KindNamed || f.Kind == KindLives) && (t == table.Date || t == table.Timestamp):
		return with("date", ", to: year")
	case f.Kind == KindNamed:
		return with("keep", "")
	case use == "resident" && (number || t == table.String):
		return with(use, ", domain: resident"+invalid)
	case (use == "phone" || use == "card") && (number || t == table.String), (use == "uscc" || use == "plate") && t == table.String:
		return with(use, ", domain: "+string(f.Kind)+invalid)
	case (use == "redact" || use == "name") && t == table.String, use == "drop":
		return with(use, "")
	case use == "address" && t == table.String:
		return with(use, ", to: district, on_invalid: missing")
	}
	return with("pseudonym", ", domain: "+string(f.Kind))
}

// PlanYAML writes proposals as a mask plan, with the evidence in comments. Those
// hold no value of the data.
func PlanYAML(ps []Proposal) string {
	var b strings.Builder
	b.WriteString("mask:\n  columns:\n")
	for _, p := range ps {
		name, _ := json.Marshal(p.Column) // a JSON string is a YAML one
		block := strings.Contains(p.Rule, "\n")
		if block { // the YAML library stumbles over a comment between some keys and their mapping
			b.WriteString("    #")
		} else {
			fmt.Fprintf(&b, "    %s: %s #", name, p.Rule)
		}
		fmt.Fprintf(&b, " %s, level %d", p.Class, p.Level)
		for _, f := range p.Because {
			if f.Kind == "" {
				continue
			}
			fmt.Fprintf(&b, "; %s", f.Kind)
			if f.Kind != KindNamed && f.Kind != KindLives && f.Kind != KindDescribed {
				fmt.Fprintf(&b, " in %.3g%% of %d values", 100*f.Share, f.Values)
			}
			if f.Inside {
				b.WriteString(", inside texts")
			}
		}
		b.WriteByte('\n')
		if block {
			fmt.Fprintf(&b, "    %s:\n      %s\n", name, strings.ReplaceAll(p.Rule, "\n", "\n      "))
		}
	}
	return b.String()
}
