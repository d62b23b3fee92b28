package manipulate

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestGoldenLog: a log that Zapis published, and checkpoints that were seen elsewhere, mean the same to both verifiers.
func TestGoldenLog(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(vectorDir, "log")
	f := make(folder)
	if err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		short, err := filepath.Rel(dir, name)
		f[filepath.ToSlash(short)] = data
		return err
	}); err != nil {
		t.Fatal(err)
	}
	outside, err := filepath.Glob(filepath.Join(vectorDir, "logoutside", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	other, accepted, refused := serve(t, "verify_log.py"), 0, 0
	hold := func(name string, o logOptions) {
		ours := checkLog(f, o)
		theirs, err := other.verifyLog(f, o)
		if err != nil {
			t.Fatal(err)
		}
		one, two := report{Steps: ours.Steps}, report{Steps: theirs.Steps}
		if ours.OK != theirs.OK || !slices.Equal(ours.Failed, theirs.Failed) || one.states() != two.states() {
			t.Errorf("%s: package verify %v %+v, verify_log.py %v %+v", name, ours.Failed, ours.Steps, theirs.Failed, theirs.Steps)
		}
		if ours.OK {
			accepted++
		} else {
			refused++
		}
	}
	hold("alone", logOptions{})
	for _, name := range outside {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		hold(filepath.Base(name), logOptions{Against: []string{string(text)}})
	}
	// Put back by a day: what lies beyond is neither right nor wrong.
	note, err := os.ReadFile(filepath.Join(vectorDir, "logoutside", "earlier.txt"))
	if err != nil {
		t.Fatal(err)
	}
	f["checkpoint"] = note
	hold("put back", logOptions{})
	if accepted < 3 || refused < 3 {
		t.Errorf("%d accepted, %d refused: too few to say anything", accepted, refused)
	}
}
