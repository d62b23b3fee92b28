package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"zapis/internal/sandbox"
)

// maxPageStills is of how many pages stills are made.
const maxPageStills = 8

var pagesLine = regexp.MustCompile(`(?m)^Pages:\s+([0-9]{1,7})\s*$`)
var encryptedLine = regexp.MustCompile(`(?m)^Encrypted:\s+yes`)

// probePDF asks for the number of pages. What the paper says of its writer stays in the paper.
func (t *Tools) probePDF(ctx context.Context, src Source, p *Probe) error {
	if t.pdfinfo == "" || t.pdftoppm == "" {
		p.Reason = "no-decoder"
		return nil
	}
	if src.Size() > t.budget {
		p.Reason = "too-large"
		return nil
	}
	f, err := t.inMemory(ctx, src, "memory")
	if err != nil {
		return err
	}
	defer f.close()
	var out bytes.Buffer
	rep, err := t.run(ctx, call{
		path: t.pdfinfo, name: "pdfinfo", args: []string{"/proc/self/fd/3"}, feed: f,
		stdout: func(r io.Reader) error { _, err := io.Copy(&out, io.LimitReader(r, 64<<10)); return err },
		limits: sandbox.Limits{Memory: 1 << 30, CPU: time.Minute, Wall: 2 * time.Minute, Channels: 1 << 20},
	})
	p.Report = rep
	if err != nil {
		if ctx.Err() != nil || errors.Is(err, sandbox.ErrSetup) {
			return err
		}
		p.Reason = "damaged"
		if bytes.Contains([]byte(rep.Errors), []byte("Incorrect password")) {
			p.Reason = "encrypted"
		}
		p.add(AnomalyUnreadable, "")
		return nil
	}
	if m := pagesLine.FindSubmatch(out.Bytes()); m != nil {
		p.Pages, _ = strconv.Atoi(string(m[1]))
	}
	if encryptedLine.Match(out.Bytes()) {
		p.add(AnomalyEncrypted, "opens without a password")
	}
	if p.Pages == 0 {
		p.Reason = "damaged"
	}
	if rep.ErrorLines > 0 {
		p.add(AnomalyDecodeErrors, strconv.Itoa(rep.ErrorLines)+" lines")
	}
	return nil
}

// PDF makes stills of the first pages of a paper, each by a run of its own.
func (t *Tools) PDF(ctx context.Context, src Source, p Probe) (PDF, error) {
	s, err := t.again(src, p)
	if err != nil {
		return PDF{}, err
	}
	if s.format != "pdf" {
		return PDF{}, fmt.Errorf("%w: not a PDF", ErrNotMedia)
	}
	if err := refusal(p); err != nil {
		return PDF{}, err
	}
	f, err := t.inMemory(ctx, src, "memory")
	if err != nil {
		return PDF{}, err
	}
	defer f.close()
	out := PDF{Pages: p.Pages}
	for page := 1; page <= min(p.Pages, maxPageStills); page++ {
		var picture bytes.Buffer
		n := strconv.Itoa(page)
		rep, err := t.run(ctx, call{
			path: t.pdftoppm, name: "pdftoppm", feed: f,
			args:   []string{"-q", "-jpeg", "-jpegopt", "quality=80", "-scale-to", "1200", "-f", n, "-l", n, "-singlefile", "/proc/self/fd/3"},
			stdout: func(r io.Reader) error { _, err := io.Copy(&picture, io.LimitReader(r, 16<<20)); return err },
			limits: sandbox.Limits{Memory: 2 << 30, CPU: 2 * time.Minute, Wall: 3 * time.Minute, Channels: 16 << 20},
		})
		if err != nil {
			return PDF{}, decodeError(err)
		}
		if picture.Len() == 0 {
			// It ended by itself, content, and drew nothing: that is how it says that it could not find the page.
			return PDF{}, fmt.Errorf("%w: page %d was not drawn", ErrDamaged, page)
		}
		m, err := decodeJPEG(picture.Bytes(), 1200, 1200)
		if err != nil {
			return PDF{}, fmt.Errorf("page %d: %w", page, err)
		}
		still := Still{At: float64(page), Width: m.Rect.Dx(), Height: m.Rect.Dy()}
		if still.JPEG, err = encodeJPEG(m, 80); err != nil {
			return PDF{}, err
		}
		if page == 1 {
			out.Micro, out.Report = micro(m), rep
		} else {
			out.Report.ErrorLines += rep.ErrorLines
			out.Report.BytesOut += rep.BytesOut
			out.Report.WallMS += rep.WallMS
		}
		out.Report.Frames = int64(page)
		out.Stills = append(out.Stills, still)
	}
	if len(out.Stills) == 0 {
		return PDF{}, fmt.Errorf("%w: no pages", ErrDamaged)
	}
	return out, nil
}
