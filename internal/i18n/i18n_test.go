package i18n

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"aihub"
)

// messages reads the files of one language: key -> form -> text, form "other"
// for a plain message.
func messages(t *testing.T, lang aihub.Lang) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	entries, err := fs.ReadDir(files, "messages/"+string(lang))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := files.ReadFile("messages/" + string(lang) + "/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		raw := map[string]any{}
		if err := yaml.Unmarshal(b, &raw); err != nil {
			t.Fatalf("%s/%s: %v", lang, e.Name(), err)
		}
		area := strings.TrimSuffix(e.Name(), ".yaml")
		for k, v := range raw {
			if !strings.HasPrefix(k, area+".") {
				t.Errorf("%s/%s: key %q must begin with %q: a file owns its area", lang, e.Name(), k, area+".")
			}
			switch v := v.(type) {
			case string:
				out[k] = map[string]string{"other": v}
			case map[string]any:
				forms := map[string]string{}
				for f, s := range v {
					text, ok := s.(string)
					if !ok || (f != "one" && f != "other") {
						t.Errorf("%s: %q: a message is a text, or the forms one and other", lang, k)
					}
					forms[f] = text
				}
				out[k] = forms
			default:
				t.Errorf("%s: %q is a %T, not a text (quote it)", lang, k, v)
			}
		}
	}
	return out
}

var argRE = regexp.MustCompile(`\.([A-Za-z]+)`)

func args(forms map[string]string) []string {
	set := map[string]bool{}
	for _, s := range forms {
		for _, action := range regexp.MustCompile(`\{\{.*?\}\}`).FindAllString(s, -1) {
			for _, m := range argRE.FindAllStringSubmatch(action, -1) {
				set[m[1]] = true
			}
		}
	}
	delete(set, "Count") // one form may spell the number out
	return slices.Sorted(maps.Keys(set))
}

func TestLanguagesHaveTheSameMessages(t *testing.T) {
	en, zh := messages(t, aihub.EN), messages(t, aihub.ZH)
	for _, k := range slices.Sorted(maps.Keys(en)) {
		if zh[k] == nil {
			t.Errorf("%q is missing in Chinese", k)
			continue
		}
		if a, b := args(en[k]), args(zh[k]); !slices.Equal(a, b) {
			t.Errorf("%q: English uses the arguments %v, Chinese %v", k, a, b)
		}
		if _, one := en[k]["one"]; one && en[k]["other"] == "" {
			t.Errorf("%q has the form one but not other", k)
		}
		if zh[k]["other"] == "" {
			t.Errorf("%q: Chinese needs the form other", k)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(zh)) {
		if en[k] == nil {
			t.Errorf("%q is missing in English", k)
		}
	}
}

// TestEveryMessageIsUsed looks for each key as a whole string literal in the
// sources, or for a literal that is a prefix of it ending in a dot (keys of a
// family are put together: "web.state." + state).
func TestEveryMessageIsUsed(t *testing.T) {
	literal := regexp.MustCompile(`"([a-z]+\.[a-z0-9_.]*)"`)
	used := map[string]bool{}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name != ".." && strings.HasPrefix(name, ".") || name == "i18n" {
				return filepath.SkipDir // this package's own examples are no uses
			}
			return nil
		}
		if !strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, ".templ") {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for _, m := range literal.FindAllSubmatch(b, -1) {
			used[string(m[1])] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]bool{}
	for k := range used {
		if strings.HasSuffix(k, ".") {
			families[k] = true
		}
	}
	all := messages(t, aihub.EN)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		ok := used[k]
		for i := 0; i < len(k) && !ok; i++ {
			ok = k[i] == '.' && families[k[:i+1]]
		}
		if !ok {
			t.Errorf("message %q is used nowhere: remove it", k)
		}
	}
	areas := map[string]bool{}
	for k := range all {
		areas[k[:strings.IndexByte(k, '.')]] = true
	}
	for _, k := range slices.Sorted(maps.Keys(used)) {
		area := k[:strings.IndexByte(k, '.')]
		if areas[area] && all[k] == nil && !strings.HasSuffix(k, ".") && !strings.HasSuffix(k, ".yaml") && !strings.HasSuffix(k, ".go") {
			t.Errorf("the sources use message %q, which no file has", k)
		}
	}
}

func TestT(t *testing.T) {
	for _, lang := range Langs {
		if got := T(lang, "web.brand"); got == "web.brand" || got == "" {
			t.Errorf("%s: web.brand is %q", lang, got)
		}
		if got := T(lang, "web.no_such_message"); got != "web.no_such_message" {
			t.Errorf("%s: an unknown key came back as %q", lang, got)
		}
		if got := T(lang, "web.brand", nil); got == "web.brand" {
			t.Errorf("%s: nil arguments must be allowed", lang)
		}
	}
	if Has("web.no_such_message") || !Has("web.brand") {
		t.Error("Has is wrong about web.brand or web.no_such_message")
	}
}

func TestMissingArgumentIsNotShownAsNoValue(t *testing.T) {
	p, err := strict{}.Parse("hello {{.Name}}", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := p.Execute(Args{}); err == nil {
		t.Errorf("executed to %q without its argument", s)
	}
	if s, err := p.Execute(Args{"Name": "<b>"}); err != nil || s != "hello <b>" {
		t.Errorf("got %q, %v", s, err)
	}
}

func TestNegotiate(t *testing.T) {
	for _, c := range []struct {
		accept, chosen string
		want           aihub.Lang
	}{
		{"", "", aihub.ZH},
		{"en-GB,en;q=0.9", "", aihub.EN},
		{"zh-CN,zh;q=0.9,en;q=0.8", "", aihub.ZH},
		{"fr,en;q=0.5", "", aihub.EN},
		{"fr", "", aihub.ZH},
		{"zh-CN", "en", aihub.EN},
		{"en", "zh", aihub.ZH},
		{"en", "xx", aihub.EN},
		{"\x00;;;q=", "", aihub.ZH},
		{strings.Repeat("en,", 10000), "", aihub.EN},
	} {
		if got := Negotiate(c.accept, c.chosen); got != c.want {
			t.Errorf("Negotiate(%.20q, %q) = %s, want %s", c.accept, c.chosen, got, c.want)
		}
	}
}

func TestFormat(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC).In(China)
	for _, c := range []struct{ got, want string }{
		{Time(aihub.ZH, at), "2026年11月22日 09:02"},
		{Time(aihub.EN, at), "22 Nov 2026 09:02"},
		{Date(aihub.EN, time.Time{}), "—"},
		{Duration(aihub.EN, 90*time.Minute), "1 hour 30 minutes"},
		{Duration(aihub.ZH, 90*time.Minute), "1 小时 30 分钟"},
		{Duration(aihub.EN, 24*time.Hour+time.Second), "1 day"},
		{Duration(aihub.EN, 250*time.Millisecond), "250 ms"},
		{Duration(aihub.ZH, 61*time.Second), "1 分钟 1 秒"},
		{Int(947813), "947,813"}, {Int(-1000), "-1,000"}, {Int(999), "999"}, {Int(0), "0"},
		{Number(0.85, 4), "0.85"}, {Number(-0.00001, 2), "0"}, {Number(12, 3), "12"}, {Number(0.123456, 4), "0.1235"},
		{Bytes(512), "512 B"}, {Bytes(1536 * 1024), "1.5 MiB"}, {Bytes(1 << 30), "1 GiB"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
