// Package i18n holds what the platform says to people, in Chinese and English.
//
// A message has a key ("web.signin.title") and one text per language. Keys live
// in messages/{en,zh}/AREA.yaml, flat, and begin with the area's name, so that
// the pages (web) and the command line (cli) never touch one file. A text is a
// Go template over named arguments ("{{.Name}}"); a text that depends on a
// number has the forms one and other and is chosen by the argument Count. Tests
// hold the two languages to the same keys and the same arguments, and every key
// to a use.
//
// Texts that travel with a value (titles, errors) are aihub.Text instead.
package i18n

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	texttemplate "text/template"

	"github.com/goccy/go-yaml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
	"golang.org/x/text/language"

	"aihub"
)

//go:embed messages
var files embed.FS

// Langs are the languages, the default of the pages first.
var Langs = []aihub.Lang{aihub.ZH, aihub.EN}

var localizers = load()

// load reads every embedded message file. It panics on a broken one: the files
// are part of the program.
func load() map[aihub.Lang]*i18n.Localizer {
	out := map[aihub.Lang]*i18n.Localizer{}
	for _, lang := range Langs {
		bundle := i18n.NewBundle(language.Make(string(lang)))
		bundle.RegisterUnmarshalFunc("yaml", yaml.Unmarshal)
		dir := "messages/" + string(lang)
		entries, err := fs.ReadDir(files, dir)
		if err != nil {
			panic(err)
		}
		for _, e := range entries {
			b, err := files.ReadFile(path.Join(dir, e.Name()))
			if err != nil {
				panic(err)
			}
			area := strings.TrimSuffix(e.Name(), ".yaml")
			if _, err := bundle.ParseMessageFileBytes(b, area+"."+string(lang)+".yaml"); err != nil {
				panic(fmt.Sprintf("%s/%s: %v", dir, e.Name(), err))
			}
		}
		out[lang] = i18n.NewLocalizer(bundle, string(lang))
	}
	return out
}

// Args are the named arguments of a message.
type Args = map[string]any

// T returns the message key in lang with args filled in. The argument Count,
// an integer, chooses between the forms one and other. An unknown key, or a
// missing argument, comes back as the key itself: a page is never lost to it.
func T(lang aihub.Lang, key string, args ...Args) string {
	s, err := localize(lang, key, args...)
	if err != nil {
		return key
	}
	return s
}

// Text returns the message key in both languages.
func Text(key string, args ...Args) aihub.Text {
	return aihub.Text{ZH: T(aihub.ZH, key, args...), EN: T(aihub.EN, key, args...)}
}

// Has reports whether there is a message key.
func Has(key string) bool {
	_, err := localize(aihub.EN, key, Args{})
	_, absent := err.(*i18n.MessageNotFoundErr)
	return !absent
}

func localize(lang aihub.Lang, key string, args ...Args) (string, error) {
	l, ok := localizers[lang]
	if !ok {
		l = localizers[aihub.ZH]
	}
	c := &i18n.LocalizeConfig{MessageID: key, TemplateParser: strict{}}
	for _, a := range args {
		if a != nil {
			c.TemplateData = a
			c.PluralCount = a["Count"]
		}
	}
	if c.TemplateData == nil {
		c.TemplateData = Args{}
	}
	return l.Localize(c)
}

// strict parses message templates so that a missing argument is an error
// instead of "<no value>".
type strict struct{}

func (strict) Cacheable() bool { return true }

func (strict) Parse(src, left, right string) (template.ParsedTemplate, error) {
	if left == "" {
		left = "{{"
	}
	if !strings.Contains(src, left) {
		return plain(src), nil
	}
	t, err := texttemplate.New("").Delims(left, right).Option("missingkey=error").Parse(src)
	if err != nil {
		return nil, err
	}
	return parsed{t}, nil
}

type plain string

func (p plain) Execute(any) (string, error) { return string(p), nil }

type parsed struct{ t *texttemplate.Template }

func (p parsed) Execute(data any) (string, error) {
	var b strings.Builder
	err := p.t.Execute(&b, data)
	return b.String(), err
}

var matcher = language.NewMatcher([]language.Tag{language.Chinese, language.English})

// Negotiate chooses a language: what the person chose before (the value of a
// cookie or flag), else what the Accept-Language header asks for, else Chinese.
func Negotiate(acceptLanguage, chosen string) aihub.Lang {
	switch aihub.Lang(chosen) {
	case aihub.ZH, aihub.EN:
		return aihub.Lang(chosen)
	}
	if len(acceptLanguage) > 256 { // a bound on foreign input, cut between two languages
		acceptLanguage = acceptLanguage[:max(0, strings.LastIndexByte(acceptLanguage[:256], ','))]
	}
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return aihub.ZH
	}
	if _, i, c := matcher.Match(tags...); i == 1 && c != language.No {
		return aihub.EN
	}
	return aihub.ZH
}
