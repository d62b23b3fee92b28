package site_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapis/internal/site"
	"zapis/internal/site/sitetest"
)

func example(t testing.TB) []byte {
	t.Helper()
	v, err := sitetest.Load("../../verify/testdata")
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Make(10)
	if err != nil {
		t.Fatal(err)
	}
	b.Release.Place.Lat, b.Release.Place.Lon, b.Release.Place.Precision = nil, nil, "city"
	raw, err := json.Marshal(b.Release)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// The archive writes bundles with a package of its own; its examples are read here from the disk, so that the two keep saying the same.
func TestReadsWhatTheArchiveWrites(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../release/bundle/testdata/example/*/v*/release.json")
	if err != nil || len(names) < 3 {
		t.Fatalf("%d examples, %v", len(names), err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := site.ParseRelease(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(raw, &a) != nil || json.Unmarshal(again, &b) != nil {
			t.Fatal("not JSON")
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if !bytes.Equal(x, y) {
			t.Errorf("%s: something was lost:\n%s\n%s", name, x, y)
		}
	}
}

func TestWhatIsNoRelease(t *testing.T) {
	t.Parallel()
	good := string(example(t))
	if _, err := site.ParseRelease([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"another format":           {`"format":"zapis release"`, `"format":"zapis bundle"`},
		"another version":          {`"version":1`, `"version":2`},
		"version as text":          {`"version":1`, `"version":"1"`},
		"a key more":               {`"state":`, `"agent":"ag_1","state":`},
		"a key twice":              {`"state":`, `"state":"published","state":`},
		"a key in capitals":        {`"state":`, `"State":`},
		"a key less":               {`"related":[`, `"Related":[`},
		"a list that is null":      {`"masks":[{"reason":"face","count":3},{"reason":"badge","count":1}]`, `"masks":null`},
		"a state of its own":       {`"state":"published"`, `"state":"draft"`},
		"an origin for a shell":    {`"origin":"`, `"origin":"x';reboot;'`},
		"out of the folder":        {`"slug":"corridor-0010"`, `"slug":"../corridor"`},
		"capitals in a slug":       {`"slug":"corridor-0010"`, `"slug":"Corridor"`},
		"a path as file":           {`"poster":"poster.jpg"`, `"poster":"../poster.jpg"`},
		"a page as picture":        {`"drawing":"drawing.png"`, `"drawing":"drawing.svg"`},
		"a clip that is a page":    {`"name":"clip-720.mp4"`, `"name":"clip-720.html"`},
		"one name for two files":   {`"stills":["still-1.jpg"]`, `"stills":["still-1.jpg","still-1.jpg"]`},
		"a digest that is none":    {`"sha256":"`, `"sha256":"x`},
		"a length below nothing":   {`"ms":12`, `"ms":-12`},
		"a number with a point":    {`"release":1,`, `"release":1.5,`},
		"a number beyond all":      {`"release":1,`, `"release":1e400,`},
		"not a number":             {`"release":1,`, `"release":NaN,`},
		"version nought":           {`"release":1,`, `"release":0,`},
		"a certainty of its own":   {`"certainty":"probable"`, `"certainty":"certain"`},
		"a kind of its own":        {`"kind":"press"`, `"kind":"rumour"`},
		"a step of its own":        {`"what":"sealed"`, `"what":"edited"`},
		"a mask of its own":        {`"reason":"badge"`, `"reason":"nothing"`},
		"a date that is none":      {`"stated_on":"`, `"stated_on":"x`},
		"a time without zone":      {`"published":"2019-07-09T09:00:00Z"`, `"published":"2019-07-09T09:00:00+03:00"`},
		"published before":         {`"published":"2019-07-09T09:00:00Z"`, `"published":"2019-07-08T09:00:00Z"`},
		"an address with script":   {`"url":"https://news.example/10/0"`, `"url":"javascript:alert(1)"`},
		"an address with a name":   {`"url":"https://news.example/10/0"`, `"url":"https://anna:pass@news.example/"`},
		"an address with a quote":  {`"url":"https://news.example/10/0"`, `"url":"https://news.example/\""`},
		"an address of a file":     {`"url":"https://news.example/10/0"`, `"url":"file:///etc/passwd"`},
		"a turn of direction":      {`"title":"A man`, `"title":"A \u202eman`},
		"a mark that is not seen":  {`"title":"A man`, `"title":"A \u200bman`},
		"a control character":      {`"title":"A man`, `"title":"A \u0007man`},
		"an empty title":           {`"title":"A man is held against the wall of corridor 10. Nobody writes it down."`, `"title":" "`},
		"a language of its own":    {`"languages":["en","ru","uk"]`, `"languages":["en","ru","uk","../x"]`},
		"a language without text":  {`"languages":["en","ru","uk"]`, `"languages":["en","ru","uk","ar"]`},
		"a text without language":  {`"languages":["en","ru","uk"]`, `"languages":["en","ru"]`},
		"a precision of its own":   {`"precision":"city"`, `"precision":"house"`},
		"one angle":                {`"lat":null`, `"lat":51.5`},
		"a share above the whole":  {`"of_files":`, `"of_files":0,"x":`},
		"withdrawn with a clip":    {`"state":"published"`, `"state":"withdrawn"`},
		"published and withdrawn":  {`"withdrawn":null`, `"withdrawn":{"date":"2026-11-22","reason":{"en":"x"}}`},
		"difficult beyond measure": {`"difficulty":2`, `"difficulty":4`},
		"something after":          {`"related":["corridor-0009","corridor-0008"]}`, `"related":["corridor-0009","corridor-0008"]} {}`},
		"a related path":           {`"related":["corridor-0009"`, `"related":["../../x"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := strings.Replace(good, change[0], change[1], 1)
			if bad == good {
				t.Fatalf("%s is not in the example", change[0])
			}
			_, err := site.ParseRelease([]byte(bad))
			if !errors.Is(err, site.ErrBundle) {
				t.Errorf("taken: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "A man") {
				t.Errorf("the error quotes the text: %v", err)
			}
		})
	}
	for name, raw := range map[string][]byte{"nothing": nil, "not UTF-8": []byte(strings.Replace(good, "A man", "A \xff man", 1)), "deep": bytes.Repeat([]byte("["), 100000), "long": bytes.Repeat([]byte(" "), 2<<20)} {
		if _, err := site.ParseRelease(raw); !errors.Is(err, site.ErrBundle) {
			t.Errorf("%s was taken: %v", name, err)
		}
	}
}

func FuzzParseRelease(f *testing.F) {
	f.Add(example(f))
	names, _ := filepath.Glob("../release/bundle/testdata/example/*/v*/release.json")
	for _, n := range names {
		if raw, err := os.ReadFile(n); err == nil {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := site.ParseRelease(raw)
		if err != nil {
			if !errors.Is(err, site.ErrBundle) {
				t.Fatal(err)
			}
			return
		}
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := site.ParseRelease(again); err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if strings.ContainsAny(r.Slug, "/.\\") {
			t.Fatalf("slug %q", r.Slug)
		}
	})
}

// release.json of a withdrawn release stays in public: it must not keep what was taken back.
func TestATombstoneSaysNoMore(t *testing.T) {
	t.Parallel()
	v, err := sitetest.Load("../../verify/testdata")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := v.Make(1)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *site.Release){
		"": func(*site.Release) {},
		"a title": func(r *site.Release) {
			r.Text["en"] = site.Text{Title: "A man", Shows: []string{}, Sentences: []site.Sentence{}, Warnings: []site.Warning{}}
		},
		"what it showed": func(r *site.Release) { r.Text["en"] = whole.Release.Text["en"] },
		"a place":        func(r *site.Release) { r.Place = whole.Release.Place },
		"an institution": func(r *site.Release) { r.Facility = whole.Release.Facility },
		"a date":         func(r *site.Release) { r.Recorded = whole.Release.Recorded },
		"masks":          func(r *site.Release) { r.Masks = whole.Release.Masks },
		"a clip":         func(r *site.Release) { r.Clip = whole.Release.Clip },
	} {
		r := whole.Withdraw("2026-11-20", "Asked for.").Release
		change(&r)
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := site.ParseRelease(raw); (err == nil) != (name == "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}
