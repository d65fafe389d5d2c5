// Package packs holds the scenarios that the platform brings along, each with
// all that a city would have: a spec, the manifest of its dataset, a data card,
// and in place of real records a generator of realistic ones. The people in
// them do not exist, but their names, resident numbers (with valid check
// digits), phones and addresses look real, so that masking has real work to do.
//
//	event-dispatch  citizens' reports in Chinese -> the department that handles them
//	school-places   a catchment's filings -> how many school places it needs
//
// The algorithms that the demo submits are in package algorithms.
package packs

import (
	"embed"
	"io"
	"strings"

	"aihub"
)

//go:embed event-dispatch/*.yaml event-dispatch/*.md school-places/*.yaml school-places/*.md
var files embed.FS

// Pack is one built-in scenario with its dataset.
type Pack struct {
	Name     string     // of the scenario
	Spec     []byte     // YAML for scenarios.Parse
	Manifest []byte     // YAML for catalog.ParseManifest, the card included
	Card     aihub.Text // Markdown
	Rows     int        // raw rows that the spec's step is made for

	// Generate writes rows raw records with personal data as CSV (UTF-8, comma,
	// header). The same seed and rows give the same bytes, always.
	Generate func(w io.Writer, seed uint64, rows int) error
}

// All returns the packs.
func All() []Pack {
	return []Pack{
		load("event-dispatch", 9000, generateEvents),
		load("school-places", 9180, generateSchools), // 170 catchments, 6 years, 9 grades
	}
}

// Get returns the pack of this name.
func Get(name string) (Pack, bool) {
	for _, p := range All() {
		if p.Name == name {
			return p, true
		}
	}
	return Pack{}, false
}

func load(name string, rows int, generate func(io.Writer, uint64, int) error) Pack {
	read := func(file string) []byte {
		b, err := files.ReadFile(name + "/" + file)
		if err != nil {
			panic(err) // embedded at build time
		}
		return b
	}
	card := aihub.Text{ZH: string(read("card.zh.md")), EN: string(read("card.en.md"))}
	return Pack{
		Name: name, Rows: rows, Generate: generate, Card: card, Spec: read("spec.yaml"),
		Manifest: append(read("manifest.yaml"), "card:\n  zh: |\n"+indent(card.ZH)+"  en: |\n"+indent(card.EN)...),
	}
}

// indent makes a text the body of a YAML block four columns in.
func indent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		if line != "\n" {
			b.WriteString("    ")
		}
		b.WriteString(line)
	}
	return b.String()
}
