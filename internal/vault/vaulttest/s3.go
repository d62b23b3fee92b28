package vaulttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zapis/internal/vault/s3"
)

const (
	s3Key    = "zapis-test-key"
	s3Secret = "zapis-test-secret-not-for-anything-else"
)

var (
	s3Once  sync.Once
	s3URL   string
	s3Err   error
	s3Count atomic.Int64
	// Held on to, because the garbage collector closes what nobody holds, and the server ends then.
	s3Stdin io.WriteCloser
)

// StartS3 gives a fresh prefix of a real S3 server (versitygw, built from test/s3server) that is started once for each
// test binary and ends with it. Where the server cannot be built or started the test is skipped, or fails if
// ZAPIS_TEST_REQUIRE=1.
func StartS3(t testing.TB) s3.Config {
	t.Helper()
	s3Once.Do(func() { s3URL, s3Err = startS3() })
	if s3Err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatalf("S3 server: %v", s3Err)
		}
		t.Skipf("no S3 server for the test: %v", s3Err)
	}
	c, err := s3.ParseURL(fmt.Sprintf("s3://vault/test-%d?endpoint=%s", s3Count.Add(1), s3URL))
	if err != nil {
		t.Fatal(err)
	}
	c.AccessKey, c.SecretKey = s3Key, s3Secret
	return c
}

// OpenS3 is StartS3 and Open.
func OpenS3(t testing.TB) *s3.Bucket {
	t.Helper()
	b, err := s3.Open(context.Background(), StartS3(t))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func startS3() (string, error) {
	_, here, _, _ := runtime.Caller(0)
	source := filepath.Join(filepath.Dir(here), "..", "..", "..", "test", "s3server")
	dir, err := os.MkdirTemp("", "zapis-s3-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "s3server")
	if out, err := exec.Command("go", "build", "-C", source, "-o", bin, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	cmd := exec.Command(bin, dir) // removes the folder when it ends
	cmd.Env = append(os.Environ(), "S3SERVER_KEY="+s3Key, "S3SERVER_SECRET="+s3Secret)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	// The pipe closes when this process ends, however it ends, and the server with it.
	if s3Stdin, err = cmd.StdinPipe(); err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	line := make(chan string, 1)
	go func() {
		r := bufio.NewReader(stdout)
		for {
			text, err := r.ReadString('\n')
			if err != nil || strings.HasPrefix(text, "http://") {
				line <- strings.TrimSpace(text)
				break
			}
		}
		for err == nil {
			_, err = r.ReadString('\n')
		}
	}()
	select {
	case url := <-line:
		if url == "" {
			return "", fmt.Errorf("the server ended at once")
		}
		return url, nil
	case <-time.After(30 * time.Second):
		_ = cmd.Process.Kill()
		return "", fmt.Errorf("the server does not answer")
	}
}
