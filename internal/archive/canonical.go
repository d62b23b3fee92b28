package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

// canonWriter writes canonical JSON (RFC 8785, strings only).
type canonWriter struct {
	b    bytes.Buffer
	more []bool // a comma is due, per open bracket
	err  error
}

func (w *canonWriter) comma() {
	if n := len(w.more); n > 0 {
		if w.more[n-1] {
			w.b.WriteByte(',')
		}
		w.more[n-1] = true
	}
}

func (w *canonWriter) open(c byte) { w.b.WriteByte(c); w.more = append(w.more, false) }
func (w *canonWriter) close(c byte) {
	w.b.WriteByte(c)
	w.more = w.more[:len(w.more)-1]
}
func (w *canonWriter) key(k string) { w.comma(); w.str(k); w.b.WriteByte(':') }

// str writes a string as RFC 8785 section 3.2.2.2 asks: the two-character escapes, \u00xx for other
// control characters, everything else as it is.
func (w *canonWriter) str(s string) {
	if !utf8.ValidString(s) {
		w.err = fmt.Errorf("%w: text is not valid UTF-8", ErrInvalid)
		return
	}
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(r)
		case r == '\b':
			w.b.WriteString(`\b`)
		case r == '\f':
			w.b.WriteString(`\f`)
		case r == '\n':
			w.b.WriteString(`\n`)
		case r == '\r':
			w.b.WriteString(`\r`)
		case r == '\t':
			w.b.WriteString(`\t`)
		case r < 0x20:
			fmt.Fprintf(&w.b, `\u%04x`, r)
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
}

func (w *canonWriter) strMap(m map[string]string) {
	keys := make([]string, 0, len(m))
	for k := range m {
		for i := range len(k) {
			if k[i] >= 0x80 {
				w.err = fmt.Errorf("%w: detail keys are ASCII", ErrInvalid)
			}
		}
		keys = append(keys, k)
	}
	slices.Sort(keys)
	w.open('{')
	for _, k := range keys {
		w.key(k)
		w.str(m[k])
	}
	w.close('}')
}

func (w *canonWriter) bytes() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return w.b.Bytes(), nil
}

// ParseEvent reads canonical bytes back and refuses every other spelling of the same event.
func ParseEvent(raw []byte) (Event, error) {
	var v struct {
		Agent    string            `json:"agent"`
		Detail   map[string]string `json:"detail"`
		ID       string            `json:"id"`
		Outcome  EventOutcome      `json:"outcome"`
		Subjects []Subject         `json:"subjects"`
		Time     string            `json:"time"`
		Tool     string            `json:"tool"`
		Type     string            `json:"type"`
		Version  string            `json:"version"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		return Event{}, fmt.Errorf("%w: event: %v", ErrInvalid, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Event{}, fmt.Errorf("%w: event: bytes after the end", ErrInvalid)
	}
	if v.Version != "1" {
		return Event{}, fmt.Errorf("%w: event version %q is not known", ErrInvalid, v.Version)
	}
	at, err := time.Parse(TimeFormat, v.Time)
	if err != nil {
		return Event{}, fmt.Errorf("%w: event time: %v", ErrInvalid, err)
	}
	e := Event{ID: v.ID, Type: v.Type, Time: at.UTC(), Agent: v.Agent, Tool: v.Tool, Outcome: v.Outcome, Subjects: v.Subjects, Detail: v.Detail}
	again, err := e.Canonical()
	if err != nil {
		return Event{}, err
	}
	if !bytes.Equal(again, raw) {
		return Event{}, fmt.Errorf("%w: event bytes are not canonical", ErrInvalid)
	}
	return e, nil
}
