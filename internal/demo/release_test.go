package demo

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"zapis/internal/release"
	"zapis/internal/release/bundle"
)

// What is published says the same in every language that it names.
func TestTheReleaseSpeaksEveryLanguage(t *testing.T) {
	t.Parallel()
	d := draft(slugCorridor, redacted{id: "pl_x", version: 1}, "cm_x")
	seen := 0
	var walk func(at string, v reflect.Value)
	walk = func(at string, v reflect.Value) {
		if w, ok := v.Interface().(release.Words); ok {
			if w == nil {
				return // not said in any
			}
			seen++
			for _, lang := range d.Languages {
				if w[lang] == "" {
					t.Errorf("%s is not there in %s", at, lang)
				}
			}
			if len(w) != len(d.Languages) {
				t.Errorf("%s is there in %d languages", at, len(w))
			}
			return
		}
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				if v.Type().Field(i).IsExported() {
					walk(at+"."+v.Type().Field(i).Name, v.Field(i))
				}
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(at, v.Index(i))
			}
		}
	}
	walk("draft", reflect.ValueOf(d))
	if seen < 8 {
		t.Errorf("%d texts", seen)
	}
	for _, slug := range []string{slugCorridor, slugWithdrawn} {
		if !bundle.IsSlug(slug) {
			t.Errorf("%s is no slug", slug)
		}
	}
	if d := draft(slugCorridor, redacted{}, ""); d.Sentences[0].Certainty != bundle.NotKnown || len(d.Sentences[0].Claims) != 0 {
		t.Errorf("a sentence that rests on nothing: %+v", d.Sentences[0])
	}
}

// Everything that a finished demonstration leaves in its folder is known as its own, so that it is found again and may be thrown away.
func TestAFinishedFolderIsKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{MarkerName, PassphraseName, archiveName, sourceName, receiptName, partnersName, publicName, releaseName, catalogueName} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || !onlyOurs(entries) {
		t.Errorf("not known: %v", err)
	}
}

func TestTheLargestClipIsChecked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := largest(dir); err == nil {
		t.Error("a clip was found in an empty folder")
	}
	for name, n := range map[string]int{"clip-720.mp4": 90, "clip-360.mp4": 40, "poster.jpg": 900} {
		if err := os.WriteFile(filepath.Join(dir, name), slices.Repeat([]byte("x"), n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := largest(dir); err != nil || filepath.Base(got) != "clip-720.mp4" {
		t.Errorf("%s %v", got, err)
	}
}
