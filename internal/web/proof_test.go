package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapis/internal/anchor"
	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/proof"
	"zapis/internal/reading"
	"zapis/internal/store"
	"zapis/internal/web/template"
	"zapis/verify"
)

// stated stands in for the room that states things.
type stated struct {
	scopes []proof.Scope
	clips  []proof.Clip
	err    error
}

func (s *stated) Scopes(_ context.Context, who policy.Subject) ([]proof.Scope, error) {
	if !policy.AtLeast(who.Role, archive.RoleArchivist) {
		return nil, archive.ErrForbidden
	}
	return s.scopes, s.err
}

func (s *stated) Clips(context.Context, policy.Subject, string) ([]proof.Clip, error) {
	return s.clips, s.err
}

var tags = regexp.MustCompile(`(?s)<(script|svg).*?</(script|svg)>|<[^>]*>`)

// words gives the text of a page as one line.
func words(page string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(tags.ReplaceAllString(page, " "), "\u00a0", " ")), " ")
}

func (s *site) words(t *testing.T, b *browser, path string) string {
	t.Helper()
	r := b.get(path)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %s", path, r.StatusCode, r.Header.Get("Location"))
	}
	return words(text(r))
}

func wants(t *testing.T, page string, yes []string, no ...string) {
	t.Helper()
	for _, w := range yes {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q:\n%s", w, page)
		}
	}
	for _, w := range no {
		if strings.Contains(page, w) {
			t.Errorf("the page says %q:\n%s", w, page)
		}
	}
}

// From no log at all to one that is whole, and what the page says of it on the way. Nothing is called timestamped before its token
// was verified.
func TestProofPage(t *testing.T) {
	t.Parallel()
	st := &stated{}
	s := newSite(t, func(o *Options) { o.Proof = st })
	l := s.w.Log("one.example", "two.example")
	s.o.Log = l
	b := s.first(t)
	item := "/items/" + s.w.Items["ready"].ID
	wants(t, s.words(t, b, "/proof"), []string{"There is no transparency log yet", "zapis log init --origin NAME"}, "is in the transparency log", "Nothing is missing")
	wants(t, s.words(t, b, item), []string{"In the transparency log : not set up"}, "Timestamped : reached")
	l.Begin()
	wants(t, s.words(t, b, "/proof"), []string{"first tick is due on 21 November 2026, 23:00:00 UTC", "No tick has been made yet", "Never published", "archive.example/log"}, "There is no transparency log", "is in the transparency log")

	l.Silence("two.example", true)
	l.Stamp(anchor.StampPending)
	l.Day()
	b, _ = s.enter(t, "Of the next day", archive.RoleArchivist, true) // the session of before has run out
	wants(t, s.words(t, b, "/proof"), []string{
		"The record up to 21 November 2026, 23:00:00 UTC is in the transparency log. 1 of 2 witnesses have signed it. No time authority has confirmed it yet.",
		"has 1 signature of a witness; 2 are wanted", "Witness two.example did not answer", "not verified, so it counts for nothing", "time_roots", "The log was never published",
		"one.example : signed", "two.example : did not answer", "first : pending", "in the log only",
	}, "on or before", "Nothing is missing", "signed and timestamped")
	wants(t, s.words(t, b, item), []string{"Timestamped : not yet, asked, not confirmed yet", "Signed by witnesses : not yet, 1 of 2 witnesses", "In the transparency log : reached, tick of 21 November 2026"}, "existed on or before")

	l.Stamp(anchor.StampFailed)
	l.Ask()
	wants(t, s.words(t, b, "/proof"), []string{"Time authority first gave no stamp", "first : failed"}, "on or before")
	wants(t, s.words(t, b, item), []string{"Timestamped : did not succeed"}, "existed on or before")

	l.Silence("two.example", false)
	l.Stamp(anchor.StampConfirmed)
	l.Ask()
	wants(t, s.words(t, b, "/proof"), []string{
		"All 2 witnesses have signed it. One time authority has confirmed it: it existed on or before 22 November 2026", "signed and timestamped", "first : on or before 22 November 2026",
	}, "did not answer", "gave no stamp")
	wants(t, s.words(t, b, item), []string{"Timestamped : reached, existed on or before 22 November 2026", "by first", "Signed by witnesses : reached, 2 of 2 witnesses"})
	wants(t, s.words(t, b, item+"/custody"), []string{"Timestamped : reached"})
	wants(t, s.words(t, b, "/health"), []string{"The transparency log lacks something", "The log was never published"})

	// What was stated contradicts what was sealed: said, and nothing of it shown.
	st.err = fmt.Errorf("statement: %w", archive.ErrIntegrity)
	wants(t, s.words(t, b, "/proof"), []string{"contradict what was sealed"}, "What was stated about the whole")
	st.err = errors.New("disk")
	if r := b.get("/proof"); r.StatusCode != http.StatusInternalServerError {
		t.Errorf("an error of the catalogue gives %d", r.StatusCode)
	}

	// A day on which nobody answers does not hide that the day before was whole.
	l.Silence("one.example", true)
	l.Silence("two.example", true)
	l.Stamp(anchor.StampFailed)
	l.Day()
	view := func() template.Proof {
		t.Helper()
		now, err := l.Status(t.Context(), anchor.StatusOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return proofView(now)
	}
	v := view()
	if v.Signed != 0 || v.Witnesses != 2 || v.Quorum || v.Confirmed != 0 || !v.WholeTo.Equal(time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)) || !v.UpTo.After(v.WholeTo) {
		t.Errorf("%+v", v)
	}
	// Days go by and nobody makes ticks.
	s.w.Advance(72 * time.Hour)
	v = view()
	if n := len(v.Marks); n != 5 || v.Marks[0].State != "full" || v.Marks[1].State != "log" || v.Marks[4].State != "due" || !slices.ContainsFunc(v.Problems, func(p template.Problem) bool { return p.Code == "behind" && p.N == 3 && p.Command != "" }) {
		t.Errorf("%+v", v)
	}
}

func TestWhatWasStatedIsShown(t *testing.T) {
	t.Parallel()
	st := &stated{}
	s := newSite(t, func(o *Options) { o.Proof = st })
	l := s.w.Log()
	s.o.Log = l
	l.Begin()
	l.Day()
	scope := proof.Scope{ID: archive.NewID(archive.PrefixStatement), Accessions: []string{s.w.Mine.ID, s.w.Theirs.ID}, Tick: 0,
		Statement: verify.ScopeStatement{Files: 3, Bytes: 2_000_000, Milliseconds: 3_600_000, Unmeasured: 1, SealedOn: "2026-11-21"}}
	clip := func(n, released, tick int64) proof.Clip {
		return proof.Clip{Clip: store.Clip{ID: archive.NewID(archive.PrefixClip), Scope: scope.ID, Milliseconds: 2000, Bytes: 9}, Tick: tick,
			Statement: verify.ClipStatement{Number: n, ReleasedMS: released, StatedOn: "2026-11-22", SHA256: [32]byte{0xab}}}
	}
	st.scopes, st.clips = []proof.Scope{scope}, []proof.Clip{clip(1, 2000, 0), clip(2, 4000, -1)}
	archivist, _ := s.enter(t, "Archivist", archive.RoleArchivist, false)
	page := text(archivist.get("/proof"))
	wants(t, words(page), []string{"3 files, 2 MB, 1 h", "1 of them without a known length", "at most 0.112 %", "21 November 2026", "in the transparency log, tick of 21 November 2026", "waits for the next tick", "zapis proof clip " + st.clips[1].ID, "and 1 that you may not see"})
	if strings.Contains(page, s.w.Theirs.ID) || !strings.Contains(page, s.w.Mine.ID) {
		t.Error("accessions are not those that the reader may see")
	}
	reviewer, _ := s.enter(t, "Reviewer", archive.RoleReviewer, true)
	if r := reviewer.get("/proof"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a reviewer gets %d", r.StatusCode)
	}
	if strings.Contains(text(reviewer.get("/archive")), `href="/proof"`) {
		t.Error("a reviewer is shown the way")
	}
}

// The share that was released is never said to be less than it is.
func TestShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		part, whole int64
		want        float64
	}{{0, 10, 0}, {0, 0, 0}, {1, 0, 100}, {1, 10, 10}, {1, 3, 33.334}, {10, 10, 100}, {11, 10, 100}, {1, 1 << 50, 0.001}, {999_999, 1_000_000, 100}} {
		if got := share(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %v, want %v", c.part, c.whole, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.Int64Range(1, 1<<42).Draw(t, "whole")
		part := rapid.Int64Range(0, whole).Draw(t, "part")
		got := share(part, whole)
		if exact := float64(part) / float64(whole) * 100; got < exact-1e-8 || got > exact+0.0011 || got > 100 {
			t.Fatalf("%d of %d: %v, exactly %v", part, whole, got, exact)
		}
	})
}

func TestMarks(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 0, 10, 0, 0, time.UTC)
	head := func(size int64) anchor.CheckpointState {
		return anchor.CheckpointState{Size: size, QuorumMet: true, Cosignatures: []anchor.CosignatureState{{State: anchor.WitnessSigned}}}
	}
	states := func(st anchor.Status) (out []string) {
		st.Made, st.Every = true, 24*time.Hour
		for i, m := range marks(st) {
			out = append(out, m.State)
			if m.At.IsZero() || i > 0 && st.Size > 0 && m.At.Sub(marks(st)[i-1].At) != st.Every {
				t.Errorf("mark %d stands at %v", i, m.At)
			}
		}
		return out
	}
	behind := []anchor.Problem{{Code: anchor.ProblemBehind}}
	for _, c := range []struct {
		name string
		st   anchor.Status
		want []string
	}{
		{"nothing", anchor.Status{}, nil},
		{"one", anchor.Status{Size: 1, Due: 1, Latest: at, Checkpoints: []anchor.CheckpointState{head(1)}}, []string{"signed"}},
		{"missed between", anchor.Status{Size: 4, Due: 4, Latest: at, Checkpoints: []anchor.CheckpointState{head(4), head(1)}}, []string{"signed", "missed", "missed", "signed"}},
		{"due, not late yet", anchor.Status{Size: 1, Due: 2, Latest: at, Checkpoints: []anchor.CheckpointState{head(1)}}, []string{"signed"}},
		{"late", anchor.Status{Size: 1, Due: 3, Latest: at, Checkpoints: []anchor.CheckpointState{head(1)}, Problems: behind}, []string{"signed", "due", "due"}},
		{"late from the first", anchor.Status{Due: 2, Next: at, Problems: behind}, []string{"due", "due"}},
	} {
		if d := cmp.Diff(c.want, states(c.st)); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
	long := anchor.Status{Size: 1000, Due: 5000, Latest: at, Problems: behind, Checkpoints: []anchor.CheckpointState{head(1000)}}
	if got := states(long); len(got) != marksShown || !slices.Contains(got, "signed") || got[len(got)-1] != "due" {
		t.Errorf("a long log gives %d marks", len(got))
	}
}

// How far an act has got is never said to be further than what is known.
func TestReach(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 20, 0, 10, 0, 0, time.UTC)
	cos := func(keys ...string) (out []reading.Cosignature) {
		for i, k := range keys {
			out = append(out, reading.Cosignature{VerifierKey: k, At: at.Add(time.Duration(i) * time.Second)})
		}
		return out
	}
	stamp := func(state string, after time.Duration) reading.Stamp {
		x := reading.Stamp{Authority: "a" + after.String(), State: state}
		if state == anchor.StampConfirmed {
			x.At = at.Add(after)
		}
		return x
	}
	two := witnesses{keys: map[string]bool{"w1": true, "w2": true}, quorum: 2, timed: true, made: true}
	in := func(all ...reading.OutsideCheckpoint) reading.Outside {
		return reading.Outside{In: true, Due: at, Checkpoints: all}
	}
	for _, c := range []struct {
		name string
		e    reading.Entry
		wit  witnesses
		want string // state of each step
		k, n int64
		by   string
	}{
		{"not proved", reading.Entry{Outside: in(reading.OutsideCheckpoint{Cosignatures: cos("w1", "w2")})}, two, "", 0, 0, ""},
		{"recorded only", reading.Entry{Proved: true}, two, "yes wait wait wait wait", 0, 2, ""},
		{"nothing set up", reading.Entry{Proved: true, Checkpoint: 3}, witnesses{}, "yes yes none none none", 0, 0, ""},
		{"a tick without a head", reading.Entry{Proved: true, Outside: in()}, two, "yes wait wait wait wait", 0, 2, ""},
		{"a broken tick", reading.Entry{Proved: true, Outside: reading.Outside{In: true, Broken: true, Checkpoints: in(reading.OutsideCheckpoint{Cosignatures: cos("w1", "w2")}).Checkpoints}}, two, "yes wait wait wait wait", 0, 2, ""},
		{"one of two", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{Cosignatures: cos("w1")})}, two, "yes wait yes wait wait", 1, 2, ""},
		{"the second head is enough", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{Cosignatures: cos("w1")}, reading.OutsideCheckpoint{Cosignatures: cos("w1", "w2")})}, two, "yes wait yes yes wait", 2, 2, ""},
		{"one of former days", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{Cosignatures: cos("old")})}, two, "yes wait yes wait wait", 1, 3, ""},
		{"only former ones, none wanted now", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{Cosignatures: cos("old")})}, witnesses{made: true}, "yes wait yes yes none", 1, 1, ""},
		{"nobody, and none wanted", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{})}, witnesses{made: true}, "yes wait yes none none", 0, 0, ""},
		{"pending", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{Stamps: []reading.Stamp{stamp("pending", 0)}})}, two, "yes wait yes wait wait", 0, 2, ""},
		{"said to be confirmed without a time", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{Stamps: []reading.Stamp{{State: "confirmed"}}})}, two, "yes wait yes wait wait", 0, 2, ""},
		{"failed", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{Stamps: []reading.Stamp{stamp("failed", 0)}})}, two, "yes wait yes wait failed", 0, 2, ""},
		{"the earliest time", reading.Entry{Proved: true, Outside: in(reading.OutsideCheckpoint{Stamps: []reading.Stamp{stamp("failed", 0), stamp("confirmed", 3*time.Hour)}}, reading.OutsideCheckpoint{Stamps: []reading.Stamp{stamp("confirmed", time.Hour)}})}, two, "yes wait yes wait yes", 0, 2, "a1h0m0s"},
	} {
		r := reachView(c.e, c.wit)
		var got []string
		for _, s := range r.Steps {
			got = append(got, s.State)
		}
		if strings.Join(got, " ") != c.want || r.Broken != (c.e.Outside.Broken && c.e.Proved) {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
		if len(r.Steps) == 5 && (r.Steps[3].K != c.k || r.Steps[3].N != c.n || r.Steps[4].By != c.by) {
			t.Errorf("%s: %+v", c.name, r.Steps)
		}
	}
}

// A run of acts is shown as far as its last act has got, and a broken one is never folded away.
func TestFoldedReach(t *testing.T) {
	t.Parallel()
	wit := witnesses{keys: map[string]bool{"w": true}, quorum: 1, made: true}
	far := reading.Outside{In: true, Checkpoints: []reading.OutsideCheckpoint{{Cosignatures: []reading.Cosignature{{VerifierKey: "w"}}}}}
	act := func(i int64, o reading.Outside) reading.Entry {
		return reading.Entry{Index: i, Event: archive.Event{Type: archive.EventDisplaying, Agent: "ag", Outcome: archive.Success}, Proved: true, Checkpoint: 9, Outside: o}
	}
	got := foldSteps([]reading.Entry{act(1, far), act(2, far), act(3, reading.Outside{})}, wit)
	if len(got) != 1 || got[0].Count != 3 || got[0].Reach.Far() != 2 {
		t.Errorf("%+v", got)
	}
	got = foldSteps([]reading.Entry{act(1, far), act(2, reading.Outside{In: true, Broken: true}), act(3, far)}, wit)
	if len(got) != 3 || !got[1].Reach.Broken {
		t.Errorf("a broken act was folded away: %+v", got)
	}
}

// Every problem that the log can have has words of its own, and what has none is said all the same.
func TestProblemsHaveWords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	latest := anchor.CheckpointState{Size: 3, Cosignatures: []anchor.CosignatureState{{Witness: "w1", State: anchor.WitnessUnreachable, Reason: "no answer"}, {Witness: "w2", State: anchor.WitnessRefused, Reason: "x"}},
		Stamps: []anchor.StampState{{Authority: "a1", State: anchor.StampFailed, Reason: "y"}, {Authority: "a2", State: anchor.StampPending, Reason: "z"}}}
	base := anchor.Status{Made: true, Size: 3, Due: 5, Quorum: 2, Checkpoints: []anchor.CheckpointState{latest}, Published: anchor.Publication{At: time.Unix(1, 0), OK: true, Size: 1}}
	failed := base
	failed.Published.OK, failed.Published.Reason = false, "no space"
	for _, c := range []struct {
		p    anchor.Problem
		st   anchor.Status
		code string
		n    int64
	}{
		{anchor.Problem{Code: anchor.ProblemNoLog}, base, "no-log", 0},
		{anchor.Problem{Code: anchor.ProblemIntegrity, Grave: true}, base, "integrity", 0},
		{anchor.Problem{Code: anchor.ProblemClock, Grave: true}, base, "clock", 3},
		{anchor.Problem{Code: anchor.ProblemBehind}, base, "behind", 2},
		{anchor.Problem{Code: anchor.ProblemFork, Grave: true, Name: "w1"}, base, "fork", 0},
		{anchor.Problem{Code: anchor.ProblemNoWitness}, base, "no-witness", 0},
		{anchor.Problem{Code: anchor.ProblemQuorum}, base, "quorum", 0},
		{anchor.Problem{Code: anchor.ProblemWitness, Name: "w1"}, base, "witness-unreachable", 0},
		{anchor.Problem{Code: anchor.ProblemWitness, Name: "w2"}, base, "witness-refused", 0},
		{anchor.Problem{Code: anchor.ProblemNoAuthority}, base, "no-authority", 0},
		{anchor.Problem{Code: anchor.ProblemStamp, Name: "a1"}, base, "stamp-failed", 0},
		{anchor.Problem{Code: anchor.ProblemStamp, Name: "a2"}, base, "stamp-unchecked", 0},
		{anchor.Problem{Code: anchor.ProblemNeverPublished}, base, "never-published", 0},
		{anchor.Problem{Code: anchor.ProblemNotPublished}, base, "publish-old", 1},
		{anchor.Problem{Code: anchor.ProblemNotPublished}, failed, "publish-failed", 1},
		{anchor.Problem{Code: anchor.ProblemNotKept}, base, "not-kept", 0},
		{anchor.Problem{Code: "of tomorrow", Text: "Text.", Advice: "Advice."}, base, "other", 0},
	} {
		c.st.Problems = []anchor.Problem{c.p}
		got := problems(c.st)
		if len(got) != 1 || got[0].Code != c.code || got[0].N != c.n || got[0].Grave != c.p.Grave || got[0].Name != c.p.Name {
			t.Errorf("%s: %+v", c.p.Code, got)
			continue
		}
		for _, l := range []string{"en", "ru", "uk"} {
			for _, kind := range []string{"problem", "advice"} {
				if !s.Server.words.For(l).Has("proof." + kind + "." + got[0].Code) {
					t.Errorf("%s: no words for the %s %s", l, kind, got[0].Code)
				}
			}
		}
		v := proofView(c.st)
		if v.Sound == c.p.Grave {
			t.Errorf("%s: sound is %v", c.p.Code, v.Sound)
		}
	}
}

// A log that contradicts itself is not praised: neither on its page nor on the health page.
func TestAGraveLogClaimsNothing(t *testing.T) {
	t.Parallel()
	grave := anchor.Status{Made: true, Size: 1, Due: 1, Every: 24 * time.Hour, Latest: time.Unix(0, 0), Problems: []anchor.Problem{{Code: anchor.ProblemNoWitness}, {Code: anchor.ProblemFork, Grave: true, Name: "w"}},
		Checkpoints: []anchor.CheckpointState{{Size: 1, Due: time.Unix(0, 0), QuorumMet: true, Signed: 1, Cosignatures: []anchor.CosignatureState{{Witness: "w", State: anchor.WitnessFork}}}}}
	s := newSite(t, func(o *Options) { o.Log = fixed{grave} })
	b := s.first(t)
	wants(t, s.words(t, b, "/proof"), []string{"must not be relied on", "Witness w has seen another log"}, "The record up to")
	wants(t, s.words(t, b, "/health"), []string{"contradicts itself or was forked"}, "The record up to")
	for _, c := range []struct {
		codes []string
		want  string
	}{
		{nil, "good"}, {[]string{anchor.ProblemNoWitness, anchor.ProblemNoAuthority}, "info"}, {[]string{anchor.ProblemNoLog}, "info"}, {[]string{anchor.ProblemNoWitness, anchor.ProblemBehind}, "old"},
		{[]string{anchor.ProblemQuorum}, "old"}, {[]string{anchor.ProblemStamp}, "old"}, {[]string{anchor.ProblemNotPublished, anchor.ProblemNoAuthority}, "old"}, {[]string{anchor.ProblemNeverPublished}, "old"},
	} {
		var st anchor.Status
		for _, code := range c.codes {
			st.Problems = append(st.Problems, anchor.Problem{Code: code})
		}
		if got := logHealth(st).Level; got != c.want {
			t.Errorf("%v is %s, want %s", c.codes, got, c.want)
		}
	}
}

type fixed struct{ st anchor.Status }

func (f fixed) Status(context.Context, anchor.StatusOptions) (anchor.Status, error) { return f.st, nil }
