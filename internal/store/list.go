package store

import (
	"context"
	"time"

	"zapis/internal/archive"
)

// Order is the order of a list of items by their place in time.
type Order string

// Orders.
const (
	Newest Order = "newest" // the default
	Oldest Order = "oldest"
)

// Query narrows a list of items. Empty fields do not narrow; values of one field are alternatives.
type Query struct {
	Accessions   []string
	Kinds        []archive.Kind
	States       []archive.ItemState
	Cameras      []string  // "" names items without one
	Difficulties []int     // -1 names items not judged
	From, To     time.Time // of Item.SortTime; From included, To not
	Text         string    // the beginning of a reference: "Z3", "Z3-0004"
	Order        Order
}

// Cursor is a place in a list: the item after which the next page begins. With an empty ID it is a moment: the page
// begins with the items of that moment. The zero value is the beginning of the list, and as "next" its end.
type Cursor struct {
	At time.Time
	ID string
}

// IsZero says whether c is the beginning (or, as "next", the end) of the list.
func (c Cursor) IsZero() bool { return c.At.IsZero() && c.ID == "" }

// Items gives up to limit items (1 to 1,000) and where the next page begins.
func (tx *Tx) Items(ctx context.Context, s archive.Scope, q Query, at Cursor, limit int) ([]archive.Item, Cursor, error) {
	return nil, Cursor{}, errLater
}

// Day is one day of recordings (UTC) and what it holds.
type Day struct {
	Day      string // 2020-07-27
	Count    int64
	Duration time.Duration
	Bytes    int64
}

// Totals sums up items.
type Totals struct {
	Count    int64
	Duration time.Duration
	Bytes    int64
}

// Facet is one value of a dimension and how many items have it.
type Facet struct {
	Value string
	Count int64
}

// Facets counts the items of each value of each dimension, most frequent first. Each dimension is counted under the
// filters of the other ones, so that a reader sees what else there is to choose.
type Facets struct {
	Kinds, States, Accessions, Cameras, Difficulties []Facet
}

// Days gives the days that hold items, in the order of q.
func (tx *Tx) Days(ctx context.Context, s archive.Scope, q Query) ([]Day, error) {
	return nil, errLater
}

// Facets gives the counts per value.
func (tx *Tx) Facets(ctx context.Context, s archive.Scope, q Query) (Facets, error) {
	return Facets{}, errLater
}

// Count sums up all items of a query.
func (tx *Tx) Count(ctx context.Context, s archive.Scope, q Query) (Totals, error) {
	return Totals{}, errLater
}
