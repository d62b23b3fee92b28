package search_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/language"
	"zapis/internal/policy"
	"zapis/internal/search"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// world is the same archive on either engine: items of three accessions, entities of three compartments, claims that rest on items and name
// entities, and texts about all of them.
type world struct {
	accessions []archive.Accession
	items      []archive.Item
	closed     string // a compartment
	entities   []archive.Entity
	docs       []doc
}

type doc struct {
	store.Doc
	rests []int // items of a claim's sources
	names int   // entity that a claim's value names; -1: none
	gone  bool  // taken back
}

var vocabulary = strings.Fields("камера камеры пытка пыток сотрудник сотрудники колония допрос карантин палата режим отряд приказ дубинка свидетель показания в'язень катування")

// build puts the world of a seed into a database.
func build(t testing.TB, db *store.DB, seed uint64) *world {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 9))
	ids := 0
	id := func(prefix string) string {
		ids++
		return fmt.Sprintf("%s_%026d", prefix, ids)
	}
	w := &world{}
	storetest.Write(t, db, func(tx *store.Tx) error {
		for i := range 3 {
			a, err := tx.AddAccession(ctx, archive.Accession{ID: id(archive.PrefixAccession), Title: fmt.Sprintf("Диск %d", i), CreatedAt: noon, CreatedBy: "ag_1"})
			must(t, err)
			w.accessions = append(w.accessions, a)
		}
		for i := range 12 {
			it := newItem(t, tx, w.accessions[i%3].ID)
			it.ID = id(archive.PrefixItem)
			must(t, tx.AddItem(ctx, &it))
			must(t, tx.SetItemFacts(ctx, it.ID, store.Facts{Kind: archive.KindVideo, RecordedAt: noon.AddDate(0, i, 0), RecordedSource: "container", Camera: []string{"", "B-1", "B-2"}[i%3]}))
			if _, err := tx.GradeItem(ctx, it.ID, i%5-1); err != nil {
				t.Fatal(err)
			}
			must(t, tx.MoveItem(ctx, it.ID, archive.ItemBrowsable, ""))
			if i == 7 {
				must(t, tx.MoveItem(ctx, it.ID, archive.ItemQuarantined, "damaged"))
			}
			it, err := tx.Item(ctx, storetest.Everything, it.ID)
			must(t, err)
			w.items = append(w.items, it)
		}
		w.closed = id(archive.PrefixCompartment)
		must(t, tx.AddCompartment(ctx, archive.Compartment{ID: w.closed, Name: "Closed", CreatedAt: noon, CreatedBy: "ag_1"}, "K"))
		var rows []store.NewEntity
		for i := range 8 {
			e := archive.Entity{ID: id(archive.PrefixEntity), Kind: []archive.EntityKind{"person", "incident"}[i%2], Code: fmt.Sprintf("X-%02d", i), CreatedAt: noon, CreatedBy: "ag_1"}
			if i >= 5 {
				e.Compartment = w.closed
			}
			w.entities = append(w.entities, e)
			rows = append(rows, store.NewEntity{Entity: e})
		}
		must(t, tx.AddEntities(ctx, rows...))
		text := func() string {
			var words []string
			for range 3 + r.IntN(8) {
				words = append(words, vocabulary[r.IntN(len(vocabulary))])
			}
			return strings.Join(words, " ")
		}
		for i := range 120 {
			d := doc{names: -1, Doc: store.Doc{Ref: id("tx"), Lang: "ru", Text: text(), From: time.Duration(i) * time.Second}}
			switch i % 4 {
			case 0, 1:
				d.Kind, d.Item = []string{store.DocTranscript, store.DocNote}[i%2], w.items[r.IntN(len(w.items))].ID
			case 2:
				e := w.entities[r.IntN(len(w.entities))]
				c := store.Claim{Claim: archive.Claim{ID: id(archive.PrefixClaim), Entity: e.ID, Property: "note", Value: d.Text, Certainty: archive.Probable, Author: "ag_1", Origin: "person", CreatedAt: noon}}
				for range r.IntN(3) {
					n := r.IntN(len(w.items))
					d.rests = append(d.rests, n)
					c.Sources = append(c.Sources, archive.Source{Kind: archive.SourceItem, Item: w.items[n].ID, From: time.Duration(n) * time.Second, To: time.Duration(n+1) * time.Second})
				}
				if r.IntN(3) == 0 {
					d.names = r.IntN(len(w.entities))
					c.Ref = w.entities[d.names].ID
				}
				must(t, tx.AddClaims(ctx, c))
				d.Kind, d.Ref, d.Claim, d.Entity, d.Compartment = store.DocClaim, c.ID, c.ID, e.ID, e.Compartment
				if r.IntN(6) == 0 {
					d.gone = true
					must(t, tx.RetractClaims(ctx, noon, "ag_1", "a mistake", "", c.ID))
				}
			case 3:
				e := w.entities[r.IntN(len(w.entities))]
				d.Kind, d.Entity, d.Compartment = store.DocPassage, e.ID, e.Compartment
				if r.IntN(2) == 0 {
					d.Item = w.items[r.IntN(len(w.items))].ID
				}
			}
			w.docs = append(w.docs, d)
		}
		for _, d := range w.docs {
			must(t, tx.IndexDocs(ctx, d.Doc))
		}
		return nil
	})
	return w
}

func (w *world) item(id string) archive.Item {
	return w.items[slices.IndexFunc(w.items, func(i archive.Item) bool { return i.ID == id })]
}

func (w *world) entity(id string) archive.Entity {
	return w.entities[slices.IndexFunc(w.entities, func(e archive.Entity) bool { return e.ID == id })]
}

// seen tells the rule of access a second time, from its words and not from the code.
func (w *world) seen(s archive.Scope, d doc) bool {
	item := func(i archive.Item) bool {
		return (s.All || slices.Contains(s.Accessions, i.Accession)) && (s.MaxDifficulty < 0 || s.MaxDifficulty == 3 || i.Difficulty >= 0 && i.Difficulty <= s.MaxDifficulty) && (s.Quarantined || i.State != archive.ItemQuarantined)
	}
	if d.gone || d.Item != "" && !item(w.item(d.Item)) || d.Entity != "" && !s.Sees(w.entity(d.Entity).Compartment) {
		return false
	}
	for _, n := range d.rests {
		if !item(w.items[n]) {
			return false
		}
	}
	return d.names < 0 || s.Sees(w.entities[d.names].Compartment)
}

// holds answers a query by looking at every word.
func holds(n search.Node, d doc) bool {
	tokens := language.Tokens(d.Text)
	switch n.Op {
	case search.And:
		return !slices.ContainsFunc(n.Kids, func(k search.Node) bool { return !holds(k, d) })
	case search.Or:
		return slices.ContainsFunc(n.Kids, func(k search.Node) bool { return holds(k, d) })
	case search.Not:
		return !holds(n.Kids[0], d)
	case search.Prefix:
		begun := language.Tokens(n.Text)[0].Text
		return slices.ContainsFunc(tokens, func(t language.Token) bool {
			return strings.HasPrefix(t.Stem, begun) || slices.Contains(language.Stems(n.Text), t.Stem)
		})
	case search.Filter:
		return slices.ContainsFunc(n.Values, func(v string) bool { return v == d.Kind || v == "testimony" && d.Kind == store.DocPassage })
	}
	var want []([]string)
	for _, t := range language.Tokens(n.Text) {
		for len(want) <= t.Pos {
			want = append(want, nil)
		}
		want[t.Pos] = append(want[t.Pos], t.Stem)
	}
	at := func(pos int, stems []string) bool {
		return slices.ContainsFunc(tokens, func(t language.Token) bool { return t.Pos == pos && slices.Contains(stems, t.Stem) })
	}
	for start := range 40 {
		all := true
		for i, stems := range want {
			all = all && at(start+i, stems)
		}
		if all {
			return true
		}
	}
	return false
}

func randomQuery(r *rand.Rand, depth int) string {
	w := func() string { return vocabulary[r.IntN(len(vocabulary))] }
	switch n := r.IntN(9); {
	case n < 3 || depth > 2:
		return w()
	case n == 3:
		return `"` + w() + " " + w() + `"`
	case n == 4:
		return "-" + w()
	case n == 5:
		return string([]rune(w())[:3]) + "*"
	case n == 6:
		return "(" + randomQuery(r, depth+1) + " OR " + randomQuery(r, depth+1) + ")"
	case n == 7:
		return "in:" + []string{"transcript", "note", "claim", "testimony"}[r.IntN(4)] + " " + w()
	}
	return randomQuery(r, depth+1) + " " + randomQuery(r, depth+1)
}

// Random questions by random readers: what is found is exactly what the rule and the words say, with the right numbers, on both engines alike.
func TestFoundIsWhatMayBeSeen(t *testing.T) {
	t.Parallel()
	answers := map[string][]string{}
	t.Run("engines", func(t *testing.T) {
		for _, engine := range []string{store.SQLite, store.PostgreSQL} {
			t.Run(engine, func(t *testing.T) {
				db := storetest.Open(t, engine)
				w := build(t, db, 4)
				s := service(t, db)
				scopes := []archive.Scope{
					{All: true, MaxDifficulty: -1, Quarantined: true, AllCompartments: true}, {All: true, MaxDifficulty: -1}, {All: true, MaxDifficulty: 1},
					{Accessions: []string{w.accessions[1].ID}, MaxDifficulty: -1}, {Accessions: []string{w.accessions[0].ID, w.accessions[2].ID}, MaxDifficulty: 2, Compartments: []string{archive.CommonGrant}},
					{All: true, MaxDifficulty: -1, Compartments: []string{w.closed}}, {Compartments: []string{w.closed}, MaxDifficulty: -1}, {},
				}
				r := rand.New(rand.NewPCG(11, 12))
				some := 0
				for i := range 160 {
					query := randomQuery(r, 0)
					sc := scopes[i%len(scopes)]
					who := policy.Subject{Agent: "ag_2", Role: archive.RoleReviewer, Scope: sc}
					if sc.Quarantined {
						who = admin
					}
					tree, err := search.Parse(query)
					must(t, err)
					var want []string
					groups := map[string]bool{}
					for _, d := range w.docs {
						if w.seen(sc, d) && holds(tree, d) {
							want = append(want, d.Ref)
							groups[d.Entity+map[bool]string{true: d.Item}[d.Entity == ""]] = true
						}
					}
					res, err := s.Find(ctx, who, search.Request{Query: query})
					must(t, err)
					if res.Hits != len(want) || res.Results != len(groups) {
						t.Fatalf("%q as %+v: %d in %d, want %d in %d", query, sc, res.Hits, res.Results, len(want), len(groups))
					}
					got := strings.Fields(refs(res))
					for _, g := range got {
						if !slices.Contains(want, g) {
							t.Fatalf("%q as %+v: found %s", query, sc, g)
						}
					}
					for _, f := range res.Facets {
						for _, v := range f.Values {
							if v.Count > len(groups) || v.Count == 0 {
								t.Fatalf("%q: facet %s %+v of %d", query, f.Field, v, len(groups))
							}
						}
					}
					if len(want) > 0 {
						some++
					}
					answers[engine] = append(answers[engine], fmt.Sprintf("%q %d: %+v %+v %+v", query, i, res.List, res.Facets, res.Spelling))
				}
				if some < 60 {
					t.Errorf("only %d of the questions find anything", some)
				}
			})
		}
	})
	a, b := answers[store.SQLite], answers[store.PostgreSQL]
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("the engines differ:\n%s\n%s", a[i], b[i])
		}
	}
}

// A reviewer outside a compartment can neither find, count, complete nor guess what it holds; nor what rests on footage that is not theirs.
func TestProbes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := build(t, db, 6)
		s := service(t, db)
		storetest.Write(t, db, func(tx *store.Tx) error {
			secret := w.entities[6]
			must(t, tx.AddClaims(ctx, store.Claim{Claim: archive.Claim{ID: "cm_00000000000000000000900001", Entity: secret.ID, Property: "name", Value: "Секретов Потайной", Certainty: archive.Probable, Author: "ag_1", Origin: "person", CreatedAt: noon}}))
			return tx.IndexDocs(ctx,
				store.Doc{Kind: store.DocClaim, Ref: "cm_00000000000000000000900001", Claim: "cm_00000000000000000000900001", Entity: secret.ID, Compartment: w.closed, Text: "Секретов Потайной", Name: true},
				store.Doc{Kind: store.DocTranscript, Ref: "tx_secret", Item: w.items[0].ID, Text: "канареечное слово"},
				// Filed wrongly: the compartment of the entity counts all the same.
				store.Doc{Kind: store.DocEntity, Ref: secret.ID, Entity: secret.ID, Text: secret.Code + " ошибочное"})
		})
		outside := policy.Subject{Agent: "ag_2", Role: archive.RoleReviewer, Scope: archive.Scope{All: true, MaxDifficulty: -1}}
		inside := policy.Subject{Agent: "ag_3", Role: archive.RoleReviewer, Scope: archive.Scope{All: true, MaxDifficulty: -1, Compartments: []string{w.closed}}}
		other := policy.Subject{Agent: "ag_4", Role: archive.RoleReviewer, Scope: archive.Scope{Accessions: []string{w.accessions[1].ID}, MaxDifficulty: -1}}
		for _, c := range []struct {
			query string
			who   policy.Subject
			hits  int
		}{
			{"Секретов", inside, 1}, {"Sekretov", inside, 1}, {"потайн*", inside, 1}, {"person:Секретов", inside, 0}, {"ошибочное", inside, 1}, {"канареечное", inside, 1},
			{"Секретов", outside, 0}, {"Sekretov", outside, 0}, {"потайн*", outside, 0}, {"ошибочное", outside, 0}, {"-ошибочное in:entity", outside, 0}, {"канареечное", outside, 1},
			{"канареечное", other, 0}, {"Секретов", other, 0}, {"Секретов OR канареечное", other, 0},
		} {
			r := find(t, s, c.who, c.query)
			if c.query == "person:Секретов" {
				if len(r.Notes) != 0 || r.Hits == 0 {
					t.Errorf("%q by who may: %d, %+v", c.query, r.Hits, r.Notes)
				}
				continue
			}
			if r.Hits != c.hits || r.Results > c.hits {
				t.Errorf("%q: %d hits, want %d", c.query, r.Hits, c.hits)
			}
		}
		// A name that others know and one that nobody knows are answered alike.
		known, unknown := find(t, s, outside, "person:Секретов"), find(t, s, outside, "person:Выдуманнов")
		if known.Hits != 0 || unknown.Hits != 0 || len(known.Notes) != 1 || len(unknown.Notes) != 1 || known.Notes[0].Code != unknown.Notes[0].Code {
			t.Errorf("%+v, %+v", known, unknown)
		}
		for who, word := range map[*policy.Subject]string{&outside: "Сикретов", &other: "конареечное"} {
			if r := find(t, s, *who, word); len(r.Spelling) > 0 {
				t.Errorf("spelling gives away %+v", r.Spelling)
			}
		}
		if r := find(t, s, inside, "Сикретов"); len(r.Spelling) == 0 {
			t.Error("no spelling is offered to who may see it: the test above sees nothing")
		}
		for _, begun := range []string{"Секр", "sekr", "person:Секр", "потай", "канар", "X-06", "X-"} {
			for name, who := range map[string]policy.Subject{"outside": outside, "other": other} {
				list, err := s.Complete(ctx, who, begun)
				must(t, err)
				for _, x := range list {
					if strings.Contains(strings.ToLower(x.Insert+x.Label), "секрет") || strings.Contains(x.Insert+x.Label, w.entities[6].Code) || strings.Contains(x.Insert, "потай") || name == "other" && strings.Contains(x.Insert, "канар") {
						t.Errorf("%s is offered %+v for %q", name, x, begun)
					}
				}
			}
			list, err := s.Complete(ctx, inside, begun)
			must(t, err)
			if len(list) == 0 {
				t.Errorf("nothing is offered for %q to who may see it: the test sees nothing", begun)
			}
		}
		// Nobody who is not signed in, and nobody's question.
		if _, err := s.Find(ctx, policy.Subject{}, search.Request{Query: "камера"}); err == nil {
			t.Error("somebody who is not signed in found something")
		}
		id, err := s.Ask(outside, "Секретов")
		must(t, err)
		if q, err := s.Asked(outside, id); err != nil || q != "Секретов" {
			t.Errorf("%q, %v", q, err)
		}
		if _, err := s.Asked(inside, id); err == nil {
			t.Error("somebody else reads a question")
		}
	})
}

// What two people agreed to erase is not found any more, before the bytes go.
func TestErasingHides(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := build(t, db, 8)
		s := service(t, db)
		i := 0
		storetest.Write(t, db, func(tx *store.Tx) error {
			must(t, tx.IndexDocs(ctx, store.Doc{Kind: store.DocTranscript, Ref: "tx_x", Item: w.items[i].ID, Text: "уникальнейшее"}))
			e := store.Erasure{ID: archive.NewID(archive.PrefixErasure), Item: w.items[i].ID, Reason: "withdrawn", RequestedBy: "ag_1", RequestedAt: noon}
			must(t, tx.AddErasure(ctx, e))
			return tx.ApproveErasure(ctx, e.ID, "ag_2", noon)
		})
		if r := find(t, s, admin, "уникальнейшее"); r.Hits != 0 {
			t.Errorf("found while it is being erased: %+v", r.List)
		}
		for _, g := range find(t, s, admin, "камера").List {
			for _, sn := range g.Snippets {
				if sn.Item == w.items[i].ID {
					t.Errorf("%s rests on what is being erased", sn.Ref)
				}
			}
		}
	})
}
