package catalogue

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"zapis/internal/archive"
)

func TestSchemaHoldsTogether(t *testing.T) {
	t.Parallel()
	prefixes := map[string]bool{}
	for _, k := range Kinds() {
		if prefixes[k.Prefix] || k.Prefix == "" || k.Prefix == "Z" {
			t.Errorf("%s: prefix %q is taken, missing or that of items", k.Kind, k.Prefix)
		}
		prefixes[k.Prefix] = true
		if k.FtM == "" {
			t.Errorf("%s has no schema of FollowTheMoney", k.Kind)
		}
		seen := map[string]bool{}
		for _, p := range k.Properties {
			if seen[p.Name] {
				t.Errorf("%s.%s twice", k.Kind, p.Name)
			}
			seen[p.Name] = true
			if (p.Type == TypeTerm) != (p.Vocabulary != "") {
				t.Errorf("%s.%s: type %s, vocabulary %q", k.Kind, p.Name, p.Type, p.Vocabulary)
			}
			for _, r := range p.Refers {
				if _, ok := KindOf(r); !ok {
					t.Errorf("%s.%s refers to %s", k.Kind, p.Name, r)
				}
			}
			if p.Identifies && k.Kind != Person {
				t.Errorf("%s.%s identifies, but only persons are protected", k.Kind, p.Name)
			}
		}
		for _, name := range slices.Concat(k.Title, k.Required, k.Brief) {
			if !seen[name] {
				t.Errorf("%s: title or requirement %s is no property", k.Kind, name)
			}
		}
	}
	if _, ok := KindOf("nothing"); ok {
		t.Error("a kind that is not there")
	}
	for _, name := range []string{"name", "alias", "birth-date", "nationality"} {
		k, _ := KindOf(Person)
		if p, ok := k.Property(name); !ok || !p.Identifies {
			t.Errorf("person.%s does not count as naming them", name)
		}
	}
}

const anID = "kn_01hf0000000000000000000000"

func TestCanonical(t *testing.T) {
	t.Parallel()
	place := Property{Type: TypeRef, Refers: to(Location)}
	for _, c := range []struct {
		p        Property
		in, want string
	}{
		{Property{Type: TypeText}, " a\r\nb\t c ", "a\nb\t c"},
		{Property{Type: TypeText}, "и\u0306", "й"},
		{Property{Type: TypeText}, "line\u200djoiner", "line\u200djoiner"},
		{Property{Type: TypeName}, "  Осечкин ", "Осечкин"},
		{Property{Type: TypeDate}, "2020-07-27~", "2020-07-27~"},
		{Property{Type: TypeDate}, "202x", "202X"},
		{Property{Type: TypeNumber}, "+007.50", "7.5"},
		{Property{Type: TypeNumber}, "-0.0", "0"},
		{Property{Type: TypeNumber}, "−12", "-12"},
		{Property{Type: TypeDuration}, "-1m15.5s", "-75.5"},
		{Property{Type: TypeDuration}, "90", "90"},
		{Property{Type: TypeDuration}, "0.000001", "0.000001"},
		{Property{Type: TypeTerm, Vocabulary: "act"}, "0201", "act:0201"},
		{Property{Type: TypeTerm, Vocabulary: "act"}, "act:0201", "act:0201"},
		{place, anID, anID},
		{place, Undetermined, Undetermined},
		{Property{Type: TypeGeo}, "51.5336, 46.03430", "51.5336,46.0343"},
		{Property{Type: TypeGeo}, "-0,180", "0,180"},
		{Property{Type: TypeGeo}, "1.123456789,2", "1.1234568,2"},
		{Property{Type: TypeURL}, "HTTPS://Example.ORG/a?b=c#d", "https://example.org/a?b=c#d"},
		{Property{Type: TypeBoolean}, "Yes", "true"},
		{Property{Type: TypeCode}, "AB-1/2", "AB-1/2"},
		{Property{Type: TypeLang}, "RU", "ru"},
	} {
		got, err := Canonical(c.p, c.in, "ru")
		if err != nil || got != c.want {
			t.Errorf("%s %q: %q, %v; want %q", c.p.Type, c.in, got, err, c.want)
		}
		if again, err := Canonical(c.p, got, ""); err != nil || again != got {
			t.Errorf("%s %q is not stable: %q, %v", c.p.Type, got, again, err)
		}
	}
}

func TestCanonicalRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p  Property
		in string
	}{
		{Property{Type: TypeText}, ""}, {Property{Type: TypeText}, " \n "}, {Property{Type: TypeText}, "a\x00b"}, {Property{Type: TypeText}, "a\x1bb"},
		{Property{Type: TypeText}, "a\xffb"}, {Property{Type: TypeText}, "abc\u202edef"}, {Property{Type: TypeText}, "\u2066x"}, {Property{Type: TypeText}, "a\u0085"},
		{Property{Type: TypeText}, "a" + strings.Repeat("\u0301", 30)}, {Property{Type: TypeText}, strings.Repeat("я", MaxText+1)}, {Property{Type: TypeText}, "\ufeffx"},
		{Property{Type: TypeName}, "two\nlines"}, {Property{Type: TypeName}, strings.Repeat("x", MaxName+1)},
		{Property{Type: TypeDate}, "27.07.2020"}, {Property{Type: TypeNumber}, "1e5"}, {Property{Type: TypeNumber}, "1,5"}, {Property{Type: TypeNumber}, "NaN"},
		{Property{Type: TypeNumber}, "."}, {Property{Type: TypeNumber}, "-"}, {Property{Type: TypeNumber}, "1."}, {Property{Type: TypeNumber}, "٣"},
		{Property{Type: TypeDuration}, "soon"}, {Property{Type: TypeDuration}, "1234567890"},
		{Property{Type: TypeTerm, Vocabulary: "act"}, "role:01"}, {Property{Type: TypeTerm, Vocabulary: "act"}, "a b"}, {Property{Type: TypeTerm, Vocabulary: "act"}, "act:"},
		{Property{Type: TypeRef}, "P-203"}, {Property{Type: TypeRef, Refers: to(Person)}, Undetermined}, {Property{Type: TypeItem}, "Z3-000412"},
		{Property{Type: TypeGeo}, "51.5"}, {Property{Type: TypeGeo}, "91,0"}, {Property{Type: TypeGeo}, "0,181"}, {Property{Type: TypeGeo}, "NaN,0"}, {Property{Type: TypeGeo}, "1e1,0"},
		{Property{Type: TypeURL}, "javascript:alert(1)"}, {Property{Type: TypeURL}, "//example.org"}, {Property{Type: TypeURL}, "https://user:pass@example.org"},
		{Property{Type: TypeURL}, "https:///x"}, {Property{Type: TypeURL}, "https://a b"}, {Property{Type: TypeURL}, "file:///etc/passwd"}, {Property{Type: TypeURL}, `https://e.org/"><script>`},
		{Property{Type: TypeBoolean}, "maybe"}, {Property{Type: TypeCode}, "a b"}, {Property{Type: TypeCode}, "имя"}, {Property{Type: TypeLang}, "klingonish"},
		{Property{Type: "other"}, "x"},
	} {
		got, err := Canonical(c.p, c.in, "")
		if !errors.Is(err, archive.ErrInvalid) || got != "" {
			t.Errorf("%s %q gave %q, %v", c.p.Type, c.in, got, err)
		}
	}
	if _, err := Canonical(Property{Type: TypeText}, "x", "not a language"); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("language: %v", err)
	}
	if _, err := Canonical(Property{Type: TypeName}, "secret\nname", ""); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the refusal repeats what was typed: %v", err)
	}
}

func TestEntityCode(t *testing.T) {
	t.Parallel()
	if c, err := EntityCode(" i-0093 "); err != nil || c != "I-0093" {
		t.Errorf("%q %v", c, err)
	}
	for _, bad := range []string{"", "a b", anID, strings.Repeat("A", 65)} {
		if _, err := EntityCode(bad); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzCanonical(f *testing.F) {
	types := []Type{TypeText, TypeName, TypeDate, TypeNumber, TypeTerm, TypeGeo, TypeURL, TypeBoolean, TypeDuration, TypeCode, TypeLang}
	for i, s := range []string{"x\ny", "name", "2020~", "12.50", "01", "1,2", "https://e.org/ü?q=%41", "yes", "1h", "A-1", "uk-UA"} {
		f.Add(s, uint8(i))
	}
	f.Fuzz(func(t *testing.T, s string, n uint8) {
		p := Property{Type: types[int(n)%len(types)], Vocabulary: "act"}
		if p.Type != TypeTerm {
			p.Vocabulary = ""
		}
		got, err := Canonical(p, s, "")
		if err != nil {
			if !errors.Is(err, archive.ErrInvalid) || got != "" {
				t.Fatalf("%s %q: %q %v", p.Type, s, got, err)
			}
			return
		}
		if again, err := Canonical(p, got, ""); err != nil || again != got || got == "" {
			t.Fatalf("%s: %q became %q, which became %q, %v", p.Type, s, got, again, err)
		}
	})
}
