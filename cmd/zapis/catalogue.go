package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
)

type catalogueCmd struct {
	List        catalogueListCmd        `cmd:"" help:"List incidents, persons, facilities and the like."`
	Show        catalogueShowCmd        `cmd:"" help:"Show all that is said of something."`
	Add         catalogueAddCmd         `cmd:"" help:"Make something new and say what is known of it."`
	Say         catalogueSayCmd         `cmd:"" help:"Say more about something."`
	Retract     catalogueRetractCmd     `cmd:"" help:"Take a claim back; it stays in the record."`
	Restore     catalogueRestoreCmd     `cmd:"" help:"Let a claim stand again that was taken back."`
	Find        catalogueFindCmd        `cmd:"" help:"Decide between rival claims, or dissent."`
	Merge       catalogueMergeCmd       `cmd:"" help:"Say that two things are one."`
	Unmerge     catalogueUnmergeCmd     `cmd:"" help:"Take a merge back."`
	File        catalogueFileCmd        `cmd:"" help:"Move something to another compartment."`
	Compartment catalogueCompartmentCmd `cmd:"" help:"List and make compartments."`
	Term        catalogueTermCmd        `cmd:"" help:"List, add and change the terms of vocabularies."`
}

type entityJSON struct {
	ID          string            `json:"id"`
	Kind        string            `json:"kind"`
	Code        string            `json:"code"`
	Label       string            `json:"label"`
	Compartment string            `json:"compartment,omitempty"`
	Protected   bool              `json:"protected,omitempty"`
	Values      map[string]string `json:"values,omitempty"`
}

func entityOf(e archive.Entity, label string, values []knowledge.Value) entityJSON {
	j := entityJSON{ID: e.ID, Kind: string(e.Kind), Code: e.Code, Label: label, Compartment: e.Compartment, Protected: e.Protected}
	for _, v := range values {
		if j.Values == nil {
			j.Values = map[string]string{}
		}
		j.Values[v.Property] = v.Text
	}
	return j
}

type claimJSON struct {
	ID        string       `json:"id"`
	Entity    string       `json:"entity"`
	Property  string       `json:"property"`
	Value     string       `json:"value"`
	Text      string       `json:"text,omitempty"`
	Lang      string       `json:"lang,omitempty"`
	Certainty string       `json:"certainty"`
	Note      string       `json:"note,omitempty"`
	Author    string       `json:"author"`
	At        string       `json:"at"`
	Current   bool         `json:"current"`
	Rival     bool         `json:"rival"`
	Retracted string       `json:"retracted_at,omitempty"`
	Replaced  string       `json:"replaced_by,omitempty"`
	Sources   []sourceJSON `json:"sources,omitempty"`
}

type sourceJSON struct {
	Kind    string `json:"kind"`
	Item    string `json:"item,omitempty"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
	Page    int    `json:"page,omitempty"`
	Passage string `json:"passage,omitempty"`
	Entity  string `json:"entity,omitempty"`
	Note    string `json:"note,omitempty"`
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func claimOf(c knowledge.Said) claimJSON {
	j := claimJSON{ID: c.ID, Entity: c.Entity, Property: c.Property, Value: c.Value, Text: c.Text, Lang: c.Lang, Certainty: string(c.Certainty), Note: c.Note, Author: c.Author,
		At: stamp(c.CreatedAt), Current: c.Current, Rival: c.Rival, Retracted: stamp(c.RetractedAt), Replaced: c.Replaced}
	for _, s := range c.Sources {
		sj := sourceJSON{Kind: s.Kind, Item: s.Item, Page: s.Page, Passage: s.Passage, Entity: s.Entity, Note: s.Note}
		if s.Item != "" && (s.From != 0 || s.To != 0) {
			sj.From, sj.To = seconds(s.From), seconds(s.To)
		}
		j.Sources = append(j.Sources, sj)
	}
	return j
}

type catalogueListCmd struct {
	Kind     []string `arg:"" optional:"" help:"Kinds, such as incident or person; by default all of them."`
	Text     string   `help:"Beginning of a code, or of words of a name in any script." placeholder:"TEXT"`
	Property string   `help:"Only those of which this is said." placeholder:"NAME"`
	Value    string   `help:"With --property: only those of which exactly this is said." placeholder:"VALUE"`
	Refers   string   `help:"Only those that refer to this." placeholder:"CODE"`
	Lang     string   `help:"Language of labels." default:"en" placeholder:"LANG"`
	Limit    int      `help:"At most so many." default:"1000" placeholder:"N"`
}

func (c *catalogueListCmd) Run(k *call) error {
	q := knowledge.Query{Text: c.Text, Property: c.Property, Value: c.Value, Refers: c.Refers, Lang: c.Lang}
	for _, name := range c.Kind {
		kind, ok := catalogue.KindOf(archive.EntityKind(name))
		if !ok {
			return fmt.Errorf("%w: %q is no kind of thing; there are %s", app.ErrUsage, name, kindNames())
		}
		q.Kinds = append(q.Kinds, kind.Kind)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		shown := 0
		var failed error
		err := k.table(func(w io.Writer) {
			for shown < c.Limit {
				q.Limit = min(500, c.Limit-shown)
				list, next, total, err := a.Knowledge.List(k.ctx, operator(a), q)
				if err != nil {
					failed = err
					return
				}
				for _, e := range list {
					shown++
					if k.JSON {
						k.json(entityOf(e.Entity, e.Label, e.Values))
						continue
					}
					var brief []string
					for _, v := range e.Values {
						brief = append(brief, v.Property+": "+v.Text)
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Code, e.Kind, e.Label, strings.Join(brief, "; "))
				}
				if q.After = next; next == "" {
					return
				}
				if shown >= c.Limit && !k.JSON {
					fmt.Fprintf(k.err, "%d of %d; --limit shows more.\n", shown, total)
				}
			}
		})
		return errors.Join(failed, err)
	})
}

func kindNames() string {
	var out []string
	for _, kind := range catalogue.Kinds() {
		out = append(out, string(kind.Kind))
	}
	return strings.Join(out, ", ")
}

type catalogueShowCmd struct {
	Entity string `arg:"" help:"Code or identifier."`
	Lang   string `help:"Language of terms." default:"en" placeholder:"LANG"`
	All    bool   `help:"Also claims that were taken back."`
}

func (c *catalogueShowCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		v, err := a.Knowledge.Entity(k.ctx, operator(a), c.Entity, c.Lang)
		if err != nil {
			return err
		}
		if k.JSON {
			out := struct {
				entityJSON
				Claims   []claimJSON       `json:"claims"`
				Findings map[string]string `json:"findings,omitempty"`
				Incoming []claimJSON       `json:"incoming,omitempty"`
				Merges   []string          `json:"merges,omitempty"`
			}{entityJSON: entityOf(v.Entity, v.Label, nil), Claims: []claimJSON{}, Findings: map[string]string{}}
			for _, p := range v.Properties {
				for _, said := range p.Claims {
					if said.Stands() || c.All {
						out.Claims = append(out.Claims, claimOf(said))
					}
				}
				if p.Finding != nil {
					out.Findings[p.Property.Name] = p.Finding.Claim
				}
			}
			for _, l := range v.Incoming {
				out.Incoming = append(out.Incoming, claimOf(l.Claim))
			}
			for _, m := range v.Merged {
				out.Merges = append(out.Merges, m.ID)
			}
			k.json(out)
			return nil
		}
		k.say("%s  %s  %s", v.Code, v.Kind, v.Label)
		err = k.table(func(w io.Writer) {
			for _, p := range v.Properties {
				for _, said := range p.Claims {
					if !said.Stands() && !c.All {
						continue
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", mark(said), p.Property.Name, oneLine(said), said.Certainty, sourcesOf(said), said.ID)
				}
				if p.Finding != nil && p.Finding.Claim == "" {
					fmt.Fprintf(w, " \t%s\t(cannot be determined)\t\t\t%s\n", p.Property.Name, p.Finding.ID)
				}
			}
			for _, l := range v.Incoming {
				fmt.Fprintf(w, "<\t%s\t%s %s\t%s\t\t%s\n", l.Property, l.Entity.Code, l.Entity.Label, l.Claim.Certainty, l.Claim.ID)
			}
		})
		for _, m := range v.Merged {
			k.say("merged: %s (zapis catalogue unmerge %s)", m.From, m.ID)
		}
		return err
	})
}

// mark tells current claims, rivals and those taken back apart.
func mark(c knowledge.Said) string {
	switch {
	case !c.Stands():
		return "-"
	case c.Rival && c.Current:
		return "*"
	case c.Rival:
		return "?"
	}
	return " "
}

func oneLine(c knowledge.Said) string {
	text := first(c.Text, c.Value)
	if c.RefCode != "" {
		text = strings.TrimSpace(c.RefCode + " " + c.RefLabel)
	}
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > 80 {
		text = string(r[:79]) + "…"
	}
	return first(text, "(not known)")
}

func sourcesOf(c knowledge.Said) string {
	if len(c.Sources) == 0 {
		return "no source"
	}
	if len(c.Sources) == 1 {
		return "1 source"
	}
	return fmt.Sprintf("%d sources", len(c.Sources))
}

// claims is how a person says things at the command line.
type claims struct {
	Claim       []string `arg:"" optional:"" help:"property=value. A lone - reads more of them from standard input, a line each, which keeps them out of the shell's history."`
	Certainty   string   `help:"established, probable, disputed or not-known." enum:"established,probable,disputed,not-known" default:"probable"`
	Source      []string `help:"What it rests on: Z1-000012@61.5-72 (item and seconds), D-0003#4 (document and page), N-0001 (article), ps_… (passage), or words." placeholder:"SOURCE" sep:"none"`
	Lang        string   `help:"Language of the values." placeholder:"LANG"`
	Note        string   `help:"Remark." placeholder:"TEXT"`
	Compartment string   `help:"Identifier of a compartment." placeholder:"ID"`
}

func (c claims) drafts(k *call) ([]knowledge.ClaimDraft, error) {
	sources := make([]archive.Source, len(c.Source))
	for i, text := range c.Source {
		s, err := parseSource(text)
		if err != nil {
			return nil, err
		}
		sources[i] = s
	}
	var lines []string
	for _, arg := range c.Claim {
		if arg != "-" {
			lines = append(lines, arg)
			continue
		}
		in := bufio.NewScanner(k.in)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			if line := strings.TrimSpace(in.Text()); line != "" {
				lines = append(lines, line)
			}
		}
		if err := in.Err(); err != nil {
			return nil, fmt.Errorf("read claims: %w", err)
		}
	}
	var out []knowledge.ClaimDraft
	for _, line := range lines {
		property, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%w: property=value was expected", app.ErrUsage)
		}
		out = append(out, knowledge.ClaimDraft{Property: strings.TrimSpace(property), Value: value, Lang: c.Lang, Note: c.Note, Sources: sources,
			Certainty: archive.Certainty(strings.ReplaceAll(c.Certainty, "-", " "))})
	}
	return out, nil
}

var (
	itemSource = regexp.MustCompile(`^(it_[0-9a-z]{26}|[Zz][0-9]+-[0-9]+)(?:@([0-9.]+)(?:-([0-9.]+))?)?(?:#([0-9]+))?$`)
	codeSource = regexp.MustCompile(`^([DNdn]-[0-9A-Za-z./_-]+)(?:#([0-9]+))?$`)
)

// parseSource reads a source as a person writes it.
func parseSource(text string) (archive.Source, error) {
	bad := fmt.Errorf("%w: a source such as Z1-000012@61.5-72 was expected", app.ErrUsage)
	page := func(s string) int { n, _ := strconv.Atoi(s); return n }
	if m := itemSource.FindStringSubmatch(text); m != nil {
		s := archive.Source{Kind: archive.SourceItem, Item: m[1], Page: page(m[4])}
		for i, at := range []*time.Duration{&s.From, &s.To} {
			if m[2+i] == "" {
				continue
			}
			d, err := time.ParseDuration(m[2+i] + "s")
			if err != nil {
				return s, bad
			}
			*at = d
		}
		if m[3] == "" {
			s.To = s.From
		}
		return s, nil
	}
	if m := codeSource.FindStringSubmatch(text); m != nil {
		kind := archive.SourceDocument
		if m[1][0] == 'N' || m[1][0] == 'n' {
			kind = archive.SourceArticle
		}
		return archive.Source{Kind: kind, Entity: m[1], Page: page(m[2])}, nil
	}
	if archive.CheckID(archive.PrefixPassage, text) == nil {
		return archive.Source{Kind: archive.SourcePassage, Passage: text}, nil
	}
	return archive.Source{Kind: archive.SourceOther, Note: text}, nil
}

type catalogueAddCmd struct {
	Kind      string `arg:"" help:"incident, act, involvement, order, outcome, person, agency, facility, room, camera, posting, location, testimony, document, article or relation."`
	Code      string `help:"Code by which people name it; by default the next one." placeholder:"CODE"`
	Protected bool   `help:"A person known by the code alone."`
	claims
}

func (c *catalogueAddCmd) Run(k *call) error {
	drafts, err := c.drafts(k)
	if err != nil {
		return err
	}
	return k.with(app.Options{}, func(a *app.App) error {
		e, err := a.Knowledge.Create(k.ctx, operator(a), knowledge.Draft{Kind: archive.EntityKind(c.Kind), Code: c.Code, Protected: c.Protected, Compartment: c.Compartment, Claims: drafts})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(entityOf(e, e.Label, nil))
			return nil
		}
		k.say("%s", e.Code)
		return nil
	})
}

type catalogueSayCmd struct {
	Entity string `arg:"" help:"Code or identifier."`
	claims
}

func (c *catalogueSayCmd) Run(k *call) error {
	drafts, err := c.drafts(k)
	if err != nil {
		return err
	}
	for i := range drafts {
		drafts[i].Compartment = c.Compartment
	}
	return k.with(app.Options{}, func(a *app.App) error {
		said, err := a.Knowledge.Say(k.ctx, operator(a), c.Entity, drafts...)
		if err != nil {
			return err
		}
		for _, claim := range said {
			if k.JSON {
				k.json(claimOf(knowledge.Said{Claim: claim}))
			} else {
				k.say("%s", claim.ID)
			}
		}
		return nil
	})
}

type catalogueRetractCmd struct {
	Claim  string `arg:"" help:"Identifier of the claim."`
	Reason string `required:"" help:"Why."`
}

func (c *catalogueRetractCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error { return a.Knowledge.Retract(k.ctx, operator(a), c.Claim, c.Reason) })
}

type catalogueRestoreCmd struct {
	Claim string `arg:"" help:"Identifier of the claim."`
}

func (c *catalogueRestoreCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error { return a.Knowledge.Restore(k.ctx, operator(a), c.Claim) })
}

type catalogueFindCmd struct {
	Entity   string `arg:"" help:"Code or identifier."`
	Property string `arg:"" help:"Property about which people differ."`
	Claim    string `arg:"" optional:"" help:"The claim that counts from now on; without one it cannot be determined."`
	Reason   string `required:"" help:"Why."`
	Dissent  bool   `help:"You do not agree with the finding that stands. It changes nothing and is shown beside it."`
}

func (c *catalogueFindCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		return a.Knowledge.Find(k.ctx, operator(a), archive.Finding{Entity: c.Entity, Property: c.Property, Claim: c.Claim, Reason: c.Reason, Dissent: c.Dissent})
	})
}

type catalogueMergeCmd struct {
	From   string `arg:"" help:"Code or identifier of what is the same as the other one."`
	Into   string `arg:"" help:"Code or identifier of what stands for both from now on."`
	Reason string `required:"" help:"Why."`
}

func (c *catalogueMergeCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		m, err := a.Knowledge.Merge(k.ctx, operator(a), c.From, c.Into, c.Reason)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]string{"id": m.ID, "from": m.From, "into": m.Into})
			return nil
		}
		k.say("%s", m.ID)
		return nil
	})
}

type catalogueUnmergeCmd struct {
	Merge string `arg:"" help:"Identifier of the merge."`
}

func (c *catalogueUnmergeCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error { return a.Knowledge.Unmerge(k.ctx, operator(a), c.Merge) })
}

type catalogueFileCmd struct {
	Entity      string `arg:"" help:"Code or identifier."`
	Compartment string `arg:"" help:"Identifier of a compartment, or common."`
}

func (c *catalogueFileCmd) Run(k *call) error {
	to := c.Compartment
	if to == archive.CommonGrant {
		to = archive.Common
	}
	return k.with(app.Options{}, func(a *app.App) error { return a.Knowledge.File(k.ctx, operator(a), c.Entity, to) })
}

type catalogueCompartmentCmd struct {
	List catalogueCompartmentListCmd `cmd:"" help:"List compartments."`
	Add  catalogueCompartmentAddCmd  `cmd:"" help:"Make a compartment. Nobody but administrators sees what is in it until they are let in."`
}

func (k *call) compartment(w io.Writer, c archive.Compartment) {
	if k.JSON {
		k.json(map[string]string{"id": c.ID, "name": c.Name, "created_at": stamp(c.CreatedAt)})
		return
	}
	fmt.Fprintf(w, "%s\t%s\n", c.ID, c.Name)
}

type catalogueCompartmentListCmd struct{}

func (c *catalogueCompartmentListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		list, err := a.Knowledge.Compartments(k.ctx, operator(a))
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, c := range list {
				k.compartment(w, c)
			}
		})
	})
}

type catalogueCompartmentAddCmd struct {
	Name string `arg:"" help:"Name, seen by those who are let in."`
}

func (c *catalogueCompartmentAddCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		made, err := a.Knowledge.AddCompartment(k.ctx, operator(a), c.Name)
		if err != nil {
			return err
		}
		k.compartment(k.out, made)
		return nil
	})
}

type catalogueTermCmd struct {
	List catalogueTermListCmd `cmd:"" help:"List the vocabularies, or the terms of one."`
	Put  catalogueTermPutCmd  `cmd:"" help:"Add a term, or change one."`
}

type catalogueTermListCmd struct {
	Vocabulary string `arg:"" optional:"" help:"Name of the vocabulary."`
	Lang       string `help:"Language of labels." default:"en" placeholder:"LANG"`
}

func (c *catalogueTermListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		if c.Vocabulary == "" {
			names, err := a.Knowledge.Vocabularies(k.ctx)
			for _, name := range names {
				if k.JSON {
					k.json(map[string]string{"vocabulary": name})
				} else {
					k.say("%s", name)
				}
			}
			return err
		}
		terms, err := a.Knowledge.Vocabulary(k.ctx, c.Vocabulary)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, t := range terms {
				if k.JSON {
					k.json(map[string]any{"vocabulary": t.Vocabulary, "code": t.Code, "parent": t.Parent, "order": t.Order, "retired": t.Retired, "labels": t.Labels})
					continue
				}
				state := ""
				if t.Retired {
					state = "retired"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", t.Code, t.Parent, first(t.Labels[c.Lang], t.Labels["en"]), state)
			}
		})
	})
}

type catalogueTermPutCmd struct {
	Vocabulary string            `arg:"" help:"Name of the vocabulary."`
	Code       string            `arg:"" help:"Letters, digits and hyphens."`
	Label      map[string]string `required:"" help:"Label in a language, as en=…; once for each language." placeholder:"LANG=TEXT" mapsep:"none"`
	Parent     string            `help:"Code of the term above it." placeholder:"CODE"`
	Order      int               `help:"Place among its neighbours." placeholder:"N"`
	Retired    bool              `help:"Offered no more; what uses it stays."`
}

func (c *catalogueTermPutCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		return a.Knowledge.PutTerm(k.ctx, operator(a), archive.Term{Vocabulary: c.Vocabulary, Code: c.Code, Parent: c.Parent, Order: c.Order, Retired: c.Retired, Labels: c.Label})
	})
}
