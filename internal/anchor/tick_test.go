package anchor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
)

func sum(b []byte) [32]byte { return sha256.Sum256(b) }

func TestTheCalendarAloneSaysHowMany(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	for _, c := range []struct {
		after time.Duration // since midnight of the first day
		size  int64
		added int64
	}{
		{14 * time.Hour, 1, 1}, // the tick of the first day
		{14 * time.Hour, 1, 0},
		{24 * time.Hour, 1, 0}, // midnight, not yet the hour
		{24*time.Hour + 10*time.Minute - time.Microsecond, 1, 0}, // a moment before it
		{24*time.Hour + 10*time.Minute, 2, 1},
		{24*time.Hour + 11*time.Minute, 2, 0},
		{6*24*time.Hour + time.Hour, 7, 5}, // four days without a machine
		{7*24*time.Hour + time.Hour, 8, 1},
	} {
		r.clock = midnight(day0).Add(c.after)
		r.act(3) // whatever happens
		got := r.tick()
		if got.Size != c.size || got.Added != c.added || got.Added > 0 && got.Blank != c.added-1 {
			t.Errorf("after %v: %+v, want size %d with %d added", c.after, got, c.size, c.added)
		}
		if want := midnight(day0).Add(10*time.Minute + time.Duration(c.size)*24*time.Hour); !got.Next.Equal(want) {
			t.Errorf("after %v: next tick is due at %v, want %v", c.after, got.Next, want)
		}
	}
	r.read(func(tx *store.Tx) error {
		ticks, err := tx.LogTicks(t.Context(), 0, 100)
		for i, k := range ticks {
			blank := i >= 2 && i <= 5
			if k.Blank != blank || !k.DueAt.Equal(midnight(day0).Add(10*time.Minute+time.Duration(i)*24*time.Hour)) {
				t.Errorf("tick %d: %+v", i, k)
			}
		}
		return err
	})
}

func TestCalendarProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		every := time.Duration(rapid.Int64Range(1, 40*86400).Draw(t, "every")) * time.Second
		at := time.Duration(rapid.Int64Range(0, 86399).Draw(t, "at")) * time.Second
		made := time.Unix(rapid.Int64Range(1_700_000_000, 2_000_000_000).Draw(t, "made"), 0).UTC()
		c := Calendar{Start: midnight(made).Add(offset(made, every, at)), Every: every}
		// A log never begins with a row of missed ticks, nor long after it was made.
		if n := c.Due(made); n > 1 {
			t.Fatalf("%d ticks are due when the log is made", n)
		}
		if c.Start.Sub(made) > max(every, 24*time.Hour) {
			t.Fatalf("the first tick is %v away", c.Start.Sub(made))
		}
		now := made.Add(time.Duration(rapid.Int64Range(0, 1e8).Draw(t, "later")) * time.Second)
		n := c.Due(now)
		if n > 0 && c.At(n-1).After(now) || !c.At(n).After(now) {
			t.Fatalf("%d are due, the last at %v, the next at %v, now %v", n, c.At(n-1), c.At(n), now)
		}
	})
}

// The hour of the making leaves no trace in a log of days.
func TestOffsetOfALogOfDaysIsTheConfiguredHour(t *testing.T) {
	t.Parallel()
	for h := range 24 {
		if got := offset(midnight(day0).Add(time.Duration(h)*time.Hour), 24*time.Hour, 10*time.Minute); got != 10*time.Minute {
			t.Errorf("made at %d o'clock: offset %v", h, got)
		}
	}
}

func TestTickOpensToTheRecordBeforeItAndToTheStatements(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.act(5)
	var want []string
	for i := range 40 {
		r.clock = r.clock.Add(time.Millisecond) // so that identifiers follow the order of the making
		want = append(want, r.state(i))
	}
	got := r.tick()
	if got.Statements != 40 {
		t.Fatalf("%+v", got)
	}
	r.read(func(tx *store.Tx) error {
		o, err := tx.LogOpening(t.Context(), 0)
		if err != nil {
			return err
		}
		ticks, err := tx.LogTicks(t.Context(), 0, 1)
		if err != nil {
			return err
		}
		if commit.Tick(o.Salt, o.CustodyRoot, o.StatementsRoot) != ticks[0].Commitment {
			t.Error("the tick does not open")
		}
		// Init wrote one event, act five; the tick's own comes after.
		head, err := tx.Head(t.Context(), false)
		if err != nil || o.CustodySize != 6 || head != 7 {
			t.Errorf("tick vouches for %d events of %d: %v", o.CustodySize, head, err)
		}
		root, err := commit.VeiledRoot(commit.CustodyDepth, o.CustodySize, o.CustodyVeil, custodyHashes(t.Context(), tx))
		if err != nil || root != o.CustodyRoot {
			t.Errorf("custody root: %v", err)
		}
		placed, err := tx.StatementsOf(t.Context(), 0)
		if err != nil {
			return err
		}
		var leaves []commit.Hash
		var order []string
		for i, s := range placed {
			if s.Place != int64(i) {
				t.Errorf("place %d is %d", i, s.Place)
			}
			leaves = append(leaves, commit.Statement(s.Salt, s.Body))
			order = append(order, s.ID)
		}
		if slices.Equal(order, want) {
			t.Error("the statements have their places in the order in which they were made")
		}
		slices.Sort(order)
		slices.Sort(want)
		if !slices.Equal(order, want) {
			t.Error("not every statement has a place")
		}
		tree, err := commit.MemoryTree(leaves)
		if err != nil {
			return err
		}
		sroot, err := commit.VeiledRoot(commit.StatementDepth, int64(len(leaves)), o.StatementsVeil, tree)
		if err != nil || sroot != o.StatementsRoot {
			t.Errorf("statements root: %v", err)
		}
		// The event names the tick, and comes in the same transaction.
		ev, err := tx.Opening(t.Context(), 6)
		if err != nil || ev.Type != archive.EventSignature || !bytes.Contains(ev.Event, []byte(hex.EncodeToString(ticks[0].Commitment[:]))) {
			t.Errorf("event: %+v, %v", ev, err)
		}
		return nil
	})
	r.clock = r.clock.Add(24 * time.Hour)
	if again := r.tick(); again.Statements != 0 {
		t.Errorf("statements are stated twice: %+v", again)
	}
}

func TestCheckpointsAreSignedAndConsistent(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	for i := range 20 {
		r.clock = r.clock.Add(time.Duration(1+i%3) * 24 * time.Hour)
		r.tick()
	}
	r.read(func(tx *store.Tx) error {
		all, err := tx.LogCheckpoints(t.Context(), 0)
		if err != nil || len(all) != 21 {
			t.Fatalf("%d checkpoints: %v", len(all), err)
		}
		keys, err := tx.LogKeys(t.Context())
		if err != nil {
			return err
		}
		for i, c := range all {
			got, err := openCheckpoint(c.Text, keys[0])
			if err != nil || got.Size != c.Size || got.Root != c.Root || got.Origin != testOrigin {
				t.Errorf("checkpoint %d: %+v, %v", c.Size, got, err)
			}
			for _, older := range all[i+1:] {
				p, err := tlog.Consistency(older.Size, c.Size, logHashes(t.Context(), tx))
				if err == nil {
					err = tlog.CheckConsistency(p, older.Size, older.Root, c.Size, c.Root)
				}
				if err != nil {
					t.Errorf("%d in %d: %v", older.Size, c.Size, err)
				}
			}
		}
		return nil
	})
}

func TestInitRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.Tick(t.Context(), testAgent, false); !errors.Is(err, ErrNoLog) {
		t.Errorf("tick without a log: %v", err)
	}
	for _, origin := range []string{"", "a b", "a+b", "a\nb", "архив", string(make([]byte, 200))} {
		if _, err := r.Init(t.Context(), testAgent, origin); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("origin %q: %v", origin, err)
		}
	}
	r.init()
	if _, err := r.Init(t.Context(), testAgent, testOrigin); !errors.Is(err, archive.ErrExists) {
		t.Errorf("a second log: %v", err)
	}
	if n := len(r.secrets.all); n != 1 {
		t.Errorf("%d keys were made", n)
	}
}

// A wrong clock must not fill the log with years that can never be taken back.
func TestAClockFarAheadIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	fresh := newRig(t).init() // before its first tick, too
	fresh.clock = fresh.clock.Add(5 * 365 * 24 * time.Hour)
	if _, err := fresh.Tick(t.Context(), testAgent, false); !errors.Is(err, ErrClock) {
		t.Errorf("a first tick after five years: %v", err)
	}
	good := r.clock
	r.clock = good.Add(10 * 365 * 24 * time.Hour)
	_, err := r.Tick(t.Context(), testAgent, false)
	wantErr(t, err, ErrClock, "3650 ticks")
	r.clock = good
	if got := r.tick(); got.Size != 1 {
		t.Fatalf("%+v", got)
	}
	r.clock = good.Add(100 * 24 * time.Hour)
	got, err := r.Tick(t.Context(), testAgent, true)
	if err != nil || got.Size != 101 || got.Blank != 99 {
		t.Fatalf("with leave: %+v, %v", got, err)
	}
	// And one that was put back adds nothing.
	r.clock = good
	_, err = r.Tick(t.Context(), testAgent, false)
	wantErr(t, err, ErrClock, "1 ticks are due and 101 are there")
}

// A missed tick must look like any other, and no two may have anything in common.
func TestNothingIsDrawnTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	r.clock = r.clock.Add(30 * 24 * time.Hour)
	r.tick()
	r.days(5)
	seen := map[[32]byte]string{{}: "nothing"}
	once := func(what string, v [32]byte) {
		if before, ok := seen[v]; ok {
			t.Errorf("%s is the same as %s", what, before)
		}
		seen[v] = what
	}
	r.read(func(tx *store.Tx) error {
		ticks, err := tx.LogTicks(t.Context(), 0, 100)
		if err != nil || len(ticks) != 36 {
			t.Fatalf("%d ticks: %v", len(ticks), err)
		}
		for _, k := range ticks {
			once("commitment", k.Commitment)
		}
		for o, err := range tx.LogOpenings(t.Context()) {
			if err != nil {
				return err
			}
			once("salt", o.Salt)
			once("custody root", o.CustodyRoot)
			once("custody veil", o.CustodyVeil)
			once("statements root", o.StatementsRoot)
			once("statements veil", o.StatementsVeil)
		}
		return nil
	})
}

// Everything a log does, on both engines.
func TestWholeLifeOnBothEngines(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := rigOn(t, db, 1, func(r *rig, o *Options) {
			r.witness(o, "w.example/1")
			o.Authorities = []Authority{&clockwork{"calendar", StampOpenTimestamps, func(imprint [32]byte, _ []byte) (StampResult, error) {
				return StampResult{State: StampPending, Token: proofOf(imprint), Reason: "no block yet"}, nil
			}}}
		}).init()
		dir := r.folder()
		for i := range 4 {
			r.act(i)
			r.state(i)
			r.clock = r.clock.Add(time.Duration(1+i) * 24 * time.Hour)
			if got := r.tick(); got.Statements != 1 {
				t.Errorf("%+v", got)
			}
			if g := r.gather(); g.Cosigned != 1 || g.Pending != 1 {
				t.Errorf("%+v", g)
			}
			if _, err := r.publishTo(dir); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				if _, err := r.RotateKey(t.Context(), testAgent); err != nil {
					t.Fatal(err)
				}
			}
		}
		st := r.status()
		if st.Size != 11 || len(st.Checkpoints) != 4 || len(st.Keys) != 2 || !st.Published.Current || st.Open != 0 {
			t.Errorf("%+v", st)
		}
		if rep := checkDir(t, dir, logOptions()); !rep.OK || rep.Size != 11 || rep.Statements != 4 || len(rep.Stamps) != 4 {
			t.Errorf("%+v", rep)
		}
	})
}

// Each contradiction stops the log, and nothing is added.
func TestContradictionsStopTheLog(t *testing.T) {
	t.Parallel()
	raw := func(text string, args ...any) func(*rig) {
		return func(r *rig) {
			if _, err := r.db.SQL().Exec(text, args...); err != nil {
				r.t.Fatalf("%s: %v", text, err)
			}
		}
	}
	free := func(table string) func(*rig) { return func(r *rig) { dropTriggers(r, table) } }
	all := func(f ...func(*rig)) func(*rig) {
		return func(r *rig) {
			for _, f := range f {
				f(r)
			}
		}
	}
	zero := make([]byte, 32)
	for name, c := range map[string]struct {
		do   func(*rig)
		part string
	}{
		"a stored hash was altered":         {all(free("log_hash"), raw(`UPDATE log_hash SET hash = ? WHERE position = 2`, zero)), "no longer agrees"},
		"a tick was altered":                {all(free("log_tick"), raw(`UPDATE log_tick SET commitment = ? WHERE position = 2`, zero)), "does not open"},
		"the last tick was taken out":       {all(free("log_tick"), free("log_opening"), raw(`DELETE FROM log_opening WHERE position = 2`), raw(`DELETE FROM log_tick WHERE position = 2`)), "2 leaves, its latest checkpoint 3"},
		"the last checkpoint was taken out": {all(free("log_checkpoint"), raw(`DELETE FROM log_checkpoint WHERE size = 3`)), "3 leaves, its latest checkpoint 2"},
		"the checkpoint was altered":        {all(free("log_checkpoint"), raw(`UPDATE log_checkpoint SET text = CAST(replace(CAST(text AS TEXT), char(10) || '3' || char(10), char(10) || '4' || char(10)) AS BLOB) WHERE size = 3`)), "not signed"},
		"the opening is gone":               {all(free("log_opening"), raw(`DELETE FROM log_opening WHERE position = 2`)), "cannot be opened"},
		"the custody record was rewritten":  {all(free("custody_hash"), raw(`UPDATE custody_hash SET hash = ? WHERE position = 6`, zero)), "not the one that tick 2 vouches for"},
		"the custody record was cut off":    {all(free("custody_head"), raw(`UPDATE custody_head SET size = 2`)), "ends before"},
		"another key": {func(r *rig) {
			_, vkey, _ := tlog.GenerateKey(r.seed, testOrigin)
			free("log_key")(r)
			raw(`UPDATE log_key SET vkey = ?`, vkey)(r)
		}, "not signed by log key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).init()
			r.act(4)
			r.tick()
			r.days(2)
			c.do(r)
			r.clock = r.clock.Add(24 * time.Hour)
			before := r.count("log_tick")
			_, err := r.Tick(t.Context(), testAgent, false)
			wantErr(t, err, archive.ErrIntegrity, c.part)
			if n := r.count("log_tick"); n != before {
				t.Errorf("%d ticks, there were %d", n, before)
			}
			st, err := r.Status(t.Context(), StatusOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(st.Problems) == 0 || st.Problems[0].Code != ProblemIntegrity || !st.Problems[0].Grave {
				t.Errorf("problems: %+v", st.Problems)
			}
		})
	}
}

func (r *rig) count(table string) (n int64) {
	r.t.Helper()
	if err := r.db.SQL().QueryRow(`SELECT COUNT(*) FROM ` + table).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// dropTriggers lets a test alter what the database guards.
func dropTriggers(r *rig, table string) {
	r.t.Helper()
	rows, err := r.db.SQL().Query(`SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?`, table)
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			r.t.Fatal(err)
		}
		names = append(names, n)
	}
	_ = rows.Close()
	for _, n := range names {
		if _, err := r.db.SQL().Exec(`DROP TRIGGER ` + n); err != nil {
			r.t.Fatal(err)
		}
	}
}

// A database that was put back to an older state would sign another future under the same name.
func TestADatabaseThatWasPutBackSignsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.tick()
	older := bytes.Clone(r.keeper.note)
	r.days(2)
	newer := r.keeper.note
	// Another archive's database, with the same key: what a copy put back would be.
	s := newRig(t)
	s.secrets.all = r.secrets.all
	s.init2(t, r)
	s.tick()
	s.keeper.note = newer
	s.clock = s.clock.Add(24 * time.Hour)
	_, err := s.Tick(t.Context(), testAgent, false)
	wantErr(t, err, archive.ErrIntegrity, "the checkpoint kept outside 3")
	if p, ok := errors.AsType[*archive.Public](err); !ok || p.Hint == "" {
		t.Error("nothing says what to do")
	}
	// A smaller one with another root is another log.
	s.keeper.note = older
	_, err = s.Tick(t.Context(), testAgent, false)
	wantErr(t, err, archive.ErrIntegrity, "does not hold checkpoint 1, which is kept outside")
	s.keeper.note = []byte("nothing of the sort\n")
	_, err = s.Tick(t.Context(), testAgent, false)
	wantErr(t, err, archive.ErrIntegrity, "not of this log")
}

// The same when the home folder went back with it: what is published tells.
func TestADatabaseThatWasPutBackIsFoundOutByWhatIsPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	dir := r.folder()
	r.tick()
	r.days(2)
	if _, err := r.publishTo(dir); err != nil {
		t.Fatal(err)
	}
	s := newRig(t, func(_ *rig, o *Options) {
		o.Publish = func(context.Context) (Target, func() error, error) {
			f, c, err := OpenFolder(dir)
			return f, c.Close, err
		}
	})
	s.secrets.all = r.secrets.all
	s.init2(t, r)
	_, err := s.Step(t.Context(), testAgent)
	wantErr(t, err, archive.ErrIntegrity, "the checkpoint published 3")
	if n := s.count("log_tick"); n != 0 {
		t.Errorf("%d ticks were signed", n)
	}
	// A file that this log has not signed is not a reason: anybody may have put it there. It is not written over either.
	put(t, filepath.Join(dir, "checkpoint"), []byte("o\n9\nx\n\n— o x\n"))
	_, err = s.Step(t.Context(), testAgent)
	wantErr(t, err, ErrFork, "")
	if n := s.count("log_tick"); n != 1 {
		t.Errorf("%d ticks were signed", n)
	}
}

// A step publishes what changed and nothing else, and one that found the place in use is made up for.
func TestStepsPublishWhatChanged(t *testing.T) {
	t.Parallel()
	busy := true
	dir := ""
	r := newRig(t, func(r *rig, o *Options) {
		dir = r.folder()
		o.Publish = func(context.Context) (Target, func() error, error) {
			if busy {
				return nil, nil, archive.ErrBusy
			}
			f, c, err := OpenFolder(dir)
			return f, c.Close, err
		}
	}).init()
	step := func() {
		t.Helper()
		if _, err := r.Step(t.Context(), testAgent); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if n := r.count("log_publication"); n != 0 {
		t.Errorf("%d publications while the place was in use", n)
	}
	busy = false
	for range 3 {
		step()
	}
	if n := r.count("log_publication"); n != 1 {
		t.Errorf("%d publications of one state", n)
	}
	r.clock = r.clock.Add(24 * time.Hour)
	step()
	if rep := checkDir(t, dir, logOptions()); !rep.OK || rep.Size != 2 {
		t.Errorf("%+v", rep)
	}
}

// init2 makes a log with the key of another rig.
func (r *rig) init2(t *testing.T, of *rig) {
	t.Helper()
	var l store.PublicLog
	var keys []store.LogKey
	of.read(func(tx *store.Tx) (err error) {
		if l, _, err = tx.PublicLog(t.Context()); err != nil {
			return err
		}
		keys, err = tx.LogKeys(t.Context())
		return err
	})
	r.write(func(tx *store.Tx) error {
		if err := tx.AddPublicLog(t.Context(), l); err != nil {
			return err
		}
		for _, k := range keys {
			if err := tx.AddLogKey(t.Context(), k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Whatever the commit does, lost or there although an error came back, the log goes on as if nothing had been.
func TestFaultInTheCommitOfATick(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"commit", "committed"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			armed := false
			db, _ := storetest.OpenWith(t, store.SQLite, func(o *store.Options) {
				o.Fault = func(at string) error {
					if armed && at == point {
						armed = false
						return errors.New("the cable is out")
					}
					return nil
				}
			})
			r := rigOn(t, db, 1).init()
			r.tick()
			r.clock = r.clock.Add(24 * time.Hour)
			r.state(1)
			armed = true
			if _, err := r.Tick(context.Background(), testAgent, false); err == nil {
				t.Fatal("the fault went unnoticed")
			}
			got := r.tick()
			if got.Size != 2 || r.count("log_tick") != 2 || r.count("log_checkpoint") != 2 {
				t.Errorf("%+v", got)
			}
			if c, err := openAny(r.keeper.note, r.keys()); err != nil || c.Size != 2 {
				t.Errorf("kept: %+v, %v", c, err)
			}
			r.days(2)
			rep, err := r.Verify(t.Context(), logOptions())
			if err != nil || !rep.OK || rep.Size != 4 {
				t.Errorf("%+v, %v", rep, err)
			}
		})
	}
}

func (r *rig) keys() (keys []store.LogKey) {
	r.read(func(tx *store.Tx) (err error) {
		keys, err = tx.LogKeys(context.Background())
		return err
	})
	return keys
}

// When every randomness fails nothing is written: a guessable salt would open the log.
func TestNoRandomnessNoTick(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(_ *rig, o *Options) {}).init()
	r.o.Rand = &short{}
	for n := range 5 {
		r.o.Rand = &short{left: 32 * n}
		if _, err := r.Tick(t.Context(), testAgent, false); n < 3 && err == nil {
			t.Fatalf("ticked with %d bytes of randomness", 32*n)
		}
		if n < 3 && r.count("log_tick") != 0 {
			t.Fatal("a tick was written")
		}
	}
}

type short struct{ left int }

func (s *short) Read(p []byte) (int, error) {
	if s.left < len(p) {
		return 0, errors.New("no randomness")
	}
	s.left -= len(p)
	for i := range p {
		p[i] = byte(s.left + i)
	}
	return len(p), nil
}

func TestSeveralProcessesTickOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := rigOn(t, db, 1).init()
		r.tick()
		r.clock = r.clock.Add(48 * time.Hour)
		errs := make(chan error, 6)
		for range cap(errs) {
			go func() {
				_, err := r.Service.Tick(context.Background(), testAgent, false)
				errs <- err
			}()
		}
		for range cap(errs) {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		r.read(func(tx *store.Tx) error {
			n, err := tx.LogSize(context.Background(), false)
			if err != nil || n != 3 {
				t.Errorf("size %d: %v", n, err)
			}
			all, err := tx.LogCheckpoints(context.Background(), 0)
			if len(all) != 2 {
				t.Errorf("%d checkpoints", len(all))
			}
			return err
		})
	})
}

// Whichever table refuses, nothing of the tick is there afterwards, and the next call makes it whole.
func TestFaultInEveryTableOfATick(t *testing.T) {
	t.Parallel()
	for _, act := range []string{
		"INSERT ON log_tick", "INSERT ON log_opening", "INSERT ON log_hash", "UPDATE ON statement", "INSERT ON log_checkpoint",
		"INSERT ON custody_leaf", "INSERT ON custody_opening", "INSERT ON custody_hash", "UPDATE ON custody_head",
	} {
		t.Run(act, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).init()
			r.tick()
			r.clock = r.clock.Add(72 * time.Hour)
			r.state(1)
			tables := []string{"log_tick", "log_opening", "log_hash", "log_checkpoint", "custody_leaf", "custody_hash"}
			before := map[string]int64{}
			for _, table := range tables {
				before[table] = r.count(table)
			}
			if _, err := r.db.SQL().Exec(`CREATE TRIGGER fault BEFORE ` + act + ` BEGIN SELECT RAISE(ABORT, 'fault'); END`); err != nil {
				t.Fatal(err)
			}
			kept := bytes.Clone(r.keeper.note)
			if _, err := r.Tick(t.Context(), testAgent, false); err == nil {
				t.Fatal("the fault went unnoticed")
			}
			for _, table := range tables {
				if n := r.count(table); n != before[table] {
					t.Errorf("%s has %d rows, there were %d", table, n, before[table])
				}
			}
			if !bytes.Equal(r.keeper.note, kept) {
				t.Error("a checkpoint was kept that is not there")
			}
			if _, err := r.db.SQL().Exec(`DROP TRIGGER fault`); err != nil {
				t.Fatal(err)
			}
			if got := r.tick(); got.Size != 4 || got.Statements != 1 {
				t.Errorf("%+v", got)
			}
			if rep, err := r.Verify(t.Context(), logOptions()); err != nil || !rep.OK {
				t.Errorf("%+v, %v", rep, err)
			}
		})
	}
}

// A checkpoint that cannot be kept outside is an error, but the tick stands, and the next call keeps it.
func TestAKeeperThatFails(t *testing.T) {
	t.Parallel()
	r := newRig(t).init()
	r.keeper.fail = errors.New("no space")
	if _, err := r.Tick(t.Context(), testAgent, false); err == nil {
		t.Fatal("went unnoticed")
	}
	r.keeper.fail = nil
	if got := r.tick(); got.Size != 1 || got.Added != 0 {
		t.Errorf("%+v", got)
	}
	if c, err := openAny(r.keeper.note, r.keys()); err != nil || c.Size != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}
