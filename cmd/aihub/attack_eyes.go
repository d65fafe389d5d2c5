package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"aihub"
	"aihub/policies/sharing"
)

// eyes read what a person can reach of the platform, and look in every byte of it
// for what only a leak can carry out.
type eyes struct {
	d       *demo
	look    *sharing.Canaries
	answers int
	bytes   int
	leaked  []string // address: what
}

// see fetches urls as who, the pages in both languages, and returns the answers,
// status and headers included.
func (e *eyes) see(ctx context.Context, who aihub.UserID, urls []string) (map[string][]byte, error) {
	seen := map[string][]byte{}
	for _, u := range urls {
		langs := []aihub.Lang{aihub.ZH, aihub.EN}
		if strings.Contains(u, "/api/") || strings.Contains(u, "/v2/") {
			langs = langs[:1]
		}
		for _, lang := range langs {
			b, err := e.d.fetchAs(ctx, who, u, lang)
			if err != nil {
				return nil, err
			}
			e.search(string(who)+" "+strings.TrimPrefix(u, e.d.url), b)
			seen[string(lang)+" "+u] = b
		}
	}
	return seen, nil
}

// search looks for canaries in what was found somewhere.
func (e *eyes) search(where string, b []byte) {
	e.answers++
	e.bytes += len(b)
	found, whole := e.look.Find(b, 20)
	if !whole {
		e.leaked = append(e.leaked, where+": more compressed data than is searched")
	}
	if len(found) > 0 {
		e.leaked = append(e.leaked, fmt.Sprintf("%s: %d canaries", idForm.ReplaceAllString(where, "ID"), len(found)))
	}
}

// registry asks the registry of images as who for everything of every organisation,
// and by their digests for what hidden runs left: that is not to be there.
func (e *eyes) registry(ctx context.Context, who aihub.UserID, orgs []aihub.OrgID, left []aihub.Digest) error {
	for _, org := range orgs {
		repo := string(org) + "/event-dispatch"
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.d.url+"/v2/token?service=aihub&scope=repository:"+repo+":pull", nil)
		if err != nil {
			return err
		}
		req.SetBasicAuth(string(who), e.d.tokens[who])
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		var t struct{ Token string }
		err = json.NewDecoder(resp.Body).Decode(&t)
		resp.Body.Close()
		if err != nil || t.Token == "" {
			return fmt.Errorf("%s gets no token for the registry: %s %v", who, resp.Status, err)
		}
		as := aihub.UserID("registry of " + string(who))
		e.d.tokens[as] = t.Token
		urls := []string{"/v2/_catalog", "/v2/" + repo + "/tags/list", "/v2/" + repo + "/manifests/latest"}
		for _, d := range left {
			urls = append(urls, "/v2/"+repo+"/blobs/"+string(d), "/v2/"+repo+"/manifests/"+string(d))
		}
		for _, u := range urls {
			b, err := e.d.fetchAs(ctx, as, e.d.url+u, "")
			if err != nil {
				return err
			}
			e.search(string(who)+" "+u, b)
			if strings.Contains(u, "sha256:") && bytes.HasPrefix(b, []byte("200")) {
				e.leaked = append(e.leaked, fmt.Sprintf("%s has from the registry what a hidden run left", who))
			}
		}
	}
	return nil
}

// What is another in every answer: ids, digests, signatures, the names of the two who
// are compared, and what of the leak budget others have spent before.
var (
	digestForm = regexp.MustCompile(`\b([0-9a-f]{64}|[0-9a-f]{12})\b`)
	sealForm   = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}={0,2}`)
	nameForm   = regexp.MustCompile(`\bparty-(one|two)\b`)
	headForm   = regexp.MustCompile(`(?m)^(Date|Content-Length): .*\r\n`) // the body is compared itself
	momentForm = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	priceForm  = regexp.MustCompile(`("(task:)?(bits|error|own|answers)": ?|±)[0-9.]+`)
	spentForm  = regexp.MustCompile(`[\d.]+ of \d+ bits about \d+ rows are spent, answers: \d+|已用 [\d.]+ 比特，答复 \d+ 次`)
)

// plain is an answer without what is another in each. When something was told at the
// tick is one moment: the places in the ledger say in which order.
func (h *hidden) plain(b []byte) string {
	s := headForm.ReplaceAllString(string(b), "")
	s = momentForm.ReplaceAllStringFunc(s, func(v string) string {
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil && !h.told.IsZero() && !t.Before(h.told) {
			return "TICK"
		}
		return v
	})
	s = nameForm.ReplaceAllString(s, "PARTY")
	s = digestForm.ReplaceAllString(s, "DIGEST")
	s = idForm.ReplaceAllString(s, "ID")
	s = priceForm.ReplaceAllString(s, "${1}PRICE")
	s = spentForm.ReplaceAllString(s, "SPENT")
	return sealForm.ReplaceAllStringFunc(s, func(v string) string {
		if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(v, "=")); err == nil && len(raw) >= 30 {
			return fmt.Sprintf("SEAL%d", len(v))
		}
		return v
	})
}

// differ says where two views of the same addresses are not alike.
func differ(a, b map[string]string) []string {
	var out []string
	for where, x := range a {
		if y, ok := b[where]; !ok || x != y {
			out = append(out, fmt.Sprintf("%s tells them apart: %s", where, parted(x, y)))
		}
	}
	for where := range b {
		if _, ok := a[where]; !ok {
			out = append(out, where+" is there for one of them")
		}
	}
	slices.Sort(out)
	return out
}

// parted shows where two texts begin to differ.
func parted(a, b string) string {
	i := 0
	for i < min(len(a), len(b)) && a[i] == b[i] {
		i++
	}
	cut := func(s string) string { return s[max(0, min(i-30, len(s))):min(len(s), i+50)] }
	return fmt.Sprintf("%q, %q", cut(a), cut(b))
}
