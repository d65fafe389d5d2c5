package api

import (
	"context"
	"mime"
	"net/http"
	"path"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"aihub"
	"aihub/server/wire"
)

// takeout mounts the releases of files of workspaces.
func (a *API) takeout() {
	const tag = "workspaces"
	handle(a, op(http.MethodPost, "/workspaces/{id}/file-releases", "ask-files", tag, "Ask that files of a workspace that is over leave", 201),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.AskFiles
		}) (*body[aihub.FileRelease], error) {
			return answer(a.Desk.AskFiles(ctx, who, aihub.SubmissionID(in.ID), in.Body))
		})
	handle(a, op(http.MethodGet, "/file-releases", "list-file-releases", tag, "The releases of files that you may see", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			Workspace string `query:"workspace" maxLength:"80" doc:"only of this one"`
		}) (*body[[]aihub.FileRelease], error) {
			return list(a.Desk.FileReleases(ctx, who, aihub.SubmissionID(in.Workspace)))
		})
	handle(a, op(http.MethodGet, "/file-releases/{id}", "get-file-release", tag, "One release of files", 200),
		func(ctx context.Context, who aihub.Actor, in *ByID) (*body[aihub.FileRelease], error) {
			return answer(a.Desk.FileRelease(ctx, who, aihub.FileReleaseID(in.ID)))
		})
	handle(a, op(http.MethodPost, "/file-releases/{id}/votes", "vote-files", tag, "Vote on a release of files; two reviewers of other organisations decide", 204),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			Body wire.Decide
		}) (*none, error) {
			return nil, a.Desk.VoteFiles(ctx, who, aihub.FileReleaseID(in.ID), in.Body)
		})
	handle(a, op(http.MethodGet, "/file-releases/{id}/view", "view-files", tag, "A piece of a file, for whoever may vote on it", 200),
		func(ctx context.Context, who aihub.Actor, in *struct {
			ByID
			File int   `query:"file" minimum:"0" maximum:"19" doc:"which, from 0"`
			From int64 `query:"from" minimum:"0" doc:"where in it, in bytes"`
		}) (*body[wire.FileView], error) {
			return answer(a.Desk.ViewFile(ctx, who, aihub.FileReleaseID(in.ID), in.File, in.From))
		})
	o := op(http.MethodGet, "/file-releases/{id}/files", "fetch-file", tag, "A file that was released, for its organisation", 200)
	o.Parameters = []*huma.Param{param("path", "id", ""), param("query", "file", "which, from 0")}
	o.Responses = content("Its bytes", "application/octet-stream")
	a.raw(o, func(c *gin.Context, who aihub.Actor) error {
		n := 0
		if s := c.Query("file"); s != "" {
			var err error
			if n, err = strconv.Atoi(s); err != nil {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: "file: a number from 0", ZH: "file 应为不小于 0 的整数"})
			}
		}
		f, b, err := a.Desk.FetchFile(c.Request.Context(), who, aihub.FileReleaseID(c.Param("id")), n)
		if err != nil {
			return err
		}
		c.Header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(f.Path)}))
		c.Data(http.StatusOK, "application/octet-stream", b)
		return nil
	})
}
