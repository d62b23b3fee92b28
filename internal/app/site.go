package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"zapis/internal/archive"
	"zapis/internal/site"
	"zapis/internal/vault/s3"
)

// Names below the home folder of what is public.
const (
	publicName   = "public"
	releasesName = "releases"
	siteName     = "site"
)

// ReleasesDir is the folder of finished release bundles.
func (h *Home) ReleasesDir() string {
	if dir := h.Config.Releases; dir != "" {
		return dir
	}
	return filepath.Join(h.Dir, publicName, releasesName)
}

// SiteDir is the folder of the public site.
func (h *Home) SiteDir() string {
	if h.Config.Site != "" {
		return h.Config.Site
	}
	return filepath.Join(h.Dir, publicName, siteName)
}

// SiteConfig is what the configuration says about the public site.
func (h *Home) SiteConfig() site.Config {
	return site.Config{Name: h.Config.SiteName, URL: h.Config.SiteURL, Onion: h.Config.SiteOnion, Languages: strings.Fields(h.Config.SiteLanguages), Pages: h.Config.SitePages}
}

// PublishSite sends a built site to s3://… or, with the program rsync, anywhere else. Credentials of a bucket come from the environment, as
// those of a vault do.
func PublishSite(ctx context.Context, dir, place string) (site.Sent, error) {
	if !isS3(place) {
		return site.Rsync(ctx, dir, place)
	}
	c, err := s3.ParseURL(place)
	if err != nil {
		return site.Sent{}, err
	}
	b, err := openSiteBucket(c.Environment())
	if err != nil {
		return site.Sent{}, err
	}
	return publishTo(ctx, dir, b)
}

// publishTo sends a site to a bucket, and leaves nothing behind there that is no longer part of it.
func publishTo(ctx context.Context, dir string, b siteBucket) (site.Sent, error) {
	sent, err := site.Publish(ctx, dir, b)
	if errors.Is(err, site.ErrNotOurs) || err != nil && ctx.Err() != nil {
		return sent, err
	}
	return sent, errors.Join(err, b.forget(ctx))
}

// siteBucket is a bucket, or a part of one, with a site in it. The store of the vault is of no use here: a web server in front of a bucket needs
// to know what each file is.
type siteBucket struct {
	client *minio.Client
	bucket string
	prefix string
}

var _ site.Store = siteBucket{}

func openSiteBucket(c s3.Config) (siteBucket, error) {
	if c.AccessKey == "" || c.SecretKey == "" {
		return siteBucket{}, fmt.Errorf("%w: %s and %s must be set", archive.ErrInvalid, s3.EnvAccessKey, s3.EnvSecretKey)
	}
	client, err := minio.New(c.Endpoint, &minio.Options{Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.SessionToken), Secure: c.Secure, Region: c.Region, Transport: c.Transport, MaxRetries: 5})
	if err != nil {
		return siteBucket{}, fmt.Errorf("%w: the S3 client refuses the configuration", archive.ErrInvalid)
	}
	b := siteBucket{client: client, bucket: c.Bucket, prefix: c.Prefix}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

// bucketError keeps what kind of answer came, and drops names and places.
func bucketError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == "NoSuchKey" || r.StatusCode == http.StatusNotFound && r.Code != "NoSuchBucket":
		return site.ErrNotThere
	case r.Code != "":
		return fmt.Errorf("the bucket answers %s", r.Code)
	}
	return errors.New("the bucket does not answer")
}

// mostList is the largest list of files that is read from a bucket.
const mostList = 64 << 20

// Get implements site.Store.
func (b siteBucket) Get(ctx context.Context, name string) ([]byte, error) {
	o, err := b.client.GetObject(ctx, b.bucket, b.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, bucketError(err)
	}
	defer o.Close() // only read
	raw, err := io.ReadAll(io.LimitReader(o, mostList))
	if err != nil {
		return nil, bucketError(err)
	}
	return raw, nil
}

// Put implements site.Store.
func (b siteBucket) Put(ctx context.Context, name, kind, cache string, size int64, from io.Reader) error {
	_, err := b.client.PutObject(ctx, b.bucket, b.prefix+name, from, size, minio.PutObjectOptions{ContentType: kind, CacheControl: cache})
	return bucketError(err)
}

// forget removes what a bucket with versions keeps of files that were removed or replaced: whoever may list versions could fetch a withdrawn clip. A bucket
// that does not say whether it keeps versions, or keeps none, is left as it is.
func (b siteBucket) forget(ctx context.Context) error {
	v, err := b.client.GetBucketVersioning(ctx, b.bucket)
	if err != nil || v.Status == "" {
		return ctx.Err()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := 0
	var trouble error
	for o := range b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true, WithVersions: true}) {
		if o.Err != nil {
			return fmt.Errorf("%w: list the versions that the bucket keeps: %w", site.ErrNotRemoved, bucketError(o.Err))
		}
		if o.IsLatest && !o.IsDeleteMarker {
			continue
		}
		if err := bucketError(b.client.RemoveObject(ctx, b.bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID})); err != nil && !errors.Is(err, site.ErrNotThere) {
			kept, trouble = kept+1, err
		}
	}
	if kept > 0 {
		return fmt.Errorf("%w: %d older versions: %w", site.ErrNotRemoved, kept, trouble)
	}
	return ctx.Err()
}

// Remove implements site.Store.
func (b siteBucket) Remove(ctx context.Context, name string) error {
	err := bucketError(b.client.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{}))
	if errors.Is(err, site.ErrNotThere) {
		return nil
	}
	return err
}

// Empty implements site.Store.
func (b siteBucket) Empty(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true, MaxKeys: 1}) {
		return false, bucketError(o.Err)
	}
	return true, nil
}
