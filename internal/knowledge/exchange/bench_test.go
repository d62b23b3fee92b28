package exchange

import (
	"fmt"
	"strings"
	"testing"

	"zapis/internal/catalogue"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// BenchmarkImport takes in and takes back 5,000 rows of five claims each; one round is one row.
func BenchmarkImport(b *testing.B) {
	var text strings.Builder
	text.WriteString("id,name,alias,born,sex,note\n")
	const rows = 5000
	for i := range rows {
		fmt.Fprintf(&text, "B-%d,Шевченко Тарас %d,Кобзар %d,%02d.%02d.19%02d,male,\"Переведён, по словам свидетеля, в другое учреждение № %d\"\n", i, i, i%997, 1+i%28, 1+i%12, 50+i%50, i%40)
	}
	m := Mapping{Version: 1, Kind: catalogue.Person, Key: &Key{Column: "id", Source: "bench"}, Columns: []Column{{Column: "name", Property: "name", Lang: "ru"}, {Column: "alias", Property: "alias"},
		{Column: "born", Property: "birth-date"}, {Column: "sex", Property: "sex"}, {Column: "note", Property: "note", Lang: "ru"}}}
	sum, _, err := Digest(strings.NewReader(text.String()))
	must(b, err)
	for _, what := range []string{"import", "undo"} {
		b.Run(what, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				w := newWorld(b, storetest.Open(b, store.SQLite))
				w.o.Batch = 0
				s, err := New(w.o)
				must(b, err)
				table, err := OpenTable(strings.NewReader(text.String()), -1, TableOptions{})
				must(b, err)
				if what == "import" {
					b.StartTimer()
				}
				out, err := s.ImportTable(b.Context(), w.lead, table, ImportOptions{Mapping: m, SHA256: sum})
				must(b, err)
				if out.Created != rows {
					b.Fatalf("%+v", out)
				}
				if what == "undo" {
					b.StartTimer()
					_, err := s.Undo(b.Context(), w.lead, out.ID, nil)
					must(b, err)
				}
				b.StopTimer()
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
