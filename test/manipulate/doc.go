// Package manipulate changes proof bundles, stamps and published transparency logs in every way it can think of and holds
// the verifiers to refusing all of it.
//
// It guarantees that two verifiers which share no code (package verify, tools/verify.py) agree about each case and about
// the step that refuses it, on bundles that a third program (tools/test_verify.py) wrote from the page alone. Most changes
// are signed again with the right key, as an archive that turned dishonest would: so it is the inner checks that are tried,
// not only the signature around them.
//
// It does not try what the owner of all keys and all witnesses may rightly do: to make another log. A share runs with
// every test; ZAPIS_FAULT=full makes it 100,000 cases (make fault).
package manipulate
