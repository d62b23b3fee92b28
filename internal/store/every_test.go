package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// ran are the answers that a statement may give to made-up values; anything else means that an engine did not understand it.
var ran = []error{
	archive.ErrNotFound, archive.ErrInvalid, archive.ErrConflict, archive.ErrExists, archive.ErrForbidden, archive.ErrIntegrity, store.ErrInsertOnly,
}

// madeUp fills a value of any type: texts with an identifier, numbers with one, slices and maps with one element.
func madeUp(t reflect.Type, depth int) reflect.Value {
	v := reflect.New(t).Elem()
	switch {
	case depth > 4:
		return v
	case t == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon))
		return v
	case t == reflect.TypeFor[archive.Scope]():
		// Somebody who is limited in every way, so that the whole of the access rule is in the statement.
		v.Set(reflect.ValueOf(archive.Scope{Accessions: []string{newID("ac")}, MaxDifficulty: 1, Compartments: []string{archive.CommonGrant, newID("cp")}}))
		return v
	}
	switch t.Kind() {
	case reflect.String:
		v.SetString(newID("kn"))
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(1)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1)
	case reflect.Slice:
		n := 1
		if t.Elem().Kind() == reflect.Uint8 {
			n = 32
		}
		for range n {
			v.Set(reflect.Append(v, madeUp(t.Elem(), depth+1)))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(t))
		v.SetMapIndex(madeUp(t.Key(), depth+1), madeUp(t.Elem(), depth+1))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				v.Field(i).Set(madeUp(v.Field(i).Type(), depth+1))
			}
		}
	case reflect.Pointer:
		p := reflect.New(t.Elem())
		p.Elem().Set(madeUp(t.Elem(), depth+1))
		v.Set(p)
	case reflect.Func:
		return reflect.MakeFunc(t, func([]reflect.Value) []reflect.Value {
			var out []reflect.Value
			for i := range t.NumOut() {
				out = append(out, reflect.Zero(t.Out(i)))
			}
			return out
		})
	}
	return v
}

// Every statement of the store is understood by both engines, also with the access rule of somebody who may see little. What the
// statements answer is for the tests of each noun and, for what only one activity asks, for that activity's tests on both engines.
func TestEveryStatementRuns(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			db := storetest.Open(t, engine)
			typ := reflect.TypeFor[*store.Tx]()
			for i := range typ.NumMethod() {
				m := typ.Method(i)
				if m.Type.NumIn() < 2 || m.Type.In(1) != reflect.TypeFor[context.Context]() {
					continue
				}
				err := db.Write(ctx, func(tx *store.Tx) (err error) {
					args := []reflect.Value{reflect.ValueOf(tx), reflect.ValueOf(ctx)}
					for n := 2; n < m.Type.NumIn(); n++ {
						args = append(args, madeUp(m.Type.In(n), 0))
					}
					var out []reflect.Value
					if m.Type.IsVariadic() {
						out = m.Func.CallSlice(args)
					} else {
						out = m.Func.Call(args)
					}
					for _, o := range out {
						if e, ok := o.Interface().(error); ok && e != nil {
							return e
						}
						if o.Kind() == reflect.Func && o.Type().NumIn() == 1 && o.Type().In(0).NumIn() == 2 { // iter.Seq2 with an error
							for _, e := range o.Seq2() {
								if err, ok := e.Interface().(error); ok && err != nil {
									return err
								}
								break
							}
						}
					}
					return errLeave
				})
				if err != nil && !errors.Is(err, errLeave) && !slices.ContainsFunc(ran, func(want error) bool { return errors.Is(err, want) }) {
					t.Errorf("%s: %v", m.Name, err)
				}
			}
		})
	}
}

// askedOnBothEngines gives the source of the activities whose tests run on both engines: what only they ask of the store is tested there.
func askedOnBothEngines(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("../*/*.go")
	must(t, err)
	more, err := filepath.Glob("../*/*/*.go")
	must(t, err)
	source, both := map[string]string{}, map[string]bool{}
	for _, f := range append(files, more...) {
		raw, err := os.ReadFile(f)
		must(t, err)
		room := filepath.Dir(f)
		if text := string(raw); strings.HasSuffix(f, "_test.go") {
			both[room] = both[room] || strings.Contains(text, "storetest.Each") || strings.Contains(text, "store.PostgreSQL")
		} else {
			source[room] += text
		}
	}
	var out strings.Builder
	for room := range both {
		if both[room] {
			out.WriteString(source[room])
		}
	}
	return out.String()
}
