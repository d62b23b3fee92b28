// Command bundles writes made-up release bundles for the walk through the public site, and what an archive follows beside them: bundles FOLDER
// NUMBER PAGES.
//
// Among them are a corrected release, a withdrawn one, one in English only, one whose texts are hostile, and one whose clip plays: a counter of frames,
// made with ffmpeg. They are never to be published.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"zapis/internal/site"
	"zapis/internal/site/sitetest"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bundles:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("a folder, a number and a folder of pages are wanted")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil || n < 8 {
		return errors.New("a number from 8 is wanted")
	}
	v, err := sitetest.Load("verify/testdata")
	if err != nil {
		return err
	}
	if err := sitetest.WriteOutcomes(args[2], sitetest.Outcomes()); err != nil {
		return err
	}
	video, err := clip()
	if err != nil {
		return err
	}
	for i := range n {
		b, err := v.Make(i)
		if err != nil {
			return err
		}
		switch i {
		case 1: // plays
			b.AddVideo(video)
		case 3: // corrected
			b.Release.Release, b.Release.Published = 2, "2026-11-21T09:30:00Z"
			b.Release.Corrections = []site.Correction{{Date: "2026-11-21", Release: 2, Text: site.Words{"en": "The first version gave another month.", "ru": "В первой версии был назван другой месяц.", "uk": "У першій версії було названо інший місяць."}}}
		case 4:
			b = b.Withdraw("2026-11-22", "A person who can be heard asked for it.")
		case 5: // in English only
			b.Release.Languages = []string{"en"}
			b.Release.Text = map[string]site.Text{"en": b.Release.Text["en"]}
			delete(b.Files, "text.ru.txt")
			delete(b.Files, "text.uk.txt")
		case 6:
			for lang, t := range b.Release.Text {
				t.Title = `"><script>document.title="hit"</script><img src=x onerror=alert(1)>`
				t.Summary = `</script><script>alert(1)</script> {{.}} javascript:alert(1) &lt;b&gt;`
				b.Release.Text[lang] = t
			}
		}
		if err := b.Write(args[0]); err != nil {
			return err
		}
	}
	return nil
}

// clip makes 20 seconds of H.264 with a key frame every second, in which every frame is another one.
func clip() ([]byte, error) {
	dir, err := os.MkdirTemp("", "clip")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	name := filepath.Join(dir, "clip.mp4")
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=20", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-pix_fmt", "yuv420p",
		"-b:v", "900k", "-movflags", "+faststart", name).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %s", err, out)
	}
	return os.ReadFile(name)
}
