package knowledge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// ConsentState says in one word how the consents of a testimony stand.
type ConsentState string

// States of consents.
const (
	ConsentNone      ConsentState = "none"      // none was ever given
	ConsentStands    ConsentState = "stands"    // and nothing that was given has been taken back or has run out for good
	ConsentPartly    ConsentState = "partly"    // some stand; others were taken back or have run out
	ConsentWithdrawn ConsentState = "withdrawn" // none stands; at least one was taken back
	ConsentExpired   ConsentState = "expired"   // none stands; those that were given have run out
)

// wider are the audiences that an audience contains. Whoever may show something to the public may show it to anybody; an audience that is not
// here contains itself alone.
var wider = map[string][]string{
	"partners": {"team"},
	"court":    {"team"},
}

// covers says whether a consent for one audience is one for another.
func covers(given, wanted string) bool {
	return given == wanted || given == "public" || slices.Contains(wider[given], wanted)
}

// effective says whether a consent stands among all that were given and taken back. Taking back a purpose for an audience ends every consent to
// that purpose which covers the audience and was given before, also one that came in by a merge.
func effective(c archive.Consent, all []archive.Consent, at time.Time) bool {
	if !c.Holds(at) {
		return false
	}
	for _, w := range all {
		if !w.WithdrawnAt.IsZero() && !w.WithdrawnAt.After(at) && w.Purpose == c.Purpose && covers(c.Audience, w.Audience) && !c.GivenAt.After(w.WithdrawnAt) {
			return false
		}
	}
	return true
}

// allowed says whether consents allow a purpose towards an audience at a moment. None at all allow nothing.
func allowed(all []archive.Consent, purpose, audience string, at time.Time) bool {
	return purpose != "" && audience != "" && slices.ContainsFunc(all, func(c archive.Consent) bool {
		return c.Purpose == purpose && covers(c.Audience, audience) && effective(c, all, at)
	})
}

// lapsed says whether something that was allowed once is not allowed now.
func lapsed(all []archive.Consent, at time.Time) bool {
	return slices.ContainsFunc(all, func(c archive.Consent) bool {
		return !c.GivenAt.After(at) && !allowed(all, c.Purpose, c.Audience, at)
	})
}

// stateOf says how consents stand.
func stateOf(all []archive.Consent, at time.Time) ConsentState {
	stands := slices.ContainsFunc(all, func(c archive.Consent) bool { return effective(c, all, at) })
	withdrawn := slices.ContainsFunc(all, func(c archive.Consent) bool { return !c.WithdrawnAt.IsZero() })
	switch gone := lapsed(all, at); {
	case len(all) == 0:
		return ConsentNone
	case stands && gone:
		return ConsentPartly
	case stands:
		return ConsentStands
	case withdrawn:
		return ConsentWithdrawn
	}
	return ConsentExpired
}

// ConsentDraft is a consent that is about to be written down.
type ConsentDraft struct {
	Purpose, Audience string // codes of the vocabularies "purpose" and "audience"
	Until             time.Time
	How               string // written, recorded, oral
	Item              string // the paper or recording, by identifier or reference; may be empty
	Note              string
	GivenAt           time.Time // zero: now
}

const maxConsentNote = 2000

// AddConsent writes down that a person allows a purpose towards an audience. Errors: archive.ErrInvalid for what is not in the vocabularies or
// lies in the future, archive.ErrConflict if the same was taken back after that day, archive.ErrNotFound.
func (s *Service) AddConsent(ctx context.Context, who policy.Subject, testimony string, d ConsentDraft) (archive.Consent, error) {
	var out archive.Consent
	err := s.o.DB.Write(ctx, func(tx *store.Tx) (err error) {
		e, err := s.testimonyFor(ctx, tx, who, policy.ManageConsent, testimony)
		if err != nil {
			return err
		}
		if d.GivenAt.IsZero() {
			d.GivenAt = s.now()
		}
		c := archive.Consent{
			ID: s.o.NewID(archive.PrefixConsent), Testimony: e.ID, Purpose: d.Purpose, Audience: d.Audience, Until: micro(d.Until), How: d.How, GivenAt: micro(d.GivenAt),
			Note: norm.NFC.String(strings.TrimSpace(d.Note)), Author: who.Agent,
		}
		if err := s.checkConsent(ctx, tx, c); err != nil {
			return err
		}
		if d.Item != "" {
			it, err := itemOf(ctx, tx, who, d.Item)
			if err != nil {
				return archive.Explain(fmt.Errorf("%w: item of a consent", archive.ErrInvalid), "There is no such item.", "Give its reference, as in Z3-000412.")
			}
			c.Item = it.ID
		}
		earlier, err := tx.Consents(ctx, policy.ScopeOf(who), e.ID)
		if err != nil {
			return err
		}
		if takenBackSince(c, earlier) {
			return archive.Explain(fmt.Errorf("%w: taken back after it was given", archive.ErrConflict), "This was taken back after that day.",
				"Write down the day on which it was given again.")
		}
		if err := tx.AddConsents(ctx, s.now(), c); err != nil {
			return err
		}
		if err := tx.TouchEntities(ctx, s.now(), e.ID); err != nil {
			return err
		}
		out = c
		return s.recordConsent(ctx, tx, who, "consent given", e.ID, []archive.Consent{c}, map[string]string{"purpose": c.Purpose, "audience": c.Audience})
	})
	if err != nil {
		return archive.Consent{}, fmt.Errorf("add consent: %w", err)
	}
	return out, nil
}

func takenBackSince(c archive.Consent, earlier []archive.Consent) bool {
	return slices.ContainsFunc(earlier, func(w archive.Consent) bool {
		return !w.WithdrawnAt.IsZero() && w.Purpose == c.Purpose && covers(c.Audience, w.Audience) && !c.GivenAt.After(w.WithdrawnAt)
	})
}

func micro(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Microsecond)
}

func (s *Service) checkConsent(ctx context.Context, tx *store.Tx, c archive.Consent) error {
	for _, t := range [][2]string{{"purpose", c.Purpose}, {"audience", c.Audience}} {
		if err := s.knownTerm(ctx, tx, t[0], t[1]); err != nil {
			return err
		}
	}
	switch {
	case !slices.Contains([]string{"written", "recorded", "oral"}, c.How):
		return archive.Explain(fmt.Errorf("%w: how a consent was given", archive.ErrInvalid), "Say how it was given: written, recorded or oral.", "")
	case c.GivenAt.After(s.now()):
		return archive.Explain(fmt.Errorf("%w: a consent in the future", archive.ErrInvalid), "A consent cannot have been given in the future.", "")
	case !c.Until.IsZero() && !c.Until.After(c.GivenAt):
		return archive.Explain(fmt.Errorf("%w: a consent that ends before it begins", archive.ErrInvalid), "It would end before it begins.", "")
	case len(c.Note) > maxConsentNote || !utf8.ValidString(c.Note) || strings.ContainsRune(c.Note, 0):
		return archive.Explain(fmt.Errorf("%w: note of a consent", archive.ErrInvalid), "The note is too long.", "")
	}
	return nil
}

// recordConsent records an act on consents. Subjects are the testimony and the consents, as far as an event holds them; the detail counts.
func (s *Service) recordConsent(ctx context.Context, tx *store.Tx, who policy.Subject, act, testimony string, consents []archive.Consent, detail map[string]string) error {
	e := archive.Event{
		Type: archive.EventConsent, Agent: who.Agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindEntity, ID: testimony}},
		Detail:   map[string]string{"act": act, "consents": strconv.Itoa(len(consents))},
	}
	for _, c := range consents[:min(len(consents), 40)] {
		e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleOutcome, Kind: custody.KindConsent, ID: c.ID})
	}
	maps.Copy(e.Detail, detail)
	_, err := s.o.Custody.Record(ctx, tx, e)
	return err
}

// Withdrawal is what came of taking consents back.
type Withdrawal struct {
	Consents   []archive.Consent // that were taken back
	Dependents Dependents        // everything that rests on the testimony, as far as the asker sees it
}

// Withdraw takes a consent back, and with it every other one to the same purpose that covers its audience: somebody who does not want to be
// shown to partners does not want to be shown to the public. With an empty consent all that stand are taken back. Errors: archive.ErrInvalid
// without a reason, archive.ErrNotFound, archive.ErrConflict if it was taken back before.
func (s *Service) Withdraw(ctx context.Context, who policy.Subject, testimony, consent, reason string) (Withdrawal, error) {
	var out Withdrawal
	fail := func(err error) (Withdrawal, error) { return Withdrawal{}, fmt.Errorf("withdraw consent: %w", err) }
	reason, err := why(reason)
	if err != nil {
		return fail(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		out = Withdrawal{}
		e, err := s.testimonyFor(ctx, tx, who, policy.ManageConsent, testimony)
		if err != nil {
			return err
		}
		sc := policy.ScopeOf(who)
		together, err := tx.Together(ctx, sc, e.ID)
		if err != nil {
			return err
		}
		all, err := tx.Consents(ctx, sc, together...)
		if err != nil {
			return err
		}
		var ids []string
		if out.Consents, err = taken(all, consent); err != nil {
			return err
		}
		if len(out.Consents) == 0 {
			return archive.Explain(fmt.Errorf("%w: nothing stands that could be taken back", archive.ErrConflict), "This was taken back before.", "")
		}
		now := s.now()
		for i := range out.Consents {
			c := &out.Consents[i]
			ids = append(ids, c.ID)
			c.WithdrawnAt, c.WithdrawnBy, c.Reason = now, who.Agent, reason
		}
		if err := tx.WithdrawConsents(ctx, ids, who.Agent, reason, now); err != nil {
			return err
		}
		if err := tx.TouchEntities(ctx, now, together...); err != nil {
			return err
		}
		if out.Dependents, err = s.dependents(ctx, tx, who, together, ""); err != nil {
			return err
		}
		d := out.Dependents
		return s.recordConsent(ctx, tx, who, "consent withdrawn", e.ID, out.Consents, map[string]string{
			"claims": strconv.Itoa(len(d.Claims)), "findings": strconv.Itoa(len(d.Findings)), "clips": strconv.Itoa(len(d.Clips)),
			"exports": strconv.Itoa(len(d.Exports)), "documents": strconv.Itoa(len(d.Documents)), "notes": strconv.Itoa(len(d.Notes)),
		})
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// taken gives the consents that go when one is taken back, or all of them; none if it was taken back before.
func taken(all []archive.Consent, consent string) (out []archive.Consent, err error) {
	i := slices.IndexFunc(all, func(c archive.Consent) bool { return c.ID == consent })
	if consent != "" && i < 0 {
		return nil, archive.ErrNotFound
	}
	if consent != "" && !all[i].WithdrawnAt.IsZero() {
		return nil, nil
	}
	for _, c := range all {
		if c.WithdrawnAt.IsZero() && (consent == "" || c.ID == consent || c.Purpose == all[i].Purpose && covers(c.Audience, all[i].Audience)) {
			out = append(out, c)
		}
	}
	return out, nil
}

// WouldWithdraw says which consents Withdraw would take back, and which of those that stand would stay.
func (s *Service) WouldWithdraw(ctx context.Context, who policy.Subject, testimony, consent string) (goes, stay []archive.Consent, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		e, err := s.testimonyFor(ctx, tx, who, policy.ManageConsent, testimony)
		if err != nil {
			return err
		}
		together, err := tx.Together(ctx, policy.ScopeOf(who), e.ID)
		if err != nil {
			return err
		}
		all, err := tx.Consents(ctx, policy.ScopeOf(who), together...)
		if err != nil {
			return err
		}
		if goes, err = taken(all, consent); err != nil {
			return err
		}
		stay = nil
		for _, c := range all {
			if effective(c, all, s.now()) && !slices.ContainsFunc(goes, func(g archive.Consent) bool { return g.ID == c.ID }) {
				stay = append(stay, c)
			}
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("would withdraw: %w", err)
	}
	return goes, stay, nil
}

// MayUse says whether a testimony may be used for a purpose towards an audience at a moment. It asks nobody's scope: it decides what may leave
// the archive, and says nothing to anybody. A testimony that was merged is one with those that it was merged with. A testimony that is not
// there may not be used.
func (s *Service) MayUse(ctx context.Context, testimony, purpose, audience string, at time.Time) (bool, error) {
	var ok bool
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		may, err := MayUse(ctx, tx, purpose, audience, at, testimony)
		ok = may[testimony]
		return err
	})
	if err != nil {
		return false, fmt.Errorf("may use %s: %w", testimony, err)
	}
	return ok, nil
}

// MayUse is [Service.MayUse] for many testimonies within a transaction.
func MayUse(ctx context.Context, tx *store.Tx, purpose, audience string, at time.Time, testimonies ...string) (map[string]bool, error) {
	out := map[string]bool{}
	pools, err := pooled(ctx, tx, testimonies)
	if err != nil {
		return nil, err
	}
	for id, consents := range pools {
		out[id] = allowed(consents, purpose, audience, at)
	}
	return out, nil
}

// pooled gives for each testimony the consents of all that are one with it, whoever may see them.
func pooled(ctx context.Context, tx *store.Tx, testimonies []string) (map[string][]archive.Consent, error) {
	everything := archive.Scope{All: true, AllCompartments: true, MaxDifficulty: -1, Quarantined: true}
	groups := map[string][]string{}
	var members []string
	for _, id := range testimonies {
		if groups[id] != nil {
			continue
		}
		group, err := tx.Together(ctx, everything, id)
		if err != nil {
			return nil, err
		}
		for _, m := range group {
			groups[m] = group
		}
		members = append(members, group...)
	}
	consents, err := tx.AllConsents(ctx, members...)
	if err != nil {
		return nil, err
	}
	by := map[string][]archive.Consent{}
	for _, c := range consents {
		by[c.Testimony] = append(by[c.Testimony], c)
	}
	out := map[string][]archive.Consent{}
	for _, id := range testimonies {
		for _, m := range groups[id] {
			out[id] = append(out[id], by[m]...)
		}
		if out[id] == nil {
			out[id] = []archive.Consent{}
		}
	}
	return out, nil
}

// Usable says which of some claims may be used for a purpose towards an audience at a moment: those of which every testimony that they rest on
// may be, by a passage or by the recording that it was spoken in, and that do not describe a testimony which may not be. It asks nobody's
// scope. Whoever exports leaves the others out, and says how many they are.
func Usable(ctx context.Context, tx *store.Tx, purpose, audience string, at time.Time, claims ...archive.Claim) (map[string]bool, error) {
	rests, err := restsOn(ctx, tx, claims)
	if err != nil {
		return nil, err
	}
	var testimonies []string
	for _, list := range rests {
		testimonies = append(testimonies, list...)
	}
	may, err := MayUse(ctx, tx, purpose, audience, at, unique(testimonies)...)
	if err != nil {
		return nil, err
	}
	out := make(map[string]bool, len(claims))
	for _, c := range claims {
		out[c.ID] = !slices.ContainsFunc(rests[c.ID], func(t string) bool { return !may[t] })
	}
	return out, nil
}

func unique(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// restsOn gives for each claim the testimonies that it rests on or describes.
func restsOn(ctx context.Context, tx *store.Tx, claims []archive.Claim) (map[string][]string, error) {
	var items, entities, passages []string
	for _, c := range claims {
		entities = append(entities, c.Entity)
		for _, src := range c.Sources {
			switch src.Kind {
			case archive.SourceItem:
				items = append(items, src.Item)
			case archive.SourcePassage:
				passages = append(passages, src.Passage)
			}
		}
	}
	ofItem, err := tx.TestimoniesOfItems(ctx, unique(items)...)
	if err != nil {
		return nil, err
	}
	ofPassage, err := tx.TestimoniesOfPassages(ctx, unique(passages)...)
	if err != nil {
		return nil, err
	}
	testimony, err := tx.AreTestimonies(ctx, unique(entities)...)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, c := range claims {
		var on []string
		if testimony[c.Entity] {
			on = append(on, c.Entity)
		}
		for _, src := range c.Sources {
			switch src.Kind {
			case archive.SourceItem:
				on = append(on, ofItem[src.Item]...)
			case archive.SourcePassage:
				// What the source says and where the passage lies must agree; if they do not, both count.
				on = append(on, src.Entity)
				if t := ofPassage[src.Passage]; t != "" {
					on = append(on, t)
				}
			}
		}
		out[c.ID] = slices.DeleteFunc(unique(on), func(s string) bool { return s == "" })
	}
	return out, nil
}

// lightUp marks the claims that rest on testimony of which a consent was taken back or has run out. A testimony that the reader does not see
// lights nothing up: that would tell that it is there.
func (s *Service) lightUp(ctx context.Context, tx *store.Tx, sc archive.Scope, said ...*Said) error {
	var claims []archive.Claim
	for _, c := range said {
		if c.Kind == catalogue.Testimony || slices.ContainsFunc(c.Sources, func(src archive.Source) bool {
			return src.Kind == archive.SourceItem || src.Kind == archive.SourcePassage
		}) {
			claims = append(claims, c.Claim)
		}
	}
	rests, err := restsOn(ctx, tx, claims)
	if err != nil {
		return err
	}
	var on []string
	for _, list := range rests {
		on = append(on, list...)
	}
	gone, err := s.lapsedOf(ctx, tx, sc, unique(on))
	if err != nil {
		return err
	}
	for _, c := range said {
		c.Withdrawn = slices.ContainsFunc(rests[c.ID], func(t string) bool { return gone[t] })
	}
	return nil
}

// lapsedOf says of which testimonies that a reader sees a consent was taken back or has run out.
func (s *Service) lapsedOf(ctx context.Context, tx *store.Tx, sc archive.Scope, testimonies []string) (map[string]bool, error) {
	gone := map[string]bool{}
	if len(testimonies) == 0 {
		return gone, nil
	}
	seen, err := tx.Entities(ctx, sc, testimonies...)
	if err != nil {
		return nil, err
	}
	now := s.now()
	for id := range seen {
		together, err := tx.Together(ctx, sc, id)
		if err != nil {
			return nil, err
		}
		consents, err := tx.Consents(ctx, sc, together...)
		if err != nil {
			return nil, err
		}
		gone[id] = lapsed(consents, now)
	}
	return gone, nil
}

// AddExport writes into the ledger what leaves the archive, in the transaction in which that is recorded.
func (s *Service) AddExport(ctx context.Context, tx *store.Tx, e store.Export) error {
	for _, t := range [][2]string{{"purpose", e.Purpose}, {"audience", e.Audience}} {
		if err := s.knownTerm(ctx, tx, t[0], t[1]); err != nil {
			return err
		}
	}
	return tx.AddExport(ctx, e)
}
