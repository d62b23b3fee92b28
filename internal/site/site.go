package site

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ErrConfig says that a site cannot be built with such a configuration.
var ErrConfig = errors.New("configuration of the site")

// Config is what a site is called and where it stands.
type Config struct {
	Name      string   // of the archive, as readers know it
	URL       string   // https://…/ or http://….onion/ where the site will stand; empty: nothing absolute is written
	Onion     string   // http://….onion/ of the same site; empty: none
	Languages []string // of the pages, the first one at the root: some of Languages(); empty: en, ru, uk
	Pages     string   // folder with <language>/how.txt and support.txt that replace the words of the program, and accountability.json; empty: none
}

// Options of Build.
type Options struct {
	Releases  string // folder of bundles, <slug>/v<N>/
	Out       string // folder of the site; it is made if it is not there
	Config    Config
	CheckPage []byte    // the check page, copied as it is; may be empty
	Now       time.Time // days without an answer are counted to this day, UTC; zero: now
	Version   string    // of the program: pages made by another one are made anew
	All       bool      // read, check and make everything anew
	NoSync    bool      // leave it to the system when files reach the disk: for tests, where no power is cut
}

// Built says what a build did.
type Built struct {
	Digest   string    `json:"digest"` // over the names and digests of all files
	Tree     string    `json:"-"`      // folder with the files, behind the link current
	Releases int       `json:"releases"`
	Gone     int       `json:"withdrawn"`
	Files    int       `json:"files"`
	Written  int       `json:"written"` // files that were made, not taken over
	Refused  []Refusal `json:"refused"` // left out; never an older version instead
}

// section is an entry of the head of every page.
type section struct{ Key, File string }

var sections = []section{{"releases", "releases.html"}, {"accountability", "accountability.html"}, {"places", "places.html"}, {"how", "how.html"}, {"check", "check.html"}}

// Sections lists the entries of the head.
func (v *view) Sections() []section { return sections }

// site is one build.
type site struct {
	o        Options
	day      string // of the build
	style    string // path of the style sheet
	constant string // digest of everything that all pages depend on
	all      []*held
	bySlug   map[string]*held
	newest   []*held
	prose    map[string][]block // by language/name
	outcomes Outcomes           // cases and promises, the newest first
	// outcomesKey is a digest of them; empty if there are none.
	outcomesKey string
	maps        charts
}

var domainForm = regexp.MustCompile(`^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/([A-Za-z0-9._~-]+/)*$`)

// Check says what is wrong with a configuration: ErrConfig.
func (c Config) Check() error {
	if strings.TrimSpace(c.Name) == "" || utf8.RuneCountInString(c.Name) > 120 || strings.ContainsFunc(c.Name, func(r rune) bool { return r < 0x20 }) {
		return fmt.Errorf("%w: a name was expected", ErrConfig)
	}
	for _, u := range []string{c.URL, c.Onion} {
		if _, err := url.Parse(u); u != "" && (err != nil || !domainForm.MatchString(u)) {
			return fmt.Errorf("%w: an address was expected that begins with http:// or https:// and ends with /", ErrConfig)
		}
	}
	for i, l := range c.Languages {
		if !slices.Contains(interfaceLanguages, l) || slices.Contains(c.Languages[:i], l) {
			return fmt.Errorf("%w: languages are some of %s, each once", ErrConfig, strings.Join(interfaceLanguages, ", "))
		}
	}
	return nil
}

// Build makes the site in o.Out from the bundles in o.Releases. Readers, who come through o.Out/current, see the old state until
// everything is written and on disk, then the new one. Files that a reader could ask for and that are no longer part of the site, such as a
// withdrawn clip, are gone from the disk when it returns. A bundle that is refused is left out and reported in Built.Refused;
// everything else that goes wrong leaves the site as it was. Two builds of one folder at the same time: the second one fails with
// ErrBusy.
func Build(ctx context.Context, o Options) (Built, error) {
	if len(o.Config.Languages) == 0 {
		o.Config.Languages = []string{"en", "ru", "uk"}
	}
	if err := o.Config.Check(); err != nil {
		return Built{}, err
	}
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	out, err := openFolder(o.Out)
	if err != nil {
		return Built{}, fmt.Errorf("open the folder of the site: %w", bare(err))
	}
	defer out.close()
	var before map[string]*held
	if !o.All {
		before = out.held(o.Version)
	}
	s := &site{o: o, day: o.Now.UTC().Format(time.DateOnly), bySlug: map[string]*held{}}
	var refused []Refusal
	if s.all, refused, err = readAll(ctx, o.Releases, before); err != nil {
		return Built{}, err
	}
	for _, h := range s.all {
		s.bySlug[h.Release.Slug] = h
	}
	s.newest = newest(s.all)
	if s.prose, err = readProse(o.Config); err != nil {
		return Built{}, err
	}
	if err := s.readOutcomes(); err != nil {
		return Built{}, err
	}
	if err := s.prepare(); err != nil {
		return Built{}, err
	}
	b, err := out.apply(ctx, s, s.tasks())
	if err != nil {
		return Built{}, fmt.Errorf("write the site: %w", bare(err))
	}
	out.keep(o.Version, s.all)
	b.Releases, b.Refused = len(s.all), refused
	for _, h := range s.all {
		if h.Gone() {
			b.Gone++
		}
	}
	return b, nil
}

// prepare computes what all pages depend on.
func (s *site) prepare() error {
	sum := sha256.New()
	err := fs.WalkDir(looks, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := looks.ReadFile(name)
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
		return err
	})
	if err != nil {
		return err
	}
	for _, l := range interfaceLanguages {
		b, err := wordFiles.ReadFile("words/" + l + ".json")
		if err != nil {
			return err
		}
		sum.Write(b)
	}
	fmt.Fprintf(sum, "%s\n%q\n%x", s.o.Version, s.o.Config, sha256.Sum256(s.o.CheckPage))
	s.constant = hex.EncodeToString(sum.Sum(nil)[:16])
	css := sha256.Sum256(styleSheet())
	s.style = "style." + hex.EncodeToString(css[:5]) + ".css"
	return nil
}

// block is a paragraph, a heading or a list of a page in plain text.
type block struct {
	Kind  string // p, h, l
	Text  string
	Items []string
}

const largestProse = 64 << 10

// readProse reads the pages that an archive writes itself: paragraphs between empty lines, "# " for a heading, "- " for a list.
func readProse(c Config) (map[string][]block, error) {
	out := map[string][]block{}
	for _, lang := range c.Languages {
		for _, name := range []string{"how", "support"} {
			text := tables[lang].text(name + ".text")
			if c.Pages != "" {
				info, err := os.Stat(filepath.Join(c.Pages, lang, name+".txt"))
				switch {
				case errors.Is(err, fs.ErrNotExist):
				case err != nil:
					return nil, fmt.Errorf("read page %s in %s: %w", name, lang, bare(err))
				case info.Size() > largestProse:
					return nil, fmt.Errorf("%w: page %s in %s is longer than %d bytes", ErrConfig, name, lang, largestProse)
				default:
					b, err := os.ReadFile(filepath.Join(c.Pages, lang, name+".txt"))
					if err != nil {
						return nil, fmt.Errorf("read page %s in %s: %w", name, lang, bare(err))
					}
					text = strings.ReplaceAll(string(b), "\r\n", "\n")
				}
			}
			k := &checker{}
			k.text(text, "page "+name+" in "+lang, largestProse, true)
			if k.err != nil {
				return nil, fmt.Errorf("%w: %w", ErrConfig, k.err)
			}
			out[lang+"/"+name] = parseProse(text)
		}
	}
	return out, nil
}

func parseProse(text string) []block {
	var out []block
	for _, p := range strings.Split(text, "\n\n") {
		p = strings.TrimSpace(p)
		switch {
		case p == "":
		case strings.HasPrefix(p, "# "):
			out = append(out, block{Kind: "h", Text: strings.TrimSpace(p[2:])})
		case strings.HasPrefix(p, "- "):
			b := block{Kind: "l"}
			for _, item := range strings.Split("\n"+p, "\n- ")[1:] {
				b.Items = append(b.Items, strings.TrimSpace(item))
			}
			out = append(out, b)
		default:
			out = append(out, block{Kind: "p", Text: p})
		}
	}
	return out
}
