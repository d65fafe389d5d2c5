package embedded

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestPackRoundTrip(t *testing.T) {
	program := bytes.Repeat([]byte("program "), 1000)
	packed, err := Pack(program)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unpack(packed)
	if err != nil || !bytes.Equal(got, program) {
		t.Fatalf("got %d bytes, %v; want the program back", len(got), err)
	}
	packed[10] ^= 1 // of the digest
	if _, err := Unpack(packed); err == nil {
		t.Error("a program that does not match its digest was accepted")
	}
}

func TestExtract(t *testing.T) {
	program := []byte("#!/bin/sh\necho hello\n")
	packed, err := Pack(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "bin")
	path, err := Extract(packed, dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	first, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if fi, _ := os.Stat(dir); fi.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %v, want 0700", fi.Mode().Perm())
	}
	if _, err := Extract(packed, dir, "x"); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.Stat(path); !os.SameFile(first, again) {
		t.Error("a good file was written again")
	}
	// Tampered with: the file is replaced.
	if err := os.WriteFile(path, []byte("evil"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Extract(packed, dir, "x"); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); !bytes.Equal(b, program) {
		t.Errorf("a changed file was kept: %q", b)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
