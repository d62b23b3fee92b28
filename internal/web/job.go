package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

var jobStates = []reading.JobState{"available", "scheduled", "running", "retryable", "completed", "cancelled", "discarded"}

func jobCounts(c map[reading.JobState]int64) template.JobCounts {
	return template.JobCounts{
		Available: c["available"], Running: c["running"], Retryable: c["retryable"], Scheduled: c["scheduled"], Completed: c["completed"],
		Discarded: c["discarded"], Cancelled: c["cancelled"],
	}
}

// progress gives how far a job has come in percent, -1 if not known.
func progress(j reading.Job) int {
	if j.Progress.Total <= 0 {
		return -1
	}
	return int(min(100, max(0, j.Progress.Done*100/j.Progress.Total)))
}

// jobsPage serves GET /jobs?state=STATE&after=ID.
func (s *Server) jobsPage(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	f := reading.JobFilter{Limit: 100}
	state := q.Get("state")
	if state != "" {
		if !slices.Contains(jobStates, reading.JobState(state)) {
			return archive.ErrNotFound
		}
		f.States = []reading.JobState{reading.JobState(state)}
	}
	if a := q.Get("after"); a != "" {
		n, err := strconv.ParseInt(a, 10, 64)
		if err != nil || n < 1 {
			return archive.ErrNotFound
		}
		f.After = n
	}
	list, counts, err := s.o.Reading.Jobs(r.Context(), r.reader, f)
	if err != nil {
		return err
	}
	v := template.Jobs{Counts: jobCounts(counts), State: state, May: policy.Could(r.reader.Subject, policy.ManageJobs)}
	for _, j := range list {
		v.List = append(v.List, template.Job{
			ID: j.ID, Kind: j.Kind, State: string(j.State), Item: j.Item, Ref: j.Ref, Attempt: j.Attempt, MaxAttempts: j.MaxAttempts, Progress: progress(j),
			Error: j.Error, At: j.PutInAt, Next: j.NextAt, Worker: j.Worker,
		})
	}
	if len(list) == f.Limit {
		o := url.Values{"after": {strconv.FormatInt(list[len(list)-1].ID, 10)}}
		if state != "" {
			o.Set("state", state)
		}
		v.Older = "/jobs?" + o.Encode()
	}
	return s.page(w, r, "jobs", "jobs", v)
}

func jobID(r *request) (int64, error) {
	n, err := strconv.ParseInt(r.PathValue("job"), 10, 64)
	if err != nil || n < 1 {
		return 0, archive.ErrNotFound
	}
	return n, nil
}

// jobRetry serves POST /jobs/{job}/retry.
func (s *Server) jobRetry(w http.ResponseWriter, r *request) error {
	id, err := jobID(r)
	if err != nil {
		return err
	}
	if err := s.o.Reading.RetryJob(r.Context(), r.reader, id); err != nil {
		return err
	}
	return redirect(w, r, "/jobs", "retried")
}

// jobCancel serves POST /jobs/{job}/cancel.
func (s *Server) jobCancel(w http.ResponseWriter, r *request) error {
	id, err := jobID(r)
	if err != nil {
		return err
	}
	if err := s.o.Reading.CancelJob(r.Context(), r.reader, id); err != nil {
		return err
	}
	return redirect(w, r, "/jobs", "cancelled")
}
