package ingest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// A group is what is sealed into one batch of the vault and recorded in one transaction of the database. Small files
// share a group, since a group costs a handful of syncs; a big file has one of its own.
const (
	groupFiles = 128
	groupBytes = 64 << 20
	bigFile    = 16 << 20
	groupTime  = 2 * time.Second // a group that takes longer to seal is recorded in parts
)

type group struct {
	n     int64
	found []*found
	bytes int64
}

// run is one call of Ingest.
//
// One goroutine walks and forms groups, in order. A few workers each take a group through its life: seal, claim,
// commit, record. Sealing goes on at once in several groups; claiming (is this digest held already?) and recording
// happen in the order of the groups, so that the manifest has the order of the walk and the first of several equal
// files is the one that becomes the item.
type run struct {
	s      *Service
	agent  string
	acc    archive.Accession
	roots  []*root
	own    map[inode]bool
	report *reporter
	about  *surroundings

	finished map[[16]byte]bool // by former runs
	seen     map[[16]byte]bool // by this run; only the walking goroutine looks
	again    int64

	links map[inode]*linkState // first names of files with several; made while walking

	seal   *semaphore.Weighted // two shares: a big file takes both, its sealing uses every core by itself
	claims gate
	record gate

	mu      sync.Mutex
	pending map[[32]byte]string // digest → item, claimed and not recorded yet

	// Only whoever holds the turn to record looks at these.
	nextSeq  int64
	replaced map[string]string // item that was claimed → item of another run that was recorded first
}

// linkState is what became of the first name of a file that has several.
type linkState struct {
	listed meta // as the walk saw it

	// What follows is set and looked at by whoever holds the turn to claim.
	item   string // empty until the first name is claimed, and if it could not be taken in
	taken  meta   // as it was when it was read
	sha256 [32]byte
	size   int64
	sparse bool
}

func (s *Service) newRun(ctx context.Context, agent, accession string, roots []*root, own map[inode]bool, progress func(Progress)) (*run, error) {
	r := &run{
		s: s, agent: agent, roots: roots, own: own, report: newReporter(progress, s.o.Now),
		about:    &surroundings{owners: map[uint32]string{}, devices: map[uint64]string{}},
		finished: map[[16]byte]bool{}, seen: map[[16]byte]bool{}, links: map[inode]*linkState{},
		seal: semaphore.NewWeighted(2), pending: map[[32]byte]string{},
		replaced: map[string]string{},
	}
	r.claims.init()
	r.record.init()
	return r, s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if r.acc, err = tx.Accession(ctx, accession); err != nil {
			return err
		}
		if r.acc.State != archive.AccessionOpen {
			return fmt.Errorf("%w: the accession is closed", archive.ErrConflict)
		}
		clear(r.finished)
		for fp, err := range tx.FinishedSet(ctx, accession) {
			if err != nil {
				return err
			}
			r.finished[[16]byte(fp[:16])] = true
		}
		r.nextSeq, err = tx.NextSeq(ctx, accession)
		return err
	})
}

// work does the run. On the first error, and when ctx ends, no new file is begun; what is sealed whole is still
// committed and recorded.
func (r *run) work(ctx context.Context) error {
	told, stopTelling := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { r.report.tick(told) })
	wg.Go(func() { r.count(told) })
	defer wg.Wait()
	defer stopTelling()

	g, gctx := errgroup.WithContext(ctx)
	groups := make(chan group, r.s.o.InFlight)
	stop := context.AfterFunc(gctx, func() { r.claims.stop(); r.record.stop() })
	defer stop()
	g.Go(func() error {
		defer close(groups)
		return r.walk(gctx, groups)
	})
	for range r.s.o.InFlight {
		g.Go(func() error {
			for gr := range groups {
				if err := r.process(gctx, gr); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.Wait()
	if errors.Is(err, vault.ErrFull) {
		err = explainFull(err)
	}
	if cerr := ctx.Err(); cerr != nil && (err == nil || errors.Is(err, errStopped)) {
		err = cerr
	}
	stopTelling()
	r.report.update(func(p *Progress) {
		if err == nil {
			p.Step, p.Left = StepDone, 0
		}
	}, true)
	return err
}

// count finds the totals while the work goes on.
func (r *run) count(ctx context.Context) {
	w := walker{own: r.own, hooks: &Hooks{}, emit: func(f *found) error {
		if f.result == "" {
			r.report.count(1, f.meta.Size)
		} else {
			r.report.count(1, 0)
		}
		return nil
	}}
	for _, root := range r.roots {
		if w.walk(ctx, root) != nil {
			return
		}
	}
	r.report.update(func(p *Progress) { p.Counting = false }, false)
}

// walk forms groups.
func (r *run) walk(ctx context.Context, out chan<- group) error {
	var cur group
	flush := func() error {
		if len(cur.found) == 0 {
			return nil
		}
		select {
		case out <- cur:
		case <-ctx.Done():
			return ctx.Err()
		}
		cur = group{n: cur.n + 1}
		return nil
	}
	w := walker{own: r.own, hooks: r.s.o.FS, emit: func(f *found) error {
		fp := [16]byte(r.fingerprint(f)[:16])
		if r.finished[fp] || r.seen[fp] {
			r.report.passed(f.meta.Size)
			return nil
		}
		r.seen[fp] = true
		if f.result == "" && f.meta.Links > 1 {
			r.noteLink(f)
		}
		size := int64(0)
		if f.result == "" && f.link == nil {
			size = f.meta.Size
		}
		if size >= bigFile {
			if err := flush(); err != nil {
				return err
			}
		}
		cur.found = append(cur.found, f)
		cur.bytes += size
		if len(cur.found) >= groupFiles || cur.bytes >= groupBytes || size >= bigFile {
			return flush()
		}
		return nil
	}}
	for _, root := range r.roots {
		if err := w.walk(ctx, root); err != nil {
			return err
		}
	}
	return flush()
}

// noteLink lets the second and later names of one file wait for the first.
func (r *run) noteLink(f *found) {
	if !trustsInodes(f.root.dir) {
		return
	}
	id := inode{f.meta.Dev, f.meta.Ino}
	if l, ok := r.links[id]; ok && l.listed.unchanged(f.meta) {
		f.link = l
		return
	}
	f.first = &linkState{listed: f.meta}
	r.links[id] = f.first
}

// process takes one group through its life.
func (r *run) process(ctx context.Context, g group) error {
	rest := g.found
	for {
		n, err := r.part(ctx, g, rest)
		if err != nil {
			return err
		}
		if rest = rest[n:]; len(rest) == 0 {
			return nil
		}
	}
}

// part seals, claims, commits and records the beginning of what is left of a group, and says how many things that was.
func (r *run) part(ctx context.Context, g group, rest []*found) (n int, err error) {
	if err := r.checkSpace(ctx, g.bytes); err != nil {
		return 0, err
	}
	// A batch that is sealed whole is committed even when the run is called off meanwhile.
	steady := context.WithoutCancel(ctx)
	b := r.s.o.Vault.Begin(steady)
	committed := false
	defer func() {
		if !committed {
			if aerr := b.Abort(steady); aerr != nil {
				err = errors.Join(err, fmt.Errorf("take away what was begun: %w", aerr))
			}
		}
	}()
	dirs := &folders{}
	defer dirs.close()

	lines, err := r.sealSome(ctx, b, dirs, g, rest)
	if err != nil {
		return 0, err
	}
	last := len(lines) == len(rest)

	if err := r.claims.wait(g.n); err != nil {
		return 0, err
	}
	mine, err := r.claim(ctx, steady, b, dirs, lines)
	defer r.unclaim(mine)
	if err != nil {
		return 0, err
	}
	if last {
		r.claims.done()
	}
	r.s.o.FS.sealed(g.n)

	var c vault.Commit
	if objects, _ := b.Size(); objects > 0 {
		if c, err = b.Commit(steady); err != nil {
			return 0, fmt.Errorf("commit to the vault: %w", err)
		}
		committed = true // the vault keeps it now, whatever becomes of the database
	}
	r.s.o.FS.stored(g.n)

	if err := r.record.wait(g.n); err != nil {
		return 0, err
	}
	if err := r.write(steady, c, lines); err != nil {
		return 0, err
	}
	if last {
		r.record.done()
	}
	return len(lines), nil
}

// sealSome seals the files at the beginning of rest until the time of a group is over.
func (r *run) sealSome(ctx context.Context, b *vault.Batch, dirs *folders, g group, rest []*found) ([]line, error) {
	share := int64(1)
	if g.bytes >= bigFile && len(g.found) == 1 {
		share = 2
	}
	if err := r.seal.Acquire(ctx, share); err != nil {
		return nil, err
	}
	defer r.seal.Release(share)
	began := time.Now()
	lines := make([]line, 0, len(rest))
	for _, f := range rest {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var l line
		switch {
		case f.result != "":
			l = line{f: f, outcome: f.result, reason: f.reason}
		case f.link != nil:
			l = line{f: f} // decided when it is its turn to claim
		default:
			var err error
			if l, err = r.take(ctx, b, dirs, f); err != nil {
				return nil, err
			}
		}
		lines = append(lines, l)
		if time.Since(began) > r.s.groupTime {
			break
		}
	}
	return lines, nil
}

// claim decides for each sealed file whether its bytes are held already, by the database or by a group that is about to
// be recorded, or become an item. It runs in the order of groups. It gives the digests that were claimed, also
// beside an error.
func (r *run) claim(ctx, steady context.Context, b *vault.Batch, dirs *folders, lines []line) (mine [][32]byte, err error) {
	for i := range lines {
		l := &lines[i]
		if l.f.link != nil {
			if err := r.follow(ctx, b, dirs, l); err != nil {
				return mine, err
			}
		}
		if l.object != nil {
			claimed, err := r.claimOne(steady, b, l)
			if claimed {
				mine = append(mine, l.sha256)
			}
			if err != nil {
				return mine, err
			}
		}
		if first := l.f.first; first != nil && l.item != "" {
			first.item, first.taken, first.sha256, first.size, first.sparse = l.item, l.f.meta, l.sha256, l.size, l.sparse
		}
	}
	return mine, nil
}

// follow gives a further name of a file the result of the first one, or reads it by itself if there is none or the file
// has changed since.
func (r *run) follow(ctx context.Context, b *vault.Batch, dirs *folders, l *line) error {
	first := l.f.link
	if first.item != "" && first.taken.unchanged(l.f.meta) {
		l.outcome, l.reason = archive.OutcomeDuplicate, ReasonHardLink
		l.sha256, l.size, l.item, l.sparse = first.sha256, first.size, first.item, first.sparse
		r.report.read(l.size)
		return nil
	}
	taken, err := r.take(ctx, b, dirs, l.f)
	*l = taken
	return err
}

// claimOne decides for one sealed file.
func (r *run) claimOne(ctx context.Context, b *vault.Batch, l *line) (claimed bool, err error) {
	r.mu.Lock()
	item, ok := r.pending[l.sha256]
	r.mu.Unlock()
	if ok {
		r.drop(b, l, item)
		return false, nil
	}
	held, ok, err := r.held(ctx, l.sha256)
	switch {
	case err != nil:
		return false, err
	case ok && held.State == archive.ItemQuarantined:
		// Our copy is damaged. To say "held already" now would acknowledge bytes that are not there.
		b.Drop(l.object.ID)
		l.object, l.outcome, l.reason = nil, archive.OutcomeFailed, ReasonHeldDamaged
		return false, nil
	case ok:
		r.drop(b, l, held.ID)
		return false, nil
	}
	l.item = archive.NewID(archive.PrefixItem)
	r.mu.Lock()
	r.pending[l.sha256] = l.item
	r.mu.Unlock()
	return true, nil
}

func (r *run) drop(b *vault.Batch, l *line, item string) {
	b.Drop(l.object.ID)
	l.object, l.item, l.outcome = nil, item, archive.OutcomeDuplicate
}

func (r *run) held(ctx context.Context, sum [32]byte) (item archive.Item, ok bool, err error) {
	err = r.s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		item, ok, err = tx.ItemByDigest(ctx, sum[:])
		return err
	})
	return item, ok, err
}

func (r *run) unclaim(mine [][32]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range mine {
		delete(r.pending, d)
	}
}

// write records a part in one transaction: objects, items, provenance, tally, jobs, custody events. It makes sure of
// the outcome when the database does not tell it, and says something only about lines that are recorded.
func (r *run) write(ctx context.Context, c vault.Commit, lines []line) error {
	now := r.s.now()
	prov := make([]archive.Provenance, 0, len(lines))
	kept := make([]*line, 0, len(lines))
	var failures []Failure
	for i := range lines {
		l := &lines[i]
		p := archive.Provenance{
			ID: archive.NewID(archive.PrefixProvenance), Accession: r.acc.ID, Outcome: l.outcome, Reason: l.reason,
			Fingerprint: r.fingerprint(l.f), FoundAt: now,
		}
		if l.outcome == archive.OutcomeFailed {
			known, err := r.failedBefore(ctx, p)
			if err != nil {
				return err
			}
			if known != "" {
				r.report.update(func(p *Progress) { p.Done++ }, false)
				r.again++
				failures = append(failures, Failure{Provenance: known, Reason: l.reason, Name: cleanName(l.f.path)})
				continue
			}
			failures = append(failures, Failure{Provenance: p.ID, Reason: l.reason, Name: cleanName(l.f.path)})
		}
		p.Sealed = r.s.o.Record.Seal(p.ID, r.origin(l.f, l.sparse))
		p.Seq = r.nextSeq + int64(len(prov))
		prov = append(prov, p)
		kept = append(kept, l)
	}
	if len(prov) > 0 {
		tally, err := r.commitLines(ctx, c, prov, kept, now)
		if err != nil {
			return err
		}
		r.nextSeq += int64(len(prov))
		r.report.recorded(tally)
	}
	for _, f := range failures {
		r.report.failed(f)
	}
	return nil
}

// failedBefore gives the line of a former run in which the same file failed for the same reason, if there is one.
func (r *run) failedBefore(ctx context.Context, p archive.Provenance) (id string, err error) {
	err = r.s.o.DB.Read(ctx, func(tx *store.Tx) error {
		old, ok, err := tx.Finished(ctx, p.Accession, p.Fingerprint)
		if ok && old.Outcome == archive.OutcomeFailed && old.Reason == p.Reason {
			id = old.ID
		}
		return err
	})
	return id, err
}

// recordTries is how often a transaction is begun: a second time when the first is known not to have happened.
const recordTries = 3

func (r *run) commitLines(ctx context.Context, c vault.Commit, prov []archive.Provenance, lines []*line, now time.Time) (archive.Tally, error) {
	var tally archive.Tally
	var lost []vault.Object
	var replaced map[string]string
	for try := 1; ; try++ {
		ran := false // the function ran to its end, so that an error may come from the commit itself
		err := r.s.write(ctx, func(tx *store.Tx) (err error) {
			ran = false
			if tally, lost, replaced, err = r.transact(ctx, tx, c, prov, lines, now); err != nil {
				return err
			}
			ran = true
			return nil
		})
		if err != nil && ran {
			// The lines carry numbers that only this run gives: if they are there, the commit happened.
			var next int64
			if rerr := r.s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
				next, err = tx.NextSeq(ctx, r.acc.ID)
				return err
			}); rerr != nil {
				return tally, fmt.Errorf("record %d lines: %w", len(prov), errors.Join(err, rerr))
			}
			if next == r.nextSeq+int64(len(prov)) {
				err = nil
			} else if errors.Is(err, store.ErrUnknownOutcome) && next == r.nextSeq && try < recordTries {
				continue
			}
		}
		// Another run, on another accession, may have recorded the same bytes since they were claimed.
		if errors.Is(err, archive.ErrExists) && !ran && try < recordTries {
			continue
		}
		if err != nil {
			return tally, fmt.Errorf("record %d lines: %w", len(prov), err)
		}
		break
	}
	r.replaced = replaced
	for _, o := range lost {
		// Its bytes are held by an item of another accession; destroying the key leaves noise and no second copy.
		if err := r.s.o.Vault.Erase(ctx, vault.Ref{Object: o.ID, Envelope: o.Envelope}); err != nil {
			r.s.o.Logger.WarnContext(ctx, "a second copy stays in the vault", "object", o.ID, "error", err)
			continue
		}
		c, err := r.s.o.Vault.DescribeCommit(ctx, o.Envelope)
		if err == nil {
			err = r.s.write(ctx, func(tx *store.Tx) error {
				err := tx.SetEnvelope(ctx, o.Envelope, c.EnvelopeSHA256[:], c.EnvelopeSize)
				if errors.Is(err, archive.ErrNotFound) {
					return nil // every object of this envelope was a second copy
				}
				return err
			})
		}
		if err != nil {
			return tally, fmt.Errorf("follow envelope %s: %w", o.Envelope, err)
		}
	}
	return tally, nil
}

// transact writes everything that belongs to a part. Lines whose bytes another run has recorded meanwhile become
// duplicates; their objects are given back.
func (r *run) transact(ctx context.Context, tx *store.Tx, c vault.Commit, prov []archive.Provenance, lines []*line, now time.Time) (tally archive.Tally, lost []vault.Object, replaced map[string]string, err error) {
	events := make([]archive.Event, 0, len(lines))
	items := map[string]*archive.Item{} // of this part
	others := maps.Clone(r.replaced)
	objects := map[string]bool{}
	seals := map[string]store.ItemSeal{}
	var fresh []*archive.Item
	prov = append([]archive.Provenance(nil), prov...)
	for i, l := range lines {
		p := &prov[i]
		if l.object == nil {
			continue
		}
		held, ok, err := tx.ItemByDigest(ctx, l.sha256[:])
		if err != nil {
			return tally, nil, nil, err
		}
		if ok {
			if held.State == archive.ItemQuarantined {
				return tally, nil, nil, fmt.Errorf("record item: %w: its bytes have just been found damaged", archive.ErrConflict)
			}
			others[l.item] = held.ID
			p.Outcome = archive.OutcomeDuplicate
			lost = append(lost, *l.object)
			continue
		}
		it := &archive.Item{
			ID: l.item, Accession: r.acc.ID, Kind: archive.KindUnknown, State: archive.ItemSealed, Size: l.size, SHA256: l.sha256[:],
			Object: archive.ObjectRef{Object: l.object.ID, Envelope: l.object.Envelope}, ReceivedAt: now, Difficulty: -1, Copies: 1,
		}
		// A salt is made when the item is about to be there, in each try anew: none is ever in use twice.
		seal, err := newSeal(it.ID, it.Size, l.sha256, l.pieces)
		if err != nil {
			return tally, nil, nil, err
		}
		seals[it.ID] = seal
		items[it.ID], objects[l.object.ID] = it, true
		fresh = append(fresh, it)
	}
	if len(fresh) > 0 {
		cc := c
		cc.Objects = nil
		for _, o := range c.Objects {
			if objects[o.ID] {
				cc.Objects = append(cc.Objects, o)
			}
		}
		if err := tx.AddCommit(ctx, cc, store.ObjectOriginal); err != nil {
			return tally, nil, nil, err
		}
	}
	for _, it := range fresh {
		if err := tx.AddItem(ctx, it); err != nil {
			return tally, nil, nil, err
		}
		if err := tx.AddItemSeal(ctx, seals[it.ID]); err != nil {
			return tally, nil, nil, err
		}
	}
	copies := map[string]int{}
	for i, l := range lines {
		p := &prov[i]
		tally.Found++
		switch p.Outcome {
		case archive.OutcomeReceived, archive.OutcomeDuplicate:
			p.Item, p.Size = l.item, l.size
			if other := others[l.item]; other != "" {
				p.Item = other
			}
			tally.Bytes += l.size
			if p.Outcome == archive.OutcomeReceived {
				tally.Received++
				events = append(events, sealedIn(custody.Ingestion(r.agent, *items[p.Item], p.ID), seals[p.Item]))
				continue
			}
			tally.Duplicates++
			copies[p.Item]++
			events = append(events, custody.DuplicateFound(r.agent, archive.Item{ID: p.Item, SHA256: l.sha256[:], Size: l.size}, r.acc.ID, p.ID))
		case archive.OutcomeSkipped:
			tally.Skipped++ // the sealed manifest tells of it; its digest is in the closing event
		case archive.OutcomeFailed:
			tally.Failed++
			events = append(events, failedEvent(r.agent, *p))
		}
	}
	for id, n := range copies {
		if err := tx.AddCopy(ctx, id, n); err != nil {
			return tally, nil, nil, err
		}
	}
	if err := tx.AddProvenance(ctx, prov...); err != nil {
		return tally, nil, nil, err
	}
	if err := tx.AddTally(ctx, r.acc.ID, tally); err != nil {
		return tally, nil, nil, err
	}
	for _, it := range fresh {
		if err := r.s.o.Jobs.EnqueueTx(ctx, tx, job.Quick{Item: it.ID}, job.Opts{}); err != nil {
			return tally, nil, nil, err
		}
	}
	if _, err := r.s.o.Custody.Record(ctx, tx, events...); err != nil {
		return tally, nil, nil, err
	}
	return tally, lost, others, nil
}

// failedEvent records that something was found and could not be taken in.
func failedEvent(agent string, p archive.Provenance) archive.Event {
	return archive.Event{
		Type: archive.EventIngestion, Agent: agent, Outcome: archive.Failure,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindAccession, ID: p.Accession}},
		Detail: map[string]string{
			"accession": p.Accession, "outcome": string(archive.OutcomeFailed), "provenance": p.ID, "reason": p.Reason,
		},
	}
}

// checkSpace refuses to begin what would eat into the reserve.
func (r *run) checkSpace(ctx context.Context, bytes int64) error {
	need := uint64(bytes) + uint64(bytes)/512 + 16<<20
	if free, _, known := r.s.o.Vault.Backend().Free(ctx); known && free < need+r.s.o.Reserve {
		return fmt.Errorf("begin group: %w", vault.ErrFull)
	}
	if free, known := freeSpace(r.s.o.LockDir); known && free < 64<<20 {
		return fmt.Errorf("begin group: home folder: %w", vault.ErrFull)
	}
	return nil
}

func explainFull(err error) error {
	return archive.Explain(err, "There is not enough room left for the archive. Nothing half-written was kept.",
		"Make room, then run the same command again: finished files are passed over.")
}

// exhausted says whether an error means that this machine has run out of something, which says nothing about a file.
func exhausted(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// errStopped: another worker met an error, or the run was called off.
var errStopped = errors.New("stopped")

// gate lets numbered workers pass one after the other.
type gate struct {
	mu      sync.Mutex
	moved   *sync.Cond
	next    int64
	stopped bool
}

func (g *gate) init() { g.moved = sync.NewCond(&g.mu) }

// wait waits for the turn of n.
func (g *gate) wait(n int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.next != n && !g.stopped {
		g.moved.Wait()
	}
	if g.next != n {
		return errStopped
	}
	return nil
}

// done ends the turn of whoever has it.
func (g *gate) done() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next++
	g.moved.Broadcast()
}

// stop sends away whoever waits for a turn that will not come.
func (g *gate) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stopped = true
	g.moved.Broadcast()
}
