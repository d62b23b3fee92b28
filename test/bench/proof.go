package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/custody"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// proof measures what outsiders' proofs cost here: adding events to a record that can be proven at once, and making the
// proof of one event in a record of many.
func (b *bench) proof() (part, error) {
	at, err := b.fresh("proof")
	if err != nil {
		return part{}, err
	}
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		return part{}, err
	}
	const vaultID = "va_00000000000000000000000001"
	create := func(name string) (*store.DB, error) {
		return store.Create(b.ctx, store.Options{URL: "sqlite://" + filepath.Join(at, name), Key: key}, vaultID)
	}
	p := part{Title: fmt.Sprintf("Proofs (SQLite, record of %d events)", b.sizes.leaves), How: []string{
		"append: events with commitment, opening, subjects and stored tree hashes, in transactions of as many as an ingest writes at once; each transaction is durable",
		"proof: the veiled proof for one event at a random place, its leaf hash checked against the root, with an inclusion proof in a public log of ten years; a read transaction each; the tree is stored as the product stores it, its leaves are synthetic",
	}}
	db, err := create("append.db")
	if err != nil {
		return part{}, err
	}
	for _, batch := range []int{1, 64} {
		rate, err := b.appendEvents(db, batch)
		if err != nil {
			return part{}, errors.Join(err, db.Close())
		}
		f := figure{What: fmt.Sprintf("append, %d to a transaction", batch), Value: fmt.Sprintf("%.0f events/s", rate)}
		if batch > 1 {
			f.Target, f.Verdict = "≥ 2,000 events/s", "met"
			if rate < 2000 {
				f.Verdict = "**missed**"
			}
		}
		p.Figures = append(p.Figures, f)
	}
	if err := db.Close(); err != nil {
		return part{}, err
	}
	if db, err = create("tree.db"); err != nil {
		return part{}, err
	}
	defer db.Close()
	begun := time.Now()
	if err := growTree(b.ctx, db, int64(b.sizes.leaves)); err != nil {
		return part{}, err
	}
	p.Rounds = append(p.Rounds, fmt.Sprintf("tree of %d leaves made in %s", b.sizes.leaves, seconds(time.Since(begun))))
	took, err := b.buildProofs(db, int64(b.sizes.leaves))
	if err != nil {
		return part{}, err
	}
	f := figure{What: fmt.Sprintf("proof of one event of %d", b.sizes.leaves), Value: "p99 " + text(took.at(0.99), "ms"),
		Spread: "p50 " + text(took.median(), "ms") + ", longest " + text(took.high(), "ms"), Target: "p99 ≤ 20 ms", Verdict: "met"}
	if took.at(0.99) > 20 {
		f.Verdict = "**missed**"
	}
	p.Figures = append(p.Figures, f)
	return p, os.RemoveAll(at)
}

// appendEvents adds events for five seconds and gives how many a second.
func (b *bench) appendEvents(db *store.DB, batch int) (float64, error) {
	rec := custody.New(custody.Options{Tool: "zapis bench"})
	agent, accession := archive.NewID(archive.PrefixAgent), archive.NewID(archive.PrefixAccession)
	n, begun := 0, time.Now()
	for time.Since(begun) < 5*time.Second {
		err := db.Write(b.ctx, func(tx *store.Tx) error {
			events := make([]archive.Event, batch)
			for i := range events {
				sum := sha256.Sum256(fmt.Append(nil, n, i))
				events[i] = custody.Ingestion(agent, archive.Item{ID: archive.NewID(archive.PrefixItem), Accession: accession, Size: 1000, SHA256: sum[:],
					Object: archive.ObjectRef{Object: archive.NewID(archive.PrefixObject), Envelope: "en_bench"}}, archive.NewID(archive.PrefixProvenance))
				events[i].Detail["whole"], events[i].Detail["segment_root"] = fmt.Sprintf("%x", sum), fmt.Sprintf("%x", sum)
			}
			_, err := rec.Record(b.ctx, tx, events...)
			return err
		})
		if err != nil {
			return 0, err
		}
		n += batch
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}

// leafOf is the synthetic leaf at an index.
func leafOf(index int64) commit.Hash { return sha256.Sum256(fmt.Append(nil, "leaf ", index)) }

// growTree writes the stored hashes of a tree of n leaves.
func growTree(ctx context.Context, db *store.DB, n int64) error {
	const batch = 1 << 16
	for size := int64(0); size < n; {
		more := min(batch, n-size)
		leaves := make([]tlog.Hash, more)
		for i := range leaves {
			d := leafOf(size + int64(i))
			leaves[i] = tlog.LeafHash(d[:])
		}
		err := db.Write(ctx, func(tx *store.Tx) error {
			first, hashes, err := tlog.Append(size, leaves, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return tx.Hashes(ctx, at) }))
			if err != nil {
				return err
			}
			return tx.AddHashes(ctx, first, hashes)
		})
		if err != nil {
			return err
		}
		size += more
	}
	return nil
}

// buildProofs makes proofs at random places and checks each.
func (b *bench) buildProofs(db *store.DB, n int64) (spread, error) {
	const ticks = 3650
	veil := commit.Hash{1}
	logLeaves := make([]commit.Hash, ticks)
	for i := range logLeaves {
		logLeaves[i] = leafOf(int64(i))
	}
	public, err := commit.MemoryTree(logLeaves)
	if err != nil {
		return nil, err
	}
	var root commit.Hash
	if err := db.Read(b.ctx, func(tx *store.Tx) (err error) {
		root, err = commit.VeiledRoot(commit.CustodyDepth, n, veil, reader(b.ctx, tx))
		return err
	}); err != nil {
		return nil, err
	}
	r := mrand.New(mrand.NewPCG(1, 2))
	var took spread
	for range 2000 {
		place := r.Int64N(n)
		var proof []commit.Hash
		begun := time.Now()
		err := db.Read(b.ctx, func(tx *store.Tx) (err error) {
			if proof, err = commit.VeiledProof(commit.CustodyDepth, n, veil, []int64{place}, reader(b.ctx, tx)); err != nil {
				return err
			}
			_, err = tlog.Inclusion(ticks, place%ticks, public)
			return err
		})
		took = append(took, float64(time.Since(begun).Microseconds())/1000)
		if err != nil {
			return nil, err
		}
		// For one place the hashes of the proof come from the top left down to the leaf and then from there up; where the
		// place lies says on which side each one is.
		d := leafOf(place)
		if got := fold(proof, commit.CustodyDepth, 0, place, tlog.LeafHash(d[:])); got != tlog.Hash(root) {
			return nil, fmt.Errorf("the proof for event %d does not hold", place)
		}
	}
	return took, nil
}

func reader(ctx context.Context, tx *store.Tx) tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return tx.Hashes(ctx, at) })
}

// fold is the fold of docs/design/proof-bundle.md for one place.
func fold(proof []commit.Hash, depth int, s, place int64, leaf tlog.Hash) tlog.Hash {
	var walk func(l int, s int64) tlog.Hash
	walk = func(l int, s int64) tlog.Hash {
		switch {
		case place < s || place >= s+1<<l:
			h := proof[0]
			proof = proof[1:]
			return h
		case l == 0:
			return leaf
		}
		left := walk(l-1, s)
		return tlog.NodeHash(left, walk(l-1, s+1<<(l-1)))
	}
	return walk(depth, s)
}
