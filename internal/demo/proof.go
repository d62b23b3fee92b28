package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zapis/internal/config"
	"zapis/internal/timestamp/authority"
	"zapis/internal/tlog/witness"
	"zapis/internal/web/asset"
)

// Names in the demonstration's folder that the end of the story makes.
const (
	partnersName = "partners" // other organisations: two witnesses and a time authority
	publicName   = "public"   // the transparency log, as any web server would serve it
	releaseName  = "release"  // what goes out: a clip, its proof, the check page
)

// logOrigin says that nothing was ever published under it.
const logOrigin = "demonstration.zapis.example/log"

// cadence of the demonstration's log. The first tick is due at once; a real log ticks once a day.
const cadence = 10 * time.Minute

// Proof says what was published, and where it can be checked.
type Proof struct {
	VerifierKey string   `json:"vkey"`
	Witnesses   []string `json:"witnesses"`
	Public      string   `json:"public"`  // folder of the published log
	Release     string   `json:"release"` // folder of the clip and its proof
	Clip        string   `json:"clip"`    // names in Release
	Bundle      string   `json:"bundle"`
	Scope       string   `json:"scope_bundle"`
	CheckPage   string   `json:"check_page"`      // empty if the pages are not built
	Roots       string   `json:"roots,omitempty"` // of the time authority; empty if there is none
	Try         []string `json:"try"`             // commands
}

// prove ends the story: the archive states how much it holds, publishes a clip, has other organisations confirm it, and
// somebody checks it who has nothing but the released files. A redacted clip is released with it; claim is what its text rests on.
func (d *demo) prove(ctx context.Context, accession string, lines []byte, claim string) (*Proof, *Released, error) {
	cut, err := chooseCut(accession, lines)
	if err != nil {
		return nil, nil, err
	}
	corridor, _, err := chooseSpans(accession, lines)
	if err != nil {
		return nil, nil, err
	}
	p := &Proof{Public: filepath.Join(d.Dir, publicName), Release: filepath.Join(d.Dir, releaseName), Clip: "clip.mp4", Bundle: "clip.proof.json", Scope: "scope.proof.json"}
	if err := os.MkdirAll(p.Release, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the folder of the release: %w", err)
	}
	d.env = append(d.env, "ZAPIS_LOG_EVERY="+cadence.String())
	out, err := d.zapis(ctx, "log", "init", "--origin", logOrigin)
	if err != nil {
		return nil, nil, err
	}
	var made struct{ VKey string }
	if err := lastObject(out, &made); err != nil || made.VKey == "" {
		return nil, nil, fmt.Errorf("log init: no key: %w", err)
	}
	p.VerifierKey = made.VKey
	d.say("# Two witnesses and a time authority of other organisations are played on 127.0.0.1.")
	stop, err := d.partners(p)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	clip := filepath.Join(p.Release, p.Clip)
	for _, args := range [][]string{
		{"scope", "publish", accession},
		{"clip", "make", cut.item, "--from", cut.from, "--to", cut.to, "--reason", "demonstration", "-o", clip},
	} {
		if out, err = d.zapis(ctx, args...); err != nil {
			return nil, nil, err
		}
	}
	var stated struct{ ID string }
	if err := lastObject(out, &stated); err != nil || stated.ID == "" {
		return nil, nil, fmt.Errorf("clip make: no clip: %w", err)
	}
	// Before the tick, which takes in whatever was stated; the next one is due in ten minutes.
	redacted, err := d.redact(ctx, corridor)
	if err != nil {
		return nil, nil, err
	}
	if _, err = d.zapis(ctx, "log", "tick"); err != nil {
		return nil, nil, err
	}
	if _, err = d.zapis(ctx, "proof", "scope", "-o", filepath.Join(p.Release, p.Scope)); err != nil {
		return nil, nil, err
	}
	if out, err = d.zapis(ctx, "proof", "clip", stated.ID, "-o", filepath.Join(p.Release, p.Bundle)); err != nil {
		return nil, nil, err
	}
	var evidence struct{ Cosignatures, Stamps int }
	if err := lastObject(out, &evidence); err != nil || evidence.Cosignatures < len(p.Witnesses) || p.Roots != "" && evidence.Stamps == 0 {
		return nil, nil, fmt.Errorf("proof clip: %d cosignatures and %d stamps: somebody did not answer", evidence.Cosignatures, evidence.Stamps)
	}
	if _, err := d.zapis(ctx, "log", "publish", p.Public); err != nil {
		return nil, nil, err
	}
	if page := asset.CheckPage(); page != nil {
		p.CheckPage = "check.html"
		if err := os.WriteFile(filepath.Join(p.Release, p.CheckPage), page, 0o600); err != nil {
			return nil, nil, fmt.Errorf("write the check page: %w", err)
		}
	}
	d.say("# Somebody who has only the released files, and the keys from elsewhere, checks them:")
	check := []string{"verify", filepath.Join(p.Release, p.Bundle), "--file", clip, "--key", p.VerifierKey}
	for _, w := range p.Witnesses {
		check = append(check, "--witness", w)
	}
	if p.Roots != "" {
		check = append(check, "--roots", p.Roots)
	}
	if err := d.plainly(ctx, check...); err != nil {
		return nil, nil, err
	}
	p.Try = tries(check, p)
	released, err := d.release(ctx, redacted, claim, p)
	if err != nil {
		return nil, nil, err
	}
	return p, released, nil
}

// plainly runs a command that needs no archive and shows what it says in plain words.
func (d *demo) plainly(ctx context.Context, args ...string) error {
	shown := make([]string, len(args))
	for i, a := range args {
		shown[i] = strings.TrimPrefix(a, d.Dir+string(filepath.Separator))
	}
	d.say("$ zapis %s", strings.Join(shown, " "))
	return d.step(args[0], func() error {
		cmd := exec.CommandContext(ctx, d.Program, args...)
		cmd.Dir, cmd.Env = d.Dir, Environment(os.Environ())
		var problems bytes.Buffer
		cmd.Stderr = &problems
		out, err := cmd.Output()
		plain, _, _ := strings.Cut(string(out), "\n\n") // what follows is for those who look closer
		for line := range strings.Lines(plain) {
			d.say("  %s", strings.TrimRight(line, "\n"))
		}
		if err != nil {
			return fmt.Errorf("zapis %s: %w: %s", args[0], err, lastLines(problems.String(), 3))
		}
		return nil
	})
}

// tries are the commands for a person to type.
func tries(check []string, p *Proof) []string {
	quoted := make([]string, len(check))
	for i, a := range check {
		if strings.ContainsAny(a, " +/") {
			a = "'" + a + "'"
		}
		quoted[i] = a
	}
	out := []string{
		"zapis " + strings.Join(quoted, " "),
		"python3 tools/verify.py '" + filepath.Join(p.Release, p.Bundle) + "' --file '" + filepath.Join(p.Release, p.Clip) + "'",
		"zapis log verify --dir '" + p.Public + "'",
	}
	if p.CheckPage != "" {
		out = append(out, "open '"+filepath.Join(p.Release, p.CheckPage)+"' in a browser with the network off, and drop the clip and its proof on it")
	}
	return out
}

// partners plays the other organisations until stop is called. They listen on this machine only.
func (d *demo) partners(p *Proof) (stop func(), err error) {
	dir := filepath.Join(d.Dir, partnersName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the partners' folder: %w", err)
	}
	var closers []func() error
	stop = func() {
		for i := len(closers) - 1; i >= 0; i-- {
			_ = closers[i]() // loopback, and nothing that is kept
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	serve := func(h http.Handler) (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("play a partner: %w", err)
		}
		s := witness.NewServer(h)
		closers = append(closers, s.Close)
		go func() { _ = s.Serve(l) }()
		return "http://" + l.Addr().String(), nil
	}
	var asked []string
	for _, name := range []string{"first", "second"} {
		home := filepath.Join(dir, "witness-"+name)
		vkey, err := witness.Create(home, name+".partner.example/witness", witness.Options{})
		if err != nil {
			return nil, fmt.Errorf("play a partner: %w", err)
		}
		w, err := witness.Open(home, witness.Options{})
		if err != nil {
			return nil, fmt.Errorf("play a partner: %w", err)
		}
		closers = append(closers, w.Close)
		if err := w.Add(witness.Log{Keys: []string{p.VerifierKey}, Every: -1}); err != nil {
			return nil, fmt.Errorf("play a partner: %w", err)
		}
		address, err := serve(w.Handler(slog.New(slog.DiscardHandler)))
		if err != nil {
			return nil, err
		}
		p.Witnesses = append(p.Witnesses, vkey)
		asked = append(asked, vkey+"@"+address)
	}
	d.env = append(d.env, "ZAPIS_WITNESSES="+strings.Join(asked, " "))
	home := filepath.Join(dir, "time-authority")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("play a time authority: %w", err)
	}
	a, err := authority.New(home, authority.Options{Name: "Time authority of the demonstration"})
	if errors.Is(err, authority.ErrNoOpenSSL) {
		d.say("# openssl is not installed, so there is no time authority.")
		return stop, nil
	}
	if err != nil {
		return nil, fmt.Errorf("play a time authority: %w", err)
	}
	address, err := serve(a)
	if err != nil {
		return nil, err
	}
	p.Roots = a.RootsFile()
	d.env = append(d.env, "ZAPIS_TIME_AUTHORITIES=demonstration="+address, "ZAPIS_TIME_ROOTS="+p.Roots)
	// The served archive reads the stored tokens again; it asks nobody, because nobody of these will be there.
	f, err := os.OpenFile(filepath.Join(d.home(), config.Name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("configure the demonstration: %w", err)
	}
	_, err = fmt.Fprintf(f, "time_roots = %q\n", p.Roots)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("configure the demonstration: %w", err)
	}
	return stop, nil
}

// cut is what the clip is made of.
type cut struct{ item, from, to string }

// chooseCut takes a stretch out of the largest recording of the accession: it is synthetic, and harmless to look at. The longest one will not
// do, since a recorder whose clock jumps by an hour makes an hour with nothing in it.
func chooseCut(accession string, lines []byte) (cut, error) {
	var best struct {
		ID, Accession, Kind, State string
		MS, Bytes                  int64
	}
	for raw := range bytes.Lines(lines) {
		it := best
		it.ID, it.MS, it.Bytes = "", 0, 0
		if err := json.Unmarshal(raw, &it); err != nil {
			return cut{}, fmt.Errorf("item list: %w", err)
		}
		if it.Accession == accession && it.Kind == "video" && it.State == "ready" && it.MS >= 2000 && it.Bytes > best.Bytes {
			best = it
		}
	}
	if best.MS < 2000 {
		return cut{}, errors.New("choose a recording for the clip: none is long enough")
	}
	from := best.MS / 4
	to := min(from+8000, best.MS-500)
	at := func(ms int64) string { return fmt.Sprintf("%d.%03d", ms/1000, ms%1000) }
	return cut{best.ID, at(from), at(to)}, nil
}
