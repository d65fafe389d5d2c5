package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"aihub"
)

// Problem is the JSON of every failure: an aihub.Error.
type Problem struct {
	Kind    aihub.Kind    `json:"kind" doc:"stable: invalid, contract, unauthenticated, refused, not_found, conflict, quota, run_failed, pending, unavailable, internal"`
	Message aihub.Text    `json:"message" doc:"what is wrong, in both languages"`
	Hint    aihub.Text    `json:"hint" doc:"the next step"`
	Faults  []aihub.Fault `json:"faults,omitempty" doc:"every defect of a file or request, with its place"`

	status int
}

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.status }

// Error returns the English text.
func (p *Problem) Error() string { return p.Message.EN }

// Status returns the HTTP status of an error kind.
func Status(k aihub.Kind) int {
	switch k {
	case aihub.Invalid, aihub.Contract:
		return http.StatusUnprocessableEntity
	case aihub.Unauthenticated:
		return http.StatusUnauthorized
	case aihub.Refused:
		return http.StatusForbidden
	case aihub.NotFound:
		return http.StatusNotFound
	case aihub.Conflict, aihub.Pending, aihub.RunFailed:
		return http.StatusConflict
	case aihub.Quota:
		return http.StatusTooManyRequests
	case aihub.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// Public turns any error into one that may be shown. An unknown error, or one of
// kind Internal, is logged under an id and hidden behind it.
func Public(ctx context.Context, log *slog.Logger, err error) *aihub.Error {
	var e *aihub.Error
	if errors.As(err, &e) && e.Kind != aihub.Internal && e.Kind != "" {
		if e.Kind == aihub.Unavailable && e.Err != nil {
			log.WarnContext(ctx, "unavailable", "error", err, "cause", e.Err)
		}
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "this took too long and was given up", ZH: "处理超时，已放弃",
		}).WithHint(aihub.Text{EN: "try again later", ZH: "请稍后重试"})
	case errors.Is(err, context.Canceled):
		return aihub.Errorf(aihub.Unavailable, aihub.Text{EN: "the request was cancelled", ZH: "请求已取消"})
	}
	id := aihub.NewID("err")
	cause := error(nil)
	if e != nil {
		cause = e.Err
	}
	log.ErrorContext(ctx, "internal error", "id", id, "error", err, "cause", cause)
	return aihub.Errorf(aihub.Internal, aihub.Text{
		EN: "something went wrong inside the platform (" + id + ")", ZH: "平台内部出错（" + id + "）",
	}).WithHint(aihub.Text{
		EN: "try again; if it stays, give this id to the operator, who finds it in the log",
		ZH: "请重试；若仍出现，请将该编号告知运维人员，可据此查日志",
	})
}

func problem(e *aihub.Error) *Problem {
	return &Problem{Kind: e.Kind, Message: e.Text, Hint: e.Hint, Faults: e.Faults, status: Status(e.Kind)}
}

// WriteError answers with err as JSON.
func WriteError(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	writeProblem(w, problem(Public(r.Context(), log, err)))
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="aihub"`)
	}
	w.WriteHeader(p.status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(p) // the connection is gone when this fails
}

// newError replaces huma's error type. What huma found in a request becomes
// faults with a place and without the value that stands there.
func newError(status int, msg string, errs ...error) huma.StatusError {
	p := &Problem{Kind: aihub.Invalid, status: status}
	switch status {
	case http.StatusRequestEntityTooLarge:
		p.Kind = aihub.Quota
		p.Message = aihub.Text{EN: "the request is too large", ZH: "请求过大"}
		return p
	case http.StatusRequestTimeout:
		p.Kind = aihub.Unavailable
		p.Message = aihub.Text{EN: "the request came in too slowly", ZH: "请求传输过慢"}
		p.Hint = aihub.Text{EN: "try again", ZH: "请重试"}
		return p
	case http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
		p.Message = aihub.Text{EN: "this endpoint speaks application/json", ZH: "此接口使用 application/json"}
		return p
	}
	if status >= 500 {
		p.Kind = aihub.Internal
		p.Message = aihub.Text{EN: "something went wrong inside the platform", ZH: "平台内部出错"}
		return p
	}
	p.Message = aihub.Text{EN: "the request is not what this endpoint takes", ZH: "请求不符合接口要求"}
	p.Hint = aihub.Text{EN: "see /openapi.json for what it takes", ZH: "接口定义见 /openapi.json"}
	for _, err := range errs {
		if err == nil {
			continue
		}
		f := aihub.Fault{Code: "request", Message: aihub.Text{EN: "is not well-formed", ZH: "格式不正确"}}
		var own *aihub.Error
		var d huma.ErrorDetailer
		switch {
		case errors.As(err, &own):
			f.Message = own.Text
		case errors.As(err, &d):
			detail := d.ErrorDetail()
			f.Where, f.Message = detail.Location, translate(detail.Message)
		}
		p.Faults = append(p.Faults, f)
		if len(p.Faults) == 50 {
			break
		}
	}
	if len(p.Faults) == 0 && msg != "" {
		p.Faults = []aihub.Fault{{Code: "request", Message: translate(msg)}}
	}
	return p
}

// translate puts huma's messages into both languages. What is not listed is
// not passed on: a parser's message can quote what it read.
func translate(msg string) aihub.Text {
	for _, m := range messages {
		if rest, ok := strings.CutPrefix(msg, m.en); ok {
			if m.rest {
				return aihub.Text{EN: msg, ZH: m.zh + strings.TrimSuffix(rest, " to be present")}
			}
			return aihub.Text{EN: m.en, ZH: m.zh}
		}
	}
	return aihub.Text{EN: "is not what is expected here", ZH: "不是此处要求的内容"}
}

var messages = []struct {
	en, zh string
	rest   bool // what follows names the schema, never the value
}{
	{"unexpected property", "未知字段", false},
	{"unknown query parameter", "未知查询参数", false},
	{"expected required property ", "缺少必填字段 ", true},
	{"request body is required", "缺少请求体", false},
	{"expected string to match pattern ", "应匹配 ", true},
	{"expected string to be RFC 3339 date-time", "应为 RFC 3339 时间", false},
	{"expected value to be one of ", "应为以下之一：", true},
	{"expected length >= ", "长度至少 ", true},
	{"expected length <= ", "长度至多 ", true},
	{"expected number >= ", "应不小于 ", true},
	{"expected number <= ", "应不大于 ", true},
	{"expected array", "应为数组", false},
	{"expected object", "应为对象", false},
	{"expected string", "应为字符串", false},
	{"expected boolean", "应为布尔值", false},
	{"expected number", "应为数字", false},
	{"expected integer", "应为整数", false},
	{"invalid character", "不是合法的 JSON", false},
	{"unexpected end of JSON input", "JSON 不完整", false},
	{"duplicate key", "键重复", false},
}
