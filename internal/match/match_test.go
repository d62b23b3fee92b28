package match

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/faultfs"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/policy"
	"zapis/internal/release/bundle"
	"zapis/internal/sandbox"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/record"
)

func TestMain(m *testing.M) {
	sandbox.Main() // the test binary is also the launcher of the outside programs
	os.Exit(m.Run())
}

const (
	street  = "/usr/share/doc/opencv-doc/examples/data/vtest.avi" // 79 s of a fixed camera over a square
	program = "ag_00000000000000000000000000"
)

// missing skips a test, or fails it where every tool is asked for.
func missing(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
		t.Fatalf("%s: %v (make setup-test)", what, err)
	}
	t.Skipf("%s: %v (make setup-test)", what, err)
}

func tools(t *testing.T) func() (Media, error) {
	t.Helper()
	found, err := media.Find(media.Options{})
	if err != nil {
		missing(t, "media programs", err)
	}
	if _, err := os.Stat(street); err != nil {
		missing(t, "footage of opencv-doc", err)
	}
	return func() (Media, error) { return found, nil }
}

// noTools is for questions that need no decoding.
func noTools() (Media, error) { return nil, media.ErrNoTool }

// produce runs ffmpeg over the street.
func produce(t *testing.T, from, seconds string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.mp4")
	list := append([]string{"-v", "error", "-nostdin", "-y", "-ss", from, "-t", seconds, "-i", street}, args...)
	list = append(list, "-an", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", out)
	if text, err := exec.CommandContext(t.Context(), "ffmpeg", list...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// released are the two files of a clip: what the masks of a release do is done to it as well.
var released = sync.OnceValue(func() func(t *testing.T) (large, small []byte) {
	var once sync.Once
	var large, small []byte
	return func(t *testing.T) ([]byte, []byte) {
		once.Do(func() {
			const masks = "drawbox=x=iw*0.1:y=ih*0.5:w=iw*0.1:h=ih*0.25:color=black:t=fill"
			large = produce(t, "10", "20", "-vf", masks)
			small = produce(t, "10", "20", "-vf", masks+",scale=-2:360")
		})
		if large == nil || small == nil {
			t.Skip("there is no clip")
		}
		return large, small
	}
})

type memory struct{ *bytes.Reader }

func fileOf(b []byte) media.Source { return memory{bytes.NewReader(b)} }

func sumOf(b []byte) string { s := sha256.Sum256(b); return hex.EncodeToString(s[:]) }

// base is a release of the example of the format.
func base(t *testing.T) bundle.Release {
	t.Helper()
	raw, err := os.ReadFile("../release/bundle/testdata/example/exercise-yard-august-2020/v1/release.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := bundle.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write puts a bundle into dir/slug/vN.
func write(t *testing.T, dir string, r bundle.Release, files map[string][]byte) string {
	t.Helper()
	at := filepath.Join(dir, r.Slug, "v"+string(rune('0'+r.Release)))
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	raw, err := r.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	sums := bundle.Sums{bundle.FileRelease: sha256.Sum256(raw)}
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(at, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(bundle.FileRelease, raw)
	for name, b := range files {
		put(name, b)
		sums[name] = sha256.Sum256(b)
	}
	put(bundle.FileSums, sums.Encode())
	return at
}

// published makes a bundle of the clip. n is its number, id and slug say which release it is.
func published(t *testing.T, dir, id, slug string, n int, large, small []byte) string {
	t.Helper()
	r := base(t)
	r.ID, r.Slug, r.Release, r.Related = id, slug, n, []string{}
	r.Clip.Files = []bundle.File{{Name: "clip-576.mp4", Height: 576, Bytes: int64(len(large)), SHA256: sumOf(large)}, {Name: "clip-360.mp4", Height: 360, Bytes: int64(len(small)), SHA256: sumOf(small)}}
	return write(t, dir, r, map[string][]byte{"clip-576.mp4": large, "clip-360.mp4": small, "poster.jpg": []byte("poster of " + slug)})
}

// tombstone takes the place of a bundle.
func tombstone(t *testing.T, dir, id, slug string, n int) {
	t.Helper()
	raw, err := os.ReadFile("../release/bundle/testdata/example/gate-2019/v1/release.json")
	if err != nil {
		t.Fatal(err)
	}
	r, err := bundle.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	r.ID, r.Slug, r.Release, r.Related = id, slug, n, []string{}
	if err := os.RemoveAll(filepath.Join(dir, slug)); err != nil {
		t.Fatal(err)
	}
	write(t, dir, r, nil)
}

const (
	first  = "re_01m80000000000000000000001"
	second = "re_01m80000000000000000000002"
)

func folderOf(t *testing.T, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root.FS()
}

func near(a time.Duration, seconds float64) bool {
	d := a.Seconds() - seconds
	return d > -0.35 && d < 0.35
}

// A newsroom has nothing but a folder of bundles. What comes from a clip is found at its place whatever was done to it, and what does not
// come from it is not.
func TestAFileIsFoundInAFolderOfBundles(t *testing.T) {
	t.Parallel()
	media := tools(t)
	large, small := released()(t)
	dir := t.TempDir()
	published(t, dir, first, "square", 1, large, small)
	published(t, dir, first, "square", 2, large, small) // a correction of the text
	other := produce(t, "45", "12")
	published(t, dir, second, "later", 1, other, other)
	b, problems, err := OpenBundles(folderOf(t, dir))
	if err != nil || len(problems) > 0 || b.Len() != 3 {
		t.Fatalf("%v %v", problems, err)
	}
	for _, c := range []struct {
		name       string
		from, long string // of the street
		filter     string
		at         float64 // in the clip
		same       bool
	}{
		{"480p", "10", "20", "scale=-2:480", 0, true},
		{"crop", "10", "20", "crop=iw*0.8:ih*0.8", 0, true}, // a tenth at each side
		{"overlay", "10", "20", "drawbox=x=iw*0.7:y=ih*0.05:w=iw*0.25:h=ih*0.15:color=white:t=fill", 0, true},
		{"trimmed", "16.4", "9", "scale=-2:240", 6.4, true},
		{"mirrored", "12", "14", "hflip", 2, true},
		{"before and after it as well", "2", "36", "null", -8, true},
		{"the same camera at another time", "62", "14", "null", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			file := produce(t, c.from, c.long, "-vf", c.filter, "-crf", "30")
			r, problems, err := b.Match(t.Context(), media, fileOf(file), nil, nil)
			if err != nil || len(problems) > 0 {
				t.Fatal(problems, err)
			}
			if r.Found() != c.same || r.Compared != Yes {
				t.Fatalf("found %v: %+v", r.Found(), r)
			}
			if !c.same {
				for _, h := range r.Hits {
					t.Errorf("%+v", h)
				}
				if r.LooksAlike != 2 {
					t.Errorf("%d look alike", r.LooksAlike)
				}
				return
			}
			h := r.Hits[0]
			if h.How != SameFootage || len(h.Releases) != 2 || h.Releases[0].Version != 2 || h.Releases[0].Slug != "square" || h.Releases[0].Title["en"] == "" || len(h.Spans) == 0 {
				t.Fatalf("%+v", h)
			}
			s := h.Spans[0]
			if !near(s.Clip-s.File, c.at) || s.Length < 6*time.Second {
				t.Errorf("spans %v", h.Spans)
			}
			if c.name == "mirrored" != h.Mirrored {
				t.Errorf("mirrored: %v", h.Mirrored)
			}
		})
	}
}

// A file of a bundle is told by its digest, without a look at its pictures.
func TestTheSameFileIsToldByItsDigest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	published(t, dir, first, "square", 1, []byte("large"), []byte("small"))
	published(t, dir, second, "again", 1, []byte("large"), []byte("smaller"))
	one := base(t)
	one.ID, one.Slug, one.Related = "re_01m80000000000000000000003", "one", []string{}
	one.Clip.Files = []bundle.File{{Name: "clip-576.mp4", Height: 576, Bytes: 3, SHA256: sumOf([]byte("one"))}}
	write(t, dir, one, map[string][]byte{"clip-576.mp4": []byte("one"), "poster.jpg": []byte("poster")})
	one.ID, one.Slug = "re_01m80000000000000000000004", "two"
	one.Clip.Files = []bundle.File{{Name: "clip-576.mp4", Height: 576, Bytes: 5, SHA256: sumOf([]byte("large"))}}
	write(t, dir, one, map[string][]byte{"clip-576.mp4": []byte("large"), "poster.jpg": []byte("poster")})
	b, _, err := OpenBundles(folderOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(file string) (Result, error) {
		r, _, err := b.Match(t.Context(), noTools, fileOf([]byte(file)), nil, nil)
		return r, err
	}
	for file, name := range map[string]string{"small": "clip-360.mp4", "poster of square": "poster.jpg"} {
		r, err := ask(file)
		if err != nil || !r.Found() || r.Compared != NotNeeded || len(r.Hits) != 1 {
			t.Fatalf("%s: %+v %v", file, r, err)
		}
		if h := r.Hits[0]; h.How != SameFile || len(h.Releases) != 1 || h.Releases[0].Name != name || h.Releases[0].Release != first {
			t.Errorf("%s: %+v", file, h)
		}
	}
	for range 20 { // of two clips, neither is named, whatever the order in which they are met
		b.library.add(sha256.Sum256([]byte("large")), clip{id: "cl_1", length: time.Second}, nil)
		if r, err := ask("poster"); err != nil || len(r.Hits[0].Releases) != 2 || r.Hits[0].Length != 0 || r.Hits[0].Clip != "" {
			t.Fatalf("%+v %v", r, err)
		}
	}
	if r, err := ask("large"); err != nil || len(r.Hits[0].Releases) != 3 {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := ask("another"); !errors.Is(err, media.ErrNoTool) {
		t.Errorf("a file that would have to be looked at: %v", err)
	}
	// The texts of every bundle may be the same; they say nothing about a file.
	if _, err := ask("{}"); !errors.Is(err, media.ErrNoTool) {
		t.Errorf("%v", err)
	}
}

// What is in a folder is not believed: other bytes than those named, a release.json that is none, links that lead out.
func TestWhatIsNoBundleIsNamed(t *testing.T) {
	t.Parallel()
	tools := tools(t)
	large, small := released()(t)
	dir := t.TempDir()
	at := published(t, dir, first, "square", 1, large, small)
	if err := os.WriteFile(filepath.Join(at, "clip-360.mp4"), large, 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad", "v1")
	if err := os.MkdirAll(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bad, bundle.FileRelease), []byte(`{"format":"zapis release"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	published(t, outside, second, "outside", 1, []byte("x"), []byte("y"))
	if err := os.Symlink(filepath.Join(outside, "outside"), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	b, problems, err := OpenBundles(folderOf(t, dir))
	if err != nil || len(problems) != 1 || problems[0].Folder != "bad/v1" || !errors.Is(problems[0].Err, bundle.ErrFormat) || b.Len() != 1 {
		t.Fatalf("%v %v", problems, err)
	}
	_, problems, err = b.Match(t.Context(), tools, fileOf(produce(t, "10", "6")), nil, nil)
	if !errors.Is(err, ErrEmpty) || len(problems) != 1 || !errors.Is(problems[0].Err, archive.ErrIntegrity) {
		t.Errorf("%v %v", problems, err)
	}
	if _, _, err := OpenBundles(folderOf(t, bad)); !errors.Is(err, ErrEmpty) {
		t.Errorf("a folder without a bundle: %v", err)
	}
	// One bundle alone is a folder of bundles, too.
	if b, _, err := OpenBundles(folderOf(t, at)); err != nil || b.Len() != 1 {
		t.Error(err)
	}
}

// What has no moving picture is no error and no match.
func TestFilesWithoutFootage(t *testing.T) {
	t.Parallel()
	tools := tools(t)
	large, small := released()(t)
	dir := t.TempDir()
	published(t, dir, first, "square", 1, large, small)
	b, _, err := OpenBundles(folderOf(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		want Compared
	}{
		"text":  {[]byte(strings.Repeat("a letter\n", 100)), NoPicture},
		"empty": {nil, NoPicture},
		"short": {produce(t, "10", "0.4"), TooShort},
		"flat":  {produce(t, "10", "4", "-vf", "drawbox=color=gray:t=fill"), Yes},
	} {
		r, _, err := b.Match(t.Context(), tools, fileOf(c.file), nil, nil)
		if err != nil || r.Found() || len(r.Hits) > 0 || r.Compared != c.want {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
}

// rig is an archive with a vault on a simulated disk, and a folder of releases.
type rig struct {
	t       *testing.T
	db      *store.DB
	vault   *vault.Vault
	sealer  *record.Sealer
	custody *custody.Recorder
	service *Service
	dir     string
	acc     [2]string
}

func newRig(t *testing.T, engine string, tools func() (Media, error)) *rig {
	t.Helper()
	r := &rig{t: t, db: storetest.Open(t, engine), dir: t.TempDir(), custody: custody.New(custody.Options{Tool: "zapis test"})}
	var err error
	r.vault, err = vault.Create(t.Context(), localdisk.New(faultfs.New(1)), vault.CreateOptions{Passphrase: []byte("for tests"), WorkFactor: 1, SegmentSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if r.sealer, err = record.New(bytes.Repeat([]byte{7}, 32)); err != nil {
		t.Fatal(err)
	}
	for i := range r.acc {
		r.acc[i] = archive.NewID(archive.PrefixAccession)
		r.write(func(tx *store.Tx) error {
			_, err := tx.AddAccession(t.Context(), archive.Accession{ID: r.acc[i], Title: "Test", State: archive.AccessionOpen, CreatedAt: time.Now(), CreatedBy: program})
			return err
		})
	}
	r.service = r.open(tools)
	return r
}

func (r *rig) open(tools func() (Media, error)) *Service {
	s, err := New(Options{DB: r.db, Vault: r.vault, Sealer: r.sealer, Custody: r.custody, Agent: program, Media: tools, Releases: r.dir})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) write(f func(tx *store.Tx) error) {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

// seal puts bytes into the vault.
func (r *rig) seal(b []byte, kind string) (vault.Object, vault.Commit) {
	batch := r.vault.Begin(r.t.Context())
	o, err := batch.Add(r.t.Context(), bytes.NewReader(b), vault.AddOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := batch.Commit(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(func(tx *store.Tx) error { return tx.AddCommit(r.t.Context(), c, kind) })
	return o, c
}

func (r *rig) item(acc int, content string) archive.Item {
	o, c := r.seal([]byte(content), store.ObjectOriginal)
	it := archive.Item{
		ID: archive.NewID(archive.PrefixItem), Accession: r.acc[acc], Kind: archive.KindVideo, State: archive.ItemReady, Size: o.Size, SHA256: o.SHA256[:],
		Object: archive.ObjectRef{Object: o.ID, Envelope: c.Envelope}, ReceivedAt: time.Now(), Difficulty: -1, Copies: 1,
	}
	r.write(func(tx *store.Tx) error { return tx.AddItem(r.t.Context(), &it) })
	return it
}

// clip records a rendered clip of items as package proof does.
func (r *rig) clip(content []byte, items ...archive.Item) store.Clip {
	r.t.Helper()
	ctx := r.t.Context()
	o, c := r.seal(content, store.ObjectClip)
	scope, st := archive.NewID(archive.PrefixStatement), archive.NewID(archive.PrefixStatement)
	out := store.Clip{ID: archive.NewID(archive.PrefixClip), Statement: st, Scope: scope, Number: 1, Bytes: o.Size, Milliseconds: 20_000, SHA256: o.SHA256,
		Object: archive.ObjectRef{Object: o.ID, Envelope: c.Envelope}, CreatedAt: time.Now()}
	r.write(func(tx *store.Tx) error {
		for _, id := range []string{scope, st} {
			if err := tx.AddStatement(ctx, store.Statement{ID: id, Kind: "clip", Body: []byte(id), SHA256: sha256.Sum256([]byte(id)), CreatedAt: time.Now(), CreatedBy: program}); err != nil {
				return err
			}
		}
		if err := tx.AddClip(ctx, out); err != nil {
			return err
		}
		e := archive.Event{Type: archive.EventDissemination, Agent: program, Outcome: archive.Success, Detail: map[string]string{"clip": out.ID},
			Subjects: []archive.Subject{{Role: custody.RoleOutcome, Kind: custody.KindObject, ID: o.ID}}}
		for _, it := range items {
			e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleSource, Kind: custody.KindItem, ID: it.ID})
		}
		_, err := r.custody.Record(ctx, tx, e)
		return err
	})
	return out
}

func (r *rig) prints() (out []store.ClipFingerprint) {
	r.t.Helper()
	if err := r.db.Read(r.t.Context(), func(tx *store.Tx) (err error) { out, err = tx.ClipFingerprints(r.t.Context()); return err }); err != nil {
		r.t.Fatal(err)
	}
	return out
}

func admin() policy.Subject { return policy.Subject{Agent: program, Role: archive.RoleAdmin} }

func investigator(accessions ...string) policy.Subject {
	return policy.Subject{Agent: program, Role: archive.RoleInvestigator, Scope: archive.Scope{Accessions: accessions, MaxDifficulty: -1}}
}

// In the archive: a clip that was not let out is named to who may see what it was cut from and to nobody else; once it is out everybody
// who may ask learns of it, also after it was withdrawn; and its fingerprint goes with the item.
func TestClipsOfTheArchive(t *testing.T) {
	t.Parallel()
	tools := tools(t)
	large, small := released()(t)
	copied := produce(t, "13", "10", "-vf", "scale=-2:240")
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine, tools)
		ctx := t.Context()
		match := func(who policy.Subject, file []byte) Result {
			t.Helper()
			out, err := r.service.Match(ctx, who, fileOf(file), nil)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		if _, err := r.service.Match(ctx, admin(), fileOf(copied), nil); !errors.Is(err, ErrEmpty) {
			t.Errorf("nothing was rendered: %v", err)
		}
		a, b := r.item(0, "an original"), r.item(1, "another")
		c := r.clip(large, a, b)
		got := match(admin(), copied)
		if len(got.Hits) != 1 || got.Hits[0].Clip != c.ID || len(got.Hits[0].Releases) != 0 || !near(got.Hits[0].Spans[0].Clip-got.Hits[0].Spans[0].File, 3) || got.Clips != 0 {
			t.Fatalf("not let out: %+v", got)
		}
		if got := match(investigator(r.acc[0], r.acc[1]), copied); len(got.Hits) != 1 {
			t.Errorf("who sees both: %+v", got)
		}
		for _, acc := range r.acc {
			// As if there were no clip at all.
			if got, err := r.service.Match(ctx, investigator(acc), fileOf(copied), nil); !errors.Is(err, ErrEmpty) {
				t.Errorf("who sees one of both: %+v, %v", got, err)
			}
		}
		// To the byte the same, and not let out: found by what moves, not by the digest, which would tell those who may not know.
		if got, err := r.service.Match(ctx, investigator(r.acc[0]), fileOf(large), nil); !errors.Is(err, ErrEmpty) {
			t.Errorf("%+v, %v", got, err)
		}
		reviewer := investigator(r.acc[0], r.acc[1])
		reviewer.Role = archive.RoleReviewer
		for _, who := range []policy.Subject{reviewer, {}} {
			if _, err := r.service.Match(ctx, who, fileOf(copied), nil); !errors.Is(err, archive.ErrForbidden) && !errors.Is(err, archive.ErrNotFound) {
				t.Errorf("%s may ask: %v", who.Role, err)
			}
		}
		if list := r.prints(); len(list) != 1 || bytes.Contains(list[0].Runs, []byte("zapis fingerprint")) {
			t.Errorf("%+v", list)
		}

		published(t, r.dir, first, "square", 1, large, small)
		for _, who := range []policy.Subject{admin(), investigator()} {
			got := match(who, copied)
			if len(got.Hits) != 1 || len(got.Hits[0].Releases) != 1 || got.Hits[0].Releases[0].Release != first || got.Hits[0].Releases[0].Name != "clip-576.mp4" || got.Hits[0].Releases[0].Title["en"] == "" || got.Clips != 1 {
				t.Errorf("out: %+v", got)
			}
		}
		if got := match(investigator(), small); len(got.Hits) != 1 || got.Hits[0].How != SameFile || got.Hits[0].Releases[0].Name != "clip-360.mp4" || got.Hits[0].Clip != c.ID {
			t.Errorf("the same file: %+v", got)
		}
		if n := len(r.prints()); n != 1 {
			t.Errorf("%d fingerprints of one clip", n)
		}
		tombstone(t, r.dir, first, "square", 2)
		for i, s := range []*Service{r.service, r.open(tools)} { // and for a process that never saw it out
			r.service = s
			for _, file := range [][]byte{copied, small} {
				if got := match(investigator(), file); len(got.Hits) != 1 || len(got.Hits[0].Releases) != 1 || !got.Hits[0].Releases[0].Withdrawn {
					t.Errorf("withdrawn, %d: %+v", i, got)
				}
			}
		}

		// A later version with the clip is out although the first ones are withdrawn.
		published(t, r.dir, first, "square", 3, large, small)
		if got := match(investigator(), copied); len(got.Hits) != 1 || len(got.Hits[0].Releases) != 2 || got.Hits[0].Releases[0].Version != 3 || got.Hits[0].Releases[0].Withdrawn || !got.Hits[0].Releases[1].Withdrawn {
			t.Errorf("out again: %+v", got)
		}
		tombstone(t, r.dir, first, "square", 3)

		er := archive.NewID(archive.PrefixErasure)
		r.write(func(tx *store.Tx) error {
			if err := tx.AddErasure(ctx, store.Erasure{ID: er, Item: a.ID, Reason: "test", RequestedBy: program, RequestedAt: time.Now()}); err != nil {
				return err
			}
			if err := tx.ApproveErasure(ctx, er, "ag_11111111111111111111111111", time.Now()); err != nil {
				return err
			}
			if err := tx.SetObjectState(ctx, c.Object.Object, store.ObjectErased); err != nil {
				return err
			}
			return tx.EraseItemRows(ctx, a.ID)
		})
		if _, err := r.service.Match(ctx, admin(), fileOf(copied), nil); !errors.Is(err, ErrEmpty) {
			t.Errorf("after erasing: %v", err)
		}
		if n := len(r.prints()); n != 0 {
			t.Errorf("%d fingerprints are left", n)
		}
	})
}

// failing is media programs that are out of order.
type failing struct {
	Media
	err error
	n   int
}

func (f *failing) Probe(context.Context, media.Source) (media.Probe, error) {
	f.n++
	return media.Probe{}, f.err
}

// A clip that cannot be decoded does not keep others from being found, and is not tried again by every question.
func TestAClipThatCannotBeDecodedIsLeftOut(t *testing.T) {
	t.Parallel()
	f := &failing{err: media.ErrDamaged}
	r := newRig(t, store.SQLite, func() (Media, error) { return f, nil })
	r.clip([]byte("no film"), r.item(0, "an original"))
	published(t, r.dir, first, "square", 1, []byte("large"), []byte("small"))
	for range 2 {
		got, err := r.service.Match(t.Context(), admin(), fileOf([]byte("small")), nil)
		if err != nil || len(got.Hits) != 1 || got.Hits[0].How != SameFile {
			t.Errorf("%+v %v", got, err)
		}
	}
	if f.n != 2 {
		t.Errorf("looked %d times at two clips", f.n)
	}
	if n := len(r.prints()); n != 0 {
		t.Errorf("%d fingerprints", n)
	}
}

// A pipe in a folder would keep whoever opens it waiting for ever, and what is said of it names no path.
func TestAPipeIsNotOpened(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := published(t, dir, first, "square", 1, []byte("large"), []byte("small"))
	pipe := filepath.Join(dir, "pipe", "v1")
	if err := os.MkdirAll(pipe, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(at, "clip-360.mp4"), filepath.Join(pipe, bundle.FileRelease)} {
		_ = os.Remove(name)
		if err := syscall.Mkfifo(name, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b, problems, err := OpenBundles(folderOf(t, dir))
		if err != nil || len(problems) != 1 || problems[0].Folder != "pipe/v1" || !errors.Is(problems[0].Err, errNotPlain) {
			t.Errorf("%v %v", problems, err)
			return
		}
		_, problems, err = b.Match(t.Context(), func() (Media, error) { return &failing{err: media.ErrDamaged}, nil }, fileOf([]byte("another")), nil, nil)
		if !errors.Is(err, ErrEmpty) || len(problems) != 1 || strings.Contains(problems[0].Err.Error(), "square") {
			t.Errorf("%v %v", problems, err)
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for the pipe")
	}
}

// counting is media programs that give every clip a fingerprint of its own.
type counting struct {
	failing
	film []byte
	real Media
}

func (c *counting) Probe(ctx context.Context, _ media.Source) (media.Probe, error) {
	c.n++
	return c.real.Probe(ctx, fileOf(c.film))
}

func (c *counting) Fingerprint(context.Context, media.Source, media.Probe, io.Writer, func(float64)) ([]fingerprint.Run, media.Report, error) {
	return nil, media.Report{}, fingerprint.ErrShort
}

// A question is held against every clip, however many have no fingerprint yet; what cannot be compared is counted.
func TestEveryClipIsFingerprintedBeforeAnAnswer(t *testing.T) {
	t.Parallel()
	find := tools(t)
	real, err := find()
	if err != nil {
		t.Fatal(err)
	}
	c := &counting{film: produce(t, "10", "0.4"), real: real}
	r := newRig(t, store.SQLite, func() (Media, error) { return c, nil })
	it := r.item(0, "an original")
	const many = 8
	r.service.page = 3
	for i := range many {
		r.clip([]byte{byte(i), 1, 2}, it)
	}
	published(t, r.dir, first, "square", 1, []byte{3, 1, 2}, []byte("small"))
	got, err := r.service.Match(t.Context(), admin(), fileOf([]byte("small")), nil)
	if err != nil || len(got.Hits) != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	if n := len(r.prints()); n != many {
		t.Errorf("%d of %d clips were looked at", n, many)
	}
	if got := r.service.library.left(); got != 1 {
		t.Errorf("%d clips that were let out are told by their digest only, want 1", got)
	}
}

// Who asks while fingerprints are made waits no longer than they want to.
func TestAQuestionDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite, noTools)
	r.service.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.service.Match(ctx, admin(), fileOf([]byte("a file")), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	<-r.service.turn
	if _, err := r.service.Match(t.Context(), admin(), fileOf([]byte("a file")), nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("%v", err)
	}
}
