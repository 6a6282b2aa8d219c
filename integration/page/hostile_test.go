package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
)

// hostile are entries that would like to be more than text, and a part of what is seen of them.
var hostile = []struct{ entry, seen string }{
	{`{"a":"<script>window.pwned=1</script>"}`, `<script>window.pwned=1</script>`},
	{`{"<img src=x onerror=window.pwned=1>":"<img src=x onerror=window.pwned=1>"}`, `<img src=x onerror=window.pwned=1>`},
	{`["<svg onload=window.pwned=1>","javascript:window.pwned=1","{{constructor.constructor('window.pwned=1')()}}"]`, `javascript:window.pwned=1`},
	{`{"__proto__":{"pwned":1},"constructor":{"prototype":{"pwned":1}},"toString":null,"length":-1}`, `__proto__`},
	{"{\"rtl\":\"\u202egnp.exe\u2066\u200f\",\"\u202eyek\":1}", `\u202egnp.exe\u2066\u200f`},
	{`{"rtl":"\u202Egnp.exe","nul":"\u0000","bell":"\u0007","bom":"\ufeff","sep":"\u2028"}`, `\u202Egnp.exe`},
	{"{\"arabic\":\"\u0645\u0631\u062d\u0628\u0627\",\"emoji\":\"\U0001F468\u200d\U0001F469\u200d\U0001F467\",\"zalgo\":\"Z\u0351\u036b\u0343\u036a\"}", "\u0645\u0631\u062d\u0628\u0627"},
	{`{"index":99,"entry":{"index":7,"error":"entry unavailable"},"result":1,"time":"2000-01-01T00:00:00Z","hash":"no"}`, `"entry":{"index":7,`},
	{`{"big":1e999,"long":` + strings.Repeat("9", 3000) + `,"tiny":-0}`, `1e999`},
	{strings.Repeat("[", 128) + strings.Repeat("]", 128), `[[[[`},
	{`{"":"","":"","a":1,"a":2}`, `"":"","":""`},
	{`{"ansi":"\u001b[31mred\u001b[0m","crlf":"\r\n\r\nHTTP/1.1 200 OK"}`, `\u001b[31mred`},
	{`{"%s":"%n%n%n","$(reboot)":"'; DROP TABLE logs; --","` + "`reboot`" + `":"${jndi:ldap://x}"}`, `$(reboot)`},
}

// Entries are text, wherever they are shown, and never markup.
func TestHostileEntries(t *testing.T) {
	s := start(t)
	for _, h := range hostile {
		post(t, s, "main", h.entry+"\n")
	}
	b := open(t, s, desk, "light", "")
	for i, h := range hostile {
		index := fmt.Sprint(i + 1)
		b.untilRow(index, h.seen)
		b.enter("#jump", index)
		b.untilSelected(index)
		b.keys("o")
		b.untilSeen("#detail-facts", sum(h.entry))
		b.until(`document.querySelectorAll('#tree [role=treeitem]').length > 0`)
		if text := eval[string](b, `document.querySelector('#tree').innerText`); strings.ContainsAny(text, "\u202a\u202b\u202d\u202e\u2066\u2067\u200f\x1b\x00") {
			t.Errorf("%s: %q", h.entry, text)
		}
		b.unharmed()
	}
	b.untilSeen("#tree", "%s:")
	// What a program of jq says is text, too.
	b.kind("jq")
	b.enter("#filter", `"<img src=x onerror=window.pwned=1>"`)
	b.untilRow("13", "<img src=x")
	b.enter("#filter", `error("<img src=x onerror=window.pwned=1>\u202e")`)
	b.untilSeen("#notice", "<img src=x")
	b.unharmed()
	b.enter("#filter", `<img src=x onerror=window.pwned=1>`)
	b.untilSeen("#notice", "invalid jq")
	b.unharmed()
	b.complaints() // of the 400
	// Nor does the page read a fragment as anything but a name.
	eval[string](b, `location.hash = '<img src=x onerror=window.pwned=1>/1'`)
	b.untilSeen("#log-name", "main")
	b.unharmed()
}

// unharmed fails the test if anything became markup or ran.
func (b *tab) unharmed() {
	b.t.Helper()
	if bad := eval[string](b, `[...document.querySelectorAll('main script, main img, main svg, main iframe, #detail script, #detail img, #detail svg, [onerror], [onload]')].map(e => e.outerHTML).join()
		+ (window.pwned || ({}).pwned ? 'pwned' : '')`); bad != "" {
		b.t.Fatal(bad)
	}
}

// Entries as large as they may be are shown in the list by their beginning, and opened piece by piece.
func TestLargeEntries(t *testing.T) {
	s := start(t)
	const size = 1 << 20
	for range 10 {
		post(t, s, "main", `{"s":"`+strings.Repeat("<b>", (size-8)/3)+`"}`+"\n")
	}
	post(t, s, "main", "["+strings.Repeat("[],", size/3-1)+"1]\n")
	keys := strings.Builder{}
	for i := 0; keys.Len() < size-30; i++ {
		fmt.Fprintf(&keys, `"k%d":%d,`, i, i)
	}
	post(t, s, "main", "{"+keys.String()+`"end":0}`+"\n")
	b := open(t, s, desk, "light", "")
	b.untilRow("1", `{"s":"<b><b>`)
	b.untilSeen(".row", "1.0 MiB")
	b.enter("#jump", "3")
	b.untilSelected("3")
	b.keys("o")
	b.untilSeen("#tree", "1,047,566 more characters")
	b.click("#tree .more")
	b.until(`document.querySelector('#tree').textContent.length > 1_000_000`)
	for index, more := range map[string]string{"11": "349,425 more", "12": "k0: 0"} {
		b.escape()
		b.enter("#jump", index)
		b.untilSelected(index)
		b.keys("o")
		b.untilSeen("#detail-title", "#"+index)
		b.untilSeen("#tree", more)
		if n := eval[int](b, `document.querySelectorAll('#tree *').length`); n > 1000 {
			t.Errorf("%d elements", n)
		}
		b.click("#tree > .more")
		b.until(`document.querySelectorAll('#tree > [role=treeitem]').length === 200`)
	}
}

// The policy forbids what the page does not do itself.
func TestPolicy(t *testing.T) {
	s := start(t)
	b := open(t, s, desk, "light", "")
	for _, attempt := range []string{
		`document.body.innerHTML = '<b>'`, `document.createElement('script').text = '1'`, `document.body.insertAdjacentHTML('beforeend', '<b>')`, `document.write('<b>')`,
	} {
		if got := eval[string](b, fmt.Sprintf(`(() => { try { %s; return 'done' } catch (err) { return err.name } })()`, attempt)); got == "done" {
			t.Error("allowed:", attempt)
		}
	}
	for directive, attempt := range map[string]string{
		"connect-src":     `fetch('https://example.com/').catch(() => {})`,
		"img-src":         `new Image().src = 'https://example.com/x.png'`,
		"style-src-elem":  `document.head.append(Object.assign(document.createElement('style'), { textContent: 'b{}' }))`,
		"script-src-elem": `document.head.append(Object.assign(document.createElement('script'), { src: 'data:,1' }))`,
		"frame-src":       `document.body.append(Object.assign(document.createElement('iframe'), { src: 'https://example.com/' }))`,
	} {
		got := eval[string](b, fmt.Sprintf(`new Promise(resolve => {
			document.addEventListener('securitypolicyviolation', event => resolve(event.effectiveDirective), { once: true })
			try { %s } catch (err) { resolve(%q) }
		})`, attempt, directive))
		if got != directive {
			t.Errorf("%s: %s", attempt, got)
		}
	}
	b.complaints() // of all that
}

// A server that wants a token is asked with one, and who may not append is told so.
func TestTokens(t *testing.T) {
	s := start(t)
	post(t, s, "main", numbered(1, 20))
	to, err := url.Parse("http://" + s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse := func(code int, text string) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"error":%q,"remedy":"ask for another token"}`, text)
		}
		token := r.Header.Get("Authorization")
		switch public := r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/page/"); {
		case public || r.Method == http.MethodGet && token == "Bearer reader" || token == "Bearer writer":
			proxy.ServeHTTP(w, r)
		case token == "Bearer reader":
			refuse(http.StatusForbidden, "forbidden")
		default:
			refuse(http.StatusUnauthorized, "unauthorized")
		}
	}))
	t.Cleanup(front.Close)
	b := openAt(t, front.Listener.Addr().String(), desk, "light", "")
	b.untilSeen("#token-why", "unauthorized")
	b.enter("#token-input", "reader")
	b.untilRow("20", "20")
	b.untilSeen("#health", "Ready")
	submit := func() {
		t.Helper()
		eval[string](b, `document.querySelector('#entry').value = '{"n":21}'`)
		b.click("#append-button")
	}
	submit()
	b.untilSeen("#append-said", "This token may not append here: forbidden")
	b.until(`!document.querySelector('#entry').checkVisibility()`)
	b.click("#token-button")
	b.enter("#token-input", "writer")
	b.until(`document.querySelector('#entry').checkVisibility()`)
	submit()
	b.untilRow("21", "21")
	// The commands name the variable, not the token.
	eval[bool](b, `(navigator.clipboard.writeText = async text => { window.copied = text }, true)`)
	b.enter("#jump", "21")
	b.untilSelected("21")
	b.keys("o")
	b.untilSeen("#tree", "n: 21")
	b.keys("c")
	b.until(`(window.copied ?? '').includes('"Authorization: Bearer $RINGLOG_TOKEN"') && !window.copied.includes('writer')`)
	b.complaints() // of 401 and 403
}
