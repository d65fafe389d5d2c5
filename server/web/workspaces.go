package web

import (
	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/desk"
)

type workspaceView struct {
	aihub.Submission
	notice aihub.Text
}

// workspace is the page with the terminal, for whoever opened it.
func (s *Site) workspace(c *gin.Context, p *page) (templ.Component, error) {
	_, sub, err := s.Desk.Seat(c.Request.Context(), p.actor, aihub.SubmissionID(c.Param("id")))
	if err != nil {
		return nil, err
	}
	if sub.State.Terminal() {
		back(c, "/submissions/"+string(sub.ID), "")
		return nil, nil
	}
	p.nav, p.title = "submissions", p.t("seat.title")
	return workspacePage(p, workspaceView{sub, desk.Notice(p.actor, sub, p.now)}), nil
}

func (s *Site) closeWorkspace(c *gin.Context, p *page) (templ.Component, error) {
	id := aihub.SubmissionID(c.Param("id"))
	if err := s.Desk.CloseWorkspace(c.Request.Context(), p.actor, id, ""); err != nil {
		return nil, err
	}
	back(c, "/submissions/"+string(id), "")
	return nil, nil
}
