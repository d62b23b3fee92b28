package store

import (
	"context"
	"fmt"
	"time"
)

// Worker is a process that works on jobs.
type Worker struct {
	ID        string
	StartedAt time.Time
	SeenAt    time.Time
}

// Progress is how far a job has come.
type Progress struct {
	Job   int64
	Step  string // code
	Done  int64
	Total int64 // 0 if not known
	At    time.Time
}

const (
	workerColumns   = `id, started_at, seen_at`
	progressColumns = `job, step, done, total, at`
)

func scanWorker(s scanner) (w Worker, err error) {
	err = s.Scan(&w.ID, at{&w.StartedAt}, at{&w.SeenAt})
	return w, err
}

func scanProgress(s scanner) (p Progress, err error) {
	err = s.Scan(&p.Job, &p.Step, &p.Done, &p.Total, at{&p.At})
	return p, err
}

// Heartbeat notes that a worker is alive at now. Workers on several machines compare their clocks by it, so they must
// agree to within a few seconds.
func (tx *Tx) Heartbeat(ctx context.Context, worker string, now time.Time) error {
	_, err := tx.exec(ctx, `INSERT INTO worker (id, started_at, seen_at) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`, worker, now.UnixMicro(), now.UnixMicro())
	if err != nil {
		return fmt.Errorf("heartbeat of worker %s: %w", worker, err)
	}
	return nil
}

// Workers gives all workers, the latest seen first.
func (tx *Tx) Workers(ctx context.Context) ([]Worker, error) {
	return all(ctx, tx, scanWorker, `SELECT `+workerColumns+` FROM worker ORDER BY seen_at DESC, id`)
}

// DeadWorkers gives the workers not seen since a time.
func (tx *Tx) DeadWorkers(ctx context.Context, since time.Time) ([]Worker, error) {
	return all(ctx, tx, scanWorker, `SELECT `+workerColumns+` FROM worker WHERE seen_at < $1 ORDER BY id`, since.UnixMicro())
}

// RemoveWorker forgets a worker.
func (tx *Tx) RemoveWorker(ctx context.Context, id string) error {
	if _, err := tx.exec(ctx, `DELETE FROM worker WHERE id = $1`, id); err != nil {
		return fmt.Errorf("remove worker %s: %w", id, err)
	}
	return nil
}

// SetProgress notes how far a job has come.
func (tx *Tx) SetProgress(ctx context.Context, p Progress) error {
	_, err := tx.exec(ctx, `INSERT INTO job_progress (job, step, done, total, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (job)
		DO UPDATE SET step = excluded.step, done = excluded.done, total = excluded.total, at = excluded.at`,
		p.Job, p.Step, p.Done, p.Total, p.At.UnixMicro())
	if err != nil {
		return fmt.Errorf("progress of job %d: %w", p.Job, err)
	}
	return nil
}

// ProgressOf gives the progress of the jobs that have one.
func (tx *Tx) ProgressOf(ctx context.Context, jobs []int64) (map[int64]Progress, error) {
	out := make(map[int64]Progress, len(jobs))
	if len(jobs) == 0 {
		return out, nil
	}
	var p part
	p.add(`SELECT ` + progressColumns + ` FROM job_progress WHERE 1 = 1`)
	in(&p, "job", jobs)
	found, err := all(ctx, tx, scanProgress, p.text.String(), p.args...)
	for _, f := range found {
		out[f.Job] = f
	}
	return out, err
}

// ClearProgress forgets the progress of a job.
func (tx *Tx) ClearProgress(ctx context.Context, job int64) error {
	if _, err := tx.exec(ctx, `DELETE FROM job_progress WHERE job = $1`, job); err != nil {
		return fmt.Errorf("progress of job %d: %w", job, err)
	}
	return nil
}

// JobCounts gives the number of jobs per state of the queue, of those kinds or of all.
func (tx *Tx) JobCounts(ctx context.Context, kinds ...string) (map[string]int64, error) {
	type count struct {
		state string
		n     int64
	}
	var p part
	p.add(`SELECT CAST(state AS TEXT), COUNT(*) FROM river_job WHERE 1 = 1`)
	in(&p, "kind", kinds)
	p.add(` GROUP BY state`)
	found, err := all(ctx, tx, func(s scanner) (c count, err error) { err = s.Scan(&c.state, &c.n); return c, err }, p.text.String(), p.args...)
	out := make(map[string]int64, len(found))
	for _, c := range found {
		out[c.state] = c.n
	}
	return out, err
}
