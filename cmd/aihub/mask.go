package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
			if err := json.Unmarshal(b, &list); err != nil {
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
					err = aihub.Errorf(aihub.Conflict, aihub.Text{EN: args[0] + " changed after the detector looked at it: nothing was written", ZH: args[0] + " 在检测之后被改动，未写入任何内容"})
				}
			}
			for _, b := range info.Found {
				if err == nil && !b.Touches(info.Width, info.Height) {
					err = aihub.Errorf(aihub.Contract, aihub.Text{EN: fmt.Sprintf("the detector found a box outside of the picture, which would hide nothing: %+v", b.Box), ZH: fmt.Sprintf("检测程序给出的框在图片之外，未遮盖任何内容：%+v", b.Box)}).
						WithHint(aihub.Text{EN: "its boxes are in pixels of the upright picture", ZH: "坐标应为正向图片的像素"})
				}
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
			spans = append(spans, media.Span{From: from, To: to})
		}
		var info media.AudioInfo
		err := rewrite(args[0], args[1], func(w io.Writer, r io.Reader) (err error) {
			info, err = media.MaskAudio(w, r, spans, semitones)
			return err
		})
		if err != nil {
			return err
		}
		return p.data(info, func() {
			p.say("cli.mask.audio.done", "File", args[1], "Muted", fmt.Sprintf("%.2f", info.Muted), "Seconds", fmt.Sprintf("%.2f", info.Seconds))
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
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.Rename(w.Name(), out)
}
