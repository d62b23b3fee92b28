package release

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func TestFromDraftToTombstone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		s := r.room()
		d := r.draft()
		v, err := s.Create(ctx, ann, d)
		r.must(err)
		if v.State != StateDraft || v.Head != 1 || v.PlanVersion != 3 || !slices.Equal(v.Authors, []string{ann.Agent}) {
			t.Errorf("begun as %+v", v.Release)
		}

		// Versions.
		d.Title["en"] = "  Blows in the exercise yard "
		second, err := s.Save(ctx, ann, v.ID, 1, d, "clearer")
		r.must(err)
		if second.Number != 2 || second.Draft.Title["en"] != "Blows in the exercise yard" {
			t.Errorf("saved %+v", second)
		}
		_, err = s.Save(ctx, finder, v.ID, 1, r.draft(), "")
		is(t, "a stale base", err, archive.ErrConflict)
		if same, err := s.Save(ctx, finder, v.ID, 2, d, ""); err != nil || same.Number != 2 {
			t.Errorf("nothing changed, and made version %d, %v", same.Number, err)
		}
		if first, err := s.Version(ctx, reviewer, v.ID, 1); !errors.Is(err, archive.ErrForbidden) {
			t.Errorf("a reviewer read %+v, %v", first, err)
		}
		if first, err := s.Version(ctx, finder, v.ID, 1); err != nil || first.Draft.Title["en"] != "Blows in the yard" {
			t.Errorf("first %+v, %v", first, err)
		}

		// Four eyes.
		for _, who := range []policy.Subject{ann, eve} { // the text's author, the plan's author
			if got := closedBy(t, s.Sign(ctx, who, v.ID, 2)); !slices.Equal(got, []string{"four-eyes.own-text"}) {
				t.Errorf("%s: %v", who.Agent, got)
			}
		}
		is(t, "an investigator signs", s.Sign(ctx, finder, v.ID, 2), archive.ErrForbidden)
		is(t, "an old version is signed", s.Sign(ctx, bob, v.ID, 1), archive.ErrConflict)
		_, err = s.Publish(ctx, ann, v.ID)
		if got := closedBy(t, err); !slices.Equal(got, []string{"four-eyes.nobody-signed"}) {
			t.Errorf("unsigned: %v", got)
		}
		r.must(s.Sign(ctx, bob, v.ID, 2))
		r.must(s.Sign(ctx, bob, v.ID, 2)) // twice is once
		_, err = s.Publish(ctx, finder, v.ID)
		is(t, "an investigator publishes", err, archive.ErrForbidden)
		if x, err := s.Release(ctx, finder, "yard-2020"); err != nil || x.State != StateSigned || x.SignedBy != bob.Agent {
			t.Errorf("by slug %+v, %v", x.Release, err)
		}

		// A word more, and the signature is of something else.
		d.Summary = all("More.", "Больше.", "Більше.")
		_, err = s.Save(ctx, ann, v.ID, 2, d, "")
		r.must(err)
		_, err = s.Publish(ctx, ann, v.ID)
		if got := closedBy(t, err); !slices.Equal(got, []string{"four-eyes.nobody-signed"}) {
			t.Errorf("changed since: %v", got)
		}
		r.must(s.Sign(ctx, bob, v.ID, 3))
		// Other bytes of the rendering, too.
		kept := r.facts.Rendered.Poster
		r.write(func(tx *store.Tx) { r.facts.Rendered.Poster = r.rendition(tx, r.jpeg(33), 0, 64) })
		_, err = s.Publish(ctx, ann, v.ID)
		if got := closedBy(t, err); !slices.Equal(got, []string{"four-eyes.nobody-signed"}) {
			t.Errorf("rendered anew since: %v", got)
		}
		r.facts.Rendered.Poster = kept

		p, err := s.Publish(ctx, ann, v.ID)
		r.must(err)
		if p.Number != 1 || p.Version != 3 || !p.Placed || p.SignedBy != bob.Agent || p.By != ann.Agent {
			t.Errorf("published %+v", p)
		}
		doc := r.verified("yard-2020/v1")
		if doc.Text["uk"].Summary != "Більше." || doc.Clip.Files[0].Bytes != 30_000 || doc.Masks[0] != (bundle.Mask{Reason: "face", Count: 1}) || doc.Proof.Share.OfFiles != 10 || doc.Clip.Width != 1280 {
			t.Errorf("%+v", doc)
		}
		for _, step := range doc.Custody {
			if step.What == "received" || step.What == "sealed" {
				t.Error("it tells when it came in")
			}
		}
		for name := range r.contents(r.disk) {
			raw := r.read(r.disk, name)
			for _, who := range []string{ann.Agent, bob.Agent, eve.Agent, planID, r.item.ID, "/home/", "faultfs"} {
				if bytes.Contains(raw, []byte(who)) {
					t.Errorf("%s names %s", name, who)
				}
			}
		}
		_, err = s.Publish(ctx, ann, v.ID)
		is(t, "twice", err, archive.ErrConflict)
		x, err := s.Release(ctx, ann, v.ID)
		r.must(err)
		if x.State != StatePublished || x.Out != 1 || x.Concern || len(x.Acts) != 3 {
			t.Errorf("%+v %+v", x.Release, x.Acts)
		}
		events := r.events(v.ID)
		if n := len(events); n < 6 || !strings.Contains(string(events[n-1].Event), hexSum(p.SHA256)) {
			t.Errorf("%d events", n)
		}
		// The ledger knows of it, so that a consent taken back finds it.
		r.must(r.db.Read(ctx, func(tx *store.Tx) error {
			found, err := tx.ExportsWith(ctx, r.item.ID)
			if err != nil || len(found) != 1 || found[0].Purpose != "publication" || found[0].Audience != "public" {
				t.Errorf("ledger %+v, %v", found, err)
			}
			return err
		}))
		r.refused.items = []string{"kn_1"}
		if x, err := s.Release(ctx, ann, v.ID); err != nil || !x.Concern {
			t.Errorf("a consent was taken back and nothing lights up (%v)", err)
		}
		r.refused.items, r.noPlan = nil, true
		if x, err := s.Release(ctx, ann, v.ID); err != nil || !x.Concern {
			t.Errorf("an item was erased and nothing lights up (%v)", err)
		}
		r.noPlan = false

		// A correction: another version, with other four eyes, and a public line.
		_, err = s.Correct(ctx, ann, v.ID, Words{"en": "Only in one language."})
		is(t, "in one language", err, archive.ErrInvalid)
		bad := x.Version.Draft.clone()
		bad.Slug = "another"
		_, err = s.Save(ctx, ann, v.ID, 3, bad, "")
		is(t, "another slug", err, archive.ErrInvalid)
		c, err := s.Correct(ctx, bob, v.ID, all("It was the morning.", "Это было утро.", "То був ранок."))
		r.must(err)
		d = c.Draft
		d.Sentences[0].Text = all("It was in the morning.", "Это было утром.", "Це було вранці.")
		c, err = s.Save(ctx, bob, v.ID, c.Number, d, "")
		r.must(err)
		if got := closedBy(t, s.Sign(ctx, bob, v.ID, c.Number)); !slices.Equal(got, []string{"four-eyes.own-text"}) {
			t.Errorf("the author of the correction: %v", got)
		}
		r.must(s.Sign(ctx, ann, v.ID, c.Number)) // what ann wrote was signed by bob before
		p, err = s.Publish(ctx, bob, v.ID)
		r.must(err)
		second2 := r.verified("yard-2020/v2")
		if p.Number != 2 || len(second2.Corrections) != 1 || second2.Corrections[0].Release != 2 || second2.FirstPublished != doc.FirstPublished {
			t.Errorf("%+v", second2.Corrections)
		}
		if first := r.verified("yard-2020/v1"); first.State != bundle.Published || first.Clip == nil {
			t.Error("the same clip: the first one stays")
		}

		// What followed is no correction.
		x, err = s.Release(ctx, ann, v.ID)
		r.must(err)
		d = x.Version.Draft
		d.Followed = []Followed{{Date: "2026-11-21", Kind: "press", Text: all("A paper wrote.", "Писала газета.", "Писала газета."), URL: "https://news.test/1"}}
		c, err = s.Save(ctx, ann, v.ID, x.Head, d, "")
		r.must(err)
		r.must(s.Sign(ctx, bob, v.ID, c.Number))
		_, err = s.Publish(ctx, ann, v.ID)
		r.must(err)
		if doc := r.verified("yard-2020/v3"); len(doc.Corrections) != 1 || len(doc.Followed) != 1 {
			t.Errorf("what followed: %+v %+v", doc.Corrections, doc.Followed)
		}
		// Taking texts away is said in public, too.
		d.Replace = true
		c, err = s.Save(ctx, ann, v.ID, c.Number, d, "")
		r.must(err)
		if got := closedBy(t, s.Sign(ctx, bob, v.ID, c.Number)); !slices.Equal(got, []string{"correction.not-said"}) {
			t.Errorf("replaced without a word: %v", got)
		}

		_, err = s.Correct(ctx, ann, v.ID, all("Another.", "Другое.", "Інше."))
		is(t, "a correction while another is being written", err, archive.ErrConflict)

		// Another clip: the media of the earlier ones go, and their texts with them.
		r.plans[3] = r.facts
		r.facts.Version, r.facts.Head = 4, 4
		fresh := *r.facts.Rendered
		fresh.Clip = "cl_00000000000000000000000002"
		fresh.Files = slices.Clone(fresh.Files)
		r.write(func(tx *store.Tx) {
			fresh.Files[0] = r.rendition(tx, bytes.Repeat([]byte("another "), 4000), 720, 1280)
		})
		r.facts.Rendered = &fresh
		d.Correction, d.Replace, d.PlanVersion = all("A face could be seen.", "Было видно лицо.", "Було видно обличчя."), false, 4
		c, err = s.Save(ctx, ann, v.ID, c.Number, d, "")
		r.must(err)
		r.must(s.Sign(ctx, bob, v.ID, c.Number))
		_, err = s.Publish(ctx, ann, v.ID)
		r.must(err)
		for _, dir := range []string{"yard-2020/v1", "yard-2020/v2", "yard-2020/v3"} {
			if doc := r.verified(dir); doc.State != bundle.Withdrawn || doc.Withdrawn.Reason["uk"] != "Було видно обличчя." {
				t.Errorf("%s: %+v", dir, doc.Withdrawn)
			}
		}
		if doc := r.verified("yard-2020/v4"); doc.State != bundle.Published || len(doc.Corrections) != 2 {
			t.Errorf("fourth: %+v", doc.Corrections)
		}

		// Withdrawal.
		is(t, "withdrawn by an investigator", s.Withdraw(ctx, finder, v.ID, all("a", "b", "c")), archive.ErrForbidden)
		is(t, "without a reason", s.Withdraw(ctx, ann, v.ID, Words{"en": "x"}), archive.ErrInvalid)
		r.sealed = map[string]string{"kn_1": "Гончаренко Михайло"}
		if got := closedBy(t, s.Withdraw(ctx, ann, v.ID, all("As Honcharenko asked", "x", "y"))); !slices.Equal(got, []string{"people.protected"}) {
			t.Errorf("a reason that names: %v", got)
		}
		r.must(s.Withdraw(ctx, ann, v.ID, all("Somebody asked.", "Об этом попросили.", "Про це попросили.")))
		for name := range r.contents(r.disk) {
			if !slices.Contains([]string{"release.json", "proof.json", "scope.json", "SHA256SUMS"}, name[strings.LastIndex(name, "/")+1:]) {
				t.Errorf("%s is still there", name)
			}
		}
		doc = r.verified("yard-2020/v4")
		if doc.State != bundle.Withdrawn || doc.Withdrawn.Reason["en"] != "Somebody asked." || doc.Text["en"].Title != "" || len(doc.Corrections) != 0 {
			t.Errorf("tombstone %+v", doc)
		}
		is(t, "withdrawn twice", s.Withdraw(ctx, ann, v.ID, all("a", "b", "c")), archive.ErrConflict)
		_, err = s.Correct(ctx, ann, v.ID, all("a", "b", "c"))
		is(t, "corrected after that", err, archive.ErrConflict)
		_, err = s.Publish(ctx, ann, v.ID)
		is(t, "published after that", err, archive.ErrConflict)
		if list, err := s.List(ctx, finder); err != nil || len(list) != 1 || list[0].State != StateWithdrawn {
			t.Errorf("list %+v, %v", list, err)
		}
	})
}

// Who drafts learns nothing from a name: drafts may want one name, and the first that is published has it.
func TestDraftsMayWantOneName(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		s := r.room()
		secret, err := s.Create(ctx, ann, r.draft())
		r.must(err)
		other, err := s.Create(ctx, ann, r.draft())
		r.must(err)
		if other.Slug != "yard-2020" || secret.Slug != "yard-2020" {
			t.Errorf("named %q and %q", secret.Slug, other.Slug)
		}
		_, err = s.Release(ctx, ann, "yard-2020")
		is(t, "two drafts of one name", err, archive.ErrConflict)
		d := r.draft()
		d.Slug = "third"
		third, err := s.Create(ctx, ann, d)
		r.must(err)
		if x, err := s.Release(ctx, ann, "third"); err != nil || x.ID != third.ID {
			t.Errorf("by the name that it wants: %v, %v", x.ID, err)
		}
		// Nor does somebody who may see nothing of it.
		_, err = s.Release(ctx, policy.Subject{Agent: bob.Agent, Role: archive.RolePublisher, Scope: archive.Scope{Accessions: []string{"ac_1"}, MaxDifficulty: -1}}, "third")
		is(t, "by name, unseen", err, archive.ErrNotFound)
		list, err := s.Checklist(ctx, ann, other.ID)
		r.must(err)
		if slices.ContainsFunc(list, func(g Gate) bool { return g.Reason == "taken" }) {
			t.Error("a draft has taken the name")
		}
		r.must(s.Sign(ctx, bob, secret.ID, 1))
		r.must(s.Sign(ctx, bob, other.ID, 1))
		_, err = s.Publish(ctx, ann, other.ID)
		r.must(err)
		if x, err := s.Release(ctx, ann, "yard-2020"); err != nil || x.ID != other.ID || x.Slug != "yard-2020" {
			t.Errorf("by its name: %+v, %v", x.Release, err)
		}
		_, err = s.Publish(ctx, ann, secret.ID)
		if got := closedBy(t, err); !slices.Equal(got, []string{"form.taken"}) {
			t.Errorf("two releases of one name: %v", got)
		}
		// Also if somebody else was faster by a moment.
		s.without = GateForm
		_, err = s.Publish(ctx, ann, secret.ID)
		if got := closedBy(t, err); !slices.Equal(got, []string{"form.taken"}) {
			t.Errorf("two releases of one name: %v", got)
		}
	})
}

// Something that may name somebody protected is looked at by who signs, and counted; what comes later is looked at again.
func TestDoubtfulNamesAreLookedAt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		s := r.room()
		r.sealed = map[string]string{"kn_1": "Сергей Осечкин"}
		d := r.draft()
		d.Summary = all("x", "Сергей видел это.", "x")
		d.Credit = all("Serhiy", "x", "x")
		v, err := s.Create(ctx, ann, d)
		r.must(err)
		if list, err := s.Checklist(ctx, ann, v.ID); err != nil || slices.ContainsFunc(list, func(g Gate) bool { return g.Code == GatePeople && g.State != OK }) {
			t.Errorf("who writes learns it: %+v, %v", list, err)
		}
		for n, want := range []string{"people.not-looked-at", "people.not-looked-at"} {
			err := s.SignHavingRead(ctx, bob, v.ID, 1, n)
			if got := closedBy(t, err); !slices.Equal(got, []string{want}) {
				t.Errorf("having looked at %d: %v", n, got)
			}
			var x *Refused
			if errors.As(err, &x); !slices.Equal(x.Gates[0].At, []string{"summary.ru", "credit.en"}) && !slices.Equal(x.Gates[0].At, []string{"credit.en", "summary.ru"}) {
				t.Errorf("places %v", x.Gates[0].At)
			}
		}
		if n := len(r.tried(v.ID)); n != 2 {
			t.Errorf("%d refusals are recorded", n)
		}
		r.must(s.SignHavingRead(ctx, bob, v.ID, 1, 2))
		if x, err := s.Release(ctx, ann, v.ID); err != nil || x.SignedBy != bob.Agent || x.Acts[0].Note != "" {
			t.Errorf("%+v, %v", x.Acts, err)
		}
		// Meanwhile another person is protected whose name it may be.
		r.sealed["kn_2"] = "Тарас Удар"
		_, err = s.Publish(ctx, ann, v.ID)
		if got := closedBy(t, err); !slices.Equal(got, []string{"people.not-looked-at"}) {
			t.Errorf("published: %v", got)
		}
		if n := len(r.tried(v.ID)); n != 3 {
			t.Errorf("%d refusals are recorded", n)
		}
		delete(r.sealed, "kn_2")
		_, err = s.Publish(ctx, ann, v.ID)
		r.must(err)
		for _, e := range r.exports {
			if slices.ContainsFunc(e.Entries, func(x store.ExportEntry) bool { return x.Kind == store.EntryEntity }) {
				t.Errorf("somebody who may not be named at all is in the ledger: %+v", e.Entries)
			}
		}
		// What is surely a name is not helped by looking.
		d.Slug, d.Summary = "two", all("x", "Рассказал Осечкин", "x")
		w, err := s.Create(ctx, ann, d)
		r.must(err)
		if got := closedBy(t, s.SignHavingRead(ctx, bob, w.ID, 1, 99)); !slices.Equal(got, []string{"people.protected"}) {
			t.Errorf("signed: %v", got)
		}
	})
}

// tried gives the recorded refusals because of whom a text names.
func (r *rig) tried(id string) (out []store.Opening) {
	for _, o := range r.events(id) {
		if bytes.Contains(o.Event, []byte("refused")) && bytes.Contains(o.Event, []byte(`"gate":"people"`)) {
			out = append(out, o)
		}
	}
	return out
}

// While a correction is being written, what is out still lights up for what is wrong with it.
func TestConcernIsAboutWhatIsOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, store.SQLite))
	s := r.room()
	v := r.signed(func(d *Draft) { d.Credit = all("Taras Bulba", "x", "x") })
	_, err := s.Publish(ctx, ann, v.ID)
	r.must(err)
	r.persons = []Person{{Entity: "kn_1", Protected: true, Names: []string{"Тарас Бульба"}}}
	c, err := s.Correct(ctx, ann, v.ID, all("a", "b", "c"))
	r.must(err)
	d := c.Draft
	d.Credit = all("y", "y", "y")
	_, err = s.Save(ctx, ann, v.ID, c.Number, d, "")
	r.must(err)
	if x, err := s.Release(ctx, ann, v.ID); err != nil || !slices.Equal(x.Concerns, []string{GatePeople}) || !x.Concern {
		t.Errorf("%v, %v", x.Concerns, err)
	}
}

func is(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func hexSum(sum [32]byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, c := range sum {
		b.WriteByte(digits[c>>4])
		b.WriteByte(digits[c&15])
	}
	return b.String()
}

func (r *rig) events(id string) (out []store.Opening) {
	r.t.Helper()
	r.must(r.db.Read(ctx, func(tx *store.Tx) (err error) {
		all, err := tx.Openings(ctx, 0, 1000)
		for _, o := range all {
			if bytes.Contains(o.Event, []byte(id)) {
				out = append(out, o)
			}
		}
		return err
	}))
	return out
}

// Whoever may not see an item sees nothing of a release of it.
func TestReleasesAreSeenWithTheirItems(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, store.SQLite))
	v := r.signed(nil)
	s := r.room()
	for name, scope := range map[string]archive.Scope{"another accession": {Accessions: []string{"ac_1"}, MaxDifficulty: -1}, "easier things": {All: true, MaxDifficulty: 0}} {
		who := policy.Subject{Agent: bob.Agent, Role: archive.RolePublisher, Scope: scope}
		for act, err := range map[string]error{
			"release": second(s.Release(ctx, who, v.ID)), "list": nil, "checklist": second(s.Checklist(ctx, who, v.ID)), "preview": second(s.Preview(ctx, who, v.ID)), "sign": s.Sign(ctx, who, v.ID, 1),
			"publish": second(s.Publish(ctx, who, v.ID)), "withdraw": s.Withdraw(ctx, who, v.ID, all("a", "b", "c")), "save": second(s.Save(ctx, who, v.ID, 1, r.draft(), "")),
			"correct": second(s.Correct(ctx, who, v.ID, all("a", "b", "c"))), "version": second(s.Version(ctx, who, v.ID, 1)), "create": second(s.Create(ctx, who, otherSlug(r.draft()))),
		} {
			if act == "list" {
				if list, err := s.List(ctx, who); err != nil || len(list) > 0 {
					t.Errorf("%s lists %v, %v", name, list, err)
				}
				continue
			}
			is(t, name+" "+act, err, archive.ErrNotFound)
		}
		if _, _, err := s.File(ctx, who, v.ID, "clip-720.mp4"); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%s reads a file: %v", name, err)
		}
	}
	f, n, err := s.File(ctx, finder, v.ID, "clip-720.mp4")
	r.must(err)
	if b, err := io.ReadAll(f); err != nil || int64(len(b)) != n || n != 30_000 {
		t.Errorf("%d of %d bytes, %v", len(b), n, err)
	}
	r.must(f.Close())
	for _, act := range []error{second(s.Checklist(ctx, policy.Subject{}, v.ID)), second(s.List(ctx, reviewer)), second(s.Create(ctx, reviewer, r.draft()))} {
		is(t, "nobody", act, archive.ErrForbidden)
	}
}

func otherSlug(d Draft) Draft { d.Slug = "other"; return d }

func second[T any](_ T, err error) error { return err }

func TestEmbargo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		v := r.signed(func(d *Draft) { d.Embargo = r.clock.Add(24 * time.Hour) })
		s := r.room()
		p, err := s.Publish(ctx, ann, v.ID)
		r.must(err)
		if p.Number != 0 || !p.At.After(r.clock) {
			t.Errorf("%+v", p)
		}
		if x, err := s.Release(ctx, ann, v.ID); err != nil || x.State != StateScheduled {
			t.Errorf("%v, %v", x.State, err)
		}
		r.must(s.Settle(ctx))
		if n := len(r.contents(r.disk)); n > 0 {
			t.Fatal("out before its time")
		}
		r.clock = r.clock.Add(25 * time.Hour)
		// Whoever asked for it may not publish any more.
		r.agents[ann.Agent] = true
		is(t, "switched off", s.Settle(ctx), archive.ErrForbidden)
		delete(r.agents, ann.Agent)
		// A gate that closed meanwhile holds it up, and it is tried again.
		r.refused.items = []string{"kn_1"}
		r.must(s.Settle(ctx))
		if n := len(r.contents(r.disk)); n > 0 {
			t.Fatal("out although a consent was taken back")
		}
		r.refused.items = nil
		r.must(s.Settle(ctx))
		if doc := r.verified("yard-2020/v1"); doc.State != bundle.Published {
			t.Error("not out")
		}
		r.must(s.Settle(ctx))
		if x, err := s.Release(ctx, ann, v.ID); err != nil || x.State != StatePublished || len(x.Publications) != 1 {
			t.Errorf("%+v, %v", x.Release, err)
		}
		// What is written after it was put off has to be asked for again.
		w := r.signed(func(d *Draft) { d.Slug, d.Embargo = "two", r.clock.Add(24*time.Hour) })
		_, err = s.Publish(ctx, ann, w.ID)
		r.must(err)
		d := w.Version.Draft
		d.Credit = all("a", "b", "c")
		_, err = s.Save(ctx, ann, w.ID, 1, d, "")
		r.must(err)
		r.clock = r.clock.Add(48 * time.Hour)
		r.must(s.Settle(ctx))
		if _, err := r.disk.Lstat("two"); err == nil {
			t.Error("published a version that nobody asked to be published")
		}
	})
}

// What is published says no more exactly where it was than the precision beside it, and of what nobody has judged nobody says that it is easy to watch.
func TestNoMoreIsSaidThanIsKnown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		r.setDifficulty(archive.Unjudged)
		lat, lon := bundle.Degrees(515314), bundle.Degrees(-460071)
		v := r.signed(func(d *Draft) {
			d.Warnings = []Warning{{ToMS: 500, Text: all("a", "b", "c")}}
			d.Place.Lat, d.Place.Lon, d.Place.Precision = &lat, &lon, bundle.PrecisionRegion
		})
		_, err := r.room().Publish(ctx, ann, v.ID)
		r.must(err)
		doc := r.verified(v.Version.Draft.Slug + "/v1")
		if doc.Clip.Difficulty != archive.Hardest {
			t.Errorf("nobody has judged it, and it is published as %d", doc.Clip.Difficulty)
		}
		if p := doc.Place; *p.Lat != 520000 || *p.Lon != -460000 {
			t.Errorf("a region is published at %d, %d ten-thousandths of a degree", *p.Lat, *p.Lon)
		}
	})
}

// Texts that go out beside releases can be looked through for the same names, and doing so is seen in the record.
func TestTextsBesideReleasesAreLookedThrough(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r *rig) {
		s := r.room()
		r.sealed = map[string]string{"kn_1": "Сергей Осечкин"}
		recorded := func() (n int) {
			for _, o := range r.events("") {
				if bytes.Contains(o.Event, []byte("looked through")) {
					n++
				}
			}
			return n
		}
		if found, err := s.Look(ctx, ann, []string{"An official of the region.", "2022-02-11"}); err != nil || len(found) != 0 || recorded() != 0 {
			t.Errorf("nobody is named: %+v, %v, %d events", found, err, recorded())
		}
		found, err := s.Look(ctx, ann, []string{"Nobody.", "Сергей видел это."})
		if err != nil || !slices.Equal(found, []Named{{Protected: true, Maybe: true, Text: 1}}) || recorded() != 1 {
			t.Errorf("somebody may be named: %+v, %v, %d events", found, err, recorded())
		}
		found, err = s.Look(ctx, ann, []string{"Nobody.", "As Osechkin said"})
		if err != nil || !slices.Contains(found, Named{Protected: true, Text: -1}) || recorded() != 2 {
			t.Errorf("somebody is named: %+v, %v, %d events", found, err, recorded())
		}
		_, err = s.Look(ctx, policy.Subject{Agent: ann.Agent, Role: archive.RoleReviewer, Scope: ann.Scope}, []string{"x"})
		is(t, "a reviewer", err, archive.ErrForbidden)
	})
}
