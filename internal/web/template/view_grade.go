package template

import "time"

// GradeForm says how hard an item is to watch, and changes that. It posts level, from and reason to /items/ITEM/difficulty.
type GradeForm struct {
	Item   string
	Is     int    // 0 to 3; -1: not judged
	Chosen string // level, as it was chosen
	Reason string
	Error  string // "", level, late, reason
}

// Grades is page grades: several items with how hard each is to watch. It posts level, reason, item… and from.ITEM… to Here.
type Grades struct {
	Rows          []GradeRow
	Levels        []GradeLevel // to narrow the list by
	All           bool         // it is not narrowed so
	Every         string       // address of the list that is not
	Here, More    string       // addresses of this page and of the next one, if there is one
	Level, Reason string       // as they were chosen
	Chosen        []string     // items, as they were chosen
	Error         string       // "", none, level, late, reason
}

// GradeLevel is a level by which the list can be narrowed.
type GradeLevel struct {
	N      int
	Href   string
	Chosen bool
}

// GradeRow is one item. No picture is shown.
type GradeRow struct {
	ID, Ref, Kind, Camera string
	At                    time.Time
	Known                 bool // At is when it was recorded
	Duration              time.Duration
	Is                    int
	May, Chosen           bool
}
