package fault

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestInterruptIngest presses Ctrl-C: the run ends by itself with exit code 1 and says how to go on, and going on works.
func TestInterruptIngest(t *testing.T) {
	t.Parallel()
	bin := program(t)
	r := rand.New(rand.NewPCG(5, 6))
	src, digests := tree(t, r)
	wait := 300 * time.Millisecond
	for try := range 12 {
		a := newArchive(t, bin)
		cmd := a.command("ingest", "--accession", a.acc, src)
		var problems bytes.Buffer
		cmd.Stderr = &problems
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		_ = cmd.Process.Signal(os.Interrupt)
		err := cmd.Wait()
		if err == nil {
			wait = wait * 2 / 3 // it was finished already
			continue
		}
		exit := (*exec.ExitError)(nil)
		if errors.As(err, &exit) && exit.ExitCode() == -1 {
			wait = wait * 3 / 2 // it had not yet begun to listen
			continue
		}
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(problems.String(), "go on") {
			t.Fatalf("try %d: %v\n%s", try, err, problems.Bytes())
		}
		a.ok("fsck", "--deep")
		a.ok("ingest", "--accession", a.acc, src)
		a.whole(src, digests)
		return
	}
	t.Error("no interruption fell into the work")
}
