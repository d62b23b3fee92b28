package media

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// SoundRate is the sample rate of what Sound gives.
const SoundRate = soundRate

// RecipeSpeech is the recipe by which recordings are cut into pieces for a speech engine.
var RecipeSpeech = Recipe{"speech", 1}

// MaxSound is how much Sound gives at once, in samples: an hour.
const MaxSound = 3600 * SoundRate

// errSound ends a decode from which everything that was wanted has come.
var errSound = errors.New("enough")

// Sound decodes the sound of a recording and gives samples from one on, at most `most` of them (and MaxSound): mono, 16 bits, SoundRate a second,
// holes filled, counted from the beginning of the recording as the player counts. end says that there are no more. The same
// original always gives the same samples. ErrNotMedia if it has no sound.
func (t *Tools) Sound(ctx context.Context, src Source, p Probe, first, most int64, beat func(seconds float64)) (samples []int16, end bool, rep Report, err error) {
	fail := func(err error) ([]int16, bool, Report, error) {
		return nil, false, rep, fmt.Errorf("decode sound: %w", err)
	}
	if err := refusal(p); err != nil {
		return fail(err)
	}
	a, ok := p.Audio()
	if p.Kind != archive.KindAudio && p.Kind != archive.KindVideo || !ok || a.SampleRate <= 0 || a.Codec == "none" {
		return fail(fmt.Errorf("%w: no sound", ErrNotMedia))
	}
	if a.Codec == "" || a.Codec == "unknown" {
		return fail(fmt.Errorf("%w: sound", ErrNoDecoder))
	}
	s, err := t.again(src, p)
	if err != nil {
		return fail(err)
	}
	f, err := t.whole(ctx, src, s)
	if err != nil {
		return fail(err)
	}
	defer f.close()
	most = min(most, MaxSound)
	args := append(append(t.ffmpegArgs("pipe:5"), t.inputArgs(f, s.demuxer)...),
		"-map", fmt.Sprintf("0:%d", a.Index), "-af", "aresample=async=1000:first_pts=0", "-ac", "1", "-ar", strconv.Itoa(SoundRate), "-c:a", "pcm_s16le", "-f", "s16le", "pipe:4")
	var progress progress
	n, enough := int64(0), false
	rep, err = t.run(ctx, call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: f,
		out: []func(io.Reader) error{
			func(r io.Reader) error {
				br := bufio.NewReaderSize(r, 64<<10)
				buf := make([]byte, 2*SoundRate)
				for {
					k, err := io.ReadFull(br, buf)
					for i := 0; i+1 < k; i += 2 {
						if n >= first {
							samples = append(samples, int16(binary.LittleEndian.Uint16(buf[i:])))
						}
						n++
						if int64(len(samples)) == most {
							enough = true
							return errSound
						}
					}
					switch {
					case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
						return nil
					case err != nil:
						return fmt.Errorf("sound at sample %d: %w", n, err)
					case n > maxSeconds*SoundRate:
						return fmt.Errorf("%w: more than %d hours of sound", ErrTooLarge, maxSeconds/3600)
					}
					if beat != nil {
						beat(float64(n) / SoundRate)
					}
				}
			},
			progress.read,
		},
		limits: sandbox.Limits{CPU: 24 * time.Hour, Wall: wall(p.Duration), Stall: 2 * time.Minute},
	})
	if enough && ctx.Err() == nil {
		return samples, false, rep, nil
	}
	if err != nil {
		return fail(decodeError(err))
	}
	if !progress.ended {
		return fail(fmt.Errorf("%w: it did not say that it ended", ErrNoReport))
	}
	return samples, true, rep, nil
}
