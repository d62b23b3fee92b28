package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// event is an event as its canonical bytes have it.
type event struct {
	Agent    string            `json:"agent"`
	Detail   map[string]string `json:"detail"`
	ID       string            `json:"id"`
	Outcome  string            `json:"outcome"`
	Subjects []subject         `json:"subjects"`
	Time     string            `json:"time"`
	Tool     string            `json:"tool"`
	Type     string            `json:"type"`
	Version  string            `json:"version"`
}

type subject struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`
	Role string `json:"role"`
}

const timeFormat = "2006-01-02T15:04:05.000000Z"

var errForm = errors.New("not the canonical form of an event")

// parseEvent reads canonical bytes and refuses every other spelling.
func parseEvent(raw []byte) (event, error) {
	var e event
	if !utf8.Valid(raw) {
		return e, errForm
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(&e) != nil {
		return e, errForm
	}
	if _, err := dec.Token(); err != io.EOF {
		return e, errForm
	}
	if at, err := time.Parse(timeFormat, e.Time); err != nil || at.IsZero() || e.Version != "1" {
		return e, errForm
	}
	if e.ID == "" || e.Type == "" || e.Agent == "" || e.Tool == "" || e.Outcome == "" {
		return e, errForm
	}
	for k := range e.Detail {
		// The order of other keys would depend on whether bytes or UTF-16 code units are compared.
		if strings.ContainsFunc(k, func(r rune) bool { return r >= utf8.RuneSelf }) {
			return e, errForm
		}
	}
	if !bytes.Equal(e.canonical(), raw) {
		return e, errForm
	}
	return e, nil
}

// canonical writes an event as RFC 8785 asks.
func (e event) canonical() []byte {
	b := append([]byte(nil), `{"agent":`...)
	b = text(b, e.Agent)
	b = append(b, `,"detail":{`...)
	for i, k := range slices.Sorted(maps.Keys(e.Detail)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(text(b, k), ':')
		b = text(b, e.Detail[k])
	}
	b = append(b, `},"id":`...)
	b = text(b, e.ID)
	b = append(b, `,"outcome":`...)
	b = text(b, e.Outcome)
	b = append(b, `,"subjects":[`...)
	for i, s := range e.Subjects {
		if i > 0 {
			b = append(b, ',')
		}
		b = text(append(b, `{"id":`...), s.ID)
		b = text(append(b, `,"kind":`...), s.Kind)
		b = append(text(append(b, `,"role":`...), s.Role), '}')
	}
	b = text(append(b, `],"time":`...), e.Time)
	b = text(append(b, `,"tool":`...), e.Tool)
	b = text(append(b, `,"type":`...), e.Type)
	return append(text(append(b, `,"version":`...), e.Version), '}')
}

// text writes a JSON string as RFC 8785 section 3.2.2.2 asks.
func text(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		if at := bytes.IndexByte([]byte("\"\\\b\f\n\r\t"), c); at >= 0 {
			b = append(b, '\\', "\"\\bfnrt"[at])
		} else if c < 0x20 {
			b = fmt.Appendf(b, `\u%04x`, c)
		} else {
			b = append(b, c)
		}
	}
	return append(b, '"')
}
