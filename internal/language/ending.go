package language

import (
	"strings"
	"unicode/utf8"
)

// Endings of Ukrainian words: of nouns, of adjectives and what is built like them, of verbs, of nouns made from verbs.
var ukrainianEndings = func() map[string]bool {
	noun := strings.Fields(`а я у ю і ї и е є о й ь ів їв ом ем єм ою ею єю ам ям ах ях ами ями ові еві єві ей ії ію ія ією ій іям іями іях`)
	adjective := strings.Fields(`ий ій а я е є і ї у ю ого ього ому ьому им ім їм ої ьої ою ьою ими іми їми их іх їх ую юю ая яя еє ії о`)
	past := []string{"в", "ла", "ло", "ли", "ти", "вши", "но", "то"}
	var out []string
	out = append(out, noun...)
	out = append(out, adjective...)
	for _, theme := range []string{"а", "я", "и", "і", "ї", "ува", "юва"} {
		for _, p := range past {
			out = append(out, theme+p)
		}
	}
	for _, participle := range []string{"ан", "ян", "ен", "єн", "ован", "йован"} {
		for _, e := range adjective {
			if e != "й" {
				out = append(out, participle+e)
			}
		}
	}
	for _, present := range []string{"ю", "єш", "є", "ємо", "єте", "ють", "ючи", "й", "йте"} {
		out = append(out, "а"+present, "я"+present, "у"+present, "ю"+present, "і"+present)
	}
	out = append(out, strings.Fields(`ить ать ять иш имо ите ите їть їш їмо їте уть еш емо ете ачи ячи учи`)...)
	for _, theme := range []string{"ан", "ян", "ен", "єн", "ін", "уван", "юван"} {
		for _, e := range []string{"ня", "ню", "ням", "ні", "нями", "нях"} {
			out = append(out, theme+e)
		}
		if theme != "ен" { // в'язень is no noun made from a verb
			out = append(out, theme+"ь")
		}
	}
	out = append(out, strings.Fields(`ість ості істю остей остям остями остях`)...)
	set := make(map[string]bool, len(out))
	for _, e := range out {
		set[e] = true
	}
	return set
}()

// alternate evens out what changes between the forms of a Ukrainian word: soft signs, doubled consonants, vowels that come and go, and і,
// which stands for о in a closed syllable.
func alternate(stem string) string {
	stem = strings.TrimRight(strings.ReplaceAll(stem, "ь", ""), "аеєиіїоуюяй")
	r := []rune(stem)
	for n := len(r); n >= 3 && r[n-1] == r[n-2]; n-- {
		r = r[:n-1]
	}
	stem = settle(string(r))
	r = []rune(stem)
	if len(r) >= 3 {
		for i := len(r) - 1; i >= 0; i-- {
			if isVowel(r[i]) {
				if r[i] == 'і' && i > 0 {
					r[i] = 'о'
				}
				break
			}
		}
	}
	return string(r)
}

const longestEnding = 9 // letters

// Forms of frequent words that the rules do not bring together, by the stem that is given to them.
var (
	russianIrregular = forms(`
		дн: день дня дню днем дне дни дней дням днями днях
		люд: люди людей людям людьми людях
		тюрм: тюрьма тюрьмы тюрьме тюрьму тюрьмой тюрьмою тюрем тюрьмам тюрьмами тюрьмах
		писм: письмо письма письму письмом письме писем письмам письмами письмах
		им: имя имени именем имена имен именам именами именах
		врем: время времени временем времена времен временам временами временах
		реб: ребенок ребенка ребенку ребенком ребенке
		дет: дети детей детям детьми детях
		мат: мать матери матерью матерей матерям матерями матерях
		доч: дочь дочери дочерью дочерей дочерям дочерями дочерях
		отц: отец отца отцу отцом отце отцы отцов отцам отцами отцах
		рот: рот рта рту ртом рте рты ртов
		лоб: лоб лба лбу лбом лбе лбы лбов
		сон: сон сна сну сном сне сны снов снам снами снах
		бит: бить бил била било били бьет бьют бью бьем бьете бейте бей
		ид: идти идет идут иду идем шел шла шло шли
		суд: суд суда суду судом суде суды судов судам судами судах
	`)
	ukrainianIrregular = forms(`
		рок: рік року рокові роком році роки років рокам роками роках
		дн: день дня дню днем дні днів дням днями днях
		люд: люди людей людям людьми людях людина людини людині людину людиною людино
		имен: ім'я імя імені іменем імям імена імен іменам іменами іменах
		час: час часу часові часом часі часи часів часам часами часах
		дит: дитина дитини дитині дитину дитиною діти дітей дітям дітьми дітях
		мат: мати матері матірю матерів матерям матерями матерях матір
		батк: батько батька батькові батьку батьком батьки батьків батькам батьками батьках
		камен: камінь каменя каменю каменем камені каменів каменям каменями каменях
		бити: бити бив била било били бє бють бю бємо бєте бий бийте
		йти: йти йде йдуть йду йдемо йшов йшла йшло йшли
		суд: суд суду судові судом суді суди судів судам судами судах суда
		пес: пес пса псу псом пси псів псам псами псах
		рот: рот рота роту ротом роті роти ротів
		око: око ока оку оком очі очей очам очима очах
	`)
)

// begins are the first letters of irregular forms, by their stem.
var begins = func() map[string][]rune {
	out := map[string][]rune{}
	for _, table := range []map[string]string{russianIrregular, ukrainianIrregular} {
		for form, stem := range table {
			r, _ := utf8.DecodeRuneInString(form)
			out[stem] = append(out[stem], r)
		}
	}
	return out
}()

// Begins gives the letters, beside its own first one, with which words may begin that are reduced to a stem.
func Begins(stem string) []rune { return begins[stem] }
