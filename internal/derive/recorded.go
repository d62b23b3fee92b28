package derive

import (
	"encoding/json"
	"math"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media"
)

// Where the time of a recording can come from, best first.
const (
	fromRecorder  = "recorder"  // the recorder's own clock, in each frame
	fromContainer = "container" // what the writing program noted
	fromEXIF      = "exif"      // what the camera noted in a picture
	fromFileTime  = "file-time" // the file's time of last change, where it was found
)

// recordedAt gives the best known beginning of a recording and where that is known from. Clocks of recorders have no zone:
// their figures are kept as if they were UTC, so that the day on the screen is the day on the camera.
//
// A time before 1990 or after the item was received (and a day, for zones) is no time: it is the clock of a machine that
// was never set.
func recordedAt(p media.Probe, origins []archive.Origin, received time.Time) (time.Time, string) {
	plausible := func(t time.Time) bool {
		return t.Year() >= 1990 && (received.IsZero() || t.Before(received.Add(24*time.Hour)))
	}
	if c := p.RecorderClock; c > 0 && !math.IsInf(c, 0) && c < 1e11 {
		if t := time.UnixMicro(int64(c * 1e6)).UTC(); plausible(t) {
			return t, fromRecorder
		}
	}
	if p.CreatedAt != "" {
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", "2006-01-02"} {
			t, err := time.Parse(layout, p.CreatedAt)
			if err != nil || !plausible(t) {
				continue
			}
			if p.Kind == archive.KindImage {
				return t.UTC().Truncate(time.Microsecond), fromEXIF
			}
			return t.UTC().Truncate(time.Microsecond), fromContainer
		}
	}
	// The earliest of several copies is nearest to the recording.
	var best time.Time
	for _, o := range origins {
		if o.ModifiedAt == 0 {
			continue
		}
		if t := time.UnixMicro(o.ModifiedAt).UTC(); plausible(t) && (best.IsZero() || t.Before(best)) {
			best = t
		}
	}
	if best.IsZero() {
		return time.Time{}, ""
	}
	return best, fromFileTime
}

// originOf opens where a file came from. A line that cannot be opened only costs a fact; fsck reports it.
func (s *Service) originOf(p archive.Provenance) (archive.Origin, bool) {
	if len(p.Sealed) == 0 {
		return archive.Origin{}, false
	}
	text, err := s.o.Record.Open(p.ID, p.Sealed)
	if err != nil {
		return archive.Origin{}, false
	}
	var o archive.Origin
	if json.Unmarshal(text, &o) != nil {
		return archive.Origin{}, false
	}
	return o, true
}
