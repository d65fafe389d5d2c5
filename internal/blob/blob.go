// Package blob keeps content by digest: a blob is written once, named by the
// sha256 of its bytes, verified on every read, and never half-visible. Two
// stores hold blobs, local files and any S3; both pass one conformance suite.
package blob

import (
	"context"
	"io"

	"aihub"
)

// Store keeps blobs.
type Store interface {
	// Put reads r to its end and keeps its content. It is idempotent. Nothing is
	// visible before all of it is. An error of r is returned and nothing is kept.
	Put(ctx context.Context, r io.Reader) (aihub.Digest, int64, error)

	// Open returns the content of d. The last Read returns an error of kind
	// Internal instead of io.EOF when the bytes do not match d. A blob that is
	// not there is NotFound.
	Open(ctx context.Context, d aihub.Digest) (io.ReadCloser, error)

	// Stat returns the size of d, or NotFound.
	Stat(ctx context.Context, d aihub.Digest) (int64, error)

	// Delete removes d. Removing what is not there is no error.
	Delete(ctx context.Context, d aihub.Digest) error

	// Walk calls f for every blob, in no order, until f fails.
	Walk(ctx context.Context, f func(d aihub.Digest, size int64) error) error
}
