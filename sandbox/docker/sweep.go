package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/volume"

	"aihub"
)

// claimed is the lock of one run: whoever holds it carries the run out.
type claimed struct{ file *os.File }

// claim takes the lock of run id.
func (r *Runner) claim(id string) (*claimed, error) {
	f, err := lockFile(filepath.Join(r.opt.Dir, "run", id))
	if errors.Is(err, errHeld) {
		return nil, aihub.Errorf(aihub.Conflict, aihub.Text{
			EN: "a container with the id " + id + " exists already", ZH: "编号为 " + id + " 的容器已存在",
		}).WithHint(aihub.Text{EN: "if it is not running, restart aihub: it sweeps at the start", ZH: "如果它并未运行，请重启 aihub，启动时会清理"})
	}
	if err != nil {
		return nil, platform("taking its lock", err)
	}
	return &claimed{f}, nil
}

func (c *claimed) release() { unlock(c.file) }

// remove removes what there is of run id on the engine, and waits until it is gone.
func (r *Runner) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n := namesOf(id)
	var errs []error
	for _, name := range []string{n.guest, n.carrier} {
		for tries := 0; ; tries++ {
			err := r.api.ContainerRemove(ctx, name, container.RemoveOptions{Force: true, RemoveVolumes: true})
			if errdefs.IsConflict(err) && tries < 100 { // somebody else removes it
				time.Sleep(50 * time.Millisecond)
				continue
			}
			if err != nil && !errdefs.IsNotFound(err) {
				errs = append(errs, err)
			}
			break
		}
	}
	for _, name := range []string{n.input, n.model, n.output} {
		if err := r.api.VolumeRemove(ctx, name, true); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return platform("removing the container", err)
	}
	return nil
}

// Sweep removes from the engine what runners on this directory left whose
// process is gone: containers, volumes, images of single runs, and files of probes.
func (r *Runner) Sweep(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	ours := filters.NewArgs(filters.Arg("label", labelHome+"="+r.home))
	ids := map[string]bool{}
	containers, err := r.api.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		return platform("sweeping", err)
	}
	for _, c := range containers {
		ids[c.Labels[labelRun]] = true
	}
	volumes, err := r.api.VolumeList(ctx, volume.ListOptions{Filters: ours})
	if err != nil {
		return platform("sweeping", err)
	}
	for _, v := range volumes.Volumes {
		ids[v.Labels[labelRun]] = true
	}
	left, err := os.ReadDir(filepath.Join(r.opt.Dir, "run"))
	if err != nil {
		return platform("sweeping", err)
	}
	for _, e := range left {
		ids[e.Name()] = true
	}
	probes, err := filepath.Glob(filepath.Join(r.opt.Dir, "probe-*"))
	if err != nil {
		return platform("sweeping", err)
	}
	for _, dir := range probes {
		ids[filepath.Base(dir)] = true
	}
	var errs []error
	for id := range ids {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c, err := r.claim(id)
		if aihub.KindOf(err) == aihub.Conflict {
			continue // it runs
		}
		if err == nil {
			err = r.remove(ctx, id)
			_, _ = r.api.ImageRemove(ctx, "aihub-run:"+id, image.RemoveOptions{})
			if strings.HasPrefix(id, "probe-") {
				err = errors.Join(err, os.RemoveAll(filepath.Join(r.opt.Dir, id)))
			}
			c.release()
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, r.sweepImages(ctx, ours))...)
}

// sweepImages removes the kept images beyond keepImages that earlier processes
// left, oldest first. One in use is refused by the engine, and stays.
func (r *Runner) sweepImages(ctx context.Context, ours filters.Args) error {
	ours.Add("reference", "aihub-image")
	all, err := r.api.ImageList(ctx, image.ListOptions{Filters: ours})
	if err != nil {
		return platform("sweeping", err)
	}
	for _, x := range all[min(len(all), keepImages):] { // the newest come first
		r.images.mu.Lock()
		for _, ref := range x.RepoTags {
			if r.images.used[ref] == nil {
				_, _ = r.api.ImageRemove(ctx, ref, image.RemoveOptions{})
			}
		}
		r.images.mu.Unlock()
	}
	return nil
}
