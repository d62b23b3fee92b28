package detect

// Result is what all detectors say of one stretch.
type Result struct {
	Times      []int64     // when each frame of the stretch is shown, ascending, µs
	Detections []Detection // ascending in time
	Unjudged   []Unjudged
	Recipes    []string // detectors that looked
	Looked     int      // frames that the slowest detector looked at
}

// FinderOptions shape a Finder.
type FinderOptions struct {
	Detectors []Detector // default: Faces and Motion
}

// Finder shows the frames of one stretch to the detectors.
type Finder struct {
	o FinderOptions
	r Result
}

// NewFinder gives a finder for one stretch.
func NewFinder(o FinderOptions) (*Finder, error) {
	if o.Detectors == nil {
		f, err := NewFaces()
		if err != nil {
			return nil, err
		}
		o.Detectors = []Detector{f, NewMotion()}
	}
	return &Finder{o: o}, nil
}

// Frame is called for every frame in order.
func (f *Finder) Frame(us int64, g Gray) {}

// Finish gives the result.
func (f *Finder) Finish() Result { return f.r }
