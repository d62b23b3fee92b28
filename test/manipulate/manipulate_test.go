package manipulate

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"zapis/verify"
)

// cases is how many manipulations are tried in all: a share with every test, all of them with ZAPIS_FAULT=full. Seven of ten
// are of bundles with their stamps, three of ten of published logs.
func cases() int {
	if os.Getenv("ZAPIS_FAULT") == "full" {
		return 100_000
	}
	return 3_000
}

// tally counts which step refused how many, by class of change.
type tally struct {
	mu    sync.Mutex
	count map[string]map[string]int
}

func (c *tally) add(class, step string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = make(map[string]map[string]int)
	}
	if c.count[class] == nil {
		c.count[class] = make(map[string]int)
	}
	c.count[class][step]++
}

func (c *tally) String() string {
	var b strings.Builder
	for _, class := range slices.Sorted(maps.Keys(c.count)) {
		total := 0
		for _, n := range c.count[class] {
			total += n
		}
		fmt.Fprintf(&b, "%-10s%8d ", class, total)
		for _, step := range slices.SortedFunc(maps.Keys(c.count[class]), func(x, y string) int {
			return cmp.Or(c.count[class][y]-c.count[class][x], strings.Compare(x, y))
		}) {
			fmt.Fprintf(&b, " %s %d", step, c.count[class][step])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestMutatedBundles: both verifiers refuse each manipulated bundle, at the same step. Each case that
// counts is different from what it was made of.
func TestMutatedBundles(t *testing.T) {
	t.Parallel()
	seeds := []int{}
	if os.Getenv("ZAPIS_FAULT") == "full" {
		seeds = []int{8, 9}
	}
	all := bases(t, write(t, seeds...))
	all = append(all, stamps(t, slices.DeleteFunc(slices.Clone(all), func(b *base) bool { return b.kind == "item" }))...)
	servers := []*server{serve(t, "verify.py"), serve(t, "verify.py")}
	for _, b := range all {
		for _, o := range []options{b.options, {}} {
			ours := check(b.raw, o)
			theirs, err := servers[0].verify(b.raw, o)
			if err != nil {
				t.Fatal(err)
			}
			if !ours.OK || !theirs.OK || ours.states() != theirs.states() {
				t.Fatalf("%s as it was written: package verify %q (%s), verify.py %q (%s)", b.name, ours.Failed, ours.reason(), theirs.Failed, theirs.reason())
			}
		}
	}
	var weighted []change
	for _, list := range [][]change{byteChanges, spellings, signedChanges, outsideChanges, tokenChanges} {
		for _, c := range list {
			for range c.weight {
				weighted = append(weighted, c)
			}
		}
	}

	// Case n is the same in every run and does not depend on the others.
	var ours, theirs tally
	var wrong sync.Map
	var wait sync.WaitGroup
	total := cases() * 7 / 10
	for w, s := range servers {
		wait.Go(func() {
			for n := w; n < total; n += len(servers) {
				c, raw, o, note := manipulate(all, weighted, uint64(n))
				a := check(raw, o)
				b, err := s.verify(raw, o)
				if err != nil {
					t.Errorf("case %d: %v", n, err)
					return
				}
				ours.add(c.class, cmp.Or(a.Failed, "ACCEPTED"))
				theirs.add(c.class, cmp.Or(b.Failed, "ACCEPTED"))
				if a.OK || b.OK || a.states() != b.states() {
					wrong.Store(n, fmt.Sprintf("case %d, %s, %s: package verify %q (%s), verify.py %q (%s)", n, c.class, note, a.Failed, a.reason(), b.Failed, b.reason()))
				}
			}
		})
	}
	wait.Wait()
	found := 0
	wrong.Range(func(_, text any) bool {
		if found++; found <= 30 {
			t.Error(text)
		}
		return true
	})
	if found > 0 {
		t.Errorf("%d of %d cases were accepted, or refused at different steps", found, total)
	}
	t.Logf("%d manipulations of %d bundles\npackage verify\n%sverify.py\n%s", total, len(all), ours.String(), theirs.String())
}

// manipulate makes case n: another one is drawn until a change fits its base and made something else of it.
func manipulate(all []*base, changes []change, n uint64) (c change, raw []byte, o options, note string) {
	for r := rand.New(rand.NewPCG(n, 0x7a61706973)); ; {
		b := pick(r, all)
		c = pick(r, changes)
		raw, o, note = c.make(r, b)
		if raw != nil && changed(raw, b.raw) {
			return c, raw, o, b.name + ", " + note
		}
	}
}

// TestSteps: the cases reach every step, so that none of the checks is idle.
func TestSteps(t *testing.T) {
	t.Parallel()
	reached := make(map[string]bool)
	for _, w := range write(t) {
		reached[w.Failed] = true
	}
	for _, step := range []string{verify.StepFormat, verify.StepStatements, verify.StepTotals, verify.StepLineage, verify.StepEvent} {
		if !reached[step] {
			t.Errorf("nothing that the writer made is refused at %s", step)
		}
	}
}
