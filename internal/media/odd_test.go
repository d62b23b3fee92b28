package media

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"zapis/internal/archive"
)

func TestOddX(t *testing.T) {
	tools, err := Find(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, d := range []string{"/tmp/w/media/odd", "/tmp/w/media/demo"} {
		filepath.Walk(d, func(p string, i os.FileInfo, err error) error {
			if !i.IsDir() {
				files = append(files, p)
			}
			return nil
		})
	}
	if os.Getenv("ONE") != "" {
		files = []string{os.Getenv("ONE")}
	}
	for _, path := range files {
		b, _ := os.ReadFile(path)
		src := bytes.NewReader(b)
		p, err := tools.Probe(context.Background(), src)
		s := fmt.Sprintf("%-30s %v kind=%s fmt=%s dur=%.2f start=%.1f rc=%.0f at=%s reason=%s %v", filepath.Base(path), err, p.Kind, p.Format, p.Duration, p.StartTime, p.RecorderClock, p.CreatedAt, p.Reason, p.Anomalies)
		if v, ok := p.Video(); ok {
			s += fmt.Sprintf(" %s %dx%d %.2f/s", v.Codec, v.Width, v.Height, v.Rate())
		}
		t.Log(s)
		if p.Reason != "" {
			continue
		}
		switch p.Kind {
		case archive.KindVideo:
			q, err := tools.Quick(context.Background(), src, p, QuickOptions{})
			t.Log("   quick", err, len(q.Stills), len(q.Storyboard.Times), q.Report.Input, q.Report.WallMS, q.Anomalies)
			if err != nil {
				t.Log(q.Report)
			}
			var out bytes.Buffer
			f, err := tools.Full(context.Background(), src, p, FullOptions{Proxy: &out})
			t.Log("   full", err, f.Proxy, f.Timing.Frames, len(f.Timing.PTS), f.Report.Input, f.Report.WallMS, f.Anomalies, f.Lanes.Scenes)
		case archive.KindImage:
			q, err := tools.Image(context.Background(), src, p)
			t.Log("   image", err, q.Still.Width, q.Still.Height, q.Anomalies)
		case archive.KindAudio:
			var out bytes.Buffer
			q, err := tools.Audio(context.Background(), src, p, AudioOptions{Proxy: &out})
			t.Log("   audio", err, q.Proxy, q.Lanes.Integrated, q.Lanes.Silence)
			os.WriteFile("/tmp/w/media/a.m4a", out.Bytes(), 0o644)
		case archive.KindDocument:
			q, err := tools.PDF(context.Background(), src, p)
			t.Log("   pdf", err, q.Pages, len(q.Stills), q.Anomalies)
			if err == nil {
				os.WriteFile("/tmp/w/media/page.jpg", q.Stills[0].JPEG, 0o644)
			}
		}
	}
}
