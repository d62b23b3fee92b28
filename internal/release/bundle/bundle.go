// Package bundle is the format of a release bundle: the folder in which a release leaves the archive.
//
// It guarantees that a release.json has one spelling: [Parse] accepts exactly the bytes that [Release.Canonical] writes (RFC 8785), with every
// key present and none unknown, every text within its limit, every date a date, every file name one of the fixed ones, and nothing that names
// a person who worked on it, an item, a path or an agent, since there is no field for them.
//
// It does not read or write files, does not know the archive, and does not judge what a text says: that is for package release.
package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// What stands in every release.json of this version.
const (
	Format  = "zapis release"
	Version = 1
)

// States of a release.
const (
	Published = "published"
	Withdrawn = "withdrawn" // a tombstone: no media, no texts but the reason
)

// Names of the files of a bundle that do not depend on a language or a number.
const (
	FileRelease = "release.json"
	FilePoster  = "poster.jpg"
	FileDrawing = "drawing.png"
	FileProof   = "proof.json"
	FileScope   = "scope.json"
	FileSums    = "SHA256SUMS"
)

// Limits of the format.
const (
	MaxBytes      = 1 << 20 // of release.json
	MaxLanguages  = 12
	MaxText       = 4000 // bytes of one text
	MaxTitle      = 300
	MaxList       = 500 // sentences, paragraphs, warnings, what followed, cuts …
	MaxStills     = 12
	MaxMS         = int64(24 * time.Hour / time.Millisecond)
	MaxFileBytes  = int64(1) << 36
	maxDifficulty = 3
)

// ErrFormat: bytes or values are not a release of this format.
var ErrFormat = errors.New("not a release bundle of this format")

// Release is release.json, version 1.
type Release struct {
	Format         string          `json:"format"`
	Version        int             `json:"version"`
	ID             string          `json:"id"`              // re_…; says nothing about what it names
	Slug           string          `json:"slug"`            // chosen by people
	Release        int             `json:"release"`         // 1, and one more for each correction
	State          string          `json:"state"`           // Published, Withdrawn
	Published      string          `json:"published"`       // RFC 3339, UTC, whole minutes
	FirstPublished string          `json:"first_published"` // of release 1
	Origin         string          `json:"origin"`          // of the transparency log
	Languages      []string        `json:"languages"`       // keys of every text, in the order to offer them
	Text           map[string]Text `json:"text"`
	Clip           *Clip           `json:"clip"`     // null in a tombstone
	Place          *Place          `json:"place"`    // null: not said
	Facility       *Facility       `json:"facility"` // null: not said
	Recorded       *Recorded       `json:"recorded"` // null: not said
	Masks          []Mask          `json:"masks"`
	Cuts           []Cut           `json:"cuts"`
	Proof          Proof           `json:"proof"`
	Custody        []Step          `json:"custody"`
	Followed       []Followed      `json:"followed"`
	Corrections    []Correction    `json:"corrections"`
	Withdrawn      *Withdrawal     `json:"withdrawn"` // null unless State is Withdrawn
	Related        []string        `json:"related"`   // slugs
}

// Words is one text in several languages.
type Words map[string]string

// Text is what a release says in one language.
type Text struct {
	Title     string     `json:"title"`
	Summary   string     `json:"summary"`
	Shows     []string   `json:"shows"` // what the clip shows, in paragraphs, for who does not look at it
	Sentences []Sentence `json:"sentences"`
	Warnings  []Warning  `json:"warnings"`
	Credit    string     `json:"credit"`
}

// Certainties of a sentence.
const (
	Established = "established"
	Probable    = "probable"
	Disputed    = "disputed"
	NotKnown    = "not known"
)

// Sentence is one finding.
type Sentence struct {
	Text      string `json:"text"`
	Certainty string `json:"certainty"`
}

// Warning says what is hard to watch, and when, in milliseconds of the clip.
type Warning struct {
	FromMS int64  `json:"from_ms"`
	ToMS   int64  `json:"to_ms"`
	Text   string `json:"text"`
}

// Clip is the moving picture with what belongs to it.
type Clip struct {
	MS         int64             `json:"ms"`
	Width      int               `json:"width"` // of the largest file
	Height     int               `json:"height"`
	Files      []File            `json:"files"` // largest first
	Poster     string            `json:"poster"`
	Drawing    string            `json:"drawing"`
	Stills     []string          `json:"stills"`
	Captions   map[string]string `json:"captions"`   // language to file
	Difficulty int               `json:"difficulty"` // 0 to 3
}

// File is one rendition.
type File struct {
	Name   string `json:"name"`
	Height int    `json:"height"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"` // hex
}

// Precisions of a place.
const (
	PrecisionFacility = "facility"
	PrecisionCity     = "city"
	PrecisionRegion   = "region"
	PrecisionCountry  = "country"
	PrecisionUnknown  = "cannot be determined"
)

// Place is where it was recorded, as far as it is said.
type Place struct {
	Name      Words    `json:"name"`
	Region    Words    `json:"region"`
	Country   string   `json:"country"` // ISO 3166-1 alpha-2, or empty
	Lat       *Degrees `json:"lat"`
	Lon       *Degrees `json:"lon"`
	Precision string   `json:"precision"`
}

// Degrees is an angle in ten-thousandths of a degree (about 11 m of latitude). In JSON it is a decimal number.
type Degrees int32

// MarshalJSON writes the shortest decimal.
func (d Degrees) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(d)/1e4, 'f', -1, 64), nil
}

var decimal = regexp.MustCompile(`^-?[0-9]{1,3}(\.[0-9]{1,4})?$`)

// UnmarshalJSON reads a decimal number of at most four places.
func (d *Degrees) UnmarshalJSON(b []byte) error {
	if !decimal.Match(b) {
		return fmt.Errorf("%w: an angle", ErrFormat)
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return fmt.Errorf("%w: an angle", ErrFormat)
	}
	*d = Degrees(math.Round(f * 1e4))
	return nil
}

// Near gives an angle as exactly as a precision of a place says: to thousandths of a degree (111 m) for a facility, hundredths for a city, and
// whole degrees for anything wider. More digits would say where within the region it was.
func (d Degrees) Near(precision string) Degrees {
	step := 1e4
	switch precision {
	case PrecisionFacility:
		step = 10
	case PrecisionCity:
		step = 100
	}
	return Degrees(math.Round(float64(d)/step) * step)
}

// Facility is the institution.
type Facility struct {
	Code string `json:"code"`
	Name Words  `json:"name"`
}

// Recorded is when, as far as it is said.
type Recorded struct {
	EDTF string `json:"edtf"`
	Text Words  `json:"text"`
}

// Mask counts what is hidden for one reason.
type Mask struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// Cut is the length of one stretch of the clip. Where it lay in its source is in the proof alone.
type Cut struct {
	MS int64 `json:"ms"`
}

// Proof names the proof bundles and the share of the sealed archive that is published with this release.
type Proof struct {
	File     string `json:"file"`
	Scope    string `json:"scope"`
	StatedOn string `json:"stated_on"`
	Share    Share  `json:"share"`
}

// Share is how much of the sealed archive has been published.
type Share struct {
	Files   int64 `json:"files"`
	Bytes   int64 `json:"bytes"`
	MS      int64 `json:"ms"`
	OfFiles int64 `json:"of_files"`
	OfBytes int64 `json:"of_bytes"`
	OfMS    int64 `json:"of_ms"`
}

// Step is one step of the way from the source to the public.
type Step struct {
	Date string `json:"date"`
	What string `json:"what"` // received, sealed, redacted, approved, rendered, stated, published
	Text Words  `json:"text"`
}

// Followed is something that happened because of the release, or did not.
type Followed struct {
	Date string `json:"date"`
	Kind string `json:"kind"` // dismissal, case, law, press, answer, other
	Text Words  `json:"text"`
	URL  string `json:"url"`
}

// Correction says what another release of the same clip changed.
type Correction struct {
	Date    string `json:"date"`
	Release int    `json:"release"` // the one that corrects
	Text    Words  `json:"text"`
}

// Withdrawal says why a release is no longer there.
type Withdrawal struct {
	Date   string `json:"date"`
	Reason Words  `json:"reason"`
}

// The words that may stand in fields with a fixed list.
var (
	Certainties   = []string{Established, Probable, Disputed, NotKnown}
	Precisions    = []string{PrecisionFacility, PrecisionCity, PrecisionRegion, PrecisionCountry, PrecisionUnknown}
	Steps         = []string{"received", "sealed", "redacted", "approved", "rendered", "stated", "published"}
	FollowedKinds = []string{"dismissal", "case", "law", "press", "answer", "other"}
	MaskReasons   = []string{"face", "person", "plate", "badge", "document", "screen", "clock", "name", "tattoo", "other", "text"}
)

var (
	slugForm    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	idForm      = regexp.MustCompile(`^re_[0-9a-hjkmnp-tv-z]{26}$`)
	langForm    = regexp.MustCompile(`^[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?$`)
	codeForm    = regexp.MustCompile(`^[A-Za-z0-9._-]{0,64}$`)
	countryForm = regexp.MustCompile(`^([A-Z]{2})?$`)
	originForm  = regexp.MustCompile(`^[!-*,-~]{1,200}$`)
	hexForm     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	edtfForm    = regexp.MustCompile(`^[0-9XYESTuxyz?~%./\[\]{},:+-]{1,64}$`)
	clipForm    = regexp.MustCompile(`^clip-([1-9][0-9]{1,4})\.mp4$`)
	nameForm    = regexp.MustCompile(`^(release\.json|SHA256SUMS|poster\.jpg|drawing\.png|proof\.json|scope\.json|clip-[1-9][0-9]{1,4}\.mp4|still-[1-9][0-9]?\.jpg|captions\.[A-Za-z-]{2,11}\.vtt|text\.[A-Za-z-]{2,11}\.txt)$`)
)

// IsSlug says whether s may name a release in an address.
func IsSlug(s string) bool { return len(s) <= 80 && slugForm.MatchString(s) }

// IsLanguage says whether s is a language tag as used here.
func IsLanguage(s string) bool { return langForm.MatchString(s) }

// IsName says whether a file of that name may lie in a bundle.
func IsName(s string) bool { return nameForm.MatchString(s) }

// ClipName is the name of the rendition of a height.
func ClipName(height int) string { return fmt.Sprintf("clip-%d.mp4", height) }

// StillName is the name of the n-th still, from 1.
func StillName(n int) string { return fmt.Sprintf("still-%d.jpg", n) }

// CaptionsName is the name of the captions in a language.
func CaptionsName(lang string) string { return "captions." + lang + ".vtt" }

// TextName is the name of the text version in a language.
func TextName(lang string) string { return "text." + lang + ".txt" }

// TimeText writes a moment as it stands in release.json. Seconds are left out: a bundle is not a clock.
func TimeText(t time.Time) string { return t.UTC().Truncate(time.Minute).Format(time.RFC3339) }

// Files lists what a bundle holds, sorted, without SHA256SUMS.
func (r Release) Files() []string {
	out := []string{FileRelease, r.Proof.File, r.Proof.Scope}
	if c := r.Clip; c != nil {
		for _, f := range c.Files {
			out = append(out, f.Name)
		}
		out = append(out, c.Poster, c.Drawing)
		out = append(out, c.Stills...)
		for _, name := range c.Captions {
			out = append(out, name)
		}
		for _, lang := range r.Languages {
			out = append(out, TextName(lang))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// checker notes the first value that does not fit.
type checker struct {
	r   Release
	err error
}

func (c *checker) must(ok bool, at string, args ...any) {
	if !ok && c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrFormat, fmt.Sprintf(at, args...))
	}
}

// text: valid UTF-8, NFC is not asked for, no control characters but line feeds, no marks that turn the direction or hide.
func (c *checker) text(s string, limit int, empty bool, at string) {
	c.must(utf8.ValidString(s) && len(s) <= limit && (empty || strings.TrimSpace(s) != "") && s == strings.TrimSpace(s), "%s", at)
	c.must(IsPlain(s), "%s: a character", at)
}

// IsPlain says whether a text is made of characters that are seen, and of line feeds: no control characters, no marks that turn the direction of
// text or hide, none of private use.
func IsPlain(s string) bool {
	for _, r := range s {
		hidden := unicode.Is(unicode.Cf, r) && r != '\u00ad' && r != '\u200c' && r != '\u200d' // the last two are needed for Persian and others
		if r != '\n' && (unicode.IsControl(r) || hidden || r == utf8.RuneError || unicode.Is(unicode.Co, r)) {
			return false
		}
	}
	return true
}

// words: exactly the languages of the release, each with a text, or none at all if empty allows it.
func (c *checker) words(w Words, empty bool, at string) {
	c.must(w != nil, "%s", at)
	if empty && len(w) == 0 {
		return
	}
	c.must(len(w) == len(c.r.Languages), "%s: languages", at)
	for lang, s := range w {
		c.must(slices.Contains(c.r.Languages, lang), "%s: languages", at)
		c.text(s, MaxText, false, at)
	}
}

func (c *checker) date(s, at string) {
	t, err := time.Parse(time.DateOnly, s)
	c.must(err == nil && t.Format(time.DateOnly) == s, "%s: a date", at)
}

func (c *checker) moment(s, at string) {
	t, err := time.Parse(time.RFC3339, s)
	c.must(err == nil && TimeText(t) == s, "%s: a moment", at)
}

// Check says whether every value fits the format: ErrFormat with the place.
func (r Release) Check() error {
	c := &checker{r: r}
	c.must(r.Format == Format && r.Version == Version, "format")
	c.must(idForm.MatchString(r.ID), "id")
	c.must(IsSlug(r.Slug), "slug")
	c.must(r.Release >= 1 && r.Release <= 10_000, "release")
	c.must(r.State == Published || r.State == Withdrawn, "state")
	c.moment(r.Published, "published")
	c.moment(r.FirstPublished, "first_published")
	c.must(r.FirstPublished <= r.Published, "first_published")
	c.must(originForm.MatchString(r.Origin), "origin")
	c.must(len(r.Languages) >= 1 && len(r.Languages) <= MaxLanguages, "languages")
	for i, lang := range r.Languages {
		c.must(IsLanguage(lang) && !slices.Contains(r.Languages[:i], lang), "languages")
	}
	c.must((r.State == Withdrawn) == (r.Withdrawn != nil), "withdrawn")
	c.must((r.State == Published) == (r.Clip != nil), "clip")
	c.texts()
	if r.Clip != nil {
		c.clip(*r.Clip)
	}
	c.about()
	c.must(r.Proof.File == FileProof && r.Proof.Scope == FileScope, "proof")
	c.date(r.Proof.StatedOn, "proof.stated_on")
	s := r.Proof.Share
	for _, x := range [][2]int64{{s.Files, s.OfFiles}, {s.Bytes, s.OfBytes}, {s.MS, s.OfMS}} {
		c.must(x[0] >= 0 && x[0] <= x[1] && x[1] < 1<<53, "proof.share")
	}
	c.must(r.Custody != nil && len(r.Custody) <= MaxList, "custody")
	for _, x := range r.Custody {
		c.date(x.Date, "custody")
		c.must(slices.Contains(Steps, x.What), "custody.what")
		c.words(x.Text, true, "custody.text")
	}
	c.must(r.Followed != nil && len(r.Followed) <= MaxList, "followed")
	for _, x := range r.Followed {
		c.date(x.Date, "followed")
		c.must(slices.Contains(FollowedKinds, x.Kind), "followed.kind")
		c.words(x.Text, false, "followed.text")
		c.must(IsURL(x.URL) || x.URL == "", "followed.url")
	}
	c.must(r.Corrections != nil && len(r.Corrections) <= MaxList, "corrections")
	for _, x := range r.Corrections {
		c.date(x.Date, "corrections")
		c.must(x.Release >= 2 && x.Release <= 10_000, "corrections.release")
		c.words(x.Text, false, "corrections.text")
	}
	if w := r.Withdrawn; w != nil {
		c.date(w.Date, "withdrawn")
		c.words(w.Reason, false, "withdrawn.reason")
	}
	c.must(r.Related != nil && len(r.Related) <= MaxList, "related")
	for i, slug := range r.Related {
		c.must(IsSlug(slug) && slug != r.Slug && !slices.Contains(r.Related[:i], slug), "related")
	}
	return c.err
}

func (c *checker) texts() {
	r := c.r
	c.must(len(r.Text) == len(r.Languages), "text")
	sentences := -1
	var first []Sentence
	for _, lang := range r.Languages {
		t, there := r.Text[lang]
		at := "text." + lang
		c.must(there && t.Shows != nil && t.Sentences != nil && t.Warnings != nil, "%s", at)
		out := r.State == Published
		c.text(t.Title, MaxTitle, !out, at+".title")
		c.must(!strings.Contains(t.Title, "\n"), "%s.title", at)
		c.text(t.Summary, MaxText, true, at+".summary")
		c.text(t.Credit, MaxTitle, true, at+".credit")
		c.must(len(t.Shows) <= MaxList && len(t.Sentences) <= MaxList && len(t.Warnings) <= MaxList, "%s: too many", at)
		c.must(!out || len(t.Shows) > 0 && len(t.Sentences) > 0, "%s: what it shows, and at least one sentence", at)
		c.must(out || t.Summary == "" && t.Credit == "" && len(t.Shows)+len(t.Sentences)+len(t.Warnings) == 0, "%s: a tombstone says no more", at)
		for _, s := range t.Shows {
			c.text(s, MaxText, false, at+".shows")
		}
		for i, s := range t.Sentences {
			c.text(s.Text, MaxText, false, at+".sentences")
			c.must(slices.Contains(Certainties, s.Certainty), "%s.sentences: certainty", at)
			c.must(sentences < 0 || i < len(first) && first[i].Certainty == s.Certainty, "%s.sentences: certainty differs between languages", at)
		}
		c.must(sentences < 0 || sentences == len(t.Sentences), "%s.sentences: not as many as in another language", at)
		if sentences < 0 {
			sentences, first = len(t.Sentences), t.Sentences
		}
		var last int64
		for _, w := range t.Warnings {
			c.must(w.FromMS >= last && w.ToMS > w.FromMS && r.Clip != nil && w.ToMS <= r.Clip.MS, "%s.warnings: times", at)
			last = w.FromMS
			c.text(w.Text, MaxText, false, at+".warnings")
		}
	}
}

func (c *checker) clip(k Clip) {
	c.must(k.MS > 0 && k.MS <= MaxMS, "clip.ms")
	c.must(k.Width > 0 && k.Width <= 1<<14 && k.Height > 0 && k.Height <= 1<<14, "clip: size of the picture")
	c.must(len(k.Files) >= 1 && len(k.Files) <= 8, "clip.files")
	for i, f := range k.Files {
		m := clipForm.FindStringSubmatch(f.Name)
		c.must(m != nil && f.Name == ClipName(f.Height) && f.Height <= 1<<14, "clip.files.name")
		c.must(i == 0 || f.Height < k.Files[i-1].Height, "clip.files: largest first")
		c.must(f.Bytes > 0 && f.Bytes <= MaxFileBytes && hexForm.MatchString(f.SHA256), "clip.files")
	}
	c.must(k.Poster == FilePoster && k.Drawing == FileDrawing, "clip.poster")
	c.must(k.Stills != nil && len(k.Stills) <= MaxStills, "clip.stills")
	for i, s := range k.Stills {
		c.must(s == StillName(i+1), "clip.stills")
	}
	c.must(k.Captions != nil, "clip.captions")
	for lang, s := range k.Captions {
		c.must(slices.Contains(c.r.Languages, lang) && s == CaptionsName(lang), "clip.captions")
	}
	c.must(k.Difficulty >= 0 && k.Difficulty <= maxDifficulty, "clip.difficulty")
}

func (c *checker) about() {
	r := c.r
	tomb := r.State == Withdrawn
	if p := r.Place; p != nil {
		c.must(!tomb && slices.Contains(Precisions, p.Precision), "place.precision")
		c.words(p.Name, true, "place.name")
		c.words(p.Region, true, "place.region")
		c.must(countryForm.MatchString(p.Country), "place.country")
		c.must((p.Lat == nil) == (p.Lon == nil), "place: one angle alone")
		if p.Lat != nil && p.Lon != nil {
			c.must(*p.Lat >= -90e4 && *p.Lat <= 90e4 && *p.Lon >= -180e4 && *p.Lon <= 180e4, "place: angles")
			c.must(p.Precision != PrecisionUnknown, "place: angles of a place that cannot be determined")
		}
	}
	if f := r.Facility; f != nil {
		c.must(!tomb && codeForm.MatchString(f.Code), "facility.code")
		c.words(f.Name, false, "facility.name")
	}
	if x := r.Recorded; x != nil {
		c.must(!tomb && edtfForm.MatchString(x.EDTF), "recorded.edtf")
		c.words(x.Text, false, "recorded.text")
	}
	c.must(r.Masks != nil && len(r.Masks) <= len(MaskReasons) && (!tomb || len(r.Masks) == 0), "masks")
	for i, m := range r.Masks {
		c.must(slices.Contains(MaskReasons, m.Reason) && m.Count > 0 && m.Count <= 10_000, "masks")
		c.must(!slices.ContainsFunc(r.Masks[:i], func(o Mask) bool { return o.Reason == m.Reason }), "masks: a reason twice")
	}
	c.must(r.Cuts != nil && len(r.Cuts) <= MaxList && (tomb == (len(r.Cuts) == 0)), "cuts")
	for _, x := range r.Cuts {
		c.must(x.MS > 0 && x.MS <= MaxMS, "cuts")
	}
}

// IsURL says whether an address may stand in a release: http or https, no name and password in it, no blanks, at most 1,000 bytes.
func IsURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "http://"); !ok {
			return false
		}
	}
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	if host == "" || len(s) > 1000 || strings.ContainsAny(host, "@\\#") {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) })
}

// Canonical gives the bytes of release.json: RFC 8785, no line feed at the end. ErrFormat if a value does not fit.
func (r Release) Canonical() ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	out, err := canonical(r)
	if err != nil {
		return nil, err
	}
	if len(out) > MaxBytes {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrFormat, MaxBytes)
	}
	return out, nil
}

// Parse reads release.json strictly: the bytes are those that Canonical writes. ErrFormat.
func Parse(raw []byte) (Release, error) {
	if len(raw) > MaxBytes {
		return Release{}, fmt.Errorf("%w: longer than %d bytes", ErrFormat, MaxBytes)
	}
	var r Release
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		// What the decoder says may quote the text; it is left out, since errors name nobody.
		return Release{}, fmt.Errorf("%w: not JSON of its shape", ErrFormat)
	}
	again, err := r.Canonical()
	if err != nil {
		return Release{}, err
	}
	if !bytes.Equal(again, raw) {
		return Release{}, fmt.Errorf("%w: another spelling than the canonical one", ErrFormat)
	}
	return r, nil
}

// canonical writes a value by RFC 8785. Numbers are whole, or decimals of at most four places, of which the shortest spelling is the one of
// the standard.
func canonical(v any) ([]byte, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	dec := json.NewDecoder(&plain)
	dec.UseNumber()
	var any any
	if err := dec.Decode(&any); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrFormat, err)
	}
	var out bytes.Buffer
	spell(&out, any)
	return out.Bytes(), nil
}

func spell(w *bytes.Buffer, v any) {
	switch v := v.(type) {
	case nil:
		w.WriteString("null")
	case bool:
		w.WriteString(strconv.FormatBool(v))
	case json.Number:
		w.WriteString(v.String())
	case string:
		spellString(w, v)
	case []any:
		w.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				w.WriteByte(',')
			}
			spell(w, x)
		}
		w.WriteByte(']')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys) // keys are ASCII, so the order of bytes is the order of UTF-16
		w.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				w.WriteByte(',')
			}
			spellString(w, k)
			w.WriteByte(':')
			spell(w, v[k])
		}
		w.WriteByte('}')
	}
}

func spellString(w *bytes.Buffer, s string) {
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	w.WriteByte('"')
	for _, r := range s {
		switch esc, there := short[r]; {
		case there:
			w.WriteString(esc)
		case r < 0x20:
			fmt.Fprintf(w, `\u%04x`, r)
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}

// Sums is SHA256SUMS: the digest of each file by name.
type Sums map[string][32]byte

// Encode writes the lines as sha256sum does, sorted by name.
func (s Sums) Encode() []byte {
	names := make([]string, 0, len(s))
	for name := range s {
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	for _, name := range names {
		sum := s[name]
		fmt.Fprintf(&out, "%s  %s\n", hex.EncodeToString(sum[:]), name)
	}
	return out.Bytes()
}

// ParseSums reads SHA256SUMS strictly: Encode of what it gives is raw again. ErrFormat.
func ParseSums(raw []byte) (Sums, error) {
	out := Sums{}
	if len(raw) > 1<<16 {
		return nil, fmt.Errorf("%w: SHA256SUMS is too long", ErrFormat)
	}
	for line := range strings.Lines(string(raw)) {
		digest, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if !ok || !hexForm.MatchString(digest) || !IsName(name) || name == FileSums {
			return nil, fmt.Errorf("%w: a line of SHA256SUMS", ErrFormat)
		}
		var sum [32]byte
		if _, err := hex.Decode(sum[:], []byte(digest)); err != nil {
			return nil, fmt.Errorf("%w: a line of SHA256SUMS", ErrFormat)
		}
		out[name] = sum
	}
	if !bytes.Equal(out.Encode(), raw) {
		return nil, fmt.Errorf("%w: SHA256SUMS is spelled otherwise", ErrFormat)
	}
	return out, nil
}

// Open gives one file of a folder.
type Open func(name string) (io.ReadCloser, error)

// Verify reads a whole bundle: release.json is canonical, the folder holds exactly the files that belong to it, each with the digest that
// SHA256SUMS and release.json say, and the text versions are those of release.json. names is what lies in the folder. ErrFormat.
func Verify(names []string, open Open) (Release, error) {
	read := func(name string, limit int64) ([]byte, error) {
		f, err := open(name)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", name, err)
		}
		defer f.Close() // only read
		raw, err := io.ReadAll(io.LimitReader(f, limit+1))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return raw, nil
	}
	raw, err := read(FileRelease, MaxBytes)
	if err != nil {
		return Release{}, err
	}
	r, err := Parse(raw)
	if err != nil {
		return Release{}, err
	}
	want := append(r.Files(), FileSums)
	slices.Sort(want)
	have := slices.Sorted(slices.Values(names))
	if !slices.Equal(have, want) {
		return Release{}, fmt.Errorf("%w: the folder holds other files than those of the release", ErrFormat)
	}
	if raw, err = read(FileSums, 1<<16); err != nil {
		return Release{}, err
	}
	sums, err := ParseSums(raw)
	if err != nil {
		return Release{}, err
	}
	if len(sums) != len(want)-1 {
		return Release{}, fmt.Errorf("%w: SHA256SUMS names other files", ErrFormat)
	}
	for _, name := range r.Files() {
		f, err := open(name)
		if err != nil {
			return Release{}, fmt.Errorf("open %s: %w", name, err)
		}
		h := sha256.New()
		var text bytes.Buffer
		var w io.Writer = h
		for _, lang := range r.Languages {
			if name == TextName(lang) {
				w = io.MultiWriter(h, &text)
			}
		}
		n, err := io.Copy(w, io.LimitReader(f, MaxFileBytes+1))
		_ = f.Close() // only read
		if err != nil {
			return Release{}, fmt.Errorf("read %s: %w", name, err)
		}
		sum, there := sums[name]
		if !there || sum != [32]byte(h.Sum(nil)) {
			return Release{}, fmt.Errorf("%w: %s is not what SHA256SUMS says", ErrFormat, name)
		}
		for _, lang := range r.Languages {
			if name == TextName(lang) && !bytes.Equal(text.Bytes(), r.PlainText(lang)) {
				return Release{}, fmt.Errorf("%w: %s is not the text of release.json", ErrFormat, name)
			}
		}
		if r.Clip != nil {
			for _, c := range r.Clip.Files {
				if c.Name == name && (c.Bytes != n || c.SHA256 != hex.EncodeToString(sum[:])) {
					return Release{}, fmt.Errorf("%w: %s is not what release.json says", ErrFormat, name)
				}
			}
		}
	}
	return r, nil
}
