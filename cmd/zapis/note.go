package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/note"
)

type noteCmd struct {
	List   noteListCmd   `cmd:"" help:"List the notes on an item."`
	Export noteExportCmd `cmd:"" help:"Write the notes on an item as WebVTT, Web Annotation JSON-LD or JSON. It is recorded as an export."`
	Import noteImportCmd `cmd:"" help:"Make notes on an item of a file of Web Annotation JSON-LD. The same file read again makes nothing twice."`
}

type noteListCmd struct {
	Item string `arg:"" help:"Identifier or reference of the item."`
}

func (c *noteListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		it, err := k.findItem(a, c.Item)
		if err != nil {
			return err
		}
		p, err := a.Note.Notes(k.ctx, operator(a), it.ID)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, n := range p.Notes {
				if k.JSON {
					k.json(map[string]any{"id": n.ID, "frame_from": n.FrameFrom, "frame_to": n.FrameTo, "from_us": n.From.Microseconds(), "to_us": n.To.Microseconds(),
						"page": n.Page, "tag": n.Tag, "body": n.Body, "author": n.Author, "version": n.Version})
					continue
				}
				at := fmt.Sprintf("%v–%v", n.From, n.To)
				if n.FrameFrom >= 0 {
					at = fmt.Sprintf("frames %d–%d", n.FrameFrom, n.FrameTo)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%q\n", n.ID, at, n.Author, n.Tag, n.Body)
			}
		})
	})
}

type noteExportCmd struct {
	Item   string `arg:"" help:"Identifier or reference of the item."`
	Format string `enum:"vtt,jsonld,json" default:"jsonld" help:"vtt, jsonld or json."`
	By     string `enum:"author,tag,all" default:"all" help:"One file for all, or, with --dir, a file for each author or tag."`
	Dir    string `help:"Folder to write files into; by default everything goes to standard output." placeholder:"DIR" type:"path"`
	Lang   string `default:"en" help:"Language of the labels of tags."`
}

func (c *noteExportCmd) Run(k *call) error {
	if c.By != "all" && c.Dir == "" {
		return fmt.Errorf("%w: --by %s writes several files and needs --dir", app.ErrUsage, c.By)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		it, err := k.findItem(a, c.Item)
		if err != nil {
			return err
		}
		who := operator(a)
		o := note.ExportOptions{Format: note.Format(c.Format), Lang: c.Lang}
		if c.By == "all" {
			b, err := a.Note.Export(k.ctx, who, it.ID, o)
			if err != nil {
				return err
			}
			if c.Dir != "" {
				return k.keep(c.Dir, "notes-"+it.ID+"."+c.Format, b)
			}
			_, err = k.out.Write(b)
			return err
		}
		p, err := a.Note.Notes(k.ctx, who, it.ID)
		if err != nil {
			return err
		}
		tracks := map[string]note.ExportOptions{}
		for _, n := range p.Notes {
			one := o
			name := n.Author
			if one.Author = n.Author; c.By == "tag" {
				if n.Tag == "" {
					continue
				}
				one.Author, one.Tag, name = "", n.Tag, n.Tag
			}
			tracks[name] = one
		}
		names := make([]string, 0, len(tracks))
		for name := range tracks {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			b, err := a.Note.Export(k.ctx, who, it.ID, tracks[name])
			if err != nil {
				return err
			}
			if err := k.keep(c.Dir, "notes-"+it.ID+"-"+plainName(name)+"."+c.Format, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// plainName makes a tag fit for the name of a file. Tags and identifiers are letters, digits, hyphens and colons.
func plainName(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c == ':' {
			b[i] = '-'
		}
	}
	return string(b)
}

// keep writes a file that must not be there yet, and says its name.
func (k *call) keep(dir, name string, b []byte) error {
	if err := writeNew(dir, name, b); err != nil {
		return err
	}
	if k.JSON {
		k.json(map[string]string{"file": name})
	} else {
		fmt.Fprintln(k.out, name)
	}
	return nil
}

// refusalCode gives what a script can tell refusals apart by.
func refusalCode(err error) string {
	if p, ok := errors.AsType[*archive.Public](err); ok {
		return p.Text
	}
	return ""
}

type noteImportCmd struct {
	Item string `arg:"" help:"Identifier or reference of the item."`
	File string `arg:"" help:"File of Web Annotation JSON-LD; - reads standard input."`
}

func (c *noteImportCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		it, err := k.findItem(a, c.Item)
		if err != nil {
			return err
		}
		b, err := k.readFile("read notes", c.File, note.MaxImport)
		if err != nil {
			return err
		}
		rep, err := a.Note.Import(k.ctx, operator(a), it.ID, b)
		if err != nil {
			return err
		}
		if k.JSON {
			refused := []map[string]any{}
			for _, r := range rep.Refused {
				refused = append(refused, map[string]any{"index": r.Index, "why": refusalCode(r.Err)})
			}
			k.json(map[string]any{"made": rep.Made, "changed": rep.Changed, "same": rep.Same, "refused": refused})
		} else {
			fmt.Fprintf(k.out, "made %d, changed %d, known already %d, refused %d\n", rep.Made, rep.Changed, rep.Same, len(rep.Refused))
			for _, r := range rep.Refused {
				fmt.Fprintf(k.out, "refused annotation %d: %v\n", r.Index, r.Err)
			}
		}
		if len(rep.Refused) > 0 {
			return fmt.Errorf("import notes: %d of them: %w", len(rep.Refused), app.ErrSomeFailed)
		}
		return nil
	})
}
