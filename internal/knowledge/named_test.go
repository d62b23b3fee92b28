package knowledge_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/knowledge"
	"zapis/internal/store"
)

func TestMatchingIdentities(t *testing.T) {
	t.Parallel()
	each(t, func(t *rig) {
		ids := t.identities(bytes.Repeat([]byte{7}, 32))
		matching := func(ids *knowledge.Identities, match func(string) bool) (out []string, err error) {
			rerr := t.db.Read(ctx, func(tx *store.Tx) error { out, err = ids.Matching(ctx, tx, match); return nil })
			t.must(rerr)
			return out, err
		}
		var asked []string
		all := func(name string) bool { asked = append(asked, name); return strings.HasPrefix(name, "Ольга") }
		// An archive without identities needs no key.
		if out, err := matching(t.identities(nil), all); err != nil || len(out) > 0 {
			t.t.Errorf("%v, %v", out, err)
		}
		one, two := t.make(t.lead, "person", t.closed), t.make(t.lead, "testimony", "")
		t.must(ids.Put(ctx, with(t.lead), one.ID, knowledge.Identity{Name: "Ольга Коваль", Note: "sister"}, "test"))
		t.must(ids.Put(ctx, with(t.lead), two.ID, knowledge.Identity{Name: "Тарас Бульба"}, "test"))
		out, err := matching(ids, all)
		slices.Sort(asked)
		if err != nil || !slices.Equal(out, []string{one.ID}) || !slices.Equal(asked, []string{"Ольга Коваль", "Тарас Бульба"}) {
			t.t.Errorf("%v of %v, %v", out, asked, err)
		}
		// Where a name cannot be read, nothing is known, and that is no "no".
		_, err = matching(t.identities(nil), all)
		t.is("without the key", err, knowledge.ErrNoIdentityKey)
		_, err = matching(t.identities(bytes.Repeat([]byte{8}, 32)), all)
		t.is("with another key", err, archive.ErrIntegrity)
		t.must(t.db.Read(ctx, func(tx *store.Tx) error {
			rows, err := tx.Identities(ctx)
			if err != nil || len(rows) != 2 || rows[0].Entity >= rows[1].Entity || rows[0].Version != 1 || bytes.Contains(rows[0].Sealed, []byte("Ольга")) {
				t.t.Errorf("%d rows, %v", len(rows), err)
			}
			return err
		}))
	})
}
