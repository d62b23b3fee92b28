package anchor

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zapis/internal/timestamp"
	"zapis/internal/timestamp/authority"
	"zapis/internal/timestamp/timestamptest"
	"zapis/internal/tlog/witness"
	"zapis/verify"
)

// partner starts a witness as another organisation runs it.
func partner(t *testing.T, name string) (*witness.Witness, Witness, *httptest.Server) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "witness")
	vkey, err := witness.Create(dir, name, witness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(dir, witness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	s := httptest.NewServer(w.Handler(slog.New(slog.DiscardHandler)))
	t.Cleanup(s.Close)
	return w, Witness{Name: name, VerifierKey: vkey, URL: s.URL}, s
}

func TestRealWitnesses(t *testing.T) {
	t.Parallel()
	w1, c1, s1 := partner(t, "w1.example")
	w2, c2, _ := partner(t, "w2.example")
	r := newRig(t, func(_ *rig, o *Options) { o.Witnesses, o.Cosigner = []Witness{c1, c2}, &HTTPCosigner{} }).init()
	r.tick()
	// The second has not entered the log yet.
	if err := w1.Add(witness.Log{Keys: []string{r.keys()[0].VerifierKey}}); err != nil {
		t.Fatal(err)
	}
	if g := r.gather(); g.Cosigned != 1 || g.QuorumMet {
		t.Fatalf("%+v", g)
	}
	if _, ok := problem(r.status(), ProblemWitness, "w2.example"); !ok {
		t.Errorf("%+v", r.status().Problems)
	}
	if err := w2.Add(witness.Log{Keys: []string{r.keys()[0].VerifierKey}}); err != nil {
		t.Fatal(err)
	}
	if g := r.gather(); g.Cosigned != 2 || !g.QuorumMet {
		t.Fatalf("%+v", g)
	}
	// Days on which one of them is down, then back: it is asked for the proof from where it stands.
	address := s1.URL
	r.o.Witnesses[0].URL = "http://127.0.0.1:1"
	r.days(3)
	if g := r.gather(); g.Cosigned != 1 {
		t.Fatalf("%+v", g)
	}
	r.o.Witnesses[0].URL = address
	r.days(2)
	if g := r.gather(); g.Cosigned != 2 {
		t.Fatalf("%+v", g)
	}
	// What we believe of a witness may be lost or wrong; it tells.
	if _, err := r.db.SQL().Exec(`DELETE FROM setting WHERE name LIKE 'log.witness.%'`); err != nil {
		t.Fatal(err)
	}
	r.days(1)
	if g := r.gather(); g.Cosigned != 2 {
		t.Fatalf("after what was known of witnesses was lost: %+v", g)
	}
	dir := r.folder()
	if _, err := r.publishTo(dir); err != nil {
		t.Fatal(err)
	}
	rep := checkDir(t, dir, verify.LogOptions{Witnesses: []string{c1.VerifierKey, c2.VerifierKey}})
	if !rep.OK || len(rep.Cosigned) != 2 {
		t.Fatalf("%+v", rep)
	}
	// Somebody with the key of the log makes another history of it: the witnesses have seen this one.
	other := newRig(t, func(_ *rig, o *Options) { o.Witnesses, o.Cosigner = []Witness{c1, c2}, &HTTPCosigner{} })
	other.secrets.all = r.secrets.all
	other.seed.Seed([32]byte{5})
	other.init2(t, r)
	other.tick()
	other.days(8)
	g := other.gather()
	if g.Cosigned != 0 || !slices.Equal(g.Forks, []string{"w1.example", "w2.example"}) {
		t.Fatalf("%+v", g)
	}
	if p, ok := problem(other.status(), ProblemFork, "w1.example"); !ok || !p.Grave {
		t.Errorf("%+v", other.status().Problems)
	}
	if named := w1.Status().Named(); len(named) == 0 {
		t.Error("the witness names nothing")
	}
}

func TestRealAuthorities(t *testing.T) {
	t.Parallel()
	ta, address := timestamptest.Authority(t, authority.Options{})
	calendar := timestamptest.NewCalendar(t)
	var asks timestamp.RFC3161
	r := newRig(t, func(r *rig, o *Options) {
		r.clock = time.Now().UTC()
		asks = timestamp.RFC3161{URL: address}
		o.Authorities = []Authority{TimeAuthority{"ta", asks}, TimeAuthority{"down", timestamp.RFC3161{URL: "http://127.0.0.1:1"}},
			TimeCalendar{"calendar", timestamp.Calendar{URL: calendar.URL}}}
	}).init()
	r.clock = midnight(r.clock).Add(time.Hour)
	if r.clock.After(time.Now()) {
		r.clock = r.clock.Add(-24 * time.Hour)
	}
	r.tick2(t)
	state := func(name string) StampState {
		for _, s := range r.status().Checkpoints[0].Stamps {
			if s.Authority == name {
				return s
			}
		}
		t.Fatalf("no stamp by %s", name)
		return StampState{}
	}
	// Without roots nothing is confirmed, however good the token.
	r.gather()
	if s := state("ta"); s.State != StampPending || !s.At.IsZero() || s.Reason == "" {
		t.Errorf("without roots: %+v", s)
	}
	if s := state("down"); s.State != StampFailed || s.Reason != "no answer" {
		t.Errorf("down: %+v", s)
	}
	if s := state("calendar"); s.State != StampPending {
		t.Errorf("calendar: %+v", s)
	}
	dir := r.folder()
	if _, err := r.publishTo(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "time/1/ta.tsr")); err == nil {
		t.Error("a token that nobody could check is published")
	}
	// With roots the stored token is judged again; nobody is asked twice.
	asks.Roots, asks.URL = ta.Pool(), "http://127.0.0.1:1"
	r.o.Authorities[0] = TimeAuthority{"ta", asks}
	r.gather()
	if s := state("ta"); s.State != StampConfirmed || time.Since(s.At).Abs() > time.Hour {
		t.Errorf("with roots: %+v", s)
	}
	if _, err := r.publishTo(dir); err != nil {
		t.Fatal(err)
	}
	rep := checkDir(t, dir, verify.LogOptions{Roots: ta.Pool()})
	checked := 0
	for _, s := range rep.Stamps {
		if s.Checked {
			checked++
		}
	}
	if !rep.OK || checked != 1 || len(rep.Stamps) != 2 {
		t.Errorf("%+v", rep)
	}
	// OpenSSL says the same of the published file.
	text := fmt.Sprintf("%s", noteText([]byte(r.status().Checkpoints[0].Note)))
	at := filepath.Join(t.TempDir(), "text")
	put(t, at, []byte(text))
	said, err := exec.Command("openssl", "ts", "-verify", "-data", at, "-token_in", "-in", filepath.Join(dir, "time/1/ta.tsr"), "-CAfile", ta.RootsFile()).CombinedOutput()
	if err != nil {
		t.Errorf("openssl: %v: %s", err, said)
	}
	// A token that is altered in the folder is refused.
	flipFile(t, filepath.Join(dir, "time/1/ta.tsr"), 200)
	if rep := checkDir(t, dir, verify.LogOptions{Roots: ta.Pool()}); rep.OK {
		t.Error("an altered token is accepted")
	}
}

// tick2 ticks and wants exactly one leaf.
func (r *rig) tick2(t *testing.T) {
	t.Helper()
	if got := r.tick(); got.Size != 1 {
		t.Fatalf("%+v", got)
	}
}
