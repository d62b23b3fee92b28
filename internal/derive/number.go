package derive

import (
	"bytes"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
)

var digitRun = regexp.MustCompile(`\d+`)

// sequence finds the number that a recorder gave a file in its name, and the name without it: what is the same for all files of
// the series. Dates and times in a name are no numbers and differ within a series. A number has three digits at least, unless
// the name is nothing else; names with more than nine digits in a row have none.
func sequence(name string) (series string, number int64, ok bool) {
	stem := strings.TrimSuffix(name, path.Ext(name))
	runs := digitRun.FindAllStringIndex(stem, -1)
	pick := -1
	dates := make([]bool, len(runs))
	for i, r := range runs {
		text := stem[r[0]:r[1]]
		switch {
		case isDate(text), len(text) == 6 && i > 0 && dates[i-1] && isTime(text):
			dates[i] = true
		case len(text) >= 3 && len(text) <= 9, len(text) < 3 && len(text) == len(stem):
			pick = i
		}
	}
	if pick < 0 {
		return "", 0, false
	}
	var b strings.Builder
	at := 0
	for i, r := range runs {
		if i != pick && !dates[i] {
			continue
		}
		b.WriteString(stem[at:r[0]])
		if i == pick {
			b.WriteByte('#')
		} else {
			b.WriteByte('@')
		}
		at = r[1]
	}
	b.WriteString(stem[at:])
	b.WriteString(strings.ToLower(path.Ext(name)))
	number, err := strconv.ParseInt(stem[runs[pick][0]:runs[pick][1]], 10, 64)
	return b.String(), number, err == nil
}

func isDate(s string) bool {
	form := map[int]string{8: "20060102", 14: "20060102150405", 12: "200601021504"}[len(s)]
	if form == "" {
		return false
	}
	t, err := time.Parse(form, s)
	return err == nil && t.Year() >= 1990 && t.Year() < 2100
}

func isTime(s string) bool {
	_, err := time.Parse("150405", s)
	return err == nil
}

// number gives the numbered file of a place where an item was found. Nothing of the name or the folder leaves but the number; the
// keyed hash of all the rest only says which numbers belong together.
func (s *Service) number(item, accession string, o archive.Origin) (store.FileNumber, bool) {
	dir, name := "", string(o.Path)
	if len(o.Path) == 0 {
		name = string(o.Root)
	}
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		dir, name = name[:i], name[i+1:]
	}
	series, n, ok := sequence(name)
	if !ok {
		return store.FileNumber{}, false
	}
	key := s.o.Record.Fingerprint([]byte("file series"), []byte(accession), o.Root, []byte(dir), []byte(series))
	return store.FileNumber{Item: item, Series: bytes.Clone(key), Number: n}, true
}
