// Package gap walks every frame of a redaction plan and says what is not covered.
//
// It guarantees that the masks of each frame of each cut are held against what detectors saw in it, and against what they passed
// over between two sightings of one thing (they look at some frames of a second: see package detect), that a thing is
// reported unless nine tenths of its box lie under an opaque mask (or under a hidden picture that is not revealed there),
// that a cut whose frames were not all there is reported and never passed, and that the same input gives the same list.
// Writing that was never meant to be covered comes as a warning, everything else that is bare blocks.
//
// It knows only what detectors saw: it cannot say that a plan covers everybody, and a plan without blockers still has to
// be looked at by a second person. It does not read pictures or sound itself, and decides nothing: a person dismisses a
// blocker with a reason, or mends the plan.
package gap

import "zapis/internal/media/detect"

// Kind is what is wrong.
type Kind string

// The kinds. Those marked W come as warnings: a plan may be approved with them.
const (
	Uncovered Kind = "uncovered" // a thing was seen and is not covered
	Hole      Kind = "hole"      // a mask covers a thing and ends, or begins, while it is still, or already, seen
	Revealed  Kind = "revealed"  // a region that shows the hidden picture lies over a thing
	Jump      Kind = "jump"      // a mask leaps from one key frame to the next
	Unwalked  Kind = "unwalked"  // frames of the cut were not there to be looked at
	TooMany   Kind = "too many"  // the list ends here, the plan does not
	Pause     Kind = "pause"     // W: a mask is off for less than a second
	Never     Kind = "never"     // W: a mask appears in no cut
	Unjudged  Kind = "unjudged"  // W: a detector could not judge the stretch: nobody looked for this kind of thing
	Speech    Kind = "speech"    // W: sound is kept, and there is speech that nothing is done to
	Unheard   Kind = "unheard"   // W: sound is kept, and nobody knows where there is speech
)

// Span is a stretch of time in microseconds, [FromUS, ToUS).
type Span struct{ FromUS, ToUS int64 }

// Cut is what is known of one cut of the plan. Times are those of its source.
type Cut struct {
	Times       []int64            // of every frame, ascending: detect.Result.Times
	Detections  []detect.Detection // ascending in time
	Unjudged    []detect.Unjudged
	Sound       bool   // the source has sound
	SpeechKnown bool   // Speech is what a person or a machine found; without it nobody looked
	Speech      []Span // within the source
}

// Blocker is one thing to mend or to dismiss.
type Blocker struct {
	Kind         Kind
	Warning      bool
	Cut          int    // index in the plan; -1: the plan as a whole
	Source       int    // index in the plan
	FromUS, ToUS int64  // in the time of the source, [FromUS, ToUS)
	AtUS         int64  // the frame in which it is worst
	Box          [4]int // there, in millionths; zero where it is not about a place
	Thing        string // detect.KindFace, detect.KindPerson, detect.KindText; empty where it is not about a thing
	Track        string // identifier of the mask it is about, if it is about one
	Frames       int    // how many frames
	Score        float32
	Why          string // of unjudged stretches: detect.WhyMoves and the others
}

// MaxBlockers is how many are listed.
const MaxBlockers = 2_000
