package vault

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"

	"zapis/internal/archive"
)

// Bounds of the opened envelopes kept in memory.
const (
	cacheEnvelopes = 64
	cacheEntries   = 20_000 // objects and segments, about 300 bytes each
)

// envelopeCache keeps opened envelopes, least recently used out first. An envelope is believed only while the storage
// reports the version that was opened, so that an erasure by another process is seen.
type envelopeCache struct {
	mu     sync.Mutex
	order  list.List // of *cached, front newest
	byID   map[string]*list.Element
	weight int
}

type cached struct {
	id      string
	version string
	weight  int
	objects map[string]entry
	erased  map[string]bool
	blobs   []Blob
	entries []entry
}

func (c *envelopeCache) get(id, version string) (*cached, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.byID[id]
	if !ok {
		return nil, false
	}
	e := el.Value.(*cached)
	if e.version != version {
		c.remove(el)
		return nil, false
	}
	c.order.MoveToFront(el)
	return e, true
}

func (c *envelopeCache) put(e *cached) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil {
		c.byID = make(map[string]*list.Element)
	}
	if el, ok := c.byID[e.id]; ok {
		c.remove(el)
	}
	c.byID[e.id] = c.order.PushFront(e)
	c.weight += e.weight
	for c.order.Len() > 1 && (c.order.Len() > cacheEnvelopes || c.weight > cacheEntries) {
		c.remove(c.order.Back())
	}
}

func (c *envelopeCache) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if el, ok := c.byID[id]; ok {
		c.remove(el)
	}
}

func (c *envelopeCache) remove(el *list.Element) {
	e := el.Value.(*cached)
	c.order.Remove(el)
	delete(c.byID, e.id)
	c.weight -= e.weight
}

// readEnvelope gives an opened envelope, from memory if the storage still has the same version of it.
func (v *Vault) readEnvelope(ctx context.Context, id string) (*cached, error) {
	if err := archive.CheckID(archive.PrefixEnvelope, id); err != nil {
		return nil, err
	}
	for attempt := 0; ; attempt++ {
		info, err := v.b.Stat(ctx, EnvelopeName(id))
		if err != nil {
			return nil, fmt.Errorf("read envelope %s: %w", id, err)
		}
		if e, ok := v.cache.get(id, info.Version); ok {
			return e, nil
		}
		e, _, err := v.openEnvelope(ctx, id)
		if err != nil {
			// Erasure replaces an envelope and overwrites the former bytes: whoever was reading these sees
			// noise once.
			if errors.Is(err, ErrCorrupt) && attempt == 0 {
				continue
			}
			return nil, err
		}
		c := &cached{
			id: id, version: info.Version, objects: make(map[string]entry, len(e.entries)),
			erased: make(map[string]bool, len(e.erased)), blobs: e.blobs, entries: e.entries, weight: len(e.erased),
		}
		for _, en := range e.entries {
			c.objects[en.ID] = en
			c.weight += 1 + len(en.Segments)
		}
		for _, ob := range e.erased {
			c.erased[ob] = true
		}
		v.cache.put(c)
		return c, nil
	}
}
