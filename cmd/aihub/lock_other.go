//go:build !unix

package main

// lockHome does nothing where servers do not run sandboxes.
func lockHome(string) (func(), error) { return func() {}, nil }
