package release

// Codes of the gates, in the order of the checklist.
const (
	GatePlan       = "plan"       // the plan was approved by somebody who did not write it
	GateGaps       = "gaps"       // the check for gaps has no open blocker
	GateLook       = "look"       // somebody else stepped through it
	GateFiles      = "files"      // the rendered files are there, as recorded, and of the strict structure
	GateConsent    = "consent"    // what people said may be published
	GatePeople     = "people"     // nobody protected is named
	GateCertainty  = "certainty"  // every sentence says how sure it is, and rests on something
	GateSource     = "source"     // nothing tells who recorded, copied or brought it
	GateOriginal   = "original"   // nothing of an original is in any file
	GateLanguages  = "languages"  // every text is there in every language
	GateWarnings   = "warnings"   // what is hard to watch is said before
	GateCorrection = "correction" // what changed is said
	GateProof      = "proof"      // the clip is in the log
	GateShare      = "share"      // the share of the archive is counted
	GateEmbargo    = "embargo"    // it may be out by now
	GateFourEyes   = "four-eyes"  // who wrote does not sign, and nobody publishes alone
)
