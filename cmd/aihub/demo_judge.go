package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/table"
	"aihub/policies"
	"aihub/policies/sharing"
	"aihub/sandbox/runnertest/hostile"
	"aihub/scenarios"
)

// An attack ends in one of two ways: the platform stopped the run for a reason,
// or the program lived to write down that what it tried was refused. The
// steward may read a hidden run's log; these lines in it mean it got through.
var attacks = map[string]struct {
	reason  aihub.Reason   // of the run's failure, or "" when the program may live
	through *regexp.Regexp // a line that must not be there
	tried   *regexp.Regexp // a line that must be there: it did attack
}{
	"network": {through: regexp.MustCompile(`(?m)^tried (tcp|udp|a raw socket).*: ok$`), tried: regexp.MustCompile(`(?m)^tried tcp .*$`)},
	"dns":     {through: regexp.MustCompile(`(?m)^tried resolving.*: ok$`), tried: regexp.MustCompile(`(?m)^tried resolving.*$`)},
	// A process may write to its own oom_score_adj: it is the sandbox kernel's own.
	"write": {through: regexp.MustCompile(`(?m)^(wrote below /(input|etc|opt|proc|sys|dev$|usr|$).*|tried (writing /(input|etc|sys|proc/sys)/|removing|chmod|remounting|mounting|mknod|chroot|setuid|sethostname|setting the clock).*: ok)$`),
		tried: regexp.MustCompile(`(?m)^tried remounting.*$`)},
	"read":   {through: regexp.MustCompile(`(?m)^(FOUND .*|open directory at descriptor.*|tried reading /(proc/1/root|etc/shadow|proc/keys|var/run|root/|run/).*: ok)$`), tried: regexp.MustCompile(`(?m)^searched \d+ files.*$`)},
	"fork":   {through: regexp.MustCompile(`(?m)^tried a fork bomb after \d{4,} children.*$`), tried: regexp.MustCompile(`(?m)^tried a fork bomb.*$`)},
	"memory": {reason: aihub.ReasonMemory, tried: regexp.MustCompile(`(?m)^has \d+ MiB$`)},
	// What they remember is all there, on the inside.
	"hoard":  {tried: regexp.MustCompile(`(?m)^tried keeping /input/[a-z]+\.csv: ok$`)},
	"recall": {through: regexp.MustCompile(`(?m)^tried (writing|removing).*: ok$`), tried: regexp.MustCompile(`(?m)^tried reading /model/kept/.*: ok$`)},
	"output": {through: regexp.MustCompile(`(?m)^tried (writing|creating empty).*: ok$`), tried: regexp.MustCompile(`(?m)^tried (writing|creating empty).*$`)},
}

// judge shows, as the steward sees it, how each hostile run was stopped, and
// fails when one was not.
func (d *demo) judge(ctx context.Context) error {
	var rows [][]string
	for _, e := range d.order {
		if e.Algorithm != "hostile" {
			continue
		}
		a := attacks[e.Args[1]]
		v, err := d.steward.Submission(ctx, e.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(v.Runs, func(r aihub.Run) bool { return r.Kind != aihub.RunScore && r.State != aihub.RunLost })
		if i < 0 {
			return fmt.Errorf("submission %s has no run", e.ID)
		}
		r := v.Runs[i]
		log, err := d.steward.RunLog(ctx, r.ID)
		if err != nil {
			return err
		}
		through := ""
		if a.through != nil {
			through = a.through.FindString(log)
		}
		saw := a.tried.FindAllString(log, -1)
		if through != "" || len(saw) == 0 || a.reason != r.Fault.Reason && a.reason != "" || r.Fault.Owner != "" && r.Fault.Owner != aihub.FaultVendor {
			return aihub.Errorf(aihub.Internal, aihub.Text{
				EN: fmt.Sprintf("the attack %q in %s was not stopped as it should be (%s %s): %s", e.Args[1], e.Scenario, r.Fault.Owner, r.Fault.Reason, printable(through)),
				ZH: fmt.Sprintf("%s 中的攻击 %q 未被如期阻止（%s %s）：%s", e.Scenario, e.Args[1], r.Fault.Owner, r.Fault.Reason, printable(through)),
			}).Because(errors.New(log))
		}
		end := d.p.t("web.run_state." + string(r.State))
		if r.Fault.Reason != "" {
			end += ", " + string(r.Fault.Reason)
		}
		last := printable(saw[len(saw)-1])
		d.report.Attacks = append(d.report.Attacks, demoAttack{e.Scenario, e.Args[1], r.State, r.Fault.Reason, last})
		rows = append(rows, []string{e.Scenario.Name, e.Args[1], end, last})
	}
	if !d.p.json {
		fmt.Fprintln(d.p.Out)
		d.p.say("cli.demo.stopped")
		d.p.table([]string{"SCENARIO", "ATTACK", "RUN", "LAST IT SAW"}, rows)
		fmt.Fprintln(d.p.Out)
	}
	return nil
}

// plant writes a random mark of 32 letters behind every 40th free text of a raw
// file; those that land in hidden parts are canaries. Files without a text
// column have the keys of their hidden rows alone.
func plant(raw []byte) ([]byte, error) {
	r := csv.NewReader(bytes.NewReader(raw))
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	text := slices.Index(rows[0], "text")
	for i := 1; text >= 0 && i < len(rows); i += 40 {
		mark := make([]byte, 30)
		if _, err := rand.Read(mark); err != nil {
			return nil, err
		}
		for j := range mark {
			mark[j] = 'a' + mark[j]%26
		}
		rows[i][text] += " zq" + string(mark)
	}
	var out bytes.Buffer
	err = csv.NewWriter(&out).WriteAll(rows)
	return out.Bytes(), err
}

// hiddenTokens returns what lies only in parts of v that no vendor may see, the
// train part too: the keys of their rows and the marks that were planted.
func (d *demo) hiddenTokens(ctx context.Context, spec scenarios.Spec, v aihub.DatasetVersion) ([]string, error) {
	var tokens []string
	for _, f := range v.Parts {
		if f.Part == aihub.Sample {
			continue
		}
		name := filepath.Join(d.a.Config.Home, "hidden.parquet")
		if err := blob.Fetch(ctx, d.a.Blobs, f.Input, name); err != nil {
			return nil, err
		}
		r, err := table.OpenParquet(name, nil)
		if err != nil {
			return nil, err
		}
		for {
			b, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, errors.Join(err, r.Close())
			}
			for _, c := range b.Cols {
				for _, s := range c.Str {
					if c.Name == v.Key {
						tokens = append(tokens, strings.Clone(s))
					}
					if m := hostile.Mark.FindString(s); m != "" {
						tokens = append(tokens, strings.Clone(m))
					}
				}
			}
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
	}
	return tokens, nil
}

// searchCanaries fetches everything that the vendor can get (every GET of the
// OpenAPI document with every id there is, and the pages) and looks in status,
// headers and body for the canaries: hidden keys, planted marks, and the row
// ids under which each hidden run saw its rows.
func (d *demo) searchCanaries(ctx context.Context, tokens []string) error {
	ids := map[string][]string{"ref": {}, "id": {}}
	seen := map[aihub.Ref]bool{}
	scope := policies.ScopeOf(policies.Platform())
	for _, e := range d.order {
		if !seen[e.Scenario] {
			seen[e.Scenario] = true
			sc, err := d.a.DB.Scenario(ctx, scope, e.Scenario)
			if err != nil {
				return err
			}
			ids["ref"] = append(ids["ref"], sc.Ref.String(), sc.Dataset.String())
		}
		ids["id"] = append(ids["id"], string(e.ID))
		runs, err := d.a.DB.Runs(ctx, scope, e.ID)
		if err != nil {
			return err
		}
		for _, r := range runs {
			ids["id"] = append(ids["id"], string(r.ID))
			if r.Kind == aihub.RunInfer && r.Output != "" {
				rows, err := d.rowIDs(ctx, r.Output)
				if err != nil {
					return err
				}
				tokens = append(tokens, rows...)
			}
		}
	}
	urls, err := d.vendorURLs(ctx, ids)
	if err != nil {
		return err
	}
	look, _ := sharing.NewCanaries(tokens)
	var total int
	for _, u := range urls {
		answer, err := d.fetchAs(ctx, "vendor", u, "")
		if err != nil {
			return err
		}
		total += len(answer)
		found, whole := look.Find(answer, 20)
		if !whole {
			return aihub.Errorf(aihub.Internal, aihub.Text{
				EN: fmt.Sprintf("%s holds more compressed data than is searched for canaries", u),
				ZH: fmt.Sprintf("%s 中的压缩内容超出金丝雀检索上限", u),
			})
		}
		if len(found) > 0 {
			return aihub.Errorf(aihub.Internal, aihub.Text{
				EN: fmt.Sprintf("hidden data reached the vendor: %d canaries in %s", len(found), u),
				ZH: fmt.Sprintf("隐藏数据到达了厂商：%s 中有 %d 个金丝雀", u, len(found)),
			})
		}
	}
	d.report.Canary = map[string]int{"canaries": len(tokens), "answers": len(urls), "bytes": total}
	d.step("cli.demo.canary", "Canaries", len(tokens), "Answers", len(urls), "Bytes", total)
	return nil
}

// rowIDs reads the first column of a sealed prediction file.
func (d *demo) rowIDs(ctx context.Context, output aihub.Digest) ([]string, error) {
	r, err := d.a.Blobs.Open(ctx, output)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, nil // broken predictions have no ids to look for
	}
	var ids []string
	for _, row := range rows[min(1, len(rows)):] {
		if len(row[0]) == 32 {
			ids = append(ids, row[0])
		}
	}
	return ids, nil
}

// vendorURLs lists every address that a vendor could ask.
func (d *demo) vendorURLs(ctx context.Context, ids map[string][]string) ([]string, error) {
	doc, err := d.fetchAs(ctx, "vendor", d.url+"/openapi.json", "")
	if err != nil {
		return nil, err
	}
	var api struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if _, body, ok := bytes.Cut(doc, []byte("\r\n\r\n")); !ok || json.Unmarshal(body, &api) != nil || len(api.Paths) == 0 {
		return nil, fmt.Errorf("the OpenAPI document cannot be read")
	}
	urls := []string{d.url + "/", d.url + "/openapi.json", d.url + "/submissions", d.url + "/work"}
	for path, methods := range api.Paths {
		if methods["get"] == nil {
			continue
		}
		if !strings.HasPrefix(path, "/api/") && !strings.HasPrefix(path, "/health") {
			path = "/api/v1" + path
		}
		key := ""
		for k := range ids {
			if strings.Contains(path, "{"+k+"}") {
				key = k
			}
		}
		if key == "" {
			urls = append(urls, d.url+path)
			continue
		}
		for _, id := range ids[key] {
			urls = append(urls, d.url+strings.ReplaceAll(path, "{"+key+"}", id))
		}
	}
	for _, ref := range ids["ref"] {
		urls = append(urls, d.url+"/scenarios/"+ref, d.url+"/datasets/"+ref)
	}
	for _, id := range ids["id"] {
		urls = append(urls, d.url+"/submissions/"+id, d.url+"/runs/"+id)
	}
	slices.Sort(urls)
	return slices.Compact(urls), nil
}

// fetchAs returns status line, headers and body as they come to a person, or to
// nobody, who reads in lang.
func (d *demo) fetchAs(ctx context.Context, who aihub.UserID, url string, lang aihub.Lang) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+d.tokens[who])
	}
	if lang != "" {
		req.Header.Set("Accept-Language", string(lang))
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // redirects are answers too
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n", resp.Status)
	if err := resp.Header.Write(&b); err != nil {
		return nil, err
	}
	b.WriteString("\r\n")
	_, err = io.Copy(&b, io.LimitReader(resp.Body, 64<<20))
	return b.Bytes(), err
}
