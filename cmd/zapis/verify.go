package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/verify"
)

type verifyCmd struct {
	Bundle  string   `arg:"" help:"The proof bundle; - for standard input."`
	File    string   `help:"The clip or the item that the bundle is about." placeholder:"FILE"`
	Key     []string `sep:"none" help:"Verifier key of the transparency log, or a file with it, got from elsewhere than the bundle. May be given several times." placeholder:"KEY"`
	Witness []string `sep:"none" help:"Verifier key of a witness you trust, or a file with it. May be given several times." placeholder:"KEY"`
	Quorum  int      `help:"How many of these witnesses must have signed; by default all of them." placeholder:"K"`
	Roots   string   `help:"Root certificates of time authorities, as PEM." placeholder:"PEM"`
}

// Help is shown by --help.
func (c *verifyCmd) Help() string {
	return "Needs no archive, no vault and no network. Exit codes: 0 the bundle holds, 20 it is refused, 1 something cannot be read, 2 usage."
}

// maxBundle is one byte more than a bundle may have: the rest of a longer file need not be read to refuse it.
const maxBundle = 16<<20 + 1

// A watchedReader keeps the error of what it reads from, so that a disk that fails is not taken for another file.
type watchedReader struct {
	in  io.Reader
	err error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}

func (c *verifyCmd) Run(k *call) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	raw, err := k.readBundle(c.Bundle)
	if err != nil {
		return err
	}
	var file *watchedReader
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return withoutPath("open file", err)
		}
		defer f.Close()
		file = &watchedReader{in: interruptReader{k, f}}
		o.File = file
	}
	r := verify.Verify(raw, o)
	if file != nil && file.err != nil {
		return withoutPath("read file", file.err)
	}
	if k.JSON {
		k.json(r)
	} else {
		k.tellReport(r, len(o.Witnesses), o.Roots != nil)
	}
	if !r.OK {
		return archive.Explain(fmt.Errorf("check bundle: step %s: %w", r.Failed, app.ErrNotVerified), "The bundle is refused.", refusalAdvice(r.Failed))
	}
	return nil
}

// interruptReader ends a long read when the person has asked for it.
type interruptReader struct {
	k  *call
	in io.Reader
}

func (r interruptReader) Read(p []byte) (int, error) {
	if err := r.k.ctx.Err(); err != nil {
		return 0, err
	}
	return r.in.Read(p)
}

func (k *call) readBundle(name string) ([]byte, error) {
	in := k.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, withoutPath("open bundle", err)
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxBundle))
	if err != nil {
		return nil, withoutPath("read bundle", err)
	}
	return raw, nil
}

// options reads what was given from elsewhere. A key that is none is the caller's mistake, not the bundle's.
func (c *verifyCmd) options() (o verify.Options, err error) {
	for _, arg := range c.Key {
		key, err := keyText(arg)
		if err != nil {
			return o, err
		}
		if err := verify.CheckVerifierKey(key, false); err != nil {
			return o, fmt.Errorf("%w: --key: %w", app.ErrUsage, err)
		}
		o.Keys = append(o.Keys, key)
	}
	for _, arg := range c.Witness {
		key, err := keyText(arg)
		if err != nil {
			return o, err
		}
		if err := verify.CheckVerifierKey(key, true); err != nil {
			return o, fmt.Errorf("%w: --witness: %w", app.ErrUsage, err)
		}
		o.Witnesses = append(o.Witnesses, key)
	}
	distinct := len(slices.Compact(slices.Sorted(slices.Values(o.Witnesses))))
	if c.Quorum < 0 || c.Quorum > distinct {
		return o, fmt.Errorf("%w: --quorum is from 1 to the number of witnesses given, which is %d", app.ErrUsage, distinct)
	}
	o.Quorum = c.Quorum
	if c.Roots != "" {
		pem, err := os.ReadFile(c.Roots)
		if err != nil {
			return o, withoutPath("read roots", err)
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(pem) {
			return o, fmt.Errorf("%w: --roots holds no certificate in PEM", app.ErrUsage)
		}
	}
	return o, nil
}

// refusalAdvice says what a refusal can mean and whom to ask.
func refusalAdvice(step string) string {
	switch step {
	case verify.StepFormat:
		return "It is not a proof bundle, or it was damaged or changed on the way. Fetch it again from the publisher."
	case verify.StepKeys:
		return "It belongs to another transparency log than you expect, or one of the keys you gave is not the right one. Ask the publisher, on another way, for their key."
	case verify.StepSignature:
		return "It was changed after it was signed, or somebody else made it. Fetch it again from the publisher."
	case verify.StepWitnesses:
		return "A cosignature is false, or those you trust did not all sign. Ask the witnesses what they have seen."
	case verify.StepTime:
		return "A time stamp is false, is over something else, or ends in another root than you gave. Do not rely on any date in it."
	case verify.StepFile:
		return "The bundle itself holds; the file is not the one it is about. Copies that were converted or shortened have other bytes: get the published file itself."
	}
	return "Whoever made it signed something that does not hold. Ask the publisher, and do not rely on it until they have answered."
}

// tellReport says in plain words what a bundle shows, then the details.
func (k *call) tellReport(r verify.Report, witnesses int, roots bool) {
	if !r.OK {
		last := r.Steps[len(r.Steps)-1]
		k.say("REFUSED at step %s: %s.", r.Failed, plain(last.Text))
		k.tellSteps(r)
		return
	}
	f := r.Facts
	switch r.Kind {
	case verify.KindClip:
		if f.File == "checked" {
			k.say("The file is the one that was published%s.", proviso(f))
		} else {
			k.say("The bundle holds. The clip itself was not compared: give it with --file. Its SHA-256 is to be %s.", f.Clip.SHA256)
		}
	case verify.KindItem:
		if f.File == "checked" {
			k.say("The file is the one that was taken into the archive%s.", proviso(f))
		} else {
			k.say("The bundle holds. The item itself was not compared: give it with --file. Its SHA-256 is to be %s.", f.Item.SHA256)
		}
	case verify.KindScope:
		k.say("The bundle holds.")
	}
	for _, e := range f.Existed {
		k.tellExistence(e, f, witnesses, roots)
	}
	if s := f.Scope; s != nil {
		k.say("The archive says: %s, %s, %s in %s%s. These totals were sealed and cannot be changed any more.", many(s.Files, "file"), size(s.Bytes), playTime(s.Milliseconds),
			many(int64(s.Accessions), "accession"), unmeasured(s.Unmeasured))
	}
	if c := f.Clip; c != nil {
		k.say("The publisher states that the clip is cut from %s of this sealed archive (%s of original bytes named).", many(int64(c.Sources), "item"), many(int64(c.Segments), "segment"))
		if f.Scope.Milliseconds > 0 {
			k.say("Its cuts are %s of %s: %s. With this one, says the publisher, the clips published so far come to %s: %s.", playTime(c.CutMS), playTime(f.Scope.Milliseconds), percent(c.Share),
				playTime(c.ReleasedMS), percent(c.Released))
		}
	}
	if it := f.Item; it != nil {
		k.say("%s were recorded as received; the archive dates that %s.", size(it.Size), plain(it.Time))
	}
	k.tellKeys(f)
	k.say("This does not show that the footage is true, nor what the sealed originals look like.")
	k.tellDetails(f)
	k.tellSteps(r)
}

func (k *call) tellExistence(e verify.ExistenceFact, f *verify.Facts, witnesses int, roots bool) {
	what := map[string]string{
		verify.KindClip: "The statement about the clip", verify.KindScope: "The statement about the archive", verify.KindItem: "The record that the item was received",
	}[e.What]
	switch {
	case e.Who == verify.WhoWitnesses && f.Quorum == witnesses:
		k.say("%s was in the transparency log by %s, say %s you trust.", what, day(e.By), all(witnesses))
	case e.Who == verify.WhoWitnesses:
		k.say("%s was in the transparency log by %s, say at least %d of the %d witnesses you trust.", what, day(e.By), f.Quorum, witnesses)
	case !e.By.IsZero():
		k.say("%s was in the transparency log by %s, says the time authority %s.", what, day(e.By), plain(e.Who))
	case witnesses == 0 && !roots:
		k.say("%s is in the transparency log. Since when, nobody says whom you gave: give witnesses (--witness) or roots of time authorities (--roots).", what)
	default:
		k.say("%s is in the transparency log. Since when, nobody says whom you gave.", what)
	}
}

func (k *call) tellKeys(f *verify.Facts) {
	last := f.Keys[len(f.Keys)-1]
	if compared(f) {
		k.say("It is the transparency log whose key you gave.")
		return
	}
	k.say("NOT COMPARED: the key of the transparency log comes from the bundle itself, and anybody can make a key. Ask the publisher on another way whether")
	k.say("this is theirs, or give theirs with --key. Its fingerprint is %s", fingerprint(last.Fingerprint))
}

func (k *call) tellDetails(f *verify.Facts) {
	k.say("")
	k.say("Transparency log  %s", plain(f.Origin))
	for _, key := range f.Keys {
		k.say("  key  %s", plain(key.VerifierKey))
	}
	for _, c := range f.Checkpoints {
		k.say("Checkpoint of %d  root %s", c.Size, c.Root)
		for _, s := range c.Cosignatures {
			w := f.Witnesses[s.Witness]
			k.say("  witness %s  %s  %s", plain(w.Name), when(s.Time), given(w.Given, "you gave it", "not one you gave"))
		}
		for _, s := range c.Stamps {
			switch {
			case s.Kind == verify.KindRFC3161:
				k.say("  time authority %s  %s  %s", plain(s.Authority), when(s.Time), given(s.Checked, "ends in a root you gave", "not checked: no root given"))
			case s.Pending:
				k.say("  OpenTimestamps  open: only the word of a calendar")
			default:
				k.say("  OpenTimestamps  open: Bitcoin block %d must have the Merkle root %s", s.Block, s.Root)
			}
		}
	}
	if s := f.Scope; s != nil {
		k.say("Scope  %s  sealed on %s, says the archive", s.Statement, s.SealedOn)
	}
	if c := f.Clip; c != nil {
		k.say("Clip   %s  number %d, stated on %s, says the archive; SHA-256 %s, %d bytes, %s", c.Statement, c.Number, c.StatedOn, c.SHA256, c.Bytes, playTime(c.Milliseconds))
		for _, f := range c.Files {
			k.say("  made with it  SHA-256 %s, %d bytes", f.SHA256, f.Bytes)
		}
	}
	if it := f.Item; it != nil {
		k.say("Item   SHA-256 %s, %d bytes; event %s, leaf %d of the custody record", it.SHA256, it.Size, plain(it.Event), it.Place)
	}
}

func (k *call) tellSteps(r verify.Report) {
	k.say("")
	_ = k.table(func(w io.Writer) {
		for _, s := range r.Steps {
			fmt.Fprintf(w, "%s\t%s\t%s\n", s.State, s.Name, plain(s.Text))
		}
	})
}

// compared says whether a key of the transparency log was given from elsewhere.
func compared(f *verify.Facts) bool {
	return slices.ContainsFunc(f.Keys, func(key verify.KeyFact) bool { return key.Given })
}

// proviso keeps the first sentence from saying more than was checked.
func proviso(f *verify.Facts) string {
	if compared(f) {
		return ""
	}
	return ", if the key below is the publisher's"
}

func given(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func all(n int) string {
	if n == 1 {
		return "the witness"
	}
	return fmt.Sprintf("%d of %d witnesses", n, n)
}

func many(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func unmeasured(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %s without a known duration counted as 0 s", many(n, "file"))
}

// day is a date for people; a date is what a proof of age is about.
func day(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// playTime writes milliseconds for people.
func playTime(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case ms >= 365*24*3600*1000: // beyond this a Duration could run over; nobody reads minutes there
		return fmt.Sprintf("%d h", ms/3600_000)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", int64(d.Hours()), int64(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", int64(d.Minutes()), int64(d.Seconds())%60)
	}
	return fmt.Sprintf("%d.%d s", ms/1000, ms%1000/100)
}

func percent(share float64) string {
	text := fmt.Sprintf("%.3f", 100*share)
	if text == "0.000" {
		return "less than 0.001 %"
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".") + " %"
}

// fingerprint cuts hexadecimal into groups that can be read aloud.
func fingerprint(hex string) string {
	var groups []string
	for g := range slices.Chunk([]byte(hex), 8) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, " ")
}
