package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/search"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// search measures indexing and finding among synthetic documents whose words are as unevenly common as those of real texts. A PostgreSQL
// database is measured too if ZAPIS_BENCH_POSTGRES gives the address of an empty one.
func (b *bench) search() (part, error) {
	at, err := b.fresh("search")
	if err != nil {
		return part{}, err
	}
	p := part{Title: fmt.Sprintf("Search in %d documents", b.sizes.documents), How: []string{
		"texts of 8 to 90 words drawn by Zipf's law (exponent 1.05) from 60,000 words each of Russian (55 % of the texts), Ukrainian (25 %) and English (20 %), every word in one of its forms; 20,000 items, one text in 200 the name of an entity",
		"indexing: 20,000 documents to a transaction, each transaction durable, access rows, words, sounds and names included; the size of the index is what the database grew by without the texts themselves",
		"asking: 1,000 questions with words of the texts (30 % one word, 30 % two, 15 % a phrase, 10 % a name in Latin letters, 10 % a word in one year, 5 % a misspelt word), one after another, with ranking, snippets and all facets; as an administrator, and as a reviewer who sees two of ten accessions",
	}}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return part{}, err
	}
	const vaultID = "va_00000000000000000000000001"
	file := filepath.Join(at, "search.db")
	db, err := store.Create(b.ctx, store.Options{URL: "sqlite://" + file, Key: key}, vaultID)
	if err != nil {
		return part{}, err
	}
	size := func() (int64, error) {
		if err := db.Purge(b.ctx); err != nil {
			return 0, err
		}
		s, err := os.Stat(file)
		if err != nil {
			return 0, err
		}
		return s.Size(), nil
	}
	if err := b.searchIn(&p, "SQLite", db, size); err != nil {
		return part{}, errors.Join(err, db.Close())
	}
	if err := db.Close(); err != nil {
		return part{}, err
	}
	if url := os.Getenv("ZAPIS_BENCH_POSTGRES"); url != "" {
		db, err := store.Create(b.ctx, store.Options{URL: url}, vaultID)
		if err != nil {
			return part{}, err
		}
		defer db.Close()
		size := func() (n int64, err error) {
			if err := db.Purge(b.ctx); err != nil {
				return 0, err
			}
			err = db.Pool().QueryRow(b.ctx, `SELECT pg_database_size(current_database())`).Scan(&n)
			return n, err
		}
		if err := b.searchIn(&p, "PostgreSQL", db, size); err != nil {
			return part{}, err
		}
	}
	return p, os.RemoveAll(at)
}

func (b *bench) searchIn(p *part, engine string, db *store.DB, size func() (int64, error)) error {
	if _, err := storetest.Fill(b.ctx, db, 20_000, 5); err != nil {
		return err
	}
	var items []archive.Item
	var accessions []archive.Accession
	err := db.Read(b.ctx, func(tx *store.Tx) (err error) {
		var c store.Cursor
		for {
			page, next, err := tx.Items(b.ctx, storetest.Everything, store.Query{}, c, 1000)
			if err != nil {
				return err
			}
			items = append(items, page...)
			if c = next; c.IsZero() {
				break
			}
		}
		accessions, err = tx.Accessions(b.ctx, storetest.Everything)
		return err
	})
	if err != nil {
		return err
	}
	before, err := size()
	if err != nil {
		return err
	}
	g := newTexts(7)
	var asked []string
	var textBytes int64
	total := b.sizes.documents
	b.say("   indexing %d documents (%s)", total, engine)
	var spent time.Duration
	for done := 0; done < total; {
		n := min(20_000, total-done)
		docs := make([]store.Doc, 0, n)
		var entities []store.NewEntity
		for i := range n {
			it := items[g.r.IntN(len(items))]
			d := store.Doc{Kind: store.DocTranscript, Ref: archive.NewID(archive.PrefixTextSpan), Item: it.ID, At: it.SortTime(), From: time.Duration(g.r.Int64N(int64(time.Hour)))}
			d.Lang, d.Text = g.text()
			switch {
			case (done+i)%200 == 0:
				e := archive.Entity{ID: archive.NewID(archive.PrefixEntity), Kind: "person", Code: fmt.Sprintf("P-%06d", done+i), CreatedAt: it.ReceivedAt, CreatedBy: "ag_bench"}
				entities = append(entities, store.NewEntity{Entity: e})
				d = store.Doc{Kind: store.DocEntity, Ref: e.ID, Entity: e.ID, Text: g.name(), Name: true}
			case (done+i)%10 == 0:
				d.Kind, d.Ref = store.DocNote, archive.NewID(archive.PrefixNote)
			}
			textBytes += int64(len(d.Text))
			docs = append(docs, d)
			if g.r.IntN(max(1, total/3000)) == 0 {
				asked = append(asked, d.Text)
			}
		}
		begun := time.Now()
		err := db.Write(b.ctx, func(tx *store.Tx) error {
			if err := tx.AddEntities(b.ctx, entities...); err != nil {
				return err
			}
			return tx.IndexDocs(b.ctx, docs...)
		})
		if err != nil {
			return err
		}
		spent += time.Since(begun)
		if done += n; done%100_000 == 0 {
			p.Rounds = append(p.Rounds, fmt.Sprintf("%s: %d documents after %s", engine, done, seconds(spent)))
		}
	}
	rate := float64(total) / spent.Seconds()
	if err := db.Analyze(b.ctx); err != nil {
		return err
	}
	after, err := size()
	if err != nil {
		return err
	}
	share := float64(after-before-textBytes) / float64(textBytes)
	p.Figures = append(p.Figures,
		verdict(figure{What: engine + ": indexing", Value: fmt.Sprintf("%.0f documents/s", rate), Spread: fmt.Sprintf("%.1f MB of text", float64(textBytes)/1e6), Target: "≥ 5,000 documents/s"}, rate >= 5000),
		verdict(figure{What: engine + ": index beside the texts", Value: fmt.Sprintf("%.2f × the texts", share), Target: "≤ 1 ×"}, share <= 1))
	s, err := search.New(search.Options{DB: db})
	if err != nil {
		return err
	}
	reviewer := policy.Subject{Agent: "ag_bench", Role: archive.RoleReviewer, Scope: archive.Scope{MaxDifficulty: -1, Accessions: []string{accessions[0].ID, accessions[len(accessions)/2].ID}}}
	for _, who := range []struct {
		name string
		policy.Subject
	}{{"administrator", policy.Subject{Agent: "ag_bench", Role: archive.RoleAdmin}}, {"reviewer", reviewer}} {
		took, kinds, capped, empty, err := g.ask(b.ctx, s, who.Subject, asked, 1000)
		if err != nil {
			return err
		}
		for _, k := range askKinds {
			t := kinds[k]
			slices.Sort(t)
			p.Rounds = append(p.Rounds, fmt.Sprintf("%s, %s, %s: median %.1f ms, longest %.1f ms", engine, who.name, k, t[len(t)/2], t[len(t)-1]))
		}
		slices.Sort(took)
		q := func(f float64) float64 { return took[int(math.Ceil(f*float64(len(took))))-1] }
		spread := fmt.Sprintf("longest %.1f ms; %d of %d capped at %d, %d found nothing", took[len(took)-1], capped, len(took), search.MostHits, empty)
		p.Figures = append(p.Figures,
			verdict(figure{What: engine + ": a question, as " + who.name + ", p50", Value: fmt.Sprintf("%.1f ms", q(0.5)), Spread: spread, Target: "≤ 20 ms"}, q(0.5) <= 20),
			verdict(figure{What: engine + ": a question, as " + who.name + ", p99", Value: fmt.Sprintf("%.1f ms", q(0.99)), Target: "≤ 150 ms"}, q(0.99) <= 150))
	}
	return nil
}

func verdict(f figure, met bool) figure {
	f.Verdict = "met"
	if !met {
		f.Verdict = "**missed**"
	}
	return f
}

// texts makes texts.
type texts struct {
	r     *mrand.Rand
	langs []language
}

type language struct {
	name    string
	words   []string
	endings []string
	sums    []float64
}

func newTexts(seed uint64) *texts {
	g := &texts{r: mrand.New(mrand.NewPCG(seed, 3))}
	for _, l := range []struct{ name, consonants, vowels, endings, real string }{
		{"ru", "бвгджзклмнпрстфхцчшщ", "аеиоуыя", "а ы е у ой ам ами ах ов ого ому ый ая ые ых ать ал али ает ют", "сотрудник камер пытк колони начальник осужденн допрос карантин дубинк приказ палат прокурор следовател отряд режим"},
		{"uk", "бвгджзклмнпрстфхцчшщ", "аеиіоуяї", "а и і у ою ам ами ах ів ого ому ий ої их ати ав али ає ють", "камер катуванн колоні начальник свідк слідч наказ палат прокурор допит режим охорон жертв місц"},
		{"en", "bcdfghklmnprstvwz", "aeiou", "s ed ing er ers ly ment ion ions ness", "prison guard torture cell order witness beat colony record camera police victim officer hospital"},
	} {
		x := language{name: l.name, endings: append([]string{""}, strings.Fields(l.endings)...)}
		c, v := []rune(l.consonants), []rune(l.vowels)
		seen := map[string]bool{}
		x.words = append(x.words, strings.Fields(l.real)...)
		for len(x.words) < 60_000 {
			var w strings.Builder
			for range 2 + g.r.IntN(3) {
				w.WriteRune(c[g.r.IntN(len(c))])
				w.WriteRune(v[g.r.IntN(len(v))])
			}
			w.WriteRune(c[g.r.IntN(len(c))])
			if s := w.String(); !seen[s] {
				seen[s] = true
				x.words = append(x.words, s)
			}
		}
		var sum float64
		for i := range x.words {
			sum += 1 / math.Pow(float64(i+2), 1.05)
			x.sums = append(x.sums, sum)
		}
		g.langs = append(g.langs, x)
	}
	return g
}

func (g *texts) text() (lang, text string) {
	l := &g.langs[0]
	switch f := g.r.Float64(); {
	case f > 0.8:
		l = &g.langs[2]
	case f > 0.55:
		l = &g.langs[1]
	}
	var b strings.Builder
	for i := range 8 + g.r.IntN(83) {
		if i > 0 {
			b.WriteByte(' ')
		}
		at, _ := slices.BinarySearch(l.sums, g.r.Float64()*l.sums[len(l.sums)-1])
		b.WriteString(l.words[min(at, len(l.words)-1)])
		b.WriteString(l.endings[g.r.IntN(len(l.endings))])
	}
	return l.name, b.String()
}

var syllables = []string{"ос", "еч", "ив", "ан", "пет", "мар", "куз", "нец", "гор", "бат", "лев", "щер", "жук", "хар", "юр", "миш", "тка", "бор", "зин", "вол"}

func (g *texts) name() string {
	var b strings.Builder
	for i := range 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		w := ""
		for range 2 + g.r.IntN(2) {
			w += syllables[g.r.IntN(len(syllables))]
		}
		r, n := utf8.DecodeRuneInString(w)
		b.WriteString(strings.ToUpper(string(r)) + w[n:] + []string{"ов", "ин", "ский", "енко"}[g.r.IntN(4)])
	}
	return b.String()
}

var latin = strings.NewReplacer("щ", "shch", "ш", "sh", "ч", "ch", "ж", "zh", "х", "kh", "ц", "ts", "ю", "yu", "я", "ya", "а", "a", "б", "b", "в", "v", "г", "g", "д", "d", "е", "e", "з", "z", "и", "i",
	"й", "y", "к", "k", "л", "l", "м", "m", "н", "n", "о", "o", "п", "p", "р", "r", "с", "s", "т", "t", "у", "u", "ф", "f", "ы", "y", "э", "e", "ь", "", "ъ", "", "і", "i", "ї", "yi", "є", "ye")

// askKinds are the kinds of questions, by the share of twenty up to which they come.
var (
	askKinds  = []string{"one word", "two words", "phrase", "name", "word in a year", "misspelt"}
	askShares = []int{6, 12, 15, 17, 19, 20}
)

// ask asks n questions with words of the texts and gives the times in milliseconds, all and by kind.
func (g *texts) ask(ctx context.Context, s *search.Service, who policy.Subject, from []string, n int) (took []float64, kinds map[string][]float64, capped, empty int, err error) {
	kinds = map[string][]float64{}
	for i := range n {
		words := strings.Fields(from[g.r.IntN(len(from))])
		at := g.r.IntN(len(words))
		w := words[at]
		kind := slices.IndexFunc(askShares, func(share int) bool { return i%20 < share })
		q := w
		switch askKinds[kind] {
		case "two words":
			q = w + " " + words[g.r.IntN(len(words))]
		case "phrase":
			q = `"` + w + " " + words[min(at+1, len(words)-1)] + `"`
		case "name":
			q, _, _ = strings.Cut(latin.Replace(strings.ToLower(g.name())), " ")
		case "word in a year":
			q = w + " recorded:2022"
		case "misspelt":
			r := []rune(w)
			k := g.r.IntN(len(r))
			q = string(r[:k]) + "ъ" + string(r[k:])
		}
		begun := time.Now()
		res, err := s.Find(ctx, who, search.Request{Query: q})
		if err != nil {
			return nil, nil, 0, 0, fmt.Errorf("a question of kind %q: %w", askKinds[kind], err)
		}
		ms := float64(time.Since(begun).Microseconds()) / 1000
		took, kinds[askKinds[kind]] = append(took, ms), append(kinds[askKinds[kind]], ms)
		if res.More {
			capped++
		}
		if res.Hits == 0 {
			empty++
		}
	}
	return took, kinds, capped, empty, nil
}
