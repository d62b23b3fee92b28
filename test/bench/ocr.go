package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"zapis/internal/media"
	"zapis/internal/media/mediabench"
)

// ocr measures how exactly the writing on pages is read.
func (b *bench) ocr() (part, error) {
	tools, err := media.Find(media.Options{})
	if err != nil {
		return part{}, err
	}
	if !tools.CanRead() {
		return part{}, errors.New("tesseract is not there")
	}
	p := part{Title: "Reading of pages", How: []string{
		"half a page of A4 (about 650 characters of an ordinary text with figures and dates, in English, Russian and Ukrainian), drawn by ffmpeg at 150 dots an inch in three DejaVu fonts, made worse, compressed as a JPEG and read as a picture that was received is read: sandboxed decoding, tesseract, one language",
		"the character error rate is the number of characters to be put in, taken out or changed, of those of the text; spaces and ends of lines count alike. Words found are those of the text that were read to the letter, which is what a search for a word finds",
		"printed letters of fonts that tesseract knows: handwriting, stamps, tables, forms and faded typescript are not measured, and are read far worse",
	}}
	for _, wear := range mediabench.Wears {
		for _, lang := range []string{"eng", "rus", "ukr"} {
			if !slices.Contains(tools.Languages(), lang) {
				p.Figures = append(p.Figures, figure{What: "pages in " + lang, Value: "not measured", Note: "tesseract has not learnt it on this machine"})
				continue
			}
			var sum mediabench.ReadResult
			var spread []string
			for i, font := range mediabench.ReadFonts {
				dir := filepath.Join(b.scratch, fmt.Sprintf("ocr-%s-%d", lang, i))
				if err := os.MkdirAll(dir, 0o700); err != nil {
					return part{}, err
				}
				page := mediabench.ReadPage{Language: lang, Font: font, Wear: wear}
				path, err := page.Make(b.ctx, "ffmpeg", dir)
				if err != nil {
					return part{}, err
				}
				r, err := page.Read(b.ctx, tools, path)
				if err != nil {
					return part{}, fmt.Errorf("%s, %s: %w", lang, wear.Name, err)
				}
				line := fmt.Sprintf("%s  %-24s %-40s %d of %d characters wrong, %d of %d words found", lang, font, wear.Name, r.Errors, r.Characters, r.Found, r.Words)
				p.Rounds = append(p.Rounds, line)
				b.say("   %s", line)
				spread = append(spread, fmt.Sprintf("%.1f", 100*float64(r.Errors)/float64(r.Characters)))
				sum = mediabench.ReadResult{Characters: sum.Characters + r.Characters, Errors: sum.Errors + r.Errors, Words: sum.Words + r.Words, Found: sum.Found + r.Found}
			}
			p.Figures = append(p.Figures, figure{What: fmt.Sprintf("character errors, %s, %s", lang, wear.Name), Value: fmt.Sprintf("%.1f %%", 100*float64(sum.Errors)/float64(sum.Characters)),
				Note: fmt.Sprintf("%.1f %% of the words found; by font %v", 100*float64(sum.Found)/float64(sum.Words), spread)})
		}
	}
	return p, nil
}
