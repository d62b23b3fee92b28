package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/faultfs"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/vaulttest"
)

var ctx = context.Background()

var seesAll = archive.Scope{All: true, MaxDifficulty: -1}

func somebody(letter string, role archive.Role) policy.Subject {
	return policy.Subject{Agent: "ag_0000000000000000000000000" + letter, Role: role, Scope: seesAll}
}

var (
	ann      = somebody("a", archive.RolePublisher) // writes texts
	bob      = somebody("b", archive.RolePublisher) // signs
	eve      = somebody("e", archive.RolePublisher) // drew the plan
	finder   = somebody("f", archive.RoleInvestigator)
	reviewer = somebody("r", archive.RoleReviewer)
)

const (
	planID  = "pl_00000000000000000000000001"
	clipID  = "cl_00000000000000000000000001"
	claimID = "cm_00000000000000000000000001"
)

// simulated is a simulated disk behind the port of a Folder.
type simulated struct{ *faultfs.FS }

func (s simulated) OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (s simulated) SetTime(string, time.Time) error { return nil } // its files have no times

// rig is an archive with one plan that is ready to be published, and ports that say what a test wants.
type rig struct {
	t      testing.TB
	db     *store.DB
	vault  *vault.Vault
	disk   *faultfs.FS
	folder *Folder
	clock  time.Time
	n      int

	item     archive.Item
	original []byte

	facts    PlanFacts
	plans    map[int]PlanFacts // by version, over facts
	found    Found
	persons  []Person
	sealed   map[string]string // entity to name
	refused  refused
	proof    []byte
	pending  bool
	share    bundle.Share
	problem  string // of the structure of rendered files
	exports  []store.Export
	agents   map[string]bool // who may not act any more
	without  string
	noPlan   bool   // an item of it was erased
	unstated string // a file that the proof does not speak of
}

func (r *rig) PlanFacts(_ context.Context, _ *store.Tx, id string, version int) (PlanFacts, error) {
	f, there := r.plans[version]
	if !there {
		f = r.facts
	}
	if id != planID || r.noPlan {
		return f, archive.ErrNotFound
	}
	return f, nil
}
func (r *rig) Clip(context.Context, policy.Subject, string) (raw []byte, files [][32]byte, err error) {
	if r.pending {
		return nil, nil, ErrWaiting
	}
	for _, x := range append(r.facts.Rendered.all(), r.plans[3].rendered()...) {
		if x.name != r.unstated {
			files = append(files, x.r.SHA256)
		}
	}
	return r.proof, files, nil
}

func (f PlanFacts) rendered() []namedRendition {
	if f.Rendered == nil {
		return nil
	}
	return f.Rendered.all()
}
func (r *rig) Scope(context.Context, policy.Subject, string) ([]byte, error) {
	return []byte("scope"), nil
}
func (r *rig) Share(_ context.Context, _ policy.Subject, _ string, clips []string) (bundle.Share, error) {
	if !slices.Contains(clips, clipID) && !slices.Contains(clips, r.facts.Rendered.Clip) {
		return bundle.Share{}, errors.New("the clip is not among those that are counted")
	}
	return r.share, nil
}
func (r *rig) NextTick(context.Context) time.Time { return r.clock.Add(time.Hour).Truncate(time.Hour) }
func (r *rig) Claims(_ context.Context, _ *store.Tx, _ time.Time, _ ...string) ([]string, error) {
	return r.refused.claims, nil
}
func (r *rig) Items(_ context.Context, _ *store.Tx, _ time.Time, _ ...string) ([]string, error) {
	return r.refused.items, nil
}
func (r *rig) People(_ context.Context, _ *store.Tx, _ time.Time, _ ...string) ([]string, error) {
	return r.refused.people, nil
}
func (r *rig) Persons(context.Context, *store.Tx) ([]Person, error) { return r.persons, nil }
func (r *rig) Sealed(_ context.Context, _ *store.Tx, match func(string) bool) (out []string, err error) {
	for id, name := range r.sealed {
		if match(name) {
			out = append(out, id)
		}
	}
	return out, nil
}
func (r *rig) Traces(context.Context, *store.Tx, []string) (Found, error) { return r.found, nil }
func (r *rig) AddExport(ctx context.Context, tx *store.Tx, e store.Export) error {
	r.exports = append(r.exports, e)
	return tx.AddExport(ctx, e)
}

func newRig(t testing.TB, db *store.DB) *rig {
	t.Helper()
	r := &rig{t: t, db: db, disk: faultfs.New(1), clock: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), proof: []byte("proof"), plans: map[int]PlanFacts{}, agents: map[string]bool{},
		share: bundle.Share{Files: 1, Bytes: 9, MS: 2000, OfFiles: 10, OfBytes: 900, OfMS: 90_000}}
	r.folder = &Folder{disk: simulated{r.disk}}
	var err error
	r.vault, err = vault.Create(ctx, vaulttest.NewMemory(), vault.CreateOptions{Passphrase: []byte("for tests"), WorkFactor: 1, SegmentSize: 256 << 10})
	r.must(err)
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	r.original = noise(200_000)
	r.must(db.Write(ctx, func(tx *store.Tx) error {
		acc, err := tx.AddAccession(ctx, archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "Test", State: archive.AccessionOpen, CreatedAt: r.clock, CreatedBy: ann.Agent})
		if err != nil {
			return err
		}
		o := r.seal(tx, store.ObjectOriginal, r.original)
		r.item = archive.Item{ID: archive.NewID(archive.PrefixItem), Accession: acc.ID, Size: int64(len(r.original)), SHA256: o.SHA256[:], State: archive.ItemReady,
			Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: r.clock, Difficulty: 1, Kind: archive.KindVideo, Camera: "HIK-DS2-77120", Duration: time.Minute}
		if err := tx.AddItem(ctx, &r.item); err != nil {
			return err
		}
		clip720, clip360, jpg, line := noise(30_000), noise(9_000), r.jpeg(90), r.png()
		r.facts = PlanFacts{
			Plan: plan.Plan{Sources: []string{r.item.ID}, Cuts: []plan.Cut{{Source: 0, FromUS: 10_000_000, ToUS: 12_000_000}}, Heights: []int{720, 360}, Salt: "00112233445566778899aabbccddeeff",
				Sound: plan.Sound{Mode: plan.Mute}, Tracks: []plan.Track{{ID: "tr_00000000000000000000000001", Kind: plan.Solid, Reason: "face", UntilEnd: true,
					Keys: []plan.Key{{AtUS: 0, Box: [4]int{100_000, 100_000, 200_000, 200_000}}}}}},
			Version: 3, Title: "plan", Head: 3, At: r.clock, Authors: []string{eve.Agent}, ApprovedBy: bob.Agent, ApprovedAt: r.clock, Checked: true, LookedBy: []string{bob.Agent},
			Rendered: &Rendered{At: r.clock, Clip: clipID, Scope: "sm_00000000000000000000000001", StatedOn: "2026-11-19", MS: 2000, CutMS: []int64{2000},
				Files:  []Rendition{r.rendition(tx, clip720, 720, 1280), r.rendition(tx, clip360, 360, 640)},
				Poster: r.rendition(tx, jpg, 0, 64), Drawing: r.rendition(tx, line, 0, 64), Stills: []Rendition{r.rendition(tx, r.jpeg(80), 0, 64)}},
		}
		return tx.AddPublicLog(ctx, store.PublicLog{Origin: "zapis.test/log", StartedOn: r.clock.Truncate(24 * time.Hour), Cadence: 24 * time.Hour})
	}))
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// seal puts bytes into the vault and notes them.
func (r *rig) seal(tx *store.Tx, kind string, b []byte) vault.Object {
	r.t.Helper()
	batch := r.vault.Begin(ctx)
	o, err := batch.Add(ctx, bytes.NewReader(b), vault.AddOptions{})
	r.must(err)
	c, err := batch.Commit(ctx)
	r.must(err)
	if tx != nil {
		r.must(tx.AddCommit(ctx, c, kind))
	}
	return c.Objects[slices.IndexFunc(c.Objects, func(x vault.Object) bool { return x.ID == o.ID })]
}

func (r *rig) rendition(tx *store.Tx, b []byte, height, width int) Rendition {
	o := r.seal(tx, store.ObjectClip, b)
	return Rendition{Height: height, Width: width, Pixels: max(height, 48), Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, Bytes: int64(len(b)), SHA256: sha256.Sum256(b)}
}

func (r *rig) picture() image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for y := range 48 {
		for x := range 64 {
			m.Set(x, y, color.RGBA{uint8(4 * x), uint8(5 * y), 90, 255})
		}
	}
	return m
}

func (r *rig) jpeg(quality int) []byte {
	var b bytes.Buffer
	r.must(jpeg.Encode(&b, r.picture(), &jpeg.Options{Quality: quality}))
	return b.Bytes()
}

func (r *rig) png() []byte {
	var b bytes.Buffer
	r.must(png.Encode(&b, r.picture()))
	return b.Bytes()
}

func (r *rig) now() time.Time { r.clock = r.clock.Add(time.Second); return r.clock }

// room is the service on what the rig has now.
func (r *rig) room() *Service {
	r.t.Helper()
	s, err := New(Options{
		DB: r.db, Vault: r.vault, Custody: custody.New(custody.Options{Tool: "test", Now: r.now}), Plans: r, Proofs: proofs{r}, Consents: consented{r}, People: r, Traces: r, Ledger: r, Folder: r.folder,
		Check: func(in io.ReaderAt, size int64) ([]string, error) {
			if r.problem != "" {
				return []string{r.problem}, nil
			}
			return nil, nil
		},
		Subject: func(_ context.Context, agent string) (policy.Subject, error) {
			if r.agents[agent] {
				return policy.Subject{}, archive.ErrForbidden
			}
			return policy.Subject{Agent: agent, Role: archive.RolePublisher, Scope: seesAll}, nil
		},
		Machine: []string{"bastion-kyiv-2"}, Now: r.now,
	})
	r.must(err)
	s.without = r.without
	return s
}

// Methods of the same name in two ports.
type proofs struct{ *rig }
type consented struct{ *rig }

func all(en, ru, uk string) Words { return Words{"en": en, "ru": ru, "uk": uk} }

// draft is one that every gate lets pass.
func (r *rig) draft() Draft {
	return Draft{
		Slug: "yard-2020", Plan: planID, PlanVersion: 3, Languages: []string{"en", "ru", "uk"},
		Title: all("Blows in the yard", "Удары во дворе", "Удари у дворі"), Shows: all("A yard.\n\nA man lies on the ground.", "Двор.\n\nЧеловек лежит.", "Двір.\n\nЛюдина лежить."),
		Sentences: []Sentence{{Text: all("Four blows are seen.", "Видны четыре удара.", "Видно чотири удари."), Certainty: archive.NotKnown, Claims: []string{}}},
		Recorded:  Recorded{EDTF: "2020-08", Text: all("August 2020", "август 2020", "серпень 2020")},
		Captions:  all("WEBVTT\n\n00:00.000 --> 00:01.000\n(no sound)", "WEBVTT\n\n00:00.000 --> 00:01.000\n(звука нет)", "WEBVTT\n\n00:00.000 --> 00:01.000\n(звуку немає)"),
	}
}

// signed makes a release that is signed.
func (r *rig) signed(change func(*Draft)) View {
	r.t.Helper()
	d := r.draft()
	if change != nil {
		change(&d)
	}
	v, err := r.room().Create(ctx, ann, d)
	r.must(err)
	r.must(r.room().Sign(ctx, bob, v.ID, 1))
	return v
}

// contents reads the simulated folder: names with digests, of what can be seen.
func (r *rig) contents(disk *faultfs.FS) map[string]string {
	r.t.Helper()
	out := map[string]string{}
	var walk func(dir string)
	walk = func(dir string) {
		list, err := disk.ReadDir(dir)
		r.must(err)
		for _, e := range list {
			name := e.Name()
			if dir != "." {
				name = dir + "/" + name
			}
			if e.IsDir() {
				walk(name)
				continue
			}
			f, err := disk.OpenFile(name, 0, 0)
			r.must(err)
			b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
			r.must(err)
			r.must(f.Close())
			out[name] = fmt.Sprintf("%x", sha256.Sum256(b))
		}
	}
	walk(".")
	return out
}

func (r *rig) read(disk *faultfs.FS, name string) []byte {
	r.t.Helper()
	f, err := disk.OpenFile(name, 0, 0)
	r.must(err)
	defer f.Close()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40))
	r.must(err)
	return b
}

// verified reads one bundle of the simulated folder as a stranger would.
func (r *rig) verified(dir string) bundle.Release {
	r.t.Helper()
	list, err := r.disk.ReadDir(dir)
	r.must(err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	doc, err := bundle.Verify(names, func(name string) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(r.read(r.disk, dir+"/"+name))), nil
	})
	r.must(err)
	return doc
}

func closedBy(t testing.TB, err error) []string {
	t.Helper()
	var x *Refused
	if !errors.As(err, &x) {
		t.Fatalf("not refused by gates: %v", err)
	}
	var out []string
	for _, g := range x.Gates {
		out = append(out, g.Code+"."+g.Reason)
	}
	return out
}

func each(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *store.DB) { f(t, newRig(t, db)) })
}
