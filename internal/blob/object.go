package blob

import (
	"context"
	"io"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"

	"aihub"
)

// Object opens one object of any bucket to be read, and returns how many bytes
// it has. The address is that of a bucket as Open takes it, with the key behind
// the bucket's name: s3://key:secret@host:port/bucket/path/to/object. Nothing is
// created. No error repeats the address.
func Object(ctx context.Context, address string) (io.ReadCloser, int64, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, 0, badAddress("it is not a URL: percent-encode special characters of key and secret", "不是 URL：密钥中的特殊字符需百分号编码")
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if u.Scheme != "s3" || bucket == "" || key == "" {
		return nil, 0, badAddress("expected s3://key:secret@host:port/bucket/object", "应为 s3://访问密钥:私密密钥@主机:端口/桶/对象")
	}
	u.Path, u.RawPath = "/"+bucket, ""
	c, err := parseS3(u)
	if err != nil {
		return nil, 0, err
	}
	core, err := c.dial()
	if err != nil {
		return nil, 0, err
	}
	s := &S3{core: *core, bucket: bucket}
	st, err := core.StatObject(ctx, bucket, key, minio.StatObjectOptions{})
	if code := codeOf(err); code == minio.NoSuchKey || code == minio.NoSuchBucket {
		return nil, 0, aihub.Errorf(aihub.NotFound, aihub.Text{EN: "the bucket has no such object", ZH: "存储桶中没有该对象"}).
			WithHint(aihub.Text{EN: "check the bucket's name and the object's key; capitals count", ZH: "请检查桶名与对象名，区分大小写"})
	}
	if err != nil {
		return nil, 0, s.failed(ctx, err)
	}
	// An object that is replaced meanwhile ends the reading, where the server
	// tells objects apart.
	o := minio.GetObjectOptions{}
	if st.ETag != "" {
		if err := o.SetMatchETag(st.ETag); err != nil {
			return nil, 0, err
		}
	}
	r, err := core.Client.GetObject(ctx, bucket, key, o)
	if err != nil {
		return nil, 0, s.failed(ctx, err)
	}
	return r, st.Size, nil
}
