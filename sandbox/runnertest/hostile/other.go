//go:build !linux

package hostile

// Attacks and facts are about Linux containers.
var attacks, facts = map[string]func(*program){}, map[string]func(*program) int{}
