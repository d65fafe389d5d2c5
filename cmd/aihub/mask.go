package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"aihub"
	"aihub/catalog/media"

	"github.com/spf13/cobra"
)

// maskCmd holds what a steward does to raw files on their own machine, before
// anything is published. Nothing is sent.
func (p *process) maskCmd() *cobra.Command {
	c := p.group("mask", "cli.mask.short")
	c.AddCommand(p.maskTableCmd(), p.maskCountCmd(), p.maskImageCmd(), p.maskAudioCmd())
	return c
}

func (p *process) maskImageCmd() *cobra.Command {
	var boxes, style, detector string
	c := p.verb("image IN OUT", "cli.mask.image.short", cobra.ExactArgs(2), func(cmd *cobra.Command, args []string) error {
		var list []media.Box
		if boxes != "" {
			b, err := readFile(boxes, 1<<20)
			if err != nil {
				return err
			}
			if list, err = media.ParseBoxes(string(b)); err != nil {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: boxes + ": " + err.Error(), ZH: boxes + "：" + err.Error()}).
					WithHint(aihub.Text{EN: `write a list of boxes in pixels: [{"x": 10, "y": 20, "w": 64, "h": 64}]`, ZH: `请写以像素为单位的框列表：[{"x": 10, "y": 20, "w": 64, "h": 64}]`})
			}
		}
		var info struct {
			media.ImageInfo
			Detector       string           `json:"detector,omitempty"`
			DetectorDigest string           `json:"detector_digest,omitempty"`
			Found          []media.FoundBox `json:"found,omitempty"`
		}
		given := len(list)
		shown := "" // digest of what a detector saw
		if detector != "" {
			found, err := findOne(cmd.Context(), detector, args[0])
			if err != nil {
				return err
			}
			info.Detector, info.DetectorDigest, info.Found = found.Detector, found.Digest, found.Pictures[args[0]]
			shown = found.Digests[args[0]]
			for _, b := range info.Found {
				list = append(list, b.Box)
			}
		}
		err := rewrite(args[0], args[1], func(w io.Writer, r io.Reader) (err error) {
			h := sha256.New()
			all := io.TeeReader(r, h)
			info.ImageInfo, err = media.MaskImage(w, all, media.Style(style), list)
			if err == nil && shown != "" {
				if _, err = io.Copy(io.Discard, all); err == nil && hex.EncodeToString(h.Sum(nil)) != shown {
					err = aihub.Errorf(aihub.Conflict, aihub.Text{EN: "it changed after the detector looked at it: nothing was written", ZH: "图片在检测之后被改动，未写入任何内容"})
				}
			}
			for i, b := range list {
				if err != nil || b.Touches(info.Width, info.Height) {
					continue
				}
				what := aihub.Text{EN: fmt.Sprintf("box %d of %s is", i+1, boxes), ZH: fmt.Sprintf("%s 中的第 %d 个框", boxes, i+1)}
				if i >= given {
					what = aihub.Text{EN: "the detector found a box", ZH: "检测程序给出的框"}
				}
				err = aihub.Errorf(aihub.Contract, aihub.Text{EN: fmt.Sprintf("%s outside of the picture (%d × %d), and would hide nothing: [%d, %d, %d, %d]", what.EN, info.Width, info.Height, b.X, b.Y, b.W, b.H),
					ZH: fmt.Sprintf("%s在图片（%d × %d）之外，未遮盖任何内容：[%d, %d, %d, %d]", what.ZH, info.Width, info.Height, b.X, b.Y, b.W, b.H)}).
					WithHint(aihub.Text{EN: "boxes are in pixels of the upright picture; nothing was written", ZH: "坐标应为正向图片的像素；未写入任何内容"})
			}
			return err
		})
		if err != nil {
			return err
		}
		return p.data(info, func() {
			p.say("cli.mask.image.done", "File", args[1], "Boxes", fmt.Sprint(info.Masked), "Width", fmt.Sprint(info.Width), "Height", fmt.Sprint(info.Height))
		})
	})
	c.Flags().StringVar(&boxes, "boxes", "", p.t("cli.flag.boxes"))
	c.Flags().StringVar(&detector, "detector", "", p.t("cli.flag.detector"))
	c.Flags().StringVar(&style, "style", string(media.Blur), p.t("cli.flag.style"))
	return c
}

func (p *process) maskAudioCmd() *cobra.Command {
	var mute []string
	var semitones float64
	c := p.verb("audio IN OUT", "cli.mask.audio.short", cobra.ExactArgs(2), func(_ *cobra.Command, args []string) error {
		var spans []media.Span
		for _, m := range mute {
			a, b, ok := strings.Cut(m, "-")
			from, err1 := strconv.ParseFloat(a, 64)
			to, err2 := strconv.ParseFloat(b, 64)
			if !ok || err1 != nil || err2 != nil {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("%q is no span: write seconds as 1.5-3", m), ZH: fmt.Sprintf("%q 不是时间段：请写秒数，如 1.5-3", m)})
			}
			if !(from >= 0) || !(to > from) {
				return aihub.Errorf(aihub.Invalid, aihub.Text{EN: fmt.Sprintf("the span %s does not end behind its beginning", m), ZH: fmt.Sprintf("时间段 %s 的终点不在起点之后", m)})
			}
			spans = append(spans, media.Span{From: from, To: to})
		}
		var info media.AudioInfo
		err := rewrite(args[0], args[1], func(w io.Writer, r io.Reader) (err error) {
			info, err = media.MaskAudio(w, r, spans, semitones)
			for _, s := range spans {
				if err == nil && s.From >= info.Seconds {
					err = aihub.Errorf(aihub.Contract, aihub.Text{EN: fmt.Sprintf("the span %g-%g begins behind the end of the recording, which has %.2f seconds, and would silence nothing", s.From, s.To, info.Seconds),
						ZH: fmt.Sprintf("时间段 %g-%g 的起点在录音结束之后（录音共 %.2f 秒），未静音任何内容", s.From, s.To, info.Seconds)}).
						WithHint(aihub.Text{EN: "spans are in seconds; nothing was written", ZH: "单位应为秒；未写入任何内容"})
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		return p.data(info, func() {
			p.say("cli.mask.audio.done", "File", args[1], "Muted", fmt.Sprintf("%.2f", info.Muted), "Seconds", fmt.Sprintf("%.2f", info.Seconds), "Semitones", semitones)
		})
	})
	c.Flags().StringSliceVar(&mute, "mute", nil, p.t("cli.flag.mute"))
	c.Flags().Float64Var(&semitones, "semitones", 0, p.t("cli.flag.semitones"))
	return c
}

// rewrite makes out from in. Out appears whole or not at all, and may be in.
func rewrite(in, out string, f func(io.Writer, io.Reader) error) error {
	r, err := openFile(in)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.CreateTemp(filepath.Dir(out), ".aihub-*")
	if err != nil {
		return err
	}
	defer os.Remove(w.Name())
	if err := f(w, r); err != nil {
		w.Close()
		if e := (*aihub.Error)(nil); errors.As(err, &e) { // of several files in a loop, which one
			e.Text = aihub.Text{EN: in + ": " + e.Text.EN, ZH: in + "：" + e.Text.ZH}
		}
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.Rename(w.Name(), out)
}
