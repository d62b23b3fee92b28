package app

import (
	"slices"
	"testing"
)

// What of a path would be known again, and what is an ordinary word.
func TestPathWords(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct{ sure, plain []string }{
		"/home/ivan/Videos/CAM03_20200812.avi": {[]string{"CAM03_20200812", "CAM03_20200812.avi", "ivan"}, []string{"Videos", "home"}},
		`C:\Users\Olga\Рабочий стол\двор.mp4`:  {[]string{"C:", "Olga", "Рабочий стол", "двор.mp4"}, []string{"Users", "двор"}},
		"2020/08/камера 7":                     {[]string{"камера 7"}, nil},
		"":                                     {nil, nil},
	} {
		var sure, plain []string
		pathWords(path, func(s string, is bool) {
			if is {
				sure = append(sure, s)
			} else {
				plain = append(plain, s)
			}
		})
		slices.Sort(sure)
		slices.Sort(plain)
		if !slices.Equal(sure, want.sure) || !slices.Equal(plain, want.plain) {
			t.Errorf("%s: surely %q, plain %q", path, sure, plain)
		}
	}
}
