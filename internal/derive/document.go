package derive

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// errUnread stands for an error of the vault that the source remembers.
var errUnread = errors.New("original could not be read")

var errClosed = errors.New("sealing has ended")

func sealFailure(err error) error {
	if err == nil {
		return io.ErrClosedPipe
	}
	return fmt.Errorf("%w: %w", errClosed, err)
}

// sourceFailed says whether Add only passes on what the producer said.
func sourceFailed(err error) bool { return errors.Is(err, vault.ErrSource) }

// reasonError gives the condition of media that stands for a code.
func reasonError(code string) error {
	for _, err := range []error{media.ErrNotMedia, media.ErrNoDecoder, media.ErrEncrypted, media.ErrTooLarge, media.ErrTimedOut, media.ErrRefused, media.ErrDamaged} {
		if media.Reason(err) == code {
			return err
		}
	}
	return media.ErrNotMedia
}

// technical is the document of kind "technical": what was found and how it was found. It is sealed, because tags of a
// file may name people. Ordinal 0 is of the quick pass, 1 of the full pass.
type technical struct {
	Version    string          `json:"version"` // "1"
	Item       string          `json:"item"`
	ItemSHA256 string          `json:"item_sha256"`
	Probe      media.Probe     `json:"probe,omitzero"`
	Pages      int             `json:"pages,omitempty"`
	Anomalies  []media.Anomaly `json:"anomalies"`
	Reason     string          `json:"reason,omitempty"`
	Report     *media.Report   `json:"report,omitempty"` // of the pass; that of the probe is in the probe
	Timing     *timing         `json:"timing,omitempty"`
}

func (d technical) encode() ([]byte, error) {
	d.Version = "1"
	if d.Anomalies == nil {
		d.Anomalies = []media.Anomaly{}
	}
	b, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("write technical document: %w", err)
	}
	return b, nil
}

// timing is media.Timing with the times of the original's frames as runs of equal distances: [[distance, times], …]
// after the first time. A recorder with a steady clock needs one run for a day.
type timing struct {
	media.Timing
	First int64      `json:"first_pts"`
	Runs  [][2]int64 `json:"runs,omitempty"`
}

func newTiming(t media.Timing) *timing {
	out := &timing{Timing: t}
	if len(t.PTS) == 0 {
		return out
	}
	out.First = t.PTS[0]
	for i := 1; i < len(t.PTS); i++ {
		step := t.PTS[i] - t.PTS[i-1]
		if n := len(out.Runs); n > 0 && out.Runs[n-1][0] == step {
			out.Runs[n-1][1]++
		} else {
			out.Runs = append(out.Runs, [2]int64{step, 1})
		}
	}
	return out
}

// times gives the presentation times back.
func (t timing) times() []int64 {
	if t.Frames == 0 || t.Runs == nil && t.Frames != 1 {
		return nil
	}
	out := []int64{t.First}
	for _, r := range t.Runs {
		for range r[1] {
			out = append(out, out[len(out)-1]+r[0])
		}
	}
	return out
}

// proxyMeta is what the player needs to know before the first byte.
type proxyMeta struct {
	Width        int     `json:"width,omitempty"`
	Height       int     `json:"height,omitempty"`
	RateNum      int64   `json:"rate_num,omitempty"`
	RateDen      int64   `json:"rate_den,omitempty"`
	Frames       int64   `json:"frames,omitempty"`
	Duration     float64 `json:"duration"`
	Audio        bool    `json:"audio"`
	SourceFrames int64   `json:"source_frames,omitempty"`
}

type lanesMeta struct {
	Seconds        int `json:"seconds"`
	PeaksPerSecond int `json:"peaks_per_second"`
}

// mostPeaks is how many pairs of peaks are kept of one recording; a day at 50 a second would be eight megabytes to draw
// a line a thousand pixels wide.
const mostPeaks = 1 << 17

// encodeLanes writes the lanes as the pages read them, with the peaks as base 64 of signed bytes and thinned for long
// recordings.
func encodeLanes(l media.Lanes) ([]byte, error) {
	l.Peaks, l.PeaksPerSecond = thin(l.Peaks, l.PeaksPerSecond)
	raw := make([]byte, len(l.Peaks))
	for i, v := range l.Peaks {
		raw[i] = byte(v)
	}
	// A lane that is empty is an empty list, not null.
	doc := struct {
		media.Lanes
		Scenes  []float64    `json:"scenes"`
		Motion  []int        `json:"motion"`
		Black   []media.Span `json:"black"`
		Freeze  []media.Span `json:"freeze"`
		Strobe  []media.Span `json:"strobe"`
		Silence []media.Span `json:"silence"`
		Loud    []float64    `json:"loudness"`
		Peaks   string       `json:"peaks"`
	}{Lanes: l, Scenes: list(l.Scenes), Motion: list(l.Motion), Black: list(l.Black), Freeze: list(l.Freeze), Strobe: list(l.Strobe),
		Silence: list(l.Silence), Loud: list(l.Loudness), Peaks: base64.StdEncoding.EncodeToString(raw)}
	b, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("write lanes: %w", err)
	}
	return b, nil
}

func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// thin halves the rate of the peaks until there are few enough, keeping the lowest and the highest of each pair. An odd
// rate is not halved further: the rate stays a whole number.
func thin(p []int8, rate int) ([]int8, int) {
	if rate <= 0 {
		return nil, 0
	}
	for len(p)/2 > mostPeaks && rate > 1 {
		by := 2
		for rate%by != 0 {
			by++
		}
		out := p[:0:0]
		for i := 0; i+1 < len(p); i += 2 * by {
			lo, hi := p[i], p[i+1]
			for k := i + 2; k+1 < len(p) && k < i+2*by; k += 2 {
				lo, hi = min(lo, p[k]), max(hi, p[k+1])
			}
			out = append(out, lo, hi)
		}
		p, rate = out, rate/by
	}
	return p, rate
}

func hexText(b []byte) string { return hex.EncodeToString(b) }

func inSeconds(s float64) time.Duration {
	return time.Duration(min(max(s, 0), 1e9) * float64(time.Second)).Round(time.Microsecond)
}

// countAnomalies counts kinds of oddities, not how often each was met.
func countAnomalies(all []media.Anomaly) int {
	codes := map[string]bool{}
	for _, a := range all {
		codes[a.Code] = true
	}
	return len(codes)
}

// facts is what the quick pass knows of an item.
func facts(t *task, v seen, micro []byte) store.Facts {
	p := v.probe
	f := store.Facts{
		Kind: p.Kind, Duration: inSeconds(p.Duration), Format: p.Format, Anomalies: countAnomalies(v.anomalies),
		Camera: t.item.Camera,
	}
	if f.Kind == "" {
		f.Kind = archive.KindUnknown
	}
	if len(micro) == media.MicroWidth*media.MicroHeight {
		f.Micro = micro
	}
	if s, ok := p.Video(); ok {
		f.Width, f.Height, f.FrameRate, f.Codec = s.Width, s.Height, s.Rate(), s.Codec
	} else if s, ok := p.Audio(); ok {
		f.Codec = s.Codec
	}
	f.RecordedAt, f.RecordedSource = recordedAt(p, t.origin, t.item.ReceivedAt)
	return f
}
