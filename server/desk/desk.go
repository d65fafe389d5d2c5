// Package desk is what the platform's front desk does for a person: each verb
// once, for the JSON API and for the pages alike. A verb reads what it needs in
// the actor's scope (what is out of scope does not exist), asks package policies
// for a Permit, and has the store write. It knows nothing of HTTP.
package desk

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"aihub"
	"aihub/catalog"
	"aihub/evaluator"
	"aihub/internal/blob"
	"aihub/internal/oci"
	"aihub/internal/store"
	"aihub/policies"
	"aihub/sandbox"
	"aihub/scenarios"
	"aihub/server/registry"
)

// Desk serves everyone. Its fields are set once.
type Desk struct {
	DB        *store.DB
	Policies  *policies.Engine
	Blobs     blob.Store
	Catalog   *catalog.Catalog
	Registry  *registry.Registry
	Judge     evaluator.Judge     // runs a scenario's scorer; nil: nothing here can
	Searcher  *evaluator.Searcher // of files that would leave
	Terminals *sandbox.Workspaces // of workspaces that are open in this process; nil: none are
	Images    oci.Limits          // of an uploaded image
	Machine   func() string       // architecture that images must be built for; "" while the sandbox has not answered
	Data      int64               // bytes of an uploaded data file
	Dir       string              // for files under way
	Now       func() time.Time    //

	sending sync.Mutex
	sent    map[aihub.OrgID]int // images on their way in

	samples sync.Map // digest of a version's content -> meta.File of its sample
}

// permit asks the policies.
func (d *Desk) permit(ctx context.Context, a aihub.Actor, action policies.Action, o policies.Object) (policies.Permit, error) {
	o.Kind, _, _ = strings.Cut(string(action), ".")
	return d.Policies.Authorize(ctx, a, action, o)
}

// signedIn refuses anonymous visitors.
func signedIn(a aihub.Actor) error {
	if !a.Anonymous() {
		return nil
	}
	return aihub.Errorf(aihub.Unauthenticated, aihub.Text{
		EN: "sign in first", ZH: "请先登录",
	}).WithHint(aihub.Text{EN: "sign in on the page, or with aihub login", ZH: "请在网页登录，或使用 aihub login"})
}

// scenario resolves name@N, or a bare name to its newest open version.
func (d *Desk) scenario(ctx context.Context, a aihub.Actor, ref string) (aihub.Scenario, error) {
	scope := policies.ScopeOf(a)
	if !strings.Contains(ref, "@") {
		if err := aihub.CheckSlug(ref); err != nil {
			return aihub.Scenario{}, err
		}
		return d.DB.LatestScenario(ctx, scope, ref)
	}
	r, err := aihub.ParseRef(ref)
	if err != nil {
		return aihub.Scenario{}, err
	}
	return d.DB.Scenario(ctx, scope, r)
}

// spec reads a scenario's canonical spec.
func spec(sc aihub.Scenario) (scenarios.Spec, error) {
	s, err := scenarios.ParseCanonical(sc.Spec)
	if err != nil {
		return scenarios.Spec{}, fmt.Errorf("spec of %s: %w", sc.Ref, err)
	}
	return s, nil
}

// NotFound is the answer for what does not exist, or not for this actor.
func NotFound() error {
	return aihub.Errorf(aihub.NotFound, aihub.Text{
		EN: "there is nothing here, or nothing you may see", ZH: "此处没有内容，或您无权查看",
	})
}
