package anchor

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

func problem(st Status, code, name string) (Problem, bool) {
	for _, p := range st.Problems {
		if p.Code == code && p.Name == name {
			return p, true
		}
	}
	return Problem{}, false
}

func (r *rig) gather() Gathered {
	r.t.Helper()
	g, err := r.Gather(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

func (r *rig) status() Status {
	r.t.Helper()
	st, err := r.Status(context.Background(), StatusOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	return st
}

func TestWitnessesAreAskedUntilTheyHaveSigned(t *testing.T) {
	t.Parallel()
	var a, b, c, d *friend
	r := newRig(t, func(r *rig, o *Options) {
		a, b, c, d = r.witness(o, "a.example/w"), r.witness(o, "b.example/w"), r.witness(o, "c.example/w"), r.witness(o, "d.example/w")
		o.Quorum = 2
	}).init()
	if g := r.gather(); g.Size != 0 || len(a.old) != 0 {
		t.Fatalf("an empty log was shown around: %+v", g)
	}
	r.tick()
	b.says = fmt.Errorf("ask witness: %w", ErrUnreachable)
	c.says = fmt.Errorf("ask witness at https://w.example:8080/x by 10.1.2.3: %w: it does not know this log", ErrRefused)
	// A line by another key, over another text, or none at all is not believed, whoever passes it on.
	d.line, _ = a.key.Cosign(tlog.Checkpoint{Origin: testOrigin, Size: 1}.Text())
	g := r.gather()
	if g.Cosigned != 1 || g.QuorumMet || g.Witnesses != 4 {
		t.Fatalf("%+v", g)
	}
	st := r.status()
	states := map[string]string{}
	for _, s := range st.Checkpoints[0].Cosignatures {
		states[s.Witness] = s.State
		if strings.Contains(s.Reason, "example") || strings.Contains(s.Reason, "10.1") {
			t.Errorf("an address is in the reason: %q", s.Reason)
		}
	}
	want := map[string]string{"a.example/w": WitnessSigned, "b.example/w": WitnessUnreachable, "c.example/w": WitnessRefused, "d.example/w": WitnessRefused}
	for name, s := range want {
		if states[name] != s {
			t.Errorf("%s is %q, want %q", name, states[name], s)
		}
	}
	if p, ok := problem(st, ProblemQuorum, ""); !ok || p.Grave {
		t.Errorf("problems: %+v", st.Problems)
	}
	if _, ok := problem(st, ProblemWitness, "c.example/w"); !ok {
		t.Errorf("problems: %+v", st.Problems)
	}
	b.says = nil
	d.line = ""
	d.says = fmt.Errorf("ask witness: %w", ErrFork)
	g = r.gather()
	if g.Cosigned != 2 || !g.QuorumMet || !slices.Equal(g.Forks, []string{"d.example/w"}) {
		t.Fatalf("%+v", g)
	}
	if len(a.old) != 1 {
		t.Errorf("a witness that has signed was asked %d times", len(a.old))
	}
	if p, ok := problem(r.status(), ProblemFork, "d.example/w"); !ok || !p.Grave {
		t.Error("a fork is no grave problem")
	}
	// With the next tick each is asked for the proof from what it signed last.
	r.days(1)
	r.gather()
	if !slices.Equal(a.old, []int64{0, 1}) || !slices.Equal(b.old, []int64{0, 0, 1}) || c.old[len(c.old)-1] != 0 {
		t.Errorf("asked from %v, %v and %v", a.old, b.old, c.old)
	}
}

// A line that does not verify must not reach the catalogue, nor what is published.
func TestALineOfAnotherIsNotBelieved(t *testing.T) {
	t.Parallel()
	var a, b *friend
	r := newRig(t, func(r *rig, o *Options) { a, b = r.witness(o, "a.example/w"), r.witness(o, "b.example/w") }).init()
	r.tick()
	text := ""
	r.read(func(tx *store.Tx) error {
		all, err := tx.LogCheckpoints(t.Context(), 1)
		text = string(noteText(all[0].Text))
		return err
	})
	good, err := a.key.Cosign(text)
	if err != nil {
		t.Fatal(err)
	}
	for name, line := range map[string]string{
		"of another witness": good,
		"two lines":          good + good,
		"empty":              "\n",
		"cut":                good[:len(good)-5],
		"altered":            strings.Replace(good, "a.example", "b.example", 1),
	} {
		b.line = line
		if g := r.gather(); g.Cosigned != 1 {
			t.Errorf("%s: %+v", name, g)
		}
		if n := r.count("log_cosignature"); n != 1 {
			t.Errorf("%s: %d lines are kept", name, n)
		}
	}
}

func TestStampsHaveTheirStates(t *testing.T) {
	t.Parallel()
	var imprints [][32]byte
	answer := map[string]func([]byte) (StampResult, error){}
	say := func(name string) func([32]byte, []byte) (StampResult, error) {
		return func(i [32]byte, former []byte) (StampResult, error) {
			if name == "good" {
				imprints = append(imprints, i)
			}
			return answer[name](former)
		}
	}
	at := day0.Add(time.Second)
	r := newRig(t, func(_ *rig, o *Options) {
		for _, n := range []string{"good", "down", "liar", "rootless"} {
			o.Authorities = append(o.Authorities, &clockwork{n, StampRFC3161, say(n)})
		}
		o.Authorities = append(o.Authorities, &clockwork{"calendar", StampOpenTimestamps, say("calendar")})
	}).init()
	answer["good"] = func([]byte) (StampResult, error) {
		return StampResult{State: StampConfirmed, Token: []byte("token"), At: at}, nil
	}
	answer["down"] = func([]byte) (StampResult, error) {
		return StampResult{}, fmt.Errorf("%w: connection refused", ErrUnreachable)
	}
	answer["liar"] = func([]byte) (StampResult, error) { return StampResult{State: StampConfirmed}, nil } // no token at all
	answer["rootless"] = func([]byte) (StampResult, error) {
		return StampResult{State: StampPending, Token: []byte("t"), Reason: "no root certificates"}, nil
	}
	asked := 0
	answer["calendar"] = func(former []byte) (StampResult, error) {
		asked++
		return StampResult{State: StampPending, Token: append(former, 'x'), Reason: "no block yet"}, nil
	}
	r.tick()
	states := func(size int64) map[string]string {
		out := map[string]string{}
		for _, c := range r.status().Checkpoints {
			if c.Size == size {
				for _, s := range c.Stamps {
					out[s.Authority] = s.State
					if (s.State == StampConfirmed) == s.At.IsZero() {
						t.Errorf("%s is %s with the time %v", s.Authority, s.State, s.At)
					}
				}
			}
		}
		return out
	}
	for name, s := range states(1) {
		if s != StampNone {
			t.Errorf("%s is %s before it was asked", name, s)
		}
	}
	g := r.gather()
	want := map[string]string{"good": StampConfirmed, "down": StampFailed, "liar": StampFailed, "rootless": StampPending, "calendar": StampPending}
	for name, s := range want {
		if got := states(1)[name]; got != s {
			t.Errorf("%s is %q, want %q", name, got, s)
		}
	}
	if g.Confirmed != 1 || g.Pending != 2 || g.Failed != 2 {
		t.Errorf("%+v", g)
	}
	r.read(func(tx *store.Tx) error {
		all, err := tx.LogCheckpoints(t.Context(), 1)
		if err == nil && imprints[0] != sha256.Sum256([]byte(strings.SplitAfter(string(all[0].Text), "\n\n")[0][:len(strings.SplitAfter(string(all[0].Text), "\n\n")[0])-1])) {
			t.Error("the imprint is not the digest of the three lines")
		}
		return err
	})
	// The next day: the confirmed one is not asked about again, the failed one of the old checkpoint is left, pending ones are
	// followed up.
	answer["down"] = func([]byte) (StampResult, error) {
		return StampResult{State: StampConfirmed, Token: []byte("late"), At: at}, nil
	}
	r.days(1)
	r.gather()
	if len(imprints) != 2 || imprints[0] == imprints[1] {
		t.Errorf("the good authority was asked %d times", len(imprints))
	}
	if states(1)["down"] != StampFailed || states(2)["down"] != StampConfirmed {
		t.Errorf("down: %q and %q", states(1)["down"], states(2)["down"])
	}
	if asked != 3 { // one for each checkpoint, and once more for the first
		t.Errorf("the calendar was asked %d times", asked)
	}
	// An error on the way loses nothing that is there.
	answer["calendar"] = func([]byte) (StampResult, error) { return StampResult{}, errors.New("out of order") }
	r.gather()
	r.read(func(tx *store.Tx) error {
		pending, err := tx.PendingStamps(t.Context())
		for _, p := range pending {
			if p.Authority == "calendar" && len(p.Token) == 0 {
				t.Error("a proof was lost")
			}
		}
		return err
	})
}

func TestNothingOutsideIsAConditionOfTicking(t *testing.T) {
	t.Parallel()
	var a *friend
	r := newRig(t, func(r *rig, o *Options) {
		a = r.witness(o, "a.example/w")
		a.says = fmt.Errorf("%w", ErrFork)
		o.Authorities = []Authority{&clockwork{"ta", StampRFC3161, func([32]byte, []byte) (StampResult, error) { return StampResult{}, errors.New("down") }}}
	}).init()
	for range 3 {
		r.clock = r.clock.Add(24 * time.Hour)
		if got, err := r.Step(t.Context(), testAgent); err != nil || got.Added == 0 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	if r.count("log_checkpoint") != 3 {
		t.Error("the log did not go on")
	}
}

func TestReasonsCarryNoAddresses(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"it does not know this log":                      "it does not know this log",
		"post https://a.example/x: dial tcp 10.0.0.1:80": "post … dial tcp …",
		"open /home/anna/x":                              "open …",
		"bad\x1b[31m \u202eword":                         "bad[31m word",
		"lookup witness.partner.example: no such host":   "lookup … no such host",
	} {
		if got := reason(errors.New(in), ErrRefused); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := reason(fmt.Errorf("%w: no token", ErrRefused), ErrRefused); got != "no token" {
		t.Errorf("%q", got)
	}
}

func TestKeysAreEndorsed(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	first := r.keys()[0].VerifierKey
	id, err := r.RotateKey(t.Context(), testAgent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.RotateKey(t.Context(), testAgent); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("a second change between two ticks: %v", err)
	}
	if n := len(r.secrets.all); n != 2 {
		t.Errorf("%d secrets", n)
	}
	keys := r.keys()
	if len(keys) != 2 || keys[1].Since != 2 || keys[1].VerifierKey != id.VerifierKey || id.Number != 2 {
		t.Fatalf("%+v", keys)
	}
	v, err := tlog.NewVerifier(first)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tlog.OpenText([]byte(keys[1].Endorsement), v)
	if err != nil || text != "zapis log key v1\n"+testOrigin+"\n"+id.VerifierKey+"\n2\n" {
		t.Errorf("endorsement %q: %v", text, err)
	}
	r.days(2)
	r.read(func(tx *store.Tx) error {
		all, err := tx.LogCheckpoints(t.Context(), 0)
		for i, k := range []int{1, 1, 0} { // newest first
			if _, err := openCheckpoint(all[i].Text, keys[k]); err != nil {
				t.Errorf("checkpoint %d is not signed by key %d: %v", all[i].Size, k+1, err)
			}
		}
		return err
	})
	rep, err := r.Verify(t.Context(), logOptions())
	if err != nil || !rep.OK || len(rep.Keys) != 2 {
		t.Errorf("%+v, %v", rep, err)
	}
}

// A key whose making was cut off after the vault had it must neither be in the way nor be used.
func TestAKeyThatWasLeftBehindIsInNobodysWay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.secrets.all["log-key-1"] = []byte("PRIVATE+KEY+left behind")
	r.init()
	r.tick()
	left, _, err := tlog.GenerateKey(r.seed, testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	r.secrets.all["log-key-2"], r.secrets.all["log-key-2-1"] = []byte(left), []byte("y")
	if _, err := r.RotateKey(t.Context(), testAgent); err != nil {
		t.Fatal(err)
	}
	r.days(1)
	if c, err := openCheckpoint(r.keeper.note, r.keys()[1]); err != nil || c.Size != 2 {
		t.Errorf("signed with another key: %+v, %v", c, err)
	}
	delete(r.secrets.all, "log-key-2-2")
	r.clock = r.clock.Add(24 * time.Hour)
	if _, err := r.Tick(t.Context(), testAgent, false); !errors.Is(err, archive.ErrIntegrity) {
		t.Errorf("signed without the key: %v", err)
	}
}
