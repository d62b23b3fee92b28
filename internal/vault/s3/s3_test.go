package s3

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"zapis/internal/archive"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	c, err := ParseURL("s3://bucket/a/b/?endpoint=http://127.0.0.1:9000&region=eu-north-1")
	if err != nil {
		t.Fatal(err)
	}
	want := Config{Endpoint: "127.0.0.1:9000", Region: "eu-north-1", Bucket: "bucket", Prefix: "a/b"}
	if c != want {
		t.Errorf("%+v", c)
	}
	if c, err := ParseURL("s3://bucket"); err != nil || !c.Secure || c.Prefix != "" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []string{
		"", "s3://", "https://bucket/x", "s3://key:secret@bucket/x", "s3://bucket/../x", "s3://bucket/x?secret=1",
		"s3://bucket/x?endpoint=http://example.org", "s3://bucket/x?endpoint=ftp://example.org", "s3://bucket/x?endpoint=https://u:p@example.org",
		"s3://bucket/x?endpoint=https://example.org/path", "s3://bucket/x?region=a&region=b", "s3://bucket/x#f", "s3://bucket/%zz",
	} {
		_, err := ParseURL(bad)
		if !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error quotes the address: %v", err)
		}
	}
}

func TestCredentialsNeverPrint(t *testing.T) {
	t.Parallel()
	c := Config{Bucket: "b", Prefix: "p", AccessKey: "AKIAX", SecretKey: "topsecret", SessionToken: "token"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, c); strings.Contains(text, "topsecret") || strings.Contains(text, "AKIAX") {
			t.Errorf("%s prints credentials", verb)
		}
	}
}
