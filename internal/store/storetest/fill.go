package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// Filled says what Fill made, to ask questions about.
type Filled struct {
	Accessions []string
	Cameras    []string
	From, To   time.Time // of the recordings
}

// Fill writes n synthetic items as a prison's recordings look: accessions of very unequal size, each over a few months,
// from a dozen cameras of its own; mostly video, some of every kind; most of them ready. One seed always gives the same
// items. The roll-up is right; the vault objects they name are few and shared, so they are for lists only.
func Fill(ctx context.Context, db *store.DB, n int, seed uint64) (Filled, error) {
	r := rand.New(rand.NewPCG(seed, 1))
	now := time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)
	out := Filled{From: now.AddDate(-4, 0, 0), To: now}
	ids := 0
	id := func(prefix string) string {
		var b [10]byte
		binary.BigEndian.PutUint64(b[:], r.Uint64())
		ids++
		return archive.NewIDFrom(prefix, now.Add(time.Duration(ids)*time.Millisecond), &loop{b[:], 0})
	}
	var object vault.Object
	object.ID, object.Envelope = id(archive.PrefixObject), id(archive.PrefixEnvelope)
	commit := vault.Commit{Envelope: object.Envelope, Objects: []vault.Object{object}}
	accessions := max(1, min(24, n/100))
	type source struct {
		id      string
		start   time.Time
		days    int
		cameras []string
	}
	var sources []source
	err := db.Write(ctx, func(tx *store.Tx) error {
		if err := tx.AddCommit(ctx, commit, store.ObjectOriginal); err != nil {
			return err
		}
		for i := range accessions {
			s := source{id: id(archive.PrefixAccession), days: 30 + r.IntN(330)}
			s.start = out.From.AddDate(0, 0, r.IntN(4*365-s.days))
			for c := range 6 + r.IntN(18) {
				s.cameras = append(s.cameras, fmt.Sprintf("A%02d-C%02d", i, c))
			}
			_, err := tx.AddAccession(ctx, archive.Accession{ID: s.id, Title: fmt.Sprintf("Synthetic %d", i), CreatedAt: now, CreatedBy: "ag_fill"})
			if err != nil {
				return err
			}
			sources = append(sources, s)
			out.Accessions = append(out.Accessions, s.id)
			out.Cameras = append(out.Cameras, s.cameras...)
		}
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("fill: %w", err)
	}
	// How many items each accession gets; the first ones are the big ones.
	shares := make([]int, accessions)
	for range n {
		shares[min(r.IntN(accessions), r.IntN(accessions))]++
	}
	// Within an accession in order of time, as a recorder's disk is read, which is also what an index likes best.
	made := 0
	var items []archive.Item
	write := func() error {
		err := db.Write(ctx, func(tx *store.Tx) error { return tx.AddSynthetic(ctx, items) })
		made += len(items)
		items = items[:0]
		return err
	}
	for n, s := range sources {
		times := make([]time.Duration, shares[n])
		for i := range times {
			times[i] = time.Duration(r.Int64N(int64(s.days) * int64(24*time.Hour)))
		}
		slices.Sort(times)
		for _, offset := range times {
			at := s.start.Add(offset).Truncate(time.Second)
			var number [8]byte
			binary.BigEndian.PutUint64(number[:], uint64(made+len(items)))
			sum := sha256.Sum256(number[:])
			i := archive.Item{
				ID: id(archive.PrefixItem), Accession: s.id, Kind: archive.KindVideo, State: archive.ItemReady,
				Size: 1<<20 + r.Int64N(300<<20), SHA256: sum[:], Object: archive.ObjectRef{Object: object.ID, Envelope: object.Envelope},
				ReceivedAt: now, RecordedAt: at, RecordedSource: "recorder", Duration: time.Duration(r.IntN(3600)) * time.Second,
				Width: 1920, Height: 1080, FrameRate: 25, Format: "mov,mp4,m4a", Codec: "h264",
				Camera: s.cameras[r.IntN(len(s.cameras))], Micro: make([]byte, 144), Difficulty: -1, Copies: 1,
			}
			binary.BigEndian.PutUint64(i.Micro, r.Uint64())
			switch p := r.IntN(1000); {
			case p < 60:
				i.Kind, i.Camera, i.Duration = archive.KindImage, "", 0
			case p < 90:
				i.Kind, i.Camera = archive.KindAudio, ""
			case p < 100:
				i.Kind, i.Camera, i.Duration = archive.KindDocument, "", 0
			case p < 110:
				i.Kind, i.Camera, i.Duration, i.State, i.RecordedAt = archive.KindUnknown, "", 0, archive.ItemExplained, time.Time{}
			}
			switch p := r.IntN(1000); {
			case p < 200 && i.State == archive.ItemReady:
				i.State = archive.ItemBrowsable
			case p < 201:
				i.State = archive.ItemQuarantined
			case p < 300:
				i.Difficulty = r.IntN(4)
			}
			items = append(items, i)
			if len(items) == 5000 {
				if err := write(); err != nil {
					return out, fmt.Errorf("fill: %w", err)
				}
			}
		}
	}
	if err := write(); err != nil {
		return out, fmt.Errorf("fill: %w", err)
	}
	if err := db.Analyze(ctx); err != nil {
		return out, fmt.Errorf("fill: %w", err)
	}
	return out, nil
}

// loop is randomness that never ends.
type loop struct {
	b  []byte
	at int
}

func (l *loop) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = l.b[l.at%len(l.b)]
		l.at++
	}
	return len(p), nil
}
