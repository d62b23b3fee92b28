package timestamp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/timestamp"
	"zapis/internal/timestamp/timestamptest"
	"zapis/verify"
)

type blocks map[int64][32]byte

var found = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

func (b blocks) MerkleRoot(_ context.Context, height int64) ([32]byte, time.Time, error) {
	root, ok := b[height]
	if !ok {
		return root, time.Time{}, timestamp.ErrNoHeader
	}
	return root, found, nil
}

// From the promise of a calendar to a confirmed block.
func TestCalendar(t *testing.T) {
	t.Parallel()
	server := timestamptest.NewCalendar(t)
	at := blocks{}
	c := timestamp.Calendar{URL: server.URL + "/", Headers: at}
	digests := [][32]byte{{1}, {2}, {3}}
	var proofs [][]byte
	for _, d := range digests {
		p, err := c.Submit(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := verify.OpenTimestamps(p, d); err != nil || !s.Pending {
			t.Fatalf("%+v, %v", s, err)
		}
		proofs = append(proofs, p)
	}
	for i, p := range proofs {
		same, s, err := c.Upgrade(t.Context(), p)
		if err != nil || s.State != timestamp.Pending || s.Block != 0 || !bytes.Equal(same, p) || s.Reason == "" {
			t.Fatalf("proof %d: %+v, %v", i, s, err)
		}
	}
	root := server.Mine(900_000)
	for i, p := range proofs {
		p, s, err := c.Upgrade(t.Context(), p)
		if err != nil || s.State != timestamp.Pending || s.Block != 900_000 || s.Reason != "in block 900000, headers not at hand" || !s.At.IsZero() {
			t.Fatalf("proof %d: %+v, %v", i, s, err)
		}
		if v, err := verify.OpenTimestamps(p, digests[i]); err != nil || v.Block != 900_000 || v.Checked {
			t.Fatalf("%+v, %v", v, err)
		}
		proofs[i] = p
	}
	at[900_000] = root
	for i, p := range proofs {
		before := len(p)
		p, s, err := c.Upgrade(t.Context(), p)
		if err != nil || s.State != timestamp.Confirmed || s.Block != 900_000 || !s.At.Equal(found.Add(2*time.Hour)) || s.Reason != "" {
			t.Fatalf("proof %d: %+v, %v", i, s, err)
		}
		// What is left is the block alone: the address of the calendar is gone.
		if bytes.Contains(p, []byte("http")) || len(p) >= before {
			t.Error("the promise is still there")
		}
	}
	// A header with another root: neither confirmed nor kept.
	at[900_000] = [32]byte{9}
	_, s, err := c.Upgrade(t.Context(), proofs[0])
	if err != nil || s.State == timestamp.Confirmed || s.Block != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// The calendar learns nothing of what is stamped, and cannot tell that the same is stamped twice or elsewhere.
func TestCalendarSeesNoDigest(t *testing.T) {
	t.Parallel()
	a, b := timestamptest.NewCalendar(t), timestamptest.NewCalendar(t)
	digest := [32]byte{0xd1, 0x9e, 0x57}
	var seen [][]byte
	for _, s := range []*timestamptest.Calendar{a, a, b} {
		if _, err := (timestamp.Calendar{URL: s.URL}).Submit(t.Context(), digest); err != nil {
			t.Fatal(err)
		}
	}
	seen = append(a.Asked(), b.Asked()...)
	if len(seen) != 3 {
		t.Fatalf("%d questions", len(seen))
	}
	for i, p := range seen {
		if len(p) != 32 || bytes.Contains(p, digest[:3]) || slices.ContainsFunc(seen[i+1:], func(q []byte) bool { return bytes.Equal(p, q) }) {
			t.Errorf("question %d: %x", i, p)
		}
	}
}

func TestMergeOfTwoCalendars(t *testing.T) {
	t.Parallel()
	a, b := timestamptest.NewCalendar(t), timestamptest.NewCalendar(t)
	digest := [32]byte{7}
	headers := blocks{}
	first, second := timestamp.Calendar{URL: a.URL, Headers: headers}, timestamp.Calendar{URL: b.URL, Headers: headers}
	p, err := first.Submit(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	q, err := second.Submit(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	both, err := timestamp.Merge(digest, p, q)
	if err != nil {
		t.Fatal(err)
	}
	again, err := timestamp.Merge(digest, q, both, p)
	if err != nil || !bytes.Equal(again, both) {
		t.Errorf("merging is not the same in another order: %v", err)
	}
	ends, err := verify.Attestations(both, digest)
	if err != nil || len(ends) != 2 {
		t.Fatalf("%v, %v", ends, err)
	}
	headers[11] = b.Mine(11)
	// The first has nothing, and does not ask for the other.
	same, s, err := first.Upgrade(t.Context(), both)
	if err != nil || s.State != timestamp.Pending || !bytes.Equal(same, both) {
		t.Fatalf("%+v, %v", s, err)
	}
	done, s, err := second.Upgrade(t.Context(), both)
	if err != nil || s.State != timestamp.Confirmed || s.Block != 11 {
		t.Fatalf("%+v, %v", s, err)
	}
	if v, err := verify.OpenTimestamps(done, digest); err != nil || v.Block != 11 {
		t.Errorf("%+v, %v", v, err)
	}
	for _, bad := range [][][]byte{nil, {p, q[:len(q)-1]}, {nil}} {
		if _, err := timestamp.Merge(digest, bad...); !errors.Is(err, timestamp.ErrNotVerified) {
			t.Errorf("%d proofs: %v", len(bad), err)
		}
	}
	if _, err := timestamp.Merge([32]byte{8}, p, q); !errors.Is(err, timestamp.ErrNotVerified) {
		t.Error(err)
	}
}

// What a calendar may answer wrongly.
func TestCalendarAnswersWrongly(t *testing.T) {
	t.Parallel()
	promise := func(uri string) []byte {
		return slices.Concat([]byte{0x00, 0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e, byte(len(uri) + 1), byte(len(uri))}, []byte(uri))
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		kind    error
		say     string
	}{
		"another address":  {answer(200, promise("https://other.example")), timestamp.ErrRefused, "names another address"},
		"status":           {answer(429, nil), timestamp.ErrRefused, "HTTP status 429"},
		"rubbish":          {answer(200, []byte("<html>")), timestamp.ErrRefused, "0x3c is not known"},
		"empty":            {answer(200, nil), timestamp.ErrRefused, "not well formed"},
		"trailing":         {answer(200, append(promise("x"), 0)), timestamp.ErrRefused, "not well formed"},
		"weak operation":   {answer(200, append([]byte{0x02}, promise("x")...)), timestamp.ErrRefused, "0x02 is not known"},
		"long":             {answer(200, make([]byte, 10_001)), timestamp.ErrRefused, "10,000 bytes"},
		"deep":             {answer(200, append(slices.Repeat([]byte{8}, 300), promise("x")...)), timestamp.ErrRefused, "not well formed"},
		"block of no size": {answer(200, []byte{0xf0, 1, 'x', 0x00, 0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01, 1, 7}), timestamp.ErrNotVerified, "32 bytes"},
		"sent elsewhere":   {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://192.0.2.1/", 307) }, timestamp.ErrRefused, "HTTP status 307"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := timestamp.Calendar{URL: serve(t, c.handler)}.Submit(t.Context(), [32]byte{1})
			if p != nil || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.say) || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "example") {
				t.Errorf("%v; want %v with %q", err, c.kind, c.say)
			}
		})
	}
}

// A calendar that claims a false block does not spoil the proof: the claim goes when its header is at hand, and the promise stays.
func TestFalseBlock(t *testing.T) {
	t.Parallel()
	server := timestamptest.NewCalendar(t)
	headers := blocks{}
	c := timestamp.Calendar{URL: server.URL, Headers: headers}
	digest := [32]byte{5}
	p, err := c.Submit(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	server.Mine(100)
	bad, s, err := c.Upgrade(t.Context(), p)
	if err != nil || s.Block != 100 {
		t.Fatalf("%+v, %v", s, err)
	}
	headers[100] = [32]byte{1}
	kept, s, err := timestamp.Judge(t.Context(), bad, digest, headers)
	if err != nil || s.State != timestamp.Pending || s.Block != 0 || !bytes.Equal(kept, p) {
		t.Errorf("%+v, %v", s, err)
	}
	// With nothing but the false block, the proof has failed.
	alone := slices.Concat([]byte("\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"), digest[:],
		[]byte{0x00, 0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01, 1}, binary.AppendUvarint(nil, 100))
	if _, s, err := timestamp.Judge(t.Context(), alone, digest, headers); err != nil || s.State != timestamp.Failed || s.Reason == "" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, s, err := timestamp.Judge(t.Context(), alone, digest, nil); err != nil || s.State != timestamp.Pending {
		t.Errorf("without headers: %+v, %v", s, err)
	}
	if _, s, err := timestamp.Judge(t.Context(), alone, [32]byte{6}, headers); err != nil || s.State != timestamp.Failed {
		t.Errorf("over something else: %+v, %v", s, err)
	}
	if _, s, err := c.Upgrade(t.Context(), alone[:40]); err != nil || s.State != timestamp.Failed {
		t.Errorf("rubbish: %+v, %v", s, err)
	}
}

// While the calendar is away, the proof that is there stays good.
func TestUpgradeWhileAway(t *testing.T) {
	t.Parallel()
	server := timestamptest.NewCalendar(t)
	c := timestamp.Calendar{URL: server.URL}
	p, err := c.Submit(t.Context(), [32]byte{5})
	if err != nil {
		t.Fatal(err)
	}
	server.Close()
	same, _, err := c.Upgrade(t.Context(), p)
	if !errors.Is(err, timestamp.ErrUnreachable) || !bytes.Equal(same, p) {
		t.Error(err)
	}
}

// A calendar is asked as long as its promise is open, and what it answers besides a block is not taken in.
func TestCalendarIsAskedOnlyForNews(t *testing.T) {
	t.Parallel()
	asked, url := 0, ""
	block := []byte{0x08, 0x00, 0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01, 1, 7}
	promise := func() []byte {
		return slices.Concat([]byte{0x00, 0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e, byte(len(url) + 1), byte(len(url))}, []byte(url))
	}
	reply := func() []byte { return append([]byte{0xf0, 1, 'a'}, promise()...) } // another promise: no news
	url = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_, _ = w.Write(promise())
			return
		}
		asked++
		_, _ = w.Write(reply())
	})
	c := timestamp.Calendar{URL: url}
	p, err := c.Submit(t.Context(), [32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	same, s, err := c.Upgrade(t.Context(), p)
	if err != nil || s.State != timestamp.Pending || !bytes.Equal(same, p) || asked != 1 {
		t.Fatalf("%+v, %v, asked %d times", s, err, asked)
	}
	reply = func() []byte {
		return slices.Concat([]byte{0xff}, promise(), []byte{0xff, 0xf0, 1, 'a'}, promise(), block)
	}
	longer, s, err := c.Upgrade(t.Context(), p)
	if err != nil || s.Block != 7 || asked != 2 {
		t.Fatalf("%+v, %v, asked %d times", s, err, asked)
	}
	if ends, err := verify.Attestations(longer, [32]byte{1}); err != nil || len(ends) != 2 {
		t.Errorf("%d ends: %v", len(ends), err)
	}
	if again, _, err := c.Upgrade(t.Context(), longer); err != nil || asked != 2 || !bytes.Equal(again, longer) {
		t.Errorf("%v, asked %d times", err, asked)
	}
}

// Of two blocks the lowest that holds counts, and it alone is left.
func TestLowestBlockIsKept(t *testing.T) {
	t.Parallel()
	digest := [32]byte{1}
	end := func(height byte) []byte {
		return []byte{0x00, 0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01, 1, height}
	}
	proof := slices.Concat([]byte("\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"), digest[:], []byte{0xff}, end(9), []byte{0xff}, end(8), end(7))
	kept, s, err := timestamp.Judge(t.Context(), proof, digest, blocks{7: {2}, 8: digest, 9: digest})
	if err != nil || s.State != timestamp.Confirmed || s.Block != 8 {
		t.Fatalf("%+v, %v", s, err)
	}
	ends, err := verify.Attestations(kept, digest)
	if err != nil || len(ends) != 1 || ends[0].Height != 8 {
		t.Errorf("%+v, %v", ends, err)
	}
	// One of them out of reach: the other is still good.
	if _, s, err := timestamp.Judge(t.Context(), proof, digest, blocks{9: digest}); err != nil || s.State != timestamp.Confirmed || s.Block != 9 {
		t.Errorf("%+v, %v", s, err)
	}
}
