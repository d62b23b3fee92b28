package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/proof"
)

type clipCmd struct {
	Make clipMakeCmd `cmd:"" help:"Cut a clip out of originals, for publication, and state it in the transparency log."`
	List clipListCmd `cmd:"" help:"List the clips that were stated."`
	Get  clipGetCmd  `cmd:"" help:"Write the file of a clip once more."`
}

type clipJSON struct {
	ID           string `json:"id"`
	Number       int64  `json:"number"`
	Scope        string `json:"scope"`
	SHA256       string `json:"sha256"`
	Bytes        int64  `json:"bytes"`
	Milliseconds int64  `json:"milliseconds"`
	ReleasedMS   int64  `json:"released_ms"`
	Statement    string `json:"statement_sha256"`
	StatedOn     string `json:"stated_on"`
	Sources      int    `json:"sources"`
	Segments     int    `json:"segments"`
	InLog        bool   `json:"in_log"`
}

func clipOf(c proof.Clip) clipJSON {
	sum := c.Clip.SHA256
	return clipJSON{
		ID: c.ID, Number: c.Number, Scope: c.Scope, SHA256: hex.EncodeToString(sum[:]), Bytes: c.Bytes, Milliseconds: c.Milliseconds, ReleasedMS: c.ReleasedMS,
		Statement: hex.EncodeToString(c.SHA256[:]), StatedOn: c.Statement.StatedOn, Sources: len(c.Statement.Sources), Segments: c.Segments, InLog: c.Tick >= 0,
	}
}

type clipMakeCmd struct {
	Item   string   `arg:"" optional:"" help:"Identifier or reference of the item."`
	From   string   `help:"Where the cut begins: 12.5, 1:02 or 0:01:02.5." placeholder:"TIME"`
	To     string   `help:"Where the cut ends." placeholder:"TIME"`
	Cut    []string `help:"Instead of the above, and more than once: ITEM:FROM-TO, in order of play." placeholder:"CUT"`
	Out    string   `short:"o" required:"" help:"File to write, which must not be there." placeholder:"FILE"`
	Scope  string   `help:"Identifier of the scope that the clip counts against; by default the newest that contains its items and has clips, or else the newest." placeholder:"ID"`
	Reason string   `required:"" help:"Why it is published. Kept for ever in the custody record; name no people."`
	Height int      `help:"Most lines of the picture." default:"720"`
}

func (c *clipMakeCmd) Run(k *call) error {
	cuts, err := c.cuts()
	if err != nil {
		return err
	}
	if c.Height < 16 || c.Height > 2160 {
		return fmt.Errorf("%w: a height from 16 to 2160", app.ErrUsage)
	}
	// Refused before anything is rendered and stated; createNew makes sure again.
	if _, err := os.Lstat(c.Out); err == nil {
		return archive.Explain(fmt.Errorf("write file: %w", archive.ErrExists), "A file of that name is there already.", "Move it away or name another one with -o.")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return withoutPath("write file", err)
	}
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		made, err := a.Proof.MakeClip(k.ctx, operator(a), proof.MakeClip{Cuts: cuts, Scope: c.Scope, Reason: c.Reason, MaxHeight: c.Height})
		if err != nil {
			return err
		}
		if err := k.writeClip(a, made.ID, c.Out); err != nil {
			return err
		}
		if k.JSON {
			k.json(clipOf(made))
			return nil
		}
		k.say("%s, %s, %s: clip %d of its scope, stated as %s.", made.ID, length(made.Milliseconds), size(made.Bytes), made.Number, hex.EncodeToString(made.SHA256[:]))
		k.say("It names %d segments of %d items. It goes into the transparency log with the next tick; then: zapis proof clip %s -o FILE", made.Segments, len(made.Statement.Sources), made.ID)
		k.say("Publish the file as it is: another one, even if it looks the same, does not match its proof.")
		return nil
	})
}

func (k *call) writeClip(a *app.App, id, name string) error {
	err := createNew(name, func(w io.Writer) error { return a.Proof.WriteClip(k.ctx, operator(a), id, w) })
	if err != nil {
		return archive.Explain(err, "The clip is stated, but its file could not be written.", "Write it with: zapis clip get "+id+" -o FILE")
	}
	return nil
}

// cuts reads what to cut.
func (c *clipMakeCmd) cuts() ([]proof.CutOf, error) {
	if (c.Item == "") == (len(c.Cut) == 0) || (c.Item != "") != (c.From != "" && c.To != "") {
		return nil, fmt.Errorf("%w: an item with --from and --to, or --cut ITEM:FROM-TO", app.ErrUsage)
	}
	if c.Item != "" {
		cut, err := cutOf(c.Item, c.From, c.To)
		return []proof.CutOf{cut}, err
	}
	var out []proof.CutOf
	for _, text := range c.Cut {
		item, times, ok := strings.Cut(text, ":")
		from, to, ok2 := strings.Cut(times, "-")
		if !ok || !ok2 {
			return nil, fmt.Errorf("%w: a cut is ITEM:FROM-TO", app.ErrUsage)
		}
		cut, err := cutOf(item, from, to)
		if err != nil {
			return nil, err
		}
		out = append(out, cut)
	}
	return out, nil
}

func cutOf(item, from, to string) (proof.CutOf, error) {
	begin, err := moment(from)
	if err != nil {
		return proof.CutOf{}, err
	}
	end, err := moment(to)
	if err != nil {
		return proof.CutOf{}, err
	}
	if end <= begin {
		return proof.CutOf{}, fmt.Errorf("%w: a cut ends after it begins", app.ErrUsage)
	}
	return proof.CutOf{Item: item, From: begin, To: end}, nil
}

// moment reads seconds, minutes:seconds or hours:minutes:seconds, to the millisecond.
func moment(text string) (time.Duration, error) {
	bad := fmt.Errorf("%w: a time is 12.5, 1:02 or 0:01:02.5", app.ErrUsage)
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return 0, bad
	}
	total := 0.0
	for i, p := range parts {
		// No signs, no exponents, none of the words that a float may be.
		if p == "" || strings.Trim(p, "0123456789.") != "" || i < len(parts)-1 && strings.Contains(p, ".") {
			return 0, bad
		}
		v, err := strconv.ParseFloat(p, 64)
		if err != nil || i > 0 && v >= 60 {
			return 0, bad
		}
		total = total*60 + v
	}
	if total > 1e6 {
		return 0, bad
	}
	return time.Duration(math.Round(total*1000)) * time.Millisecond, nil
}

type clipListCmd struct {
	Scope string `help:"Only those of this scope." placeholder:"ID"`
}

func (c *clipListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		list, err := a.Proof.Clips(k.ctx, operator(a), c.Scope)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, x := range list {
				if k.JSON {
					k.json(clipOf(x))
					continue
				}
				state := "waits for the next tick"
				if x.Tick >= 0 {
					state = fmt.Sprintf("in the log at %d", x.Tick)
				}
				fmt.Fprintf(w, "%s\tnumber %d\t%s\t%s\t%s\t%s\n", x.ID, x.Number, x.Statement.StatedOn, length(x.Milliseconds), size(x.Bytes), state)
			}
		})
	})
}

type clipGetCmd struct {
	Clip string `arg:"" help:"Identifier of the clip."`
	Out  string `short:"o" required:"" help:"File to write, which must not be there." placeholder:"FILE"`
}

func (c *clipGetCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		return createNew(c.Out, func(w io.Writer) error { return a.Proof.WriteClip(k.ctx, operator(a), c.Clip, w) })
	})
}
