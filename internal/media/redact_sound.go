package media

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// What is done with a stretch of sound.
const (
	SoundKeep = "keep"
	SoundMute = "mute" // silence
	SoundTone = "tone" // a steady tone instead
	// SoundVoice takes the pitch out: a whisper. It is no anonymisation: words, accent and rhythm stay, and they identify people.
	SoundVoice = "voice"
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

func (s SoundCut) check() error {
	if s.Mode != "" && s.Mode != SoundMute && s.Mode != SoundKeep {
		return fmt.Errorf("%w: sound is muted or kept", archive.ErrInvalid)
	}
	for _, x := range s.Spans {
		if x.ToUS <= x.FromUS || x.FromUS < 0 || x.ToUS > maxSeconds*1_000_000 {
			return fmt.Errorf("%w: a stretch of sound ends after it begins", archive.ErrInvalid)
		}
		if x.Do != SoundMute && x.Do != SoundTone && x.Do != SoundVoice {
			return fmt.Errorf("%w: a stretch of sound is muted, replaced by a tone, or made a whisper", archive.ErrInvalid)
		}
	}
	return nil
}

const (
	heardRate = 48000
	// maxHeard bounds how long a clip with sound is: it is held in memory, 96 kB a second.
	maxHeard = time.Hour
	// soundMargin is added on each side of a stretch. Sound with small holes is stretched over them when it is decoded from the beginning, as in a working copy, by
	// up to a tenth of a second, and is not when it is decoded from the cut on: a word that was marked there may lie that far away here. What a change of sampling
	// rates smears is less.
	soundMargin = heardRate / 10
)

// hear decodes what is heard of all cuts, and takes out what must not be. It comes before the pictures, so that neither waits for the other.
func (r *redactRun) hear(ctx context.Context) error {
	kept := false
	for _, s := range r.o.Sound {
		kept = kept || s.Mode == SoundKeep
	}
	if !kept {
		return nil
	}
	if scale(r.total, r.den, r.num) > int64(maxHeard/time.Second) {
		return archive.Explain(fmt.Errorf("%w: %d frames with sound", ErrTooLarge, r.total), "The clip is too long for sound.", "Mute it, or make clips of at most an hour.")
	}
	pcm := make([]int16, r.sample(r.total))
	place, loud := int64(0), false
	for i := range r.cuts {
		part := pcm[r.sample(place):r.sample(place+r.places[i])]
		place += r.places[i]
		if r.o.Sound[i].Mode != SoundKeep {
			continue
		}
		// The places of a cut may last longer than the cut does: what is said after its end is not heard.
		part = part[:min(int64(len(part)), scale((r.cuts[i].To-r.cuts[i].From).Microseconds(), heardRate, 1_000_000))]
		if err := r.hearCut(ctx, i, part); err != nil {
			return fmt.Errorf("cut %d: sound: %w", i, err)
		}
		r.cover(i, part)
		for _, v := range part {
			loud = loud || v != 0
		}
	}
	if loud {
		r.pcm = pcm
	}
	return nil
}

// sample gives the first sample of a frame of the clip.
func (r *redactRun) sample(frame int64) int64 { return scale(frame, r.den*heardRate, r.num) }

func (r *redactRun) hearCut(ctx context.Context, i int, to []int16) error {
	c, err := r.t.openCut(ctx, r.cuts[i], r.o.Whole)
	if err != nil {
		return err
	}
	defer c.feed.close()
	if !c.sounds {
		return nil
	}
	sec := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }
	args := r.t.ffmpegArgs("pipe:4")
	begin, end := c.From, c.To+100*time.Millisecond
	if c.seek {
		args = append(args, "-ss", sec(c.From))
		begin, end = 0, end-c.From
	}
	args = append(args, r.t.inputArgs(c.feed, c.demux)...)
	// Holes are filled, so that it stays with the picture, as in the working copy.
	filter := fmt.Sprintf("aresample=async=1000:first_pts=0,atrim=start=%s:end=%s,asetpts=PTS-STARTPTS,aformat=sample_fmts=s16:sample_rates=%d:channel_layouts=mono",
		sec(begin), sec(end), heardRate)
	args = append(args, "-map", "0:"+strconv.Itoa(c.audio.Index), "-af", filter, "-c:a", "pcm_s16le", "-flags:a", "+bitexact", "-f", "s16le", "pipe:5")
	var progress progress
	n := 0
	rep, err := r.t.run(ctx, call{
		path: r.t.ffmpeg, name: "ffmpeg", args: args, feed: c.feed,
		out: []func(io.Reader) error{progress.read, func(rd io.Reader) error {
			buf := make([]byte, 32<<10)
			for {
				k, err := io.ReadFull(rd, buf)
				for at := 0; at+2 <= k && n < len(to); at += 2 {
					to[n] = int16(binary.LittleEndian.Uint16(buf[at:]))
					n++
				}
				if err == io.EOF || err == io.ErrUnexpectedEOF {
					return nil
				}
				if err != nil {
					return err
				}
			}
		}},
		limits: sandbox.Limits{CPU: 24 * time.Hour, Wall: wall(c.To.Seconds()), Stall: 5 * time.Minute},
	})
	r.read[i] = merge(append(r.read[i], c.read.ranges()...))
	r.errorLines += rep.ErrorLines
	if err == nil && !progress.ended {
		err = fmt.Errorf("%w: it did not say that it ended", ErrNoReport)
	}
	if err == nil && c.seek && rep.ErrorLines > 0 {
		err = ErrDamaged
	}
	if err != nil {
		err = decodeError(err)
		if c.seek && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrNarrow, err)
		}
	}
	return err
}

// cover does to the sound of a cut what its stretches say: whispers first, then tones, then silence, so that the strictest wins where they overlap.
func (r *redactRun) cover(i int, pcm []int16) {
	from := r.cuts[i].From.Microseconds()
	for _, act := range []string{SoundVoice, SoundTone, SoundMute} {
		for k, s := range r.o.Sound[i].Spans {
			if s.Do != act {
				continue
			}
			a := max(int64(math.Floor(float64(s.FromUS-from)*heardRate/1e6))-soundMargin, 0)
			b := min(int64(math.Ceil(float64(s.ToUS-from)*heardRate/1e6))+soundMargin, int64(len(pcm)))
			if a >= b {
				continue
			}
			switch part := pcm[a:b]; act {
			case SoundMute:
				clear(part)
			case SoundTone:
				tone(part)
			case SoundVoice:
				seed := r.o.Seed
				seed[0] ^= byte(i)
				seed[1] ^= byte(k)
				seed[2] ^= byte(k >> 8)
				whisper(part, rand.New(rand.NewChaCha8(seed)))
			}
		}
	}
}

// tone replaces sound by 1 kHz at a tenth of full scale, which begins and ends softly.
func tone(pcm []int16) {
	const soft = heardRate / 200
	for i := range pcm {
		gain := min(1, float64(min(i, len(pcm)-1-i))/soft)
		pcm[i] = int16(math.Round(3277 * gain * math.Sin(2*math.Pi*1000*float64(i)/heardRate)))
	}
}

const (
	whisperSize = 128 // samples: shorter than a period of any voice, so that no pitch survives
	whisperStep = whisperSize / 4
)

// whisper keeps the strengths of frequencies in windows of 2.7 ms and draws their phases by lot: what was voiced sounds breathed. Nothing of the
// samples goes into the outcome but those strengths.
func whisper(pcm []int16, r *rand.Rand) {
	window := make([]float64, whisperSize)
	for i := range window {
		window[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/whisperSize)
	}
	out := make([]float64, len(pcm)+2*whisperSize)
	buf := make([]complex128, whisperSize)
	for at := -whisperSize + whisperStep; at < len(pcm); at += whisperStep {
		for i := range buf {
			buf[i] = 0
			if k := at + i; k >= 0 && k < len(pcm) {
				buf[i] = complex(float64(pcm[k])*window[i], 0)
			}
		}
		fourier(buf, false)
		buf[0], buf[whisperSize/2] = 0, 0
		for i := 1; i < whisperSize/2; i++ {
			v := cmplx.Rect(cmplx.Abs(buf[i]), 2*math.Pi*r.Float64())
			buf[i], buf[whisperSize-i] = v, cmplx.Conj(v)
		}
		fourier(buf, true)
		for i := range buf {
			// Hann twice at a quarter's step sums to 3/2; strengths of windows with drawn phases add as noise does.
			out[at+i+whisperSize] += real(buf[i]) * window[i] * (2.0 / 3) * 1.2
		}
	}
	for i := range pcm {
		pcm[i] = int16(math.Round(min(max(out[i+whisperSize], -32000), 32000)))
	}
}

// fourier is the discrete Fourier transform of a length that is a power of two, in place.
func fourier(x []complex128, inverse bool) {
	n := len(x)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		j |= bit
		if i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size <<= 1 {
		angle := -2 * math.Pi / float64(size)
		if inverse {
			angle = -angle
		}
		for k := range size / 2 {
			w := cmplx.Rect(1, angle*float64(k))
			for at := k; at < n; at += size {
				a, b := x[at], x[at+size/2]*w
				x[at], x[at+size/2] = a+b, a-b
			}
		}
	}
	if inverse {
		for i := range x {
			x[i] /= complex(float64(n), 0)
		}
	}
}

func (r *redactRun) writeSound(w io.Writer) error {
	buf := make([]byte, 0, 32<<10)
	for i, v := range r.pcm {
		buf = binary.LittleEndian.AppendUint16(buf, uint16(v))
		if len(buf) == cap(buf) || i == len(r.pcm)-1 {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	return nil
}
