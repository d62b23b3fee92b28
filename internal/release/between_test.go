package release

import (
	"context"
	"errors"
	"slices"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// between does something after the files were read and before the transaction that decides.
type between struct {
	Database
	do func()
}

func (b *between) Write(ctx context.Context, f func(*store.Tx) error) error {
	if do := b.do; do != nil {
		b.do = nil
		do()
	}
	return b.Database.Write(ctx, f)
}

// What was read is what is decided about: whatever changes in between stops the act.
func TestNothingChangesInBetween(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, store.SQLite))
	for i, x := range []struct {
		name    string
		do      func(v View)
		refused string // gate, or a conflict
	}{
		{name: "a word", do: func(v View) {
			d := v.Version.Draft
			d.Credit = all("a", "b", "c")
			r.must(second(r.room().Save(ctx, ann, v.ID, 1, d, "")))
		}},
		{name: "the rendering", do: func(View) {
			r.write(func(tx *store.Tx) { r.facts.Rendered.Poster = r.rendition(tx, r.jpeg(21), 0, 64) })
		}},
		{name: "a consent", do: func(View) { r.refused.items = []string{"kn_1"} }, refused: "consent.testimony-shown"},
		{name: "a protected person", do: func(View) { r.sealed = map[string]string{"kn_1": "двор"} }, refused: "people.protected"},
		{name: "the approval", do: func(View) { r.facts.ApprovedBy = "" }, refused: "plan.not-approved"},
		{name: "a gap", do: func(View) { r.facts.Open = 1 }, refused: "gaps.open"},
		{name: "how hard it is", do: func(View) { r.setDifficulty(3) }, refused: "warnings.none"},
	} {
		for _, act := range []string{"sign", "publish"} {
			kept := *r
			rendered := *r.facts.Rendered
			r.facts.Rendered = &rendered
			d := r.draft()
			d.Slug = "case-" + act + "-" + string(rune('a'+i))
			v, err := r.room().Create(ctx, ann, d)
			r.must(err)
			s := r.room()
			if act == "publish" {
				r.must(s.Sign(ctx, bob, v.ID, 1))
			}
			s.o.DB = &between{Database: r.db, do: func() { x.do(v) }}
			if act == "publish" {
				_, err = s.Publish(ctx, ann, v.ID)
			} else {
				err = s.Sign(ctx, bob, v.ID, 1)
			}
			if x.refused != "" {
				if got := closedBy(t, err); !slices.Equal(got, []string{x.refused}) {
					t.Errorf("%s, %s: %v", x.name, act, got)
				}
			} else if !errors.Is(err, archive.ErrConflict) || errors.As(err, new(*Refused)) {
				t.Errorf("%s, %s: %v", x.name, act, err)
			}
			if _, err := r.disk.Lstat(d.Slug); err == nil {
				t.Errorf("%s: something is out", x.name)
			}
			clock := r.clock
			*r = kept
			r.clock = clock
			r.setDifficulty(1)
		}
	}
}
