package media

import (
	"context"
	"errors"
	"io"
	"time"

	"zapis/internal/media/mask"
)

// RecipeRedact makes what is published of an approved plan: see Tools.Redact.
var RecipeRedact = Recipe{"redact", 1}

// RedactOut is one size of the clip.
type RedactOut struct {
	// Height bounds the shorter side, in pixels; 720 if zero.
	Height int
	// Out gets the MP4 as it is made, in order. What it got is void when Redact gives an error: throw it away.
	Out io.Writer
}

// What is done with a stretch of sound.
const (
	SoundMute  = "mute"  // silence
	SoundTone  = "tone"  // a steady tone instead
	SoundVoice = "voice" // without pitch: a whisper. No anonymisation: words, accent and rhythm stay
	SoundKeep  = "keep"
)

// SoundCut says what is heard of one cut. The zero value is nothing.
type SoundCut struct {
	Mode  string // SoundMute (also when empty) or SoundKeep
	Spans []SoundSpan
}

// SoundSpan is a stretch in which sound that is kept otherwise is not. Times are those of the source, as of Cut, in microseconds.
type SoundSpan struct {
	FromUS, ToUS int64
	Do           string // SoundMute, SoundTone or SoundVoice
}

// RedactOptions shape a redacted clip.
type RedactOptions struct {
	// Outs are the sizes, 1 to 4, made in one pass; masks are painted once, at the largest.
	Outs []RedactOut
	// Boxes appends to into what is covered (or revealed) at a time of a cut's source, in microseconds as of Cut. Nil: nothing.
	Boxes func(cut int, us int64, into []mask.Box) []mask.Box
	// Hide covers the whole picture but for the boxes that reveal.
	Hide bool
	// Seed is where the noise comes from: the same seed gives the same bytes.
	Seed [32]byte
	// Sound says what is heard of each cut; nil: nothing. If nothing is heard of any cut there is no sound track.
	Sound []SoundCut
	// Beat is called with the part done, from 0 to 1.
	Beat func(part float64)
	// Whole is as in ClipOptions.
	Whole bool
}

// Redacted is what was made.
type Redacted struct {
	// Outs describe the files, in the order of RedactOptions.Outs.
	Outs []Proxy
	// Read holds for each cut the bytes of its source that were given to the decoder, ascending and apart.
	Read [][]Range
	// Poster and Stills are JPEG pictures of redacted frames; Drawing is a PNG, the outlines of the poster.
	Poster  []byte
	Stills  [][]byte
	Drawing []byte
	// Duration of the clip.
	Duration time.Duration
	// Report is that of the encoder, with the errors that decoding gave.
	Report Report
}

// Redact renders stretches of originals with masks painted over them.
func (t *Tools) Redact(ctx context.Context, cuts []Cut, o RedactOptions) (Redacted, error) {
	return Redacted{}, errors.ErrUnsupported
}
