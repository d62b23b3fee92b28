package web

import (
	"encoding/hex"
	"net/http"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

func accessionView(a reading.Accession) template.Accession {
	v := template.Accession{
		ID: a.ID, Ref: accessionRef(a.Number), Title: a.Title, State: string(a.State), CreatedAt: a.CreatedAt, ClosedAt: a.ClosedAt, CreatedBy: a.By,
		Found: a.Tally.Found, Received: a.Tally.Received, Duplicates: a.Tally.Duplicates, Skipped: a.Tally.Skipped, Failed: a.Tally.Failed, Bytes: a.Tally.Bytes,
		Items: a.Items, Browsable: a.States[archive.ItemBrowsable], Ready: a.States[archive.ItemReady], Explained: a.States[archive.ItemExplained], Waiting: a.States[archive.ItemSealed],
		TroublesMore: a.More,
	}
	v.Seal = sealView(a.Seal)
	if len(a.ManifestSHA256) > 0 {
		v.ManifestSHA256 = hex.EncodeToString(a.ManifestSHA256)
	}
	if len(a.Receipt) > 0 {
		v.Receipt = "/accessions/" + a.ID + "/receipt"
	}
	for _, t := range a.Troubles {
		v.Troubles = append(v.Troubles, template.Trouble{Seq: t.Seq, Outcome: string(t.Outcome), Reason: t.Reason, Name: t.Name, Size: t.Size})
	}
	return v
}

// accessionsPage serves GET /accessions.
func (s *Server) accessionsPage(w http.ResponseWriter, r *request) error {
	all, err := s.o.Reading.Accessions(r.Context(), r.reader)
	if err != nil {
		return err
	}
	v := template.Accessions{MayCreate: policy.Could(r.reader.Subject, policy.CreateAccession)}
	for _, a := range all {
		v.List = append(v.List, accessionView(a))
	}
	return s.page(w, r, "accessions", "accessions", v)
}

// accessionPage serves GET /accessions/{accession}.
func (s *Server) accessionPage(w http.ResponseWriter, r *request) error {
	a, err := s.o.Reading.Accession(r.Context(), r.reader, r.PathValue("accession"), true)
	if err != nil {
		return err
	}
	v := accessionView(a)
	v.MaySeal = policy.Could(r.reader.Subject, policy.ViewHealth)
	return s.page(w, r, "accession", "accessions", v)
}
