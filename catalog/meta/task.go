package meta

import (
	"time"

	"aihub"
	"aihub/scenarios"
)

// taskContext is the context of Croissant with the terms of tasks. Their class
// names are those of the Croissant Tasks draft, whose namespace is not settled:
// they stand in a namespace of the platform.
func taskContext(base string) object {
	c := context()
	c["task"] = base + "/ns/task#"
	return c
}

// Task is a scenario as a task problem: what goes in, what comes out and how it is
// judged. It is a Croissant dataset too, that of the public sample which it pins:
// who can load the one can load the other. e is that dataset; nil when its sample
// is no longer served.
func Task(base string, e *Entry, sc aihub.Scenario, spec scenarios.Spec) any {
	d, kinds := object{}, []any{"task:TaskProblem"}
	if e != nil {
		d, kinds = croissant(*e), []any{"sc:Dataset", "task:TaskProblem"}
	}
	page, data := base+"/scenarios/"+sc.Ref.String(), base+"/datasets/"+sc.Dataset.String()
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
	for k, v := range (object{
		"@context": taskContext(base), "@type": kinds, "@id": page,
		"name": both(sc.Title), "alternateName": sc.Ref.Name, "description": both(sc.Summary), "url": page, "version": version(sc.Ref),
		"identifier": string(sc.Digest), "datePublished": sc.PublishedAt.UTC().Format(time.DateOnly),
		"citeAs":    sc.Title.EN + ", " + sc.Ref.String() + ", " + string(sc.Digest),
		"isBasedOn": object{"@id": data}, "task:field": sc.Field, "task:area": sc.Area,
		"task:input": object{
			"@type": "task:InputSpec", "task:dataset": object{"@id": data},
			"task:file": spec.Input.File, "encodingFormat": spec.Input.Format, "task:fields": inputs,
		},
		"task:output": object{
			"@type": "task:OutputSpec", "task:file": spec.Output.File, "encodingFormat": spec.Output.Format,
			"task:schema": object{"@type": "task:Schema", "name": object{"en": "predictions"}, "task:fields": outputs},
		},
		"task:evaluation": object{"@type": "task:EvaluationTask", "task:metric": metrics, "task:heldBack": spec.Truth.Column},
		"task:results":    object{"@id": page + "/board"},
	}) {
		d[k] = v
	}
	return d
}

// Result is a submission and what of its score was released.
type Result struct {
	ID       aihub.SubmissionID
	Name     string
	Org      aihub.Text   // whose it is
	Image    aihub.Digest // of the algorithm; "" where it is not for the reader
	Round    string
	Rank     int // on the board; 0: of a submission by itself
	Baseline bool
	At       time.Time           // entered
	Values   []aihub.MetricValue // released; none: not yet
	Note     string
	Proof    *aihub.Certificate
	Shown    time.Time // released; zero: not known here
}

// Solution is a submission as a solution of its scenario, with its evaluation.
func Solution(base string, scenario, dataset aihub.Ref, r Result) any {
	d := solution(base, scenario, dataset, r)
	d["@context"] = taskContext(base)
	return d
}

func solution(base string, scenario, dataset aihub.Ref, r Result) object {
	problem := object{"@id": base + "/scenarios/" + scenario.String()}
	page := base + "/submissions/" + string(r.ID)
	d := object{
		"@type": []any{"task:TaskSolution", "prov:Entity"}, "@id": page, "url": page,
		"name": object{"en": r.Name}, "identifier": string(r.ID), "task:problem": problem, "task:round": r.Round, "task:baseline": r.Baseline,
		"creator": object{"@type": "sc:Organization", "name": both(r.Org)}, "dateCreated": r.At.UTC().Format(time.RFC3339),
	}
	if r.Image != "" {
		d["task:implementation"] = object{"@type": "sc:SoftwareApplication", "identifier": string(r.Image), "applicationCategory": "OCI image"}
	}
	if len(r.Values) == 0 {
		return d
	}
	var values []any
	for _, v := range r.Values {
		x := object{"@type": "task:MetricValue", "name": object{"en": v.ID}, "task:implementation": v.Signature, "task:status": string(v.Status)}
		if v.Status != aihub.MetricUndefined {
			x["task:value"] = v.Value
		}
		if v.N > 0 {
			x["task:rows"] = v.N
		}
		if v.Lo != 0 || v.Hi != 0 {
			x["task:low"], x["task:high"] = v.Lo, v.Hi
		}
		if v.Reason != "" {
			x["task:reason"] = v.Reason
		}
		values = append(values, x)
	}
	e := object{
		"@type": []any{"task:EvaluationResult", "prov:Entity"}, "@id": page + "#result", "task:values": values,
		"prov:wasDerivedFrom": []any{object{"@id": page}, object{"@id": base + "/datasets/" + dataset.String()}},
		"prov:wasGeneratedBy": object{"@type": []any{"task:EvaluationTask", "prov:Activity"}, "task:problem": problem,
			"prov:wasAssociatedWith": object{"@type": "prov:SoftwareAgent", "prov:label": "aihub", "url": base}},
	}
	if r.Rank > 0 {
		e["task:rank"] = r.Rank
	}
	if r.Note != "" {
		e["task:note"] = r.Note
	}
	if !r.Shown.IsZero() {
		e["datePublished"] = r.Shown.UTC().Format(time.RFC3339)
	}
	if p := r.Proof; p != nil && p.Error > 0 {
		e["task:error"], e["task:delta"] = p.Error, p.Delta
	}
	d["task:result"] = e
	return d
}

// Board is the ranking of a round as the solutions on it, best first.
func Board(base string, sc aihub.Scenario, round string, asOf time.Time, rows []Result) any {
	all := []any{}
	for _, r := range rows {
		all = append(all, solution(base, sc.Ref, sc.Dataset, r))
	}
	page := base + "/scenarios/" + sc.Ref.String()
	return object{
		"@context": taskContext(base), "@type": "task:Leaderboard", "@id": page + "/board", "name": both(sc.Title),
		"task:problem": object{"@id": page}, "task:round": round, "dateModified": asOf.UTC().Format(time.RFC3339),
		"task:solutions": object{"@list": all},
	}
}
