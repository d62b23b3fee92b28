package site

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// ErrBundle says that a bundle folder is not what it has to be; the text names the place in it.
var ErrBundle = errors.New("bundle refused")

func refuse(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBundle}, a...)...)
}

// States of a release.
const (
	Published = "published"
	Withdrawn = "withdrawn"
)

// Release is release.json, version 1, as docs/design/release.md fixes it. Texts in a Words map go by language.
type Release struct {
	Format         string          `json:"format"`
	Version        int             `json:"version"`
	ID             string          `json:"id"`
	Slug           string          `json:"slug"`
	Release        int             `json:"release"` // from 1: the version of the release
	State          string          `json:"state"`
	Published      string          `json:"published"`       // RFC 3339, UTC
	FirstPublished string          `json:"first_published"` // RFC 3339, UTC
	Origin         string          `json:"origin"`          // of the transparency log
	Languages      []string        `json:"languages"`
	Text           map[string]Text `json:"text"`
	Clip           *Clip           `json:"clip"` // nil once withdrawn
	Place          *Place          `json:"place"`
	Facility       *Facility       `json:"facility"`
	Recorded       *Recorded       `json:"recorded"`
	Masks          []Mask          `json:"masks"`
	Cuts           []Cut           `json:"cuts"`
	Proof          Proof           `json:"proof"`
	Custody        []Custody       `json:"custody"`
	Followed       []Followed      `json:"followed"`
	Corrections    []Correction    `json:"corrections"`
	Withdrawn      *Withdrawal     `json:"withdrawn"` // nil unless withdrawn
	Related        []string        `json:"related"`   // slugs
}

// Words is a text by language.
type Words map[string]string

// Text is what a release says in one language.
type Text struct {
	Title     string     `json:"title"`
	Summary   string     `json:"summary"`
	Shows     []string   `json:"shows"` // paragraphs
	Sentences []Sentence `json:"sentences"`
	Warnings  []Warning  `json:"warnings"`
	Credit    string     `json:"credit"`
}

// Sentence is one finding with how sure it is: established, probable, disputed or not known.
type Sentence struct {
	Text      string `json:"text"`
	Certainty string `json:"certainty"`
}

// Warning is something hard to watch, in milliseconds of the clip.
type Warning struct {
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"`
	Text   string `json:"text"`
}

// Clip is the moving picture. Names are names of files in the bundle.
type Clip struct {
	MS         int64    `json:"ms"`
	Width      int      `json:"width"`
	Height     int      `json:"height"`
	Files      []File   `json:"files"`
	Poster     string   `json:"poster"`
	Drawing    string   `json:"drawing"`
	Stills     []string `json:"stills"`
	Captions   Words    `json:"captions"` // name of a WebVTT file, by language
	Difficulty int      `json:"difficulty"`
}

// File is one rendition of the clip.
type File struct {
	Name   string `json:"name"`
	Height int    `json:"height"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// Place is where it was recorded, as exactly as Precision says. Lat and Lon are degrees, nil where they are not given.
type Place struct {
	Name      Words    `json:"name"`
	Region    Words    `json:"region"`
	Country   string   `json:"country"`
	Lat       *float64 `json:"lat"`
	Lon       *float64 `json:"lon"`
	Precision string   `json:"precision"`
}

// Facility is the institution.
type Facility struct {
	Code string `json:"code"`
	Name Words  `json:"name"`
}

// Recorded is when it was recorded: an EDTF date and words.
type Recorded struct {
	EDTF string `json:"edtf"`
	Text Words  `json:"text"`
}

// Mask says how often something was hidden for a reason.
type Mask struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// Cut is one span that was taken.
type Cut struct {
	MS int64 `json:"ms"`
}

// Proof names the proof bundles of the clip and of the scope it counts against.
type Proof struct {
	File     string `json:"file"`
	Scope    string `json:"scope"`
	StatedOn string `json:"stated_on"` // date
	Share    Share  `json:"share"`
}

// Share is how much of the stated whole was published so far.
type Share struct {
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
	MS      int64 `json:"ms"`
	OfFiles int64 `json:"of_files"`
	OfBytes int64 `json:"of_bytes"`
	OfMS    int64 `json:"of_ms"`
}

// Custody is one step on the way to the reader.
type Custody struct {
	Date string `json:"date"`
	What string `json:"what"`
	Text Words  `json:"text"`
}

// Followed is something that happened after the release.
type Followed struct {
	Date string `json:"date"`
	Kind string `json:"kind"`
	Text Words  `json:"text"`
	URL  string `json:"url"`
}

// Correction says what a version changed.
type Correction struct {
	Date    string `json:"date"`
	Release int    `json:"release"`
	Text    Words  `json:"text"`
}

// Withdrawal is the end of a release.
type Withdrawal struct {
	Date   string `json:"date"`
	Reason Words  `json:"reason"`
}

// Vocabularies of release.json.
var (
	certainties = []string{"established", "probable", "disputed", "not known"}
	precisions  = []string{"facility", "city", "region", "country", "cannot be determined"}
	reasons     = []string{"face", "person", "plate", "badge", "document", "screen", "clock", "name", "tattoo", "other", "text"}
	steps       = []string{"received", "sealed", "redacted", "approved", "rendered", "stated", "published"}
	kinds       = []string{"dismissal", "case", "law", "press", "answer", "other"}
)

// Limits of release.json.
const (
	largestRelease = 1 << 20
	mostText       = 8000 // runes of one paragraph
	mostTitle      = 300
	mostList       = 500
)

var (
	slugForm     = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	languageForm = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$`)
	idForm       = regexp.MustCompile(`^re_[0-9a-hjkmnp-tv-z]{26}$`)
	nameForm     = regexp.MustCompile(`^(release\.json|SHA256SUMS|poster\.jpg|drawing\.png|proof\.json|scope\.json|clip-[1-9][0-9]{1,4}\.mp4|still-[1-9][0-9]?\.jpg|captions\.[A-Za-z-]{2,11}\.vtt|text\.[A-Za-z-]{2,11}\.txt)$`)
	hexForm      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	codeForm     = regexp.MustCompile(`^[A-Za-z0-9._-]{0,64}$`)
	originForm   = regexp.MustCompile(`^[A-Za-z0-9._~:/@-]{1,200}$`) // it stands in lines that readers copy into a shell
	edtfForm     = regexp.MustCompile(`^[0-9A-Za-z:./~?%\[\]{},+-]{0,64}$`)
)

// ParseRelease reads release.json strictly: UTF-8 JSON with exactly the keys of version 1, none twice, every value in its
// vocabulary and its limits, and texts without control and direction characters. raw is treated as hostile.
func ParseRelease(raw []byte) (Release, error) {
	var r Release
	if len(raw) > largestRelease {
		return r, refuse("release.json is longer than %d bytes", largestRelease)
	}
	tree, err := parseTree(raw)
	if err != nil {
		return r, refuse("release.json: %w", err)
	}
	if err := bind(tree, reflect.ValueOf(&r).Elem(), ""); err != nil {
		return Release{}, refuse("release.json: %w", err)
	}
	if err := r.check(); err != nil {
		return Release{}, refuse("release.json: %w", err)
	}
	return r, nil
}

// object keeps the members of a JSON object; json.Number and string are leaves.
type object map[string]any

func parseTree(raw []byte) (any, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	v, err := parseValue(dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the object")
	}
	return v, nil
}

func parseValue(dec *json.Decoder, depth int) (any, error) {
	if depth > 8 {
		return nil, errors.New("nested too deeply")
	}
	t, err := dec.Token()
	if err != nil {
		return nil, errors.New("not JSON")
	}
	switch d, _ := t.(json.Delim); d {
	case '{':
		o := object{}
		for dec.More() {
			k, err := dec.Token()
			if err != nil {
				return nil, errors.New("not JSON")
			}
			key := k.(string)
			if _, twice := o[key]; twice {
				return nil, errors.New("a key is given twice")
			}
			if o[key], err = parseValue(dec, depth+1); err != nil {
				return nil, err
			}
		}
		if _, err := dec.Token(); err != nil {
			return nil, errors.New("not JSON")
		}
		return o, nil
	case '[':
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		if _, err := dec.Token(); err != nil {
			return nil, errors.New("not JSON")
		}
		return list, nil
	}
	return t, nil
}

// bind puts a JSON tree into a value: a struct takes exactly its keys; only a pointer may be null.
func bind(v any, to reflect.Value, at string) error {
	bad := func(want string) error { return fmt.Errorf("%s: %s was expected", strings.TrimPrefix(at, "."), want) }
	if to.Kind() == reflect.Pointer {
		if v == nil {
			return nil
		}
		to.Set(reflect.New(to.Type().Elem()))
		return bind(v, to.Elem(), at)
	}
	switch to.Kind() {
	case reflect.String:
		s, ok := v.(string)
		if !ok {
			return bad("a text")
		}
		to.SetString(s)
	case reflect.Int, reflect.Int64:
		n, ok := v.(json.Number)
		if !ok {
			return bad("a whole number")
		}
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil || i < 0 || i > 1<<53 {
			return bad("a whole number")
		}
		if to.OverflowInt(i) {
			return bad("a smaller number")
		}
		to.SetInt(i)
	case reflect.Float64:
		n, ok := v.(json.Number)
		if !ok {
			return bad("a number")
		}
		f, err := n.Float64()
		if err != nil {
			return bad("a number")
		}
		to.SetFloat(f)
	case reflect.Slice:
		list, ok := v.([]any)
		if !ok || len(list) > mostList {
			return bad("a list of at most " + strconv.Itoa(mostList))
		}
		to.Set(reflect.MakeSlice(to.Type(), len(list), len(list)))
		for i, e := range list {
			if err := bind(e, to.Index(i), fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		o, ok := v.(object)
		if !ok || len(o) > 40 {
			return bad("texts by language")
		}
		to.Set(reflect.MakeMap(to.Type()))
		for k, e := range o {
			if !languageForm.MatchString(k) {
				return bad("a code of a language as key")
			}
			into := reflect.New(to.Type().Elem()).Elem()
			if err := bind(e, into, at+"."+k); err != nil {
				return err
			}
			to.SetMapIndex(reflect.ValueOf(k), into)
		}
	case reflect.Struct:
		o, ok := v.(object)
		if !ok {
			return bad("an object")
		}
		for i := range to.NumField() {
			name := to.Type().Field(i).Tag.Get("json")
			e, there := o[name]
			if !there {
				return fmt.Errorf("%s: the key is missing", strings.TrimPrefix(at+"."+name, "."))
			}
			if err := bind(e, to.Field(i), at+"."+name); err != nil {
				return err
			}
		}
		if len(o) != to.NumField() {
			return bad("no key but those of version 1")
		}
	default:
		return bad("something else")
	}
	return nil
}

// checker collects the first thing that is wrong.
type checker struct{ err error }

func (c *checker) that(ok bool, format string, a ...any) {
	if !ok && c.err == nil {
		c.err = fmt.Errorf(format, a...)
	}
}

// text refuses what could change how a page reads: control characters, and characters that are not seen.
func (c *checker) text(s, at string, most int, needed bool) {
	c.that(!needed || strings.TrimSpace(s) != "", "%s: a text was expected", at)
	c.that(utf8.RuneCountInString(s) <= most, "%s: longer than %d characters", at, most)
	for _, r := range s {
		// Joiners and the soft hyphen belong to writing; every other character that is not seen hides or turns what follows.
		hidden := unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) && r != '\u00ad' && r != '\u200c' && r != '\u200d'
		c.that(r == '\n' || !unicode.IsControl(r) && !hidden && r != utf8.RuneError, "%s: a character that has no place in a text", at)
	}
}

func (c *checker) words(w Words, at string, needed bool) {
	c.that(!needed || len(w) > 0, "%s: a text was expected", at)
	for l, s := range w {
		c.text(s, at+"."+l, mostText, needed)
	}
}

func (c *checker) date(s, at string) { c.that(isDate(s), "%s: a date was expected", at) }

func isDate(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Year() >= 1900 && t.Year() < 2200
}

func isSlug(s string) bool { return len(s) <= 80 && slugForm.MatchString(s) }

func isTime(s string) bool {
	t, err := time.Parse(time.RFC3339, s)
	return err == nil && strings.HasSuffix(s, "Z") && t.Year() >= 1990 && t.Year() < 2200
}

// webAddress takes absolute http and https addresses without user and without anything that is not plain ASCII.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2000 || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r >= 0x7F || strings.ContainsRune("\"<>\\^`{|}", r) })
}

func (r Release) check() error {
	c := &checker{}
	c.that(r.Format == "zapis release" && r.Version == 1, "format: zapis release, version 1, was expected")
	c.that(idForm.MatchString(r.ID), "id: an identifier was expected")
	c.that(isSlug(r.Slug), "slug: a-z, 0-9 and single hyphens were expected")
	c.that(r.Release >= 1 && r.Release <= 100000, "release: a number from 1 was expected")
	c.that(r.State == Published || r.State == Withdrawn, "state: published or withdrawn was expected")
	c.that(isTime(r.Published) && isTime(r.FirstPublished) && r.FirstPublished <= r.Published, "published: two times in UTC, in order, were expected")
	c.that(originForm.MatchString(r.Origin), "origin: the name of a transparency log was expected")
	c.that(len(r.Languages) > 0 && len(r.Languages) <= 20, "languages: 1 to 20 were expected")
	for i, l := range r.Languages {
		c.that(languageForm.MatchString(l) && !slices.Contains(r.Languages[:i], l), "languages: codes, each once, were expected")
		if _, ok := r.Text[l]; !ok && r.State == Published {
			c.that(false, "text.%s: missing", l)
		}
	}
	c.checkText(r)
	if r.State == Withdrawn {
		c.that(r.Withdrawn != nil && r.Clip == nil, "withdrawn: date, reason and no clip were expected")
		if r.Withdrawn != nil {
			c.date(r.Withdrawn.Date, "withdrawn.date")
			c.words(r.Withdrawn.Reason, "withdrawn.reason", true)
		}
		c.checkTombstone(r)
	} else {
		c.that(r.Withdrawn == nil && r.Clip != nil, "a published release has a clip")
	}
	if r.Clip != nil {
		c.checkClip(*r.Clip)
	}
	c.checkFacts(r)
	return c.err
}

// checkTombstone: what is left of a withdrawn release says no more than that, since its release.json stays in public.
func (c *checker) checkTombstone(r Release) {
	for l, t := range r.Text {
		c.that(t.Title+t.Summary+t.Credit == "" && len(t.Shows)+len(t.Sentences)+len(t.Warnings) == 0, "text.%s: a withdrawn release has no texts", l)
	}
	c.that(r.Place == nil && r.Facility == nil && r.Recorded == nil && len(r.Masks)+len(r.Cuts) == 0, "a withdrawn release says nothing of where, when and what")
}

func (c *checker) checkText(r Release) {
	for l, t := range r.Text {
		at := "text." + l
		c.that(slices.Contains(r.Languages, l), "%s: a language that is not listed", at)
		c.text(t.Title, at+".title", mostTitle, r.State == Published)
		c.text(t.Summary, at+".summary", mostText, false)
		c.text(t.Credit, at+".credit", mostTitle, false)
		for i, s := range t.Shows {
			c.text(s, fmt.Sprintf("%s.shows[%d]", at, i), mostText, true)
		}
		for i, s := range t.Sentences {
			c.text(s.Text, fmt.Sprintf("%s.sentences[%d]", at, i), mostText, true)
			c.that(slices.Contains(certainties, s.Certainty), "%s.sentences[%d].certainty: one of %s was expected", at, i, strings.Join(certainties, ", "))
		}
		for i, w := range t.Warnings {
			c.text(w.Text, fmt.Sprintf("%s.warnings[%d]", at, i), mostText, true)
			c.that(w.FromMS <= w.ToMS, "%s.warnings[%d]: ends before it begins", at, i)
		}
	}
}

func (c *checker) checkClip(k Clip) {
	c.that(k.MS > 0 && k.Width > 0 && k.Width <= 8192 && k.Height > 0 && k.Height <= 8192, "clip: length, width and height were expected")
	c.that(len(k.Files) >= 1 && len(k.Files) <= 8, "clip.files: 1 to 8 were expected")
	c.that(k.Difficulty <= 3, "clip.difficulty: 0 to 3 was expected")
	seen := map[string]bool{}
	name := func(n, at, ext string) {
		c.that(nameForm.MatchString(n) && strings.HasSuffix(n, "."+ext) && !seen[n], "%s: the name of a file of kind %s was expected", at, ext)
		seen[n] = true
	}
	for i, f := range k.Files {
		at := fmt.Sprintf("clip.files[%d]", i)
		name(f.Name, at, "mp4")
		c.that(f.Height > 0 && f.Height <= 8192 && f.Bytes > 0 && hexForm.MatchString(f.SHA256), "%s: height, bytes and digest were expected", at)
	}
	name(k.Poster, "clip.poster", "jpg")
	name(k.Drawing, "clip.drawing", "png")
	for i, s := range k.Stills {
		name(s, fmt.Sprintf("clip.stills[%d]", i), "jpg")
	}
	for l, s := range k.Captions {
		name(s, "clip.captions."+l, "vtt")
	}
}

func (c *checker) checkFacts(r Release) {
	if p := r.Place; p != nil {
		c.words(p.Name, "place.name", false)
		c.words(p.Region, "place.region", false)
		c.text(p.Country, "place.country", 60, false)
		c.that(slices.Contains(precisions, p.Precision), "place.precision: one of %s was expected", strings.Join(precisions, ", "))
		c.that((p.Lat == nil) == (p.Lon == nil), "place: latitude and longitude belong together")
		if p.Lat != nil && p.Lon != nil {
			c.that(*p.Lat >= -90 && *p.Lat <= 90 && *p.Lon >= -180 && *p.Lon <= 180, "place: outside of the world")
		}
	}
	if f := r.Facility; f != nil {
		c.that(codeForm.MatchString(f.Code), "facility.code: a short code was expected")
		c.words(f.Name, "facility.name", false)
	}
	if d := r.Recorded; d != nil {
		c.that(edtfForm.MatchString(d.EDTF), "recorded.edtf: a date was expected")
		c.words(d.Text, "recorded.text", false)
	}
	for i, m := range r.Masks {
		c.that(slices.Contains(reasons, m.Reason) && m.Count > 0, "masks[%d]: a reason and a number were expected", i)
	}
	for i, k := range r.Cuts {
		c.that(k.MS > 0, "cuts[%d]: a length was expected", i)
	}
	c.that(r.Proof.File == "proof.json", "proof.file: proof.json was expected")
	c.that(r.Proof.Scope == "scope.json", "proof.scope: scope.json was expected")
	c.date(r.Proof.StatedOn, "proof.stated_on")
	s := r.Proof.Share
	c.that(s.Files <= s.OfFiles && s.Bytes <= s.OfBytes && s.MS <= s.OfMS, "proof.share: more than the whole")
	for i, s := range r.Custody {
		at := fmt.Sprintf("custody[%d]", i)
		c.date(s.Date, at)
		c.that(slices.Contains(steps, s.What), "%s.what: one of %s was expected", at, strings.Join(steps, ", "))
		c.words(s.Text, at, false)
	}
	for i, f := range r.Followed {
		at := fmt.Sprintf("followed[%d]", i)
		c.date(f.Date, at)
		c.that(slices.Contains(kinds, f.Kind), "%s.kind: one of %s was expected", at, strings.Join(kinds, ", "))
		c.words(f.Text, at, true)
		c.that(f.URL == "" || webAddress(f.URL), "%s.url: an address with http or https was expected", at)
	}
	for i, k := range r.Corrections {
		at := fmt.Sprintf("corrections[%d]", i)
		c.date(k.Date, at)
		c.that(k.Release >= 1 && k.Release <= r.Release, "%s.release: a version up to this one was expected", at)
		c.words(k.Text, at, true)
	}
	for i, s := range r.Related {
		c.that(isSlug(s), "related[%d]: a slug was expected", i)
	}
}
