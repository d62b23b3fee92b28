package app

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"zapis/internal/site"
	"zapis/internal/site/sitetest"
	"zapis/internal/vault/vaulttest"
)

// twoReleases are bundles of two releases and how a site is made of them.
func twoReleases(t *testing.T) (sitetest.Vectors, site.Options) {
	t.Helper()
	v, err := sitetest.Load("../../verify/testdata")
	if err != nil {
		t.Fatal(err)
	}
	o := site.Options{Releases: t.TempDir(), Out: filepath.Join(t.TempDir(), "site"), NoSync: true, Config: site.Config{Name: "Archive", Languages: []string{"en"}}}
	if err := v.Fill(o.Releases, 2); err != nil {
		t.Fatal(err)
	}
	return v, o
}

// A bucket gets the site, each file with its kind; what is withdrawn goes, and what is somebody else's stays.
func TestSiteInABucket(t *testing.T) {
	t.Parallel()
	c := vaulttest.StartS3(t)
	c.Prefix = "site-" + strings.ToLower(t.Name())
	b, err := openSiteBucket(c)
	if err != nil {
		t.Fatal(err)
	}
	v, o := twoReleases(t)
	build := func() {
		t.Helper()
		if _, err := site.Build(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	build()
	sent, err := site.Publish(t.Context(), o.Out, b)
	if err != nil || sent.Written != sent.Files {
		t.Fatalf("%+v, %v", sent, err)
	}
	clip := "media/corridor-0001/v1/clip-720.mp4"
	for name, kind := range map[string]string{"en/index.html": "text/html; charset=utf-8", clip: "video/mp4"} {
		info, err := b.client.StatObject(t.Context(), b.bucket, b.prefix+name, minio.StatObjectOptions{})
		if err != nil || info.ContentType != kind {
			t.Errorf("%s: %q, %v", name, info.ContentType, err)
		}
	}
	one, err := v.Make(1)
	if err != nil {
		t.Fatal(err)
	}
	one.Release.Release = 2
	if err := one.Withdraw("2026-11-22", "Asked for.").Write(o.Releases); err != nil {
		t.Fatal(err)
	}
	build()
	if _, err := site.Publish(t.Context(), o.Out, b); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), clip); !errors.Is(err, site.ErrNotThere) {
		t.Errorf("the withdrawn clip: %v", err)
	}
	if err := b.Remove(t.Context(), clip); err != nil {
		t.Errorf("removing what is not there: %v", err)
	}
	other := b
	other.prefix += "other/"
	if err := other.Put(t.Context(), "thesis.txt", "text/plain", "", 1, bytes.NewReader([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Publish(t.Context(), o.Out, other); !errors.Is(err, site.ErrNotOurs) {
		t.Errorf("a place of somebody else: %v", err)
	}
}

// A bucket that keeps versions keeps nothing of a site but what stands there now.
func TestABucketWithVersionsForgets(t *testing.T) {
	t.Parallel()
	c := vaulttest.StartS3(t)
	c.Bucket, c.Prefix = "versions", "site"
	b, err := openSiteBucket(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.client.MakeBucket(t.Context(), b.bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := b.client.EnableVersioning(t.Context(), b.bucket); err != nil {
		t.Fatal(err)
	}
	v, o := twoReleases(t)
	publish := func() site.Sent {
		t.Helper()
		if _, err := site.Build(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		sent, err := publishTo(t.Context(), o.Out, b)
		if err != nil {
			t.Fatal(err)
		}
		return sent
	}
	publish()
	one, err := v.Make(1)
	if err != nil {
		t.Fatal(err)
	}
	one.Release.Release = 2
	if err := one.Withdraw("2026-11-22", "Asked for.").Write(o.Releases); err != nil {
		t.Fatal(err)
	}
	sent := publish()
	n := 0
	for o := range b.client.ListObjects(t.Context(), b.bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
		n++
		if !o.IsLatest || o.IsDeleteMarker || strings.Contains(o.Key, "corridor-0001/v1") {
			t.Errorf("the bucket keeps %s, latest %t, mark of removal %t", o.Key, o.IsLatest, o.IsDeleteMarker)
		}
	}
	if n != sent.Files+1 { // and the list
		t.Errorf("%d versions of %d files", n, sent.Files)
	}
}

// What goes wrong with a bucket names no place and no key.
func TestBucketErrorsAreBare(t *testing.T) {
	t.Parallel()
	c := vaulttest.StartS3(t)
	c.Bucket, c.Prefix = "bucket-that-is-not-there", "some-prefix"
	b, err := openSiteBucket(c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.Get(context.Background(), "x")
	if err == nil || errors.Is(err, site.ErrNotThere) || strings.Contains(err.Error(), "bucket-that") || strings.Contains(err.Error(), "some-prefix") {
		t.Errorf("no bucket: %v", err)
	}
}
