package derive

import (
	"testing"

	"zapis/internal/archive"
)

func TestCameraOfAName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"DVR-1/2020-08-12/ch02_20200812_134507_0007.avi": "dvr1 ch02",
		"Channel 4/0001.dav":                             "ch04",
		"камера_03/запись.avi":                           "ch03",
		"Канал 12/a.avi":                                 "ch12",
		"cam3/cam3-7.mp4":                                "ch03",
		"recorder 02/CAM 1.avi":                          "dvr2 ch01",
		"ch01/ch02.avi":                                  "", // two at once
		"Ivanov/scam4.avi":                               "", // a part of another word
		"bench2/a.avi":                                   "",
		"photos/IMG_0412.jpg":                            "",
		"":                                               "",
		"камеранова3/a.avi":                              "",
		"ch1234/a.avi":                                   "", // no recorder has so many
	} {
		if got := channel(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	at := func(names ...string) (out []archive.Origin) {
		for _, n := range names {
			out = append(out, archive.Origin{Path: []byte(n)})
		}
		return out
	}
	for _, c := range []struct {
		origins []archive.Origin
		want    string
	}{
		{at("ch02/a.avi"), "Z3 ch02"}, {at("ch02/a.avi", "x/ch2_b.avi"), "Z3 ch02"}, {at("ch02/a.avi", "ch03/a.avi"), ""}, {at("ch02/a.avi", "a.avi"), ""}, {nil, ""},
	} {
		if got := camera(3, c.origins); got != c.want {
			t.Errorf("%d origins: %q, want %q", len(c.origins), got, c.want)
		}
	}
}
