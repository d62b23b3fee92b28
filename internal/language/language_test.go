package language_test

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"zapis/internal/language"
)

// meet says whether two words have a reduced form in common.
func meet(a, b string) bool {
	return slices.ContainsFunc(language.Stems(a), func(s string) bool { return slices.Contains(language.Stems(b), s) })
}

func TestFormsMeet(t *testing.T) {
	t.Parallel()
	for name, least := range map[string]int{"russian": 150, "ukrainian": 150} {
		f, err := os.Open("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		n := 0
		for s := bufio.NewScanner(f); s.Scan(); {
			if strings.HasPrefix(s.Text(), "#") {
				continue
			}
			words := strings.Fields(s.Text())
			n += len(words)
			for _, w := range words[1:] {
				if !meet(words[0], w) {
					t.Errorf("%s: %s %v does not meet %s %v", name, w, language.Stems(w), words[0], language.Stems(words[0]))
				}
			}
		}
		if n < least {
			t.Errorf("%s: %d forms", name, n)
		}
	}
}

// Words that are not forms of one word stay apart.
func TestOthersStayApart(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"камера", "камень"}, {"пытка", "питание"}, {"суд", "судно"}, {"улица", "улика"}, {"начальник", "начало"}, {"допрос", "доспех"},
		{"охранник", "охота"}, {"следователь", "следствие"}, {"письмо", "писарь"}, {"тюрьма", "турист"}, {"ніч", "нога"}, {"стіл", "стіна"}, {"рік", "рука"},
		{"в'язень", "в'язка"}, {"слідчий", "слід"}, {"prison", "prism"}, {"guard", "garden"}, {"12", "13"},
	} {
		if meet(pair[0], pair[1]) {
			t.Errorf("%s %v meets %s %v", pair[0], language.Stems(pair[0]), pair[1], language.Stems(pair[1]))
		}
	}
}

// What is written in several ways is one.
func TestSpellingsMeet(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"ёлка", "елка"}, {"в'язень", "в’язень"}, {"в'язень", "вʼязень"}, {"за\u0301мок", "замок"}, {"й", "и\u0306"}, {"ї", "і\u0308"}, {"ёлка", "е\u0308лка"},
		{"ОСЕЧКИН", "осечкин"}, {"ОCЕЧКИН", "осечкин"}, {"ИК-6", "ик6"}, {"ИК\u20116", "ИК-6"}, {"видео-запись", "видеозапись"}, {"ка\u00adмера", "камера"}, {"naïve", "naive"},
		{"Straße", "strasse"}, {"prisoners", "prisoner's"}, {"beating", "beat"}, {"１２", "12"}, {"cam_03", "CAM-03"}, {"z3-000412", "Z3-000412"},
	} {
		if !meet(pair[0], pair[1]) {
			t.Errorf("%q %v does not meet %q %v", pair[0], language.Stems(pair[0]), pair[1], language.Stems(pair[1]))
		}
	}
}

func TestTokensAreWhereTheyStand(t *testing.T) {
	t.Parallel()
	text := "Сотрудник ИК-6, «камера» №12 (P-203); 2020-07-27 14:02. 東京"
	want := []string{"Сотрудник|0", "ИК-6|1", "ИК|1", "6|2", "камера|3", "12|4", "P-203|5", "P|5", "203|6", "2020-07-27|7", "2020|7", "07|8", "27|9", "14:02|10", "14|10", "02|11", "東|12", "京|13"}
	var got []string
	for _, k := range language.Tokens(text) {
		g := text[k.Start:k.End] + "|" + itoa(k.Pos)
		if !slices.Contains(got, g) {
			got = append(got, g)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestNamesMeetInEveryScript(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"Осечкин Osechkin Osietschkin Osetchkine Осєчкін OSECHKIN",
		"Щербаков Shcherbakov Schtscherbakow Chtcherbakov Szczerbakow",
		"Чехов Chekhov Tschechow Tchekhov Czechow",
		"Жуков Zhukov Schukow Joukov",
		"Хрущёв Khrushchev Chruschtschew Hrushchev",
		"Юрий Yuri Yuriy Iurii Jurij Юрій",
		"Григорий Grigory Grigori Hryhoriy",
		"Навальный Navalny Nawalny Navalniy",
		"Зеленський Zelensky Zelenskyy Zelenskyi",
		"Мария Maria Mariya Марія",
		"Андреев Andreev Andreyev Andrejew",
		"Пушкин Pushkin Puschkin Pouchkin",
		"Цветаева Tsvetaeva Zwetajewa Cvetaeva",
		"Сергей Sergey Sergei Sergej",
	} {
		words := strings.Fields(line)
		first := language.NameKeys(words[0])
		for _, w := range words[1:] {
			keys := language.NameKeys(w)
			if !slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(first, k) }) {
				t.Errorf("%s %v does not meet %s %v", w, keys, words[0], first)
			}
		}
	}
	for _, pair := range [][2]string{{"Осечкин", "Орешкин"}, {"Иванов", "Петров"}, {"Chekhov", "Cherkasov"}} {
		for _, k := range language.NameKeys(pair[0]) {
			if slices.Contains(language.NameKeys(pair[1]), k) {
				t.Errorf("%v meet as %s", pair, k)
			}
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		d    int
	}{{"", "", 0}, {"осечкин", "осечкни", 1}, {"камера", "камра", 1}, {"камера", "ккамера", 1}, {"камера", "комира", 2}, {"a", "bcd", 3}} {
		if got := language.Distance(c.a, c.b, 2); got != c.d {
			t.Errorf("%s %s: %d", c.a, c.b, got)
		}
	}
}

// Whatever the text, tokens lie in it in order, and none could be taken for a mark of the index.
func check(t interface{ Fatalf(string, ...any) }, text string) {
	last, pos := 0, 0
	for _, k := range language.Tokens(text) {
		switch {
		case k.Start < 0 || k.End > len(text) || k.Start >= k.End || k.Start < last && k.Pos > pos:
			t.Fatalf("%q: token %+v", text, k)
		case k.Pos < pos || k.Pos > pos+1:
			t.Fatalf("%q: position of %+v after %d", text, k, pos)
		case k.Stem == "" || !utf8.ValidString(k.Stem) || strings.ContainsAny(k.Stem, " |=\"'\\\x00\n") || utf8.RuneCountInString(k.Stem) > 200:
			t.Fatalf("%q: stem %q", text, k.Stem)
		}
		last, pos = k.Start, k.Pos
	}
	for _, k := range language.NameKeys(text) {
		if k == "" || len(k) > 1000 {
			t.Fatalf("%q: key %q", text, k)
		}
	}
}

func TestTokensOfAnything(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("абвієь'’-_.:/09aZ\u0301\u0306\u00ad=| \"")), 0, 60, -1)).Draw(t, "text")
		check(t, text)
		if a, b := language.Stems(text), language.Stems(text); !slices.Equal(a, b) {
			t.Fatalf("%v, then %v", a, b)
		}
	})
}

func FuzzTokens(f *testing.F) {
	for _, s := range []string{"", "камера-2", "e\u0301\u0301\u0301", "\xff\xfe", "'''", "a'b'c", "1.2.3.4.5.6.7.8.9.10.11.12.13.14", "＝｜", "ﷺ", "𝟙𝟚", "İI", "ǅ", "\u0640\u0640"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}

func BenchmarkTokens(b *testing.B) {
	text := strings.Repeat("Сотрудники колонии применяли пытки в камере двенадцать, свідок розповів про катування у в'язниці. Three guards. ", 10)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		for range language.Each(text) {
		}
	}
}

// Names in -слав end like verbs; all their forms share one stem, which sounds like the name in Latin letters.
func TestNamesThatEndLikeVerbs(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"Ярослав", "Ярослава", "Ярославу", "Ярославом", "Ярославе", "Ярославові", "Ярославою"} {
		if got := language.Stems(word); !slices.Contains(got, "ярослав") {
			t.Errorf("%s: %v", word, got)
		}
	}
	if a, b := language.StemKeys("ярослав"), language.StemKeys("yaroslav"); !slices.Equal(a, b) {
		t.Errorf("%v and %v", a, b)
	}
}
