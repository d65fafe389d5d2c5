package web

import (
	"net/http"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
)

func (s *Site) signInForm(c *gin.Context, p *page) (templ.Component, error) {
	next := local(c.Query("next"))
	if !p.actor.Anonymous() {
		c.Redirect(http.StatusSeeOther, next)
		return nil, nil
	}
	p.nav, p.title = "signin", p.t("web.signin.title")
	return signInView(p, next, ""), nil
}

func (s *Site) signIn(c *gin.Context, p *page) (templ.Component, error) {
	f, err := form(c)
	if err != nil {
		return nil, err
	}
	next := local(f.Get("next"))
	if err := s.Auth.Open(c.Writer, c.Request, aihub.UserID(f.Get("user")), f.Get("password")); err != nil {
		p.nav, p.title = "signin", p.t("web.signin.title")
		s.again(c, p, err, signInView(p, next, f.Get("user")))
		return nil, nil
	}
	c.Redirect(http.StatusSeeOther, next)
	return nil, nil
}

func (s *Site) signOut(c *gin.Context, _ *page) (templ.Component, error) {
	if err := s.Auth.Close(c.Writer, c.Request); err != nil {
		return nil, err
	}
	c.Redirect(http.StatusSeeOther, "/")
	return nil, nil
}
