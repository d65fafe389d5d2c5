package aihub

// Lang is a language of the platform.
type Lang string

// The two languages. Chinese is the default of the pages.
const (
	ZH Lang = "zh"
	EN Lang = "en"
)

// Text is one human text in both languages.
type Text struct {
	ZH string `json:"zh" yaml:"zh"`
	EN string `json:"en" yaml:"en"`
}

// In returns the text in lang, or in the other language when it is missing.
func (t Text) In(lang Lang) string {
	if lang == ZH && t.ZH != "" || t.EN == "" {
		return t.ZH
	}
	return t.EN
}

func (t Text) IsZero() bool { return t == Text{} }
