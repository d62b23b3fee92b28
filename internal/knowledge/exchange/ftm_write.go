package exchange

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/vocabulary"
	"zapis/internal/policy"
	"zapis/internal/store"
)

type ftmWriter struct {
	e       *json.Encoder
	authors bool // say who said it, by identifier, and what witnesses agreed to
	team    bool // say what things are called in the files of others, and how compartments are called
	terms   map[string]ftmTerm
	words   map[string]string // of terms, in English
	names   map[string]string // of compartments
}

// newFtM writes FollowTheMoney. Towards the public nothing says who said what.
func (s *Service) newFtM(ctx context.Context, who policy.Subject, w io.Writer, audience string) (*ftmWriter, error) {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	f := &ftmWriter{e: e, authors: audience != audiencePublic, team: audience == audienceTeam, terms: map[string]ftmTerm{}, words: map[string]string{}, names: map[string]string{}}
	vocabularies, err := s.o.Knowledge.Vocabularies(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range vocabularies {
		list, err := s.o.Knowledge.Vocabulary(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			f.words[name+":"+t.Code] = t.Labels["en"]
			if _, ours := vocabulary.Find(name + ":" + t.Code); !ours {
				f.terms[name+":"+t.Code] = ftmTerm{Parent: t.Parent, Labels: t.Labels, Retired: t.Retired}
			}
		}
	}
	if !f.team {
		return f, nil // how the group files its knowledge is its own business
	}
	compartments, err := s.o.Knowledge.Compartments(ctx, who)
	for _, c := range compartments {
		f.names[c.ID] = c.Name
	}
	return f, err
}

func (f *ftmWriter) by(agent string) string {
	if !f.authors {
		return ""
	}
	return agent
}

func (f *ftmWriter) entity(g gathered) error {
	out := ftmEntity{ID: g.ID, Schema: g.kind.FtM, Properties: map[string][]string{}}
	if l := g.label(); l != g.Code {
		out.Caption = l
	}
	for _, p := range g.kind.Properties {
		if p.FtM == "" {
			continue
		}
		for _, c := range g.current(p.Name) {
			if v := ftmValue(p, c.Value, g.kinds[c.Ref]); v != "" && !slices.Contains(out.Properties[p.FtM], v) {
				out.Properties[p.FtM] = append(out.Properties[p.FtM], v)
			}
		}
	}
	if len(out.Properties["name"]) == 0 && (out.Schema == "Event" || out.Schema == "Asset") {
		out.Properties["name"] = []string{f.name(g)} // which these must have
	}
	z := &ftmZapis{Version: ftmVersion, Kind: g.Kind, Code: g.Code, Compartment: g.Compartment, Protected: g.Protected, At: stampText(g.CreatedAt), By: f.by(g.CreatedBy),
		CompartmentName: f.names[g.Compartment]}
	for _, k := range g.keys {
		if f.team { // the names of lists name who kept them
			z.Keys = append(z.Keys, ftmKey{k.Source, k.Key})
		}
	}
	for _, c := range g.claims {
		x := ftmClaim{
			ID: c.ID, Property: c.Property, Value: c.Value, Lang: c.Lang, Certainty: c.Certainty, Note: c.Note, At: stampText(c.CreatedAt), By: f.by(c.Author), Origin: c.Origin,
		}
		if c.Own {
			x.Compartment = &c.Compartment
		}
		for _, s := range c.Sources {
			x.Sources = append(x.Sources, ftmSourceOf(s))
		}
		if !c.Stands() {
			x.Retracted = &ftmRetracted{At: stampText(c.RetractedAt), By: f.by(c.RetractedBy), Reason: c.Reason, Replaced: c.Replaced}
		}
		z.Claims = append(z.Claims, x)
		if t, ok := f.terms[c.Value]; ok {
			if p, _ := g.kind.Property(c.Property); p.Type == catalogue.TypeTerm {
				if z.Terms == nil {
					z.Terms = map[string]ftmTerm{}
				}
				z.Terms[c.Value] = t
			}
		}
	}
	for _, x := range g.findings {
		z.Findings = append(z.Findings, ftmFinding{ID: x.ID, Property: x.Property, Claim: x.Claim, Reason: x.Reason, At: stampText(x.At), By: f.by(x.Author), Dissent: x.Dissent})
	}
	for _, m := range g.merges {
		z.Merges = append(z.Merges, ftmMerge{ID: m.ID, Into: m.Into, Reason: m.Reason, At: stampText(m.At), By: f.by(m.Author), Undone: stampText(m.UndoneAt), Undoer: f.by(m.UndoneBy)})
	}
	for _, p := range g.passages {
		x := ftmPassage{
			ID: p.ID, Ordinal: p.Ordinal, Heading: p.Heading, Text: p.Text, Lang: p.Lang, Item: p.Item, From: secondsText(p.From), To: secondsText(p.To), Page: p.Page,
			At: stampText(p.CreatedAt), By: f.by(p.CreatedBy), Replaced: p.Replaced, Removed: stampText(p.RemovedAt),
		}
		if at, ok := g.places[p.ID]; ok {
			x.Item, x.From, x.To, x.Page = at.Item, secondsText(at.From), secondsText(at.To), at.Page
		}
		z.Passages = append(z.Passages, x)
	}
	for _, c := range g.consents {
		if !f.authors {
			continue
		}
		x := ftmConsent{
			ID: c.ID, Purpose: c.Purpose, Audience: c.Audience, Until: stampText(c.Until), How: c.How, Item: c.Item, Note: c.Note, Given: stampText(c.GivenAt), By: f.by(c.Author),
			Withdrawn: stampText(c.WithdrawnAt), Withdrew: f.by(c.WithdrawnBy), Reason: c.Reason,
		}
		if at, ok := g.places[c.ID]; ok {
			x.Item = at.Item
		}
		z.Consents = append(z.Consents, x)
	}
	out.Zapis = z
	if err := f.e.Encode(out); err != nil {
		return fmt.Errorf("write entity %s: %w", g.ID, err)
	}
	return nil
}

// name is what something without a name goes by: what kind of thing it is, or its code.
func (f *ftmWriter) name(g gathered) string {
	for _, t := range g.kind.Title {
		for _, c := range g.current(t) {
			if w := f.words[c.Value]; w != "" {
				return w
			}
		}
	}
	return g.Code
}

func (f *ftmWriter) end(Export) error { return nil }

// sourceWords writes sources for people's tables.
func sourceWords(claims []store.Claim) string {
	var out []string
	for _, c := range claims {
		for _, s := range c.Sources {
			if t := sourceWord(s); !slices.Contains(out, t) {
				out = append(out, t)
			}
		}
	}
	return strings.Join(out, " ; ")
}

func sourceWord(s archive.Source) string {
	if s.Kind == archive.SourceOther {
		return SourceText(s.Note)
	}
	t := s.Kind
	for _, id := range []string{s.Item, s.Passage, s.Entity} {
		if id != "" {
			t += " " + id
			break
		}
	}
	if s.From != 0 || s.To != 0 {
		from := secondsText(s.From)
		if from == "" {
			from = "0"
		}
		t += " " + from + "–" + secondsText(s.To) + " s"
	}
	if s.Page > 0 {
		t += fmt.Sprintf(" p. %d", s.Page)
	}
	if s.Note != "" {
		t += ": " + s.Note
	}
	return t
}
