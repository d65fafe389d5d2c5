package web

import (
	"slices"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub/internal/i18n"
	"aihub/internal/store"
	"aihub/server/wire"
)

type overallView struct {
	wire.Overall
	cards []wire.ScenarioCard // to choose among
	tasks []string            // chosen
	asOf  string
}

// chosen reports whether the round that is open of a scenario is asked for.
func (v overallView) chosen(card wire.ScenarioCard) bool {
	return slices.Contains(v.tasks, card.Ref.String())
}

// others are the tasks that no box stands for: they name a round.
func (v overallView) others() []string {
	return slices.DeleteFunc(slices.Clone(v.tasks), func(task string) bool {
		return slices.ContainsFunc(v.cards, func(c wire.ScenarioCard) bool { return c.Ref.String() == task })
	})
}

// overall shows the boards of several scenarios together, and asks for those when
// fewer than two are named.
func (s *Site) overall(c *gin.Context, p *page) (templ.Component, error) {
	v := overallView{tasks: c.QueryArray("task")}
	at := asOf(c.Query("as_of"))
	if !at.IsZero() {
		v.asOf = at.In(i18n.China).Format(time.DateOnly)
	}
	var err error
	if v.cards, err = s.Desk.Scenarios(c.Request.Context(), p.actor, store.ScenarioFilter{}); err != nil {
		return nil, err
	}
	if len(v.tasks) > 1 {
		if v.Overall, err = s.Desk.Overall(c.Request.Context(), p.actor, v.tasks, at); err != nil {
			return nil, err
		}
	}
	p.nav, p.title = "scenarios", p.t("intake.board.overall")
	return overallPage(p, v), nil
}
