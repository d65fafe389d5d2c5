package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/containerd/errdefs"

	"aihub"
	"aihub/sandbox"
)

// collect copies the declared files out of the carrier, one by one, so that what
// is not declared is not even looked at. What comes is a tar of the engine about
// a directory of the vendor: one regular file of the right name and at most the
// allowed size is taken, and nothing else. A carrier that is dead held nothing any more:
// that nothing was found there is not the vendor's fault.
func (r *Runner) collect(ctx context.Context, j sandbox.Job) (total int64, failure *aihub.Failure, err error) {
	to, err := os.OpenRoot(j.Output)
	if err != nil {
		return 0, nil, err
	}
	defer to.Close()
	var made []string
	defer func() {
		if failure != nil || err != nil {
			for _, name := range slices.Backward(made) {
				_ = to.Remove(name)
			}
		}
	}()
	if j.Whole {
		total, failure, err = r.collectWhole(ctx, j, to, &made)
	} else {
		total, failure, err = r.collectFiles(ctx, j, to, &made)
	}
	if err != nil {
		return 0, nil, err
	}
	c, err := r.api.ContainerInspect(ctx, namesOf(j.ID).carrier)
	if err == nil && !c.State.Running {
		err = errors.New("the container that holds it has ended")
	}
	return total, failure, err
}

func (r *Runner) collectFiles(ctx context.Context, j sandbox.Job, to *os.Root, made *[]string) (total int64, failure *aihub.Failure, err error) {
	for _, name := range j.Collect {
		*made = append(*made, name)
		n, why, err := r.collectFile(ctx, j, to, name, int64(j.Limits.Output)-total)
		if err != nil || why != nil {
			return 0, why, err
		}
		total += n
	}
	return total, nil, nil
}

// collectWhole takes everything in /output: directories and regular files, each
// under one name. What it makes it adds to made, parents first.
func (r *Runner) collectWhole(ctx context.Context, j sandbox.Job, to *os.Root, made *[]string) (total int64, failure *aihub.Failure, err error) {
	limit := int64(j.Limits.Output)
	body, _, err := r.api.CopyFromContainer(ctx, namesOf(j.ID).carrier, "/output/.")
	if err != nil {
		return 0, nil, err
	}
	defer body.Close()
	// As much as so many entries can need: a header and padding each.
	t := tar.NewReader(io.LimitReader(body, limit+int64(j.Limits.Inodes+1)*8<<10))
	for n := 0; ; n++ {
		h, err := t.Next()
		if err == io.EOF {
			return total, nil, nil
		}
		if err != nil {
			return 0, nil, err
		}
		name := strings.Trim(strings.TrimPrefix(h.Name, "./"), "/")
		bad := func(format string, args ...any) *aihub.Failure {
			return &aihub.Failure{Owner: aihub.FaultVendor, Reason: aihub.ReasonOutput, Detail: "/output/" + name + " " + fmt.Sprintf(format, args...)}
		}
		parts := strings.Split(name, "/")
		switch {
		case (name == "" || name == ".") && h.Typeflag == tar.TypeDir:
			continue
		case slices.ContainsFunc(parts, func(s string) bool { return !sandbox.Plain(s) }):
			return 0, bad("is no plain name"), nil
		case len(parts) > sandbox.MaxDepth:
			return 0, bad("lies deeper than its limit"), nil
		case n > j.Limits.Inodes:
			return 0, bad("is one file too many"), nil
		case h.Typeflag == tar.TypeDir:
			if err := to.Mkdir(name, 0o700); err != nil {
				return 0, nil, err
			}
			*made = append(*made, name)
			continue
		case h.Typeflag != tar.TypeReg:
			return 0, bad("is no regular file with one name"), nil
		case h.Size > limit-total:
			return 0, bad("has %d bytes, %d are allowed", h.Size, limit-total), nil
		}
		dst, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return 0, nil, err
		}
		*made = append(*made, name)
		written, err := io.Copy(dst, t)
		if err := errors.Join(err, dst.Close()); err != nil {
			return 0, nil, err
		}
		total += written
	}
}

func (r *Runner) collectFile(ctx context.Context, j sandbox.Job, to *os.Root, name string, limit int64) (int64, *aihub.Failure, error) {
	bad := func(reason aihub.Reason, format string, args ...any) *aihub.Failure {
		return &aihub.Failure{Owner: aihub.FaultVendor, Reason: reason, Detail: "/output/" + name + " " + fmt.Sprintf(format, args...)}
	}
	body, st, err := r.api.CopyFromContainer(ctx, namesOf(j.ID).carrier, "/output/"+name)
	if errdefs.IsNotFound(err) {
		return 0, bad(aihub.ReasonNoOutput, "is missing"), nil
	}
	if err != nil {
		return 0, nil, err
	}
	defer body.Close()
	if !st.Mode.IsRegular() {
		return 0, bad(aihub.ReasonOutput, "is %v, not a regular file", st.Mode.Type()), nil
	}
	if st.Size > limit {
		return 0, bad(aihub.ReasonOutput, "has %d bytes, %d are allowed", st.Size, limit), nil
	}
	t := tar.NewReader(io.LimitReader(body, limit+1<<20))
	h, err := t.Next()
	if err != nil {
		return 0, nil, err
	}
	if h.Typeflag != tar.TypeReg || strings.TrimPrefix(h.Name, "./") != name || h.Size > limit {
		return 0, bad(aihub.ReasonOutput, "is no plain file of at most %d bytes", limit), nil
	}
	dst, err := to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, nil, err
	}
	n, err := io.Copy(dst, t)
	return n, nil, errors.Join(err, dst.Close())
}
