package timestamp

import (
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"zapis/verify"
)

// State of one stamp. Nothing is Confirmed before it has been verified against something that was given from outside.
type State string

// The states of a stamp; docs/design/time.md has the picture.
const (
	None      State = "none"      // not asked for
	Pending   State = "pending"   // there is an answer, which nobody has been able to check to its end yet
	Confirmed State = "confirmed" // it verifies: against given roots, or against a block header at hand
	Failed    State = "failed"    // no answer, or one that does not verify
)

// Status says how far a stamp has come.
type Status struct {
	State  State
	At     time.Time // Confirmed: what was stamped existed by then; else zero
	Block  int64     // OpenTimestamps: height of the Bitcoin block; 0 if there is none yet
	Reason string    // unless Confirmed: why, in words for the operator, without addresses
}

// The ways in which asking ends. Errors of this package wrap exactly one of them, or the error of the context.
var (
	// ErrUnreachable: there was no answer. Ask again later.
	ErrUnreachable = errors.New("not reachable")
	// ErrRefused: the answer was a refusal, or nothing that could be read.
	ErrRefused = errors.New("refused")
	// ErrNotVerified: the answer is a token or proof that does not hold. It is thrown away.
	ErrNotVerified = errors.New("answer does not verify")
	// ErrNoRoots: the token agrees with itself, but no root certificates were given to hold it against. It is worth keeping, as Pending.
	ErrNoRoots = errors.New("no root certificates to check the authority with")
	// ErrSetting: the address is not one that can be asked.
	ErrSetting = errors.New("address cannot be asked")
	// ErrNoHeader: the block header is not at hand.
	ErrNoHeader = errors.New("block header is not at hand")
)

// JudgeToken says how far an RFC 3161 token over imprint has come: Confirmed if it verifies against roots, Pending if it only agrees with itself because
// roots is nil, else Failed.
func JudgeToken(token []byte, imprint [32]byte, roots *x509.CertPool) Status {
	s, err := verify.Token(token, imprint, roots)
	switch {
	case err != nil:
		return Status{State: Failed, Reason: Reason(err)}
	case !s.Checked:
		return Status{State: Pending, Reason: ErrNoRoots.Error()}
	}
	return Status{State: Confirmed, At: s.Time}
}

// Reason is the part of an error that is worth storing with a stamp: why, without the steps that led there.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	for _, lead := range []string{"ask time authority: ", "ask calendar: ", "check proof: "} {
		text = strings.TrimPrefix(text, lead)
	}
	return strings.TrimPrefix(text, verify.ErrStamp.Error()+": ")
}
