//go:build !windows

package main

import "io"

// rawScreen has nothing to prepare: a terminal here obeys its sequences anyway.
func rawScreen(io.Writer) (restore func()) { return func() {} }
