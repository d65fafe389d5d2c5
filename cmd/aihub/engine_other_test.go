//go:build !linux

package main

func hasEngine() bool { return false }
