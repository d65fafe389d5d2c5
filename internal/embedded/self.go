//go:build !(embed && linux)

package embedded

import "os"

// Linked reports whether the programs are linked in.
const Linked = false

// Runsc returns the path of the running binary, which plays the sandbox program
// when it is started under its name.
func Runsc(string) (string, error) { return "/proc/self/exe", nil }

// Algorithm returns the running binary, which plays the algorithm when it is
// started under the name algorithm. Without cgo it is static, as images need it.
func Algorithm() ([]byte, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, unavailable("algorithm", err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, unavailable("algorithm", err)
	}
	return b, nil
}
