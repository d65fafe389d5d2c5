package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/wire"
)

func (a *API) people() {
	type signIn struct {
		Body wire.SignIn
		Remote
	}
	handle(a, op(http.MethodPost, "/signin", "sign-in", "people", "Exchange a password for a bearer token", 200),
		func(ctx context.Context, _ aihub.Actor, in *signIn) (*body[wire.SignedIn], error) {
			return answer(a.Auth.Token(ctx, in.addr, in.Body))
		})
	out := op(http.MethodPost, "/signout", "sign-out", "people", "Make the token of this request invalid", 204)
	out.Responses = map[string]*huma.Response{"204": {Description: "The token is no longer valid"}}
	a.raw(out, func(c *gin.Context, who aihub.Actor) error {
		if err := a.Auth.Revoke(c.Request.Context(), c.Request); err != nil {
			return err
		}
		c.Status(http.StatusNoContent)
		return nil
	})
	handle(a, op(http.MethodGet, "/me", "me", "people", "Who the token belongs to", 200),
		func(_ context.Context, who aihub.Actor, _ *struct{}) (*body[aihub.Actor], error) {
			return answer(a.Desk.Me(who))
		})
	handle(a, op(http.MethodGet, "/orgs", "list-orgs", "people", "List the organisations", 200),
		func(ctx context.Context, who aihub.Actor, _ *struct{}) (*body[[]aihub.Org], error) {
			return list(a.Desk.Orgs(ctx, who))
		})
	handle(a, op(http.MethodPost, "/orgs", "create-org", "people", "Create an organisation", 201),
		func(ctx context.Context, who aihub.Actor, in *struct{ Body wire.NewOrg }) (*body[aihub.Org], error) {
			return answer(a.Desk.CreateOrg(ctx, who, in.Body))
		})
	handle(a, op(http.MethodGet, "/users", "list-users", "people", "List the people you may see", 200),
		func(ctx context.Context, who aihub.Actor, _ *struct{}) (*body[[]aihub.User], error) {
			return list(a.Desk.Users(ctx, who))
		})
	handle(a, op(http.MethodPost, "/users", "create-user", "people", "Create a person in an organisation", 201),
		func(ctx context.Context, who aihub.Actor, in *struct{ Body wire.NewUser }) (*body[aihub.User], error) {
			return answer(a.Desk.CreateUser(ctx, who, in.Body))
		})
}

// Remote takes the address of the connection into an input. It is exported, as
// the other embedded inputs are, because huma passes over what is not.
type Remote struct{ addr string }

// Resolve is called by huma for every request.
func (r *Remote) Resolve(ctx huma.Context) []error {
	r.addr = ctx.RemoteAddr()
	return nil
}
