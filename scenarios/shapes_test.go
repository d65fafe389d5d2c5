package scenarios

import (
	"errors"
	"strings"
	"testing"

	"aihub"
)

// What a metric cannot read for its shape is said when a scenario is written, with the
// place and what to write instead, in both languages, and once.
func TestShapes(t *testing.T) {
	t.Parallel()
	const src = `apiVersion: aihub/v1
kind: Scenario
name: shapes
title: {zh: 测, en: Any}
summary: {zh: 测, en: Any}
description: {zh: 测, en: Any}
field: big-data
area: governance
agency: {zh: 市, en: City}
dataset: any@1
input: {key: id, columns: [x]}
output: {columns: [{name: out, type: string}]}
truth: {column: y, type: string}
metrics: [METRICS]
sharing: {score: {step: 0.1, range: [0, 1]}}
rounds: [{name: main}]
agreement: {zh: 同意, en: agreed}
`
	classes := "output: {columns: [{name: out, type: string}, {name: p, type: float64, range: [0, 1]}]}\ntruth: {column: y, type: string, classes: [a, b, c]}"
	for _, c := range []struct{ classes, metrics, where, want string }{
		{"", "{use: oks_ap@1, params: {sigmas: '0.1,0,0.2'}}", "metrics[0].params.sigmas", "a width above 0"},
		{"", "{use: oks_ap@1}, {use: oks_ar@1, params: {sigmas: '0.1,0.2'}}", "metrics[1].params.sigmas", "of 2 key points, those of metrics[0] of 17"},
		{"", "{use: wspl@1, params: {levels: '0.5,0.5'}}", "metrics[0].params.levels", "0 and 1 that rise"},
		{"", "{use: series_smape@1, params: {horizon: 3}}, {use: series_rmsse@1, params: {horizon: 4}}", "metrics[1].params.horizon", "differs from that of metrics[0], 3"},
		{"", "{use: series_smape@1, params: {horizon: 3}}, {use: series_rmsse@1}", "metrics[1].params.horizon", "differs from that of metrics[0], 3"},
		{"", "{use: coco_ap@1}, {use: cer@1}", "metrics", "one truth column cannot be all of these"},
		{classes, "{use: cost@1, prediction: out, params: {costs: '0,1;5,0'}}", "metrics[0].params.costs", "3 rows of 3 numbers"},
		{classes, "{use: cost@1, prediction: out, params: {costs: '0,1,1;5,0,x;1,1,0'}}", "metrics[0].params.costs", "3 rows of 3 numbers"},
	} {
		text := strings.Replace(src, "METRICS", c.metrics, 1)
		if c.classes != "" {
			at, end := strings.Index(text, "output:"), strings.Index(text, "\nmetrics")
			text = text[:at] + c.classes + text[end:]
		}
		_, _, err := Parse("shapes", []byte(text))
		var e *aihub.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.metrics, err)
			continue
		}
		n := 0
		for _, f := range e.Faults {
			if strings.HasPrefix(f.Message.EN, c.where+": ") && strings.Contains(f.Message.EN, c.want) && strings.HasPrefix(f.Message.ZH, c.where) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: %+v", c.metrics, e.Faults)
		}
	}
	for _, good := range []string{"{use: oks_ap@1, params: {sigmas: ' 0.1, 0.2'}}, {use: oks_ar@1, params: {sigmas: '0.3,0.4'}}", "{use: wspl@1, params: {levels: '0.1,0.5,0.9'}}"} {
		_, _, err := Parse("shapes", []byte(strings.Replace(src, "METRICS", good, 1)))
		if err != nil && strings.Contains(err.Error(), "params") {
			t.Errorf("%s: %v", good, err)
		}
	}
}
