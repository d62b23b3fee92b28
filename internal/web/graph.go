package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"zapis/internal/knowledge"
	"zapis/internal/web/template"
)

// Limits and measures of graphs.
const (
	graphLimit  = 200 // nodes drawn one by one
	egoLimit    = 40  // of the small one on a person's page
	graphColumn = 340.0
	graphRow    = 58.0
	graphBox    = 190.0
	graphTop    = 34.0
)

// graphPage serves GET /graph/{entity}?depth=1…4.
func (s *Server) graphPage(w http.ResponseWriter, r *request) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	e, err := c.Entity(r.Context(), who, r.PathValue("entity"), lang)
	if err != nil {
		return err
	}
	depth, err := strconv.Atoi(r.URL.Query().Get("depth"))
	if err != nil || depth < 1 || depth > 4 {
		depth = 3
	}
	g, err := c.Graph(r.Context(), who, e.ID, depth, lang)
	if err != nil {
		return err
	}
	v := template.GraphPage{EntityHead: s.describe(r, c).head(e), Picture: layGraph(g, graphLimit)}
	for d := 1; d <= 4; d++ {
		v.Depths = append(v.Depths, template.Choice{Value: fmt.Sprintf("/graph/%s?depth=%d", e.ID, d), Label: strconv.Itoa(d), Chosen: d == depth})
	}
	return s.page(w, r, "graph", entitySection(e.Kind), v)
}

// layGraph lays a graph out in columns by distance from the entity it is about. Within a column the order follows the middle of the
// neighbours (Sugiyama's barycentre), a few times to and fro. Beyond the limit the nodes of the furthest columns are folded into one for each
// column; they stay in the table of ties.
func layGraph(g knowledge.Graph, limit int) template.GraphPicture {
	v := template.GraphPicture{Cut: g.Cut}
	nodes := slices.Clone(g.Nodes)
	slices.SortStableFunc(nodes, func(a, b knowledge.Node) int { return a.Depth - b.Depth })
	v.Folded = max(0, len(nodes)-limit)
	folded := map[string]int{} // to the column that holds them
	if v.Folded > 0 {
		for _, n := range nodes[limit:] {
			folded[n.ID] = n.Depth
		}
		nodes = nodes[:limit]
	}
	var columns [][]string
	links := map[string]template.EntityLink{}
	for _, n := range g.Nodes {
		links[n.ID] = summaryLink(n.Summary)
	}
	for _, n := range nodes {
		for len(columns) <= n.Depth {
			columns = append(columns, nil)
		}
		columns[n.Depth] = append(columns[n.Depth], n.ID)
	}
	neighbours := map[string][]string{}
	for _, e := range g.Edges {
		neighbours[e.From] = append(neighbours[e.From], e.To)
		neighbours[e.To] = append(neighbours[e.To], e.From)
	}
	place := map[string]float64{}
	renumber := func(column []string) {
		for i, id := range column {
			place[id] = float64(i) - float64(len(column)-1)/2
		}
	}
	for _, c := range columns {
		renumber(c)
	}
	for round := range 6 {
		for i := range columns {
			at := i
			if round%2 == 1 {
				at = len(columns) - 1 - i
			}
			middle := map[string]float64{}
			for _, id := range columns[at] {
				sum, n := 0.0, 0.0
				for _, other := range neighbours[id] {
					if p, ok := place[other]; ok && !slices.Contains(columns[at], other) {
						sum, n = sum+p, n+1
					}
				}
				middle[id] = place[id]
				if n > 0 {
					middle[id] = sum / n
				}
			}
			slices.SortStableFunc(columns[at], func(a, b string) int {
				switch {
				case middle[a] < middle[b]:
					return -1
				case middle[a] > middle[b]:
					return 1
				}
				return 0
			})
			renumber(columns[at])
		}
	}
	tallest := 1
	for _, c := range columns {
		tallest = max(tallest, len(c))
	}
	folds := map[int]int{}
	for _, d := range folded {
		folds[d]++
	}
	// Ties within the last column run around it by the right, with their labels.
	v.Width = float64(max(1, len(columns)))*graphColumn - (graphColumn - graphBox) + 110
	v.Height = graphTop + float64(tallest)*graphRow + 10
	where := map[string][2]float64{}
	for x, column := range columns {
		for _, id := range column {
			n := template.GraphNode{EntityLink: links[id], X: 10 + float64(x)*graphColumn, Y: round1(v.Height/2 + place[id]*graphRow), W: graphBox, Depth: x}
			n.Lines = twoLines(n.Label, 27)
			where[id] = [2]float64{n.X, n.Y}
			v.Nodes = append(v.Nodes, n)
		}
	}
	for d, n := range folds {
		// One box for all that are folded, below its column.
		for len(columns) <= d {
			columns = append(columns, nil)
			v.Width += graphColumn
		}
		y := v.Height + graphRow/2
		v.Nodes = append(v.Nodes, template.GraphNode{X: 10 + float64(d)*graphColumn, Y: y, W: graphBox, Depth: d, Fold: n})
	}
	if len(folds) > 0 {
		v.Height += graphRow + 10
	}
	used := map[string]int{}
	for _, e := range g.Edges {
		edge := template.GraphEdge{From: links[e.From], To: links[e.To], Label: e.Label, Property: e.Property, Certainty: string(e.Certainty)}
		if e.Entity != "" {
			edge.Href = "/catalogue/" + e.Entity
		}
		a, ok1 := where[e.From]
		b, ok2 := where[e.To]
		if ok1 && ok2 {
			edge.Path, edge.X, edge.Y = tie(a, b)
			// Several ties between the same two: their labels stand below each other.
			key := min(e.From, e.To) + max(e.From, e.To)
			edge.Y += float64(used[key]) * 12
			used[key]++
		}
		v.Edges = append(v.Edges, edge)
	}
	return v
}

// tie draws a line from the side of one box to the side of another, and gives the middle of it.
func tie(a, b [2]float64) (path string, x, y float64) {
	if a[0] > b[0] {
		a, b = b, a
	}
	if a[0] == b[0] { // in one column: around by the right
		r := a[0] + graphBox
		out := r + 26
		return fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", r, a[1], out, a[1], out, b[1], r, b[1]), out - 4, round1((a[1] + b[1]) / 2)
	}
	from, to := a[0]+graphBox, b[0]
	m := (from + to) / 2
	return fmt.Sprintf("M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", from, a[1], m, a[1], m, b[1], to, b[1]), m, round1((a[1]+b[1])/2 - 3)
}

// twoLines breaks a label into at most two lines.
func twoLines(text string, most int) []string {
	var out []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) <= most:
			line += " " + word
		default:
			out = append(out, line)
			line = word
		}
	}
	if line != "" {
		out = append(out, line)
	}
	for i := range out {
		out[i] = shorten(out[i], most)
	}
	if len(out) > 2 {
		second := []rune(out[1])
		out = []string{out[0], string(second[:min(len(second), most-1)]) + "…"}
	}
	return out
}

// shorten cuts a text that has no room.
func shorten(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}
