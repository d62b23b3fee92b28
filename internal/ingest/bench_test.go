package ingest

import (
	"os"
	"testing"

	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

// BenchmarkIngest takes in the folder named by ZAPIS_BENCH_DIR, with segments of the real size.
func BenchmarkIngest(b *testing.B) {
	src := os.Getenv("ZAPIS_BENCH_DIR")
	if src == "" {
		b.Skip("ZAPIS_BENCH_DIR names no folder")
	}
	for b.Loop() {
		d, err := localdisk.Create(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		h := buildWith(b, store.SQLite, d, vault.DefaultSegmentSize)
		r, err := h.svc.Ingest(b.Context(), agent, h.acc.ID, []string{src}, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(r.Tally.Bytes)
	}
}
