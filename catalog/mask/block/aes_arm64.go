package block

import "golang.org/x/sys/cpu"

var hasAES = cpu.ARM64.HasAES
