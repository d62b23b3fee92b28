// Package sitetest makes made-up bundles, for tests and measurements of package site.
//
// It guarantees that the bundles hold: the proofs are test vectors of package verify, and the clip is the file that they are about, which is no
// moving picture unless a video is given beside it. The same number gives the same bytes. It does not make bundles that anybody should publish.
package sitetest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"bytes"

	"zapis/internal/site"
	"zapis/verify"
)

// Vectors are the files of a proven clip.
type Vectors struct{ Clip, Proof, Scope []byte }

// Load reads the vectors from the folder testdata of package verify.
func Load(dir string) (v Vectors, err error) {
	for name, to := range map[string]*[]byte{"clip.bin": &v.Clip, "clip.json": &v.Proof, "scope.json": &v.Scope} {
		if *to, err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return v, err
		}
	}
	return v, nil
}

// Bundle is a release with its files, before it is written.
type Bundle struct {
	Release site.Release
	Files   map[string][]byte
}

var picture = func() (out struct{ jpg, png []byte }) {
	m := image.NewGray(image.Rect(0, 0, 320, 180))
	for i := range m.Pix {
		m.Pix[i] = 255
	}
	for x := range 320 {
		m.SetGray(x, x*180/320, color.Gray{Y: 60})
		m.SetGray(x, 179-x*180/320, color.Gray{Y: 60})
		m.SetGray(x, 60, color.Gray{Y: 90})
	}
	var j, p bytes.Buffer
	if err := jpeg.Encode(&j, m, nil); err != nil {
		panic(err) // into memory
	}
	if err := png.Encode(&p, m); err != nil {
		panic(err)
	}
	out.jpg, out.png = j.Bytes(), p.Bytes()
	return out
}()

var certain = []string{"established", "established", "probable", "disputed", "not known"}

// Make makes the n-th release, from 0, in English, Russian and Ukrainian.
func (v Vectors) Make(n int) (Bundle, error) {
	proof := verify.Verify(v.Proof, verify.Options{})
	scope := verify.Verify(v.Scope, verify.Options{})
	if !proof.OK || !scope.OK {
		return Bundle{}, fmt.Errorf("the vectors do not hold: %s%s", proof.Failed, scope.Failed)
	}
	clip := sha256.Sum256(v.Clip)
	begun := time.Date(2019, 3, 1, 9, 0, 0, 0, time.UTC).AddDate(0, 0, n*13%2700)
	day := func(after int) string { return begun.AddDate(0, 0, after).Format(time.DateOnly) }
	words := func(en, ru, uk string) site.Words { return site.Words{"en": en, "ru": ru, "uk": uk} }
	place := n % 37
	where := &site.Place{Name: words("Lesnoy", "Лесной", "Лісний"), Region: words(fmt.Sprintf("District %d", place%7), fmt.Sprintf("Район %d", place%7), fmt.Sprintf("Район %d", place%7)), Country: "XX",
		Precision: []string{"facility", "city", "city", "region", "city"}[place%5]}
	if place%5 < 4 { // from the Black Sea, where a disputed area is in sight, to the east
		lat, lon := 45.0625+float64(place*7%17), 34.125+float64(place*11%71)
		where.Lat, where.Lon = &lat, &lon
	}
	r := site.Release{
		Format: "zapis release", Version: 1, ID: fmt.Sprintf("re_%026d", n), Slug: fmt.Sprintf("corridor-%04d", n), Release: 1, State: site.Published,
		Published: begun.Format(time.RFC3339), FirstPublished: begun.Format(time.RFC3339), Origin: proof.Facts.Origin, Languages: []string{"en", "ru", "uk"},
		Text: map[string]site.Text{},
		Clip: &site.Clip{MS: proof.Facts.Clip.Milliseconds, Width: 1280, Height: 720, Poster: "poster.jpg", Drawing: "drawing.png", Stills: []string{"still-1.jpg"},
			Captions: site.Words{"en": "captions.en.vtt", "ru": "captions.ru.vtt"}, Difficulty: n % 4,
			Files: []site.File{{Name: "clip-720.mp4", Height: 720, Bytes: int64(len(v.Clip)), SHA256: hex.EncodeToString(clip[:])}}},
		Place:    where,
		Facility: &site.Facility{Code: fmt.Sprintf("F-%d", place), Name: words(fmt.Sprintf("Colony %d", place), fmt.Sprintf("Колония № %d", place), fmt.Sprintf("Колонія № %d", place))},
		Recorded: &site.Recorded{EDTF: "2018-08", Text: words("August 2018", "август 2018 года", "серпень 2018 року")},
		Masks:    []site.Mask{{Reason: "face", Count: 3}, {Reason: "badge", Count: 1}}, Cuts: []site.Cut{{MS: 12000}},
		Proof: site.Proof{File: "proof.json", Scope: "scope.json", StatedOn: proof.Facts.Clip.StatedOn,
			Share: site.Share{Files: 1, Bytes: 1, MS: 1, OfFiles: scope.Facts.Scope.Files, OfBytes: scope.Facts.Scope.Bytes, OfMS: scope.Facts.Scope.Milliseconds}},
		Followed: []site.Followed{}, Corrections: []site.Correction{}, Related: []string{}, Custody: []site.Custody{},
	}
	for i, what := range []string{"received", "sealed", "redacted", "approved", "rendered", "stated", "published"} {
		text := site.Words{}
		if i == 0 {
			text = words("On a disk", "На диске", "На диску")
		}
		r.Custody = append(r.Custody, site.Custody{Date: day(i - 7), What: what, Text: text})
	}
	if place%3 > 0 {
		for i, kind := range []string{"press", "answer", "case", "dismissal", "law", "other"}[:n%7] {
			r.Followed = append(r.Followed, site.Followed{Date: day(2 + 20*i), Kind: kind, URL: fmt.Sprintf("https://news.example/%d/%d", n, i),
				Text: words("It was reported, with the date and the name of the office.", "Об этом сообщили, указав дату и название ведомства.", "Про це повідомили, вказавши дату й назву відомства.")})
		}
	}
	if n > 1 {
		r.Related = []string{fmt.Sprintf("corridor-%04d", n-1), fmt.Sprintf("corridor-%04d", n-2)}
	}
	shows := words("A corridor with six doors, seen from above. Two people in uniform bring a man to the wall and hold him there. One of them speaks into a radio. The light goes out for some seconds.",
		"Коридор с шестью дверями, вид сверху. Двое в форме подводят человека к стене и держат его там. Один из них говорит по рации. На несколько секунд гаснет свет.",
		"Коридор із шістьма дверима, вигляд згори. Двоє у формі підводять людину до стіни й тримають її там. Один із них говорить по рації. На кілька секунд гасне світло.")
	title := words(fmt.Sprintf("A man is held against the wall of corridor %d. Nobody writes it down.", n), fmt.Sprintf("Человека держат у стены коридора %d. Никто этого не записывает.", n), fmt.Sprintf("Людину тримають біля стіни коридору %d. Ніхто цього не записує.", n))
	files := map[string][]byte{"clip-720.mp4": v.Clip, "poster.jpg": picture.jpg, "drawing.png": picture.png, "still-1.jpg": picture.jpg, "proof.json": v.Proof, "scope.json": v.Scope,
		"captions.en.vtt": []byte("WEBVTT\n\n00:00.000 --> 00:01.000\nSteps.\n"), "captions.ru.vtt": []byte("WEBVTT\n\n00:00.000 --> 00:01.000\nШаги.\n")}
	for _, lang := range r.Languages {
		t := site.Text{Title: title[lang], Summary: shows[lang], Shows: []string{shows[lang], shows[lang]}, Sentences: []site.Sentence{}, Warnings: []site.Warning{}, Credit: "Night Shift Archive"}
		for i, c := range certain {
			t.Sentences = append(t.Sentences, site.Sentence{Text: words(fmt.Sprintf("Finding %d: the doors have numbers, and the numbers fit the plan.", i+1), fmt.Sprintf("Вывод %d: на дверях номера, и они сходятся с планом.", i+1), fmt.Sprintf("Висновок %d: на дверях номери, і вони сходяться з планом.", i+1))[lang], Certainty: c})
		}
		if n%4 > 1 {
			t.Warnings = append(t.Warnings, site.Warning{FromMS: 1000, ToMS: 4000, Text: words("A man is held by force.", "Человека удерживают силой.", "Людину утримують силою.")[lang]})
		}
		r.Text[lang] = t
		files["text."+lang+".txt"] = []byte(t.Title + "\n\n" + t.Summary + "\n")
	}
	return Bundle{Release: r, Files: files}, nil
}

// AddVideo adds a moving picture to a clip, as a smaller file that the proof is not about.
func (b *Bundle) AddVideo(mp4 []byte) {
	sum := sha256.Sum256(mp4)
	b.Files["clip-360.mp4"] = mp4
	b.Release.Clip.Files = append(b.Release.Clip.Files, site.File{Name: "clip-360.mp4", Height: 360, Bytes: int64(len(mp4)), SHA256: hex.EncodeToString(sum[:])})
}

// Outcomes are made-up cases and promises about the first releases, with every stage and every state.
func Outcomes() site.Outcomes {
	words := func(en, ru, uk string) site.Words { return site.Words{"en": en, "ru": ru, "uk": uk} }
	from := "https://news.example/outcome"
	stage := func(date, stage string, people int64) site.Stage {
		return site.Stage{Date: date, Stage: stage, People: people, Text: words("The office said so.", "Об этом сообщило ведомство.", "Про це повідомило відомство."), URL: from, Saved: "https://saved.example/1"}
	}
	one := func(code string, name site.Words, slug string, stages ...site.Stage) site.Case {
		return site.Case{Code: code, Name: name, Place: words("Colony 8", "Колония № 8", "Колонія № 8"), Releases: []string{slug}, Stages: stages}
	}
	promise := func(code, date, due, slug string, states ...site.State) site.Promise {
		return site.Promise{Code: code, Who: words("N. N., deputy head", "Н. Н., заместитель начальника", "Н. Н., заступник начальника"), Office: words("Prison service", "Служба исполнения наказаний", "Служба виконання покарань"),
			Text: words("There will be cameras in every corridor.", "В каждом коридоре будут камеры.", "У кожному коридорі будуть камери."), Date: date, Due: due, URL: from, Saved: "", Releases: []string{slug}, States: append([]site.State{}, states...)}
	}
	state := func(date, state string) site.State {
		return site.State{Date: date, State: state, Text: words("We asked, and saw it.", "Мы спросили и увидели.", "Ми спитали й побачили."), URL: from, Saved: ""}
	}
	return site.Outcomes{Format: "zapis accountability", Version: 1, Checked: "2026-11-20", Cases: []site.Case{
		one("C-01", words("Hospital ward, 2018 to 2020", "Палата больницы, 2018–2020", "Палата лікарні, 2018–2020"), "corridor-0000", stage("2020-03-02", "opened", 0), stage("2020-09-14", "charged", 2), stage("2021-04-20", "tried", 2), stage("2022-02-14", "sentenced", 2)),
		one("C-02", words("Transfer, May 2019", "Этап, май 2019 года", "Етап, травень 2019 року"), "corridor-0001", stage("2020-06-01", "opened", 0), stage("2022-11-08", "closed", 0)),
		one("C-03", words("Death after a fall", "Смерть после падения", "Смерть після падіння"), "corridor-0001", stage("2022-02-11", "opened", 0)),
		one("C-04", words("Night search", "Ночной обыск", "Нічний обшук"), "corridor-0002", stage("2023-03-01", "opened", 0), stage("2023-09-08", "paused", 0)),
		one("C-05", words("Quarantine unit", "Карантинное отделение", "Карантинне відділення"), "corridor-0004", stage("2023-10-01", "refused", 0)),
		one("C-06", words("A beating in the yard", "Избиение во дворе", "Побиття на подвір’ї"), "corridor-0005", stage("2021-01-10", "opened", 0), stage("2022-05-05", "acquitted", 1), stage("2022-06-05", "appealed", 1), stage("2023-01-15", "reversed", 1), stage("2024-05-01", "sentenced", 1), stage("2024-09-01", "final", 1)),
		one("C-07", words("Five people in uniform", "Пятеро в форме", "П’ятеро у формі"), "corridor-0007", stage("2025-02-01", "opened", 0), stage("2025-10-09", "charged", 5)),
	}, Promises: []site.Promise{
		promise("P-1", "2021-05-05", "2023-01-01", "corridor-0000"), promise("P-2", "2022-03-03", "", "corridor-0001", state("2022-12-01", "kept")),
		promise("P-3", "2024-07-07", "2025-01-01", "corridor-0002", state("2025-02-01", "broken")), promise("P-4", "2020-10-10", "", "corridor-0004", state("2020-12-12", "false")),
	}}
}

// WriteOutcomes writes accountability.json into a folder of pages.
func WriteOutcomes(dir string, o site.Outcomes) error {
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "accountability.json"), raw, 0o600)
}

// Withdraw makes the tombstone of a release.
func (b Bundle) Withdraw(date, reason string) Bundle {
	r := b.Release
	r.State, r.Clip, r.Place, r.Facility, r.Recorded = site.Withdrawn, nil, nil, nil, nil
	r.Masks, r.Cuts, r.Related, r.Followed = []site.Mask{}, []site.Cut{}, []string{}, []site.Followed{}
	r.Text = map[string]site.Text{}
	r.Withdrawn = &site.Withdrawal{Date: date, Reason: site.Words{}}
	for _, lang := range r.Languages {
		r.Text[lang] = site.Text{Shows: []string{}, Sentences: []site.Sentence{}, Warnings: []site.Warning{}}
		r.Withdrawn.Reason[lang] = reason
	}
	return Bundle{Release: r, Files: map[string][]byte{"proof.json": b.Files["proof.json"], "scope.json": b.Files["scope.json"]}}
}

// Write writes a bundle into a folder of releases, in the place of its slug and version.
func (b Bundle) Write(dir string) error {
	raw, err := json.Marshal(b.Release)
	if err != nil {
		return err
	}
	return b.WriteAs(dir, raw)
}

// WriteAs is Write with other bytes for release.json.
func (b Bundle) WriteAs(dir string, raw []byte) error {
	at := filepath.Join(dir, b.Release.Slug, fmt.Sprintf("v%d", b.Release.Release))
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	var lines []string
	write := func(name string, data []byte) error {
		sum := sha256.Sum256(data)
		lines = append(lines, hex.EncodeToString(sum[:])+"  "+name+"\n")
		return os.WriteFile(filepath.Join(at, name), data, 0o600)
	}
	if err := write("release.json", raw); err != nil {
		return err
	}
	for name, data := range b.Files {
		if err := write(name, data); err != nil {
			return err
		}
	}
	sort.Slice(lines, func(i, j int) bool { return lines[i][66:] < lines[j][66:] })
	return os.WriteFile(filepath.Join(at, "SHA256SUMS"), []byte(strings.Join(lines, "")), 0o600)
}

// Fill writes the releases 0 to n-1.
func (v Vectors) Fill(dir string, n int) error {
	for i := range n {
		b, err := v.Make(i)
		if err != nil {
			return err
		}
		if err := b.Write(dir); err != nil {
			return err
		}
	}
	return nil
}
