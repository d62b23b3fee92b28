package anchor

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/verify"
)

// Names of published files beside the tiles.
const (
	nameCheckpoint = "checkpoint"
	nameKeys       = "keys"
	nameIndex      = "index.html"
	nameCheck      = "check.html"
	dirTime        = "time/"
	dirStatement   = "statement/"
	dirTile        = "tile/"
)

const largestFile = 16 << 20

// Published says what a call of Publish did.
type Published struct {
	Size    int64
	Kind    string // of the target
	Written int    // files
	Files   int    // in all
}

// file is one file to be published.
type file struct {
	name string
	data []byte
	at   time.Time
	// fixed files are never replaced with other bytes.
	fixed bool
}

// Publish writes the log as its latest checkpoint has it to a target: tiles, entries, keys, stamps, statements and pages, and the
// checkpoint with its cosignatures last. What is there already and agrees is left. ErrFork if the target holds another
// tree, or a later one; ErrNoLog; archive.ErrConflict if nothing has ticked yet.
func (s *Service) Publish(ctx context.Context, agent string, t Target) (Published, error) {
	p, err := s.publish(ctx, t)
	if err != nil {
		err = fmt.Errorf("publish the transparency log: %w", err)
	}
	if errors.Is(err, ErrNoLog) || err == nil && p.Written == 0 {
		return p, err
	}
	now := s.now()
	row := store.Publication{ID: archive.NewIDFrom(archive.PrefixPublication, now, s.o.Rand), At: now, Kind: t.Kind(), Size: p.Size, Outcome: string(archive.Success)}
	outcome := archive.Success
	if err != nil {
		outcome = archive.Failure
		row.Outcome, row.Reason = string(outcome), reason(err, nil)
	}
	werr := s.o.DB.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := tx.AddPublication(ctx, row); err != nil {
			return err
		}
		_, err := s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventExport, Agent: s.agent(agent), Outcome: outcome,
			Detail: map[string]string{"what": "transparency log", "to": t.Kind(), "size": decimal(p.Size)},
		})
		return err
	})
	return p, errors.Join(err, werr)
}

func (s *Service) publish(ctx context.Context, t Target) (Published, error) {
	p := Published{Kind: t.Kind()}
	set, err := s.files(ctx)
	if err != nil {
		return p, err
	}
	err = set.put(ctx, t, &p)
	return p, err
}

// put writes what is missing at a target, the checkpoint last.
func (set *fileSet) put(ctx context.Context, t Target, p *Published) error {
	p.Size, p.Files = set.size, len(set.files)+1
	there, err := t.List(ctx)
	if err != nil {
		return fmt.Errorf("list what is published: %w", err)
	}
	if err := set.agrees(ctx, t, there); err != nil {
		return err
	}
	for _, f := range set.files {
		same, err := compare(ctx, t, f, there)
		if err != nil {
			return err
		}
		if same {
			continue
		}
		if err := t.Write(ctx, f.name, f.data, f.at); err != nil {
			return fmt.Errorf("write a file: %w", err)
		}
		p.Written++
	}
	at := set.checkpoint.at
	// Nobody may see the checkpoint before what it speaks of, not even after a power cut.
	if err := t.Sync(ctx, at); err != nil {
		return err
	}
	// Once more, and as late as can be: another process may have published a later one meanwhile.
	if err := set.agrees(ctx, t, nil); err != nil {
		return err
	}
	same, err := compare(ctx, t, set.checkpoint, there)
	if err != nil {
		return err
	}
	if !same {
		if err := t.Write(ctx, nameCheckpoint, set.checkpoint.data, at); err != nil {
			return fmt.Errorf("write the checkpoint: %w", err)
		}
		p.Written++
	}
	return t.Sync(ctx, at)
}

// compare says whether a file is published already with these bytes: ErrFork if it is there with others and may not be.
func compare(ctx context.Context, t Target, f file, there map[string]int64) (same bool, err error) {
	size, ok := there[f.name]
	if !ok {
		return false, nil
	}
	if size == int64(len(f.data)) {
		if f.fixed && t.Kind() == TargetS3 && !strings.HasPrefix(f.name, dirTile) {
			// Tokens and statements vouch for themselves; to fetch every one of many years each day would cost more than it
			// shows.
			return true, nil
		}
		have, err := t.Read(ctx, f.name, size)
		if err != nil {
			return false, fmt.Errorf("read a published file: %w", err)
		}
		if bytes.Equal(have, f.data) {
			return true, nil
		}
	}
	if f.fixed {
		return false, forked("a published file holds other bytes")
	}
	return false, nil
}

func forked(what string) error {
	return archive.Explain(fmt.Errorf("%w: %s", ErrFork, what), "This place holds another transparency log, or another state of this one.",
		"Nothing was replaced. Compare it with: zapis log verify --dir; publish to an empty place only when you know why.")
}

// agrees refuses a target that holds more than this log, or another one. With there it also looks for tiles that this log
// has not.
func (set *fileSet) agrees(ctx context.Context, t Target, there map[string]int64) error {
	for name := range there {
		if strings.HasPrefix(name, dirTile) && !set.known(name) {
			return forked("tiles are published that this log does not have")
		}
	}
	raw, err := t.Read(ctx, nameCheckpoint, largestFile)
	if errors.Is(err, archive.ErrNotFound) {
		for _, name := range []string{nameIndex, nameCheck, nameKeys} {
			if size, ok := there[name]; ok && size != set.sizeOf(name) {
				return archive.Explain(fmt.Errorf("%w: files of something else", archive.ErrExists), "The place holds files of something else.",
					"Publish to an empty folder or prefix.")
			}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the published checkpoint: %w", err)
	}
	c, err := openAny(raw, set.keys)
	if err != nil {
		return forked("the published checkpoint is not of this log")
	}
	if c.Size > set.size {
		return forked(fmt.Sprintf("checkpoint %d is published, this log has %d ticks", c.Size, set.size))
	}
	root, err := tlog.Root(c.Size, set.hashes)
	if err != nil {
		return err
	}
	if root != c.Root {
		return forked(fmt.Sprintf("checkpoint %d is published with another root", c.Size))
	}
	return nil
}

// fileSet is everything to be published, as one snapshot of the database has it.
type fileSet struct {
	size       int64
	keys       []store.LogKey
	hashes     tlog.HashReader
	files      []file
	checkpoint file
}

func (set *fileSet) sizeOf(name string) int64 {
	for _, f := range set.files {
		if f.name == name {
			return int64(len(f.data))
		}
	}
	return -1
}

// known says whether a tile of this name belongs to this log at its size or at an earlier one.
func (set *fileSet) known(name string) bool {
	for level := -1; level < 8; level++ {
		n := set.size
		if level > 0 {
			n >>= tlog.TileHeight * level
		}
		if n == 0 {
			break
		}
		prefix := dirTile + "entries/"
		if level >= 0 {
			prefix = fmt.Sprintf("%s%d/", dirTile, level)
		}
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		for tile := int64(0); tile*tlog.TileWidth < n; tile++ {
			width := min(tlog.TileWidth, n-tile*tlog.TileWidth)
			full, _ := tilePath(level, tile, tlog.TileWidth)
			if name == full {
				return width == tlog.TileWidth
			}
			if rest, ok := strings.CutPrefix(name, full+".p/"); ok {
				for w := int64(1); w <= min(width, tlog.TileWidth-1); w++ {
					if rest == decimal(w) {
						return true
					}
				}
				return false
			}
		}
	}
	return false
}

// tilePath names a tile of a level, or with level -1 a bundle of entries.
func tilePath(level int, tile int64, width int) (string, error) {
	if level < 0 {
		return tlog.EntriesPath(tile, width)
	}
	return tlog.TilePath(level, tile, width)
}

// files makes everything that is to be published for the latest checkpoint.
func (s *Service) files(ctx context.Context) (*fileSet, error) {
	set := &fileSet{}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		*set = fileSet{}
		l, made, err := tx.PublicLog(ctx)
		if err != nil || !made {
			return errors.Join(err, noLogUnless(made))
		}
		all, err := tx.LogCheckpoints(ctx, 1)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return archive.Explain(fmt.Errorf("%w: the log has no checkpoint", archive.ErrConflict), "Nothing has ticked yet.", "Wait for the first tick, or run: zapis log tick")
		}
		return set.collect(ctx, tx, s, l, all[0])
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

func (set *fileSet) collect(ctx context.Context, tx *store.Tx, s *Service, l store.PublicLog, c store.LogCheckpoint) (err error) {
	set.size = c.Size
	cal := calendarOf(l)
	if set.keys, err = tx.LogKeys(ctx); err != nil {
		return err
	}
	if err := set.tiles(ctx, tx, cal); err != nil {
		return err
	}
	k, err := keyFor(set.keys, c.Size)
	if err != nil {
		return err
	}
	signed, err := openCheckpoint(c.Text, k)
	if err != nil {
		return fmt.Errorf("checkpoint %d: %w: its signature", c.Size, archive.ErrIntegrity)
	}
	root, err := tlog.Root(c.Size, set.hashes)
	if err != nil {
		return err
	}
	if signed.Root != root || signed.Size != c.Size {
		return fmt.Errorf("checkpoint %d: %w: its root", c.Size, archive.ErrIntegrity)
	}
	latest := cal.At(c.Size - 1)
	witnesses, note, err := s.cosigned(ctx, tx, c)
	if err != nil {
		return err
	}
	keys, err := keysFile(l.Origin, set.keys, witnesses)
	if err != nil {
		return err
	}
	set.add(file{name: nameKeys, data: keys, at: latest})
	if err := set.stamps(ctx, tx, cal); err != nil {
		return err
	}
	if err := set.statements(ctx, tx, cal); err != nil {
		return err
	}
	if len(s.o.CheckPage) > 0 {
		set.add(file{name: nameCheck, data: s.o.CheckPage, at: latest})
	}
	set.add(file{name: nameIndex, data: indexPage(l.Origin, k.VerifierKey, len(s.o.CheckPage) > 0), at: latest})
	set.checkpoint = file{name: nameCheckpoint, data: note, at: latest}
	return set.verify()
}

// verify has the verifier, which shares no code with what was written here, look at all of it: what does not verify is never
// published.
func (set *fileSet) verify() error {
	r := verify.Log(set.memory(), verify.LogOptions{})
	if !r.OK {
		return fmt.Errorf("%w: what would be published does not verify (%s)", archive.ErrIntegrity, strings.Join(r.Failed, ", "))
	}
	return nil
}

// sum tells two sets apart.
func (set *fileSet) sum() [32]byte {
	h := sha256.New()
	for _, f := range append(slices.Clone(set.files), set.checkpoint) {
		fmt.Fprintf(h, "%s\n%d\n", f.name, len(f.data))
		h.Write(f.data)
	}
	return [32]byte(h.Sum(nil))
}

func (set *fileSet) memory() memory {
	m := memory{set.checkpoint.name: set.checkpoint.data}
	for _, f := range set.files {
		m[f.name] = f.data
	}
	return m
}

// Verify checks the log as the database has it, in the form in which it would be published.
func (s *Service) Verify(ctx context.Context, o verify.LogOptions) (verify.LogReport, error) {
	set, err := s.files(ctx)
	if err != nil {
		return verify.LogReport{}, fmt.Errorf("verify the transparency log: %w", err)
	}
	return verify.Log(set.memory(), o), nil
}

func (set *fileSet) add(f file) { set.files = append(set.files, f) }

// tiles makes the tiles and the bundles of entries, and from the entries, not from the stored hashes, the tree that everything
// is then held against.
func (set *fileSet) tiles(ctx context.Context, tx *store.Tx, cal Calendar) error {
	var leaves []tlog.Hash
	var entries [][]byte
	for at := int64(0); at < set.size; {
		page, err := tx.LogTicks(ctx, at, int(min(1000, set.size-at)))
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return fmt.Errorf("%w: tick %d is missing", archive.ErrIntegrity, at)
		}
		for _, t := range page {
			if t.Position != at {
				return fmt.Errorf("%w: tick %d is missing", archive.ErrIntegrity, at)
			}
			leaves = append(leaves, tlog.LeafHash(t.Commitment[:]))
			entries = append(entries, t.Commitment[:])
			at++
		}
	}
	_, hashes, err := tlog.Append(0, leaves, nil)
	if err != nil {
		return err
	}
	set.hashes = tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			if n < 0 || n >= int64(len(hashes)) {
				return nil, tlog.ErrRange
			}
			out[i] = hashes[n]
		}
		return out, nil
	})
	for level := -1; level < 8; level++ {
		n, each := set.size, int64(1) // hashes of this level, leaves beneath one
		if level > 0 {
			n >>= tlog.TileHeight * level
			each <<= tlog.TileHeight * level
		}
		for tile := int64(0); tile*tlog.TileWidth < n; tile++ {
			first, width := tile*tlog.TileWidth, min(tlog.TileWidth, n-tile*tlog.TileWidth)
			var data []byte
			for i := first; i < first+width; i++ {
				if level < 0 {
					data = binary.BigEndian.AppendUint16(data, uint16(len(entries[i])))
					data = append(data, entries[i]...)
				} else {
					h := hashes[tlog.StoredIndex(tlog.TileHeight*level, i)]
					data = append(data, h[:]...)
				}
			}
			name, err := tilePath(level, tile, int(width))
			if err != nil {
				return err
			}
			set.add(file{name: name, data: data, at: cal.At((first+width)*each - 1), fixed: true})
		}
	}
	return nil
}

// cosigned gives the checkpoint with the lines of its witnesses, and the keys of all witnesses whose lines are in it or who are
// configured, by their text.
func (s *Service) cosigned(ctx context.Context, tx *store.Tx, c store.LogCheckpoint) (witnesses []string, note []byte, err error) {
	cos, err := tx.LogCosignatures(ctx, c.Size)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(cos, func(a, b store.LogCosignature) int { return strings.Compare(a.VerifierKey, b.VerifierKey) })
	for _, w := range s.o.Witnesses {
		if v, err := tlog.NewCosignVerifier(w.VerifierKey); err == nil {
			witnesses = append(witnesses, v.String())
		}
	}
	note = bytes.Clone(c.Text)
	for _, co := range cos {
		v, err := tlog.NewCosignVerifier(co.VerifierKey)
		if err == nil {
			_, err = v.Check(string(noteText(c.Text)), co.Line)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("checkpoint %d: %w: a stored cosignature does not hold", c.Size, archive.ErrIntegrity)
		}
		witnesses = append(witnesses, co.VerifierKey)
		note = append(note, strings.TrimSuffix(co.Line, "\n")+"\n"...)
	}
	slices.Sort(witnesses)
	return slices.Compact(witnesses), note, nil
}

// stamps adds the tokens: confirmed ones, and calendars' pending proofs, which anybody can complete later.
func (set *fileSet) stamps(ctx context.Context, tx *store.Tx, cal Calendar) error {
	all, err := tx.LogCheckpoints(ctx, int(set.size)+1)
	if err != nil {
		return err
	}
	for _, c := range all {
		stamps, err := tx.LogStamps(ctx, c.Size)
		if err != nil {
			return err
		}
		for _, st := range stamps {
			f := file{data: st.Token, at: cal.At(c.Size - 1), fixed: true}
			switch {
			case len(st.Token) == 0:
				continue
			case st.Kind == StampRFC3161 && st.State == StampConfirmed:
				f.name = dirTime + decimal(c.Size) + "/" + st.Authority + ".tsr"
			case st.Kind == StampOpenTimestamps && st.State != StampFailed:
				f.name, f.fixed = dirTime+decimal(c.Size)+"/"+st.Authority+".ots", false // it grows
			default:
				continue
			}
			if !fileName(st.Authority) {
				return fmt.Errorf("%w: name of a time authority", archive.ErrInvalid)
			}
			set.add(f)
		}
	}
	return nil
}

// fileName says whether a configured name can be part of a path.
func fileName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// statements adds the statements that have a place in a tick. They are meant for everybody; their salts are not published here
// but in bundles, so the files alone do not open the ticks.
func (set *fileSet) statements(ctx context.Context, tx *store.Tx, cal Calendar) error {
	all, err := tx.Statements(ctx, "")
	if err != nil {
		return err
	}
	for _, st := range all {
		if st.Tick < 0 || st.Tick >= set.size {
			continue
		}
		set.add(file{name: dirStatement + hex.EncodeToString(st.SHA256[:]) + ".json", data: st.Body, at: cal.At(st.Tick), fixed: true})
	}
	return nil
}
