package knowledge

import (
	"context"
	"fmt"
	"slices"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/policy"
	"zapis/internal/store"
)

const (
	maxGraphDepth = 4
	maxNodes      = 400
)

// ties says how the kinds that tie others together are drawn: from the entity of the first property to those of the second.
var ties = map[archive.EntityKind][][2]string{
	catalogue.Involvement: {{"person", "act"}},
	catalogue.Order:       {{"giver", "receiver"}, {"giver", "act"}},
	catalogue.Posting:     {{"person", "facility"}, {"person", "agency"}},
	catalogue.Relation:    {{"from", "to"}},
}

// Graph gives what lies within depth (1 to 4) steps of an entity; an entity that only ties others together is a line and not a node. At most 400
// nodes: Cut says that there are more.
func (s *Service) Graph(ctx context.Context, who policy.Subject, id string, depth int, lang ...string) (g Graph, err error) {
	if depth < 1 || depth > maxGraphDepth {
		return g, fmt.Errorf("draw graph: %w", invalid("between 1 and %d steps", maxGraphDepth))
	}
	err = s.look(ctx, who, lang, func(r *reader) error {
		root, err := r.find(ctx, id)
		if err != nil {
			return err
		}
		g, err = r.graph(ctx, root, depth)
		return err
	})
	if err != nil {
		return Graph{}, fmt.Errorf("draw graph: %w", err)
	}
	return g, nil
}

func (r *reader) graph(ctx context.Context, root string, depth int) (g Graph, err error) {
	level := map[string]int{root: 0}
	order := []string{root}
	reach := func(id string, d int) {
		if _, ok := level[id]; ok || id == "" || r.about[id] == nil {
			return
		}
		if len(order) >= maxNodes {
			g.Cut = true
			return
		}
		level[id] = d
		order = append(order, id)
	}
	seen := map[Edge]bool{}
	var edges []Edge
	draw := func(e Edge) {
		key := Edge{From: e.From, To: e.To, Property: e.Property, Entity: e.Entity}
		if e.From != "" && e.To != "" && !seen[key] {
			seen[key] = true
			edges = append(edges, e)
		}
	}
	// tie draws the lines of an entity that ties others.
	tie := func(id string, d int) {
		a := r.about[id]
		for _, ends := range ties[a.Kind] {
			for _, from := range r.refs(id, ends[0]) {
				for _, to := range r.refs(id, ends[1]) {
					c, _ := a.one(ends[0])
					reach(from, d)
					reach(to, d)
					draw(Edge{From: from, To: to, Property: ends[0] + "-" + ends[1], Entity: id, Label: r.label(id), Certainty: c.Certainty, Claim: c.ID})
				}
			}
		}
	}
	plain := func(from string, p catalogue.Property, d int) {
		for _, c := range r.about[from].current(p.Name) {
			if to := r.root[c.Ref]; to != "" && to != from {
				reach(to, d)
				draw(Edge{From: from, To: to, Property: p.Name, Label: p.Name, Certainty: c.Certainty, Claim: c.ID})
			}
		}
	}
	frontier := []string{root}
	for d := 1; d <= depth && len(frontier) > 0; d++ {
		if err := r.loadWith(ctx, true, frontier...); err != nil {
			return g, err
		}
		before := len(order)
		var ids []string
		for _, id := range frontier {
			a := r.about[id]
			if _, ok := ties[a.Kind]; ok {
				tie(id, d)
				continue
			}
			for _, p := range a.kind.References() {
				plain(id, p, d)
			}
			for _, m := range a.members {
				ids = append(ids, m.ID)
			}
		}
		if len(ids) > 500 {
			ids, g.Cut = ids[:500], true
		}
		if len(ids) > 0 {
			claims, err := r.tx.Claims(ctx, r.scope, store.ClaimQuery{Refs: ids, Standing: true, Limit: 2 * maxNodes})
			if err != nil {
				return g, err
			}
			g.Cut = g.Cut || len(claims) == 2*maxNodes
			var from []string
			for _, c := range claims {
				from = append(from, c.Entity)
			}
			if err := r.roots(ctx, from...); err != nil {
				return g, err
			}
			if err := r.loadWith(ctx, true, r.rootsOf(claims)...); err != nil {
				return g, err
			}
			for _, c := range claims {
				id := r.root[c.Entity]
				a := r.about[id]
				if a == nil {
					continue
				}
				if _, ok := ties[a.Kind]; ok {
					tie(id, d)
					continue
				}
				if p, ok := a.kind.Property(c.Property); ok {
					current := slices.ContainsFunc(a.current(c.Property), func(x store.Claim) bool { return x.ID == c.ID })
					if current {
						reach(id, d)
						plain(id, p, d)
					}
				}
			}
		}
		frontier = slices.Clone(order[before:])
	}
	for _, id := range order {
		g.Nodes = append(g.Nodes, Node{Summary: r.summary(id), Depth: level[id]})
	}
	for _, e := range edges {
		_, from := level[e.From]
		_, to := level[e.To]
		if from && to {
			g.Edges = append(g.Edges, e)
		}
	}
	return g, nil
}
