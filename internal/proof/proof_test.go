package proof

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/internal/vault"
	"zapis/verify"
)

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestAScopeIsSealedOnceAndStated(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	a := r.film(2, 60)
	r.item([]byte("a letter"), time.Second)
	first := r.acc.ID
	r.close()
	r.open()
	r.item([]byte("still open"), time.Second)
	p := r.published()
	if p.Statement.Files != 2 || p.Statement.Milliseconds != 61_000 || p.Statement.Bytes != a.Size+8 || p.Statement.Origin != origin || p.Statement.SealedOn != "2026-11-20" ||
		!slices.Equal(p.Sealed, []string{first}) || !slices.Equal(p.Open, []string{r.acc.ID}) || p.Tick != -1 {
		t.Errorf("%+v", p)
	}
	e := r.events(archive.EventSealing)
	if len(e) != 1 || e[0].Detail["files"] != "2" || e[0].Detail["statement"] != hex.EncodeToString(p.SHA256[:]) || e[0].Detail["root"] != hex.EncodeToString(p.Statement.Accessions[0].Root[:]) {
		t.Errorf("%+v", e)
	}
	if again := r.published(); !again.Again || again.ID != p.ID {
		t.Errorf("stating the same on the same day: %+v", again)
	}
	if n := len(r.events(archive.EventDissemination)); n != 1 {
		t.Errorf("%d events of stating", n)
	}
	// Another accession on another day: the seal of the first one stays.
	r.close()
	r.tick()
	second := r.published()
	if second.Again || second.Statement.Files != 3 || len(second.Sealed) != 1 || len(second.Statement.Accessions) != 2 ||
		!slices.Contains(second.Statement.Accessions, p.Statement.Accessions[0]) {
		t.Errorf("%+v", second)
	}
	list, err := r.proof.Scopes(ctx, admin)
	if err != nil || len(list) != 2 || list[0].Tick != 1 || list[1].Tick != -1 || list[0].SHA256 != p.SHA256 {
		t.Errorf("%+v %v", list, err)
	}
	got, err := r.proof.Audit(ctx, admin, first)
	if err != nil || got.Files != 2 || got.Root != p.Statement.Accessions[slices.Index(p.Accessions, first)].Root {
		t.Errorf("%+v %v", got, err)
	}
}

func TestAScopeIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	publish := func(who policy.Subject, p PublishScope) error {
		_, err := r.proof.PublishScope(ctx, who, p)
		return err
	}
	r.film(1, 10)
	is(t, "without a log", publish(admin, PublishScope{}), ErrNoLog)
	r.logged()
	is(t, "a reviewer", publish(reviewer, PublishScope{}), archive.ErrForbidden)
	is(t, "nobody", publish(policy.Subject{}, PublishScope{}), archive.ErrForbidden)
	is(t, "nothing closed", publish(admin, PublishScope{}), archive.ErrInvalid)
	is(t, "open", publish(admin, PublishScope{Accessions: []string{r.acc.ID}}), ErrOpen)
	is(t, "no such", publish(admin, PublishScope{Accessions: []string{archive.NewID(archive.PrefixAccession)}}), archive.ErrNotFound)
	is(t, "no identifier", publish(admin, PublishScope{Accessions: []string{"../etc"}}), archive.ErrInvalid)
	narrow := policy.Subject{Agent: person, Role: archive.RoleArchivist, Scope: archive.Scope{Accessions: []string{archive.NewID(archive.PrefixAccession)}, MaxDifficulty: -1}}
	r.item([]byte("not looked at"), 0)
	r.item([]byte("nor this"), 0)
	r.close()
	is(t, "outside the scope", publish(narrow, PublishScope{Accessions: []string{r.acc.ID}}), archive.ErrNotFound)
	err := publish(admin, PublishScope{})
	is(t, "not measured", err, ErrUnmeasured)
	if p := (*archive.Public)(nil); !errors.As(err, &p) || !strings.HasPrefix(p.Text, "2 of 3 items") {
		t.Errorf("it does not say how many are missing: %v", err)
	}
	r.read(func(tx *store.Tx) error {
		_, sealed, err := tx.AccessionSeal(ctx, r.acc.ID)
		if open, _ := tx.OpenStatements(ctx); sealed || len(open) != 0 {
			t.Error("a refused statement left something behind")
		}
		return err
	})
	p, err := r.proof.PublishScope(ctx, admin, PublishScope{Unmeasured: true})
	if err != nil || p.Statement.Unmeasured != 2 || p.Statement.Files != 3 || p.Statement.Milliseconds != 10_000 {
		t.Errorf("%+v %v", p, err)
	}
	empty := r.open()
	r.close()
	is(t, "empty", publish(admin, PublishScope{Accessions: []string{empty}}), archive.ErrInvalid)
}

// A file cannot inflate the totals by what it says of itself.
func TestHowLongAnItemIs(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	for name, c := range map[string]struct {
		it            store.SealableItem
		decoded       int64
		ms            int64
		known, looked bool
	}{
		"decoded":                      {store.SealableItem{Kind: archive.KindVideo, State: archive.ItemReady, Duration: hour}, 1_800_000, 1_800_000, true, true},
		"the container's word":         {store.SealableItem{Kind: archive.KindVideo, State: archive.ItemBrowsable, Duration: hour}, 0, 3_600_000, true, true},
		"an absurd word":               {store.SealableItem{Kind: archive.KindVideo, State: archive.ItemBrowsable, Duration: 1e5 * hour}, 0, 0, false, false},
		"an absurd word, ready":        {store.SealableItem{Kind: archive.KindVideo, State: archive.ItemReady, Duration: 1e5 * hour}, 0, 0, false, true},
		"nothing could be made of it":  {store.SealableItem{Kind: archive.KindVideo, State: archive.ItemExplained, Duration: hour}, 0, 0, false, true},
		"not looked at":                {store.SealableItem{Kind: archive.KindUnknown, State: archive.ItemSealed}, 0, 0, false, false},
		"no word, the full pass to do": {store.SealableItem{Kind: archive.KindAudio, State: archive.ItemBrowsable}, 0, 0, false, false},
		"a picture":                    {store.SealableItem{Kind: archive.KindImage, State: archive.ItemBrowsable}, 0, 0, true, true},
		"a paper":                      {store.SealableItem{Kind: archive.KindDocument, State: archive.ItemReady}, 0, 0, true, true},
		"unknown":                      {store.SealableItem{Kind: archive.KindUnknown, State: archive.ItemExplained}, 0, 0, false, true},
		"quarantined unseen":           {store.SealableItem{Kind: archive.KindUnknown, State: archive.ItemQuarantined}, 0, 0, false, false},
	} {
		if ms, known, looked := measure(c.it, c.decoded); ms != c.ms || known != c.known || looked != c.looked {
			t.Errorf("%s: %d ms, known %v, looked at %v", name, ms, known, looked)
		}
	}
}

// What was decoded counts, and not what the container said.
func TestDecodedLengthsAreSealed(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	a, b := r.film(1, 60), r.film(1, 60)
	batch := r.vault.Begin(t.Context())
	o, err := batch.Add(t.Context(), strings.NewReader("a proxy"), vault.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := batch.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.write(func(tx *store.Tx) error {
		if err := tx.AddCommit(t.Context(), sealed, store.ObjectDerivative); err != nil {
			return err
		}
		return tx.AddDerivative(t.Context(), archive.Derivative{ID: archive.NewID(archive.PrefixDerivative), Item: a.ID, Kind: archive.DerivativeProxy, Recipe: "proxy", RecipeVersion: 1,
			Tool: "ffmpeg", ToolVersion: "1", Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, Size: o.Size, SHA256: o.SHA256[:], MediaType: "video/mp4",
			Meta: []byte(`{"width":2,"duration":36.04,"audio":false}`), CreatedAt: r.now})
	})
	r.close()
	if p := r.published(); p.Statement.Milliseconds != 36_040+60_000 || p.Statement.Unmeasured != 0 {
		t.Errorf("%+v, items %s and %s", p.Statement, a.ID, b.ID)
	}
	if _, err := r.proof.Audit(t.Context(), admin, r.acc.ID); err != nil {
		t.Error(err)
	}
}

// Points are as the page has them, and each falls on the item over it.
func TestAnAuditorsPoints(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	for i := range 6 {
		r.item(bytes.Repeat([]byte{byte(i)}, 100+i), time.Duration(i+1)*time.Second)
	}
	r.close()
	p := r.published()
	draw := [32]byte{1, 2, 3}
	for _, ruler := range []string{RulerBytes, RulerMilliseconds} {
		list, err := r.proof.Sample(ctx, admin, r.acc.ID, ruler, draw, 300)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		r.read(func(tx *store.Tx) error {
			for _, x := range list {
				at, _, err := tx.PlaceOf(ctx, x.Item)
				if err != nil {
					return err
				}
				before, n := at.BytesBefore, at.Bytes
				if ruler == RulerMilliseconds {
					before, n = at.MillisecondsBefore, at.Milliseconds
				}
				if x.Point < before || x.Point >= before+n || x.Place != at.Place || x.Erased {
					t.Fatalf("%+v is not over its point: %+v", x, at)
				}
				seen[x.Item]++
			}
			return nil
		})
		if len(seen) != 6 {
			t.Errorf("%s: %d of 6 items were met by 300 points", ruler, len(seen))
		}
	}
	// Computed from the page in Python: hashlib, hmac.
	if got := Points([32]byte{31: 9}, draw, 1_000_003, 3); !slices.Equal(got, wantPoints) {
		t.Errorf("points %v, want %v", got, wantPoints)
	}
	if a, b := Points(p.Statement.Accessions[0].Root, draw, 1<<40, 1), Points(p.Statement.Accessions[0].Root, [32]byte{1, 2, 4}, 1<<40, 1); a[0] == b[0] {
		t.Error("another draw gives the same points")
	}
	_, err := r.proof.Sample(ctx, reviewer, r.acc.ID, RulerBytes, draw, 3)
	is(t, "a reviewer", err, archive.ErrForbidden)
	_, err = r.proof.Sample(ctx, admin, r.acc.ID, "furlongs", draw, 3)
	is(t, "another ruler", err, archive.ErrInvalid)
	_, err = r.proof.Sample(ctx, admin, r.acc.ID, RulerBytes, draw, 0)
	is(t, "no points", err, archive.ErrInvalid)
	_, err = r.proof.Sample(ctx, admin, r.open(), RulerBytes, draw, 3)
	is(t, "not sealed", err, archive.ErrNotFound)
}

// A crash before or after the commit leaves all of a publication or nothing.
func TestPublishingIsOneAct(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"commit", "committed"} {
		r := newRig(t).logged()
		r.film(1, 10)
		r.close()
		r.fault = func(at string) error {
			if at == point {
				return errors.New("power cut")
			}
			return nil
		}
		_, err := r.proof.PublishScope(t.Context(), admin, PublishScope{})
		r.fault = nil
		is(t, point, err, store.ErrUnknownOutcome)
		p := r.published()
		if p.Again != (point == "committed") || len(r.events(archive.EventSealing)) != 1 {
			t.Errorf("%s: %+v, %d events", point, p, len(r.events(archive.EventSealing)))
		}
	}
}

func TestAClipNamesWhatItWasCutFrom(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	a, b := r.film(5, 100), r.film(3, 50)
	r.close()
	scope := r.published()
	r.media.body = []byte("the first clip, as it will be published")
	c := r.made(a, 10*time.Second, 14500*time.Millisecond, 1, 3)
	st := c.Statement
	if st.Number != 1 || st.Previous != nil || st.ReleasedMS != 4500 || st.Scope != scope.SHA256 || c.Segments != 2 || st.Milliseconds != 4500 || st.StatedOn != "2026-11-20" ||
		len(st.Cuts) != 1 || st.Cuts[0] != (verify.Cut{FromMS: 10_000, ToMS: 14_500}) || st.Sources[0].Segments[0].Index != 1 || st.Sources[0].Segments[1].Index != 3 {
		t.Errorf("%+v", st)
	}
	var out bytes.Buffer
	if err := r.proof.WriteClip(ctx, admin, c.ID, &out); err != nil || out.String() != string(r.media.body) {
		t.Errorf("%q %v", out.String(), err)
	}
	is(t, "a reviewer", r.proof.WriteClip(ctx, reviewer, c.ID, &out), archive.ErrForbidden)
	e := r.events(archive.EventDissemination)
	last := e[len(e)-1]
	if last.Detail["clip"] != c.ID || last.Detail["reason"] != "test" || last.Detail["statement"] != hex.EncodeToString(c.SHA256[:]) || last.Subjects[0].ID != a.ID || last.Subjects[0].Role != "source" {
		t.Errorf("%+v", last)
	}
	// Two cuts of one item and one of another, in order of play.
	r.media.body, r.media.read = nil, nil
	two, err := r.proof.MakeClip(ctx, admin, MakeClip{Reason: " second\n clip ", Cuts: []CutOf{{b.ID, 0, time.Second}, {a.Reference(), 0, 2 * time.Second}, {b.ID, 3 * time.Second, 4 * time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	st = two.Statement
	if st.Number != 2 || st.Previous == nil || *st.Previous != c.SHA256 || st.ReleasedMS != 4500+4000 || len(st.Sources) != 2 || st.Cuts[1].Source != 1 || st.Cuts[2].Source != 0 {
		t.Errorf("%+v", st)
	}
	// Another scope does not set the count back, unless it is asked for.
	r.now = r.now.Add(24 * time.Hour)
	wider := r.published()
	if third := r.made(a, 0, time.Second, 0); third.Statement.Number != 3 || third.Scope != scope.ID {
		t.Errorf("%+v", third.Statement)
	}
	chosen, err := r.proof.MakeClip(ctx, admin, MakeClip{Reason: "x", Scope: wider.ID, Cuts: []CutOf{{a.ID, 0, time.Second}}})
	if err != nil || chosen.Statement.Number != 1 || chosen.Scope != wider.ID {
		t.Errorf("%+v %v", chosen.Statement, err)
	}
	if list, err := r.proof.Clips(ctx, admin, scope.ID); err != nil || len(list) != 3 || list[1].SHA256 != two.SHA256 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestAClipIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	a := r.film(2, 30)
	early := func() error { _, err := r.cut(a, 0, time.Second, 0); return err }
	is(t, "not sealed", early(), ErrUnsealed)
	r.close()
	scope := r.published()
	loose := func() archive.Item { r.open(); return r.film(1, 10) }()
	held := r.files()
	make := func(who policy.Subject, change func(*MakeClip)) error {
		m := MakeClip{Cuts: []CutOf{{a.ID, 0, time.Second}}, Reason: "test"}
		change(&m)
		_, err := r.proof.MakeClip(ctx, who, m)
		return err
	}
	for name, c := range map[string]struct {
		who    policy.Subject
		change func(*MakeClip)
		want   error
	}{
		"a reviewer":      {reviewer, func(m *MakeClip) {}, archive.ErrForbidden},
		"no reason":       {admin, func(m *MakeClip) { m.Reason = " \n" }, archive.ErrInvalid},
		"long reason":     {admin, func(m *MakeClip) { m.Reason = strings.Repeat("x", 501) }, archive.ErrInvalid},
		"no cuts":         {admin, func(m *MakeClip) { m.Cuts = nil }, archive.ErrInvalid},
		"too many":        {admin, func(m *MakeClip) { m.Cuts = slices.Repeat(m.Cuts, 33) }, archive.ErrInvalid},
		"backwards":       {admin, func(m *MakeClip) { m.Cuts[0].From = 2 * time.Second }, archive.ErrInvalid},
		"beyond the end":  {admin, func(m *MakeClip) { m.Cuts[0].To = 32 * time.Second }, archive.ErrInvalid},
		"too short":       {admin, func(m *MakeClip) { m.Cuts[0].To = time.Microsecond }, archive.ErrInvalid},
		"no such item":    {admin, func(m *MakeClip) { m.Cuts[0].Item = archive.NewID(archive.PrefixItem) }, archive.ErrNotFound},
		"not an id":       {admin, func(m *MakeClip) { m.Cuts[0].Item = "../../x" }, archive.ErrInvalid},
		"unsealed item":   {admin, func(m *MakeClip) { m.Cuts = append(m.Cuts, CutOf{loose.ID, 0, time.Second}) }, ErrUnsealed},
		"no such scope":   {admin, func(m *MakeClip) { m.Scope = archive.NewID(archive.PrefixStatement) }, archive.ErrNotFound},
		"more than there": {admin, func(m *MakeClip) { m.Cuts = slices.Repeat([]CutOf{{a.ID, 0, 20 * time.Second}}, 2) }, archive.ErrInvalid},
	} {
		is(t, name, make(c.who, c.change), c.want)
	}
	r.media.cut = fmt.Errorf("%w: for a test", media.ErrDamaged)
	is(t, "no clip came out", make(admin, func(*MakeClip) {}), media.ErrDamaged)
	r.media.cut = nil
	r.media.read = []media.Range{{From: 0, To: 99 << 20}}
	is(t, "bytes that are not there", make(admin, func(*MakeClip) {}), archive.ErrIntegrity)
	r.media.read = nil
	if n := r.files(); n != held {
		t.Errorf("%d files stay in the vault of clips that were refused", n-held)
	}
	if n := len(r.events(archive.EventDissemination)); n != 1 {
		t.Errorf("%d events, one of the scope was expected", n)
	}
	// The scope that does not contain the item is not taken, even if it is named.
	r.close()
	r.now = r.now.Add(time.Hour)
	if p := r.published(); p.Again {
		t.Fatal("not stated anew")
	}
	_, err := r.proof.MakeClip(ctx, admin, MakeClip{Cuts: []CutOf{{loose.ID, 0, time.Second}}, Reason: "test", Scope: scope.ID})
	is(t, "another scope", err, archive.ErrInvalid)
}

// Where the part that the index names does not do, the decoder gets the whole, and the statement says so.
func TestAClipFromAllOfAnOddOriginal(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	a := r.film(4, 30)
	r.close()
	r.published()
	r.media.narrow = true
	c := r.made(a, 0, time.Second)
	if len(r.media.asked) != 2 || r.media.asked[0].Whole || !r.media.asked[1].Whole || c.Segments != 4 {
		t.Errorf("%d asked, %d segments", len(r.media.asked), c.Segments)
	}
	var out bytes.Buffer
	if err := r.proof.WriteClip(t.Context(), admin, c.ID, &out); err != nil || strings.Contains(out.String(), "narrow") {
		t.Errorf("%v", err)
	}
}

// A power cut at either side of the commit: the clip is there with its statement, its event and its bytes, or nothing is.
func TestMakingAClipIsOneAct(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"commit", "committed"} {
		r := newRig(t).logged()
		a := r.film(1, 30)
		r.close()
		scope := r.published()
		held := r.files()
		r.fault = func(at string) error {
			if at == point {
				return errors.New("power cut")
			}
			return nil
		}
		_, err := r.cut(a, 0, time.Second, 0)
		r.fault = nil
		is(t, point, err, store.ErrUnknownOutcome)
		if r.files() == held {
			t.Errorf("%s: sealed bytes were thrown away although the clip may be there", point)
		}
		list, err := r.proof.Clips(t.Context(), admin, scope.ID)
		if err != nil {
			t.Fatal(err)
		}
		events := len(r.events(archive.EventDissemination)) - 1
		if want := map[string]int{"commit": 0, "committed": 1}[point]; len(list) != want || events != want {
			t.Errorf("%s: %d clips, %d events", point, len(list), events)
		}
		for _, c := range list {
			var out bytes.Buffer
			if err := r.proof.WriteClip(t.Context(), admin, c.ID, &out); err != nil {
				t.Error(err)
			}
		}
		if c := r.made(a, 0, time.Second, 0); c.Number != int64(len(list))+1 {
			t.Errorf("%s: the next clip is number %d", point, c.Number)
		}
	}
}

// A transaction that is refused takes its sealed bytes with it.
func TestARefusedClipLeavesNoBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	a := r.film(1, 30)
	r.close()
	r.published()
	held := r.files()
	bad := *r.proof
	bad.o.NewID = func(prefix string) string {
		if prefix == archive.PrefixStatement {
			return "not an identifier"
		}
		return archive.NewID(prefix)
	}
	_, err := bad.MakeClip(t.Context(), admin, MakeClip{Cuts: []CutOf{{a.ID, 0, time.Second}}, Reason: "test"})
	is(t, "refused by the catalogue", err, archive.ErrInvalid)
	if n := r.files(); n != held {
		t.Errorf("%d files stay", n-held)
	}
}

// What may not be opened is not opened, also if that changes while a clip is made or a bundle built.
func TestQuarantinedItemsAreNotOpened(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	a, b, c := r.film(1, 30), r.film(1, 30), r.film(1, 30)
	r.close()
	r.published()
	r.tick()
	item := func(it archive.Item) error {
		_, err := r.proof.ItemBundle(t.Context(), admin, ItemProof{Item: it.ID, Reason: "x"})
		return err
	}
	clip := func(it archive.Item) error { _, err := r.cut(it, 0, time.Second, 0); return err }
	r.quarantine(a)
	is(t, "clip", clip(a), archive.ErrForbidden)
	is(t, "bundle", item(a), archive.ErrForbidden)
	r.between = func() { r.quarantine(b) }
	is(t, "bundle, meanwhile", item(b), archive.ErrForbidden)
	held := r.files()
	r.between = func() { r.quarantine(c) }
	is(t, "clip, meanwhile", clip(c), archive.ErrForbidden)
	if len(r.events(archive.EventExport)) != 0 || len(r.events(archive.EventDissemination)) != 1 || r.files() != held {
		t.Error("something was recorded or kept of what was refused")
	}
}

// Items of an older program have nothing to be sealed by.
func TestItemsWithoutCommitmentsAreNotSealed(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	r.bare = true
	it := r.film(1, 30)
	r.close()
	_, err := r.proof.PublishScope(t.Context(), admin, PublishScope{Unmeasured: true})
	is(t, "scope", err, ErrUnsealed)
	r.tick()
	_, err = r.proof.ItemBundle(t.Context(), admin, ItemProof{Item: it.ID, Reason: "x"})
	is(t, "item", err, ErrUnsealed)
}

func TestACutThatReadsTooMuch(t *testing.T) {
	t.Parallel()
	src := &source{item: archive.Item{Size: 9 << 30}, named: map[int64]bool{}}
	is(t, "4 GiB", src.name([]media.Range{{From: 1 << 20, To: MaxSegments<<20 + 1<<20}}), nil)
	is(t, "a byte more", src.name([]media.Range{{From: 1 << 20, To: MaxSegments<<20 + 1<<20 + 1}}), ErrTooWide)
	is(t, "nothing", src.name([]media.Range{{From: 5, To: 5}}), archive.ErrIntegrity)
}

// Bytes that are not those that were stated are never given out as such.
func TestAClipOfOtherBytesIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	a := r.film(1, 30)
	r.close()
	scope := r.published()
	c := r.made(a, 0, time.Second, 0)
	other := c.Clip
	other.ID, other.Number, other.Statement, other.SHA256 = archive.NewID(archive.PrefixClip), 2, archive.NewID(archive.PrefixStatement), [32]byte{1}
	r.write(func(tx *store.Tx) error {
		if err := tx.AddStatement(t.Context(), store.Statement{ID: other.Statement, Kind: kindClip, Body: []byte("{}"), CreatedAt: r.now, CreatedBy: person}); err != nil {
			return err
		}
		return tx.AddClip(t.Context(), other)
	})
	is(t, "other bytes", r.proof.WriteClip(t.Context(), admin, other.ID, io.Discard), archive.ErrIntegrity)
	_, err := r.proof.Clips(t.Context(), admin, scope.ID)
	is(t, "a statement that is none", err, archive.ErrIntegrity)
}

// Damage in the vault is never taken for damaged material.
func TestADamagedOriginalIsNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	a := r.film(2, 30)
	r.close()
	r.published()
	for info, err := range r.vault.Backend().List(t.Context(), "blob/") {
		if err != nil {
			t.Fatal(err)
		}
		f, err := r.vault.Backend().Open(t.Context(), info.Name)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, info.Size)
		if _, err := f.ReadAt(b, 0); err != nil && len(b) == 0 {
			t.Fatal(err)
		}
		_ = f.Close()
		b[len(b)*3/4] ^= 1
		if err := r.vault.Backend().Replace(t.Context(), info.Name, b); err != nil {
			t.Fatal(err)
		}
	}
	_, err := r.cut(a, 0, time.Second, 0, 1)
	is(t, "damaged", err, archive.ErrIntegrity)
}

// bundled is an archive with a clip of 20 segments, in the log and cosigned.
func bundled(t *testing.T) (r *rig, scope Published, clip Clip, item archive.Item, w []*tlog.Cosigner) {
	t.Helper()
	r = newRig(t).logged()
	item = r.film(24, 600)
	for range 5 {
		r.film(1, 60)
	}
	r.close()
	w = []*tlog.Cosigner{r.witness("b.example/witness"), r.witness("a.example/witness"), r.witness("c.example/witness")}
	r.tick()
	scope = r.published()
	r.tick()
	r.cosign(w...)
	var segments []int64
	for i := range 20 {
		segments = append(segments, int64(i+2))
	}
	clip = r.made(item, 30*time.Second, 90*time.Second, segments...)
	r.tick()
	r.cosign(w[:2]...)
	return r, scope, clip, item, w
}

func witnessKeys(w []*tlog.Cosigner) (out []string) {
	for _, w := range w {
		out = append(out, w.VerifierKey())
	}
	return out
}

func TestBundlesVerify(t *testing.T) {
	t.Parallel()
	r, scope, clip, item, w := bundled(t)
	ctx := t.Context()
	var file bytes.Buffer
	if err := r.proof.WriteClip(ctx, admin, clip.ID, &file); err != nil {
		t.Fatal(err)
	}
	b, err := r.proof.ClipBundle(ctx, admin, clip.ID)
	if err != nil {
		t.Fatal(err)
	}
	rep := verify.Verify(b.Raw, verify.Options{Witnesses: witnessKeys(w[:2]), File: bytes.NewReader(file.Bytes())})
	if !rep.OK || rep.Facts.Clip.Segments != 20 || rep.Facts.Scope.Files != 6 || rep.Facts.File != "checked" || rep.Facts.Clip.Released != 60.0/900 {
		t.Errorf("%+v", rep)
	}
	if existed := rep.Facts.Existed; len(existed) != 2 || existed[0].By.IsZero() || !existed[0].By.Before(existed[1].By) {
		t.Errorf("%+v", existed)
	}
	if len(b.Raw) > 50_000 {
		t.Errorf("the bundle of a clip of 20 segments has %d bytes", len(b.Raw))
	}
	other := append([]byte(nil), file.Bytes()...)
	other[9] ^= 1
	if rep := verify.Verify(b.Raw, verify.Options{File: bytes.NewReader(other)}); rep.OK || rep.Failed != verify.StepFile {
		t.Errorf("another file: %+v", rep)
	}
	for at := 0; at < len(b.Raw); at += 211 {
		raw := append([]byte(nil), b.Raw...)
		raw[at] ^= 4
		if verify.Verify(raw, verify.Options{}).OK {
			t.Fatalf("accepted with byte %d changed", at)
		}
	}

	s, err := r.proof.ScopeBundle(ctx, admin, "")
	if err != nil || s.Report.Facts.Scope.Statement != hex.EncodeToString(scope.SHA256[:]) || s.Report.Facts.Scope.Milliseconds != 900_000 {
		t.Errorf("%+v %v", s.Report, err)
	}

	before := len(r.events(archive.EventExport))
	i, err := r.proof.ItemBundle(ctx, admin, ItemProof{Item: item.ID, Segments: []int64{0, 23}, Reason: "for the court"})
	if err != nil || i.Report.Facts.Item.SHA256 != hex.EncodeToString(item.SHA256) || i.Report.Facts.Item.Segments != 2 {
		t.Fatalf("%+v %v", i.Report, err)
	}
	if e := r.events(archive.EventExport); len(e) != before+1 || e[before].Detail["reason"] != "for the court" || e[before].Subjects[0].ID != item.ID {
		t.Errorf("%+v", e)
	}
	// One item is opened and nothing else: no salt of the item, no digest or salt of a segment that was not asked for.
	r.read(func(tx *store.Tx) error {
		seal, err := tx.ItemSeal(ctx, item.ID)
		if err != nil {
			return err
		}
		veil := commit.Derive(seal.Salt, commit.LabelVeil, 0)
		for name, secret := range map[string][]byte{"salt of the item": seal.Salt[:], "veil key": veil[:], "digest of another segment": seal.Digests[32:64]} {
			if bytes.Contains(i.Raw, []byte(hex.EncodeToString(secret))) || bytes.Contains(b.Raw, []byte(hex.EncodeToString(secret))) {
				t.Errorf("a bundle holds the %s", name)
			}
		}
		if bytes.Contains(b.Raw, []byte(hex.EncodeToString(item.SHA256))) {
			t.Error("the bundle of a clip holds the digest of the item")
		}
		return nil
	})
	for name, c := range map[string]struct {
		who  policy.Subject
		p    ItemProof
		want error
	}{
		"a reviewer": {reviewer, ItemProof{Item: item.ID, Reason: "x"}, archive.ErrForbidden},
		"no reason":  {admin, ItemProof{Item: item.ID}, archive.ErrInvalid},
		"no segment": {admin, ItemProof{Item: item.ID, Reason: "x", Segments: []int64{24}}, archive.ErrInvalid},
		"no item":    {admin, ItemProof{Item: archive.NewID(archive.PrefixItem), Reason: "x"}, archive.ErrNotFound},
	} {
		_, err := r.proof.ItemBundle(ctx, c.who, c.p)
		is(t, name, err, c.want)
	}
	if n := len(r.events(archive.EventExport)); n != before+1 {
		t.Errorf("%d events of refused openings", n-before-1)
	}
}

func TestPendingSaysWhen(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	a := r.film(1, 30)
	r.close()
	r.published()
	c := r.made(a, 0, time.Second, 0)
	check := func(name string, err error) {
		t.Helper()
		is(t, name, err, ErrPending)
		if p := (*archive.Public)(nil); !errors.As(err, &p) || !strings.Contains(p.Hint, "2026-11-21 00:00") {
			t.Errorf("%s: it does not say when: %v", name, err)
		}
	}
	_, err := r.proof.ScopeBundle(ctx, admin, "")
	check("scope", err)
	_, err = r.proof.ClipBundle(ctx, admin, c.ID)
	check("clip", err)
	_, err = r.proof.ItemBundle(ctx, admin, ItemProof{Item: a.ID, Reason: "x"})
	check("item", err)
	if n := len(r.events(archive.EventExport)); n != 0 {
		t.Errorf("%d openings recorded of what was not given out", n)
	}
	r.tick()
	if _, err = r.proof.ClipBundle(ctx, admin, c.ID); err != nil {
		t.Error(err)
	}
}

// The earliest checkpoint that enough witnesses have signed is taken, and the newest with as many goes with it.
func TestCheckpointsAreChosenByTheirEvidence(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	r.film(1, 30)
	r.close()
	r.published()
	w := []*tlog.Cosigner{r.witness("a.example"), r.witness("b.example")}
	sizes := func(quorum int) (out []int64) {
		t.Helper()
		b, err := r.service(quorum).ScopeBundle(ctx, admin, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b.Report.Facts.Checkpoints {
			out = append(out, c.Size)
		}
		return out
	}
	want := func(name string, got []int64, want ...int64) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: checkpoints %v, want %v", name, got, want)
		}
	}
	r.tick() // 2: nobody
	want("nobody has signed", sizes(2), 2)
	r.tick() // 3: one
	r.cosign(w[0])
	want("one where two are wanted", sizes(2), 3)
	r.tick() // 4: both
	r.cosign(w...)
	want("both", sizes(2), 4)
	r.tick() // 5: nobody yet, then one
	want("the newest has none", sizes(2), 4)
	r.cosign(w[0])
	want("the newest has fewer", sizes(2), 4)
	r.tick() // 6: both
	r.cosign(w...)
	want("two of them", sizes(2), 4, 6)
	want("one is enough", sizes(1), 3, 6)
	if rep, _ := r.service(2).ScopeBundle(ctx, admin, ""); !verify.Verify(rep.Raw, verify.Options{Witnesses: witnessKeys(w), Quorum: 2}).OK {
		t.Error("two witnesses do not do")
	}
	// After another key has taken over both stand in the bundle, and the new one signs it.
	if _, err := r.anchor.RotateKey(ctx, person); err != nil {
		t.Fatal(err)
	}
	r.tick()
	r.cosign(w...)
	b, err := r.service(2).ScopeBundle(ctx, admin, "")
	if err != nil || len(b.Report.Facts.Keys) != 2 || b.Report.Facts.Checkpoints[1].Key != 1 {
		t.Errorf("%+v %v", b.Report.Facts, err)
	}
}

// A bundle that does not verify is never given out.
func TestNothingUnprovedIsWritten(t *testing.T) {
	t.Parallel()
	r, _, clip, _, w := bundled(t)
	r.write(func(tx *store.Tx) error { // a line under the wrong key, as a broken store might have it
		list, err := tx.LogCheckpoints(t.Context(), 1)
		if err != nil {
			return err
		}
		line, err := w[2].Cosign("another text\n")
		if err != nil {
			return err
		}
		return tx.AddLogCosignature(t.Context(), store.LogCosignature{Size: list[0].Size, Witness: w[2].Name(), VerifierKey: w[2].VerifierKey(), Line: line, At: r.now})
	})
	b, err := r.proof.ClipBundle(t.Context(), admin, clip.ID)
	is(t, "a line that does not hold", err, ErrUnproved)
	if b.Raw != nil {
		t.Error("it was given out")
	}
}

// What was erased is not proved again, and everything else is.
func TestErasedItemsAreNotOpened(t *testing.T) {
	t.Parallel()
	r, scope, clip, item, _ := bundled(t)
	ctx := t.Context()
	r.write(func(tx *store.Tx) error {
		id := archive.NewID(archive.PrefixErasure)
		if err := tx.AddErasure(ctx, store.Erasure{ID: id, Item: item.ID, Reason: "asked for", RequestedBy: person, RequestedAt: r.now, State: "requested"}); err != nil {
			return err
		}
		if err := tx.ApproveErasure(ctx, id, "ag_00000000000000000000000001", r.now); err != nil {
			return err
		}
		return tx.EraseItemRows(ctx, item.ID)
	})
	_, err := r.proof.ItemBundle(ctx, admin, ItemProof{Item: item.ID, Reason: "x"})
	is(t, "item", err, archive.ErrNotFound)
	_, err = r.proof.ClipBundle(ctx, admin, clip.ID)
	is(t, "clip", err, ErrUnsealed)
	_, err = r.cut(item, 0, time.Second, 0)
	is(t, "another clip", err, archive.ErrNotFound)
	if _, err = r.proof.ScopeBundle(ctx, admin, scope.ID); err != nil {
		t.Error(err)
	}
	if a, err := r.proof.Audit(ctx, admin, scope.Accessions[0]); err != nil || a.Erased != 1 {
		t.Errorf("%+v %v", a, err)
	}
}

var wantPoints = []int64{192794, 919766, 781797}
