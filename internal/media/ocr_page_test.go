package media

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"zapis/internal/archive"
)

func TestReadPGM(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"P5\n2 2\n255\nabcd": "abcd", "P5 # c\n2\n2 255\nabcdtail": "abcd",
	} {
		got, w, h, err := readPGM(strings.NewReader(in), 4)
		if err != nil || w != 2 || h != 2 || string(got) != want {
			t.Errorf("%q: %q %d × %d, %v", in, got, w, h, err)
		}
	}
	for _, bad := range []string{"P6\n2 2\n255\nabcd", "P5\n9 2\n255\nabcd", "P5\n2 2\n65535\nabcd", "P5\n2 2\n255\nabc", "P5\n-2 2\n255\n", "P5\n99999999999 2\n255\n", "P5\n0 2\n255\n"} {
		if _, _, _, err := readPGM(strings.NewReader(bad), 4); !errors.Is(err, ErrNoReport) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestRegion(t *testing.T) {
	t.Parallel()
	p := Page{Width: 3, Height: 3}
	if r := p.Region(Word{X: 1, Y: 1, W: 9, H: 1}); r != (archive.Region{X: 333_333, Y: 333_333, W: 666_667, H: 333_333}) {
		t.Errorf("%+v", r)
	}
	if r := p.Region(Word{X: 5, Y: 5, W: 1, H: 1}); !r.IsZero() {
		t.Errorf("%+v", r)
	}
}

// Sound comes in windows that fit together, with the rate that is promised.
func TestSound(t *testing.T) {
	t.Parallel()
	tools := need(t)
	const n = 3 * 48_000
	var wav bytes.Buffer
	le := binary.LittleEndian
	wav.WriteString("RIFF")
	_ = binary.Write(&wav, le, uint32(36+2*n))
	wav.WriteString("WAVEfmt ")
	_ = binary.Write(&wav, le, []uint32{16, 1 | 1<<16, 48_000, 96_000, 2 | 16<<16})
	wav.WriteString("data")
	_ = binary.Write(&wav, le, uint32(2*n))
	for i := range n {
		_ = binary.Write(&wav, le, int16(8000*(i/120%2)-4000))
	}
	src := memorySource(wav.Bytes())
	p, err := tools.Probe(t.Context(), src)
	if err != nil || p.Kind != archive.KindAudio {
		t.Fatalf("%+v, %v", p, err)
	}
	whole, end, rep, err := tools.Sound(t.Context(), src, p, 0, MaxSound, nil)
	if err != nil || !end || len(whole) != 3*SoundRate || rep.Tool.Name != "ffmpeg" {
		t.Fatalf("%d samples, %v, %+v, %v", len(whole), end, rep.Tool, err)
	}
	first, end, _, err := tools.Sound(t.Context(), src, p, 0, 20_000, nil)
	if err != nil || end || len(first) != 20_000 {
		t.Fatalf("%d samples, %v, %v", len(first), end, err)
	}
	rest, end, _, err := tools.Sound(t.Context(), src, p, 20_000, MaxSound, nil)
	if err != nil || !end || len(rest) != len(whole)-20_000 {
		t.Fatalf("%d samples, %v, %v", len(rest), end, err)
	}
	for i, s := range append(first, rest...) {
		if s != whole[i] {
			t.Fatalf("sample %d differs between windows", i)
		}
	}
}
