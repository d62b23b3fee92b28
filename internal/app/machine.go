package app

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"zapis/internal/reading"
	"zapis/internal/store"
)

// fullCheckDue is how often everything should be checked, for the health page.
const fullCheckDue = 30 * 24 * time.Hour

// machine is what the health page shows of this machine.
func (a *App) machine() reading.Machine {
	return reading.Machine{Version: a.Version, Disks: a.disks, Layers: a.layers, Replicas: a.replicas, FixityEvery: fullCheckDue}
}

func (a *App) disks(ctx context.Context) []reading.Disk {
	var out []reading.Disk
	if free, total, known := a.Storage.Free(ctx); known {
		out = append(out, reading.Disk{What: "vault", Free: free, Total: total})
	}
	var s unix.Statfs_t
	if a.sqlite() && unix.Statfs(a.Dir, &s) == nil {
		out = append(out, reading.Disk{What: "database", Free: s.Bavail * uint64(s.Bsize), Total: s.Blocks * uint64(s.Bsize)})
	}
	return out
}

func (a *App) layers() []reading.Layer {
	if a.Media == nil {
		return nil
	}
	var out []reading.Layer
	for _, l := range a.Media.Isolation() {
		out = append(out, reading.Layer{Name: l.Name, Active: l.Active, Detail: l.Detail})
	}
	return out
}

// replicas tells of the copy of the vault from what was noted when it was last made, since the page must not wait for it.
func (a *App) replicas(ctx context.Context) []reading.Replica {
	var place, seen string
	err := a.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if place, _, err = tx.Setting(ctx, settingReplica); err != nil {
			return err
		}
		seen, _, err = tx.Setting(ctx, settingReplicated)
		return err
	})
	if err != nil || (place == "" && a.Config.Replica == "") {
		return nil
	}
	at, perr := time.Parse(time.RFC3339, seen)
	return []reading.Replica{{Name: "replica", SeenAt: at, Err: perr != nil}}
}
