package media

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// RecipeFrames is the recipe of the list of frames.
var RecipeFrames = Recipe{"frames", 1}

// Frames is when each frame of an original is shown. Frames are counted from 0 in order of presentation; what an edit list hides is no
// frame. Ticks are of the container's own time base, so that nothing is rounded, and count from the beginning of the item: the moment that
// lies at zero in a working copy.
type Frames struct {
	BaseNum, BaseDen int64   // seconds in a tick
	Ticks            []int64 // rising or equal, one a frame
	Start            int64   // ticks on the container's clock at the beginning of the item
	Hidden           int64   // frames in the file that an edit list hides
	Decoded          bool    // the container does not say when its frames are shown: they were decoded to learn it
}

// ErrFrames: bytes are not a list of frames.
var ErrFrames = errors.New("not a list of frames")

const framesMagic = "zapis frames 1\n"

// Time gives when frame i is shown, from the beginning of the item, to the nearest microsecond. i is held within the list.
func (f Frames) Time(i int64) time.Duration {
	if len(f.Ticks) == 0 {
		return 0
	}
	t := f.Ticks[min(max(i, 0), int64(len(f.Ticks))-1)]
	return time.Duration(min(max(scale(t, f.BaseNum*1_000_000, f.BaseDen), -maxMicros), maxMicros)) * time.Microsecond
}

// maxMicros is the longest time that is told: two hundred years, in microseconds.
const maxMicros = 200 * 365 * 24 * 3600 * 1_000_000

// At gives the frame that is shown at a time from the beginning of the item: the last one that begins at it or before, the first one
// before that.
func (f Frames) At(t time.Duration) int64 {
	us := t.Microseconds()
	i, _ := slices.BinarySearchFunc(f.Ticks, us, func(tick, us int64) int {
		if scale(tick, f.BaseNum*1_000_000, f.BaseDen) <= us {
			return -1
		}
		return 1
	})
	return int64(max(i-1, 0))
}

// Source gives the frame that is shown by frame n of a working copy of num/den frames a second.
func (f Frames) Source(n, num, den int64) int64 {
	i, _ := slices.BinarySearchFunc(f.Ticks, n, func(tick, n int64) int {
		if f.place(tick, num, den) <= n {
			return -1
		}
		return 1
	})
	return int64(max(i-1, 0))
}

// Working gives the first frame of a working copy of num/den frames a second that shows frame i, or, where the working copy has fewer frames
// and passes over it, the one that shows its successor.
func (f Frames) Working(i, num, den int64) int64 {
	if len(f.Ticks) == 0 {
		return 0
	}
	i = min(max(i, 0), int64(len(f.Ticks))-1)
	if i == 0 {
		return 0 // what comes before the first frame shows it, too
	}
	return max(f.place(f.Ticks[i], num, den), 0)
}

// place is the nearest place of the constant rate, half a place counting up: where ffmpeg's fps filter puts a frame.
func (f Frames) place(tick, num, den int64) int64 { return scale(tick, f.BaseNum*num, f.BaseDen*den) }

// scale gives v*num/den, rounded to the nearest integer, halves away from zero.
func scale(v, num, den int64) int64 {
	if den <= 0 || num <= 0 {
		return 0
	}
	neg := v < 0
	if neg {
		v = -v
	}
	hi, lo := bits.Mul64(uint64(v), uint64(num))
	lo, carry := bits.Add64(lo, uint64(den)/2, 0)
	hi += carry
	q := uint64(math.MaxInt64) // beyond any recording
	if hi < uint64(den) {
		q, _ = bits.Div64(hi, lo, uint64(den))
		q = min(q, math.MaxInt64)
	}
	if neg {
		return -int64(q)
	}
	return int64(q)
}

// Encode writes the list: a line that names the format, then unsigned and zigzag varints (as of encoding/binary): flags, time base, start,
// hidden, count, the first tick, and for every further frame by how much its distance from the one before differs from the distance before
// that. A steady clock costs a byte a frame.
func (f Frames) Encode() []byte {
	b := make([]byte, 0, len(framesMagic)+64+len(f.Ticks))
	b = append(b, framesMagic...)
	flags := uint64(0)
	if f.Decoded {
		flags = 1
	}
	b = binary.AppendUvarint(b, flags)
	b = binary.AppendUvarint(b, uint64(f.BaseNum))
	b = binary.AppendUvarint(b, uint64(f.BaseDen))
	b = binary.AppendVarint(b, f.Start)
	b = binary.AppendUvarint(b, uint64(f.Hidden))
	b = binary.AppendUvarint(b, uint64(len(f.Ticks)))
	var last, step int64
	for i, t := range f.Ticks {
		if i == 0 {
			b = binary.AppendVarint(b, t)
		} else {
			b = binary.AppendVarint(b, t-last-step)
			step = t - last
		}
		last = t
	}
	return b
}

// Bounds of a list that is read back. A tick beyond maxTick would be a recording of thousands of years.
const (
	maxTick = 1 << 52
	maxBase = 1 << 31
)

// ParseFrames reads what Encode wrote; ErrFrames for everything else.
func ParseFrames(b []byte) (Frames, error) {
	rest, ok := strings.CutPrefix(string(b), framesMagic)
	if !ok {
		return Frames{}, fmt.Errorf("%w: it begins otherwise", ErrFrames)
	}
	r := strings.NewReader(rest)
	bad := func(what string) (Frames, error) { return Frames{}, fmt.Errorf("%w: %s", ErrFrames, what) }
	var head [3]uint64
	for i := range head {
		var err error
		if head[i], err = binary.ReadUvarint(r); err != nil || head[i] > maxBase {
			return bad("head")
		}
	}
	f := Frames{Decoded: head[0] == 1, BaseNum: int64(head[1]), BaseDen: int64(head[2])}
	start, err1 := binary.ReadVarint(r)
	hidden, err2 := binary.ReadUvarint(r)
	n, err3 := binary.ReadUvarint(r)
	if err1 != nil || err2 != nil || err3 != nil || head[0] > 1 || f.BaseNum < 1 || f.BaseDen < 1 || hidden > maxPackets || n > maxPackets {
		return bad("head")
	}
	if uint64(r.Len()) < n { // each frame has a byte at least
		return bad("cut off")
	}
	f.Start, f.Hidden, f.Ticks = start, int64(hidden), make([]int64, 0, n)
	var last, step int64
	for i := range n {
		d, err := binary.ReadVarint(r)
		if err != nil {
			return bad("cut off")
		}
		if d < -maxTick || d > maxTick {
			return bad("a time out of bounds")
		}
		if i > 0 {
			step += d
			if step < 0 || step > maxTick {
				return bad("times run backwards")
			}
			d = step
		}
		last += d
		if last < -maxTick || last > maxTick {
			return bad("a time out of bounds")
		}
		f.Ticks = append(f.Ticks, last)
	}
	if r.Len() > 0 {
		return bad("something after the end")
	}
	return f, nil
}

// Frames lists the frames of the main video stream. Where the container says when each of its frames is shown nothing is decoded; where it
// does not (AVI, raw streams, pairs of fields) every frame is.
func (t *Tools) Frames(ctx context.Context, src Source, p Probe) (Frames, Report, error) {
	if err := refusal(p); err != nil {
		return Frames{}, Report{}, err
	}
	v, ok := p.Video()
	if p.Kind != archive.KindVideo || !ok {
		return Frames{}, Report{}, fmt.Errorf("%w: kind %s", ErrNotMedia, p.Kind)
	}
	s, err := t.again(src, p)
	if err != nil {
		return Frames{}, Report{}, err
	}
	list, rep, err := t.listFrames(ctx, src, s, v, "packet=pts,flags")
	if err != nil {
		return Frames{}, rep, fmt.Errorf("list frames: %w", err)
	}
	decoded := false
	if list.unknown > 0 || len(list.times) == 0 {
		if list, rep, err = t.listFrames(ctx, src, s, v, "frame=best_effort_timestamp"); err != nil {
			return Frames{}, rep, fmt.Errorf("list frames: %w", err)
		}
		decoded = true
	}
	if len(list.times) == 0 || list.num <= 0 || list.den <= 0 || list.num > maxBase || list.den > maxBase {
		return Frames{}, rep, fmt.Errorf("list frames: %w: no frame with a time", ErrDamaged)
	}
	f := Frames{BaseNum: list.num, BaseDen: list.den, Ticks: list.times, Hidden: list.hidden, Decoded: decoded}
	slices.Sort(f.Ticks)
	// The working copy begins where the file does, unless sound and picture are far apart: then with the picture (see Full).
	f.Start = scale(int64(math.Round(p.StartTime*1e6)), list.den, list.num*1_000_000)
	if math.Abs(v.Start-p.StartTime) > 30 || v.Start < p.StartTime {
		f.Start = f.Ticks[0]
	}
	for i := range f.Ticks {
		f.Ticks[i] -= f.Start
		if f.Ticks[i] < -maxTick || f.Ticks[i] > maxTick || f.Ticks[i] > scale(maxMicros, f.BaseDen, f.BaseNum*1_000_000) {
			return Frames{}, rep, fmt.Errorf("list frames: %w: a time out of bounds", ErrDamaged)
		}
	}
	rep.Frames = int64(len(f.Ticks))
	return f, rep, nil
}

// frameList is what ffprobe says of packets or frames, a line each.
type frameList struct {
	num, den int64
	times    []int64
	hidden   int64
	unknown  int64 // those without a time
}

func (l *frameList) read(r io.Reader) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 4096), 64<<10)
	for sc.Scan() {
		f := strings.Split(strings.TrimSpace(sc.Text()), ",")
		switch {
		case f[0] == "stream" && len(f) >= 2:
			l.num, l.den = ratio(f[1])
		case (f[0] == "packet" || f[0] == "frame") && len(f) >= 2:
			if int64(len(l.times))+l.hidden+l.unknown >= maxPackets {
				return fmt.Errorf("%w: packets", ErrTooLarge)
			}
			at, err := strconv.ParseInt(f[1], 10, 64)
			switch {
			case f[0] == "packet" && len(f) > 2 && strings.Contains(f[2], "D"):
				l.hidden++
			case (err != nil || at == math.MinInt64) && f[0] == "frame" && len(l.times) > 0:
				// Pictures that the decoder held back until the end of the file come without a time: they follow at the last distance.
				n := len(l.times)
				step := int64(1)
				if n > 1 {
					step = max(l.times[n-1]-l.times[n-2], 1)
				}
				l.times = append(l.times, l.times[n-1]+step)
			case err != nil || at == math.MinInt64:
				l.unknown++
			default:
				l.times = append(l.times, at)
			}
		}
	}
	return sc.Err()
}

func (t *Tools) listFrames(ctx context.Context, src Source, s sniffed, v Stream, what string) (frameList, Report, error) {
	f, err := t.whole(ctx, src, s)
	if err != nil {
		return frameList{}, Report{}, err
	}
	defer f.close()
	args := []string{"-v", "error", "-hide_banner", "-max_alloc", maxAlloc, "-threads", strconv.Itoa(t.threads), "-select_streams", strconv.Itoa(v.Index),
		"-show_entries", what + ":stream=time_base", "-of", "csv=nk=1"}
	var list frameList
	rep, err := t.run(ctx, call{
		path: t.ffprobe, name: "ffprobe", args: append(args, t.inputArgs(f, s.demuxer)...), feed: f, stdout: list.read,
		limits: sandbox.Limits{CPU: 200 * time.Hour, Wall: 24 * time.Hour, Channels: 1 << 30},
	})
	if err != nil {
		return frameList{}, rep, decodeError(err)
	}
	return list, rep, nil
}
