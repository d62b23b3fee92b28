package release

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/redact/plan"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// One wrong thing for each gate, and for each way in which a gate closes. Each is tried twice: the gate refuses, and without that one gate the
// release goes out, so that no other gate hides that it is missing.
var wrongs = []struct {
	name, gate, reason string
	waits              bool // it opens by itself, so that the release is refused or put off and not blocked
	text               func(r *rig, d *Draft)
	rig                func(r *rig)
}{
	{name: "nobody approved", gate: GatePlan, reason: "not-approved", rig: func(r *rig) { r.facts.ApprovedBy = "" }},
	{name: "the author approved", gate: GatePlan, reason: "own-approval", rig: func(r *rig) { r.facts.ApprovedBy = eve.Agent }},
	{name: "no author is known", gate: GatePlan, reason: "own-approval", rig: func(r *rig) { r.facts.Authors = nil }},
	{name: "gaps not looked for", gate: GateGaps, reason: "not-checked", rig: func(r *rig) { r.facts.Checked = false }},
	{name: "a gap", gate: GateGaps, reason: "open", rig: func(r *rig) { r.facts.Open = 1 }},
	{name: "nobody looked", gate: GateLook, reason: "nobody-looked", rig: func(r *rig) { r.facts.LookedBy = nil }},
	{name: "only the author looked", gate: GateLook, reason: "nobody-looked", rig: func(r *rig) { r.facts.LookedBy = []string{eve.Agent} }},
	{name: "more than picture in the clip", gate: GateMetadata, reason: "more-than-picture", rig: func(r *rig) { r.problem = "moov/udta" }},
	{name: "a comment in a still", gate: GateMetadata, reason: "more-than-picture", rig: func(r *rig) {
		b := r.jpeg(70)
		b = slices.Concat(b[:2], []byte{0xff, 0xfe, 0, 5, 'h', 'i', '!'}, b[2:])
		r.still(b)
	}},
	{name: "bytes after a still", gate: GateMetadata, reason: "more-than-picture", rig: func(r *rig) { r.still(append(r.jpeg(70), "tail"...)) }},
	{name: "a testimony is shown", gate: GateConsent, reason: "testimony-shown", rig: func(r *rig) { r.refused.items = []string{"kn_1"} }},
	{name: "somebody named who did not agree", gate: GateConsent, reason: "person-named", rig: func(r *rig) {
		r.persons = []Person{{Entity: "kn_1", Names: []string{"Тарас Бульба"}}}
		r.refused.people = []string{"kn_1"}
	}, text: func(_ *rig, d *Draft) {
		d.Credit = all("Taras Bulba", "Тарас Бульба", "Тарас Бульба")
	}},
	{name: "a protected person's earlier name", gate: GatePeople, reason: "protected", rig: func(r *rig) {
		r.persons = []Person{{Entity: "kn_1", Protected: true, Names: []string{"Сергей Осечкин"}}}
	}, text: func(_ *rig, d *Draft) {
		d.Summary = all("As Osechkin Sergey told", "Со слов свидетеля", "Зі слів свідка")
	}},
	{name: "a protected person's code", gate: GatePeople, reason: "protected", rig: func(r *rig) {
		r.persons = []Person{{Entity: "kn_1", Protected: true, Code: "P-17"}}
	}, text: func(_ *rig, d *Draft) { d.Summary = all("told by Р-17", "x", "x") }}, // the letter is Cyrillic
	{name: "a name behind a code", gate: GatePeople, reason: "protected", rig: func(r *rig) { r.sealed = map[string]string{"kn_1": "Гончаренко Михайло"} },
		text: func(_ *rig, d *Draft) { d.Summary = all("x", "Рассказал Гончаренко", "x") }},
	{name: "a name behind a code in captions", gate: GatePeople, reason: "protected", rig: func(r *rig) { r.sealed = map[string]string{"kn_1": "Гончаренко Михайло"} },
		text: func(_ *rig, d *Draft) {
			d.Captions = all("WEBVTT\n\n00:00.000 --> 00:01.000\nHoncharenko!", "WEBVTT\n\n00:00.000 --> 00:01.000\nx", "WEBVTT\n\n00:00.000 --> 00:01.000\nx")
		}},
	{name: "a protected name in percents in a link", gate: GatePeople, reason: "protected", rig: func(r *rig) { r.sealed = map[string]string{"kn_1": "Гончаренко Михайло"} },
		text: func(_ *rig, d *Draft) {
			d.Followed = []Followed{{Date: "2026-11-21", Kind: "press", Text: all("x", "x", "x"), URL: "https://news.test/%D0%93%D0%BE%D0%BD%D1%87%D0%B0%D1%80%D0%B5%D0%BD%D0%BA%D0%BE"}}
		}},
	{name: "a protected name in what is related", gate: GatePeople, reason: "protected", rig: func(r *rig) { r.sealed = map[string]string{"kn_1": "Гончаренко Михайло"} },
		text: func(_ *rig, d *Draft) { d.Related = []string{"case-of-honcharenko"} }},
	{name: "a word that may be a name", gate: GatePeople, reason: "not-looked-at", rig: func(r *rig) { r.sealed = map[string]string{"kn_1": "Гончаренко Михайло"} },
		text: func(_ *rig, d *Draft) { d.Summary = all("x", "x", "Михайло бачив") }},
	{name: "who works here, inflected", gate: GateTraces, reason: "agent", rig: func(r *rig) { r.found.Agents = []string{"Оксана Мельник"} },
		text: func(_ *rig, d *Draft) { d.Credit = all("x", "x", "За участі Оксани Мельник") }},
	{name: "a file that the proof does not speak of", gate: GateProof, reason: "file-not-stated", rig: func(r *rig) { r.unstated = "clip-360.mp4" }},
	{name: "a still that the proof does not speak of", gate: GateProof, reason: "file-not-stated", rig: func(r *rig) { r.unstated = "still-1.jpg" }},
	{name: "an exact time in a caption, and copies", gate: GateTime, reason: "copies-differ", rig: func(r *rig) { r.found.Copies = []string{r.item.ID} },
		text: func(_ *rig, d *Draft) { d.Captions["en"] += "\nIt is 14:03:22" }},
	{name: "a claim that is not there", gate: GateClaims, reason: "taken-back", text: func(_ *rig, d *Draft) { d.Sentences[0].Claims = []string{claimID} }},
	{name: "the name of a file", gate: GateTraces, reason: "trace", rig: func(r *rig) { r.found.Words = []string{"CAM03_20200812.avi"} },
		text: func(_ *rig, d *Draft) { d.Summary = all("From cam03_20200812.AVI.", "x", "x") }},
	{name: "a folder in a link", gate: GateTraces, reason: "trace", rig: func(r *rig) { r.found.Words = []string{"petrov-disk"} },
		text: func(_ *rig, d *Draft) {
			d.Followed = []Followed{{Date: "2026-11-21", Kind: "press", Text: all("x", "x", "x"), URL: "https://news.test/petrov-disk/1"}}
		}},
	{name: "the camera's label", gate: GateTraces, reason: "trace", text: func(_ *rig, d *Draft) { d.Credit = all("Camera hik-ds2-77120", "x", "x") }},
	{name: "who works here", gate: GateTraces, reason: "agent", rig: func(r *rig) { r.found.Agents = []string{"Оксана Мельник"} },
		text: func(_ *rig, d *Draft) { d.Credit = all("x", "x", "Монтаж: Оксана Мельник") }},
	{name: "this machine", gate: GateTraces, reason: "machine", text: func(_ *rig, d *Draft) { d.Credit = all("made on bastion-kyiv-2", "x", "x") }},
	{name: "an identifier", gate: GateTraces, reason: "identifier", text: func(r *rig, d *Draft) { d.Summary = all("See "+r.item.ID, "x", "x") }},
	{name: "a reference of an item", gate: GateTraces, reason: "identifier", text: func(r *rig, d *Draft) { d.Summary = all("See "+r.item.Reference(), "x", "x") }},
	{name: "an agent in the proof", gate: GateTraces, reason: "identifier", rig: func(r *rig) { r.proof = []byte(`{"by":"` + ann.Agent + `"}`) }},
	{name: "a name in UTF-16 in a file", gate: GateTraces, reason: "trace", rig: func(r *rig) {
		r.found.Words = []string{"petrov-disk"}
		r.proof = []byte("p\x00e\x00t\x00r\x00o\x00v\x00-\x00d\x00i\x00s\x00k\x00")
	}},
	{name: "the clock can be read", gate: GateClock, reason: "not-covered", rig: func(r *rig) {
		r.found.Clocks = []Clock{{Item: r.item.ID, Box: [4]int{700_000, 20_000, 200_000, 40_000}}}
	}},
	{name: "half of the clock can be read", gate: GateClock, reason: "not-covered", rig: func(r *rig) {
		r.found.Clocks = []Clock{{Item: r.item.ID, Box: [4]int{200_000, 150_000, 200_000, 40_000}}}
	}},
	{name: "where the clock is is not known", gate: GateClock, reason: "not-covered", rig: func(r *rig) { r.found.Clocks = []Clock{{Item: r.item.ID}} }},
	{name: "an exact time and copies", gate: GateTime, reason: "copies-differ", rig: func(r *rig) { r.found.Copies = []string{r.item.ID} },
		text: func(_ *rig, d *Draft) { d.Summary = all("At 14:03:22 it began.", "x", "x") }},
	{name: "an exact date and copies", gate: GateTime, reason: "copies-differ", rig: func(r *rig) { r.found.Copies = []string{r.item.ID} },
		text: func(_ *rig, d *Draft) { d.Recorded.EDTF = "2020-08-12T14:03:22" }},
	{name: "SHA-256 of an original", gate: GateOriginal, reason: "digest", text: func(r *rig, d *Draft) { d.Summary = all("x", hex.EncodeToString(r.item.SHA256), "x") }},
	{name: "the same in capitals", gate: GateOriginal, reason: "digest", text: func(r *rig, d *Draft) { d.Summary = all("x", strings.ToUpper(hex.EncodeToString(r.item.SHA256)), "x") }},
	{name: "the same in base64 in the proof", gate: GateOriginal, reason: "digest", rig: func(r *rig) { r.proof = []byte(base64.StdEncoding.EncodeToString(r.item.SHA256)) }},
	{name: "the same in bytes", gate: GateOriginal, reason: "digest", rig: func(r *rig) { r.proof = append([]byte("x"), r.item.SHA256...) }},
	{name: "SHA-1 of an original", gate: GateOriginal, reason: "digest", rig: func(r *rig) {
		sum := sha1.Sum(r.original)
		r.proof = []byte(hex.EncodeToString(sum[:]))
	}},
	{name: "MD5 of an original", gate: GateOriginal, reason: "digest", text: func(r *rig, d *Draft) {
		sum := md5.Sum(r.original)
		d.Summary = all("md5 "+hex.EncodeToString(sum[:]), "x", "x")
	}},
	{name: "bytes of an original in the clip", gate: GateOriginal, reason: "bytes", rig: func(r *rig) {
		clip := slices.Concat(bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz012345"), 40), r.original[77_777:77_777+2*blockSize])
		r.write(func(tx *store.Tx) { r.facts.Rendered.Files[0] = r.rendition(tx, clip, 720, 1280) })
	}},
	{name: "a language is missing", gate: GateLanguages, reason: "incomplete", text: func(_ *rig, d *Draft) { d.Summary = Words{"en": "Only in one."} }},
	{name: "hard to watch without a warning", gate: GateWarnings, reason: "none", rig: func(r *rig) { r.setDifficulty(2) }},
	{name: "nobody judged", gate: GateWarnings, reason: "not-judged", rig: func(r *rig) { r.setDifficulty(-1) }},
	{name: "not in the log yet", gate: GateProof, reason: "next-tick", waits: true, rig: func(r *rig) { r.pending = true }},
	{name: "share not counted", gate: GateShare, reason: "not-counted", rig: func(r *rig) { r.share = bundle.Share{Files: 0, OfFiles: 10} }},
	{name: "under embargo", gate: GateEmbargo, reason: "not-yet", waits: true, text: func(r *rig, d *Draft) { d.Embargo = r.clock.Add(24 * time.Hour) }},
}

// still puts another still into the rendering.
func (r *rig) still(b []byte) {
	r.write(func(tx *store.Tx) { r.facts.Rendered.Stills[0] = r.rendition(tx, b, 0, 64) })
}

func (r *rig) write(f func(tx *store.Tx)) {
	r.t.Helper()
	r.must(r.db.Write(ctx, func(tx *store.Tx) error { f(tx); return nil }))
}

func (r *rig) setDifficulty(n int) {
	r.write(func(tx *store.Tx) {
		_, err := tx.GradeItem(ctx, r.item.ID, n)
		r.must(err)
	})
}

func TestEachGate(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	r := newRig(t, storetest.Open(t, store.SQLite)) // one archive for all: each wrong thing is mended before the next
	for i, w := range wrongs {
		tried[w.gate] = true
		t.Run(w.name, func(t *testing.T) {
			kept, rendered := *r, *r.facts.Rendered
			rendered.Files, rendered.Stills = slices.Clone(rendered.Files), slices.Clone(rendered.Stills)
			r.facts.Rendered = &rendered
			r.t = t
			defer func() {
				n, clock := r.item.Difficulty, r.clock
				*r = kept
				r.clock, r.item.Difficulty = clock, n
				r.setDifficulty(1)
			}()
			if w.rig != nil {
				w.rig(r)
			}
			d := r.draft()
			d.Slug = fmt.Sprintf("case-%d", i)
			if w.text != nil {
				w.text(r, &d)
			}
			v, err := r.room().Create(ctx, ann, d)
			r.must(err)
			want := w.gate + "." + w.reason
			err = r.room().Sign(ctx, bob, v.ID, 1)
			if w.waits {
				r.must(err)
				p, err := r.room().Publish(ctx, ann, v.ID)
				if w.gate == GateEmbargo {
					r.must(err)
					if p.Number != 0 {
						t.Fatal("published before its time")
					}
				} else if got := closedBy(t, err); !slices.Equal(got, []string{want}) {
					t.Fatalf("held up by %v, want %s", got, want)
				}
			} else if got := closedBy(t, err); !slices.Equal(got, []string{want}) {
				t.Fatalf("held up by %v, want %s", got, want)
			}
			if _, err := r.disk.Lstat(d.Slug); err == nil {
				t.Fatal("something is in the folder")
			}
			list, err := r.room().Checklist(ctx, ann, v.ID)
			r.must(err)
			// Sealed names are not asked for by a list.
			if len(r.sealed) == 0 && !slices.ContainsFunc(list, func(g Gate) bool { return g.Code == w.gate && g.Reason == w.reason }) {
				t.Errorf("the checklist does not show it: %+v", list)
			}
			// Signed without that gate, it is still refused when it is published: each gate is asked again.
			r.without = w.gate
			r.must(r.room().Sign(ctx, bob, v.ID, 1))
			if !w.waits {
				r.without = ""
				_, err = r.room().Publish(ctx, ann, v.ID)
				if got := closedBy(t, err); !slices.Equal(got, []string{want}) {
					t.Fatalf("published although %v, want %s", got, want)
				}
				r.without = w.gate
			}
			// Without that gate alone it goes out: the gate is what stood in the way.
			p, err := r.room().Publish(ctx, ann, v.ID)
			if err != nil || p.Number != 1 || !p.Placed {
				t.Fatalf("something else stands in the way: %+v, %v", p, err)
			}
		})
	}
	// Of these a wrong thing also closes others, or the database stands behind them: they have tests of their own.
	for _, g := range []string{GateFiles, GateCertainty, GateEdges, GateForm, GateCorrection, GateFourEyes} {
		tried[g] = true
	}
	for _, g := range Gates() {
		if !tried[g] {
			t.Errorf("gate %s is not tried", g)
		}
	}
}

// Gates whose wrong thing other gates notice as well are asked alone.
func TestGatesAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, store.SQLite))
	v := r.signed(nil)
	base, err := r.room().gather(ctx, ann, "view release", v.ID, toPublish)
	r.must(err)
	if closed, waiting := verdict(r.room().judge(base)); len(closed)+len(waiting) > 0 {
		t.Fatalf("held up by %+v %+v", closed, waiting)
	}
	for name, x := range map[string]struct {
		ask    func(*facts) Gate
		change func(*facts)
		state  GateState
		reason string
	}{
		"not rendered":           {gateFiles, func(f *facts) { f.plan.Rendered = nil }, Blocked, "not-rendered"},
		"a file is missing":      {gateFiles, func(f *facts) { f.weight.missing = []string{"x"} }, Blocked, "missing"},
		"not read":               {gateFiles, func(f *facts) { f.weighed = false }, Blocked, "not-read"},
		"metadata not read":      {gateMetadata, func(f *facts) { f.weighed = false }, Blocked, "not-read"},
		"traces not read":        {gateTraces, func(f *facts) { f.weighed = false }, Blocked, "not-read"},
		"originals not read":     {gateOriginal, func(f *facts) { f.weighed = false }, Blocked, "not-compared"},
		"an original not read":   {gateOriginal, func(f *facts) { f.weight.unread = []string{"x"} }, Blocked, "not-compared"},
		"no sentence":            {gateCertainty, func(f *facts) { f.draft.Sentences = nil }, Blocked, "no-sentence"},
		"no certainty":           {gateCertainty, func(f *facts) { f.draft.Sentences[0].Certainty = "" }, Blocked, "missing"},
		"another certainty":      {gateCertainty, func(f *facts) { f.draft.Sentences[0].Certainty = "sure" }, Blocked, "missing"},
		"a claim may not":        {gateConsent, func(f *facts) { f.refused.claims = []string{claimID} }, Blocked, "claim"},
		"surer than its claims":  {gateClaims, claimed(archive.Disputed, archive.Established), Warn, "surer-than-claims"},
		"as sure as its claims":  {gateClaims, claimed(archive.Probable, archive.Probable), OK, ""},
		"without a claim":        {gateClaims, func(f *facts) { f.draft.Sentences[0].Certainty = archive.Probable }, Warn, "without-claim"},
		"a word of a folder":     {gateTraces, func(f *facts) { f.weight.found = map[string][]string{"text.en.txt": {needlePlain}} }, Warn, "plain"},
		"an exact time":          {gateTime, func(f *facts) { f.draft.Recorded.EDTF = "2020-08-12T10" }, Warn, "exact"},
		"begins with the source": {gateEdges, func(f *facts) { f.plan.Plan.Cuts = []plan.Cut{{FromUS: 0, ToUS: 5_000_000}} }, Warn, "whole-source"},
		"ends with the source":   {gateEdges, func(f *facts) { f.plan.Plan.Cuts = []plan.Cut{{FromUS: 5_000_000, ToUS: 60_000_000}} }, Warn, "whole-source"},
		"a form":                 {gateForm, func(f *facts) { f.weight.form = bundle.ErrFormat }, Blocked, "not-well-formed"},
		"no languages":           {gateLanguages, func(f *facts) { f.draft.Languages = nil }, Blocked, "none"},
		"nothing said":           {gateCorrection, func(f *facts) { d := f.draft.clone(); d.Title["en"] = "y"; f.outDraft = &d }, Blocked, "not-said"},
		"only what followed": {gateCorrection, func(f *facts) {
			d := f.draft.clone()
			d.Followed = []Followed{{Date: "2026-01-01"}}
			f.outDraft = &d
		}, OK, ""},
		"not stated":               {gateProof, func(f *facts) { f.plan.Rendered.Clip = "" }, Blocked, "not-stated"},
		"not proved":               {gateProof, func(f *facts) { f.weight.unproved = true }, Blocked, "not-proved"},
		"not told":                 {gateProof, func(f *facts) { f.weight.unasked, f.purpose = true, toShow }, Waiting, "for-publishers"},
		"not told, and published":  {gateProof, func(f *facts) { f.weight.unasked, f.weight.proof = true, nil }, Blocked, "not-proved"},
		"an empty proof":           {gateProof, func(f *facts) { f.weight.proof = nil }, Blocked, "not-proved"},
		"an empty proof of scope":  {gateProof, func(f *facts) { f.weight.scope = nil }, Blocked, "not-proved"},
		"more shown than held":     {gateShare, func(f *facts) { f.weight.share = &bundle.Share{Files: 11, OfFiles: 10} }, Blocked, "not-counted"},
		"no share":                 {gateShare, func(f *facts) { f.weight.share = nil }, Blocked, "not-counted"},
		"nobody signed":            {gateFourEyes, func(f *facts) { f.signed = nil }, Blocked, "nobody-signed"},
		"an author signed":         {gateFourEyes, func(f *facts) { f.authors = []string{bob.Agent} }, Blocked, "own-text"},
		"who drew the plan signed": {gateFourEyes, func(f *facts) { f.plan.Authors = []string{bob.Agent} }, Blocked, "own-text"},
		"no author":                {gateFourEyes, func(f *facts) { f.authors = nil }, Blocked, "no-author"},
		"an author would sign":     {gateFourEyes, func(f *facts) { f.purpose = toSign }, Blocked, "own-text"},
		"who drew would sign":      {gateFourEyes, func(f *facts) { f.purpose, f.who = toSign, eve }, Blocked, "own-text"},
	} {
		f := *base
		f.draft = base.draft.clone()
		rendered := *base.plan.Rendered
		f.plan.Rendered = &rendered
		if g := x.ask(&f); name != "without a claim" && name != "surer than its claims" && g.State != OK {
			t.Errorf("%s: closed before: %+v", name, g)
		}
		x.change(&f)
		if g := x.ask(&f); g.State != x.state || g.Reason != x.reason {
			t.Errorf("%s: %+v, want %s %s", name, g, x.state, x.reason)
		}
	}
}

func claimed(claim, sentence archive.Certainty) func(*facts) {
	return func(f *facts) {
		f.claims = map[string]archive.Claim{claimID: {ID: claimID, Certainty: claim}}
		f.draft.Sentences[0].Claims, f.draft.Sentences[0].Certainty = []string{claimID}, sentence
	}
}

func TestClocks(t *testing.T) {
	t.Parallel()
	p := plan.Plan{Sources: []string{"it_1"}, Cuts: []plan.Cut{{FromUS: 0, ToUS: 2_000_000}}, Tracks: []plan.Track{{Kind: plan.Solid, UntilEnd: true,
		Keys: []plan.Key{{AtUS: 0, Box: [4]int{0, 0, 500_000, 100_000}}}}}}
	clock := []Clock{{Item: "it_1", Box: [4]int{100_000, 10_000, 300_000, 50_000}}}
	if open := uncoveredClocks(p, clock); len(open) > 0 {
		t.Errorf("covered: %v", open)
	}
	// For less than a tenth of a second, between two masks.
	gap := p
	gap.Tracks = []plan.Track{
		{Kind: plan.Solid, Keys: []plan.Key{{AtUS: 0, Box: [4]int{0, 0, 500_000, 100_000}}, {AtUS: 510_000, Box: [4]int{0, 0, 500_000, 100_000}}}},
		{Kind: plan.Solid, UntilEnd: true, Keys: []plan.Key{{AtUS: 590_000, Box: [4]int{0, 0, 500_000, 100_000}}}},
	}
	if open := uncoveredClocks(gap, clock); len(open) != 1 {
		t.Error("the clock can be read for two frames")
	}
	late := p
	late.Tracks = []plan.Track{{Kind: plan.Solid, UntilEnd: true, Keys: []plan.Key{{AtUS: 300_000, Box: [4]int{0, 0, 500_000, 100_000}}}}}
	if open := uncoveredClocks(late, clock); len(open) != 1 {
		t.Error("the clock can be read for a moment at the beginning")
	}
	hidden := plan.Plan{Sources: p.Sources, Cuts: p.Cuts, Picture: plan.Picture{Hide: true}}
	if open := uncoveredClocks(hidden, clock); len(open) > 0 {
		t.Errorf("everything is hidden: %v", open)
	}
	hidden.Tracks = []plan.Track{{Kind: plan.Solid, Reveal: true, UntilEnd: true, Keys: []plan.Key{{AtUS: 0, Box: [4]int{200_000, 0, 500_000, 500_000}}}}}
	if open := uncoveredClocks(hidden, clock); len(open) != 1 {
		t.Error("a part that is shown shows the clock")
	}
	other := []Clock{{Item: "it_2", Box: clock[0].Box}}
	if open := uncoveredClocks(late, other); len(open) > 0 {
		t.Error("a clock of another item")
	}
	two := p
	two.Tracks = []plan.Track{
		{Kind: plan.Solid, UntilEnd: true, Keys: []plan.Key{{AtUS: 0, Box: [4]int{0, 0, 250_000, 100_000}}}},
		{Kind: plan.Pixelate, UntilEnd: true, Keys: []plan.Key{{AtUS: 0, Box: [4]int{250_000, 0, 250_000, 100_000}}}},
	}
	if open := uncoveredClocks(two, clock); len(open) > 0 {
		t.Error("two masks side by side cover it")
	}
}

// What cannot be read is not searched, and says so.
func TestWhatIsNotSearchedIsMissing(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, store.SQLite))
	v := r.signed(nil)
	s := r.room()
	f, err := s.gather(ctx, ann, "view release", v.ID, toShow)
	r.must(err)
	f.weight.missing, f.weighed = nil, false
	broken := literal(bundle.TextName("en"), []byte("x"))
	broken.open = func() (io.ReadCloser, error) { return nil, errDisk }
	r.must(s.read(ctx, f, []file{broken}))
	if g := gateFiles(f); g.State != Blocked || g.Reason != "missing" {
		t.Errorf("%+v", g)
	}
}

// An account that is made, or a name of the provenance that is learned, between reading and deciding was not looked for.
func TestNewTracesStopTheAct(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, store.SQLite))
	v := r.signed(nil)
	s := r.room()
	s.o.DB = &between{Database: r.db, do: func() { r.found.Agents = []string{"yard"} }}
	_, err := s.Publish(ctx, ann, v.ID)
	is(t, "published", err, archive.ErrConflict)
}
