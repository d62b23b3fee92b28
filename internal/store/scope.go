package store

import "zapis/internal/archive"

// seesNothing says whether a scope leaves nothing to see, so that no question need be asked.
func seesNothing(s archive.Scope) bool { return !s.All && len(s.Accessions) == 0 }

// within adds the access rule of a scope to a query over items (or a roll-up of them). It is spliced into every list;
// prefix is "" or a table name with a dot.
func within(p *part, s archive.Scope, prefix string) {
	p.add(" AND " + prefix + "state <> 'erased'")
	p.addIf(!s.Quarantined, " AND "+prefix+"state <> 'quarantined'")
	p.addIf(s.MaxDifficulty >= 0, " AND "+prefix+"difficulty <= ?", s.MaxDifficulty)
	if !s.All {
		in(p, prefix+"accession_id", s.Accessions)
		p.addIf(len(s.Accessions) == 0, " AND 1 = 0")
	}
}
