package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
)

// home is an archive made for measuring.
type home struct {
	bin, dir, pass, key string
	accession           string
}

func (h home) command(args ...string) command {
	return command{args: append([]string{h.bin, "--home", h.dir, "--passphrase-file", h.pass, "--json"}, args...)}
}

// newHome makes an archive with an open accession, which both a passphrase and a key file open; nothing of it is timed.
func newHome(ctx context.Context, bin, at string) (home, error) {
	h := home{bin: bin, dir: filepath.Join(at, "home"), pass: filepath.Join(at, "passphrase"), key: filepath.Join(at, "key")}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return h, err
	}
	for name, text := range map[string]string{h.pass: secret, h.key: id.String()} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			return h, err
		}
	}
	if _, err := do(ctx, h.command("init", "--recipient", id.Recipient().String())); err != nil {
		return h, err
	}
	c := h.command("accession", "new", "--title", "Material for measurements")
	var out bytes.Buffer
	c.stdout = &out
	if _, err := do(ctx, c); err != nil {
		return h, err
	}
	var made struct{ ID string }
	if err := json.Unmarshal(out.Bytes(), &made); err != nil || made.ID == "" {
		return h, fmt.Errorf("accession new gave no id: %w", err)
	}
	h.accession = made.ID
	return h, nil
}

func (h home) ingest(ctx context.Context, from string) (sample, error) {
	return do(ctx, h.command("ingest", "--accession", h.accession, from))
}

// zapis is the contender that all this is about. Its ingest is timed from start to exit of the process, opening the
// vault with the passphrase included; it syncs and reads back before it ends.
func (b *bench) zapis(keep bool) contender {
	var h home
	return contender{
		name: "Zapis", about: "`zapis ingest`: hashed, sealed, recorded, synced and read back, the opening of the vault included; check: `zapis fixity check --all` with keys",
		prepare: func(ctx context.Context, at string) (err error) {
			h, err = newHome(ctx, b.bin, at)
			return err
		},
		take: func(ctx context.Context, _, from string) (sample, error) {
			s, err := h.ingest(ctx, from)
			if err == nil && keep {
				b.kept = h
			}
			return s, err
		},
		check: func(ctx context.Context, _, _ string) (sample, error) {
			return do(ctx, h.command("fixity", "check", "--all"))
		},
	}
}

// race lets contenders take in the same material in turn, round by round.
type race struct {
	take, check map[string][]sample
	log         []string
}

func (r *race) ratios(of map[string][]sample, name, base string) spread {
	var out spread
	for i, s := range of[name] {
		if i < len(of[base]) {
			out = append(out, s.Wall.Seconds()/of[base][i].Wall.Seconds())
		}
	}
	return out
}

func (r *race) walls(of map[string][]sample, name string) spread {
	var out spread
	for _, s := range of[name] {
		out = append(out, s.Wall.Seconds())
	}
	return out
}

func (b *bench) race(runners []contender, from set, rounds func(contender) int, check bool) (*race, error) {
	r := &race{take: map[string][]sample{}, check: map[string][]sample{}}
	for round := range b.sizes.rounds {
		for i := range runners {
			c := runners[(i+round)%len(runners)] // another one begins each round
			if round >= rounds(c) {
				continue
			}
			at, err := b.fresh("run")
			if err != nil {
				return nil, err
			}
			if err := c.prepare(b.ctx, at); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			b.cool()
			s, err := c.take(b.ctx, at, from.Dir)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			r.take[c.name] = append(r.take[c.name], s)
			line := fmt.Sprintf("round %d  %-14s take in %7s  processor %7s", round+1, c.name, seconds(s.Wall), seconds(s.CPU))
			if !c.many {
				line += "  memory " + text(float64(s.Peak)/(1<<20), "MiB")
			}
			if check {
				b.cool()
				s, err := c.check(b.ctx, at, from.Dir)
				if err != nil {
					return nil, fmt.Errorf("%s: check: %w", c.name, err)
				}
				r.check[c.name] = append(r.check[c.name], s)
				line += fmt.Sprintf("  check %7s", seconds(s.Wall))
			}
			r.log = append(r.log, line)
			b.say("   %s", line)
			if b.kept.dir != "" && strings.HasPrefix(b.kept.dir, at+string(filepath.Separator)) && round == b.sizes.rounds-1 {
				continue // the last one serves the parts that follow
			}
			if err := os.RemoveAll(at); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

// present keeps the peers that work here and names those that do not.
func (b *bench) present(rivals []contender) (ok []contender, out []figure) {
	for _, c := range rivals {
		err := c.peek(b.ctx, b.scratch)
		if err == nil {
			ok = append(ok, c)
			line := c.name + ": " + version(c.version[0], c.version[1:]...)
			if !strings.Contains(strings.Join(b.results.Tools, "\n"), line) {
				b.results.Tools = append(b.results.Tools, line)
			}
			continue
		}
		note := "not measured: it does not run here"
		if errors.Is(err, errMissing) {
			note = "not measured: not installed (`make setup-bench`)"
		}
		b.say("   %s: %v", c.name, err)
		out = append(out, figure{What: "Zapis / " + c.name, Value: "–", Note: note})
	}
	return ok, out
}

func (b *bench) ingestMixed(rivals []contender) (part, error) {
	from, err := b.mixedSet()
	if err != nil {
		return part{}, err
	}
	ok, absent := b.present(rivals)
	base := baseline()
	runners := append([]contender{base, b.zapis(true)}, ok...)
	r, err := b.race(runners, from, func(contender) int { return b.sizes.rounds }, true)
	if err != nil {
		return part{}, err
	}
	p := part{Title: fmt.Sprintf("Taking in %s (%s)", from.Name, bytesText(from.Bytes)), Rounds: r.log}
	for _, c := range runners {
		p.How = append(p.How, c.name+": "+c.about)
	}
	p.Figures = append(p.Figures, atMost(figure{What: "ingest / (cp + openssl dgst -sha256 + sync), " + from.Name}, r.ratios(r.take, "Zapis", base.name), "×", 1.5))
	for _, c := range ok {
		limit := 0.0
		if c.name == "restic" || c.name == "borg" {
			limit = 1
		}
		p.Figures = append(p.Figures, atMost(figure{What: "ingest / " + c.name}, r.ratios(r.take, "Zapis", c.name), "×", limit))
	}
	for _, c := range runners {
		p.Figures = append(p.Figures, atMost(figure{What: c.name + ": time to take in"}, r.walls(r.take, c.name), "s", 0))
	}
	for _, c := range runners {
		p.Figures = append(p.Figures, atMost(figure{What: c.name + ": time to check"}, r.walls(r.check, c.name), "s", 0))
	}
	mem, err := b.memory(from, r.take["Zapis"])
	if err != nil {
		return part{}, err
	}
	p.Figures = append(p.Figures, mem...)
	p.Figures = append(p.Figures, absent...)
	return p, nil
}

// memory gives two figures: of an ingest whose vault a key file opens, and of those timed, which a passphrase opens. The
// passphrase needs 128 MiB for about half a second by design (scrypt with work factor 17), whatever is done afterwards.
func (b *bench) memory(from set, timed []sample) ([]figure, error) {
	at, err := b.fresh("memory")
	if err != nil {
		return nil, err
	}
	h, err := newHome(b.ctx, b.bin, at)
	if err != nil {
		return nil, err
	}
	s, err := do(b.ctx, command{args: []string{h.bin, "--home", h.dir, "--key-file", h.key, "--json", "ingest", "--accession", h.accession, from.Dir}})
	if err != nil {
		return nil, err
	}
	whole := spread{float64(s.Peak) / (1 << 20)}
	var opening spread
	for range b.sizes.rounds {
		o, err := do(b.ctx, h.command("accession", "list"))
		if err != nil {
			return nil, err
		}
		opening = append(opening, o.Wall.Seconds())
	}
	var pass spread
	for _, x := range timed {
		pass = append(pass, float64(x.Peak)/(1<<20))
	}
	return []figure{
		atMost(figure{What: "resident memory at its highest during ingest, " + from.Name, Note: "VmHWM of the whole process, one run, vault opened by a key file"}, whole, "MiB", 256),
		atMost(figure{What: "the same, vault opened by a passphrase", Note: "scrypt takes 128 MiB for about half a second while the vault is opened"}, pass, "MiB", 0),
		atMost(figure{What: "opening vault and database with the passphrase", Note: "the same for any amount of material; part of every time above"}, opening, "s", 0),
	}, os.RemoveAll(at)
}

func (b *bench) ingestSingle(rivals []contender) (part, error) {
	from, err := b.singleSet()
	if err != nil {
		return part{}, err
	}
	var ok []contender
	var absent []figure
	if b.sizes.peersOnSingle {
		ok, absent = b.present(rivals)
	}
	base := baseline()
	runners := append([]contender{base, b.zapis(false)}, ok...)
	r, err := b.race(runners, from, func(c contender) int {
		if c.name == base.name || c.name == "Zapis" {
			return b.sizes.rounds
		}
		return 1
	}, false)
	if err != nil {
		return part{}, err
	}
	p := part{Title: fmt.Sprintf("Taking in %s", from.Name), Rounds: r.log, How: []string{"as above; the peers run once only"}}
	mem, err := b.memory(from, r.take["Zapis"])
	if err != nil {
		return part{}, err
	}
	p.Figures = append(p.Figures, atMost(figure{What: "ingest / (cp + openssl dgst -sha256 + sync), " + from.Name}, r.ratios(r.take, "Zapis", base.name), "×", 1.5))
	p.Figures = append(p.Figures, mem...)
	for _, c := range ok {
		limit := 0.0
		if c.name == "restic" || c.name == "borg" {
			limit = 1
		}
		p.Figures = append(p.Figures, atMost(figure{What: "ingest / " + c.name + ", " + from.Name}, r.ratios(r.take, "Zapis", c.name), "×", limit))
	}
	for _, c := range runners {
		p.Figures = append(p.Figures, atMost(figure{What: c.name + ": time to take in " + from.Name}, r.walls(r.take, c.name), "s", 0))
	}
	p.Figures = append(p.Figures, absent...)
	// The big file is not needed again and takes room.
	b.single = set{}
	return p, os.RemoveAll(from.Dir)
}

// keptHome gives a home that holds the mixed set, taking it in when no earlier part has.
func (b *bench) keptHome() (home, error) {
	if b.kept.dir != "" {
		return b.kept, nil
	}
	from, err := b.mixedSet()
	if err != nil {
		return home{}, err
	}
	at, err := b.fresh("kept")
	if err != nil {
		return home{}, err
	}
	h, err := newHome(b.ctx, b.bin, at)
	if err != nil {
		return home{}, err
	}
	if _, err := h.ingest(b.ctx, from.Dir); err != nil {
		return home{}, err
	}
	b.kept = h
	return h, nil
}

// fixity compares checking with reading the same files, and with reading and hashing them.
func (b *bench) fixity() (part, error) {
	h, err := b.keptHome()
	if err != nil {
		return part{}, err
	}
	from := b.mixed
	acts := []struct {
		name string
		run  func() (sample, error)
	}{
		{"read", func() (sample, error) { return readAll(b.ctx, from.Dir) }},
		{"read + hash", func() (sample, error) { return do(b.ctx, digests(from.Dir)) }},
		{"check without keys", func() (sample, error) {
			return do(b.ctx, command{args: []string{h.bin, "--home", h.dir, "--json", "fixity", "check", "--all", "--locked"}})
		}},
		{"check with keys", func() (sample, error) { return do(b.ctx, h.command("fixity", "check", "--all")) }},
	}
	r := race{check: map[string][]sample{}}
	for round := range b.sizes.rounds {
		for i := range acts {
			a := acts[(i+round)%len(acts)]
			b.cool()
			s, err := a.run()
			if err != nil {
				return part{}, fmt.Errorf("%s: %w", a.name, err)
			}
			r.check[a.name] = append(r.check[a.name], s)
			line := fmt.Sprintf("round %d  %-20s %7s  processor %7s", round+1, a.name, seconds(s.Wall), seconds(s.CPU))
			r.log = append(r.log, line)
			b.say("   %s", line)
		}
	}
	return part{
		Title: "Checking what is held (" + from.Name + ")",
		How: []string{
			"read: `cat` of all source files to /dev/null; read + hash: `openssl dgst -sha256` of all of them",
			"check without keys: `zapis fixity check --all --locked`, from the sums files alone; check with keys: `zapis fixity check --all`, the opening of the vault included",
		},
		Figures: []figure{
			atMost(figure{What: "fixity check without keys / reading the files"}, r.ratios(r.check, "check without keys", "read"), "×", 1.2),
			atMost(figure{What: "fixity check with keys / reading the files"}, r.ratios(r.check, "check with keys", "read"), "×", 2),
			atMost(figure{What: "fixity check without keys / reading + hashing"}, r.ratios(r.check, "check without keys", "read + hash"), "×", 0),
			atMost(figure{What: "fixity check with keys / reading + hashing"}, r.ratios(r.check, "check with keys", "read + hash"), "×", 0),
		},
		Rounds: r.log,
	}, nil
}
