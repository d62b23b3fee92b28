package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
)

type testimonyCmd struct {
	Add      testimonyAddCmd      `cmd:"" help:"Begin a testimony: it gets a code, and nothing that names anybody."`
	List     testimonyListCmd     `cmd:"" help:"List testimonies and how their consents stand."`
	Show     testimonyShowCmd     `cmd:"" help:"Show a testimony: passages by heading, and consents."`
	Passage  testimonyPassageCmd  `cmd:"" help:"Write down a passage, or put one in the place of another."`
	Consent  testimonyConsentCmd  `cmd:"" help:"Write down what the person allows: one purpose, one audience, until when."`
	Withdraw testimonyWithdrawCmd `cmd:"" help:"Take a consent back, and see what depends on it."`
	Depends  testimonyDependsCmd  `cmd:"" help:"List everything that rests on a testimony."`
	Identity testimonyIdentityCmd `cmd:"" help:"Who stands behind a code: write, open, erase. Each act needs a reason and is recorded."`
	Key      testimonyKeyCmd      `cmd:"" help:"Make the key of identities, once, in an archive that has none."`
}

type testimonyAddCmd struct {
	Title       string   `help:"A title that names nobody."`
	Date        string   `help:"When it was given, EDTF: 2021-03-04, 2021-03~, 2021." placeholder:"DATE"`
	Interviewer string   `help:"Code of who asked; not a name." placeholder:"CODE"`
	Language    []string `help:"Language it was given in, as in ru or uk." placeholder:"LANG"`
	Compartment string   `help:"Identifier of the compartment to file it in." placeholder:"ID"`
}

func (c *testimonyAddCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		d := knowledge.Draft{Kind: catalogue.Testimony, Compartment: c.Compartment}
		claim := func(property, value string) {
			if value != "" {
				d.Claims = append(d.Claims, knowledge.ClaimDraft{Property: property, Value: value, Certainty: archive.Established})
			}
		}
		claim("title", c.Title)
		claim("date", c.Date)
		claim("interviewer", c.Interviewer)
		for _, l := range c.Language {
			claim("language", l)
		}
		e, err := a.Knowledge.Create(k.ctx, operator(a), d)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"id": e.ID, "code": e.Code, "compartment": e.Compartment})
			return nil
		}
		k.say("%s (%s)", e.Code, e.ID)
		return nil
	})
}

type testimonyListCmd struct {
	Limit int    `default:"100" help:"How many."`
	After string `help:"Where the page before ended."`
}

func (c *testimonyListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		list, next, total, err := a.Knowledge.Testimonies(k.ctx, operator(a), knowledge.Query{Limit: c.Limit, After: c.After})
		if err != nil {
			return err
		}
		if k.JSON {
			for _, t := range list {
				k.json(map[string]any{"id": t.ID, "code": t.Code, "state": t.State, "passages": t.Passages})
			}
			return nil
		}
		if err := k.table(func(w io.Writer) {
			fmt.Fprintln(w, "CODE\tCONSENT\tPASSAGES\tTITLE")
			for _, t := range list {
				fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", t.Code, t.State, t.Passages, t.Label)
			}
		}); err != nil {
			return err
		}
		if next != "" {
			k.say("%d in all; more with --after %s", total, next)
		}
		return nil
	})
}

type testimonyShowCmd struct {
	Testimony string `arg:"" help:"Code or identifier."`
}

func (c *testimonyShowCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		t, err := a.Knowledge.Testimony(k.ctx, operator(a), c.Testimony)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(testimonyOf(t))
			return nil
		}
		k.say("%s  %s  consent: %s", t.Code, t.Label, t.State)
		for _, h := range t.Headings {
			k.say("\n%s", h.Label)
			for _, p := range h.Passages {
				k.say("  %s  %s%s  (%s)", p.Cite, place(p), p.Text, p.ID)
			}
		}
		k.say("")
		return k.table(func(w io.Writer) {
			for _, cn := range t.Consents {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cn.ID, cn.PurposeAs, cn.AudienceAs, consentWord(cn), when(cn.GivenAt))
			}
		})
	})
}

func place(p knowledge.PassageView) string {
	switch {
	case p.Reference == "":
		return ""
	case p.Page > 0:
		return fmt.Sprintf("[%s p. %d] ", p.Reference, p.Page)
	}
	return fmt.Sprintf("[%s %s–%s] ", p.Reference, p.From, p.To)
}

func consentWord(c knowledge.ConsentView) string {
	switch {
	case c.Stands:
		return "stands"
	case !c.WithdrawnAt.IsZero():
		return "withdrawn"
	case c.Ended:
		return "ended"
	case c.Expired:
		return "expired"
	}
	return "not yet"
}

type passageJSON struct {
	ID       string  `json:"id"`
	Cite     string  `json:"cite"`
	Heading  string  `json:"heading"`
	Text     string  `json:"text"`
	Lang     string  `json:"lang,omitempty"`
	Item     string  `json:"item,omitempty"`
	From     float64 `json:"from,omitempty"`
	To       float64 `json:"to,omitempty"`
	Page     int     `json:"page,omitempty"`
	Cited    int     `json:"cited"`
	Replaced string  `json:"replaced,omitempty"`
}

type consentJSON struct {
	ID        string `json:"id"`
	Purpose   string `json:"purpose"`
	Audience  string `json:"audience"`
	How       string `json:"how"`
	State     string `json:"state"`
	Given     string `json:"given"`
	Until     string `json:"until,omitempty"`
	Withdrawn string `json:"withdrawn,omitempty"`
}

func testimonyOf(t knowledge.Testimony) map[string]any {
	passages, consents := []passageJSON{}, []consentJSON{}
	for _, h := range t.Headings {
		for _, p := range h.Passages {
			passages = append(passages, passageJSON{ID: p.ID, Cite: p.Cite, Heading: p.Heading, Text: p.Text, Lang: p.Lang, Item: p.Reference, From: p.From.Seconds(), To: p.To.Seconds(),
				Page: p.Page, Cited: p.Cited})
		}
	}
	for _, c := range t.Consents {
		consents = append(consents, consentJSON{ID: c.ID, Purpose: c.Purpose, Audience: c.Audience, How: c.How, State: consentWord(c), Given: stamp(c.GivenAt), Until: stamp(c.Until), Withdrawn: stamp(c.WithdrawnAt)})
	}
	return map[string]any{"id": t.ID, "code": t.Code, "compartment": t.Compartment, "label": t.Label, "state": t.State, "passages": passages, "consents": consents}
}

type testimonyPassageCmd struct {
	Testimony string        `arg:"" help:"Code or identifier of the testimony."`
	Heading   string        `required:"" help:"Heading of the interview: a code of the vocabulary interview." placeholder:"CODE"`
	Text      string        `help:"The words; by default they are read from standard input."`
	Lang      string        `help:"Language of the words." placeholder:"LANG"`
	Item      string        `help:"Recording or scan that they are in." placeholder:"ITEM"`
	From      time.Duration `help:"Where they begin in the recording, as in 12m30s."`
	To        time.Duration `help:"Where they end."`
	Page      int           `help:"Page of the scan."`
	Replaces  string        `help:"Passage in whose place to put it." placeholder:"ID"`
}

func (c *testimonyPassageCmd) Run(k *call) error {
	text := c.Text
	if text == "" {
		raw, err := io.ReadAll(io.LimitReader(k.in, 1<<16))
		if err != nil {
			return fmt.Errorf("read words: %w", err)
		}
		text = string(raw)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		d := knowledge.PassageDraft{Heading: c.Heading, Text: text, Lang: c.Lang, Item: c.Item, From: c.From, To: c.To, Page: c.Page}
		var p archive.Passage
		var err error
		if c.Replaces != "" {
			// The one that is replaced must be of this testimony: a slip of the hand would put words into somebody else's mouth.
			was, perr := a.Knowledge.Passage(k.ctx, operator(a), c.Replaces)
			if perr != nil {
				return perr
			}
			if was.Testimony.ID != c.Testimony && !strings.EqualFold(was.Testimony.Code, c.Testimony) {
				return fmt.Errorf("%w: the passage is of another testimony", app.ErrUsage)
			}
			p, err = a.Knowledge.ReplacePassage(k.ctx, operator(a), c.Replaces, d)
		} else {
			var made []archive.Passage
			if made, err = a.Knowledge.AddPassages(k.ctx, operator(a), c.Testimony, d); err == nil {
				p = made[0]
			}
		}
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"id": p.ID, "testimony": p.Testimony, "ordinal": p.Ordinal})
			return nil
		}
		k.say("¶%d (%s)", p.Ordinal, p.ID)
		return nil
	})
}

type testimonyConsentCmd struct {
	Testimony string `arg:"" help:"Code or identifier of the testimony."`
	Purpose   string `required:"" help:"A code of the vocabulary purpose: archive, analysis, court, publication, research." placeholder:"CODE"`
	Audience  string `required:"" help:"A code of the vocabulary audience: team, partners, court, public." placeholder:"CODE"`
	How       string `required:"" enum:"written,recorded,oral" help:"How it was given: written, recorded, oral."`
	Given     string `help:"Day on which it was given; today by default." placeholder:"2021-03-04"`
	Until     string `help:"Day from which it holds no more." placeholder:"2026-03-04"`
	Item      string `help:"The paper or recording of it." placeholder:"ITEM"`
	Note      string `help:"A remark that names nobody."`
}

// dayOf reads a day; the zero time if there is none.
func dayOf(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, fmt.Errorf("%w: a day looks like 2021-03-04", app.ErrUsage)
	}
	return t, nil
}

func (c *testimonyConsentCmd) Run(k *call) error {
	given, err := dayOf(c.Given)
	if err != nil {
		return err
	}
	until, err := dayOf(c.Until)
	if err != nil {
		return err
	}
	return k.with(app.Options{}, func(a *app.App) error {
		cn, err := a.Knowledge.AddConsent(k.ctx, operator(a), c.Testimony, knowledge.ConsentDraft{Purpose: c.Purpose, Audience: c.Audience, How: c.How, GivenAt: given, Until: until, Item: c.Item, Note: c.Note})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"id": cn.ID, "testimony": cn.Testimony, "purpose": cn.Purpose, "audience": cn.Audience})
			return nil
		}
		k.say("%s: %s, %s", cn.ID, cn.Purpose, cn.Audience)
		return nil
	})
}

type testimonyWithdrawCmd struct {
	Testimony string `arg:"" help:"Code or identifier of the testimony."`
	Consent   string `arg:"" optional:"" help:"Identifier of the consent; without it all that stand."`
	Reason    string `required:"" help:"Why, in the person's own words or yours. Kept in the database, not in the custody record."`
}

func (c *testimonyWithdrawCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		w, err := a.Knowledge.Withdraw(k.ctx, operator(a), c.Testimony, c.Consent, c.Reason)
		if err != nil {
			return err
		}
		if k.JSON {
			ids := []string{}
			for _, cn := range w.Consents {
				ids = append(ids, cn.ID)
			}
			k.json(map[string]any{"withdrawn": ids, "depends": dependsOf(w.Dependents)})
			return nil
		}
		for _, cn := range w.Consents {
			k.say("taken back: %s, %s (%s)", cn.Purpose, cn.Audience, cn.ID)
		}
		return k.depends(w.Dependents)
	})
}

type testimonyDependsCmd struct {
	Testimony string `arg:"" help:"Code or identifier of the testimony."`
}

func (c *testimonyDependsCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		d, err := a.Knowledge.Dependents(k.ctx, operator(a), c.Testimony)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(dependsOf(d))
			return nil
		}
		return k.depends(d)
	})
}

func dependsOf(d knowledge.Dependents) map[string]any {
	claims, findings, exports := []map[string]any{}, []string{}, []map[string]any{}
	for _, c := range d.Claims {
		claims = append(claims, map[string]any{"id": c.ID, "entity": c.EntityCode, "property": c.Property, "withdrawn": c.Withdrawn})
	}
	for _, f := range d.Findings {
		findings = append(findings, f.ID)
	}
	for _, e := range d.Exports {
		exports = append(exports, map[string]any{"id": e.ID, "kind": e.Kind, "purpose": e.Purpose, "audience": e.Audience, "at": stamp(e.At)})
	}
	ids := func(list []knowledge.Dependent) []string {
		out := []string{}
		for _, x := range list {
			out = append(out, x.ID)
		}
		return out
	}
	return map[string]any{"claims": claims, "findings": findings, "exports": exports, "clips": ids(d.Clips), "documents": ids(d.Documents), "notes": ids(d.Notes)}
}

func (k *call) depends(d knowledge.Dependents) error {
	if d.Count() == 0 {
		k.say("Nothing rests on it.")
		return nil
	}
	return k.table(func(w io.Writer) {
		mark := func(lit bool) string {
			if lit {
				return "WITHDRAWN"
			}
			return ""
		}
		for _, c := range d.Claims {
			fmt.Fprintf(w, "claim\t%s\t%s %s\t%s\n", c.ID, c.EntityCode, c.Property, mark(c.Withdrawn))
		}
		for _, f := range d.Findings {
			fmt.Fprintf(w, "finding\t%s\t%s\t\n", f.ID, f.Property)
		}
		for _, e := range d.Exports {
			fmt.Fprintf(w, "export\t%s\t%s for %s, %s\t%s\n", e.ID, e.Kind, e.Purpose, e.Audience, when(e.At))
		}
		for _, x := range d.Clips {
			fmt.Fprintf(w, "clip\t%s\tof %s\t%s\n", x.ID, x.Item, when(x.At))
		}
		for _, x := range d.Documents {
			fmt.Fprintf(w, "document\t%s\t%s\t\n", x.ID, x.Code)
		}
		for _, x := range d.Notes {
			fmt.Fprintf(w, "note\t%s\ton %s\t\n", x.ID, x.Item)
		}
	})
}

// testimonyIdentityCmd signs a person in for each act: whoever holds the machine and the passphrase has not been granted identities by that.
type testimonyIdentityCmd struct {
	Open  testimonyIdentityOpenCmd  `cmd:"" help:"Show who stands behind a code."`
	Write testimonyIdentityWriteCmd `cmd:"" help:"Write down who stands behind a code, in the place of what was written before."`
	Erase testimonyIdentityEraseCmd `cmd:"" help:"Destroy who stands behind a code. This cannot be undone."`
	Acts  testimonyIdentityActsCmd  `cmd:"" help:"List what was done with an identity, and why."`
}

type testimonyIdentityOpenCmd struct {
	Code   string `arg:"" name:"entity" help:"Code or identifier of the testimony or person."`
	Reason string `required:"" help:"Why. Kept sealed beside the identity, not in the custody record."`
	identity
}

func (c *testimonyIdentityOpenCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		i, err := a.Identities.Open(k.ctx, who, c.Code, c.Reason)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(i)
			return nil
		}
		return k.table(func(w io.Writer) {
			for _, f := range [][2]string{{"name", i.Name}, {"born", i.Born}, {"contact", i.Contact}, {"kin", i.Kin}, {"note", i.Note}} {
				if f[1] != "" {
					fmt.Fprintf(w, "%s\t%s\n", f[0], f[1])
				}
			}
		})
	})
}

type testimonyIdentityWriteCmd struct {
	Code   string `arg:"" name:"entity" help:"Code or identifier of the testimony or person."`
	Reason string `required:"" help:"Why. Kept sealed beside the identity, not in the custody record."`
	From   string `required:"" help:"File with lines as in 'name: …', 'born: …', 'contact: …', 'kin: …', 'note: …'; - is standard input. Arguments would stay in the shell's history." placeholder:"FILE"`
	identity
}

func (c *testimonyIdentityWriteCmd) Run(k *call) error {
	in := k.in
	if c.From != "-" {
		f, err := os.Open(c.From)
		if err != nil {
			return fmt.Errorf("%w: the file with the identity cannot be read", app.ErrUsage) // its name may be a person's
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, 1<<16))
	if err != nil {
		return fmt.Errorf("%w: the identity cannot be read", app.ErrUsage)
	}
	i, err := identityLines(string(raw))
	if err != nil {
		return err
	}
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		if err := a.Identities.Put(k.ctx, who, c.Code, i, c.Reason); err != nil {
			return err
		}
		return k.done("The identity is written and sealed.")
	})
}

// identityLines reads "name: value" lines; a line that begins with a space goes on with the one before.
func identityLines(text string) (i knowledge.Identity, err error) {
	fields := map[string]*string{"name": &i.Name, "born": &i.Born, "contact": &i.Contact, "kin": &i.Kin, "note": &i.Note}
	var last *string
	for n, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if strings.HasPrefix(line, " ") && last != nil {
			*last += "\n" + strings.TrimSpace(line)
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		f := fields[strings.TrimSpace(strings.ToLower(key))]
		if f == nil {
			return i, fmt.Errorf("%w: line %d does not begin with name, born, contact, kin or note and a colon", app.ErrUsage, n+1)
		}
		if *f != "" {
			*f += "\n"
		}
		*f += strings.TrimSpace(value)
		last = f
	}
	return i, nil
}

type testimonyIdentityEraseCmd struct {
	Code   string `arg:"" name:"entity" help:"Code or identifier of the testimony or person."`
	Reason string `required:"" help:"Why. Kept sealed, not in the custody record."`
	identity
}

func (c *testimonyIdentityEraseCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		if err := a.Identities.Erase(k.ctx, who, c.Code, c.Reason); err != nil {
			return err
		}
		return k.done("The identity is destroyed. Copies of the database from before still hold it, sealed: destroy them, too.")
	})
}

type testimonyIdentityActsCmd struct {
	Code string `arg:"" name:"entity" help:"Code or identifier of the testimony or person."`
	identity
}

func (c *testimonyIdentityActsCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		acts, err := a.Identities.Acts(k.ctx, who, c.Code)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, x := range acts {
				if k.JSON {
					k.json(map[string]any{"act": x.Act, "agent": x.Agent, "at": stamp(x.At), "reason": x.Reason, "event": x.Event})
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", when(x.At), x.Act, x.Agent, x.Reason)
			}
		})
	})
}

type testimonyKeyCmd struct{}

func (c *testimonyKeyCmd) Run(k *call) error {
	return k.with(app.Options{Alone: true}, func(a *app.App) error {
		if err := a.MakeIdentityKey(k.ctx); err != nil {
			return err
		}
		return k.done("The key of identities is made. Bring the replica of the vault up to date: zapis vault replicate")
	})
}

// done says one sentence, or nothing but that it is done.
func (k *call) done(text string) error {
	if k.JSON {
		k.json(map[string]any{"done": true})
		return nil
	}
	k.say("%s", text)
	return nil
}
