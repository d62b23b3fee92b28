package custody

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"zapis/internal/archive"
)

// Roles of subjects and kinds of things, as they stand in events.
const (
	RoleSource  = "source"
	RoleOutcome = "outcome"
	RoleAbout   = "about"

	KindAccession  = "accession"
	KindItem       = "item"
	KindDerivative = "derivative"
	KindObject     = "object"
	KindBlob       = "blob"
	KindAccount    = "account"
	KindVault      = "vault"

	// Things of the catalogue.
	KindEntity      = "entity"
	KindClaim       = "claim"
	KindNote        = "note"
	KindPassage     = "passage"
	KindConsent     = "consent"
	KindSuggestion  = "suggestion"
	KindCompartment = "compartment"
	KindExport      = "export"
	KindImport      = "import"
	KindTextTrack   = "text"     // the words of an item from one machine or one file
	KindTextSpan    = "sentence" // one sentence or line of them

	// What is published.
	KindPlan    = "plan"
	KindRelease = "release"
)

// The functions below give the events that the verifier holds against the catalogue, so that writer and verifier
// agree on their detail keys. Acts without one fill archive.Event themselves, with the keys of
// docs/design/custody-record.md. ID, Time and Tool are left to Record.

// VaultCreated is the first event of every record.
func VaultCreated(agent, vaultID string) archive.Event {
	return archive.Event{Type: archive.EventVaultCreation, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: RoleOutcome, Kind: KindVault, ID: vaultID}}}
}

// AccessionOpened records that an accession was begun.
func AccessionOpened(agent, accession string) archive.Event {
	return archive.Event{Type: archive.EventAccession, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: RoleOutcome, Kind: KindAccession, ID: accession}}}
}

// AccessionClosed records the tally and the sealed manifest of an accession at its closing: a.ID, a.Tally, a.Manifest,
// a.ManifestSHA256 are read; size is that of the manifest in bytes.
func AccessionClosed(agent string, a archive.Accession, size int64) archive.Event {
	return archive.Event{Type: archive.EventAccessionClosing, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{
			{Role: RoleAbout, Kind: KindAccession, ID: a.ID},
			{Role: RoleOutcome, Kind: KindObject, ID: a.Manifest.Object},
		},
		Detail: map[string]string{
			"object": a.Manifest.Object, "envelope": a.Manifest.Envelope,
			"sha256": hex.EncodeToString(a.ManifestSHA256), "size": decimal(size),
			"found": decimal(a.Tally.Found), "received": decimal(a.Tally.Received),
			"duplicates": decimal(a.Tally.Duplicates), "skipped": decimal(a.Tally.Skipped),
			"failed": decimal(a.Tally.Failed), "bytes": decimal(a.Tally.Bytes),
		}}
}

// Ingestion records that an item was taken in: it.ID, Accession, Size, SHA256 and Object are read. provenance is
// the line of the manifest that it came from.
func Ingestion(agent string, it archive.Item, provenance string) archive.Event {
	return archive.Event{Type: archive.EventIngestion, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{
			{Role: RoleOutcome, Kind: KindItem, ID: it.ID},
			{Role: RoleOutcome, Kind: KindObject, ID: it.Object.Object},
			{Role: RoleAbout, Kind: KindAccession, ID: it.Accession},
		},
		Detail: map[string]string{
			"accession": it.Accession, "outcome": string(archive.OutcomeReceived), "provenance": provenance,
			"object": it.Object.Object, "envelope": it.Object.Envelope,
			"sha256": hex.EncodeToString(it.SHA256), "size": decimal(it.Size),
		}}
}

// DuplicateFound records that a file with the bytes of an item held already was found in accession.
func DuplicateFound(agent string, held archive.Item, accession, provenance string) archive.Event {
	return archive.Event{Type: archive.EventIngestion, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{
			{Role: RoleAbout, Kind: KindItem, ID: held.ID},
			{Role: RoleAbout, Kind: KindAccession, ID: accession},
		},
		Detail: map[string]string{
			"accession": accession, "outcome": string(archive.OutcomeDuplicate), "provenance": provenance,
			"sha256": hex.EncodeToString(held.SHA256), "size": decimal(held.Size),
		}}
}

// Derivation records a copy made from an item: one event for each derivative.
func Derivation(agent string, d archive.Derivative) archive.Event {
	return archive.Event{Type: archive.EventDerivation, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{
			{Role: RoleSource, Kind: KindItem, ID: d.Item},
			{Role: RoleOutcome, Kind: KindDerivative, ID: d.ID},
			{Role: RoleOutcome, Kind: KindObject, ID: d.Object.Object},
		},
		Detail: map[string]string{
			"item": d.Item, "kind": d.Kind, "ordinal": decimal(int64(d.Ordinal)),
			"recipe": d.Recipe, "recipe_version": decimal(int64(d.RecipeVersion)),
			"derive_tool": d.Tool, "derive_tool_version": d.ToolVersion,
			"object": d.Object.Object, "envelope": d.Object.Envelope,
			"sha256": hex.EncodeToString(d.SHA256), "size": decimal(d.Size),
		}}
}

// Displaying records that an agent saw something of an item: what is "item page", "proxy", "still" and the like;
// derivative may be empty. One event for each visit and thing.
func Displaying(agent, item, derivative, visit, what string) archive.Event {
	e := archive.Event{Type: archive.EventDisplaying, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: RoleAbout, Kind: KindItem, ID: item}},
		Detail:   map[string]string{"visit": visit, "what": what}}
	if derivative != "" {
		e.Subjects = append(e.Subjects, archive.Subject{Role: RoleAbout, Kind: KindDerivative, ID: derivative})
	}
	return e
}

// Extraction records that the original of an item leaves the vault in the clear. The reason is the agent's own words;
// the form that asks for it says that it is kept for ever and must not name people.
func Extraction(agent string, it archive.Item, reason string) archive.Event {
	return archive.Event{Type: archive.EventExtraction, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: RoleSource, Kind: KindItem, ID: it.ID}},
		Detail: map[string]string{
			"reason": reason, "sha256": hex.EncodeToString(it.SHA256), "size": decimal(it.Size),
		}}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// Limits of an event. They keep a record readable and refuse what does not belong into one.
const (
	maxSubjects = 64
	maxDetails  = 64
	maxValue    = 1000 // bytes
)

// Check refuses an event that the record should not hold (archive.ErrInvalid): an unknown outcome, role or kind, a
// subject without an identifier of its form, a detail key that is not lower-case ASCII, a value that is too long or
// has control characters, a digest that is not lower-case hex.
func Check(e archive.Event) error {
	invalid := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{archive.ErrInvalid}, a...)...)
	}
	switch e.Outcome {
	case archive.Success, archive.Failure, archive.Warning:
	default:
		return invalid("outcome of event")
	}
	if err := archive.CheckID(archive.PrefixEvent, e.ID); err != nil {
		return err
	}
	if !word(e.Agent) {
		return invalid("agent is an identifier")
	}
	if len(e.Subjects) > maxSubjects || len(e.Detail) > maxDetails {
		return invalid("more than %d subjects or %d details", maxSubjects, maxDetails)
	}
	if y := e.Time.UTC().Year(); y < 1970 || y > 9999 {
		return invalid("time of event")
	}
	for i, s := range e.Subjects {
		switch s.Role {
		case RoleSource, RoleOutcome, RoleAbout:
		default:
			return invalid("role of subject %d", i)
		}
		if !knownKind(s.Kind) {
			return invalid("kind of subject %d", i)
		}
		// Identifiers only: a name or a path has no way in here.
		prefix, _, ok := strings.Cut(s.ID, "_")
		if !ok || archive.CheckID(prefix, s.ID) != nil {
			return invalid("identifier of subject %d", i)
		}
	}
	for k, v := range e.Detail {
		if !word(k) {
			return invalid("detail keys are lower-case ASCII")
		}
		if len(v) > maxValue || strings.ContainsFunc(v, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
			return invalid("detail %q", k)
		}
		if strings.HasSuffix(k, "sha256") {
			if raw, err := hex.DecodeString(v); err != nil || len(raw) != 32 || v != strings.ToLower(v) {
				return invalid("detail %q is not a digest", k)
			}
		}
	}
	return nil
}

// word says whether s has the look of an identifier: no spaces, no capitals, nothing that a name or a path needs.
func word(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func knownKind(kind string) bool {
	switch kind {
	case KindAccession, KindItem, KindDerivative, KindObject, KindBlob, KindAccount, KindVault,
		KindEntity, KindClaim, KindNote, KindPassage, KindConsent, KindSuggestion, KindCompartment, KindExport, KindImport, KindTextTrack, KindTextSpan,
		KindPlan, KindRelease:
		return true
	}
	return false
}
