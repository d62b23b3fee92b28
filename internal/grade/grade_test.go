package grade_test

import (
	"errors"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/grade"
	"zapis/internal/policy"
	"zapis/internal/reading/readingtest"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func who(role archive.Role, sc archive.Scope) policy.Subject {
	return policy.Subject{Agent: "ag_0000000000000000000000000g", Role: role, Scope: sc}
}

var everything = archive.Scope{All: true, MaxDifficulty: -1}

func room(t *testing.T, w *readingtest.World) *grade.Service {
	t.Helper()
	s, err := grade.New(grade.Options{DB: w.DB, Custody: w.Custody})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func difficulty(t *testing.T, w *readingtest.World, item string) int {
	t.Helper()
	var it archive.Item
	if err := w.DB.Read(t.Context(), func(tx *store.Tx) (err error) {
		it, err = tx.Item(t.Context(), archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}, item)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return it.Difficulty
}

// Each judgement is one event that says what was, what is and why; saying the same again is none; setting it again undoes it.
func TestSet(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := readingtest.New(t, db)
		s, ctx := room(t, w), t.Context()
		investigator := who(archive.RoleInvestigator, everything)
		ready, hard := w.Items["ready"].ID, w.Items["hard"].ID
		set := func(n int, reason string, list ...grade.Judgement) []archive.Event {
			t.Helper()
			before := w.Size()
			got, err := s.Set(ctx, investigator, reason, list...)
			if err != nil || got != n {
				t.Fatalf("changed %d, want %d, %v", got, n, err)
			}
			return w.Events(before)
		}
		e := set(1, " beating, no sound ", grade.Judgement{Item: ready, From: 0, To: 2})
		if len(e) != 1 || e[0].Type != archive.EventDescription || e[0].Agent != investigator.Agent || e[0].Detail["from"] != "V0" || e[0].Detail["to"] != "V2" ||
			e[0].Detail["reason"] != "beating, no sound" || e[0].Detail["what"] != "difficulty" || len(e[0].Subjects) != 1 || e[0].Subjects[0].ID != ready {
			t.Errorf("%+v", e)
		}
		if got := difficulty(t, w, ready); got != 2 {
			t.Error(got)
		}
		if e := set(0, "again", grade.Judgement{Item: ready, From: 2, To: 2}); len(e) != 0 {
			t.Errorf("%+v", e)
		}
		e = set(2, "", grade.Judgement{Item: ready, From: grade.Whatever, To: archive.Unjudged}, grade.Judgement{Item: hard, From: 3, To: 1})
		if len(e) != 2 || e[0].Detail["reason"] != "" || difficulty(t, w, ready) != archive.Unjudged || difficulty(t, w, hard) != 1 {
			t.Errorf("%+v", e)
		}
		set(2, "", grade.Judgement{Item: ready, From: archive.Unjudged, To: 0}, grade.Judgement{Item: hard, From: 1, To: 3})
	})
}

// Whoever may not judge an item, or judges it by what is not true any more, changes nothing, of no item of theirs either; and what they may not
// see looks like what is not there.
func TestRefused(t *testing.T) {
	t.Parallel()
	w := readingtest.New(t, storetest.Open(t, store.SQLite))
	s, ctx := room(t, w), t.Context()
	ready, hard, foreign, apart := w.Items["ready"].ID, w.Items["hard"].ID, w.Items["foreign"].ID, w.Items["quarantined"].ID
	mine := archive.Scope{Accessions: []string{w.Mine.ID}, MaxDifficulty: 2}
	j := func(item string, from, to int) grade.Judgement {
		return grade.Judgement{Item: item, From: from, To: to}
	}
	before := w.Size()
	for name, c := range map[string]struct {
		who    policy.Subject
		reason string
		list   []grade.Judgement
		want   error
	}{
		"nobody":                     {policy.Subject{}, "", []grade.Judgement{j(ready, 0, 1)}, archive.ErrForbidden},
		"a reviewer":                 {who(archive.RoleReviewer, everything), "", []grade.Judgement{j(ready, 0, 1)}, archive.ErrForbidden},
		"another accession":          {who(archive.RoleInvestigator, mine), "", []grade.Judgement{j(ready, 0, 1), j(foreign, 0, 1)}, archive.ErrNotFound},
		"harder than granted":        {who(archive.RolePublisher, mine), "", []grade.Judgement{j(ready, 0, 1), j(hard, 3, 0)}, archive.ErrNotFound},
		"quarantined":                {who(archive.RoleArchivist, everything), "", []grade.Judgement{j(apart, grade.Whatever, 1)}, archive.ErrForbidden},
		"quarantined, not seen":      {who(archive.RoleInvestigator, everything), "", []grade.Judgement{j(apart, grade.Whatever, 1)}, archive.ErrNotFound},
		"not there":                  {who(archive.RoleAdmin, everything), "", []grade.Judgement{j(archive.NewID(archive.PrefixItem), 0, 1)}, archive.ErrNotFound},
		"no identifier":              {who(archive.RoleAdmin, everything), "", []grade.Judgement{j("Z1-000001", 0, 1)}, archive.ErrNotFound},
		"said otherwise meanwhile":   {who(archive.RoleAdmin, everything), "", []grade.Judgement{j(ready, 1, 2)}, archive.ErrConflict},
		"too hard":                   {who(archive.RoleAdmin, everything), "", []grade.Judgement{j(ready, 0, 4)}, archive.ErrInvalid},
		"below":                      {who(archive.RoleAdmin, everything), "", []grade.Judgement{j(ready, 0, -2)}, archive.ErrInvalid},
		"twice":                      {who(archive.RoleAdmin, everything), "", []grade.Judgement{j(ready, 0, 1), j(ready, 0, 2)}, archive.ErrInvalid},
		"none":                       {who(archive.RoleAdmin, everything), "", nil, archive.ErrInvalid},
		"a long reason":              {who(archive.RoleAdmin, everything), strings.Repeat("x", grade.MaxReason+1), []grade.Judgement{j(ready, 0, 1)}, archive.ErrInvalid},
		"a reason of two lines":      {who(archive.RoleAdmin, everything), "a\nb", []grade.Judgement{j(ready, 0, 1)}, archive.ErrInvalid},
		"a reason of broken letters": {who(archive.RoleAdmin, everything), "a\xff", []grade.Judgement{j(ready, 0, 1)}, archive.ErrInvalid},
	} {
		if n, err := s.Set(ctx, c.who, c.reason, c.list...); !errors.Is(err, c.want) || n != 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	if w.Size() != before || difficulty(t, w, ready) != 0 || difficulty(t, w, hard) != 3 {
		t.Error("something was changed or recorded")
	}
	if _, err := grade.New(grade.Options{}); !errors.Is(err, archive.ErrInvalid) {
		t.Error(err)
	}
}
