package docker

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"aihub"
)

// An engine that is down when it is first wanted, or lacks the runtime, is asked
// again at the next run; once it has answered, no more.
func TestConnectAgain(t *testing.T) {
	var up atomic.Bool
	var has atomic.Value // the runtime of the engine
	var asked atomic.Int64
	has.Store("other")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !up.Load() {
			panic(http.ErrAbortHandler) // ends the connection, and no answer
		}
		if strings.HasSuffix(r.URL.Path, "/info") {
			asked.Add(1)
			_ = json.NewEncoder(w).Encode(map[string]any{"Architecture": "aarch64", "Runtimes": map[string]any{has.Load().(string): struct{}{}}})
		}
	}))
	defer server.Close()
	r := New(Options{Dir: t.TempDir(), Host: "tcp://" + server.Listener.Addr().String()})
	machine := func(want string) {
		t.Helper()
		got, err := r.Machine(t.Context())
		if want == "" && aihub.KindOf(err) != aihub.Unavailable || want != "" && err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for range 2 {
		machine("")
	}
	up.Store(true)
	machine("") // there is no runc
	has.Store("runc")
	for range 3 {
		machine("arm64")
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the engine was asked %d times what it is", n)
	}
}

func TestOldRunc(t *testing.T) {
	for v, want := range map[string][2]bool{
		"1.1.5": {true, false}, "1.1.5+ds1": {true, true}, "1.2.7": {true, false}, "1.2.8": {}, "1.3.2": {true, false}, "1.3.3": {},
		"1.4.0": {}, "2.0.0": {}, "1.1.12-0ubuntu2~22.04.1": {true, true}, "v1.3.3": {}, "0f48801a0e21e3f0bc4e74643ead2a502df4818d": {true, false}, "": {true, false},
	} {
		if old, patched := oldRunc(v); old != want[0] || old && patched != want[1] {
			t.Errorf("%q: old %v, patched %v", v, old, patched)
		}
	}
}

func TestFamily(t *testing.T) {
	for name, want := range map[string]family{"runc": runc, "": runc, "crun": runc, "runsc": runsc, "gvisor-kvm": runsc, "io.containerd.kata.v2": kata, "kata-runtime": kata} {
		if got := familyOf(name); got != want {
			t.Errorf("%q: %s", name, got)
		}
	}
}

// What goes to the engine is the image as the contract shows it.
func TestPack(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs file modes and links")
	}
	root := t.TempDir()
	for name, content := range map[string]string{"bin/sh": "x", "etc/resolv.conf": "nameserver 8.8.8.8", "etc/passwd": "p", "input/secret": "s", "proc/x": "p", "usr/input/kept": "k"} {
		p := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, "bin/sh"), 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/../../etc", filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("x", filepath.Join(root, "tmp")); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := pack(w, root, []byte("probe")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for r := tar.NewReader(&b); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(r)
		got[h.Name] = string(content) + h.Linkname
		if h.Mode&^0o777 != 0 || h.Uid != 0 || h.Gid != 0 {
			t.Errorf("%s: mode %o, owner %d", h.Name, h.Mode, h.Uid)
		}
	}
	for name, want := range map[string]string{"bin/sh": "x", "etc/resolv.conf": "", "etc/passwd": "p", "usr/input/kept": "k", "out": "/../../etc"} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s: %q, %v", name, v, ok)
		}
	}
	for _, name := range []string{"input/", "input/secret", "proc/", "tmp"} {
		if _, ok := got[name]; ok {
			t.Errorf("%s is in the image", name)
		}
	}
}

func TestProfile(t *testing.T) {
	var p struct {
		DefaultAction string
		Syscalls      []struct {
			Names  []string
			Action string
			Args   []json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(profile()), &p); err != nil || p.DefaultAction != "SCMP_ACT_ERRNO" {
		t.Fatal(err, p.DefaultAction)
	}
	free := map[string]bool{} // allowed whatever its arguments
	for _, r := range p.Syscalls {
		for _, n := range r.Names {
			if free[n] {
				t.Errorf("%s is listed twice", n)
			}
			free[n] = r.Action == "SCMP_ACT_ALLOW" && len(r.Args) == 0
		}
	}
	for _, n := range []string{
		"add_key", "bpf", "clone", "clone3", "finit_module", "init_module", "io_uring_setup", "kcmp", "kexec_load", "keyctl", "mount", "move_mount", "open_by_handle_at",
		"perf_event_open", "pidfd_getfd", "pivot_root", "process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "setns", "socket", "swapon", "umount2",
		"unshare", "userfaultfd",
	} {
		if free[n] {
			t.Errorf("%s is allowed", n)
		}
	}
}
