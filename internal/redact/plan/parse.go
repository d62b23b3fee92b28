package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"zapis/internal/archive"
)

// errStop ends reading at bytes that have not the shape of a plan; the problem is noted already.
var errStop = errors.New("not the shape of a plan")

// Parse reads a plan. White space and the order of keys are free; everything else is as strict as Canonical: no key may be unknown, missing or
// doubled, numbers are whole. The error is an *Invalid, which is an archive.ErrInvalid.
func Parse(b []byte) (Plan, error) {
	r := &reader{}
	p, err := r.plan(b)
	if err == nil {
		p.valid(&r.problems)
	}
	if len(r.problems.list) > 0 {
		return Plan{}, &Invalid{Problems: r.problems.list}
	}
	return p, nil
}

// ParseTrack reads one track as it stands in a plan with so many sources, whose whole frame is hidden or not.
func ParseTrack(b []byte, sources int, hidden bool) (Track, error) {
	r := &reader{}
	var t Track
	if r.begin(b) == nil && r.track("", &t) == nil && r.end() == nil {
		t.valid(&r.problems, "", sources, hidden)
	}
	if len(r.problems.list) > 0 {
		return Track{}, &Invalid{Problems: r.problems.list}
	}
	return t, nil
}

// Problems says which rules a plan breaks that was made by a program and not read by Parse; none if Parse would take it.
func (p Plan) Problems() []Problem {
	var l problems
	p.valid(&l)
	return l.list
}

// problems collects what is wrong.
type problems struct{ list []Problem }

func (l *problems) add(path, code, text string, args ...any) {
	if len(l.list) < MaxProblems {
		l.list = append(l.list, Problem{Path: path, Code: code, Text: fmt.Sprintf(text, args...)})
	}
}

// reader takes the tokens of a plan one by one. It knows at every place what may come, so that nothing can nest deeper than a plan does.
type reader struct {
	problems
	dec  *json.Decoder
	keys int // of all tracks so far
}

func (r *reader) stop(path, code, text string, args ...any) error {
	r.add(path, code, text, args...)
	return errStop
}

func (r *reader) begin(b []byte) error {
	if len(b) > MaxBytes {
		return r.stop("", "too-large", "larger than %d MiB", MaxBytes>>20)
	}
	r.dec = json.NewDecoder(bytes.NewReader(b))
	r.dec.UseNumber()
	return nil
}

func (r *reader) end() error {
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return r.stop("", "bytes-after", "there is something after the end")
	}
	return nil
}

func (r *reader) plan(b []byte) (p Plan, err error) {
	if err := r.begin(b); err != nil {
		return p, err
	}
	var format string
	var version int64
	err = r.object("", fields{
		{"cuts", func(at string) error {
			return r.list(at, MaxCuts, func(at string) error {
				var c Cut
				err := r.object(at, fields{{"from_us", r.number(&c.FromUS)}, {"source", r.index(&c.Source)}, {"to_us", r.number(&c.ToUS)}})
				p.Cuts = append(p.Cuts, c)
				return err
			})
		}},
		{"format", r.text(&format)},
		{"heights", func(at string) error {
			return r.list(at, 4, func(at string) error {
				var h int
				err := r.index(&h)(at)
				p.Heights = append(p.Heights, h)
				return err
			})
		}},
		{"picture", func(at string) error { return r.object(at, fields{{"hide", r.truth(&p.Picture.Hide)}}) }},
		{"salt", r.text(&p.Salt)},
		{"sound", func(at string) error {
			return r.object(at, fields{{"mode", r.text(&p.Sound.Mode)}, {"spans", func(at string) error {
				return r.list(at, MaxSpans, func(at string) error {
					var s SoundSpan
					err := r.object(at, fields{
						{"do", r.text(&s.Do)}, {"from_us", r.number(&s.FromUS)}, {"protects", r.text(&s.Protects)}, {"reason", r.text(&s.Reason)},
						{"source", r.index(&s.Source)}, {"to_us", r.number(&s.ToUS)},
					})
					p.Sound.Spans = append(p.Sound.Spans, s)
					return err
				})
			}}})
		}},
		{"sources", func(at string) error {
			return r.list(at, MaxSources, func(at string) error {
				var s string
				err := r.text(&s)(at)
				p.Sources = append(p.Sources, s)
				return err
			})
		}},
		{"tracks", func(at string) error {
			return r.list(at, MaxTracks, func(at string) error {
				var t Track
				err := r.track(at, &t)
				p.Tracks = append(p.Tracks, t)
				return err
			})
		}},
		{"version", r.number(&version)},
	})
	if err != nil {
		return p, err
	}
	if err := r.end(); err != nil {
		return p, err
	}
	if format != Format {
		return p, r.stop("format", "format", "not %q", Format)
	}
	if version != Version {
		return p, r.stop("version", "version", "not %d, the version that this program knows", Version)
	}
	return p, nil
}

func (r *reader) track(at string, t *Track) error {
	var kind string
	err := r.object(at, fields{
		{"id", r.text(&t.ID)},
		{"keys", func(at string) error {
			return r.list(at, MaxKeys, func(at string) error {
				if r.keys++; r.keys > MaxAllKeys {
					return r.stop("tracks", "too-many-keys", "more than %d key frames in all tracks", MaxAllKeys)
				}
				var k Key
				err := r.object(at, fields{{"at_us", r.number(&k.AtUS)}, {"box", func(at string) error {
					n := 0
					err := r.list(at, 4, func(at string) error {
						n++
						return r.index(&k.Box[n-1])(at)
					})
					if err == nil && n != 4 {
						err = r.stop(at, "box", "a box is four numbers: x, y, width, height")
					}
					return err
				}}, {"off", r.truth(&k.Off)}})
				t.Keys = append(t.Keys, k)
				return err
			})
		}},
		{"kind", r.text(&kind)}, {"origin", r.text(&t.Origin)}, {"protects", r.text(&t.Protects)}, {"reason", r.text(&t.Reason)},
		{"reveal", r.truth(&t.Reveal)}, {"source", r.index(&t.Source)}, {"until_end", r.truth(&t.UntilEnd)},
	})
	t.Kind = Kind(kind)
	return err
}

// field is a key of an object and what reads its value.
type field struct {
	name string
	read func(path string) error
}

type fields []field

func (r *reader) token(path string) (json.Token, error) {
	t, err := r.dec.Token()
	if err != nil {
		// The decoder's own words may quote what was sent.
		return nil, r.stop(path, "json", "not JSON from byte %d on", r.dec.InputOffset())
	}
	return t, nil
}

func (r *reader) object(path string, f fields) error {
	t, err := r.token(path)
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return r.stop(path, "shape", "an object was expected")
	}
	var seen uint32
	for {
		if t, err = r.token(path); err != nil {
			return err
		}
		if t == json.Delim('}') {
			break
		}
		name, _ := t.(string)
		at := -1
		for i := range f {
			if f[i].name == name {
				at = i
			}
		}
		if at < 0 {
			return r.stop(path, "unknown-key", "there is a key that is not known")
		}
		below := name
		if path != "" {
			below = path + "." + name
		}
		if seen&(1<<at) != 0 {
			return r.stop(below, "doubled-key", "the key is there twice")
		}
		seen |= 1 << at
		if err := f[at].read(below); err != nil {
			return err
		}
	}
	for i := range f {
		if seen&(1<<i) == 0 {
			r.add(path, "missing-key", "the key %s is missing", f[i].name)
			err = errStop
		}
	}
	return err
}

func (r *reader) list(path string, most int, each func(path string) error) error {
	t, err := r.token(path)
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return r.stop(path, "shape", "a list was expected")
	}
	for n := 0; r.dec.More(); n++ {
		if n == most {
			return r.stop(path, "too-many", "more than %d", most)
		}
		if err := each(path + "[" + strconv.Itoa(n) + "]"); err != nil {
			return err
		}
	}
	_, err = r.token(path) // the bracket, or no JSON
	return err
}

func (r *reader) text(into *string) func(string) error {
	return func(path string) error {
		t, err := r.token(path)
		if err != nil {
			return err
		}
		s, ok := t.(string)
		if !ok {
			return r.stop(path, "shape", "a text was expected")
		}
		if len(s) > 100 {
			return r.stop(path, "too-long", "longer than 100 bytes")
		}
		*into = s
		return nil
	}
}

func (r *reader) truth(into *bool) func(string) error {
	return func(path string) error {
		t, err := r.token(path)
		if err != nil {
			return err
		}
		v, ok := t.(bool)
		if !ok {
			return r.stop(path, "shape", "true or false was expected")
		}
		*into = v
		return nil
	}
}

// safe is the largest number that every JSON reader keeps exactly.
const safe = 1<<53 - 1

func (r *reader) number(into *int64) func(string) error {
	return func(path string) error {
		t, err := r.token(path)
		if err != nil {
			return err
		}
		n, ok := t.(json.Number)
		if !ok {
			return r.stop(path, "shape", "a number was expected")
		}
		s := string(n)
		if strings.ContainsAny(s, ".eE") || s == "-0" {
			return r.stop(path, "not-whole", "not a whole number")
		}
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil || v > safe || v < -safe {
			return r.stop(path, "too-big", "the number is too big")
		}
		*into = v
		return nil
	}
}

func (r *reader) index(into *int) func(string) error {
	return func(path string) error {
		var v int64
		if err := r.number(&v)(path); err != nil {
			return err
		}
		if v > 1<<31-1 || v < -(1<<31) {
			return r.stop(path, "too-big", "the number is too big")
		}
		*into = int(v)
		return nil
	}
}

// check an identifier without telling what was sent.
func wrongID(prefix, id string) bool { return archive.CheckID(prefix, id) != nil }
