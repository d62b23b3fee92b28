package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func (w *world) listed(t testing.TB) (n int) {
	t.Helper()
	must(t, w.db.Read(t.Context(), func(tx *store.Tx) (err error) {
		_, n, err = tx.ListEntities(t.Context(), w.lead.Scope, store.EntityQuery{Limit: 1})
		return err
	}))
	return n
}

// An undone import leaves nothing in the lists and exports but what somebody else said, and the same table fills the same entities again.
func TestUndoLeavesNothing(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		w := newWorld(t, storetest.Open(t, engine))
		var text strings.Builder
		text.WriteString("ID;ФИО;Пол;Дата рождения;Кличка;Достоверность\n")
		for i := range 120 {
			fmt.Fprintf(&text, "%d;Иванов Иван %d;m;1970;;\n", i, i)
		}
		m := people
		m.Columns = append([]Column{}, people.Columns...)
		m.Columns[1].Terms = map[string]string{"m": "male"}
		out, rows, err := w.take(t, w.lead, m, text.String())
		must(t, err)
		if out.Created != 120 || w.listed(t) != 120 {
			t.Fatalf("%+v, %d listed", out, w.listed(t))
		}
		_, err = w.kn.Say(t.Context(), w.root, rows[7].Entity, knowledge.ClaimDraft{Property: "note", Value: "Seen", Certainty: archive.Probable})
		must(t, err)
		// Broken off in the middle, it goes on, and meanwhile the import is not under way any more.
		ctx, cut := context.WithCancel(t.Context())
		half, err := w.Undo(ctx, w.lead, out.ID, func(Undone) { cut() })
		if err == nil || half.Retracted == 0 || half.Retracted >= 360 {
			t.Fatalf("%+v, %v", half, err)
		}
		list, err := w.Imports(t.Context(), w.lead, 1)
		must(t, err)
		if list[0].UndoAt.IsZero() || list[0].State != store.ImportDone {
			t.Errorf("%+v", list[0])
		}
		rest, err := w.Undo(t.Context(), w.lead, out.ID, nil)
		must(t, err)
		if half.Retracted+rest.Retracted != 360 || rest.Emptied != 119 || rest.Claims != 360-half.Retracted {
			t.Errorf("%+v and %+v", half, rest)
		}
		if n := w.listed(t); n != 1 {
			t.Errorf("%d entities are listed", n)
		}
		if x := w.ftm(t, w.lead); strings.Count(x, "\n") != 1 || !strings.Contains(x, "Seen") {
			t.Errorf("exported: %s", x)
		}
		m.Update = UpdateRefuse
		again, rows2, err := w.take(t, w.lead, m, text.String())
		must(t, err)
		if again.Refused != 1 || again.Updated != 119 || w.listed(t) != 120 || rows2[3].Entity != rows[3].Entity {
			t.Errorf("%+v, %d listed", again, w.listed(t))
		}
	})
}

// Very many claims go another way out of the index of words; nothing of them is found, completed or suggested afterwards.
func TestUndoMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	w.o.Batch = 500
	var text strings.Builder
	text.WriteString("ID;ФИО\n")
	for i := range manyUndone + 10 {
		fmt.Fprintf(&text, "%d;Бармалейкин Фома %d\n", i, i)
	}
	m := Mapping{Version: 1, Kind: catalogue.Person, Key: &Key{Column: "ID", Source: "list"}, Columns: []Column{{Column: "ФИО", Property: "name"}}}
	out, _, err := w.take(t, w.lead, m, text.String())
	must(t, err)
	undone, err := w.Undo(t.Context(), w.lead, out.ID, nil)
	must(t, err)
	if undone.Retracted != manyUndone+10 || undone.Emptied != manyUndone+10 {
		t.Errorf("%+v", undone)
	}
	must(t, w.db.Write(t.Context(), func(tx *store.Tx) error {
		loose, err := tx.LooseSearch(t.Context())
		must(t, err)
		last, _, err := tx.TidyTerms(t.Context(), "", 1)
		if err != nil || loose || last != "" {
			t.Errorf("loose %v, the words begin with one of %d letters, %v", loose, len(last), err)
		}
		return nil
	}))
}

// Two values of one row, two columns of one property and two keys of one entity do not stop an import that replaces.
func TestReplaceTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	m := Mapping{Version: 1, Kind: catalogue.Person, Key: &Key{Column: "ID", Source: "list"}, Update: UpdateReplace,
		Columns: []Column{{Column: "name", Property: "name"}, {Column: "born", Property: "birth-date", Split: ";"}}}
	_, rows, err := w.take(t, w.lead, m, "ID,name,born\n1,A,1970\n2,B,1971\n")
	must(t, err)
	_, err = w.kn.Merge(t.Context(), w.lead, rows[1].Entity, rows[0].Entity, "the same")
	must(t, err)
	out, rows, err := w.take(t, w.lead, m, "ID,name,born\n1,A,1980;1981\n2,B,1982\n")
	if err != nil || out.Updated != 2 {
		t.Fatalf("%+v %+v %v", out, rows, err)
	}
	if v := w.values(t, w.lead, rows[0].Entity, "birth-date"); len(v) != 1 || v[0] != "1982" {
		t.Errorf("born %v: the second row did not see what the first one said", v)
	}
}

// A row that says very many things is refused, and many large rows do not lie in memory together.
func TestLargeRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	w.o.Batch, w.o.BatchBytes = 1000, 100_000
	m := Mapping{Version: 1, Kind: catalogue.Person, Columns: []Column{{Column: "name", Property: "name", Split: ";"}, {Column: "note", Property: "note"}}}
	out, rows, err := w.take(t, w.lead, m, "name,note\n"+strings.Repeat("x;", 600)+",y\nA,z\n")
	must(t, err)
	if out.Created != 1 || out.Refused != 1 || rows[0].Reason != ReasonLong {
		t.Errorf("%+v %+v", out, rows)
	}
	batches := 0
	large := strings.Repeat("A,"+strings.Repeat("слово ", 1500)+"\n", 25)
	_, _, err = w.take(t, w.lead, m, "name,note\n"+large, func(o *ImportOptions) { o.Progress = func(Counts) { batches++ }; o.DryRun = true })
	must(t, err)
	if batches < 3 {
		t.Errorf("%d batches", batches)
	}
}

// Columns whose names read alike are told apart, and a mapping that fits several is refused.
func TestAlikeColumns(t *testing.T) {
	t.Parallel()
	m := Mapping{Version: 1, Kind: catalogue.Person, Columns: []Column{{Column: "full_name", Property: "name"}}}
	if _, at, err := m.fit([]string{"Full name", "full_name"}); err != nil || at[0] != 1 {
		t.Errorf("%v %v", at, err)
	}
	if _, at, err := m.fit([]string{"Full name"}); err != nil || at[0] != 0 {
		t.Errorf("%v %v", at, err)
	}
	if _, _, err := m.fit([]string{"Full name", "FULL*NAME"}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("two columns: %v", err)
	}
	m.Columns = []Column{{Column: "sex", Property: "sex", Terms: map[string]string{"М": "male", "м": "female"}}}
	if err := m.check(); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("one word for two terms: %v", err)
	}
}

// A doubt about a day is not lost because an hour stands beside it.
func TestDoubtOutlivesTheHour(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ca. 2020-07-27 10:00": "2020-07-27~", "около 27.07.2020 10:00": "2020-07-27~", "ca. 2020-07-27T10:00:05": "2020-07-27~", "27.07.2020 10:00": "2020-07-27T10:00:00",
		"about 2020-07-27 25:00": "", "about 27.07.2020 10:99": "",
	} {
		got, err := dateOf(text, "", About{Format: "csv"})
		if got := map[bool]string{true: got}[err == nil]; got != want {
			t.Errorf("%s: %q, want %q (%v)", text, got, want, err)
		}
	}
	if got, err := dateOf("ca. 44039.5", "", About{Format: "xlsx"}); err != nil || got != "2020-07-27~" {
		t.Errorf("%q %v", got, err)
	}
}

// ftmOf builds lines of a file that Zapis wrote.
func ftmOf(t testing.TB, entities ...ftmEntity) string {
	t.Helper()
	var b strings.Builder
	for _, e := range entities {
		raw, err := json.Marshal(e)
		must(t, err)
		b.Write(append(raw, '\n'))
	}
	return b.String()
}

func ftmPerson(n int, change func(*ftmZapis)) ftmEntity {
	const at = "2026-01-01T00:00:00.000000Z"
	e := ftmEntity{ID: archive.NewID(archive.PrefixEntity), Schema: "Person", Properties: map[string][]string{}, Zapis: &ftmZapis{Version: 1, Kind: catalogue.Person, Code: fmt.Sprintf("P-%04d", n), At: at}}
	e.Zapis.Claims = []ftmClaim{{ID: archive.NewID(archive.PrefixClaim), Property: "name", Value: fmt.Sprint("Somebody ", n), Certainty: archive.Probable, At: at, Origin: "person"}}
	if change != nil {
		change(e.Zapis)
	}
	return e
}

// A line of a file is taken whole or not at all, whatever it holds, and never stops those after it.
func TestFtMLineWhole(t *testing.T) {
	t.Parallel()
	const at = "2026-01-01T00:00:00.000000Z"
	for name, spoil := range map[string]func(*ftmZapis){
		"merged into nothing": func(z *ftmZapis) {
			z.Merges = []ftmMerge{{ID: archive.NewID(archive.PrefixMerge), Into: archive.NewID(archive.PrefixEntity), Reason: "r", At: at}}
		},
		"merged without a moment": func(z *ftmZapis) {
			z.Merges = []ftmMerge{{ID: archive.NewID(archive.PrefixMerge), Into: archive.NewID(archive.PrefixEntity), Reason: "r"}}
		},
		"two claims with one identifier, both taken back": func(z *ftmZapis) {
			z.Claims = append(z.Claims, z.Claims[0])
			z.Claims[0].Retracted = &ftmRetracted{At: at}
			z.Claims[1].Retracted = &ftmRetracted{At: at}
		},
		"very many sources": func(z *ftmZapis) {
			for i := range knowledge.MaxSources + 1 {
				z.Claims[0].Sources = append(z.Claims[0].Sources, ftmSource{Kind: archive.SourceOther, Note: fmt.Sprint("s", i)})
			}
		},
		"a source that is no identifier": func(z *ftmZapis) {
			z.Claims[0].Sources = []ftmSource{{Kind: archive.SourcePassage, Passage: "\u202egpj.exe", Entity: archive.NewID(archive.PrefixEntity)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.Open(t, store.SQLite))
			out, rows, err := w.takeFtM(t, w.root, ftmOf(t, ftmPerson(1, spoil), ftmPerson(2, nil)), FtMOptions{})
			if err != nil || out.Refused != 1 || out.Created != 1 || rows[0].Outcome != Refused {
				t.Fatalf("%+v %+v %v", out, rows, err)
			}
			if x := w.ftm(t, w.root); strings.Contains(x, "Somebody 1") || !strings.Contains(x, "Somebody 2") {
				t.Errorf("%s", x)
			}
		})
	}
}

// A claim that was taken back where it comes from does not come in as one that stands, although its identifier is in use here.
func TestFtMRetractedStaysRetracted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	one := ftmPerson(1, nil)
	two := ftmPerson(2, func(z *ftmZapis) {
		z.Claims[0].ID = one.Zapis.Claims[0].ID
		z.Claims[0].Retracted = &ftmRetracted{At: "2026-01-02T00:00:00.000000Z", Reason: "wrong"}
	})
	_, _, err := w.takeFtM(t, w.root, ftmOf(t, one), FtMOptions{})
	must(t, err)
	_, rows, err := w.takeFtM(t, w.root, ftmOf(t, two), FtMOptions{})
	must(t, err)
	if v := w.values(t, w.root, rows[0].Entity, "name"); len(v) != 0 {
		t.Errorf("it stands: %v", v)
	}
}

// A dry run tells of each line once, and what a run would tell, also where lines refer to others that lie far from them.
func TestFtMDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	w.o.Batch = 2
	const at = "2026-01-01T00:00:00.000000Z"
	var all []ftmEntity
	for n := range 7 {
		all = append(all, ftmPerson(n+1, nil))
	}
	tie := ftmEntity{ID: archive.NewID(archive.PrefixEntity), Schema: "UnknownLink", Properties: map[string][]string{}, Zapis: &ftmZapis{Version: 1, Kind: catalogue.Relation, Code: "E-0001", At: at}}
	for i, p := range []string{"from", "to"} {
		tie.Zapis.Claims = append(tie.Zapis.Claims, ftmClaim{ID: archive.NewID(archive.PrefixClaim), Property: p, Value: all[5+i].ID, Certainty: archive.Probable, At: at, Origin: "person"})
	}
	all[0].Zapis.Merges = []ftmMerge{{ID: archive.NewID(archive.PrefixMerge), Into: all[6].ID, Reason: "r", At: at}}
	text := ftmOf(t, append([]ftmEntity{tie}, all...)...)
	dry, rows, err := w.takeFtM(t, w.root, text, FtMOptions{DryRun: true})
	must(t, err)
	if dry.Created != 8 || dry.Refused != 0 || len(rows) != 8 {
		t.Errorf("dry run: %+v %+v", dry.Counts, rows)
	}
	if x := w.ftm(t, w.root); x != "" {
		t.Errorf("it wrote %s", x)
	}
	out, _, err := w.takeFtM(t, w.root, text, FtMOptions{})
	must(t, err)
	if out.Counts != dry.Counts {
		t.Errorf("%+v, and dry %+v", out.Counts, dry.Counts)
	}
}

// A run that broke off goes on only as it began.
func TestFtMGoesOnAsItBegan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	w.o.Batch = 1
	text := ftmOf(t, ftmPerson(1, nil), ftmPerson(2, nil), ftmPerson(3, nil))
	sum, _, err := Digest(strings.NewReader(text))
	must(t, err)
	ctx, cut := context.WithCancel(t.Context())
	_, err = w.ImportFtM(ctx, w.root, strings.NewReader(text), FtMOptions{SHA256: sum, Progress: func(Counts) { cut() }})
	if err == nil {
		t.Fatal("it was not cut off")
	}
	if _, _, err := w.takeFtM(t, w.root, text, FtMOptions{Source: "other"}); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("with another source: %v", err)
	}
	if out, _, err := w.takeFtM(t, w.root, text, FtMOptions{}); err != nil || out.Created != 3 || out.From == 0 {
		t.Errorf("%+v %v", out, err)
	}
}

// Tables that would not fit into memory are refused.
func TestTablesHaveAnEnd(t *testing.T) {
	t.Parallel()
	h := &huridocs{tables: map[string]*table{}, room: 100}
	h.add("claims", claimColumns)
	if err := h.tables["claims"].write([]string{strings.Repeat("a", 90)}); err != nil {
		t.Errorf("within: %v", err)
	}
	if err := h.tables["claims"].write([]string{strings.Repeat("a", 90)}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("beyond: %v", err)
	}
}

// What tables are called in the lists of others, and to what a witness agreed, is told to whom it concerns.
func TestFtMToldToWhom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t, store.SQLite))
	_, rows, err := w.take(t, w.lead, people, peopleCSV)
	must(t, err)
	if rows[0].Entity == "" {
		t.Fatalf("%+v", rows)
	}
	for audience, told := range map[string]bool{"team": true, "court": false, "public": false} {
		var b strings.Builder
		_, err := w.Export(t.Context(), w.lead, Ask{Format: FormatFtM, Purpose: "archive", Audience: audience}, &b)
		must(t, err)
		if got := strings.Contains(b.String(), `"keys":[{"source":"list"`); got != told {
			t.Errorf("%s: the keys are told: %v", audience, got)
		}
	}
	kind, _ := catalogue.KindOf(catalogue.Testimony)
	for public, told := range map[bool]bool{true: false, false: true} {
		var b strings.Builder
		f := &ftmWriter{e: json.NewEncoder(&b), authors: !public}
		must(t, f.entity(gathered{Entity: archive.Entity{ID: archive.NewID(archive.PrefixEntity), Kind: kind.Kind, CreatedAt: noon}, kind: kind, consents: []archive.Consent{{ID: "co_1", Note: "canary"}}}))
		if got := strings.Contains(b.String(), "canary"); got != told {
			t.Errorf("public %v: consents are told: %v", public, got)
		}
	}
}
