package note

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
)

// ErrFragment: a media fragment that is not well formed, or of a kind that is not read here.
var ErrFragment = fmt.Errorf("%w: media fragment", archive.ErrInvalid)

// Fragment is a part of an item as Media Fragments URI 1.0 names it.
type Fragment struct {
	Timed    bool
	From, To time.Duration
	Open     bool // no end was given
	Region   archive.Region
	Page     int // as of RFC 8118
}

// frameText writes a fragment. To is where it ends and no longer part of it. width and height are those of the picture in pixels: regions are
// written in whole pixels, since percent may only be whole ones in the standard; without them in percent with decimals.
func (f Fragment) text(width, height int) string {
	var parts []string
	if f.Page > 0 {
		parts = append(parts, "page="+strconv.Itoa(f.Page))
	}
	if f.Timed {
		parts = append(parts, "t="+npt(f.From)+","+npt(f.To))
	}
	if r := f.Region; !r.IsZero() {
		if width > 0 && height > 0 {
			px := func(v, of int) int { return int(math.Round(float64(v) * float64(of) / million)) }
			x, y := min(px(r.X, width), width-1), min(px(r.Y, height), height-1)
			parts = append(parts, fmt.Sprintf("xywh=pixel:%d,%d,%d,%d", x, y, max(px(r.X+r.W, width)-x, 1), max(px(r.Y+r.H, height)-y, 1)))
		} else {
			pc := func(v int) string { return strconv.FormatFloat(float64(v)/10_000, 'f', -1, 64) }
			parts = append(parts, "xywh=percent:"+pc(r.X)+","+pc(r.Y)+","+pc(r.W)+","+pc(r.H))
		}
	}
	return strings.Join(parts, "&")
}

// npt writes seconds of normal play time, to the microsecond.
func npt(d time.Duration) string {
	us := d.Microseconds()
	s := strconv.FormatInt(us/million, 10)
	if rest := us % million; rest != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%06d", rest), "0")
	}
	return s
}

// ParseFragment reads a media fragment: t in normal play time, xywh in pixels or percent, page. Dimensions that it does not know are passed
// over, as the standard asks; a known one that is malformed is ErrFragment.
func ParseFragment(text string, width, height int) (Fragment, error) {
	var f Fragment
	text = strings.TrimPrefix(text, "#")
	if len(text) > 1000 {
		return f, fmt.Errorf("%w: too long", ErrFragment)
	}
	for pair := range strings.SplitSeq(text, "&") {
		k, v, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		v, err := url.PathUnescape(v)
		if err != nil {
			return f, fmt.Errorf("%w: escape", ErrFragment)
		}
		switch k {
		case "t":
			if err := f.readTime(v); err != nil {
				return f, err
			}
		case "xywh":
			if f.Region, err = readRegion(v, width, height); err != nil {
				return f, err
			}
		case "page":
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 || n > million {
				return f, fmt.Errorf("%w: page", ErrFragment)
			}
			f.Page = n
		}
	}
	return f, nil
}

func (f *Fragment) readTime(v string) error {
	v = strings.TrimPrefix(v, "npt:")
	from, to, ended := strings.Cut(v, ",")
	if v == "" || ended && to == "" {
		return fmt.Errorf("%w: t", ErrFragment)
	}
	f.Timed, f.Open, f.From, f.To = true, !ended, 0, 0
	var err error
	if from != "" {
		if f.From, err = readNPT(from); err != nil {
			return err
		}
	}
	f.To = f.From
	if ended {
		if f.To, err = readNPT(to); err != nil {
			return err
		}
		if f.To < f.From {
			return fmt.Errorf("%w: t ends before it begins", ErrFragment)
		}
	}
	return nil
}

// readNPT reads 12, 12.5, 01:12.5 or 1:01:12.5.
func readNPT(v string) (time.Duration, error) {
	bad := fmt.Errorf("%w: t", ErrFragment)
	parts := strings.Split(v, ":")
	if len(parts) > 3 {
		return 0, bad
	}
	var whole int64
	for i, p := range parts {
		if i == len(parts)-1 {
			p, _, _ = strings.Cut(p, ".")
		}
		n, err := strconv.ParseUint(p, 10, 32)
		if err != nil || i > 0 && n > 59 {
			return 0, bad
		}
		whole = whole*60 + int64(n)
	}
	if whole > 3600*10_000 {
		return 0, bad
	}
	us := int64(0)
	if _, frac, ok := strings.Cut(parts[len(parts)-1], "."); ok {
		if len(frac) > 9 || strings.Trim(frac, "0123456789") != "" {
			return 0, bad
		}
		n, err := strconv.ParseInt((frac + "000000000")[:9], 10, 64)
		if err != nil {
			return 0, bad
		}
		us = (n + 500) / 1000
	}
	return time.Duration(whole)*time.Second + time.Duration(us)*time.Microsecond, nil
}

func readRegion(v string, width, height int) (archive.Region, error) {
	bad := func(what string) (archive.Region, error) {
		return archive.Region{}, fmt.Errorf("%w: xywh: %s", ErrFragment, what)
	}
	unit, rest, ok := strings.Cut(v, ":")
	if !ok {
		unit, rest = "pixel", v
	}
	nums := strings.Split(rest, ",")
	if len(nums) != 4 {
		return bad("four numbers")
	}
	var sides [4]float64
	for i, n := range nums {
		x, err := strconv.ParseFloat(n, 64)
		if err != nil || !(x >= 0 && x <= 1e9) || strings.ContainsAny(n, "eExXpPiInN_+") {
			return bad("a number")
		}
		sides[i] = x
	}
	across, down := 100.0, 100.0
	switch unit {
	case "percent":
	case "pixel":
		if width <= 0 || height <= 0 {
			return bad("pixels of a picture of unknown size")
		}
		across, down = float64(width), float64(height)
	default:
		return bad("unit")
	}
	of := func(v, all float64) int { return int(math.Round(min(v/all, 1) * million)) }
	r := archive.Region{X: of(sides[0], across), Y: of(sides[1], down)}
	r.W, r.H = of(sides[0]+sides[2], across)-r.X, of(sides[1]+sides[3], down)-r.Y
	if r.W <= 0 || r.H <= 0 {
		return bad("nothing of the picture")
	}
	return r, nil
}
