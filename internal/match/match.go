package match

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/policy"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/record"
)

// Options of New. DB, Vault, Sealer, Custody and Agent are needed.
type Options struct {
	DB      *store.DB
	Vault   *vault.Vault
	Sealer  *record.Sealer // of fingerprints
	Custody *custody.Recorder
	// Agent is the identifier of the software agent in whose name fingerprints are made.
	Agent string
	// Media finds the outside programs; it is asked when a clip or a file is to be decoded and not before.
	Media func() (Media, error)
	// Releases is the folder of release bundles; where it is not there, nothing was let out.
	Releases string
	Logger   *slog.Logger // nil: silent
	Now      func() time.Time
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	o       Options
	library *Library
	page    int // how many clips are looked for at a time

	turn chan struct{} // holds one while the library is brought up to date, which may take long at first
	held map[[32]byte]int64
	bad  map[[32]byte]bool // clips that could not be decoded; tried again by the next process
}

// New makes the room. Nothing is read until it is first asked.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Sealer == nil || o.Custody == nil || o.Agent == "" {
		return nil, fmt.Errorf("%w: match lacks something it works with", archive.ErrInvalid)
	}
	if o.Media == nil {
		o.Media = func() (Media, error) { return nil, media.ErrNoTool }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o: o, library: NewLibrary(), page: 100, turn: make(chan struct{}, 1), held: map[[32]byte]int64{}, bad: map[[32]byte]bool{}}, nil
}

// Match says which release a file is from, or that it is from a clip that was not let out, if who may see everything that the clip was cut
// from. Nothing is kept of the file. beat is told the seconds of it that were decoded; it may be nil. archive.ErrForbidden or ErrNotFound;
// ErrEmpty if no clip was rendered and nothing let out; media.ErrNoTool.
func (s *Service) Match(ctx context.Context, who policy.Subject, src media.Source, beat func(seconds float64)) (Result, error) {
	if err := policy.Decide(who, policy.MatchClip, policy.Object{}).Err(); err != nil {
		return Result{}, fmt.Errorf("match file: %w", err)
	}
	if err := s.Refresh(ctx); err != nil {
		return Result{}, fmt.Errorf("match file: %w", err)
	}
	return s.library.Find(ctx, s.o.Media, src, func(clip string) (bool, error) { return s.may(ctx, who, clip) }, beat)
}

// may says whether somebody may see every item that a clip was cut from.
func (s *Service) may(ctx context.Context, who policy.Subject, clip string) (ok bool, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		ok = false
		items, err := tx.ItemsOfClip(ctx, clip)
		if err != nil || len(items) == 0 {
			return err
		}
		for _, id := range items {
			it, err := tx.Item(ctx, policy.ScopeOf(who), id)
			if errors.Is(err, archive.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			if !policy.Decide(who, policy.ViewRelease, policy.ItemObject(it)).Allow {
				return nil
			}
		}
		ok = true
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("items of clip %s: %w", clip, err)
	}
	return ok, nil
}

// Refresh notes what was let out since, makes the fingerprints that are missing, and brings the memory up to the catalogue; what was
// erased leaves it. Every question does so by itself; after something was let out it saves the next question the time. A clip that cannot
// be decoded is named to the operator and left out.
func (s *Service) Refresh(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("wait for the fingerprints of clips: %w", context.Cause(ctx))
	}
	root, list, err := s.folders()
	if err != nil {
		return fmt.Errorf("read releases: %w", err)
	}
	var files fs.FS
	if root != nil {
		defer root.Close() // only read
		files = root.FS()
	}
	if err := s.note(ctx, list); err != nil {
		return fmt.Errorf("note releases: %w", err)
	}
	if err := s.rendered(ctx); err != nil {
		return err
	}
	if err := s.released(ctx, files, list); err != nil {
		return err
	}
	return s.load(ctx, list)
}

// folders reads the bundles that are out. The caller closes the folder, which may be nil.
func (s *Service) folders() (*os.Root, []folder, error) {
	if s.o.Releases == "" {
		return nil, nil, nil
	}
	root, err := os.OpenRoot(s.o.Releases)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, pathless(err)
	}
	list, problems, err := folders(root.FS())
	if err != nil {
		return nil, nil, errors.Join(err, root.Close())
	}
	for range problems {
		s.o.Logger.Warn("a folder among the releases is no bundle") // its name may be anything
	}
	return root, list, nil
}

// note keeps what each bundle holds, which outlasts its withdrawal.
func (s *Service) note(ctx context.Context, list []folder) error {
	var known []store.ReleasedVersion
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { known, err = tx.ReleasedVersions(ctx); return err })
	if err != nil {
		return err
	}
	type version struct {
		id string
		n  int
	}
	there, gone := map[version]bool{}, withdrawn(list)
	told := map[string]int{} // the newest version that has to be called withdrawn from now on
	for _, r := range known {
		there[version{r.Release, r.Version}] = true
		if !r.Withdrawn && r.Version <= gone[r.Release] {
			told[r.Release] = gone[r.Release]
		}
	}
	var fresh []store.ReleasedVersion
	for _, f := range list {
		r := f.release
		sum, ok := f.footage()
		if !ok || there[version{r.ID, r.Release}] {
			continue
		}
		there[version{r.ID, r.Release}] = true
		v := store.ReleasedVersion{Release: r.ID, Version: r.Release, Slug: r.Slug, Footage: sum, Published: f.published(), Withdrawn: r.Release <= gone[r.ID]}
		for digest, files := range f.files() {
			for _, x := range files {
				size := int64(0)
				for _, c := range r.Clip.Files {
					if c.Name == x.Name {
						size = c.Bytes
					}
				}
				v.Files = append(v.Files, store.ReleasedFile{Name: x.Name, SHA256: digest, Bytes: size})
			}
		}
		fresh = append(fresh, v)
	}
	if len(fresh)+len(told) == 0 {
		return nil
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		for _, v := range fresh {
			if err := tx.AddReleasedVersion(ctx, v); err != nil && !errors.Is(err, archive.ErrExists) {
				return err
			}
		}
		for id, n := range told {
			if err := tx.WithdrawReleased(ctx, id, n); err != nil {
				return err
			}
		}
		return nil
	})
}

// rendered makes the fingerprints of all clips in the vault that have none: a question that is held against some of them only must not be
// answered as if it were held against all.
func (s *Service) rendered(ctx context.Context) error {
	for {
		var list []store.Clip
		err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
			list, err = tx.ClipsWithoutFingerprint(ctx, fingerprint.Version, s.page+len(s.bad))
			return err
		})
		if err != nil {
			return fmt.Errorf("find clips without a fingerprint: %w", err)
		}
		list = slices.DeleteFunc(list, func(c store.Clip) bool { return s.bad[c.SHA256] })
		if len(list) == 0 {
			return nil
		}
		if err := s.render(ctx, list); err != nil {
			return err
		}
	}
}

// render makes the fingerprints of some clips. Each has one then, or is noted as bad.
func (s *Service) render(ctx context.Context, list []store.Clip) error {
	for _, c := range list {
		if s.bad[c.SHA256] {
			continue
		}
		err := s.make(ctx, c.SHA256, c.ID, time.Duration(c.Milliseconds)*time.Millisecond, func(t Media) ([]byte, []fingerprint.Run, time.Duration, error) {
			r, err := s.o.Vault.Reader(ctx, vault.Ref(c.Object))
			if err != nil {
				return nil, nil, 0, err
			}
			defer r.Close() // only read
			return printOf(ctx, t, r, nil)
		})
		if err != nil {
			return fmt.Errorf("fingerprint of clip %s: %w", c.ID, err)
		}
	}
	return nil
}

// released makes the fingerprints of clips that are out and were not stated here, such as those of an earlier archive.
func (s *Service) released(ctx context.Context, root fs.FS, list []folder) error {
	var known []store.ClipFingerprint
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { known, err = tx.ClipFingerprints(ctx); return err })
	if err != nil {
		return fmt.Errorf("list fingerprints of clips: %w", err)
	}
	there := map[[32]byte]bool{}
	for _, f := range known {
		there[f.SHA256] = f.Version == fingerprint.Version
	}
	for _, f := range list {
		sum, ok := f.footage()
		if !ok || there[sum] || s.bad[sum] {
			continue
		}
		there[sum] = true
		err := s.make(ctx, sum, "", time.Duration(f.release.Clip.MS)*time.Millisecond, func(t Media) ([]byte, []fingerprint.Run, time.Duration, error) {
			return f.fingerprint(ctx, root, t)
		})
		if err != nil {
			return fmt.Errorf("fingerprint of release %s: %w", f.release.ID, err)
		}
	}
	return nil
}

// rowOf is what a sealed print and its runs are bound to.
func rowOf(what string, sum [32]byte) string { return "clip " + what + " " + key(sum) }

// make makes and keeps a fingerprint. A clip that cannot be decoded is noted in memory only.
func (s *Service) make(ctx context.Context, sum [32]byte, id string, length time.Duration, decode func(Media) ([]byte, []fingerprint.Run, time.Duration, error)) error {
	t, err := s.o.Media()
	if err != nil {
		return err
	}
	raw, runs, seconds, err := decode(t)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, fingerprint.ErrShort):
		raw, runs = nil, nil
	case errors.Is(err, media.ErrNoTool):
		return err
	case err != nil:
		s.bad[sum] = true
		s.o.Logger.ErrorContext(ctx, "clip cannot be fingerprinted", slog.String("clip", id), slog.Any("error", err))
		return nil
	default:
		length = seconds
	}
	f := store.ClipFingerprint{SHA256: sum, Clip: id, Version: fingerprint.Version, Milliseconds: length.Milliseconds(), CreatedAt: s.o.Now().UTC()}
	if len(raw) > 0 {
		f.Runs, f.Print = s.o.Sealer.Seal(rowOf("runs", sum), fingerprint.EncodeRuns(runs)), s.o.Sealer.Seal(rowOf("print", sum), raw)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		e := archive.Event{
			Type: archive.EventAnalysis, Agent: s.o.Agent, Outcome: archive.Success,
			Detail: map[string]string{"pass": "clip fingerprint", "recipe": fingerprint.Name, "recipe_version": strconv.Itoa(fingerprint.Version), "clip_sha256": hex.EncodeToString(sum[:])},
		}
		if id != "" {
			e.Detail["clip"] = id
			c, err := tx.Clip(ctx, id)
			if err != nil {
				return err
			}
			e.Subjects = []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindObject, ID: c.Object.Object}}
		}
		if _, err := s.o.Custody.Record(ctx, tx, e); err != nil {
			return err
		}
		return tx.AddClipFingerprint(ctx, f)
	})
	if errors.Is(err, archive.ErrConflict) {
		s.bad[sum] = true // erased meanwhile
		return nil
	}
	return err
}

// load brings the memory up to the catalogue.
func (s *Service) load(ctx context.Context, list []folder) error {
	var prints []store.ClipFingerprint
	files := map[[32]byte][]file{}
	titles := map[string]map[string]string{}
	for _, f := range list {
		if f.release.State == bundle.Published {
			titles[f.release.ID+" "+strconv.Itoa(f.release.Release)] = f.titles()
		}
	}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		clear(files)
		if prints, err = tx.ClipFingerprints(ctx); err != nil {
			return err
		}
		all, err := tx.ReleasedFiles(ctx)
		if err != nil {
			return err
		}
		for _, v := range all {
			for _, x := range v.Files {
				files[x.SHA256] = append(files[x.SHA256], file{Appearance{
					Release: v.Release, Slug: v.Slug, Version: v.Version, Name: x.Name, Published: v.Published, Withdrawn: v.Withdrawn,
					Title: titles[v.Release+" "+strconv.Itoa(v.Version)],
				}, v.Footage})
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read fingerprints of clips: %w", err)
	}
	s.library.out(files)
	there := map[[32]byte]bool{}
	for _, f := range prints {
		there[f.SHA256] = true
		if s.held[f.SHA256] == f.Number {
			continue
		}
		s.take(ctx, f)
	}
	for sum := range s.held {
		if !there[sum] {
			delete(s.held, sum)
		}
	}
	s.library.keep(there)
	return nil
}

// take puts one fingerprint into the memory. One that does not open is left out, and the operator learns of it.
func (s *Service) take(ctx context.Context, f store.ClipFingerprint) {
	s.held[f.SHA256] = f.Number
	c := clip{id: f.Clip, length: time.Duration(f.Milliseconds) * time.Millisecond}
	var runs []fingerprint.Run
	if len(f.Runs) > 0 && f.Version == fingerprint.Version {
		text, err := s.o.Sealer.Open(rowOf("runs", f.SHA256), f.Runs)
		if err == nil {
			runs, err = fingerprint.DecodeRuns(text)
		}
		if err != nil {
			s.o.Logger.ErrorContext(ctx, "fingerprint of a clip does not open", slog.String("clip", f.Clip))
			runs = nil
		}
	}
	if len(runs) > 0 {
		c.print = func(ctx context.Context) (raw []byte, err error) {
			err = s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { raw, err = tx.ClipPrint(ctx, f.SHA256); return err })
			if err != nil {
				return nil, err
			}
			if raw, err = s.o.Sealer.Open(rowOf("print", f.SHA256), raw); err != nil {
				return nil, fmt.Errorf("fingerprint of clip %s: %w", f.Clip, archive.ErrIntegrity) // the cause holds a digest
			}
			return raw, nil
		}
	}
	s.library.add(f.SHA256, c, runs)
}
