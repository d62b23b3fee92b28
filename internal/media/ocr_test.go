package media

import (
	"errors"
	"strings"
	"testing"
)

func needReading(t *testing.T) *Tools {
	t.Helper()
	tools := need(t)
	if !tools.CanRead() {
		t.Skip("tesseract is not there")
	}
	return tools
}

func TestParseWords(t *testing.T) {
	t.Parallel()
	table := strings.Join([]string{
		"level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext",
		"4\t1\t1\t1\t1\t0\t1\t2\t3\t4\t-1\t",
		"5\t1\t1\t1\t1\t1\t10\t20\t30\t40\t96.5\t14:02",
		"5\t1\t1\t1\t2\t1\t10\t70\t30\t40\t200\t:33",
		"5\t1\t1\t1\t2\t2\t-1\t70\t30\t40\t90\tminus",
		"5\t1\t1\t1\t2\t3\t1\t70\t30\t40\tx\tscore",
		"5\t1\t1\t1\t2\t4\t1\t70\t30\t40\t90\t  ",
		"5\tshort", "",
	}, "\n")
	got, err := parseWords(strings.NewReader(table))
	if err != nil || len(got) != 2 || got[0] != (Word{"14:02", 10, 20, 30, 40, 1, 96}) || got[1].Line != 2 || got[1].Score != 100 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseWords(strings.NewReader("5\t" + strings.Repeat("x", 2<<20))); !errors.Is(err, ErrNoReport) {
		t.Errorf("%v", err)
	}
}

func FuzzParseWords(f *testing.F) {
	f.Add("5\t1\t1\t1\t1\t1\t10\t20\t30\t40\t96.5\t14:02\n")
	f.Fuzz(func(t *testing.T, s string) {
		words, err := parseWords(strings.NewReader(s))
		if err == nil && len(words) > maxWords {
			t.Fatal(len(words))
		}
	})
}

func TestRecogniseRefuses(t *testing.T) {
	t.Parallel()
	tools := needReading(t)
	for _, c := range []struct {
		name string
		w, h int
		o    ReadOptions
		want error
	}{
		{"no size", 0, 4, ReadOptions{Languages: "eng"}, ErrTooLarge},
		{"another size", 5, 5, ReadOptions{Languages: "eng"}, ErrTooLarge},
		{"no language", 4, 4, ReadOptions{Languages: "xxx+../eng"}, ErrNoTool},
		{"characters", 4, 4, ReadOptions{Languages: "eng", Only: "0\n1"}, ErrNotMedia},
	} {
		if _, _, err := tools.Recognise(t.Context(), make([]byte, 16), c.w, c.h, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	none := &Tools{}
	if _, _, err := none.Recognise(t.Context(), make([]byte, 16), 4, 4, ReadOptions{Languages: "eng"}); !errors.Is(err, ErrNoTool) {
		t.Errorf("without tesseract: %v", err)
	}
	if _, err := none.Clock(t.Context(), strings.NewReader("x"), Probe{Kind: "video", Streams: []Stream{{Type: "video", Width: 4, Height: 4}}}, ClockOptions{}); !errors.Is(err, ErrNoTool) {
		t.Errorf("without tesseract: %v", err)
	}
	if _, err := tools.Clock(t.Context(), strings.NewReader("x"), Probe{Kind: "audio"}, ClockOptions{}); !errors.Is(err, ErrNotMedia) {
		t.Errorf("sound: %v", err)
	}
	// Nothing to be read is no error, and gives no text.
	blank := make([]byte, 200*60)
	for i := range blank {
		blank[i] = 255
	}
	words, rep, err := tools.Recognise(t.Context(), blank, 200, 60, ReadOptions{Languages: "eng"})
	if err != nil || len(words) != 0 || rep.Tool.Version == "" || rep.Input != "memory" {
		t.Errorf("%v %+v %v", words, rep, err)
	}
}
