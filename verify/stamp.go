package verify

import "time"

// Kinds of stamps, as they stand in a bundle.
const (
	KindRFC3161        = "rfc3161"
	KindOpenTimestamps = "opentimestamps"
)

// Stamp is what a time stamp says once it has been checked as far as it can be offline.
type Stamp struct {
	Kind      string    // KindRFC3161 or KindOpenTimestamps
	Authority string    // the name in the certificate of the signer; empty for OpenTimestamps
	Time      time.Time // of the token; zero for OpenTimestamps, whose time is that of a block
	Checked   bool      // the chain of certificates ends in a root that the caller gave
	Pending   bool      // OpenTimestamps: no block yet, only the word of a calendar
	Block     int64     // OpenTimestamps: height of the Bitcoin block, if not pending
	Root      string    // OpenTimestamps: the Merkle root that this block must have, hexadecimal, bytes in the order of the block header
	Note      string    // a short remark for people, may be empty
}
