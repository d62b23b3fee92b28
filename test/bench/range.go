package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

// newVault makes a vault for measuring, with a light passphrase.
func newVault(ctx context.Context, dir string) (*vault.Vault, error) {
	disk, err := localdisk.Create(dir)
	if err != nil {
		return nil, err
	}
	return vault.Create(ctx, disk, vault.CreateOptions{Passphrase: []byte(secret), WorkFactor: 10})
}

func sealFile(ctx context.Context, v *vault.Vault, name string) (vault.Ref, error) {
	f, err := os.Open(name)
	if err != nil {
		return vault.Ref{}, err
	}
	defer f.Close()
	batch := v.Begin(ctx)
	o, err := batch.Add(ctx, f, vault.AddOptions{})
	if err == nil {
		_, err = batch.Commit(ctx)
	}
	if err != nil {
		return vault.Ref{}, errors.Join(err, batch.Abort(ctx))
	}
	return vault.Ref{Object: o.ID, Envelope: o.Envelope}, nil
}

// ranges reads pieces of a sealed object as the player does, and the same pieces of the plain file.
func (b *bench) ranges() (part, error) {
	from, err := b.mixedSet()
	if err != nil {
		return part{}, err
	}
	plainName := filepath.Join(from.Dir, "recordings", "rec000.bin")
	at, err := b.fresh("range")
	if err != nil {
		return part{}, err
	}
	v, err := newVault(b.ctx, filepath.Join(at, "vault"))
	if err != nil {
		return part{}, err
	}
	ref, err := sealFile(b.ctx, v, plainName)
	if err != nil {
		return part{}, err
	}
	sealed, err := v.Reader(b.ctx, ref)
	if err != nil {
		return part{}, err
	}
	defer sealed.Close()
	plain, err := openSource(plainName)
	if err != nil {
		return part{}, err
	}
	defer plain.Close()
	p := part{Title: "Reading ranges of a sealed object (" + bytesText(sealed.Size()) + ")", How: []string{
		"random places, one after another, in one open reader; every byte authenticated; the sealed bytes are in the page cache after the first round, as they are for a player",
		"first byte: a new reader is opened for each read, with keys from the envelope already known",
		"plain: the same reads of the plain file by the operating system",
	}}
	latency := func(open func() (io.ReaderAt, func(), error), size int, n int) (spread, error) {
		r := rand.New(rand.NewPCG(1, uint64(size)))
		buf := make([]byte, size)
		var out spread
		for range n {
			place := r.Int64N(sealed.Size() - int64(size))
			start := time.Now()
			src, done, err := open()
			if err != nil {
				return nil, err
			}
			if _, err := src.ReadAt(buf, place); err != nil {
				return nil, err
			}
			out = append(out, float64(time.Since(start).Microseconds())/1000)
			done()
		}
		return out, nil
	}
	keep := func(r io.ReaderAt) func() (io.ReaderAt, func(), error) {
		return func() (io.ReaderAt, func(), error) { return r, func() {}, nil }
	}
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		s, err := latency(keep(sealed), size, 500)
		if err != nil {
			return part{}, err
		}
		o, err := latency(keep(plain), size, 500)
		if err != nil {
			return part{}, err
		}
		p.Figures = append(p.Figures, figure{
			What: fmt.Sprintf("%d KiB at a random place", size>>10), Value: "p50 " + text(s.median(), "ms") + ", p99 " + text(s.at(0.99), "ms"),
			Note: "plain: p50 " + text(o.median(), "ms") + ", p99 " + text(o.at(0.99), "ms"),
		})
	}
	first, err := latency(func() (io.ReaderAt, func(), error) {
		r, err := v.Reader(b.ctx, ref)
		if err != nil {
			return nil, nil, err
		}
		return r, func() { _ = r.Close() }, nil
	}, 64<<10, 200)
	if err != nil {
		return part{}, err
	}
	p.Figures = append(p.Figures, figure{What: "first 64 KiB of a new reader", Value: "p50 " + text(first.median(), "ms") + ", p99 " + text(first.at(0.99), "ms")})

	var seq, par, ratio spread
	for range b.sizes.rounds {
		r, err := v.Reader(b.ctx, ref)
		if err != nil {
			return part{}, err
		}
		s, err := timed(func() error { _, err := io.Copy(io.Discard, r); return err })
		_ = r.Close()
		if err != nil {
			return part{}, err
		}
		o, err := timed(func() error {
			_, err := io.Copy(struct{ io.Writer }{io.Discard}, io.NewSectionReader(plain, 0, plain.n))
			return err
		})
		if err != nil {
			return part{}, err
		}
		seq = append(seq, float64(sealed.Size())/s.Wall.Seconds()/1e6)
		ratio = append(ratio, s.Wall.Seconds()/o.Wall.Seconds())
		eight, err := timed(func() error { return parallel(b.ctx, v, ref, sealed.Size()) })
		if err != nil {
			return part{}, err
		}
		par = append(par, float64(sealed.Size())/eight.Wall.Seconds()/1e6)
	}
	p.Figures = append(p.Figures,
		figure{What: "one reader from end to end", Value: text(seq.median(), "MB/s"), Spread: text(seq.low(), "") + " – " + text(seq.high(), ""), Note: "time " + text(ratio.median(), "×") + " of reading the plain file from the page cache"},
		figure{What: "eight readers, an eighth each", Value: text(par.median(), "MB/s"), Spread: text(par.low(), "") + " – " + text(par.high(), "")})
	return p, os.RemoveAll(at)
}

func parallel(ctx context.Context, v *vault.Vault, ref vault.Ref, size int64) error {
	errs := make(chan error, 8)
	var all sync.WaitGroup
	for i := range int64(8) {
		all.Go(func() {
			r, err := v.Reader(ctx, ref)
			if err != nil {
				errs <- err
				return
			}
			defer r.Close()
			from, to := i*size/8, (i+1)*size/8
			if _, err = r.Seek(from, io.SeekStart); err == nil {
				_, err = io.CopyN(struct{ io.Writer }{io.Discard}, r, to-from) // as http.ServeContent does
			}
			errs <- err
		})
	}
	all.Wait()
	close(errs)
	var bad error
	for err := range errs {
		bad = errors.Join(bad, err)
	}
	return bad
}
