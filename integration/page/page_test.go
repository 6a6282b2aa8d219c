package page

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/ringlog/ringlog/integration/server"
)

// numbered returns entries {"n":from} to {"n":to}, one a line.
func numbered(from, to int) string {
	var lines strings.Builder
	for n := from; n <= to; n++ {
		fmt.Fprintf(&lines, "{\"n\":%d}\n", n)
	}
	return lines.String()
}

// untilRow waits until the row of an index is seen with a text in it.
func (b *tab) untilRow(index, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`[...document.querySelectorAll('.row:not([hidden])')].some(row => row.children[0]?.textContent === %q && row.children[2].textContent.includes(%q)
		&& row.getBoundingClientRect().bottom <= document.querySelector('#list').getBoundingClientRect().bottom + 1)`, index, text))
}

// untilSelected waits until the row of an index is the chosen one.
func (b *tab) untilSelected(index string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.querySelector('.row[aria-selected=true]:not([hidden]) .index')?.textContent === %q`, index))
}

func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

func (b *tab) escape() { b.t.Helper(); b.keys(kb.Escape) }

// A log is followed, paused, and followed again.
func TestFollow(t *testing.T) {
	s := start(t)
	post(t, s, "main", numbered(1, 500))
	b := open(t, s, desk, "light", "")
	b.untilRow("500", `{"n":500}`)
	b.untilSeen("#logs a[aria-current]", "main\n500")
	post(t, s, "main", numbered(501, 503))
	b.untilRow("503", `{"n":503}`)
	b.keys(" ")
	b.untilSeen("#live", "Paused")
	post(t, s, "main", numbered(504, 510))
	b.untilSeen("#newer", "7 newer")
	b.click("#newer")
	b.untilSeen("#live", "Live")
	b.untilRow("510", `{"n":510}`)
	// Who turns the wheel wants to read.
	wheel := -600.0
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseWheel, 700, 400, func(p *input.DispatchMouseEventParams) { p.DeltaX, p.DeltaY = 1, wheel }))
	b.untilSeen("#live", "Paused")
	b.keys("G")
	b.untilSeen("#live", "Live")
	// A log that comes into being shows up.
	post(t, s, "other", numbered(1, 2))
	b.untilSeen("#logs", "other")
	b.keys("]")
	b.untilSeen("#log-name", "other")
	b.untilRow("2", `{"n":2}`)
	b.keys("[")
	b.untilSeen("#log-name", "main")
}

// Going to an index or time, opening, moving on; what is copied works as it is.
func TestEntry(t *testing.T) {
	s := start(t)
	post(t, s, "main", numbered(1, 41)+`{"price": 1.50, "serial":12345678901234567890, "a":{"b":[true,null,{"c":"d"}]}, "a":2}`+"\n"+numbered(43, 300))
	b := open(t, s, desk, "light", "")
	b.untilRow("300", "300")
	b.keys("g")
	b.enter("#jump", "42")
	b.untilSelected("42")
	b.keys(kb.Enter)
	b.untilSeen("#detail-title", "main #42")
	for _, text := range []string{"price: 1.50", "serial: 12345678901234567890", "a: { 1 item }", "b: [ 3 items ]", `c: "d"`, "a: 2"} {
		b.untilSeen("#tree", text)
	}
	b.untilSeen("#detail-facts", sum(`{"price":1.50,"serial":12345678901234567890,"a":{"b":[true,null,{"c":"d"}]},"a":2}`))
	eval[bool](b, `(navigator.clipboard.writeText = async text => { window.copied = text }, true)`)
	want := `{"index":42,"time":"`
	for _, what := range []string{"curl", "nc"} {
		b.click("[data-copy=" + what + "]")
		b.untilSeen("#toast", what+" command copied")
		ctx, cancel := context.WithTimeout(t.Context(), server.Patience)
		command := eval[string](b, "window.copied")
		out, err := exec.CommandContext(ctx, "bash", "-c", command).Output()
		cancel()
		if err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("%s: %v: %s", command, err, out)
		}
	}
	b.click("[data-copy=entry]")
	b.untilSeen("#toast", "Entry copied")
	if got := eval[string](b, "window.copied"); !strings.HasPrefix(got, `{"price":1.50,"serial":`) {
		t.Error(got)
	}
	b.keys("j")
	b.untilSeen("#detail-title", "main #43")
	b.keys("k")
	b.untilSeen("#detail-title", "main #42")
	b.untilSeen("#tree", "price: 1.50")
	// The tree by keys: into a branch, shut it.
	eval[bool](b, `(document.querySelector('#tree [role=treeitem]').focus(), true)`)
	b.keys(kb.ArrowDown + kb.ArrowDown + kb.ArrowLeft)
	b.until(`document.activeElement.ariaExpanded === 'false' && !document.querySelector('#tree').innerText.includes('[ 3 items ]')`)
	b.keys(kb.ArrowRight)
	b.untilSeen("#tree", "[ 3 items ]")
	b.escape()
	b.until(`document.querySelector('#detail').hidden`)
	for typed, index := range map[string]string{"-1h": "1", "#7": "7", "-300": "1", "2099-01-01": "300", "999": "300"} {
		b.enter("#jump", typed)
		b.untilSelected(index)
	}
	b.enter("#jump", "nonsense")
	b.untilSeen("#toast", "Want an index, a time, or an age")
	// A link to an entry opens it.
	b = open(t, s, desk, "light", "#main/42")
	b.untilSeen("#tree", "price: 1.50")
	b.untilSelected("42")
}

func TestFilter(t *testing.T) {
	s := start(t)
	post(t, s, "main", numbered(1, 3000)+`{"room":"Kitchen"}`+"\n"+numbered(3002, 5000)+"[1]\n")
	b := open(t, s, desk, "light", "")
	b.keys("/")
	b.enter("#filter", "kitchen")
	b.untilSeen("#notice", "1 result · all searched")
	b.untilRow("3,001", "Kitchen")
	post(t, s, "main", `{"room":"the kitchen again"}`)
	b.untilRow("5,002", "again")
	b.kind("jq")
	b.enter("#filter", `select(type == "object" and .n % 1000 == 0) | .n * 2`)
	b.untilSeen("#notice", "the program failed on 2 entries: cannot modulo: null and number (1000)")
	b.untilSeen("#notice", "all searched")
	b.untilRow("5,000", "10000")
	b.untilRow("3,000", "6000")
	b.enter("#filter", "select(")
	b.untilSeen("#notice", "invalid jq: unexpected EOF")
	b.enter("#filter", "def f: f; f")
	b.untilSeen("#notice", "jq: the program takes too long for an entry")
	if len(b.complaints()) == 0 { // the browser tells of each 400
		t.Error("no complaint: is the console heard at all?")
	}
	b.enter("#filter", "empty")
	b.untilSeen("#empty", "No entry passes the filter.")
	b.enter("#filter", " ")
	b.untilRow("5,002", "again")
	b.complaints()
}

func TestAppend(t *testing.T) {
	s := start(t)
	b := open(t, s, desk, "light", "")
	b.untilSeen("#empty", "No entries yet")
	type_ := func(text string) {
		t.Helper()
		b.keys("n")
		eval[string](b, fmt.Sprintf(`document.querySelector('#entry').value = %q`, text))
		b.do(chromedp.KeyEvent(kb.Enter, chromedp.KeyModifiers(kb.ModifierCtrl)))
	}
	type_("{\n  \"pretty\": \"printed\",\n  \"n\": 1.50\n}")
	b.untilSeen("#append-said", "1 entry appended at 1")
	b.untilRow("1", `{"pretty":"printed","n":1.50}`)
	b.escape()
	type_("{\"n\":2}\n{\"n\":3}\n")
	b.untilSeen("#append-said", "2 entries appended at 2")
	b.untilRow("3", `{"n":3}`)
	b.escape()
	type_("{\"n\":4}\nnonsense")
	b.untilSeen("#append-said", "line 2: invalid JSON")
	b.escape()
	for _, said := range []string{"1 entry appended at 4", "1 entry had been appended at 4"} {
		eval[string](b, `document.querySelector('#entry-key').value = 'invoice-7'`)
		type_(`{"paid":12}`)
		b.untilSeen("#append-said", said)
		b.escape()
	}
	b.complaints() // of the 400
	s.Run("verify")
}

func TestKeysAndThemes(t *testing.T) {
	s := start(t)
	post(t, s, "main", numbered(1, 3))
	b := open(t, s, desk, "dark", "")
	b.untilRow("3", "3")
	b.keys("?")
	b.untilSeen("#help", "go to an index or time")
	b.escape()
	b.until(`!document.querySelector('#help').open`)
	paper := func() string { return eval[string](b, `getComputedStyle(document.body).backgroundColor`) }
	dark := paper()
	b.keys("t")
	b.untilSeen("#toast", "Light")
	if paper() == dark {
		t.Error("light is dark")
	}
	b.keys("t")
	if paper() != dark {
		t.Error("dark is not dark")
	}
	b.keys("t")
	// All that can be used has a name, and what lists entries says what it is.
	for _, what := range []string{
		`[...document.querySelectorAll('button, input, select, textarea, canvas')].filter(e => !(e.ariaLabel || e.title || e.textContent.trim())).map(e => e.outerHTML).join()`,
		`[...document.querySelectorAll('[id]')].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i).join()`,
		`[...document.querySelectorAll('.row')].filter(e => e.role !== 'option').length || ''`,
	} {
		if got := eval[any](b, what); got != "" {
			t.Errorf("%s: %v", what, got)
		}
	}
}

// The server goes and comes back; so does the page.
func TestReconnecting(t *testing.T) {
	s := start(t)
	post(t, s, "main", numbered(1, 30))
	b := open(t, s, desk, "light", "")
	b.untilRow("30", "30")
	s.Kill()
	b.untilSeen("#health", "no answer from the server")
	b.untilSeen("#live", "Reconnecting")
	s.Start()
	b.untilSeen("#health", "Ready")
	b.untilSeen("#live", "Live")
	post(t, s, "main", numbered(31, 31))
	b.untilRow("31", "31")
	b.complaints() // of refused connections
}
