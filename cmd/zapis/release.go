package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/release"
	"zapis/internal/release/bundle"
)

type releaseCmd struct {
	List     releaseListCmd     `cmd:"" help:"List releases: drafts, what waits, what is out, what was withdrawn."`
	Show     releaseShowCmd     `cmd:"" help:"Show a release as it would be published."`
	Check    releaseCheckCmd    `cmd:"" help:"Ask every gate, and say what blocks."`
	Sign     releaseSignCmd     `cmd:"" help:"Agree to the newest version of a release that somebody else wrote."`
	Publish  releasePublishCmd  `cmd:"" help:"Let out what was signed, or have it let out when its embargo ends."`
	Keep     releaseKeepCmd     `cmd:"" help:"Decide that a release stays out although an item that it shows was erased."`
	Withdraw releaseWithdrawCmd `cmd:"" help:"Put a tombstone with a reason in the place of everything that is out of a release."`
	Look     releaseLookCmd     `cmd:"" help:"Look for protected people in texts that go out beside releases: pages of the site, cases and promises."`
	Export   releaseExportCmd   `cmd:"" help:"Copy the bundle of a publication out of the folder of releases, and check it."`
	Settle   releaseSettleCmd   `cmd:"" help:"Bring the folder of releases to what was decided, and publish what is due, as a worker does every minute."`
}

type releaseJSON struct {
	ID          string   `json:"id"`
	Slug        string   `json:"slug"`
	State       string   `json:"state"`
	Version     int      `json:"version"`
	Number      int      `json:"number"`
	Plan        string   `json:"plan"`
	PlanVersion int      `json:"plan_version"`
	Authors     []string `json:"authors"`
	SignedBy    string   `json:"signed_by"`
	PublishedAt string   `json:"published_at,omitempty"`
	Embargo     string   `json:"embargo,omitempty"`
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func releaseOf(r release.Release) releaseJSON {
	return releaseJSON{ID: r.ID, Slug: r.Slug, State: string(r.State), Version: r.Head, Number: r.Out, Plan: r.Plan, PlanVersion: r.PlanVersion, Authors: r.Authors, SignedBy: r.SignedBy,
		PublishedAt: instant(r.PublishedAt), Embargo: instant(r.Embargo)}
}

type releaseListCmd struct{}

func (c *releaseListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		list, err := a.Release.List(k.ctx, operator(a))
		if err != nil {
			return err
		}
		if k.JSON {
			for _, r := range list {
				k.json(releaseOf(r))
			}
			return nil
		}
		return k.table(func(w io.Writer) {
			fmt.Fprintln(w, "RELEASE\tSLUG\tSTATE\tVERSION\tPUBLISHED")
			for _, r := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", r.ID, r.Slug, r.State, r.Head, instant(r.PublishedAt))
			}
		})
	})
}

type releaseShowCmd struct {
	Release string `arg:"" help:"Identifier or slug."`
}

func (c *releaseShowCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		v, err := a.Release.Release(k.ctx, operator(a), c.Release)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(releaseOf(v.Release))
			return nil
		}
		k.say("%s, %s: %s, version %d, publication %d", v.ID, v.Slug, v.State, v.Head, v.Out)
		doc, err := a.Release.Preview(k.ctx, operator(a), c.Release)
		var refused *release.Refused
		if errors.As(err, &refused) {
			k.say("It cannot be written as a bundle yet; see: zapis release check %s", v.Slug)
			return nil
		}
		if err != nil {
			return err
		}
		for _, lang := range doc.Languages {
			k.say("\n[%s]\n%s", lang, doc.PlainText(lang))
		}
		return nil
	})
}

type gateJSON struct {
	Type   string   `json:"type"`
	Gate   string   `json:"gate"`
	State  string   `json:"state"`
	Reason string   `json:"reason,omitempty"`
	At     []string `json:"at,omitempty"`
}

// gates prints the checklist.
func (k *call) gates(list []release.Gate) error {
	if k.JSON {
		for _, g := range list {
			k.json(gateJSON{"gate", g.Code, string(g.State), g.Reason, g.At})
		}
		return nil
	}
	return k.table(func(w io.Writer) {
		for _, g := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", g.State, g.Code, g.Reason, strings.Join(g.At, " "))
		}
	})
}

type releaseCheckCmd struct {
	Release string `arg:"" help:"Identifier or slug."`
}

func (c *releaseCheckCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		list, err := a.Release.Checklist(k.ctx, operator(a), c.Release)
		if err != nil {
			return err
		}
		if err := k.gates(list); err != nil {
			return err
		}
		for _, g := range list {
			if g.State == release.Blocked {
				return archive.Explain(fmt.Errorf("release: %w: gates are closed", archive.ErrConflict), "It cannot be published yet.", "")
			}
		}
		return nil
	})
}

// refused prints the gates that closed.
func (k *call) refused(err error) error {
	var x *release.Refused
	if errors.As(err, &x) {
		if err := k.gates(x.Gates); err != nil {
			return err
		}
		return archive.Explain(err, "Gates are closed.", "")
	}
	return err
}

type releaseSignCmd struct {
	Release string `arg:"" help:"Identifier or slug."`
	Version int    `required:"" help:"Version that is agreed to; it must be the newest." placeholder:"N"`
	Read    int    `help:"How many places that may name somebody protected were looked at, and do not. Signing without says which they are." placeholder:"N"`
}

func (c *releaseSignCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		if err := a.Release.SignHavingRead(k.ctx, operator(a), c.Release, c.Version, c.Read); err != nil {
			return k.refused(err)
		}
		return k.done("Signed.")
	})
}

type releasePublishCmd struct {
	Release string `arg:"" help:"Identifier or slug."`
}

func (c *releasePublishCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		p, err := a.Release.Publish(k.ctx, operator(a), c.Release)
		if err != nil {
			return k.refused(err)
		}
		if k.JSON {
			k.json(map[string]any{"type": "publication", "number": p.Number, "at": instant(p.At), "placed": p.Placed, "document_sha256": hex.EncodeToString(p.SHA256[:])})
			return nil
		}
		switch {
		case p.Number == 0:
			k.say("It will be published at %s, by a worker, if every gate is open then.", instant(p.At))
		case !p.Placed:
			k.say("Publication %d is decided, but the folder could not be written. A worker tries again every minute; or: zapis release settle", p.Number)
		default:
			k.say("Publication %d is in the folder of releases. Make the site anew: zapis site build", p.Number)
		}
		return nil
	})
}

type releaseKeepCmd struct {
	Release string `arg:"" help:"Identifier or slug."`
	Reason  string `required:"" help:"Why, for colleagues. Name nobody."`
}

func (c *releaseKeepCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		if err := a.Release.Keep(k.ctx, operator(a), c.Release, c.Reason); err != nil {
			return err
		}
		return k.done("It stays out. What is wrong with it can be corrected again.")
	})
}

type releaseWithdrawCmd struct {
	Release string            `arg:"" help:"Identifier or slug."`
	Reason  map[string]string `required:"" help:"Why, in each language of the release; it is published. As --reason en=… --reason ru=…" mapsep:"none" placeholder:"LANG=TEXT"`
}

func (c *releaseWithdrawCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		if err := a.Release.Withdraw(k.ctx, operator(a), c.Release, release.Words(c.Reason)); err != nil {
			return k.refused(err)
		}
		return k.done("Withdrawn. Its media are gone from the folder of releases; make the site anew: zapis site build")
	})
}

type releaseExportCmd struct {
	Release string `arg:"" help:"Identifier or slug."`
	Number  int    `help:"Publication; by default the newest." placeholder:"N"`
	Out     string `short:"o" required:"" help:"Folder to make, which must not be there." placeholder:"DIR"`
}

func (c *releaseExportCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		v, err := a.Release.Release(k.ctx, operator(a), c.Release)
		if err != nil {
			return err
		}
		n := c.Number
		if n == 0 {
			n = v.Out
		}
		if n < 1 || n > v.Out {
			return fmt.Errorf("publication %d: %w", n, archive.ErrNotFound)
		}
		from := os.DirFS(filepath.Join(a.ReleasesDir(), v.Slug, fmt.Sprintf("v%d", n)))
		if _, err := bundle.VerifyFS(from); err != nil {
			return withoutPath("check bundle", err)
		}
		if err := os.Mkdir(c.Out, 0o755); err != nil {
			return withoutPath("make folder", err)
		}
		if err := os.CopyFS(c.Out, from); err != nil {
			return withoutPath("copy bundle", err)
		}
		doc, err := bundle.VerifyFS(os.DirFS(c.Out)) // what was copied, not what was there a moment before
		if err != nil {
			return withoutPath("check the copy", err)
		}
		at, err := time.Parse(time.RFC3339, doc.Published)
		if err != nil {
			return fmt.Errorf("check the copy: %w", archive.ErrIntegrity)
		}
		for _, name := range append(doc.Files(), bundle.FileSums, ".") { // nor does it tell when it was copied
			if err := os.Chtimes(filepath.Join(c.Out, name), at, at); err != nil {
				return withoutPath("set time", err)
			}
		}
		return k.done(fmt.Sprintf("Publication %d (%s), %d files, each as SHA256SUMS says.", n, doc.State, len(doc.Files())+1))
	})
}

type releaseSettleCmd struct{}

func (c *releaseSettleCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error { return a.Release.Settle(k.ctx) })
}

type releaseLookCmd struct {
	Files []string `arg:"" name:"file" help:"Text files, or JSON such as accountability.json, of which every text is read." placeholder:"FILE"`
}

// largestLook bounds a file that is looked through.
const largestLook = 16 << 20

func (c *releaseLookCmd) Run(k *call) error {
	var texts, at []string
	for _, name := range c.Files {
		raw, err := readLimited(name, largestLook)
		if err != nil {
			return err
		}
		short := filepath.Base(name)
		if !utf8.Valid(raw) {
			return archive.Explain(fmt.Errorf("%w: %s", archive.ErrInvalid, short), short+" is not text in UTF-8.", "")
		}
		var tree any
		if json.Unmarshal(raw, &tree) == nil { // names may be hidden in escapes of JSON
			eachText(tree, short+" ", func(where, text string) { texts, at = append(texts, text), append(at, where) })
			continue
		}
		for i, line := range strings.Split(string(raw), "\n") {
			if strings.TrimSpace(line) != "" {
				texts, at = append(texts, line), append(at, fmt.Sprintf("%s, line %d", short, i+1))
			}
		}
	}
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		found, err := a.Release.Look(k.ctx, operator(a), texts)
		if err != nil {
			return err
		}
		type place struct {
			Type  string `json:"type"`
			At    string `json:"at"`
			Maybe bool   `json:"maybe"`
		}
		sure := false
		for _, n := range found {
			where := "somewhere in these files"
			if n.Text >= 0 {
				where = at[n.Text]
			}
			sure = sure || !n.Maybe
			switch {
			case k.JSON:
				k.json(place{Type: "place", At: where, Maybe: n.Maybe})
			case n.Maybe:
				k.say("MAY NAME somebody protected: %s", where)
			default:
				k.say("NAMES somebody protected: %s", where)
			}
		}
		if sure {
			return archive.Explain(fmt.Errorf("texts: %w: somebody protected is named", app.ErrNotVerified), "Somebody protected is named.", "Take the name out before anything is built.")
		}
		if !k.JSON && len(found) == 0 {
			k.say("Nobody protected is named in %d texts.", len(texts))
		}
		return nil
	})
}

// eachText gives every text of a JSON document, and where it stands.
func eachText(v any, where string, do func(where, text string)) {
	switch v := v.(type) {
	case string:
		if strings.TrimSpace(v) != "" {
			do(where, v)
		}
	case []any:
		for i, x := range v {
			eachText(x, fmt.Sprintf("%s[%d]", where, i), do)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key != "" {
				do(where+"."+key, key)
			}
			eachText(v[key], where+"."+key, do)
		}
	}
}
