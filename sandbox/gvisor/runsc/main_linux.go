// Package runsc is the sandbox program: gVisor's own internal commands, and
// launch, which carries out one stage.Order. It is linked into a lean executable
// (cmd/runsc) that aihub carries inside itself, because each sandbox starts the
// executable several times and pays for all that it links. A plain go build
// without that executable plays the part itself.
package runsc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/subcommands"
	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/runsc/cli"
	"gvisor.dev/gvisor/runsc/cmd"
	"gvisor.dev/gvisor/runsc/cmd/util"
	"gvisor.dev/gvisor/runsc/flag"

	"aihub/sandbox/gvisor/stage"
)

// Main runs the program and does not return. It must come before anything else
// in a process that was started as the program: gVisor registers global flags.
func Main() {
	// What a start allocates lives on: collecting meanwhile only costs time.
	debug.SetGCPercent(400)
	time.AfterFunc(time.Second, func() { debug.SetGCPercent(100) })
	os.Args = describe(os.Args)
	cli.Run(map[util.SubCommand]string{
		new(launch):     "aihub",
		new(boot):       "internal",
		new(cmd.Gofer):  "internal",
		new(cmd.Umount): "internal",
	}, []subcommands.Command{})
}

// describe adds to a boot command what the guest is to be told about its
// machine, from the resources in the spec: gVisor itself would only learn it
// from a cgroup of its own making, and tell the host's figures otherwise.
func describe(args []string) []string {
	at := slices.Index(args, "boot")
	fd := valueOf(args, "spec-fd")
	if at < 0 || fd == "" || valueOf(args, "cpu-num") != "" {
		return args
	}
	n, err := strconv.Atoi(fd)
	if err != nil {
		return args
	}
	// Read at an offset: boot itself reads the file from where it is.
	b, err := io.ReadAll(io.NewSectionReader(readerAt(n), 0, math.MaxInt64))
	if err != nil {
		return args
	}
	var spec specs.Spec
	if json.Unmarshal(b, &spec) != nil || spec.Linux == nil || spec.Linux.Resources == nil {
		return args
	}
	var add []string
	if m := spec.Linux.Resources.Memory; m != nil && m.Limit != nil {
		args = without(args, "total-memory")
		add = append(add, "--total-memory="+strconv.FormatInt(*m.Limit, 10))
	}
	if c := spec.Linux.Resources.CPU; c != nil && c.Quota != nil && c.Period != nil {
		cpus := stage.Processors(float64(*c.Quota) / float64(*c.Period))
		add = append(add, "--cpu-num="+strconv.Itoa(min(cpus, runtime.NumCPU())))
	}
	// Not the name of the machine, which gVisor would look up.
	add = append(add, "--product-name="+stage.Hostname)
	return slices.Insert(slices.Clone(args), at+1, add...)
}

// boot is gVisor's command of the sandbox process. It adds one thing: the guest's
// wait status is written down when the sandbox has come to an orderly end. The
// exit code of the process does not tell a guest that exited with 137 from one
// that was killed, nor from a sandbox that broke.
type boot struct{ cmd.Boot }

// Execute returns when the guest has ended; its seccomp filters allow little
// more than to write to an open file.
func (b *boot) Execute(ctx context.Context, f *flag.FlagSet, args ...any) subcommands.ExitStatus {
	code := b.Boot.Execute(ctx, f, args...)
	fd, err := strconv.Atoi(valueOf(os.Args, "user-log-fd"))
	if status, ok := args[1].(*unix.WaitStatus); ok && err == nil && code == subcommands.ExitSuccess {
		_, _ = unix.Write(fd, fmt.Appendf(nil, "\n%s%d\n", endMark, uint32(*status)))
	}
	return code
}

// endMark begins the line with the wait status in the user log, a file that
// gVisor uses for remarks of its own.
const endMark = "aihub guest ended: "

// endStatus finds the wait status in the user log.
func endStatus(log string) (unix.WaitStatus, error) {
	b, err := os.ReadFile(log)
	if err != nil {
		return 0, err
	}
	return parseEnd(string(b))
}

func parseEnd(log string) (unix.WaitStatus, error) {
	i := strings.LastIndex(log, "\n"+endMark)
	if i < 0 {
		return 0, errors.New("it broke off")
	}
	n, err := strconv.ParseUint(strings.TrimSpace(log[i+1+len(endMark):]), 10, 32)
	return unix.WaitStatus(n), err
}

// valueOf returns the value of --name=value or --name value in args.
func valueOf(args []string, name string) string {
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--"+name+"="); ok {
			return v
		}
		if a == "--"+name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// without removes --name value from args.
func without(args []string, name string) []string {
	i := slices.Index(args, "--"+name)
	if i < 0 || i+1 >= len(args) {
		return args
	}
	return slices.Delete(slices.Clone(args), i, i+2)
}

// readerAt reads a file descriptor that somebody else owns.
type readerAt int

func (fd readerAt) ReadAt(b []byte, off int64) (int, error) {
	n, err := unix.Pread(int(fd), b, off)
	if err == nil && n == 0 && len(b) > 0 {
		err = io.EOF
	}
	return max(n, 0), err
}
