package job

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"open item it_01: not found":                "open item it_01: not found",
		"open /home/olena/a.mp4: permission denied": "open …: permission denied",
		"stat ../x/y: gone":                         "stat …: gone",
		`decode "Ivan's film.mp4": bad`:             "decode …: bad",
		`unterminated "Ivan`:                        "unterminated …",
		"two\nlines\x00":                            "two lines ",
		"exit status 1 (seal segment 12: no space)": "exit status 1 (seal segment 12: no space)",
		`C:\Users\olena\film.mp4: locked`:           "…: locked",
		"open ./film one.mp4: x; open (/srv/y): z":  "open …: x; open (…: z",
		"read DCIM/100/a.mov: cut off":              "read … cut off",
	} {
		if got := redact(in); got != want {
			t.Errorf("redact(%q) = %q, want %q", in, got, want)
		}
	}
	if got := redact(strings.Repeat("ї", 1000)); len([]rune(got)) != 401 {
		t.Errorf("%d runes", len([]rune(got)))
	}
}
