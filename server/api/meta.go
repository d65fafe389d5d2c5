package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/catalog/meta"
)

// metadata serves the catalogue in the words of others.
func (a *API) metadata() {
	a.catalogue()
	a.life()
	o := op(http.MethodGet, "/datasets/{ref}/metadata", "get-metadata", "datasets", "A dataset version as Croissant 1.1, DCAT-3 or a data package", 200)
	o.Parameters = append(o.Parameters, param("path", "ref", "name@N"), param("query", "format", strings.Join(meta.Formats, ", ")))
	o.Responses = content("The description", "application/ld+json", "application/json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		format := c.DefaultQuery("format", meta.Formats[0])
		v, err := a.Desk.Metadata(c.Request.Context(), who, c.Param("ref"), format, a.base(c.Request))
		if err != nil {
			return err
		}
		kind := "application/ld+json"
		if format == "datapackage" {
			kind = "application/json"
		}
		return described(c, kind, v)
	})
	o = op(http.MethodGet, "/scenarios/{ref}/metadata", "get-scenario-metadata", "scenarios", "A scenario as a task", 200)
	o.Parameters = append(o.Parameters, param("path", "ref", "name@N"))
	o.Responses = content("The description", "application/ld+json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		v, err := a.Desk.ScenarioTask(c.Request.Context(), who, c.Param("ref"), a.base(c.Request))
		if err != nil {
			return err
		}
		return described(c, "application/ld+json", v)
	})
	o = op(http.MethodGet, "/scenarios/{ref}/board/metadata", "get-board-metadata", "scenarios", "The ranking of a round as solutions of a task, with their evaluations", 200)
	o.Parameters = append(o.Parameters, param("path", "ref", "name@N"), param("query", "round", "default: the one that is open"))
	o.Responses = content("The description", "application/ld+json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		v, err := a.Desk.BoardResults(c.Request.Context(), who, c.Param("ref"), c.Query("round"), a.base(c.Request))
		if err != nil {
			return err
		}
		return described(c, "application/ld+json", v)
	})
	o = op(http.MethodGet, "/submissions/{id}/metadata", "get-submission-metadata", "submissions", "A submission as a solution of a task, with what of its score was released", 200)
	o.Parameters = append(o.Parameters, param("path", "id", "of the submission"))
	o.Responses = content("The description", "application/ld+json")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		v, err := a.Desk.SubmissionResult(c.Request.Context(), who, aihub.SubmissionID(c.Param("id")), a.base(c.Request))
		if err != nil {
			return err
		}
		return described(c, "application/ld+json", v)
	})
	o = op(http.MethodGet, "/catalog", "get-catalog", "datasets", "Every published dataset version as one DCAT-3 catalogue", 200)
	o.Responses = content("The catalogue", "application/ld+json")
	a.raw(o, func(c *gin.Context, _ aihub.Actor) error {
		v, err := a.Desk.DataCatalog(c.Request.Context(), a.base(c.Request))
		if err != nil {
			return err
		}
		return described(c, "application/ld+json", v)
	})
}

// base is the address by which a client reaches this server.
func (a *API) base(r *http.Request) string {
	if a.Secure || r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func described(c *gin.Context, kind string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	c.Data(http.StatusOK, kind, append(b, '\n'))
	return nil
}
