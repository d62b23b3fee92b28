package rows

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// native wraps the transaction of a driver.
func native(tx any) (queryer, error) {
	switch tx := tx.(type) {
	case *sql.Tx:
		return sqlTx{tx}, nil
	case pgx.Tx:
		return pgxTx{tx}, nil
	}
	return nil, fmt.Errorf("read the record: transactions of type %T are not known", tx)
}

type sqlTx struct{ tx *sql.Tx }

func (t sqlTx) query(ctx context.Context, text string, args []any, each func(scanner) error) (err error) {
	rows, err := t.tx.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

type pgxTx struct{ tx pgx.Tx }

func (t pgxTx) query(ctx context.Context, text string, args []any, each func(scanner) error) error {
	rows, err := t.tx.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
