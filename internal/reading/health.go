package reading

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Machine is what the health page shows of the machine. Functions may be nil and must answer quickly.
type Machine struct {
	Version string
	Disks   func(context.Context) []Disk
	Layers  func() []Layer
	// Replicas of the vault, with when each was last brought up to date.
	Replicas func(context.Context) []Replica
	// FixityEvery is how often a full check is due; 0: 30 days.
	FixityEvery time.Duration
}

// Disk is room on a disk, in bytes.
type Disk struct {
	What        string // "vault", "database", "scratch"
	Free, Total uint64
}

// Layer is one layer around outside programs.
type Layer struct {
	Name   string
	Active bool
	Detail string
}

// Replica is one copy of the vault.
type Replica struct {
	Name   string
	SeenAt time.Time
	Behind int64 // files that it lacks
	Err    bool
}

// Health is the state of the archive.
type Health struct {
	At       time.Time
	Engine   string
	Fixity   *store.Run // the latest finished check; nil: never
	LastFull time.Time  // when everything was last checked; zero: never
	Due      time.Time  // when everything should be checked again, counted from then or from the oldest accession
	Findings []Finding
	Disks    []Disk
	DaysLeft int // until the vault's disk is full, at the pace of the last 30 days; -1 not known
	Layers   []Layer
	Replicas []Replica
	Workers  []Worker
	Jobs     map[JobState]int64
	Record   Record
	Version  string
}

// Finding is an open mismatch.
type Finding struct {
	store.Finding
	Ref string
}

// Worker is a process that works on jobs.
type Worker struct {
	ID     string
	SeenAt time.Time
	Alive  bool
	Job    string // kind and reference of what it works on; empty if nothing
}

// Record is the custody record in short.
type Record struct {
	Size         int64
	Checkpoint   int64
	CheckpointAt time.Time
	VerifiedAt   time.Time // of the last whole verification, if somebody noted it
}

// deadAfter is when a worker that was not seen counts as dead.
const deadAfter = 30 * time.Second

// SettingVerified is the setting in which the time of the last whole verification of the record is kept, RFC 3339.
const SettingVerified = "custody.verified"

// Health gathers the state of the archive.
func (s *Service) Health(ctx context.Context, r Reader) (Health, error) {
	if err := allowed(r, policy.ViewHealth); err != nil {
		return Health{}, err
	}
	now := s.now()
	h := Health{At: now, Engine: s.o.DB.Engine(), DaysLeft: -1, Version: s.o.Machine.Version}
	var last30 int64
	var oldest time.Time
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		if run, ok, err := tx.LastRun(ctx); err != nil {
			return fmt.Errorf("read last fixity check: %w", err)
		} else if ok {
			h.Fixity = &run
		}
		runs, err := tx.Runs(ctx, 200)
		if err != nil {
			return fmt.Errorf("read fixity checks: %w", err)
		}
		for _, run := range runs {
			if run.Scope == "all" && !run.FinishedAt.IsZero() && run.FinishedAt.After(h.LastFull) {
				h.LastFull = run.FinishedAt
			}
		}
		open, err := tx.OpenFindings(ctx)
		if err != nil {
			return fmt.Errorf("read findings: %w", err)
		}
		h.Findings = h.Findings[:0]
		for _, f := range open {
			one := Finding{Finding: f}
			if f.Item != "" {
				it, err := s.item(ctx, tx, r, f.Item, policy.ViewItem)
				if err == nil {
					one.Ref = it.Reference()
				} else if hidden(err) {
					one.Item = ""
				} else {
					return err
				}
			}
			h.Findings = append(h.Findings, one)
		}
		workers, err := tx.Workers(ctx)
		if err != nil {
			return fmt.Errorf("read workers: %w", err)
		}
		h.Workers = h.Workers[:0]
		for _, w := range workers {
			h.Workers = append(h.Workers, Worker{ID: w.ID, SeenAt: w.SeenAt, Alive: now.Sub(w.SeenAt) < deadAfter})
		}
		if h.Record.Size, err = tx.Head(ctx, false); err != nil {
			return fmt.Errorf("read head of the record: %w", err)
		}
		checkpoints, err := tx.Checkpoints(ctx)
		if err != nil {
			return fmt.Errorf("read checkpoints: %w", err)
		}
		if n := len(checkpoints); n > 0 {
			h.Record.Checkpoint, h.Record.CheckpointAt = checkpoints[n-1].Size, checkpoints[n-1].At
		}
		if text, ok, err := tx.Setting(ctx, SettingVerified); err != nil {
			return fmt.Errorf("read settings: %w", err)
		} else if ok {
			h.Record.VerifiedAt, _ = time.Parse(time.RFC3339, text)
		}
		all, err := tx.Accessions(ctx, archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true})
		if err != nil {
			return fmt.Errorf("list accessions: %w", err)
		}
		last30, oldest = 0, now
		for _, a := range all {
			if a.CreatedAt.Before(oldest) {
				oldest = a.CreatedAt
			}
			if now.Sub(a.CreatedAt) < 30*24*time.Hour {
				last30 += a.Tally.Bytes
			}
		}
		return nil
	})
	if err != nil {
		return Health{}, err
	}
	every := s.o.Machine.FixityEvery
	if every == 0 {
		every = 30 * 24 * time.Hour
	}
	// What is taken in is read back at once, so that the oldest accession counts as checked on its first day.
	if h.Due = oldest.Add(every); !h.LastFull.IsZero() {
		h.Due = h.LastFull.Add(every)
	}
	if s.o.Machine.Disks != nil {
		h.Disks = s.o.Machine.Disks(ctx)
		for _, d := range h.Disks {
			if d.What == "vault" && last30 > 0 {
				h.DaysLeft = int(min(float64(d.Free)/(float64(last30)/30), 100_000))
			}
		}
	}
	if s.o.Machine.Layers != nil {
		h.Layers = s.o.Machine.Layers()
	}
	if s.o.Machine.Replicas != nil {
		h.Replicas = s.o.Machine.Replicas(ctx)
	}
	if s.o.Jobs != nil {
		if h.Jobs, err = s.o.Jobs.Counts(ctx); err != nil {
			return Health{}, fmt.Errorf("count jobs: %w", err)
		}
		running, _, err := s.Jobs(ctx, r, JobFilter{States: []JobState{job.Running}})
		if err != nil {
			return Health{}, err
		}
		for i, w := range h.Workers {
			for _, j := range running {
				if j.Worker == w.ID {
					h.Workers[i].Job = j.Kind
					if j.Ref != "" {
						h.Workers[i].Job += " " + j.Ref
					}
				}
			}
		}
	}
	return h, nil
}

// Live is what changes while somebody looks on.
type Live struct {
	Accessions []Accession        // open ones, and those closed within the last minute
	Counts     map[JobState]int64 // nil when the reader may not see jobs
	Running    []Job
}

// Live gathers what changes while somebody looks on; it is asked about once a second.
func (s *Service) Live(ctx context.Context, r Reader) (Live, error) {
	var out Live
	all, err := s.Accessions(ctx, r)
	if err != nil {
		return out, err
	}
	for _, a := range all {
		if a.State == archive.AccessionOpen || s.now().Sub(a.ClosedAt) < time.Minute {
			full, err := s.Accession(ctx, r, a.ID, false)
			if err != nil {
				if hidden(err) {
					continue
				}
				return out, err
			}
			out.Accessions = append(out.Accessions, full)
		}
	}
	if s.o.Jobs != nil && allowed(r, policy.ViewJobs) == nil {
		if out.Running, out.Counts, err = s.Jobs(ctx, r, JobFilter{States: []JobState{job.Running}, Limit: 20}); err != nil {
			return out, err
		}
	}
	return out, nil
}

// hidden says whether err means that the reader may not know of a thing, or that there is none.
func hidden(err error) bool {
	return errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden)
}
