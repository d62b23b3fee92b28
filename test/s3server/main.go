// Command s3server is the S3 server of the tests: versitygw over a folder, on a free port of 127.0.0.1, one bucket.
//
//	s3server FOLDER
//
// FOLDER is for the server alone and is removed when it ends. When the server answers, one line with its address is printed
// (http://127.0.0.1:port); the access key and the secret come from S3SERVER_KEY and S3SERVER_SECRET, the bucket
// is named "vault". It ends when its standard input is closed, so that it never outlives the test that started it.
//
// It is a module of its own, so that the test server's many requirements never reach the product.
// It is not meant to hold anything that matters.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "s3server:", err)
		os.Exit(1)
	}
}

func run() error {
	key, secret := os.Getenv("S3SERVER_KEY"), os.Getenv("S3SERVER_SECRET")
	if len(os.Args) != 2 || key == "" || secret == "" {
		return errors.New("usage: S3SERVER_KEY=… S3SERVER_SECRET=… s3server FOLDER")
	}
	folder, err := filepath.Abs(os.Args[1]) // the gateway changes the working directory
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	root, side := filepath.Join(folder, "data"), filepath.Join(folder, "side")
	versions := filepath.Join(folder, "versions") // of buckets that a test tells to keep them
	for _, dir := range []string{filepath.Join(root, "vault"), side, versions} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	// Attributes go into files beside the data: not every temporary folder has extended attributes.
	attributes, err := meta.NewSideCar(side)
	if err != nil {
		return err
	}
	back, err := posix.New(root, attributes, posix.PosixOpts{SideCarDir: side, VersioningDir: versions})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()

	// The gateway listens by itself, so a free port is looked up first; another process may take it in
	// between, therefore a few tries.
	var last error
	for range 5 {
		addr, err := freeAddress()
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		go func() {
			done <- embedgw.RunVersityGW(ctx, back, &embedgw.Config{
				RootUserAccess: key, RootUserSecret: secret, Region: "us-east-1", Ports: []string{addr},
				MaxConnections: 1000, MaxRequests: 500, MultipartMaxParts: 10000, Quiet: true, KeepAlive: true,
			})
		}()
		if waitFor(ctx, addr, done) {
			fmt.Printf("http://%s\n", addr)
			return <-done
		}
		last = <-done
		if ctx.Err() != nil {
			return nil
		}
	}
	return fmt.Errorf("start the gateway: %w", last)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// waitFor says whether somebody answers at addr before the gateway gave up.
func waitFor(ctx context.Context, addr string, done chan error) bool {
	for range 200 {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			_ = conn.Close()
			return true
		}
		select {
		case err := <-done:
			done <- err
			return false
		case <-ctx.Done():
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
	return false
}
