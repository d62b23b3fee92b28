// Package detect proposes where faces and moving people are in a recording, so that a person can cover them and a machine
// can ask about what is not covered.
//
// It guarantees that the same frames give the same proposals, that each proposal names the detector and the version that
// made it, that a track covers every detection it was made of with its whole box, and that a stretch which a detector
// could not judge (a moving camera, a change of the whole picture) is reported as such and never as empty.
//
// It does not find everybody. Faces in profile, from behind, tilted or smaller than a twenty-fourth of the picture's
// width are mostly missed, people who stand still are not found at all, and nothing here looks for number plates, badges,
// tattoos, documents or screens. What was measured, with its misses, is in docs/design/detection.md. A recording in
// which nothing was found is not a recording that shows nobody.
package detect

import "fmt"

// Kinds of what is detected.
const (
	KindFace   = "face"
	KindPerson = "person" // what moves before a fixed camera: in most scenes people, but also vehicles, animals, shadows
)

// One is the whole width or height of a picture: boxes are in millionths of it, after turning the picture upright.
const One = 1_000_000

// Gray is an upright picture, 8 bit, row by row.
type Gray struct {
	W, H   int // pixels
	Stride int // bytes from a row to the next, at least W
	Pix    []byte
}

func (g Gray) valid() bool {
	return g.W > 0 && g.H > 0 && g.Stride >= g.W && len(g.Pix) >= g.Stride*(g.H-1)+g.W
}

// Detection is one thing in one frame.
type Detection struct {
	US    int64  // microseconds from the beginning of the item
	Kind  string // KindFace, KindPerson
	Box   [4]int // x, y, width, height in millionths of the picture
	Score float32
}

// Detector looks at the frames of one stretch, in order. One that has to see later frames to judge earlier ones gives the
// detections of these when it can; Flush gives the rest. It is for one stretch and one goroutine.
type Detector interface {
	// Name is a word that stays with what it proposed, Version rises with every change of what it gives.
	Name() string
	Version() int
	// Detect adds what it has to out. The picture is used again after the call.
	Detect(frame Gray, us int64, out []Detection) []Detection
	// Flush adds what was held back, and says where it could not judge.
	Flush(out []Detection) ([]Detection, []Unjudged)
}

// Unjudged is a stretch of which a detector says nothing, both ends within it.
type Unjudged struct {
	FromUS, ToUS int64
	Detector     string
	Kind         string // what is therefore not proposed
	Why          string // WhyMoves, WhyShort
}

// Reasons why a stretch was not judged.
const (
	WhyMoves = "camera moves"       // or the picture changes as a whole
	WhyShort = "too short to learn" // the background of a stretch that short cannot be known
)

// Recipe names a detector with its version, as proposals carry it.
func Recipe(d Detector) string { return fmt.Sprintf("%s/%d", d.Name(), d.Version()) }

// Key is where a found thing is at a time. Between two keys the box runs in a straight line.
type Key struct {
	AtUS int64
	Box  [4]int
}

// Found is one thing followed through a stretch: a proposal.
type Found struct {
	Kind     string
	Keys     []Key // ascending in time; one alone only at the very end of an item
	UntilEnd bool  // the last box stays until the end of the item
	Score    float32
	Seen     int    // detections it is made of
	Detector string // recipe
}
