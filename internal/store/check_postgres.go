package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// check reads every row through the server, which verifies page checksums where the cluster has them, verifies indexes
// with amcheck where that is installed, and puts every constraint to the rows again.
func (e *postgresEngine) check(ctx context.Context) ([]Fault, error) {
	var faults []Fault
	tables, err := e.strings(ctx, `SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		// Written out as text, long values are read too.
		var n *int64
		err := e.pool.QueryRow(ctx, `SELECT SUM(octet_length(CAST(t AS TEXT))) FROM `+t+` AS t`).Scan(&n)
		if err != nil && !pageDamage(err) {
			return faults, err
		}
		if err != nil {
			faults = append(faults, Fault{Code: "page", At: t, Text: "cannot be read whole"})
		}
	}
	for _, step := range []func(context.Context) ([]Fault, error){e.indexes, e.constraints, e.triggers} {
		found, err := step(ctx)
		faults = append(faults, found...)
		if err != nil && pageDamage(err) && len(faults) > 0 {
			continue // named already
		}
		if err != nil {
			return faults, err
		}
	}
	return faults, nil
}

// pageDamage says whether the server could not read what it stored.
func pageDamage(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "XX001" || pg.Code == "XX002" || pg.Code == "58030" ||
		pg.Code == "XX000" || pg.Code == "22021" || pg.Code == "58P01")
}

func (e *postgresEngine) strings(ctx context.Context, text string, args ...any) ([]string, error) {
	rows, err := e.pool.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (e *postgresEngine) indexes(ctx context.Context) ([]Fault, error) {
	where, err := e.strings(ctx, `SELECT quote_ident(n.nspname) FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace WHERE extname = 'amcheck'`)
	if err != nil {
		return nil, err
	}
	names, err := e.strings(ctx, `SELECT c.oid::regclass::text FROM pg_class c JOIN pg_am a ON a.oid = c.relam
		WHERE c.relkind = 'i' AND a.amname = 'btree' AND c.relnamespace = current_schema()::regnamespace ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	var faults []Fault
	bad, err := e.strings(ctx, `SELECT indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE NOT indisvalid AND c.relnamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, err
	}
	for _, name := range bad {
		faults = append(faults, Fault{Code: "structure", At: name, Text: "index is not valid"})
	}
	if len(where) == 0 {
		return faults, nil // amcheck is not installed; a superuser may: CREATE EXTENSION amcheck
	}
	for _, name := range names {
		_, err := e.pool.Exec(ctx, `SELECT `+where[0]+`.bt_index_check(index => $1::regclass, heapallindexed => true)`, name)
		var pg *pgconn.PgError
		switch {
		case err == nil:
		case errors.As(err, &pg) && pg.Code == "42501":
			return faults, nil // installed, but not for this role
		case pageDamage(err):
			faults = append(faults, Fault{Code: "structure", At: name, Text: "index does not agree with its table"})
		default:
			return faults, err
		}
	}
	return faults, nil
}

func (e *postgresEngine) constraints(ctx context.Context) ([]Fault, error) {
	type constraint struct{ Name, Table, Query string }
	// One statement per constraint, written by the server from its own catalogue: rows that break it.
	rows, err := e.pool.Query(ctx, `
		SELECT conname::text, conrelid::regclass::text,
			CASE contype
			WHEN 'c' THEN 'SELECT COUNT(*) FROM ' || conrelid::regclass || ' WHERE NOT (' || pg_get_expr(conbin, conrelid) || ')'
			ELSE 'SELECT COUNT(*) FROM ' || conrelid::regclass || ' AS c WHERE c.' ||
				(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) ||
				' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ' || confrelid::regclass || ' AS p WHERE p.' ||
				(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = confrelid AND attnum = confkey[1]) || ' = c.' ||
				(SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) || ')'
			END
		FROM pg_constraint WHERE connamespace = current_schema()::regnamespace AND (contype = 'c' OR (contype = 'f' AND cardinality(conkey) = 1))
		ORDER BY conrelid, conname`)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[constraint])
	if err != nil {
		return nil, err
	}
	var faults []Fault
	for _, c := range all {
		var n int64
		if err := e.pool.QueryRow(ctx, c.Query).Scan(&n); err != nil {
			return faults, err
		}
		if n > 0 {
			faults = append(faults, Fault{Code: "reference", At: c.Table, Text: fmt.Sprintf("%d rows break %s", n, c.Name)})
		}
	}
	return faults, nil
}

// triggers makes sure that the guarded tables still are.
func (e *postgresEngine) triggers(ctx context.Context) ([]Fault, error) {
	there, err := e.strings(ctx, `SELECT t.tgrelid::regclass || '/' || t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
		WHERE t.tgenabled IN ('O', 'A') AND p.prosrc LIKE '%RAISE EXCEPTION%'`)
	if err != nil {
		return nil, err
	}
	have := strings.Join(there, "\n") + "\n"
	var faults []Fault
	for _, g := range guards {
		for what := range strings.FieldsSeq(g.postgres) {
			if !strings.Contains(have, g.table+"/"+g.table+"_no_"+what+"\n") {
				faults = append(faults, Fault{Code: "trigger", At: g.table, Text: "is not guarded against " + what})
			}
		}
	}
	return faults, nil
}
