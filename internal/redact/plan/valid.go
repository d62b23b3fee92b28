package plan

import (
	"fmt"
	"slices"

	"zapis/internal/archive"
)

// BlurRefused is why a light blur is not offered.
const BlurRefused = "a blur can be undone from many frames: use solid, or pixelate"

// valid notes every rule that a plan breaks by itself.
func (p Plan) valid(l *problems) {
	amount(l, "sources", len(p.Sources), 1, MaxSources)
	seen := make(map[string]bool, len(p.Sources))
	for i, s := range p.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		switch {
		case wrongID(archive.PrefixItem, s):
			l.add(at, "id", "not the identifier of an item")
		case seen[s]:
			l.add(at, "doubled", "the item is there twice")
		}
		seen[s] = true
	}
	amount(l, "cuts", len(p.Cuts), 1, MaxCuts)
	for i, c := range p.Cuts {
		at := fmt.Sprintf("cuts[%d]", i)
		sourceOf(l, at, c.Source, len(p.Sources))
		stretch(l, at, c.FromUS, c.ToUS, 1_000)
	}
	amount(l, "heights", len(p.Heights), 1, 4)
	for i, h := range p.Heights {
		at := fmt.Sprintf("heights[%d]", i)
		if h < 144 || h > 1080 || h%2 != 0 {
			l.add(at, "height", "an even number of lines from 144 to 1080 was expected")
		}
		if i > 0 && h >= p.Heights[i-1] {
			l.add(at, "order", "heights go from large to small, each once")
		}
	}
	if len(p.Salt) != 32 || !only(p.Salt, "0123456789abcdef") {
		l.add("salt", "salt", "32 hexadecimal digits in lower case were expected")
	}
	p.Sound.valid(l, len(p.Sources))
	amount(l, "tracks", len(p.Tracks), 0, MaxTracks)
	keys := 0
	ids := make(map[string]bool, len(p.Tracks))
	for i, t := range p.Tracks {
		at := fmt.Sprintf("tracks[%d]", i)
		t.valid(l, at, len(p.Sources), p.Picture.Hide)
		if ids[t.ID] {
			l.add(at+".id", "doubled", "another track has this identifier")
		}
		ids[t.ID] = true
		keys += len(t.Keys)
	}
	if keys > MaxAllKeys {
		l.add("tracks", "too-many-keys", "more than %d key frames in all tracks", MaxAllKeys)
	}
}

func (t Track) valid(l *problems, at string, sources int, hidden bool) {
	dot := at
	if at != "" {
		dot += "."
	}
	if wrongID(archive.PrefixTrack, t.ID) {
		l.add(dot+"id", "id", "not the identifier of a track")
	}
	sourceOf(l, at, t.Source, sources)
	switch {
	case t.Kind == "blur":
		l.add(dot+"kind", "blur", BlurRefused)
	case !slices.Contains(Kinds(), t.Kind):
		l.add(dot+"kind", "kind", "solid or pixelate was expected")
	case t.Reveal && t.Kind != Solid:
		l.add(dot+"kind", "kind", "a track that reveals is of kind solid")
	}
	if t.Reveal && !hidden {
		l.add(dot+"reveal", "reveal", "there is nothing to reveal where the whole frame is not hidden")
	}
	if !slices.Contains(Reasons(), t.Reason) {
		l.add(dot+"reason", "reason", "not one of the reasons that are known")
	}
	protects(l, dot, t.Protects)
	if t.Origin != "" && (len(t.Origin) > 64 || !only(t.Origin, "abcdefghijklmnopqrstuvwxyz0123456789 ./_-")) {
		l.add(dot+"origin", "origin", "at most 64 small letters, digits, spaces, dots, strokes and hyphens were expected")
	}
	amount(l, dot+"keys", len(t.Keys), 1, MaxKeys)
	covers := false
	for i, k := range t.Keys {
		where := fmt.Sprintf("%skeys[%d]", dot, i)
		if k.AtUS < 0 || k.AtUS > MaxUS {
			l.add(where+".at_us", "time", "not a time from the beginning to the 31st day")
		}
		if i > 0 && k.AtUS <= t.Keys[i-1].AtUS {
			l.add(where+".at_us", "order", "not after the key before it")
		}
		covers = covers || !k.Off
		x, y, w, h := k.Box[0], k.Box[1], k.Box[2], k.Box[3]
		switch {
		case w < MinSide || h < MinSide:
			l.add(where+".box", "no-area", "narrower or lower than a thousandth of the picture")
		case x < 0 || y < 0 || w > Whole || h > Whole || x > Whole-w || y > Whole-h:
			l.add(where+".box", "outside", "not within the picture")
		}
	}
	if n := len(t.Keys); n > 0 {
		if !covers {
			l.add(dot+"keys", "covers-nothing", "every key is off, so the track covers nothing")
		}
		if t.Keys[n-1].Off && t.UntilEnd {
			l.add(dot+"until_end", "until-end", "nothing can be held until the end after a key that is off")
		}
	}
}

func (s Sound) valid(l *problems, sources int) {
	if s.Mode != Mute && s.Mode != Keep {
		l.add("sound.mode", "mode", "mute or keep was expected")
	}
	amount(l, "sound.spans", len(s.Spans), 0, MaxSpans)
	for i, x := range s.Spans {
		at := fmt.Sprintf("sound.spans[%d]", i)
		sourceOf(l, at, x.Source, sources)
		stretch(l, at, x.FromUS, x.ToUS, 1)
		if x.Do != Mute && x.Do != Tone && x.Do != Voice {
			l.add(at+".do", "do", "mute, tone or voice was expected")
		}
		if !slices.Contains(SoundReasons(), x.Reason) {
			l.add(at+".reason", "reason", "not one of the reasons that are known")
		}
		protects(l, at+".", x.Protects)
	}
}

func amount(l *problems, at string, n, least, most int) {
	switch {
	case n < least:
		l.add(at, "too-few", "at least %d was expected", least)
	case n > most:
		l.add(at, "too-many", "more than %d", most)
	}
}

func sourceOf(l *problems, at string, source, sources int) {
	if at != "" {
		at += "."
	}
	if source < 0 || source >= sources {
		l.add(at+"source", "source", "there is no such source")
	}
}

func stretch(l *problems, at string, from, to, least int64) {
	switch {
	case from < 0 || to < 0 || from > MaxUS || to > MaxUS:
		l.add(at, "time", "not a time from the beginning to the 31st day")
	case to <= from:
		l.add(at, "empty", "it ends before it begins, or when it begins")
	case to-from < least:
		l.add(at, "too-short", "shorter than %d µs", least)
	}
}

func protects(l *problems, dot, id string) {
	if id != "" && wrongID(archive.PrefixEntity, id) {
		l.add(dot+"protects", "id", "not the identifier of an entity of the catalogue")
	}
}

// only says whether a text is made of some bytes.
func only(s, of string) bool {
	for i := range len(s) {
		found := false
		for j := range len(of) {
			found = found || of[j] == s[i]
		}
		if !found {
			return false
		}
	}
	return true
}

// slack is how far beyond the end of an item a time may lie: containers round.
const slack = 1_000_000

// Check holds a plan against what is known of its sources, which are in the order of Plan.Sources. What it finds are problems of the plan, but for
// those with a Code that begins with "note-", which a person should know of and which stop nothing.
func (p Plan) Check(sources []SourceFacts) []Problem {
	var l problems
	if len(sources) != len(p.Sources) {
		l.add("sources", "sources", "%d sources are known and %d named", len(sources), len(p.Sources))
		return l.list
	}
	beyond := func(source int, us int64) bool {
		return source >= 0 && source < len(sources) && sources[source].DurationUS > 0 && us > sources[source].DurationUS+slack
	}
	used := make([]bool, len(sources))
	for i, c := range p.Cuts {
		at := fmt.Sprintf("cuts[%d]", i)
		if c.Source < 0 || c.Source >= len(sources) {
			continue // Parse says so
		}
		used[c.Source] = true
		if f := sources[c.Source]; f.Width <= 0 || f.Height <= 0 {
			l.add(at, "no-picture", "the item has no picture")
		}
		if beyond(c.Source, c.ToUS) {
			l.add(at, "beyond-end", "it goes beyond the end of the item")
		}
	}
	for i, t := range p.Tracks {
		if len(t.Keys) > 0 && beyond(t.Source, t.Keys[len(t.Keys)-1].AtUS) {
			l.add(fmt.Sprintf("tracks[%d].keys[%d].at_us", i, len(t.Keys)-1), "beyond-end", "it goes beyond the end of the item")
		}
	}
	for i, s := range p.Sound.Spans {
		at := fmt.Sprintf("sound.spans[%d]", i)
		if beyond(s.Source, s.ToUS) {
			l.add(at, "beyond-end", "it goes beyond the end of the item")
		}
		if s.Source >= 0 && s.Source < len(sources) && !sources[s.Source].HasSound {
			l.add(at, "note-no-sound", "the item has no sound")
		}
	}
	for i := range p.Tracks {
		if !p.shows(i) {
			l.add(fmt.Sprintf("tracks[%d]", i), "note-not-shown", "no cut shows any of it")
		}
	}
	for i, u := range used {
		if !u {
			l.add(fmt.Sprintf("sources[%d]", i), "note-not-cut", "no cut is of this item")
		}
	}
	return l.list
}

// Stops says whether a problem that Check found makes the plan unfit.
func (p Problem) Stops() bool { return len(p.Code) < 5 || p.Code[:5] != "note-" }

// shows says whether any cut shows any of a track.
func (p Plan) shows(track int) bool {
	t := p.Tracks[track]
	for _, c := range p.Cuts {
		if c.Source == t.Source && t.overlaps(c.FromUS, c.ToUS) {
			return true
		}
	}
	return false
}

// overlaps says whether a track covers anything at some moment from from up to, not including, to.
func (t Track) overlaps(from, to int64) bool {
	for i, k := range t.Keys {
		if k.Off {
			continue
		}
		last := i == len(t.Keys)-1
		switch {
		case k.AtUS >= to:
		case k.AtUS >= from, last && t.UntilEnd, !last && t.Keys[i+1].AtUS > from:
			return true
		}
	}
	return false
}

// Applying gives the digests of the tracks that cover anything in any cut, in the order of the plan: what a statement about the clip names. Those that were painted,
// by their index, are among them, too: the first frame of a cut may have begun before the cut does.
func (p Plan) Applying(painted map[int]bool) [][32]byte {
	var out [][32]byte
	for i, t := range p.Tracks {
		if p.shows(i) || painted[i] {
			out = append(out, t.Digest(p.Salt))
		}
	}
	return out
}

// Milliseconds is how long a clip of the plan plays, by its cuts.
func (p Plan) Milliseconds() (ms int64) {
	for _, c := range p.Cuts {
		ms += c.ToUS/1000 - c.FromUS/1000
	}
	return ms
}
