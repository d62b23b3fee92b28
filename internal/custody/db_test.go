package custody_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/custodytest"
	"zapis/internal/custody/rows"
	"zapis/internal/custody/verify"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
)

func newRecorder(t testing.TB) (*custody.Recorder, verify.Options) {
	t.Helper()
	origin := custody.Origin(storetest.VaultID)
	skey, vkey, err := tlog.GenerateKey(custodytest.Random(), origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return custody.New(custody.Options{Tool: "zapis test", Signer: signer, Origin: origin}), verify.Options{Key: key}
}

func verifyDB(t testing.TB, db *store.DB, o verify.Options) verify.Report {
	t.Helper()
	var r verify.Report
	storetest.Read(t, db, func(tx *store.Tx) error {
		src, err := rows.New(tx)
		if err != nil {
			return err
		}
		r, err = verify.VerifyDB(context.Background(), src, o)
		return err
	})
	return r
}

func account(n int) archive.Event {
	return archive.Event{Type: archive.EventAccount, Agent: custodytest.Agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindAccount, ID: custodytest.ID("ag", n)}},
		Detail:   map[string]string{"act": "signed in"}}
}

// Writers at the same time give one unbroken record, and a transaction that is given up leaves nothing.
func TestManyRecordersAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r, o := newRecorder(t)
		ctx := context.Background()
		const writers, each = 4, 15
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					err := db.Write(ctx, func(tx *store.Tx) error {
						if _, err := r.Record(ctx, tx, account(w), account(i)); err != nil {
							return err
						}
						return nil
					})
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
						return
					}
					if i%5 == 0 {
						if _, _, err := r.Checkpoint(ctx, db); err != nil {
							t.Errorf("checkpoint of writer %d: %v", w, err)
						}
						_ = db.Write(ctx, func(tx *store.Tx) error {
							if _, err := r.Record(ctx, tx, account(w)); err != nil {
								return err
							}
							return fmt.Errorf("given up")
						})
					}
				}
			})
		}
		wg.Wait()
		rep := verifyDB(t, db, o)
		if !rep.OK() || rep.Size != 2*writers*each || rep.Checkpoints == 0 {
			t.Errorf("report: %+v", rep)
		}
		var export bytes.Buffer
		if err := custody.Export(ctx, db, &export); err != nil {
			t.Fatal(err)
		}
		rep, err := verify.VerifyExport(ctx, &export, o)
		if err != nil || !rep.OK() || rep.Size != 2*writers*each {
			t.Errorf("export: %+v, %v", rep, err)
		}
		storetest.Read(t, db, func(tx *store.Tx) error {
			entries, err := r.Show(ctx, tx, custody.KindAccount, custodytest.ID("ag", 1))
			if err != nil {
				return err
			}
			if len(entries) != each+writers {
				t.Errorf("%d events of account 1, want %d", len(entries), each+writers)
			}
			for _, e := range entries {
				if e.Proof == custody.Broken {
					t.Errorf("event %d: %s", e.Index, e.Problem)
				}
			}
			return nil
		})
	})
}

// BenchmarkRecord records ingestions, 64 in a transaction, as ingest does. Events a second are reported.
func BenchmarkRecord(b *testing.B) {
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		b.Run(engine, func(b *testing.B) {
			db := storetest.Open(b, engine)
			r, _ := newRecorder(b)
			ctx := context.Background()
			n := 0
			start := time.Now()
			for b.Loop() {
				events := make([]archive.Event, 64)
				for i := range events {
					events[i] = custody.Ingestion(custodytest.Agent, custodytest.Item(n), custodytest.ID("pr", n))
					n++
				}
				if err := db.Write(ctx, func(tx *store.Tx) error { _, err := r.Record(ctx, tx, events...); return err }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/time.Since(start).Seconds(), "events/s")
		})
	}
}

// BenchmarkVerify verifies a record of 100,000 events in SQLite. It is long and runs only when asked.
func BenchmarkVerify(b *testing.B) {
	if os.Getenv("ZAPIS_BENCH_ITEMS") == "" {
		b.Skip("set ZAPIS_BENCH_ITEMS to run it")
	}
	db := storetest.Open(b, store.SQLite)
	r, o := newRecorder(b)
	ctx := context.Background()
	const size = 100_000
	for range size / 1000 {
		events := make([]archive.Event, 1000)
		for i := range events {
			events[i] = account(i)
		}
		storetest.Write(b, db, func(tx *store.Tx) error { _, err := r.Record(ctx, tx, events...); return err })
	}
	if _, _, err := r.Checkpoint(ctx, db); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if rep := verifyDB(b, db, o); !rep.OK() || rep.Size != size {
			b.Fatalf("report: %+v", rep)
		}
	}
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
