package knowledge_test

import (
	"fmt"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/custody"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// BenchmarkApply measures drafts a second, of six claims each with what search finds them by, a thousand to a transaction.
func BenchmarkApply(b *testing.B) {
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		b.Run(engine, func(b *testing.B) {
			db := storetest.Open(b, engine)
			s, err := knowledge.New(knowledge.Options{DB: db, Custody: custody.New(custody.Options{Tool: "bench"})})
			if err != nil {
				b.Fatal(err)
			}
			who := policy.Subject{Agent: "ag_bench", Role: archive.RoleAdmin}
			n := 0
			start := time.Now()
			for b.Loop() {
				drafts := make([]knowledge.Draft, 1000)
				for i := range drafts {
					n++
					drafts[i] = knowledge.Draft{Kind: catalogue.Person, Claims: []knowledge.ClaimDraft{
						claim("name", fmt.Sprintf("Иванов Пётр %d", n)), claim("alias", fmt.Sprintf("Petya %d", n)), claim("birth-date", "1980"), claim("sex", "male"),
						claim("status", "held"), claim("note", "Был переведён из колонии в больницу, где его избивали."),
					}}
				}
				if _, err := s.Apply(ctx, who, drafts, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/time.Since(start).Seconds(), "drafts/s")
		})
	}
}
