package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"aihub"
	"aihub/internal/blob/s3test"
)

func connect(t testing.TB, srv *s3test.Server, wrap func(http.RoundTripper) http.RoundTripper) *S3 {
	t.Helper()
	s, err := OpenS3(t.Context(), S3Config{
		Endpoint: srv.Endpoint, Bucket: "blobs", AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Spool: t.TempDir(), wrap: wrap,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Bytes that change on the way are refused by the server, whatever the size.
func TestS3ContentIsVerifiedOnTheWay(t *testing.T) {
	srv := s3test.Start(t)
	s := connect(t, srv, func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut && r.ContentLength > 50 && r.Body != nil {
				r = r.Clone(r.Context())
				r.Body = &flip{ReadCloser: r.Body}
			}
			return next.RoundTrip(r)
		})
	})
	for _, n := range []int{1000, partSize + 1000} {
		d, _, err := s.Put(t.Context(), bytes.NewReader(make([]byte, n)))
		if aihub.KindOf(err) != aihub.Unavailable || d != "" {
			t.Errorf("%d bytes, one changed: Put = %s, %v", n, d, err)
		}
	}
	noneStored(t, srv, s)
}

// flip changes one bit of what is sent.
type flip struct {
	io.ReadCloser
	done bool
}

func (f *flip) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if n > 0 && !f.done {
		f.done = true
		p[n-1] ^= 4
	}
	return n, err
}

func noneStored(t *testing.T, srv *s3test.Server, s *S3) {
	t.Helper()
	if err := s.Walk(t.Context(), func(d aihub.Digest, _ int64) error { t.Errorf("stored: %s", d); return nil }); err != nil {
		t.Error(err)
	}
	for up, err := range uploads(t, srv) {
		t.Errorf("an unfinished upload is left: %s %v", up, err)
	}
	if left, err := os.ReadDir(s.spool); err != nil || len(left) != 0 {
		t.Errorf("the spool holds %v (%v)", left, err)
	}
}

// uploads lists the parts that the server keeps for unfinished uploads.
func uploads(t *testing.T, srv *s3test.Server) map[string]error {
	out := map[string]error{}
	err := filepath.WalkDir(srv.Dir, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(p, ".sgwtmp") && !strings.Contains(p, "lock") {
			out[p] = nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Cancelling in the middle of an upload leaves neither an object nor parts.
func TestS3CancelledUploadIsAborted(t *testing.T) {
	srv := s3test.Start(t)
	ctx, cancel := context.WithCancel(t.Context())
	var parts atomic.Int32
	s := connect(t, srv, func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("partNumber") != "" && parts.Add(1) == 2 {
				cancel()
			}
			return next.RoundTrip(r)
		})
	})
	_, _, err := s.Put(ctx, bytes.NewReader(make([]byte, 3*partSize)))
	if !errors.Is(err, context.Canceled) || parts.Load() < 2 {
		t.Errorf("Put: %v after %d parts", err, parts.Load())
	}
	noneStored(t, srv, s)
}

// Whether the server lost a race for us, or knows no conditional writes, Put
// ends with the content stored.
func TestS3ConditionalAnswers(t *testing.T) {
	for _, answer := range []struct {
		code   string
		status int
	}{
		{"PreconditionFailed", 412}, {"ConditionalRequestConflict", 409}, {"NotImplemented", 501},
	} {
		t.Run(answer.code, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{2000, partSize + 1} {
				srv := s3test.Start(t)
				var asked atomic.Int32
				s := connect(t, srv, func(next http.RoundTripper) http.RoundTripper {
					return roundTrip(func(r *http.Request) (*http.Response, error) {
						if r.Header.Get("If-None-Match") == "" {
							return next.RoundTrip(r)
						}
						asked.Add(1)
						if r.Body != nil {
							io.Copy(io.Discard, r.Body)
							r.Body.Close()
						}
						body := "<Error><Code>" + answer.code + "</Code><Message>no</Message></Error>"
						return &http.Response{StatusCode: answer.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
							Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)),
							ContentLength: int64(len(body)), Request: r}, nil
					})
				})
				content := bytes.Repeat([]byte{7}, size)
				d, n, err := s.Put(t.Context(), bytes.NewReader(content))
				if err != nil || d != aihub.DigestOf(content) || n != int64(size) || asked.Load() == 0 {
					t.Errorf("%d bytes: Put = %s, %d, %v (asked %d times)", size, d, n, err, asked.Load())
				}
				if n, err := s.Stat(t.Context(), d); err != nil || n != int64(size) {
					t.Errorf("%d bytes: Stat = %d, %v", size, n, err)
				}
			}
		})
	}
}

// The server really refuses to replace an object when asked to.
func TestS3ConditionalPut(t *testing.T) {
	srv := s3test.Start(t)
	s := connect(t, srv, nil)
	for _, size := range []int64{10, partSize + 1} {
		content := make([]byte, size)
		d, _, err := s.Put(t.Context(), bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		err = s.upload(t.Context(), d, bytes.NewReader(content), size, true)
		if !refusesFresh[codeOf(err)] {
			t.Errorf("%d bytes: a second conditional upload: %v", size, err)
		}
	}
}

// Putting what is there sends as much as the first time: the time of a Put does not
// tell what others have put.
func TestS3PutSendsAgain(t *testing.T) {
	srv := s3test.Start(t)
	var sent atomic.Int64
	s := connect(t, srv, func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			sent.Add(max(0, r.ContentLength))
			return next.RoundTrip(r)
		})
	})
	for _, size := range []int{2000, partSize + 1} {
		content := bytes.Repeat([]byte{9}, size)
		for range 2 {
			sent.Store(0)
			if _, _, err := s.Put(t.Context(), bytes.NewReader(content)); err != nil || sent.Load() < int64(size) {
				t.Errorf("%d bytes: %d sent, %v", size, sent.Load(), err)
			}
		}
	}
}

// An object of the right name and the wrong size is damage, not a duplicate.
func TestS3PutSeesAWrongSize(t *testing.T) {
	srv := s3test.Start(t)
	s := connect(t, srv, nil)
	d, _, err := s.Put(t.Context(), strings.NewReader("whole content"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(srv.Dir, "blobs", "sha256", d.Hex()), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.Put(t.Context(), strings.NewReader("whole content"))
	if aihub.KindOf(err) != aihub.Internal || !strings.Contains(err.Error(), "4 bytes instead of 13") {
		t.Errorf("Put: %v", err)
	}
}

func TestS3BucketIsMadeOnceByMany(t *testing.T) {
	srv := s3test.Start(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := Open(srv.URL("shared")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := os.Stat(filepath.Join(srv.Dir, "shared")); err != nil {
		t.Error(err)
	}
}

func TestS3OverTLS(t *testing.T) {
	srv := s3test.StartTLS(t)
	store, err := Open(srv.URL("blobs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 100, partSize + 1} {
		content := make([]byte, n)
		d, _, err := store.Put(t.Context(), bytes.NewReader(content))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		r, err := store.Open(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes: read %d, %v", n, len(got), err)
		}
	}
	// Without its CA the server is not trusted.
	base, _, _ := strings.Cut(srv.URL("blobs"), "?")
	if _, err := Open(base); aihub.KindOf(err) != aihub.Unavailable {
		t.Errorf("an unknown CA: %v", err)
	}
}

func TestS3WrongKeyAndNoServer(t *testing.T) {
	srv := s3test.Start(t)
	bad := *srv
	bad.SecretKey = "wrongwrongwrong"
	if _, err := Open(bad.URL("blobs")); aihub.KindOf(err) != aihub.Unavailable || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong secret: %v", err)
	}
	gone := *srv
	gone.Endpoint = "127.0.0.1:1"
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := OpenS3(ctx, S3Config{Endpoint: gone.Endpoint, Bucket: "blobs", AccessKey: "a", SecretKey: "b"}); aihub.KindOf(err) != aihub.Unavailable {
		t.Errorf("no server: %v", err)
	}
}
