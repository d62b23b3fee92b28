package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/search"
)

type searchCmd struct {
	Find    searchFindCmd    `cmd:"" default:"withargs" help:"Find documents: zapis search 'пытки camera:B-12'."`
	Rebuild searchRebuildCmd `cmd:"" help:"Make the index anew from the texts, and index what is not yet."`
	Status  searchStatusCmd  `cmd:"" help:"Say how many documents can be found."`
}

type searchFindCmd struct {
	Query []string `arg:"" help:"What to look for; words, \"phrases\", begin*, -not, OR, fields such as camera: or recorded:2020-06..2020-11."`
	Order string   `help:"newest or oldest; by default the best first." placeholder:"ORDER"`
	Page  int      `help:"Page of the answer, from 1." default:"1"`
}

type searchJSON struct {
	Hits    int                `json:"hits"`
	More    bool               `json:"more"`
	Results int                `json:"results"`
	Page    int                `json:"page"`
	Pages   int                `json:"pages"`
	List    []searchResultJSON `json:"list"`
	Facets  []searchFacetJSON  `json:"facets"`
	Means   []string           `json:"means,omitempty"`
	Unknown []string           `json:"unknown,omitempty"`
}

type searchResultJSON struct {
	Item     string              `json:"item,omitempty"`
	Ref      string              `json:"ref,omitempty"`
	Entity   string              `json:"entity,omitempty"`
	Code     string              `json:"code,omitempty"`
	Label    string              `json:"label,omitempty"`
	Kind     string              `json:"kind"`
	Camera   string              `json:"camera,omitempty"`
	At       string              `json:"at,omitempty"`
	Hits     int                 `json:"hits"`
	Snippets []searchSnippetJSON `json:"snippets"`
}

type searchSnippetJSON struct {
	Kind      string   `json:"kind"`
	Ref       string   `json:"ref"`
	Property  string   `json:"property,omitempty"`
	Certainty string   `json:"certainty,omitempty"`
	Item      string   `json:"item,omitempty"`
	Seconds   float64  `json:"seconds"`
	Text      string   `json:"text"`
	Found     [][2]int `json:"found"` // of text, in characters: from, to
}

type searchFacetJSON struct {
	Field  string            `json:"field"`
	Values []searchValueJSON `json:"values"`
}

type searchValueJSON struct {
	Value string `json:"value"`
	Label string `json:"label,omitempty"`
	Count int    `json:"count"`
}

func (c *searchFindCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		// Who opens the vault at the command line sees everything there is.
		who := policy.Subject{Agent: a.Program, Role: archive.RoleAdmin}
		r, err := a.Search.Find(k.ctx, who, search.Request{Query: strings.Join(c.Query, " "), Order: c.Order, Page: c.Page})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(searchOf(r))
			return nil
		}
		count := fmt.Sprint(r.Hits)
		if r.More {
			count = fmt.Sprintf("more than %d", r.Hits)
		}
		fmt.Fprintf(k.out, "%s documents in %d results, page %d of %d\n", count, r.Results, r.Page, r.Pages)
		for _, m := range r.Spelling {
			fmt.Fprintf(k.out, "Did you mean %s?\n", m.Means)
		}
		for _, n := range r.Notes {
			fmt.Fprintf(k.out, "Nothing is known as %s.\n", n.What)
		}
		return k.table(func(w io.Writer) {
			for _, x := range r.List {
				for _, sn := range x.Snippets {
					name, place := x.Reference, ""
					if x.Entity != "" {
						name = x.Code
					}
					if sn.HasPlace {
						place = sn.From.Truncate(time.Millisecond).String()
					}
					text, _ := flat(sn)
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, sn.Kind, place, text)
				}
			}
		})
	})
}

func searchOf(r search.Results) searchJSON {
	out := searchJSON{Hits: r.Hits, More: r.More, Results: r.Results, Page: r.Page, Pages: r.Pages, List: []searchResultJSON{}, Facets: []searchFacetJSON{}}
	for _, x := range r.List {
		y := searchResultJSON{Item: x.Item, Ref: x.Reference, Entity: x.Entity, Code: x.Code, Label: x.Label, Kind: string(x.ItemKind), Camera: x.Camera, At: stamp(x.At), Hits: x.Hits,
			Snippets: []searchSnippetJSON{}}
		if x.Entity != "" {
			y.Kind = string(x.EntityKind)
		}
		for _, sn := range x.Snippets {
			text, found := flat(sn)
			y.Snippets = append(y.Snippets, searchSnippetJSON{Kind: sn.Kind, Ref: sn.Ref, Property: sn.Property, Certainty: string(sn.Certainty), Item: sn.Item,
				Seconds: sn.From.Seconds(), Text: text, Found: found})
		}
		out.List = append(out.List, y)
	}
	for _, f := range r.Facets {
		g := searchFacetJSON{Field: f.Field}
		for _, v := range f.Values {
			g.Values = append(g.Values, searchValueJSON{v.Value, v.Label, v.Count})
		}
		out.Facets = append(out.Facets, g)
	}
	for _, m := range r.Spelling {
		out.Means = append(out.Means, m.Query)
	}
	for _, n := range r.Notes {
		out.Unknown = append(out.Unknown, n.What)
	}
	return out
}

// flat writes a snippet as one text with the places, in characters, of what was looked for.
func flat(s search.Snippet) (text string, found [][2]int) {
	found = [][2]int{}
	at := 0
	var b strings.Builder
	for _, p := range s.Pieces {
		n := len([]rune(p.Text))
		if p.Found {
			found = append(found, [2]int{at, at + n})
		}
		b.WriteString(p.Text)
		at += n
	}
	return b.String(), found
}

type searchRebuildCmd struct{}

func (c *searchRebuildCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		before, err := a.Search.Tally(k.ctx)
		if err != nil {
			return err
		}
		last := time.Now()
		t, err := a.Search.Rebuild(k.ctx, func(done int64) {
			if time.Since(last) >= time.Second {
				last = time.Now()
				fmt.Fprintf(k.err, "%d of %d documents\n", done, max(done, before.Docs))
			}
		})
		if err != nil {
			return err
		}
		return k.searchTally(t)
	})
}

type searchStatusCmd struct{}

func (c *searchStatusCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		t, err := a.Search.Tally(k.ctx)
		if err != nil {
			return err
		}
		return k.searchTally(t)
	})
}

func (k *call) searchTally(t search.Tally) error {
	if k.JSON {
		k.json(struct {
			Documents int64 `json:"documents"`
			Old       int64 `json:"old"`
		}{t.Docs, t.Old})
		return nil
	}
	fmt.Fprintf(k.out, "%d documents can be found\n", t.Docs)
	if t.Old > 0 {
		fmt.Fprintf(k.out, "%d of them were indexed by another version; run zapis search rebuild\n", t.Old)
	}
	return nil
}
