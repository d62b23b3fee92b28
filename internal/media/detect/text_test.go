package detect

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// glyphs are figures and letters of five by seven points, as recorders burn them in.
var glyphs = map[rune][7]string{
	'0': {" ### ", "#   #", "#  ##", "# # #", "##  #", "#   #", " ### "},
	'1': {"  #  ", " ##  ", "  #  ", "  #  ", "  #  ", "  #  ", " ### "},
	'2': {" ### ", "#   #", "    #", "   # ", "  #  ", " #   ", "#####"},
	'4': {"   # ", "  ## ", " # # ", "#  # ", "#####", "   # ", "   # "},
	'7': {"#####", "    #", "   # ", "  #  ", " #   ", " #   ", " #   "},
	'A': {" ### ", "#   #", "#   #", "#####", "#   #", "#   #", "#   #"},
	'B': {"#### ", "#   #", "#   #", "#### ", "#   #", "#   #", "#### "},
	'E': {"#####", "#    ", "#    ", "#### ", "#    ", "#    ", "#####"},
	'K': {"#   #", "#  # ", "# #  ", "##   ", "# #  ", "#  # ", "#   #"},
	'P': {"#### ", "#   #", "#   #", "#### ", "#    ", "#    ", "#    "},
}

// write draws a line of glyphs, each point k by k pixels, and gives its box in pixels.
func (g Gray) write(s string, x, y, k int, v byte) (Gray, [4]int) {
	g.Pix = slices.Clone(g.Pix)
	x0 := x
	for _, r := range s {
		for row, line := range glyphs[r] {
			for col, c := range line {
				if c != '#' {
					continue
				}
				for dy := range k {
					for dx := range k {
						g.Pix[(y+row*k+dy)*g.Stride+x+col*k+dx] = v
					}
				}
			}
		}
		x += 6 * k
	}
	return g, [4]int{x0, y, x - k - x0, 7 * k}
}

func TestWriting(t *testing.T) {
	t.Parallel()
	back := textured(640, 360, 9)
	for name, c := range map[string]struct {
		text       string
		x, y, k    int
		ink, paper byte
	}{
		"small":               {"AB1204EK", 100, 100, 1, 20, 220},
		"a plate":             {"A247BP77", 420, 300, 2, 30, 230},
		"light on dark":       {"AB1204EK", 30, 200, 3, 240, 15},
		"large":               {"KAPA 42", 60, 60, 10, 10, 250},
		"at the edge":         {"2024 01 02 14", 3, 3, 2, 250, 10},
		"in the last corner":  {"ABE147", 640 - 6*6*2 - 2, 360 - 7*2 - 3, 2, 250, 10},
		"in the middle":       {"ABE147", 300, 200, 2, 250, 10},
		"in the upper corner": {"ABE147", 3, 3, 2, 250, 10},
		"without much colour": {"BEEK4720", 200, 240, 2, 110, 170},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sheet := flat(len(c.text)*6*c.k+4*c.k, 11*c.k, c.paper)
			g, box := back.with(sheet, c.x-2*c.k, c.y-2*c.k).write(c.text, c.x, c.y, c.k, c.ink)
			d := NewText()
			got, not := d.Flush(d.Detect(g, 5, nil))
			want := boxOf(float64(box[0]), float64(box[1]), float64(box[0]+box[2]), float64(box[1]+box[3]), g.W, g.H)
			if len(not) != 0 || !slices.ContainsFunc(got, func(d Detection) bool { return holds(want, d.Box) && d.Kind == KindText && d.US == 5 }) {
				t.Errorf("%+v, not judged %v; want one that holds %v", got, not, want)
			}
		})
	}
}

// A paper with lines of writing is one box, words beside each other are one.
func TestAPaperIsOne(t *testing.T) {
	t.Parallel()
	g := flat(640, 360, 90).with(flat(300, 200, 230), 200, 100)
	for i := range 8 {
		g, _ = g.write("ABE 1204 KAP 77 EKA", 220, 112+i*22, 2, 30)
	}
	d := NewText()
	got, _ := d.Flush(d.Detect(g, 0, nil))
	if len(got) != 1 || !holds(boxOf(220, 112, 440, 112+7*22+14, 640, 360), got[0].Box) {
		t.Errorf("%+v", got)
	}
}

// A wall of bricks, a fence and noise are no writing.
func TestNoWriting(t *testing.T) {
	t.Parallel()
	noise := flat(640, 360, 100)
	r := rand.New(rand.NewPCG(3, 3))
	for i := range noise.Pix {
		noise.Pix[i] += byte(r.IntN(30))
	}
	fence, bricks := flat(640, 360, 180), flat(640, 360, 120)
	for x := 10; x < 630; x += 14 {
		fence = fence.with(flat(4, 40, 40), x, 150)
	}
	for y := 0; y < 340; y += 16 {
		for x := (y / 16 % 2) * 12; x < 610; x += 24 {
			bricks = bricks.with(flat(20, 12, 80), x, y)
		}
	}
	for name, g := range map[string]Gray{"noise": noise, "a fence": fence, "bricks": bricks, "nothing": flat(640, 360, 7)} {
		d := NewText()
		var got []Detection
		for i := range 3 {
			got = d.Detect(g, int64(i)*250_000, got)
		}
		got, not := d.Flush(got)
		if len(got)+len(not) != 0 {
			t.Errorf("%s: %v, not judged %v", name, got, not)
		}
	}
}

// A short row of letters is proposed when it is seen twice or nothing follows that could confirm it.
func TestShortWritingIsSeenTwice(t *testing.T) {
	t.Parallel()
	bare := flat(640, 360, 200)
	four, _ := bare.write("A2B7", 100, 100, 2, 20)
	d := NewText()
	var got []Detection
	for i, g := range []Gray{bare, four, bare, four, four, bare, four} {
		got = d.Detect(g, int64(i), got)
	}
	got, _ = d.Flush(got)
	var at []int64
	for _, d := range got {
		at = append(at, d.US)
	}
	slices.Sort(at)
	if !slices.Equal(at, []int64{3, 4, 6}) {
		t.Errorf("seen at %v", at)
	}
}

// A page with more lines than can be told apart is not judged.
func TestTooMuchWriting(t *testing.T) {
	t.Parallel()
	g := flat(2400, 2400, 230)
	for y := 20; y < 2360; y += 40 {
		for x := 20; x < 2300; x += 200 {
			g, _ = g.write("AB12", x, y, 1, 30)
		}
	}
	d := NewText()
	got, not := d.Flush(d.Detect(g, 7, nil))
	if len(got) != 0 || len(not) != 1 || not[0] != (Unjudged{7, 7, "text/1", KindText, WhyMany}) {
		t.Errorf("%d, %v", len(got), not)
	}
}

func FuzzText(f *testing.F) {
	f.Add(40, 33, []byte{1, 200, 3})
	f.Add(33, 64, []byte("\x00\xff"))
	f.Fuzz(func(t *testing.T, w, h int, b []byte) {
		w, h = 1+w&127, 1+h&127
		if len(b) == 0 {
			return
		}
		pix := slices.Repeat(b, w*h/len(b)+1)
		d := NewText()
		got, _ := d.Flush(d.Detect(Gray{w, h, w, pix}, 0, nil))
		for _, x := range got {
			if x.Box[0] < 0 || x.Box[1] < 0 || x.Box[2] < 1 || x.Box[3] < 1 || x.Box[0]+x.Box[2] > One || x.Box[1]+x.Box[3] > One {
				t.Fatalf("%v", x.Box)
			}
		}
	})
}
