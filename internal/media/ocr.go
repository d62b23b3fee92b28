package media

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/sandbox"
)

// Word is what was recognised in a picture.
type Word struct {
	Text       string
	X, Y, W, H int // pixels
	Line       int // counts up with each new line
	Score      int // 0 to 100
}

// ReadOptions say how writing is recognised.
type ReadOptions struct {
	Languages string // as "eng", "rus+ukr+eng"; those that are not installed are left out
	// Only these characters are looked for; empty: all. Letters and signs, no spaces or commas.
	Only string
	// Page: how the writing lies, as tesseract counts it; 0: one block of lines.
	Page int
}

// Limits of what tesseract is given and gives.
const (
	maxReadPixels = 64 << 20
	maxWords      = 20_000
)

var (
	languageWord = regexp.MustCompile(`^[a-z]{3}(_[a-z]+)?$`)
	onlyWord     = regexp.MustCompile(`^[\p{L}\p{N}\p{P} ]*$`)
)

// CanRead says whether tesseract and at least one language were found.
func (t *Tools) CanRead() bool { return t.tesseract != "" && len(t.languages) > 0 }

// Languages that writing can be recognised in.
func (t *Tools) Languages() []string { return slices.Clone(t.languages) }

// listLanguages asks tesseract for what it knows.
func (t *Tools) listLanguages() ([]string, error) {
	var out strings.Builder
	_, err := t.box.Run(context.Background(), sandbox.Command{
		Path: t.tesseract, Args: []string{"--list-langs"},
		Stdout: func(r io.Reader) error { _, err := io.Copy(&out, io.LimitReader(r, 16<<10)); return err },
		Limits: sandbox.Limits{Wall: time.Minute},
	})
	if err != nil {
		return nil, err
	}
	var found []string
	for _, l := range strings.Split(out.String(), "\n") {
		if l = strings.TrimSpace(l); languageWord.MatchString(l) && l != "osd" {
			found = append(found, l)
		}
	}
	return found, nil
}

// Recognise reads the writing in a grey picture of w × h. The picture goes to the program in unnamed memory. ErrNoTool if
// tesseract or every language asked for is missing.
func (t *Tools) Recognise(ctx context.Context, grey []byte, w, h int, o ReadOptions) ([]Word, Report, error) {
	if !t.CanRead() {
		return nil, Report{}, fmt.Errorf("%w: tesseract", ErrNoTool)
	}
	if w < 1 || h < 1 || w > 32_000 || h > 32_000 || w*h > maxReadPixels || len(grey) != w*h {
		return nil, Report{}, fmt.Errorf("%w: a picture of %d × %d", ErrTooLarge, w, h)
	}
	if !onlyWord.MatchString(o.Only) {
		return nil, Report{}, fmt.Errorf("%w: characters to look for", ErrNotMedia)
	}
	var langs []string
	for _, l := range strings.Split(o.Languages, "+") {
		if slices.Contains(t.languages, l) {
			langs = append(langs, l)
		}
	}
	if len(langs) == 0 {
		return nil, Report{}, fmt.Errorf("%w: languages of tesseract", ErrNoTool)
	}
	if o.Page == 0 {
		o.Page = 6
	}
	header := fmt.Appendf(nil, "P5\n%d %d\n255\n", w, h)
	f, err := t.inMemory(ctx, memorySource(append(header, grey...)), "memory")
	if err != nil {
		return nil, Report{}, err
	}
	defer f.close()
	args := []string{"/proc/self/fd/3", "stdout", "--psm", strconv.Itoa(o.Page), "--dpi", "150", "-l", strings.Join(langs, "+")}
	if o.Only != "" {
		args = append(args, "-c", "tessedit_char_whitelist="+o.Only)
	}
	var words []Word
	rep, err := t.run(ctx, call{
		path: t.tesseract, name: "tesseract", args: append(args, "tsv"), feed: f,
		stdout: func(r io.Reader) (err error) { words, err = parseWords(r); return err },
		limits: sandbox.Limits{Memory: 2 << 30, CPU: 10 * time.Minute, Wall: 15 * time.Minute, Stall: 10 * time.Minute, Channels: 16 << 20},
	})
	if err != nil {
		return nil, rep, err
	}
	return words, rep, nil
}

// memorySource is bytes as a source.
func memorySource(b []byte) Source { return bytes.NewReader(b) }

// parseWords reads tesseract's table. What does not look like a row of it is passed over.
func parseWords(r io.Reader) ([]Word, error) {
	var out []Word
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), 1<<20)
	line, last := 0, ""
	for s.Scan() {
		f := strings.Split(s.Text(), "\t")
		if len(f) < 12 || f[0] != "5" || len(out) >= maxWords {
			continue
		}
		if here := f[2] + "." + f[3] + "." + f[4]; here != last {
			last = here
			line++
		}
		var n [4]int
		good := true
		for i := range n {
			v, err := strconv.Atoi(f[6+i])
			good = good && err == nil && v >= 0 && v <= 32_000
			n[i] = v
		}
		score, err := strconv.ParseFloat(f[10], 64)
		if !good || err != nil {
			continue
		}
		text := strings.TrimSpace(strings.ToValidUTF8(f[11], ""))
		if text == "" || len(text) > 512 {
			continue
		}
		out = append(out, Word{Text: text, X: n[0], Y: n[1], W: n[2], H: n[3], Line: line, Score: int(min(max(score, 0), 100))})
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("%w: table of words: %w", ErrNoReport, err)
	}
	_, err := io.Copy(io.Discard, r)
	return out, err
}

// recogniseStrips reads a stack of strips of equal size in one go, which costs a quarter of one run for each; it gives one text
// for each strip.
func (t *Tools) recogniseStrips(ctx context.Context, strips [][]byte, w, h int, o ReadOptions) ([]string, Report, error) {
	out := make([]string, len(strips))
	if len(strips) == 0 {
		return out, Report{}, nil
	}
	pad := h
	width, height := w+2*pad, len(strips)*(h+pad)+pad
	img := bytes.Repeat([]byte{255}, width*height)
	for i, s := range strips {
		for y := range h {
			copy(img[(pad+i*(h+pad)+y)*width+pad:], s[y*w:(y+1)*w])
		}
	}
	words, rep, err := t.Recognise(ctx, img, width, height, o)
	if err != nil {
		return nil, rep, err
	}
	rows := make([][]Word, len(strips))
	for _, x := range words {
		if k := (x.Y + x.H/2 - pad/2) / (h + pad); k >= 0 && k < len(rows) && x.Y+x.H/2 >= pad/2 {
			rows[k] = append(rows[k], x)
		}
	}
	for i, row := range rows {
		slices.SortStableFunc(row, func(a, b Word) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.X - b.X
		})
		var text []string
		for _, x := range row {
			text = append(text, x.Text)
		}
		out[i] = strings.Join(text, " ")
	}
	return out, rep, nil
}
