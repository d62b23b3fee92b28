package anchor

import (
	"bytes"
	"fmt"
	"html/template"

	"zapis/internal/store"
	"zapis/verify"
)

// keysFile writes who signs: the keys of the log with the endorsement of each by the one before, and the keys of its witnesses.
func keysFile(origin string, keys []store.LogKey, witnesses []string) ([]byte, error) {
	l := verify.PublicLog{Origin: origin, Witnesses: witnesses}
	for _, k := range keys {
		l.Keys = append(l.Keys, verify.Key{Endorsement: k.Endorsement, VerifierKey: k.VerifierKey})
	}
	out, err := verify.EncodeKeys(l)
	if err != nil {
		return nil, fmt.Errorf("write keys: %w", err)
	}
	return out, nil
}

// The page says what the folder is to somebody who comes upon it. It has no script, loads nothing, and tells nothing but the
// origin and the key.
var index = template.Must(template.New("index").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Origin}}</title>
<style>
:root { color-scheme: light dark }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem }
section { border-top: 1px solid; padding-top: 1rem }
code { overflow-wrap: anywhere }
</style>
<h1>{{.Origin}}</h1>
<p><code>{{.Key}}</code></p>
<section lang="en">
<h2>A transparency log</h2>
<p>An archive of evidence adds one line here at a fixed hour, whether anything happened or not. A line shows nothing of what the archive
holds; later, the archive can prove with it that a recording existed by that day and was not changed since.</p>
<p>Nobody can take a line out or change one without being noticed by those who have seen an earlier <a href="checkpoint">checkpoint</a>.
The key above signs the checkpoints; compare it with one that you got in another way. <a href="keys">Keys</a>.{{if .Check}}
To check a clip, open <a href="check.html">the check page</a>; it works without a network as well.{{end}}</p>
</section>
<section lang="ru">
<h2>Журнал прозрачности</h2>
<p>Архив доказательств добавляет сюда одну строку в установленный час — независимо от того, произошло ли что-нибудь. Строка ничего не говорит
о том, что хранится в архиве; позже архив может доказать с её помощью, что запись существовала к этому дню и с тех пор не изменилась.</p>
<p>Никто не может убрать или изменить строку незаметно для тех, кто видел более раннюю <a href="checkpoint">контрольную точку</a>.
Контрольные точки подписаны ключом, указанным выше; сравните его с ключом, полученным другим путём. <a href="keys">Ключи</a>.{{if .Check}}
Чтобы проверить ролик, откройте <a href="check.html">страницу проверки</a>; она работает и без сети.{{end}}</p>
</section>
<section lang="uk">
<h2>Журнал прозорості</h2>
<p>Архів доказів додає сюди один рядок у встановлену годину — незалежно від того, чи щось сталося. Рядок нічого не говорить про те,
що зберігає архів; згодом архів може довести з його допомогою, що запис існував до цього дня і відтоді не змінився.</p>
<p>Ніхто не може прибрати або змінити рядок непомітно для тих, хто бачив попередню <a href="checkpoint">контрольну точку</a>.
Контрольні точки підписано ключем, указаним вище; порівняйте його з ключем, отриманим іншим шляхом. <a href="keys">Ключі</a>.{{if .Check}}
Щоб перевірити ролик, відкрийте <a href="check.html">сторінку перевірки</a>; вона працює і без мережі.{{end}}</p>
</section>
</html>
`))

func indexPage(origin, verifierKey string, check bool) []byte {
	var b bytes.Buffer
	err := index.Execute(&b, struct {
		Origin, Key string
		Check       bool
	}{origin, verifierKey, check})
	if err != nil {
		panic("anchor: the page was parsed before") // writes to memory cannot fail
	}
	return b.Bytes()
}
