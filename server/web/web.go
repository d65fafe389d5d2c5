// Package web is the platform's pages: rendered on the server, in Chinese and
// English, readable without JavaScript. It shows what package desk returns and
// sends what forms say to it; it decides nothing. Templates are templ files
// (go generate ./server/web), styles and scripts are embedded and come from the
// platform itself, so that the strictest Content-Security-Policy holds.
package web

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.977 generate

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/internal/i18n"
	"aihub/server/api"
	"aihub/server/auth"
	"aihub/server/desk"
)

//go:embed static
var static embed.FS

// Site serves the pages.
type Site struct {
	Desk   *desk.Desk
	Auth   *auth.Auth
	Log    *slog.Logger
	Now    func() time.Time
	Secure bool // cookies over TLS only
}

// Mount adds the pages to r.
func (s *Site) Mount(r *gin.Engine) {
	r.GET("/static/*file", s.static)
	r.GET("/favicon.ico", func(c *gin.Context) { c.Redirect(http.StatusFound, asset("icon.svg")) })
	r.GET("/", s.page(s.home))
	r.GET("/signin", s.page(s.signInForm))
	r.POST("/signin", s.page(s.signIn))
	r.POST("/signout", s.page(s.signOut))
	r.GET("/scenarios", func(c *gin.Context) { c.Redirect(http.StatusFound, "/") })
	r.GET("/scenarios/:ref", s.page(s.scenario))
	r.POST("/scenarios/:ref/enrol", s.page(s.enrol))
	r.POST("/scenarios/:ref/close", s.page(s.closeScenario))
	r.POST("/scenarios/:ref/withdraw", s.page(s.withdrawScenario))
	r.GET("/scenarios/:ref/submit", s.page(s.submitForm))
	r.POST("/scenarios/:ref/submit", s.page(s.submit))
	r.GET("/submissions", s.page(s.submissions))
	r.GET("/submissions/:id", s.page(s.submission))
	r.POST("/submissions/:id/cancel", s.page(s.cancel))
	r.POST("/submissions/:id/rerun", s.page(s.rerun))
	r.POST("/models/:id/delete", s.page(s.deleteModel))
	r.GET("/images", s.page(s.images))
	r.POST("/images/:digest/delete", s.page(s.deleteImage))
	r.GET("/workspaces/:id", s.page(s.workspace))
	r.POST("/workspaces/:id/close", s.page(s.closeWorkspace))
	r.POST("/workspaces/:id/release", s.page(s.askFiles))
	r.GET("/work/files/:id", s.page(s.files))
	r.POST("/work/files/:id", s.page(s.voteFiles))
	r.GET("/datasets", s.page(s.datasets))
	r.GET("/datasets/:ref", s.page(s.dataset))
	r.POST("/datasets/:ref/withdraw", s.page(s.withdrawDataset))
	r.POST("/datasets/:ref/erase", s.page(s.eraseDataset))
	r.POST("/datasets/:ref/reidentify", s.page(s.reidentify))
	r.POST("/datasets/:ref/reidentify/:id", s.page(s.reveal))
	r.GET("/work", s.page(s.work))
	r.POST("/work/datasets/:ref", s.page(s.decideDataset))
	r.GET("/overall", s.page(s.overall))
	r.POST("/work/scorers/:id", s.page(s.decideScorer))
	r.POST("/work/enrolments/:id", s.page(s.decideEnrolment))
	r.POST("/enrolments/:id/revoke", s.page(s.revokeEnrolment))
	r.POST("/work/releases/:id", s.page(s.vote))
	r.POST("/work/reidentify/:id", s.page(s.decideReidentification))
}

// page is what every template knows.
type page struct {
	lang  aihub.Lang
	actor aihub.Actor
	url   *url.URL
	nav   string // which entry of the navigation is the current one
	title string
	done  string       // key of what was just done
	err   *aihub.Error // what did not work, shown above the content
	poll  bool         // without JavaScript: reload by itself
	now   time.Time
}

// t returns a message in the page's language.
func (p *page) t(key string, args ...i18n.Args) string { return i18n.T(p.lang, key, args...) }

// in returns a text in the page's language.
func (p *page) in(t aihub.Text) string { return t.In(p.lang) }

func (p *page) date(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return i18n.Date(p.lang, t.In(i18n.China))
}

func (p *page) time(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return i18n.Time(p.lang, t.In(i18n.China))
}

func (p *page) duration(d time.Duration) string { return i18n.Duration(p.lang, d) }

// htmlLang is the value of the lang attribute.
func (p *page) htmlLang() string {
	if p.lang == aihub.EN {
		return "en"
	}
	return "zh-CN"
}

// other returns this page's address in the other language.
func (p *page) other() templ.SafeURL {
	q := p.url.Query()
	q.Set("lang", "en")
	if p.lang == aihub.EN {
		q.Set("lang", "zh")
	}
	q.Del("done")
	return templ.SafeURL(p.url.Path + "?" + q.Encode())
}

// a page handler returns what to show, or nil when it has answered itself.
type handler func(c *gin.Context, p *page) (templ.Component, error)

const langCookie = "aihub_lang"

// page makes a gin handler: it finds the language, runs h, and renders its
// component or its error.
func (s *Site) page(h handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		p := s.newPage(c)
		view, err := h(c, p)
		if err != nil {
			s.fail(c, p, err)
			return
		}
		if view != nil {
			s.render(c, http.StatusOK, p, view)
		}
	}
}

func (s *Site) newPage(c *gin.Context) *page {
	chosen, _ := c.Cookie(langCookie)
	if q := aihub.Lang(c.Query("lang")); q == aihub.ZH || q == aihub.EN {
		chosen = string(q)
		http.SetCookie(c.Writer, &http.Cookie{
			Name: langCookie, Value: chosen, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
		})
	}
	p := &page{
		lang: i18n.Negotiate(c.GetHeader("Accept-Language"), chosen), actor: auth.ActorOf(c.Request.Context()),
		url: c.Request.URL, now: s.Now(),
	}
	if d := c.Query("done"); i18n.Has("web.done." + d) {
		p.done = "web.done." + d
	}
	return p
}

// render writes a page whole, or an error and nothing of it.
func (s *Site) render(c *gin.Context, status int, p *page, view templ.Component) {
	var b bytes.Buffer
	if err := layout(p, view).Render(c.Request.Context(), &b); err != nil {
		s.Log.ErrorContext(c.Request.Context(), "render", "path", c.FullPath(), "error", err)
		c.String(http.StatusInternalServerError, p.t("web.error.title"))
		return
	}
	h := c.Writer.Header()
	h.Set("Content-Language", p.htmlLang())
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Cookie, Accept-Language")
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}

// fail shows an error as a page. Who has to sign in is sent there.
func (s *Site) fail(c *gin.Context, p *page, err error) {
	e := api.Public(c.Request.Context(), s.Log, err)
	if e.Kind == aihub.Unauthenticated && c.Request.Method == http.MethodGet {
		c.Redirect(http.StatusSeeOther, "/signin?next="+url.QueryEscape(c.Request.URL.RequestURI()))
		return
	}
	if e.Kind == aihub.NotFound {
		p.title = p.t("web.error.not_found")
	} else {
		p.title = p.t("web.error.title")
	}
	s.render(c, api.Status(e.Kind), p, errorPage(p, e))
}

// again renders view under an error, with the error's status: a form that has
// to be mended.
func (s *Site) again(c *gin.Context, p *page, err error, view templ.Component) {
	p.err = api.Public(c.Request.Context(), s.Log, err)
	s.render(c, api.Status(p.err.Kind), p, view)
}

// NotFound answers for a path that no page has.
func (s *Site) NotFound(c *gin.Context) { s.fail(c, s.newPage(c), desk.NotFound()) }

// Error answers with a page that shows err.
func (s *Site) Error(c *gin.Context, err error) { s.fail(c, s.newPage(c), err) }

// back sends the browser to a page of this site, with what was done.
func back(c *gin.Context, to, done string) {
	if done != "" {
		to += "?done=" + done
	}
	c.Redirect(http.StatusSeeOther, to)
}

// local returns next when it is a path of this site, else "/".
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

// assets maps the name of a static file to its address, which carries a digest
// of its content: it may be cached for ever.
var assets = func() map[string]string {
	out := map[string]string{}
	err := fs.WalkDir(static, "static", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := static.ReadFile(p)
		h := sha256.Sum256(b)
		name := strings.TrimPrefix(p, "static/")
		out[name] = "/static/" + name + "?v=" + hex.EncodeToString(h[:6])
		return err
	})
	if err != nil {
		panic(err) // the files are part of the program
	}
	return out
}()

func asset(name string) string { return assets[name] }

var types = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

func (s *Site) static(c *gin.Context) {
	name := strings.TrimPrefix(c.Param("file"), "/")
	kind := types[path.Ext(name)]
	if assets[name] == "" || kind == "" {
		s.NotFound(c)
		return
	}
	b, err := static.ReadFile("static/" + name)
	if err != nil {
		s.NotFound(c)
		return
	}
	if c.Request.URL.RequestURI() == assets[name] {
		c.Header("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		c.Header("Cache-Control", "public, max-age=3600") // asked for without its digest
	}
	c.Data(http.StatusOK, kind, b)
}

// form reads a small form.
func form(c *gin.Context) (url.Values, error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 64<<10)
	if err := c.Request.ParseForm(); err != nil {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "the form did not arrive whole", ZH: "表单未完整送达"}).
			WithHint(aihub.Text{EN: "send it again", ZH: "请重新提交"}).Because(err)
	}
	return c.Request.PostForm, nil
}
