package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aihub"
	"aihub/evaluator"
	"aihub/internal/blob"
	"aihub/internal/i18n"
	"aihub/internal/oci"
	"aihub/policies/sharing"
	"aihub/sandbox"
	"aihub/scenarios"

	"github.com/spf13/cobra"
)

// kitFile is what `aihub test` needs to know of a scenario, kept in the starter
// kit so that testing needs no server.
const kitFile = ".aihub.json"

// kit is the content of kitFile.
type kit struct {
	Ref     aihub.Ref       `json:"ref"`
	Machine string          `json:"machine,omitempty"` // the platform's architecture; absent in kits of earlier versions
	Spec    json.RawMessage `json:"spec"`              // canonical
	Sample  string          `json:"sample"`            // file beside it: the labelled public sample, with the dataset's types
	Files   string          `json:"files,omitempty"`   // column of the input that names the rows' files
}

// kitFiles is where a kit has the files of its sample's rows.
const kitFiles = "sample/input/files"

func (p *process) testCmd() *cobra.Command {
	var t trial
	c := p.verb("test", "cli.test.short", cobra.NoArgs, func(cmd *cobra.Command, _ []string) error {
		if t.out != "" && !t.train || t.train && t.scorer != "" {
			return usageError{errors.New(p.t("training.test.usage", "Path", cmd.CommandPath()))}
		}
		return p.test(cmd.Context(), t)
	})
	c.Flags().StringVar(&t.image, "image", "", p.t("cli.flag.image"))
	c.Flags().StringVar(&t.scorer, "scorer", "", p.t("intake.scorer.flag.scorer"))
	c.Flags().StringVar(&t.dir, "kit", ".", p.t("cli.flag.kit"))
	c.Flags().BoolVar(&t.train, "train", false, p.t("training.test.train"))
	c.Flags().StringVar(&t.out, "out", "", p.t("training.test.out"))
	c.Flags().StringVar(&t.model, "model", "", p.t("training.test.model"))
	p.require(c, "image")
	return c
}

// trial is what `aihub test` is asked for.
type trial struct {
	image, dir, scorer string
	train              bool
	out                string // directory for the model of a training, "" to drop it
	model              string // directory that is /model
}

// test does locally what a submission goes through: image checks, the same
// sandbox, the prediction checks, and the metrics on the labelled sample; or
// what a training does, up to its model.
func (p *process) test(ctx context.Context, t trial) error {
	k, spec, err := readKit(t.dir)
	if err != nil {
		return err
	}
	if t.train && spec.Train == nil {
		return aihub.Errorf(aihub.Refused, aihub.Text{EN: "scenario " + k.Ref.String() + " offers no training", ZH: "应用场景 " + k.Ref.String() + " 不提供训练"})
	}
	if t.out != "" {
		if entries, err := os.ReadDir(t.out); err == nil && len(entries) > 0 {
			return aihub.Errorf(aihub.Conflict, aihub.Text{EN: t.out + " is not empty", ZH: t.out + " 不是空目录"})
		}
	}
	model, err := modelOf(t.model)
	if err != nil {
		return err
	}
	if _, err := os.Stat(t.image); err != nil && pushedRE.MatchString(t.image) {
		return aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: t.image + " is no file: aihub test runs an archive on this machine", ZH: t.image + " 不是文件：aihub test 在本机运行镜像归档",
		}).WithHint(aihub.Text{EN: "docker save " + t.image + " -o image.tar, then --image image.tar", ZH: "先执行 docker save " + t.image + " -o image.tar，再用 --image image.tar"})
	}
	f, err := openFile(t.image)
	if err != nil {
		return err
	}
	defer f.Close()
	work, err := os.MkdirTemp("", "aihub-test-*")
	if err != nil {
		return err
	}
	defer removeTree(work)
	blobs, err := blob.Open(filepath.Join(work, "blobs"))
	if err != nil {
		return err
	}
	img, err := oci.Import(ctx, blobs, f, oci.Limits{Temp: work, Machine: k.Machine})
	if err != nil {
		return err
	}
	p.note("cli.test.image", "Digest", img.Digest.Short())
	cache := &oci.Cache{Dir: filepath.Join(work, "images")}
	root, release, err := cache.Rootfs(ctx, blobs, img, "")
	if err != nil {
		return err
	}
	defer release()
	r, done, err := p.tryRunner(ctx, img.Machine)
	if err != nil {
		return err
	}
	defer done()
	emulated, err := p.emulated(ctx, r, img.Machine, filepath.Join(work, "emulated"))
	if err != nil {
		return err
	}
	p.note("cli.test.running", "Runner", r.Name())
	p.unchecked(ctx, r)
	run := filepath.Join(work, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		return err
	}
	files := ""
	if k.Files != "" {
		files = filepath.Join(work, "files.tar")
		if err := packTo(ctx, files, filepath.Join(t.dir, filepath.FromSlash(kitFiles))); err != nil {
			return err
		}
	}
	got, err := sandbox.Try(ctx, sandbox.Trial{
		Runner: r, Spec: spec, Ref: k.Ref, Sample: filepath.Join(t.dir, k.Sample), Files: files, Column: k.Files, Rootfs: root, Machine: emulated, Train: t.train, Model: model,
		Args: img.Args(), Dir: img.WorkingDir, Env: img.Env, Work: run, Log: terminal{p.Err},
	})
	if err != nil {
		return err
	}
	if why := got.Result.Failure; why != (aihub.Failure{}) {
		e := aihub.Errorf(aihub.RunFailed, sharing.Reason(why.Reason))
		if why.Detail != "" {
			e.Faults = []aihub.Fault{{Code: string(why.Reason), Message: aihub.Text{EN: printable(why.Detail), ZH: printable(why.Detail)}}}
		}
		return e
	}
	if t.train {
		return p.trainedHere(img.Digest, got, t.out)
	}
	var judge func(context.Context) (string, error)
	if spec.Scorer != nil && t.scorer != "" {
		judge = func(ctx context.Context) (string, error) {
			return p.localJudge(ctx, t.scorer, work, blobs, cache, r, img.Machine, emulated, evaluator.Judging{
				Ref: k.Ref, Spec: spec, Truth: got.Sample, Input: got.Sample, Predictions: got.Output, RowKey: got.RowKey,
			})
		}
	} else if spec.Scorer != nil {
		p.note("intake.scorer.test.none")
	}
	values, notes, err := evaluator.ScoreLocal(ctx, spec, got.Output, filepath.Join(t.dir, k.Sample), got.RowKey, judge)
	if err != nil {
		return err
	}
	return p.data(map[string]any{"image": img.Digest, "usage": got.Result.Usage, "metrics": values, "messages": notes}, func() {
		p.say("cli.test.good", "Rows", values[0].N)
		var rows [][]string
		for _, m := range values {
			rows = append(rows, []string{m.ID, number(m), string(m.Status), m.Reason})
		}
		p.table([]string{"METRIC", "VALUE", "STATUS", "REASON"}, rows)
		p.slices(values)
		for _, n := range notes {
			p.say("intake.scorer.test.message", "Code", n.Code, "Text", n.Message.In(p.lang), "Count", n.Count, "Rows", strings.Join(n.Examples, ", "))
		}
	})
}

// modelOf is the directory that is /model, as an absolute path.
func modelOf(dir string) (string, error) {
	if dir == "" {
		return "", nil
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return "", aihub.Errorf(aihub.NotFound, aihub.Text{EN: dir + " is no directory with a model", ZH: dir + " 不是模型目录"}).
			WithHint(aihub.Text{EN: "make one: aihub test --train --image FILE --out " + dir, ZH: "可先生成：aihub test --train --image 文件 --out " + dir})
	}
	return filepath.Abs(dir)
}

// trainedHere says what a local training left, and keeps it below out.
func (p *process) trainedHere(image aihub.Digest, got sandbox.Tried, out string) error {
	if out != "" {
		if err := os.CopyFS(out, os.DirFS(got.Model)); err != nil {
			return err
		}
	}
	return p.data(map[string]any{"image": image, "usage": got.Result.Usage, "files": got.Files, "bytes": got.Bytes, "model": out}, func() {
		p.say("training.test.good", "Count", len(got.Files), "Bytes", i18n.Bytes(got.Bytes))
		if out != "" {
			p.say("training.test.kept", "Dir", out)
		}
	})
}

// unchecked says what a trial here leaves open about a run on the platform.
func (p *process) unchecked(ctx context.Context, r sandbox.Runner) {
	c := r.Probe(ctx)
	for _, x := range c.Checks {
		if !x.Enforced {
			p.note("attack.test.unkept", "What", p.t("cli.check."+x.Name), "Why", x.Why.In(p.lang))
		}
	}
	if r.Name() == "docker" {
		p.note("attack.test.engine", "Platform", cmp.Or(c.Platform, "docker"))
	}
}

// emulated is the image's machine when it is not the runner's and the runner
// executes its programs all the same, "" when it is the runner's. That neither is
// so is an error that says what was checked and what was not.
func (p *process) emulated(ctx context.Context, r sandbox.Runner, machine, work string) (string, error) {
	here, err := r.Machine(ctx)
	if err != nil || here == machine {
		return "", err
	}
	runs := false
	if r.Name() == "docker" {
		if err := os.Mkdir(work, 0o700); err != nil {
			return "", err
		}
		if runs, err = sandbox.Emulates(ctx, r, machine, work); err != nil {
			return "", err
		}
	}
	if !runs {
		return "", aihub.Errorf(aihub.Unavailable, aihub.Text{
			EN: "the image is as the platform takes it, for linux/" + machine + ", but " + r.Name() + " here runs linux/" + here + ": not checked here: how it runs, what it predicts, its metrics",
			ZH: "镜像符合平台要求（linux/" + machine + "），但本机的 " + r.Name() + " 运行 linux/" + here + "。此处未检查：运行过程、预测结果与指标",
		}).WithHint(aihub.Text{
			EN: "try it on the platform: aihub submit SCENARIO --image FILE --smoke; or give the Docker engine here an emulator (binfmt) for linux/" + machine,
			ZH: "请在平台上试运行：aihub submit 场景 --image 文件 --smoke；或为本机 Docker 引擎安装 linux/" + machine + " 的模拟器（binfmt）",
		})
	}
	p.note("attack.test.emulated", "Machine", machine, "Here", here)
	return machine, nil
}

// terminal makes what an algorithm prints safe to show.
type terminal struct {
	w interface{ Write([]byte) (int, error) }
}

func (t terminal) Write(b []byte) (int, error) {
	fmt.Fprint(t.w, printable(string(b)))
	return len(b), nil
}

func readKit(dir string) (kit, scenarios.Spec, error) {
	var k kit
	b, err := os.ReadFile(filepath.Join(dir, kitFile))
	if errors.Is(err, fs.ErrNotExist) {
		return k, scenarios.Spec{}, aihub.Errorf(aihub.NotFound, aihub.Text{
			EN: "there is no starter kit in " + dir, ZH: dir + " 中没有入门套件",
		}).WithHint(aihub.Text{EN: "write one with aihub init SCENARIO DIR, or name its directory with --kit", ZH: "用 aihub init 场景 目录 生成，或用 --kit 指定目录"})
	}
	if err != nil {
		return k, scenarios.Spec{}, err
	}
	if err := json.Unmarshal(b, &k); err != nil || k.Sample != filepath.Base(k.Sample) {
		return k, scenarios.Spec{}, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: filepath.Join(dir, kitFile) + " is damaged", ZH: filepath.Join(dir, kitFile) + " 已损坏",
		}).WithHint(aihub.Text{EN: "write the starter kit again: aihub init", ZH: "请重新生成入门套件：aihub init"})
	}
	spec, err := scenarios.ParseCanonical(k.Spec)
	return k, spec, err
}
