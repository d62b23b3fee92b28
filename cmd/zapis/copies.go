package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/copies"
	prints "zapis/internal/media/fingerprint"
	"zapis/internal/policy"
	"zapis/internal/store"
)

type copiesCmd struct {
	Find    copiesFindCmd    `cmd:"" help:"Find recordings that hold the footage of a file or of an item. Nothing of the file is kept."`
	List    copiesListCmd    `cmd:"" help:"List what was found, newest first."`
	Confirm copiesConfirmCmd `cmd:"" help:"Confirm that two recordings hold the same footage."`
	Dismiss copiesDismissCmd `cmd:"" help:"Say that two recordings do not hold the same footage."`
	Undo    copiesUndoCmd    `cmd:"" help:"Take a decision back."`
	Fill    copiesFillCmd    `cmd:"" help:"Have fingerprints made of recordings that have none."`
	Status  copiesStatusCmd  `cmd:"" help:"Say how many recordings can be found, and how much memory that takes."`
}

// operator is the person at the command line, who opened the vault.
func (k *call) operator(a *app.App) policy.Subject {
	return policy.Subject{Agent: a.Agent, Role: archive.RoleAdmin, Scope: everything}
}

// matchJSON is one recording that was found.
type matchJSON struct {
	Type     string     `json:"type"`
	Item     string     `json:"item"`
	Ref      string     `json:"ref"`
	Kind     string     `json:"kind"`
	Score    int        `json:"score"`
	OffsetMS *int64     `json:"offset_ms,omitempty"`
	CoverA   int        `json:"cover_a,omitempty"`
	CoverB   int        `json:"cover_b,omitempty"`
	Spans    [][3]int64 `json:"spans_ms,omitempty"`
	Mirrored bool       `json:"mirrored,omitempty"`
	CropA    int        `json:"crop_a,omitempty"`
	CropB    int        `json:"crop_b,omitempty"`
	Overlay  int        `json:"overlay,omitempty"`
}

func matchOf(m copies.Match) matchJSON {
	out := matchJSON{Type: "match", Item: m.Item.ID, Ref: m.Item.Reference(), Kind: string(m.Kind), Score: m.Score, CoverA: m.CoverA, CoverB: m.CoverB,
		Mirrored: m.Mirrored, CropA: m.CropA, CropB: m.CropB, Overlay: m.Overlay}
	if m.Kind == copies.Same || m.Kind == copies.Similar || m.Kind == copies.Identical {
		out.OffsetMS = new(m.Offset.Milliseconds())
	}
	for _, s := range m.Spans {
		out.Spans = append(out.Spans, [3]int64{s.A.Milliseconds(), s.B.Milliseconds(), s.Length.Milliseconds()})
	}
	return out
}

type copiesFindCmd struct {
	What string `arg:"" help:"A file, or the identifier or reference of an item." placeholder:"FILE|ITEM"`
	All  bool   `help:"Also list recordings that only look alike: the same camera at most."`
}

func (c *copiesFindCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		found, err := c.find(k, a)
		if errors.Is(err, prints.ErrShort) {
			return archive.Explain(err, "There is no footage by which it could be told again.", "A recording in the archive gets its fingerprint after its working copy; zapis copies fill makes those that are missing.")
		}
		if err != nil {
			return err
		}
		shown := found.Matches
		if c.All {
			shown = append(shown, found.Alike...)
		}
		if k.JSON {
			for _, m := range shown {
				k.json(matchOf(m))
			}
			k.json(map[string]any{"type": "result", "matches": len(found.Matches), "look_alike": found.LooksAlike, "not_compared": found.Unexamined,
				"candidates": found.Searched, "ms": found.Took.Milliseconds(), "index_ms": found.IndexTook.Milliseconds()})
			return nil
		}
		err = k.table(func(w io.Writer) {
			for _, m := range shown {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.Item.Reference(), m.Item.ID, kindWords(m.Kind), matchWords(m))
			}
		})
		if err != nil {
			return err
		}
		k.say("%d found; %d more only look alike (the same camera at most, or too little moves to tell)", len(found.Matches), found.LooksAlike)
		if found.Unexamined > 0 {
			k.warn(fmt.Sprintf("%d recordings look alike and were not compared, because there are too many", found.Unexamined))
		}
		return nil
	})
}

func (c *copiesFindCmd) find(k *call, a *app.App) (copies.Found, error) {
	f, err := os.Open(c.What)
	if errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(c.What, "/.") {
		it, err := k.findItem(a, c.What)
		if err != nil {
			return copies.Found{}, err
		}
		return a.Copies.FindItem(k.ctx, k.operator(a), it.ID)
	}
	if err != nil {
		return copies.Found{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return copies.Found{}, err
	}
	if !info.Mode().IsRegular() {
		return copies.Found{}, fmt.Errorf("find copies of a file: %w: it is no plain file", archive.ErrInvalid)
	}
	return a.Copies.FindFile(k.ctx, k.operator(a), plainFile{f, info.Size()}, nil)
}

// plainFile is a file outside the archive.
type plainFile struct {
	io.ReaderAt
	n int64
}

func (p plainFile) Size() int64 { return p.n }

func kindWords(kind copies.Kind) string {
	return map[copies.Kind]string{
		copies.Identical: "the same bytes", copies.Same: "the same footage", copies.Similar: "a similar event", copies.Camera: "looks alike: the same camera at most",
		copies.Untold: "looks alike: too little moves to tell",
	}[kind]
}

// matchWords says how a recording was changed and where it lies in the other one.
func matchWords(m copies.Match) string {
	var out []string
	if m.Score > 0 {
		out = append(out, fmt.Sprintf("score %d/1000", m.Score))
	}
	switch m.Kind {
	case copies.Same:
		out = append(out, "begins "+offsetWords(m.Offset))
		out = append(out, fmt.Sprintf("%d %% of what was asked, %d %% of the item", m.CoverA/10, m.CoverB/10))
		if len(m.Spans) > 1 {
			out = append(out, fmt.Sprintf("%d pieces", len(m.Spans)))
		}
		if m.Mirrored {
			out = append(out, "mirrored")
		}
		if m.CropA > 0 || m.CropB > 0 {
			out = append(out, "cropped")
		}
		if m.Overlay >= 5 {
			out = append(out, fmt.Sprintf("%.1f %% of the picture covered or changed", float64(m.Overlay)/10))
		}
	case copies.Similar:
		out = append(out, "best "+offsetWords(m.Offset))
	}
	return strings.Join(out, ", ")
}

func offsetWords(d time.Duration) string {
	if d < 0 {
		return fmt.Sprintf("%.2f s before it", -d.Seconds())
	}
	return fmt.Sprintf("at %.2f s of it", d.Seconds())
}

type copiesListCmd struct {
	State string `help:"Only suggested, confirmed or dismissed ones." enum:",suggested,confirmed,dismissed" default:""`
	Kind  string `help:"Only same or similar ones." enum:",same,similar" default:""`
}

func (c *copiesListCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		q := copies.Query{State: archive.SuggestionState(c.State), Kind: copies.Kind(c.Kind), Limit: 200}
		for {
			links, next, _, err := a.Copies.List(k.ctx, k.operator(a), q)
			if err != nil {
				return err
			}
			err = k.table(func(w io.Writer) {
				for _, l := range links {
					if k.JSON {
						k.json(map[string]any{"id": l.ID, "a": l.A.ID, "b": l.B.ID, "kind": l.Kind, "state": l.State, "score": l.Score, "offset_ms": l.Offset.Milliseconds(),
							"cover_a": l.CoverA, "cover_b": l.CoverB, "recipe": l.Recipe, "recipe_version": l.RecipeVersion})
						continue
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%+.2f s\n", l.ID, l.A.Reference(), l.B.Reference(), kindWords(l.Kind), l.State, l.Score, l.Offset.Seconds())
				}
			})
			if err != nil || next == "" {
				return err
			}
			q.After = next
		}
	})
}

type copiesConfirmCmd struct {
	Link string `arg:"" help:"Identifier of the finding, as list shows it."`
	Why  string `help:"Why, for colleagues; name no people." placeholder:"TEXT"`
}

func (c *copiesConfirmCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error { return a.Copies.Confirm(k.ctx, k.operator(a), c.Link, c.Why) })
}

type copiesDismissCmd struct {
	Link string `arg:"" help:"Identifier of the finding, as list shows it."`
	Why  string `help:"Why, for colleagues; name no people." placeholder:"TEXT"`
}

func (c *copiesDismissCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error { return a.Copies.Dismiss(k.ctx, k.operator(a), c.Link, c.Why) })
}

type copiesUndoCmd struct {
	Link string `arg:"" help:"Identifier of the finding, as list shows it."`
}

func (c *copiesUndoCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error { return a.Copies.Undo(k.ctx, k.operator(a), c.Link) })
}

type copiesFillCmd struct{}

func (c *copiesFillCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		n, err := a.Copies.Fill(k.ctx, k.operator(a))
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"jobs": n})
			return nil
		}
		k.say("%d fingerprints will be made by the next worker", n)
		return nil
	})
}

type copiesStatusCmd struct{}

func (c *copiesStatusCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		var missing []string
		err := a.DB.Read(k.ctx, func(tx *store.Tx) (err error) {
			missing, err = tx.ItemsWithoutFingerprint(k.ctx, prints.Version, "", 100_000)
			return err
		})
		if err != nil {
			return err
		}
		st, err := a.Copies.Status(k.ctx)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"recordings": st.Recordings, "runs": st.Runs, "bytes": st.Bytes, "broken": st.Broken, "missing": len(missing)})
			return nil
		}
		k.say("%d recordings in %d stretches, %s of memory; %d recordings have no fingerprint yet, %d fingerprints do not open", st.Recordings, st.Runs, size(st.Bytes), len(missing), st.Broken)
		return nil
	})
}
