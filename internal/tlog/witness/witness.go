package witness

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/tlog"
)

// The conditions of a witness, for errors.Is.
var (
	// ErrNone: there is no witness in this folder.
	ErrNone = errors.New("no witness here")
	// ErrDamaged: a file of the witness is missing, changed or does not fit the others. Nothing is made anew: a witness
	// that has forgotten what it signed must not sign. It is archive.ErrIntegrity as well.
	ErrDamaged = fmt.Errorf("state of the witness is damaged: %w", archive.ErrIntegrity)
	// ErrExposed: others than its owner may read the key.
	ErrExposed = errors.New("others may read the key of the witness")
	// ErrBroken: something could not be written durably; the witness signs no more until it is opened anew.
	ErrBroken = errors.New("witness cannot write its state")

	// What can be wrong with a checkpoint that is shown.
	ErrMalformed  = errors.New("not a request of C2SP tlog-witness")
	ErrUnknownLog = errors.New("log is not known")
	ErrKey        = errors.New("checkpoint is not signed by a known key of the log")
	ErrConflict   = errors.New("not what was cosigned last")
	ErrProof      = errors.New("consistency proof does not hold")
)

const (
	registerFile = "witness"
	keyFile      = "key"
	stateDir     = "log"
	// maxNote bounds a signed checkpoint: sixteen signatures of the largest kind.
	maxNote = 96 << 10
	// DefaultEvery is how often a log is expected to grow if nothing else is said.
	DefaultEvery = 24 * time.Hour
)

// Log is what a witness is told about a log.
type Log struct {
	// Origin is the first line of its checkpoints and the name of its keys.
	Origin string `json:"origin"`
	// Keys are its verifier keys (Ed25519, C2SP signed-note); more than one after a change of keys.
	Keys []string `json:"keys"`
	// URL is where it is published (http, https, or a folder); empty: only what it sends is seen.
	URL string `json:"url,omitempty"`
	// Every is how often it is expected to grow; 0: never missed.
	Every time.Duration `json:"every"`
	// AddedAt is set by Add.
	AddedAt time.Time `json:"added_at"`
}

// register is the list of logs, which makes a missing state noticeable.
type register struct {
	Format      string    `json:"format"`
	Version     int       `json:"version"`
	Name        string    `json:"name"`
	VerifierKey string    `json:"verifier_key"`
	CreatedAt   time.Time `json:"created_at"`
	Logs        []Log     `json:"logs"`
}

const registerFormat = "zapis witness"

// accepted is a checkpoint that was accepted: the record in the state file of a log, and a line in its list.
type accepted struct {
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"`
	Note   string    `json:"note"` // as signed by the log, other signatures left out; empty: none yet
	At     time.Time `json:"at"`
}

// log is one log with all that is known about it.
type log struct {
	Log
	keys      []tlog.Verifier
	latest    accepted
	seen      map[int64]place // accepted checkpoints by size
	end       int64           // of the list, in bytes
	incidents []Incident
}

// place says where in the list an accepted checkpoint stands.
type place struct {
	root   tlog.Hash
	at     int64
	length int
}

// Witness holds the state of a witness and signs. It is safe for concurrent use.
type Witness struct {
	dir    folder
	locked io.Closer
	now    func() time.Time
	sign   func(text string) (string, error)
	vkey   string

	mu     sync.Mutex
	reg    register
	logs   map[string]*log
	broken bool
}

// Options are what a witness needs from outside.
type Options struct {
	Now    func() time.Time // nil: time.Now
	Random io.Reader        // for Create; nil: crypto/rand
}

func (o Options) now() func() time.Time {
	if o.Now == nil {
		return time.Now
	}
	return o.Now
}

// logID names the files of a log: origins come from outside and are no file names.
func logID(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:16])
}

func stateFile(origin string) string { return stateDir + "/" + logID(origin) + ".state" }
func seenFile(origin string) string  { return stateDir + "/" + logID(origin) + ".seen" }

// Create makes a witness with a new key in an empty or missing folder and gives its verifier key.
func Create(dir, name string, o Options) (verifierKey string, err error) {
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make witness: %w", bare(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("make witness: %w", bare(err))
	}
	defer root.Close()
	d := rootFolder{root}
	there, err := d.ReadDir(".")
	if err != nil {
		return "", fmt.Errorf("make witness: %w", bare(err))
	}
	if len(there) > 0 {
		return "", fmt.Errorf("make witness: the folder is not empty: %w", archive.ErrExists)
	}
	locked, err := d.lock()
	if err != nil {
		return "", err
	}
	defer locked.Close()
	verifierKey, err = create(d, name, o)
	if err != nil {
		return "", err
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return "", fmt.Errorf("make witness: %w", bare(err))
	}
	err = parent.Sync()
	if e := parent.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", fmt.Errorf("make witness: %w", bare(err))
	}
	return verifierKey, nil
}

func create(d folder, name string, o Options) (string, error) {
	random := o.Random
	if random == nil {
		random = rand.Reader
	}
	skey, vkey, err := tlog.GenerateCosignerKey(random, name)
	if err != nil {
		return "", fmt.Errorf("make witness: %w", err)
	}
	for _, dir := range []string{stateDir, incidentDir} {
		if err := d.Mkdir(dir, dirMode); err != nil {
			return "", fmt.Errorf("make witness: %w", bare(err))
		}
	}
	if err := replace(d, keyFile, []byte(skey+"\n")); err != nil {
		return "", fmt.Errorf("make witness: %w", bare(err))
	}
	// The register comes last: without it the folder is no witness.
	reg := register{Format: registerFormat, Version: 1, Name: name, VerifierKey: vkey, CreatedAt: o.now()().UTC().Truncate(time.Second), Logs: []Log{}}
	if err := saveRegister(d, reg); err != nil {
		return "", fmt.Errorf("make witness: %w", err)
	}
	return vkey, nil
}

func saveRegister(d folder, r register) error {
	raw, err := line(r)
	if err != nil {
		return err
	}
	return bare(replace(d, registerFile, raw))
}

// Open takes a witness for this process alone (archive.ErrBusy if another one has it), checks all it knows, and makes
// that durable once more: what the last process wrote may have been reported as written and still be lost.
func Open(dir string, o Options) (*Witness, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	d := rootFolder{root}
	if _, err := root.Lstat(registerFile); errors.Is(err, fs.ErrNotExist) {
		_ = root.Close()
		return nil, missing(d)
	}
	locked, err := d.lock()
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	w, err := open(d, o)
	if err != nil {
		return nil, errors.Join(err, locked.Close(), root.Close())
	}
	w.locked = closers{locked, root}
	return w, nil
}

type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, one := range c {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

func openRoot(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open witness: %w", ErrNone)
	}
	if err != nil {
		return nil, fmt.Errorf("open witness: %w", bare(err))
	}
	return root, nil
}

// missing tells a folder that never was a witness from one that has lost its register.
func missing(d folder) error {
	if _, err := d.OpenFile(keyFile, os.O_RDONLY, 0); err == nil {
		return fmt.Errorf("open witness: %w: its list of logs is missing", ErrDamaged)
	}
	return fmt.Errorf("open witness: %w", ErrNone)
}

// open is Open on any folder.
func open(d folder, o Options) (*Witness, error) {
	w, err := load(d, o)
	if err != nil {
		return nil, err
	}
	key, err := readKey(d)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open witness: %w: its key is missing", ErrDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("open witness: %w", bare(err))
	}
	c, err := tlog.NewCosigner(string(key), w.now)
	clear(key)
	if err != nil || c.VerifierKey() != w.reg.VerifierKey {
		return nil, fmt.Errorf("open witness: %w: its key", ErrDamaged)
	}
	w.sign = c.Cosign
	for _, dir := range []string{".", stateDir, incidentDir} {
		if err := sweep(d, dir); err != nil {
			return nil, fmt.Errorf("open witness: %w", bare(err))
		}
	}
	for _, l := range w.logs {
		if err := w.renew(l); err != nil {
			return nil, fmt.Errorf("open witness: %w: %w", ErrBroken, bare(err))
		}
	}
	return w, nil
}

func readKey(d folder) ([]byte, error) {
	f, err := d.OpenFile(keyFile, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, ErrExposed
	}
	return read(d, keyFile)
}

// load reads a witness without its key, and changes nothing.
func load(d folder, o Options) (*Witness, error) {
	w := &Witness{dir: d, now: o.now(), logs: map[string]*log{}}
	raw, err := read(d, registerFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(d)
	}
	if err != nil {
		return nil, fmt.Errorf("open witness: %w", bare(err))
	}
	if !unline(raw, &w.reg) || w.reg.Format != registerFormat || w.reg.Version != 1 {
		return nil, fmt.Errorf("open witness: %w: its list of logs", ErrDamaged)
	}
	if _, err := tlog.NewCosignVerifier(w.reg.VerifierKey); err != nil {
		return nil, fmt.Errorf("open witness: %w: its verifier key", ErrDamaged)
	}
	w.vkey = w.reg.VerifierKey
	for _, told := range w.reg.Logs {
		l, err := loadLog(d, told)
		if err != nil {
			return nil, fmt.Errorf("open witness: %w", err)
		}
		w.logs[l.Origin] = l
	}
	if err := loadIncidents(d, w.logs); err != nil {
		return nil, err
	}
	return w, nil
}

// loadLog reads the state of a log and the list of what was accepted. The list is written first, so it may be ahead of
// the state by what was on its way when the power went: it is followed then, for each of its lines had been proven before
// it was written. A list that ends before the state is damage, and so is anything in it that was changed.
func loadLog(d folder, told Log) (*log, error) {
	l := &log{Log: told, seen: map[int64]place{}}
	for _, k := range told.Keys {
		v, err := tlog.NewVerifier(k)
		if err != nil || v.Name() != told.Origin {
			return nil, fmt.Errorf("%w: key of a log", ErrDamaged)
		}
		l.keys = append(l.keys, v)
	}
	raw, err := read(d, stateFile(told.Origin))
	if err != nil {
		return nil, gone(err, "state of a log")
	}
	if !unline(raw, &l.latest) || !l.genuine(l.latest) {
		return nil, fmt.Errorf("%w: state of a log", ErrDamaged)
	}
	list, err := read(d, seenFile(told.Origin))
	if err != nil {
		return nil, gone(err, "list of a log")
	}
	state, found := l.latest, l.latest.Note == ""
	for before := int64(-1); l.end < int64(len(list)); {
		length := int64(bytes.IndexByte(list[l.end:], '\n') + 1)
		if length == 0 {
			length = int64(len(list)) - l.end
		}
		var a accepted
		if !unline(list[l.end:l.end+length], &a) || a.Note == "" || a.Size <= before || !l.genuine(a) {
			if found && l.end+length == int64(len(list)) {
				break // torn while it was written: nothing was signed for it
			}
			return nil, fmt.Errorf("%w: list of a log", ErrDamaged)
		}
		l.seen[a.Size] = place{a.Root, l.end, int(length)}
		l.end += length
		before = a.Size
		switch {
		case found:
			l.latest = a
		case a.Size == state.Size && a.Root == state.Root:
			found = true
		}
	}
	if !found {
		return nil, fmt.Errorf("%w: the list of a log ends too early", ErrDamaged)
	}
	return l, nil
}

func gone(err error, what string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s is missing", ErrDamaged, what)
	}
	return fmt.Errorf("read %s: %w", what, bare(err))
}

// genuine says whether a record is of this log and its note says what the record says.
func (l *log) genuine(a accepted) bool {
	if a.Origin != l.Origin {
		return false
	}
	if a.Note == "" {
		return a.Size == 0 && a.Root == emptyRoot()
	}
	c, _, err := tlog.OpenAny([]byte(a.Note), l.keys...)
	return err == nil && c == tlog.Checkpoint{Origin: a.Origin, Size: a.Size, Root: a.Root}
}

func emptyRoot() tlog.Hash { return tlog.Hash(sha256.Sum256(nil)) }

// renew writes list and state again, so that what this process believes is on the device.
func (w *Witness) renew(l *log) error {
	list, err := read(w.dir, seenFile(l.Origin))
	if err != nil {
		return err
	}
	if err := replace(w.dir, seenFile(l.Origin), list[:l.end]); err != nil {
		return err
	}
	return w.saveState(l.latest)
}

func (w *Witness) saveState(a accepted) error {
	raw, err := line(a)
	if err != nil {
		return err
	}
	return replace(w.dir, stateFile(a.Origin), raw)
}

// Close gives the folder back. Everything is durable already.
func (w *Witness) Close() error {
	if w.locked == nil {
		return nil
	}
	return w.locked.Close()
}

// VerifierKey is what partners need to check this witness's cosignatures.
func (w *Witness) VerifierKey() string { return w.vkey }

// Name is the name of the witness.
func (w *Witness) Name() string { return w.reg.Name }

// Add makes a log known. For a log that is known already the keys are added to its keys (its state stays), and URL and
// Every are replaced if they are given. Every defaults to DefaultEvery; a negative one means that growth is never missed.
func (w *Witness) Add(told Log) error {
	if len(told.Keys) == 0 {
		return fmt.Errorf("add log: %w: no verifier key", archive.ErrInvalid)
	}
	for at, k := range told.Keys {
		v, err := tlog.NewVerifier(k)
		if err != nil {
			return fmt.Errorf("add log: %w: verifier key", archive.ErrInvalid)
		}
		if told.Origin == "" {
			told.Origin = v.Name()
		}
		if v.Name() != told.Origin {
			return fmt.Errorf("add log: %w: the key has another name than the log", archive.ErrInvalid)
		}
		told.Keys[at] = strings.TrimSpace(k)
	}
	if _, err := openSource(told.URL, nil); told.URL != "" && err != nil {
		return fmt.Errorf("add log: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return fmt.Errorf("add log: %w", ErrBroken)
	}
	reg := w.reg
	reg.Logs = slices.Clone(w.reg.Logs)
	at := slices.IndexFunc(reg.Logs, func(l Log) bool { return l.Origin == told.Origin })
	if at >= 0 {
		known := reg.Logs[at]
		known.Keys = slices.Clone(known.Keys)
		for _, k := range told.Keys {
			if !slices.Contains(known.Keys, k) {
				known.Keys = append(known.Keys, k)
			}
		}
		if told.URL != "" {
			known.URL = told.URL
		}
		if told.Every != 0 {
			known.Every = max(told.Every, 0)
		}
		told = known
		reg.Logs[at] = told
	} else {
		if told.Every == 0 {
			told.Every = DefaultEvery
		}
		told.Every = max(told.Every, 0)
		told.AddedAt = w.now().UTC().Truncate(time.Second)
		reg.Logs = append(reg.Logs, told)
		// State before register: nothing was ever signed for a log that is not in the register, unless somebody put an
		// older register back.
		if former, err := loadLog(w.dir, told); err == nil && former.latest.Note != "" {
			return fmt.Errorf("add log: %w: there is a state, but it is not in the list of logs", ErrDamaged)
		}
		if err := replace(w.dir, seenFile(told.Origin), nil); err != nil {
			return w.fail("add log", err)
		}
		if err := w.saveState(accepted{Origin: told.Origin, Root: emptyRoot(), At: told.AddedAt}); err != nil {
			return w.fail("add log", err)
		}
	}
	if err := saveRegister(w.dir, reg); err != nil {
		return w.fail("add log", err)
	}
	w.reg = reg
	if l := w.logs[told.Origin]; l != nil {
		l.Log = told
		l.keys = nil
		for _, k := range told.Keys {
			v, err := tlog.NewVerifier(k)
			if err != nil {
				return fmt.Errorf("add log: %w", err)
			}
			l.keys = append(l.keys, v)
		}
		return nil
	}
	l, err := loadLog(w.dir, told)
	if err != nil {
		return w.fail("add log", err)
	}
	w.logs[told.Origin] = l
	return nil
}

// fail ends all signing: after a write that failed nobody knows what is on the device.
func (w *Witness) fail(what string, err error) error {
	w.broken = true
	return fmt.Errorf("%s: %w: %w", what, ErrBroken, bare(err))
}

// Cosign is add-checkpoint of C2SP tlog-witness: it checks a signed checkpoint against what was accepted last, makes it
// durable, and only then signs. cosignature is one signature line with its line feed. size is that of the checkpoint
// accepted last, for ErrConflict. Errors: ErrMalformed, ErrUnknownLog, ErrKey, ErrConflict, ErrProof, ErrBroken. A log that
// contradicts itself is refused, and an incident is kept.
func (w *Witness) Cosign(old int64, proof []tlog.Hash, checkpoint []byte) (cosignature string, size int64, err error) {
	c, text, note, err := w.read(checkpoint)
	if err != nil {
		return "", 0, err
	}
	if old < 0 || old > c.Size {
		return "", 0, fmt.Errorf("cosign: %w: old size is above that of the checkpoint", ErrMalformed)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	size, err = w.accept(c, note, old, proof)
	if err != nil {
		return "", size, err
	}
	// Everything this signature says is durable by now.
	cosignature, err = w.sign(text)
	if err != nil {
		return "", size, fmt.Errorf("cosign size %d: %w", c.Size, err)
	}
	return cosignature, size, nil
}

// read verifies a signed checkpoint of a known log; note is the same with the signatures of others left out.
func (w *Witness) read(checkpoint []byte) (c tlog.Checkpoint, text, note string, err error) {
	if len(checkpoint) > maxNote {
		return c, "", "", fmt.Errorf("read checkpoint: %w: too long", ErrMalformed)
	}
	text, lines, err := tlog.SplitNote(checkpoint)
	if err != nil {
		return c, "", "", fmt.Errorf("read checkpoint: %w", ErrMalformed)
	}
	c, err = tlog.ParseAnyCheckpoint(text)
	if err != nil {
		return c, "", "", fmt.Errorf("read checkpoint: %w", ErrMalformed)
	}
	w.mu.Lock()
	l := w.logs[c.Origin]
	var keys []tlog.Verifier
	if l != nil {
		keys = slices.Clone(l.keys)
	}
	w.mu.Unlock()
	if l == nil {
		return c, "", "", fmt.Errorf("read checkpoint: %w", ErrUnknownLog)
	}
	if _, _, err := tlog.OpenAny(checkpoint, keys...); err != nil {
		return c, "", "", fmt.Errorf("read checkpoint of size %d: %w", c.Size, ErrKey)
	}
	note = text + "\n"
	for _, raw := range lines {
		s, err := tlog.ParseSignatureLine(raw)
		if err == nil && slices.ContainsFunc(keys, func(v tlog.Verifier) bool {
			return v.Name() == s.Name && v.KeyHash() == s.Number && v.Verify([]byte(text), s.Signature)
		}) {
			note += raw
			break
		}
	}
	return c, text, note, nil
}

// accept checks a genuine checkpoint against the state, and makes it the state if it follows.
func (w *Witness) accept(c tlog.Checkpoint, note string, old int64, proof []tlog.Hash) (size int64, err error) {
	if w.broken {
		return 0, fmt.Errorf("cosign: %w", ErrBroken)
	}
	l := w.logs[c.Origin]
	size = l.latest.Size
	forked, err := w.compare(l, c, note)
	if err != nil {
		return size, err
	}
	if forked || old != size {
		return size, fmt.Errorf("cosign size %d, accepted is %d: %w", c.Size, size, ErrConflict)
	}
	if c.Size == size {
		if c.Root != l.latest.Root {
			return size, fmt.Errorf("cosign size %d: %w", size, ErrConflict)
		}
		if len(proof) > 0 {
			return size, fmt.Errorf("cosign size %d: %w", size, ErrProof)
		}
		if l.latest.Note != "" {
			return size, nil
		}
	} else if size == 0 {
		if len(proof) > 0 {
			return size, fmt.Errorf("cosign size %d: %w: there is nothing to prove yet", c.Size, ErrProof)
		}
	} else if err := tlog.CheckConsistency(proof, size, l.latest.Root, c.Size, c.Root); err != nil {
		// It may be a fork, or a proof that somebody garbled: both notes are kept, and the difference is said.
		err = fmt.Errorf("cosign size %d after %d: %w", c.Size, size, ErrProof)
		return size, errors.Join(err, w.keep(l, Incident{Kind: KindUnproven, Size: c.Size, Held: l.latest.Note, Shown: note}))
	}
	if err := w.advance(l, accepted{Origin: c.Origin, Size: c.Size, Root: c.Root, Note: note, At: w.now().UTC().Truncate(time.Second)}); err != nil {
		return size, err
	}
	return c.Size, w.clear(l, size)
}

// compare looks for a contradiction with anything that this log has signed before.
func (w *Witness) compare(l *log, c tlog.Checkpoint, note string) (forked bool, err error) {
	if p, ok := l.seen[c.Size]; ok && p.root != c.Root {
		held, err := w.accepted(l, c.Size)
		if err != nil {
			return true, err
		}
		return true, w.keep(l, Incident{Kind: KindFork, Size: c.Size, Held: held.Note, Shown: note})
	}
	for _, i := range l.incidents {
		if i.Kind == KindFork || i.Size != c.Size {
			continue
		}
		// Neither of the two need be the tree that is followed, but the log signed both.
		if _, shown, err := openText(i.Shown); err == nil && shown.Root != c.Root {
			if err := w.keep(l, Incident{Kind: KindFork, Size: c.Size, Held: i.Shown, Shown: note}); err != nil {
				return false, err
			}
		}
	}
	if c.Size < l.latest.Size {
		return false, w.keep(l, Incident{Kind: KindRollback, Size: c.Size, Held: l.latest.Note, Shown: note})
	}
	return false, nil
}

// accepted reads a checkpoint from the list.
func (w *Witness) accepted(l *log, size int64) (accepted, error) {
	p := l.seen[size]
	list, err := read(w.dir, seenFile(l.Origin))
	var a accepted
	if err != nil || p.at+int64(p.length) > int64(len(list)) || !unline(list[p.at:p.at+int64(p.length)], &a) {
		return a, w.fail("read list of a log", ErrDamaged)
	}
	return a, nil
}

// advance makes a checkpoint the one accepted last: the list, then the state, each durable before the next step.
func (w *Witness) advance(l *log, a accepted) error {
	raw, err := line(a)
	if err != nil {
		return fmt.Errorf("accept size %d: %w", a.Size, err)
	}
	if err := extend(w.dir, seenFile(l.Origin), l.end, raw); err != nil {
		return w.fail("accept checkpoint", err)
	}
	if err := w.saveState(a); err != nil {
		return w.fail("accept checkpoint", err)
	}
	l.seen[a.Size] = place{a.Root, l.end, len(raw)}
	l.end += int64(len(raw))
	l.latest = a
	return nil
}

// clear settles the incidents that a consistent step from a size to the present one answers.
func (w *Witness) clear(l *log, from int64) error {
	if l.latest.Size == from {
		return nil
	}
	err := w.settle(l, func(i Incident) bool {
		if i.Kind == KindRollback {
			return true // it has gone on from where it was
		}
		// The very checkpoint is proven now; or another one of its size is, and then the fork says more.
		_, shown, err := openText(i.Shown)
		return err == nil && shown.Size == l.latest.Size
	})
	if err != nil {
		return fmt.Errorf("cosign size %d: %w", l.latest.Size, err)
	}
	return nil
}

// States of a log.
const (
	StateNew        = "new"         // nothing accepted yet
	StateOK         = "ok"          // grows, and contradicts nothing
	StateSilent     = "silent"      // has not grown when it should have
	StateUnproven   = "unproven"    // see KindUnproven
	StateRolledBack = "rolled back" // see KindRollback
	StateForked     = "forked"      // see KindFork
)

// LogStatus is what is known about a log.
type LogStatus struct {
	Log
	State string
	Size  int64
	Root  tlog.Hash
	// At is when the present size was accepted, or the log was added.
	At        time.Time
	Note      string // signed by the log; empty while there is none
	Incidents []Incident
	Silent    bool
}

// Named gives a sentence for everything that is wrong with a log, worst first.
func (s LogStatus) Named() []string {
	var out []string
	for _, kind := range []string{KindFork, KindRollback, KindUnproven} {
		for _, i := range s.Incidents {
			if i.Kind == kind && i.Open() {
				out = append(out, i.Sentence())
			}
		}
	}
	if s.Silent {
		out = append(out, fmt.Sprintf("log %s: SILENT since %s: expected to grow every %s", s.Origin, s.At.Format("2006-01-02 15:04:05"), s.Every))
	}
	return out
}

// Status is what a witness knows.
type Status struct {
	Name, VerifierKey string
	Logs              []LogStatus // by origin
}

// Named gives a sentence for everything that is wrong.
func (s Status) Named() []string {
	var out []string
	for _, l := range s.Logs {
		out = append(out, l.Named()...)
	}
	return out
}

// Status tells what is known about each log.
func (w *Witness) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := Status{Name: w.reg.Name, VerifierKey: w.vkey}
	for _, l := range w.logs {
		ls := LogStatus{Log: l.Log, State: StateOK, Size: l.latest.Size, Root: l.latest.Root, At: l.latest.At, Note: l.latest.Note}
		ls.Keys = slices.Clone(l.Keys)
		ls.Incidents = slices.Clone(l.incidents)
		slices.SortFunc(ls.Incidents, func(a, b Incident) int { return a.SeenAt.Compare(b.SeenAt) })
		ls.Silent = l.Every > 0 && w.now().Sub(l.latest.At) > 2*l.Every
		if l.latest.Note == "" {
			ls.State = StateNew
		}
		if ls.Silent {
			ls.State = StateSilent
		}
		for _, k := range []struct{ kind, state string }{{KindUnproven, StateUnproven}, {KindRollback, StateRolledBack}, {KindFork, StateForked}} {
			if slices.ContainsFunc(ls.Incidents, func(i Incident) bool { return i.Kind == k.kind && i.Open() }) {
				ls.State = k.state
			}
		}
		s.Logs = append(s.Logs, ls)
	}
	slices.SortFunc(s.Logs, func(a, b LogStatus) int { return strings.Compare(a.Origin, b.Origin) })
	return s
}

// ReadStatus tells what the witness in a folder knows, whether or not a process serves it. It changes nothing.
func ReadStatus(dir string, o Options) (Status, error) {
	root, err := openRoot(dir)
	if err != nil {
		return Status{}, err
	}
	defer root.Close()
	// A served witness writes meanwhile: the list may be one line ahead of the state that was read before it, which is the
	// order of reading.
	w, err := load(rootFolder{root}, o)
	if err != nil {
		return Status{}, err
	}
	return w.Status(), nil
}

// address says whether a text is an http address.
func address(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	return u, err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
