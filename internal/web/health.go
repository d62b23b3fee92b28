package web

import (
	"net/http"
	"strings"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// How old a thing may be before the health page says so in red words.
const (
	checkpointOld = 48 * time.Hour // acts that no checkpoint covers
	verifiedOld   = 35 * 24 * time.Hour
	replicaOld    = 48 * time.Hour
)

// healthPage serves GET /health.
func (s *Server) healthPage(w http.ResponseWriter, r *request) error {
	h, err := s.o.Reading.Health(r.Context(), r.reader)
	if err != nil {
		return err
	}
	v := s.healthView(h)
	if s.o.Log != nil {
		st, err := s.o.Log.Status(r.Context(), anchor.StatusOptions{Checkpoints: 1})
		if err != nil {
			return err
		}
		v.Log = logHealth(st)
		v.Lines = append(v.Lines, template.HealthLine{Code: "log", Level: v.Log.Level})
	}
	return s.page(w, r, "health", "health", v)
}

func (s *Server) healthView(h reading.Health) template.Health {
	v := template.Health{At: h.At, Version: h.Version, Fixity: fixityView(h), Record: recordView(h)}
	line := func(code, level, detail string) {
		v.Lines = append(v.Lines, template.HealthLine{Code: code, Level: level, Detail: detail})
	}
	vault := "good"
	for _, f := range h.Findings {
		v.Findings = append(v.Findings, template.Finding{
			At: f.FoundAt, Item: f.Item, Ref: f.Ref, Object: f.Object, Reason: f.Code, Healed: f.Resolution == "healed", ResolvedAt: f.ResolvedAt,
		})
	}
	line("vault", vault, "")
	line("database", "good", h.Engine)
	fix := v.Fixity.Level
	if len(h.Findings) > 0 {
		fix = "bad"
	}
	line("fixity", fix, "")
	line("record", v.Record.Level, "")
	worst := "good"
	for _, d := range h.Disks {
		one := template.Disk{What: d.What, Free: int64(d.Free), Total: int64(d.Total), DaysLeft: -1, Level: diskLevel(d.Free, d.Total)}
		if d.What == "vault" {
			one.DaysLeft = h.DaysLeft
			if h.DaysLeft >= 0 && h.DaysLeft < 14 {
				one.Level = "bad"
			}
		}
		worst = worse(worst, one.Level)
		v.Disks = append(v.Disks, one)
	}
	if len(h.Disks) > 0 {
		line("disk", worst, "")
	}
	v.Layers, worst = layerViews(h.Layers)
	line("sandbox", worst, "")
	alive := 0
	for _, wk := range h.Workers {
		if wk.Alive {
			alive++
		}
		v.Workers = append(v.Workers, template.Worker{ID: wk.ID, SeenAt: wk.SeenAt, Alive: wk.Alive, Job: wk.Job})
	}
	switch {
	case alive == 0:
		line("workers", "bad", "")
	case alive < len(h.Workers):
		line("workers", "old", "")
	default:
		line("workers", "good", "")
	}
	if s.Built() {
		line("web", "good", "")
	} else {
		line("web", "bad", "")
	}
	for _, rep := range h.Replicas {
		one := template.Replica{Name: rep.Name, SeenAt: rep.SeenAt, Behind: rep.Behind, Level: "good"}
		switch {
		case rep.Err || rep.SeenAt.IsZero():
			one.Level = "bad"
		case h.At.Sub(rep.SeenAt) > replicaOld || rep.Behind > 0:
			one.Level = "old"
		}
		v.Replicas = append(v.Replicas, one)
	}
	return v
}

// worse gives the graver of two levels.
func worse(a, b string) string {
	rank := map[string]int{"info": 0, "good": 1, "old": 2, "bad": 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

func diskLevel(free, total uint64) string {
	switch {
	case total == 0:
		return "info"
	case free*100/total < 5:
		return "bad"
	case free*100/total < 15:
		return "old"
	}
	return "good"
}

func layerViews(layers []reading.Layer) ([]template.Layer, string) {
	var out []template.Layer
	if len(layers) == 0 {
		return nil, "info" // outside programs run elsewhere, or nowhere
	}
	active := 0
	for _, l := range layers {
		if l.Active {
			active++
		}
		out = append(out, template.Layer(l))
	}
	switch {
	case active == 0:
		return out, "bad"
	case active < len(layers):
		return out, "old"
	}
	return out, "good"
}

// fixityView describes the last check. Old is measured by the last check of everything, since a sample says little, or by when the
// oldest material was taken in, which was a reading of everything, too.
func fixityView(h reading.Health) template.Fixity {
	if h.Fixity == nil {
		return template.Fixity{Level: "bad"}
	}
	run := h.Fixity
	scope, _, _ := strings.Cut(run.Scope, " ")
	if scope != "sample" && scope != "since" {
		scope = "all"
	}
	v := template.Fixity{
		Level: "good", At: run.FinishedAt, Scope: scope, Objects: max(run.Objects, run.Blobs), Bytes: run.Bytes, Bad: run.Failures, NextAt: h.Due,
	}
	for _, f := range h.Findings {
		if f.Resolution == "healed" {
			v.Healed++
		} else {
			v.Quarantined++
		}
	}
	switch {
	case run.Failures > 0 || len(h.Findings) > 0:
		v.Level = "bad"
	case h.At.After(h.Due):
		v.Level = "old"
		if !h.LastFull.IsZero() {
			v.At, v.Scope = h.LastFull, "all" // what is too long ago is this, and not the sample of yesterday
		}
	}
	return v
}

func recordView(h reading.Health) template.Record {
	v := template.Record{Size: h.Record.Size, Checkpoint: h.Record.Checkpoint, CheckpointAt: h.Record.CheckpointAt, VerifiedAt: h.Record.VerifiedAt, Level: "good"}
	switch {
	case h.Record.Checkpoint > h.Record.Size:
		v.Level = "bad" // signed over more acts than there are: the record was cut
	case v.VerifiedAt.IsZero() || h.At.Sub(v.VerifiedAt) > verifiedOld:
		v.Level = "old"
	case v.Checkpoint < v.Size && h.At.Sub(v.CheckpointAt) > checkpointOld:
		v.Level = "old"
	}
	return v
}
