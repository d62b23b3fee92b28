package mediabench

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"zapis/internal/demo/footage"
	"zapis/internal/media"
)

// BenchmarkFull measures the full pass against the bare encode. ZAPIS_BENCH_FILE takes a file of one's own.
func BenchmarkFull(b *testing.B) {
	t, path := setUp(b)
	for b.Loop() {
		r, err := FullAgainstBare(context.Background(), t, "/usr/bin/ffmpeg", path, 3)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(r.Ratio, "full/bare")
		b.ReportMetric(r.Media/r.Full.Seconds(), "x-real-time")
		b.Logf("%+v", r)
	}
}

// BenchmarkQuick measures the quick pass.
func BenchmarkQuick(b *testing.B) {
	t, path := setUp(b)
	for b.Loop() {
		rate, err := QuickRate(context.Background(), t, []string{path}, 3)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(rate, "hours/minute")
	}
}

func setUp(b *testing.B) (*media.Tools, string) {
	t, err := media.Find(media.Options{})
	if err != nil {
		b.Skip(err)
	}
	if path := os.Getenv("ZAPIS_BENCH_FILE"); path != "" {
		return t, path
	}
	samples := footage.Packaged()
	if len(samples) == 0 {
		b.Skip("no packaged footage: install opencv-doc")
	}
	path := filepath.Join(b.TempDir(), "sample.mp4")
	if err := Sample(context.Background(), "/usr/bin/ffmpeg", samples[0].Path, path, 20); err != nil {
		b.Fatal(err)
	}
	return t, path
}
