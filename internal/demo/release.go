package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zapis/internal/account"
	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/config"
	"zapis/internal/policy"
	"zapis/internal/redact"
	"zapis/internal/redact/plan"
	"zapis/internal/release"
)

// Released says what the last act came to: a release on a public site, corrected once, and another one that was withdrawn.
type Released struct {
	Site      string   `json:"site"`    // folder of the public site
	Bundles   string   `json:"bundles"` // folder of the release bundles
	Slug      string   `json:"slug"`
	Number    int      `json:"number"` // of the correction
	Withdrawn string   `json:"withdrawn"`
	Clip      string   `json:"clip"` // file
	Masks     int      `json:"masks"`
	Warnings  []string `json:"warnings"` // gates that let it pass with a warning
	Try       []string `json:"try"`      // commands
}

// Names of the releases, in addresses.
const (
	slugCorridor  = "demo-corridor"
	slugWithdrawn = "demo-withdrawn"
)

// siteName is the folder of the public site below the one of the log.
const siteName = "site"

// people are those who act: one writes, another one agrees.
type people struct{ author, second policy.Subject }

// open opens the archive as a command would, with workers if asked.
func (d *demo) open(ctx context.Context, workers bool) (*app.App, error) {
	settings := map[string]string{}
	for _, e := range d.env {
		k, v, _ := strings.Cut(e, "=")
		settings[k] = v
	}
	h, err := app.FindHome(d.home(), func(k string) string { return settings[k] }, app.Overrides{PassphraseFile: d.passfile()})
	if err != nil {
		return nil, err
	}
	a, err := h.Open(ctx, app.Options{Version: d.Version, Logger: slog.New(slog.DiscardHandler), Workers: workers, Writes: true})
	if err != nil {
		return nil, fmt.Errorf("open the demonstration: %w", err)
	}
	return a, nil
}

// within opens the archive, does something and closes it.
func (d *demo) within(ctx context.Context, step string, workers bool, f func(a *app.App) error) error {
	return d.step(step, func() error {
		a, err := d.open(ctx, workers)
		if err != nil {
			return err
		}
		err = f(a)
		if cerr := a.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close the demonstration: %w", cerr)
		}
		return err
	})
}

// invite makes an account for the second person. The one of the first administrator is made with it, as when the archive is served.
func (d *demo) invite(ctx context.Context, a *app.App) (p people, err error) {
	accounts, err := account.New(account.Options{
		DB: a.DB, Custody: a.Custody, Sealer: a.Sealer, Logger: a.Logger, Agent: archive.Agent{ID: a.Program, Kind: "software", Name: "zapis", CreatedAt: time.Now().UTC()},
	})
	if err != nil {
		return p, fmt.Errorf("open accounts: %w", err)
	}
	defer accounts.Close()
	if _, _, err := accounts.Bootstrap(ctx); err != nil {
		return p, err
	}
	everything := archive.Scope{All: true, MaxDifficulty: -1, AllCompartments: true}
	p.author = policy.Subject{Agent: a.Agent, Role: archive.RoleAdmin, Scope: everything}
	second, _, err := accounts.Invite(ctx, p.author, "Demo: second person", archive.RolePublisher, everything)
	if err != nil {
		return p, fmt.Errorf("invite a second person: %w", err)
	}
	p.second = policy.Subject{Agent: second.ID, Role: archive.RolePublisher, Scope: everything}
	return p, nil
}

// finished waits until a machine has done what it was asked.
func finished(ctx context.Context, ask func() (done bool, err error)) error {
	for {
		done, err := ask()
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// redacted is a plan that was approved and rendered.
type redacted struct {
	id      string
	version int
	masks   int
	people  people
}

// redact has a machine propose masks, covers what the recorder wrote into the picture, has every frame walked, and lets another person agree
// and render. The clip is stated with it; the next tick takes it into the log.
func (d *demo) redact(ctx context.Context, sp span) (out redacted, err error) {
	d.say("# In the workspace, one person draws masks and another one agrees; nobody may do both.")
	err = d.within(ctx, "redact", true, func(a *app.App) error {
		if out.people, err = d.invite(ctx, a); err != nil {
			return err
		}
		author, second := out.people.author, out.people.second
		from, to := int64(sp.from*1e6), int64(sp.to*1e6)
		to = min(to, from+8_000_000)
		made, err := a.Redact.Create(ctx, author, "Demo: corridor", []string{sp.item}, []plan.Cut{{Source: 0, FromUS: from, ToUS: to}})
		if err != nil {
			return err
		}
		out.id = made.ID
		if err := a.Jobs.Start(ctx); err != nil {
			return err
		}
		defer func() {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
			defer cancel()
			if serr := a.Jobs.Stop(stop); err == nil && serr != nil {
				err = serr
			}
		}()
		tracks, err := d.masks(ctx, a, author, out.id, sp)
		if err != nil {
			return err
		}
		v, err := a.Redact.Plan(ctx, author, out.id)
		if err != nil {
			return err
		}
		p := v.Version.Body
		p.Tracks = append(p.Tracks, tracks...)
		saved, err := a.Redact.Save(ctx, author, out.id, v.Head, p, "Masks for the demonstration")
		if err != nil {
			return err
		}
		out.version, out.masks = saved.Number, len(p.Tracks)
		if err := d.walk(ctx, a, out); err != nil {
			return err
		}
		if err := a.Redact.Approve(ctx, author, out.id, out.version, ""); !errors.Is(err, archive.ErrForbidden) {
			return fmt.Errorf("the author of a plan may approve it: %w", errors.Join(err, archive.ErrIntegrity))
		}
		d.say("  who drew the masks may not approve them")
		stops, err := a.Redact.Stops(ctx, second, out.id, out.version)
		if err != nil {
			return err
		}
		for _, x := range stops.Stops {
			if _, err := a.Redact.ShowStop(ctx, second, out.id, out.version, x.Source, x.US); err != nil {
				return err
			}
		}
		if err := a.Redact.LookedAt(ctx, second, out.id, out.version); err != nil {
			return err
		}
		if err := a.Redact.Approve(ctx, second, out.id, out.version, "Stepped through the demonstration"); err != nil {
			return err
		}
		if _, err := a.Redact.Render(ctx, second, out.id, out.version); err != nil {
			return err
		}
		err = finished(ctx, func() (bool, error) {
			r, err := a.Redact.Rendered(ctx, author, out.id, out.version)
			if err != nil {
				return false, err
			}
			return ended(redact.Run{State: r.State, Reason: r.Reason})
		})
		if err != nil {
			return fmt.Errorf("render plan %s: %w", out.id, err)
		}
		d.say("  %d masks, every frame walked, approved by a second person, rendered once and stated", out.masks)
		return nil
	})
	return out, err
}

// ended says whether a machine has done what it was asked, or why it could not.
func ended(r redact.Run) (bool, error) {
	switch r.State {
	case "done":
		return true, nil
	case "asked", "":
		return false, nil
	}
	return false, fmt.Errorf("%w: %s: %s", archive.ErrInvalid, r.State, r.Reason)
}

// masks gives what a machine proposes, and three that a person draws: over what the recorder wrote into the picture, and over what the machine does not see.
func (d *demo) masks(ctx context.Context, a *app.App, who policy.Subject, id string, sp span) ([]plan.Track, error) {
	if _, err := a.Redact.Propose(ctx, who, id); err != nil {
		return nil, err
	}
	var proposed redact.Proposals
	err := finished(ctx, func() (done bool, err error) {
		if proposed, err = a.Redact.Proposals(ctx, who, id); err != nil || proposed.Run == nil {
			return false, err
		}
		return ended(*proposed.Run)
	})
	if err != nil {
		return nil, fmt.Errorf("propose masks: %w", err)
	}
	var out []plan.Track
	for _, p := range proposed.List {
		out = append(out, p.Track)
	}
	for _, drawn := range []struct {
		reason string
		kind   plan.Kind
		box    [4]int
	}{
		{"other", plan.Solid, [4]int{0, 0, 250_000, 90_000}},                  // the label
		{"clock", plan.Solid, [4]int{300_000, 905_000, 700_000, 95_000}},      // in any size of picture
		{"person", plan.Pixelate, [4]int{430_000, 310_000, 190_000, 170_000}}, // the far end, where figures are too small for the machine
	} {
		out = append(out, plan.Track{
			ID: archive.NewID(archive.PrefixTrack), Kind: drawn.kind, Reason: drawn.reason, UntilEnd: true, Keys: []plan.Key{{AtUS: 0, Box: drawn.box}},
		})
	}
	d.say("  a machine proposes %d masks; by hand are covered the label, the clock, and the far end, where figures are too small for it", len(proposed.List))
	return out, nil
}

// walk has every frame walked and says of what is left why it is none.
func (d *demo) walk(ctx context.Context, a *app.App, r redacted) error {
	if _, err := a.Redact.Check(ctx, r.people.author, r.id); err != nil {
		return err
	}
	var check redact.Check
	err := finished(ctx, func() (done bool, err error) {
		if check, err = a.Redact.Checks(ctx, r.people.author, r.id, r.version); err != nil {
			return false, err
		}
		return ended(check.Run)
	})
	if err != nil {
		return fmt.Errorf("walk plan %s: %w", r.id, err)
	}
	open := 0
	for _, b := range check.Blockers {
		if b.Warning || !b.DismissedAt.IsZero() {
			continue
		}
		open++
		if err := a.Redact.DismissBlocker(ctx, r.people.author, check.ID, b.Number, "Demonstration: the figures are drawn and show nobody."); err != nil {
			return err
		}
	}
	d.say("  the gap check walks %d frames and finds %d places that somebody has to give a reason for", check.Frames, open)
	return nil
}

// three gives a text in the languages of the demonstration.
func three(en, ru, uk string) release.Words { return release.Words{"en": en, "ru": ru, "uk": uk} }

// draft is what people write about the clip.
func draft(slug string, r redacted, claim string) release.Draft {
	none := "WEBVTT\n\n00:00.000 --> 00:00.900\n"
	var on []string
	certainty := archive.NotKnown
	if claim != "" {
		on, certainty = []string{claim}, archive.Probable
	}
	return release.Draft{
		Slug: slug, Plan: r.id, PlanVersion: r.version, Languages: []string{"en", "ru", "uk"},
		Title: three("Demonstration: a corridor", "Демонстрация: коридор", "Демонстрація: коридор"),
		Summary: three("Drawn footage, made to show how a release is built and checked. Nobody and nothing in it is real.",
			"Нарисованная запись: она показывает, как готовят и проверяют публикацию. Ни людей, ни событий в ней нет.",
			"Намальований запис: він показує, як готують і перевіряють публікацію. Ні людей, ні подій у ньому немає."),
		Shows: three("A drawn corridor, seen from a fixed camera under the ceiling. Figures walk through it. What a machine or a person took for people is covered, and so are the label and the clock of the recorder.\n\nThere is no sound.",
			"Нарисованный коридор, вид с неподвижной камеры под потолком. По нему проходят фигуры. Закрыто всё, что машина или человек приняли за людей, а также надпись и часы регистратора.\n\nЗвука нет.",
			"Намальований коридор, вигляд із нерухомої камери під стелею. Ним проходять фігури. Закрито все, що машина чи людина прийняли за людей, а також напис і годинник реєстратора.\n\nЗвуку немає."),
		Credit: three("Zapis, demonstration", "Zapis, демонстрация", "Zapis, демонстрація"),
		Sentences: []release.Sentence{
			{Text: three("Figures walk through a corridor.", "По коридору проходят фигуры.", "Коридором проходять фігури."), Certainty: certainty, Claims: on},
			{Text: three("Who they would be is not known.", "Кем они могли бы быть, неизвестно.", "Ким вони могли б бути, невідомо."), Certainty: archive.NotKnown},
		},
		// Nobody has judged how hard the recording is to watch, so something has to be said of it.
		Warnings: []release.Warning{{ToMS: 1000, Text: three("Nothing here is hard to watch: it is drawn.", "Здесь нет ничего, на что тяжело смотреть: запись нарисована.", "Тут немає нічого, на що важко дивитися: запис намальовано.")}},
		Captions: three(none+"[no sound]\n", none+"[без звука]\n", none+"[без звуку]\n"),
		Recorded: release.Recorded{EDTF: "2020-08", Text: three("August 2020, by the recorder's own clock", "август 2020 года, по часам самого регистратора", "серпень 2020 року, за годинником самого реєстратора")},
		Place:    release.Place{Precision: "cannot be determined"},
	}
}

// release publishes the clip, corrects it once, and withdraws another release of it. Then the site is built, and somebody checks the clip who has
// nothing but what lies on it.
func (d *demo) release(ctx context.Context, r redacted, claim string, p *Proof) (*Released, error) {
	out := &Released{Site: filepath.Join(d.Dir, publicName, siteName), Slug: slugCorridor, Withdrawn: slugWithdrawn, Masks: r.masks}
	if err := d.configure("site = %q\nsite_name = \"Zapis: demonstration\"\n", out.Site); err != nil {
		return nil, err
	}
	d.say("# On the release desk, one person writes and another one signs.")
	err := d.within(ctx, "release", false, func(a *app.App) error {
		out.Bundles = a.ReleasesDir()
		// A mistake, so that there is something to correct.
		wrong, right := draft(slugCorridor, r, claim), draft(slugCorridor, r, claim)
		wrong.Recorded = release.Recorded{EDTF: "2020-07", Text: three("July 2020", "июль 2020 года", "липень 2020 року")}
		first, err := d.publish(ctx, a, r, wrong, out)
		if err != nil {
			return err
		}
		said := three("The first version gave July 2020 as the date. The clock of the recorder says August.", "В первой версии датой был назван июль 2020 года. Часы регистратора показывают август.",
			"У першій версії датою було названо липень 2020 року. Годинник реєстратора показує серпень.")
		v, err := a.Release.Correct(ctx, r.people.author, first.ID, said)
		if err != nil {
			return fmt.Errorf("correct: %w", err)
		}
		v.Draft.Recorded = right.Recorded
		if _, err := a.Release.Save(ctx, r.people.author, first.ID, v.Number, v.Draft, "The date"); err != nil {
			return fmt.Errorf("correct: %w", err)
		}
		if out.Number, err = d.letOut(ctx, a, r, first.ID, nil); err != nil {
			return err
		}
		d.say("  corrected: number %d is out, and says what changed", out.Number)
		second, err := d.publish(ctx, a, r, draft(slugWithdrawn, r, claim), nil)
		if err != nil {
			return err
		}
		why := three("Withdrawn to show how that looks.", "Отозвано, чтобы показать, как это выглядит.", "Відкликано, щоб показати, який це має вигляд.")
		if err := a.Release.Withdraw(ctx, r.people.author, second.ID, why); err != nil {
			return fmt.Errorf("withdraw: %w", err)
		}
		d.say("  another release was published and withdrawn: its address says why and since when")
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := d.zapis(ctx, "site", "build"); err != nil {
		return nil, err
	}
	at := filepath.Join(out.Bundles, out.Slug, fmt.Sprintf("v%d", out.Number))
	if out.Clip, err = largest(at); err != nil {
		return nil, err
	}
	d.say("# Somebody who has only what lies on the site checks the clip:")
	check := []string{"verify", filepath.Join(at, "proof.json"), "--file", out.Clip, "--key", p.VerifierKey}
	for _, w := range p.Witnesses {
		check = append(check, "--witness", w)
	}
	if err := d.plainly(ctx, check...); err != nil {
		return nil, err
	}
	if err := d.plainly(ctx, "match", "--bundles", out.Bundles, out.Clip); err != nil {
		return nil, err
	}
	out.Try = []string{
		"zapis --home '" + d.home() + "' site serve",
		"zapis match --bundles '" + out.Bundles + "' '" + out.Clip + "'",
	}
	return out, nil
}

// publish begins a release, shows what the desk says about it, and lets it out.
func (d *demo) publish(ctx context.Context, a *app.App, r redacted, draft release.Draft, out *Released) (release.View, error) {
	made, err := a.Release.Create(ctx, r.people.author, draft)
	if err != nil {
		return made, fmt.Errorf("write release: %w", err)
	}
	if out == nil {
		_, err := d.letOut(ctx, a, r, made.ID, nil)
		return made, err
	}
	if err := a.Release.Sign(ctx, r.people.author, made.ID, made.Head); err == nil {
		return made, fmt.Errorf("the author of a release may sign it: %w", archive.ErrIntegrity)
	}
	d.say("  who wrote it may not sign it")
	if _, err := d.letOut(ctx, a, r, made.ID, out); err != nil {
		return made, err
	}
	d.say("  signed by a second person and published: %s", draft.Slug)
	return made, nil
}

// letOut has the second person sign and the author publish. What the desk says is kept in out, if it is there.
func (d *demo) letOut(ctx context.Context, a *app.App, r redacted, id string, out *Released) (int, error) {
	v, err := a.Release.Release(ctx, r.people.author, id)
	if err != nil {
		return 0, err
	}
	if err := a.Release.Sign(ctx, r.people.second, id, v.Head); err != nil {
		return 0, fmt.Errorf("sign: %w", d.explain(ctx, a, r, id, err))
	}
	if out != nil {
		gates, err := a.Release.Checklist(ctx, r.people.author, id)
		if err != nil {
			return 0, err
		}
		passed := 0
		for _, g := range gates {
			switch g.State {
			case release.OK:
				passed++
			case release.Warn:
				out.Warnings = append(out.Warnings, g.Code)
			}
		}
		d.say("  %d of %d gates pass%s", passed, len(gates), also(out.Warnings))
	}
	pub, err := a.Release.Publish(ctx, r.people.author, id)
	if err != nil {
		return 0, fmt.Errorf("publish: %w", d.explain(ctx, a, r, id, err))
	}
	return pub.Number, nil
}

func also(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	return ", with a warning: " + strings.Join(warnings, ", ")
}

// explain adds the gates that block to an error.
func (d *demo) explain(ctx context.Context, a *app.App, r redacted, id string, err error) error {
	gates, gerr := a.Release.Checklist(ctx, r.people.author, id)
	if gerr != nil {
		return err
	}
	var open []string
	for _, g := range gates {
		if g.State == release.Blocked || g.State == release.Waiting {
			open = append(open, g.Code+" "+g.Reason)
		}
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(open, ", "))
}

// largest is the largest clip of a bundle.
func largest(dir string) (string, error) {
	list, err := filepath.Glob(filepath.Join(dir, "clip-*.mp4"))
	if err != nil || len(list) == 0 {
		return "", errors.Join(errors.New("the release has no clip"), err)
	}
	size := func(name string) int64 {
		info, err := os.Stat(name)
		if err != nil {
			return -1
		}
		return info.Size()
	}
	return slices.MaxFunc(list, func(a, b string) int { return int(size(a) - size(b)) }), nil
}

// configure adds lines to the configuration of the demonstration.
func (d *demo) configure(format string, args ...any) error {
	f, err := os.OpenFile(filepath.Join(d.home(), config.Name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("configure the demonstration: %w", err)
	}
	_, err = fmt.Fprintf(f, format, args...)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("configure the demonstration: %w", err)
	}
	return nil
}
