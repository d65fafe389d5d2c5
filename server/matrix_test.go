package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"aihub"
	"aihub/policies"
	"aihub/server/wire"
)

// operation is what the matrix needs of the OpenAPI document.
type operation struct {
	method, path, id string
	body             map[string]any // a well-formed body; nil when it takes none
}

// operations reads them from the running server.
func (w *world) operations() []operation {
	w.t.Helper()
	_, text := w.do("GET", "/openapi.json", "", nil)
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
			RequestBody struct {
				Content map[string]struct{ Schema schema }
			} `json:"requestBody"`
		}
		Components struct{ Schemas map[string]schema }
	}
	w.must(json.Unmarshal([]byte(text), &doc))
	var out []operation
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			o := doc.Paths[path][method]
			op := operation{method: strings.ToUpper(method), path: path, id: o.OperationID}
			if c, ok := o.RequestBody.Content["application/json"]; ok {
				op.body, _ = c.Schema.example(doc.Components.Schemas).(map[string]any)
			}
			out = append(out, op)
		}
	}
	return out
}

type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Required   []string          `json:"required"`
	Properties map[string]schema `json:"properties"`
	MinLength  int               `json:"minLength"`
	Items      *schema           `json:"items"`
}

// example is the smallest value that the schema takes.
func (s schema) example(all map[string]schema) any {
	if s.Ref != "" {
		return all[s.Ref[strings.LastIndex(s.Ref, "/")+1:]].example(all)
	}
	switch s.Type {
	case "object":
		m := map[string]any{}
		for _, k := range s.Required {
			m[k] = s.Properties[k].example(all)
		}
		return m
	case "boolean":
		return true
	case "array":
		return []any{s.Items.example(all)}
	case "string":
		return strings.Repeat("x", max(1, s.MinLength))
	}
	return nil
}

// may lists who gets past the policies, by operation. Everyone else is refused
// or finds nothing. An operation that is not here fails the test.
var may = map[string][]string{
	"sign-in": {"anyone"}, "sign-out": {"member"}, "me": {"member"},
	"list-orgs": {"member"}, "create-org": {"operator"}, "list-users": {"member"}, "create-user": {"operator"},
	"list-datasets": {"anyone"}, "get-dataset": {"anyone"}, "get-sample": {"anyone"}, "get-card": {"anyone"},
	"get-metadata": {"anyone"}, "get-scenario-metadata": {"anyone"}, "get-board-metadata": {"anyone"}, "get-catalog": {"anyone"},
	"get-profile": {"steward", "reviewer"}, "propose-dataset": {"steward"}, "check-manifest": {"steward"},
	"begin-upload": {"steward"}, "get-upload": {"steward"}, "append-upload": {"steward"}, "propose-upload": {"steward"}, "decide-dataset": {"reviewer"},
	"list-scenarios": {"anyone"}, "get-scenario": {"anyone"}, "get-board": {"anyone"}, "get-overall": {"anyone"},
	"list-scorers": {"member"}, "propose-scorer": {"steward"}, "score-again": {"steward"}, "list-rescores": {"vendor", "steward", "reviewer"}, "decide-scorer": {"reviewer"},
	"get-self-test": {"steward"}, "get-probing": {"steward", "reviewer"},
	"publish-scenario": {"steward"}, "close-scenario": {"steward"},
	"enrol": {"vendor"}, "list-enrolments": {"member"}, "decide-enrolment": {"steward", "reviewer"}, "revoke-enrolment": {"steward"},
	"upload-image": {"vendor", "steward"}, "take-pushed-image": {"vendor", "steward"}, "submit": {"vendor", "steward"}, "list-submissions": {"member"},
	"get-submission": {"vendor", "steward", "reviewer"}, "get-submission-metadata": {"vendor", "steward", "reviewer"}, "cancel-submission": {"vendor"},
	"rerun-submission": {"vendor"}, "get-hours": {"member"},
	"list-models": {"member"}, "delete-model": {"vendor", "steward"},
	"list-images": {"member"}, "delete-image": {"vendor", "steward"},
	"ask-files": {"vendor", "steward"}, "list-file-releases": {"member"}, "get-file-release": {"vendor", "steward", "reviewer"},
	"vote-files": {"reviewer"}, "view-files": {"reviewer"}, "fetch-file": {"vendor", "steward"}, // TestFilesLeave, of real ones
	"open-workspace": {"vendor", "steward"}, "list-workspaces": {"member"}, "close-workspace": {"vendor", "steward", "operator"},
	"type-in-workspace": {"vendor"}, "resize-workspace": {"vendor"}, "watch-workspace": {"vendor", "steward"}, // TestWorkspace, of a real one
	"follow-submission": {"vendor", "steward", "reviewer"}, "get-receipt": {"vendor", "steward", "reviewer"},
	"get-run": {"vendor", "steward", "reviewer"}, "get-run-log": {"steward"},
	"list-releases": {"member"}, "get-release": {"vendor", "steward", "reviewer"}, "vote": {"reviewer"},
	"erase-dataset": {"steward"}, "get-plan": {"steward", "reviewer"}, "get-privacy": {"anyone"}, "publish-aggregate": {"steward"}, "rotate-key": {"steward"},
	"request-reidentification": {"steward"}, "list-reidentifications": {"member"}, "decide-reidentification": {"reviewer"}, "reveal": {"steward"},
	"get-checkpoint": {"anyone"}, "verify-ledger": {"operator", "reviewer"}, "get-queue": {"operator", "steward", "reviewer"},
}

// TestMatrix asks every operation of the OpenAPI document as every kind of
// person about things that are not theirs. A thing of others and a thing that
// does not exist answer with the same bytes, and no answer holds a word of what
// belongs to another organisation.
func TestMatrix(t *testing.T) {
	c := newCity(t)
	ctx := t.Context()
	platform := policies.ScopeOf(policies.Platform())
	runs, err := c.db.Runs(ctx, platform, c.review.ID)
	c.must(err)
	releases, err := c.db.Releases(ctx, platform, aihub.ReleaseReview1)
	c.must(err)
	enrolments, err := c.db.Enrolments(ctx, platform, c.schools.Ref)
	c.must(err)
	var mine aihub.Enrolment
	for _, e := range enrolments {
		if e.Org == "acme" {
			mine = e
		}
	}
	// What is not another's: an unreleased submission and all that belongs to it.
	secrets := []string{
		string(c.review.ID), string(runs[0].ID), string(releases[0].ID), string(mine.ID),
		string(c.review.Image), c.review.Image.Hex(), string(runs[0].Output), c.review.Name, string(c.failed.ID), "event-reports@2",
	}
	_, begun := c.do("POST", "/api/v1/uploads", c.as("steward").token, strings.NewReader(`{"size":9,"digest":"`+string(aihub.DigestOf(nil))+`"}`), "Content-Type", "application/json")
	var upload wire.Upload
	c.must(json.Unmarshal([]byte(begun), &upload))
	var asked struct{ ID string }
	_, begun = c.do("POST", "/api/v1/datasets/event-reports@1/reidentifications", c.as("steward").token,
		strings.NewReader(`{"column":"event_id","masked":["00"],"purpose":"a court asks"}`), "Content-Type", "application/json")
	c.must(json.Unmarshal([]byte(begun), &asked))
	secrets = append(secrets, asked.ID, "a court asks")
	// By what a path begins with: a thing of others, and one that does not exist.
	things := map[string][2]string{
		"/submissions/":       {string(c.review.ID), "sub_aaaaaaaaaaaaaaaa"},
		"/workspaces/":        {string(c.review.ID), "sub_aaaaaaaaaaaaaaaa"}, // which is none
		"/runs/":              {string(runs[0].ID), "run_aaaaaaaaaaaaaaaa"},
		"/releases/":          {string(releases[0].ID), "rel_aaaaaaaaaaaaaaaa"},
		"/enrolments/":        {string(mine.ID), "enr_aaaaaaaaaaaaaaaa"},
		"/datasets/":          {"event-reports@2", "event-reports@9"},
		"/scorers/":           {"scr_bbbbbbbbbbbbbbbb", "scr_aaaaaaaaaaaaaaaa"}, // strangers see none at all
		"/file-releases/":     {"out_bbbbbbbbbbbbbbbb", "out_aaaaaaaaaaaaaaaa"},
		"/models/":            {string(aihub.DigestOf([]byte("one"))), string(aihub.DigestOf([]byte("none")))},
		"/images/":            {string(c.review.Image), string(aihub.DigestOf([]byte("none")))},
		"/uploads/":           {upload.ID, "aaaaaaaaaaaaaaaa"},
		"/mask-keys/":         {"event-reports", "nothing-here"},
		"/reidentifications/": {asked.ID, "rid_aaaaaaaaaaaaaaaa"},
		"/scenarios/":         {c.events.Ref.String(), "event-dispatch@9"},
	}
	people := map[string]person{
		"anyone": c.as(""), "rival": c.as("rival"), "operator": c.as("operator"),
		"vendor": c.as("vendor"), "steward": c.as("steward"), "reviewer": c.as("second"),
	}
	strangers := []string{"anyone", "rival", "operator"} // to things of the vendor

	ask := func(op operation, p person, id string) (*http.Response, string) {
		path := strings.NewReplacer("{id}", id, "{ref}", id, "{scope}", id).Replace(op.path)
		body, header := "", []string{}
		if op.body != nil {
			b, err := json.Marshal(op.body)
			c.must(err)
			body, header = string(b), []string{"Content-Type", "application/json"}
		}
		return c.do(op.method, "/api/v1"+path, p.token, strings.NewReader(body), header...)
	}
	ops := c.operations()
	if len(ops) < len(may) {
		t.Errorf("the document has %d operations, the matrix %d", len(ops), len(may))
	}
	for _, op := range ops {
		allowed, known := may[op.id]
		if !known {
			t.Errorf("%s (%s %s) is new: say in this test who may", op.id, op.method, op.path)
			continue
		}
		if op.id == "sign-out" || op.id == "sign-in" {
			continue // TestSignIn
		}
		var thing [2]string
		if strings.Contains(op.path, "{") {
			prefix := op.path[:strings.Index(op.path, "{")]
			if thing = things[prefix]; thing[0] == "" {
				t.Errorf("%s: the matrix knows no thing for %s", op.id, prefix)
				continue
			}
		}
		public := strings.HasPrefix(op.path, "/scenarios/")
		for _, name := range strangers {
			resp, body := ask(op, people[name], thing[0])
			for _, s := range secrets {
				if strings.Contains(strings.ReplaceAll(body, thing[0], ""), s) && s != thing[0] {
					t.Errorf("%s as %s tells %q: %.300s", op.id, name, s, body)
				}
			}
			if thing[0] == "" || public {
				continue
			}
			if resp.StatusCode < 400 {
				t.Errorf("%s as %s about a thing of others: %d %.200s", op.id, name, resp.StatusCode, body)
			}
			none, nothing := ask(op, people[name], thing[1])
			if resp.StatusCode != none.StatusCode || strings.ReplaceAll(body, thing[0], "ID") != strings.ReplaceAll(nothing, thing[1], "ID") {
				t.Errorf("%s as %s: others' %d %.200s, none's %d %.200s", op.id, name, resp.StatusCode, body, none.StatusCode, nothing)
			}
			for h := range none.Header {
				if h != "Date" && h != "Content-Length" && resp.Header.Get(h) != none.Header.Get(h) {
					t.Errorf("%s as %s: header %s is %q for others', %q for none's", op.id, name, h, resp.Header.Get(h), none.Header.Get(h))
				}
			}
		}
		// Roles: whoever is not named is refused, also about what they can see.
		for name, p := range people {
			role := name
			if name == "rival" {
				role = "vendor"
			}
			if slices.Contains(allowed, "anyone") || name != "anyone" && slices.Contains(allowed, "member") || slices.Contains(allowed, role) {
				continue
			}
			resp, body := ask(op, p, thing[0])
			if s := resp.StatusCode; s != 401 && s != 403 && s != 404 {
				t.Errorf("%s as %s: %d %.200s", op.id, name, s, body)
			}
		}
	}
	// Nobody was let in by any of this: the vendor's things stand as they stood.
	sub, err := c.db.Submission(ctx, platform, c.review.ID)
	c.must(err)
	rel, err := c.db.Release(ctx, platform, releases[0].ID)
	c.must(err)
	if sub.State != aihub.SubmissionScored || rel.State != aihub.ReleaseReview1 || len(rel.Votes) != 0 {
		t.Errorf("the matrix changed things: %s, %s, %d votes", sub.State, rel.State, len(rel.Votes))
	}
	noInternal(t, c.world)
}

// TestPagesTellNoMoreThanTheAPI: the same for the pages.
func TestPagesTellNoMoreThanTheAPI(t *testing.T) {
	c := newCity(t)
	for _, who := range []aihub.UserID{"", "rival", "operator"} {
		b := c.browse(who)
		for _, id := range []string{string(c.review.ID), "sub_aaaaaaaaaaaaaaaa"} {
			for _, path := range []string{"/submissions/" + id, "/datasets/event-reports@2", "/work"} {
				status, body := b.get(path)
				body = strings.ReplaceAll(body, id, "")
				if strings.Contains(body, c.review.Name) || strings.Contains(body, "acme") || strings.Contains(body, "涉及脱敏前的数据") {
					t.Errorf("%s as %q tells of others", path, who)
				}
				if status == 200 {
					t.Errorf("%s as %q: 200", path, who)
				}
			}
		}
		for _, path := range []string{"/", "/datasets", "/submissions", "/scenarios/school-places@1"} {
			if _, body := b.get(path); strings.Contains(body, string(c.review.ID)) || strings.Contains(body, c.review.Name) || strings.Contains(body, "event-reports@2") {
				t.Errorf("%s as %q tells of others", path, who)
			}
		}
	}
}
