package web

import (
	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"
)

// overall ranks organisations over several boards: ?task=NAME@N/ROUND&task=….
func (s *Site) overall(c *gin.Context, p *page) (templ.Component, error) {
	o, err := s.Desk.Overall(c.Request.Context(), p.actor, c.QueryArray("task"))
	if err != nil {
		return nil, err
	}
	p.nav, p.title = "scenarios", p.t("intake.board.overall")
	return overallPage(p, o), nil
}
