package clock

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"zapis/internal/archive"
)

// Kind of the suggestions whose value is a Value.
const Kind = "clock"

// Value is what was read from the clock of an item, as a suggestion holds it: canonical JSON (fields in the order of their names,
// integers only). Moments of the recording are milliseconds from its beginning; moments of the clock are milliseconds since the
// midnight before its first reading, or since 1970 as if UTC where a date was read. Clocks of recorders have no zone.
type Value struct {
	Box       [4]int    `json:"box"`        // place of the digit that ticks: x, y, width, height in millionths
	Choices   []DayPick `json:"choices"`    // dates in other orders, if nothing decides
	DateVotes int       `json:"date_votes"` // lines that say the date
	Dated     int       `json:"dated"`      // lines in which any date was read
	Day       string    `json:"day"`        // date of the midnight, 2006-01-02; empty: not read
	Jumps     []Leap    `json:"jumps"`
	Mode      int       `json:"mode"` // way of making writing of the picture
	Order     Order     `json:"order"`
	OrderBy   string    `json:"order_by"`
	Rate      int64     `json:"rate"`     // seconds of the clock in a million seconds of the recording
	RateErr   int64     `json:"rate_err"` // the same, about one standard deviation
	// Readings: moment, clock in whole seconds since the midnight (-1: not read), 1 if it agrees with the line.
	Readings [][3]int64 `json:"readings"`
	Segments []Stretch  `json:"segments"`
	Start    int64      `json:"start"` // what the clock said when the recording began, since the midnight
	Step     int64      `json:"step"`  // between readings
	Twelve   bool       `json:"twelve"`
	Version  int        `json:"version"`
}

// DayPick is a date in another order.
type DayPick struct {
	Day   string `json:"day"`
	Order Order  `json:"order"`
}

// Leap is a Jump.
type Leap struct {
	After     int64  `json:"after"`
	Before    int64  `json:"before"`
	By        int64  `json:"by"`
	Confirmed bool   `json:"confirmed"`
	Digit     bool   `json:"digit"`
	From      int64  `json:"from"`
	Kind      string `json:"kind"`
	To        int64  `json:"to"`
}

// Stretch is a Segment.
type Stretch struct {
	From  int64 `json:"from"`
	N     int   `json:"n"`
	Start int64 `json:"start"` // carried back to the beginning of the recording, at the rate of all
	To    int64 `json:"to"`
}

const dayForm = "2006-01-02"

func ms(seconds float64) int64 { return int64(math.Round(seconds * 1000)) }

// NewValue makes the value of a run. box is in millionths, step in seconds.
func NewValue(r Run, d Day, box [4]int, m Mode, step float64) Value {
	v := Value{
		Version: 1, Box: box, Mode: int(m), Step: ms(step), Twelve: r.Twelve, Rate: int64(math.Round(r.Rate * 1e6)), RateErr: int64(math.Ceil(r.RateErr * 1e6)),
		Order: d.Order, OrderBy: d.By, DateVotes: d.Votes, Dated: d.Lines, Choices: []DayPick{}, Jumps: []Leap{}, Readings: [][3]int64{}, Segments: []Stretch{},
	}
	if !d.Date.IsZero() {
		v.Day = d.Date.Format(dayForm)
	}
	for _, c := range d.Others {
		v.Choices = append(v.Choices, DayPick{c.Date.Format(dayForm), c.Order})
	}
	for _, j := range r.Jumps {
		v.Jumps = append(v.Jumps, Leap{After: ms(j.After), Before: ms(j.Before), By: ms(j.By), Confirmed: j.Confirmed, Digit: j.Digit, From: ms(j.From), Kind: j.Kind, To: ms(j.To)})
	}
	for _, x := range r.Readings {
		ok := int64(0)
		if x.OK {
			ok = 1
		}
		v.Readings = append(v.Readings, [3]int64{ms(x.At), int64(x.Clock), ok})
	}
	for _, s := range r.Segments {
		v.Segments = append(v.Segments, Stretch{From: ms(s.From), N: s.N, Start: ms(s.Start), To: ms(s.To)})
	}
	v.Start = v.Segments[0].Start
	return v
}

// Encode gives the canonical JSON.
func (v Value) Encode() []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("clock: %v", err)) // integers and texts of our own only
	}
	return b
}

// maxReadings bounds a value that is read back.
const maxReadings = 100_000

// Decode reads what Encode wrote; archive.ErrInvalid.
func Decode(b []byte) (Value, error) {
	var v Value
	if err := json.Unmarshal(b, &v); err != nil {
		return Value{}, fmt.Errorf("%w: value of a clock", archive.ErrInvalid)
	}
	if v.Version != 1 || len(v.Segments) == 0 || len(v.Readings) > maxReadings || v.Rate <= 0 {
		return Value{}, fmt.Errorf("%w: value of a clock", archive.ErrInvalid)
	}
	if _, err := v.Began(v.Day); v.Day != "" && err != nil {
		return Value{}, err
	}
	return v, nil
}

// Began is when the recording began by its clock if its first day is the given one (2006-01-02): as if UTC. archive.ErrInvalid if
// that is no date.
func (v Value) Began(first string) (time.Time, error) {
	d, err := time.Parse(dayForm, first)
	if err != nil || d.Year() < 1990 || d.Year() > 2099 {
		return time.Time{}, fmt.Errorf("%w: a date such as 2020-07-27 was expected", archive.ErrInvalid)
	}
	return d.Add(time.Duration(v.Start) * time.Millisecond).UTC(), nil
}

// Right is how many readings agree with the line.
func (v Value) Right() int {
	n := 0
	for _, r := range v.Readings {
		n += int(r[2])
	}
	return n
}

// Score is the share of readings that agree with the line, 0 to 1,000; lower by a quarter where no date was read or its order is open.
func (v Value) Score() int {
	if len(v.Readings) == 0 {
		return 0
	}
	s := 1000 * v.Right() / len(v.Readings)
	if v.Day == "" || v.OrderBy == ByNobody {
		s = s * 3 / 4
	}
	return s
}
