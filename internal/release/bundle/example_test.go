package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The example folder is what readers of bundles are built against. It is written anew with: go test -run TestExample -update
var update = flag.Bool("update", false, "write testdata/example anew")

const exampleDir = "testdata/example"

func all(en, ru, uk string) Words { return Words{"en": en, "ru": ru, "uk": uk} }

func deg(tenThousandths int32) *Degrees { d := Degrees(tenThousandths); return &d }

// example gives a release that uses every field.
func example() Release {
	text := func(title, summary, credit string, shows []string, sentences []string, warning string) Text {
		t := Text{Title: title, Summary: summary, Shows: shows, Credit: credit, Warnings: []Warning{{FromMS: 400, ToMS: 900, Text: warning}}}
		for i, s := range sentences {
			t.Sentences = append(t.Sentences, Sentence{Text: s, Certainty: Certainties[i]})
		}
		return t
	}
	return Release{
		Format: Format, Version: Version, ID: "re_01jd8q3m5x7k2n4p6r8t0v2w4y", Slug: "exercise-yard-august-2020", Release: 1, State: Published,
		Published: "2026-11-20T10:00:00Z", FirstPublished: "2026-11-20T10:00:00Z", Origin: "zapis.test/log", Languages: []string{"en", "ru", "uk"},
		Text: map[string]Text{
			"en": text("Blows in the exercise yard", "Two guards strike a man who lies on the ground.", "Zapis example archive", []string{
				"A walled yard seen from above. A man lies on his side. Two people in uniform stand beside him.", "One of them strikes him four times with a baton and walks away."},
				[]string{"The recording shows four blows to a man who is lying on the ground.", "It was made in the afternoon.", "The institution says that the man had attacked a guard before.", "What happened afterwards is not recorded."}, "A man is beaten."),
			"ru": text("Удары в прогулочном дворе", "Двое охранников бьют лежащего на земле человека.", "Учебный архив Zapis", []string{
				"Огороженный двор, вид сверху. Человек лежит на боку. Рядом стоят двое в форме.", "Один из них четыре раза бьёт его дубинкой и уходит."},
				[]string{"На записи видны четыре удара по лежащему человеку.", "Запись сделана днём.", "Учреждение утверждает, что до этого человек напал на охранника.", "Что было потом, не записано."}, "Бьют человека."),
			"uk": text("Удари у прогулянковому дворі", "Двоє охоронців б’ють людину, що лежить на землі.", "Навчальний архів Zapis", []string{
				"Огороджений двір, вигляд згори. Людина лежить на боці. Поруч стоять двоє у формі.", "Один із них чотири рази б’є її кийком і відходить."},
				[]string{"На записі видно чотири удари по людині, що лежить.", "Запис зроблено вдень.", "Установа стверджує, що перед тим ця людина напала на охоронця.", "Що було далі, не записано."}, "Б’ють людину."),
		},
		Clip: &Clip{
			MS: 2000, Width: 64, Height: 48, Poster: FilePoster, Drawing: FileDrawing, Stills: []string{StillName(1), StillName(2)}, Difficulty: 2,
			Files:    []File{{Name: ClipName(720), Height: 720}, {Name: ClipName(360), Height: 360}},
			Captions: map[string]string{"en": CaptionsName("en"), "ru": CaptionsName("ru"), "uk": CaptionsName("uk")},
		},
		Place: &Place{Name: all("Colony 7", "Колония № 7", "Колонія № 7"), Region: all("Example region", "Примерская область", "Прикладна область"), Country: "XX",
			Lat: deg(515200), Lon: deg(-1250), Precision: PrecisionCity},
		Facility: &Facility{Code: "F-7", Name: all("Colony 7", "Колония № 7", "Колонія № 7")},
		Recorded: &Recorded{EDTF: "2020-08", Text: all("August 2020", "август 2020 года", "серпень 2020 року")},
		Masks:    []Mask{{Reason: "face", Count: 3}, {Reason: "badge", Count: 1}, {Reason: "clock", Count: 1}},
		Cuts:     []Cut{{MS: 1200}, {MS: 800}},
		Proof: Proof{File: FileProof, Scope: FileScope, StatedOn: "2026-11-19",
			Share: Share{Files: 1, Bytes: 52_428_800, MS: 2000, OfFiles: 86, OfBytes: 90_194_313_216, OfMS: 345_600_000}},
		Custody: []Step{
			{Date: "2026-10-01", What: "received", Text: all("Received on a disk", "Получено на диске", "Отримано на диску")},
			{Date: "2026-10-02", What: "sealed", Text: Words{}}, {Date: "2026-11-17", What: "redacted", Text: Words{}}, {Date: "2026-11-18", What: "approved", Text: Words{}},
			{Date: "2026-11-19", What: "rendered", Text: Words{}}, {Date: "2026-11-19", What: "stated", Text: Words{}}, {Date: "2026-11-20", What: "published", Text: Words{}},
		},
		Followed: []Followed{
			{Date: "2026-11-21", Kind: "answer", Text: all("The prison service confirmed that it had received the recording.", "Тюремная служба подтвердила получение записи.", "Тюремна служба підтвердила отримання запису."), URL: ""},
			{Date: "2026-11-21", Kind: "press", Text: all("A newspaper wrote about it.", "Об этом написала газета.", "Про це написала газета."), URL: "https://news.test/yard?id=7"},
		},
		Corrections: []Correction{},
		Related:     []string{"gate-2019"},
	}
}

// corrected is its second release: the same clip, with another sentence.
func corrected() Release {
	r := example()
	r.Release, r.Published = 2, "2026-11-21T09:30:00Z"
	for lang, s := range all("It was made in the morning.", "Запись сделана утром.", "Запис зроблено вранці.") {
		t := r.Text[lang]
		t.Sentences = slices.Clone(t.Sentences)
		t.Sentences[1].Text = s
		r.Text[lang] = t
	}
	r.Corrections = []Correction{{Date: "2026-11-21", Release: 2, Text: all(
		"The first release said that the recording was made in the afternoon. The shadows show that it was the morning.",
		"В первом выпуске говорилось, что запись сделана днём. По теням видно, что это было утро.",
		"У першому випуску йшлося, що запис зроблено вдень. За тінями видно, що це був ранок.")}}
	return r
}

// tombstone is a release that was withdrawn.
func tombstone() Release {
	r := example()
	r.ID, r.Slug = "re_01jd8q3m5x7k2n4p6r8t0v2w4z", "gate-2019"
	r.State, r.Clip, r.Place, r.Facility, r.Recorded = Withdrawn, nil, nil, nil, nil
	r.Masks, r.Cuts, r.Followed, r.Related = []Mask{}, []Cut{}, []Followed{}, []string{}
	for lang := range r.Text {
		r.Text[lang] = Text{Shows: []string{}, Sentences: []Sentence{}, Warnings: []Warning{}}
	}
	r.Withdrawn = &Withdrawal{Date: "2026-11-22", Reason: all("A person who can be heard asked for it.", "Об этом попросил человек, чей голос слышен.", "Про це попросила людина, чий голос чути.")}
	return r
}

// media gives the files of the example but for the clip, which lies in the folder.
func media(t *testing.T, r Release) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for from, to := range map[string]string{"clip.json": FileProof, "scope.json": FileScope} {
		raw, err := os.ReadFile(filepath.Join("../../../verify/testdata", from))
		if err != nil {
			t.Fatal(err)
		}
		files[to] = raw
	}
	if r.Clip == nil {
		return files
	}
	for i, f := range r.Clip.Files {
		raw, err := os.ReadFile(filepath.Join("testdata", f.Name))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		r.Clip.Files[i].Bytes, r.Clip.Files[i].SHA256 = int64(len(raw)), hex.EncodeToString(sum[:])
		files[f.Name] = raw
	}
	m := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for y := range 48 {
		for x := range 64 {
			m.Set(x, y, color.RGBA{uint8(4 * x), uint8(5 * y), 90, 255})
		}
	}
	var jpg, line bytes.Buffer
	if err := jpeg.Encode(&jpg, m, nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&line, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
		t.Fatal(err)
	}
	files[FilePoster], files[FileDrawing] = jpg.Bytes(), line.Bytes()
	for _, name := range r.Clip.Stills {
		files[name] = jpg.Bytes()
	}
	for lang, name := range r.Clip.Captions {
		files[name] = []byte("WEBVTT\n\n00:00.400 --> 00:00.900\n" + r.Text[lang].Warnings[0].Text + "\n")
	}
	for _, lang := range r.Languages {
		files[TextName(lang)] = r.PlainText(lang)
	}
	return files
}

func TestExample(t *testing.T) {
	want := map[string]bool{}
	for _, x := range []struct {
		dir string
		r   Release
	}{{"exercise-yard-august-2020/v1", example()}, {"exercise-yard-august-2020/v2", corrected()}, {"gate-2019/v1", tombstone()}} {
		files := media(t, x.r)
		raw, err := x.r.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		files[FileRelease] = raw
		sums := Sums{}
		for name, b := range files {
			sums[name] = sha256.Sum256(b)
		}
		files[FileSums] = sums.Encode()
		dir := filepath.Join(exampleDir, filepath.FromSlash(x.dir))
		if *update {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for name, b := range files {
			at := filepath.Join(dir, name)
			want[at] = true
			if *update {
				if err := os.WriteFile(at, b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			have, err := os.ReadFile(at)
			if err != nil {
				t.Fatal(err)
			}
			// Pictures may be compressed otherwise by another version of the library.
			if picture := filepath.Ext(name) == ".jpg" || filepath.Ext(name) == ".png" || name == FileSums; !picture && !bytes.Equal(have, b) {
				t.Errorf("%s is not what the code gives", at)
			}
		}
		fsys := os.DirFS(dir)
		got, err := VerifyFS(fsys)
		if err != nil {
			t.Errorf("%s: %v", x.dir, err)
		}
		again, err := got.Canonical()
		if err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s: read as another release (%v)", x.dir, err)
		}
	}
	have, err := filepath.Glob(exampleDir + "/*/*/*")
	if err != nil || len(have) != len(want) {
		t.Errorf("the folder holds %d files, should hold %d (%v)", len(have), len(want), err)
	}
}
