package verify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds a line of an export; an event has at most some tens of kilobytes.
const maxLine = 1 << 20

// exportLine is a line of an export; each type uses some of the fields.
type exportLine struct {
	Type        string  `json:"type"`
	Version     *string `json:"version"`
	Origin      *string `json:"origin"`
	Size        *int64  `json:"size"`
	Checkpoints *int64  `json:"checkpoints"`
	Root        *string `json:"root"`
	Note        *string `json:"note"`
	Index       *int64  `json:"index"`
	Salt        *string `json:"salt"`
	Commitment  *string `json:"commitment"`
	Event       *string `json:"event"`
	Erasure     *string `json:"erasure"`
}

// VerifyExport checks an export of the record (docs/design/custody-record.md, "Export"). It sees no catalogue and no
// stored hashes. The error says that reading failed or was given up; what it found is in the report.
func VerifyExport(ctx context.Context, r io.Reader, o Options) (Report, error) {
	src := &exportSource{in: bufio.NewReaderSize(r, 64<<10)}
	c := checker{o: o, src: src, noHashes: true, p: newProofs()}
	src.fail = c.r.fail
	report, err := c.run(ctx)
	if err == nil && src.ioErr != nil {
		err = fmt.Errorf("read export: %w", src.ioErr)
	}
	if err != nil {
		return report, err
	}
	switch {
	case src.end == nil:
		report.fail(CodeExportCut, "export", "it has no end line: its end is missing")
	case *src.end.Size != report.Size || *src.end.Checkpoints != int64(report.Checkpoints):
		report.fail(CodeExportCut, "export", "the end line says %d events and %d checkpoints, there are %d and %d",
			*src.end.Size, *src.end.Checkpoints, report.Size, report.Checkpoints)
	case report.Root != "" && *src.end.Root != report.Root:
		report.fail(CodeExport, "export", "the end line says another root")
	}
	return report, nil
}

// exportSource reads an export in one pass: head, checkpoints, then leaves and openings side by side.
type exportSource struct {
	in       *bufio.Reader
	line     int64
	started  bool
	ahead    *exportLine // read and not used yet
	leaves   []Leaf
	openings []Opening
	end      *exportLine
	done     bool
	ioErr    error
	fail     func(code, subject, format string, a ...any)
}

// next gives the next line that is well formed, or nil at the end.
func (s *exportSource) next() *exportLine {
	for !s.done {
		if s.ahead != nil {
			l := s.ahead
			s.ahead = nil
			return l
		}
		raw, err := s.readLine()
		if err != nil {
			s.done = true
			if err != io.EOF {
				s.ioErr = err
			}
			return nil
		}
		subject := fmt.Sprintf("line %d", s.line)
		if s.end != nil {
			s.fail(CodeExport, subject, "a line after the end line")
			s.done = true
			return nil
		}
		var l exportLine
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if dec.Decode(&l) != nil || dec.InputOffset() != int64(len(raw)) || !l.complete() {
			s.fail(CodeExport, subject, "the line is not in the form of an export")
			continue
		}
		if l.Type == "end" {
			s.end = &l
			continue
		}
		return &l
	}
	return nil
}

var errLongLine = errors.New("a line is longer than 1 MiB")

func (s *exportSource) readLine() ([]byte, error) {
	var out []byte
	for {
		part, err := s.in.ReadSlice('\n')
		out = append(out, part...)
		if len(out) > maxLine {
			return nil, errLongLine
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err == io.EOF && len(out) > 0 {
			// The last line lacks its end; if it is whole otherwise, it counts.
			s.line++
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		s.line++
		return out[:len(out)-1], nil
	}
}

// complete says whether a line has exactly the fields of its type.
func (l *exportLine) complete() bool {
	has := map[string]bool{
		"version": l.Version != nil, "origin": l.Origin != nil, "size": l.Size != nil, "checkpoints": l.Checkpoints != nil,
		"root": l.Root != nil, "note": l.Note != nil, "index": l.Index != nil, "salt": l.Salt != nil,
		"commitment": l.Commitment != nil, "event": l.Event != nil, "erasure": l.Erasure != nil,
	}
	need, ok := map[string][]string{
		"record":     {"version", "origin", "size"},
		"checkpoint": {"size", "root", "note"},
		"event":      {"index", "salt", "commitment", "event"},
		"erased":     {"index", "commitment", "erasure"},
		"end":        {"size", "checkpoints", "root"},
	}[l.Type]
	if !ok {
		return false
	}
	n := 0
	for _, present := range has {
		if present {
			n++
		}
	}
	for _, k := range need {
		if !has[k] {
			return false
		}
	}
	return n == len(need)
}

func (s *exportSource) Head(context.Context) (int64, error) {
	l := s.next()
	if l == nil || l.Type != "record" {
		s.ahead = l
		s.fail(CodeExport, "export", "it does not begin with a record line")
		return -1, nil
	}
	if *l.Version != "1" {
		s.fail(CodeExport, "export", "version %q is not known", *l.Version)
	}
	return *l.Size, nil
}

func (s *exportSource) Checkpoints(context.Context) ([]Checkpoint, error) {
	var out []Checkpoint
	for l := s.next(); l != nil; l = s.next() {
		if l.Type != "checkpoint" {
			s.ahead = l
			break
		}
		root, err := hex.DecodeString(*l.Root)
		if err != nil {
			root = nil // differs from every root
		}
		out = append(out, Checkpoint{Size: *l.Size, Root: root, Note: []byte(*l.Note)})
	}
	return out, nil
}

// fill reads on until one of the two queues holds limit rows.
func (s *exportSource) fill(limit int, queued func() int) {
	for queued() < limit {
		l := s.next()
		if l == nil {
			return
		}
		if l.Type == "erased" {
			v, _ := hex.DecodeString(*l.Commitment)
			s.leaves = append(s.leaves, Leaf{*l.Index, v})
			s.openings = append(s.openings, Opening{Index: *l.Index, Erasure: *l.Erasure, Bare: true})
			continue
		}
		if l.Type != "event" {
			s.fail(CodeExport, fmt.Sprintf("line %d", s.line), "a %s line among the events", l.Type)
			continue
		}
		// A field that does not decode is empty and so gives no leaf; the checker names the index.
		v, _ := hex.DecodeString(*l.Commitment)
		salt, _ := hex.DecodeString(*l.Salt)
		event, _ := base64.StdEncoding.DecodeString(*l.Event)
		s.leaves = append(s.leaves, Leaf{*l.Index, v})
		s.openings = append(s.openings, Opening{Index: *l.Index, Salt: salt, Event: event, Bare: true})
	}
}

func (s *exportSource) Leaves(_ context.Context, _ int64, limit int) ([]Leaf, error) {
	s.fill(limit, func() int { return len(s.leaves) })
	n := min(limit, len(s.leaves))
	out := s.leaves[:n:n]
	s.leaves = s.leaves[n:]
	return out, nil
}

func (s *exportSource) Openings(_ context.Context, _ int64, limit int) ([]Opening, error) {
	s.fill(limit, func() int { return len(s.openings) })
	n := min(limit, len(s.openings))
	out := s.openings[:n:n]
	s.openings = s.openings[n:]
	return out, nil
}

func (s *exportSource) Hashes(context.Context, int64, int) ([]StoredHash, error) { return nil, nil }
