package scenarios

import (
	"fmt"

	"aihub"
)

// Train opens the train part to training runs. Without it nobody trains.
type Train struct {
	Labels string `json:"labels" yaml:"labels"` // file of the labels in /input, of the format of the input: the same ids in the same order
	Limits Limits `json:"limits" yaml:"limits"` // of a training run; output and inodes bound the model
	Quota  int    `json:"quota" yaml:"quota"`   // training runs an organisation may have
}

// Limits of a model whose spec does not say otherwise; the others are those of the spec.
const (
	defaultModel  = 64 * MiB  // train.limits.output
	defaultInside = 1024      // train.limits.inodes
	defaultLabels = "labels." // train.labels, with the format of the input as suffix
	DefaultTrains = 20        // train.quota
)

// fillTrain sets what train leaves out; see fill.
func (s *Spec) fillTrain(has func(path string) bool) {
	t := s.Train
	if t == nil {
		return
	}
	def(has, "train.labels", &t.Labels, defaultLabels+s.Input.Format)
	def(has, "train.quota", &t.Quota, DefaultTrains)
	d := s.Limits
	d.Output, d.Inodes = defaultModel, defaultInside
	t.Limits.fill(has, "train.limits.", d)
}

func (l *Limits) fill(has func(path string) bool, p string, d Limits) {
	def(has, p+"cpus", &l.CPUs, d.CPUs)
	def(has, p+"memory", &l.Memory, d.Memory)
	def(has, p+"pids", &l.Pids, d.Pids)
	def(has, p+"files", &l.Files, d.Files)
	def(has, p+"wall", &l.Wall, d.Wall)
	def(has, p+"output", &l.Output, d.Output)
	def(has, p+"inodes", &l.Inodes, d.Inodes)
	def(has, p+"tmp", &l.Tmp, d.Tmp)
	def(has, p+"log", &l.Log, d.Log)
}

func (l *linter) train(s Spec) {
	t := s.Train
	if t == nil {
		return
	}
	l.file("train.labels", t.Labels)
	if t.Labels == "task.json" || t.Labels == s.Input.File && t.Labels != "" {
		l.add("bad_value", "train.labels", fmt.Sprintf("%s is another file in /input: choose another name", t.Labels), fmt.Sprintf("%s 是 /input 中的另一个文件：请换一个名称", t.Labels))
	}
	l.limits("train.limits.", t.Limits)
	bounded(l, "train.quota", t.Quota, 1, maxQuota)
}

// NewTrainTask makes the task of a training run: that of any run, and where the
// labels are.
func NewTrainTask(ref aihub.Ref, spec Spec, columns []aihub.Column) (Task, error) {
	if spec.Train == nil {
		return Task{}, fmt.Errorf("scenario %s offers no training", ref)
	}
	t, err := NewTask(ref, spec, columns)
	t.Labels = &TaskTable{
		File: spec.Train.Labels, Format: spec.Input.Format, Key: spec.Input.Key,
		Columns: []TaskColumn{{Name: spec.Truth.Column, Type: spec.Truth.Type, Classes: spec.Truth.Classes}},
	}
	return t, err
}
