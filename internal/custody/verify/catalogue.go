package verify

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// vouch is what an event says of a thing.
type vouch struct {
	kind, id string
	index    int64
	sha256   string // empty: only that it exists
	size     int64  // -1: not said
	object   string
}

// Types of events that bring a thing into the archive, by kind of thing.
var origins = []struct {
	kind  string
	types []string
}{
	{KindAccession, []string{"accession"}},
	{KindClosing, []string{"accession closing"}},
	{KindItem, []string{"ingestion"}},
	{KindDerivative, []string{"migration"}},
	{KindObject, []string{"accession closing", "dissemination", "ingestion", "migration"}},
}

// vouch notes what an event says of things in the catalogue.
func (c *checker) vouch(index int64, e event) {
	size := int64(-1)
	if text, ok := e.Detail["size"]; ok {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
			c.r.fail(CodeEventForm, fmt.Sprintf("opening %d", index), "the size in event %s is not a number", e.ID)
		} else {
			size = n
		}
	}
	for _, s := range e.Subjects {
		v := vouch{kind: s.Kind, id: s.ID, index: index, size: -1}
		full := false
		switch {
		case e.Outcome != "success":
		case s.Role == "outcome" && (e.Type == "ingestion" && s.Kind == KindItem || e.Type == "migration" && s.Kind == KindDerivative):
			v.sha256, v.size, v.object, full = e.Detail["sha256"], size, e.Detail["object"], true
		case s.Role == "outcome" && s.Kind == KindObject && (e.Type == "ingestion" || e.Type == "migration" || e.Type == "accession closing" ||
			e.Type == "dissemination"):
			v.sha256, v.size, full = e.Detail["sha256"], size, true
			if s.ID != e.Detail["object"] {
				c.r.fail(CodeEventForm, fmt.Sprintf("opening %d", index), "event %s names two objects", e.ID)
			}
		case e.Type == "accession closing" && s.Kind == KindAccession:
			v.sha256, v.object, full = e.Detail["sha256"], e.Detail["object"], true
		}
		if full && (v.sha256 == "" || size < 0) {
			c.r.fail(CodeEventForm, fmt.Sprintf("opening %d", index), "event %s does not state digest and size", e.ID)
			continue
		}
		switch s.Kind {
		case KindAccession, KindDerivative, KindItem, KindObject:
			c.vouches = append(c.vouches, v)
		}
	}
}

// flush holds what events said against the catalogue.
func (c *checker) flush(ctx context.Context) error {
	if err := c.flushSeals(ctx); err != nil {
		return err
	}
	if c.catalogue == nil || len(c.vouches) == 0 {
		return nil
	}
	for _, kind := range []string{KindAccession, KindDerivative, KindItem, KindObject} {
		var ids []string
		for _, v := range c.vouches {
			if v.kind == kind {
				ids = append(ids, v.id)
			}
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		if len(ids) == 0 {
			continue
		}
		held := make(map[string]Thing, len(ids))
		rows, err := c.catalogue.Things(ctx, kind, ids)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.r.fail(CodeUnreadable, kind, "rows named by leaves up to %d cannot be read: %v", c.vouches[len(c.vouches)-1].index, err)
			continue
		}
		for _, t := range rows {
			held[t.ID] = t
		}
		for _, v := range c.vouches {
			if v.kind != kind {
				continue
			}
			c.r.Compared++
			subject := kind + " " + v.id
			t, ok := held[v.id]
			switch {
			case !ok:
				c.r.fail(CodeNotHeld, subject, "event at leaf %d names it, the catalogue does not have it", v.index)
			case v.sha256 == "":
			case t.SHA256 != v.sha256:
				c.disagree(kind, t, CodeDiffers, subject, fmt.Sprintf("its digest is not the one in the event at leaf %d", v.index))
			case v.size >= 0 && t.Size != v.size:
				c.disagree(kind, t, CodeDiffers, subject, fmt.Sprintf("its size is not the one in the event at leaf %d", v.index))
			case v.object != "" && t.Object != v.object:
				c.disagree(kind, t, CodeDiffers, subject, fmt.Sprintf("its sealed object is not the one in the event at leaf %d", v.index))
			}
		}
	}
	c.vouches = c.vouches[:0]
	return nil
}

// disagree names a failure, or keeps it until it is known what was erased.
func (c *checker) disagree(kind string, t Thing, code, subject, text string) {
	if c.p != nil && (t.Erased || t.Clip || kind == KindAccession || kind == KindObject) {
		c.p.pending = append(c.p.pending, disagreement{kind, t, code, subject, text})
		return
	}
	c.r.fail(code, subject, "%s", text)
}

// unrecorded names what is held without an event that says how it came.
func (c *checker) unrecorded(ctx context.Context) error {
	if c.catalogue == nil {
		return nil
	}
	for _, o := range origins {
		for after := ""; ; {
			ids, err := c.catalogue.Unrecorded(ctx, o.kind, o.types, after, page)
			if err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				c.r.fail(CodeUnreadable, o.kind, "rows cannot be read: %v", err)
				break
			}
			if err := c.nameUnrecorded(ctx, o.kind, ids); err != nil {
				return err
			}
			if len(ids) < page {
				break
			}
			after = ids[len(ids)-1]
		}
	}
	return nil
}

// nameUnrecorded names things without an event, unless they were erased.
func (c *checker) nameUnrecorded(ctx context.Context, kind string, ids []string) error {
	things := map[string]Thing{}
	if c.p != nil && len(ids) > 0 && kind != KindAccession {
		from := kind
		if kind == KindClosing {
			from = KindAccession // the event of the closing goes with an item: it says what all its files are
		}
		rows, err := c.catalogue.Things(ctx, from, ids)
		if err != nil {
			return c.unreadable(ctx, kind, err)
		}
		for _, t := range rows {
			things[t.ID] = t
		}
	}
	for _, id := range ids {
		const text = "no event says how it came into the archive"
		if t, ok := things[id]; ok {
			if kind == KindClosing {
				c.disagree(KindAccession, t, CodeUnrecorded, kind+" "+id, text)
				continue
			}
			c.disagree(kind, t, CodeUnrecorded, kind+" "+id, text)
			continue
		}
		c.r.fail(CodeUnrecorded, kind+" "+id, text)
	}
	return nil
}
