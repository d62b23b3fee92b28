package exchange

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/custody"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is an archive with nothing in its catalogue.
type world struct {
	*Service
	db   *store.DB
	kn   *knowledge.Service
	lead policy.Subject // sees everything
	root policy.Subject // administrator
	now  time.Time
}

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{db: db, now: noon}
	clock := func() time.Time { w.now = w.now.Add(time.Millisecond); return w.now }
	rec := custody.New(custody.Options{Tool: "zapis test", Now: clock})
	var err error
	if w.kn, err = knowledge.New(knowledge.Options{DB: db, Custody: rec, Now: clock}); err != nil {
		t.Fatal(err)
	}
	if w.Service, err = New(Options{DB: db, Custody: rec, Knowledge: w.kn, Now: clock, Batch: 50}); err != nil {
		t.Fatal(err)
	}
	w.lead = w.person(t, archive.RoleInvestigator, archive.Scope{All: true, MaxDifficulty: -1, AllCompartments: true})
	w.root = w.person(t, archive.RoleAdmin, archive.Scope{All: true, MaxDifficulty: -1})
	return w
}

func (w *world) person(t testing.TB, role archive.Role, sc archive.Scope) policy.Subject {
	t.Helper()
	id := archive.NewID(archive.PrefixAgent)
	must(t, w.db.Write(t.Context(), func(tx *store.Tx) error {
		return tx.AddAgent(context.Background(), archive.Agent{ID: id, Kind: "person", Name: "Somebody", CreatedAt: noon})
	}))
	return policy.Subject{Agent: id, Role: role, Scope: sc}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// take takes a CSV text in.
func (w *world) take(t testing.TB, who policy.Subject, m Mapping, text string, change ...func(*ImportOptions)) (Imported, []RowReport, error) {
	t.Helper()
	table, err := OpenTable(strings.NewReader(text), int64(len(text)), TableOptions{})
	must(t, err)
	sum, _, err := Digest(strings.NewReader(text))
	must(t, err)
	var rows []RowReport
	o := ImportOptions{Mapping: m, SHA256: sum, Report: ReporterFunc(func(r RowReport) error { rows = append(rows, r); return nil })}
	for _, f := range change {
		f(&o)
	}
	out, err := w.ImportTable(t.Context(), who, table, o)
	return out, rows, err
}

func dry(o *ImportOptions) { o.DryRun = true }

// ftm exports everything for the team.
func (w *world) ftm(t testing.TB, who policy.Subject) string {
	t.Helper()
	var b bytes.Buffer
	_, err := w.Export(t.Context(), who, Ask{Format: FormatFtM, Purpose: "archive", Audience: "team"}, &b)
	must(t, err)
	return b.String()
}

func (w *world) takeFtM(t testing.TB, who policy.Subject, text string, o FtMOptions) (Imported, []RowReport, error) {
	t.Helper()
	var rows []RowReport
	o.Report = ReporterFunc(func(r RowReport) error { rows = append(rows, r); return nil })
	var err error
	o.SHA256, _, err = Digest(strings.NewReader(text))
	must(t, err)
	out, err := w.ImportFtM(t.Context(), who, strings.NewReader(text), o)
	return out, rows, err
}

// values gives the standing values of a property of an entity.
func (w *world) values(t testing.TB, who policy.Subject, id, property string) (out []string) {
	t.Helper()
	v, err := w.kn.Entity(t.Context(), who, id)
	must(t, err)
	for _, p := range v.Properties {
		if p.Property.Name != property {
			continue
		}
		for _, c := range p.Claims {
			if c.Stands() {
				out = append(out, c.Value)
			}
		}
	}
	return out
}

var people = Mapping{
	Version: 1, Kind: catalogue.Person, Key: &Key{Column: "ID", Source: "list"}, Update: UpdateAdd, Certain: archive.Probable, Source: "A list",
	Columns: []Column{{Column: "ФИО", Property: "name", Lang: "ru"}, {Column: "Пол", Property: "sex"}, {Column: "Дата рождения", Property: "birth-date"}, {Column: "Кличка", Property: "alias", Split: ";"},
		{Column: "Достоверность", As: AsCertainty}},
}

const peopleCSV = "ID;ФИО;Пол;Дата рождения;Кличка;Достоверность\n" +
	"1;Иванов Иван;мужской;27.07.1980;Ваня; установлено\n" +
	"2;Петрова Анна;женский;около 1975;;вероятно\n" +
	"3;Сидоров Пётр;неведомый;1990;;вероятно\n" +
	"4;Без даты;мужской;31.02.1990;;вероятно\n"

func TestTableIsTakenIn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		before := w.ftm(t, w.lead)
		out, rows, err := w.take(t, w.lead, people, peopleCSV, dry)
		must(t, err)
		if out.Created != 2 || out.Refused != 2 || out.ID != "" || len(rows) != 4 {
			t.Fatalf("dry run: %+v %+v", out, rows)
		}
		if after := w.ftm(t, w.lead); after != before || after != "" {
			t.Fatalf("a dry run wrote: %s", after)
		}
		out, rows, err = w.take(t, w.lead, people, peopleCSV)
		must(t, err)
		if out.Created != 2 || out.Refused != 2 || out.ID == "" {
			t.Fatalf("%+v", out)
		}
		if r := rows[2]; r.Row != 4 || r.Reason != ReasonTerm || r.Column != "Пол" || strings.Contains(r.Text, "неведомый") {
			t.Errorf("%+v", r)
		}
		if r := rows[3]; r.Row != 5 || r.Reason != ReasonDate || r.Outcome != Refused {
			t.Errorf("%+v", r)
		}
		if v := w.values(t, w.lead, rows[1].Entity, "birth-date"); len(v) != 1 || v[0] != "1975~" {
			t.Errorf("birth-date %v", v)
		}
		// Again: nothing new.
		again, rows, err := w.take(t, w.lead, people, peopleCSV+"\n")
		must(t, err)
		if again.Unchanged != 2 || again.Created+again.Updated != 0 {
			t.Errorf("%+v %+v", again, rows)
		}
		// Another value is said beside the first one, an empty cell takes nothing back.
		third, rows, err := w.take(t, w.lead, people, "ID;ФИО;Пол;Дата рождения;Кличка;Достоверность\n1;;;1981;;\n")
		must(t, err)
		if v := w.values(t, w.lead, rows[0].Entity, "birth-date"); third.Updated != 1 || len(v) != 2 {
			t.Errorf("%+v %v", third, v)
		}
		if v := w.values(t, w.lead, rows[0].Entity, "name"); len(v) != 1 {
			t.Errorf("an empty cell changed the name: %v", v)
		}
		// A replacement takes only one's own word from files.
		_, err = w.kn.Say(t.Context(), w.root, rows[0].Entity, knowledge.ClaimDraft{Property: "birth-date", Value: "1979", Certainty: archive.Disputed})
		must(t, err)
		replace := people
		replace.Update = UpdateReplace
		fourth, _, err := w.take(t, w.lead, replace, "ID;ФИО;Пол;Дата рождения;Кличка;Достоверность\n1;;;1982;;\n")
		must(t, err)
		if v := w.values(t, w.lead, rows[0].Entity, "birth-date"); len(v) != 2 {
			t.Errorf("after replacing: %v", v)
		}
		// Undone, what it replaced is back.
		undone, err := w.Undo(t.Context(), w.lead, fourth.ID, nil)
		must(t, err)
		if v := w.values(t, w.lead, rows[0].Entity, "birth-date"); len(v) != 3 || undone.Retracted != 1 || undone.Restored != 2 {
			t.Errorf("after undoing: %v %+v", v, undone)
		}
		if _, err := w.Undo(t.Context(), w.lead, fourth.ID, nil); !errors.Is(err, archive.ErrConflict) {
			t.Errorf("undone twice: %v", err)
		}
		if _, err := w.Undo(t.Context(), w.root, out.ID, nil); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("somebody else's import: %v", err)
		}
		_, err = w.Undo(t.Context(), w.lead, out.ID, nil)
		must(t, err)
		if v := w.values(t, w.lead, rows[0].Entity, "name"); len(v) != 0 {
			t.Errorf("a name stands: %v", v)
		}
	})
}

// unzipped gives everything in a zip, one after the other.
func unzipped(t testing.TB, raw []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	must(t, err)
	var out strings.Builder
	for _, f := range z.File {
		r, err := f.Open()
		must(t, err)
		b, err := io.ReadAll(r)
		must(t, err)
		must(t, r.Close())
		fmt.Fprintf(&out, "== %s\n%s\n", f.Name, b)
	}
	return out.String()
}
