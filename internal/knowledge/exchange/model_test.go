package exchange

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/vocabulary"
	"zapis/internal/store"
)

var updateModel = flag.Bool("update", os.Getenv("ZAPIS_UPDATE") != "", "write the samples that are held against the model of FollowTheMoney")

// sampleID gives the same identifier each time.
func sampleID(prefix string, n int) string {
	return fmt.Sprintf("%s_%026d", prefix, n)
}

// sampleEntities gives an entity of each kind with a value for each property that FollowTheMoney has, and for each reference one entity of
// every kind that it may name.
func sampleEntities(t testing.TB) (out []gathered) {
	kinds := map[string]archive.EntityKind{}
	id := map[archive.EntityKind]string{}
	for n, k := range catalogue.Kinds() {
		id[k.Kind] = sampleID(archive.PrefixEntity, n+1)
		kinds[id[k.Kind]] = k.Kind
	}
	claims := 0
	for _, k := range catalogue.Kinds() {
		g := gathered{Entity: archive.Entity{ID: id[k.Kind], Kind: k.Kind, Code: k.Prefix + "-0001", CreatedAt: noon, CreatedBy: sampleID(archive.PrefixAgent, 1)}, kind: k, kinds: kinds}
		for _, p := range k.Properties {
			var values []string
			switch p.Type {
			case catalogue.TypeText, catalogue.TypeName:
				values = []string{"Слова " + p.Name, strings.Repeat("я", 400)}
				if ftmTypes[p.FtM] == "country" {
					values = []string{"Россия", "Ukraine", "no country"}
				}
			case catalogue.TypeDate:
				values = []string{"2020", "2020-07", "2020-07-27", "2020-07-27T10:00:00Z", "2020~", "2020/2021"}
			case catalogue.TypeTerm:
				for _, term := range vocabulary.Terms(p.Vocabulary) {
					values = append(values, p.Vocabulary+":"+term.Code)
				}
				if len(values) == 0 {
					t.Fatalf("no terms of %s", p.Vocabulary)
				}
			case catalogue.TypeRef:
				refers := p.Refers
				if len(refers) == 0 {
					refers = slices.Sorted(maps.Values(kinds))
				}
				for _, to := range refers {
					values = append(values, id[to])
				}
				if p.Name == "place" {
					values = append(values, catalogue.Undetermined)
				}
			case catalogue.TypeURL:
				values = []string{"https://example.org/a?b=1"}
			case catalogue.TypeLang:
				values = []string{"ru", "uk", "en-GB", "eo"}
			case catalogue.TypeGeo:
				values = []string{"50.45,30.52"}
			case catalogue.TypeCode:
				values = []string{"A-1"}
			case catalogue.TypeDuration:
				values = []string{"1.5"}
			case catalogue.TypeItem:
				values = []string{sampleID(archive.PrefixItem, 1)}
			default:
				t.Fatalf("a property of type %s", p.Type)
			}
			for _, v := range values {
				claims++
				c := store.Claim{Claim: archive.Claim{ID: sampleID(archive.PrefixClaim, claims), Entity: g.ID, Property: p.Name, Value: v, Certainty: archive.Probable, Author: g.CreatedBy, Origin: "person", CreatedAt: noon}}
				if p.Type == catalogue.TypeRef && v != catalogue.Undetermined {
					c.Ref = v
				}
				g.claims = append(g.claims, c)
			}
		}
		out = append(out, g)
		g.ID, g.Code, g.claims = sampleID(archive.PrefixEntity, 100+len(out)), k.Prefix+"-0002", nil // of which nothing is said
		out = append(out, g)
	}
	return out
}

// What leaves as FollowTheMoney is kept in testdata, where the web part's tests hold it against the real model: test/ftm.test.ts.
func TestFtMSamples(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	e.SetEscapeHTML(false)
	w := &ftmWriter{e: e, authors: true, team: true, terms: map[string]ftmTerm{}, words: map[string]string{}, names: map[string]string{}}
	for _, k := range catalogue.Kinds() {
		for _, p := range k.Properties {
			for _, term := range vocabulary.Terms(p.Vocabulary) {
				w.words[p.Vocabulary+":"+term.Code] = term.Labels["en"]
			}
		}
	}
	used := map[string]bool{}
	for _, g := range sampleEntities(t) {
		g.claims = slices.Clone(g.claims)
		must(t, w.entity(g))
	}
	for line := range strings.Lines(lines.String()) {
		var x ftmEntity
		must(t, json.Unmarshal([]byte(line), &x))
		for p := range x.Properties {
			used[string(x.Zapis.Kind)+" "+p] = true
		}
	}
	for _, k := range catalogue.Kinds() {
		for _, p := range k.Properties {
			if p.FtM != "" && !used[string(k.Kind)+" "+p.FtM] {
				t.Errorf("the sample has no %s of %s", p.FtM, k.Kind)
			}
		}
	}
	// The object zapis is ours and no part of the model.
	var plain bytes.Buffer
	e = json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	for line := range strings.Lines(lines.String()) {
		var x ftmEntity
		must(t, json.Unmarshal([]byte(line), &x))
		x.Zapis = nil
		must(t, e.Encode(x))
	}
	said, err := json.MarshalIndent(map[string]any{
		"types": ftmTypes, "ranges": ftmRanges, "are": ftmAre, "languages": ftmLanguages, "longest": ftmLongest,
		"countries": slices.Compact(slices.Sorted(maps.Values(countries()))),
	}, "", " ")
	must(t, err)
	for name, got := range map[string][]byte{"testdata/model/export.ftm.jsonl": plain.Bytes(), "testdata/model/said.json": append(said, '\n')} {
		if *updateModel {
			must(t, os.MkdirAll("testdata/model", 0o755))
			must(t, os.WriteFile(name, got, 0o644))
			continue
		}
		want, err := os.ReadFile(name)
		must(t, err)
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what leaves; go test -run TestFtMSamples -update writes it, and the web part's tests say whether the model allows it", name)
		}
	}
}
