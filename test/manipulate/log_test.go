package manipulate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"zapis/internal/timestamp"
	"zapis/internal/timestamp/authority"
	"zapis/internal/timestamp/timestamptest"
	"zapis/verify"
)

// folder is a published log: content by name.
type folder map[string][]byte

// publicLog is a log from which folders are made. The tree is built here from RFC 6962, section 2.1, and the layout from
// C2SP tlog-tiles: nothing of the code under test writes it.
type publicLog struct {
	entries    [][]byte
	keys       []signer
	since      []int
	witnesses  []signer
	statements [][]byte
	tokens     map[string]map[int][]byte // by name of an authority or calendar with its ending, by size
}

const logSize = 300 // one tile is full, one is not, and there is a second level

func hash(parts ...[]byte) []byte {
	h := sha256.Sum256(slices.Concat(parts...))
	return h[:]
}

func treeHash(entries [][]byte) []byte {
	if len(entries) == 1 {
		return hash([]byte{0}, entries[0])
	}
	k := 1
	for k*2 < len(entries) {
		k *= 2
	}
	return hash([]byte{1}, treeHash(entries[:k]), treeHash(entries[k:]))
}

func newLog(r *rand.Rand, owner string) *publicLog {
	l := &publicLog{
		keys: []signer{keyFrom(origin, owner+"key 0"), keyFrom(origin, owner+"key 1"), keyFrom(origin, owner+"key 2")}, since: []int{0, 100, 280},
		statements: [][]byte{[]byte(`{"a":"first"}`), []byte(`{"a":"second"}`)}, tokens: make(map[string]map[int][]byte),
	}
	for i := range 3 {
		l.witnesses = append(l.witnesses, keyFrom(fmt.Sprintf("witness%d.example", i), fmt.Sprintf("%switness %d", owner, i)))
	}
	slices.SortFunc(l.witnesses, func(a, b signer) int { return strings.Compare(a.vkey(4), b.vkey(4)) })
	for range logSize {
		e := make([]byte, 32)
		for i := range e {
			e[i] = byte(r.Uint32())
		}
		l.entries = append(l.entries, e)
	}
	return l
}

func (l *publicLog) key(size int) signer {
	k := 0
	for i, since := range l.since {
		if since <= size {
			k = i
		}
	}
	return l.keys[k]
}

func (l *publicLog) text(size int) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(treeHash(l.entries[:size])))
}

func (l *publicLog) checkpoint(size int) string {
	note := l.key(size).note(l.text(size))
	for _, w := range l.witnesses {
		note += w.cosign(l.text(size), 1_790_000_000+int64(size)*86400)
	}
	return note
}

// publish writes the folder of a size.
func (l *publicLog) publish(size int) folder {
	f := folder{"checkpoint": []byte(l.checkpoint(size))}
	level := make([][]byte, size)
	for i, e := range l.entries[:size] {
		level[i] = hash([]byte{0}, e)
	}
	name := func(kind string, tile, width int) string {
		n := fmt.Sprintf("tile/%s/%03d", kind, tile)
		if width < 256 {
			n += ".p/" + strconv.Itoa(width)
		}
		return n
	}
	for at := 0; at < size; at += 256 {
		width := min(256, size-at)
		var data []byte
		for _, e := range l.entries[at : at+width] {
			data = append(binary.BigEndian.AppendUint16(data, 32), e...)
		}
		f[name("entries", at/256, width)] = data
	}
	for height := 0; len(level) > 0; height++ {
		var above [][]byte
		for at := 0; at < len(level); at += 256 {
			width := min(256, len(level)-at)
			f[name(strconv.Itoa(height), at/256, width)] = slices.Concat(level[at : at+width]...)
			if width == 256 {
				full := level[at : at+256]
				for len(full) > 1 {
					var next [][]byte
					for i := 0; i < len(full); i += 2 {
						next = append(next, hash([]byte{1}, full[i], full[i+1]))
					}
					full = next
				}
				above = append(above, full[0])
			}
		}
		level = above
	}
	var keys, witnesses []any
	for i, k := range l.keys {
		endorsement := ""
		if i > 0 {
			endorsement = l.keys[i-1].note(fmt.Sprintf("zapis log key v1\n%s\n%s\n%d\n", origin, k.vkey(1), l.since[i]))
		}
		keys = append(keys, map[string]any{"endorsement": endorsement, "vkey": k.vkey(1)})
	}
	for _, w := range l.witnesses {
		witnesses = append(witnesses, w.vkey(4))
	}
	f["keys"] = spell(map[string]any{"format": "zapis log keys", "version": "1", "log": map[string]any{"keys": keys, "origin": origin, "witnesses": witnesses}})
	for _, s := range l.statements {
		f["statement/"+hex.EncodeToString(hash(s))+".json"] = s
	}
	for who, bySize := range l.tokens {
		for at, token := range bySize {
			if at <= size {
				f[fmt.Sprintf("time/%d/%s", at, who)] = token
			}
		}
	}
	return f
}

// logOptions are what is known of a log from elsewhere.
type logOptions struct {
	Keys      []string `json:"keys"`
	Witnesses []string `json:"witnesses"`
	Quorum    int      `json:"quorum"`
	Roots     string   `json:"roots,omitempty"`
	Against   []string `json:"against"`
}

func checkLog(f folder, o logOptions) verify.LogReport {
	fsys := make(fstest.MapFS, len(f))
	for name, data := range f {
		fsys[name] = &fstest.MapFile{Data: data}
	}
	v := verify.LogOptions{Keys: o.Keys, Witnesses: o.Witnesses, Quorum: o.Quorum}
	if o.Roots != "" {
		v.Roots = x509.NewCertPool()
		v.Roots.AppendCertsFromPEM([]byte(o.Roots))
	}
	for _, note := range o.Against {
		v.Against = append(v.Against, []byte(note))
	}
	return verify.Log(fsys, v)
}

// logBase is a published log with its fork, a foreign one, and what is known from elsewhere.
type logBase struct {
	log, fork, foreign *publicLog
	folder             folder
	options            logOptions
	outside            []byte // a token over the checkpoint by an authority that nobody trusts
}

// stampedSizes are those of checkpoints that were stamped.
var stampedSizes = []int{200, logSize}

func newLogBase(t *testing.T) *logBase {
	t.Helper()
	b := &logBase{log: newLog(rand.New(rand.NewPCG(1, 1)), ""), fork: newLog(rand.New(rand.NewPCG(2, 2)), ""), foreign: newLog(rand.New(rand.NewPCG(1, 1)), "foreign ")}
	// A fork keeps what came before it.
	copy(b.fork.entries[:150], b.log.entries[:150])
	trusted, url := timestamptest.Authority(t, authority.Options{Chain: true})
	strange, strangeURL := timestamptest.Authority(t, authority.Options{})
	ask := func(url string, pool *x509.CertPool, text string) []byte {
		token, _, err := timestamp.RFC3161{URL: url, Roots: pool}.Stamp(context.Background(), sha256.Sum256([]byte(text)))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, who := range []string{"authority.tsr", "calendar.ots"} {
		b.log.tokens[who] = make(map[int][]byte)
	}
	for _, size := range stampedSizes {
		b.log.tokens["authority.tsr"][size] = ask(url, trusted.Pool(), b.log.text(size))
		b.log.tokens["calendar.ots"][size] = calendarProof(sha256.Sum256([]byte(b.log.text(size))), 800_000)
	}
	b.outside = ask(strangeURL, strange.Pool(), b.log.text(logSize))
	b.folder = b.log.publish(logSize)
	b.options = logOptions{Keys: []string{b.log.keys[0].vkey(1)}, Roots: string(trusted.Roots()), Against: []string{b.log.checkpoint(120), b.log.checkpoint(logSize)}}
	for _, w := range b.log.witnesses {
		b.options.Witnesses = append(b.options.Witnesses, w.vkey(4))
	}
	return b
}

// A logChange makes a manipulated folder; nil if nothing was changed.
type logChange struct {
	class, name string
	weight      int
	make        func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string)
}

// knownOfLog is everything, or only the roots: what the folder holds against itself is caught with both.
func (b *logBase) knownOfLog(r *rand.Rand) logOptions {
	if r.IntN(2) == 0 {
		return logOptions{Roots: b.options.Roots}
	}
	return b.options
}

func pickFile(r *rand.Rand, f folder, prefix string) string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(f)), func(n string) bool { return !strings.HasPrefix(n, prefix) })
	if len(names) == 0 {
		return ""
	}
	return pick(r, names)
}

var logChanges = []logChange{
	{"bytes", "flip a bit", 12, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		name := pickFile(r, f, pick(r, []string{"", "", "tile/", "tile/entries/", "keys", "checkpoint", "time/", "statement/"}))
		data := slices.Clone(f[name])
		span := [2]int{0, len(data)}
		switch filepath.Ext(name) {
		case ".tsr":
			span = pick(r, heldRanges("rfc3161", data))
		case ".ots":
			span = pick(r, heldRanges("opentimestamps", data))
		}
		data[span[0]+r.IntN(span[1]-span[0])] ^= 1 << r.IntN(8)
		f[name] = data
		return f, b.knownOfLog(r), name
	}},
	{"bytes", "delete or insert bytes, or cut the end", 8, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		name := pickFile(r, f, "")
		data := slices.Clone(f[name])
		if filepath.Ext(name) == ".ots" {
			return nil, logOptions{}, "" // operands may be any bytes
		}
		at := r.IntN(len(data))
		switch r.IntN(4) {
		case 0:
			data = slices.Delete(data, at, min(len(data), at+1+r.IntN(32)))
		case 1:
			data = slices.Insert(data, at, byte(r.IntN(256)))
		case 2:
			data = append(data, make([]byte, 32)...)
		default:
			data = data[:at]
		}
		f[name] = data
		if name == "checkpoint" {
			return f, b.options, name // cut behind a line it has a cosignature less: whoever knows the witnesses misses it
		}
		return f, b.knownOfLog(r), name
	}},
	{"order", "two entries or hashes exchanged", 6, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		name := pickFile(r, f, "tile/")
		width := 32
		if strings.Contains(name, "entries") {
			width = 34
		}
		data := slices.Clone(f[name])
		i, j := r.IntN(len(data)/width)*width, r.IntN(len(data)/width)*width
		one := slices.Clone(data[i : i+width])
		copy(data[i:i+width], data[j:j+width])
		copy(data[j:j+width], one)
		f[name] = data
		return f, b.knownOfLog(r), name
	}},
	{"order", "entries exchanged, tiles made anew", 4, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		other := *b.log
		other.entries = slices.Clone(b.log.entries)
		i, j := r.IntN(logSize), r.IntN(logSize)
		other.entries[i], other.entries[j] = other.entries[j], other.entries[i]
		made := other.publish(logSize)
		made["checkpoint"] = f["checkpoint"]
		return made, b.knownOfLog(r), "entries"
	}},
	{"order", "contents of two files exchanged", 4, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		one, two := pickFile(r, f, ""), pickFile(r, f, "")
		f[one], f[two] = f[two], f[one]
		return f, b.knownOfLog(r), one + " " + two
	}},
	{"tail", "a file removed", 6, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		// A stamp or a statement that is not there proves nothing; it is not missed, it is just not said.
		name := pickFile(r, f, pick(r, []string{"tile/", "checkpoint", "keys"}))
		delete(f, name)
		return f, b.knownOfLog(r), name
	}},
	{"tail", "the tail dropped, with a checkpoint by the same key", 4, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		size := 121 + r.IntN(logSize-121)
		made := b.log.publish(size)
		o := b.options
		if r.IntN(2) == 0 {
			o.Witnesses = nil
		}
		return made, o, strconv.Itoa(size)
	}},
	{"rollback", "an older checkpoint over the newer tree", 4, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		size := 1 + r.IntN(logSize-1)
		f["checkpoint"] = []byte(b.log.checkpoint(size))
		return f, b.options, strconv.Itoa(size)
	}},
	{"fork", "another tree by the same key", 6, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		made := b.fork.publish(logSize)
		o := b.options
		switch r.IntN(3) {
		case 0: // its witnesses are not ours: an honest witness signs one tree
			made["checkpoint"] = []byte(b.fork.key(logSize).note(b.fork.text(logSize)))
			o.Against = nil
		case 1:
			o.Witnesses = nil
		}
		return made, o, "whole"
	}},
	{"fork", "a file of another tree by the same key", 8, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		made := b.fork.publish(logSize)
		name := pickFile(r, made, pick(r, []string{"tile/", "checkpoint"}))
		f[name] = made[name]
		return f, b.knownOfLog(r), name
	}},
	{"fork", "another root or size, signed by the same key", 8, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		lines := strings.Split(b.log.text(logSize), "\n")
		if r.IntN(2) == 0 {
			lines[1] = alter(r, lines[1])
		} else {
			lines[2] = alter(r, lines[2])
		}
		text := strings.Join(lines, "\n")
		size, err := strconv.Atoi(lines[1])
		if err != nil || text == b.log.text(logSize) {
			return nil, logOptions{}, ""
		}
		note := b.log.key(size).note(text)
		if r.IntN(2) == 0 {
			for _, w := range b.log.witnesses {
				note += w.cosign(text, 1_790_000_000)
			}
		}
		f["checkpoint"] = []byte(note)
		return f, b.knownOfLog(r), lines[1]
	}},
	{"foreign", "the whole under foreign keys", 3, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		o := b.options
		switch r.IntN(3) {
		case 0:
			o.Keys, o.Witnesses = nil, nil
		case 1:
			o.Against = nil
		}
		return b.foreign.publish(logSize), o, "whole"
	}},
	{"foreign", "keys or a checkpoint of foreign keys", 4, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		name := pick(r, []string{"keys", "checkpoint"})
		f[name] = b.foreign.publish(logSize)[name]
		return f, b.knownOfLog(r), name
	}},
	{"foreign", "a witness or key less, or another", 6, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		other := *b.log
		other.witnesses, other.keys, other.since = slices.Clone(b.log.witnesses), slices.Clone(b.log.keys), slices.Clone(b.log.since)
		switch i := r.IntN(3); r.IntN(3) {
		case 0:
			other.witnesses = slices.Delete(other.witnesses, i, i+1)
		case 1:
			other.witnesses[i] = keyFrom(other.witnesses[i].name, "stranger")
			slices.SortFunc(other.witnesses, func(a, b signer) int { return strings.Compare(a.vkey(4), b.vkey(4)) })
		default:
			other.keys[0] = b.foreign.keys[i]
		}
		return other.publish(logSize), b.options, "keys"
	}},
	{"swap", "a cosignature of another checkpoint", 4, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		rows := strings.SplitAfter(string(f["checkpoint"]), "\n")
		at := 5 + r.IntN(3)
		rows[at] = strings.SplitAfter(b.log.checkpoint(1+r.IntN(logSize-1)), "\n")[at]
		f["checkpoint"] = []byte(strings.Join(rows, ""))
		return f, b.knownOfLog(r), "line"
	}},
	{"token", "tokens of two checkpoints exchanged", 4, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		who := pick(r, []string{"authority.tsr", "calendar.ots"})
		one, two := fmt.Sprintf("time/%d/%s", stampedSizes[0], who), fmt.Sprintf("time/%d/%s", stampedSizes[1], who)
		if r.IntN(2) == 0 {
			f[one] = f[two]
		} else {
			f[one], f[two] = f[two], f[one]
		}
		return f, b.knownOfLog(r), who
	}},
	{"token", "a token for another size, or by an authority that nobody trusts", 4, func(r *rand.Rand, b *logBase, f folder) (folder, logOptions, string) {
		if r.IntN(2) == 0 {
			f[fmt.Sprintf("time/%d/authority.tsr", 1+r.IntN(199))] = f["time/200/authority.tsr"]
		} else {
			f[fmt.Sprintf("time/%d/authority.tsr", logSize)] = b.outside
		}
		return f, b.knownOfLog(r), "token"
	}},
}

func (b *logBase) manipulate(changes []logChange, n uint64) (c logChange, f folder, o logOptions, note string) {
	for r := rand.New(rand.NewPCG(n, 0x6c6f67)); ; {
		c = pick(r, changes)
		f, o, note = c.make(r, b, maps.Clone(b.folder))
		if f != nil && !maps.EqualFunc(f, b.folder, bytes.Equal) {
			return c, f, o, c.name + ", " + note
		}
	}
}

// TestMutatedLogs: both verifiers refuse each manipulated folder of a published log.
func TestMutatedLogs(t *testing.T) {
	t.Parallel()
	b := newLogBase(t)
	servers := []*server{serve(t, "verify_log.py"), serve(t, "verify_log.py")}
	for _, o := range []logOptions{b.options, {}, {Roots: b.options.Roots}} {
		if r := checkLog(b.folder, o); !r.OK {
			t.Fatalf("as it was published: package verify: %v %+v", r.Failed, r.Steps)
		}
		if r, err := servers[0].verifyLog(b.folder, o); !r.OK || err != nil {
			t.Fatalf("as it was published: verify_log.py: %v %+v %v", r.Failed, r.Steps, err)
		}
	}
	var weighted []logChange
	for _, c := range logChanges {
		for range c.weight {
			weighted = append(weighted, c)
		}
	}
	total := cases() * 3 / 10
	var ours, theirs tally
	var wait sync.WaitGroup
	for w, s := range servers {
		wait.Go(func() {
			for n := w; n < total; n += len(servers) {
				c, f, o, note := b.manipulate(weighted, uint64(n))
				r := checkLog(f, o)
				p, err := s.verifyLog(f, o)
				if err != nil {
					t.Errorf("case %d: %v", n, err)
					return
				}
				one, two := append(r.Failed, "ACCEPTED")[0], append(p.Failed, "ACCEPTED")[0]
				ours.add(c.class, one)
				theirs.add(c.class, two)
				if r.OK || p.OK || one != two {
					t.Errorf("case %d, %s, %s: package verify %v %+v, verify_log.py %v %+v", n, c.class, note, r.Failed, r.Steps, p.Failed, p.Steps)
				}
			}
		})
	}
	wait.Wait()
	t.Logf("%d manipulations of a published log, by the first step that failed\npackage verify\n%sverify_log.py\n%s", total, ours.String(), theirs.String())
}
