package scenarios

import (
	"errors"
	"strings"
	"testing"

	"aihub"
)

// A metric of texts is named as any other: the truth is a string without
// classes, and so is the column that it scores.
func TestMetricsOfTexts(t *testing.T) {
	const src = `apiVersion: aihub/v1
kind: Scenario
name: speech
title: {zh: 测, en: Any}
summary: {zh: 测, en: Any}
description: {zh: 测, en: Any}
field: big-data
area: governance
agency: {zh: 市, en: City}
dataset: any@1
input: {key: id, columns: [x]}
output: {columns: [{name: heard, type: string}, {name: sure, type: float64}]}
truth: {column: said, type: string}
metrics: [{use: cer@1, params: {punctuation: keep}}]
sharing: {score: {step: 0.1, range: [0, 1]}}
rounds: [{name: main}]
agreement: {zh: 同意, en: agreed}
`
	spec, _, err := Parse("speech", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	m := spec.Metrics[0]
	if m.Prediction != "heard" || m.Direction != "min" || !m.Primary || m.Params["align"] != "levenshtein" || m.Params["punctuation"] != "keep" || m.OnUndefined != "worst" {
		t.Errorf("%+v", m)
	}
	for _, c := range []struct{ from, to, want string }{
		{"type: string}\nmetrics", "type: string, classes: [a, b]}\nmetrics", "metrics[0].use: cer@1 compares texts, not classes: leave truth.classes out"},
		{"type: string}\nmetrics", "type: int64}\nmetrics", "metrics[0].use: cer@1 compares texts, but truth.type is int64"},
		{"heard, type: string", "heard, type: int64", "metrics[0].prediction: cer@1 needs a string column without classes in output.columns"},
		{"use: cer@1", "prediction: sure, use: cer@1", "metrics[0].prediction: cer@1 needs a string column without classes; these fit: heard"},
		{"use: cer@1, params: {punctuation: keep}", "use: cer@1, params: {punctuation: drop}", "metrics[0].params.punctuation: must be one of: strip, keep"},
		{", range: [0, 1]", "", "sharing.score.range: missing: write the values of cer@1 that will be shown, e.g. [0, 100]"},
		{"said, type: string", "said, type: string, separator: \"|\"", "metrics[0].use: cer@1 does not take several true texts: leave truth.separator out"},
		{"said, type: string", "said, type: int64, empty: true", "truth.empty: is of texts"},
		{"use: cer@1, params: {punctuation: keep}", "use: psnr@2", "metrics[0].use: there is no metric \"psnr@2\""},
		{"use: cer@1, params: {punctuation: keep}", "use: accuracy@1", "metrics[0].use: accuracy@1 needs truth.classes"},
	} {
		_, _, err := Parse("speech", []byte(strings.Replace(src, c.from, c.to, 1)))
		var e *aihub.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", c.to, err)
			continue
		}
		found := false
		for _, f := range e.Faults {
			found = found || strings.HasPrefix(f.Message.EN, c.want)
		}
		if !found {
			t.Errorf("%s: %v", c.to, e.Faults)
		}
	}
}
