package patched

import _ "embed"

// ClockAnnotation is the annotation of a container's spec that says when its wall
// clock begins, in nanoseconds since 1970. A gVisor without our edits knows
// nothing of it.
const ClockAnnotation = "aihub.clock"

// Edits are what is changed in gVisor.
var Edits = []Edit{
	{
		File: "pkg/sentry/platform/systrap/stub_unsafe.go",
		Old:  "*p = deepSleepTimeout\n",
		New:  "*p = stubTimeout\n",
		Why: "the guest's thread waits awake for gVisor's kernel for so many ticks: 40,000 are 15 µs, a read of 1 MiB takes 130 to 200, " +
			"and to be woken costs 50 more. It waits only while the kernel works for it: when its call blocks, it sleeps at once",
	},
	{File: "pkg/sentry/platform/systrap/aihub_amd64.go", New: "package systrap\n\nconst stubTimeout = 250_000\n", Why: "the wait, in ticks of some 0.4 ns; the guest's thread waits for so long twice, 200 µs in all, and with 1,000,000 it kept a processor from whom it waited for"},
	{
		File: "pkg/sentry/platform/systrap/aihub_arm64.go", New: "package systrap\n\nconst stubTimeout = deepSleepTimeout\n",
		Why: "the same: gVisor's own, as ticks there are 1 to 40 ns and nobody has measured it",
	},
	{
		File: "pkg/sentry/platform/systrap/metrics.go",
		Old: `	s.stubBoundBaselineLatency.merge(&latencies.stubBound)
	latencies.stubBound.reset()
	if periodStubBoundMedian != 0 {
		s.stubFPBackoff = max(s.stubFPBackoff-1, 0)
	}
`,
		New: `	if periodStubBoundMedian != 0 {
		s.stubBoundBaselineLatency.merge(&latencies.stubBound)
		latencies.stubBound.reset()
		s.stubFPBackoff = max(s.stubFPBackoff-1, 0)
	}
`,
		Why: "waiting awake is off at first, and is tried when a period of 0.4 ms has seen five calls: calls of 0.2 ms each never make five, " +
			"and each period forgot those of the one before, so that it was off for ever. Now they are kept until they are five",
	},
	{
		File: "pkg/sentry/platform/systrap/metrics.go",
		Old: `	s.sentryBoundBaselineLatency.merge(&latencies.sentryBound)
	latencies.sentryBound.reset()
	if periodSentryBoundMedian != 0 {
		s.sentryFPBackoff = max(s.sentryFPBackoff-1, 0)
	}
`,
		New: `	if periodSentryBoundMedian != 0 {
		s.sentryBoundBaselineLatency.merge(&latencies.sentryBound)
		latencies.sentryBound.reset()
		s.sentryFPBackoff = max(s.sentryFPBackoff-1, 0)
	}
`,
		Why: "the same for the kernel's side",
	},
	{
		File: "pkg/sentry/platform/systrap/systrap.go",
		Old:  "\t\tgo controlFastPath()\n",
		New:  "\t\tif !neverEnableFastPath {\n\t\t\tgo controlFastPath()\n\t\t}\n",
		Why: "it wakes up every 0.4 ms to decide about waiting awake, and where nothing ever waits awake, on one processor, it has nothing to decide: " +
			"that is most of what a sandbox costs that sleeps, and disturbs one that computes",
	},
	{
		File: "pkg/sentry/platform/systrap/metrics.go",
		Old:  "\tfor {\n\t\ttime.Sleep(recordingPeriod)\n",
		New:  "\tfor {\n\t\tawaitSwitch()\n\t\ttime.Sleep(recordingPeriod)\n",
		Why:  "the same with more processors: while no guest's thread is switched to, there is nothing to decide either",
	},
	{
		File: "pkg/sentry/platform/systrap/context_queue.go",
		Old:  "\tctx.startWaitingTS = cputicks()\n",
		New:  "\tnoteSwitch()\n\tctx.startWaitingTS = cputicks()\n",
		Why:  "the same: that one is",
	},
	{File: "pkg/sentry/platform/systrap/aihub.go", New: switches, Why: "the same: who waits and who wakes"},
	{
		File: "pkg/sentry/platform/systrap/subprocess.go",
		Old:  "\tif ctxState == sysmsg.ContextStateSyscallCanBePatched {\n",
		New:  "\tif ctxState == sysmsg.ContextStateSyscallCanBePatched || ctxState == sysmsg.ContextStateSyscall && !disableSyscallPatching {\n",
		Why: "gVisor replaces a system call by a jump where its number is loaded just before it, and any other costs a signal, 2.5 µs more: Go's, " +
			"whose number comes from a register, and glibc's read. These can be replaced too, as a comparison follows them",
	},
	{
		File: "pkg/sentry/platform/systrap/usertrap/usertrap_amd64.go",
		Old:  "\tnextTrap  uint32\n",
		New:  "\tnextTrap  uint32\n\tnearState\n",
		Why:  "the same: what is known of it",
	},
	{
		File: "pkg/sentry/platform/systrap/usertrap/usertrap_amd64.go",
		Old:  "\t// Check that another thread has not patched this syscall yet.\n",
		New:  "\tif prevCode[0] != uint8(0xb8) || uint64(binary.LittleEndian.Uint32(prevCode[1:])) != uint64(sysno) {\n\t\treturn s.patchNear(ctx, task, ac, mm)\n\t}\n\n\t// Check that another thread has not patched this syscall yet.\n",
		Why:  "the same: where it is replaced; until now the stub alone compared the number that is loaded",
	},
	{
		File: "pkg/sentry/platform/systrap/usertrap/usertrap_amd64.go",
		Old:  "\t//     process).\n\ts.mu.Lock()\n",
		New:  "\t//     process).\n\tif s.refuses(ac.IP()) {\n\t\treturn nil\n\t}\n\ts.mu.Lock()\n",
		Why:  "the same: what cannot be replaced is not tried at each call",
	},
	{
		File: "pkg/sentry/platform/systrap/systrap.go",
		Old:  "\tneedToPullFullState bool\n",
		New:  "\tneedToPullFullState bool\n\n\tnear nearCall\n",
		Why:  "the same: where a call returns to in fact is not where it seems to",
	},
	{
		File: "pkg/sentry/platform/systrap/systrap.go",
		Old:  "\tisSyscall, needPatch, at, err := s.switchToApp(c, ac)\n\tif err != nil {\n\t\treturn nil, hostarch.NoAccess, err\n\t}\n",
		New:  "\tc.near.enter(s, ac)\n\tisSyscall, needPatch, at, err := s.switchToApp(c, ac)\n\tif err != nil {\n\t\treturn nil, hostarch.NoAccess, err\n\t}\n\tc.near.leave(ctx, s, ac, mm, isSyscall && !needPatch)\n",
		Why:  "the same: there and back",
	},
	{File: "pkg/sentry/platform/systrap/near_amd64.go", New: nearAMD64, Why: "the same: there and back"},
	{File: "pkg/sentry/platform/systrap/near_arm64.go", New: nearARM64, Why: "the same: no call is replaced there"},
	{
		File: "pkg/sentry/platform/systrap/usertrap/usertrap_amd64.go",
		Old:  "\ts.mu.RLock()\n\tdefer s.mu.RUnlock()\n",
		New:  "\ts.mu.RLock()\n\tdefer s.mu.RUnlock()\n\tif s.nearFault(task, ac) {\n\t\treturn ErrFaultRestart\n\t}\n",
		Why:  "the same: a thread that was at it meanwhile",
	},
	{File: "pkg/sentry/platform/systrap/usertrap/near_amd64.go", New: near, Why: "the same: how it is replaced, and why no thread is lost"},
	{
		File: "pkg/sentry/kernel/timekeeper.go",
		Old:  "\ttimer := time.NewTicker(sentrytime.ApproxUpdateInterval)\n",
		New:  "\tinterval := 2 * time.Millisecond\n\ttimer := time.NewTimer(interval)\n",
		Why: "a guest reads its clocks without a system call once they were compared with the machine's twice, and the second time was a second " +
			"after the first: until then, which is the whole life of most runs, each reading of Go's clock cost 8 µs instead of 0.05",
	},
	{
		File: "pkg/sentry/kernel/timekeeper.go",
		Old:  "\t\t\tcase <-timer.C:\n",
		New:  "\t\t\tcase <-timer.C:\n\t\t\t\tinterval = min(4*interval, sentrytime.ApproxUpdateInterval)\n\t\t\t\ttimer.Reset(interval)\n",
		Why:  "the same: the first is 2 ms after it, good to some 20 millionths, and the next soon make it better",
	},
	{
		File: "runsc/boot/loader.go",
		Old:  "\ttk.SetClocks(time.NewCalibratedClocks(), params)\n",
		New:  "\tclocks, err := beginningAt(time.NewCalibratedClocks(), args.Spec.Annotations[\"" + ClockAnnotation + "\"])\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\ttk.SetClocks(clocks, params)\n",
		Why:  "a scorer's wall clock begins at an instant that we choose, so that two runs of it see the same time",
	},
	{File: "runsc/boot/aihub.go", New: beginningAt, Why: "the same: the clocks that begin there"},
}

//go:embed near_amd64.go.txt
var near string

const nearAMD64 = `package systrap

import (
	pkgcontext "gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/platform"
	"gvisor.dev/gvisor/pkg/sentry/platform/systrap/usertrap"
)

// nearCall is the last call of a thread by a near trap: where it returns to in
// fact, and where it seems to, in one address space.
type nearCall struct {
	of                *usertrap.State
	inFact, seemingly uintptr
}

// enter lets a thread that seems to return from such a call return in fact.
func (n *nearCall) enter(s *subprocess, ac *arch.Context64) {
	if n.of == s.usertrap && ac.IP() == n.seemingly {
		ac.SetIP(n.inFact)
	}
}

// leave makes a thread that returns from such a call in fact seem to. Whether it
// began a call by a jump, is jumped.
func (n *nearCall) leave(ctx pkgcontext.Context, s *subprocess, ac *arch.Context64, mm platform.MemoryManager, jumped bool) {
	ip := ac.IP()
	if !jumped {
		if ip == n.seemingly { // other code lies there now, or has jumped there
			n.of = nil
		}
		return
	}
	if n.of != s.usertrap || ip != n.inFact {
		after := s.usertrap.AfterNear(ctx, mm, ip)
		if after == 0 {
			return
		}
		*n = nearCall{s.usertrap, ip, after}
	}
	ac.SetIP(n.seemingly)
}
`

const nearARM64 = `package systrap

import (
	pkgcontext "gvisor.dev/gvisor/pkg/context"
	"gvisor.dev/gvisor/pkg/sentry/arch"
	"gvisor.dev/gvisor/pkg/sentry/platform"
)

type nearCall struct{}

func (*nearCall) enter(*subprocess, *arch.Context64) {}

func (*nearCall) leave(pkgcontext.Context, *subprocess, *arch.Context64, platform.MemoryManager, bool) {}
`

const switches = `package systrap

import "gvisor.dev/gvisor/pkg/atomicbitops"

// switches says whether a guest's thread was switched to since awaitSwitch asked.
var switches atomicbitops.Uint32

const (
	noSwitch uint32 = iota
	someSwitch
	awaited // and awaitSwitch waits for one
)

var switched = make(chan struct{}, 1)

// noteSwitch is called before each switch.
func noteSwitch() {
	if switches.Load() != someSwitch && switches.Swap(someSwitch) == awaited {
		switched <- struct{}{}
	}
}

// awaitSwitch waits for a switch unless there was one since it was called last. It
// is for one caller.
func awaitSwitch() {
	if switches.Swap(noSwitch) == noSwitch && switches.CompareAndSwap(noSwitch, awaited) {
		<-switched
	}
}
`

const beginningAt = `package boot

import (
	"fmt"
	"strconv"

	"gvisor.dev/gvisor/pkg/sentry/time"
)

// beginningAt moves the wall clock of c so that it shows the given instant now, in
// nanoseconds since 1970, and goes on from there; "" leaves it as it is.
func beginningAt(c *time.CalibratedClocks, instant string) (time.Clocks, error) {
	if instant == "" {
		return c, nil
	}
	begin, err := strconv.ParseInt(instant, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("the beginning of the clock: %w", err)
	}
	now, err := c.GetTime(time.Realtime)
	if err != nil {
		return nil, err
	}
	return &moved{c, begin - now}, nil
}

// moved is the clocks with the wall clock moved by some nanoseconds.
type moved struct {
	*time.CalibratedClocks
	by int64
}

// Update implements time.Clocks.Update. What it returns is for the guest's vDSO.
func (m *moved) Update() (time.Parameters, bool, time.Parameters, bool) {
	monotonic, ok, realtime, realtimeOK := m.CalibratedClocks.Update()
	realtime.BaseRef += time.ReferenceNS(m.by)
	return monotonic, ok, realtime, realtimeOK
}

// GetTime implements time.Clocks.GetTime.
func (m *moved) GetTime(id time.ClockID) (int64, error) {
	now, err := m.CalibratedClocks.GetTime(id)
	if id == time.Realtime {
		now += m.by
	}
	return now, err
}
`
