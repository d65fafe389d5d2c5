// Package client speaks the HTTP API: one method for each endpoint of package
// wire. Every failure is an *aihub.Error: the server's own, or one of kind
// Unavailable when the server cannot be reached. It needs nothing of the server
// but its address and a bearer token, and builds wherever Go does.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"aihub"
	"aihub/server/wire"
)

// Client speaks to one server as one person. It is safe for concurrent use.
type Client struct {
	server string // no trailing slash
	token  string // "" is anonymous
	http   *http.Client
}

// maxAnswer bounds an answer that is read whole.
const maxAnswer = 64 << 20

// New returns a Client of the server at this address ("http://host:port"). An
// empty token speaks anonymously.
func New(server, token string) *Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	// An upload waits for the server to agree before it sends its bytes, so that
	// a refusal arrives as itself and not as a broken connection.
	t.ExpectContinueTimeout = 10 * time.Second
	t.ResponseHeaderTimeout = 0
	return &Client{
		server: strings.TrimRight(server, "/"), token: token,
		http: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a token goes to no other place
		}},
	}
}

// Server returns the address.
func (c *Client) Server() string { return c.server }

// request is one call. Paths are put together from escaped elements.
type request struct {
	method string
	path   []string
	query  url.Values
	body   io.Reader
	kind   string // content type of body
	accept string
	header map[string]string
	upload bool
}

func get(path ...string) request  { return request{method: http.MethodGet, path: path} }
func post(path ...string) request { return request{method: http.MethodPost, path: path} }

func (r request) with(key, value string) request {
	q := url.Values{}
	for k, v := range r.query {
		q[k] = v
	}
	if value != "" {
		q.Set(key, value)
	}
	r.query = q
	return r
}

func (r request) json(v any) (request, error) {
	b, err := json.Marshal(v)
	r.body, r.kind = bytes.NewReader(b), "application/json"
	return r, err
}

// do sends r and returns a response with status 200 to 299, whose body the
// caller closes.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	u := c.server + "/api/v1"
	for _, p := range r.path {
		u += "/" + url.PathEscape(p)
	}
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, r.body)
	if err != nil {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%q is not the address of a server", c.server), ZH: fmt.Sprintf("%q 不是有效的服务器地址", c.server),
		}).WithHint(aihub.Text{EN: "write it as http://host:port", ZH: "请写成 http://主机:端口"}).Because(err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
	}
	if r.upload {
		req.Header.Set("Expect", "100-continue")
	}
	req.Header.Set("Accept", "application/json")
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.failure(resp)
}

// unreachable explains an error of the connection.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var own *aihub.Error // of the file that was being sent
	if errors.As(err, &own) {
		return own
	}
	why := err
	var ue *url.Error
	if errors.As(err, &ue) {
		why = ue.Err
	}
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("the server at %s cannot be reached: %v", c.server, why),
		ZH: fmt.Sprintf("无法连接服务器 %s：%v", c.server, why),
	}).WithHint(aihub.Text{
		EN: "check the address (AIHUB_SERVER or aihub login --server) and that the server runs",
		ZH: "请检查地址（AIHUB_SERVER 或 aihub login --server）以及服务器是否在运行",
	}).Because(err)
}

// failure decodes the server's error.
func (c *Client) failure(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	e := &aihub.Error{}
	if err == nil && json.Unmarshal(b, e) == nil && e.Kind != "" && !e.Text.IsZero() {
		return e
	}
	kind := aihub.Unavailable
	if resp.StatusCode/100 != 5 {
		kind = aihub.Invalid
	}
	return aihub.Errorf(kind, aihub.Text{
		EN: fmt.Sprintf("%s answered %s, and not as this platform does", c.server, resp.Status),
		ZH: fmt.Sprintf("%s 返回 %s，且不是本平台的应答格式", c.server, resp.Status),
	}).WithHint(aihub.Text{
		EN: "check that the address is that of an aihub server of the same version, with no proxy in between that changes answers",
		ZH: "请确认该地址是同版本的 aihub 服务器，且中间没有改写应答的代理",
	})
}

// call sends r and decodes the JSON answer into a T.
func call[T any](ctx context.Context, c *Client, r request) (T, error) {
	var out T
	resp, err := c.do(ctx, r)
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&out); err != nil {
		return out, c.broken(ctx, err)
	}
	return out, nil
}

// send posts body and decodes the answer.
func send[T any](ctx context.Context, c *Client, body any, path ...string) (T, error) {
	var zero T
	r, err := post(path...).json(body)
	if err != nil {
		return zero, err
	}
	return call[T](ctx, c, r)
}

// command posts body (nil: none) to an endpoint without an answer.
func (c *Client) command(ctx context.Context, body any, path ...string) error {
	r := post(path...)
	if body != nil {
		var err error
		if r, err = r.json(body); err != nil {
			return err
		}
	}
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// bytes fetches a document whole.
func (c *Client) bytes(ctx context.Context, r request) ([]byte, error) {
	r.accept = "*/*"
	resp, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	return b, nil
}

func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("the answer of %s broke off: %v", c.server, err),
		ZH: fmt.Sprintf("%s 的应答中断：%v", c.server, err),
	}).WithHint(aihub.Text{EN: "try again", ZH: "请重试"}).Because(err)
}

// SignIn exchanges a password for a token.
func (c *Client) SignIn(ctx context.Context, in wire.SignIn) (wire.SignedIn, error) {
	return send[wire.SignedIn](ctx, c, in, "signin")
}

// SignOut makes the client's token invalid.
func (c *Client) SignOut(ctx context.Context) error { return c.command(ctx, nil, "signout") }

// Me returns who the token belongs to.
func (c *Client) Me(ctx context.Context) (aihub.Actor, error) {
	return call[aihub.Actor](ctx, c, get("me"))
}

// Orgs lists the organisations.
func (c *Client) Orgs(ctx context.Context) ([]aihub.Org, error) {
	return call[[]aihub.Org](ctx, c, get("orgs"))
}

// CreateOrg creates an organisation.
func (c *Client) CreateOrg(ctx context.Context, o aihub.Org) error {
	return c.command(ctx, wire.NewOrg{ID: o.ID, Name: o.Name}, "orgs")
}

// Users lists the people in scope.
func (c *Client) Users(ctx context.Context) ([]aihub.User, error) {
	return call[[]aihub.User](ctx, c, get("users"))
}

// CreateUser creates a person.
func (c *Client) CreateUser(ctx context.Context, u wire.NewUser) error {
	return c.command(ctx, u, "users")
}

// Queue returns how many runs of each state there are.
func (c *Client) Queue(ctx context.Context) (map[aihub.RunState]int, error) {
	return call[map[aihub.RunState]int](ctx, c, get("queue"))
}

// VerifyLedger has the server verify its ledger.
func (c *Client) VerifyLedger(ctx context.Context) (wire.LedgerReport, error) {
	return call[wire.LedgerReport](ctx, c, get("ledger", "verify"))
}

// Checkpoint returns the newest signed checkpoint of the ledger.
func (c *Client) Checkpoint(ctx context.Context) (wire.Checkpoint, error) {
	return call[wire.Checkpoint](ctx, c, get("ledger", "checkpoint"))
}
