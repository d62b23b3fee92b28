package derive

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"zapis/internal/archive"
)

// Words by which recorders name channels and themselves in folders and files, and what stands for them on the screen. Digits that follow
// are all that is taken from a name: other words of it may name people.
var (
	channelWord  = regexp.MustCompile(`(?i)(?:^|[^\p{L}\d])(?:ch|chn|chan|channel|cam|camera|kam|канал|камера|кам)[ _.#-]?0*(\d{1,3})(?:[^\d]|$)`)
	recorderWord = regexp.MustCompile(`(?i)(?:^|[^\p{L}\d])(?:dvr|nvr|xvr|recorder|регистратор|реєстратор)[ _.#-]?0*(\d{1,2})(?:[^\d]|$)`)
)

// channel gives the label of the camera that a path speaks of, such as "dvr1 ch02"; empty if it speaks of none or of two.
func channel(name string) string {
	one := func(in *regexp.Regexp, form string) (string, bool) {
		label := ""
		for part := range strings.SplitSeq(strings.TrimSuffix(name, path.Ext(name)), "/") {
			for _, m := range in.FindAllStringSubmatch(part, -1) {
				n, err := strconv.Atoi(m[1])
				if err != nil {
					return "", false
				}
				found := fmt.Sprintf(form, n)
				if label != "" && label != found {
					return "", false
				}
				label = found
			}
		}
		return label, true
	}
	ch, ok := one(channelWord, "ch%02d")
	if !ok || ch == "" {
		return ""
	}
	if recorder, ok := one(recorderWord, "dvr%d"); ok && recorder != "" {
		return recorder + " " + ch
	}
	return ch
}

// camera gives the label of the camera that made an item, by the names under which it was found in its own accession. The accession is
// part of it: "ch02" of two disks is hardly ever one camera, and the catalogue can say where it is. Empty if the names do not agree.
func camera(accession int64, origins []archive.Origin) string {
	label := ""
	for _, o := range origins {
		name := string(o.Path)
		if len(o.Path) == 0 {
			name = string(o.Root)
		}
		found := channel(name)
		if found == "" || label != "" && label != found {
			return ""
		}
		label = found
	}
	if label == "" {
		return ""
	}
	return fmt.Sprintf("Z%d %s", accession, label)
}
