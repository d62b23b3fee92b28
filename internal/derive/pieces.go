package derive

import (
	"time"

	"zapis/internal/media"
)

// How recordings are cut for a speech engine, in samples. Engines lose their way in long pieces and invent words in silence, so pieces are ten
// minutes at most, end where it is quietest, and leave long silences out.
const (
	frame       = media.SoundRate / 10 // 100 ms: what loudness is measured over
	pieceMost   = 10 * 60 * media.SoundRate
	pieceLeast  = 5 * 60 * media.SoundRate // before that only a long silence ends a piece
	silenceLong = 10 * media.SoundRate
	margin      = media.SoundRate / 2 // of silence kept at both ends
	// ahead is how many samples must be known, or the end, before a piece can be cut.
	ahead = pieceMost + silenceLong + 2*margin
	// quiet is the mean power of a frame below which nobody speaks: −60 dB of full scale. Whispering before a far microphone is louder.
	quiet = int64(32768*32768) / 1_000_000
)

// piece is a stretch of sound: of what was looked at, what is sent. Nothing is sent of silence.
type piece struct {
	from, to int // what is sent; equal: nothing
	next     int // where the next piece begins
}

// cut finds the first piece of samples. With end false at least `ahead` samples must be there; with end true they are all that is left.
// It depends on nothing but the samples, so that a recording is always cut in the same places.
func cut(samples []int16, end bool) piece {
	n := len(samples)
	if !end && n < ahead {
		panic("derive: a piece is cut without knowing what follows")
	}
	loud := func(at int) bool { return power(samples[at:min(at+frame, n)]) >= quiet }
	// Silence before the first sound.
	start := 0
	for start < n && start < pieceMost && !loud(start) {
		start += frame
	}
	start = min(start, n)
	if start >= n || start >= pieceMost {
		return piece{from: start, to: start, next: start}
	}
	from := max(0, start-margin)
	if from >= silenceLong { // left out by itself, so that what must be known ahead is bounded
		return piece{from: from, to: from, next: from}
	}
	// From there to a long silence, or to the quietest place near the end.
	most := min(from+pieceMost, n)
	lastLoud := start
	for at := start; at < most; at += frame {
		if loud(at) {
			lastLoud = at + frame
		} else if at+frame-lastLoud >= silenceLong {
			to := min(lastLoud+margin, n)
			return piece{from: from, to: to, next: to}
		}
	}
	if most == n && end {
		to := min(lastLoud+margin, n)
		return piece{from: from, to: to, next: n}
	}
	best, least := most, int64(-1)
	for at := from + pieceLeast; at+5*frame <= most; at += frame {
		if p := power(samples[at : at+5*frame]); least < 0 || p <= least { // of equal ones the last
			best, least = at+5*frame/2, p
		}
	}
	return piece{from: from, to: best, next: best}
}

// power is the mean of the squares of samples.
func power(samples []int16) int64 {
	if len(samples) == 0 {
		return 0
	}
	var sum int64
	for _, s := range samples {
		sum += int64(s) * int64(s)
	}
	return sum / int64(len(samples))
}

// sampleTime gives when a sample is heard; timeSample the sample that is heard then.
func sampleTime(n int64) time.Duration {
	return (time.Duration(n) * time.Second / media.SoundRate).Truncate(time.Microsecond)
}

func timeSample(d time.Duration) int64 {
	return (int64(d)*media.SoundRate + int64(time.Second)/2) / int64(time.Second)
}
