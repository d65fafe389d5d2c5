package runsc

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aihub/sandbox/gvisor/stage"
)

func TestDescribe(t *testing.T) {
	o := stage.Order{Limits: stage.Limits{CPUs: 0.5, Memory: 123 << 20}}
	tree := stage.Tree{Bundle: t.TempDir()}
	if _, err := writeSpec(o, tree, nil); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(tree.Bundle + "/config.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	args := []string{"runsc-sandbox", "--root=/x", "boot", "--spec-fd=" + strconv.Itoa(int(f.Fd())), "--total-memory", "999", "id"}
	got := describe(args)
	if valueOf(got, "total-memory") != strconv.Itoa(123<<20) || valueOf(got, "cpu-num") != "1" || valueOf(got, "product-name") != "sandbox" || got[len(got)-1] != "id" || slices.Contains(got, "999") {
		t.Errorf("%q", got)
	}
	if again := describe(got); !slices.Equal(again, got) {
		t.Errorf("described twice: %q", again)
	}
	if at, _ := f.Seek(0, 1); at != 0 {
		t.Errorf("the spec was left at offset %d", at)
	}
	for _, other := range [][]string{{"runsc", "launch"}, {"runsc-gofer", "gofer", "--spec-fd=3"}, {"x", "boot"}, {"x", "boot", "--spec-fd=99"}} {
		if got := describe(other); !slices.Equal(got, other) {
			t.Errorf("%q became %q", other, got)
		}
	}
}

func TestParseEnd(t *testing.T) {
	for log, want := range map[string]int{
		"\naihub guest ended: 0\n": 0, "remark\n\naihub guest ended: 256\n": 256, "\naihub guest ended: 9\n\naihub guest ended: 11\n": 11,
		"": -1, "aihub guest ended: 0\n": -1, "\naihub guest ended: x\n": -1, "\naihub guest ended: 0\nmore": -1,
	} {
		ws, err := parseEnd(log)
		if err != nil && want >= 0 || err == nil && int(ws) != want {
			t.Errorf("%q: %d, %v; want %d", log, ws, err, want)
		}
	}
}

func FuzzParseEnd(f *testing.F) {
	f.Add("\naihub guest ended: 256\n")
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := parseEnd(s); err == nil && !strings.Contains(s, endMark) {
			t.Error("an end was found where there is none")
		}
	})
}

func TestStartFault(t *testing.T) {
	for message, want := range map[string]string{
		"starting container: creating process: failed to create process working directory \"/x\": not a directory": "failed to create process working directory \"/x\": not a directory",
		// The program that is loaded first is the platform's own.
		"starting container: starting root container: creating process: failed to load /x: no such file": "",
		"connection refused": "", "": "",
	} {
		if got := startFault(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
	if got := startFault("failed to create process working directory \x1b[2J\n" + strings.Repeat("市", 1000)); len(got) > 500 || strings.ContainsAny(got, "\x1b\n") || !strings.HasSuffix(got, "市") {
		t.Errorf("%q", got)
	}
}
