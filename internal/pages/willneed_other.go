//go:build !linux

package pages

import "io"

func willNeed(io.ReaderAt, span) {}
