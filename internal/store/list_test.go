package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// sees is the access rule written a second time, plainly.
func sees(s archive.Scope, i archive.Item) bool {
	return i.State != archive.ItemErased && (s.Quarantined || i.State != archive.ItemQuarantined) &&
		(s.MaxDifficulty < 0 || s.MaxDifficulty == 3 || i.Difficulty >= 0 && i.Difficulty <= s.MaxDifficulty) && (s.All || slices.Contains(s.Accessions, i.Accession))
}

// fits is a query written a second time; skip names a dimension that does not count.
func fits(q store.Query, i archive.Item, skip string) bool {
	among := func(name string, none, in bool) bool { return name == skip || none || in }
	return among("accession", len(q.Accessions) == 0, slices.Contains(q.Accessions, i.Accession)) &&
		among("kind", len(q.Kinds) == 0, slices.Contains(q.Kinds, i.Kind)) &&
		among("state", len(q.States) == 0, slices.Contains(q.States, i.State)) &&
		among("camera", len(q.Cameras) == 0, slices.Contains(q.Cameras, i.Camera)) &&
		among("difficulty", len(q.Difficulties) == 0, slices.Contains(q.Difficulties, i.Difficulty)) &&
		(q.From.IsZero() || !i.SortTime().Before(q.From)) && (q.To.IsZero() || i.SortTime().Before(q.To)) &&
		strings.HasPrefix(i.Reference(), q.Text)
}

var (
	someStates  = []archive.ItemState{archive.ItemSealed, archive.ItemBrowsable, archive.ItemReady, archive.ItemExplained, archive.ItemQuarantined, archive.ItemErased}
	someKinds   = []archive.Kind{archive.KindVideo, archive.KindAudio, archive.KindUnknown}
	someCameras = []string{"", "A", "B", "Ж'; DROP TABLE item; --"}
	someTimes   = []time.Time{
		{}, time.UnixMicro(-1).UTC(), time.UnixMicro(0).UTC(), time.Date(1969, 12, 30, 1, 0, 0, 0, time.UTC), noon, noon.Add(time.Microsecond),
		noon.Add(time.Hour), noon.Add(12 * time.Hour), noon.Truncate(24 * time.Hour), noon.Add(36 * time.Hour), noon.Add(72 * time.Hour), noon.AddDate(0, 3, 0), noon.AddDate(0, 5, 2), noon.Truncate(32 * 24 * time.Hour),
	}
)

// Lists, days, facets and counts against a plain model, over states reached by adding, moving and finding out.
func TestListsAgreeWithAModel(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		rapid.Check(t, func(r *rapid.T) {
			inTx(t, db, func(tx *store.Tx) { checkLists(t, r, tx) })
		})
	})
}

func checkLists(t *testing.T, r *rapid.T, tx *store.Tx) {
	var accessions []string
	for range 3 {
		accessions = append(accessions, addAccession(t, tx).ID)
	}
	facts := func(i *archive.Item) {
		i.Kind = rapid.SampledFrom(someKinds).Draw(r, "kind")
		i.Camera = rapid.SampledFrom(someCameras).Draw(r, "camera")
		i.RecordedAt = rapid.SampledFrom(someTimes).Draw(r, "recorded")
		i.Difficulty = rapid.IntRange(-1, 3).Draw(r, "difficulty")
		i.Duration = time.Duration(rapid.IntRange(0, 100).Draw(r, "seconds")) * time.Second
	}
	var items []archive.Item
	for range rapid.IntRange(10, 25).Draw(r, "items") {
		items = append(items, addItem(t, tx, rapid.SampledFrom(accessions).Draw(r, "accession"), facts))
	}
	for n := range items {
		i := &items[n]
		if rapid.Bool().Draw(r, "found out") {
			facts(i)
			must(t, tx.SetItemFacts(ctx, i.ID, store.FactsOf(*i)))
			_, err := tx.GradeItem(ctx, i.ID, i.Difficulty)
			must(t, err)
		}
		if to := rapid.SampledFrom(someStates).Draw(r, "state"); i.State.CanMove(to) {
			must(t, tx.MoveItem(ctx, i.ID, to, ""))
			i.State = to
		}
	}
	noRollupFaults(t, tx)
	must(t, tx.RebuildRollup(ctx))
	noRollupFaults(t, tx)

	// Most dimensions are left open most of the time: a query that narrows everything leaves nothing to be wrong about.
	seldom := func(what string) bool { return rapid.IntRange(0, 3).Draw(r, what) == 0 }
	scope := archive.Scope{
		All: rapid.Bool().Draw(r, "all"), MaxDifficulty: rapid.IntRange(-1, 3).Draw(r, "most difficult"), Quarantined: rapid.Bool().Draw(r, "quarantined"),
		Accessions: rapid.SliceOfNDistinct(rapid.SampledFrom(accessions), 0, 2, rapid.ID).Draw(r, "scope"),
	}
	q := store.Query{Order: rapid.SampledFrom([]store.Order{"", store.Newest, store.Oldest}).Draw(r, "order")}
	if seldom("by accession") {
		q.Accessions = rapid.SliceOfNDistinct(rapid.SampledFrom(accessions), 1, 2, rapid.ID).Draw(r, "accessions")
	}
	if seldom("by kind") {
		q.Kinds = rapid.SliceOfNDistinct(rapid.SampledFrom(someKinds), 1, 2, rapid.ID).Draw(r, "kinds")
	}
	if seldom("by state") {
		q.States = rapid.SliceOfNDistinct(rapid.SampledFrom(someStates), 1, 3, rapid.ID).Draw(r, "states")
	}
	if seldom("by camera") {
		q.Cameras = rapid.SliceOfNDistinct(rapid.SampledFrom(someCameras), 1, 2, rapid.ID).Draw(r, "cameras")
	}
	if seldom("by difficulty") {
		q.Difficulties = rapid.SliceOfNDistinct(rapid.IntRange(-1, 3), 1, 2, rapid.ID).Draw(r, "difficulties")
	}
	if seldom("from") {
		q.From = rapid.SampledFrom(someTimes).Draw(r, "first")
	}
	if seldom("to") {
		q.To = rapid.SampledFrom(someTimes).Draw(r, "last")
	}
	if seldom("by text") {
		q.Text = rapid.SampledFrom([]string{"Z1", "Z2-", "Z1-00000", "Z1-000001", "Z9"}).Draw(r, "text")
	}
	// "Z1" is accession 1 and not 10 to 19; a prefix of text would say otherwise.
	model := q
	if q.Text != "" && !strings.Contains(q.Text, "-") {
		model.Text += "-"
	}

	var want []archive.Item
	days, sums := map[string]store.Day{}, [5]map[string]int64{{}, {}, {}, {}, {}}
	var total store.Totals
	for _, i := range items {
		if !sees(scope, i) {
			continue
		}
		for n, d := range []struct{ name, value string }{
			{"accession", i.Accession}, {"kind", string(i.Kind)}, {"state", string(i.State)}, {"camera", i.Camera}, {"difficulty", fmt.Sprint(i.Difficulty)},
		} {
			if fits(model, i, d.name) {
				sums[n][d.value]++
			}
		}
		if !fits(model, i, "") {
			continue
		}
		want = append(want, i)
		name := i.SortTime().Format("2006-01-02")
		d := days[name]
		days[name] = store.Day{Day: name, Count: d.Count + 1, Duration: d.Duration + i.Duration, Bytes: d.Bytes + i.Size}
		total = store.Totals{Count: total.Count + 1, Duration: total.Duration + i.Duration, Bytes: total.Bytes + i.Size}
	}
	sign := -1
	if q.Order == store.Oldest {
		sign = 1
	}
	slices.SortFunc(want, func(a, b archive.Item) int {
		return sign * cmp.Or(a.SortTime().Compare(b.SortTime()), cmp.Compare(a.ID, b.ID))
	})

	var got []string
	limit := rapid.IntRange(1, 6).Draw(r, "limit")
	for at := (store.Cursor{}); ; {
		page, next, err := tx.Items(ctx, scope, q, at, limit)
		must(t, err)
		if len(page) > limit || (len(page) < limit && !next.IsZero()) {
			r.Fatalf("page of %d, next %v", len(page), next)
		}
		for _, i := range page {
			got = append(got, i.ID)
		}
		if next.IsZero() {
			break
		}
		back, err := store.ParseCursor(next.String())
		must(t, err)
		if back != next {
			r.Fatalf("cursor %v became %v", next, back)
		}
		at = back
	}
	var ids []string
	for _, i := range want {
		ids = append(ids, i.ID)
	}
	if d := gocmp.Diff(ids, got); d != "" {
		r.Fatalf("items: %s", d)
	}

	// Jumping to a moment shows what stands at it and beyond.
	moment := rapid.SampledFrom(someTimes[1:]).Draw(r, "moment")
	page, _, err := tx.Items(ctx, scope, q, store.Cursor{At: moment}, 1000)
	must(t, err)
	beyond := 0
	for _, i := range want {
		if sign*i.SortTime().Compare(moment) >= 0 {
			beyond++
		}
	}
	if len(page) != beyond {
		r.Fatalf("%d items from %v on, want %d", len(page), moment, beyond)
	}

	list, err := tx.Days(ctx, scope, q)
	must(t, err)
	wantDays := make([]store.Day, 0, len(days))
	for _, d := range days {
		wantDays = append(wantDays, d)
	}
	slices.SortFunc(wantDays, func(a, b store.Day) int { return sign * cmp.Compare(a.Day, b.Day) })
	if len(list)+len(wantDays) > 0 {
		if d := gocmp.Diff(wantDays, list); d != "" {
			r.Fatalf("days: %s", d)
		}
	}
	if sum, err := tx.Count(ctx, scope, q); err != nil || sum != total {
		r.Fatalf("count %+v %v, want %+v", sum, err, total)
	}
	f, err := tx.Facets(ctx, scope, q)
	must(t, err)
	for n, have := range [][]store.Facet{f.Accessions, f.Kinds, f.States, f.Cameras, f.Difficulties} {
		m := map[string]int64{}
		for i, v := range have {
			m[v.Value] = v.Count
			if i > 0 && have[i-1].Count < v.Count {
				r.Fatalf("facets are not ranked: %v", have)
			}
		}
		if d := gocmp.Diff(sums[n], m); d != "" {
			r.Fatalf("facet %d: %s", n, d)
		}
	}
	for _, i := range items {
		_, err := tx.Item(ctx, scope, i.ID)
		if sees(scope, i) != (err == nil) {
			r.Fatalf("item in state %s under %+v: %v", i.State, scope, err)
		}
	}
}

func TestListsRefuse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			for name, q := range map[string]store.Query{
				"order":       {Order: "by name; DROP TABLE item"},
				"text":        {Text: "hello"},
				"text digits": {Text: "Z1-x"},
				"many":        {Cameras: make([]string, 501)},
			} {
				_, _, err := tx.Items(ctx, all, q, store.Cursor{}, 10)
				is(t, name+": items", err, archive.ErrInvalid)
				_, err = tx.Days(ctx, all, q)
				is(t, name+": days", err, archive.ErrInvalid)
				_, err = tx.Facets(ctx, all, q)
				is(t, name+": facets", err, archive.ErrInvalid)
				_, err = tx.Count(ctx, all, q)
				is(t, name+": count", err, archive.ErrInvalid)
			}
			for _, limit := range []int{0, -1, 1001} {
				_, _, err := tx.Items(ctx, all, store.Query{}, store.Cursor{}, limit)
				is(t, fmt.Sprint(limit), err, archive.ErrInvalid)
			}
		})
	})
}

// The zero scope sees nothing, in every list, whatever is asked.
func TestZeroScopeSeesNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			i := addItem(t, tx, a.ID, nil)
			var none archive.Scope
			for _, q := range []store.Query{{}, {Accessions: []string{a.ID}}, {Text: i.Reference()}} {
				items, _, err := tx.Items(ctx, none, q, store.Cursor{}, 10)
				must(t, err)
				days, err := tx.Days(ctx, none, q)
				must(t, err)
				facets, err := tx.Facets(ctx, none, q)
				must(t, err)
				count, err := tx.Count(ctx, none, q)
				must(t, err)
				if len(items) != 0 || len(days) != 0 || len(facets.Kinds) != 0 || count.Count != 0 {
					t.Errorf("%+v: %v %v %v %v", q, items, days, facets, count)
				}
			}
			_, err := tx.ItemByReference(ctx, none, i.Reference())
			is(t, "by reference", err, archive.ErrNotFound)
		})
	})
}

func TestReferencePrefixes(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	inTx(t, db, func(tx *store.Tx) {
		a := addAccession(t, tx)
		var items []archive.Item
		for n := range int64(1300) {
			sum := digest(fmt.Sprint(n))
			items = append(items, archive.Item{ID: newID(archive.PrefixItem), Accession: a.ID, Kind: archive.KindVideo, State: archive.ItemReady, SHA256: sum, Difficulty: -1,
				Copies: 1, ReceivedAt: noon, Object: archive.ObjectRef{Object: "ob_x"}})
		}
		must(t, tx.AddSynthetic(ctx, items))
		for text, want := range map[string]int64{
			"Z1": 1300, "z1-": 1300, "Z1-0": 1300, "Z1-0004": 100, "Z1-0012": 100, "Z1-0013": 1, "Z1-00129": 10, "Z1-001300": 1, "Z1-001301": 0, "Z1-1": 0, " Z1-000007 ": 1, "Z2": 0,
		} {
			got, err := tx.Count(ctx, all, store.Query{Text: text})
			must(t, err)
			if got.Count != want {
				t.Errorf("%s: %d items, want %d", text, got.Count, want)
			}
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	f.Add("")
	f.Add(store.Cursor{At: noon, ID: newID(archive.PrefixItem)}.String())
	f.Add(store.Cursor{At: noon}.String())
	f.Add("====")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := store.ParseCursor(s)
		if err == nil && c.String() != s {
			t.Errorf("%q is another spelling of %q", s, c.String())
		}
		if err == nil && c.ID != "" && archive.CheckID(archive.PrefixItem, c.ID) != nil {
			t.Errorf("%q holds a bad identifier", s)
		}
	})
}

func FuzzReference(f *testing.F) {
	for _, s := range []string{"Z1-000412", "z12-", "Z3", "Z1-9999999999999999", "Z-1", "Z1-00"} {
		f.Add(s)
	}
	db := storetest.Open(f, store.SQLite)
	f.Fuzz(func(t *testing.T, s string) {
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			_, err := tx.Count(ctx, all, store.Query{Text: s})
			if err != nil && !strings.Contains(err.Error(), "reference") {
				t.Errorf("%q: %v", s, err)
			}
			return nil
		}))
	})
}

// The access rule in every list, one clause at a time: what a scope hides is in no page, no day, no facet and no sum,
// however it is asked for.
func TestScopeHides(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a, b := addAccession(t, tx), addAccession(t, tx)
			add := func(accession string, state archive.ItemState, difficulty int) archive.Item {
				return addItem(t, tx, accession, func(i *archive.Item) {
					i.State, i.Difficulty, i.Kind, i.Camera = state, difficulty, archive.KindVideo, "A"
				})
			}
			plain := add(a.ID, archive.ItemReady, 0)
			hard := add(a.ID, archive.ItemReady, 3)
			apart := add(a.ID, archive.ItemQuarantined, 2)
			gone := add(a.ID, archive.ItemErased, -1)
			other := add(b.ID, archive.ItemReady, 1)
			open := add(b.ID, archive.ItemReady, archive.Unjudged) // nobody knows how hard it is
			everything := []archive.Item{plain, hard, apart, gone, other, open}
			for name, c := range map[string]struct {
				s    archive.Scope
				want []archive.Item
			}{
				"everything":        {all, []archive.Item{plain, hard, apart, other, open}},
				"not quarantined":   {archive.Scope{All: true, MaxDifficulty: -1}, []archive.Item{plain, hard, other, open}},
				"up to the hardest": {archive.Scope{All: true, MaxDifficulty: 3, Quarantined: true}, []archive.Item{plain, hard, apart, other, open}},
				"not hard":          {archive.Scope{All: true, MaxDifficulty: 2, Quarantined: true}, []archive.Item{plain, apart, other}},
				"one accession":     {archive.Scope{Accessions: []string{a.ID}, MaxDifficulty: -1, Quarantined: true}, []archive.Item{plain, hard, apart}},
				"the zero scope":    {archive.Scope{}, nil},
			} {
				for asked, q := range map[string]store.Query{
					"open": {}, "both accessions": {Accessions: []string{a.ID, b.ID}}, "the other accession": {Accessions: []string{b.ID}},
					"camera": {Cameras: []string{"A"}}, "kind": {Kinds: []archive.Kind{archive.KindVideo}}, "difficulty": {Difficulties: []int{-1, 3}},
					"states": {States: someStates}, "dates": {From: noon.AddDate(0, -6, 0), To: noon.AddDate(0, 6, 0)}, "hour": {From: noon.Add(-time.Hour), To: noon.Add(time.Hour)},
					"text": {Text: "Z1"}, "number": {Text: "Z1-00000"},
				} {
					var want []string
					for _, i := range c.want {
						if fits(q, i, "") {
							want = append(want, i.ID)
						}
					}
					slices.Sort(want)
					items, _, err := tx.Items(ctx, c.s, q, store.Cursor{}, 100)
					must(t, err)
					var got []string
					for _, i := range items {
						got = append(got, i.ID)
					}
					slices.Sort(got)
					if !slices.Equal(got, want) {
						t.Errorf("%s, %s: %d items, want %d", name, asked, len(got), len(want))
					}
					var inDays, inFacets int64
					days, err := tx.Days(ctx, c.s, q)
					must(t, err)
					for _, d := range days {
						inDays += d.Count
					}
					facets, err := tx.Facets(ctx, c.s, q)
					must(t, err)
					for _, f := range facets.Kinds {
						inFacets += f.Count
					}
					sum, err := tx.Count(ctx, c.s, q)
					must(t, err)
					if n := int64(len(want)); inDays != n || inFacets != n || sum.Count != n {
						t.Errorf("%s, %s: %d in days, %d in facets, %d in the sum, want %d", name, asked, inDays, inFacets, sum.Count, n)
					}
				}
				for _, i := range everything {
					_, err := tx.Item(ctx, c.s, i.ID)
					_, rerr := tx.ItemByReference(ctx, c.s, i.Reference())
					seen := slices.ContainsFunc(c.want, func(w archive.Item) bool { return w.ID == i.ID })
					if seen != (err == nil) || seen != (rerr == nil) {
						t.Errorf("%s: item in state %s, difficulty %d: %v, %v", name, i.State, i.Difficulty, err, rerr)
					}
				}
			}
		})
	})
}
