package detect

// MotionWidth is how wide pictures should be for Motion.
const MotionWidth = 384

// Motion finds what moves before a fixed camera: it learns what stays and gives boxes of the rest.
type Motion struct{}

// NewMotion gives a finder of moving things.
func NewMotion() *Motion { return &Motion{} }

// Name is motion.
func (m *Motion) Name() string { return "motion" }

// Version is that of the method and its parameters.
func (m *Motion) Version() int { return 1 }

// Detect adds what it can tell by now, which may be of earlier frames.
func (m *Motion) Detect(g Gray, us int64, out []Detection) []Detection { return out }

// Flush adds what was held back, and says where the camera moved.
func (m *Motion) Flush(out []Detection) ([]Detection, []Unjudged) { return out, nil }
