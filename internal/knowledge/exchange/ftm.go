package exchange

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
)

// FollowTheMoney, one entity to a line. `properties` hold what others read: values that are established or probable and, where there is a
// finding, the one it chose. `zapis` holds everything, so that a file taken in by an empty archive gives the same file again.

// ftmVersion is that of the object `zapis`.
const ftmVersion = 1

// maxLine is how long a line of such a file may be.
const maxLine = 16 << 20

// ftmEntity is one line.
type ftmEntity struct {
	ID         string              `json:"id"`
	Schema     string              `json:"schema"`
	Caption    string              `json:"caption,omitempty"`
	Properties map[string][]string `json:"properties"`
	Zapis      *ftmZapis           `json:"zapis,omitempty"`
}

// ftmZapis is what FollowTheMoney has no place for.
type ftmZapis struct {
	Version         int                `json:"version"`
	Kind            archive.EntityKind `json:"kind"`
	Code            string             `json:"code"`
	Compartment     string             `json:"compartment,omitempty"`
	CompartmentName string             `json:"compartmentName,omitempty"`
	Protected       bool               `json:"protected,omitempty"`
	At              string             `json:"at"`
	By              string             `json:"by,omitempty"`
	Keys            []ftmKey           `json:"keys,omitempty"`
	Claims          []ftmClaim         `json:"claims,omitempty"`
	Findings        []ftmFinding       `json:"findings,omitempty"`
	Merges          []ftmMerge         `json:"merges,omitempty"`
	Passages        []ftmPassage       `json:"passages,omitempty"`
	Consents        []ftmConsent       `json:"consents,omitempty"`
	// Terms that the claims use and that are no part of the program.
	Terms map[string]ftmTerm `json:"terms,omitempty"`
}

type ftmTerm struct {
	Parent  string            `json:"parent,omitempty"`
	Labels  map[string]string `json:"labels"`
	Retired bool              `json:"retired,omitempty"`
}

type ftmKey struct {
	Source string `json:"source"`
	Key    string `json:"key"`
}

type ftmClaim struct {
	ID          string            `json:"id"`
	Property    string            `json:"property"`
	Value       string            `json:"value"`
	Lang        string            `json:"lang,omitempty"`
	Certainty   archive.Certainty `json:"certainty"`
	Note        string            `json:"note,omitempty"`
	Compartment *string           `json:"compartment,omitempty"` // its own
	At          string            `json:"at"`
	By          string            `json:"by,omitempty"`
	Origin      string            `json:"origin"`
	Sources     []ftmSource       `json:"sources,omitempty"`
	Retracted   *ftmRetracted     `json:"retracted,omitempty"`
}

type ftmRetracted struct {
	At       string `json:"at"`
	By       string `json:"by,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Replaced string `json:"replaced,omitempty"`
}

type ftmSource struct {
	Kind    string  `json:"kind"`
	Item    string  `json:"item,omitempty"`
	From    string  `json:"from,omitempty"` // seconds
	To      string  `json:"to,omitempty"`
	Region  *[4]int `json:"region,omitempty"` // x, y, width, height in millionths
	Page    int     `json:"page,omitempty"`
	Passage string  `json:"passage,omitempty"`
	Entity  string  `json:"entity,omitempty"`
	Note    string  `json:"note,omitempty"`
}

type ftmFinding struct {
	ID       string `json:"id"`
	Property string `json:"property"`
	Claim    string `json:"claim,omitempty"`
	Reason   string `json:"reason"`
	At       string `json:"at"`
	By       string `json:"by,omitempty"`
	Dissent  bool   `json:"dissent,omitempty"`
}

type ftmMerge struct {
	ID     string `json:"id"`
	Into   string `json:"into"`
	Reason string `json:"reason"`
	At     string `json:"at"`
	By     string `json:"by,omitempty"`
	Undone string `json:"undone,omitempty"`
	Undoer string `json:"undoneBy,omitempty"`
}

type ftmPassage struct {
	ID       string `json:"id"`
	Ordinal  int    `json:"ordinal"`
	Heading  string `json:"heading"`
	Text     string `json:"text"`
	Lang     string `json:"lang,omitempty"`
	Item     string `json:"item,omitempty"`
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`
	Page     int    `json:"page,omitempty"`
	At       string `json:"at"`
	By       string `json:"by,omitempty"`
	Replaced string `json:"replaced,omitempty"`
	Removed  string `json:"removed,omitempty"`
}

type ftmConsent struct {
	ID        string `json:"id"`
	Purpose   string `json:"purpose"`
	Audience  string `json:"audience"`
	Until     string `json:"until,omitempty"`
	How       string `json:"how"`
	Item      string `json:"item,omitempty"`
	Note      string `json:"note,omitempty"`
	Given     string `json:"given"`
	By        string `json:"by,omitempty"`
	Withdrawn string `json:"withdrawn,omitempty"`
	Withdrew  string `json:"withdrawnBy,omitempty"`
	Reason    string `json:"reason,omitempty"`
}

// stampText writes a moment; empty for none.
func stampText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return archive.FormatTime(t)
}

// stampTime reads what stampText wrote.
func stampTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1900 || t.Year() > 2500 {
		return time.Time{}, fmt.Errorf("%w: a moment is written as 2026-11-22T04:41:23.000000Z", archive.ErrInvalid)
	}
	return t.UTC().Truncate(time.Microsecond), nil
}

// secondsText writes a length of time as seconds with as many decimals as it needs; empty for none.
func secondsText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	text := fmt.Sprintf("%d.%06d", d/time.Second, d%time.Second/time.Microsecond)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func secondsOf(text string) (time.Duration, error) {
	bad := fmt.Errorf("%w: a length of time is written in seconds, with six decimals at most", archive.ErrInvalid)
	if text == "" {
		return 0, nil
	}
	whole, part, _ := strings.Cut(text, ".")
	if len(whole) == 0 || len(whole) > 9 || len(part) > 6 {
		return 0, bad
	}
	var us int64
	for _, c := range whole + (part + "000000")[:6] {
		if c < '0' || c > '9' {
			return 0, bad
		}
		us = us*10 + int64(c-'0')
	}
	return time.Duration(us) * time.Microsecond, nil
}

// A source that is not in this archive is kept in words that can be read back: zapis:<what>?… . foreign writes them, ofForeign reads them.
const foreignPrefix = "zapis:source:"

// foreign gives a source in words, since what it names is not here.
func foreign(s ftmSource) archive.Source {
	b, err := json.Marshal(s)
	if err != nil {
		return archive.Source{Kind: archive.SourceOther, Note: foreignPrefix}
	}
	return archive.Source{Kind: archive.SourceOther, Note: foreignPrefix + string(b)}
}

// ftmSourceOf writes a source; one that was kept in words becomes what it was.
func ftmSourceOf(s archive.Source) ftmSource {
	if text, ok := strings.CutPrefix(s.Note, foreignPrefix); ok && s.Kind == archive.SourceOther {
		var out ftmSource
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&out); err == nil && out.Kind != "" {
			return out
		}
	}
	out := ftmSource{Kind: s.Kind, Item: s.Item, From: secondsText(s.From), To: secondsText(s.To), Page: s.Page, Passage: s.Passage, Entity: s.Entity, Note: s.Note}
	if !s.Region.IsZero() {
		out.Region = &[4]int{s.Region.X, s.Region.Y, s.Region.W, s.Region.H}
	}
	return out
}

// SourceText gives a source that was kept in words as people read it: what it names and where in it. Other notes stay as they are.
func SourceText(note string) string {
	text, ok := strings.CutPrefix(note, foreignPrefix)
	if !ok {
		return note
	}
	var s ftmSource
	if json.Unmarshal([]byte(text), &s) != nil {
		return note
	}
	out := s.Kind
	for _, id := range []string{s.Item, s.Passage, s.Entity} {
		if id != "" {
			out += " " + id
			break
		}
	}
	if s.From != "" || s.To != "" {
		from := s.From
		if from == "" {
			from = "0"
		}
		out += " " + from + "–" + s.To + " s"
	}
	if s.Page > 0 {
		out += fmt.Sprintf(", p. %d", s.Page)
	}
	if s.Note != "" {
		out += ": " + s.Note
	}
	return out
}

// ftmTypes says how FollowTheMoney types those of its properties whose values need another form than ours, or may not be as long. The others
// are texts. test/ftm.test.ts of the web part holds this, the schemata and the ranges against the model itself.
var ftmTypes = map[string]string{
	"date": "date", "startDate": "date", "endDate": "date", "birthDate": "date", "incorporationDate": "date", "dissolutionDate": "date", "publishedAt": "date",
	"country": "country", "nationality": "country", "gender": "gender", "language": "language",
	"name": "name", "alias": "name", "weakAlias": "name", "full": "address", "role": "string", "status": "string", "keywords": "string", "classification": "string", "title": "string",
	"publisher": "string", "region": "string", "sourceUrl": "url",
	"addressEntity": "entity", "involved": "entity", "subject": "entity", "object": "entity", "parent": "entity", "employee": "entity", "employer": "entity",
}

// ftmLongest is how many characters a value of a type may have there.
var ftmLongest = map[string]int{"name": 384, "address": 250, "string": 1024, "url": 4096, "": 65_000}

// ftmRanges says which schema the properties that are entities lead to.
var ftmRanges = map[string]string{
	"addressEntity": "Address", "involved": "LegalEntity", "subject": "Thing", "object": "Thing", "parent": "LegalEntity", "employee": "Person", "employer": "Organization",
}

// ftmAre says what else entities of a schema are.
var ftmAre = map[string][]string{
	"Event": {"Thing"}, "Person": {"LegalEntity", "Thing"}, "PublicBody": {"Organization", "LegalEntity", "Thing"}, "Organization": {"LegalEntity", "Thing"}, "Address": {"Thing"},
	"Asset": {"Thing"}, "Document": {"Thing"}, "Article": {"Document", "Thing"}, "UnknownLink": nil, "Employment": nil,
}

// ftmLanguages are the languages that FollowTheMoney knows.
var ftmLanguages = strings.Fields(`afr ara aze bel ben bos bul cat ces cnr dan deu ell eng est fas fil fin fra heb hin hrv hun hye ind isl ita jpn kan kat kaz khm kir kor lav lit ltz mkd mlt mon msa
	mya nep nld nor pol por ron rus slk slv spa sqi srp swa swe tgk tgl tuk tur ukr urd uzb zho`)

// ftmValue gives a value as FollowTheMoney writes it; empty if it cannot be written there without saying something else. kind is that of the
// entity that the value names, if it does.
func ftmValue(p catalogue.Property, value string, kind archive.EntityKind) string {
	t := ftmTypes[p.FtM]
	switch t {
	case "date":
		return ftmDate(value)
	case "country":
		return countryCode(value)
	case "gender":
		_, code, _ := strings.Cut(value, ":")
		if slices.Contains([]string{"male", "female", "other"}, code) {
			return code
		}
		return ""
	case "language":
		if t, err := language.Parse(value); err == nil {
			if b, c := t.Base(); c != language.No && slices.Contains(ftmLanguages, b.ISO3()) {
				return b.ISO3()
			}
		}
		return ""
	case "entity":
		k, ok := catalogue.KindOf(kind)
		if want := ftmRanges[p.FtM]; !ok || k.FtM != want && !slices.Contains(ftmAre[k.FtM], want) {
			return ""
		}
		return value
	}
	if utf8.RuneCountInString(value) > ftmLongest[t] {
		return ""
	}
	return value
}

// ftmDate gives the part of an EDTF date that FollowTheMoney can say: a year, a month, a day or a second that is certain. Intervals,
// approximate and unspecified dates have no honest form there.
func ftmDate(edtf string) string {
	for _, layout := range []string{"2006", "2006-01", time.DateOnly, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z"} {
		if t, err := time.Parse(layout, edtf); err == nil {
			return strings.TrimSuffix(t.Format(layout), "Z")
		}
	}
	return ""
}

// countries gives codes of countries by their folded names in three languages.
var countries = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			r, err := language.ParseRegion(string([]rune{a, b}))
			if err != nil || !r.IsCountry() || r.Canonicalize() != r || slices.Contains([]string{"EA", "EZ"}, r.String()) {
				continue // these two FollowTheMoney does not know
			}
			for _, l := range []language.Tag{language.English, language.Russian, language.Ukrainian} {
				if name := display.Regions(l).Name(r); name != "" {
					out[fold(name)] = strings.ToLower(r.String())
				}
			}
		}
	}
	for name, code := range map[string]string{"россия": "ru", "российская федерация": "ru", "russian federation": "ru", "рф": "ru", "росія": "ru", "російська федерація": "ru", "беларусь": "by", "белоруссия": "by", "білорусь": "by", "україна": "ua"} {
		out[name] = code
	}
	return out
})

// countryCodes are the codes of countries that there are.
var countryCodes = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for _, code := range countries() {
		out[code] = true
	}
	return out
})

func countryCode(value string) string {
	word := fold(value)
	if len(word) == 2 {
		if r, err := language.ParseRegion(word); err == nil {
			if code := strings.ToLower(r.Canonicalize().String()); countryCodes()[code] {
				return code
			}
		}
	}
	return countries()[word]
}

// ftmReader reads such a file line by line.
type ftmReader struct {
	r    *bufio.Reader
	line int64
	size int // bytes of the last line
}

func newFtMReader(r io.Reader) *ftmReader { return &ftmReader{r: bufio.NewReaderSize(r, 256<<10)} }

// next gives the next entity and the number of its line, from 1. *RowError: the line cannot be read, the next one may be. io.EOF at the end.
func (f *ftmReader) next() (ftmEntity, int64, error) {
	for {
		line, err := f.readLine()
		if err != nil {
			return ftmEntity{}, f.line, err
		}
		f.size = len(line)
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		refuse := func(code, text string) (ftmEntity, int64, error) {
			return ftmEntity{}, f.line, &RowError{Row: f.line, Code: code, Text: text}
		}
		if !utf8.Valid(line) {
			return refuse(ReasonEncoding, "bytes that are not UTF-8")
		}
		var e ftmEntity
		if err := json.Unmarshal(line, &e); err != nil {
			return refuse(ReasonValue, "no entity of FollowTheMoney: an object with id, schema and properties was expected")
		}
		if e.ID == "" || e.Schema == "" || len(e.ID) > 255 {
			return refuse(ReasonValue, "an entity needs an id and a schema")
		}
		if e.Zapis != nil && e.Zapis.Version != ftmVersion {
			return refuse(ReasonValue, "the object zapis is of a version that this program does not read")
		}
		return e, f.line, nil
	}
}

// readLine gives a line without its end. A line that is too long ends the reading, since nobody knows what it is.
func (f *ftmReader) readLine() ([]byte, error) {
	var out []byte
	f.line++
	for {
		piece, err := f.r.ReadSlice('\n')
		if len(out)+len(piece) > maxLine {
			return nil, &fatal{&RowError{Row: f.line, Code: ReasonLong, Text: fmt.Sprintf("a line of more than %d MB", maxLine>>20)}}
		}
		out = append(out, piece...)
		switch {
		case err == nil:
			if f.line == 1 {
				out = bytes.TrimPrefix(out, []byte("\ufeff"))
			}
			return out, nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF):
			if len(out) == 0 {
				return nil, io.EOF
			}
			return out, nil
		default:
			return nil, fmt.Errorf("read line %d: %w", f.line, err)
		}
	}
}
