package store

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// What is inserted in many rows at once is there row by row, with columns that hold one value in all rows, in some, and none.
func TestInsertMany(t *testing.T) {
	t.Parallel()
	db, err := Create(t.Context(), Options{URL: "sqlite://" + t.TempDir() + "/zapis.db", Key: make([]byte, 32), Now: time.Now}, "va_00000000000000000000000000")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, n := range []int{1, 3, 15, 16, 17, 255, 256, 601} {
		err := db.Write(t.Context(), func(tx *Tx) error {
			if _, err := tx.exec(t.Context(), `CREATE TEMPORARY TABLE many (a INTEGER, b TEXT, c TEXT, d INTEGER)`); err != nil {
				return err
			}
			rows := make([][]any, n)
			for i := range rows {
				rows[i] = []any{i, "same", nil, i / 256}
				if i%2 == 1 {
					rows[i][2] = fmt.Sprint("odd ", i)
				}
			}
			if err := tx.insert(t.Context(), "many", "a, b, c, d", rows); err != nil {
				return err
			}
			got, err := all(t.Context(), tx, func(s scanner) (x [4]any, err error) { err = s.Scan(&x[0], &x[1], &x[2], &x[3]); return x, err }, `SELECT a, b, c, d FROM many ORDER BY a`)
			if err != nil || len(got) != n {
				return fmt.Errorf("%d rows of %d: %w", len(got), n, err)
			}
			for i, row := range got {
				want := fmt.Sprint(rows[i])
				if fmt.Sprint(row) != want {
					t.Errorf("%d rows: %v, want %s", n, row, want)
				}
			}
			_, err = tx.exec(context.WithoutCancel(t.Context()), `DROP TABLE many`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
