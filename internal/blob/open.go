package blob

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"aihub"
)

// Open opens the store that an address names:
//
//	/var/lib/aihub/blobs, file:///var/lib/aihub/blobs    Local
//	s3://key:secret@host:port/bucket                     S3 over TLS
//	    ?tls=false                                       without
//	    &ca=/etc/aihub/ca.pem                            trust this CA only
//	    &region=us-east-1
//	    &spool=/var/tmp                                  where blobs wait for their upload
//
// Special characters of key and secret are percent-encoded. No error repeats
// the address, because it holds the secret.
func Open(address string) (Store, error) {
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		if address == "" {
			return nil, badAddress("it is empty", "地址为空")
		}
		return OpenLocal(address)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, badAddress("it is not a URL: percent-encode special characters of key and secret", "不是 URL：密钥中的特殊字符需百分号编码")
	}
	switch scheme {
	case "file":
		if u.Host != "" || !filepath.IsAbs(u.Path) || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return nil, badAddress("expected file:///absolute/path", "应为 file:///绝对路径")
		}
		return OpenLocal(u.Path)
	case "s3":
		c, err := parseS3(u)
		if err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return OpenS3(ctx, c)
	}
	return nil, badAddress(fmt.Sprintf("%.20q is neither file nor s3", scheme), fmt.Sprintf("%.20q 既不是 file 也不是 s3", scheme))
}

func parseS3(u *url.URL) (S3Config, error) {
	secret, ok := u.User.Password()
	c := S3Config{Endpoint: u.Host, Bucket: strings.TrimPrefix(u.Path, "/"), AccessKey: u.User.Username(), SecretKey: secret, TLS: true}
	if !ok || c.AccessKey == "" || secret == "" || u.Host == "" || c.Bucket == "" || strings.Contains(c.Bucket, "/") || u.Fragment != "" {
		return S3Config{}, badAddress("expected s3://key:secret@host:port/bucket", "应为 s3://访问密钥:私密密钥@主机:端口/桶")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return S3Config{}, badAddress("what follows the question mark is not key=value pairs", "问号后应为 键=值")
	}
	for k, v := range query {
		if len(v) != 1 || v[0] == "" {
			return S3Config{}, badAddress(fmt.Sprintf("%.20q needs one value", k), fmt.Sprintf("%.20q 需要一个值", k))
		}
		switch k {
		case "tls":
			if v[0] != "true" && v[0] != "false" {
				return S3Config{}, badAddress("tls is true or false", "tls 应为 true 或 false")
			}
			c.TLS = v[0] == "true"
		case "ca":
			if c.CA, err = os.ReadFile(v[0]); err != nil {
				return S3Config{}, badAddress(fmt.Sprintf("the CA file cannot be read: %v", err), fmt.Sprintf("无法读取 CA 文件：%v", err))
			}
		case "region":
			c.Region = v[0]
		case "spool":
			c.Spool = v[0]
		default:
			return S3Config{}, badAddress(fmt.Sprintf("%.20q is unknown: use tls, ca, region, spool", k), fmt.Sprintf("未知的 %.20q：可用 tls、ca、region、spool", k))
		}
	}
	if len(c.CA) > 0 && !c.TLS {
		return S3Config{}, badAddress("a CA without TLS does nothing", "不用 TLS 时 CA 不起作用")
	}
	return c, nil
}

func badAddress(en, zh string) error {
	return aihub.Errorf(aihub.Invalid, aihub.Text{
		EN: "the address of the blob store cannot be used: " + en,
		ZH: "存储地址不可用：" + zh,
	}).WithHint(aihub.Text{
		EN: "use a directory, or s3://key:secret@host:port/bucket",
		ZH: "请使用目录，或 s3://访问密钥:私密密钥@主机:端口/桶",
	})
}
