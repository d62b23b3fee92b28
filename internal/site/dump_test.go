package site_test

import (
	"os"
	"testing"
)

func TestDump(t *testing.T) {
	to := os.Getenv("SITE_DUMP")
	if to == "" {
		t.Skip("no SITE_DUMP")
	}
	r := newRig(t, 60)
	r.o.Out = to
	r.write(r.bundle(7).Withdraw("2026-11-20", "A person who can be heard asked for it."))
	os.RemoveAll(r.releases + "/corridor-0003")
	b := r.bundle(3)
	_ = b
	b.Release.Release = 1
	r.write(b)
	t.Logf("%+v", r.build())
}
