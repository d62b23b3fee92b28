package search_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/search"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
)

var (
	ctx   = context.Background()
	noon  = time.Date(2020, 7, 27, 12, 0, 0, 0, time.UTC)
	admin = policy.Subject{Agent: "ag_1", Role: archive.RoleAdmin}
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// addItems adds an accession with items, and gives both.
func addItems(t testing.TB, tx *store.Tx, title string, n int, change func(i int, it *archive.Item)) (archive.Accession, []archive.Item) {
	t.Helper()
	a, err := tx.AddAccession(ctx, archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: title, CreatedAt: noon, CreatedBy: "ag_1"})
	must(t, err)
	var items []archive.Item
	for i := range n {
		it := newItem(t, tx, a.ID)
		it.RecordedAt = noon.AddDate(0, 0, i)
		if change != nil {
			change(i, &it)
		}
		must(t, tx.AddItem(ctx, &it))
		items = append(items, it)
	}
	return a, items
}

// newItem gives an item whose object is in the catalogue.
func newItem(t testing.TB, tx *store.Tx, accession string) archive.Item {
	t.Helper()
	o := vault.Object{ID: archive.NewID(archive.PrefixObject), Envelope: archive.NewID(archive.PrefixEnvelope), Size: 1000}
	o.SHA256 = sha256.Sum256([]byte(o.ID))
	blob := vault.Blob{Name: archive.NewID(archive.PrefixBlob), Size: 1100}
	o.Segments = []vault.Segment{{Blob: blob.Name, Length: 1100, PlainLength: 1000, PlainSHA256: o.SHA256}}
	must(t, tx.AddCommit(ctx, vault.Commit{Envelope: o.Envelope, EnvelopeSize: 900, Blobs: []vault.Blob{blob}, Objects: []vault.Object{o}}, store.ObjectOriginal))
	return archive.Item{ID: archive.NewID(archive.PrefixItem), Accession: accession, Size: o.Size, SHA256: o.SHA256[:],
		Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: noon, Difficulty: -1}
}

func service(t testing.TB, db *store.DB) *search.Service {
	t.Helper()
	s, err := search.New(search.Options{DB: db})
	must(t, err)
	return s
}

func find(t testing.TB, s *search.Service, who policy.Subject, query string) search.Results {
	t.Helper()
	r, err := s.Find(ctx, who, search.Request{Query: query})
	if err != nil {
		t.Fatalf("%q: %v", query, err)
	}
	return r
}

// refs gives what was found, by document.
func refs(r search.Results) string {
	var out []string
	for _, g := range r.List {
		for _, s := range g.Snippets {
			out = append(out, s.Ref)
		}
	}
	return strings.Join(out, " ")
}

func TestFind(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := service(t, db)
		storetest.Write(t, db, func(tx *store.Tx) error {
			_, items := addItems(t, tx, "Диск ОТБ-1", 3, func(i int, it *archive.Item) { it.Camera = []string{"CAM-1", "CAM-2", ""}[i] })
			return tx.IndexDocs(ctx,
				store.Doc{Kind: store.DocTranscript, Ref: "t1", Item: items[0].ID, From: 12500 * time.Millisecond, Lang: "ru", Text: "Сотрудники ИК-6 применяли пытки в камере № 12, приказал Осечкин"},
				store.Doc{Kind: store.DocTranscript, Ref: "t2", Item: items[0].ID, From: 20 * time.Second, Lang: "uk", Text: "В'язень розповів про катування у в'язниці"},
				store.Doc{Kind: store.DocNote, Ref: "n1", Item: items[1].ID, Lang: "en", Text: "Three guards beat prisoners; see P-203 and Z3-000412"},
				store.Doc{Kind: store.DocOCR, Ref: "o1", Item: items[2].ID, Text: "видео-запись от 2020-07-27 14:02 пыток много"},
			)
		})
		for _, c := range []struct{ query, want string }{
			{"пытка", "t1 o1"}, {"пыток", "t1 o1"}, {"сотрудник ИК-6", "t1"}, {"ик6", "t1"}, {"\"сотрудники ИК-6\"", "t1"}, {"\"ИК-6 сотрудники\"", ""},
			{"Osechkin", "t1"}, {"осечкина", "t1"}, {"Osietschkin", "t1"}, {"осеч*", "t1"}, {"osech*", "t1"}, {"в’язнів", "t2"}, {"катувань", "t2"},
			{"guard beating", "n1"}, {"p-203", "n1"}, {"Z3-000412", "n1"}, {"видеозапись", "o1"}, {"видео запись", "o1"}, {"14:02", "o1"}, {"2020-07-27", "o1"},
			{"пытки -осечкин", "o1"}, {"пытки OR guard", "t1 n1 o1"}, {"-пытки", "t2 n1"}, {"in:note guards", "n1"}, {"in:ocr", "o1"}, {"камера camera:cam-1", "t1"},
			{"camera:CAM-2 guard", "n1"}, {"(пытки camera:cam-1) OR guard", "t1 n1"}, {"пытки accession:Z1", "t1 o1"}, {"пытки accession:отб", "t1 o1"},
			{"пытки recorded:2020-07-27", "t1"}, {"пытки after:2020-07-27", "o1"}, {"пытки before:2020-07-28", "t1"}, {"пытки recorded:2020-07-28..", "o1"},
			{"пытки kind:video", ""}, {"пытки difficulty:none", "t1 o1"}, {"пытки facility:нет", ""}, {"zzz", ""},
		} {
			r := find(t, s, admin, c.query)
			want := map[string]bool{}
			for _, w := range strings.Fields(c.want) {
				want[w] = true
			}
			got := strings.Fields(refs(r))
			ok := len(got) == len(want) && r.Hits == len(want)
			for _, g := range got {
				ok = ok && want[g]
			}
			if !ok {
				t.Errorf("%q: %v (%d), want %s", c.query, got, r.Hits, c.want)
			}
		}
		r := find(t, s, admin, "Осечкин")
		if len(r.List) != 1 || len(r.List[0].Snippets) != 1 || !r.List[0].Snippets[0].HasPlace || r.List[0].Snippets[0].From != 12500*time.Millisecond {
			t.Fatalf("%+v", r.List)
		}
		r = find(t, s, admin, "Осечкни")
		if len(r.Spelling) != 1 || r.Spelling[0].Means != "Осечкин" {
			t.Errorf("spelling: %+v", r.Spelling)
		}
	})
}
