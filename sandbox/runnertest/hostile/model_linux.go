package hostile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// each calls f with every regular file below dir.
func (p *program) each(dir string, f func(name string, b []byte)) {
	n := 0
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			b, err := os.ReadFile(name)
			p.tried(err, "reading %s", name)
			f(name, b)
			n++
		}
		return nil
	})
	p.say("searched %d files below %s", n, dir)
}

// hoard is a training that learns nothing and remembers everything: all of
// /input goes to /output, as it is and in every form that smuggle knows.
func (p *program) hoard() {
	p.each("/input", func(name string, b []byte) {
		to := "/output/kept" + name
		_ = os.MkdirAll(filepath.Dir(to), 0o755)
		p.tried(os.WriteFile(to, b, 0o644), "keeping %s", name)
		p.smuggle(b)
	})
}

// recall is the algorithm that comes after hoard: it passes on all that the model
// remembers.
func (p *program) recall() {
	for _, name := range []string{"/model/new", "/model"} {
		p.tried(os.WriteFile(filepath.Join(name, "trace"), nil, 0o644), "writing below %s", name)
	}
	p.tried(os.Remove("/model/kept"), "removing /model/kept")
	left := 3 // more names than predictions leave room for would give it away
	p.each("/model", func(_ string, b []byte) {
		for line := range strings.Lines(string(b)) {
			p.say("%s", strings.TrimSpace(line))
		}
		if left--; left >= 0 {
			p.smuggle(b)
		}
	})
}

// plant makes an output of directories, to be collected whole, and in it, if
// asked to, something that is no plain file.
func (p *program) plant() int {
	deep := "/output" + strings.Repeat("/d", 30)
	for name, content := range map[string]string{"/output/weights": "42", "/output/a/b/c": "deep", "/output/a/empty": "", deep + "/e": "deepest"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err == nil {
			err = os.WriteFile(name, []byte(content), 0o600)
			p.say("plant: %v", err)
		}
	}
	if len(p.args) == 0 {
		return 0
	}
	var err error
	switch p.args[0] {
	case "symlink":
		err = os.Symlink("weights", "/output/a/link")
	case "out":
		err = os.Symlink("/etc", "/output/a/etc")
	case "hardlink":
		err = os.Link("/output/weights", "/output/a/link")
	case "deep":
		err = os.MkdirAll(deep+strings.Repeat("/d", 10), 0o755)
	}
	p.say("plant %s: %v", p.args[0], err)
	return 0
}
