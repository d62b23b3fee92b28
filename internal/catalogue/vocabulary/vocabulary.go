// Package vocabulary holds the terms that a new archive begins with, in English, Russian and Ukrainian.
//
// It guarantees that every term has a label in all three languages and a parent that comes before it. Acts, methods and degrees of involvement
// carry the codes of the HURIDOCS micro-thesauri 4, 5 and 18, of which they are a choice with wording of our own (denial of medical treatment, 530107,
// stands below the rights of detained persons here); the other codes are ours.
//
// It does not hold what an archive added or changed: those are in its database and come first.
package vocabulary

import (
	"embed"
	"encoding/csv"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"zapis/internal/archive"
)

//go:embed data/*.csv
var files embed.FS

type index struct {
	names []string
	lists map[string][]archive.Term
	terms map[string]archive.Term
}

var load = sync.OnceValue(func() index {
	x := index{lists: map[string][]archive.Term{}, terms: map[string]archive.Term{}}
	entries, err := files.ReadDir("data")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".csv")
		raw, err := files.ReadFile(path.Join("data", e.Name()))
		if err != nil {
			panic(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
		if err != nil {
			panic(name + ": " + err.Error())
		}
		// code, parent, en, ru, uk
		for i, r := range rows[1:] {
			t := archive.Term{Vocabulary: name, Code: r[0], Parent: r[1], Order: i + 1, Labels: map[string]string{"en": r[2], "ru": r[3], "uk": r[4]}, Notes: map[string]string{}}
			x.lists[name] = append(x.lists[name], t)
			x.terms[name+":"+t.Code] = t
		}
		x.names = append(x.names, name)
	}
	return x
})

// Names gives the names of the vocabularies.
func Names() []string { return slices.Clone(load().names) }

// Terms gives the terms of a vocabulary, parents first. Whoever changes them changes a copy.
func Terms(name string) []archive.Term {
	out := slices.Clone(load().lists[name])
	for i := range out {
		out[i] = copied(out[i])
	}
	return out
}

// Find gives a term by "vocabulary:code".
func Find(value string) (archive.Term, bool) {
	t, ok := load().terms[value]
	return copied(t), ok
}

func copied(t archive.Term) archive.Term {
	t.Labels, t.Notes = maps.Clone(t.Labels), maps.Clone(t.Notes)
	return t
}
