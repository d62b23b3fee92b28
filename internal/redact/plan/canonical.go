package plan

import (
	"crypto/sha256"
	"strconv"
)

// trackDomain keeps the digest of a track apart from every other digest.
const trackDomain = "zapis redaction track v1\n"

// Canonical gives the one sequence of bytes of a plan: JSON without white space, keys in the order of their bytes, whole numbers without
// signs of any sort but a minus. The plan must be one that Parse would take; every text in it is then plain ASCII that needs no escapes.
func (p Plan) Canonical() []byte {
	b := make([]byte, 0, 512+256*len(p.Tracks))
	b = append(b, `{"cuts":[`...)
	for i, c := range p.Cuts {
		b = comma(b, i)
		b = append(b, `{"from_us":`...)
		b = strconv.AppendInt(b, c.FromUS, 10)
		b = append(b, `,"source":`...)
		b = strconv.AppendInt(b, int64(c.Source), 10)
		b = append(b, `,"to_us":`...)
		b = strconv.AppendInt(b, c.ToUS, 10)
		b = append(b, '}')
	}
	b = append(b, `],"format":`...)
	b = quote(b, Format)
	b = append(b, `,"heights":[`...)
	for i, h := range p.Heights {
		b = strconv.AppendInt(comma(b, i), int64(h), 10)
	}
	b = append(b, `],"picture":{"hide":`...)
	b = strconv.AppendBool(b, p.Picture.Hide)
	b = append(b, `},"salt":`...)
	b = quote(b, p.Salt)
	b = append(b, `,"sound":{"mode":`...)
	b = quote(b, p.Sound.Mode)
	b = append(b, `,"spans":[`...)
	for i, s := range p.Sound.Spans {
		b = s.canonical(comma(b, i))
	}
	b = append(b, `]},"sources":[`...)
	for i, s := range p.Sources {
		b = quote(comma(b, i), s)
	}
	b = append(b, `],"tracks":[`...)
	for i, t := range p.Tracks {
		b = t.canonical(comma(b, i))
	}
	b = append(b, `],"version":`...)
	b = strconv.AppendInt(b, Version, 10)
	return append(b, '}')
}

// Canonical gives the bytes of one track as they stand in those of its plan.
func (t Track) Canonical() []byte { return t.canonical(nil) }

func (t Track) canonical(b []byte) []byte {
	b = append(b, `{"id":`...)
	b = quote(b, t.ID)
	b = append(b, `,"keys":[`...)
	for i, k := range t.Keys {
		b = comma(b, i)
		b = append(b, `{"at_us":`...)
		b = strconv.AppendInt(b, k.AtUS, 10)
		b = append(b, `,"box":[`...)
		for j, v := range k.Box {
			b = strconv.AppendInt(comma(b, j), int64(v), 10)
		}
		b = append(b, `],"off":`...)
		b = strconv.AppendBool(b, k.Off)
		b = append(b, '}')
	}
	b = append(b, `],"kind":`...)
	b = quote(b, string(t.Kind))
	b = append(b, `,"origin":`...)
	b = quote(b, t.Origin)
	b = append(b, `,"protects":`...)
	b = quote(b, t.Protects)
	b = append(b, `,"reason":`...)
	b = quote(b, t.Reason)
	b = append(b, `,"reveal":`...)
	b = strconv.AppendBool(b, t.Reveal)
	b = append(b, `,"source":`...)
	b = strconv.AppendInt(b, int64(t.Source), 10)
	b = append(b, `,"until_end":`...)
	b = strconv.AppendBool(b, t.UntilEnd)
	return append(b, '}')
}

func (s SoundSpan) canonical(b []byte) []byte {
	b = append(b, `{"do":`...)
	b = quote(b, s.Do)
	b = append(b, `,"from_us":`...)
	b = strconv.AppendInt(b, s.FromUS, 10)
	b = append(b, `,"protects":`...)
	b = quote(b, s.Protects)
	b = append(b, `,"reason":`...)
	b = quote(b, s.Reason)
	b = append(b, `,"source":`...)
	b = strconv.AppendInt(b, int64(s.Source), 10)
	b = append(b, `,"to_us":`...)
	b = strconv.AppendInt(b, s.ToUS, 10)
	return append(b, '}')
}

func comma(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

// quote writes a text in which Parse allowed nothing that would have to be escaped.
func quote(b []byte, s string) []byte {
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// MarshalJSON gives the canonical bytes, so that a plan looks the same wherever it is written.
func (p Plan) MarshalJSON() ([]byte, error) { return p.Canonical(), nil }

// MarshalJSON gives the canonical bytes of the track.
func (t Track) MarshalJSON() ([]byte, error) { return t.Canonical(), nil }

// UnmarshalJSON is Parse.
func (p *Plan) UnmarshalJSON(b []byte) (err error) {
	*p, err = Parse(b)
	return err
}

// Digest is the SHA-256 of the canonical bytes.
func (p Plan) Digest() [32]byte { return sha256.Sum256(p.Canonical()) }

// Digest is the SHA-256 of the words "zapis redaction track v1" and a line feed, the salt of the plan and a line feed, and the canonical
// bytes of the track. Without the salt, which never leaves the archive, nobody can find out from it where the track lies.
func (t Track) Digest(salt string) [32]byte {
	return sha256.Sum256(t.canonical(append([]byte(trackDomain), salt+"\n"...)))
}
