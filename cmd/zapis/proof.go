package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"

	"zapis/internal/app"
	"zapis/internal/proof"
)

type proofCmd struct {
	Scope proofScopeCmd `cmd:"" help:"Write the proof bundle of a stated scope."`
	Clip  proofClipCmd  `cmd:"" help:"Write the proof bundle of a clip."`
	Item  proofItemCmd  `cmd:"" help:"Write a proof bundle that opens one item, for a court. The reason is recorded first."`
}

// bundle writes a bundle to a new file and says what it shows.
func (k *call) bundle(name string, build func(*app.App) (proof.Bundle, error)) error {
	return k.with(app.Options{}, func(a *app.App) error {
		b, err := build(a)
		if err != nil {
			return err
		}
		if err := createNew(name, func(w io.Writer) error { _, err := w.Write(b.Raw); return err }); err != nil {
			return err
		}
		f := b.Report.Facts
		stamps, cosigned := 0, 0
		for _, c := range f.Checkpoints {
			stamps += len(c.Stamps)
			cosigned += len(c.Cosignatures)
		}
		if k.JSON {
			sum := sha256.Sum256(b.Raw)
			k.json(map[string]any{
				"kind": b.Report.Kind, "bytes": len(b.Raw), "sha256": hex.EncodeToString(sum[:]), "origin": f.Origin, "checkpoints": len(f.Checkpoints),
				"cosignatures": cosigned, "stamps": stamps, "key": f.Keys[len(f.Keys)-1].VerifierKey,
			})
			return nil
		}
		k.say("%s, checked before it was written: %d checkpoints, %d cosignatures, %d stamps.", size(int64(len(b.Raw))), len(f.Checkpoints), cosigned, stamps)
		if cosigned == 0 && stamps == 0 {
			k.say("Nobody outside has signed or stamped these checkpoints yet: the bundle proves no date to others. See zapis log status.")
		}
		k.say("Whoever gets it checks it with zapis verify, tools/verify.py or the check page, against this key, which they need from elsewhere:")
		k.say("  %s", f.Keys[len(f.Keys)-1].VerifierKey)
		return nil
	})
}

type proofScopeCmd struct {
	Scope string `arg:"" optional:"" help:"Identifier of the scope; by default the newest in the log."`
	Out   string `short:"o" required:"" help:"File to write, which must not be there." placeholder:"FILE"`
}

func (c *proofScopeCmd) Run(k *call) error {
	return k.bundle(c.Out, func(a *app.App) (proof.Bundle, error) { return a.Proof.ScopeBundle(k.ctx, operator(a), c.Scope) })
}

type proofClipCmd struct {
	Clip string `arg:"" help:"Identifier of the clip."`
	Out  string `short:"o" required:"" help:"File to write, which must not be there." placeholder:"FILE"`
}

func (c *proofClipCmd) Run(k *call) error {
	return k.bundle(c.Out, func(a *app.App) (proof.Bundle, error) { return a.Proof.ClipBundle(k.ctx, operator(a), c.Clip) })
}

type proofItemCmd struct {
	Item    string  `arg:"" help:"Identifier or reference of the item."`
	Out     string  `short:"o" required:"" help:"File to write, which must not be there." placeholder:"FILE"`
	Reason  string  `required:"" help:"Why it is opened. Kept for ever in the custody record; name no people."`
	Segment []int64 `help:"Open these proof segments as well, from 0." placeholder:"N"`
}

func (c *proofItemCmd) Run(k *call) error {
	return k.bundle(c.Out, func(a *app.App) (proof.Bundle, error) {
		return a.Proof.ItemBundle(k.ctx, operator(a), proof.ItemProof{Item: c.Item, Segments: c.Segment, Reason: c.Reason})
	})
}
