package verify

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func mustFacts(t *testing.T, p plan, o Options) *Facts {
	t.Helper()
	r := Verify(p.build(), o)
	if !r.OK {
		t.Fatalf("refused: %+v", r.Steps)
	}
	return r.Facts
}

func vectorRoots(t *testing.T) *x509.CertPool {
	t.Helper()
	return vectorOptions{Roots: "stamps/root.pem"}.options(t).Roots
}

func unix(n int64) time.Time { return time.Unix(n, 0).UTC() }

// By when a thing existed is what those say whom the caller trusts, about its own checkpoint or one that contains it.
func TestFactsOfExistence(t *testing.T) {
	t.Parallel()
	three := func(times ...int64) plan { // one checkpoint, three witnesses
		p := smallScope()
		p.sizes, p.witnesses, p.cosigned = []int64{3}, 3, [][]int{{0, 1, 2}}
		p.times = func(_, w int) uint64 { return uint64(times[w]) }
		return p
	}
	two := func(first, second int64) plan { // two checkpoints, one witness
		p := smallScope()
		p.witnesses, p.cosigned = 1, [][]int{{0}, {0}}
		p.times = func(c, _ int) uint64 { return uint64([]int64{first, second}[c]) }
		return p
	}
	stampedAt := func(checkpoint int) plan {
		p := smallScope()
		p.stamps = func(i int, text string) []StampToken {
			if i == checkpoint {
				return tokens(i, text)
			}
			return nil
		}
		return p
	}
	info, err := ReadToken(readTestdata(t, "stamps/5-ec.der"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		p   plan
		o   Options
		by  time.Time
		who string
	}{
		"nobody given":                              {three(10, 20, 30), Options{}, time.Time{}, ""},
		"all of three: the last":                    {three(10, 20, 30), Options{Witnesses: allKeys(3)}, unix(30), WhoWitnesses},
		"two of three: the second":                  {three(10, 20, 30), Options{Witnesses: allKeys(3), Quorum: 2}, unix(20), WhoWitnesses},
		"one of three: the first":                   {three(30, 10, 20), Options{Witnesses: allKeys(3), Quorum: 1}, unix(10), WhoWitnesses},
		"a witness that was not given is not asked": {three(1, 20, 30), Options{Witnesses: allKeys(3)[1:], Quorum: 1}, unix(20), WhoWitnesses},
		"a later checkpoint counts as well":         {two(200, 100), Options{Witnesses: allKeys(1)}, unix(100), WhoWitnesses},
		"the earlier checkpoint is earlier":         {two(100, 200), Options{Witnesses: allKeys(1)}, unix(100), WhoWitnesses},
		"a stamp without roots is no date":          {stampedAt(0), Options{}, time.Time{}, ""},
		"a stamp on the later checkpoint":           {stampedAt(1), Options{Roots: vectorRoots(t)}, info.Time, "Test authority R"},
		"a block is no date":                        {func() plan { p := smallScope(); p.stamps = otsStamps(otsBitcoinEnd); return p }(), Options{Roots: vectorRoots(t)}, time.Time{}, ""},
		"witnesses are earlier than the authority": {func() plan {
			p := stampedAt(0)
			p.witnesses, p.cosigned, p.times = 1, [][]int{{0}, {0}}, func(int, int) uint64 { return 5 }
			return p
		}(), Options{Roots: vectorRoots(t), Witnesses: allKeys(1)}, unix(5), WhoWitnesses},
	} {
		f := mustFacts(t, c.p, c.o)
		if len(f.Existed) != 1 || f.Existed[0].What != KindScope || !f.Existed[0].By.Equal(c.by) || f.Existed[0].Who != c.who {
			t.Errorf("%s: %+v, want %v by %q", name, f.Existed, c.by, c.who)
		}
	}

	// The clip is in the second checkpoint: what stands on the first says nothing about it.
	p := smallClip()
	p.scopeTick, p.clipTick, p.witnesses, p.cosigned = 1, 4, 1, [][]int{{0}, {0}}
	p.times = func(c, _ int) uint64 { return []uint64{100, 200}[c] }
	f := mustFacts(t, p, Options{Witnesses: allKeys(1)})
	if !f.Existed[0].By.Equal(unix(100)) || f.Existed[1].What != KindClip || !f.Existed[1].By.Equal(unix(200)) {
		t.Errorf("scope and clip: %+v", f.Existed)
	}
}

// A number of witnesses below zero asks for all of them: a mistake of the caller must not switch the check off.
func TestQuorumBelowZeroIsAll(t *testing.T) {
	t.Parallel()
	p := smallScope()
	p.cosigned = [][]int{{0, 1}, {0}}
	if r := Verify(p.build(), Options{Witnesses: allKeys(2), Quorum: -1}); r.OK || r.Failed != StepWitnesses {
		t.Errorf("%+v", r)
	}
	if r := Verify(smallScope().build(), Options{Quorum: 1}); r.OK || r.Failed != StepWitnesses {
		t.Errorf("one is wanted and none was given: %+v", r)
	}
	if r := Verify(smallScope().build(), Options{Witnesses: []string{"no key"}}); r.OK || r.Failed != StepWitnesses {
		t.Errorf("what is no key signs nothing: %+v", r)
	}
}

func TestFactsOfClip(t *testing.T) {
	t.Parallel()
	f := mustFacts(t, fullClip(), Options{Keys: []string{logVKey(0)}, Witnesses: []string{witnessVKey(0)}, File: strings.NewReader(string(clipBytes))})
	c, s := f.Clip, f.Scope
	if c == nil || s == nil || f.Item != nil || f.File != "checked" || f.Origin != testOrigin || f.Quorum != 1 {
		t.Fatalf("%+v", f)
	}
	if s.Files != 18 || s.Accessions != 3 || s.Unmeasured != 2 || s.Milliseconds != 55*61_000+6*3_600_000 || s.SealedOn != "2026-11-21" {
		t.Errorf("scope: %+v", s)
	}
	if c.Sources != 3 || c.Segments != 20 || c.CutMS != 12_000 || c.ReleasedMS != 12_000 || c.Number != 1 || c.Milliseconds != 12_040 ||
		c.Share != 12_000.0/float64(s.Milliseconds) || c.Released != c.Share {
		t.Errorf("clip: %+v", c)
	}
	if len(f.Keys) != 1 || !f.Keys[0].Given || f.Keys[0].Fingerprint != Fingerprint(logVKey(0)) {
		t.Errorf("keys: %+v", f.Keys)
	}
	if len(f.Witnesses) != 3 || !f.Witnesses[0].Given || f.Witnesses[1].Given || len(f.Checkpoints) != 2 || len(f.Checkpoints[0].Cosignatures) != 2 ||
		f.Checkpoints[0].Size != 7 || f.Checkpoints[0].Cosignatures[1].Witness != 2 {
		t.Errorf("witnesses %+v, checkpoints %+v", f.Witnesses, f.Checkpoints)
	}
	if mustFacts(t, smallClip(), Options{}).Keys[0].Given {
		t.Error("a key counts as given that was not")
	}
}

func TestFactsOfItemAndRotation(t *testing.T) {
	t.Parallel()
	e := segmentedItem()
	f := mustFacts(t, e, Options{})
	if f.Item == nil || f.Item.SHA256 != hex.EncodeToString(e.item.sha[:]) || f.Item.Size != 9*SegmentSize+77 || f.Item.Segments != 4 || f.Item.Place != custodyPlace ||
		f.Item.Event != "ev_00000000000000000000000001" || f.Item.Time != "2026-11-20T09:15:00.000001Z" || f.File != "absent" {
		t.Errorf("%+v", f.Item)
	}
	f = mustFacts(t, rotation(), Options{Keys: []string{logVKey(2)}})
	var since []int64
	var signers []int
	for _, k := range f.Keys {
		since = append(since, k.Since)
	}
	for _, c := range f.Checkpoints {
		signers = append(signers, c.Key)
	}
	if !slices.Equal(since, []int64{0, 3, 7}) || !slices.Equal(signers, []int{0, 1, 2}) || f.Keys[0].Given || !f.Keys[2].Given {
		t.Errorf("%+v, signers %v", f.Keys, signers)
	}
}

// zeros is a file without end that counts how it is read.
type zeros struct{ read, largest int }

func (z *zeros) Read(p []byte) (int, error) {
	z.read, z.largest = z.read+len(p), max(z.largest, len(p))
	clear(p)
	return len(p), nil
}

// A file is read as a stream, in small pieces, and not beyond what the bundle says; one that cannot be read is refused.
func TestFileIsAStream(t *testing.T) {
	t.Parallel()
	z := &zeros{}
	if r := Verify(smallClip().build(), Options{File: z}); r.OK || r.Failed != StepFile {
		t.Fatalf("%+v", r)
	}
	if z.read > len(clipBytes)+1 || z.largest > piece {
		t.Errorf("%d bytes read, at most %d at once", z.read, z.largest)
	}
	big := smallClip()
	big.clip = func(c *ClipStatement) { c.Bytes = 200 << 20 }
	z = &zeros{}
	raw := big.build()
	if r := Verify(raw, Options{File: io.LimitReader(z, 3<<20)}); r.Failed != StepFile || z.largest > piece {
		t.Errorf("%+v, at most %d at once", r, z.largest)
	}
	for name, in := range map[string]io.Reader{
		"one byte at a time": iotest.OneByteReader(strings.NewReader(string(clipBytes))),
		"data with the end":  iotest.DataErrReader(strings.NewReader(string(clipBytes))),
	} {
		if r := Verify(smallClip().build(), Options{File: in}); !r.OK {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := Verify(smallClip().build(), Options{File: io.MultiReader(strings.NewReader(string(clipBytes)), iotest.ErrReader(errors.New("disk")))}); r.OK {
		t.Error("a file whose end could not be read was accepted")
	}
}

// A report says nothing about what was refused, and a refusal is always named.
func TestRefusalHasNoFacts(t *testing.T) {
	t.Parallel()
	for _, v := range refused() {
		r := Verify(v.raw, v.Options.options(t))
		if r.OK || r.Failed == "" || r.Facts != nil || r.Steps[len(r.Steps)-1].State != StateFailed || r.Steps[len(r.Steps)-1].Name != r.Failed {
			t.Errorf("%s: %+v", v.File, r)
		}
		if r.Failed == StepFormat && r.Kind != "" {
			t.Errorf("%s: a kind of what was not read", v.File)
		}
	}
}

// Sums of sealed accessions that run over 64 bits must not come out as a smaller archive.
func TestSumsCannotRunOver(t *testing.T) {
	t.Parallel()
	p := smallScope()
	p.accessions, p.witnesses, p.cosigned = nil, 0, nil
	one := newEntry("endless", 1, maxNumber)
	for i := range 2049 {
		// A salt of its own makes a root of its own; the tree of segments can stay.
		one.whole = h("endless", i)
		p.accessions = append(p.accessions, newAccession(one))
	}
	r := Verify(p.build(), Options{})
	if last := r.Steps[len(r.Steps)-1]; r.OK || r.Failed != StepTotals || !strings.Contains(last.Text, "range") {
		t.Errorf("%s: %s", r.Failed, last.Text)
	}
}
