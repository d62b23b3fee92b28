package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/grade"
	"zapis/internal/policy"
	"zapis/internal/reading"
	"zapis/internal/store"
)

type itemCmd struct {
	List    itemListCmd    `cmd:"" help:"List items."`
	Show    itemShowCmd    `cmd:"" help:"Show what is known of an item."`
	Grade   itemGradeCmd   `cmd:"" help:"Say how hard items are to watch."`
	Extract itemExtractCmd `cmd:"" help:"Write the original of an item in the clear. The reason is recorded first."`
}

type itemJSON struct {
	ID         string `json:"id"`
	Ref        string `json:"ref"`
	Accession  string `json:"accession"`
	Kind       string `json:"kind"`
	State      string `json:"state"`
	Reason     string `json:"reason,omitempty"`
	Bytes      int64  `json:"bytes"`
	SHA256     string `json:"sha256"`
	MS         int64  `json:"ms,omitempty"`
	RecordedAt string `json:"recorded_at,omitempty"`
	ReceivedAt string `json:"received_at"`
	Format     string `json:"format,omitempty"`
	Codec      string `json:"codec,omitempty"`
	Width      int    `json:"width,omitempty"`
	Height     int    `json:"height,omitempty"`
	Anomalies  int    `json:"anomalies,omitempty"`
	Copies     int    `json:"copies"`
	Difficulty int    `json:"difficulty"` // 0 to 3; -1 not judged
}

func itemOf(i archive.Item) itemJSON {
	return itemJSON{
		ID: i.ID, Ref: i.Reference(), Accession: i.Accession, Kind: string(i.Kind), State: string(i.State), Reason: i.Reason, Bytes: i.Size,
		SHA256: hex.EncodeToString(i.SHA256), MS: i.Duration.Milliseconds(), RecordedAt: stamp(i.RecordedAt), ReceivedAt: stamp(i.ReceivedAt),
		Format: i.Format, Codec: i.Codec, Width: i.Width, Height: i.Height, Anomalies: i.Anomalies, Copies: i.Copies, Difficulty: i.Difficulty,
	}
}

type itemListCmd struct {
	Accession []string `help:"Only of these accessions." placeholder:"ID"`
	Kind      []string `help:"Only of these kinds: video, audio, image, document, unknown."`
	State     []string `help:"Only in these states: sealed, browsable, ready, explained, quarantined."`
}

func (c *itemListCmd) Run(k *call) error {
	q := store.Query{Accessions: c.Accession, Order: store.Oldest}
	for _, id := range c.Accession {
		if err := archive.CheckID(archive.PrefixAccession, id); err != nil {
			return err
		}
	}
	for _, v := range c.Kind {
		q.Kinds = append(q.Kinds, archive.Kind(v))
	}
	for _, v := range c.State {
		q.States = append(q.States, archive.ItemState(v))
	}
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		var at store.Cursor
		for {
			var page []archive.Item
			err := a.DB.Read(k.ctx, func(tx *store.Tx) (err error) {
				page, at, err = tx.Items(k.ctx, everything, q, at, 500)
				return err
			})
			if err != nil {
				return err
			}
			err = k.table(func(w io.Writer) {
				for _, i := range page {
					if k.JSON {
						k.json(itemOf(i))
						continue
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.Reference(), i.ID, i.Kind, i.State, size(i.Size), when(i.SortTime()), i.Reason)
				}
			})
			if err != nil || at.IsZero() {
				return err
			}
		}
	})
}

// findItem takes an identifier or a reference such as Z3-000412.
func (k *call) findItem(a *app.App, name string) (it archive.Item, err error) {
	err = a.DB.Read(k.ctx, func(tx *store.Tx) error {
		if strings.HasPrefix(name, "Z") {
			it, err = tx.ItemByReference(k.ctx, everything, name)
			return err
		}
		if err := archive.CheckID(archive.PrefixItem, name); err != nil {
			return err
		}
		it, err = tx.Item(k.ctx, everything, name)
		return err
	})
	if err == nil && it.Erasing {
		return archive.Item{}, fmt.Errorf("item %s: %w", it.ID, archive.ErrNotFound) // two people agreed to erase it
	}
	return it, err
}

type itemShowCmd struct {
	Item string `arg:"" help:"Identifier or reference of the item."`
}

func (c *itemShowCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		it, err := k.findItem(a, c.Item)
		if err != nil {
			return err
		}
		var derived []archive.Derivative
		// To look at a record is an act like looking at the material.
		err = a.DB.Write(k.ctx, func(tx *store.Tx) (err error) {
			if derived, err = tx.Derivatives(k.ctx, it.ID); err != nil {
				return err
			}
			_, err = a.Custody.Record(k.ctx, tx, custody.Displaying(a.Agent, it.ID, "", archive.NewID(archive.PrefixVisit), "item page"))
			return err
		})
		if err != nil {
			return err
		}
		if k.JSON {
			type d struct {
				ID      string `json:"id"`
				Kind    string `json:"kind"`
				Recipe  string `json:"recipe"`
				Version int    `json:"version"`
				Tool    string `json:"tool"`
				Bytes   int64  `json:"bytes"`
			}
			list := []d{}
			for _, x := range derived {
				list = append(list, d{x.ID, x.Kind, x.Recipe, x.RecipeVersion, x.Tool + " " + x.ToolVersion, x.Size})
			}
			k.json(struct {
				itemJSON
				Object      string `json:"object"`
				Envelope    string `json:"envelope"`
				Derivatives []d    `json:"derivatives"`
			}{itemOf(it), it.Object.Object, it.Object.Envelope, list})
			return nil
		}
		return k.table(func(w io.Writer) {
			fmt.Fprintf(w, "%s\t%s\n", it.Reference(), it.ID)
			fmt.Fprintf(w, "kind\t%s %s %s\n", it.Kind, it.Format, it.Codec)
			fmt.Fprintf(w, "state\t%s %s\n", it.State, it.Reason)
			fmt.Fprintf(w, "bytes\t%d\n", it.Size)
			fmt.Fprintf(w, "sha256\t%x\n", it.SHA256)
			fmt.Fprintf(w, "received\t%s\n", when(it.ReceivedAt))
			fmt.Fprintf(w, "recorded\t%s %s\n", when(it.RecordedAt), it.RecordedSource)
			if it.Duration > 0 {
				fmt.Fprintf(w, "length\t%s\n", it.Duration)
			}
			if it.Width > 0 {
				fmt.Fprintf(w, "picture\t%d × %d, %.3g per second\n", it.Width, it.Height, it.FrameRate)
			}
			fmt.Fprintf(w, "copies\t%d\n", it.Copies)
			fmt.Fprintf(w, "hard to watch\t%s\n", difficultyWord(it.Difficulty))
			fmt.Fprintf(w, "sealed as\t%s in %s\n", it.Object.Object, it.Object.Envelope)
			for _, d := range derived {
				fmt.Fprintf(w, "%s\t%s  %s v%d by %s %s, %s\n", d.Kind, d.ID, d.Recipe, d.RecipeVersion, d.Tool, d.ToolVersion, size(d.Size))
			}
		})
	})
}

// difficultyWord writes how hard an item is to watch.
func difficultyWord(n int) string {
	if n < 0 {
		return "not judged"
	}
	return fmt.Sprintf("V%d", n)
}

type itemGradeCmd struct {
	Level  string   `arg:"" enum:"V0,V1,V2,V3,none" help:"V0 (not hard), V1 (somewhat), V2 (hard), V3 (very hard), or none: not judged, which counts as the hardest."`
	Items  []string `arg:"" help:"Identifiers or references of the items, at most 200. All of them are judged, or none."`
	Reason string   `help:"Why. Kept for ever in the custody record; name no people."`
}

func (c *itemGradeCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		level := archive.Unjudged
		if c.Level != "none" {
			level = int(c.Level[1] - '0')
		}
		var list []grade.Judgement
		for _, name := range c.Items {
			it, err := k.findItem(a, name)
			if err != nil {
				return err
			}
			list = append(list, grade.Judgement{Item: it.ID, From: grade.Whatever, To: level})
		}
		n, err := a.Grade.Set(k.ctx, operator(a), c.Reason, list...)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"difficulty": level, "items": len(list), "changed": n})
			return nil
		}
		k.say("%s: %d of %d items changed.", difficultyWord(level), n, len(list))
		return nil
	})
}

type itemExtractCmd struct {
	Item   string `arg:"" help:"Identifier or reference of the item."`
	Out    string `short:"o" required:"" help:"File to write, which must not be there; - for standard output." placeholder:"FILE"`
	Reason string `required:"" help:"Why it is taken out. Kept for ever in the custody record; name no people."`
}

func (c *itemExtractCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who := reading.Reader{Subject: policy.Subject{Agent: a.Agent, Role: archive.RoleAdmin, Scope: everything}, Session: archive.NewID(archive.PrefixSession)}
		var it archive.Item
		write := func(w io.Writer) (err error) {
			it, err = a.Reading.Extract(k.ctx, who, c.Item, c.Reason, w)
			return err
		}
		var err error
		if c.Out == "-" {
			err = write(k.out)
		} else {
			err = createNew(c.Out, write)
		}
		if err != nil {
			if errors.Is(err, os.ErrExist) {
				return err
			}
			return fmt.Errorf("extract: %w", err)
		}
		if c.Out == "-" {
			return nil
		}
		if k.JSON {
			k.json(map[string]any{"item": it.ID, "ref": it.Reference(), "bytes": it.Size, "sha256": hex.EncodeToString(it.SHA256)})
			return nil
		}
		k.say("%s, %s, in the clear. Its SHA-256 was checked: %x", it.Reference(), size(it.Size), it.SHA256)
		return nil
	})
}
