package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/store"
	"aihub/server/wire"
)

func init() {
	may["search"], may["diff-datasets"] = []string{"anyone"}, []string{"anyone"}
	may["withdraw-dataset"], may["withdraw-scenario"] = []string{"steward"}, []string{"steward"}
}

// What a steward withdraws is pinned, entered and served no more, with a text
// that says so; the search no longer finds it.
func TestWithdraw(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	steward, vendor, visitor := w.as("steward"), w.as("vendor"), w.as("")
	w.dataset("event-dispatch")
	sc := w.scenario("event-dispatch")
	data := sc.Dataset.String()
	for query, n := range map[string]int{"": 2, "事件": 2, "event": 2, "departm": 2, "nowhere": 0} {
		if page, err := visitor.Search(ctx, store.CatalogueQuery{Words: query}); err != nil || page.Total != n {
			t.Errorf("%q finds %d, want %d (%v)", query, page.Total, n, err)
		}
	}
	if _, text := w.do("GET", "/datasets?q=event&lang=en", "", nil); !strings.Contains(text, "/datasets/"+data) {
		t.Errorf("the page does not find %s", data)
	}
	if changes, err := steward.DatasetDiff(ctx, data, data); err != nil || len(changes) != 0 {
		t.Errorf("a version differs from itself in %v (%v)", changes, err)
	}
	_, err := visitor.DatasetDiff(ctx, data, "nowhere@1")
	w.want(aihub.NotFound, err)
	w.want(aihub.Refused, vendor.WithdrawDataset(ctx, data, wire.Withdraw{Reason: "mine"}))
	w.want(aihub.Invalid, steward.WithdrawDataset(ctx, data, wire.Withdraw{Reason: "  "}))
	vendor.enrol(sc)
	sub := vendor.submit(sc, "entered before", false)
	w.must(steward.WithdrawDataset(ctx, data, wire.Withdraw{Reason: "a column was masked too weakly"}))

	// Since when and why: for those who still see it, on the page, in the API and in its descriptions.
	inside, outside := w.browse("steward"), w.browse("vendor")
	for path, words := range map[string][]string{
		"/datasets/" + data + "?lang=en":                     {"Withdrawn on ", "a column was masked too weakly"},
		"/datasets/" + data + "?lang=zh":                     {"撤回，", "a column was masked too weakly"},
		"/api/v1/datasets/" + data:                           {`"reason"`, "a column was masked too weakly"},
		"/api/v1/datasets/" + data + "/metadata":             {"creativeWorkStatus", "prov:invalidatedAtTime", "a column was masked too weakly"},
		"/api/v1/datasets/" + data + "/metadata?format=dcat": {"adms/status/Withdrawn", "prov:wasInvalidatedBy"},
	} {
		status, text := inside.get(path)
		for _, word := range words {
			if status != http.StatusOK || !strings.Contains(text, word) {
				t.Errorf("%s: %d without %q:\n%s", path, status, word, text)
			}
		}
		if status, text := outside.get(path); status != http.StatusNotFound || strings.Contains(text, "too weakly") {
			t.Errorf("a vendor at %s: %d\n%s", path, status, text)
		}
	}
	w.want(aihub.NotFound, visitor.DatasetSample(ctx, data, "csv", io.Discard))
	w.want(aihub.Refused, steward.DatasetSample(ctx, data, "csv", io.Discard))
	if page, err := visitor.Search(ctx, store.CatalogueQuery{Kind: "dataset"}); err != nil || page.Total != 0 {
		t.Errorf("%d datasets are still found: %v", page.Total, err)
	}
	if _, text := w.do("GET", "/scenarios/"+sc.Ref.String()+"?lang=en", "", nil); !strings.Contains(text, data+" was withdrawn") {
		t.Errorf("the scenario's page does not say that its data is gone")
	}
	if resp, text := w.do("GET", "/api/v1/scenarios/"+sc.Ref.String()+"/metadata", "", nil); resp.StatusCode != http.StatusOK || strings.Contains(text, "sc:Dataset") || strings.Contains(text, "/sample") {
		t.Errorf("%s: a description with a sample that is gone:\n%s", resp.Status, text)
	}
	w.must(steward.WithdrawScenario(ctx, sc.Ref.String(), wire.Withdraw{Reason: "its data is gone"}))
	_, err = visitor.Scenario(ctx, sc.Ref.String())
	w.want(aihub.NotFound, err)
	_, err = w.as("rival").Scenario(ctx, sc.Ref.String())
	w.want(aihub.NotFound, err)
	// Who entered something keeps their pages of it.
	if v, err := vendor.Scenario(ctx, sc.Ref.String()); err != nil || v.State != aihub.ScenarioWithdrawn || v.Reason != "its data is gone" || v.EndedAt.IsZero() {
		t.Errorf("%s has lost its scenario, or is not told why: %v, %+v", sub.ID, err, v.Scenario)
	}
	for lang, says := range map[string]string{"en": "Withdrawn on ", "zh": "撤回：不再接受提交"} {
		for _, who := range []aihub.UserID{"vendor", "steward", "reviewer"} {
			if _, text := w.browse(who).get("/scenarios/" + sc.Ref.String() + "?lang=" + lang); !strings.Contains(text, says) || !strings.Contains(text, "its data is gone") {
				t.Errorf("the page of %s does not say why, in %s", who, lang)
			}
		}
	}
	if page, err := steward.Search(ctx, store.CatalogueQuery{State: "withdrawn"}); err != nil || page.Total != 2 {
		t.Errorf("a steward finds %d of 2 withdrawn things: %v", page.Total, err)
	}
	if resp, _ := w.do("GET", "/api/v1/search?limit=9000", "", nil); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("no bound on a page: %s", resp.Status)
	}
}
