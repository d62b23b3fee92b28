package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// filed adds an entity of a kind to a compartment.
func filed(t testing.TB, db *store.DB, kind, compartment string) string {
	t.Helper()
	id := newID(archive.PrefixEntity)
	run(t, db, fmt.Sprintf(`INSERT INTO entity (id, kind, code, number, compartment, created_at, created_by, changed_at) VALUES ('%s', '%s', '%s', 1, '%s', 1, 'ag_1', 1)`,
		id, kind, "S-"+id[len(id)-6:], compartment))
	return id
}

func passage(testimony string, ordinal int, text string) archive.Passage {
	return archive.Passage{ID: newID(archive.PrefixPassage), Testimony: testimony, Ordinal: ordinal, Heading: "account", Text: text, Lang: "ru", CreatedAt: noon, CreatedBy: "ag_1"}
}

func consent(testimony, purpose, audience string) archive.Consent {
	return archive.Consent{ID: newID(archive.PrefixConsent), Testimony: testimony, Purpose: purpose, Audience: audience, How: "written", GivenAt: noon, Author: "ag_1"}
}

const inner, outer = "cp_0000000000000000000000000a", "cp_0000000000000000000000000b"

var open = archive.Scope{All: true, MaxDifficulty: -1}

func TestPassagesAreReplacedAndNeverChanged(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		testimony := filed(t, db, "testimony", "")
		var item archive.Item
		must(t, db.Write(ctx, func(tx *store.Tx) error { item = addItem(t, tx, addAccession(t, tx).ID, nil); return nil }))
		first, second := passage(testimony, 1, "They came at night."), passage(testimony, 2, "Вещи забрали утром.")
		second.Item, second.From, second.To, second.Page = item.ID, 1500*time.Microsecond, 3*time.Second, 0
		inTx(t, db, func(tx *store.Tx) {
			for name, bad := range map[string]archive.Passage{
				"no words": {ID: newID(archive.PrefixPassage), Testimony: testimony, Ordinal: 9, Text: "  "}, "no place": passage(testimony, 0, "x"),
				"another thing": {ID: newID(archive.PrefixItem), Testimony: testimony, Ordinal: 9, Text: "x"},
				"backwards":     {ID: newID(archive.PrefixPassage), Testimony: testimony, Ordinal: 9, Text: "x", From: 2, To: 1},
			} {
				is(t, name, tx.AddPassages(ctx, bad), archive.ErrInvalid)
			}
			must(t, tx.AddPassages(ctx, first, second))
			n, err := tx.NextPassage(ctx, testimony)
			must(t, err)
			if n != 3 {
				t.Errorf("the next one is %d", n)
			}
			got, err := tx.Passages(ctx, all, false, testimony)
			must(t, err)
			if d := cmp.Diff([]archive.Passage{first, second}, got); d != "" {
				t.Error(d)
			}
			better := passage(testimony, 1, "They came at four in the morning.")
			must(t, tx.RemovePassage(ctx, first.ID, better.ID, "ag_2", noon.Add(time.Hour)))
			must(t, tx.AddPassages(ctx, better))
			if got, err = tx.Passages(ctx, all, false, testimony); err != nil || len(got) != 2 || got[0].ID != better.ID {
				t.Errorf("after replacing: %+v, %v", got, err)
			}
			if got, err = tx.Passages(ctx, all, true, testimony); err != nil || len(got) != 3 {
				t.Errorf("with past ones: %+v, %v", got, err)
			}
			old, err := tx.Passage(ctx, all, first.ID)
			if err != nil || old.Replaced != better.ID || old.Text != first.Text || !old.RemovedAt.Equal(noon.Add(time.Hour)) {
				t.Errorf("the former one: %+v, %v", old, err)
			}
			is(t, "set aside twice", tx.RemovePassage(ctx, first.ID, "", "ag_2", noon), archive.ErrConflict)
			if n, err = tx.NextPassage(ctx, testimony); err != nil || n != 3 {
				t.Errorf("%d, %v", n, err)
			}
		})
		inTx(t, db, func(tx *store.Tx) {
			must(t, tx.AddPassages(ctx, first))
			is(t, "two at one place", tx.AddPassages(ctx, passage(testimony, 1, "x")), archive.ErrExists)
		})
	})
}

func TestConsentsAreTakenBackOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		testimony := filed(t, db, "testimony", "")
		a, b := consent(testimony, "publication", "public"), consent(testimony, "court", "court")
		b.Until, b.Note, b.How = noon.AddDate(1, 0, 0), "only in closed session", "oral"
		inTx(t, db, func(tx *store.Tx) {
			bad := consent(testimony, "court", "court")
			bad.Until = noon
			is(t, "ends when it begins", tx.AddConsents(ctx, noon, bad), archive.ErrInvalid)
			is(t, "for nothing", tx.AddConsents(ctx, noon, consent(testimony, "", "court")), archive.ErrInvalid)
			must(t, tx.AddConsents(ctx, noon, a, b))
			must(t, tx.WithdrawConsents(ctx, []string{a.ID}, "ag_2", "she asked", noon.Add(time.Hour)))
			got, err := tx.Consents(ctx, all, testimony)
			must(t, err)
			a.WithdrawnAt, a.WithdrawnBy, a.Reason = noon.Add(time.Hour), "ag_2", "she asked"
			want := []archive.Consent{a, b}
			slices.SortFunc(want, func(x, y archive.Consent) int { return strings.Compare(x.ID, y.ID) })
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			must(t, tx.AddPassages(ctx, passage(testimony, 1, "x"))) // the transaction still goes
		})
		inTx(t, db, func(tx *store.Tx) {
			must(t, tx.AddConsents(ctx, noon, a2(a), b))
			must(t, tx.WithdrawConsents(ctx, []string{a.ID}, "ag_2", "", noon))
			is(t, "twice", tx.WithdrawConsents(ctx, []string{b.ID, a.ID}, "ag_2", "", noon), archive.ErrConflict)
			is(t, "and then none is", tx.AddConsents(ctx, noon, consent(testimony, "court", "court")), archive.ErrConflict)
		})
	})
}

// a2 is a consent as it was before it was taken back.
func a2(c archive.Consent) archive.Consent {
	c.WithdrawnAt, c.WithdrawnBy, c.Reason = time.Time{}, "", ""
	return c
}

func TestIdentitiesAreSealedRows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		person := filed(t, db, "person", "")
		sealed := bytes.Repeat([]byte{1}, 128)
		inTx(t, db, func(tx *store.Tx) {
			_, err := tx.Identity(ctx, person)
			is(t, "none", err, archive.ErrNotFound)
			is(t, "destroy none", tx.DropIdentity(ctx, person), archive.ErrNotFound)
			must(t, tx.PutIdentity(ctx, store.Identity{Entity: person, Sealed: sealed, Version: 1, ChangedAt: noon, ChangedBy: "ag_1"}))
			is(t, "a second first one", tx.PutIdentity(ctx, store.Identity{Entity: person, Sealed: sealed, Version: 1, ChangedAt: noon, ChangedBy: "ag_1"}), archive.ErrConflict)
			is(t, "one left out", tx.PutIdentity(ctx, store.Identity{Entity: person, Sealed: sealed, Version: 3, ChangedAt: noon, ChangedBy: "ag_1"}), archive.ErrConflict)
			want := store.Identity{Entity: person, Sealed: bytes.Repeat([]byte{2}, 128), Version: 2, ChangedAt: noon.Add(time.Hour), ChangedBy: "ag_2"}
			must(t, tx.PutIdentity(ctx, want))
			got, err := tx.Identity(ctx, person)
			must(t, err)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			act := store.IdentityAct{Event: newID(archive.PrefixEvent), Entity: person, Act: store.IdentityOpened, Reason: []byte("sealed reason"), At: noon, Agent: "ag_1"}
			must(t, tx.AddIdentityAct(ctx, act))
			acts, err := tx.IdentityActs(ctx, person)
			must(t, err)
			if d := cmp.Diff([]store.IdentityAct{act}, acts); d != "" {
				t.Error(d)
			}
			must(t, tx.DropIdentity(ctx, person))
			_, err = tx.Identity(ctx, person)
			is(t, "destroyed", err, archive.ErrNotFound)
			acts, err = tx.IdentityActs(ctx, person)
			if err != nil || len(acts) != 1 || len(acts[0].Reason) != 0 || acts[0].Agent != "ag_1" {
				t.Errorf("acts after destroying: %+v, %v", acts, err)
			}
		})
	})
}

func TestExportsAreFoundByWhatTheyContain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			claim, other := newID(archive.PrefixClaim), newID(archive.PrefixClaim)
			e := store.Export{ID: newID(archive.PrefixExport), Kind: "ftm", Purpose: "court", Audience: "court", At: noon, By: "ag_1", LeftOut: 3,
				Entries: []store.ExportEntry{{store.EntryClaim, claim}, {store.EntryClaim, claim}, {store.EntryClaim, other}}}
			late := store.Export{ID: newID(archive.PrefixExport), Kind: "geojson", Purpose: "research", Audience: "partners", At: noon.Add(time.Hour), By: "ag_1",
				Entries: []store.ExportEntry{{store.EntryEntity, newID(archive.PrefixEntity)}, {store.EntryClaim, other}}}
			for _, bad := range []store.Export{{ID: newID(archive.PrefixExport)}, {ID: "x", Kind: "ftm", Purpose: "court", Audience: "court", At: noon, By: "ag_1"}} {
				is(t, "half an export", tx.AddExport(ctx, bad), archive.ErrInvalid)
			}
			must(t, tx.AddExport(ctx, late))
			must(t, tx.AddExport(ctx, e))
			got, err := tx.ExportsWith(ctx, claim, newID(archive.PrefixClaim))
			must(t, err)
			e.Entries = []store.ExportEntry{{store.EntryClaim, claim}}
			if d := cmp.Diff([]store.Export{e}, got); d != "" {
				t.Error(d)
			}
			if got, err = tx.ExportsWith(ctx, other); err != nil || len(got) != 2 || got[0].ID != e.ID {
				t.Errorf("by another one: %+v, %v", got, err)
			}
			if got, err = tx.ExportsWith(ctx); err != nil || len(got) != 0 {
				t.Errorf("by nothing: %+v, %v", got, err)
			}
		})
	})
}

// A reader outside the compartment finds none of it; one who may not see the recording does not read the words that were taken from it.
// Each answer is held against the rule written down a second time.
func TestTestimonyStaysInItsCompartment(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		type row struct {
			passage     archive.Passage
			consent     archive.Consent
			compartment string
			item        archive.Item
		}
		var rows []row
		var items []archive.Item
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			for _, change := range []func(*archive.Item){nil, func(i *archive.Item) { i.Difficulty = 3 }, func(i *archive.Item) { i.State = archive.ItemQuarantined }, nil} {
				items = append(items, addItem(t, tx, addAccession(t, tx).ID, change))
			}
			// The last one is being erased.
			r := request(items[3].ID)
			must(t, tx.AddErasure(ctx, r))
			return tx.ApproveErasure(ctx, r.ID, "ag_2", noon)
		}))
		for _, c := range []string{"", inner, outer} {
			for n := range len(items) + 1 {
				testimony := filed(t, db, "testimony", c)
				r := row{compartment: c, passage: passage(testimony, 1, "words"), consent: consent(testimony, "court", "court")}
				if n < len(items) {
					r.item = items[n]
					r.passage.Item, r.consent.Item = r.item.ID, r.item.ID
				}
				must(t, db.Write(ctx, func(tx *store.Tx) error {
					must(t, tx.AddPassages(ctx, r.passage))
					return tx.AddConsents(ctx, noon, r.consent)
				}))
				rows = append(rows, r)
			}
		}
		rapid.Check(t, func(rt *rapid.T) {
			s := archive.Scope{
				All: rapid.Bool().Draw(rt, "all"), MaxDifficulty: rapid.SampledFrom([]int{-1, 0, 2, 3}).Draw(rt, "difficulty"), Quarantined: rapid.Bool().Draw(rt, "quarantined"),
				Compartments:    rapid.SliceOf(rapid.SampledFrom([]string{archive.CommonGrant, inner, outer, "", "cp_none"})).Draw(rt, "compartments"),
				AllCompartments: rapid.Bool().Draw(rt, "all compartments"),
			}
			for _, i := range items {
				if rapid.Bool().Draw(rt, "accession") {
					s.Accessions = append(s.Accessions, i.Accession)
				}
			}
			must(t, db.Read(ctx, func(tx *store.Tx) error {
				for _, r := range rows {
					seen := s.AllCompartments || r.compartment == "" && (s.All || slices.Contains(s.Compartments, "common")) || r.compartment != "" && slices.Contains(s.Compartments, r.compartment)
					item := r.item.ID == "" || r.item.ID != items[3].ID && (s.All || slices.Contains(s.Accessions, r.item.Accession)) &&
						(r.item.State != archive.ItemQuarantined || s.Quarantined) && (s.MaxDifficulty < 0 || r.item.Difficulty <= s.MaxDifficulty)
					_, err := tx.Passage(ctx, s, r.passage.ID)
					if found := err == nil; found != (seen && item) || !found && !errors.Is(err, archive.ErrNotFound) {
						rt.Fatalf("passage of %q, item %+v, scope %+v: found %v (%v)", r.compartment, r.item.State, s, found, err)
					}
					list, err := tx.Passages(ctx, s, true, r.passage.Testimony)
					if err != nil || (len(list) == 1) != (seen && item) {
						rt.Fatalf("listed %d, %v", len(list), err)
					}
					consents, err := tx.Consents(ctx, s, r.consent.Testimony)
					if err != nil || (len(consents) == 1) != seen || seen && (consents[0].Item != "") != (item && r.item.ID != "") {
						rt.Fatalf("consents %+v, %v for %+v", consents, err, s)
					}
					_, err = tx.Entity(ctx, s, r.passage.Testimony)
					if (err == nil) != seen {
						rt.Fatalf("testimony: %v", err)
					}
				}
				return nil
			}))
		})
	})
}

func TestErasingAnItemTakesTheWordsSpokenInIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		testimony := filed(t, db, "testimony", "")
		inTx(t, db, func(tx *store.Tx) {
			e := makeErasable(t, tx)
			mine, other, bare := passage(testimony, 1, "canary spoken"), passage(testimony, 2, "spoken elsewhere"), passage(testimony, 3, "only words")
			mine.Item, mine.To, other.Item = e.item.ID, time.Second, e.neighbour.ID
			must(t, tx.AddPassages(ctx, mine, other, bare))
			c := consent(testimony, "court", "court")
			c.Item = e.item.ID
			must(t, tx.AddConsents(ctx, noon, c))
			r := request(e.item.ID)
			must(t, tx.AddErasure(ctx, r))
			must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
			must(t, tx.EraseItemRows(ctx, e.item.ID))
			got, err := tx.Passages(ctx, all, true, testimony)
			if err != nil || len(got) != 2 || got[0].ID != other.ID || got[1].ID != bare.ID {
				t.Errorf("%+v, %v", got, err)
			}
			consents, err := tx.Consents(ctx, all, testimony)
			if err != nil || len(consents) != 1 || consents[0].Item != "" {
				t.Errorf("%+v, %v", consents, err)
			}
			if n, err := tx.NextPassage(ctx, testimony); err != nil || n != 4 {
				t.Errorf("the number of the erased one is given again: %d, %v", n, err)
			}
			must(t, tx.EraseItemRows(ctx, e.item.ID)) // again changes nothing
		})
	})
}

// Nothing of it is left in the file, neither of the words nor of an identity.
func TestErasedTestimonyLeavesTheFile(t *testing.T) {
	t.Parallel()
	db, _ := storetest.OpenWith(t, store.SQLite, nil)
	testimony := filed(t, db, "testimony", "")
	person := filed(t, db, "person", "")
	words, identity, why := strings.Repeat("canary of spoken words ", 400), bytes.Repeat([]byte("canary of identity "), 40), []byte("canary of the reason")
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		e := makeErasable(t, tx)
		p := passage(testimony, 1, words)
		p.Item = e.item.ID
		must(t, tx.AddPassages(ctx, p))
		must(t, tx.PutIdentity(ctx, store.Identity{Entity: person, Sealed: identity, Version: 1, ChangedAt: noon, ChangedBy: "ag_1"}))
		must(t, tx.AddIdentityAct(ctx, store.IdentityAct{Event: newID(archive.PrefixEvent), Entity: person, Act: store.IdentityOpened, Reason: why, At: noon, Agent: "ag_1"}))
		r := request(e.item.ID)
		must(t, tx.AddErasure(ctx, r))
		return tx.ApproveErasure(ctx, r.ID, "ag_2", noon)
	}))
	must(t, db.Purge(ctx))
	canaries := []string{"canary of spoken words", "canary of identity", "canary of the reason"}
	pages, err := db.Plain(ctx)
	must(t, err)
	for _, c := range canaries {
		if !bytes.Contains(pages, []byte(c)) {
			t.Errorf("%s is not there to begin with", c)
		}
	}
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		open, err := tx.Erasures(ctx, true)
		must(t, err)
		must(t, tx.EraseItemRows(ctx, open[0].Item))
		return tx.DropIdentity(ctx, person)
	}))
	must(t, db.Purge(ctx))
	if pages, err = db.Plain(ctx); err != nil {
		t.Fatal(err)
	}
	for _, c := range canaries {
		if bytes.Contains(pages, []byte(c)) {
			t.Errorf("%s is still in the file", c)
		}
	}
}

func TestTogetherFollowsMerges(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		a, b, c, alone := filed(t, db, "testimony", ""), filed(t, db, "testimony", inner), filed(t, db, "testimony", ""), filed(t, db, "testimony", "")
		run(t, db, `UPDATE entity SET merged_into = '`+b+`' WHERE id = '`+a+`'`)
		run(t, db, `UPDATE entity SET merged_into = '`+b+`' WHERE id = '`+c+`'`)
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			for _, from := range []string{a, b, c} {
				want := []string{a, b, c}
				slices.Sort(want)
				got, err := tx.Together(ctx, archive.Scope{AllCompartments: true}, from)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("from %s: %v, %v", from, got, err)
				}
			}
			if got, err := tx.Together(ctx, open, a); err != nil || !slices.Equal(got, []string{a}) {
				t.Errorf("through what is not seen: %v, %v", got, err)
			}
			if got, err := tx.Together(ctx, open, alone); err != nil || !slices.Equal(got, []string{alone}) {
				t.Errorf("alone: %v, %v", got, err)
			}
			return nil
		}))
	})
}

func TestMigration0008(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0007",
			`INSERT INTO entity (id, kind, code, number, compartment, created_at, created_by, changed_at) VALUES ('kn_1', 'testimony', 'S-0001', 1, '', 1, 'ag_1', 1)`))
		_, err := store.Open(ctx, o)
		is(t, "open before migrating", err, store.ErrMigration)
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			must(t, tx.AddPassages(ctx, passage("kn_1", 1, "words")))
			must(t, tx.AddConsents(ctx, noon, consent("kn_1", "court", "court")))
			must(t, tx.PutIdentity(ctx, store.Identity{Entity: "kn_1", Sealed: make([]byte, 128), Version: 1, ChangedAt: noon, ChangedBy: "ag_1"}))
			must(t, tx.AddIdentityAct(ctx, store.IdentityAct{Event: "ev_1", Entity: "kn_1", Act: store.IdentityWritten, Reason: []byte("x"), At: noon, Agent: "ag_1"}))
			return tx.AddExport(ctx, store.Export{ID: newID(archive.PrefixExport), Kind: "ftm", Purpose: "court", Audience: "court", At: noon, By: "ag_1",
				Entries: []store.ExportEntry{{store.EntryEntity, "kn_1"}}})
		}))
		statements := []string{
			`UPDATE passage SET text = 'other'`, `UPDATE passage SET text = '', erased_at = 1, item_id = NULL`, `UPDATE passage SET heading = 'x'`, `UPDATE passage SET ordinal = 2`,
			`UPDATE consent SET audience = 'public'`, `UPDATE consent SET until_at = NULL, given_at = 1`, `UPDATE consent SET note = 'x'`, `UPDATE consent SET item_id = 'it_1'`,
			`UPDATE identity_act SET reason = reason`, `UPDATE identity_act SET agent = 'ag_2'`, `UPDATE export SET purpose = 'x'`, `UPDATE export_entry SET ref = 'x'`,
			`DELETE FROM passage`, `DELETE FROM consent`, `DELETE FROM identity_act`, `DELETE FROM export`, `DELETE FROM export_entry`,
		}
		for _, table := range []string{"passage", "consent", "identity_act", "export", "export_entry"} {
			if engine == store.SQLite {
				statements = append(statements, `INSERT OR REPLACE INTO `+table+` SELECT * FROM `+table)
			} else {
				statements = append(statements, `TRUNCATE `+table+` CASCADE`)
			}
		}
		for _, s := range statements {
			err := try(db, s)
			var pg *pgconn.PgError
			switch {
			case err == nil:
				t.Errorf("went through: %s", s)
			case engine == store.SQLite && !strings.Contains(err.Error(), "insert-only") && !strings.Contains(err.Error(), "holds this row already"):
				t.Errorf("%s: refused for another reason: %v", s, err)
			case engine == store.PostgreSQL && (!errors.As(err, &pg) || pg.Code != "ZA001"):
				t.Errorf("%s: refused for another reason: %v", s, err)
			}
		}
		// What is allowed goes through, once.
		run(t, db, `UPDATE consent SET withdrawn_at = 5, withdrawn_by = 'ag_1', reason = 'why'`)
		if err := try(db, `UPDATE consent SET withdrawn_at = NULL, withdrawn_by = NULL, reason = ''`); err == nil {
			t.Error("a consent that was taken back stands again")
		}
		run(t, db, `UPDATE passage SET removed_at = 5, removed_by = 'ag_1'`)
		if err := try(db, `UPDATE passage SET removed_at = NULL, removed_by = NULL`); err == nil {
			t.Error("a passage that was set aside is back")
		}
		for _, s := range []string{
			`INSERT INTO passage (id, testimony_id, ordinal, heading, text, created_at, created_by) VALUES ('ps_2', 'kn_none', 1, 'x', 'x', 1, 'ag_1')`,
			`INSERT INTO passage (id, testimony_id, ordinal, heading, text, created_at, created_by) VALUES ('ps_2', 'kn_1', 2, 'x', '', 1, 'ag_1')`,
			`INSERT INTO consent (id, testimony_id, purpose, audience, how, given_at, created_at, author) VALUES ('cn_2', 'kn_1', 'x', 'x', 'guessed', 1, 1, 'ag_1')`,
			`INSERT INTO identity_act (event_id, entity_id, act, reason, at, agent) SELECT 'ev_2', entity_id, 'looked', reason, at, agent FROM identity_act`,
		} {
			if err := try(db, s); err == nil {
				t.Errorf("went through: %s", s)
			}
		}
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}
