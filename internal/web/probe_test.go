package web

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/knowledge"
	"zapis/internal/knowledge/exchange"
	"zapis/internal/note"
	"zapis/internal/policy"
	"zapis/internal/reading/readingtest"
	"zapis/internal/redact/plan"
	"zapis/internal/search"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// canary is in the words of everything that is closed in an archive, in two scripts.
const (
	canary  = "Zimorodok"
	canaryR = "Зимородок"
)

// twin is one of several archives that are the same but for what is closed.
type twin struct {
	*site
	names map[string]string // what is meant → identifier; what this archive does not hold has an identifier that means nothing
}

// hoard says what an archive has besides what everybody sees.
type hoard struct {
	items       bool // that are quarantined, erased, being erased, or harder than those who probe are shown, and what rests on them
	compartment bool // of the catalogue into which nobody of those who probe was let
	private     bool // who stands behind a code, and what other people search for, take out and give to programs
	foreign     bool // the other accession, and what is said about it
}

// twinned builds an archive.
func twinned(t *testing.T, h hoard) *twin {
	t.Helper()
	ctx := t.Context()
	var without []string
	if !h.items {
		without = append(without, "quarantined", "erased", "hard")
	}
	if !h.foreign {
		without = append(without, "foreign")
	}
	room, people := &knowledge.Service{}, &knowledge.Identities{}
	s := newSiteOver(t, readingtest.New(t, storetest.Open(t, store.SQLite), without...), func(o *Options) {
		o.Catalogue, o.Testimony, o.Identity, o.Compartments = room, room, people, room
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	// Identifiers in the order of their making, so that two archives list in the same order.
	count := 0
	newID := func(prefix string) string {
		count++
		return archive.NewIDFrom(prefix, time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC).Add(time.Duration(count)*time.Millisecond), rand.Reader)
	}
	made, err := knowledge.New(knowledge.Options{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now, NewID: newID})
	must(err)
	*room = *made
	kept, err := knowledge.NewIdentities(knowledge.IdentityOptions{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now, Purge: s.w.DB.Purge,
		Key: func(context.Context) ([]byte, error) { return bytes.Repeat([]byte{7}, 32), nil }})
	must(err)
	*people = *kept
	s.furnish(t, room)
	s.first(t)
	tw := &twin{s, map[string]string{}}
	who := s.root.Subject()
	who.Scope = archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true, AllCompartments: true, Identities: true}
	write := func(f func(tx *store.Tx) error) { t.Helper(); must(s.w.DB.Write(ctx, f)) }
	say := func(property, value string, more ...archive.Source) knowledge.ClaimDraft {
		return knowledge.ClaimDraft{Property: property, Value: value, Certainty: archive.Established, Sources: more}
	}
	from := func(item string) archive.Source {
		return archive.Source{Kind: archive.SourceItem, Item: s.w.Items[item].ID, From: time.Second, To: 2 * time.Second}
	}
	onItem := func(item, words string) {
		t.Helper()
		id := s.w.Items[item].ID
		_, err := s.o.Note.Add(ctx, who, id, note.Draft{Key: "key-" + newID("no")[3:], FrameFrom: -1, FrameTo: -1, From: time.Second, To: 2 * time.Second, Body: words})
		must(err)
		write(func(tx *store.Tx) error {
			tr := archive.TextTrack{ID: newID(archive.PrefixTextTrack), Item: id, Kind: archive.TextTranscript, Origin: archive.TextImported, State: archive.TextDone, Lang: "ru", Title: words, Author: s.root.ID, Recipe: "vtt", RecipeVersion: 1, Tool: "zapis",
				SHA256: bytes.Repeat([]byte{1}, 32), CreatedAt: s.w.Now(), FinishedAt: s.w.Now()}
			tw.names["track."+item], tw.names["span."+item] = tr.ID, newID(archive.PrefixTextSpan)
			if err := tx.AddTextTrack(ctx, tr); err != nil {
				return err
			}
			if err := tx.AddTextSpans(ctx, tr.ID, archive.TextSpan{ID: tw.names["span."+item], From: time.Second, To: 2 * time.Second, Lang: "ru", Text: words + " сказал", Score: -1}); err != nil {
				return err
			}
			if err := tx.AddSuggestions(ctx, archive.Suggestion{ID: newID(archive.PrefixSuggestion), Item: id, Kind: "sequence", Score: 500, Recipe: "sequence", RecipeVersion: 1, Tool: "t 1",
				Value: []byte(`{"word":"` + words + `"}`), CreatedAt: s.w.Now()}); err != nil {
				return err
			}
			return tx.IndexItems(ctx, id)
		})
	}
	link := func(name, a, b string) {
		x, y := s.w.Items[a].ID, s.w.Items[b].ID
		if x > y {
			x, y = y, x
		}
		tw.names[name] = newID(archive.PrefixCopy)
		write(func(tx *store.Tx) error {
			_, err := tx.PutCopyLink(ctx, store.CopyLink{ID: tw.names[name], A: x, B: y, Kind: "same", Score: 900, CoverA: 1000, CoverB: 1000, Detail: []byte(`{}`), Recipe: "fingerprint", RecipeVersion: 1, Tool: "t 1", CreatedAt: s.w.Now()})
			return err
		})
	}
	apply := func(names []string, drafts []knowledge.Draft) {
		t.Helper()
		list, err := room.Apply(ctx, who, drafts, nil)
		must(err)
		for i, e := range list {
			tw.names[names[i]], tw.names[names[i]+".code"] = e.ID, e.Code
		}
	}
	said := func(name, entity string, d knowledge.ClaimDraft) {
		t.Helper()
		list, err := room.Say(ctx, who, tw.names[entity], d)
		must(err)
		tw.names[name] = list[0].ID
	}

	// What everybody sees.
	onItem("ready", "Приказал начальник")
	link("open.link", "ready", "browsable")
	apply([]string{"open.location", "open.facility", "open.camera", "open.person", "open.incident", "open.act", "open.involvement", "open.testimony", "open.second", "open.third", "open.posting", "open.document"}, []knowledge.Draft{
		{Kind: "location", Claims: []knowledge.ClaimDraft{say("name", "Town"), say("geo", "51.53,46.03")}},
		{Kind: "facility", Claims: []knowledge.ClaimDraft{say("name", "Colony 10"), say("location", "@0"), say("region", "North")}},
		{Kind: "camera", Claims: []knowledge.ClaimDraft{say("facility", "@1"), say("label", "CAM 3")}},
		{Kind: "person", Claims: []knowledge.ClaimDraft{say("name", "Ivan Osokin")}},
		{Kind: "incident", Claims: []knowledge.ClaimDraft{say("title", "Beating in quarantine"), say("date", "2020-07-27"), say("place", "@0"), say("facility", "@1")}},
		{Kind: "act", Claims: []knowledge.ClaimDraft{say("incident", "@4"), say("type", "act:010101"), say("date", "2020-07-27"), say("place", "@1")}},
		{Kind: "involvement", Claims: []knowledge.ClaimDraft{say("act", "@5"), say("person", "@3"), say("role", "role:victim")}},
		{Kind: "testimony", Claims: []knowledge.ClaimDraft{say("title", "Account of winter")}},
		{Kind: "person", Claims: []knowledge.ClaimDraft{say("name", "Petr Second")}},
		{Kind: "person", Claims: []knowledge.ClaimDraft{say("name", "Third Man")}},
		{Kind: "posting", Claims: []knowledge.ClaimDraft{say("person", "@3"), say("facility", "@1"), say("position", "guard")}},
		{Kind: "document", Claims: []knowledge.ClaimDraft{say("title", "Order 7")}},
	})
	p, err := room.AddPassages(ctx, who, tw.names["open.testimony"], knowledge.PassageDraft{Heading: "detention", Text: "They came at four."})
	must(err)
	tw.names["open.passage"] = p[0].ID
	for _, d := range []knowledge.ConsentDraft{{Purpose: "archive", Audience: "team", How: "oral"}, {Purpose: "court", Audience: "court", How: "written"}} {
		_, err = room.AddConsent(ctx, who, tw.names["open.testimony"], d)
		must(err)
	}
	said("open.claim", "open.incident", say("summary", "What is seen", from("ready")))
	said("open.quote", "open.person", say("note", "What was heard", archive.Source{Kind: archive.SourcePassage, Passage: tw.names["open.passage"], Entity: tw.names["open.testimony"]}))
	if h.foreign {
		onItem("foreign", "Другой диск")
		link("foreign.link", "ready", "foreign")
		said("foreign.claim", "open.person", say("note", "On the other disk", from("foreign")))
	}
	s.w.Advance(time.Hour)

	redacted := func(name, item string) {
		t.Helper()
		x, err := s.o.Plan.Create(ctx, who, canary, []string{s.w.Items[item].ID}, []plan.Cut{{FromUS: 1_000_000, ToUS: 2_000_000}})
		must(err)
		tw.names[name] = x.ID
	}
	x, err := s.o.Plan.Create(ctx, who, "The yard", []string{s.w.Items["ready"].ID}, []plan.Cut{{FromUS: 1_000_000, ToUS: 2_000_000}})
	must(err)
	tw.names["open.plan"] = x.ID
	releasing := func(name, planName, slug, words string) {
		t.Helper()
		v, err := s.o.Release.Create(ctx, who, draftOf(tw.names[planName], slug, words))
		must(err)
		tw.names[name] = v.ID
	}
	releasing("open.release", "open.plan", "the-yard", "The yard")

	// What is closed.
	if h.items {
		redacted("closed.plan", "hard")
		releasing("closed.release", "closed.plan", "zimorodok", canary+" "+canaryR)
		s.w.Add("erasing")
		onItem("erasing", canary+" "+canaryR)
		onItem("hard", canary+" "+canaryR)
		link("closed.link", "ready", "hard")
		link("closed.link2", "browsable", "erasing")
		write(func(tx *store.Tx) error { return tx.IndexItems(ctx, s.w.Items["quarantined"].ID) })
		for i, item := range []string{"hard", "quarantined", "erasing"} {
			said(fmt.Sprint("closed.source", i), "open.person", say("note", canary+" in "+item, from(item)))
			said(fmt.Sprint("closed.name", i), "open.second", say("name", canary+canaryR+item, from(item)))
		}
	}
	if h.compartment {
		c, err := room.AddCompartment(ctx, who, canary)
		must(err)
		tw.names["closed.compartment"] = c.ID
		open := func(name string) string { return tw.names["open."+name] }
		drafts := []knowledge.Draft{
			{Kind: "location", Claims: []knowledge.ClaimDraft{say("name", canary+" town"), say("geo", "48.5,44.5")}},
			{Kind: "facility", Claims: []knowledge.ClaimDraft{say("name", canary+" colony"), say("location", "@0"), say("region", canary)}},
			{Kind: "person", Claims: []knowledge.ClaimDraft{say("name", canary+" "+canaryR), say("alias", "Osokinn")}},
			{Kind: "incident", Claims: []knowledge.ClaimDraft{say("title", canary+" incident"), say("date", "2019-01-02"), say("place", open("location")), say("facility", open("facility"))}},
			{Kind: "act", Claims: []knowledge.ClaimDraft{say("incident", open("incident")), say("type", "act:010101"), say("date", "2019"), say("place", open("facility")), say("description", canary)}},
			{Kind: "involvement", Claims: []knowledge.ClaimDraft{say("act", open("act")), say("person", "@2"), say("role", "role:perpetrator")}},
			{Kind: "order", Claims: []knowledge.ClaimDraft{say("act", open("act")), say("giver", open("person")), say("words", canary)}},
			{Kind: "outcome", Claims: []knowledge.ClaimDraft{say("act", open("act")), say("person", open("person")), say("type", "outcome:died"), say("description", canary)}},
			{Kind: "testimony", Claims: []knowledge.ClaimDraft{say("title", canary+" account")}},
			{Kind: "relation", Claims: []knowledge.ClaimDraft{say("from", open("person")), say("to", "@2"), say("type", "relation:spouse")}},
			{Kind: "posting", Claims: []knowledge.ClaimDraft{say("person", "@2"), say("facility", open("facility")), say("position", canary)}},
			{Kind: "camera", Claims: []knowledge.ClaimDraft{say("facility", open("facility")), say("label", canary)}},
			{Kind: "room", Claims: []knowledge.ClaimDraft{say("facility", open("facility")), say("name", canary)}},
			{Kind: "document", Claims: []knowledge.ClaimDraft{say("title", canary)}},
			{Kind: "person", Claims: []knowledge.ClaimDraft{say("name", canary+" the other")}},
		}
		var names []string
		for i := range drafts {
			drafts[i].Compartment = c.ID
			names = append(names, "closed."+string(drafts[i].Kind))
		}
		names[len(names)-1] = "closed.other"
		apply(names, drafts)
		p, err := room.AddPassages(ctx, who, tw.names["closed.testimony"], knowledge.PassageDraft{Heading: "detention", Text: canary + " said so."})
		must(err)
		tw.names["closed.passage"] = p[0].ID
		// Claims about what everybody sees, each closed for another reason.
		narrow := say("date", "2020-07-28")
		narrow.Compartment = c.ID
		said("closed.date", "open.incident", narrow)
		narrow = say("alias", canary)
		narrow.Compartment = c.ID
		said("closed.claim", "open.person", narrow)
		said("closed.reference", "open.incident", say("place", tw.names["closed.location"]))
		said("closed.reference2", "open.incident", say("facility", tw.names["closed.facility"]))
		said("closed.quote", "open.person", say("note", canary+" heard", archive.Source{Kind: archive.SourcePassage, Passage: tw.names["closed.passage"], Entity: tw.names["closed.testimony"]}))
		said("closed.paper", "open.person", say("note", canary+" read", archive.Source{Kind: archive.SourceDocument, Entity: tw.names["closed.document"]}))
		said("closed.rests", "closed.person", say("note", canary+" rests", archive.Source{Kind: archive.SourcePassage, Passage: tw.names["open.passage"], Entity: tw.names["open.testimony"]}))
		must(room.Find(ctx, who, archive.Finding{Entity: open("incident"), Property: "date", Claim: tw.names["closed.date"], Reason: canary}))
		must(room.Find(ctx, who, archive.Finding{Entity: open("incident"), Property: "place", Claim: tw.names["closed.reference"], Reason: canary, Dissent: true}))
		m, err := room.Merge(ctx, who, tw.names["closed.person"], open("second"), canary)
		must(err)
		tw.names["closed.merge"] = m.ID
		m, err = room.Merge(ctx, who, open("third"), tw.names["closed.other"], canary)
		must(err)
		tw.names["closed.merge2"] = m.ID
		compartment := c.ID
		_, err = s.o.Exchange.Export(ctx, who, exchange.Ask{Format: exchange.FormatFtM, Purpose: "archive", Audience: "team", Compartment: &compartment}, io.Discard)
		must(err)
	}
	if h.private {
		must(people.Put(ctx, who, tw.names["open.testimony"], knowledge.Identity{Name: canary, Contact: canaryR}, canary))
		x, err := s.o.Search.(*search.Service).Save(ctx, who, canary, canary)
		must(err)
		tw.names["closed.search"] = x.ID
		tw.names["closed.question"], err = s.o.Search.Ask(who, canary)
		must(err)
		_, err = s.accounts.NewToken(ctx, s.root.Subject(), account.TokenDraft{Label: canary, Actions: []string{account.TokenRead}, Life: time.Hour})
		must(err)
	}
	if h.items {
		// Two people agreed that it be erased, and nothing has happened yet.
		write(func(tx *store.Tx) error {
			e := store.Erasure{ID: newID(archive.PrefixErasure), Item: s.w.Items["erasing"].ID, Reason: canary, RequestedBy: s.root.ID, RequestedAt: s.w.Now()}
			if err := tx.AddErasure(ctx, e); err != nil {
				return err
			}
			return tx.ApproveErasure(ctx, e.ID, s.w.Program.ID, s.w.Now())
		})
	}
	s.w.Advance(time.Hour)
	for _, it := range []string{"ready", "browsable", "sealed", "explained", "quarantined", "erased", "hard", "foreign", "erasing"} {
		if x, ok := s.w.Items[it]; ok {
			tw.names["item."+it], tw.names["ref."+it] = x.ID, x.Reference()
		}
		for _, k := range []string{archive.DerivativeProxy, archive.DerivativeStill, archive.DerivativeLanes} {
			if d, ok := s.w.Derivatives[it][k]; ok {
				tw.names["derivative."+it+"."+k] = d.ID
			}
		}
	}
	tw.names["accession.mine"] = s.w.Mine.ID
	if h.foreign {
		tw.names["accession.theirs"] = s.w.Theirs.ID
	}
	for kind, q := range map[string]string{"note": "note", "suggestion": "suggestion"} {
		must(s.w.DB.Read(ctx, func(tx *store.Tx) error {
			sc := archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}
			for _, it := range []string{"ready", "hard", "foreign"} {
				x, ok := s.w.Items[it]
				if !ok {
					continue
				}
				if kind == "note" {
					list, err := tx.Notes(ctx, sc, x.ID)
					if err != nil {
						return err
					}
					for _, n := range list {
						tw.names[q+"."+it] = n.ID
					}
				} else {
					list, err := tx.Suggestions(ctx, sc, store.SuggestionQuery{Item: x.ID})
					if err != nil {
						return err
					}
					for _, g := range list {
						tw.names[q+"."+it] = g.ID
					}
				}
			}
			return nil
		}))
	}
	return tw
}

// id gives an identifier that this archive holds under a name, or one like it that means nothing.
func (w *twin) id(name, like string) string {
	if id, ok := w.names[name]; ok {
		return id
	}
	prefix, _, ok := strings.Cut(like, "_")
	if !ok {
		return like // a code or a reference: said aloud, whether it is there or not
	}
	w.names[name] = archive.NewID(prefix)
	return w.names[name]
}

// fills says what stands for each part of an address.
var fills = map[string][]string{
	"{entity}": {"open.incident", "open.person", "open.facility", "open.act", "open.testimony", "open.second", "open.third", "closed.incident", "closed.person", "closed.facility", "closed.testimony",
		"closed.location", "closed.person.code"},
	"{testimony}": {"open.testimony", "closed.testimony", "closed.testimony.code"}, "{passage}": {"open.passage", "closed.passage"},
	"{item}": {"item.ready", "item.browsable", "item.foreign", "item.hard", "item.quarantined", "item.erased", "item.erasing"}, "{accession}": {"accession.mine", "accession.theirs"},
	"{derivative}": {"derivative.ready.still", "derivative.hard.still", "derivative.foreign.still", "derivative.erasing.still", "derivative.quarantined.still"},
	"{claim}":      {"open.claim", "closed.claim", "closed.date", "closed.source0", "closed.quote"}, "{merge}": {"closed.merge", "closed.merge2"},
	"{suggestion}": {"suggestion.ready", "suggestion.hard", "suggestion.foreign"}, "{link}": {"open.link", "closed.link", "closed.link2", "foreign.link"}, "{note}": {"note.ready", "note.hard", "note.foreign"},
	"{search}": {"closed.search"}, "{question}": {"closed.question"}, "{vocabulary}": {"=act", "=none"}, "{format}": {"=vtt"}, "{import}": {"closed.import"}, "{upload}": {"closed.upload"},
	"{erasure}": {"closed.erasure"}, "{release}": {"open.release", "closed.release"}, "{job}": {"=1"}, "{track}": {"track.ready", "track.hard", "track.foreign"}, "{sentence}": {"span.ready", "span.hard", "span.foreign"}, "{$}": {"="},
	"{plan}": {"open.plan", "closed.plan"}, "{version}": {"=1"}, "{stop}": {"=0-1000000"}, "{source}": {"=0"}, "{from}": {"=1"}, "{to}": {"=1"},
}

// probe is one request.
type probe struct {
	method, path, body, media string
	page                      bool
	follow                    bool
	names                     []string // in the order of the verbs in path and body
}

// asked are the questions of the addresses that take some.
func asked(r route) []string {
	switch r.Path {
	case "/archive", "/difficulty", "/api/items", "/api/days", "/api/facets":
		return []string{"", "?state=ready&state=quarantined", "?camera=CAM+3", "?difficulty=3", "?q=Z1", "?order=oldest", "?accession=<accession.theirs>"}
	case "/catalogue", "/api/v1/entities":
		return []string{"", "?kind=person", "?kind=incident", "?kind=testimony", "?q=Zimor", "?q=osok", "?q=%D0%B7%D0%B8%D0%BC", "?refers=<open.act>", "?refers=<closed.person>", "?compartment=<closed.compartment>",
			"?property=name&value=Zimorodok+town", "?property=date&value=2020-07-28&kind=incident", "?limit=2"}
	case "/map":
		return []string{"", "?focus=<closed.facility>", "?focus=<open.facility>", "?view=coverage", "?at=48.5,44.5&km=100", "?at=51.5,46&km=100"}
	case "/timeline":
		return []string{"", "?year=2019", "?year=2020"}
	case "/graph/{entity}":
		return []string{"", "?depth=2", "?depth=3"}
	case "/coverage":
		return []string{"", "?day=2020-07-21", "?day=2020-07-27", "?accession=<accession.theirs>", "?accession=<accession.mine>"}
	case "/copies", "/findings":
		return []string{"", "?state=confirmed", "?state=dismissed", "?before=<closed.link>"}
	case "/api/v1/suggestions":
		return []string{"", "?item=<item.hard>", "?item=<item.ready>", "?kind=sequence", "?after=<suggestion.hard>"}
	case "/jobs":
		return []string{"", "?state=available", "?state=completed"}
	case "/catalogue/new":
		return []string{"", "?kind=act", "?passage=<closed.passage>", "?passage=<open.passage>", "?item=<item.hard>", "?kind=act&incident=<closed.incident>", "?about=<closed.person>"}
	case "/catalogue/{entity}/say":
		return []string{"", "?property=date", "?property=name&claim=<closed.claim>"}
	case "/catalogue/{entity}/finding":
		return []string{"?property=date", "?property=place", "?property=name"}
	case "/catalogue/{entity}/merge":
		return []string{"", "?with=<closed.person>", "?with=<open.second>", "?with=<closed.person.code>"}
	case "/testimonies":
		return []string{"", "?after=<closed.testimony>"}
	case "/releases/{release}/text":
		return []string{"", "?in=en", "?in=xx"}
	case "/releases/{release}/claims":
		return []string{"", "?sentence=0", "?sentence=9"}
	case "/plans":
		return []string{"", "?item=<item.ready>", "?item=<item.hard>", "?before=<closed.plan>"}
	case "/plans/{plan}":
		return []string{"", "?a=1&b=1"}
	case "/plans/{plan}/look":
		return []string{"", "?stop=0-1000000"}
	case "/items/{item}/custody":
		return []string{""}
	}
	return []string{""}
}

// posted are the bodies that are sent to an address, and nothing for those that are about oneself.
func posted(r route) (media string, bodies []string) {
	form := "application/x-www-form-urlencoded"
	words := []string{"Zimorodok", "zimoro", "Зимородок", "osokin", "Osokinn", "CAM", "canary", "2020", "Colony"}
	var out []string
	switch r.Path {
	case "/incidents", "/persons", "/places", "/catalogue":
		for _, w := range words {
			out = append(out, "q="+url.QueryEscape(w))
		}
		return form, out
	case "/catalogue/choose":
		for _, w := range words {
			out = append(out, "q="+url.QueryEscape(w)+"&passage=<closed.passage>")
		}
		return form, out
	case "/search":
		for _, w := range append(words, "person:<closed.person.code>", "incident:<closed.incident>", "Zimorodk", "is:quarantined", "difficulty:3", "accession:Z2", "place:Zimorodok", "NOT nothing", "начал*") {
			out = append(out, "q="+url.QueryEscape(w))
		}
		return form, out
	case "/api/search", "/api/v1/search", "/api/search/complete":
		for _, w := range append(words, "person:<closed.person>", "person:zim", "place:z", "camera:z", "camera:C", "accession:", "Zimorodk", "Осок", "начал") {
			b, _ := json.Marshal(map[string]any{"query": w})
			out = append(out, strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(b)))
		}
		return "application/json", out
	case "/catalogue/new":
		return form, []string{"kind=act&v.incident=<closed.incident>&c.incident=established", "kind=act&v.incident=<closed.incident.code>&c.incident=established", "kind=person&v.name=A&c.name=established&compartment=<closed.compartment>",
			"kind=person&v.name=A&c.name=established&passage=<closed.passage>", "kind=person&v.name=A&c.name=established&item=<item.hard>&from=0:01&to=0:02"}
	case "/catalogue/{entity}/say":
		return form, []string{"property=place&v.place=<closed.location>&c.place=established", "property=note&v.note=A&c.note=established&item=<item.hard>", "property=note&v.note=A&c.note=established&passage=<closed.passage>", "property=note&value=A&certainty=established"}
	case "/catalogue/{entity}/merge":
		return form, []string{"with=<closed.person>&reason=x&sure=yes", "with=<closed.person.code>&reason=x&sure=yes"}
	case "/catalogue/{entity}/file":
		return form, []string{"compartment=<closed.compartment>&sure=yes", "compartment=<closed.compartment>"}
	case "/catalogue/{entity}/finding":
		return form, []string{"property=date&claim=<closed.date>&reason=x", "property=place&claim=<closed.reference>&reason=x"}
	case "/api/v1/entities":
		return "application/json", []string{`{"kind":"act","claims":[{"property":"incident","value":"<closed.incident>","certainty":"established"}]}`, `{"kind":"act","claims":[{"property":"incident","value":"<closed.incident.code>","certainty":"established"}]}`,
			`{"kind":"person","compartment":"<closed.compartment>","claims":[]}`, `{"kind":"person","code":"<closed.person.code>","claims":[]}`,
			`{"kind":"person","claims":[{"property":"name","value":"A","certainty":"established","sources":[{"kind":"item","item":"<item.hard>"}]}]}`,
			`{"kind":"person","claims":[{"property":"name","value":"A","certainty":"established","sources":[{"kind":"item","item":"<item.erasing>"}]}]}`,
			`{"kind":"person","claims":[{"property":"name","value":"A","certainty":"established","sources":[{"kind":"passage","passage":"<closed.passage>"}]}]}`,
			`{"kind":"person","claims":[{"property":"name","value":"A","certainty":"established","sources":[{"kind":"document","entity":"<closed.document>"}]}]}`}
	case "/api/v1/entities/{entity}/claims":
		return "application/json", []string{`{"claims":[{"property":"place","value":"<closed.location>","certainty":"probable"}]}`, `{"claims":[{"property":"note","value":"A","certainty":"probable","compartment":"<closed.compartment>"}]}`}
	case "/api/v1/entities/{entity}/findings":
		return "application/json", []string{`{"property":"date","claim":"<closed.date>","reason":"x"}`}
	case "/api/v1/entities/{entity}/merges":
		return "application/json", []string{`{"into":"<closed.person>","reason":"x"}`}
	case "/api/v1/claims/{claim}/replace":
		return "application/json", []string{`{"property":"note","value":"A","certainty":"probable"}`}
	case "/api/v1/exports", "/export":
		for _, f := range exchange.Formats() {
			for _, a := range [][2]string{{"archive", "team"}, {"court", "court"}, {"publication", "public"}} {
				if r.Path == "/export" {
					out = append(out, "format="+f+"&purpose="+a[0]+"&audience="+a[1])
				} else {
					out = append(out, `{"format":"`+f+`","purpose":"`+a[0]+`","audience":"`+a[1]+`"}`)
				}
			}
		}
		if r.Path == "/export" {
			return form, append(out, "format=ftm&purpose=archive&audience=team&compartment=<closed.compartment>")
		}
		return "application/json", append(out, `{"format":"ftm","purpose":"archive","audience":"team","compartment":"<closed.compartment>"}`)
	case "/api/items/{item}/notes", "/api/v1/items/{item}/notes":
		return "application/json", []string{`{"key":"0123456789abcdef","from":1,"to":2,"region":null,"page":0,"body":"x","tag":"","lang":""}`}
	case "/releases":
		return form, []string{"plan=<closed.plan>", "plan=<closed.plan>&version=1&slug=another"}
	case "/releases/{release}/about":
		return form, []string{"base=9&languages=en&slug=the-yard"}
	case "/releases/{release}/text":
		return form, []string{"base=9&in=en&title=x"}
	case "/releases/{release}/captions":
		return form, []string{"base=1&in=en&captions=x"}
	case "/releases/{release}/follow":
		return form, []string{"act=add&base=9", "act=remove&base=9&n=0"}
	case "/releases/{release}/claims":
		return form, []string{"sentence=0&act=find&q=Zimor", "sentence=0&act=show&entity=<closed.person>", "sentence=0&base=1&act=add&claim=<closed.claim>", "sentence=0&base=1&act=add&claim=<closed.quote>"}
	case "/releases/{release}/sign", "/releases/{release}/publish", "/releases/{release}/correct", "/releases/{release}/withdraw", "/releases/{release}/keep":
		return form, []string{"sure=yes&version=1&why=x&reason.en=x&reason.ru=x&why.en=x&why.ru=x", ""}
	case "/difficulty":
		return form, []string{"level=1&item=<item.hard>&from.<item.hard>=3", "level=1&item=<item.ready>&from.<item.ready>=0&item=<item.foreign>&from.<item.foreign>=0", "level=0"}
	case "/items/{item}/difficulty":
		return form, []string{"level=0&from=3", "level=9&from=0"}
	case "/api/items/{item}/difficulty", "/api/v1/items/{item}/difficulty":
		return "application/json", []string{`{"level":0,"from":3}`, `{"level":7}`, `{`}
	case "/plans":
		return form, []string{"title=x&item=<item.hard>", "title=x&item=<item.erasing>", "title=x&item=<item.foreign>"}
	case "/plans/{plan}":
		return form, []string{"act=source-add&base=1&item=<item.hard>", "act=mask-add&base=1&source=1&from=1&x=1&y=1&w=1&h=1&kind=solid&reason=face&code=<closed.person.code>", "act=none&base=1"}
	case "/api/plans/{plan}":
		return "application/json", []string{`{"base":1,"note":"","plan":{}}`}
	case "/api/plans/protects":
		return "application/json", []string{`{"code":"<closed.person.code>"}`, `{"code":"<closed.person>"}`, `{"code":"P-9999"}`}
	case "/sign-in", "/sign-in/link/{token}", "/sign-out", "/setup", "/people", "/me", "/me/tokens", "/import", "/api/v1/imports", "/match", "/api/me/marking":
		return "", nil
	}
	if strings.Contains(r.Path, "passkey") {
		return "", nil
	}
	switch {
	case strings.HasPrefix(r.Path, "/api/"):
		return "application/json", []string{`{"reason":"x"}`, `{"decision":"confirm"}`}
	case strings.HasPrefix(r.Path, "/testimonies/"):
		return form, []string{"act=remove&passage=<closed.passage>&reason=x", "consent=x&reason=x"}
	}
	return form, []string{"reason=x"}
}

// probes are all requests to the addresses that are served.
func probes(t *testing.T, s *site, method string) (out []probe) {
	t.Helper()
	for _, r := range s.routes {
		if r.Method != method || r.Kind == kindAsset || r.Path == "/api/events" || strings.Contains(r.Path, "{token}") || strings.Contains(r.Path, "openapi.json") || r.Path == "/sign-in" || r.Path == "/setup" || r.Path == "/health" || r.Path == "/proof" {
			continue
		}
		media, bodies := "", []string{""}
		if method == http.MethodPost {
			if media, bodies = posted(r); bodies == nil {
				continue
			}
		}
		paths := []string{r.Path}
		for _, name := range parameter.FindAllString(r.Path, -1) {
			values := fills[name]
			if values == nil {
				t.Fatalf("nothing is known to stand for %s of %s", name, r.pattern())
			}
			var next []string
			for _, p := range paths {
				for _, v := range values {
					if strings.HasPrefix(v, "=") {
						next = append(next, strings.Replace(p, name, v[1:], 1))
					} else {
						next = append(next, strings.Replace(p, name, "<"+v+">", 1))
					}
				}
			}
			paths = next
		}
		for _, p := range paths {
			for _, q := range asked(r) {
				if method == http.MethodPost {
					q = ""
				}
				for _, b := range bodies {
					out = append(out, probe{method: r.Method, path: p + q, body: b, media: media, page: r.Kind == kindPage})
				}
				if method == http.MethodPost {
					break
				}
			}
		}
	}
	return out
}

var (
	placeholder = regexp.MustCompile(`<[a-z0-9.]+>`)
	identifier  = regexp.MustCompile(`((\b|%2[fF]|%3[dD])[a-z]{2,3}_|filename="[a-z]+-)[0-9a-z]{26}\b`)
	// Where an act stands in the transparency log is known to everybody: how many acts there are is no secret of the archive.
	position = regexp.MustCompile(`(Leaf |<td class="n num">)[0-9]+`)
	// A place in a list holds the identifier of the last thing before it.
	cursor = regexp.MustCompile(`("next":"|after=)[A-Za-z0-9_-]{20,}`)
)

// filled puts the identifiers of one archive into a request.
func (w *twin) filled(text string, full *twin) string {
	return placeholder.ReplaceAllStringFunc(text, func(x string) string {
		name := x[1 : len(x)-1]
		like, ok := full.names[name]
		if !ok {
			like = "kn_x"
		}
		return w.id(name, like)
	})
}

// masked gives an answer without what differs between any two archives: identifiers become their order of appearance.
func masked(r *http.Response) string {
	body := []byte(text(r))
	if z, err := zip.NewReader(bytes.NewReader(body), int64(len(body))); err == nil {
		var b bytes.Buffer
		for _, f := range z.File {
			fmt.Fprintf(&b, "== %s\n", f.Name)
			in, err := f.Open()
			if err == nil {
				_, err = io.Copy(&b, in)
			}
			if err != nil {
				fmt.Fprint(&b, err)
			}
		}
		body = b.Bytes()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", r.StatusCode)
	var names []string
	for k := range r.Header {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		switch k {
		case "Content-Length", "Etag", "Set-Cookie", "Zapis-Visit", "Last-Modified":
			fmt.Fprintf(&b, "%s: …\n", k)
		default:
			fmt.Fprintf(&b, "%s: %s\n", k, r.Header.Values(k))
		}
	}
	b.Write(body)
	seen := map[string]string{}
	return identifier.ReplaceAllStringFunc(cursor.ReplaceAllString(position.ReplaceAllString(b.String(), "$1…"), "$1…"), func(id string) string {
		if seen[id] == "" {
			seen[id] = fmt.Sprintf("%s#%d", id[:2], len(seen))
		}
		return seen[id]
	})
}

// differing gives the first lines that differ.
func differing(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out strings.Builder
	n := 0
	for i := 0; i < max(len(a), len(b)) && n < 6; i++ {
		x, y := "", ""
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			n++
			at := 0
			for at < min(len(x), len(y)) && x[at] == y[at] {
				at++
			}
			at = max(0, at-60)
			fmt.Fprintf(&out, "-%.200s\n+%.200s\n", x[min(at, len(x)):], y[min(at, len(y)):])
		}
	}
	return out.String()
}

// prober asks as somebody, in one archive.
type prober struct {
	w    *twin
	b    *browser
	prog *program
}

func (p prober) ask(pr probe, full *twin) (string, *http.Response) {
	p.w.w.Advance(100 * time.Millisecond) // so that no program has to wait
	path, body := p.w.filled(pr.path, full), p.w.filled(pr.body, full)
	if p.prog != nil {
		r := p.prog.do(pr.method, path, body)
		return masked(r), r
	}
	var in io.Reader
	var header []string
	if pr.method == http.MethodPost {
		in, header = strings.NewReader(body), []string{"Content-Type", pr.media}
	}
	r := p.b.do(pr.method, path, in, header...)
	out := masked(r)
	if to := r.Header.Get("Location"); pr.method == http.MethodPost && r.StatusCode == http.StatusSeeOther && strings.HasPrefix(to, "/search/ask_") {
		out += "\n→ " + masked(p.b.get(to))
	}
	return out, r
}

func (w *twin) prober(t *testing.T, name string, role archive.Role, scope func(w *twin) archive.Scope, token bool) prober {
	t.Helper()
	b, a := w.enter(t, name, role, false)
	w.let(t, a, scope(w))
	p := prober{w: w, b: b}
	if token {
		got, err := w.accounts.Account(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		actions := account.TokenActions()
		if !policy.Could(got.Subject(), policy.EditCatalogue) {
			actions = []string{account.TokenRead}
		}
		x := w.program(t, got, account.TokenDraft{Actions: actions})
		p.prog = &x
	}
	return p
}

// Whoever asks, whatever they ask: an archive that holds things which they may not see answers, byte for byte, like one that never held
// them. Whatever is served is asked: pages, scripts' addresses, the API for programs, exports; with identifiers of closed things where the
// other archive has none.
func TestWhatIsClosedDoesNotShow(t *testing.T) {
	t.Parallel()
	limited := func(w *twin) archive.Scope {
		return archive.Scope{Accessions: []string{w.w.Mine.ID}, MaxDifficulty: 2, Compartments: []string{archive.CommonGrant}}
	}
	everything := func(*twin) archive.Scope { return archive.Scope{All: true, MaxDifficulty: 2} }
	all := hoard{items: true, compartment: true, private: true, foreign: true}
	type asker struct {
		name  string
		role  archive.Role
		token bool
	}
	few := []asker{{"reviewer", archive.RoleReviewer, false}, {"investigator", archive.RoleInvestigator, false}, {"publisher", archive.RolePublisher, false},
		{"reviewer's program", archive.RoleReviewer, true}, {"investigator's program", archive.RoleInvestigator, true}}
	archivist := []asker{{"archivist", archive.RoleArchivist, false}, {"archivist's program", archive.RoleArchivist, true}}
	admin := []asker{{"superintendent", archive.RoleAdmin, false}, {"superintendent's program", archive.RoleAdmin, true}}
	for _, c := range []struct {
		name       string
		full, bare hoard
		scope      func(*twin) archive.Scope
		askers     []asker
	}{
		{"one accession", all, hoard{}, limited, few}, {"all accessions", all, hoard{foreign: true}, everything, few},
		// An archivist is shown what is quarantined, so only the rest is closed; an administrator is let into every compartment.
		{"an archivist", hoard{compartment: true, private: true, foreign: true}, hoard{foreign: true}, everything, archivist},
		{"an administrator", hoard{private: true, foreign: true}, hoard{foreign: true}, everything, admin},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			full, bare := twinned(t, c.full), twinned(t, c.bare)
			for _, x := range c.askers {
				a, b := full.prober(t, x.name, x.role, c.scope, x.token), bare.prober(t, x.name, x.role, c.scope, x.token)
				asked, answered, wrong := 0, 0, 0
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					for _, pr := range probes(t, full.site, method) {
						if x.token && !strings.HasPrefix(pr.path, "/api/v1/") {
							continue
						}
						got, r := a.ask(pr, full)
						want, _ := b.ask(pr, full)
						asked++
						if r.StatusCode < 400 {
							answered++
						}
						about := fmt.Sprintf("%s: %s %s %s", x.name, pr.method, pr.path, pr.body)
						// How much was brought in is what the receipt of an accession says, whatever became of it.
						tally := strings.HasPrefix(pr.path, "/accessions") || strings.HasPrefix(pr.path, "/api/accessions/")
						if got != want && !tally && wrong < 20 {
							wrong++
							t.Errorf("%s: it shows that there is more:\n%s", about, differing(want, got))
						}
						heard := strings.ToLower(pr.path + pr.body)
						if low := strings.ToLower(got); (strings.Contains(low, strings.ToLower(canary)) || strings.Contains(low, strings.ToLower(canaryR))) && !strings.Contains(heard, "zimor") && !strings.Contains(heard, "зимор") && !strings.Contains(heard, "%d0%b7") && !strings.Contains(heard, "%d0%97") {
							t.Errorf("%s: the canary sings", about)
						}
						if r.StatusCode >= 500 {
							t.Errorf("%s: %d", about, r.StatusCode)
						}
					}
				}
				t.Logf("%s: %d requests, %d answered", x.name, asked, answered)
				if !x.token && asked < 300 || answered < 30 {
					t.Errorf("%s: only %d requests, %d answered", x.name, asked, answered)
				}
			}
			if strings.Contains(full.log.String(), canary) {
				t.Error("the operator's logger holds a canary")
			}
		})
	}
}
