package reading

import (
	"context"
	"fmt"
	"strconv"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// JobState is where a job stands.
type JobState = job.State

// JobFilter narrows a list of jobs.
type JobFilter = job.Filter

// Job is one job, with the reference of the item it works on if the reader may see that.
type Job struct {
	job.Info
	Ref string
}

// jobsPage is how many jobs a page has.
const jobsPage = 100

// Jobs lists jobs, newest first, with the counts of all states. The item of a job outside the reader's scope is left out.
func (s *Service) Jobs(ctx context.Context, r Reader, f JobFilter) (jobs []Job, counts map[JobState]int64, err error) {
	if err := allowed(r, policy.ViewJobs); err != nil {
		return nil, nil, err
	}
	if s.o.Jobs == nil {
		return nil, map[JobState]int64{}, nil
	}
	if f.Limit <= 0 || f.Limit > jobsPage {
		f.Limit = jobsPage
	}
	if counts, err = s.o.Jobs.Counts(ctx); err != nil {
		return nil, nil, fmt.Errorf("count jobs: %w", err)
	}
	list, err := s.o.Jobs.List(ctx, f)
	if err != nil {
		return nil, nil, fmt.Errorf("list jobs: %w", err)
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		jobs = jobs[:0]
		for _, info := range list {
			j := Job{Info: info}
			if info.Item != "" {
				it, err := s.item(ctx, tx, r, info.Item, policy.ViewItem)
				switch {
				case err == nil:
					j.Ref = it.Reference()
				case hidden(err):
					j.Item, j.Error = "", ""
				default:
					return err
				}
			}
			jobs = append(jobs, j)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return jobs, counts, nil
}

// RetryJob makes a job available again.
func (s *Service) RetryJob(ctx context.Context, r Reader, id int64) error {
	return s.manage(ctx, r, id, "job retried", func() error { return s.o.Jobs.Retry(ctx, id) })
}

// CancelJob calls a job off.
func (s *Service) CancelJob(ctx context.Context, r Reader, id int64) error {
	return s.manage(ctx, r, id, "job cancelled", func() error { return s.o.Jobs.Cancel(ctx, id) })
}

// manage acts on a job whose item the reader may see. The queue keeps its own transactions, so the event is recorded first:
// better one about an act that did not come off than an act without one.
func (s *Service) manage(ctx context.Context, r Reader, id int64, act string, f func() error) error {
	if err := allowed(r, policy.ManageJobs); err != nil {
		return err
	}
	if s.o.Jobs == nil || id <= 0 {
		return archive.ErrNotFound
	}
	list, err := s.o.Jobs.List(ctx, job.Filter{After: id + 1, Limit: 1})
	if err != nil {
		return fmt.Errorf("find job %d: %w", id, err)
	}
	if len(list) == 0 || list[0].ID != id {
		return archive.ErrNotFound
	}
	e := archive.Event{
		Type: archive.EventAdministration, Agent: r.Agent, Outcome: archive.Success,
		Detail: map[string]string{"act": act, "job": strconv.FormatInt(id, 10), "kind": list[0].Kind},
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if item := list[0].Item; item != "" {
			if _, err := s.item(ctx, tx, r, item, policy.ViewItem); err != nil {
				return err
			}
			e.Subjects = []archive.Subject{{Role: "about", Kind: "item", ID: item}}
		}
		_, err := s.o.Custody.Record(ctx, tx, e)
		return err
	})
	if err != nil {
		return fmt.Errorf("record act on job %d: %w", id, err)
	}
	if err := f(); err != nil {
		return fmt.Errorf("%s %d: %w", act, id, err)
	}
	return nil
}
