package finder

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"aihub"
	"aihub/catalog/media"

	"github.com/google/go-cmp/cmp"
)

// The test's own program is the detector: it does what a file named as the
// picture's says.
func TestMain(m *testing.M) {
	if os.Getenv("AIHUB_TEST_DETECTOR") == "" {
		os.Exit(m.Run())
	}
	if os.Getenv("AIHUB_TEST_DETECTOR") == "deaf" { // answers and does not read on
		_, _ = os.Stdin.Read(make([]byte, 1))
		fmt.Println(`{"boxes":[]}`)
		time.Sleep(time.Hour)
	}
	for s := bufio.NewScanner(os.Stdin); s.Scan(); {
		switch name := filepath.Base(s.Text()); name {
		case "two.jpg":
			fmt.Println(`{"boxes":[{"x":1.5,"y":2,"w":3,"h":4,"kind":"face"},{"x":-5,"y":0,"w":50,"h":9.5,"kind":"plate"}]}`)
		case "none.jpg":
			fmt.Println(`{"boxes":[]}`)
		case "unread.jpg":
			fmt.Println(`{"error":"cannot read it"}`)
		case "wrong.jpg":
			fmt.Println(`{"faces":[]}`)
		case "shares.jpg":
			fmt.Println(`{"boxes":[{"x":0.1,"y":0.2,"w":0.3,"h":0.4,"kind":"face"}]}`)
		case "named.jpg":
			fmt.Printf("{\"boxes\":[],\"path\":%q}\n", s.Text())
		case "other.jpg":
			fmt.Println(`{"boxes":[],"path":"/named.jpg"}`)
		case "twice.jpg":
			fmt.Print("{\"boxes\":[]}\n{\"boxes\":[]}\n")
		case "later.jpg":
			fmt.Println(`{"boxes":[]}`)
			fmt.Println(`{"boxes":[]}`)
		case "long.jpg":
			fmt.Println(strings.Repeat("x", media.MaxAnswer+10))
		case "dead.jpg":
			fmt.Fprintln(os.Stderr, "no model\x1b[2J\u009b2J\u202eabc")
			os.Exit(3)
		case "slow.jpg":
			time.Sleep(time.Hour)
		}
	}
	os.Exit(0)
}

func detector(t *testing.T) *Finder {
	t.Helper()
	t.Setenv("AIHUB_TEST_DETECTOR", "1")
	f, err := Start(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFind(t *testing.T) {
	f := detector(t)
	for range 3 { // one process answers for all
		got, err := f.Find(t.Context(), "two.jpg")
		want := []media.FoundBox{{Box: media.Box{X: 1, Y: 2, W: 4, H: 4}, Kind: "face"}, {Box: media.Box{X: -5, Y: 0, W: 50, H: 10}, Kind: "plate"}}
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Fatal(err, d)
		}
		if got, err = f.Find(t.Context(), "none.jpg"); err != nil || len(got) != 0 {
			t.Fatal(got, err)
		}
		if got, err = f.Find(t.Context(), "named.jpg"); runtime.GOOS != "windows" && (err != nil || len(got) != 0) {
			t.Fatal(got, err)
		}
	}
	if !strings.HasPrefix(f.Digest, "sha256:") || f.Name != filepath.Base(os.Args[0]) {
		t.Error(f.Name, f.Digest)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// Whatever a detector does, it ends in an error that names it and the picture.
func TestFindFails(t *testing.T) {
	for name, want := range map[string]string{
		"other.jpg": "another picture", "twice.jpg": "more lines than it was asked for",
		"unread.jpg": "cannot read it", "wrong.jpg": "unknown field", "shares.jpg": "shares", "long.jpg": "longer than", "dead.jpg": "no model [2J 2J abc", "slow.jpg": "no answer after",
	} {
		f := detector(t)
		if name == "slow.jpg" {
			f.Timeout = 50 * time.Millisecond
		}
		_, err := f.Find(t.Context(), name)
		if aihub.KindOf(err) != aihub.Contract || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), f.Name) {
			t.Errorf("%s: %v", name, err)
		}
		f.Kill()
	}
	f := detector(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := f.Find(ctx, "slow.jpg"); err != context.Canceled {
		t.Error(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	if _, err := Start(none); aihub.KindOf(err) != aihub.Invalid {
		t.Error(err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.WriteFile(none, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(none); aihub.KindOf(err) != aihub.Invalid {
		t.Error(err)
	}
}

// An answer too many shifts those that follow by one picture: whenever it comes,
// the run does not end well.
func TestFindShifted(t *testing.T) {
	f := detector(t)
	for _, name := range []string{"later.jpg", "two.jpg", "none.jpg"} {
		if _, err := f.Find(t.Context(), name); err != nil {
			if !strings.Contains(err.Error(), "before it was asked") && !strings.Contains(err.Error(), "more lines than") {
				t.Error(err)
			}
			f.Kill()
			return
		}
	}
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "more lines than it was asked for") {
		t.Error(err)
	}
}

// A program that does not read fills the pipe to it: that waits no longer than an
// answer does.
func TestFindDeaf(t *testing.T) {
	t.Setenv("AIHUB_TEST_DETECTOR", "deaf")
	long := strings.Repeat("d/", 1<<19)
	f, err := Start(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	f.Timeout = 500 * time.Millisecond
	if _, err := f.Find(t.Context(), long); err == nil || !strings.Contains(err.Error(), "did not read") && !strings.Contains(err.Error(), "no answer") {
		t.Errorf("%.200v", err)
	}
	if f, err = Start(os.Args[0]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(500*time.Millisecond, cancel)
	if _, err := f.Find(ctx, long); err != context.Canceled {
		t.Errorf("%.200v", err)
	}
}
