package blob

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aihub"
)

func TestOpenLocalAddresses(t *testing.T) {
	dir := t.TempDir()
	for _, a := range []string{filepath.Join(dir, "plain"), "file://" + filepath.Join(dir, "url"), "file://" + filepath.Join(dir, "with%20space")} {
		s, err := Open(a)
		if err != nil {
			t.Errorf("%s: %v", a, err)
			continue
		}
		if _, _, err := s.Put(t.Context(), strings.NewReader("x")); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
	for _, name := range []string{"plain", "url", "with space"} {
		if _, err := os.Stat(filepath.Join(dir, name, "2d")); err != nil {
			t.Error(err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, a := range []string{
		"", "file://host/dir", "file:///dir?x=1", "file://relative", "http://a:b@host/bucket", "gs://bucket",
		"s3://host:9000/bucket", "s3://HUSHkey@host/bucket", "s3://HUSHkey:@host/bucket", "s3://:HUSHsecret@host/bucket",
		"s3://k:HUSHsecret@/bucket", "s3://k:HUSHsecret@host", "s3://k:HUSHsecret@host/", "s3://k:HUSHsecret@host/a/b",
		"s3://k:HUSHsecret@host/bucket?tls=maybe", "s3://k:HUSHsecret@host/bucket?tls=true&tls=false", "s3://k:HUSHsecret@host/bucket?ssl=true",
		"s3://k:HUSHsecret@host/bucket?region=", "s3://k:HUSHsecret@host/bucket?ca=/no/such/file", "s3://k:HUSHsecret@host/bucket#x",
		"s3://k:HUSH%zz@host/bucket", "s3://k:HUSHsecret@host/bucket?tls=%zz", "s3://k:HUSHsecret@host:port/bucket",
		"s3://k:HUSHsecret@host/bucket?ca=" + os.Args[0] + "&tls=false",
	} {
		_, err := Open(a)
		if aihub.KindOf(err) != aihub.Invalid {
			t.Errorf("%q: %v", a, err)
			continue
		}
		if strings.Contains(err.Error(), "HUSH") {
			t.Errorf("the error of %q repeats a secret: %v", a, err)
		}
	}
}

func FuzzParseS3(f *testing.F) {
	f.Add("s3://key:secret@127.0.0.1:9000/bucket?tls=false&region=cn-south-1&spool=/var/tmp")
	f.Add("s3://k%40:s%2F@[::1]:9000/b?tls=true")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "s3" || u.Query().Has("ca") {
			return
		}
		c, err := parseS3(u)
		if err != nil {
			if aihub.KindOf(err) != aihub.Invalid {
				t.Fatalf("%q: %v", s, err)
			}
			return
		}
		if c.Endpoint == "" || c.Bucket == "" || strings.Contains(c.Bucket, "/") || c.AccessKey == "" || c.SecretKey == "" {
			t.Fatalf("%q gave %+v", s, c)
		}
	})
}
