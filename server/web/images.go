package web

import (
	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"
)

// images is what the viewer's organisation keeps, and what uses it.
func (s *Site) images(c *gin.Context, p *page) (templ.Component, error) {
	v, err := s.Desk.Kept(c.Request.Context(), p.actor)
	if err != nil {
		return nil, err
	}
	p.nav, p.title = "submissions", p.t("registry.images")
	return imagesPage(p, v), nil
}

func (s *Site) deleteImage(c *gin.Context, p *page) (templ.Component, error) {
	if err := s.Desk.DeleteImage(c.Request.Context(), p.actor, c.Param("digest")); err != nil {
		return nil, err
	}
	back(c, "/images", "image_deleted")
	return nil, nil
}
