package anchor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"zapis/internal/timestamp"
	"zapis/internal/tlog"
	"zapis/internal/tlog/witness"
)

// HTTPCosigner asks witnesses over HTTP as C2SP tlog-witness has it.
type HTTPCosigner struct{ Client witness.Client }

var _ Cosigner = (*HTTPCosigner)(nil)

// Cosign implements Cosigner.
func (c *HTTPCosigner) Cosign(ctx context.Context, w Witness, checkpoint []byte, old int64, proof func(from int64) ([]tlog.Hash, error)) (string, time.Time, error) {
	line, err := c.Client.Cosign(ctx, w.URL, w.VerifierKey, old, func(_ context.Context, from, _ int64) ([]tlog.Hash, error) { return proof(from) }, checkpoint)
	switch {
	case err == nil:
	case errors.Is(err, witness.ErrFork):
		return "", time.Time{}, fmt.Errorf("%w: %w", ErrFork, err)
	case errors.Is(err, witness.ErrUnreachable):
		return "", time.Time{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	case errors.Is(err, witness.ErrRefused):
		return "", time.Time{}, fmt.Errorf("%w: %w", ErrRefused, err)
	default:
		return "", time.Time{}, err
	}
	v, err := tlog.NewCosignVerifier(w.VerifierKey)
	if err != nil {
		return "", time.Time{}, err
	}
	at, err := v.Check(string(noteText(checkpoint)), line)
	return line, at, err
}

// TimeAuthority is an RFC 3161 authority under its name in the configuration.
type TimeAuthority struct {
	Called string
	Asks   timestamp.RFC3161
}

var _ Authority = TimeAuthority{}

// Name implements Authority.
func (a TimeAuthority) Name() string { return a.Called }

// Kind implements Authority.
func (a TimeAuthority) Kind() string { return StampRFC3161 }

// Stamp implements Authority. A token that was kept without roots is judged again first; only one that does not verify is
// asked for anew.
func (a TimeAuthority) Stamp(ctx context.Context, imprint [32]byte, former []byte) (StampResult, error) {
	if len(former) > 0 {
		if r := judged(former, imprint, a.Asks.Roots); r.State != StampFailed {
			return r, nil
		}
	}
	token, at, err := a.Asks.Stamp(ctx, imprint)
	switch {
	case err == nil:
		return StampResult{State: StampConfirmed, Token: token, At: at}, nil
	case errors.Is(err, timestamp.ErrNoRoots) && len(token) > 0:
		return StampResult{State: StampPending, Token: token, Reason: timestamp.Reason(err)}, nil
	}
	return StampResult{}, outside(err)
}

func judged(token []byte, imprint [32]byte, roots *x509.CertPool) StampResult {
	s := timestamp.JudgeToken(token, imprint, roots)
	return StampResult{State: string(s.State), Token: token, At: s.At, Reason: s.Reason}
}

// outside gives an error of the timestamp engine as one of this package.
func outside(err error) error {
	switch {
	case errors.Is(err, timestamp.ErrUnreachable):
		return fmt.Errorf("%w: %s", ErrUnreachable, timestamp.Reason(err))
	case errors.Is(err, timestamp.ErrRefused), errors.Is(err, timestamp.ErrNotVerified), errors.Is(err, timestamp.ErrSetting):
		return fmt.Errorf("%w: %s", ErrRefused, timestamp.Reason(err))
	}
	return err
}

// TimeCalendar is an OpenTimestamps calendar under a name.
type TimeCalendar struct {
	Called string
	Asks   timestamp.Calendar
}

var _ Authority = TimeCalendar{}

// Name implements Authority.
func (c TimeCalendar) Name() string { return c.Called }

// Kind implements Authority.
func (c TimeCalendar) Kind() string { return StampOpenTimestamps }

// Stamp implements Authority.
func (c TimeCalendar) Stamp(ctx context.Context, imprint [32]byte, former []byte) (StampResult, error) {
	if len(former) == 0 {
		proof, err := c.Asks.Submit(ctx, imprint)
		if err != nil {
			return StampResult{}, outside(err)
		}
		return StampResult{State: StampPending, Token: proof, Reason: "no block yet"}, nil
	}
	proof, status, err := c.Asks.Upgrade(ctx, former)
	if err != nil {
		return StampResult{}, outside(err)
	}
	return StampResult{State: string(status.State), Token: proof, At: status.At, Reason: status.Reason}, nil
}
