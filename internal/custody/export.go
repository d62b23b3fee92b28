package custody

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"zapis/internal/store"
	"zapis/internal/tlog"
)

// ExportTx is what an export needs of a transaction; *store.Tx has it.
type ExportTx interface {
	Head(ctx context.Context, lock bool) (size int64, err error)
	Openings(ctx context.Context, from int64, limit int) ([]store.Opening, error)
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
	Checkpoints(ctx context.Context) ([]store.Checkpoint, error)
}

// erasedTx is what a record from which openings were erased needs besides; *store.Tx has it.
type erasedTx interface {
	ErasedOpenings(ctx context.Context) (map[int64]string, error)
	Leaves(ctx context.Context, from int64, limit int) ([][]byte, error)
}

// Export writes the whole record, one snapshot of it, as JSON lines: a record line, the checkpoints, the events, an end
// line (docs/design/custody-record.md, "Export"). It opens every event to whoever reads it: identifiers, digests, times
// and reasons. It writes what is there, damaged or not; verify.VerifyExport judges.
func Export(ctx context.Context, db *store.DB, w io.Writer) error {
	return db.Read(ctx, func(tx *store.Tx) error { return ExportFrom(ctx, tx, w) })
}

const exportPage = 500

// ExportFrom is Export within a transaction.
func ExportFrom(ctx context.Context, tx ExportTx, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	size, err := tx.Head(ctx, false)
	if err != nil {
		return fmt.Errorf("export: head: %w", err)
	}
	checkpoints, err := tx.Checkpoints(ctx)
	if err != nil {
		return fmt.Errorf("export: checkpoints: %w", err)
	}
	origin := ""
	if n := len(checkpoints); n > 0 {
		origin, _, _ = strings.Cut(string(checkpoints[n-1].Note), "\n")
	}
	type recordLine struct {
		Type    string `json:"type"`
		Version string `json:"version"`
		Origin  string `json:"origin"`
		Size    int64  `json:"size"`
	}
	if err := enc.Encode(recordLine{"record", "1", origin, size}); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	type checkpointLine struct {
		Type string `json:"type"`
		Size int64  `json:"size"`
		Root string `json:"root"`
		Note string `json:"note"`
	}
	for _, c := range checkpoints {
		if err := enc.Encode(checkpointLine{"checkpoint", c.Size, hex.EncodeToString(c.Root), string(c.Note)}); err != nil {
			return fmt.Errorf("export: checkpoint %d: %w", c.Size, err)
		}
	}
	type eventLine struct {
		Type       string `json:"type"`
		Index      int64  `json:"index"`
		Salt       string `json:"salt"`
		Commitment string `json:"commitment"`
		Event      string `json:"event"`
	}
	type erasedLine struct {
		Type       string `json:"type"`
		Index      int64  `json:"index"`
		Commitment string `json:"commitment"`
		Erasure    string `json:"erasure"`
	}
	gone := map[int64]string{}
	erased, _ := tx.(erasedTx)
	if erased != nil {
		if gone, err = erased.ErasedOpenings(ctx); err != nil {
			return fmt.Errorf("export: erased openings: %w", err)
		}
	}
	// missing writes what is left of the openings from one index up to another: their commitments, if they were erased. An
	// opening that is missing for another reason stays missing.
	missing := func(from, to int64) error {
		for index := from; index < to && len(gone) > 0; index++ {
			erasure, ok := gone[index]
			if !ok {
				continue
			}
			leaf, err := erased.Leaves(ctx, index, 1)
			if err != nil {
				return fmt.Errorf("export: event %d: %w", index, err)
			}
			if len(leaf) == 0 {
				continue
			}
			if err := enc.Encode(erasedLine{"erased", index, hex.EncodeToString(leaf[0]), erasure}); err != nil {
				return fmt.Errorf("export: event %d: %w", index, err)
			}
		}
		return nil
	}
	next := int64(0)
	for from := int64(0); ; {
		page, err := tx.Openings(ctx, from, exportPage)
		if err != nil {
			return fmt.Errorf("export: events from %d: %w", from, err)
		}
		for _, o := range page {
			if err := missing(next, o.Index); err != nil {
				return err
			}
			next = o.Index + 1
			line := eventLine{"event", o.Index, hex.EncodeToString(o.Salt), hex.EncodeToString(o.Commitment), base64.StdEncoding.EncodeToString(o.Event)}
			if err := enc.Encode(line); err != nil {
				return fmt.Errorf("export: event %d: %w", o.Index, err)
			}
		}
		if len(page) < exportPage {
			break
		}
		from = page[len(page)-1].Index + 1
	}
	if err := missing(next, size); err != nil {
		return err
	}
	root, err := tlog.Root(size, hashReader(ctx, tx))
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	type endLine struct {
		Type        string `json:"type"`
		Size        int64  `json:"size"`
		Checkpoints int    `json:"checkpoints"`
		Root        string `json:"root"`
	}
	if err := enc.Encode(endLine{"end", size, len(checkpoints), hex.EncodeToString(root[:])}); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}
