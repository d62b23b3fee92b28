package main

import (
	"errors"
	"fmt"
	"io"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/transcript"
)

type transcriptCmd struct {
	List    transcriptListCmd    `cmd:"" help:"List the texts of an item: transcripts, and what was read in it."`
	Show    transcriptShowCmd    `cmd:"" help:"Print the sentences of a text."`
	Import  transcriptImportCmd  `cmd:"" help:"Bring a transcript in as SubRip or WebVTT; says by line what could not be read."`
	Export  transcriptExportCmd  `cmd:"" help:"Write a transcript as WebVTT or SubRip. It is recorded as an export."`
	Choose  transcriptChooseCmd  `cmd:"" help:"Make a text the current one of its kind."`
	Correct transcriptCorrectCmd `cmd:"" help:"Put other words in place of a sentence; what it was is kept."`
	Ask     transcriptAskCmd     `cmd:"" help:"Have the speech engine listen to recordings, or writing read, as jobs."`
}

type transcriptListCmd struct {
	Item string `arg:"" help:"Identifier or reference of the item."`
}

func (c *transcriptListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		it, err := k.findItem(a, c.Item)
		if err != nil {
			return err
		}
		p, err := a.Transcript.Words(k.ctx, operator(a), it.ID, transcript.Query{Limit: 1})
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, t := range p.Tracks {
				if k.JSON {
					k.json(trackJSON(t.TextTrack))
					continue
				}
				state := t.State
				if t.Chosen() {
					state = "current"
				}
				if t.Reason != "" {
					state += " (" + t.Reason + ")"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d sentences\t%s %s\n", t.ID, t.Kind, t.Origin, state, t.Lang, t.Spans, t.Tool, t.Settings)
			}
		})
	})
}

func trackJSON(t archive.TextTrack) map[string]any {
	return map[string]any{"id": t.ID, "item": t.Item, "kind": t.Kind, "origin": t.Origin, "state": t.State, "reason": t.Reason, "lang": t.Lang, "title": t.Title, "author": t.Author,
		"current": t.Chosen(), "recipe": t.Recipe, "recipe_version": t.RecipeVersion, "tool": t.Tool, "settings": t.Settings, "sentences": t.Spans, "done_us": t.Done.Microseconds()}
}

type transcriptShowCmd struct {
	Item  string `arg:"" help:"Identifier or reference of the item."`
	Track string `help:"Identifier of the text; by default the current one." placeholder:"ID"`
}

func (c *transcriptShowCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		it, err := k.findItem(a, c.Item)
		if err != nil {
			return err
		}
		for after := 0; ; {
			p, err := a.Transcript.Words(k.ctx, operator(a), it.ID, transcript.Query{Track: c.Track, After: after, Limit: 2000})
			if err != nil {
				return err
			}
			if p.Track.ID == "" {
				return fmt.Errorf("show text of %s: %w", it.ID, archive.ErrNotFound)
			}
			c.Track = p.Track.ID // the same one, if another is chosen meanwhile
			err = k.table(func(w io.Writer) {
				for _, l := range p.Lines {
					after = l.Ordinal
					if k.JSON {
						k.json(map[string]any{"id": l.ID, "track": l.Track, "from_us": l.From.Microseconds(), "to_us": l.To.Microseconds(), "page": l.Page, "score": l.Score,
							"lang": l.Lang, "text": l.Text, "version": l.Version, "author": l.Author, "origin": p.Track.Origin})
						continue
					}
					place := fmt.Sprint(l.From.Round(100_000_000))
					if l.Page > 0 {
						place = fmt.Sprintf("page %d", l.Page)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\n", l.ID, place, l.Text)
				}
			})
			if err != nil || !p.More {
				return err
			}
		}
	})
}

type transcriptImportCmd struct {
	Item  string `arg:"" help:"Identifier or reference of the item."`
	File  string `arg:"" help:"File of SubRip or WebVTT; - reads standard input."`
	Title string `help:"What it is, such as: translation into English." placeholder:"TEXT"`
	Lang  string `help:"Language, such as ru or uk." placeholder:"LANG"`
	Use   bool   `help:"Make it the current transcript."`
}

func (c *transcriptImportCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		it, err := k.findItem(a, c.Item)
		if err != nil {
			return err
		}
		b, err := k.readFile("read transcript", c.File, transcript.MaxImport)
		if err != nil {
			return err
		}
		rep, err := a.Transcript.Import(k.ctx, operator(a), it.ID, transcript.Draft{File: b, Title: c.Title, Lang: c.Lang, Use: c.Use})
		if err != nil {
			return err
		}
		if k.JSON {
			faults := []map[string]any{}
			for _, f := range rep.Parsed.Faults {
				faults = append(faults, map[string]any{"line": f.Line, "code": f.Code, "lost": f.Lost})
			}
			k.json(map[string]any{"track": rep.Track.ID, "same": rep.Same, "kept": rep.Kept, "format": rep.Parsed.Format, "encoding": rep.Parsed.Encoding, "faults": faults, "more": rep.Parsed.More})
		} else {
			what := "kept"
			if rep.Same {
				what = "known already:"
			}
			fmt.Fprintf(k.out, "%s %s %d sentences (%s, %s), %d faults\n", rep.Track.ID, what, rep.Kept, rep.Parsed.Format, rep.Parsed.Encoding, len(rep.Parsed.Faults)+rep.Parsed.More)
			for _, f := range rep.Parsed.Faults {
				lost := ""
				if f.Lost {
					lost = ", left out"
				}
				fmt.Fprintf(k.out, "line %d: %s%s\n", f.Line, f.Code, lost)
			}
		}
		if !rep.Same && rep.Parsed.Lost()+rep.Parsed.More > 0 {
			return fmt.Errorf("import transcript: parts of it: %w", app.ErrSomeFailed)
		}
		return nil
	})
}

type transcriptExportCmd struct {
	Track  string `arg:"" help:"Identifier of the text."`
	Format string `enum:"vtt,srt" default:"vtt" help:"vtt or srt."`
}

func (c *transcriptExportCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		b, _, err := a.Transcript.Export(k.ctx, operator(a), c.Track, transcript.Format(c.Format))
		if err != nil {
			return err
		}
		_, err = k.out.Write(b)
		return err
	})
}

type transcriptChooseCmd struct {
	Track string `arg:"" help:"Identifier of the text."`
}

func (c *transcriptChooseCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		_, err := a.Transcript.Choose(k.ctx, operator(a), c.Track)
		return err
	})
}

type transcriptCorrectCmd struct {
	Sentence string `arg:"" help:"Identifier of the sentence."`
	Text     string `arg:"" help:"Its words; empty: nothing is said there."`
	Version  int    `required:"" help:"Version that is corrected, so that nobody else's correction is written over." placeholder:"N"`
}

func (c *transcriptCorrectCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		l, err := a.Transcript.Correct(k.ctx, operator(a), c.Sentence, c.Version, c.Text)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"id": l.ID, "version": l.Version})
		} else {
			fmt.Fprintf(k.out, "%s version %d\n", l.ID, l.Version)
		}
		return nil
	})
}

type transcriptAskCmd struct {
	Item string `arg:"" optional:"" help:"Identifier or reference of the item."`
	All  bool   `help:"Every item that has no such text yet."`
	Kind string `enum:"transcript,ocr" default:"transcript" help:"transcript: what is said; ocr: what is written."`
}

func (c *transcriptAskCmd) Run(k *call) error {
	if (c.Item == "") != c.All {
		return fmt.Errorf("%w: an item or --all is wanted", app.ErrUsage)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		n := 1
		var err error
		if c.All {
			n, err = a.Transcript.AskAll(k.ctx, operator(a), c.Kind)
		} else {
			it, ferr := k.findItem(a, c.Item)
			if ferr != nil {
				return ferr
			}
			err = a.Transcript.Ask(k.ctx, operator(a), it.ID, c.Kind)
		}
		if errors.Is(err, transcript.ErrNoEngine) {
			return archive.Explain(err, "No speech engine is configured.", "zapis config check explains the keys that begin with speech.")
		}
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"jobs": n})
		} else {
			fmt.Fprintf(k.out, "%d jobs put in\n", n)
		}
		return nil
	})
}
