package release

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// everything is the scope of what gates judge by: what the asker does not see must not pass for that.
var everything = archive.Scope{All: true, AllCompartments: true, MaxDifficulty: -1, Quarantined: true}

// Kinds of needles.
const (
	needleDigest     = "digest"
	needleTrace      = "trace"
	needlePlain      = "plain"
	needleAgent      = "agent"
	needleMachine    = "machine"
	needleIdentifier = "identifier"
)

// allow asks policy about a release with each item that it shows. What was erased is decided about as it was before: what is out of it must
// still be found and withdrawn.
func allow(who policy.Subject, a policy.Action, items []archive.Item) error {
	if !policy.Could(who, a) {
		return archive.ErrForbidden
	}
	for _, it := range items {
		o := policy.ItemObject(it)
		if gone(it) && (a == policy.ViewRelease || a == policy.Publish) {
			o.Erasing, o.ItemState = false, archive.ItemReady
		}
		if err := policy.Decide(who, a, o).Err(); err != nil {
			return err
		}
	}
	return nil
}

func gone(it archive.Item) bool { return it.Erasing || it.State == archive.ItemErased }

// itemsOf reads items whoever may see them.
func itemsOf(ctx context.Context, tx *store.Tx, ids []string) ([]archive.Item, error) {
	out := make([]archive.Item, 0, len(ids))
	for _, id := range ids {
		it, err := tx.Item(ctx, everything, id)
		if errors.Is(err, archive.ErrNotFound) { // erased: lists leave it out
			it, err = archive.Item{ID: id, State: archive.ItemErased, Difficulty: -1}, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read item %s: %w", id, err)
		}
		out = append(out, it)
	}
	return out, nil
}

// find finds a release by identifier or slug, and asks policy.
func find(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, id string) (store.Release, error) {
	if !policy.Could(who, a) {
		return store.Release{}, archive.ErrForbidden
	}
	row, err := tx.Release(ctx, policy.ScopeOf(who), id)
	if errors.Is(err, archive.ErrNotFound) && bundle.IsSlug(id) {
		row, err = draftNamed(ctx, tx, policy.ScopeOf(who), id)
	}
	if err != nil {
		return row, err
	}
	ids, err := tx.ReleaseItems(ctx, row.ID)
	if err != nil {
		return row, err
	}
	items, err := itemsOf(ctx, tx, ids)
	if err != nil {
		return row, err
	}
	// What the list rule has let pass of an erased item has no accession to be asked about here.
	items = slices.DeleteFunc(items, func(it archive.Item) bool { return it.Accession == "" })
	return row, allow(who, a, items)
}

// draftNamed finds the release that was never published and is to have a name, among those that a reader sees. Several may want one name: then
// archive.ErrConflict.
func draftNamed(ctx context.Context, tx *store.Tx, scope archive.Scope, slug string) (found store.Release, err error) {
	rows, err := tx.Releases(ctx, scope)
	if err != nil {
		return found, err
	}
	for _, row := range rows {
		if row.Number > 0 {
			continue
		}
		v, err := tx.ReleaseVersion(ctx, row.ID, row.Head)
		if err != nil {
			return found, err
		}
		d, err := readDraft(v.Body, v.SHA256)
		switch {
		case err != nil:
			return found, fmt.Errorf("release %s: %w", row.ID, err)
		case d.Slug != slug:
		case found.ID != "":
			return found, archive.Explain(fmt.Errorf("%w: several drafts have this name", archive.ErrConflict), "Several drafts have this name. Give the identifier of one.", "")
		default:
			found = row
		}
	}
	if found.ID == "" {
		err = archive.ErrNotFound
	}
	return found, err
}

// collect gathers what the database knows. It is cheap, and runs again in the transaction that signs or publishes.
func (s *Service) collect(ctx context.Context, tx *store.Tx, who policy.Subject, row store.Release, p purpose) (*facts, error) {
	f := &facts{purpose: p, now: s.now(), who: who, row: row}
	var err error
	if f.versions, err = tx.ReleaseVersions(ctx, row.ID); err != nil {
		return nil, err
	}
	if len(f.versions) != row.Head || row.Head == 0 {
		return nil, fmt.Errorf("release %s: %w: a version is missing", row.ID, archive.ErrIntegrity)
	}
	f.version = f.versions[row.Head-1]
	if f.draft, err = readDraft(f.version.Body, f.version.SHA256); err != nil {
		return nil, fmt.Errorf("release %s: %w", row.ID, err)
	}
	if row.Number == 0 {
		f.row.Slug = f.draft.Slug // it has none in the database before it is out
	}
	if f.acts, err = tx.ReleaseActs(ctx, row.ID); err != nil {
		return nil, err
	}
	if f.out, err = tx.ReleasePublications(ctx, row.ID); err != nil {
		return nil, err
	}
	since := 0
	if n := len(f.out); n > 0 {
		since = f.out[n-1].Version
		v := f.versions[since-1]
		d, err := readDraft(v.Body, v.SHA256)
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", row.ID, err)
		}
		f.outDraft = &d
		if since == row.Head { // what is out is the newest: it is judged as it was
			if since = 0; n > 1 {
				since = f.out[n-2].Version
			}
			f.outDraft = nil
		}
	}
	for _, v := range f.versions[since:] {
		if !slices.Contains(f.authors, v.Author) {
			f.authors = append(f.authors, v.Author)
		}
	}
	for _, o := range f.out {
		v := f.versions[o.Version-1]
		d, err := readDraft(v.Body, v.SHA256)
		if err != nil {
			return nil, fmt.Errorf("release %s: %w", row.ID, err)
		}
		if len(d.Correction) > 0 && o.Number > 1 && !f.corrected(d.Correction) {
			f.previous = append(f.previous, bundle.Correction{Date: o.At.Format(time.DateOnly), Release: o.Number, Text: d.Correction})
		}
	}
	if err := s.ofPlan(ctx, tx, f); err != nil {
		return nil, err
	}
	if p != toList {
		if f.taken, err = tx.SlugTaken(ctx, row.ID, f.draft.Slug); err != nil {
			return nil, err
		}
		if err := s.evidence(ctx, tx, f); err != nil {
			return nil, err
		}
	}
	f.agreed = f.digest()
	for i := range f.acts {
		if a := &f.acts[i]; a.Act == store.ReleaseSigned && a.Version == row.Head && [32]byte(a.Digest) == f.agreed {
			f.signed = (*signature)(a)
		}
	}
	return f, nil
}

// ofPlan asks about the plan of a version and its items.
func (s *Service) ofPlan(ctx context.Context, tx *store.Tx, f *facts) (err error) {
	f.plan, err = s.o.Plans.PlanFacts(ctx, tx, f.draft.Plan, f.version.PlanVersion)
	if errors.Is(err, archive.ErrNotFound) {
		f.noPlan, err = true, nil
	}
	if err != nil {
		return fmt.Errorf("facts of plan %s: %w", f.draft.Plan, err)
	}
	f.items, err = itemsOf(ctx, tx, f.plan.Plan.Sources)
	return err
}

// ConcernErased is the concern about what is out although an item that it shows was erased; the others are codes of gates.
const ConcernErased = "erased"

// concerns says why something that is out would not be let out today: for each publication that stands, whatever is being written now. Erased
// items about which somebody decided to keep the release are none. names says whether to look for people in the texts, which takes time.
func (s *Service) concerns(ctx context.Context, tx *store.Tx, f *facts, names bool) ([]string, error) {
	var out []string
	if f.row.Number == 0 || f.row.Withdrawn {
		return nil, nil
	}
	add := func(code string) {
		if !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	erased, err := tx.ReleaseErased(ctx, f.row.ID, true)
	if err != nil {
		return nil, err
	}
	kept, err := tx.ReleaseKeeps(ctx, f.row.ID)
	if err != nil {
		return nil, err
	}
	if len(erased) > 0 {
		add(ConcernErased)
	}
	asked := map[int]bool{}
	for _, o := range f.out {
		if o.Tombstone != nil || asked[o.Version] {
			continue
		}
		asked[o.Version] = true
		g := &facts{purpose: toShow, now: f.now, row: f.row, version: f.versions[o.Version-1]}
		if g.draft, err = readDraft(g.version.Body, g.version.SHA256); err != nil {
			return nil, fmt.Errorf("release %s: %w", f.row.ID, err)
		}
		if err := s.ofPlan(ctx, tx, g); err != nil {
			return nil, err
		}
		if g.noPlan && len(kept) == 0 {
			add(ConcernErased)
		}
		ask := s.said
		if !names {
			ask = s.consents
		}
		if err := ask(ctx, tx, g); err != nil {
			return nil, err
		}
		for _, x := range []gate{{GateConsent, gateConsent}, {GatePeople, gatePeople}, {GateClaims, gateClaims}} {
			if x.ask(g).State == Blocked {
				add(x.code)
			}
		}
	}
	return out, nil
}

// evidence asks about provenance, people and consents.
func (s *Service) evidence(ctx context.Context, tx *store.Tx, f *facts) error {
	var err error
	if f.found, err = s.o.Traces.Traces(ctx, tx, idsOf(f.items)); err != nil {
		return fmt.Errorf("look for traces: %w", err)
	}
	texts, at := f.draft.texts()
	for i := range workers(texts, f.found.Agents) {
		f.workers = append(f.workers, at[i])
	}
	return s.said(ctx, tx, f)
}

// said asks who is named and who agreed.
func (s *Service) said(ctx context.Context, tx *store.Tx, f *facts) (err error) {
	var texts []string
	texts, f.at = f.draft.texts()
	if f.named, err = s.people(ctx, tx, texts, f.purpose == toSign || f.purpose == toPublish); err != nil {
		return fmt.Errorf("look for people: %w", err)
	}
	return s.consents(ctx, tx, f)
}

func idsOf(items []archive.Item) (out []string) {
	for _, it := range items {
		out = append(out, it.ID)
	}
	return out
}

func (s *Service) consents(ctx context.Context, tx *store.Tx, f *facts) (err error) {
	items := idsOf(f.items)
	var claims, people []string
	for _, x := range f.draft.Sentences {
		claims = append(claims, x.Claims...)
	}
	slices.Sort(claims)
	claims = slices.Compact(claims)
	for _, n := range f.named {
		if !n.Maybe {
			people = append(people, n.Entity)
		}
	}
	slices.Sort(people)
	people = slices.Compact(people)
	f.claims = map[string]archive.Claim{}
	if len(claims) > 0 {
		found, err := tx.Claims(ctx, everything, store.ClaimQuery{IDs: claims})
		if err != nil {
			return err
		}
		for _, c := range found {
			f.claims[c.ID] = c.Claim
		}
		if f.refused.claims, err = s.o.Consents.Claims(ctx, tx, f.now, claims...); err != nil {
			return fmt.Errorf("ask for consent: %w", err)
		}
	}
	if f.refused.items, err = s.o.Consents.Items(ctx, tx, f.now, items...); err != nil {
		return fmt.Errorf("ask for consent: %w", err)
	}
	if len(people) > 0 {
		if f.refused.people, err = s.o.Consents.People(ctx, tx, f.now, people...); err != nil {
			return fmt.Errorf("ask for consent: %w", err)
		}
	}
	return nil
}

// digest covers everything that whoever signs agrees to: each word, the plan and the very bytes of the rendering.
func (f *facts) digest() [32]byte {
	h := sha256.New()
	fmt.Fprintf(h, "zapis release agreed to\n%s %d\n%x\n%s %d\n%x\n", f.row.ID, f.version.Version, f.version.SHA256, f.draft.Plan, f.plan.Version, f.plan.Plan.Digest())
	if r := f.plan.Rendered; r != nil {
		fmt.Fprintf(h, "%s\n", r.Clip)
		for _, x := range r.all() {
			fmt.Fprintf(h, "%s %d %x\n", x.name, x.r.Bytes, x.r.SHA256)
		}
	}
	return [32]byte(h.Sum(nil))
}

type namedRendition struct {
	name string
	r    Rendition
}

// all gives the files of a rendering by their names in a bundle.
func (r *Rendered) all() []namedRendition {
	var out []namedRendition
	for _, x := range r.Files {
		out = append(out, namedRendition{bundle.ClipName(x.Height), x})
	}
	out = append(out, namedRendition{bundle.FilePoster, r.Poster}, namedRendition{bundle.FileDrawing, r.Drawing})
	for i, x := range r.Stills {
		out = append(out, namedRendition{bundle.StillName(i + 1), x})
	}
	return out
}

// sealed gives a rendered file as a file of a bundle.
func (s *Service) sealed(ctx context.Context, x namedRendition) file {
	return file{name: x.name, size: x.r.Bytes, sum: x.r.SHA256, open: func() (io.ReadCloser, error) {
		return s.o.Vault.Reader(ctx, vault.Ref(x.r.Object))
	}}
}

// files gives all files of a bundle.
func (s *Service) files(ctx context.Context, doc bundle.Release, d Draft, r *Rendered, proof, scope []byte) ([]file, error) {
	raw, err := doc.Canonical()
	if err != nil {
		return nil, err
	}
	out := []file{literal(bundle.FileRelease, raw), literal(bundle.FileProof, proof), literal(bundle.FileScope, scope)}
	for _, x := range r.all() {
		out = append(out, s.sealed(ctx, x))
	}
	for _, lang := range doc.Languages {
		out = append(out, literal(bundle.TextName(lang), doc.PlainText(lang)))
		if _, there := doc.Clip.Captions[lang]; there {
			out = append(out, literal(bundle.CaptionsName(lang), []byte(d.Captions[lang]+"\n")))
		}
	}
	return out, nil
}

// compose writes release.json for publication number at a moment.
func (f *facts) compose(number int, at time.Time, origin string, share bundle.Share) bundle.Release {
	d, r := f.draft, f.plan.Rendered
	doc := bundle.Release{
		Format: bundle.Format, Version: bundle.Version, ID: f.row.ID, Slug: f.row.Slug, Release: number, State: bundle.Published, Published: bundle.TimeText(at),
		FirstPublished: bundle.TimeText(at), Origin: origin, Languages: d.Languages, Text: map[string]bundle.Text{}, Masks: masks(f.plan.Plan), Cuts: []bundle.Cut{},
		Proof:   bundle.Proof{File: bundle.FileProof, Scope: bundle.FileScope, StatedOn: at.Format(time.DateOnly), Share: share},
		Custody: []bundle.Step{}, Followed: []bundle.Followed{}, Corrections: []bundle.Correction{}, Related: d.Related,
	}
	doc.Slug = d.Slug
	if len(f.out) > 0 {
		doc.FirstPublished = bundle.TimeText(f.out[0].At)
	}
	if doc.Languages == nil {
		doc.Languages = []string{}
	}
	if doc.Related == nil {
		doc.Related = []string{}
	}
	for _, lang := range d.Languages {
		t := bundle.Text{Title: d.Title[lang], Summary: d.Summary[lang], Shows: paragraphs(d.Shows[lang]), Sentences: []bundle.Sentence{}, Warnings: []bundle.Warning{}, Credit: d.Credit[lang]}
		for _, s := range d.Sentences {
			t.Sentences = append(t.Sentences, bundle.Sentence{Text: s.Text[lang], Certainty: string(s.Certainty)})
		}
		for _, w := range d.Warnings {
			t.Warnings = append(t.Warnings, bundle.Warning{FromMS: w.FromMS, ToMS: w.ToMS, Text: w.Text[lang]})
		}
		doc.Text[lang] = t
	}
	if d.Place.Precision != "" {
		doc.Place = &bundle.Place{Name: d.words(d.Place.Name), Region: d.words(d.Place.Region), Country: d.Place.Country, Lat: asExact(d.Place.Lat, d.Place.Precision), Lon: asExact(d.Place.Lon, d.Place.Precision), Precision: d.Place.Precision}
	}
	if len(d.Facility.Name) > 0 {
		doc.Facility = &bundle.Facility{Code: d.Facility.Code, Name: d.words(d.Facility.Name)}
	}
	if d.Recorded.EDTF != "" {
		doc.Recorded = &bundle.Recorded{EDTF: d.Recorded.EDTF, Text: d.words(d.Recorded.Text)}
	}
	for _, x := range d.Followed {
		doc.Followed = append(doc.Followed, bundle.Followed{Date: x.Date, Kind: x.Kind, Text: d.words(x.Text), URL: x.URL})
	}
	for _, c := range f.previous {
		if c.Release < number {
			doc.Corrections = append(doc.Corrections, bundle.Correction{Date: c.Date, Release: c.Release, Text: fill(c.Text, d.Languages)})
		}
	}
	if number > 1 && len(d.Correction) > 0 && !f.corrected(d.Correction) {
		doc.Corrections = append(doc.Corrections, bundle.Correction{Date: at.Format(time.DateOnly), Release: number, Text: d.words(d.Correction)})
	}
	step := func(what string, when time.Time) {
		if !when.IsZero() {
			doc.Custody = append(doc.Custody, bundle.Step{Date: when.UTC().Format(time.DateOnly), What: what, Text: bundle.Words{}})
		}
	}
	// When it was received and sealed is left out: that would tell when its source was at work.
	step("redacted", f.plan.At)
	step("approved", f.plan.ApprovedAt)
	if r != nil {
		step("rendered", r.At)
		if t, err := time.Parse(time.DateOnly, r.StatedOn); err == nil {
			step("stated", t)
			doc.Proof.StatedOn = r.StatedOn
		}
		k := &bundle.Clip{MS: r.MS, Files: []bundle.File{}, Poster: bundle.FilePoster, Drawing: bundle.FileDrawing, Stills: []string{}, Captions: map[string]string{}, Difficulty: difficulty(f.items)}
		for i, x := range r.Files {
			if i == 0 {
				k.Width, k.Height = x.Width, x.Pixels
			}
			k.Files = append(k.Files, bundle.File{Name: bundle.ClipName(x.Height), Height: x.Height, Bytes: x.Bytes, SHA256: hex.EncodeToString(x.SHA256[:])})
		}
		for i := range r.Stills {
			k.Stills = append(k.Stills, bundle.StillName(i+1))
		}
		for lang := range d.words(d.Captions) {
			k.Captions[lang] = bundle.CaptionsName(lang)
		}
		doc.Clip = k
		for _, ms := range r.CutMS {
			doc.Cuts = append(doc.Cuts, bundle.Cut{MS: ms})
		}
	}
	step("published", at)
	return doc
}

// corrected says whether a correction was published before: a version that only adds what followed carries it on.
func (f *facts) corrected(w Words) bool {
	return slices.ContainsFunc(f.previous, func(c bundle.Correction) bool { return maps.Equal(c.Text, w) })
}

// fill gives words in every language; where one is missing, in another one.
func fill(w Words, languages []string) Words {
	out := Words{}
	for _, lang := range languages {
		out[lang] = w[lang]
		for _, other := range append(slices.Clone(languages), slices.Sorted(maps.Keys(w))...) {
			if out[lang] == "" {
				out[lang] = w[other]
			}
		}
	}
	return out
}

// masks counts by reason what a plan covers in its cuts.
func masks(p plan.Plan) []bundle.Mask {
	out := []bundle.Mask{}
	for _, reason := range bundle.MaskReasons {
		n := 0
		for _, t := range p.Tracks {
			if t.Reason != reason || t.Reveal || len(t.Keys) == 0 {
				continue
			}
			if slices.ContainsFunc(p.Cuts, func(c plan.Cut) bool {
				return c.Source == t.Source && t.Keys[0].AtUS < c.ToUS && (t.UntilEnd || t.Keys[len(t.Keys)-1].AtUS >= c.FromUS)
			}) {
				n++
			}
		}
		if n > 0 {
			out = append(out, bundle.Mask{Reason: reason, Count: n})
		}
	}
	return out
}

// tombstone is what stands in the place of a publication.
func tombstone(doc bundle.Release, at time.Time, reason Words) bundle.Release {
	doc.State, doc.Clip, doc.Place, doc.Facility, doc.Recorded = bundle.Withdrawn, nil, nil, nil, nil
	doc.Masks, doc.Cuts, doc.Followed, doc.Related, doc.Corrections = []bundle.Mask{}, []bundle.Cut{}, []bundle.Followed{}, []string{}, []bundle.Correction{}
	doc.Custody = slices.Clone(doc.Custody)
	for i := range doc.Custody {
		doc.Custody[i].Text = bundle.Words{}
	}
	doc.Text = map[string]bundle.Text{}
	for _, lang := range doc.Languages {
		doc.Text[lang] = bundle.Text{Shows: []string{}, Sentences: []bundle.Sentence{}, Warnings: []bundle.Warning{}}
	}
	doc.Withdrawn = &bundle.Withdrawal{Date: at.Format(time.DateOnly), Reason: fill(reason, doc.Languages)}
	return doc
}

// maxShown bounds the originals that are read to show a checklist, in bytes. Whoever signs and publishes reads them all.
const maxShown = 64 << 20

// weigh reads what takes time: proofs, every byte of every file of the bundle, and the originals. It must not run in a transaction.
func (s *Service) weigh(ctx context.Context, f *facts) error {
	w := &f.weight
	w.structure, w.found = map[string][]string{}, map[string][]string{}
	r := f.plan.Rendered
	if r == nil || len(r.Files) == 0 {
		return nil
	}
	var origin string
	var clips []string
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		l, there, err := tx.PublicLog(ctx)
		if err != nil || !there {
			return err
		}
		origin = l.Origin
		clips, err = tx.OutClips(ctx, f.row.ID)
		return err
	})
	if err != nil {
		return err
	}
	// Its own earlier clips give way to this one. Whoever decides counts again, see again.
	w.at, w.out = f.now, clips
	clips = append(slices.Clone(clips), r.Clip)
	var proved [][32]byte
	for _, x := range []struct {
		get  func() ([]byte, error)
		into *[]byte
	}{
		{func() (raw []byte, err error) {
			raw, proved, err = s.o.Proofs.Clip(ctx, f.who, r.Clip)
			return raw, err
		}, &w.proof},
		{func() ([]byte, error) { return s.o.Proofs.Scope(ctx, f.who, r.Scope) }, &w.scope},
	} {
		raw, err := x.get()
		switch {
		case errors.Is(err, ErrWaiting):
			w.pending = true
			w.next = s.o.Proofs.NextTick(ctx)
		case errors.Is(err, archive.ErrForbidden) && f.purpose == toShow: // whoever may only see drafts sees the rest of the list
			w.unasked = true
		case err != nil && ctx.Err() != nil:
			return err
		case err != nil:
			w.unproved = true
		default:
			*x.into = raw
		}
	}
	for _, x := range r.all() {
		if !slices.Contains(proved, x.r.SHA256) {
			w.unstated = append(w.unstated, x.name)
		}
	}
	if share, err := s.o.Proofs.Share(ctx, f.who, r.Scope, clips); err == nil {
		w.share = &share
	} else if ctx.Err() != nil {
		return err
	}
	share := bundle.Share{}
	if w.share != nil {
		share = *w.share
	}
	number := len(f.out) + 1
	w.release = f.compose(number, f.now, origin, share)
	files, err := s.files(ctx, w.release, f.draft, r, w.proof, w.scope)
	if errors.Is(err, bundle.ErrFormat) {
		w.form = err
		// What cannot be written as a bundle is still searched, so that the list is whole.
		raw, jerr := json.Marshal(w.release)
		if jerr != nil {
			return fmt.Errorf("write release: %w", jerr)
		}
		files = []file{literal(bundle.FileRelease, raw)}
		for _, x := range r.all() {
			files = append(files, s.sealed(ctx, x))
		}
		for lang, text := range f.draft.Captions {
			if bundle.IsLanguage(lang) {
				files = append(files, literal(bundle.CaptionsName(lang), []byte(text)))
			}
		}
	} else if err != nil {
		return err
	}
	w.files = files
	return s.read(ctx, f, files)
}

// read reads every byte of the files and of the originals.
func (s *Service) read(ctx context.Context, f *facts, files []file) error {
	w := &f.weight
	var total int64
	for _, it := range f.items {
		total += it.Size
	}
	compare := f.purpose != toShow || total <= maxShown
	needles := s.needles(f)
	var shared blocks
	for _, x := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, rendered := f.rendition(x.name); !rendered {
			continue
		}
		if err := s.inspect(ctx, f, x, &shared); err != nil {
			return err
		}
	}
	for _, it := range f.items {
		if gone(it) {
			w.missing = append(w.missing, "source")
			continue
		}
		// The recorded digest is looked for in any case; the others need the bytes.
		needles = append(needles, digestNeedles(it.SHA256)...)
		if !compare {
			continue
		}
		o, err := s.original(ctx, it, &shared)
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil || !o.is(it) {
			w.unread = append(w.unread, it.ID)
			continue
		}
		needles = append(needles, digestNeedles(o.sha1[:])...)
		needles = append(needles, digestNeedles(o.md5[:])...)
		if o.shared {
			w.shared = append(w.shared, it.ID)
		}
	}
	for _, x := range withSums(files) {
		media := needles
		if _, rendered := f.rendition(x.name); rendered {
			// Short words are found in coded pictures by chance.
			media = slices.DeleteFunc(slices.Clone(needles), func(n needle) bool { return n.word && len(n.bytes) < 6 })
		}
		in, err := x.open()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			w.missing = append(w.missing, x.name)
			continue
		}
		kinds, err := search(in, media)
		_ = in.Close() // only read
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			w.missing = append(w.missing, x.name)
		}
		if len(kinds) > 0 {
			w.found[x.name] = kinds
		}
	}
	slices.Sort(w.missing)
	w.missing = slices.Compact(w.missing)
	f.weighed = true
	if !compare {
		w.later = true
	}
	return nil
}

// rendition says whether a file was rendered, as opposed to written here.
func (f *facts) rendition(name string) (Rendition, bool) {
	if f.plan.Rendered == nil {
		return Rendition{}, false
	}
	for _, x := range f.plan.Rendered.all() {
		if x.name == name {
			return x.r, true
		}
	}
	return Rendition{}, false
}

// maxPicture bounds a still, in bytes.
const maxPicture = 32 << 20

// inspect reads one rendered file: it is what was recorded, and is made of nothing but picture and sound.
func (s *Service) inspect(ctx context.Context, f *facts, x file, shared *blocks) error {
	w := &f.weight
	bad := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.missing = append(w.missing, x.name)
		return nil
	}
	r, _ := f.rendition(x.name)
	in, err := s.o.Vault.Reader(ctx, vault.Ref(r.Object))
	if err != nil {
		return bad(err)
	}
	defer in.Close() // only read
	if in.Size() != x.size {
		return bad(nil)
	}
	h := sha256.New()
	if err := shared.add(io.TeeReader(bufio.NewReaderSize(in, 1<<20), h)); err != nil {
		return bad(err)
	}
	if [32]byte(h.Sum(nil)) != x.sum {
		return bad(nil)
	}
	var problems []string
	switch {
	case x.name == bundle.FilePoster || x.name == bundle.FileDrawing || x.name[:5] == "still":
		if x.size > maxPicture {
			problems = []string{"too large"}
			break
		}
		b := make([]byte, x.size)
		if _, err := in.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			return bad(err)
		}
		if p := pictureProblem(x.name, b); p != "" {
			problems = []string{p}
		}
	case s.o.Check == nil:
		problems = []string{"not checked"}
	default:
		if problems, err = s.o.Check(in, x.size); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			problems = append(problems, "not readable")
		}
	}
	if len(problems) > 0 {
		w.structure[x.name] = problems
	}
	return nil
}

func (s *Service) original(ctx context.Context, it archive.Item, shared *blocks) (original, error) {
	in, err := s.o.Vault.Reader(ctx, vault.Ref(it.Object))
	if err != nil {
		return original{}, err
	}
	defer in.Close() // only read
	return readOriginal(ctx, in, shared)
}

// needles gives what must not be found in any file.
func (s *Service) needles(f *facts) []needle {
	var out []needle
	// What every bundle says, and the name of the log, would be found in each.
	raw, _ := json.Marshal(bundle.Release{Text: map[string]bundle.Text{"": {Sentences: []bundle.Sentence{{}}, Warnings: []bundle.Warning{{}}}}, Clip: &bundle.Clip{Files: []bundle.File{{}}},
		Place: &bundle.Place{}, Facility: &bundle.Facility{}, Recorded: &bundle.Recorded{}, Masks: []bundle.Mask{{}}, Cuts: []bundle.Cut{{}}, Custody: []bundle.Step{{}},
		Followed: []bundle.Followed{{}}, Corrections: []bundle.Correction{{}}, Withdrawn: &bundle.Withdrawal{}}) // the keys
	always := string(raw) + " " + bundle.Format + " WEBVTT " + f.weight.release.Origin
	for _, list := range [][]string{bundle.Certainties, bundle.Precisions, bundle.Steps, bundle.FollowedKinds, bundle.MaskReasons, {bundle.FilePoster, bundle.FileDrawing, bundle.FileProof, bundle.FileScope, "clip", "still", "captions"}} {
		for _, w := range list {
			always += " " + w
		}
	}
	constant := []byte(always)
	folded := lower(constant)
	words := func(kind string, list []string) {
		for _, w := range list {
			for _, n := range wordNeedles(kind, w) {
				if !n.found(constant, folded) {
					out = append(out, n)
				}
			}
		}
	}
	words(needleTrace, f.found.Words)
	words(needlePlain, f.found.Plain)
	words(needleAgent, f.found.Agents)
	words(needleMachine, s.o.Machine)
	ids := []string{f.draft.Plan, f.version.Author, f.plan.ApprovedBy, f.who.Agent}
	ids = append(append(ids, f.authors...), f.plan.Authors...)
	for _, it := range f.items {
		ids = append(ids, it.ID, it.Accession, it.Object.Object, it.Object.Envelope)
		words(needleTrace, []string{it.Camera})
		if it.Number > 0 {
			ids = append(ids, it.Reference())
		}
	}
	if r := f.plan.Rendered; r != nil {
		ids = append(ids, r.Clip, r.Scope)
		for _, x := range r.all() {
			ids = append(ids, x.r.Object.Object, x.r.Object.Envelope)
		}
	}
	for _, t := range f.plan.Plan.Tracks {
		if t.Protects != "" {
			ids = append(ids, t.Protects)
		}
	}
	for _, c := range f.claims {
		ids = append(ids, c.ID, c.Entity)
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if len(id) > 4 {
			out = append(out, needle{kind: needleIdentifier, bytes: []byte(id), fold: true})
		}
	}
	return out
}

// judge asks the gates.
func (s *Service) judge(f *facts) []Gate {
	var out []Gate
	for _, g := range gates {
		if g.code == s.without {
			continue
		}
		x := g.ask(f)
		x.Code = g.code
		out = append(out, x)
	}
	return out
}

// verdict gives those that block, and those that wait.
func verdict(list []Gate) (closed, waiting []Gate) {
	for _, g := range list {
		switch g.State {
		case OK, Warn:
		case Waiting:
			waiting = append(waiting, g)
		default:
			closed = append(closed, g)
		}
	}
	return closed, waiting
}

// asExact is an angle no more exact than what is said of it; nil for none.
func asExact(d *bundle.Degrees, precision string) *bundle.Degrees {
	if d == nil {
		return nil
	}
	r := d.Near(precision)
	return &r
}
