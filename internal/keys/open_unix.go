//go:build unix

package keys

import "syscall"

// noFollow refuses a link in place of the key, and does not wait for a pipe.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// errLink is what opening a link with noFollow gives.
const errLink = syscall.ELOOP
