package mediabench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"zapis/internal/media"
)

// ReadText is what is drawn on the pages of one language. The texts are ours, and name nobody.
var ReadText = map[string]string{
	"eng": `Order No. 148 of 27 July 2020. The duty officer takes the keys at 6.30 and signs for them in the journal. Rooms are opened one after another; walks begin at 8.15 and last no longer than forty minutes.
Whoever is ill is taken to the infirmary in the east wing, building 3, and entered on sheet 12. Parcels of up to 20 kg are handed out on Tuesdays and Fridays between 10.00 and 16.45. Photographs, letters and money are kept in the safe of the office.
The recording of the cameras is kept for 30 days, then it is overwritten. A copy is made only if the head of the shift asks for it in writing. The journal is handed over to the archive at the end of the year (form 7-B, two copies).`,
	"rus": `Приказ № 148 от 27 июля 2020 года. Дежурный принимает ключи в 6.30 и расписывается за них в журнале. Помещения открывают одно за другим; прогулки начинаются в 8.15 и длятся не более сорока минут.
Заболевших отводят в медицинскую часть в восточном крыле, корпус 3, и вносят в ведомость 12. Передачи весом до 20 кг выдают по вторникам и пятницам с 10.00 до 16.45. Фотографии, письма и деньги хранят в сейфе канцелярии.
Запись с камер хранят 30 дней, затем её стирают. Копию снимают, только если этого письменно требует начальник смены. В конце года журнал сдают в архив (форма 7-Б, два экземпляра). Подъём, объезд и съёмка вещей отмечаются отдельно.`,
	"ukr": `Наказ № 148 від 27 липня 2020 року. Черговий приймає ключі о 6.30 і розписується за них у журналі. Приміщення відчиняють одне за одним; прогулянки починаються о 8.15 і тривають не довше сорока хвилин.
Хворих відводять до медичної частини у східному крилі, корпус 3, і заносять до відомості 12. Передачі вагою до 20 кг видають у вівторок і п'ятницю з 10.00 до 16.45. Світлини, листи та гроші зберігають у сейфі канцелярії.
Запис із камер зберігають 30 днів, потім його стирають. Копію роблять, лише якщо цього письмово вимагає начальник зміни. Наприкінці року журнал здають до архіву (форма 7-Б, два примірники). Їжу, ґрати й об'їзд зазначають окремо.`,
}

// ReadFonts are those in which pages are drawn.
var ReadFonts = []string{"DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf"}

// Wear is what is done to a page before it is read.
type Wear struct {
	Name    string
	filter  string // of ffmpeg
	quality int    // of the JPEG, 2 (best) to 31
}

// Wears are what is measured.
var Wears = []Wear{
	{"as drawn, 150 dots an inch", "null", 2},
	{"100 dots an inch", "scale=iw*2/3:-2:flags=area", 5},
	{"75 dots an inch, strongly compressed", "scale=iw/2:-2:flags=area", 12},
	{"turned by 1°", "rotate=1*PI/180:fillcolor=0xe8e8e8:ow=rotw(1*PI/180):oh=roth(1*PI/180)", 4},
	{"turned by 5°", "rotate=5*PI/180:fillcolor=0xe8e8e8:ow=rotw(5*PI/180):oh=roth(5*PI/180)", 4},
	{"noise", "noise=alls=60:allf=u:all_seed=7", 4},
	{"blurred", "gblur=sigma=2", 4},
	{"photographed: turned by 2°, seen from the side, a shadow, blurred, noise", "perspective=x0=40:y0=20:x1=W-10:y1=0:x2=0:y2=H-30:x3=W-60:y3=H,rotate=2*PI/180:fillcolor=0xb0b0b0,vignette=PI/5,gblur=sigma=1.2,noise=alls=25:allf=u:all_seed=7", 8},
}

// ReadPage draws a page, wears it and reads it as the product reads a picture that was received. The scratch file lies in dir.
type ReadPage struct {
	Language string // of tesseract
	Font     string
	Wear     Wear
}

// ReadResult is what came of it.
type ReadResult struct {
	Characters, Errors int // of the text, without the difference between spaces and line ends; that would have to be put in, taken out or changed
	Words, Found       int // of the text; that were read to the letter, wherever they stand
}

// Page size at 150 dots an inch: the upper half of A4.
const pageSize = "1240x877"

// Make writes the page to dir and gives its path.
func (p ReadPage) Make(ctx context.Context, ffmpeg, dir string) (string, error) {
	text := filepath.Join(dir, "page.txt")
	if err := os.WriteFile(text, []byte(wrapped(ReadText[p.Language], 84)), 0o600); err != nil {
		return "", err
	}
	size := "20"
	if strings.Contains(p.Font, "Mono") {
		size = "19"
	}
	path := filepath.Join(dir, "page.jpg")
	graph := fmt.Sprintf("drawtext=fontfile=%s:textfile=%s:expansion=none:fontsize=%s:fontcolor=0x181818:x=90:y=80:line_spacing=14,%s,format=yuvj420p", fontFolder+p.Font, text, size, p.Wear.filter)
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i", "color=c=0xf4f4f0:s="+pageSize, "-frames:v", "1", "-vf", graph, "-q:v", fmt.Sprint(p.Wear.quality), path)
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("draw page: %w: %.300s", err, b)
	}
	return path, nil
}

// Read reads the page at a path.
func (p ReadPage) Read(ctx context.Context, tools *media.Tools, path string) (ReadResult, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return ReadResult{}, err
	}
	src := bytes.NewReader(b)
	probe, err := tools.Probe(ctx, src)
	if err != nil {
		return ReadResult{}, err
	}
	page, _, err := tools.ReadPicture(ctx, src, probe, p.Language)
	if err != nil {
		return ReadResult{}, err
	}
	var got []string
	for _, w := range page.Words {
		got = append(got, w.Text)
	}
	return compareText(ReadText[p.Language], strings.Join(got, " ")), nil
}

// compareText counts what has to be changed in what was read to make it what was written.
func compareText(want, got string) ReadResult {
	wanted, read := strings.Fields(want), strings.Fields(got)
	a, b := []rune(strings.Join(wanted, " ")), []rune(strings.Join(read, " "))
	r := ReadResult{Characters: len(a), Errors: distance(a, b), Words: len(wanted)}
	there := map[string]int{}
	for _, w := range read {
		there[w]++
	}
	for _, w := range wanted {
		if there[w] > 0 {
			there[w]--
			r.Found++
		}
	}
	return r
}

// distance is the least number of characters that have to be put in, taken out or changed (Levenshtein).
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := diagonal
			if x != y {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// wrapped breaks paragraphs into lines of at most so many characters.
func wrapped(text string, most int) string {
	var out strings.Builder
	for paragraph := range strings.Lines(text) {
		n := 0
		for _, w := range strings.Fields(paragraph) {
			long := len([]rune(w))
			switch {
			case n == 0:
			case n+1+long > most:
				out.WriteByte('\n')
				n = 0
			default:
				out.WriteByte(' ')
				n++
			}
			out.WriteString(w)
			n += long
		}
		out.WriteByte('\n')
	}
	return out.String()
}
