package meta

import (
	"aihub"
	"aihub/scenarios"
)

// Task is a scenario as a task problem: what goes in, what comes out and how it
// is judged. Its class names are those of the Croissant Tasks draft, whose
// namespace is not settled: the terms stand in a namespace of the platform.
func Task(base string, sc aihub.Scenario, spec scenarios.Spec) any {
	c := context()
	c["task"] = base + "/ns/task#"
	page := base + "/scenarios/" + sc.Ref.String()
	var outputs []any
	for _, o := range spec.Output.Columns {
		f := object{"@type": "cr:Field", "@id": "predictions/" + o.Name, "name": object{"en": o.Name}, "dataType": types[o.Type]}
		if len(o.Classes) > 0 {
			f["task:allowedValues"] = o.Classes
		}
		outputs = append(outputs, f)
	}
	var metrics []any
	for _, m := range spec.Metrics {
		x := object{"@type": "task:Metric", "name": object{"en": m.ID}, "task:implementation": m.Use, "task:primary": m.Primary, "task:direction": m.Direction}
		if len(m.Params) > 0 {
			x["task:parameters"] = m.Params
		}
		metrics = append(metrics, x)
	}
	var inputs []any
	for _, name := range append([]string{spec.Input.Key}, spec.Input.Columns...) {
		inputs = append(inputs, object{"@id": "sample/" + name})
	}
	return object{
		"@context": c, "@type": "task:TaskProblem", "@id": page,
		"name": both(sc.Title), "description": both(sc.Summary), "url": page, "version": version(sc.Ref),
		"identifier": string(sc.Digest), "datePublished": sc.PublishedAt.UTC().Format("2006-01-02"),
		"task:field": sc.Field, "task:area": sc.Area,
		"task:input": object{
			"@type": "task:InputSpec", "task:dataset": object{"@id": base + "/datasets/" + sc.Dataset.String()},
			"task:file": spec.Input.File, "encodingFormat": spec.Input.Format, "task:fields": inputs,
		},
		"task:output": object{
			"@type": "task:OutputSpec", "task:file": spec.Output.File, "encodingFormat": spec.Output.Format,
			"task:schema": object{"@type": "cr:RecordSet", "@id": "predictions", "name": object{"en": "predictions"}, "field": outputs},
		},
		"task:evaluation": object{"@type": "task:EvaluationTask", "task:metric": metrics, "task:heldBack": spec.Truth.Column},
	}
}
