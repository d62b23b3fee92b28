package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Steps of checking a published transparency log, in order. Unlike those of a bundle, all of them are taken as far as
// possible, so that the report names everything that is wrong.
const (
	LogStepKeys       = "keys"       // the file keys: spelling, endorsements, keys given
	LogStepCheckpoint = "checkpoint" // spelling, the signature of the key in force
	LogStepWitnesses  = "witnesses"  // every cosignature; enough of the witnesses given
	LogStepEntries    = "entries"    // all entries are there and give the root of the checkpoint
	LogStepTiles      = "tiles"      // every tile holds the hashes that follow from the entries
	LogStepTime       = "time"       // every stamp is over the checkpoint of its size
	LogStepStatements = "statements" // every statement has the digest of its name
	LogStepAgainst    = "against"    // checkpoints from elsewhere
)

// What a checkpoint from elsewhere says about a log.
const (
	AgainstHolds     = "holds"     // the log contains its tree
	AgainstCut       = "cut off"   // it is of a later state: the log ends before it
	AgainstForked    = "forked"    // of the same size and another root, signed by a key of the log
	AgainstRewritten = "rewritten" // of a smaller size, and the log has other entries there
	AgainstForeign   = "foreign"   // not signed by a key of this log
)

// LogOptions are what the checker of a log has from elsewhere.
type LogOptions struct {
	Keys      []string       // verifier keys of the log: each has to be one of those in the file keys
	Witnesses []string       // verifier keys of witnesses one trusts
	Quorum    int            // how many of Witnesses must have signed the checkpoint; 0: all of them
	Roots     *x509.CertPool // roots of time authorities
	Against   [][]byte       // checkpoints (signed notes) of this log that were seen elsewhere, or earlier
}

// LogReport is the outcome of checking a log.
type LogReport struct {
	OK     bool     `json:"ok"`
	Failed []string `json:"failed"` // names of the steps that failed
	Steps  []Step   `json:"steps"`

	Origin     string            `json:"origin"`
	Size       int64             `json:"size"` // entries
	Root       string            `json:"root"` // hexadecimal
	Keys       []KeyFact         `json:"keys"`
	Witnesses  []WitnessFact     `json:"witnesses"`
	Cosigned   []CosignatureFact `json:"cosigned"`
	Stamps     []LogStampFact    `json:"stamps"`
	Statements int               `json:"statements"`
	Against    []AgainstFact     `json:"against"` // in the order given
	Beyond     bool              `json:"beyond"`  // tiles or stamps of a later state lie there
}

// LogStampFact is one stamp of the log that holds.
type LogStampFact struct {
	Size int64  `json:"size"` // of the checkpoint
	Name string `json:"name"` // of its file, without ending
	StampFact
}

// AgainstFact is what one checkpoint from elsewhere says.
type AgainstFact struct {
	Size  int64  `json:"size"`
	State string `json:"state"`
}

// Limits of what is read of a log.
const (
	maxLogFile = 16 << 20
	tileWidth  = 256
	entrySize  = 32
)

// EncodeKeys gives the file keys of a published log.
func EncodeKeys(l PublicLog) ([]byte, error) {
	return canonical(func(w *writer) {
		w.key("format", true)
		w.string("zapis log keys")
		w.key("log", false)
		l.write(w)
		w.key("version", false)
		w.string("1")
		w.close()
	}, func(r *reader) { readKeys(r) })
}

// ParseKeys reads the file keys. Nothing in it has been verified.
func ParseKeys(raw []byte) (PublicLog, error) {
	r := &reader{raw: raw}
	l := readKeys(r)
	r.end()
	return l, r.err
}

func readKeys(r *reader) PublicLog {
	r.key("format", true)
	r.constant("zapis log keys")
	r.key("log", false)
	l := readLog(r)
	r.key("version", false)
	r.constant("1")
	r.close()
	return l
}

// Log checks a published transparency log (docs/design/transparency-log.md): the whole tree from its entries, every tile,
// the checkpoint with its cosignatures, stamps and statements, and what checkpoints from elsewhere say. fsys is its folder
// and is treated as hostile; files are read whole, 16 MiB at most, one after the other.
func Log(fsys fs.FS, o LogOptions) LogReport {
	l := &logVerifier{fsys: fsys, o: o}
	l.v.o = Options{Keys: o.Keys, Witnesses: o.Witnesses, Quorum: o.Quorum, Roots: o.Roots}
	l.report = LogReport{Failed: []string{}, Keys: []KeyFact{}, Witnesses: []WitnessFact{}, Cosigned: []CosignatureFact{},
		Stamps: []LogStampFact{}, Against: []AgainstFact{}}
	keys := l.step(LogStepKeys, l.keys)
	signed := keys && l.step(LogStepCheckpoint, l.checkpoint)
	if signed {
		l.step(LogStepWitnesses, l.witnesses)
		if l.step(LogStepEntries, l.entries) {
			l.step(LogStepTiles, l.tiles)
			l.step(LogStepTime, l.time)
			l.step(LogStepStatements, l.statements)
			l.step(LogStepAgainst, l.against)
		}
	}
	l.report.OK = len(l.report.Failed) == 0
	return l.report
}

type logVerifier struct {
	fsys   fs.FS
	o      LogOptions
	v      verifier // its checks of keys, checkpoint and cosignatures are those of a bundle
	report LogReport

	size int64
	root Hash
	tree [][]Hash // by height: hashes of the complete subtrees
}

func (l *logVerifier) step(name string, c check) bool {
	state, text, err := c()
	if err != nil {
		state, text = StateFailed, strings.TrimPrefix(strings.TrimPrefix(err.Error(), errRefused.Error()+": "), ErrFormat.Error()+": ")
		l.report.Failed = append(l.report.Failed, name)
	}
	l.report.Steps = append(l.report.Steps, Step{Name: name, State: state, Text: text})
	return err == nil
}

var errNoFile = errors.New("the file is missing")

func (l *logVerifier) read(name string) ([]byte, error) {
	// Looked at before it is opened: a pipe would wait for ever.
	info, err := fs.Stat(l.fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoFile
	}
	if err != nil {
		return nil, errors.New("the file cannot be read") // the cause can name a path
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("the file is not a file")
	}
	f, err := l.fsys.Open(name)
	if err != nil {
		return nil, errors.New("the file cannot be read")
	}
	defer f.Close()
	out, err := io.ReadAll(io.LimitReader(f, maxLogFile+1))
	if err != nil {
		return nil, errors.New("the file cannot be read")
	}
	if len(out) > maxLogFile {
		return nil, errors.New("the file is too large")
	}
	return out, nil
}

func (l *logVerifier) keys() (string, string, error) {
	raw, err := l.read("keys")
	if err != nil {
		return "", "", refuse("keys: %w", err)
	}
	if l.v.p.bundle.Log, err = ParseKeys(raw); err != nil {
		return "", "", refuse("keys: %w", err)
	}
	l.report.Origin = l.v.p.bundle.Log.Origin
	state, text, err := l.v.checkKeys()
	if err != nil {
		return "", "", err
	}
	for i, k := range l.v.keys {
		l.report.Keys = append(l.report.Keys, KeyFact{VerifierKey: k.text, Fingerprint: Fingerprint(k.text), Since: l.v.since[i],
			Given: slices.Contains(l.o.Keys, k.text)})
	}
	for _, w := range l.v.witnesses {
		l.report.Witnesses = append(l.report.Witnesses, WitnessFact{Name: w.name, VerifierKey: w.text, Given: slices.Contains(l.o.Witnesses, w.text)})
	}
	return state, text, nil
}

func (l *logVerifier) checkpoint() (string, string, error) {
	raw, err := l.read("checkpoint")
	if err != nil {
		return "", "", refuse("checkpoint: %w", err)
	}
	l.v.p.bundle.Checkpoints = []Checkpoint{{Note: string(raw)}}
	if _, _, err := l.v.checkCheckpoints(); err != nil {
		return "", "", err
	}
	l.size, l.root = l.v.checkpoints[0].size, l.v.checkpoints[0].root
	l.report.Size, l.report.Root = l.size, hex.EncodeToString(l.root[:])
	if l.inForce(l.size) != l.v.signers[0] {
		return "", "", refuse("the checkpoint is signed by a key that another one has followed")
	}
	return StateOK, fmt.Sprintf("The log signs for its first %d ticks.", l.size), nil
}

// inForce is the place of the key that signs a size.
func (l *logVerifier) inForce(size int64) int {
	for i := len(l.v.since) - 1; i > 0; i-- {
		if l.v.since[i] <= size {
			return i
		}
	}
	return 0
}

func (l *logVerifier) witnesses() (string, string, error) {
	state, text, err := l.v.checkWitnesses()
	if err != nil {
		return "", "", err
	}
	if len(l.v.cosigned) > 0 {
		l.report.Cosigned = append(l.report.Cosigned, l.v.cosigned[0]...)
	}
	return state, text, nil
}

// tilePath names a tile as C2SP tlog-tiles has it; kind is a level or "entries".
func tilePath(kind string, n int64, width int64) string {
	digits := strconv.FormatInt(n, 10)
	for len(digits)%3 != 0 {
		digits = "0" + digits
	}
	out := "tile/" + kind
	for i := 0; i < len(digits); i += 3 {
		out += "/"
		if i+3 < len(digits) {
			out += "x"
		}
		out += digits[i : i+3]
	}
	if width < tileWidth {
		out += ".p/" + strconv.FormatInt(width, 10)
	}
	return out
}

// parseTilePath reads such a name.
func parseTilePath(name string) (kind string, n, width int64, ok bool) {
	rest, ok := strings.CutPrefix(name, "tile/")
	if !ok {
		return "", 0, 0, false
	}
	kind, rest, ok = strings.Cut(rest, "/")
	if !ok {
		return "", 0, 0, false
	}
	width = tileWidth
	if front, w, partial := strings.Cut(rest, ".p/"); partial {
		if width, ok = decimal(w); !ok || width < 1 || width >= tileWidth {
			return "", 0, 0, false
		}
		rest = front
	}
	if n, ok = tileNumber(rest); !ok || tilePath(kind, n, width) != name {
		return "", 0, 0, false
	}
	return kind, n, width, true
}

func tileNumber(path string) (int64, bool) {
	digits := strings.ReplaceAll(strings.ReplaceAll(path, "/x", ""), "/", "")
	digits = strings.TrimLeft(strings.TrimPrefix(digits, "x"), "0")
	if digits == "" {
		digits = "0"
	}
	return decimal(digits)
}

// tile reads the first need hashes or entries of a tile: from the narrowest file that must be there, or from the full one,
// which may have taken its place.
func (l *logVerifier) tile(kind string, n, need int64) ([]byte, error) {
	raw, err := l.read(tilePath(kind, n, need))
	if errors.Is(err, errNoFile) && need < tileWidth {
		raw, err = l.read(tilePath(kind, n, tileWidth))
	}
	return raw, err
}

func (l *logVerifier) entries() (string, string, error) {
	var leaves []Hash
	for n := int64(0); n*tileWidth < l.size; n++ {
		need := min(tileWidth, l.size-n*tileWidth)
		raw, err := l.tile("entries", n, need)
		if err != nil {
			return "", "", refuse("entries from %d: %w", n*tileWidth, err)
		}
		list, err := parseEntries(raw)
		if err != nil || int64(len(list)) < need {
			return "", "", refuse("entries from %d are not spelled as they have to be", n*tileWidth)
		}
		for _, e := range list[:need] {
			leaves = append(leaves, leafHash(e))
		}
	}
	l.tree = buildTree(leaves)
	if treeRoot(l.tree, l.size) != l.root {
		return "", "", refuse("the entries are not those that the checkpoint speaks of: they were altered")
	}
	return StateOK, "All entries are there and give the root of the checkpoint.", nil
}

// parseEntries reads a bundle of entries: two bytes of length, which is always 32 here, and the entry.
func parseEntries(raw []byte) ([][]byte, error) {
	if len(raw)%(2+entrySize) != 0 {
		return nil, errRefused
	}
	var out [][]byte
	for e := range slices.Chunk(raw, 2+entrySize) {
		if e[0] != 0 || e[1] != entrySize {
			return nil, errRefused
		}
		out = append(out, e[2:])
	}
	return out, nil
}

// buildTree gives the hashes of all complete subtrees, by height.
func buildTree(leaves []Hash) [][]Hash {
	tree := [][]Hash{leaves}
	for below := leaves; len(below) > 1; {
		level := make([]Hash, len(below)/2)
		for i := range level {
			level[i] = nodeHash(below[2*i], below[2*i+1])
		}
		tree = append(tree, level)
		below = level
	}
	return tree
}

// treeRoot is the root over the first size leaves, from the complete subtrees that it falls into.
func treeRoot(tree [][]Hash, size int64) Hash {
	if size == 0 {
		return sha256.Sum256(nil)
	}
	var root Hash
	have := false
	// Smallest subtree first: it is the rightmost one.
	for at, h := size, 0; at > 0; h++ {
		if size>>h&1 == 0 {
			continue
		}
		at -= 1 << h
		part := tree[h][at>>h]
		if have {
			root = nodeHash(part, root)
		} else {
			root, have = part, true
		}
	}
	return root
}

// tiles compares every tile that is there with the tree, and wants those that a client of this size reads.
func (l *logVerifier) tiles() (string, string, error) {
	for level := 0; level < 8; level++ {
		n := l.size >> (8 * level)
		for i := int64(0); i*tileWidth < n; i++ {
			if _, err := l.tile(strconv.Itoa(level), i, min(tileWidth, n-i*tileWidth)); err != nil {
				return "", "", refuse("tile %d of level %d: %w", i, level, err)
			}
		}
	}
	total := 0
	err := l.walk("tile", func(name string) error {
		kind, n, width, ok := parseTilePath(name)
		if !ok {
			return refuse("a file among the tiles is none")
		}
		raw, err := l.read(name)
		if err != nil {
			return refuse("tile %d of %q: %w", n, kind, err)
		}
		total++
		return l.compare(kind, n, width, raw)
	})
	if err != nil {
		return "", "", err
	}
	if l.report.Beyond {
		return StateOpen, "Tiles reach beyond the checkpoint: either publishing was under way, or the checkpoint was put back to an earlier one.", nil
	}
	return StateOK, fmt.Sprintf("%s, each as it follows from the entries.", count(total, "tile")), nil
}

// compare holds one tile against the tree. What lies beyond the size cannot be compared and is noted.
func (l *logVerifier) compare(kind string, n, width int64, raw []byte) error {
	wrong := refuse("a tile holds other hashes than the entries give: it was altered")
	var have []Hash
	level := int64(0)
	if kind == "entries" {
		list, err := parseEntries(raw)
		if err != nil {
			return wrong
		}
		for _, e := range list {
			have = append(have, leafHash(e))
		}
	} else {
		var ok bool
		if level, ok = decimal(kind); !ok || level > 7 || len(raw)%32 != 0 {
			return wrong
		}
		for h := range slices.Chunk(raw, 32) {
			have = append(have, Hash(h))
		}
	}
	if int64(len(have)) != width {
		return wrong
	}
	height := int(8 * level)
	for i, h := range have {
		at := n*tileWidth + int64(i)
		if at >= l.size>>height {
			l.report.Beyond = true
			break
		}
		if l.tree[height][at] != h {
			return wrong
		}
	}
	return nil
}

// walk calls f for every file below a folder, by name. What begins with a full stop waits to be renamed. A folder that is not
// there is empty.
func (l *logVerifier) walk(dir string, f func(name string) error) error {
	err := fs.WalkDir(l.fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == dir:
			return nil
		case err != nil:
			return refuse("a folder cannot be read")
		case strings.HasPrefix(path.Base(name), "."):
			return nil
		case d.IsDir():
			return nil
		}
		return f(name)
	})
	return err
}

// time checks every stamp: over the text that the checkpoint of its size has.
func (l *logVerifier) time() (string, string, error) {
	checked := 0
	err := l.walk("time", func(name string) error {
		parts := strings.Split(name, "/")
		ext := path.Ext(name)
		var size int64
		ok := len(parts) == 3
		if ok {
			size, ok = decimal(parts[1])
		}
		if !ok || size < 1 || ext != ".tsr" && ext != ".ots" {
			return refuse("a file among the stamps is none")
		}
		if size > l.size {
			l.report.Beyond = true
			return nil
		}
		raw, err := l.read(name)
		if err != nil {
			return refuse("a stamp of size %d: %w", size, err)
		}
		root := treeRoot(l.tree, size)
		text := fmt.Sprintf("%s\n%d\n%s\n", l.report.Origin, size, base64.StdEncoding.EncodeToString(root[:]))
		digest := sha256.Sum256([]byte(text))
		var stamp Stamp
		if ext == ".tsr" {
			stamp, err = checkToken(raw, digest, l.o.Roots)
		} else {
			stamp, err = checkOpenTimestamps(raw, digest)
		}
		if err != nil {
			return refuse("a stamp of size %d: %w", size, err)
		}
		if stamp.Checked {
			checked++
		}
		l.report.Stamps = append(l.report.Stamps, LogStampFact{Size: size, Name: strings.TrimSuffix(parts[2], ext), StampFact: StampFact(stamp)})
		return nil
	})
	if err != nil {
		return "", "", err
	}
	total := len(l.report.Stamps)
	switch {
	case total == 0:
		return StateOpen, "There is no time stamp.", nil
	case checked == 0:
		return StateOpen, fmt.Sprintf("%s; no authority could be checked.", count(total, "time stamp")), nil
	}
	return StateOK, fmt.Sprintf("%d of %s by authorities whose root you gave.", checked, count(total, "time stamp")), nil
}

// statements checks that each published statement is canonical and has the digest of its name. Which tick it is in shows a
// bundle.
func (l *logVerifier) statements() (string, string, error) {
	err := l.walk("statement", func(name string) error {
		raw, err := l.read(name)
		if err != nil {
			return refuse("a statement: %w", err)
		}
		sum := sha256.Sum256(raw)
		if name != "statement/"+hex.EncodeToString(sum[:])+".json" {
			return refuse("a statement does not have the digest of its name: it was altered")
		}
		r := &reader{raw: raw}
		r.skip(0)
		r.end()
		if r.err != nil || !bytes.HasPrefix(raw, []byte("{")) {
			return refuse("a statement is not spelled as it has to be")
		}
		l.report.Statements++
		return nil
	})
	if err != nil {
		return "", "", err
	}
	return StateOK, fmt.Sprintf("%s.", count(l.report.Statements, "statement")), nil
}

// against says what each checkpoint from elsewhere means for this log.
func (l *logVerifier) against() (string, string, error) {
	bad := ""
	for _, raw := range l.o.Against {
		f := l.held(raw)
		l.report.Against = append(l.report.Against, f)
		if f.State != AgainstHolds && bad == "" {
			switch f.State {
			case AgainstForeign:
				bad = "a checkpoint that you gave is not signed by a key of this log"
			case AgainstCut:
				bad = fmt.Sprintf("the log was cut off: a checkpoint of %d entries is signed, %d are here", f.Size, l.size)
			case AgainstForked:
				bad = fmt.Sprintf("the log was forked: two different states of %d entries are signed", f.Size)
			default:
				bad = fmt.Sprintf("the log was rewritten: its first %d entries are not those that were signed", f.Size)
			}
		}
	}
	switch {
	case bad != "":
		return "", "", refuse("%s", bad)
	case len(l.o.Against) == 0:
		return StateOpen, "No checkpoint from elsewhere was given to compare with.", nil
	}
	return StateOK, fmt.Sprintf("The log contains what %s says.", count(len(l.o.Against), "checkpoint")), nil
}

func (l *logVerifier) held(raw []byte) AgainstFact {
	n, err := parseNote(string(raw))
	if err != nil {
		return AgainstFact{State: AgainstForeign}
	}
	cp, err := parseCheckpoint(n.text)
	if err != nil || cp.origin != l.report.Origin {
		return AgainstFact{State: AgainstForeign}
	}
	f := AgainstFact{Size: cp.size, State: AgainstForeign}
	for _, line := range n.lines {
		for _, k := range l.v.keys {
			if k.verify(n.text, line) {
				f.State = AgainstHolds
			}
		}
	}
	switch {
	case f.State == AgainstForeign:
	case cp.size > l.size:
		f.State = AgainstCut
	case cp.size == l.size && cp.root != l.root:
		f.State = AgainstForked
	case treeRoot(l.tree, cp.size) != cp.root:
		f.State = AgainstRewritten
	}
	return f
}
