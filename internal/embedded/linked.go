//go:build embed && linux

package embedded

import _ "embed"

// Linked reports whether the programs are linked in.
const Linked = true

//go:embed runsc.zst
var runsc []byte

//go:embed algorithm.zst
var algorithm []byte

// Runsc returns the path of the sandbox program, extracted into dir.
func Runsc(dir string) (string, error) {
	path, err := Extract(runsc, dir, "runsc")
	if err != nil {
		return "", unavailable("runsc", err)
	}
	return path, nil
}

// Algorithm returns the static program of the demo's images. It is to be started
// under the name algorithm.
func Algorithm() ([]byte, error) {
	b, err := Unpack(algorithm)
	if err != nil {
		return nil, unavailable("algorithm", err)
	}
	return b, nil
}
