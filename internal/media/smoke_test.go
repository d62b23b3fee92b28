package media

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

type fileSource struct{ *bytes.Reader }

func TestSmoke(t *testing.T) {
	tools, err := Find(Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(tools.Versions())
	for _, path := range []string{os.Getenv("SMOKE")} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		src := bytes.NewReader(b)
		p, err := tools.Probe(context.Background(), src)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", p)
		t0 := time.Now()
		q, err := tools.Quick(context.Background(), src, p, QuickOptions{})
		t.Logf("quick %v %v %v %+v", time.Since(t0), err, len(q.Stills), q.Report)
		t.Log(q.Storyboard.Columns, q.Storyboard.Rows, q.Storyboard.TileWidth, q.Storyboard.TileHeight, q.Storyboard.Times, len(q.Storyboard.JPEG))
		os.WriteFile("/tmp/w/media/board.jpg", q.Storyboard.JPEG, 0o644)
		for i, s := range q.Stills {
			os.WriteFile(fmt.Sprintf("/tmp/w/media/still%d.jpg", i), s.JPEG, 0o644)
		}
		var out bytes.Buffer
		t0 = time.Now()
		f, err := tools.Full(context.Background(), src, p, FullOptions{Proxy: &out})
		t.Logf("full %v %v %+v %+v", time.Since(t0), err, f.Proxy, f.Report)
		t.Logf("%+v", f.Lanes.Motion)
		t.Log(f.Lanes.Scenes, f.Lanes.Integrated, len(f.Lanes.Peaks), f.Lanes.Silence, f.Lanes.Freeze, f.Timing.Frames, len(f.Timing.PTS), f.Timing.Start, f.Timing.TimeBaseDen)
		os.WriteFile("/tmp/w/media/proxy.mp4", out.Bytes(), 0o644)
	}
}
