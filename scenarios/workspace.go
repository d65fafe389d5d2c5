package scenarios

import "time"

// Workspace opens the train part to people: somebody of an enrolled organisation
// sits at a shell in the sandbox beside it, and sees on the screen what they make
// it show. Without it nobody does. It takes a train key too, whose limits and
// labels it shares.
type Workspace struct {
	Wall   Duration `json:"wall" yaml:"wall"`     // the longest that one stays open
	Idle   Duration `json:"idle" yaml:"idle"`     // closed when nobody types for so long
	Screen Bytes    `json:"screen" yaml:"screen"` // the most that one shows
}

// DefaultWorkspace is a workspace whose spec does not say otherwise.
var DefaultWorkspace = Workspace{Wall: Duration(2 * time.Hour), Idle: Duration(15 * time.Minute), Screen: 8 * MiB}

var (
	minWorkspace = Workspace{Wall: Duration(time.Minute), Idle: Duration(10 * time.Second), Screen: 64 * KiB}
	maxWorkspace = Workspace{Wall: Duration(12 * time.Hour), Idle: Duration(2 * time.Hour), Screen: 64 * MiB}
)

// fillWorkspace sets what workspace leaves out; see fill.
func (s *Spec) fillWorkspace(has func(path string) bool) {
	w, d := s.Workspace, DefaultWorkspace
	if w == nil {
		return
	}
	def(has, "workspace.wall", &w.Wall, d.Wall)
	def(has, "workspace.idle", &w.Idle, min(d.Idle, w.Wall))
	def(has, "workspace.screen", &w.Screen, d.Screen)
}

func (l *linter) workspace(s Spec) {
	w, lo, hi := s.Workspace, minWorkspace, maxWorkspace
	if w == nil {
		return
	}
	if s.Train == nil {
		l.add("no_train", "workspace", "a workspace stands on the train part, which only the key train opens: write train: {} beside it",
			"工作区使用训练分区，而训练分区只能由 train 键开放：请同时写上 train: {}")
	}
	bounded(l, "workspace.wall", w.Wall, lo.Wall, hi.Wall)
	bounded(l, "workspace.idle", w.Idle, lo.Idle, hi.Idle)
	bounded(l, "workspace.screen", w.Screen, lo.Screen, hi.Screen)
	if w.Idle > w.Wall {
		l.add("out_of_range", "workspace.idle", "longer than workspace.wall: it would never count", "长于 workspace.wall：不会起作用")
	}
}
