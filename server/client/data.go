package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime/multipart"
	"strings"
	"time"

	"aihub"
	"aihub/server/wire"
)

// Datasets lists the dataset versions in scope.
func (c *Client) Datasets(ctx context.Context) ([]aihub.DatasetVersion, error) {
	return call[[]aihub.DatasetVersion](ctx, c, get("datasets"))
}

// Dataset returns one version, "name@N".
func (c *Client) Dataset(ctx context.Context, ref string) (aihub.DatasetVersion, error) {
	return call[aihub.DatasetVersion](ctx, c, get("datasets", ref))
}

// DatasetCard returns the data card, Markdown.
func (c *Client) DatasetCard(ctx context.Context, ref string, lang aihub.Lang) (string, error) {
	b, err := c.bytes(ctx, get("datasets", ref, "card").with("lang", string(lang)))
	return string(b), err
}

// DatasetProfile returns the profile, detector evidence and risk numbers, JSON.
func (c *Client) DatasetProfile(ctx context.Context, ref string) (json.RawMessage, error) {
	return c.bytes(ctx, get("datasets", ref, "profile"))
}

// DatasetSample streams the public sample as "csv" or "parquet" into w.
func (c *Client) DatasetSample(ctx context.Context, ref, format string, w io.Writer) error {
	r := get("datasets", ref, "sample").with("format", format)
	r.accept = "*/*"
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err = io.Copy(w, resp.Body); err != nil {
		return c.broken(ctx, err)
	}
	return nil
}

// DecideDataset publishes or rejects a proposed version.
func (c *Client) DecideDataset(ctx context.Context, ref string, d wire.Decide) error {
	return c.command(ctx, d, "datasets", ref, "decision")
}

// CheckManifest says what a publish by the manifest (YAML) would refuse whatever the
// data are, before they are sent.
func (c *Client) CheckManifest(ctx context.Context, manifest []byte) error {
	r := post("datasets", "check")
	r.body, r.kind = bytes.NewReader(manifest), "application/yaml"
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// PublishDataset proposes a dataset version from a manifest (YAML) and a data
// file (CSV or Parquet), which it streams. progress (nil: none) is called for
// each step the server reports.
func (c *Client) PublishDataset(ctx context.Context, manifest []byte, data io.Reader, progress func(wire.Progress)) (aihub.DatasetVersion, error) {
	pr, pw := io.Pipe()
	defer pr.Close() // ends the writer below, whatever happens
	form := multipart.NewWriter(pw)
	go func() {
		pw.CloseWithError(func() error {
			part, err := form.CreateFormFile("manifest", "manifest.yaml")
			if err != nil {
				return err
			}
			if _, err := part.Write(manifest); err != nil {
				return err
			}
			if part, err = form.CreateFormFile("data", "data"); err != nil {
				return err
			}
			if _, err := io.Copy(part, data); err != nil {
				return err
			}
			return form.Close()
		}())
	}()
	r := post("datasets")
	r.body, r.kind, r.upload, r.accept = pr, form.FormDataContentType(), true, "application/x-ndjson, application/json"
	return c.proposed(ctx, r, progress)
}

// propose has an upload published.
func (c *Client) propose(ctx context.Context, manifest []byte, id string, progress func(wire.Progress)) (aihub.DatasetVersion, error) {
	r := post("uploads", id, "dataset")
	r.body, r.kind, r.accept = bytes.NewReader(manifest), "application/yaml", "application/x-ndjson, application/json"
	return c.proposed(ctx, r, progress)
}

// proposed sends r and reads its answer line by line.
func (c *Client) proposed(ctx context.Context, r request, progress func(wire.Progress)) (aihub.DatasetVersion, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return aihub.DatasetVersion{}, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), 16<<20) // the last line is a whole dataset version or a list of faults
	for lines.Scan() {
		var p wire.Progress
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return aihub.DatasetVersion{}, c.broken(ctx, err)
		}
		switch {
		case p.Error != nil:
			return aihub.DatasetVersion{}, p.Error
		case p.Dataset != nil:
			return *p.Dataset, nil
		case progress != nil:
			progress(p)
		}
	}
	err = lines.Err()
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return aihub.DatasetVersion{}, c.broken(ctx, err)
}

// Scenarios lists scenarios; empty arguments do not narrow.
func (c *Client) Scenarios(ctx context.Context, query, field, area string) ([]wire.ScenarioCard, error) {
	return call[[]wire.ScenarioCard](ctx, c, get("scenarios").with("q", query).with("field", field).with("area", area))
}

// Scenario returns one, "name@N" or the newest open version of "name".
func (c *Client) Scenario(ctx context.Context, ref string) (wire.ScenarioView, error) {
	return call[wire.ScenarioView](ctx, c, get("scenarios", ref))
}

// PublishScenario opens a scenario from its spec.
func (c *Client) PublishScenario(ctx context.Context, n wire.NewScenario) (aihub.Scenario, error) {
	return send[aihub.Scenario](ctx, c, n, "scenarios")
}

// SelfTest returns what the self-test of a scenario came to.
func (c *Client) SelfTest(ctx context.Context, ref string) ([]aihub.SelfTest, error) {
	return call[[]aihub.SelfTest](ctx, c, get("scenarios", ref, "self-test"))
}

// Probing returns which submissions of a round are nearly the same as an earlier one.
func (c *Client) Probing(ctx context.Context, ref, round string) (aihub.Probing, error) {
	return call[aihub.Probing](ctx, c, get("scenarios", ref, "probing").with("round", round))
}

// CloseScenario takes no more submissions.
func (c *Client) CloseScenario(ctx context.Context, ref string) error {
	return c.command(ctx, nil, "scenarios", ref, "close")
}

// Board returns the ranking of a round; "" is the round that is open, or the first.
// With asOf it is as it stood then.
func (c *Client) Board(ctx context.Context, ref, round string, asOf time.Time) (wire.Board, error) {
	r := get("scenarios", ref, "board").with("round", round)
	if !asOf.IsZero() {
		r = r.with("as_of", asOf.UTC().Format(time.RFC3339Nano))
	}
	return call[wire.Board](ctx, c, r)
}

// Overall ranks organisations over the boards of several scenarios, each name@N or
// name@N/round. With asOf it is as the boards stood then.
func (c *Client) Overall(ctx context.Context, tasks []string, asOf time.Time) (wire.Overall, error) {
	r := get("overall").with("task", strings.Join(tasks, ","))
	if !asOf.IsZero() {
		r = r.with("as_of", asOf.UTC().Format(time.RFC3339Nano))
	}
	return call[wire.Overall](ctx, c, r)
}

// Enrol asks to take part for the actor's organisation.
func (c *Client) Enrol(ctx context.Context, ref string, e wire.Enrol) (aihub.Enrolment, error) {
	return send[aihub.Enrolment](ctx, c, e, "scenarios", ref, "enrolments")
}

// Enrolments lists those in scope, of one scenario or ("") of all.
func (c *Client) Enrolments(ctx context.Context, ref string) ([]aihub.Enrolment, error) {
	return call[[]aihub.Enrolment](ctx, c, get("enrolments").with("scenario", ref))
}

// DecideEnrolment approves or rejects.
func (c *Client) DecideEnrolment(ctx context.Context, id string, d wire.Decide) error {
	return c.command(ctx, d, "enrolments", id, "decision")
}

// RevokeEnrolment ends an approved one.
func (c *Client) RevokeEnrolment(ctx context.Context, id string, in wire.Withdraw) error {
	return c.command(ctx, in, "enrolments", id, "revoke")
}

// Releases lists those in scope, in one state or ("") in any.
func (c *Client) Releases(ctx context.Context, state aihub.ReleaseState) ([]aihub.Release, error) {
	return call[[]aihub.Release](ctx, c, get("releases").with("state", string(state)))
}

// Release returns one.
func (c *Client) Release(ctx context.Context, id string) (aihub.Release, error) {
	return call[aihub.Release](ctx, c, get("releases", id))
}

// Vote votes on a release.
func (c *Client) Vote(ctx context.Context, id string, d wire.Decide) error {
	return c.command(ctx, d, "releases", id, "votes")
}
