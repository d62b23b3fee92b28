package detect

import "time"

// TrackOptions shape tracks. The zero value is what proposals are made with.
type TrackOptions struct {
	Hold  time.Duration // a thing is held as long before it is first seen and after it was last seen; default 1 s
	Grow  int           // by how much a box is wider and higher than what was seen, in millionths of itself; default 40,000 (4 %)
	Error int           // by how much a simplified track may be wider than it has to be, in millionths of the picture; default 20,000 (2 %)
	From  int64         // no key before, µs
	To    int64         // no key after, µs; 0: no bound
}

// Track follows things through the detections of one stretch and gives one proposal for each. frame is the time from one
// frame to the next.
func Track(ds []Detection, frame time.Duration, o TrackOptions) []Found { return nil }
