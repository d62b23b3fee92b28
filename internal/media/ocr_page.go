package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// RecipeRead is the recipe of text that is read from whole pictures and pages.
var RecipeRead = Recipe{"read", 1}

// Bounds of reading.
const (
	// MaxReadPages is of how many pages of a paper the writing is read.
	MaxReadPages = 500
	readSide     = 4000 // pixels of the longer side, at most
	pageSide     = 2400 // of pages of papers: about 200 dots an inch of A4
)

// Page is the writing in a picture or on a page, word by word.
type Page struct {
	Number        int // of a paper, from 1; 0 of pictures
	Width, Height int // to which the places of the words refer
	Words         []Word
}

// Region gives the place of a word in millionths of the picture.
func (p Page) Region(words ...Word) archive.Region {
	if len(words) == 0 || p.Width < 1 || p.Height < 1 {
		return archive.Region{}
	}
	x0, y0, x1, y1 := p.Width, p.Height, 0, 0
	for _, w := range words {
		x0, y0 = min(x0, w.X), min(y0, w.Y)
		x1, y1 = max(x1, w.X+w.W), max(y1, w.Y+w.H)
	}
	x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, p.Width), min(y1, p.Height)
	if x1 <= x0 || y1 <= y0 {
		return archive.Region{}
	}
	m := func(v, of int) int { return int(int64(v) * 1_000_000 / int64(of)) }
	r := archive.Region{X: m(x0, p.Width), Y: m(y0, p.Height)}
	r.W, r.H = max(1, m(x1, p.Width)-r.X), max(1, m(y1, p.Height)-r.Y)
	r.W, r.H = min(r.W, 1_000_000-r.X), min(r.H, 1_000_000-r.Y)
	return r
}

// how tesseract takes a picture.
const (
	layoutPage   = 3  // columns, blocks and lines are found
	layoutSparse = 11 // words wherever they are
)

// ReadPicture reads the writing in a picture, decoded anew from the original: upright, its longer side 4,000 pixels at most and, where it
// is small, up to twice as large as it is.
func (t *Tools) ReadPicture(ctx context.Context, src Source, p Probe, languages string) (Page, Report, error) {
	if !t.CanRead() {
		return Page{}, Report{}, fmt.Errorf("%w: tesseract", ErrNoTool)
	}
	s, err := t.again(src, p)
	if err != nil {
		return Page{}, Report{}, err
	}
	if p.Kind != archive.KindImage || s.demuxer == "" {
		return Page{}, Report{}, fmt.Errorf("%w: kind %s", ErrNotMedia, p.Kind)
	}
	if err := refusal(p); err != nil {
		return Page{}, Report{}, err
	}
	if from(src, s).Size() > t.budget {
		return Page{}, Report{}, fmt.Errorf("%w: %d bytes, the budget is %d", ErrNeedsSeek, src.Size(), t.budget)
	}
	grey, w, h, err := t.greyPicture(ctx, src, s)
	if err != nil {
		return Page{}, Report{}, err
	}
	return t.readGrey(ctx, grey, w, h, languages, layoutPage)
}

func (t *Tools) greyPicture(ctx context.Context, src Source, s sniffed) (grey []byte, w, h int, err error) {
	f, err := t.whole(ctx, src, s)
	if err != nil {
		return nil, 0, 0, err
	}
	defer f.close()
	factor := fmt.Sprintf("min(%d/max(iw,ih),max(1,min(2,2000/max(iw,ih))))", readSide)
	vf := fmt.Sprintf("%sscale=w='max(1,round(iw*%s))':h='max(1,round(ih*%s))':flags=bicubic,format=gray", turn(readExif(from(src, s), s.format).orientation), factor, factor)
	var progress progress
	args := append(append(append(t.ffmpegArgs("pipe:5"), "-noautorotate"), t.inputArgs(f, s.demuxer)...),
		"-map", "0:v:0", "-frames:v", "1", "-vf", vf, "-c:v", "pgm", "-f", "image2pipe", "pipe:4")
	_, err = t.run(ctx, call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: f,
		out: []func(io.Reader) error{
			func(r io.Reader) (err error) { grey, w, h, err = readPGM(r, readSide); return err },
			progress.read,
		},
		limits: sandbox.Limits{CPU: 5 * time.Minute, Wall: 5 * time.Minute, Channels: 2*readSide*readSide + 1<<20},
	})
	if err != nil {
		return nil, 0, 0, decodeError(err)
	}
	if !progress.ended || len(grey) == 0 {
		return nil, 0, 0, fmt.Errorf("%w: no picture came out", ErrDamaged)
	}
	return grey, w, h, nil
}

// ReadPages reads the writing on the pages of a paper, drawn anew, and hands each page out as it is read. An error of each ends it. It
// returns how many pages were left out because there are more than MaxReadPages.
func (t *Tools) ReadPages(ctx context.Context, src Source, p Probe, languages string, each func(Page) error) (left int, rep Report, err error) {
	if !t.CanRead() {
		return 0, Report{}, fmt.Errorf("%w: tesseract", ErrNoTool)
	}
	s, err := t.again(src, p)
	if err != nil {
		return 0, Report{}, err
	}
	if s.format != "pdf" {
		return 0, Report{}, fmt.Errorf("%w: not a PDF", ErrNotMedia)
	}
	if err := refusal(p); err != nil {
		return 0, Report{}, err
	}
	for page := 1; page <= min(p.Pages, MaxReadPages); page++ {
		grey, w, h, err := t.drawPage(ctx, src, page)
		if err != nil {
			return 0, rep, fmt.Errorf("page %d: %w", page, err)
		}
		read, r, err := t.readGrey(ctx, grey, w, h, languages, layoutPage)
		if err != nil {
			return 0, rep, fmt.Errorf("page %d: %w", page, err)
		}
		rep, read.Number = r, page
		if err := each(read); err != nil {
			return 0, rep, err
		}
	}
	return max(0, p.Pages-MaxReadPages), rep, nil
}

// drawPage draws one page. The paper is in memory for as long as that takes and no longer, since others wait for the room.
func (t *Tools) drawPage(ctx context.Context, src Source, page int) (grey []byte, w, h int, err error) {
	f, err := t.inMemory(ctx, src, "memory")
	if err != nil {
		return nil, 0, 0, err
	}
	defer f.close()
	n := strconv.Itoa(page)
	_, err = t.run(ctx, call{
		path: t.pdftoppm, name: "pdftoppm", feed: f,
		args:   []string{"-q", "-gray", "-scale-to", strconv.Itoa(pageSide), "-f", n, "-l", n, "-singlefile", "/proc/self/fd/3"},
		stdout: func(r io.Reader) (err error) { grey, w, h, err = readPGM(r, pageSide+1); return err },
		limits: sandbox.Limits{Memory: 2 << 30, CPU: 2 * time.Minute, Wall: 3 * time.Minute, Channels: 2*pageSide*pageSide + 1<<20},
	})
	if err != nil {
		return nil, 0, 0, decodeError(err)
	}
	if len(grey) == 0 {
		return nil, 0, 0, fmt.Errorf("%w: it was not drawn", ErrDamaged)
	}
	return grey, w, h, nil
}

// ReadStill reads the writing in a still that Quick made, wherever in it there are words.
func (t *Tools) ReadStill(ctx context.Context, still []byte, languages string) (Page, Report, error) {
	m, err := decodeJPEG(still, stillWidth, stillHeight)
	if err != nil {
		return Page{}, Report{}, err
	}
	y, _, _ := planes(m)
	grey := make([]byte, y.w*y.h)
	for row := range y.h {
		copy(grey[row*y.w:(row+1)*y.w], y.pix[row*y.stride:])
	}
	w, h := y.w, y.h
	if max(w, h) < 1000 { // letters of a few pixels are read better when they are larger
		grey, w, h = twice(grey, w, h)
	}
	return t.readGrey(ctx, grey, w, h, languages, layoutSparse)
}

// twice doubles a picture, between the pixels by their mean.
func twice(in []byte, w, h int) ([]byte, int, int) {
	out := make([]byte, 4*w*h)
	at := func(x, y int) int { return int(in[min(y, h-1)*w+min(x, w-1)]) }
	for y := range 2 * h {
		for x := range 2 * w {
			i, j := x/2, y/2
			out[y*2*w+x] = byte((at(i, j) + at(i+x%2, j) + at(i, j+y%2) + at(i+x%2, j+y%2) + 2) / 4)
		}
	}
	return out, 2 * w, 2 * h
}

// readGrey reads a grey picture. A page in uneven light is evened out and one whose lines lie askew is turned level first; the places of words are those in the picture as it was.
func (t *Tools) readGrey(ctx context.Context, grey []byte, w, h int, languages string, layout int) (Page, Report, error) {
	if layout == layoutPage {
		grey = even(grey, w, h)
		if slope := skew(grey, w, h); slope != 0 {
			level := turnBack(grey, w, h, slope)
			page, rep, err := t.readLevel(ctx, level.grey, level.w, level.h, languages, layout)
			page.Width, page.Height = w, h
			for i := range page.Words {
				page.Words[i] = level.word(page.Words[i])
			}
			return page, rep, err
		}
	}
	return t.readLevel(ctx, grey, w, h, languages, layout)
}

func (t *Tools) readLevel(ctx context.Context, grey []byte, w, h int, languages string, layout int) (Page, Report, error) {
	words, rep, err := t.Recognise(ctx, grey, w, h, ReadOptions{Languages: languages, Page: layout})
	if err == nil && len(words) == 0 && layout != layoutSparse {
		words, rep, err = t.Recognise(ctx, grey, w, h, ReadOptions{Languages: languages, Page: layoutSparse})
	}
	if err != nil {
		return Page{}, rep, err
	}
	return Page{Width: w, Height: h, Words: words}, rep, nil
}

// readPGM reads a grey picture of at most side × side pixels in the portable form that programs write.
func readPGM(r io.Reader, side int) (grey []byte, w, h int, err error) {
	br := bufio.NewReader(r)
	bad := func(what string) ([]byte, int, int, error) {
		return nil, 0, 0, fmt.Errorf("%w: grey picture: %s", ErrNoReport, what)
	}
	number := func() (int, error) {
		n, digits := 0, 0
		for {
			c, err := br.ReadByte()
			switch {
			case err != nil:
				return 0, err
			case c == '#' && digits == 0:
				if _, err := br.ReadSlice('\n'); err != nil {
					return 0, err
				}
			case c >= '0' && c <= '9':
				if n, digits = n*10+int(c-'0'), digits+1; n > 1<<20 {
					return 0, errors.New("number")
				}
			case c == ' ' || c == '\n' || c == '\t' || c == '\r':
				if digits > 0 {
					return n, nil
				}
			default:
				return 0, errors.New("letter")
			}
		}
	}
	var magic [2]byte
	if _, err := io.ReadFull(br, magic[:]); errors.Is(err, io.EOF) {
		return nil, 0, 0, nil // nothing was drawn
	} else if err != nil || !bytes.Equal(magic[:], []byte("P5")) {
		return bad("not one")
	}
	var top int
	for _, n := range []*int{&w, &h, &top} {
		if *n, err = number(); err != nil {
			return bad("head")
		}
	}
	if w < 1 || h < 1 || w > side || h > side || top != 255 {
		return bad("size")
	}
	grey = make([]byte, w*h)
	if _, err := io.ReadFull(br, grey); err != nil {
		return bad("too short")
	}
	if _, err := io.Copy(io.Discard, br); err != nil {
		return bad("end")
	}
	return grey, w, h, nil
}
