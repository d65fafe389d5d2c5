// Package config is what an operator may set: one struct, read from a strict
// YAML file, then overlaid by AIHUB_* variables. Every fault is reported at
// once, with its line or variable.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"aihub"
	"aihub/internal/yamlx"
)

// Config holds every setting. The zero Config is completed by Load.
type Config struct {
	Home    string `yaml:"home"`    // data directory: database, blobs, keys, caches
	Listen  string `yaml:"listen"`  // host:port of the HTTP server
	URL     string `yaml:"url"`     // how people reach it, for links; default http://Listen
	Blobs   string `yaml:"blobs"`   // "" for files below Home, or s3://KEY:SECRET@HOST/BUCKET
	Workers int    `yaml:"workers"` // sandboxes at once, a quarter of them for trials; 0: one per core; at least 2

	// Database is "" for SQLite below Home, or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
	Database string `yaml:"database"`

	Sandbox Sandbox `yaml:"sandbox"`
	Queue   Queue   `yaml:"queue"`
}

// Sandbox says what isolates algorithms.
type Sandbox struct {
	Runner  string `yaml:"runner"`  // gvisor (embedded, the default) or docker
	Runtime string `yaml:"runtime"` // docker: runc, runsc, kata-runtime, as the engine knows it; "" is its default
	Host    string `yaml:"host"`    // docker: unix:///… or tcp://…; "" is DOCKER_HOST or the usual socket
}

// Queue is how organisations and scenarios share the sandboxes.
type Queue struct {
	PerOrganisation int                `yaml:"per_organisation"` // hidden runs at once for one organisation, and trials at once; 0: no bound
	PerScenario     int                `yaml:"per_scenario"`     // likewise for one scenario; 0: no bound
	Organisations   map[string]int     `yaml:"organisations"`    // turns of an organisation against others; default 1
	Scenarios       map[string]int     `yaml:"scenarios"`        // turns of a scenario within an organisation; default 1
	CPUHours        float64            `yaml:"cpu_hours"`        // processor hours a month for an organisation; 0: no bound
	CPUHoursOf      map[string]float64 `yaml:"cpu_hours_of"`     // for one organisation, instead
}

// Default is what an empty file means, with home as the data directory.
func Default(home string) Config {
	return Config{Home: home, Listen: "127.0.0.1:8420", Sandbox: Sandbox{Runner: "gvisor"}}
}

// Load reads file ("" for none; a missing default file is no fault), overlays
// the environment and checks the whole.
func Load(file string, getenv func(string) string) (Config, error) {
	c := Default(HomeDir(getenv))
	var faults []aihub.Fault
	if file == "" {
		file = getenv("AIHUB_CONFIG")
	}
	if file != "" {
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return c, aihub.Errorf(aihub.Invalid, aihub.Text{
				EN: "there is no configuration file " + file, ZH: "找不到配置文件 " + file,
			}).WithHint(aihub.Text{EN: "check AIHUB_CONFIG", ZH: "请检查 AIHUB_CONFIG"})
		}
		if err != nil {
			return c, err
		}
		faults = yamlx.Decode(b, &c)
	}
	overlay := map[string]*string{
		"AIHUB_HOME": &c.Home, "AIHUB_LISTEN": &c.Listen, "AIHUB_URL": &c.URL, "AIHUB_BLOBS": &c.Blobs,
		"AIHUB_DATABASE": &c.Database,
		"AIHUB_RUNNER":   &c.Sandbox.Runner, "AIHUB_RUNTIME": &c.Sandbox.Runtime, "AIHUB_DOCKER": &c.Sandbox.Host,
	}
	for k, to := range overlay {
		if v := getenv(k); v != "" {
			*to = v
		}
	}
	if v := getenv("AIHUB_WORKERS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			faults = append(faults, fault("AIHUB_WORKERS", "a whole number is expected", "应为整数"))
		}
		c.Workers = n
	}
	faults = append(faults, c.check()...)
	if len(faults) > 0 {
		return c, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "the configuration has faults", ZH: "配置有误"}).WithFaults(faults)
	}
	if c.URL == "" {
		c.URL = "http://" + c.Listen
	}
	return c, nil
}

func (c Config) check() (faults []aihub.Fault) {
	if host, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		faults = append(faults, fault("listen", fmt.Sprintf("%q is not host:port", c.Listen), fmt.Sprintf("%q 不是 主机:端口", c.Listen)))
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		faults = append(faults, fault("listen", fmt.Sprintf("%q is not a port", port), fmt.Sprintf("%q 不是端口号", port)))
	} else {
		_ = host
	}
	if c.URL != "" {
		if u, err := url.Parse(c.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			faults = append(faults, fault("url", "an http or https address is expected", "应为 http 或 https 地址"))
		}
	}
	if c.Workers < 0 || c.Workers > 1024 {
		faults = append(faults, fault("workers", "0 to 1024 is expected", "应在 0 至 1024 之间"))
	}
	faults = append(faults, c.Queue.check()...)
	if c.Blobs != "" && !filepath.IsAbs(c.Blobs) && !strings.HasPrefix(c.Blobs, "s3://") && !strings.HasPrefix(c.Blobs, "file:///") {
		faults = append(faults, fault("blobs", "an absolute path or s3://KEY:SECRET@HOST:PORT/BUCKET is expected", "应为绝对路径或 s3://KEY:SECRET@HOST:PORT/BUCKET"))
	}
	switch b := c.Sandbox; {
	case b.Runner != "gvisor" && b.Runner != "docker":
		faults = append(faults, fault("sandbox.runner", fmt.Sprintf("%q is neither gvisor nor docker", b.Runner), fmt.Sprintf("%q 应为 gvisor 或 docker", b.Runner)))
	case b.Runner == "gvisor" && (b.Runtime != "" || b.Host != ""):
		faults = append(faults, fault("sandbox", "runtime and host are settings of runner docker", "runtime 与 host 仅适用于 docker 执行器"))
	case b.Host != "" && !strings.HasPrefix(b.Host, "unix:///") && !strings.HasPrefix(b.Host, "tcp://") && !strings.HasPrefix(b.Host, "npipe://"):
		faults = append(faults, fault("sandbox.host", "unix:///PATH or tcp://HOST:PORT is expected", "应为 unix:///路径 或 tcp://主机:端口"))
	}
	if c.Database != "" && !strings.HasPrefix(c.Database, "postgres://") && !strings.HasPrefix(c.Database, "postgresql://") {
		faults = append(faults, fault("database", "postgres://USER:PASSWORD@HOST:PORT/DATABASE is expected, or nothing for SQLite", "应为 postgres://USER:PASSWORD@HOST:PORT/DATABASE；留空则使用 SQLite"))
	}
	if !filepath.IsAbs(c.Home) {
		faults = append(faults, fault("home", "an absolute path is expected", "应为绝对路径"))
	}
	return faults
}

func (q Queue) check() (faults []aihub.Fault) {
	for where, n := range map[string]int{"queue.per_organisation": q.PerOrganisation, "queue.per_scenario": q.PerScenario} {
		if n < 0 || n > 1024 {
			faults = append(faults, fault(where, "0 to 1024 is expected", "应在 0 至 1024 之间"))
		}
	}
	for where, m := range map[string]map[string]int{"queue.organisations": q.Organisations, "queue.scenarios": q.Scenarios} {
		for name, n := range m {
			if n < 1 || n > 1000 {
				faults = append(faults, fault(where+"."+name, "a weight is 1 to 1000", "权重应在 1 至 1000 之间"))
			}
		}
	}
	for name, h := range q.CPUHoursOf {
		if !(h >= 0 && h <= 1e6) {
			faults = append(faults, fault("queue.cpu_hours_of."+name, "0 to 1000000 hours is expected", "应在 0 至 1000000 小时之间"))
		}
	}
	if !(q.CPUHours >= 0 && q.CPUHours <= 1e6) {
		faults = append(faults, fault("queue.cpu_hours", "0 to 1000000 hours is expected", "应在 0 至 1000000 小时之间"))
	}
	slices.SortFunc(faults, func(a, b aihub.Fault) int { return strings.Compare(a.Where, b.Where) })
	return faults
}

func fault(where, en, zh string) aihub.Fault {
	return aihub.Fault{Code: "config", Where: where, Message: aihub.Text{EN: en, ZH: zh}}
}

// HomeDir is where the platform keeps its data unless told otherwise:
// AIHUB_HOME, /var/lib/aihub for root, else the user's data directory.
func HomeDir(getenv func(string) string) string {
	if v := getenv("AIHUB_HOME"); v != "" {
		return v
	}
	if os.Getuid() == 0 {
		return "/var/lib/aihub"
	}
	if v := getenv("XDG_DATA_HOME"); v != "" && strings.HasPrefix(v, "/") {
		return filepath.Join(v, "aihub")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return filepath.Join(home, ".local", "share", "aihub")
}
