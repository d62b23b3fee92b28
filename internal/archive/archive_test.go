package archive

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestIDIsWellFormedAndOrdersByTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(0, 1<<47).Draw(t, "ms")
		random := rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "random")
		a := NewIDFrom("it", time.UnixMilli(ms), bytes.NewReader(random))
		b := NewIDFrom("it", time.UnixMilli(ms+1), bytes.NewReader(make([]byte, 20)))
		if err := CheckID("it", a); err != nil {
			t.Fatal(err)
		}
		if a >= b {
			t.Fatalf("%s is not before %s, which is a millisecond younger", a, b)
		}
	})
}

func TestIDKeepsAllRandomBits(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1)
	seen := map[string]bool{}
	for bit := range 80 {
		r := make([]byte, 10)
		r[bit/8] = 1 << (bit % 8)
		seen[NewIDFrom("it", now, bytes.NewReader(r))] = true
	}
	if len(seen) != 80 {
		t.Errorf("%d of 80 single-bit differences survive the encoding", len(seen))
	}
}

func TestCheckIDRefuses(t *testing.T) {
	t.Parallel()
	good := NewID("it")
	for _, bad := range []string{"", "it", "it_", good[:28], good + "0", "ac" + good[2:], strings.ToUpper(good), "it_../../../../../etc/passwd0", good[:28] + "u", good[:28] + "\x00"} {
		if err := CheckID("it", bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("CheckID(%q) = %v, want ErrInvalid", bad, err)
		}
	}
}

func TestItemStateMoves(t *testing.T) {
	t.Parallel()
	all := []ItemState{ItemSealed, ItemBrowsable, ItemReady, ItemExplained, ItemQuarantined, ItemErased}
	for _, from := range all {
		for _, to := range all {
			want := true
			switch {
			case to == ItemSealed:
				want = false // nothing becomes unlooked-at again
			case from == ItemErased:
				want = to == ItemErased // a tombstone stays one
			}
			if got := from.CanMove(to); got != want {
				t.Errorf("%s → %s: %v, want %v", from, to, got, want)
			}
		}
	}
}

func TestCheckTitle(t *testing.T) {
	t.Parallel()
	for title, ok := range map[string]bool{"Диск 3": true, "": false, "  ": false, "\xff": false, strings.Repeat("я", 200): true, strings.Repeat("я", 201): false} {
		if err := CheckTitle(title); (err == nil) != ok {
			t.Errorf("CheckTitle(%q) = %v", title, err)
		}
	}
}

func sample() Event {
	return Event{
		ID: "ev_01", Type: EventIngestion, Time: time.Date(2026, 11, 21, 22, 1, 2, 345678901, time.FixedZone("x", 7200)),
		Agent: "ag_01", Tool: "zapis 0.1", Outcome: Success,
		Subjects: []Subject{{Role: "outcome", Kind: "item", ID: "it_01"}},
		Detail:   map[string]string{"size": "12", "sha256": "ab", "note": "quote \" slash \\ tab\t line\n bell\a ü я 🙂 \u2028"},
	}
}

// The exact bytes are part of the format: a change here breaks every record ever written.
func TestCanonicalBytesAreGolden(t *testing.T) {
	t.Parallel()
	got, err := sample().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"agent":"ag_01","detail":{"note":"quote \" slash \\ tab\t line\n bell\u0007 ü я 🙂 ` + "\u2028" + `","sha256":"ab","size":"12"},"id":"ev_01","outcome":"success",` +
		`"subjects":[{"id":"it_01","kind":"item","role":"outcome"}],"time":"2026-11-21T20:01:02.345678Z","tool":"zapis 0.1","type":"ingestion","version":"1"}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestEventRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := sample()
		e.Time = time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC()
		e.Agent = "a" + rapid.String().Draw(t, "agent")
		e.Detail = rapid.MapOf(rapid.StringMatching(`[a-z0-9_]{1,12}`), rapid.String()).Draw(t, "detail")
		raw, err := e.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseEvent(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestParseEventRefusesOtherSpellings(t *testing.T) {
	t.Parallel()
	raw, err := sample().Canonical()
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for name, other := range map[string]string{
		"space":         strings.Replace(text, `":"`, `": "`, 1),
		"unknown field": strings.Replace(text, `{"agent"`, `{"aaa":"","agent"`, 1),
		"other version": strings.Replace(text, `"version":"1"`, `"version":"2"`, 1),
		"trailing":      text + " {}",
		"newline":       text + "\n",
		"escape":        strings.Replace(text, "ü", `\u00fc`, 1),
		"upper key":     strings.Replace(text, `"agent"`, `"Agent"`, 1),
		"twice":         strings.Replace(text, `{"agent"`, `{"agent":"x","agent"`, 1),
		"number":        strings.Replace(text, `"12"`, `12`, 1),
		"empty":         "",
	} {
		if _, err := ParseEvent([]byte(other)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

func TestCanonicalRefusesIncompleteEvents(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Event){
		"no agent":       func(e *Event) { e.Agent = "" },
		"no time":        func(e *Event) { e.Time = time.Time{} },
		"no outcome":     func(e *Event) { e.Outcome = "" },
		"bad text":       func(e *Event) { e.Detail = map[string]string{"x": "\xff"} },
		"key not ASCII":  func(e *Event) { e.Detail = map[string]string{"é": "x"} },
		"no tool":        func(e *Event) { e.Tool = "" },
		"no identifier":  func(e *Event) { e.ID = "" },
		"no event type":  func(e *Event) { e.Type = "" },
		"subject broken": func(e *Event) { e.Subjects[0].ID = "\xc0" },
	} {
		e := sample()
		spoil(&e)
		if _, err := e.Canonical(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	raw, _ := sample().Canonical()
	f.Add(raw)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := ParseEvent(raw)
		if err != nil {
			return
		}
		again, err := e.Canonical()
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("accepted bytes that are not canonical: %q", raw)
		}
	})
}
