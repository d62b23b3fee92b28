package derive

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/speech"
	"zapis/internal/store"
)

// fakeEngine says one sentence a second into each piece, and what it is told otherwise.
type fakeEngine struct {
	model  string
	heard  []int // lengths of the pieces
	fail   map[int]error
	away   error
	onCall func(n int)
}

func (e *fakeEngine) Reach(context.Context) error { return e.away }
func (e *fakeEngine) Settings() string            { return "openai; model " + e.model }
func (e *fakeEngine) Language() string            { return "" }

func (e *fakeEngine) Transcribe(_ context.Context, samples []int16) (speech.Answer, error) {
	n := len(e.heard)
	if err := e.fail[n]; err != nil {
		delete(e.fail, n)
		return speech.Answer{}, err
	}
	e.heard = append(e.heard, len(samples))
	if e.onCall != nil {
		e.onCall(n)
	}
	return speech.Answer{Language: "ru", Heard: []speech.Heard{{From: time.Second, To: 2 * time.Second, Text: fmt.Sprintf("фраза %d", n), Score: 900}}}, nil
}

func (r *rig) transcribe(id string) error {
	return r.service().Transcribe(r.t.Context(), job.Job[job.Transcribe]{ID: 2, Args: job.Transcribe{Item: id}, Attempt: 1, MaxAttempts: 5})
}

func (r *rig) texts(id string) (tracks []archive.TextTrack, lines []archive.TextLine) {
	r.t.Helper()
	r.read(func(tx *store.Tx) (err error) {
		tracks, err = tx.TextTracks(r.t.Context(), everything, id)
		if err != nil || len(tracks) == 0 {
			return err
		}
		lines, err = tx.TextSpans(r.t.Context(), everything, store.TextSpanQuery{Track: tracks[0].ID})
		return err
	})
	return tracks, lines
}

// talk is sound with three stretches that lie far apart: at 20 s, 60 s and 100 s.
func talk() []int16 { return speechLike(false, 200, 30, 370, 30, 370, 30) }

func withSound(r *rig) {
	r.media.sound = talk()
	r.media.probe.Duration = 103
	r.media.probe.Streams = append(r.media.probe.Streams, media.Stream{Type: "audio", Index: 1, Codec: "aac", SampleRate: 16000, Channels: 1})
}

func TestTranscribe(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, engine)
			it := r.item([]byte("film"), "")
			withSound(r)
			e := &fakeEngine{model: "large", fail: map[int]error{1: speech.ErrAway}}
			r.heard = e
			if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil {
				t.Fatal(err)
			}
			before := r.state(it.ID)

			// The engine goes away after the first piece: the job waits, what was heard stays, and it says why.
			err := r.transcribe(it.ID)
			if _, later := errors.AsType[*job.Later](err); !later {
				t.Fatalf("with the engine away: %v", err)
			}
			tracks, lines := r.texts(it.ID)
			if len(tracks) != 1 || tracks[0].State != archive.TextPartial || tracks[0].Reason != WaitsForEngine || len(lines) != 1 {
				t.Fatalf("%+v, %+v", tracks, lines)
			}
			// Not there at all: nothing is decoded for it.
			asked := len(r.media.sounded)
			e.away = speech.ErrAway
			if _, later := errors.AsType[*job.Later](r.transcribe(it.ID)); !later || len(r.media.sounded) != asked {
				t.Error("sound was decoded for an engine that is not there")
			}
			// Back again, it goes on behind the first piece.
			e.away = nil
			if err := r.transcribe(it.ID); err != nil {
				t.Fatal(err)
			}
			if from := r.media.sounded[len(r.media.sounded)-1]; from == 0 {
				t.Error("it began anew")
			}
			tracks, lines = r.texts(it.ID)
			if len(tracks) != 1 || tracks[0].State != archive.TextDone || !tracks[0].Chosen() || tracks[0].Lang != "ru" || tracks[0].Reason != "" || tracks[0].Spans != 3 ||
				tracks[0].Origin != archive.TextByMachine || !strings.Contains(tracks[0].Settings, "large") || !strings.Contains(tracks[0].Tool, "ffmpeg") {
				t.Errorf("%+v", tracks)
			}
			if len(lines) != 3 || len(e.heard) != 3 {
				t.Fatalf("%d sentences of %d pieces: %+v", len(lines), len(e.heard), lines)
			}
			for i, at := range []float64{20, 60, 100} {
				want := time.Duration((at - 0.5 + 1) * float64(time.Second)) // half a second of margin, and the second of the engine
				if l := lines[i]; (l.From-want).Abs() > 100*time.Millisecond || l.To-l.From != time.Second || l.Score != 900 || l.Text != fmt.Sprintf("фраза %d", i) {
					t.Errorf("sentence %d: %+v, %v wanted", i, l, want)
				}
			}
			after := r.sound(it.ID)
			if after.eventsOf(archive.EventAnalysis, archive.Success) != 1 || after.completed["completed.2"] != "yes" || after.item.State != before.item.State || r.leftovers() != 0 {
				t.Error("event, end of the job or state of the item")
			}
			// The same again says nothing twice; another model is another track, and the first one gives way.
			if err := r.transcribe(it.ID); err != nil || len(e.heard) != 3 {
				t.Errorf("%v, %d pieces", err, len(e.heard))
			}
			e.model = "small"
			if err := r.transcribe(it.ID); err != nil {
				t.Fatal(err)
			}
			if tracks, _ := r.texts(it.ID); len(tracks) != 1 || !strings.Contains(tracks[0].Settings, "small") || !tracks[0].Chosen() {
				t.Errorf("%+v", tracks)
			}
		})
	}
}

// What the full pass asks for depends on sound and on whether there is an engine.
func TestTranscribeIsAskedFor(t *testing.T) {
	t.Parallel()
	asked := func(r *rig, id, what string) (v string) {
		r.read(func(tx *store.Tx) (err error) { v, _, err = tx.Setting(t.Context(), what+"."+id); return err })
		return v
	}
	r := newRig(t, store.SQLite)
	r.media.probe = media.Probe{Kind: archive.KindAudio, Format: "wav", Duration: 12, Report: media.Report{Tool: tool}}
	it := r.item([]byte("sound"), "")
	if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil || asked(r, it.ID, "transcribe") != "" {
		t.Errorf("without an engine: %v, %q", err, asked(r, it.ID, "transcribe"))
	}
	if err := r.transcribe(it.ID); !errors.Is(err, job.ErrCancel) {
		t.Errorf("without an engine: %v", err)
	}
	r.heard = &fakeEngine{}
	second := r.item([]byte("other sound"), "")
	if err := errors.Join(r.quick(second.ID, 1), r.full(second.ID, 1)); err != nil || asked(r, second.ID, "transcribe") != "transcribe" {
		t.Errorf("with an engine: %v, %q", err, asked(r, second.ID, "transcribe"))
	}
}

// An engine outside, or one that refuses, is told from one that is away.
func TestTranscribeRefused(t *testing.T) {
	t.Parallel()
	for reason, fail := range map[string]error{EngineOutside: speech.ErrOutside, EngineRefuses: speech.ErrRefused} {
		r := newRig(t, store.SQLite)
		it := r.item([]byte("film"), "")
		withSound(r)
		r.heard = &fakeEngine{fail: map[int]error{0: fail}}
		if err := r.quick(it.ID, 1); err != nil {
			t.Fatal(err)
		}
		err := r.transcribe(it.ID)
		tracks, lines := r.texts(it.ID)
		if !errors.Is(err, fail) || errors.Is(err, job.ErrCancel) != (reason == EngineOutside) || len(tracks) != 1 || tracks[0].Reason != reason || len(lines) != 0 {
			t.Errorf("%s: %v, %+v", reason, err, tracks)
		}
	}
}

// Words do not come into the catalogue after two people agreed that the item goes.
func TestTranscribeErasing(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item([]byte("film"), "")
	withSound(r)
	if err := r.quick(it.ID, 1); err != nil {
		t.Fatal(err)
	}
	r.heard = &fakeEngine{onCall: func(n int) {
		if n == 1 {
			r.write(func(tx *store.Tx) error {
				q := store.Erasure{ID: archive.NewID(archive.PrefixErasure), Item: it.ID, RequestedBy: softwareAgent, RequestedAt: time.Now(), Reason: "court"}
				if err := tx.AddErasure(t.Context(), q); err != nil {
					return err
				}
				return tx.ApproveErasure(t.Context(), q.ID, "ag_2", time.Now())
			})
		}
	}}
	if err := r.transcribe(it.ID); !errors.Is(err, job.ErrCancel) {
		t.Errorf("%v", err)
	}
	var n []archive.TextPiece
	r.read(func(tx *store.Tx) (err error) {
		t, err := tx.MachineTrack(r.t.Context(), it.ID, archive.TextTranscript, media.RecipeSpeech.Name, media.RecipeSpeech.Version, r.heard.Settings())
		if err != nil {
			return err
		}
		n, err = tx.TextPieces(r.t.Context(), t.ID)
		return err
	})
	spans := 0
	for _, p := range n {
		spans += p.Spans
	}
	if spans != 1 { // of what was heard before
		t.Errorf("%+v", n)
	}
}

func (r *rig) readJob(id string) error {
	return r.service().Read(r.t.Context(), job.Job[job.Read]{ID: 2, Args: job.Read{Item: id}, Attempt: 1, MaxAttempts: 5})
}

func TestRead(t *testing.T) {
	t.Parallel()
	page := media.Page{Width: 1000, Height: 500, Words: []media.Word{
		{Text: "ПРИКАЗ", X: 100, Y: 50, W: 100, H: 20, Line: 1, Score: 90}, {Text: "№7", X: 220, Y: 50, W: 40, H: 20, Line: 1, Score: 80},
		{Text: "шум", X: 0, Y: 100, W: 9, H: 9, Line: 2, Score: 20}, {Text: "|", X: 0, Y: 120, W: 9, H: 9, Line: 3, Score: 99}, {Text: "подпись", X: 900, Y: 450, W: 100, H: 50, Line: 4, Score: 60},
	}}
	for name, c := range map[string]struct {
		probe media.Probe
		lines int
		pages bool
	}{
		"picture": {media.Probe{Kind: archive.KindImage, Format: "jpeg"}, 2, false},
		"paper":   {media.Probe{Kind: archive.KindDocument, Format: "pdf", Pages: 9}, 4, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, store.SQLite)
			c.probe.Report = media.Report{Tool: tool}
			r.media.probe, r.media.page = c.probe, page
			it := r.item([]byte(name), "")
			if err := errors.Join(r.quick(it.ID, 1), r.readJob(it.ID), r.readJob(it.ID)); err != nil {
				t.Fatal(err)
			}
			tracks, lines := r.texts(it.ID)
			if len(tracks) != 1 || tracks[0].Kind != archive.TextRead || tracks[0].State != archive.TextDone || tracks[0].Settings != "rus+eng" || tracks[0].Tool != "tesseract 5.3.0" || !tracks[0].Chosen() {
				t.Fatalf("%+v", tracks)
			}
			if len(lines) != c.lines || lines[0].Text != "ПРИКАЗ №7" || lines[0].Score != 850 || lines[0].Region != (archive.Region{X: 100_000, Y: 100_000, W: 160_000, H: 40_000}) ||
				lines[1].Region != (archive.Region{X: 900_000, Y: 900_000, W: 100_000, H: 100_000}) {
				t.Errorf("%+v", lines)
			}
			if c.pages && (lines[0].Page != 1 || lines[3].Page != 2) {
				t.Errorf("%+v", lines)
			}
			if s := r.sound(it.ID); s.eventsOf(archive.EventAnalysis, archive.Success) != 1 {
				t.Error("events")
			}
		})
	}
}
