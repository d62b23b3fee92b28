package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// importing measures how fast a table becomes a catalogue, and that memory does not follow the size of a file.
func (b *bench) importing() (part, error) {
	rows, junk := 100_000, int64(2)<<30
	if b.sizes.items < 100_000 {
		rows, junk = 10_000, 200<<20
	}
	at, err := b.fresh("import")
	if err != nil {
		return part{}, err
	}
	h, err := newHome(b.ctx, b.bin, at)
	if err != nil {
		return part{}, err
	}
	p := part{Title: fmt.Sprintf("Taking in a table of %d rows (SQLite)", rows), How: []string{
		"a CSV file of persons: key, name, alias, date of birth, sex, note and certainty, five claims a row, every claim with its source; `zapis import` from start to exit, opening the vault included; 2,000 rows a transaction, each durable, recorded and findable when it ends",
		"then the same table again (nothing is new), a dry run, and taking it all back",
		fmt.Sprintf("memory: the same program on a file of %d MB in which a quotation mark is never closed, and on the table", junk>>20),
	}}
	table, mapping := filepath.Join(at, "table.csv"), filepath.Join(at, "map.json")
	if err := writePeople(table, rows); err != nil {
		return part{}, err
	}
	if err := os.WriteFile(mapping, []byte(`{"version":1,"kind":"person","key":{"column":"id","source":"bench"},"source":"A synthetic table","columns":[
		{"column":"name","property":"name","lang":"ru"},{"column":"alias","property":"alias"},{"column":"born","property":"birth-date"},{"column":"sex","property":"sex"},
		{"column":"note","property":"note","lang":"ru"},{"column":"sure","as":"certainty"}]}`), 0o600); err != nil {
		return part{}, err
	}
	run := func(okExit int, args ...string) (sample, []byte, error) {
		c := h.command(args...)
		var out bytes.Buffer
		c.stdout = &out
		if okExit != 0 {
			c.okExit = []int{okExit}
		}
		s, err := do(b.ctx, c)
		return s, out.Bytes(), err
	}
	speed := func(what string, s sample, target float64) {
		rate := float64(rows) / s.Wall.Seconds()
		f := figure{What: what, Value: fmt.Sprintf("%.0f rows/s", rate), Note: fmt.Sprintf("%s, %.0f MiB at most", seconds(s.Wall), float64(s.Peak)/(1<<20))}
		if target > 0 {
			f.Target, f.Verdict = fmt.Sprintf("≥ %.0f rows/s", target), "met"
			if rate < target {
				f.Verdict = fmt.Sprintf("**missed** by %.0f %%", 100*(1-rate/target))
			}
		}
		p.Figures = append(p.Figures, f)
		p.Rounds = append(p.Rounds, fmt.Sprintf("%s: %.2f s wall, %.2f s CPU, %.0f MiB", what, s.Wall.Seconds(), s.CPU.Seconds(), float64(s.Peak)/(1<<20)))
	}
	dry, _, err := run(0, "import", table, "--map", mapping, "--dry-run")
	if err != nil {
		return part{}, err
	}
	first, out, err := run(0, "import", table, "--map", mapping)
	if err != nil {
		return part{}, err
	}
	var made struct {
		Import  string `json:"import"`
		Created int    `json:"created"`
	}
	if err := json.Unmarshal(bytes.TrimSpace(out), &made); err != nil || made.Created != rows {
		return part{}, fmt.Errorf("import: %d of %d rows were created: %w", made.Created, rows, err)
	}
	again, _, err := run(0, "import", table, "--map", mapping)
	if err != nil {
		return part{}, err
	}
	export := filepath.Join(at, "out.jsonl")
	taken, _, err := run(0, "export", "ftm", "--purpose", "archive", "--audience", "team", "-o", export)
	if err != nil {
		return part{}, err
	}
	undo, _, err := run(0, "import", "undo", made.Import)
	if err != nil {
		return part{}, err
	}
	speed("New entities", first, 2000)
	speed("The same table again, nothing new", again, 0)
	speed("Dry run", dry, 0)
	speed("Taking out as FollowTheMoney", taken, 0)
	speed("Undo", undo, 0)

	broken := filepath.Join(at, "broken.csv")
	if err := writeJunk(broken, junk); err != nil {
		return part{}, err
	}
	s, _, err := run(2, "import", broken, "--map", mapping, "--dry-run")
	if err != nil {
		return part{}, err
	}
	limit := 300.0
	f := figure{What: fmt.Sprintf("Memory for a file of %d MB without an end to its row", junk>>20), Value: fmt.Sprintf("%.0f MiB", float64(s.Peak)/(1<<20)), Target: fmt.Sprintf("≤ %.0f MiB", limit), Verdict: "met",
		Note: "opening the vault takes 128 MiB of it; refused with its row after " + s.Wall.Round(time.Millisecond).String() + ", most of which is the digest of the file"}
	if float64(s.Peak)/(1<<20) > limit {
		f.Verdict = "**missed**"
	}
	p.Figures = append(p.Figures, f)
	return p, os.RemoveAll(at)
}

func writePeople(name string, rows int) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := bufio.NewWriter(f)
	first := []string{"Иван", "Пётр", "Анна", "Мария", "Олексій", "Ольга", "Сергей", "Тарас"}
	last := []string{"Иванов", "Шевченко", "Сидоров", "Коваль", "Смирнов", "Бондар", "Кузнецов", "Мельник"}
	fmt.Fprintln(w, "id,name,alias,born,sex,note,sure")
	for i := range rows {
		fmt.Fprintf(w, "B-%06d,%s %s %d,Псевдоним %d,%02d.%02d.%d,%s,\"Переведён, по словам свидетеля, в другое учреждение № %d\",probable\n",
			i, last[i%8], first[i/8%8], i, i%997, 1+i%28, 1+i%12, 1950+i%50, []string{"male", "female"}[i%2], i%40)
	}
	return w.Flush()
}

func writeJunk(name string, size int64) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if _, err := io.WriteString(f, "id,name,alias,born,sex,note,sure\n1,\"Иванов"); err != nil {
		return err
	}
	block := bytes.Repeat([]byte("x"), 1<<20)
	for left := size; left > 0; left -= int64(len(block)) {
		if _, err := f.Write(block[:min(left, int64(len(block)))]); err != nil {
			return err
		}
	}
	return nil
}
