package ingest

import (
	"context"
	"sync"
	"time"

	"zapis/internal/archive"
)

// Steps of a run, in Progress.Step.
const (
	StepReading    = "reading"    // reading, hashing and sealing
	StepCommitting = "committing" // the last files are synced, read back and recorded
	StepDone       = "done"
)

// Progress is how far a run has come. Counts are of this run alone.
type Progress struct {
	Step       string
	Counting   bool  // the totals still grow
	TotalFiles int64 // things found so far by the count, with or without bytes
	TotalBytes int64
	Done       int64         // things finished: recorded, or passed over because a former run had
	ReadBytes  int64         // bytes read so far, and those passed over
	Tally      archive.Tally // lines recorded
	Passed     int64         // things that a former run had finished
	Rate       float64       // bytes per second over the last seconds, without those passed over
	Left       time.Duration // 0 if not known
	Failed     *Failure      // set when this call tells of one file that failed
}

// Failure names a file that could not be taken in. Name is for the eyes of the person who started the run; it must not
// reach a logger.
type Failure struct {
	Provenance string // identifier of the line in the manifest
	Reason     string
	Name       string // path below the place named, cleaned for a terminal
}

// reporter gathers progress and calls back from one goroutine at a time.
type reporter struct {
	mu   sync.Mutex
	p    Progress
	call func(Progress)
	now  func() time.Time

	passedBytes int64
	marks       []mark // one for each second or so, the last ten
}

type mark struct {
	at    time.Time
	bytes int64
}

// tickEvery is how often progress is told.
const tickEvery = 250 * time.Millisecond

func newReporter(call func(Progress), now func() time.Time) *reporter {
	if call == nil {
		call = func(Progress) {}
	}
	return &reporter{call: call, now: now, p: Progress{Step: StepReading, Counting: true}}
}

// tick tells progress until ctx ends.
func (r *reporter) tick(ctx context.Context) {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			r.update(func(*Progress) {}, true)
		}
	}
}

func (r *reporter) update(f func(*Progress), tell bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.p)
	if !tell {
		return
	}
	r.rate()
	r.call(r.p)
}

func (r *reporter) count(files, bytes int64) {
	r.update(func(p *Progress) { p.TotalFiles += files; p.TotalBytes += bytes }, false)
}

func (r *reporter) read(n int64) { r.update(func(p *Progress) { p.ReadBytes += n }, false) }

func (r *reporter) passed(bytes int64) {
	r.update(func(p *Progress) { p.Passed++; p.Done++; p.ReadBytes += bytes; r.passedBytes += bytes }, false)
}

func (r *reporter) failed(f Failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rate()
	p := r.p
	p.Failed = &f
	r.call(p)
}

func (r *reporter) recorded(t archive.Tally) {
	r.update(func(p *Progress) { addTally(&p.Tally, t); p.Done += t.Found }, false)
}

// rate looks at the last ten seconds.
func (r *reporter) rate() {
	now, bytes := r.now(), r.p.ReadBytes-r.passedBytes
	if n := len(r.marks); n == 0 || now.Sub(r.marks[n-1].at) >= time.Second {
		r.marks = append(r.marks, mark{now, bytes})
		if len(r.marks) > 11 {
			r.marks = r.marks[1:]
		}
	}
	if !r.p.Counting && r.p.Step == StepReading && r.p.ReadBytes >= r.p.TotalBytes {
		r.p.Step = StepCommitting
	}
	first := r.marks[0]
	if d := now.Sub(first.at); d > 0 {
		r.p.Rate = float64(bytes-first.bytes) / d.Seconds()
	}
	r.p.Left = 0
	if left := r.p.TotalBytes - r.p.ReadBytes; left > 0 && r.p.Rate > 1 && !r.p.Counting {
		r.p.Left = time.Duration(min(float64(left)/r.p.Rate, 1e9) * float64(time.Second))
	}
}

func addTally(t *archive.Tally, d archive.Tally) {
	t.Found += d.Found
	t.Received += d.Received
	t.Duplicates += d.Duplicates
	t.Skipped += d.Skipped
	t.Failed += d.Failed
	t.Bytes += d.Bytes
}
