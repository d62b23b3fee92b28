package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/match"
	"zapis/internal/media"
)

type matchCmd struct {
	File    string `arg:"" help:"A video or picture from anywhere. Nothing of it is kept." placeholder:"FILE"`
	Bundles string `help:"Folder of release bundles, as published; no archive is needed then." placeholder:"DIR"`
}

func (c *matchCmd) Run(k *call) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("%w: open file: %w", app.ErrUsage, bare(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is no plain file", app.ErrUsage)
	}
	src := plainFile{f, info.Size()}
	if c.Bundles != "" {
		return c.inBundles(k, src)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		found, err := a.Match.Match(k.ctx, k.operator(a), src, nil)
		if errors.Is(err, match.ErrEmpty) {
			return archive.Explain(err, "No clip was rendered here and no release published, so there is nothing to compare with.", "With release bundles of others: zapis match --bundles DIR FILE")
		}
		if err != nil {
			return err
		}
		return tellMatch(k, found)
	})
}

// bare takes the path out of an error of the file system.
func bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (c *matchCmd) inBundles(k *call, src media.Source) error {
	root, err := os.OpenRoot(c.Bundles)
	if err != nil {
		return fmt.Errorf("%w: open folder of bundles: %w", app.ErrUsage, bare(err))
	}
	defer root.Close()
	b, problems, err := match.OpenBundles(root.FS())
	warn := func(list []match.Problem) {
		for _, p := range list {
			k.warn(fmt.Sprintf("%q is left out: %v", p.Folder, bare(p.Err)))
		}
	}
	warn(problems)
	if errors.Is(err, match.ErrEmpty) {
		return archive.Explain(err, "There is no release bundle with a clip in this folder.", "A bundle is a folder that holds release.json and SHA256SUMS; fetch it from the site of whoever published it.")
	}
	if err != nil {
		return err
	}
	tools := func() (match.Media, error) { return media.Find(media.Options{Logger: k.logger}) }
	var done func(n, of int)
	if isTerminal(k.err) && !k.JSON {
		done = func(n, of int) {
			fmt.Fprintf(k.err, "\r%d of %d clips read", n, of)
			if n == of {
				fmt.Fprint(k.err, "\r\033[K")
			}
		}
	}
	found, problems, err := b.Match(k.ctx, tools, src, nil, done)
	warn(problems)
	if err != nil {
		return err
	}
	return tellMatch(k, found)
}

// appearanceJSON is a release in which a clip was let out.
type appearanceJSON struct {
	Release   string            `json:"release"`
	Slug      string            `json:"slug"`
	Version   int               `json:"version"`
	File      string            `json:"file"`
	Published string            `json:"published"`
	Withdrawn bool              `json:"withdrawn,omitempty"`
	Title     map[string]string `json:"title,omitempty"`
}

type hitJSON struct {
	Type     string           `json:"type"`
	How      match.How        `json:"how"`
	Score    int              `json:"score"`
	Releases []appearanceJSON `json:"releases"`
	Clip     string           `json:"clip,omitempty"`
	Spans    [][3]int64       `json:"spans_ms,omitempty"` // in the file, in the clip, length
	File     int              `json:"cover_file"`
	Whole    int              `json:"cover_clip"`
	Mirrored bool             `json:"mirrored,omitempty"`
	CropFile int              `json:"crop_file,omitempty"`
	CropClip int              `json:"crop_clip,omitempty"`
	Overlay  int              `json:"overlay,omitempty"`
}

func tellMatch(k *call, r match.Result) error {
	if k.JSON {
		for _, h := range r.Hits {
			j := hitJSON{Type: "hit", How: h.How, Score: h.Score, Releases: []appearanceJSON{}, Clip: h.Clip, File: h.CoverFile, Whole: h.CoverClip,
				Mirrored: h.Mirrored, CropFile: h.CropFile, CropClip: h.CropClip, Overlay: h.Overlay}
			for _, a := range h.Releases {
				j.Releases = append(j.Releases, appearanceJSON{a.Release, a.Slug, a.Version, a.Name, a.Published.UTC().Format(time.RFC3339), a.Withdrawn, a.Title})
			}
			for _, s := range h.Spans {
				j.Spans = append(j.Spans, [3]int64{s.File.Milliseconds(), s.Clip.Milliseconds(), s.Length.Milliseconds()})
			}
			k.json(j)
		}
		k.json(map[string]any{"type": "result", "found": r.Found(), "hits": len(r.Hits), "look_alike": r.LooksAlike, "compared": r.Compared, "clips": r.Clips, "left": r.Left,
			"sha256": hex.EncodeToString(r.SHA256[:]), "bytes": r.Bytes, "ms": r.Length.Milliseconds()})
		return nil
	}
	for _, h := range r.Hits {
		k.say("%s", hitWords(h))
		for _, a := range h.Releases {
			k.say("  %s", appearanceWords(a))
		}
		for _, s := range h.Spans {
			k.say("  %s to %s of the file is %s to %s of the clip", inClip(s.File), inClip(s.File+s.Length), inClip(s.Clip), inClip(s.Clip+s.Length))
		}
	}
	if !r.Found() {
		k.say("%s", nothingWords(r))
	}
	if r.Left > 0 {
		k.say("%d published clips have no fingerprint (too short, or unreadable here): only the digest was held against them", r.Left)
	}
	if r.LooksAlike > 0 {
		k.say("%d more look alike: the same camera or place at most, or too little moves to tell", r.LooksAlike)
	}
	return nil
}

func hitWords(h match.Hit) string {
	out := map[match.How]string{
		match.SameFile:     "the same file, to the byte",
		match.SameFootage:  "the same footage",
		match.SimilarEvent: "a similar event; look before you say more",
	}[h.How]
	if h.How == match.SameFile {
		return out
	}
	more := []string{fmt.Sprintf("score %d/1000", h.Score)}
	if h.How == match.SameFootage {
		more = append(more, fmt.Sprintf("%d %% of the file, %d %% of the clip", h.CoverFile/10, h.CoverClip/10))
	}
	if h.Mirrored {
		more = append(more, "mirrored")
	}
	if h.CropFile > 0 || h.CropClip > 0 {
		more = append(more, "cropped")
	}
	if h.Overlay >= 5 {
		more = append(more, fmt.Sprintf("%.1f %% of the picture covered or changed", float64(h.Overlay)/10))
	}
	if len(h.Releases) == 0 {
		more = append(more, "clip "+h.Clip+", which was NOT published")
	}
	return out + " (" + strings.Join(more, ", ") + ")"
}

func appearanceWords(a match.Appearance) string {
	out := fmt.Sprintf("release %s, number %d, published %s, %s", a.Slug, a.Version, a.Published.UTC().Format(time.DateOnly), a.Name)
	if a.Withdrawn {
		out += ", WITHDRAWN since"
	}
	title := a.Title["en"]
	if title == "" && len(a.Title) > 0 {
		langs := make([]string, 0, len(a.Title))
		for lang := range a.Title {
			langs = append(langs, lang)
		}
		title = a.Title[slices.Min(langs)]
	}
	if title != "" {
		out += fmt.Sprintf(": %q", title)
	}
	return out
}

// nothingWords says what it means that nothing was found.
func nothingWords(r match.Result) string {
	switch r.Compared {
	case match.NoPicture:
		return "No match. The file is none that was let out, and it has no moving picture that could be read, so nothing more was compared."
	case match.TooShort:
		return "No match. The file is none that was let out; it is too short, or shows too little, to be told again."
	}
	return fmt.Sprintf("No match among %d published clips. That does not say that the file is false or from elsewhere: footage that was filmed off a screen, slowed down, "+
		"changed in large parts, or shorter than a few seconds is not found.", r.Clips)
}

// inClip writes a time within a recording.
func inClip(d time.Duration) string {
	d = max(d, 0).Round(100 * time.Millisecond)
	return fmt.Sprintf("%d:%04.1f", int(d.Minutes()), (d % time.Minute).Seconds())
}
