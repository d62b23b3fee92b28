package verify

import (
	"encoding/json"
	"os"
	"testing"

	"zapis/internal/archive"
)

// Two programs that read events must agree on what an event is.
func FuzzEvent(f *testing.F) {
	raw, err := os.ReadFile("../testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var v struct {
		Leaves []struct {
			Event string `json:"event"`
		} `json:"leaves"`
	}
	if err := json.Unmarshal(raw, &v); err != nil || len(v.Leaves) == 0 {
		f.Fatalf("vectors: %v", err)
	}
	for _, l := range v.Leaves {
		f.Add([]byte(l.Event))
	}
	for _, s := range []string{
		`{}`, `null`, ``, `{"agent":"a","detail":{},"id":"i","outcome":"o","subjects":[],"time":"2027-03-01T12:00:02.000002Z","tool":"t","type":"y","version":"1"}`,
		`{"agent":"a","detail":{"b":"\b\u0001\ud83d\ude00"},"id":"i","outcome":"o","subjects":[],"time":"2027-03-01T12:00:02.000002Z","tool":"t","type":"y","version":"1"}`,
		`{"agent":"a","detail":{"ключ":""},"id":"i","outcome":"o","subjects":[],"time":"2027-03-01T12:00:02.000002Z","tool":"t","type":"y","version":"1"}`,
		`{"agent":"","detail":{},"id":"i","outcome":"o","subjects":[],"time":"0001-01-01T00:00:00.000000Z","tool":"t","type":"y","version":"1"}`,
		`{"agent":"a","detail":null,"id":"i","outcome":"o","subjects":null,"time":"2027-03-01T12:00:02.000002Z","tool":"t","type":"y","version":"1"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, here := parseEvent(raw)
		_, there := archive.ParseEvent(raw)
		if (here == nil) != (there == nil) {
			t.Fatalf("%q: the verifier says %v, the recorder says %v", raw, here, there)
		}
	})
}
