package policies

import (
	"context"

	"aihub"
)

// Engine decides. It is safe for concurrent use.
type Engine struct{}

// New loads the embedded model and rules, lints them, and returns an Engine.
func New() (*Engine, error) { panic("not built yet") }

// Authorize returns a Permit, or an aihub.Error of kind Refused (Unauthenticated
// for an anonymous actor) that names what is missing.
func (e *Engine) Authorize(ctx context.Context, a aihub.Actor, action Action, o Object) (Permit, error) {
	panic("not built yet")
}
