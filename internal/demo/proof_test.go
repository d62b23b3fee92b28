package demo

import "testing"

func TestTheClipIsFromALongRecordingOfTheAccession(t *testing.T) {
	t.Parallel()
	lines := `{"id":"it_short","accession":"ac_1","kind":"video","state":"ready","ms":3000,"bytes":1000}
{"id":"it_other","accession":"ac_2","kind":"video","state":"ready","ms":900000,"bytes":9000}
{"id":"it_jump","accession":"ac_1","kind":"video","state":"ready","ms":3609000,"bytes":1500}
{"id":"it_sound","accession":"ac_1","kind":"audio","state":"ready","ms":900000,"bytes":9000}
{"id":"it_broken","accession":"ac_1","kind":"video","state":"explained","ms":900000,"bytes":9000}
{"id":"it_long","accession":"ac_1","kind":"video","state":"ready","ms":60000,"bytes":2000}
`
	if c, err := chooseCut("ac_1", []byte(lines)); err != nil || c != (cut{"it_long", "15.000", "23.000"}) {
		t.Errorf("%+v %v", c, err)
	}
	for _, bad := range []string{"", "nonsense\n", `{"id":"it_1","accession":"ac_1","kind":"video","state":"ready","ms":900}`} {
		if _, err := chooseCut("ac_1", []byte(bad)); err == nil {
			t.Errorf("a cut was found in %q", bad)
		}
	}
}
