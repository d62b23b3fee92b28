package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"zapis/internal/anchor"
	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/media/clock"
	"zapis/internal/media/mp4check"
	"zapis/internal/policy"
	"zapis/internal/proof"
	"zapis/internal/redact/plan"
	"zapis/internal/release"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/vault/record"
	"zapis/verify"
)

// unseen is the scope of what gates judge by, whoever asks.
var unseen = archive.Scope{All: true, AllCompartments: true, MaxDifficulty: -1, Quarantined: true}

// openRelease makes the room from which redacted clips leave.
func (a *App) openRelease() (err error) {
	a.siteDue = make(chan struct{}, 1)
	a.Release, err = release.New(release.Options{
		Changed: func() {
			select {
			case a.siteDue <- struct{}{}:
			default: // it is due already
			}
		},
		DB: a.DB, Vault: a.Vault, Custody: a.Custody, Plans: plans{}, Proofs: releaseProofs{a.Proof, a.Anchor}, Consents: consents{}, People: people{a},
		Traces: traces{a.Sealer}, Ledger: a.Knowledge, Folder: release.FolderAt(a.ReleasesDir()), Machine: a.ownWords(), Subject: a.subject, Logger: a.Logger,
		Lock: func() (io.Closer, error) { return a.lock("releases", false) },
		Check: func(r io.ReaderAt, size int64) ([]string, error) {
			problems, err := mp4check.Check(r, size)
			out := make([]string, len(problems))
			for i, p := range problems {
				out[i] = p.String()
			}
			return out, err
		},
	})
	return err
}

// ownWords are words of this machine that must not be published.
func (a *App) ownWords() []string {
	out := []string{a.Dir}
	if host, err := os.Hostname(); err == nil {
		out = append(out, host)
	}
	if u, err := user.Current(); err == nil && u.Username != "root" { // the name of every machine's administrator says nothing
		out = append(out, u.Username)
		if len(u.HomeDir) > 1 {
			out = append(out, u.HomeDir)
		}
	}
	return out
}

// plans tells releases about redaction plans.
type plans struct{}

func (plans) PlanFacts(ctx context.Context, tx *store.Tx, id string, version int) (f release.PlanFacts, err error) {
	head, err := tx.Plan(ctx, unseen, id)
	if err != nil {
		return f, err
	}
	decisions, err := tx.PlanDecisions(ctx, id)
	if err != nil {
		return f, err
	}
	// Of each version the last word counts.
	last := map[int]store.PlanDecision{}
	newest := 0
	for _, d := range decisions {
		last[d.Version] = d
	}
	for v, d := range last {
		if d.Decision == store.PlanApproved {
			newest = max(newest, v)
		}
	}
	if version == 0 {
		if version = newest; version == 0 {
			version = head.Head
		}
	}
	v, err := tx.PlanVersion(ctx, unseen, id, version)
	if err != nil {
		return f, err
	}
	if len(v.Body) == 0 {
		return f, archive.ErrNotFound // an item of it was erased
	}
	f = release.PlanFacts{Version: version, Title: head.Title, Head: head.Head, At: v.CreatedAt}
	if f.Plan, err = plan.Parse(v.Body); err != nil {
		return f, fmt.Errorf("read plan %s: %w", id, archive.ErrIntegrity)
	}
	if f.Authors, err = tx.PlanAuthors(ctx, id, version); err != nil {
		return f, err
	}
	if d := last[version]; d.Decision == store.PlanApproved {
		f.ApprovedBy, f.ApprovedAt = d.Agent, d.At
	}
	looks, err := tx.PlanLooks(ctx, id, version)
	if err != nil {
		return f, err
	}
	for _, l := range looks {
		f.LookedBy = append(f.LookedBy, l.Agent)
	}
	run, err := tx.PlanRun(ctx, id, version, store.PlanGapCheck)
	switch {
	case errors.Is(err, archive.ErrNotFound):
	case err != nil:
		return f, err
	case run.State == store.PlanDone && slices.Equal(run.SHA256, v.SHA256):
		f.Checked = true
		found, err := tx.PlanBlockers(ctx, run.ID)
		if err != nil {
			return f, err
		}
		for _, b := range found {
			if !b.Warning && b.DismissedAt.IsZero() {
				f.Open++
			}
		}
	}
	f.Rendered, err = rendered(ctx, tx, id, version, f.Plan)
	return f, err
}

// rendered gives what was made of a version; nil if nothing was.
func rendered(ctx context.Context, tx *store.Tx, id string, version int, p plan.Plan) (*release.Rendered, error) {
	r, err := tx.PlanRender(ctx, id, version)
	if errors.Is(err, archive.ErrNotFound) || err == nil && (r.State != store.PlanDone || r.Clip == "") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	clip, err := tx.Clip(ctx, r.Clip)
	if err != nil {
		return nil, fmt.Errorf("clip %s: %w", r.Clip, err)
	}
	files, err := tx.PlanRenditions(ctx, id, version)
	if err != nil {
		return nil, err
	}
	out := &release.Rendered{At: r.DoneAt, Clip: r.Clip, Scope: clip.Scope, StatedOn: clip.CreatedAt.UTC().Format(time.DateOnly), MS: r.Milliseconds}
	for _, c := range p.Cuts {
		out.CutMS = append(out.CutMS, (c.ToUS-c.FromUS+500)/1000)
	}
	for _, f := range files {
		if len(f.SHA256) != 32 {
			return nil, fmt.Errorf("rendering of plan %s: %w", id, archive.ErrIntegrity)
		}
		x := release.Rendition{Width: f.Width, Pixels: f.Height, Object: f.Object, Bytes: f.Size, SHA256: [32]byte(f.SHA256)}
		switch {
		case f.Name == bundle.FilePoster:
			out.Poster = x
		case f.Name == bundle.FileDrawing:
			out.Drawing = x
		case strings.HasPrefix(f.Name, "still-"):
			out.Stills = append(out.Stills, x)
		case strings.HasPrefix(f.Name, "clip-"):
			height, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(f.Name, "clip-"), ".mp4"))
			if err != nil {
				return nil, fmt.Errorf("rendering of plan %s: %w", id, archive.ErrIntegrity)
			}
			x.Height = height
			out.Files = append(out.Files, x)
		}
	}
	slices.SortFunc(out.Files, func(a, b release.Rendition) int { return b.Height - a.Height })
	return out, nil
}

// releaseProofs lets releases carry their proofs.
type releaseProofs struct {
	p   *proof.Service
	log *anchor.Service
}

func waiting(err error) error {
	if errors.Is(err, proof.ErrPending) {
		return fmt.Errorf("%w: %w", release.ErrWaiting, err)
	}
	return err
}

func (r releaseProofs) Clip(ctx context.Context, who policy.Subject, clip string) (raw []byte, files [][32]byte, err error) {
	b, err := r.p.ClipBundle(ctx, who, clip)
	if err != nil {
		return nil, nil, waiting(err)
	}
	c := b.Report.Facts.Clip // a bundle that was made has been verified
	for _, f := range append([]verify.FileFact{{SHA256: c.SHA256}}, c.Files...) {
		sum, err := hex.DecodeString(f.SHA256)
		if err != nil || len(sum) != 32 {
			return nil, nil, fmt.Errorf("clip %s: %w", clip, archive.ErrIntegrity)
		}
		files = append(files, [32]byte(sum))
	}
	return b.Raw, files, nil
}

func (r releaseProofs) Scope(ctx context.Context, who policy.Subject, scope string) ([]byte, error) {
	b, err := r.p.ScopeBundle(ctx, who, scope)
	return b.Raw, waiting(err)
}

func (r releaseProofs) Share(ctx context.Context, who policy.Subject, scope string, clips []string) (bundle.Share, error) {
	s, err := r.p.ShareOf(ctx, who, scope, clips)
	return bundle.Share{Files: s.Files, Bytes: s.Bytes, MS: s.MS, OfFiles: s.OfFiles, OfBytes: s.OfBytes, OfMS: s.OfMS}, err
}

func (r releaseProofs) NextTick(ctx context.Context) time.Time {
	st, err := r.log.Status(ctx, anchor.StatusOptions{})
	if err != nil {
		return time.Time{} // the reason that is shown goes without it
	}
	return st.Next
}

// consents decides what may be published.
type consents struct{}

const (
	purposePublication = "publication"
	audiencePublic     = "public"
)

func (consents) Claims(ctx context.Context, tx *store.Tx, at time.Time, ids ...string) ([]string, error) {
	found, err := tx.Claims(ctx, unseen, store.ClaimQuery{IDs: ids})
	if err != nil {
		return nil, err
	}
	claims := make([]archive.Claim, len(found))
	for i, c := range found {
		claims[i] = c.Claim
	}
	may, err := knowledge.Usable(ctx, tx, purposePublication, audiencePublic, at, claims...)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return may[id] }), nil
}

func (consents) refused(ctx context.Context, tx *store.Tx, at time.Time, testimonies []string) ([]string, error) {
	slices.Sort(testimonies)
	testimonies = slices.Compact(testimonies)
	if len(testimonies) == 0 {
		return nil, nil
	}
	may, err := knowledge.MayUse(ctx, tx, purposePublication, audiencePublic, at, testimonies...)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(testimonies, func(id string) bool { return may[id] }), nil
}

func (c consents) Items(ctx context.Context, tx *store.Tx, at time.Time, items ...string) ([]string, error) {
	of, err := tx.TestimoniesOfItems(ctx, items...)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, list := range of {
		all = append(all, list...)
	}
	return c.refused(ctx, tx, at, all)
}

// People: a name that nobody but a testimony told may be published if the testimony may.
func (c consents) People(ctx context.Context, tx *store.Tx, at time.Time, entities ...string) ([]string, error) {
	testimony, err := tx.AreTestimonies(ctx, entities...)
	if err != nil {
		return nil, err
	}
	var spoke []string
	for _, id := range entities {
		if testimony[id] {
			spoke = append(spoke, id)
		}
	}
	out, err := c.refused(ctx, tx, at, spoke)
	if err != nil {
		return nil, err
	}
	found, err := tx.Claims(ctx, unseen, store.ClaimQuery{Entities: entities, Properties: nameProperties, Standing: true})
	if err != nil {
		return nil, err
	}
	claims := make([]archive.Claim, len(found))
	for i, x := range found {
		claims[i] = x.Claim
	}
	may, err := knowledge.Usable(ctx, tx, purposePublication, audiencePublic, at, claims...)
	if err != nil {
		return nil, err
	}
	told, free := map[string]bool{}, map[string]bool{}
	for _, x := range claims {
		told[x.Entity] = true
		free[x.Entity] = free[x.Entity] || may[x.ID]
	}
	for id := range told {
		if !free[id] && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out, nil
}

// people gives the persons of the catalogue.
type people struct{ a *App } // its identities are opened later

var nameProperties = []string{"name", "alias", "code-name"}

func (p people) Persons(ctx context.Context, tx *store.Tx) ([]release.Person, error) {
	at := map[string]int{}
	var out []release.Person
	add := func(e archive.Entity) {
		if _, there := at[e.ID]; !there {
			at[e.ID] = len(out)
			// Who spoke is protected as such: a code in a text leads to a testimony.
			out = append(out, release.Person{Entity: e.ID, Protected: e.Protected || e.Kind == catalogue.Testimony, Code: e.Code})
		}
	}
	q := store.EntityQuery{Kinds: []archive.EntityKind{catalogue.Person, catalogue.Testimony}, Limit: 1000}
	for {
		list, _, err := tx.ListEntities(ctx, unseen, q)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, e := range list {
			add(e.Entity)
			ids = append(ids, e.ID)
		}
		if len(ids) > 0 {
			merged, err := tx.Members(ctx, unseen, ids...)
			if err != nil {
				return nil, err
			}
			for root, members := range merged {
				for _, m := range members {
					m.Protected = m.Protected || out[at[root]].Protected
					add(m)
				}
			}
		}
		if len(list) < q.Limit {
			break
		}
		last := list[len(list)-1]
		q.AfterNumber, q.AfterID = last.Number, last.ID
	}
	// Also names that were taken back: that somebody is protected now is why.
	claims, err := tx.Claims(ctx, unseen, store.ClaimQuery{Properties: nameProperties})
	if err != nil {
		return nil, err
	}
	for _, c := range claims {
		i, there := at[c.Entity]
		if there && (c.RetractedAt.IsZero() || out[i].Protected) {
			out[i].Names = append(out[i].Names, c.Value)
		}
	}
	return out, nil
}

func (p people) Sealed(ctx context.Context, tx *store.Tx, match func(string) bool) ([]string, error) {
	return p.a.Identities.Matching(ctx, tx, match)
}

// traces tells what must not be found in a release.
type traces struct{ sealer *record.Sealer }

// plainWord is a name that is an ordinary word.
var plainWord = regexp.MustCompile(`^\p{L}+$`)

func (t traces) Traces(ctx context.Context, tx *store.Tx, items []string) (f release.Found, err error) {
	agents, err := tx.Agents(ctx)
	if err != nil {
		return f, err
	}
	for _, g := range agents {
		if g.Kind == "person" && !strings.HasPrefix(g.Name, "operator at the command line") {
			f.Agents = append(f.Agents, g.Name)
		}
	}
	words := map[string]bool{} // whether it is surely a trace
	word := func(s string, sure bool) {
		if s = strings.TrimSpace(s); s != "" {
			words[s] = words[s] || sure
		}
	}
	for _, id := range items {
		lines, err := tx.ProvenanceOf(ctx, id)
		if err != nil {
			return f, err
		}
		for _, l := range lines {
			if len(l.Sealed) == 0 {
				continue
			}
			raw, err := t.sealer.Open(l.ID, l.Sealed)
			if err != nil {
				return f, fmt.Errorf("provenance of %s: %w", id, err)
			}
			var o archive.Origin
			if json.Unmarshal(raw, &o) != nil {
				return f, fmt.Errorf("provenance of %s: %w", id, archive.ErrIntegrity) // the cause could quote it
			}
			pathWords(string(o.Root), word)
			pathWords(string(o.Path), word)
			pathWords(o.Name, word)
			if o.Owner != "root" {
				word(o.Owner, true)
			}
		}
		copied, err := copiesOf(ctx, tx, id)
		if err != nil {
			return f, err
		}
		if copied {
			f.Copies = append(f.Copies, id)
		}
		clocks, err := clocksOf(ctx, tx, id)
		if err != nil {
			return f, err
		}
		f.Clocks = append(f.Clocks, clocks...)
	}
	for w, sure := range words {
		if sure {
			f.Words = append(f.Words, w)
		} else {
			f.Plain = append(f.Plain, w)
		}
	}
	slices.Sort(f.Words)
	slices.Sort(f.Plain)
	return f, nil
}

// onePage is how many rows are asked for at once: all pages are read, since what stands on the last one counts as much.
const onePage = 100

// copiesOf says whether another copy of an item is held, or may be.
func copiesOf(ctx context.Context, tx *store.Tx, item string) (bool, error) {
	q := store.CopyLinkQuery{Item: item, Limit: onePage}
	for {
		links, err := tx.CopyLinks(ctx, unseen, q)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(links, func(c store.CopyLink) bool { return c.State != archive.Dismissed }) {
			return true, nil
		}
		if len(links) < onePage {
			return false, nil
		}
		q.After = links[len(links)-1].ID
	}
}

// clocksOf gives every clock that was read in an item and not dismissed.
func clocksOf(ctx context.Context, tx *store.Tx, item string) (out []release.Clock, err error) {
	q := store.SuggestionQuery{Item: item, Kind: clock.Kind, Limit: onePage}
	for {
		found, err := tx.Suggestions(ctx, unseen, q)
		if err != nil {
			return nil, err
		}
		for _, g := range found {
			if g.State == archive.Dismissed {
				continue
			}
			v, err := clock.Decode(g.Value)
			if err != nil {
				return nil, fmt.Errorf("clock of %s: %w", item, archive.ErrIntegrity)
			}
			if c := (release.Clock{Item: item, Box: v.Box}); !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
		if len(found) < onePage {
			return out, nil
		}
		q.After = found[len(found)-1].ID
	}
}

// pathWords gives what of a path would be known again: names of files with and without their ending, of folders, and of users. A folder whose
// name is one ordinary word is only pointed at.
func pathWords(path string, word func(s string, sure bool)) {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '\\' || r == 0 })
	for i, p := range parts {
		user := i > 0 && slices.Contains([]string{"home", "users", "documents and settings", "media", "run"}, strings.ToLower(parts[i-1]))
		year := len(p) <= 4 && strings.IndexFunc(p, func(r rune) bool { return !unicode.IsDigit(r) }) < 0
		if year {
			continue
		}
		word(p, user || !plainWord.MatchString(p))
		if stem := strings.TrimSuffix(p, filepath.Ext(p)); stem != p {
			word(stem, user || !plainWord.MatchString(stem))
		}
	}
}
