package web

import (
	"aihub"
	"aihub/internal/i18n"
)

// wanted says what was declared of a result.
func (p *page) wanted(r aihub.SelfTest) string {
	if r.Declared == aihub.DeclaredValue {
		return r.Wanted()
	}
	return p.t("selftest."+string(r.Declared), i18n.Args{"Code": r.Code})
}
