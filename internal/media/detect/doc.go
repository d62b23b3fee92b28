// Package detect proposes where faces, moving people and writing are in a recording, so that a person can cover them and
// a machine can ask about what is not covered.
//
// It guarantees that the same frames give the same proposals, that each proposal names the detector and the version that
// made it, that a track covers every detection it was made of with its whole box, and that a stretch which a detector
// could not judge (a moving camera, a change of the whole picture, pictures that are too small, more than can be told
// apart) is reported as such and never as empty.
//
// It does not find everybody. Detectors look at some frames of a second and at the first one after a sudden change: what
// comes and goes between two looks is missed. Faces in profile, from behind, tilted, cut off by the edge of the picture or
// smaller than a thirty-second of its longer side are mostly missed, people who stand still are not found at all, writing is
// found where its letters are clear and large enough, and nothing here looks for tattoos, uniforms or voices. What was
// measured, with its misses, is in docs/design/detection.md. A recording in which nothing was found is not a recording that
// shows nobody.
package detect

import "fmt"

// Kinds of what is detected.
const (
	KindFace   = "face"
	KindPerson = "person" // what moves before a fixed camera: in most scenes people, but also vehicles, animals, shadows
	KindText   = "text"   // writing: plates, badges, papers, screens, signs, clocks in the picture
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

// leastSize is the least side, in pixels, of pictures in which anything is looked for.
const leastSize = 32

// judgeable says whether a picture is one, and large enough for anything to be told.
func (g Gray) judgeable() bool { return g.valid() && min(g.W, g.H) >= leastSize }

// Detection is one thing in one frame.
type Detection struct {
	US    int64   // microseconds from the beginning of the item
	Kind  string  // KindFace, KindPerson, KindText
	Box   [4]int  // x, y, width, height in millionths of the picture
	Score float32 // 0 to 1: how sure its detector is; see sure
}

// sure brings what a detector counts, from 0 on without an end, to a share of one that can be shown and sorted by. half is what makes one half.
// It is no probability, and what two detectors say compares roughly at best.
func sure(counted, half float32) float32 { return max(counted, 0) / (max(counted, 0) + half) }

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
	Why          string // WhyMoves, WhyShort, WhySmall, WhyMany
}

// Reasons why a stretch was not judged.
const (
	WhyMoves = "camera moves"       // or the picture changes as a whole
	WhyShort = "too short to learn" // the background of a stretch that short cannot be known
	WhySmall = "picture too small"  // fewer than leastSize pixels from side to side
	WhyMany  = "too much at once"   // more things than can be told apart, or listed
)

// unjudged gathers looks of which a detector says nothing, in order of time.
type unjudged []Unjudged

// unjudgedGap is how far apart two such stretches may lie to be one, in microseconds.
const unjudgedGap = 1_000_000

// add notes a stretch; one that begins within a second of the last one for the same reason is one with it.
func (u *unjudged) add(from, to int64, why string) {
	if n := len(*u); n > 0 {
		if last := &(*u)[n-1]; last.Why == why && from-last.ToUS < unjudgedGap {
			last.ToUS = max(last.ToUS, to)
			return
		}
	}
	*u = append(*u, Unjudged{FromUS: from, ToUS: to, Why: why})
}

// by gives the stretches with the detector whose they are and what is therefore not proposed in them.
func (u unjudged) by(d Detector, kind string) []Unjudged {
	for i := range u {
		u[i].Detector, u[i].Kind = Recipe(d), kind
	}
	return u
}

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
	Keys     []Key   // ascending in time; one alone only at the very end of an item
	UntilEnd bool    // the last box stays until the end of the item
	Score    float32 // that of its surest detection
	Seen     int     // detections it is made of
	Detector string  // recipe
}
