package web

import (
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/wire"
)

type takeoutView struct {
	aihub.FileRelease
	first  int // which file the first piece is of
	pieces []wire.FileView
}

func (v takeoutView) open() bool {
	return v.State != aihub.ReleaseReleased && v.State != aihub.ReleaseRejected
}

func voted(p *page, r aihub.FileRelease) bool {
	return slices.ContainsFunc(r.Votes, func(v aihub.Vote) bool { return v.By == p.actor.User })
}

// askFiles asks that files of a workspace leave.
func (s *Site) askFiles(c *gin.Context, p *page) (templ.Component, error) {
	f, err := form(c)
	if err != nil {
		return nil, err
	}
	in := wire.AskFiles{Purpose: f.Get("purpose")}
	for _, line := range strings.Split(f.Get("files"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			in.Files = append(in.Files, line)
		}
	}
	id := aihub.SubmissionID(c.Param("id"))
	if _, err := s.Desk.AskFiles(c.Request.Context(), p.actor, id, in); err != nil {
		return nil, err
	}
	back(c, "/submissions/"+string(id), "asked_files")
	return nil, nil
}

// files shows a reviewer what would leave: the first piece of each file, or one
// piece of one.
func (s *Site) files(c *gin.Context, p *page) (templ.Component, error) {
	ctx := c.Request.Context()
	id := aihub.FileReleaseID(c.Param("id"))
	r, err := s.Desk.FileRelease(ctx, p.actor, id)
	if err != nil {
		return nil, err
	}
	v := takeoutView{FileRelease: r}
	last, from := len(r.Files)-1, int64(0)
	if q := c.Query("file"); q != "" {
		if v.first, err = strconv.Atoi(q); err != nil || v.first < 0 || v.first > last {
			return nil, aihub.Errorf(aihub.NotFound, aihub.Text{EN: "there is no such file", ZH: "没有该文件"})
		}
		last = v.first
		from, _ = strconv.ParseInt(c.Query("from"), 10, 64)
	}
	for i := v.first; i <= last; i++ {
		piece, err := s.Desk.ViewFile(ctx, p.actor, id, i, from)
		if err != nil {
			return nil, err
		}
		v.pieces = append(v.pieces, piece)
	}
	p.nav, p.title = "work", p.t("seat.files_read")
	return takeoutPage(p, v), nil
}

func (s *Site) voteFiles(c *gin.Context, p *page) (templ.Component, error) {
	return s.decide(c, p, "voted", func(in wire.Decide) error {
		return s.Desk.VoteFiles(c.Request.Context(), p.actor, aihub.FileReleaseID(c.Param("id")), in)
	})
}
