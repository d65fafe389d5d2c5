package blob

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"aihub"
)

// S3Config says where a bucket is.
type S3Config struct {
	Endpoint  string // host:port
	Bucket    string // created when missing
	AccessKey string
	SecretKey string
	Region    string // default us-east-1
	TLS       bool
	CA        []byte // PEM; default: the machine's roots
	Spool     string // directory for a blob on its way up; default os.TempDir

	wrap func(http.RoundTripper) http.RoundTripper // tests: what happens on the way
}

// S3 keeps blobs as objects sha256/<hex> in one bucket of any S3 server, asked
// in path style. A blob is hashed while it is spooled to an unnamed temporary
// file and then uploaded under a signature over its digest (over each part's,
// from partSize on), so that the server refuses bytes that changed on the way.
type S3 struct {
	core   minio.Core
	bucket string
	spool  string
}

const (
	partSize   = 16 << 20
	maxS3Bytes = 10_000 * partSize // parts an upload may have
	s3Retries  = 4
)

// OpenS3 connects to a bucket and creates it when it is missing.
func OpenS3(ctx context.Context, c S3Config) (*S3, error) {
	core, err := c.dial()
	if err != nil {
		return nil, err
	}
	s := &S3{core: *core, bucket: c.Bucket, spool: c.Spool}
	there, err := core.BucketExists(ctx, c.Bucket)
	if err == nil && !there {
		err = core.MakeBucket(ctx, c.Bucket, minio.MakeBucketOptions{Region: c.region()})
		if code := codeOf(err); code == minio.BucketAlreadyOwnedByYou || code == minio.BucketAlreadyExists {
			err = nil // somebody else was faster
		}
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return s, nil
}

// Put implements Store. A content larger than 156 GiB is refused.
func (s *S3) Put(ctx context.Context, r io.Reader) (aihub.Digest, int64, error) {
	f, err := os.CreateTemp(s.spool, "aihub-blob-*")
	if err != nil {
		return "", 0, fmt.Errorf("blob: spool: %w", err)
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil { // a crash leaves nothing
		return "", 0, fmt.Errorf("blob: spool: %w", err)
	}
	src := newSource(ctx, r, maxS3Bytes)
	if _, err := io.Copy(f, src); err != nil {
		if src.err != nil {
			return "", 0, src.err
		}
		return "", 0, fmt.Errorf("blob: spool: %w", err)
	}
	d := src.digest()
	size, err := s.Stat(ctx, d)
	// What is there with the right size is sent again: who waits for a Put must not
	// learn from its time what others have put.
	if fresh := aihub.KindOf(err) == aihub.NotFound; fresh || err == nil && size == src.size {
		err = s.upload(ctx, d, f, src.size, fresh)
		if refusesFresh[codeOf(err)] {
			// The same content was put by somebody else just now, or is about to
			// be, or the server knows no conditional writes. All end well.
			if size, err = s.Stat(ctx, d); aihub.KindOf(err) == aihub.NotFound {
				err = s.upload(ctx, d, f, src.size, false)
			}
		}
		if err == nil {
			size, err = s.Stat(ctx, d)
		}
	}
	var known *aihub.Error
	if err != nil && !errors.As(err, &known) {
		err = s.failed(ctx, err)
	}
	if err != nil {
		return "", 0, err
	}
	if size != src.size {
		return "", 0, aihub.Errorf(aihub.Internal, aihub.Text{
			EN: fmt.Sprintf("stored content %s is damaged: it has %d bytes instead of %d", d.Short(), size, src.size),
			ZH: fmt.Sprintf("存储内容 %s 已损坏：应为 %[3]d 字节，实为 %[2]d 字节", d.Short(), size, src.size),
		}).WithHint(aihub.Text{EN: "delete it and put it again", ZH: "请删除后重新写入"})
	}
	return d, size, nil
}

// refusesFresh lists the answers to an upload that must not replace.
var refusesFresh = map[string]bool{
	minio.PreconditionFailed: true, "ConditionalRequestConflict": true, "OperationAborted": true, minio.NotImplemented: true,
}

// upload sends the first size bytes of f. With fresh, the server refuses to
// replace an object; where it can, that saves a race and nothing depends on it.
func (s *S3) upload(ctx context.Context, d aihub.Digest, f io.ReaderAt, size int64, fresh bool) (err error) {
	opts := minio.PutObjectOptions{DisableContentSha256: true} // no streaming signature: we sign the digest
	last := opts
	if fresh {
		last.SetMatchETagExcept("*")
	}
	if size <= partSize {
		_, err := s.core.PutObject(ctx, s.bucket, object(d), io.NewSectionReader(f, 0, size), size, "", d.Hex(), last)
		return err
	}
	id, err := s.core.NewMultipartUpload(ctx, s.bucket, object(d), opts)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil { // also when ctx has ended
			err = errors.Join(err, s.core.AbortMultipartUpload(context.WithoutCancel(ctx), s.bucket, object(d), id))
		}
	}()
	var parts []minio.CompletePart
	for off := int64(0); off < size; off += partSize {
		n := min(partSize, size-off)
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, off, n)); err != nil {
			return err
		}
		p, err := s.core.PutObjectPart(ctx, s.bucket, object(d), id, len(parts)+1, io.NewSectionReader(f, off, n), n,
			minio.PutObjectPartOptions{Sha256Hex: hex.EncodeToString(h.Sum(nil)), DisableContentSha256: true})
		if err != nil {
			return err
		}
		parts = append(parts, minio.CompletePart{PartNumber: p.PartNumber, ETag: p.ETag})
	}
	_, err = s.core.CompleteMultipartUpload(ctx, s.bucket, object(d), id, parts, last)
	return err
}

// Open implements Store.
func (s *S3) Open(ctx context.Context, d aihub.Digest) (io.ReadCloser, error) {
	if _, err := aihub.ParseDigest(string(d)); err != nil {
		return nil, err
	}
	body, _, _, err := s.core.GetObject(ctx, s.bucket, object(d), minio.GetObjectOptions{})
	if missing(err) {
		return nil, notFound(d)
	}
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	return verify(ctx, d, body, func(err error) error { return s.failed(ctx, err) }), nil
}

// Stat implements Store.
func (s *S3) Stat(ctx context.Context, d aihub.Digest) (int64, error) {
	if _, err := aihub.ParseDigest(string(d)); err != nil {
		return 0, err
	}
	info, err := s.core.StatObject(ctx, s.bucket, object(d), minio.StatObjectOptions{})
	if missing(err) {
		return 0, notFound(d)
	}
	if err != nil {
		return 0, s.failed(ctx, err)
	}
	return info.Size, nil
}

// Delete implements Store.
func (s *S3) Delete(ctx context.Context, d aihub.Digest) error {
	if _, err := aihub.ParseDigest(string(d)); err != nil {
		return err
	}
	if err := s.core.RemoveObject(ctx, s.bucket, object(d), minio.RemoveObjectOptions{}); err != nil && !missing(err) {
		return s.failed(ctx, err)
	}
	return nil
}

// Walk implements Store.
func (s *S3) Walk(ctx context.Context, f func(aihub.Digest, int64) error) error {
	for o := range s.core.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if o.Err != nil {
			return s.failed(ctx, o.Err)
		}
		d, err := aihub.ParseDigest("sha256:" + o.Key[min(len(prefix), len(o.Key)):])
		if err != nil {
			continue // not ours
		}
		if err := f(d, o.Size); err != nil {
			return err
		}
	}
	return ctx.Err()
}

const prefix = "sha256/"

func object(d aihub.Digest) string { return prefix + d.Hex() }

// codeOf returns the S3 error code in err's chain, or "".
func codeOf(err error) string {
	var e minio.ErrorResponse
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func missing(err error) bool { return codeOf(err) == minio.NoSuchKey }

// failed names an error of the server or of the way to it. The cause is for
// logs; it holds no secret, and neither does the text.
func (s *S3) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	what := codeOf(err)
	if what == "" {
		what = "no answer"
	}
	return aihub.Errorf(aihub.Unavailable, aihub.Text{
		EN: fmt.Sprintf("the object store failed on bucket %q: %s", s.bucket, what),
		ZH: fmt.Sprintf("对象存储（桶 %q）出错：%s", s.bucket, what),
	}).WithHint(aihub.Text{
		EN: "try again; if it stays, check the address, the keys, the CA and the free space of the object store",
		ZH: "请重试；若仍失败，请检查对象存储的地址、密钥、CA 与剩余空间",
	}).Because(err)
}

func (c S3Config) region() string {
	if c.Region == "" {
		return "us-east-1"
	}
	return c.Region
}

// dial returns a client; nothing is asked yet.
func (c S3Config) dial() (*minio.Core, error) {
	transport, err := minio.DefaultTransport(c.TLS)
	if err != nil {
		return nil, fmt.Errorf("blob: %w", err)
	}
	if len(c.CA) > 0 {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(c.CA) {
			return nil, aihub.Errorf(aihub.Invalid, aihub.Text{EN: "the CA file holds no PEM certificate", ZH: "CA 文件中没有 PEM 证书"})
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	var rt http.RoundTripper = transport
	if c.wrap != nil {
		rt = c.wrap(rt)
	}
	core, err := minio.NewCore(c.Endpoint, &minio.Options{
		Creds:        credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""),
		Secure:       c.TLS,
		Transport:    rt,
		Region:       c.region(),
		BucketLookup: minio.BucketLookupPath,
		MaxRetries:   s3Retries,
	})
	if err != nil {
		return nil, aihub.Errorf(aihub.Invalid, aihub.Text{
			EN: fmt.Sprintf("%q is not an S3 address: expected host:port", c.Endpoint),
			ZH: fmt.Sprintf("%q 不是 S3 地址：应为 主机:端口", c.Endpoint),
		}).Because(err)
	}
	return core, nil
}
