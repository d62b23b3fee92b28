package custodytest

import (
	"context"
	"encoding/hex"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/verify"
)

// Sample is a small record as Zapis writes it, with the catalogue it belongs to: vault, accession, six items, a duplicate,
// two derivatives, a viewing, a closing; checkpoints at sizes 0, 1, 7 and 13, and one event after the last. It gives
// the text of the verifier key too.
func Sample() (*Memory, string) {
	m := &Memory{Things: map[string][]verify.Thing{}}
	r, vkey := Recorder()
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			panic(fmt.Sprintf("custodytest: %v", err))
		}
	}
	record := func(events ...archive.Event) {
		_, err := r.Record(ctx, m.Tx(), events...)
		must(err)
	}
	checkpoint := func() {
		_, _, err := r.CheckpointIn(ctx, m.Tx())
		must(err)
	}
	object := func(id string, digest []byte, size int64) {
		m.Things["object"] = append(m.Things["object"], verify.Thing{ID: id, SHA256: hex.EncodeToString(digest), Size: size})
	}
	item := func(n int) archive.Event {
		it := Item(n)
		m.Things["item"] = append(m.Things["item"], verify.Thing{ID: it.ID, SHA256: hex.EncodeToString(it.SHA256), Size: it.Size, Object: it.Object.Object})
		object(it.Object.Object, it.SHA256, it.Size)
		return custody.Ingestion(Agent, it, ID("pr", n))
	}
	derivative := func(n, of int) archive.Event {
		d := archive.Derivative{ID: ID("de", n), Item: ID("it", of), Kind: archive.DerivativeStill, Ordinal: n, Recipe: "quick", RecipeVersion: 1,
			Tool: "ffmpeg", ToolVersion: "5.1.6", Object: archive.ObjectRef{Object: ID("ob", 100+n), Envelope: ID("en", 2)},
			Size: int64(n), SHA256: Digest(100 + n)}
		m.Things["derivative"] = append(m.Things["derivative"], verify.Thing{ID: d.ID, SHA256: hex.EncodeToString(d.SHA256), Size: d.Size, Object: d.Object.Object})
		object(d.Object.Object, d.SHA256, d.Size)
		return custody.Derivation(ID("ag", 2), d)
	}

	checkpoint()                                 // 0
	record(custody.VaultCreated(Agent, VaultID)) // 0
	checkpoint()                                 // 1
	m.Things["accession"] = []verify.Thing{{ID: ID("ac", 1), Size: -1}}
	record(custody.AccessionOpened(Agent, ID("ac", 1)))                               // 1
	record(item(1), item(2), item(3), item(4), item(5))                               // 2–6
	checkpoint()                                                                      // 7
	record(item(6), custody.DuplicateFound(Agent, Item(2), ID("ac", 1), ID("pr", 7))) // 7–8
	record(derivative(1, 3), derivative(2, 3))                                        // 9–10
	record(custody.Displaying(Agent, ID("it", 3), ID("de", 1), ID("vi", 1), "still")) // 11
	manifest := archive.Accession{ID: ID("ac", 1), Manifest: archive.ObjectRef{Object: ID("ob", 200), Envelope: ID("en", 3)}, ManifestSHA256: Digest(200),
		Tally: archive.Tally{Found: 9, Received: 6, Duplicates: 1, Skipped: 1, Failed: 1, Bytes: 23000}}
	object(manifest.Manifest.Object, manifest.ManifestSHA256, 4096)
	m.Things["accession"][0].SHA256 = hex.EncodeToString(manifest.ManifestSHA256)
	m.Things["accession"][0].Object = manifest.Manifest.Object
	record(custody.AccessionClosed(Agent, manifest, 4096)) // 12
	checkpoint()                                           // 13
	record(archive.Event{Type: archive.EventFixity, Agent: ID("ag", 2), Outcome: archive.Warning,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: ID("it", 4)}},
		Detail:   map[string]string{"note": "«тест» \"quoted\" \\ back\u2028end", "scope": "all"}}) // 13
	m.Calls = nil
	return m, vkey
}
