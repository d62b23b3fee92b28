package gap

import (
	"zapis/internal/media/detect"
	"zapis/internal/redact/plan"
)

// Proposals makes solid masks of what was found in a source, with the recipe of the detector as their origin. newID makes
// identifiers of tracks. They are for a person to take or to leave.
func Proposals(source int, found []detect.Found, newID func() string) []plan.Track {
	reasons := map[string]string{detect.KindFace: "face", detect.KindPerson: "person", detect.KindText: "text"}
	tracks := make([]plan.Track, 0, len(found))
	for _, f := range found {
		t := plan.Track{ID: newID(), Source: source, Kind: plan.Solid, Reason: reasons[f.Kind], Origin: f.Detector, UntilEnd: f.UntilEnd}
		if t.Reason == "" {
			t.Reason = "other"
		}
		for _, k := range f.Keys {
			t.Keys = append(t.Keys, plan.Key{AtUS: k.AtUS, Box: k.Box})
		}
		tracks = append(tracks, t)
	}
	return tracks
}
