//go:build !linux

package main

func dispatch() {}
