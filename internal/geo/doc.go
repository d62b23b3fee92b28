// Package geo holds the geography of the workspace and of the public site and draws maps of it as paths: land, borders, areas whose status is
// disputed, places with how exactly they are known.
//
// It guarantees that a map needs nothing from elsewhere: the shapes are embedded, so nobody outside learns which place somebody looks at. It
// guarantees the policy on borders of docs/design/borders.md: no area that the policy names as disputed is ever drawn as, or found to be,
// part of the state that holds it by force alone; it is a shape of its own, with a key under which whoever draws has words for it. Every
// projection keeps areas true, so that no country looks larger than it is.
//
// It does not know streets, towns or rivers: lines are right to about a kilometre, and a closer view shows no more. It does not decide what
// may be shown to whom, and does not judge to whom an area belongs beyond what the policy says.
package geo
