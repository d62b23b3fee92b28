// Package fingerprint tells footage again: it makes perceptual fingerprints of a stream of small grey pictures, finds recordings
// that look alike, and confirms whether they are the same footage.
//
// It guarantees that looking alike is never called being alike: on a fixed camera every moment of every day has nearly the same
// hash, so agreement of hashes means [Camera] and nothing more. Only what moves can confirm: [Compare] takes the background away
// and correlates the rest. At 0.90 and above it says [Same], from 0.60 [Similar], below [Camera]; where nothing moves, or what
// moves repeats itself, it says that it cannot tell. The search in [Index] leaves nothing to
// chance: of three seconds in a row that a question asks about, one is held against every recording at every place, and what is within
// the distance is found.
//
// It does not decode, open files, know items or decide who may see what. It does not find footage that was filmed from a screen at
// an angle, or played faster or slower. A fingerprint shows a picture of 48 by 27 points five times a second: it is evidence and
// must be sealed like it. The method and what was measured are in docs/design/fingerprint.md.
package fingerprint

import "errors"

// What goes in: grey pictures of Width by Height points, Rate of them a second, at constant distances.
const (
	Width  = 160
	Height = 90
	Rate   = 5
)

// Name and Version of the recipe. The version rises when the same footage would get another fingerprint.
const (
	Name    = "fingerprint"
	Version = 1
)

// What is kept of every picture for confirming.
const (
	thumbW = 48
	thumbH = 27
	thumb  = thumbW * thumbH
)

// Blocks of a picture that places are looked for with.
const (
	blocksX = 6
	blocksY = 3
	blocks  = blocksX * blocksY
)

var (
	// ErrFormat: what should be a fingerprint is none, or is damaged.
	ErrFormat = errors.New("not a fingerprint")
	// ErrShort: less than a second of pictures, or none that shows anything.
	ErrShort = errors.New("too short to be told again")
)

// Region is a part of the picture: what is left when so much is cut off at each side, in thousandths of width and height.
type Region int

// Margins of the regions whose hashes are made: five for what is looked for, and three of them for what is searched.
var (
	margins = [regions]Region{0, 50, 100, 150, 200}
	indexed = [layers]int{0, 2, 4} // which of margins are kept in the index
)

const (
	regions = 5
	layers  = 3
)

// pairs are the regions that are compared: of what is looked for with what is searched. Together they stand for crops of up to a
// fifth at each side on either of them.
var pairs = []pair{{0, 0}, {0, 1}, {1, 0}, {2, 0}, {1, 1}, {0, 2}, {1, 2}, {3, 0}, {4, 0}}

// pair is a region of what is looked for, and a layer of the index.
type pair struct{ query, layer int }

// within gives how many bits may differ, of the lowest frequencies and of all.
func (p pair) within() (lowest, all int) {
	if p == (pair{}) {
		return lowWhole, foundWhole
	}
	return low, found
}
