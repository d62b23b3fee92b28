package verify

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// errRefused is the parent of every refusal inside a step; the text is for people.
var errRefused = errors.New("refused")

func refuse(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errRefused}, a...)...)
}

// Verify checks a bundle step by step and stops at the first one that fails. raw and the file are treated as hostile.
func Verify(raw []byte, o Options) Report {
	v := &verifier{o: o}
	v.run(raw)
	v.report.OK = v.report.Failed == ""
	if v.report.OK {
		v.report.Facts = v.facts()
	}
	return v.report
}

// verifier carries what one step leaves for the next.
type verifier struct {
	o      Options
	report Report

	p           parsed
	keys        []verifierKey
	since       []int64
	witnesses   []verifierKey
	notes       []signedNote // of the checkpoints
	checkpoints []checkpoint
	signers     []int  // place in keys, by checkpoint
	given       []bool // by witness: trusted by the caller
	quorum      int
	cosigned    [][]CosignatureFact // by checkpoint
	stamps      [][]Stamp           // by checkpoint
	event       openEvent
	compared    bool // with a file
}

// A check gives the state and the text of its step, or the reason for refusing.
type check func() (state, text string, err error)

func (v *verifier) run(raw []byte) {
	ok := v.step(StepFormat, func() (string, string, error) {
		var err error
		if v.p, err = parse(raw); err != nil {
			return "", "", err
		}
		v.report.Kind = v.p.bundle.Kind
		return StateOK, "The bundle is spelled as it has to be.", nil
	})
	steps := []struct {
		name string
		check
	}{
		{StepKeys, v.checkKeys},
		{StepSignature, v.checkSignature},
		{StepCheckpoints, v.checkCheckpoints},
		{StepWitnesses, v.checkWitnesses},
		{StepTime, v.checkTime},
		{StepLog, v.checkLog},
	}
	if v.report.Kind != KindItem {
		steps = append(steps, struct {
			name string
			check
		}{StepStatements, v.checkStatements}, struct {
			name string
			check
		}{StepTotals, v.checkTotals})
	}
	for _, s := range steps {
		ok = ok && v.step(s.name, s.check)
	}
	switch v.report.Kind {
	case KindClip:
		ok = ok && v.step(StepLineage, v.checkLineage)
	case KindItem:
		ok = ok && v.step(StepEvent, v.checkEvent)
	}
	if ok && (v.report.Kind != KindScope || v.o.File != nil) {
		v.step(StepFile, v.checkFile)
	}
}

func (v *verifier) step(name string, c check) bool {
	state, text, err := c()
	if err != nil {
		state, text = StateFailed, strings.TrimPrefix(strings.TrimPrefix(err.Error(), errRefused.Error()+": "), ErrFormat.Error()+": ")
		v.report.Failed = name
	}
	v.report.Steps = append(v.report.Steps, Step{Name: name, State: state, Text: text})
	return err == nil
}

// checkKeys reads the verifier keys and the chain of endorsements, and compares with the keys given.
func (v *verifier) checkKeys() (string, string, error) {
	l := v.p.bundle.Log
	for i, k := range l.Keys {
		key, err := parseVerifierKey(k.VerifierKey, algorithmEd25519)
		if err != nil {
			return "", "", refuse("key %d of the transparency log: %w", i+1, err)
		}
		if key.name != l.Origin {
			return "", "", refuse("key %d of the transparency log has another name than the transparency log", i+1)
		}
		for _, before := range v.keys {
			if before.number == key.number {
				return "", "", refuse("key %d of the transparency log has the number of another", i+1)
			}
		}
		since := int64(0)
		if i == 0 {
			if k.Endorsement != "" {
				return "", "", refuse("the first key of the transparency log has an endorsement")
			}
		} else if since, err = v.endorsed(v.keys[i-1], l.Origin, k); err != nil {
			return "", "", refuse("key %d of the transparency log: %w", i+1, err)
		} else if since < v.since[i-1] {
			return "", "", refuse("key %d of the transparency log signs from before the key before it", i+1)
		}
		v.keys, v.since = append(v.keys, key), append(v.since, since)
	}
	for i, w := range l.Witnesses {
		key, err := parseVerifierKey(w, algorithmCosignature)
		if err != nil {
			return "", "", refuse("witness %d: %w", i+1, err)
		}
		v.witnesses = append(v.witnesses, key)
	}
	for _, want := range v.o.Keys {
		if !slices.ContainsFunc(v.keys, func(k verifierKey) bool { return k.text == want }) {
			return "", "", refuse("the key you gave is not one of this transparency log")
		}
	}
	if len(v.o.Keys) == 0 {
		return StateOpen, "No key from elsewhere was given: compare the fingerprint with the publisher.", nil
	}
	return StateOK, "The key you gave is a key of this transparency log.", nil
}

// endorsed checks that the key before has signed for k, and gives the size from which k signs.
func (v *verifier) endorsed(before verifierKey, origin string, k Key) (int64, error) {
	n, err := parseNote(k.Endorsement)
	if err != nil {
		return 0, err
	}
	lines := strings.Split(n.text, "\n")
	if len(lines) != 5 {
		return 0, errors.New("an endorsement has four lines")
	}
	since, ok := decimal(lines[3])
	if !ok || n.text != EndorsementText(origin, k.VerifierKey, since) {
		return 0, errors.New("the endorsement is for something else")
	}
	if len(n.lines) != 1 || !before.verify(n.text, n.lines[0]) {
		return 0, errors.New("the key before did not sign the endorsement")
	}
	return since, nil
}

// checkSignature checks the note around the bundle.
func (v *verifier) checkSignature() (string, string, error) {
	n, err := parseNote(v.p.note)
	if err != nil {
		return "", "", refuse("%w", err)
	}
	if n.text != NoteText(v.p.bundle.Log.Origin, v.p.body) {
		return "", "", refuse("the signature is for another bundle")
	}
	if len(n.lines) != 1 || !v.keys[len(v.keys)-1].verify(n.text, n.lines[0]) {
		return "", "", refuse("the bundle is not signed with the last key of the transparency log")
	}
	return StateOK, "The bundle is signed with the key of the transparency log.", nil
}

// checkCheckpoints checks what the log signed, and that each state contains the one before.
func (v *verifier) checkCheckpoints() (string, string, error) {
	for i, c := range v.p.bundle.Checkpoints {
		n, err := parseNote(c.Note)
		if err != nil {
			return "", "", refuse("checkpoint %d: %w", i+1, err)
		}
		cp, err := parseCheckpoint(n.text)
		if err != nil {
			return "", "", refuse("checkpoint %d: %w", i+1, err)
		}
		if cp.origin != v.p.bundle.Log.Origin {
			return "", "", refuse("checkpoint %d is of another transparency log", i+1)
		}
		if cp.size < 1 {
			return "", "", refuse("checkpoint %d is of an empty transparency log", i+1)
		}
		signer := slices.IndexFunc(v.keys, n.lines[0].by)
		if signer < 0 || !v.keys[signer].verify(n.text, n.lines[0]) {
			return "", "", refuse("checkpoint %d is not signed with a key of the transparency log", i+1)
		}
		if v.since[signer] > cp.size {
			return "", "", refuse("checkpoint %d is signed by a key that signs only later ones", i+1)
		}
		if i > 0 {
			before := v.checkpoints[i-1]
			if cp.size <= before.size {
				return "", "", refuse("checkpoint %d is not larger than the one before", i+1)
			}
			if err := consistent(before.size, cp.size, before.root, cp.root, c.Consistency); err != nil {
				return "", "", refuse("checkpoint %d does not contain the one before", i+1)
			}
		}
		v.notes, v.checkpoints, v.signers = append(v.notes, n), append(v.checkpoints, cp), append(v.signers, signer)
	}
	return StateOK, fmt.Sprintf("%s signed with its keys, each containing the one before.", count(len(v.checkpoints), "checkpoint")), nil
}

// checkWitnesses checks every cosignature and counts those that the caller trusts.
func (v *verifier) checkWitnesses() (string, string, error) {
	// Keys are counted, not texts: one key under two names is one witness.
	trusted := map[string]bool{}
	for _, text := range v.o.Witnesses {
		if k, err := parseVerifierKey(text, algorithmCosignature); err == nil {
			trusted[string(k.public)] = true
		} else {
			trusted[text] = true // can sign nothing, and is missed where all are wanted
		}
	}
	v.quorum = v.o.Quorum
	if v.quorum <= 0 {
		v.quorum = len(trusted)
	}
	v.given = make([]bool, len(v.witnesses))
	for i, w := range v.witnesses {
		v.given[i] = slices.Contains(v.o.Witnesses, w.text)
	}
	for i, n := range v.notes {
		var facts []CosignatureFact
		next := 0
		seen := map[string]bool{}
		for _, line := range n.lines[1:] {
			at := slices.IndexFunc(v.witnesses[next:], line.by)
			if at < 0 {
				return "", "", refuse("checkpoint %d has a line that is by no witness named, or out of order", i+1)
			}
			at += next
			next = at + 1
			t, ok := v.witnesses[at].cosigned(n.text, line)
			if !ok {
				return "", "", refuse("a cosignature of checkpoint %d does not hold", i+1)
			}
			if v.given[at] {
				seen[string(v.witnesses[at].public)] = true
			}
			facts = append(facts, CosignatureFact{Witness: at, Time: t})
		}
		if len(seen) < v.quorum {
			return "", "", refuse("%d of %s wanted have signed checkpoint %d", len(seen), count(v.quorum, "witness"), i+1)
		}
		v.cosigned = append(v.cosigned, facts)
	}
	if v.quorum == 0 {
		return StateOpen, "No witness from elsewhere was given; the cosignatures that are there hold.", nil
	}
	return StateOK, fmt.Sprintf("Each checkpoint is signed by %s or more of those you gave.", count(v.quorum, "witness")), nil
}

// checkTime checks every stamp over the text of its checkpoint.
func (v *verifier) checkTime() (string, string, error) {
	checked, total := 0, 0
	for i, c := range v.p.bundle.Checkpoints {
		digest := sha256.Sum256([]byte(v.notes[i].text))
		var stamps []Stamp
		for _, s := range c.Stamps {
			var stamp Stamp
			var err error
			switch s.Kind {
			case KindRFC3161:
				stamp, err = checkToken(s.Token, digest, v.o.Roots)
			case KindOpenTimestamps:
				stamp, err = checkOpenTimestamps(s.Token, digest)
			default:
				err = errors.New("an unknown kind")
			}
			if err != nil {
				return "", "", refuse("a stamp of checkpoint %d: %w", i+1, err)
			}
			total++
			if stamp.Checked {
				checked++
			}
			stamps = append(stamps, stamp)
		}
		v.stamps = append(v.stamps, stamps)
	}
	switch {
	case total == 0:
		return StateOpen, "There is no time stamp.", nil
	case checked == 0:
		return StateOpen, fmt.Sprintf("%s over these checkpoints; no authority could be checked.", count(total, "time stamp")), nil
	}
	return StateOK, fmt.Sprintf("%d of %s by authorities whose root you gave.", checked, count(total, "time stamp")), nil
}

// checkLog checks that each tick is an entry of the log.
func (v *verifier) checkLog() (string, string, error) {
	for i, t := range v.p.bundle.Ticks {
		data := tickData(t.Salt, t.Custody, t.Statements)
		cp := v.checkpoints[t.Checkpoint]
		if err := included(cp.root, cp.size, t.Index, leafHash(data[:]), t.Proof); err != nil {
			return "", "", refuse("tick %d is not in the transparency log", i+1)
		}
	}
	return StateOK, "What this bundle opens was entered in the transparency log.", nil
}

// checkStatements checks that each statement is in its tick, and what statements say about each other.
func (v *verifier) checkStatements() (string, string, error) {
	b := v.p.bundle
	for i, s := range b.Statements {
		leaf := statementLeaf(s.Salt, v.p.states[i])
		if err := fold(statementDepth, b.Ticks[s.Tick].Statements, []place{{s.Place, leaf}}, s.Proof); err != nil {
			return "", "", refuse("statement %d is not in its tick", i+1)
		}
		if (s.Scope != nil && s.Scope.Origin != b.Log.Origin) || (s.Clip != nil && s.Clip.Origin != b.Log.Origin) {
			return "", "", refuse("statement %d is of another transparency log", i+1)
		}
	}
	if b.Kind == KindClip {
		if b.Statements[1].Clip.Scope != sha256.Sum256(v.p.states[0]) {
			return "", "", refuse("the clip belongs to another scope")
		}
		if b.Statements[1].Tick < b.Statements[0].Tick {
			return "", "", refuse("the clip was stated before its scope")
		}
	}
	return StateOK, "The statements are in the transparency log.", nil
}

// checkTotals checks the sums of the scope and that each accession's tree ends in its total.
func (v *verifier) checkTotals() (string, string, error) {
	s := v.p.bundle.Statements[0].Scope
	totals := v.p.totals()
	var files, size, ms, unmeasured int64
	for i, a := range s.Accessions {
		files, size, ms, unmeasured = files+a.Files, size+a.Bytes, ms+a.Milliseconds, unmeasured+a.Unmeasured
		// Each number is below 2^53 and each sum is held below it here, so nothing can run over.
		if max(files, size, ms, unmeasured) > maxNumber {
			return "", "", refuse("the sums are out of range")
		}
		if a.Unmeasured > a.Files {
			return "", "", refuse("accession %d has more files without a duration than files", i+1)
		}
		leaf := totalLeaf(a.Files, a.Bytes, a.Milliseconds)
		if err := included(a.Root, a.Files+1, a.Files, leafHash(leaf[:]), totals[i]); err != nil {
			return "", "", refuse("the totals of accession %d are not those that were sealed", i+1)
		}
	}
	if files != s.Files || size != s.Bytes || ms != s.Milliseconds || unmeasured != s.Unmeasured {
		return "", "", refuse("the sums are not those of the accessions")
	}
	return StateOK, "The totals are those that were sealed.", nil
}

func (p *parsed) totals() [][]Hash {
	if p.bundle.Clip != nil {
		return p.bundle.Clip.Totals
	}
	return p.bundle.Scope.Totals
}

// maxSlack is by how many milliseconds a clip may be longer or shorter than its cuts: frames, and the padding of sound.
const maxSlack = 2000

// checkLineage checks that each source is an item of a sealed accession, and what the clip says about lengths.
func (v *verifier) checkLineage() (string, string, error) {
	scope, clip, opening := v.p.bundle.Statements[0].Scope, v.p.bundle.Statements[1].Clip, v.p.bundle.Clip
	for i, s := range clip.Sources {
		o := opening.Sources[i]
		at, found := slices.BinarySearchFunc(scope.Accessions, s.Accession, func(a ScopeAccession, root Hash) int {
			return bytes.Compare(a.Root[:], root[:])
		})
		if !found {
			return "", "", refuse("source %d is of an accession that is not in the scope", i+1)
		}
		if itemLeaf(o.Whole, o.SegmentRoot, o.Measure) != s.Item {
			return "", "", refuse("source %d is another item than the one opened", i+1)
		}
		a := scope.Accessions[at]
		// The last leaf is the total: an item stands in front of it.
		if o.Place >= a.Files || included(a.Root, a.Files+1, o.Place, leafHash(s.Item[:]), o.Proof) != nil {
			return "", "", refuse("source %d is not in its accession", i+1)
		}
		places := make([]place, len(s.Segments))
		for j, n := range s.Segments {
			places[j] = place{n.Index, n.Commitment}
		}
		if err := fold(segmentDepth, o.SegmentRoot, places, o.Segments); err != nil {
			return "", "", refuse("the segments named are not those of source %d", i+1)
		}
	}
	cut := cutLength(clip)
	switch {
	case cut > maxNumber:
		return "", "", refuse("the cuts are out of range")
	case clip.ReleasedMS < cut, clip.Number == 1 && clip.ReleasedMS != cut:
		return "", "", refuse("less is said to be released than this clip is long")
	case clip.ReleasedMS > scope.Milliseconds:
		return "", "", refuse("more is said to be released than the archive holds")
	case clip.Milliseconds-cut > maxSlack, cut-clip.Milliseconds > maxSlack:
		return "", "", refuse("the clip is not as long as its cuts")
	}
	return StateOK, fmt.Sprintf("The clip is stated to be cut from %s of the sealed archive.", count(len(clip.Sources), "item")), nil
}

// cutLength is the sum of the cuts: at most 256 of them below 2^53.
func cutLength(c *ClipStatement) (sum int64) {
	for _, cut := range c.Cuts {
		sum += cut.ToMS - cut.FromMS
	}
	return sum
}

// checkEvent checks the opened ingestion event of an item.
func (v *verifier) checkEvent() (string, string, error) {
	b := v.p.bundle
	o := b.Item
	event, err := parseEvent(o.Event)
	if err != nil {
		return "", "", refuse("the event: %w", err)
	}
	v.event = event
	if event.kind != "ingestion" || event.detail["outcome"] != "received" {
		return "", "", refuse("the event is not the taking in of an item")
	}
	whole := wholeCommitment(o.WholeSalt, o.Size, o.SHA256)
	for _, d := range []struct{ key, want string }{
		{"sha256", hex.EncodeToString(o.SHA256[:])},
		{"size", fmt.Sprint(o.Size)},
		{"whole", hex.EncodeToString(whole[:])},
		{"segment_root", hex.EncodeToString(o.SegmentRoot[:])},
	} {
		if have, ok := event.detail[d.key]; !ok || have != d.want {
			return "", "", refuse("the event names another %s", d.key)
		}
	}
	leaf := eventLeaf(o.Salt, o.Event)
	if err := fold(custodyDepth, b.Ticks[o.Tick].Custody, []place{{o.Place, leaf}}, o.Proof); err != nil {
		return "", "", refuse("the event is not in the custody record of its tick")
	}
	if len(o.Segments) > 0 {
		places := make([]place, len(o.Segments))
		for i, s := range o.Segments {
			if s.Length != segmentLength(o.Size, s.Index) {
				return "", "", refuse("segment %d has another length than the item gives it", s.Index)
			}
			places[i] = place{s.Index, segmentCommitment(s.Salt, s.Length, s.SHA256)}
		}
		if err := fold(segmentDepth, o.SegmentRoot, places, o.SegmentsProof); err != nil {
			return "", "", refuse("the segments are not those of the item")
		}
	}
	return StateOK, "The item was entered in the custody record when it was taken in.", nil
}

// segmentLength is the length of a segment of an item, or -1 where there is none. An empty item has one, of length 0.
func segmentLength(size, index int64) int64 {
	if index >= max(1, (size+SegmentSize-1)/SegmentSize) {
		return -1
	}
	return min(SegmentSize, size-index*SegmentSize)
}

// An openEvent is what of an event the checks read.
type openEvent struct {
	id, kind, time string
	detail         map[string]string
}

// parseEvent reads a canonical event of the custody record, version 1. Its subjects and its agent are not judged here.
func parseEvent(raw []byte) (openEvent, error) {
	e := openEvent{detail: map[string]string{}}
	r := &reader{raw: raw}
	r.key("agent", true)
	r.string()
	r.key("detail", false)
	r.object(func(key string) { e.detail[key] = r.string() })
	r.key("id", false)
	e.id = r.string()
	r.key("outcome", false)
	r.string()
	r.key("subjects", false)
	if r.peek() != '[' {
		r.fail("an array was expected")
	}
	r.skip(0)
	r.key("time", false)
	e.time = r.string()
	r.key("tool", false)
	r.string()
	r.key("type", false)
	e.kind = r.string()
	r.key("version", false)
	r.constant("1")
	r.close()
	r.end()
	return e, r.err
}

// checkFile compares the file, if there is one, with the digest that was proved.
func (v *verifier) checkFile() (string, string, error) {
	if v.o.File == nil {
		return StateOpen, "The file itself was not given.", nil
	}
	var want []NamedFile // the file that the bundle is about, then those that were made with it
	switch b := v.p.bundle; b.Kind {
	case KindClip:
		c := b.Statements[1].Clip
		want = append([]NamedFile{{c.Bytes, c.SHA256}}, c.Files...)
	case KindItem:
		want = []NamedFile{{b.Item.Size, b.Item.SHA256}}
	default:
		return "", "", refuse("this bundle is about totals, not about a file")
	}
	n, sum, err := digestFile(v.o.File, slices.MaxFunc(want, func(a, b NamedFile) int { return cmp.Compare(a.Bytes, b.Bytes) }).Bytes)
	at := slices.Index(want, NamedFile{n, sum})
	switch {
	case err != nil:
		return "", "", refuse("the file could not be read")
	case !slices.ContainsFunc(want, func(f NamedFile) bool { return f.Bytes == n }):
		return "", "", refuse("the file has another size")
	case at < 0:
		return "", "", refuse("the file is another one")
	}
	v.compared = true
	if at > 0 {
		return StateOK, "The file is one of those that were made with the clip and stated with it.", nil
	}
	return StateOK, "The file is the one this bundle is about.", nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if strings.HasSuffix(what, "s") {
		what += "e"
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// existed gives the earliest time by which somebody the caller trusts had seen the checkpoint of a tick, or a later one,
// which contains it. For witnesses it is the time by which as many as wanted had signed: one of them alone, whose clock is
// wrong or who lies, cannot make a thing older.
func (v *verifier) existed(tick int) (by time.Time, who string) {
	earlier := func(t time.Time, says string) {
		if by.IsZero() || t.Before(by) {
			by, who = t, says
		}
	}
	for i := v.p.bundle.Ticks[tick].Checkpoint; i < len(v.checkpoints); i++ {
		for _, s := range v.stamps[i] {
			if s.Checked {
				earlier(s.Time, s.Authority)
			}
		}
		if v.quorum > 0 {
			first := map[string]time.Time{} // by key
			for _, c := range v.cosigned[i] {
				if k := string(v.witnesses[c.Witness].public); v.given[c.Witness] {
					if t, ok := first[k]; !ok || c.Time.After(t) {
						first[k] = c.Time
					}
				}
			}
			var times []time.Time
			for _, t := range first {
				times = append(times, t)
			}
			slices.SortFunc(times, time.Time.Compare)
			earlier(times[v.quorum-1], WhoWitnesses)
		}
	}
	return by, who
}

// WhoWitnesses stands in ExistenceFact.Who for the witnesses given.
const WhoWitnesses = "witnesses"

// facts gathers what the steps have proved.
func (v *verifier) facts() *Facts {
	b := v.p.bundle
	f := &Facts{Origin: b.Log.Origin, Quorum: v.quorum, File: "absent", Witnesses: []WitnessFact{}}
	if v.compared {
		f.File = "checked"
	}
	for i, k := range v.keys {
		f.Keys = append(f.Keys, KeyFact{k.text, Fingerprint(k.text), v.since[i], slices.Contains(v.o.Keys, k.text)})
	}
	for i, w := range v.witnesses {
		f.Witnesses = append(f.Witnesses, WitnessFact{w.name, w.text, v.given[i]})
	}
	for i, c := range v.checkpoints {
		fact := CheckpointFact{Size: c.size, Root: hex.EncodeToString(c.root[:]), Key: v.signers[i],
			Cosignatures: append([]CosignatureFact{}, v.cosigned[i]...), Stamps: []StampFact{}}
		for _, s := range v.stamps[i] {
			fact.Stamps = append(fact.Stamps, StampFact(s))
		}
		f.Checkpoints = append(f.Checkpoints, fact)
	}
	exists := func(what string, tick int) {
		by, who := v.existed(tick)
		f.Existed = append(f.Existed, ExistenceFact{what, by, who})
	}
	if b.Kind == KindItem {
		o := b.Item
		exists(KindItem, o.Tick)
		f.Item = &ItemFact{SHA256: hex.EncodeToString(o.SHA256[:]), Size: o.Size, Event: v.event.id, Time: v.event.time,
			Place: o.Place, Segments: len(o.Segments)}
		return f
	}
	exists(KindScope, b.Statements[0].Tick)
	s := b.Statements[0].Scope
	f.Scope = &ScopeFact{Statement: digestText(v.p.states[0]), SealedOn: s.SealedOn, Accessions: len(s.Accessions),
		Files: s.Files, Bytes: s.Bytes, Milliseconds: s.Milliseconds, Unmeasured: s.Unmeasured}
	if b.Kind == KindScope {
		return f
	}
	exists(KindClip, b.Statements[1].Tick)
	c := b.Statements[1].Clip
	f.Clip = &ClipFact{Statement: digestText(v.p.states[1]), StatedOn: c.StatedOn, SHA256: hex.EncodeToString(c.SHA256[:]),
		Bytes: c.Bytes, Milliseconds: c.Milliseconds, CutMS: cutLength(c), Number: c.Number, ReleasedMS: c.ReleasedMS,
		Sources: len(c.Sources), Masks: len(c.Masks)}
	for _, x := range c.Files {
		f.Clip.Files = append(f.Clip.Files, FileFact{SHA256: hex.EncodeToString(x.SHA256[:]), Bytes: x.Bytes})
	}
	for _, src := range c.Sources {
		f.Clip.Segments += len(src.Segments)
	}
	if s.Milliseconds > 0 {
		f.Clip.Share = float64(f.Clip.CutMS) / float64(s.Milliseconds)
		f.Clip.Released = float64(c.ReleasedMS) / float64(s.Milliseconds)
	}
	return f
}

func digestText(p []byte) string { return fmt.Sprintf("%x", sha256.Sum256(p)) }
