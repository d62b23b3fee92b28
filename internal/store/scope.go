package store

import "zapis/internal/archive"

// seesNothing says whether a scope leaves nothing to see, so that no question need be asked.
func seesNothing(s archive.Scope) bool { return !s.All && len(s.Accessions) == 0 }

// within adds the access rule of a scope to a query over items (or a roll-up of them). It is the only place that knows
// the rule, and is spliced into every list; column gives a column its prefix or wrapping.
func within(p *part, s archive.Scope, column func(string) string) {
	p.add(" AND " + column("state") + " <> 'erased'")
	p.addIf(!s.Quarantined, " AND "+column("state")+" <> 'quarantined'")
	// What nobody has judged counts as the hardest, as in archive.Scope.Watches.
	p.addIf(s.MaxDifficulty >= 0 && s.MaxDifficulty < archive.Hardest, " AND "+column("difficulty")+" BETWEEN 0 AND ?", s.MaxDifficulty)
	if !s.All {
		in(p, column("accession_id"), s.Accessions)
		p.addIf(len(s.Accessions) == 0, " AND 1 = 0")
	}
}

// plain leaves a column as it is.
func plain(column string) string { return column }
