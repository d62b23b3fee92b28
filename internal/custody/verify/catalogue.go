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
	{KindObject, []string{"accession closing", "ingestion", "migration"}},
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
		case s.Role == "outcome" && s.Kind == KindObject && (e.Type == "ingestion" || e.Type == "migration" || e.Type == "accession closing"):
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
				c.r.fail(CodeDiffers, subject, "its digest is not the one in the event at leaf %d", v.index)
			case v.size >= 0 && t.Size != v.size:
				c.r.fail(CodeDiffers, subject, "its size is not the one in the event at leaf %d", v.index)
			case v.object != "" && t.Object != v.object:
				c.r.fail(CodeDiffers, subject, "its sealed object is not the one in the event at leaf %d", v.index)
			}
		}
	}
	c.vouches = c.vouches[:0]
	return nil
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
			for _, id := range ids {
				c.r.fail(CodeUnrecorded, o.kind+" "+id, "no event says how it came into the archive")
			}
			if len(ids) < page {
				break
			}
			after = ids[len(ids)-1]
		}
	}
	return nil
}
