package witness

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"zapis/internal/tlog"
)

// Kinds of incidents.
const (
	// KindFork: two trees signed by the key of one log that cannot both be parts of one that only grows. It is a proof,
	// and never cleared.
	KindFork = "fork"
	// KindRollback: a checkpoint smaller than one that was accepted before. The log was put back to an earlier state, or
	// was cut off, or somebody shows an old checkpoint again; it is cleared when the log has grown consistently since.
	KindRollback = "rollback"
	// KindUnproven: a larger checkpoint with a proof that does not hold. Either the tree is another one or the proof was
	// bad; it is cleared when that very checkpoint is proven, and becomes a fork when another one of its size is.
	KindUnproven = "unproven"
)

const (
	incidentDir    = "incident"
	incidentFormat = "zapis witness incident"
	// maxIncidents bounds how many incidents of one log are kept, forks and others apart: only the holder of its key can make
	// any, and must not be able to fill the place of a proof with suspicions.
	maxIncidents = 256
)

// ErrEvidence: the evidence of an incident does not hold.
var ErrEvidence = errors.New("evidence does not hold")

// Incident is what a log was seen to do, with the evidence. Its JSON is the file that is kept.
type Incident struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Kind    string `json:"kind"`
	Origin  string `json:"origin"`
	// Size at which two roots differ (fork), or of the checkpoint that was shown.
	Size int64 `json:"size"`
	// Held is the signed checkpoint that had been accepted, Shown the one that came later, both as the log signed them.
	Held  string `json:"held"`
	Shown string `json:"shown"`
	// Where Shown is the larger one: Root (base 64) is what its tree has as root at Size, by the consistency proof Proof
	// (RFC 6962 section 2.1.2), and Held says otherwise.
	Root   *tlog.Hash  `json:"root,omitempty"`
	Proof  []tlog.Hash `json:"proof,omitempty"`
	Keys   []string    `json:"keys"` // verifier keys of the log as the witness knows them
	SeenAt time.Time   `json:"seen_at"`
	// ClearedAt is set when the log has shown since that nothing was wrong.
	ClearedAt *time.Time `json:"cleared_at,omitempty"`

	// File is where the evidence is, below the folder of the witness.
	File string `json:"-"`
}

// Open says whether the incident still stands.
func (i Incident) Open() bool { return i.ClearedAt == nil }

// Sentence names the incident in words.
func (i Incident) Sentence() string {
	held := "an earlier one"
	if _, c, err := openText(i.Held); err == nil {
		held = fmt.Sprintf("size %d", c.Size)
	}
	var s string
	switch i.Kind {
	case KindFork:
		s = fmt.Sprintf("log %s: FORKED at size %d: two trees signed by its key", i.Origin, i.Size)
	case KindRollback:
		s = fmt.Sprintf("log %s: ROLLED BACK to size %d after %s: cut off or put back, or an old checkpoint was shown again", i.Origin, i.Size, held)
	case KindUnproven:
		s = fmt.Sprintf("log %s: UNPROVEN at size %d: signed by its key, without proof that it still contains %s", i.Origin, i.Size, held)
	default:
		s = fmt.Sprintf("log %s: incident of an unknown kind", i.Origin)
	}
	s += ", evidence in " + i.File
	if !i.Open() {
		s += " (cleared " + i.ClearedAt.UTC().Format(time.DateOnly) + ")"
	}
	return s
}

func openText(signed string) (text string, c tlog.Checkpoint, err error) {
	text, _, err = tlog.SplitNote([]byte(signed))
	if err != nil {
		return "", c, err
	}
	c, err = tlog.ParseAnyCheckpoint(text)
	return text, c, err
}

// name gives the file of an incident: the same evidence has the same name.
func (i Incident) name() string {
	id := logID(i.Origin)
	text, _, _ := openText(i.Shown)
	shown := tlog.LeafHash([]byte(text))
	return path.Join(incidentDir, fmt.Sprintf("%s-%s-%d-%s.json", id[:12], i.Kind, i.Size, hex.EncodeToString(shown[:6])))
}

// ReadIncident reads the file of an incident, as anybody may do who was handed it. Nothing is verified: see
// CheckEvidence.
func ReadIncident(raw []byte) (Incident, error) {
	var i Incident
	if err := json.Unmarshal(raw, &i); err != nil || i.Format != incidentFormat || i.Version != 1 {
		return Incident{}, fmt.Errorf("read incident: %w: not a file of this kind", ErrEvidence)
	}
	return i, nil
}

// CheckEvidence checks an incident with verifier keys of the log that come from elsewhere than the incident. It needs
// no trust in the witness. A nil error for a fork means: whoever has these keys signed two trees that contradict each
// other. For the other kinds it means only that both checkpoints are genuine: proves is false.
func CheckEvidence(i Incident, keys ...tlog.Verifier) (proves bool, err error) {
	held, _, err := tlog.OpenAny([]byte(i.Held), keys...)
	if err != nil {
		return false, fmt.Errorf("check evidence: %w: checkpoint held", ErrEvidence)
	}
	shown, _, err := tlog.OpenAny([]byte(i.Shown), keys...)
	if err != nil {
		return false, fmt.Errorf("check evidence: %w: checkpoint shown", ErrEvidence)
	}
	if held.Origin != i.Origin || shown.Origin != i.Origin {
		return false, fmt.Errorf("check evidence: %w: another origin", ErrEvidence)
	}
	switch {
	case i.Kind == KindRollback && shown.Size == i.Size && shown.Size < held.Size,
		i.Kind == KindUnproven && shown.Size == i.Size && shown.Size > held.Size:
		return false, nil
	case i.Kind != KindFork || held.Size != i.Size:
	case i.Root == nil:
		if shown.Size == held.Size && shown.Root != held.Root {
			return true, nil
		}
	case shown.Size > held.Size && *i.Root != held.Root:
		if tlog.CheckConsistency(i.Proof, held.Size, *i.Root, shown.Size, shown.Root) == nil {
			return true, nil
		}
	}
	return false, fmt.Errorf("check evidence: %w: the two checkpoints do not contradict each other", ErrEvidence)
}

// keep writes an incident down, once, and gives it with its file.
func (w *Witness) keep(l *log, i Incident) error {
	i.Format, i.Version, i.Origin, i.Keys = incidentFormat, 1, l.Origin, l.Keys
	i.SeenAt = w.now().UTC()
	i.File = i.name()
	for _, old := range l.incidents {
		if old.File == i.File && old.Open() {
			return nil
		}
	}
	known, kept := -1, 0
	for at, old := range l.incidents {
		if old.File == i.File {
			known = at
		}
		if (old.Kind == KindFork) == (i.Kind == KindFork) {
			kept++
		}
	}
	if known < 0 && kept >= maxIncidents {
		return nil
	}
	// It is named even if the disk takes no more.
	if known >= 0 {
		l.incidents[known] = i
	} else {
		l.incidents = append(l.incidents, i)
	}
	return w.write(i)
}

func (w *Witness) write(i Incident) error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err == nil {
		err = replace(w.dir, i.File, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("keep evidence: %w", bare(err))
	}
	return nil
}

// settle clears incidents for which done says so.
func (w *Witness) settle(l *log, done func(Incident) bool) error {
	var errs []error
	for at, i := range l.incidents {
		if i.Open() && i.Kind != KindFork && done(i) {
			now := w.now().UTC()
			i.ClearedAt = &now
			l.incidents[at] = i
			errs = append(errs, w.write(i))
		}
	}
	return errors.Join(errs...)
}

// loadIncidents reads the evidence of all logs. A file that cannot be read is damage: evidence must not vanish unseen.
func loadIncidents(d folder, logs map[string]*log) error {
	entries, err := d.ReadDir(incidentDir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open witness: %w: the folder of incidents is missing", ErrDamaged)
	}
	if err != nil {
		return fmt.Errorf("open witness: %w", bare(err))
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		name := path.Join(incidentDir, e.Name())
		raw, err := read(d, name)
		if err != nil {
			return fmt.Errorf("open witness: %w", bare(err))
		}
		i, err := ReadIncident(raw)
		if err != nil || i.name() != name || logs[i.Origin] == nil {
			return fmt.Errorf("open witness: %w: an incident", ErrDamaged)
		}
		i.File = name
		l := logs[i.Origin]
		l.incidents = append(l.incidents, i)
	}
	return nil
}
