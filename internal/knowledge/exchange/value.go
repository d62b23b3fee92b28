package exchange

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
)

// spelled brings what people write into a table to what the catalogue reads: dates to EDTF, decimal commas to points, hours and minutes to
// seconds, yes and no in three languages. What it does not know it leaves as it is, for the catalogue to judge.
func spelled(p catalogue.Property, text, order string, about About) (string, error) {
	switch p.Type {
	case catalogue.TypeDate:
		return dateOf(text, order, about)
	case catalogue.TypeNumber:
		return strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(text, "\u00a0", ""), " ", ""), ",", "."), nil
	case catalogue.TypeBoolean:
		switch fold(text) {
		case "yes", "y", "true", "1", "да", "так", "+":
			return "true", nil
		case "no", "n", "false", "0", "нет", "ні", "-":
			return "false", nil
		}
	case catalogue.TypeDuration:
		if s, ok := clockOf(text); ok {
			return s, nil
		}
		return strings.ReplaceAll(text, ",", "."), nil
	case catalogue.TypeGeo:
		return strings.ReplaceAll(text, " ", ""), nil
	}
	return text, nil
}

var months = map[string]int{}

func init() {
	for i, words := range []string{
		"january jan январь января янв січень січня січ", "february feb февраль февраля фев лютий лютого лют", "march mar март марта мар березень березня бер",
		"april apr апрель апреля апр квітень квітня квіт", "may май мая травень травня трав", "june jun июнь июня июн червень червня черв",
		"july jul июль июля июл липень липня лип", "august aug август августа авг серпень серпня серп", "september sep sept сентябрь сентября сен сент вересень вересня вер",
		"october oct октябрь октября окт жовтень жовтня жовт", "november nov ноябрь ноября ноя листопад листопада лист", "december dec декабрь декабря дек грудень грудня груд",
	} {
		for _, w := range strings.Fields(words) {
			months[w] = i + 1
		}
	}
}

var (
	dotted  = regexp.MustCompile(`^(\d{1,2})[./-](\d{1,2})[./-](\d{4})(?:[ ,T]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$`)
	monthly = regexp.MustCompile(`^(\d{1,2})[./](\d{4})$`)
	worded  = regexp.MustCompile(`^(?:(\d{1,2})\s+)?(\pL+)\.?,?\s+(\d{4})(?:\s*(?:г|р|г\.|р\.|года|року|год|рік))?$`)
	english = regexp.MustCompile(`^(\pL+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})$`)
	isoTime = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})[ Tt](\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?$`)
	serial  = regexp.MustCompile(`^\d{4,6}(?:\.\d+)?$`)
	clock   = regexp.MustCompile(`^(\d{1,3}):(\d{2})(?::(\d{2}))?$`)
)

// dateOf brings a date as people write it to EDTF. Days and months that could be taken one for the other are refused unless order says which
// comes first ("dmy" or "mdy"); with dots the day comes first, as it does everywhere.
func dateOf(text, order string, about About) (string, error) {
	// Approximate and uncertain, in words, in front.
	mark, rest := "", text
	for _, w := range []struct{ word, mark string }{{"ca. ", "~"}, {"ca ", "~"}, {"c. ", "~"}, {"about ", "~"}, {"around ", "~"}, {"около ", "~"}, {"ок. ", "~"}, {"примерно ", "~"},
		{"близько ", "~"}, {"бл. ", "~"}, {"приблизно ", "~"}} {
		if cut, ok := strings.CutPrefix(strings.ToLower(rest), w.word); ok {
			mark, rest = w.mark, strings.TrimSpace(cut)
			break
		}
	}
	if about.Format == "xlsx" && serial.MatchString(rest) {
		// A workbook keeps a day as a number of days. Four figures below 3000 are a year that somebody typed.
		if n, err := strconv.ParseFloat(rest, 64); err == nil && n >= 3000 && n < 200_000 {
			epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
			if about.dates1904 {
				epoch = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
			}
			t := epoch.Add(time.Duration(n * float64(24*time.Hour))).Round(time.Second)
			if mark != "" || t.Equal(t.Truncate(24*time.Hour)) { // no moment of a day is approximate: the doubt counts for more
				return t.Format(time.DateOnly) + mark, nil
			}
			return t.Format("2006-01-02T15:04:05"), nil
		}
	}
	if m := isoTime.FindStringSubmatch(rest); m != nil {
		if mark != "" {
			_, err := stampOf(m[1], m[2], m[3], m[4])
			return m[1] + mark, err
		}
		return stampOf(m[1], m[2], m[3], m[4])
	}
	if m := dotted.FindStringSubmatch(rest); m != nil {
		a, _ := strconv.Atoi(m[1])
		b, _ := strconv.Atoi(m[2])
		switch {
		case strings.Contains(rest[:5], "."):
		case order == "mdy":
			a, b = b, a
		case order == "" && a <= 12 && b <= 12 && a != b:
			return "", fmt.Errorf("%w: which is the day and which the month is not said; set dates to dmy or mdy in the mapping", archive.ErrInvalid)
		case order == "" && a <= 12 && b > 12:
			a, b = b, a
		}
		day, err := dayText(m[3], b, a)
		if err != nil {
			return "", err
		}
		if m[4] != "" {
			if stamp, err := stampOf(day, m[4], m[5], m[6]); err != nil || mark == "" {
				return stamp, err
			}
		}
		return day + mark, nil
	}
	if m := monthly.FindStringSubmatch(rest); m != nil {
		n, _ := strconv.Atoi(m[1])
		if n < 1 || n > 12 {
			return "", fmt.Errorf("%w: there is no month %d", archive.ErrInvalid, n)
		}
		return fmt.Sprintf("%s-%02d", m[2], n) + mark, nil
	}
	if m := worded.FindStringSubmatch(strings.ToLower(rest)); m != nil && months[m[2]] > 0 {
		if m[1] == "" {
			return fmt.Sprintf("%s-%02d", m[3], months[m[2]]) + mark, nil
		}
		d, _ := strconv.Atoi(m[1])
		day, err := dayText(m[3], months[m[2]], d)
		return day + mark, err
	}
	if m := english.FindStringSubmatch(strings.ToLower(rest)); m != nil && months[m[1]] > 0 {
		d, _ := strconv.Atoi(m[2])
		day, err := dayText(m[3], months[m[1]], d)
		return day + mark, err
	}
	return rest + mark, nil
}

// dayText writes a day that there is.
func dayText(year string, month, day int) (string, error) {
	text := fmt.Sprintf("%s-%02d-%02d", year, month, day)
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", fmt.Errorf("%w: there is no such day", archive.ErrInvalid)
	}
	return text, nil
}

func stampOf(day, hour, minute, second string) (string, error) {
	if second == "" {
		second = "00"
	}
	text := fmt.Sprintf("%sT%02s:%s:%s", day, hour, minute, second)
	if _, err := time.Parse("2006-01-02T15:04:05", text); err != nil {
		return "", fmt.Errorf("%w: there is no such day or time", archive.ErrInvalid)
	}
	return text, nil
}

// clockOf reads hours, minutes and seconds as seconds.
func clockOf(text string) (string, bool) {
	m := clock.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	a, _ := strconv.Atoi(m[1])
	b, _ := strconv.Atoi(m[2])
	if m[3] == "" {
		return strconv.Itoa(a*60 + b), b < 60
	}
	c, _ := strconv.Atoi(m[3])
	return strconv.Itoa(a*3600 + b*60 + c), b < 60 && c < 60
}

// certaintyWords are what people write in a column of certainties.
var certaintyWords = map[string]archive.Certainty{
	"established": archive.Established, "certain": archive.Established, "confirmed": archive.Established, "установлено": archive.Established, "подтверждено": archive.Established,
	"встановлено": archive.Established, "підтверджено": archive.Established,
	"probable": archive.Probable, "likely": archive.Probable, "вероятно": archive.Probable, "ймовірно": archive.Probable, "імовірно": archive.Probable,
	"disputed": archive.Disputed, "contested": archive.Disputed, "спорно": archive.Disputed, "оспаривается": archive.Disputed, "спірно": archive.Disputed, "оскаржується": archive.Disputed,
	"not known": archive.NotKnown, "unknown": archive.NotKnown, "неизвестно": archive.NotKnown, "не известно": archive.NotKnown, "невідомо": archive.NotKnown,
}

func certaintyOf(text string) (archive.Certainty, bool) {
	c, ok := certaintyWords[fold(text)]
	return c, ok
}
