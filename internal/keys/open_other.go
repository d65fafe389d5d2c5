//go:build !unix

package keys

import "errors"

// noFollow is nothing here: servers, which keep keys, run on Linux.
const noFollow = 0

var errLink = errors.New("a link")
