package proof

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/verify"
)

// Bundle is a proof bundle that package verify has accepted.
type Bundle struct {
	Raw    []byte
	Report verify.Report
}

// ScopeBundle gives the bundle of a scope statement; an empty identifier is the newest one in the log. ErrPending if no
// checkpoint contains it yet.
func (s *Service) ScopeBundle(ctx context.Context, who policy.Subject, id string) (Bundle, error) {
	fail := func(err error) (Bundle, error) { return Bundle{}, fmt.Errorf("prove scope: %w", err) }
	if err := releaser(who); err != nil {
		return fail(err)
	}
	out, err := s.build(ctx, func(b *builder) error {
		st, err := b.scope(id)
		if err != nil {
			return err
		}
		scope, err := parseScope(st)
		if err != nil {
			return err
		}
		b.out.Kind = verify.KindScope
		if err := b.checkpoints(st.Tick); err != nil {
			return err
		}
		if err := b.state(st, &scope, nil); err != nil {
			return err
		}
		totals, err := b.totals(scope)
		b.out.Scope = &verify.ScopeOpening{Totals: totals}
		return err
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// ClipBundle gives the bundle of a clip. ErrPending if no checkpoint contains its statement yet; ErrUnsealed if an item that it
// was cut from has been erased since: what was written before stays as good as it was, but nothing can be proved anew.
func (s *Service) ClipBundle(ctx context.Context, who policy.Subject, id string) (Bundle, error) {
	fail := func(err error) (Bundle, error) { return Bundle{}, fmt.Errorf("prove clip: %w", err) }
	if err := releaser(who); err != nil {
		return fail(err)
	}
	if err := archive.CheckID(archive.PrefixClip, id); err != nil {
		return fail(err)
	}
	out, err := s.build(ctx, func(b *builder) error {
		c, err := b.tx.Clip(b.ctx, id)
		if err != nil {
			return fmt.Errorf("clip %s: %w", id, err)
		}
		st, err := b.tx.Statement(b.ctx, c.Statement)
		if err != nil {
			return err
		}
		sc, err := b.tx.Statement(b.ctx, c.Scope)
		if err != nil {
			return err
		}
		for _, x := range []store.Statement{sc, st} {
			if err := b.stated(x); err != nil {
				return err
			}
		}
		scope, err := parseScope(sc)
		if err != nil {
			return err
		}
		clip, err := parseClip(st)
		if err != nil {
			return err
		}
		b.out.Kind = verify.KindClip
		if err := b.checkpoints(sc.Tick, st.Tick); err != nil {
			return err
		}
		if err := b.state(sc, &scope, nil); err != nil {
			return err
		}
		if err := b.state(st, nil, &clip); err != nil {
			return err
		}
		opening := &verify.ClipOpening{}
		if opening.Totals, err = b.totals(scope); err != nil {
			return err
		}
		for i, src := range clip.Sources {
			o, err := b.lineage(src)
			if err != nil {
				return fmt.Errorf("source %d: %w", i, err)
			}
			opening.Sources = append(opening.Sources, o)
		}
		b.out.Clip = opening
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// ItemProof is which item to open, and why.
type ItemProof struct {
	Item     string  // identifier or reference
	Segments []int64 // to be opened as well, ascending; may be empty
	Reason   string  // recorded for ever
}

// ItemBundle opens the ingestion event of one item: whoever gets the bundle learns its SHA-256, its size, and what its event
// says, and can never unlearn it. It is recorded with a reason before it is given out. Errors: archive.ErrForbidden or
// ErrNotFound, archive.ErrConflict for an item that is erased, ErrUnsealed, ErrPending.
func (s *Service) ItemBundle(ctx context.Context, who policy.Subject, r ItemProof) (Bundle, error) {
	fail := func(err error) (Bundle, error) { return Bundle{}, fmt.Errorf("prove item: %w", err) }
	reason, err := cleanReason(r.Reason)
	if err != nil {
		return fail(err)
	}
	if err := publisher(who); err != nil {
		return fail(err)
	}
	var it archive.Item
	out, err := s.build(ctx, func(b *builder) (err error) {
		if it, err = s.item(b.ctx, b.tx, who, policy.Extract, r.Item); err != nil {
			return err
		}
		seal, err := b.tx.ItemSeal(b.ctx, it.ID)
		if errors.Is(err, archive.ErrNotFound) {
			err = fmt.Errorf("item %s: %w", it.ID, ErrUnsealed)
		}
		if err != nil {
			return err
		}
		opened, err := ingestion(b.ctx, b.tx, it, seal)
		if err != nil {
			return err
		}
		tick, there, err := b.tx.LogOpeningFor(b.ctx, opened.Index)
		if err != nil {
			return err
		}
		if !there {
			return b.pending()
		}
		b.out.Kind = verify.KindItem
		if err := b.checkpoints(tick.Position); err != nil {
			return err
		}
		item := &verify.ItemOpening{
			Event: opened.Event, Place: opened.Index, Salt: [32]byte(opened.Salt), SegmentRoot: seal.SegmentRoot, SHA256: [32]byte(it.SHA256), Size: it.Size,
			WholeSalt: commit.Derive(seal.Salt, commit.LabelWhole, 0),
		}
		if item.Proof, err = commit.VeiledProof(commit.CustodyDepth, tick.CustodySize, tick.CustodyVeil, []int64{opened.Index}, custodyHashes(b.ctx, b.tx)); err != nil {
			return err
		}
		for _, i := range r.Segments {
			n := commit.SegmentLength(it.Size, i)
			if i < 0 || i >= commit.SegmentCount(it.Size) || 32*(i+1) > int64(len(seal.Digests)) {
				return fmt.Errorf("item %s: %w: it has no segment %d", it.ID, archive.ErrInvalid, i)
			}
			item.Segments = append(item.Segments, verify.OpenSegment{
				Index: i, Length: n, Salt: commit.Derive(seal.Salt, commit.LabelSegment, uint64(i)), SHA256: [32]byte(seal.Digests[32*i : 32*i+32]),
			})
		}
		if len(r.Segments) > 0 {
			if item.SegmentsProof, err = segmentProof(seal, it.Size, r.Segments); err != nil {
				return err
			}
		}
		b.out.Item = item
		return nil
	})
	if err != nil {
		return fail(err)
	}
	// Recorded before a byte is given out; what was allowed above may no longer be.
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Head(ctx, true); err != nil {
			return fmt.Errorf("lock the custody record: %w", err)
		}
		if _, err := s.item(ctx, tx, who, policy.Extract, it.ID); err != nil {
			return err
		}
		_, err := s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventExport, Agent: who.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindItem, ID: it.ID}},
			Detail: map[string]string{
				"what": "proof of item", "reason": reason, "segments": decimal(int64(len(r.Segments))), "bundle_sha256": hexSum(out.Raw),
			},
		})
		return err
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// ingestion finds the event by which an item was received.
func ingestion(ctx context.Context, tx *store.Tx, it archive.Item, seal store.ItemSeal) (store.Opening, error) {
	indexes, err := tx.EventsOf(ctx, custody.KindItem, it.ID)
	if err != nil {
		return store.Opening{}, err
	}
	whole, root := hex.EncodeToString(seal.Whole[:]), hex.EncodeToString(seal.SegmentRoot[:])
	for _, i := range indexes {
		o, err := tx.Opening(ctx, i)
		if err != nil {
			return o, err
		}
		if o.Type != archive.EventIngestion || len(o.Salt) != custody.SaltSize {
			continue
		}
		e, err := archive.ParseEvent(o.Event)
		if err != nil {
			return o, fmt.Errorf("event %d: %w: it cannot be read", i, archive.ErrIntegrity)
		}
		if e.Detail["outcome"] != string(archive.OutcomeReceived) {
			continue
		}
		if e.Detail["whole"] == whole && e.Detail["segment_root"] == root {
			return o, nil
		}
		return o, archive.Explain(fmt.Errorf("item %s: %w", it.ID, ErrUnsealed), "The item was taken in before items got commitments of their own.",
			"Its ingestion event cannot be opened in a bundle. A court can be given the event itself: zapis custody show")
	}
	return store.Opening{}, fmt.Errorf("item %s: %w: no ingestion event", it.ID, archive.ErrIntegrity)
}

// builder puts one bundle together within one reading of the database.
type builder struct {
	s    *Service
	ctx  context.Context
	tx   *store.Tx
	log  store.PublicLog
	size int64 // of the log
	out  verify.Bundle

	seals  map[[32]byte]store.AccessionSeal // by root
	trees  map[string]tree                  // of accessions
	leaves map[string]map[[32]byte]store.AccessionPlace
}

// build makes, signs, encodes and checks a bundle.
func (s *Service) build(ctx context.Context, fill func(*builder) error) (Bundle, error) {
	var b *builder
	var last store.LogKey
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		b = &builder{s: s, ctx: ctx, tx: tx, trees: map[string]tree{}, leaves: map[string]map[[32]byte]store.AccessionPlace{}}
		if b.log, err = publicLog(ctx, tx); err != nil {
			return err
		}
		if b.size, err = tx.LogSize(ctx, false); err != nil {
			return err
		}
		keys, err := tx.LogKeys(ctx)
		if err != nil {
			return err
		}
		if len(keys) == 0 {
			return fmt.Errorf("%w: the transparency log has no key", archive.ErrIntegrity)
		}
		last = keys[len(keys)-1]
		b.out.Log = verify.PublicLog{Origin: b.log.Origin}
		for _, k := range keys {
			b.out.Log.Keys = append(b.out.Log.Keys, verify.Key{Endorsement: k.Endorsement, VerifierKey: k.VerifierKey})
		}
		if b.seals, err = sealsByRoot(ctx, tx); err != nil {
			return err
		}
		return fill(b)
	})
	if err != nil {
		return Bundle{}, err
	}
	body, err := b.out.Canonical()
	if err != nil {
		return Bundle{}, fmt.Errorf("%w: %w", ErrUnproved, err)
	}
	signer, err := s.signer(ctx, b.log.Origin, last)
	if err != nil {
		return Bundle{}, err
	}
	note, err := tlog.SignText(verify.NoteText(b.log.Origin, body), signer)
	if err != nil {
		return Bundle{}, err
	}
	raw, err := verify.Encode(b.out, string(note))
	if err != nil {
		return Bundle{}, fmt.Errorf("%w: %w", ErrUnproved, err)
	}
	// Checked as anybody would check it. A bundle that does not hold would only damage whoever shows it.
	rep := verify.Verify(raw, verify.Options{Keys: []string{last.VerifierKey}})
	if !rep.OK {
		return Bundle{}, fmt.Errorf("%w: step %s", ErrUnproved, rep.Failed)
	}
	return Bundle{Raw: raw, Report: rep}, nil
}

// signer opens the key of the log and holds it against what the catalogue says of it.
func (s *Service) signer(ctx context.Context, origin string, k store.LogKey) (tlog.Signer, error) {
	text, err := s.o.Vault.Secret(ctx, "log-key-"+decimal(k.Number))
	if err != nil {
		return nil, fmt.Errorf("log key %d: %w", k.Number, err)
	}
	verifier, err := tlog.VerifierKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("log key %d: %w", k.Number, err)
	}
	if verifier != k.VerifierKey {
		return nil, fmt.Errorf("log key %d: %w: the vault holds another one", k.Number, archive.ErrIntegrity)
	}
	signer, err := tlog.NewSigner(string(text))
	if err != nil {
		return nil, fmt.Errorf("log key %d: %w", k.Number, err)
	}
	if signer.Name() != origin {
		return nil, fmt.Errorf("log key %d: %w: it belongs to another origin", k.Number, archive.ErrIntegrity)
	}
	return signer, nil
}

// scope finds a scope statement that is in the log.
func (b *builder) scope(id string) (store.Statement, error) {
	if id != "" {
		st, err := b.tx.Statement(b.ctx, id)
		if err != nil {
			return st, fmt.Errorf("statement %s: %w", id, err)
		}
		return st, b.stated(st)
	}
	all, err := b.tx.Statements(b.ctx, kindScope)
	if err != nil {
		return store.Statement{}, err
	}
	for _, st := range slices.Backward(all) {
		if st.Tick >= 0 {
			return st, b.stated(st)
		}
	}
	if len(all) > 0 {
		return store.Statement{}, b.pending()
	}
	return store.Statement{}, archive.Explain(fmt.Errorf("scope: %w", archive.ErrNotFound), "No scope has been stated.", "State one first: zapis scope publish")
}

// stated refuses a statement that is not in the log yet.
func (b *builder) stated(st store.Statement) error {
	if st.Tick < 0 || st.Tick >= b.size {
		return b.pending()
	}
	return nil
}

// pending says when the next tick is due.
func (b *builder) pending() error {
	start := b.log.StartedOn.UTC()
	due := time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, time.UTC).Add(b.log.Offset + time.Duration(b.size)*b.log.Cadence)
	return archive.Explain(fmt.Errorf("%w: the next tick is due at %s", ErrPending, due.Format(time.RFC3339)), "It is not in the transparency log yet.",
		"The next tick is due at "+due.Format("2006-01-02 15:04 MST")+"; a server or worker makes it, or zapis log tick.")
}

// evidence is what speaks for a checkpoint.
type evidence struct {
	checkpoint store.LogCheckpoint
	lines      []store.LogCosignature
	stamps     []verify.StampToken
	confirmed  int // stamps by authorities
}

// looked is how many checkpoints from either end are looked at for evidence; more would only cost time.
const looked = 40

// checkpoints chooses the checkpoints for some ticks and opens the ticks. For each tick it is the smallest one that contains
// it and that enough witnesses have signed, because that is the earliest date; the newest one with as many signatures and
// stamps as any goes with them, because keys and witnesses of today may not have been there then.
func (b *builder) checkpoints(ticks ...int64) error {
	slices.Sort(ticks)
	ticks = slices.Compact(ticks)
	newest, err := b.tx.LogCheckpoints(b.ctx, looked)
	if err != nil {
		return err
	}
	known := map[int64]*evidence{}
	look := func(c store.LogCheckpoint) (*evidence, error) {
		if e := known[c.Size]; e != nil {
			return e, nil
		}
		e, err := b.evidence(c)
		known[c.Size] = e
		return e, err
	}
	chosen := map[int64]*evidence{} // by tick
	for _, t := range ticks {
		var best *evidence
		for size, n := t+1, 0; n < looked; n++ {
			c, there, err := b.tx.LogCheckpointAt(b.ctx, size)
			if err != nil {
				return err
			}
			if !there {
				break
			}
			e, err := look(c)
			if err != nil {
				return err
			}
			if best == nil || len(e.lines) > len(best.lines) {
				best = e
			}
			if len(best.lines) >= max(b.s.o.Quorum, 1) {
				break
			}
			size = c.Size + 1
		}
		if best == nil {
			return b.pending()
		}
		chosen[t] = best
	}
	use := map[int64]*evidence{}
	fewest, last := int(^uint(0)>>1), int64(0)
	for _, e := range chosen {
		use[e.checkpoint.Size] = e
		fewest, last = min(fewest, len(e.lines)), max(last, e.checkpoint.Size)
	}
	var extra *evidence
	for _, c := range newest { // newest first
		if c.Size <= last {
			break
		}
		e, err := look(c)
		if err != nil {
			return err
		}
		// One that fewer have signed would pull the whole bundle below the number that a checker wants.
		if len(e.lines) >= fewest && (extra == nil || cmp.Or(cmp.Compare(len(e.lines), len(extra.lines)), cmp.Compare(e.confirmed, extra.confirmed)) > 0) {
			extra = e
		}
	}
	if extra != nil && len(extra.lines)+extra.confirmed > 0 {
		use[extra.checkpoint.Size] = extra
	}
	return b.put(ticks, chosen, use)
}

// put writes the chosen checkpoints and the ticks into the bundle.
func (b *builder) put(ticks []int64, chosen, use map[int64]*evidence) error {
	var kept []*evidence
	for _, e := range use {
		kept = append(kept, e)
	}
	slices.SortFunc(kept, func(x, y *evidence) int { return cmp.Compare(x.checkpoint.Size, y.checkpoint.Size) })
	hashes := logHashes(b.ctx, b.tx)
	place := map[int64]int{}
	for i, e := range kept {
		c := verify.Checkpoint{Note: string(e.checkpoint.Text), Stamps: e.stamps}
		for _, l := range e.lines {
			c.Note += strings.TrimRight(l.Line, "\n") + "\n"
			b.out.Log.Witnesses = append(b.out.Log.Witnesses, l.VerifierKey)
		}
		if i > 0 {
			p, err := tlog.Consistency(kept[i-1].checkpoint.Size, e.checkpoint.Size, hashes)
			if err != nil {
				return err
			}
			c.Consistency = list(p)
		}
		place[e.checkpoint.Size] = i
		b.out.Checkpoints = append(b.out.Checkpoints, c)
	}
	slices.Sort(b.out.Log.Witnesses)
	b.out.Log.Witnesses = slices.Compact(b.out.Log.Witnesses)
	for _, t := range ticks {
		o, err := b.tx.LogOpening(b.ctx, t)
		if err != nil {
			return fmt.Errorf("tick %d: %w", t, err)
		}
		c := chosen[t].checkpoint
		p, err := tlog.Inclusion(c.Size, t, hashes)
		if err != nil {
			return err
		}
		b.out.Ticks = append(b.out.Ticks, verify.Tick{
			Checkpoint: place[c.Size], Custody: o.CustodyRoot, Index: t, Proof: list(p), Salt: o.Salt, Statements: o.StatementsRoot,
		})
	}
	return nil
}

// evidence collects the cosignatures and stamps of a checkpoint. A stamp that does not verify is left out: it would make
// the whole bundle refused.
func (b *builder) evidence(c store.LogCheckpoint) (*evidence, error) {
	e := &evidence{checkpoint: c}
	lines, err := b.tx.LogCosignatures(b.ctx, c.Size)
	if err != nil {
		return nil, err
	}
	text, _, ok := bytes.Cut(c.Text, []byte("\n\n"))
	if !ok {
		return nil, fmt.Errorf("checkpoint %d: %w: not a signed note", c.Size, archive.ErrIntegrity)
	}
	e.lines = slices.SortedFunc(slices.Values(lines), func(x, y store.LogCosignature) int { return cmp.Compare(x.VerifierKey, y.VerifierKey) })
	imprint := sha256.Sum256(append(text[:len(text):len(text)], '\n'))
	stamps, err := b.tx.LogStamps(b.ctx, c.Size)
	if err != nil {
		return nil, err
	}
	for _, st := range stamps {
		if len(st.Token) == 0 || st.State == store.StampFailed {
			continue
		}
		var err error
		switch {
		case st.Kind == verify.KindRFC3161 && st.State == store.StampConfirmed:
			_, err = verify.Token(st.Token, imprint, nil)
			if err == nil {
				e.confirmed++
			}
		case st.Kind == verify.KindOpenTimestamps:
			_, err = verify.OpenTimestamps(st.Token, imprint)
		default:
			continue
		}
		if err != nil {
			b.s.o.Logger.WarnContext(b.ctx, "a stored stamp does not verify and is left out", slog.String("stamp", st.ID))
			continue
		}
		e.stamps = append(e.stamps, verify.StampToken{Kind: st.Kind, Token: st.Token})
	}
	return e, nil
}

// state adds a statement with its proof.
func (b *builder) state(st store.Statement, scope *verify.ScopeStatement, clip *verify.ClipStatement) error {
	o, err := b.tx.LogOpening(b.ctx, st.Tick)
	if err != nil {
		return fmt.Errorf("tick %d: %w", st.Tick, err)
	}
	all, err := b.tx.StatementsOf(b.ctx, st.Tick)
	if err != nil {
		return err
	}
	data := make([]commit.Hash, len(all))
	for i, x := range all {
		if x.Place != int64(i) {
			return fmt.Errorf("tick %d: %w: statements out of place", st.Tick, archive.ErrIntegrity)
		}
		data[i] = commit.Statement(x.Salt, x.Body)
	}
	if o.Statements != int64(len(all)) {
		return fmt.Errorf("tick %d: %w: %d statements of %d", st.Tick, archive.ErrIntegrity, len(all), o.Statements)
	}
	hashes, err := commit.MemoryTree(data)
	if err != nil {
		return err
	}
	proof, err := commit.VeiledProof(commit.StatementDepth, o.Statements, o.StatementsVeil, []int64{st.Place}, hashes)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(b.out.Ticks, func(t verify.Tick) bool { return t.Index == st.Tick })
	b.out.Statements = append(b.out.Statements, verify.Statement{Place: st.Place, Proof: proof, Salt: st.Salt, Scope: scope, Clip: clip, Tick: at})
	return nil
}

// totals proves the totals of every accession of a scope.
func (b *builder) totals(scope verify.ScopeStatement) (out [][]verify.Hash, err error) {
	for i, a := range scope.Accessions {
		_, t, err := b.tree(a.Root)
		if err != nil {
			return nil, fmt.Errorf("accession %d of the scope: %w", i, err)
		}
		p, err := t.total()
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// tree gives the tree of a sealed accession by its root.
func (b *builder) tree(root [32]byte) (store.AccessionSeal, tree, error) {
	seal, ok := b.seals[root]
	if !ok {
		return seal, tree{}, fmt.Errorf("%w: no accession is sealed under this root", archive.ErrIntegrity)
	}
	if t, ok := b.trees[seal.Accession]; ok {
		return seal, t, nil
	}
	leaves, err := b.tx.AccessionLeaves(b.ctx, seal.Accession)
	if err != nil {
		return seal, tree{}, err
	}
	t, err := accessionTree(leaves, seal.Files, seal.Bytes, seal.Milliseconds)
	if err != nil {
		return seal, t, err
	}
	if got, err := t.root(); err != nil || got != root {
		return seal, t, errors.Join(fmt.Errorf("accession %s: %w: its leaves do not give its root", seal.Accession, archive.ErrIntegrity), err)
	}
	b.trees[seal.Accession] = t
	return seal, t, nil
}

// lineage opens what a clip says of one of its sources.
func (b *builder) lineage(src verify.ClipSource) (out verify.SourceOpening, err error) {
	seal, t, err := b.tree(src.Accession)
	if err != nil {
		return out, err
	}
	if b.leaves[seal.Accession] == nil {
		m := make(map[[32]byte]store.AccessionPlace, seal.Files)
		for p, err := range b.tx.AccessionPlaces(b.ctx, seal.Accession) {
			if err != nil {
				return out, err
			}
			m[p.Leaf] = p
		}
		b.leaves[seal.Accession] = m
	}
	p, ok := b.leaves[seal.Accession][src.Item]
	if !ok {
		return out, fmt.Errorf("%w: the item is not in its accession", archive.ErrIntegrity)
	}
	item, err := b.tx.ItemSeal(b.ctx, p.Item)
	if errors.Is(err, archive.ErrNotFound) {
		err = archive.Explain(fmt.Errorf("item %s: %w", p.Item, ErrUnsealed), "An item of this clip was erased, and with it what its proof is made of.", "A bundle that was written before stays valid.")
	}
	if err != nil {
		return out, err
	}
	it, err := b.tx.Item(b.ctx, everything, p.Item)
	if err != nil {
		return out, err
	}
	out = verify.SourceOpening{Place: p.Place, SegmentRoot: item.SegmentRoot, Whole: item.Whole,
		Measure: commit.Measure(item.Salt, commit.Measured{Place: p.Place, BytesBefore: p.BytesBefore, Bytes: p.Bytes, MillisecondsBefore: p.MillisecondsBefore, Milliseconds: p.Milliseconds})}
	if out.Proof, err = t.inclusion(p.Place); err != nil {
		return out, err
	}
	indexes := make([]int64, len(src.Segments))
	for i, seg := range src.Segments {
		indexes[i] = seg.Index
	}
	out.Segments, err = segmentProof(item, it.Size, indexes)
	return out, err
}

// segmentProof proves segments of an item to be in its segment root.
func segmentProof(seal store.ItemSeal, size int64, indexes []int64) ([]verify.Hash, error) {
	leaves, err := commit.SegmentLeaves(seal.Salt, size, seal.Digests)
	if err != nil {
		return nil, err
	}
	hashes, err := commit.MemoryTree(leaves)
	if err != nil {
		return nil, err
	}
	return commit.VeiledProof(commit.SegmentDepth, int64(len(leaves)), commit.Derive(seal.Salt, commit.LabelVeil, 0), indexes, hashes)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
