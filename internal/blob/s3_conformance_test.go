package blob_test

import (
	"path/filepath"
	"strings"
	"testing"

	"aihub"
	"aihub/internal/blob"
	"aihub/internal/blob/blobtest"
	"aihub/internal/blob/s3test"
)

func TestS3(t *testing.T) {
	srv := s3test.Start(t)
	blobtest.Run(t, 16<<20, func(t *testing.T) blobtest.Storage {
		bucket := "t-" + strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
		spool := t.TempDir()
		s, err := blob.Open(srv.URL(bucket) + "&spool=" + spool)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(srv.Dir, bucket)
		return blobtest.Storage{
			Store: s,
			Damage: func(t testing.TB, d aihub.Digest, f func([]byte) []byte) {
				damageFile(t, filepath.Join(dir, "sha256", d.Hex()), f)
			},
			Files: func(t testing.TB) []string {
				out := filesIn(t, spool)
				for _, f := range filesIn(t, dir) {
					if !strings.Contains(f, "lock") {
						out = append(out, f)
					}
				}
				return out
			},
		}
	})
}
