package sandbox

import (
	"bytes"
	"context"
	"io"
	"testing"
)

func TestRunsFFmpeg(t *testing.T) {
	t.Parallel()
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Report() {
		t.Log(l)
	}
	var b bytes.Buffer
	r, err := s.Run(context.Background(), Command{Path: "/usr/bin/ffmpeg", Args: []string{"-v", "error", "-f", "lavfi", "-i", "testsrc=d=2:s=640x480", "-c:v", "libx264", "-f", "mpegts", "pipe:3"}, Channels: []Channel{{Out: func(r io.Reader) error { _, err := io.Copy(&b, r); return err }}}})
	t.Logf("%+v %v %d %s", r, err, b.Len(), r.Stderr)
}
