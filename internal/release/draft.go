package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/release/bundle"
)

// maxDraft is how long a draft may be, in bytes of its JSON.
const maxDraft = bundle.MaxBytes

func sentenceAt(i int) string { return "sentence." + strconv.Itoa(i+1) }
func cutAt(i int) string      { return "cut." + strconv.Itoa(i+1) }

// each calls f for every text of the draft with where it stands. The text that f gives takes its place.
func (d *Draft) each(f func(at, text string) string) {
	words := func(at string, w Words) {
		for _, lang := range slices.Sorted(maps.Keys(w)) {
			w[lang] = f(at+"."+lang, w[lang])
		}
	}
	words("title", d.Title)
	words("summary", d.Summary)
	words("shows", d.Shows)
	words("credit", d.Credit)
	for i, s := range d.Sentences {
		words(sentenceAt(i), s.Text)
	}
	for i, w := range d.Warnings {
		words("warning."+strconv.Itoa(i+1), w.Text)
	}
	words("captions", d.Captions)
	words("facility", d.Facility.Name)
	words("place", d.Place.Name)
	words("region", d.Place.Region)
	words("recorded", d.Recorded.Text)
	for i, x := range d.Followed {
		words("followed."+strconv.Itoa(i+1), x.Text)
	}
	words("correction", d.Correction)
}

// texts gives every text of a draft, also those that are not translated, and where each stands.
func (d Draft) texts() (texts, at []string) {
	d = d.clone()
	d.each(func(where, text string) string {
		if text != "" {
			texts, at = append(texts, text), append(at, where)
		}
		return text
	})
	add := func(where, text string) {
		if text != "" {
			texts, at = append(texts, text), append(at, where)
		}
	}
	add("slug", d.Slug)
	add("facility.code", d.Facility.Code)
	for _, slug := range d.Related {
		add("related", slug)
	}
	for i, x := range d.Followed {
		where := "followed." + strconv.Itoa(i+1)
		add(where, x.URL)
		if said, err := url.PathUnescape(strings.ReplaceAll(x.URL, "+", " ")); err == nil && said != x.URL {
			add(where, said) // a name in an address is most often written in percents
		}
	}
	return texts, at
}

// clone copies a draft with everything in it.
func (d Draft) clone() Draft {
	raw, err := json.Marshal(d)
	if err != nil {
		panic("release: a draft is always JSON: " + err.Error())
	}
	var out Draft
	if err := json.Unmarshal(raw, &out); err != nil {
		panic("release: a draft is always JSON: " + err.Error())
	}
	return out
}

// clean brings a draft into one form: texts in NFC without blanks around them, empty ones taken out.
func (d Draft) clean() (Draft, error) {
	wrong := func(what string) (Draft, error) {
		return d, archive.Explain(fmt.Errorf("%w: %s of a release", archive.ErrInvalid, what), "release-"+what, "")
	}
	bad := false
	d = d.clone()
	d.each(func(_, text string) string {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			bad = true
		}
		return norm.NFC.String(strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")))
	})
	if bad {
		return wrong("text")
	}
	drop := func(w Words) { maps.DeleteFunc(w, func(_, s string) bool { return s == "" }) }
	for _, w := range []Words{d.Title, d.Summary, d.Shows, d.Credit, d.Captions, d.Facility.Name, d.Place.Name, d.Place.Region, d.Recorded.Text, d.Correction} {
		drop(w)
	}
	for _, s := range d.Sentences {
		drop(s.Text)
	}
	for _, w := range d.Warnings {
		drop(w.Text)
	}
	for _, x := range d.Followed {
		drop(x.Text)
	}
	d.Embargo = d.Embargo.UTC().Truncate(1e9)
	d.Sentences = slices.DeleteFunc(d.Sentences, func(s Sentence) bool { return len(s.Text) == 0 && len(s.Claims) == 0 && s.Certainty == "" })
	d.Warnings = slices.DeleteFunc(d.Warnings, func(w Warning) bool { return len(w.Text) == 0 && w.FromMS == 0 && w.ToMS == 0 })
	slices.SortStableFunc(d.Warnings, func(a, b Warning) int { return int(min(max(a.FromMS-b.FromMS, -1), 1)) })
	d.Followed = slices.DeleteFunc(d.Followed, func(x Followed) bool { return len(x.Text) == 0 && x.URL == "" && x.Date == "" })
	if len(d.Languages) > bundle.MaxLanguages {
		return wrong("languages")
	}
	for i, lang := range d.Languages {
		if !bundle.IsLanguage(lang) || slices.Contains(d.Languages[:i], lang) {
			return wrong("languages")
		}
	}
	if !bundle.IsSlug(d.Slug) || len(d.Slug) > 80 {
		return wrong("slug")
	}
	if archive.CheckID(archive.PrefixPlan, d.Plan) != nil || d.PlanVersion < 0 {
		return wrong("plan")
	}
	for _, s := range d.Sentences {
		if s.Certainty != "" && !slices.Contains(bundle.Certainties, string(s.Certainty)) {
			return wrong("certainty")
		}
		for _, c := range s.Claims {
			if archive.CheckID(archive.PrefixClaim, c) != nil {
				return wrong("claim")
			}
		}
	}
	for _, text := range d.Captions {
		if !isCaptions(text) {
			return wrong("captions")
		}
	}
	if len(d.Sentences) > bundle.MaxList || len(d.Warnings) > bundle.MaxList || len(d.Followed) > bundle.MaxList || len(d.Related) > bundle.MaxList {
		return wrong("list")
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return d, fmt.Errorf("write draft: %w", err)
	}
	if len(raw) > maxDraft {
		return wrong("length")
	}
	return d, nil
}

var cueTimes = regexp.MustCompile(`^(\d{2,}:)?[0-5]\d:[0-5]\d\.\d{3} --> (\d{2,}:)?[0-5]\d:[0-5]\d\.\d{3}( [a-z]+:[a-z0-9%,.-]+)*$`)

// isCaptions says whether a text is WebVTT with cues alone: a header of one word, no notes, styles or regions, which nobody sees, and no
// characters that are not seen.
func isCaptions(s string) bool {
	if !bundle.IsPlain(s) {
		return false
	}
	blocks := strings.Split(strings.TrimSpace(s), "\n\n")
	if blocks[0] != "WEBVTT" {
		return false
	}
	for _, b := range blocks[1:] {
		lines := strings.Split(strings.Trim(b, "\n"), "\n")
		if len(lines) > 0 && !strings.Contains(lines[0], "-->") {
			if _, err := strconv.Atoi(lines[0]); err != nil {
				return false
			}
			lines = lines[1:]
		}
		if len(lines) < 2 || !cueTimes.MatchString(lines[0]) || slices.ContainsFunc(lines[1:], func(l string) bool { return strings.Contains(l, "-->") }) {
			return false
		}
	}
	return len(blocks) > 1
}

// body is how a draft is kept.
func (d Draft) body() (raw []byte, sum [32]byte, err error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(d); err != nil {
		return nil, sum, fmt.Errorf("write draft: %w", err)
	}
	raw = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	return raw, sha256.Sum256(raw), nil
}

// readDraft reads what body wrote; archive.ErrIntegrity if it is not that.
func readDraft(raw []byte, sum [32]byte) (d Draft, err error) {
	if sha256.Sum256(raw) != sum {
		return d, fmt.Errorf("read draft: %w: another digest", archive.ErrIntegrity)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, fmt.Errorf("read draft: %w", archive.ErrIntegrity)
	}
	return d, nil
}

// said says whether a text is there in every language.
func (d Draft) said(w Words) bool {
	return len(d.Languages) > 0 && !slices.ContainsFunc(d.Languages, func(lang string) bool { return w[lang] == "" })
}

// incomplete gives where a text lacks a language. What is optional is there in all languages or in none.
func (d Draft) incomplete() (at []string) {
	need := func(where string, w Words, always bool) {
		if !always && len(w) == 0 {
			return
		}
		for _, lang := range d.Languages {
			if w[lang] == "" {
				at = append(at, where+"."+lang)
			}
		}
	}
	need("title", d.Title, true)
	need("shows", d.Shows, true)
	need("summary", d.Summary, false)
	need("credit", d.Credit, false)
	for i, s := range d.Sentences {
		need(sentenceAt(i), s.Text, true)
	}
	for i, w := range d.Warnings {
		need("warning."+strconv.Itoa(i+1), w.Text, true)
	}
	need("captions", d.Captions, false)
	need("facility", d.Facility.Name, d.Facility.Code != "")
	need("place", d.Place.Name, false)
	need("region", d.Place.Region, false)
	need("recorded", d.Recorded.Text, d.Recorded.EDTF != "")
	for i, x := range d.Followed {
		need("followed."+strconv.Itoa(i+1), x.Text, true)
	}
	need("correction", d.Correction, false)
	return at
}

// changes says whether a draft says something else than another one, so that the public must be told. What happened afterwards, and what else
// there is to read, is not a correction.
func (d Draft) changes(from Draft) bool {
	plain := func(d Draft) string {
		d = d.clone()
		d.Followed, d.Related, d.Correction, d.Replace = nil, nil, nil, false
		d.Embargo = from.Embargo
		for i := range d.Sentences {
			d.Sentences[i].Claims = nil
		}
		raw, _, _ := d.body() // it was JSON a moment ago
		return string(raw)
	}
	return plain(d) != plain(from)
}

// paragraphs parts a text at empty lines.
func paragraphs(s string) []string {
	out := []string{}
	for _, p := range regexp.MustCompile(`\n[ \t]*\n`).Split(s, -1) {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

// words gives the words in the languages of the release alone.
func (d Draft) words(w Words) Words {
	out := Words{}
	for _, lang := range d.Languages {
		if w[lang] != "" {
			out[lang] = w[lang]
		}
	}
	return out
}
