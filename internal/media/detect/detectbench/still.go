package detectbench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	_ "image/png" // of footage
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zapis/internal/media/detect"
)

// still looks at one picture as at a film of one frame.
func (f Film) still(path string) (Score, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return Score{}, err
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return Score{}, fmt.Errorf("decode %s: %w", f.Name, err)
	}
	d, err := f.detector()
	if err != nil {
		return Score{}, err
	}
	begin := time.Now()
	r, err := look(d, grey(m))
	if err != nil {
		return Score{}, err
	}
	s := f.rate(r)
	s.Wall = time.Since(begin)
	return s, nil
}

// look shows a detector one frame.
func look(d detect.Detector, g detect.Gray) (detect.Result, error) {
	f, err := detect.NewFinder(detect.FinderOptions{Detectors: []detect.Detector{d}})
	if err != nil {
		return detect.Result{}, err
	}
	f.Frame(0, g)
	r := f.Finish()
	return r, f.Err()
}

// grey gives a picture in grey, its longer side no more than detect.Width, each point the mean of what it stands for.
func grey(m image.Image) detect.Gray {
	b := m.Bounds()
	w, h := b.Dx(), b.Dy()
	if long := max(w, h); long > detect.Width {
		w, h = max(1, w*detect.Width/long), max(1, h*detect.Width/long)
	}
	g := detect.Gray{W: w, H: h, Stride: w, Pix: make([]byte, w*h)}
	for y := range h {
		y0, y1 := y*b.Dy()/h, (y+1)*b.Dy()/h
		for x := range w {
			x0, x1 := x*b.Dx()/w, (x+1)*b.Dx()/w
			sum := 0
			for sy := y0; sy < y1; sy++ {
				for sx := x0; sx < x1; sx++ {
					sum += int(color.GrayModel.Convert(m.At(b.Min.X+sx, b.Min.Y+sy)).(color.Gray).Y)
				}
			}
			g.Pix[y*w+x] = byte(sum / ((y1 - y0) * (x1 - x0)))
		}
	}
	return g
}

// Heights are those of capital letters, in pixels of a picture of 640 × 480, at which drawn writing is measured.
var Heights = []int{6, 7, 8, 10, 12, 16, 24, 40}

// Drawn is what was found of writing that was drawn into frames of real footage.
type Drawn struct {
	Height        int // of capital letters, in pixels of a picture of 640 × 480
	Marked, Seen  int
	Missed        []string // what was not seen: which words, where
	SeenAndLarger int      // boxes that are more than four times what they should hold
}

const fonts = "/usr/share/fonts/truetype/dejavu/"

// lines that are drawn, as plates and recorders have them. Colons and percent signs would mean something to the program that draws.
var drawn = []struct{ text, font string }{
	{"AB 1204 CE", "DejaVuSans-Bold.ttf"},
	{"А472КЕ 178", "DejaVuSansCondensed-Bold.ttf"},
	{"2020-08-14 13.08.11", "DejaVuSansMono.ttf"},
	{"КОЛОНІЯ № 7", "DejaVuSerif.ttf"},
}

var inks = []struct{ name, options string }{
	{"black on white", "fontcolor=black:box=1:boxcolor=white:boxborderw=%d"},
	{"white on dark", "fontcolor=white:box=1:boxcolor=0x202838:boxborderw=%d"},
	{"white, outlined", "fontcolor=white:borderw=1"},
}

// Draw draws writing of one height into frames of vtest.avi, compresses them as a picture is, and looks for it. Scratch files lie in dir.
// ErrMissing if the footage or the letters are not there.
func Draw(ctx context.Context, dir string, height int) (Drawn, error) {
	const source = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
	for _, name := range []string{source, fonts + drawn[0].font} {
		if _, err := os.Stat(name); err != nil {
			return Drawn{}, fmt.Errorf("%w: %s", ErrMissing, filepath.Base(name))
		}
	}
	out := Drawn{Height: height}
	for i, line := range drawn {
		for k, ink := range inks {
			options := ink.options
			if strings.Contains(options, "%d") {
				options = fmt.Sprintf(options, max(2, height/2))
			}
			x, y := 40+60*i, 60+110*k
			size := float64(height) / 0.729 // of capitals of these fonts
			text := fmt.Sprintf("drawtext=fontfile=%s:text='%s':fontsize=%.1f:x=%d:y=%d:%s", fonts+line.font, line.text, size, x, y, options)
			bare, with := filepath.Join(dir, "bare.png"), filepath.Join(dir, "drawn.png")
			cmd := exec.CommandContext(ctx, "ffmpeg", "-v", "error", "-nostdin", "-y", "-ss", fmt.Sprint(3+7*i), "-i", source, "-filter_complex",
				"[0:v]scale=640:480,split=2[a][b];[b]"+text+"[c]", "-map", "[a]", "-frames:v", "1", bare, "-map", "[c]", "-frames:v", "1", with)
			if b, err := cmd.CombinedOutput(); err != nil {
				return Drawn{}, fmt.Errorf("draw writing: %w: %.300s", err, b)
			}
			box, g, err := compressed(bare, with)
			if err != nil {
				return Drawn{}, err
			}
			r, err := look(detect.NewText(), g)
			if err != nil {
				return Drawn{}, err
			}
			var boxes [][4]int
			large := false
			for _, d := range r.Detections {
				boxes = append(boxes, d.Box)
				if grid(box, [][4]int{d.Box}, 20) > 0 && d.Box[2]*d.Box[3] > 4*box[2]*box[3] {
					large = true
				}
			}
			out.Marked++
			if share(box, boxes) < 0.5 {
				out.Missed = append(out.Missed, fmt.Sprintf("%s, %s", line.text, ink.name))
				continue
			}
			out.Seen++
			if large {
				out.SeenAndLarger++
			}
		}
	}
	return out, nil
}

// compressed gives what differs between two pictures, in millionths, and the second one after it was compressed as a JPEG.
func compressed(bare, with string) (box [4]int, g detect.Gray, err error) {
	var pics [2]image.Image
	for i, name := range []string{bare, with} {
		b, err := os.ReadFile(name)
		if err != nil {
			return box, g, err
		}
		if pics[i], _, err = image.Decode(bytes.NewReader(b)); err != nil {
			return box, g, fmt.Errorf("decode drawn picture: %w", err)
		}
	}
	r := pics[1].Bounds()
	x0, y0, x1, y1 := r.Max.X, r.Max.Y, 0, 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if pics[0].At(x, y) != pics[1].At(x, y) {
				x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
			}
		}
	}
	if x1 <= x0 {
		return box, g, errors.New("nothing was drawn")
	}
	box = [4]int{x0 * detect.One / r.Dx(), y0 * detect.One / r.Dy(), (x1 - x0) * detect.One / r.Dx(), (y1 - y0) * detect.One / r.Dy()}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, pics[1], &jpeg.Options{Quality: 60}); err != nil {
		return box, g, err
	}
	m, err := jpeg.Decode(&buf)
	if err != nil {
		return box, g, err
	}
	return box, grey(m), nil
}
