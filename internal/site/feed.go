package site

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sort"
	"strings"
	"time"
)

// inFeed is how many releases a feed holds.
const inFeed = 30

type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang    string      `xml:"xml:lang,attr"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  string      `xml:"author>name"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	Lang      string   `xml:"xml:lang,attr,omitempty"`
	ID        string   `xml:"id"`
	Title     string   `xml:"title"`
	Published string   `xml:"published"`
	Updated   string   `xml:"updated"`
	Link      atomLink `xml:"link"`
	Summary   string   `xml:"summary"`
}

type jsonFeed struct {
	Version  string     `json:"version"`
	Title    string     `json:"title"`
	Home     string     `json:"home_page_url,omitempty"`
	Feed     string     `json:"feed_url,omitempty"`
	Language string     `json:"language"`
	Items    []jsonItem `json:"items"`
}

type jsonItem struct {
	ID        string `json:"id"`
	URL       string `json:"url"`
	Title     string `json:"title"`
	Text      string `json:"content_text"`
	Published string `json:"date_published"`
	Modified  string `json:"date_modified"`
	Language  string `json:"language"`
}

// feeds adds the two feeds of a language, the newest changes first, so that who follows them learns of corrections and withdrawals, and
// the table of what followed.
func (p *planner) feeds(lang string) {
	s := p.s
	list := slices.Clone(s.newest)
	sort.SliceStable(list, func(i, j int) bool { return list[i].changed() > list[j].changed() })
	list = list[:min(len(list), inFeed)]
	key := s.digest(list)
	p.add(lang+"/feed.atom", key, func() ([]byte, error) { return s.atom(lang, list) })
	p.add(lang+"/feed.json", key, func() ([]byte, error) { return s.jsonFeed(lang, list) })
	p.add(lang+"/accountability.csv", s.digest(s.all)+s.outcomesKey, func() ([]byte, error) { return s.csv(lang) })
}

// at gives the address of a file of the site from another one: absolute if it is known where the site will stand.
func (s *site) at(from, to string) string {
	if s.o.Config.URL != "" {
		return s.o.Config.URL + to
	}
	return relative(from, to)
}

// said is what a feed says about a release.
func said(h *held, lang string) (title, text, used string) {
	t := tables[lang]
	if w := h.Release.Withdrawn; w != nil {
		reason, _ := choose(w.Reason, lang)
		return t.text("rel.withdrawn"), t.text("rel.withdrawn.on", "date", t.day(w.Date)) + ". " + reason, lang
	}
	x, used := h.text(lang)
	text = x.Summary
	if text == "" && len(x.Shows) > 0 {
		text = shorten(x.Shows[0])
	}
	return x.Title, text, used
}

func (s *site) atom(lang string, list []*held) ([]byte, error) {
	from := lang + "/feed.atom"
	f := atomFeed{Lang: lang, ID: "urn:zapis:site:" + digestOf(s.o.Config.Name)[:16] + ":" + lang, Title: s.o.Config.Name, Author: s.o.Config.Name, Updated: "1970-01-01T00:00:00Z",
		Links: []atomLink{{"self", s.at(from, from)}, {"alternate", s.at(from, lang+"/index.html")}}}
	for _, h := range list {
		title, text, used := said(h, lang)
		e := atomEntry{ID: "urn:zapis:" + h.Release.ID, Title: title, Summary: text, Published: h.Release.FirstPublished, Updated: h.changed(),
			Link: atomLink{"alternate", s.at(from, lang+"/r/"+h.Release.Slug+".html")}}
		if used != lang {
			e.Lang = used
		}
		f.Updated = max(f.Updated, e.Updated)
		f.Entries = append(f.Entries, e)
	}
	b, err := xml.MarshalIndent(f, "", " ")
	return append([]byte(xml.Header), append(b, '\n')...), err
}

func (s *site) jsonFeed(lang string, list []*held) ([]byte, error) {
	from := lang + "/feed.json"
	f := jsonFeed{Version: "https://jsonfeed.org/version/1.1", Title: s.o.Config.Name, Language: lang, Items: []jsonItem{}}
	if s.o.Config.URL != "" {
		f.Home, f.Feed = s.at(from, lang+"/index.html"), s.at(from, from)
	}
	for _, h := range list {
		title, text, used := said(h, lang)
		f.Items = append(f.Items, jsonItem{ID: h.Release.ID, URL: s.at(from, lang+"/r/"+h.Release.Slug+".html"), Title: title, Text: text,
			Published: h.Release.FirstPublished, Modified: h.changed(), Language: used})
	}
	b, err := json.MarshalIndent(f, "", " ")
	return append(b, '\n'), err
}

type urlSet struct {
	XMLName xml.Name  `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
	URLs    []siteURL `xml:"url"`
}

type siteURL struct {
	Loc     string `xml:"loc"`
	LastMod string `xml:"lastmod,omitempty"`
}

// mostURLs is the limit of a sitemap.
const mostURLs = 50_000

// root adds what stands at the root: the first page, the map for search engines, the page for what is not there, headers.
func (p *planner) root(everything string) {
	s, c := p.s, p.s.o.Config
	lang := c.Languages[0]
	p.page(view{Lang: lang, Path: "index.html", Twin: "text/" + lang + "/index.html", Name: "index.html", Title: c.Name, About: tables[lang].text("home.dek")}, "home", everything+s.outcomesKey, func(v *view) (any, error) { return s.homeData(v), nil })
	p.add("404.html", "404", s.missing)
	p.add("_headers", "headers", func() ([]byte, error) { return s.headers(), nil })
	robots := "User-agent: *\nAllow: /\n"
	if c.URL != "" {
		robots += "Sitemap: " + c.URL + "sitemap.xml\n"
		p.add("sitemap.xml", everything+s.outcomesKey, func() ([]byte, error) {
			var set urlSet
			for _, l := range c.Languages {
				names := []string{"index.html", "releases.html", "accountability.html", "places.html", "how.html", "check.html", "corrections.html", "withdrawn.html", "support.html"}
				if len(s.outcomes.Cases) > 0 {
					names = append(names, "cases.html")
				}
				if len(s.outcomes.Promises) > 0 {
					names = append(names, "promises.html")
				}
				for _, name := range names {
					set.URLs = append(set.URLs, siteURL{Loc: c.URL + l + "/" + name})
				}
				for _, h := range s.newest {
					if !h.Gone() && len(set.URLs) < mostURLs { // a withdrawn release is not offered to be found
						set.URLs = append(set.URLs, siteURL{Loc: c.URL + l + "/r/" + h.Release.Slug + ".html", LastMod: h.changed()})
					}
				}
			}
			b, err := xml.Marshal(set)
			return append([]byte(xml.Header), b...), err
		})
	}
	p.add("robots.txt", "robots", func() ([]byte, error) { return []byte(robots), nil })
}

// missing is the page for addresses that lead nowhere. It may stand below any address, so it brings its few words in every language and loads
// nothing; its links begin at the root of the site.
func (s *site) missing() ([]byte, error) {
	root := "/"
	if u := s.o.Config.URL; u != "" {
		root = u[strings.Index(u[8:], "/")+8:]
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"%s\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src %s; base-uri 'none'; form-action 'none'\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" content=\"noindex\"><title>404</title><style>%s</style></head><body><main>\n", s.o.Config.Languages[0], plainDigest, plainStyle)
	for i, l := range s.o.Config.Languages {
		t, h := tables[l], "h2"
		if i == 0 {
			h = "h1"
		}
		fmt.Fprintf(&b, "<section lang=\"%s\" dir=\"%s\"><%s>%s</%s><p>%s</p><p><a href=\"%s%s/index.html\">%s</a></p></section>\n", l, direction(l), h, t.text("404.title"), h, t.text("404.text"), root, l, t.text("404.home"))
	}
	b.WriteString("</main></body></html>\n")
	return b.Bytes(), nil
}

// kitName is the press kit beside the media of a release.
const kitName = "press-kit.zip"

// kitFiles lists what is in a press kit: name and where it comes from in the bundle.
func (h *held) kitFiles() []string {
	c := h.Release.Clip
	out := []string{c.Files[0].Name}
	if k := h.Covered(); k != nil {
		out[0] = k.Name
	}
	out = append(append(out, c.Poster, c.Drawing), c.Stills...)
	for _, lang := range h.Release.Languages {
		if f, ok := c.Captions[lang]; ok {
			out = append(out, f)
		}
		out = append(out, "text."+lang+".txt")
	}
	return append(out, h.Release.Proof.File, h.Release.Proof.Scope)
}

// credit is the note in a press kit.
func (s *site) credit(h *held) []byte {
	var b strings.Builder
	for _, lang := range s.o.Config.Languages {
		t, x := tables[lang], Text{}
		x, _ = h.text(lang)
		fmt.Fprintf(&b, "%s\n\n%s\n%s, %s\n", t.text("kit.about"), x.Title, t.text("rel.version", "n", h.Release.Release), t.day(h.Release.Published))
		if x.Credit != "" {
			fmt.Fprintf(&b, "%s\n", t.text("rel.credit", "credit", x.Credit))
		}
		if u := s.o.Config.URL; u != "" {
			fmt.Fprintf(&b, "%s%s/r/%s.html\n", u, lang, h.Release.Slug)
		}
		fmt.Fprintf(&b, "%s\n\n", t.text("proof.offline"))
	}
	fmt.Fprintf(&b, "zapis verify proof.json --file %s --key '%s'\n", h.kitFiles()[0], h.Facts.Key)
	return []byte(b.String())
}

// Sizes of the parts of a zip file: local header, entry of the directory, end.
const (
	zipLocal, zipEntry, zipEnd = 30, 46, 22
	zipTime                    = 9 // the extra field with the time, in both headers
)

// kitSize is the length of a press kit, which holds its files as they are.
func (s *site) kitSize(h *held) int64 {
	n := int64(zipEnd)
	one := func(name string, size int64) {
		n += size + zipLocal + zipEntry + 2*(int64(len(name))+zipTime)
	}
	for _, name := range h.kitFiles() {
		one(name, h.Sizes[name])
	}
	one("CREDIT.txt", int64(len(s.credit(h))))
	return n
}

// writeKit writes a press kit. The same release gives the same bytes: files stand in a fixed order, unpacked, with the time of publication.
func (s *site) writeKit(w io.Writer, root *os.Root, h *held) error {
	at, err := time.Parse(time.RFC3339, h.Release.Published)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	add := func(name string, size int64, crc uint32, want string, from io.Reader) error {
		f, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, Modified: at, ModifiedTime: dosTime(at), ModifiedDate: dosDate(at),
			CRC32: crc, CompressedSize64: uint64(size), UncompressedSize64: uint64(size), Extra: timeField(at)})
		if err != nil {
			return err
		}
		sum := sha256.New()
		if _, err = io.Copy(io.MultiWriter(f, sum), from); err == nil && hex.EncodeToString(sum.Sum(nil)) != want {
			err = refuse("%s changed while it was read", name)
		}
		return err
	}
	folder, err := root.OpenRoot(h.folder())
	if err != nil {
		return err
	}
	defer folder.Close() // only read
	for _, name := range h.kitFiles() {
		f, err := folder.Open(name)
		if err != nil {
			return err
		}
		sum := crc32.NewIEEE()
		n, err := io.Copy(sum, f)
		if err == nil {
			if _, err = f.Seek(0, io.SeekStart); err == nil {
				err = add(name, n, sum.Sum32(), h.Sums[name], f)
			}
		}
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	c := s.credit(h)
	if err := add("CREDIT.txt", int64(len(c)), crc32.ChecksumIEEE(c), hexSum(c), bytes.NewReader(c)); err != nil {
		return err
	}
	return z.Close()
}

// timeField is the extra field of a zip file with a time in UTC, as Info-ZIP writes it.
func timeField(t time.Time) []byte {
	n := uint32(t.Unix())
	return []byte{'U', 'T', 5, 0, 1, byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
}

func dosTime(t time.Time) uint16 { return uint16(t.Hour()<<11 | t.Minute()<<5 | t.Second()/2) }

func dosDate(t time.Time) uint16 { return uint16((t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()) }
