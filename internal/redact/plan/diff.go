package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What a Change says.
const (
	SourcesChanged  = "sources changed"
	CutAdded        = "cut added"
	CutRemoved      = "cut removed"
	CutChanged      = "cut changed"
	HideChanged     = "hide changed"
	TrackAdded      = "track added"
	TrackRemoved    = "track removed"
	TrackMoved      = "track moved"   // other keys, or another end
	TrackChanged    = "track changed" // another kind, reason, protected person…
	TracksReordered = "tracks reordered"
	SoundMode       = "sound mode changed"
	SpanAdded       = "sound span added"
	SpanRemoved     = "sound span removed"
	HeightsChanged  = "heights changed"
	SaltChanged     = "salt changed"
)

// Change is one difference between two plans, to be put into words.
type Change struct {
	What     string // one of the above
	Track    string // identifier of the track it is about
	Reason   string // of that track or span: face, person…
	Index    int    // of the cut or the span it is about, from 0, in the plan where it stands
	Source   int
	FromUS   int64 // of the cut, the span, or where the keys of the track begin to differ
	ToUS     int64
	Field    string // of TrackChanged: "kind", "reason", "protects", "reveal", "source", "origin"
	Was, Now string // of the field; of TrackMoved how many keys; never a name
}

// Diff says how b differs from a, in the order of a plan. Two plans that are the same give nothing; two that are not always give something.
func Diff(a, b Plan) []Change {
	var out []Change
	if !slices.Equal(a.Sources, b.Sources) {
		out = append(out, Change{What: SourcesChanged, Was: strconv.Itoa(len(a.Sources)), Now: strconv.Itoa(len(b.Sources))})
	}
	for i := range max(len(a.Cuts), len(b.Cuts)) {
		switch {
		case i >= len(a.Cuts):
			c := b.Cuts[i]
			out = append(out, Change{What: CutAdded, Index: i, Source: c.Source, FromUS: c.FromUS, ToUS: c.ToUS})
		case i >= len(b.Cuts):
			c := a.Cuts[i]
			out = append(out, Change{What: CutRemoved, Index: i, Source: c.Source, FromUS: c.FromUS, ToUS: c.ToUS})
		case a.Cuts[i] != b.Cuts[i]:
			c := b.Cuts[i]
			out = append(out, Change{What: CutChanged, Index: i, Source: c.Source, FromUS: c.FromUS, ToUS: c.ToUS, Was: a.Cuts[i].words(), Now: c.words()})
		}
	}
	if a.Picture != b.Picture {
		out = append(out, Change{What: HideChanged, Was: strconv.FormatBool(a.Picture.Hide), Now: strconv.FormatBool(b.Picture.Hide)})
	}
	out = append(out, diffTracks(a, b)...)
	if a.Sound.Mode != b.Sound.Mode {
		out = append(out, Change{What: SoundMode, Was: a.Sound.Mode, Now: b.Sound.Mode})
	}
	out = append(out, spans(SpanRemoved, a.Sound.Spans, b.Sound.Spans)...)
	out = append(out, spans(SpanAdded, b.Sound.Spans, a.Sound.Spans)...)
	if !slices.Equal(a.Heights, b.Heights) {
		out = append(out, Change{What: HeightsChanged, Was: lines(a.Heights), Now: lines(b.Heights)})
	}
	if a.Salt != b.Salt {
		out = append(out, Change{What: SaltChanged})
	}
	if len(out) == 0 && !slices.Equal(a.Sound.Spans, b.Sound.Spans) {
		out = append(out, Change{What: SpanAdded}) // the same spans in another order
	}
	return out
}

func diffTracks(a, b Plan) (out []Change) {
	was := make(map[string]Track, len(a.Tracks))
	for _, t := range a.Tracks {
		was[t.ID] = t
	}
	now := make(map[string]bool, len(b.Tracks))
	for _, t := range b.Tracks {
		now[t.ID] = true
	}
	about := func(what string, t Track) Change {
		c := Change{What: what, Track: t.ID, Reason: t.Reason, Source: t.Source}
		if len(t.Keys) > 0 {
			c.FromUS, c.ToUS = t.Keys[0].AtUS, t.Keys[len(t.Keys)-1].AtUS
		}
		return c
	}
	var before, after []string
	for _, t := range a.Tracks {
		if now[t.ID] {
			before = append(before, t.ID)
			continue
		}
		out = append(out, about(TrackRemoved, t))
	}
	for _, t := range b.Tracks {
		old, there := was[t.ID]
		if !there {
			out = append(out, about(TrackAdded, t))
			continue
		}
		after = append(after, t.ID)
		for _, f := range []struct{ name, was, now string }{
			{"source", strconv.Itoa(old.Source), strconv.Itoa(t.Source)}, {"kind", string(old.Kind), string(t.Kind)},
			{"reveal", strconv.FormatBool(old.Reveal), strconv.FormatBool(t.Reveal)}, {"reason", old.Reason, t.Reason},
			{"protects", old.Protects, t.Protects}, {"origin", old.Origin, t.Origin},
		} {
			if f.was != f.now {
				c := about(TrackChanged, t)
				c.Field, c.Was, c.Now = f.name, f.was, f.now
				out = append(out, c)
			}
		}
		if old.UntilEnd != t.UntilEnd || !slices.Equal(old.Keys, t.Keys) {
			c := about(TrackMoved, t)
			c.Was, c.Now = strconv.Itoa(len(old.Keys)), strconv.Itoa(len(t.Keys))
			for i := range max(len(old.Keys), len(t.Keys)) { // where a person should look
				if i < len(old.Keys) && i < len(t.Keys) && old.Keys[i] == t.Keys[i] {
					continue
				}
				switch {
				case i < len(old.Keys) && i < len(t.Keys):
					c.FromUS = min(old.Keys[i].AtUS, t.Keys[i].AtUS)
				case i < len(t.Keys):
					c.FromUS = t.Keys[i].AtUS
				default:
					c.FromUS = old.Keys[i].AtUS
				}
				break
			}
			out = append(out, c)
		}
	}
	if !slices.Equal(before, after) {
		out = append(out, Change{What: TracksReordered})
	}
	return out
}

// spans are those of one list that are not in another one.
func spans(what string, of, without []SoundSpan) (out []Change) {
	left := make(map[SoundSpan]int, len(without))
	for _, s := range without {
		left[s]++
	}
	for i, s := range of {
		if left[s] > 0 {
			left[s]--
			continue
		}
		out = append(out, Change{What: what, Index: i, Source: s.Source, FromUS: s.FromUS, ToUS: s.ToUS, Reason: s.Reason, Now: s.Do})
	}
	return out
}

func (c Cut) words() string { return fmt.Sprintf("%d:%d-%d", c.Source, c.FromUS, c.ToUS) }

func lines(h []int) string {
	s := make([]string, len(h))
	for i, v := range h {
		s[i] = strconv.Itoa(v)
	}
	return strings.Join(s, ", ")
}
