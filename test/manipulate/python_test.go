package manipulate

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"zapis/verify"
)

// tools is the folder of the independent verifier.
func tools(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../tools")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// python is the interpreter; without one the test is skipped, or fails where every tool has to be there.
func python(t testing.TB) string {
	t.Helper()
	name, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal("python3 is missing")
		}
		t.Skip("python3 is missing: make setup-test")
	}
	return name
}

// options are those of both verifiers; Roots is PEM, File the bytes themselves.
type options struct {
	Keys      []string `json:"keys"`
	Witnesses []string `json:"witnesses"`
	Quorum    int      `json:"quorum"`
	Roots     string   `json:"roots,omitempty"`
	File      *[]byte  `json:"file,omitempty"`
}

// report is what all verifiers have in common.
type report struct {
	OK     bool          `json:"ok"`
	Kind   string        `json:"kind"`
	Failed string        `json:"failed"`
	Steps  []verify.Step `json:"steps"`
}

func (r report) reason() string {
	if len(r.Steps) == 0 {
		return ""
	}
	return r.Steps[len(r.Steps)-1].Text
}

// states are the steps with their states, which all verifiers must agree on, without the words.
func (r report) states() string {
	var b strings.Builder
	for _, s := range r.Steps {
		b.WriteString(s.Name + " " + s.State + "\n")
	}
	return b.String()
}

// server is tools/verify.py or tools/verify_log.py with --serve.
type server struct {
	mu  sync.Mutex
	in  io.WriteCloser
	out *bufio.Reader
}

func serve(t testing.TB, program string) *server {
	t.Helper()
	cmd := exec.Command(python(t), filepath.Join(tools(t), program), "--serve")
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", program, err)
		}
	})
	return &server{in: in, out: bufio.NewReaderSize(out, 1<<16)}
}

// verify asks for one bundle.
func (s *server) verify(raw []byte, o options) (report, error) {
	var r report
	return r, s.ask(map[string]any{"bundle": base64.StdEncoding.EncodeToString(raw), "options": o}, &r)
}

// logReport is what both verifiers of logs have in common.
type logReport struct {
	OK     bool          `json:"ok"`
	Failed []string      `json:"failed"`
	Steps  []verify.Step `json:"steps"`
}

// verifyLog asks for one folder.
func (s *server) verifyLog(f folder, o logOptions) (logReport, error) {
	var r logReport
	return r, s.ask(map[string]any{"log": f, "options": o}, &r)
}

func (s *server) ask(question, answer any) error {
	line, err := json.Marshal(question)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		return err
	}
	raw, err := s.out.ReadBytes('\n')
	if err != nil {
		return errors.Join(errors.New("the verifier ended"), err)
	}
	return json.Unmarshal(raw, answer)
}
