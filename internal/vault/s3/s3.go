// Package s3 keeps a vault in a bucket of an S3-compatible store.
//
// It guarantees that a file exists under its name only when the store has acknowledged all of it (multipart uploads are
// completed at Close), that Create refuses a name that is taken (conditional put), and that memory stays flat: two
// parts per open writer, one block per read. It relies on the store for durability: what the store acknowledges counts as
// durable, names included, and Sync has nothing to do.
//
// It does not retry writes whose outcome is not known beyond what the client library does for whole requests, and it
// cannot read past the store's own caches: reading back compares what the store would give to anyone.
//
// # Operations
//
// The place is given as s3://bucket/prefix?endpoint=https://host&region=name. endpoint defaults to
// https://s3.amazonaws.com, region to us-east-1; http:// is accepted for an endpoint on a loopback address only,
// because sizes, names and times would be open to the network otherwise. Credentials come from the environment:
// ZAPIS_S3_ACCESS_KEY and ZAPIS_S3_SECRET_KEY, and ZAPIS_S3_SESSION_TOKEN if the store gives temporary ones. They are
// never part of the address, of an error or of a record.
//
// Rights needed on the prefix: GetObject, PutObject, DeleteObject, AbortMultipartUpload, ListBucket. The bucket must
// exist. Versioning keeps what Erase and a change of keys replace: switch it off for the prefix, or let former
// versions expire. Unfinished uploads of interrupted runs are invisible and should expire by a rule of the bucket
// (AbortIncompleteMultipartUpload).
package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"zapis/internal/archive"
	"zapis/internal/vault"
)

// Names of the environment variables with the credentials.
const (
	EnvAccessKey    = "ZAPIS_S3_ACCESS_KEY"
	EnvSecretKey    = "ZAPIS_S3_SECRET_KEY"
	EnvSessionToken = "ZAPIS_S3_SESSION_TOKEN"
)

const (
	partSize  = 8 << 20 // 10,000 parts: 80 GB, far more than a blob
	readBlock = 1 << 20
)

// Bucket is a prefix of a bucket as a vault.Backend.
type Bucket struct {
	core   *minio.Core
	bucket string
	prefix string // empty or ends with a slash
}

var _ vault.Backend = (*Bucket)(nil)

// Config of Open; use ParseURL and Environment to fill it.
type Config struct {
	Endpoint     string // host[:port]
	Secure       bool   // https
	Region       string
	Bucket       string
	Prefix       string
	AccessKey    string
	SecretKey    string
	SessionToken string
	Transport    http.RoundTripper // nil: the library's
}

// String names the place without credentials.
func (c Config) String() string { return "s3://" + c.Bucket + "/" + c.Prefix }

// GoString is String, so that no verb prints the credentials.
func (c Config) GoString() string { return c.String() }

// ParseURL reads s3://bucket/prefix?endpoint=…&region=…: archive.ErrInvalid. Anything else in the address, credentials
// above all, is refused.
func ParseURL(raw string) (Config, error) {
	bad := func(what string) (Config, error) {
		return Config{}, fmt.Errorf("%w: address of an S3 vault: %s", archive.ErrInvalid, what)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return bad("not a URL") // the parser's error quotes it
	}
	if u.Scheme != "s3" || u.Host == "" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return bad("s3://bucket/prefix?endpoint=…&region=… was expected")
	}
	c := Config{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Secure: true, Endpoint: "s3.amazonaws.com", Region: "us-east-1"}
	for _, part := range strings.Split(c.Prefix, "/") {
		if part == "." || part == ".." {
			return bad("the prefix is not plain")
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("the part after the question mark cannot be read")
	}
	for name, values := range query {
		if len(values) != 1 || values[0] == "" {
			return bad("a value is empty or given twice")
		}
		switch name {
		case "region":
			c.Region = values[0]
		case "endpoint":
			e, err := url.Parse(values[0])
			if err != nil || e.Host == "" || (e.Path != "" && e.Path != "/") || e.User != nil || e.RawQuery != "" || e.Fragment != "" {
				return bad("the endpoint is https://host or https://host:port")
			}
			switch {
			case e.Scheme == "https":
			case e.Scheme == "http" && loopback(e.Hostname()):
				c.Secure = false
			default:
				return bad("the endpoint must be https, except on this machine")
			}
			c.Endpoint = e.Host
		default:
			return bad("only endpoint and region are understood")
		}
	}
	return c, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Environment adds the credentials from the environment.
func (c Config) Environment() Config {
	c.AccessKey, c.SecretKey, c.SessionToken = os.Getenv(EnvAccessKey), os.Getenv(EnvSecretKey), os.Getenv(EnvSessionToken)
	return c
}

// Open connects to a bucket: archive.ErrInvalid (no credentials), vault.ErrNotFound (no such bucket).
func Open(ctx context.Context, c Config) (*Bucket, error) {
	if c.AccessKey == "" || c.SecretKey == "" {
		return nil, fmt.Errorf("%w: %s and %s must be set", archive.ErrInvalid, EnvAccessKey, EnvSecretKey)
	}
	core, err := minio.NewCore(c.Endpoint, &minio.Options{
		Creds:  credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.SessionToken),
		Secure: c.Secure, Region: c.Region, BucketLookup: minio.BucketLookupAuto, Transport: c.Transport, MaxRetries: 5,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: the S3 client refuses the configuration", archive.ErrInvalid)
	}
	ok, err := core.BucketExists(ctx, c.Bucket)
	if err != nil {
		return nil, fmt.Errorf("open bucket: %w", translate(err))
	}
	if !ok {
		return nil, fmt.Errorf("open bucket: %w", vault.ErrNotFound)
	}
	b := &Bucket{core: core, bucket: c.Bucket, prefix: c.Prefix}
	if b.prefix != "" {
		b.prefix += "/"
	}
	return b, nil
}

// Properties implements vault.Backend.
func (b *Bucket) Properties() vault.Properties {
	return vault.Properties{Kind: "s3", ReadBlock: readBlock, Cold: true}
}

// Free is not known of a bucket.
func (b *Bucket) Free(context.Context) (free, total uint64, known bool) { return 0, 0, false }

// Sync has nothing to do: what the store acknowledged at Close is durable under its name.
func (b *Bucket) Sync(ctx context.Context, _ ...string) error { return ctx.Err() }

// Create implements vault.Backend. That the name is free is looked up at once and demanded of the store at Close.
func (b *Bucket) Create(ctx context.Context, name string) (vault.BlobWriter, error) {
	_, err := b.Stat(ctx, name)
	if err == nil {
		return nil, vault.ErrExists
	}
	if !errors.Is(err, vault.ErrNotFound) {
		return nil, err
	}
	return b.writer(ctx, name, true), nil
}

// Overwrite implements vault.Backend.
func (b *Bucket) Overwrite(ctx context.Context, name string) (vault.BlobWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return b.writer(ctx, name, false), nil
}

// writer keeps one part in memory. A file of one part is a single conditional put; a longer one becomes a multipart
// upload when the second part begins.
type writer struct {
	b      *Bucket
	ctx    context.Context
	key    string
	excl   bool
	buf    []byte
	upload string
	parts  []minio.CompletePart
	err    error
	ended  bool
}

func (b *Bucket) writer(ctx context.Context, name string, exclusive bool) *writer {
	return &writer{b: b, ctx: ctx, key: b.prefix + name, excl: exclusive}
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	total := len(p)
	for len(p) > 0 {
		if len(w.buf) == partSize {
			if err := w.part(); err != nil {
				w.err = err
				return total - len(p), err
			}
		}
		n := min(len(p), partSize-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p = p[n:]
	}
	return total, nil
}

func (w *writer) part() error {
	if w.upload == "" {
		id, err := w.b.core.NewMultipartUpload(w.ctx, w.b.bucket, w.key, minio.PutObjectOptions{ContentType: "application/octet-stream"})
		if err != nil {
			return translate(err)
		}
		w.upload = id
	}
	number := len(w.parts) + 1
	part, err := w.b.core.PutObjectPart(w.ctx, w.b.bucket, w.key, w.upload, number, bytes.NewReader(w.buf), int64(len(w.buf)), minio.PutObjectPartOptions{})
	if err != nil {
		return translate(err)
	}
	w.parts = append(w.parts, minio.CompletePart{PartNumber: number, ETag: part.ETag})
	w.buf = w.buf[:0]
	return nil
}

func (w *writer) options() minio.PutObjectOptions {
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true}
	if w.excl {
		o.SetMatchETagExcept("*")
	}
	return o
}

func (w *writer) Close() error {
	if w.ended {
		return w.err
	}
	if w.err == nil {
		w.err = w.complete()
	}
	if w.err == nil {
		w.ended = true
	}
	return w.err
}

func (w *writer) complete() error {
	if w.upload == "" {
		_, err := w.b.core.Client.PutObject(w.ctx, w.b.bucket, w.key, bytes.NewReader(w.buf), int64(len(w.buf)), w.options())
		return translate(err)
	}
	if err := w.part(); err != nil {
		return err
	}
	_, err := w.b.core.CompleteMultipartUpload(w.ctx, w.b.bucket, w.key, w.upload, w.parts, w.options())
	return translate(err)
}

func (w *writer) Abort() error {
	if w.ended {
		return nil
	}
	w.ended = true
	if w.err == nil {
		w.err = errors.New("aborted")
	}
	w.buf = nil
	if w.upload == "" {
		return nil
	}
	// The batch's context has often ended when it is aborted.
	err := translate(w.b.core.AbortMultipartUpload(context.WithoutCancel(w.ctx), w.b.bucket, w.key, w.upload))
	if errors.Is(err, vault.ErrNotFound) {
		return nil
	}
	return err
}

// Replace implements vault.Backend.
func (b *Bucket) Replace(ctx context.Context, name string, data []byte) error {
	_, err := b.core.Client.PutObject(ctx, b.bucket, b.prefix+name, bytes.NewReader(data), int64(len(data)),
		minio.PutObjectOptions{ContentType: contentType(name), DisableMultipart: true})
	return translate(err)
}

// contentType says as what the store gives a file away. It matters only for the few that people read in a browser, all of
// them published; everything else is bytes.
func contentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".html"):
		return "text/html; charset=utf-8"
	case name == "checkpoint", name == "keys":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

// Remove implements vault.Backend.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	err := translate(b.core.RemoveObject(ctx, b.bucket, b.prefix+name, minio.RemoveObjectOptions{}))
	if errors.Is(err, vault.ErrNotFound) {
		return nil
	}
	return err
}

// Stat implements vault.Backend.
func (b *Bucket) Stat(ctx context.Context, name string) (vault.Info, error) {
	info, err := b.core.StatObject(ctx, b.bucket, b.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return vault.Info{}, translate(err)
	}
	return vault.Info{Name: name, Size: info.Size, Version: info.ETag + info.LastModified.String()}, nil
}

// List implements vault.Backend.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel() // ends the library's goroutine
		for info := range b.core.Client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
			if info.Err != nil {
				yield(vault.Info{}, translate(info.Err))
				return
			}
			if strings.HasSuffix(info.Key, "/") {
				continue // a folder marker of the store
			}
			name := strings.TrimPrefix(info.Key, b.prefix)
			if !yield(vault.Info{Name: name, Size: info.Size, Version: info.ETag}, nil) {
				return
			}
		}
		if err := ctx.Err(); err != nil {
			yield(vault.Info{}, err)
		}
	}
}

// Open implements vault.Backend.
func (b *Bucket) Open(ctx context.Context, name string) (vault.BlobReader, error) {
	info, err := b.core.StatObject(ctx, b.bucket, b.prefix+name, minio.StatObjectOptions{})
	if err != nil {
		return nil, translate(err)
	}
	return &reader{b: b, ctx: ctx, key: b.prefix + name, size: info.Size, etag: info.ETag}, nil
}

// reader reads one version of a file: a replacement in between is an error, not a mixture.
type reader struct {
	b      *Bucket
	ctx    context.Context
	key    string
	size   int64
	etag   string
	closed atomic.Bool
}

func (r *reader) Size() int64 { return r.size }

func (r *reader) Close() error {
	r.closed.Store(true)
	return nil
}

// get asks for n bytes at off.
func (r *reader) get(off, n int64) (io.ReadCloser, error) {
	if r.closed.Load() {
		return nil, os.ErrClosed
	}
	var o minio.GetObjectOptions
	if err := o.SetMatchETag(r.etag); err != nil {
		return nil, err
	}
	if off != 0 || n != r.size {
		if err := o.SetRange(off, off+n-1); err != nil {
			return nil, err
		}
	}
	body, _, _, err := r.b.core.GetObject(r.ctx, r.b.bucket, r.key, o)
	return body, translate(err)
}

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, archive.ErrInvalid
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= r.size {
		return 0, io.EOF
	}
	want := min(int64(len(p)), r.size-off)
	body, err := r.get(off, want)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, p[:want])
	if err != nil {
		return n, fmt.Errorf("read %d of %d bytes: %w", n, want, unexpected(err))
	}
	if want < int64(len(p)) {
		return n, io.EOF
	}
	return n, nil
}

// WriteTo reads from end to end in one request.
func (r *reader) WriteTo(w io.Writer) (int64, error) {
	if r.size == 0 {
		return 0, nil
	}
	body, err := r.get(0, r.size)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	n, err := io.CopyBuffer(w, struct{ io.Reader }{body}, make([]byte, 256<<10))
	if err != nil {
		return n, unexpected(err)
	}
	if n != r.size {
		return n, fmt.Errorf("read %d of %d bytes: %w", n, r.size, io.ErrUnexpectedEOF)
	}
	return n, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // the connection ended, not the file
	}
	return err
}

// translate turns the store's errors into those of the port. Its texts quote bucket, host and name, so that only the code
// is passed on.
func translate(err error) error {
	if err == nil {
		return nil
	}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	if ne, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("the store does not answer: %w", plainNet(ne.Err))
	}
	resp := minio.ToErrorResponse(err)
	switch {
	case resp.Code == "NoSuchKey" || resp.Code == "NoSuchBucket" || resp.Code == "NoSuchUpload" || resp.StatusCode == http.StatusNotFound:
		return vault.ErrNotFound
	case resp.Code == "PreconditionFailed" || resp.StatusCode == http.StatusPreconditionFailed || resp.Code == "ConditionalRequestConflict":
		return vault.ErrExists
	case resp.Code == "QuotaExceeded" || resp.Code == "XMinioStorageFull" || resp.StatusCode == http.StatusInsufficientStorage:
		return vault.ErrFull
	case resp.Code != "":
		return fmt.Errorf("the store answers %s (%d)", resp.Code, resp.StatusCode)
	}
	return errors.New("the store's answer could not be understood")
}

func plainNet(err error) error {
	if oe, ok := errors.AsType[*net.OpError](err); ok {
		return oe.Err
	}
	return err
}
