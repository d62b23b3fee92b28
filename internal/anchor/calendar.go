package anchor

import (
	"fmt"
	"time"

	"zapis/internal/archive"
)

// Calendar says when ticks are due: position k at Start + k·Every. Size and times of the transparency log are a function of it.
type Calendar struct {
	Start time.Time // when position 0 is due
	Every time.Duration
}

// Due is how many ticks are due by now.
func (c Calendar) Due(now time.Time) int64 {
	if now.Before(c.Start) {
		return 0
	}
	return int64(now.Sub(c.Start)/c.Every) + 1
}

// At is when a position is due.
func (c Calendar) At(position int64) time.Time {
	return c.Start.Add(time.Duration(position) * c.Every).UTC()
}

// offset places the first tick of a log that is made now, after midnight of the day: at the hour of the configuration for a
// cadence of a day or more, so that the hour of the making leaves no trace; for a shorter one at the latest tick that this
// hour's grid has before now, since nobody wants a first day full of missed ticks.
func offset(now time.Time, every, at time.Duration) time.Duration {
	if every >= 24*time.Hour {
		return at
	}
	at %= every
	since := now.Sub(midnight(now)) - at
	if since < 0 {
		return at
	}
	return at + since/every*every
}

func midnight(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Limits on how much a log is filled up at once. Leaves cannot be taken back, so a clock that is years off must not write
// years.
const (
	mostMissedTime  = 45 * 24 * time.Hour
	mostMissedTicks = 200_000
	mostEver        = 5_000_000 // also with leave: what one transaction can hold
)

// missing says up to which position a log of size is to be filled. CatchUp allows a gap of any length.
func (c Calendar) missing(size int64, now time.Time, catchUp bool) (due int64, err error) {
	due = c.Due(now)
	if size > due {
		return due, fmt.Errorf("%w: %d ticks are due and %d are there", ErrClock, due, size)
	}
	gap := due - size
	long := gap > mostMissedTicks || gap > 1 && gap > int64(mostMissedTime/c.Every)
	if gap > mostEver || long && !catchUp {
		return due, archive.Explain(fmt.Errorf("%w: %d ticks are missing", ErrClock, gap),
			"So many ticks are missing that the clock may be wrong.",
			"Check the date of this machine. If it is right, fill them in with: zapis log tick --catch-up")
	}
	return due, nil
}
