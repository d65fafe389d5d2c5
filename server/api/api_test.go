package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"aihub"
)

func TestStatusOfEveryKind(t *testing.T) {
	t.Parallel()
	for kind, want := range map[aihub.Kind]int{
		aihub.Invalid: 422, aihub.Contract: 422, aihub.Unauthenticated: 401, aihub.Refused: 403, aihub.NotFound: 404, aihub.Conflict: 409,
		aihub.Quota: 429, aihub.RunFailed: 409, aihub.Pending: 409, aihub.Unavailable: 503, aihub.Internal: 500, "new kind": 500,
	} {
		if got := Status(kind); got != want {
			t.Errorf("%s: %d, want %d", kind, got, want)
		}
	}
}

// TestUnknownErrorsAreHidden: their text is in the log under the id that the
// person is given, and nowhere else.
func TestUnknownErrorsAreHidden(t *testing.T) {
	t.Parallel()
	known := aihub.Errorf(aihub.Conflict, aihub.Text{EN: "it has changed", ZH: "已变更"})
	for _, err := range []error{
		errors.New("secret: pq password=hunter2"),
		fmt.Errorf("wrapped: %w", errors.New("secret: hunter2")),
		aihub.Errorf(aihub.Internal, aihub.Text{EN: "secret: hunter2"}).Because(errors.New("secret: hunter2 cause")),
	} {
		var log bytes.Buffer
		e := Public(context.Background(), slog.New(slog.NewTextHandler(&log, nil)), err)
		b, _ := json.Marshal(problem(e))
		if e.Kind != aihub.Internal || strings.Contains(string(b), "hunter2") {
			t.Errorf("%v became %s", err, b)
		}
		id := e.Text.EN[strings.Index(e.Text.EN, "(")+1 : strings.Index(e.Text.EN, ")")]
		if !strings.Contains(log.String(), "hunter2") || !strings.Contains(log.String(), id) || !strings.HasPrefix(id, "err_") {
			t.Errorf("the log says %q about %s", log.String(), id)
		}
	}
	log := slog.New(slog.DiscardHandler)
	if e := Public(context.Background(), log, fmt.Errorf("while voting: %w", known)); e.Kind != aihub.Conflict || e.Text != known.Text {
		t.Errorf("a known error became %+v", e)
	}
	if e := Public(context.Background(), log, context.DeadlineExceeded); e.Kind != aihub.Unavailable {
		t.Errorf("a time-out became %s", e.Kind)
	}
	// The cause of a known error is not in its JSON.
	b, _ := json.Marshal(problem(known.Because(errors.New("hunter2"))))
	if strings.Contains(string(b), "hunter2") {
		t.Errorf("the cause is sent: %s", b)
	}
}

func TestHumaMessagesAreTranslated(t *testing.T) {
	t.Parallel()
	p := newError(http.StatusUnprocessableEntity, "validation failed").(*Problem)
	if p.Kind != aihub.Invalid || p.Message.ZH == "" {
		t.Errorf("%+v", p)
	}
	for msg, want := range map[string]string{
		"unexpected property":                               "未知字段",
		"expected required property name to be present":     "缺少必填字段 name",
		"strconv.ParseInt: parsing \"secret\": invalid":     "不是此处要求的内容",
		"invalid character 's' looking for beginning of it": "不是合法的 JSON",
	} {
		if got := translate(msg); got.ZH != want || strings.Contains(got.EN, "secret") {
			t.Errorf("%q became %+v", msg, got)
		}
	}
}

func TestStrictJSON(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		`{"a":1,"b":{"a":2}}`:        true,
		`[{"a":1},{"a":2}]`:          true,
		`"x"`:                        true,
		`{"a":1,"a":2}`:              false,
		`{"x":{"a":1,"a":2}}`:        false,
		`{"a":1,"\u0061":2}`:         false,
		`{"a":1} {"a":2}`:            false,
		`{"a":`:                      false,
		``:                           false,
		strings.Repeat("[", 100_000): false,
	} {
		var v any
		if err := strictJSON([]byte(text), &v); (err == nil) != ok {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

// FuzzStrictJSON: what passes is what encoding/json takes, with each key once.
func FuzzStrictJSON(f *testing.F) {
	for _, s := range []string{`{"a":1,"a":2}`, `{"a":[{"b":null}]}`, `{"\u0061":1,"a":1}`, `[[[[]]]]`, `{"a":1}x`, "\"\\ud800\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want any
		err := strictJSON(data, &got)
		if err == nil && json.Unmarshal(data, &want) != nil {
			t.Errorf("%q passed", data)
		}
		if err != nil && json.Valid(data) && !strings.Contains(err.Error(), "duplicate") && !strings.Contains(err.Error(), "deep") {
			t.Errorf("%q: %v", data, err)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := newStreams()
	var open []func()
	for range maxStreamsOrg {
		c, err := s.open("acme")
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	if _, err := s.open("acme"); aihub.KindOf(err) != aihub.Quota {
		t.Errorf("one more of the same organisation: %v", err)
	}
	if c, err := s.open("globex"); err != nil {
		t.Errorf("another organisation: %v", err)
	} else {
		c()
	}
	for _, c := range open {
		c()
	}
	if s.total != 0 || len(s.byOrg) != 0 {
		t.Errorf("%d are counted after all closed: %v", s.total, s.byOrg)
	}
}
