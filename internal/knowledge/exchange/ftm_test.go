package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/reading/readingtest"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// history fills a catalogue with everything that can be said: kinds of values, sources, rivals, findings, dissent, retractions, replacements,
// merges and their undoing, compartments, protected persons, own terms, testimony with consents given and taken back.
func history(t *testing.T, w *world, items []string, r *rapid.T) {
	ctx := t.Context()
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(r, label) }
	closed, err := w.kn.AddCompartment(ctx, w.root, "Closed "+archive.NewID("x"))
	must(t, err)
	must(t, w.kn.PutTerm(ctx, w.root, archive.Term{Vocabulary: "role", Code: "own-" + strings.ToLower(pick("term", "a", "b")), Labels: map[string]string{"en": "Own", "ru": "Своё"}}))
	text := rapid.StringOfN(rapid.SampledFrom([]rune("абвгґіїєё abc\"',;=+-@<>&…—№١٢")), 1, 40, -1)
	certainty := func() archive.Certainty { return rapid.SampledFrom(certainties[:3]).Draw(r, "certainty") }
	var all []archive.Entity
	byKind := map[archive.EntityKind][]archive.Entity{}
	claims := map[string][]archive.Claim{}
	source := func() archive.Source {
		switch rapid.IntRange(0, 3).Draw(r, "source") {
		case 0:
			from := time.Duration(rapid.Int64Range(0, 60_000_000).Draw(r, "from")) * time.Microsecond
			return archive.Source{Kind: archive.SourceItem, Item: pick("item", items...), From: from, To: from + 1500*time.Microsecond, Region: archive.Region{X: 1, Y: 2, W: 300_000, H: 4}}
		case 1:
			if d := byKind[catalogue.Document]; len(d) > 0 {
				return archive.Source{Kind: archive.SourceDocument, Entity: d[0].ID, Page: 3}
			}
		}
		return archive.Source{Kind: archive.SourceOther, Note: "n" + strings.TrimSpace(text.Draw(r, "note"))}
	}
	make1 := func(kind archive.EntityKind, d ...knowledge.ClaimDraft) archive.Entity {
		compartment := ""
		if rapid.IntRange(0, 3).Draw(r, "closed") == 0 {
			compartment = closed.ID
		}
		for i := range d {
			d[i].Certainty = certainty()
			if rapid.Bool().Draw(r, "sourced") {
				d[i].Sources = []archive.Source{source()}
			}
			if compartment == "" && rapid.IntRange(0, 5).Draw(r, "narrow") == 0 {
				d[i].Compartment = closed.ID
			}
		}
		e, err := w.kn.Create(ctx, w.root, knowledge.Draft{Kind: kind, Compartment: compartment, Claims: d})
		must(t, err)
		all = append(all, e)
		byKind[kind] = append(byKind[kind], e)
		return e
	}
	say := func(e archive.Entity, d knowledge.ClaimDraft) {
		d.Certainty = certainty()
		made, err := w.kn.Say(ctx, w.root, e.ID, d)
		must(t, err)
		claims[e.ID+d.Property] = append(claims[e.ID+d.Property], made...)
	}
	name := func() string { return "N" + strings.TrimSpace(text.Draw(r, "name")) }
	make1(catalogue.Document, knowledge.ClaimDraft{Property: "title", Value: name()}, knowledge.ClaimDraft{Property: "item", Value: items[0]}, knowledge.ClaimDraft{Property: "url", Value: "https://example.org/a?b=c"})
	place := make1(catalogue.Location, knowledge.ClaimDraft{Property: "geo", Value: "51.5,46.03"}, knowledge.ClaimDraft{Property: "name", Value: name()}, knowledge.ClaimDraft{Property: "country", Value: "Россия"})
	for range rapid.IntRange(1, 3).Draw(r, "persons") {
		p := make1(catalogue.Person, knowledge.ClaimDraft{Property: "name", Value: name(), Lang: "ru"}, knowledge.ClaimDraft{Property: "sex", Value: "sex:male"})
		say(p, knowledge.ClaimDraft{Property: "birth-date", Value: pick("date", "1980", "198X", "1980-05~", "1979/1981")})
		say(p, knowledge.ClaimDraft{Property: "birth-date", Value: "1982-03-04"})
	}
	hidden, err := w.kn.Create(ctx, w.root, knowledge.Draft{Kind: catalogue.Person, Protected: true, Claims: []knowledge.ClaimDraft{{Property: "code-name", Value: "Blue", Certainty: archive.Established}}})
	must(t, err)
	incident := make1(catalogue.Incident, knowledge.ClaimDraft{Property: "title", Value: name()}, knowledge.ClaimDraft{Property: "date", Value: "2020-07-27T14:02:00"}, knowledge.ClaimDraft{Property: "place", Value: catalogue.Undetermined},
		knowledge.ClaimDraft{Property: "place", Value: place.ID})
	act := make1(catalogue.Act, knowledge.ClaimDraft{Property: "incident", Value: incident.ID}, knowledge.ClaimDraft{Property: "description", Value: "line\n" + name()})
	make1(catalogue.Involvement, knowledge.ClaimDraft{Property: "act", Value: act.ID}, knowledge.ClaimDraft{Property: "person", Value: hidden.ID},
		knowledge.ClaimDraft{Property: "role", Value: pick("role", "role:victim", "role:guard")})
	for _, p := range byKind[catalogue.Person] {
		list := claims[p.ID+"birth-date"]
		switch rapid.IntRange(0, 4).Draw(r, "then") {
		case 0:
			must(t, w.kn.Find(ctx, w.root, archive.Finding{Entity: p.ID, Property: "birth-date", Claim: list[0].ID, Reason: "because " + name()}))
			must(t, w.kn.Find(ctx, w.root, archive.Finding{Entity: p.ID, Property: "birth-date", Claim: list[1].ID, Reason: "no", Dissent: true}))
		case 1:
			must(t, w.kn.Retract(ctx, w.root, list[0].ID, "wrong "+name()))
		case 2:
			_, err := w.kn.Replace(ctx, w.root, list[0].ID, knowledge.ClaimDraft{Property: "birth-date", Value: "1999", Certainty: archive.Disputed})
			must(t, err)
		case 3:
			must(t, w.kn.Find(ctx, w.root, archive.Finding{Entity: p.ID, Property: "birth-date", Reason: "cannot be known"}))
		}
	}
	if p := byKind[catalogue.Person]; len(p) > 1 {
		m, err := w.kn.Merge(ctx, w.root, p[0].ID, p[1].ID, "the same")
		must(t, err)
		if rapid.Bool().Draw(r, "split") {
			must(t, w.kn.Unmerge(ctx, w.root, m.ID))
			_, err := w.kn.Merge(ctx, w.root, p[1].ID, p[0].ID, "the other way round")
			must(t, err)
		}
	}
	told, err := w.kn.Create(ctx, w.root, knowledge.Draft{Kind: catalogue.Testimony, Claims: []knowledge.ClaimDraft{{Property: "title", Value: "Told", Certainty: archive.Established}}})
	must(t, err)
	passages, err := w.kn.AddPassages(ctx, w.root, told.ID, knowledge.PassageDraft{Heading: "arrest", Text: "They came. " + name(), Lang: "ru"},
		knowledge.PassageDraft{Heading: "arrest", Text: "In winter.", Item: items[0], From: time.Second, To: 2 * time.Second})
	must(t, err)
	_, err = w.kn.AddConsent(ctx, w.root, told.ID, knowledge.ConsentDraft{Purpose: "archive", Audience: "team", How: "written", Item: items[0]})
	must(t, err)
	given, err := w.kn.AddConsent(ctx, w.root, told.ID, knowledge.ConsentDraft{Purpose: "publication", Audience: "public", How: "oral", Note: "until spring"})
	must(t, err)
	if rapid.Bool().Draw(r, "withdrawn") {
		_, err := w.kn.Withdraw(ctx, w.root, told.ID, given.ID, "afraid")
		must(t, err)
	}
	say(act, knowledge.ClaimDraft{Property: "date", Value: "2020-07-27", Sources: []archive.Source{{Kind: archive.SourcePassage, Passage: passages[0].ID}}})
	if rapid.Bool().Draw(r, "reworded") {
		_, err := w.kn.ReplacePassage(ctx, w.root, passages[0].ID, knowledge.PassageDraft{Heading: "arrest", Text: "They came at night."})
		must(t, err)
	}
}

// A file that Zapis wrote comes back whole: taken in by an empty archive and written again it is the same, byte for byte.
func TestFtMComesBackWhole(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		rounds, most := 0, 2
		if engine == store.PostgreSQL {
			most = 1
		}
		rapid.Check(t, func(r *rapid.T) {
			if rounds++; rounds > most { // databases are dear; each round says everything
				return
			}
			db := storetest.Open(t, engine)
			held := readingtest.New(t, db)
			w := newWorld(t, db)
			history(t, w, []string{held.Items["ready"].ID, held.Items["browsable"].ID}, r)
			first := w.ftm(t, w.root)
			if strings.Count(first, "\n") < 8 {
				t.Fatalf("too little: %s", first)
			}
			there := newWorld(t, storetest.Open(t, engine))
			there.now = w.now.Add(time.Hour)
			trial, rows, err := there.takeFtM(t, there.root, first, FtMOptions{Compartments: true, DryRun: true})
			must(t, err)
			if empty := there.ftm(t, there.root); empty != "" {
				t.Fatalf("a dry run wrote %s", empty)
			}
			_ = trial
			out, rows, err := there.takeFtM(t, there.root, first, FtMOptions{Compartments: true})
			must(t, err)
			if out.Refused > 0 || out.Created == 0 {
				t.Fatalf("%+v %+v", out, rows)
			}
			second := there.ftm(t, there.root)
			if first != second {
				a, b := strings.Split(first, "\n"), strings.Split(second, "\n")
				for i := range a {
					if i >= len(b) || a[i] != b[i] {
						t.Fatalf("line %d differs:\n%s\n%s", i+1, a[i], b[min(i, len(b)-1)])
					}
				}
				t.Fatal("differs at the end")
			}
			// Once more: nothing new.
			again, rows, err := there.takeFtM(t, there.root, first+"\n", FtMOptions{Compartments: true})
			must(t, err)
			if again.Created+again.Updated+again.Refused > 0 || again.Unchanged != out.Created {
				t.Fatalf("again: %+v %+v", again, rows)
			}
			if third := there.ftm(t, there.root); third != second {
				t.Fatal("taking it in again changed something")
			}
			// Undone, nothing stands.
			_, err = there.Undo(t.Context(), there.root, out.ID, nil)
			must(t, err)
			must(t, there.db.Read(t.Context(), func(tx *store.Tx) error {
				standing, err := tx.Claims(t.Context(), policy.ScopeOf(there.root), store.ClaimQuery{Standing: true})
				if len(standing) > 0 {
					t.Errorf("%d claims stand after undoing", len(standing))
				}
				return err
			}))
		})
	})
}

// Nobody is made to say something by a file.
func TestAuthorsAreNotForged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	line := fmt.Sprintf(`{"id":%q,"schema":"Person","properties":{},"zapis":{"version":1,"kind":"person","code":"P-0007","at":"2020-01-01T00:00:00.000000Z","by":%q,"claims":[`+
		`{"id":%q,"property":"name","value":"X","certainty":"established","at":"2020-01-01T00:00:00.000000Z","by":%q,"origin":"person"},`+
		`{"id":%q,"property":"name","value":"Y","certainty":"established","at":"2020-01-01T00:00:00.000000Z","by":%q,"origin":"person"}]}}`,
		archive.NewID(archive.PrefixEntity), w.root.Agent, archive.NewID(archive.PrefixClaim), w.root.Agent, archive.NewID(archive.PrefixClaim), archive.NewID(archive.PrefixAgent))
	_, rows, err := w.takeFtM(t, w.lead, line, FtMOptions{})
	must(t, err)
	if rows[0].Outcome != Created {
		t.Fatalf("%+v", rows)
	}
	v, err := w.kn.Entity(t.Context(), w.lead, rows[0].Entity)
	must(t, err)
	if v.Code != "P-0007" || v.CreatedBy != w.lead.Agent {
		t.Errorf("%+v", v.Entity)
	}
	for _, p := range v.Properties {
		for _, c := range p.Claims {
			switch c.Value {
			case "X":
				if c.Author != w.lead.Agent || c.CreatedAt.Before(noon) {
					t.Errorf("words were put into somebody's mouth: %+v", c.Claim)
				}
			case "Y":
				if c.Author == w.lead.Agent || c.Author == w.root.Agent || !strings.Contains(c.AuthorName, "another archive") {
					t.Errorf("%+v %s", c.Claim, c.AuthorName)
				}
			}
		}
	}
}

// What was closed elsewhere is not opened here.
func TestCompartmentsStayClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	line := fmt.Sprintf(`{"id":%q,"schema":"Person","properties":{"name":["Secret"]},"zapis":{"version":1,"kind":"person","code":"P-0001","compartment":%q,"at":"2020-01-01T00:00:00.000000Z"}}`,
		archive.NewID(archive.PrefixEntity), archive.NewID(archive.PrefixCompartment))
	for _, o := range []FtMOptions{{}, {Compartments: true}} {
		out, rows, err := w.takeFtM(t, w.lead, line, o)
		must(t, err)
		if out.Refused != 1 {
			t.Fatalf("%+v %+v", out, rows)
		}
	}
	out, _, err := w.takeFtM(t, w.root, line+"\n", FtMOptions{Compartments: true})
	must(t, err)
	if out.Created != 1 {
		t.Fatalf("%+v", out)
	}
}

// Files of others.
func TestPlainFtM(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		text := `{"id":"link","schema":"Employment","properties":{"employee":["p1"],"employer":["o1"],"role":["guard"],"startDate":["2019-05"]}}
{"id":"p1","schema":"Person","caption":"x","datasets":["d"],"properties":{"name":["Иванов Иван","Ivanov"],"birthDate":["1980-02-30"]}}
{"id":"o1","schema":"PublicBody","properties":{"name":["ИК-1"],"country":["ru"]}}
{"id":"v","schema":"Vessel","properties":{"name":["Ship"]}}
no json
{"id":"p2","schema":"Person","properties":{"name":["Anna"]}}
`
		out, rows, err := w.takeFtM(t, w.lead, text, FtMOptions{Source: "a list"})
		must(t, err)
		if out.Created != 3 || out.Refused != 3 {
			t.Fatalf("%+v %+v", out, rows)
		}
		for i, want := range []string{Created, Refused, Created, Refused, Refused, Created} {
			if rows[i].Outcome != want || rows[i].Row != int64(i+1) {
				t.Errorf("row %d: %+v", i+1, rows[i])
			}
		}
		if v := w.values(t, w.lead, rows[0].Entity, "agency"); len(v) != 1 || v[0] != rows[2].Entity {
			t.Errorf("employer: %v", v)
		}
		again, rows, err := w.takeFtM(t, w.lead, text+"\n", FtMOptions{Source: "a list"})
		must(t, err)
		if again.Unchanged != 3 || again.Created != 0 {
			t.Errorf("%+v %+v", again, rows)
		}
	})
}

// Exports stay within what their maker may see, and within consents.
func TestExportStaysWithin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		w := newWorld(t, db)
		closed, err := w.kn.AddCompartment(ctx, w.root, "Closed")
		must(t, err)
		_, err = w.kn.Create(ctx, w.root, knowledge.Draft{Kind: catalogue.Person, Compartment: closed.ID, Claims: []knowledge.ClaimDraft{{Property: "name", Value: "CANARY-CLOSED", Certainty: archive.Established}}})
		must(t, err)
		told, err := w.kn.Create(ctx, w.root, knowledge.Draft{Kind: catalogue.Testimony, Claims: []knowledge.ClaimDraft{{Property: "title", Value: "CANARY-TOLD", Certainty: archive.Established}}})
		must(t, err)
		passages, err := w.kn.AddPassages(ctx, w.root, told.ID, knowledge.PassageDraft{Heading: "arrest", Text: "CANARY-PASSAGE"})
		must(t, err)
		open, err := w.kn.Create(ctx, w.root, knowledge.Draft{Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{{Property: "title", Value: "Open", Certainty: archive.Established},
			{Property: "summary", Value: "CANARY-RESTS", Certainty: archive.Established, Sources: []archive.Source{{Kind: archive.SourcePassage, Passage: passages[0].ID}}},
			{Property: "note", Value: "CANARY-DISPUTED", Certainty: archive.Disputed, Compartment: closed.ID}}})
		must(t, err)
		_, err = w.kn.AddConsent(ctx, w.root, told.ID, knowledge.ConsentDraft{Purpose: "court", Audience: "court", How: "written"})
		must(t, err)
		outsider := w.person(t, archive.RoleInvestigator, archive.Scope{All: true, MaxDifficulty: -1})
		reviewer := w.person(t, archive.RoleReviewer, archive.Scope{All: true, MaxDifficulty: -1})
		for _, format := range Formats() {
			for _, x := range []struct {
				who               policy.Subject
				purpose, audience string
				told, closed      bool
				left              int64
			}{{w.root, "court", "court", true, true, 0}, {w.root, "court", "team", true, true, 0}, {w.root, "archive", "team", false, true, 2}, {w.root, "court", "public", false, true, 2},
				{outsider, "court", "court", true, false, 0}, {outsider, "archive", "team", false, false, 2}} {
				var b bytes.Buffer
				e, err := w.Export(ctx, x.who, Ask{Format: format, Purpose: x.purpose, Audience: x.audience}, &b)
				must(t, err)
				text := b.String()
				if format == FormatHURIDOCS {
					text = unzipped(t, b.Bytes())
				}
				if strings.Contains(text, "CANARY-CLOSED") && !x.closed || strings.Contains(text, "CANARY-DISPUTED") && !x.closed {
					t.Errorf("%s for %s: something from a closed compartment", format, x.audience)
				}
				for _, canary := range []string{"CANARY-TOLD", "CANARY-PASSAGE", "CANARY-RESTS"} {
					if strings.Contains(text, canary) && !x.told {
						t.Errorf("%s for %s to %s holds %s", format, x.purpose, x.audience, canary)
					}
				}
				if format == FormatFtM && x.told && (!strings.Contains(text, "CANARY-RESTS") || !strings.Contains(text, "CANARY-PASSAGE")) {
					t.Errorf("%s for %s: what is allowed is missing", format, x.purpose)
				}
				if e.Left() != x.left {
					t.Errorf("%s for %s to %s: %v left out, want %d", format, x.purpose, x.audience, e.LeftOut, x.left)
				}
			}
			if _, err := w.Export(ctx, reviewer, Ask{Format: format, Purpose: "court", Audience: "court"}, &bytes.Buffer{}); !errors.Is(err, archive.ErrNotFound) {
				t.Errorf("a reviewer exports: %v", err)
			}
		}
		// Towards the public nobody is told who said what, nor how things are filed.
		var b bytes.Buffer
		_, err = w.Export(ctx, w.root, Ask{Format: FormatFtM, Purpose: "court", Audience: "public"}, &b)
		must(t, err)
		if strings.Contains(b.String(), "ag_") || strings.Contains(b.String(), `"Closed"`) || !strings.Contains(b.String(), open.ID) {
			t.Errorf("to the public: %s", b.String())
		}
		// A consent that is taken back between making and sending stops it.
		ready, err := w.Prepare(ctx, w.root, Ask{Format: FormatFtM, Purpose: "court", Audience: "court"})
		must(t, err)
		view, err := w.kn.Testimony(ctx, w.root, told.ID)
		must(t, err)
		_, err = w.kn.Withdraw(ctx, w.root, told.ID, view.Consents[0].ID, "no")
		must(t, err)
		var sent bytes.Buffer
		if err := ready.Send(ctx, &sent); !errors.Is(err, archive.ErrConflict) || sent.Len() > 0 {
			t.Errorf("sent %d bytes, %v", sent.Len(), err)
		}
		// The ledger knows what contained the passage.
		dep, err := w.kn.Dependents(ctx, w.root, told.ID)
		must(t, err)
		if len(dep.Exports) == 0 {
			t.Error("no export is known to have contained the testimony")
		}
		for _, bad := range []Ask{{Format: "doc", Purpose: "court", Audience: "court"}, {Format: FormatFtM, Audience: "court"}, {Format: FormatFtM, Purpose: "court"}, {Format: FormatFtM, Purpose: "fun", Audience: "court"}} {
			if _, err := w.Export(ctx, w.root, bad, &bytes.Buffer{}); !errors.Is(err, archive.ErrInvalid) {
				t.Errorf("%+v: %v", bad, err)
			}
		}
	})
}

func TestFtMValues(t *testing.T) {
	t.Parallel()
	country := catalogue.Property{Name: "country", FtM: "country"}
	for value, want := range map[string]string{"Россия": "ru", "RU": "ru", "Україна": "ua", "Ukraine": "ua", "Nowhere": "", "германия": "de", "xx": ""} {
		if got := ftmValue(country, value, ""); got != want {
			t.Errorf("country %q: %q", value, got)
		}
	}
	for value, want := range map[string]string{"2020": "2020", "2020-07": "2020-07", "2020-07-27": "2020-07-27", "2020~": "", "2019/2020": "", "202X": "", "2020-07-27T14:02:00": "2020-07-27T14:02:00"} {
		if got := ftmDate(value); got != want {
			t.Errorf("date %q: %q", value, got)
		}
	}
	for _, d := range []time.Duration{0, time.Microsecond, 1500 * time.Millisecond, 100 * time.Second, 26 * time.Hour} {
		if got, err := secondsOf(secondsText(d)); err != nil || got != d {
			t.Errorf("%v becomes %v, %v", d, got, err)
		}
	}
	for _, bad := range []string{"1.1234567", "-1", ".", "1e3", "9999999999", "1:00"} {
		if _, err := secondsOf(bad); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%q was taken", bad)
		}
	}
	if !slices.Equal(Encodings(), slices.Sorted(slices.Values(Encodings()))) {
		t.Error("encodings are not in order")
	}
}
