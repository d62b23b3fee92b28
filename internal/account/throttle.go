package account

import "time"

// Throttling: the first failures are free, since people mistype; then each failure doubles the wait. The wait is
// per account, not per address, because no addresses are kept; a stranger who knows a name can therefore make its
// owner wait for the password, but never for a passkey or a link.
const (
	freeFailures = 4
	firstDelay   = 2 * time.Second
	maxDelay     = 15 * time.Minute
	// forgetAfter is how long after the last failure the count begins anew.
	forgetAfter = 24 * time.Hour
)

// delay gives how long after the last of n failures in a row the next try is looked at.
func delay(n int) time.Duration {
	if n <= freeFailures {
		return 0
	}
	d := firstDelay
	for range n - freeFailures - 1 {
		if d *= 2; d >= maxDelay {
			return maxDelay
		}
	}
	return d
}
