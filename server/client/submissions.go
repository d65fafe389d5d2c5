package client

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"aihub"
	"aihub/server/wire"
)

// counting reports how much has been read.
type counting struct {
	io.Reader
	n    int64
	show func(int64)
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	if n > 0 && c.show != nil {
		c.show(c.n)
	}
	return n, err
}

// UploadImage streams an image archive (OCI layout or docker save, as tar,
// optionally compressed). progress (nil: none) is told the bytes sent so far.
func (c *Client) UploadImage(ctx context.Context, tar io.Reader, progress func(sent int64)) (wire.Image, error) {
	r := post("images")
	r.body, r.kind, r.upload = &counting{Reader: tar, show: progress}, "application/x-tar", true
	return call[wire.Image](ctx, c, r)
}

// TakePushed has the platform check an image that was pushed to its registry,
// organisation/name:tag or organisation/name@digest, as if it were uploaded.
func (c *Client) TakePushed(ctx context.Context, image string) (wire.Image, error) {
	return send[wire.Image](ctx, c, wire.PushedImage{Image: image}, "images", "pushed")
}

// Images lists those that the own organisation keeps.
func (c *Client) Images(ctx context.Context) (wire.Images, error) {
	return call[wire.Images](ctx, c, get("images"))
}

// DeleteImage deletes an image of the own organisation.
func (c *Client) DeleteImage(ctx context.Context, digest string) error {
	r := get("images", digest)
	r.method = http.MethodDelete
	_, err := c.bytes(ctx, r)
	return err
}

// Submit enters an image. Sending the same nonce again returns the first submission.
func (c *Client) Submit(ctx context.Context, ref string, n wire.NewSubmission) (aihub.Submission, error) {
	return send[aihub.Submission](ctx, c, n, "scenarios", ref, "submissions")
}

// Submissions lists those in scope, of one scenario or ("") of all.
func (c *Client) Submissions(ctx context.Context, ref string) ([]aihub.Submission, error) {
	return call[[]aihub.Submission](ctx, c, get("submissions").with("scenario", ref))
}

// DeleteModel deletes a model of the own organisation.
func (c *Client) DeleteModel(ctx context.Context, digest string) error {
	r := get("models", digest)
	r.method = http.MethodDelete
	_, err := c.bytes(ctx, r)
	return err
}

// Models lists the models in scope, of one scenario or ("") of all.
func (c *Client) Models(ctx context.Context, ref string) ([]aihub.Model, error) {
	return call[[]aihub.Model](ctx, c, get("models").with("scenario", ref))
}

// Submission returns one with its runs, and what was released of its score.
func (c *Client) Submission(ctx context.Context, id aihub.SubmissionID) (wire.SubmissionView, error) {
	return call[wire.SubmissionView](ctx, c, get("submissions", string(id)))
}

// Cancel withdraws a submission that has no outcome yet.
func (c *Client) Cancel(ctx context.Context, id aihub.SubmissionID) error {
	return c.command(ctx, nil, "submissions", string(id), "cancel")
}

// Rerun enters a submission whose outcome is known again.
func (c *Client) Rerun(ctx context.Context, id aihub.SubmissionID, nonce string) (aihub.Submission, error) {
	return send[aihub.Submission](ctx, c, wire.Rerun{Nonce: nonce}, "submissions", string(id), "rerun")
}

// Hours returns the processor time of an organisation ("": the own) this month.
func (c *Client) Hours(ctx context.Context, org aihub.OrgID) (aihub.Hours, error) {
	return call[aihub.Hours](ctx, c, get("hours").with("org", string(org)))
}

// Receipt returns the JSON proof of a submission, verifiable offline.
func (c *Client) Receipt(ctx context.Context, id aihub.SubmissionID) ([]byte, error) {
	return c.bytes(ctx, get("submissions", string(id), "receipt"))
}

// Run returns one run, as its viewer may see it.
func (c *Client) Run(ctx context.Context, id aihub.RunID) (aihub.Run, error) {
	return call[aihub.Run](ctx, c, get("runs", string(id)))
}

// RunLog returns a run's log: of a smoke run for its organisation, of a hidden
// run for the steward of its scenario.
func (c *Client) RunLog(ctx context.Context, id aihub.RunID) (string, error) {
	b, err := c.bytes(ctx, get("runs", string(id), "log"))
	return string(b), err
}

// Events calls f for each event of a submission after seq, until its outcome is
// visible. A connection that breaks is taken up again where it was, a few times.
func (c *Client) Events(ctx context.Context, id aihub.SubmissionID, after int64, f func(aihub.Event)) error {
	const tries = 5
	for failed := 0; ; {
		ended, err := c.events(ctx, id, &after, func(e aihub.Event) {
			failed = 0
			f(e)
		})
		if ended || ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && aihub.KindOf(err) != aihub.Unavailable {
			return err
		}
		if failed++; failed > tries {
			if err == nil {
				err = c.broken(ctx, io.ErrUnexpectedEOF)
			}
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(failed) * 500 * time.Millisecond):
		}
	}
}

// events reads one connection's stream and moves *after on.
func (c *Client) events(ctx context.Context, id aihub.SubmissionID, after *int64, f func(aihub.Event)) (ended bool, err error) {
	r := get("submissions", string(id), "events").with("after", strconv.FormatInt(*after, 10))
	return c.stream(ctx, r, func(name, _, data string) (bool, error) {
		if name == "end" {
			return true, nil
		}
		var e aihub.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return false, err
		}
		*after = max(*after, e.Seq) // news of the queue have no number
		f(e)
		return false, nil
	})
}

// stream reads server-sent events of one connection until f says that it was
// the last, or the connection ends.
func (c *Client) stream(ctx context.Context, r request, f func(name, id, data string) (ended bool, err error)) (bool, error) {
	r.accept = "text/event-stream"
	resp, err := c.do(ctx, r)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), 4<<20)
	name, id, data := "", "", ""
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch key {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data += value
		case "":
			if lines.Text() != "" {
				continue // a comment: the server is alive
			}
			if data != "" {
				ended, err := f(name, id, data)
				if err != nil {
					return false, c.broken(ctx, err)
				}
				if ended {
					return true, nil
				}
			}
			name, id, data = "", "", ""
		}
	}
	if err := lines.Err(); err != nil {
		return false, c.broken(ctx, err)
	}
	return false, nil
}
