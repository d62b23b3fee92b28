package note

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Format is a form in which notes leave the archive.
type Format string

// The formats.
const (
	VTT    Format = "vtt"    // WebVTT, one cue a note: for players
	JSONLD Format = "jsonld" // W3C Web Annotation, which is read back without loss
	JSON   Format = "json"   // plain
)

// MediaTypes gives the media type of each format.
var MediaTypes = map[Format]string{
	VTT: "text/vtt; charset=utf-8", JSONLD: `application/ld+json; profile="http://www.w3.org/ns/anno.jsonld"`, JSON: "application/json",
}

// ExportOptions of Export.
type ExportOptions struct {
	Format      Format
	Author, Tag string // only of this agent, only with this tag; empty: all
	Lang        string // of the labels of tags
}

// Names of things in our own terms.
const (
	urn     = "urn:zapis:"
	annoIRI = "http://www.w3.org/ns/anno.jsonld"
	fragIRI = "http://www.w3.org/TR/media-frags/"
	pdfIRI  = "http://tools.ietf.org/rfc/rfc3778"
)

// Export writes the notes on an item. It is recorded with the digest of what was written before it is given out; names of people are not in
// it, their identifiers are.
func (s *Service) Export(ctx context.Context, who policy.Subject, item string, o ExportOptions) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("export notes: %w", err) }
	if _, ok := MediaTypes[o.Format]; !ok {
		return fail(fmt.Errorf("%w: format of an export", archive.ErrInvalid))
	}
	if err := policy.Decide(who, policy.Export, policy.Object{Difficulty: -1}).Err(); err != nil {
		return fail(err)
	}
	var it archive.Item
	var notes []Note
	var f media.Frames
	labels := map[string]string{}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		notes = nil
		if it, err = look(ctx, tx, who, item, policy.ViewItem); err != nil {
			return err
		}
		all, err := s.read(ctx, tx, who, it)
		if err != nil {
			return err
		}
		for _, n := range all {
			if (o.Author == "" || n.Author == o.Author) && (o.Tag == "" || n.Tag == o.Tag) {
				notes = append(notes, n)
			}
		}
		if f, _, err = s.known(ctx, tx, it); err != nil {
			return err
		}
		if it, err = upright(ctx, tx, it); err != nil {
			return err
		}
		list, err := terms(ctx, tx, TagVocabulary)
		if err != nil {
			return err
		}
		for _, t := range list {
			labels[t.Vocabulary+":"+t.Code] = t.Label(o.Lang)
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	var b []byte
	switch o.Format {
	case VTT:
		b = writeVTT(it, notes, f, labels)
	case JSONLD:
		b, err = writeJSONLD(it, notes, f, s.now())
	case JSON:
		b, err = writeJSON(it, notes, f, s.now())
	}
	if err != nil {
		return fail(err)
	}
	sum := sha256.Sum256(b)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := look(ctx, tx, who, item, policy.ViewItem); err != nil { // it may be on its way out meanwhile
			return err
		}
		_, err := s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventExport, Agent: who.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: it.ID}},
			Detail:   map[string]string{"act": "notes exported", "format": string(o.Format), "notes": strconv.Itoa(len(notes)), "sha256": hex.EncodeToString(sum[:])},
		})
		return err
	})
	if err != nil {
		return fail(err)
	}
	return b, nil
}

// upright gives an item with the sides of its picture as it is shown: a recording that players turn is stored lying. The working copy is
// upright and says which side is the longer one.
func upright(ctx context.Context, tx *store.Tx, it archive.Item) (archive.Item, error) {
	if it.Kind != archive.KindVideo {
		return it, nil
	}
	all, err := tx.Derivatives(ctx, it.ID)
	if err != nil {
		return it, fmt.Errorf("list derivatives of %s: %w", it.ID, err)
	}
	for _, d := range all {
		var m struct{ Width, Height int }
		if d.Kind == archive.DerivativeProxy && json.Unmarshal(d.Meta, &m) == nil && m.Width != m.Height && it.Width != it.Height && (m.Width > m.Height) != (it.Width > it.Height) {
			it.Width, it.Height = it.Height, it.Width
		}
	}
	return it, nil
}

// ends gives where a note ends: where its last frame does. A note on sound, or on frames that are not listed, ends where it says, and a
// moment lasts a millisecond.
func ends(n archive.Note, f media.Frames) time.Duration {
	if n.FrameTo >= 0 && n.FrameTo < int64(len(f.Ticks)) {
		if n.FrameTo+1 < int64(len(f.Ticks)) {
			if t := f.Time(n.FrameTo + 1); t > n.To {
				return t
			}
		}
		if last := len(f.Ticks) - 1; last > 0 {
			return n.To + max(f.Time(int64(last))-f.Time(int64(last-1)), time.Millisecond)
		}
	}
	if n.To > n.From {
		return n.To
	}
	return n.To + time.Millisecond
}

var cueText = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", " ", "\x00", "")

// writeVTT writes WebVTT: each note a cue, named by its identifier, spoken by its author's.
func writeVTT(it archive.Item, notes []Note, f media.Frames, labels map[string]string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "WEBVTT - notes on %s\n\nNOTE\nItem %s. Times count from the beginning of the item, frames from 0.\n", it.Reference(), it.ID)
	for _, n := range notes {
		var lines []string
		if n.Tag != "" {
			label := labels[n.Tag]
			if label == "" {
				_, label, _ = strings.Cut(n.Tag, ":")
			}
			class := strings.NewReplacer(":", "-").Replace(n.Tag)
			lines = append(lines, "<c."+class+">"+cueText.Replace(label)+"</c>")
		}
		for line := range strings.SplitSeq(n.Body, "\n") {
			if line = strings.TrimSpace(line); line != "" { // an empty line would end the cue
				lines = append(lines, cueText.Replace(line))
			}
		}
		if n.FrameFrom >= 0 {
			fmt.Fprintf(&b, "\nNOTE frames %d to %d\n", n.FrameFrom, n.FrameTo)
		}
		from, to := n.From.Truncate(time.Millisecond), ends(n.Note, f)
		to = max(to.Round(time.Millisecond), from+time.Millisecond)
		fmt.Fprintf(&b, "\n%s\n%s --> %s\n<v %s>%s\n", n.ID, vttTime(from), vttTime(to), n.Author, strings.Join(lines, "\n"))
	}
	return b.Bytes()
}

func vttTime(d time.Duration) string {
	ms := d.Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}

type plainNote struct {
	ID        string  `json:"id"`
	FrameFrom *int64  `json:"frame_from,omitempty"`
	FrameTo   *int64  `json:"frame_to,omitempty"`
	FromUS    int64   `json:"from_us"`
	ToUS      int64   `json:"to_us"`
	EndsUS    int64   `json:"ends_us"`
	Region    *[4]int `json:"region,omitempty"`
	Page      int     `json:"page,omitempty"`
	Body      string  `json:"body"`
	Tag       string  `json:"tag,omitempty"`
	Lang      string  `json:"lang,omitempty"`
	Author    string  `json:"author"`
	Version   int     `json:"version"`
	Created   string  `json:"created"`
	Changed   string  `json:"changed"`
}

func writeJSON(it archive.Item, notes []Note, f media.Frames, now time.Time) ([]byte, error) {
	list := []plainNote{}
	for _, n := range notes {
		p := plainNote{ID: n.ID, FromUS: n.From.Microseconds(), ToUS: n.To.Microseconds(), EndsUS: ends(n.Note, f).Microseconds(), Page: n.Page, Body: n.Body, Tag: n.Tag,
			Lang: n.Lang, Author: n.Author, Version: n.Version, Created: archive.FormatTime(n.CreatedAt), Changed: archive.FormatTime(n.ChangedAt)}
		if n.FrameFrom >= 0 {
			p.FrameFrom, p.FrameTo = &n.FrameFrom, &n.FrameTo
		}
		if r := n.Region; !r.IsZero() {
			p.Region = &[4]int{r.X, r.Y, r.W, r.H}
		}
		list = append(list, p)
	}
	return indented(map[string]any{"format": "zapis notes 1", "item": it.ID, "reference": it.Reference(), "frames": len(f.Ticks), "at": archive.FormatTime(now), "notes": list})
}

func indented(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("write notes: %w", err)
	}
	return b.Bytes(), nil
}

// Parts of the Web Annotation model, in the order in which they are written.
type (
	annotation struct {
		Context    any       `json:"@context,omitempty"`
		ID         string    `json:"id,omitempty"`
		Type       string    `json:"type"`
		Motivation string    `json:"motivation,omitempty"`
		Created    string    `json:"created,omitempty"`
		Modified   string    `json:"modified,omitempty"`
		Creator    any       `json:"creator,omitempty"`
		Version    int       `json:"zapis:version,omitempty"`
		Body       []textual `json:"body,omitempty"`
		Target     target    `json:"target"`
	}
	textual struct {
		Type     string `json:"type"`
		Purpose  string `json:"purpose"`
		Format   string `json:"format,omitempty"`
		Language string `json:"language,omitempty"`
		Value    string `json:"value"`
	}
	target struct {
		Source   string    `json:"source"`
		Selector *selector `json:"selector,omitempty"`
		Frames   *[2]int64 `json:"zapis:frames,omitempty"`
		Times    *[2]int64 `json:"zapis:microseconds,omitempty"`
		Region   *[4]int   `json:"zapis:millionths,omitempty"`
	}
	selector struct {
		Type       string    `json:"type"`
		ConformsTo string    `json:"conformsTo"`
		Value      string    `json:"value"`
		RefinedBy  *selector `json:"refinedBy,omitempty"`
	}
)

func writeJSONLD(it archive.Item, notes []Note, f media.Frames, now time.Time) ([]byte, error) {
	items := []annotation{}
	timed := it.Kind == archive.KindVideo || it.Kind == archive.KindAudio
	for _, n := range notes {
		a := annotation{
			ID: urn + n.ID, Type: "Annotation", Motivation: "highlighting", Created: n.CreatedAt.UTC().Format(time.RFC3339Nano), Modified: n.ChangedAt.UTC().Format(time.RFC3339Nano),
			Creator: map[string]string{"id": urn + n.Author, "type": "Person"}, Version: n.Version, Target: target{Source: urn + it.ID},
		}
		if n.Tag != "" {
			a.Motivation = "tagging"
			a.Body = append(a.Body, textual{Type: "TextualBody", Purpose: "tagging", Value: n.Tag})
		}
		if n.Body != "" {
			a.Motivation = "commenting"
			a.Body = append(a.Body, textual{Type: "TextualBody", Purpose: "commenting", Format: "text/plain", Language: n.Lang, Value: n.Body})
		}
		if timed {
			a.Target.Times = &[2]int64{n.From.Microseconds(), n.To.Microseconds()}
			if n.FrameFrom >= 0 {
				a.Target.Frames = &[2]int64{n.FrameFrom, n.FrameTo}
			}
		}
		if r := n.Region; !r.IsZero() {
			a.Target.Region = &[4]int{r.X, r.Y, r.W, r.H}
		}
		spatial := Fragment{Timed: timed, From: n.From, To: ends(n.Note, f), Region: n.Region}.text(it.Width, it.Height)
		if spatial != "" {
			a.Target.Selector = &selector{Type: "FragmentSelector", ConformsTo: fragIRI, Value: spatial}
		}
		if n.Page > 0 {
			a.Target.Selector = &selector{Type: "FragmentSelector", ConformsTo: pdfIRI, Value: Fragment{Page: n.Page}.text(0, 0), RefinedBy: a.Target.Selector}
		}
		items = append(items, a)
	}
	id := urn + "notes:" + it.ID
	return indented(struct {
		Context any    `json:"@context"`
		ID      string `json:"id"`
		Type    string `json:"type"`
		Label   string `json:"label"`
		Created string `json:"created"`
		Total   int    `json:"total"`
		First   any    `json:"first"`
	}{
		Context: []any{annoIRI, map[string]any{"zapis": urn + "ns:", "zapis:frames": map[string]string{"@container": "@list"}, "zapis:microseconds": map[string]string{"@container": "@list"},
			"zapis:millionths": map[string]string{"@container": "@list"}}},
		ID: id, Type: "AnnotationCollection", Label: "Notes on " + it.Reference(), Created: now.Format(time.RFC3339), Total: len(items),
		First: struct {
			ID    string       `json:"id"`
			Type  string       `json:"type"`
			Start int          `json:"startIndex"`
			Items []annotation `json:"items"`
		}{id + ":1", "AnnotationPage", 0, items},
	})
}

// Bounds of a file that is read.
const (
	MaxImport      = 16 << 20 // bytes
	maxAnnotations = 10_000
	maxDepth       = 20
)

// Imported is an annotation as it was read.
type Imported struct {
	ID     string // as the file has it; may be empty
	Source string // what it is about, as the file has it
	Draft  Draft  // without a key
	Err    error  // why it cannot become a note; an archive.ErrInvalid
}

// loose is an annotation in any of the forms that the model allows.
type loose struct {
	Type   any             `json:"type"`
	AtType any             `json:"@type"`
	ID     string          `json:"id"`
	AtID   string          `json:"@id"`
	Items  json.RawMessage `json:"items"`
	First  json.RawMessage `json:"first"`
	Body   json.RawMessage `json:"body"`
	Value  string          `json:"bodyValue"`
	Target json.RawMessage `json:"target"`
}

// ParseAnnotations reads Web Annotation JSON-LD: one annotation, several, a page or a collection that holds its first page. Terms of other
// contexts are passed over; nothing is fetched. width and height are those of the item's picture in pixels, 0 if not known. One annotation
// that cannot be read does not spoil the others.
func ParseAnnotations(b []byte, width, height int) ([]Imported, error) {
	if len(b) > MaxImport {
		return nil, invalid("note-file", "a file of notes has at most %d bytes", MaxImport)
	}
	if depth(b) > maxDepth {
		return nil, invalid("note-file", "nested too deeply")
	}
	var out []Imported
	if err := collect(b, width, height, 0, &out); err != nil {
		return nil, err
	}
	return out, nil
}

// depth counts how deeply brackets are nested, outside of strings.
func depth(b []byte) (most int) {
	n, text := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case !text && (c == '{' || c == '['):
			n++
			most = max(most, n)
		case !text && (c == '}' || c == ']'):
			n--
		}
	}
	return most
}

func collect(b json.RawMessage, width, height, level int, out *[]Imported) error {
	bad := func(what string) error { return invalid("note-file", "%s", what) }
	b = bytes.TrimSpace(b)
	if level > 4 || len(b) == 0 {
		return bad("no annotations")
	}
	if b[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(b, &list) != nil {
			return bad("not JSON")
		}
		for _, one := range list {
			if err := collect(one, width, height, level+1, out); err != nil {
				return err
			}
		}
		return nil
	}
	var l loose
	if json.Unmarshal(b, &l) != nil {
		return bad("not JSON-LD of annotations")
	}
	kind := types(l.Type, l.AtType)
	switch {
	case slices.Contains(kind, "AnnotationCollection"):
		if f := bytes.TrimSpace(l.First); len(f) == 0 || f[0] != '{' {
			return bad("a collection without its first page")
		}
		return collect(l.First, width, height, level+1, out)
	case slices.Contains(kind, "AnnotationPage"):
		return collect(l.Items, width, height, level+1, out)
	case slices.Contains(kind, "Annotation"):
		if len(*out) >= maxAnnotations {
			return bad("more than 10,000 annotations")
		}
		one := Imported{ID: l.ID}
		if one.ID == "" {
			one.ID = l.AtID
		}
		one.Err = one.read(l, width, height)
		*out = append(*out, one)
		return nil
	}
	return bad("neither annotation nor page nor collection")
}

func types(values ...any) (out []string) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			out = append(out, v)
		case []any:
			out = append(out, types(v...)...)
		}
	}
	return out
}

// each gives the members of a value that may stand alone or in a list.
func each(b json.RawMessage) []json.RawMessage {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || string(b) == "null" {
		return nil
	}
	var list []json.RawMessage
	if b[0] == '[' && json.Unmarshal(b, &list) == nil {
		return list
	}
	return []json.RawMessage{b}
}

// one gives a value that may stand alone or first in a list of languages or purposes.
func text(v any) string {
	if all := types(v); len(all) > 0 {
		return all[0]
	}
	return ""
}

func (i *Imported) read(l loose, width, height int) error {
	d := Draft{FrameFrom: -1, FrameTo: -1, Body: l.Value}
	var bodies []string
	for _, raw := range each(l.Body) {
		var plain string
		if json.Unmarshal(raw, &plain) == nil {
			return invalid("note-body", "a body that lies elsewhere is not fetched")
		}
		var b struct {
			Type     any    `json:"type"`
			Purpose  any    `json:"purpose"`
			Format   any    `json:"format"`
			Language any    `json:"language"`
			Value    string `json:"value"`
		}
		if json.Unmarshal(raw, &b) != nil || !slices.Contains(types(b.Type), "TextualBody") {
			return invalid("note-body", "a body that is no text")
		}
		if f := text(b.Format); f != "" && f != "text/plain" {
			return invalid("note-body", "a text that is not plain")
		}
		if slices.Contains(types(b.Purpose), "tagging") && d.Tag == "" && tagForm.MatchString(b.Value) {
			d.Tag = b.Value
			continue
		}
		bodies = append(bodies, b.Value)
		if d.Lang == "" {
			d.Lang = text(b.Language)
		}
	}
	if len(bodies) > 0 {
		d.Body = strings.Join(bodies, "\n")
	}
	targets := each(l.Target)
	if len(targets) != 1 {
		return invalid("note-target", "one target is expected")
	}
	var iri string
	if json.Unmarshal(targets[0], &iri) == nil {
		source, frag, _ := strings.Cut(iri, "#")
		f, err := ParseFragment(frag, width, height)
		if err != nil {
			return archive.Explain(err, "note-target", "")
		}
		i.Source = source
		place(&d, f)
		i.Draft = d
		return nil
	}
	var t struct {
		Source   json.RawMessage `json:"source"`
		ID       string          `json:"id"`
		Selector json.RawMessage `json:"selector"`
		Frames   []int64         `json:"zapis:frames"`
		Times    []int64         `json:"zapis:microseconds"`
		Region   []int           `json:"zapis:millionths"`
	}
	if json.Unmarshal(targets[0], &t) != nil {
		return invalid("note-target", "target of an annotation")
	}
	if json.Unmarshal(t.Source, &i.Source) != nil {
		var s struct {
			ID string `json:"id"`
		}
		_ = json.Unmarshal(t.Source, &s) // then it is not said what it is about
		i.Source = s.ID
	}
	if i.Source == "" {
		i.Source = t.ID
	}
	if err := selectors(&d, t.Selector, width, height, 0); err != nil {
		return err
	}
	// Our own terms are exact where fragments are rounded.
	if len(t.Times) == 2 {
		const most = 10_000 * 3600 * million
		if t.Times[0] < 0 || t.Times[1] < t.Times[0] || t.Times[1] > most {
			return invalid("note-time", "times of an annotation")
		}
		d.From, d.To = time.Duration(t.Times[0])*time.Microsecond, time.Duration(t.Times[1])*time.Microsecond
	}
	if len(t.Frames) == 2 {
		if t.Frames[0] < 0 || t.Frames[1] < t.Frames[0] {
			return invalid("note-frame", "frames of an annotation")
		}
		d.FrameFrom, d.FrameTo = t.Frames[0], t.Frames[1]
	}
	if len(t.Region) == 4 {
		d.Region = archive.Region{X: t.Region[0], Y: t.Region[1], W: t.Region[2], H: t.Region[3]}
	}
	i.Draft = d
	return nil
}

func selectors(d *Draft, raw json.RawMessage, width, height, level int) error {
	if level > 3 {
		return invalid("note-target", "selectors nested too deeply")
	}
	for _, one := range each(raw) {
		var s struct {
			Type    any             `json:"type"`
			Value   string          `json:"value"`
			Refined json.RawMessage `json:"refinedBy"`
		}
		if json.Unmarshal(one, &s) != nil || !slices.Contains(types(s.Type), "FragmentSelector") {
			return invalid("note-target", "a selector that is no media fragment")
		}
		f, err := ParseFragment(s.Value, width, height)
		if err != nil {
			return archive.Explain(err, "note-target", "")
		}
		place(d, f)
		if err := selectors(d, s.Refined, width, height, level+1); err != nil {
			return err
		}
	}
	return nil
}

// place puts what a fragment says into a draft. A fragment ends where its last frame does, and a note where it begins: a microsecond before
// the end lies in the last frame.
func place(d *Draft, f Fragment) {
	if f.Timed {
		d.From, d.To = f.From, f.To
		if f.To > f.From {
			d.To = f.To - time.Microsecond
		}
	}
	if !f.Region.IsZero() {
		d.Region = f.Region
	}
	if f.Page > 0 {
		d.Page = f.Page
	}
}

// ImportReport says what became of each annotation.
type ImportReport struct {
	Made, Changed, Same int
	Refused             []Refusal
}

// Refusal is an annotation that became no note.
type Refusal struct {
	Index int // from 0, in the order of the file
	Err   error
}

// Import makes notes of a file of annotations about an item, as ParseAnnotations reads it. All of it is one transaction with one event. What
// was exported from here and changed outside becomes another version if it is the importer's own; what is known already stays as it is;
// what is of other people, or about other items, is refused and named in the report.
func (s *Service) Import(ctx context.Context, who policy.Subject, item string, file []byte) (ImportReport, error) {
	fail := func(err error) (ImportReport, error) { return ImportReport{}, fmt.Errorf("import notes: %w", err) }
	sum := sha256.Sum256(file)
	var rep ImportReport
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		rep = ImportReport{}
		it, err := look(ctx, tx, who, item, policy.Annotate)
		if err != nil {
			return err
		}
		if err := tx.LockItem(ctx, it.ID); err != nil {
			return err
		}
		if it, err = look(ctx, tx, who, item, policy.Annotate); err != nil {
			return err
		}
		shown, err := upright(ctx, tx, it)
		if err != nil {
			return err
		}
		list, err := ParseAnnotations(file, shown.Width, shown.Height)
		if err != nil {
			return err
		}
		f, listed, err := s.known(ctx, tx, it)
		if err != nil {
			return err
		}
		standing := map[string]archive.Note{}
		all, err := tx.Notes(ctx, policy.ScopeOf(who), it.ID)
		if err != nil {
			return err
		}
		for _, n := range all {
			standing[n.ID] = n
		}
		known := map[string]bool{}
		list2, err := terms(ctx, tx, TagVocabulary)
		if err != nil {
			return err
		}
		for _, t := range list2 {
			known[t.Vocabulary+":"+t.Code] = true
		}
		var fresh []store.NewNote
		var indexed []archive.Note
		keys := map[string]bool{}
		for i, one := range list {
			refuse := func(err error) { rep.Refused = append(rep.Refused, Refusal{i, err}) }
			if one.Err != nil {
				refuse(one.Err)
				continue
			}
			if id, ours := strings.CutPrefix(one.Source, urn+archive.PrefixItem+"_"); ours && archive.PrefixItem+"_"+id != it.ID {
				refuse(invalid("note-source", "it is about another item"))
				continue
			}
			n := archive.Note{ID: s.o.NewID(archive.PrefixNote), Item: it.ID, Author: who.Agent, CreatedAt: s.now(), Version: 1}
			n.ChangedAt = n.CreatedAt
			if err := fill(&n, one.Draft, it, f, listed); err != nil {
				refuse(err)
				continue
			}
			if n.Tag != "" && !known[n.Tag] {
				refuse(invalid("note-tag", "no such tag"))
				continue
			}
			if was, there := standing[strings.TrimPrefix(one.ID, urn)]; there && strings.HasPrefix(one.ID, urn) {
				switch {
				case !was.DeletedAt.IsZero():
					refuse(invalid("note-deleted", "the note was deleted here"))
				case same(was, n):
					rep.Same++
				case was.Author != who.Agent:
					refuse(invalid("note-author", "it is another person's note"))
				default:
					n.ID, n.Version = was.ID, was.Version
					if n, err = tx.ChangeNote(ctx, n); err != nil {
						return err
					}
					standing[n.ID] = n
					indexed = append(indexed, n)
					rep.Changed++
				}
				continue
			}
			k := importKey(it.ID, one.ID, n)
			switch _, err := tx.NoteByKey(ctx, policy.ScopeOf(who), who.Agent, k); {
			case err == nil || keys[k]:
				rep.Same++
				continue
			case !errors.Is(err, archive.ErrNotFound):
				return err
			}
			keys[k] = true
			fresh, indexed = append(fresh, store.NewNote{Note: n, Key: k}), append(indexed, n)
			rep.Made++
		}
		if len(indexed) == 0 {
			return nil
		}
		if err := tx.AddNotes(ctx, fresh...); err != nil {
			return err
		}
		if err := index(ctx, tx, indexed...); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventDescription, Agent: who.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: it.ID}},
			Detail: map[string]string{"act": "notes imported", "made": strconv.Itoa(rep.Made), "changed": strconv.Itoa(rep.Changed), "same": strconv.Itoa(rep.Same),
				"refused": strconv.Itoa(len(rep.Refused)), "sha256": hex.EncodeToString(sum[:])},
		})
		return err
	})
	if err != nil {
		return fail(err)
	}
	return rep, nil
}

// same says whether two notes say the same of the same place.
func same(a, b archive.Note) bool {
	return a.FrameFrom == b.FrameFrom && a.FrameTo == b.FrameTo && a.From == b.From && a.To == b.To && a.Region == b.Region && a.Page == b.Page && a.Body == b.Body &&
		a.Tag == b.Tag && a.Lang == b.Lang
}

// importKey names an annotation of a file, so that the same file read again makes nothing twice. One without an identifier is named by what
// it says.
func importKey(item, id string, n archive.Note) string {
	if id == "" {
		id = fmt.Sprint("\x00", n.FrameFrom, n.FrameTo, n.From, n.To, n.Region, n.Page, n.Tag, n.Lang, n.Body)
	}
	sum := sha256.Sum256([]byte("zapis note import\x00" + item + "\x00" + id))
	return "import-" + hex.EncodeToString(sum[:20])
}
