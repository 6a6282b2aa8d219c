package page

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/ringlog/ringlog/integration/server"
)

// browser is the one whose tabs the tests use.
var browser context.Context

func TestMain(m *testing.M) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		fmt.Fprintln(os.Stderr, "chromium is missing: run integration/scripts/install")
		os.Exit(1)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("lang", "en-GB"), chromedp.Env("TZ=UTC"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	var end context.CancelFunc
	browser, end = chromedp.NewContext(allocator)
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "chromium does not start:", err)
		os.Exit(1)
	}
	code := m.Run()
	end()
	stop()
	os.Exit(code)
}

// start starts a server.
func start(t *testing.T) *server.Server {
	t.Helper()
	s := server.New(t, server.Dir(t), nil)
	s.Start()
	return s
}

// post appends entries, one a line.
func post(t *testing.T, s *server.Server, log, entries string) {
	t.Helper()
	answer, err := http.Post("http://"+s.Addr+"/logs/"+log+"?atomic=false", "application/x-ndjson", strings.NewReader(entries))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status)
	}
}

// tab is a tab that shows the page.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex // guards the following
	complain []string   // what the console and the browser had to say
}

// size is how large the window is; phone has a touch screen and twice the pixels.
type size struct {
	width, height int64
	phone         bool
}

var (
	desk  = size{1440, 900, false}
	phone = size{390, 844, true}
)

// open opens a tab. Its console must stay silent, unless the test takes away what it said.
func open(t *testing.T, s *server.Server, window size, scheme, fragment string) *tab {
	t.Helper()
	b := openAt(t, s.Addr, window, scheme, fragment)
	b.until(`document.querySelector('#health').dataset.state === 'good'`)
	return b
}

// openAt is open of what is served at an address, whatever it says of itself.
func openAt(t *testing.T, address string, window size, scheme, fragment string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil { // it belongs to this context, not to that of one step
		t.Fatal(err)
	}
	var options []chromedp.EmulateViewportOption
	if window.phone {
		options = append(options, chromedp.EmulateScale(2), chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	b.do(chromedp.EmulateViewport(window.width, window.height, options...), chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, page.BringToFront, cdp.Empty{}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.complain = append(b.complain, m.String()+" "+m.URL)
			b.mu.Unlock()
		}
	}()
	b.do(chromedp.Navigate("http://" + address + "/" + fragment))
	t.Cleanup(func() {
		for _, c := range b.complaints() {
			t.Error("the browser complains:", c)
		}
	})
	return b
}

// complaints takes away what the browser has complained of.
func (b *tab) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.complain
	b.complain = nil
	return all
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, server.Patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// keys presses keys.
func (b *tab) keys(text string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(text))
}

// enter puts text into a field and sends it.
func (b *tab) enter(field, text string) {
	b.t.Helper()
	eval[string](b, fmt.Sprintf(`document.querySelector(%q).value = ''`, field))
	b.do(chromedp.SendKeys(chromedp.CSS(field), text+"\r"))
}

// kind chooses the kind of filter.
func (b *tab) kind(kind string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(select => { select.value = %q; return select.dispatchEvent(new Event('change')) })(document.querySelector('#filter-kind'))`, kind))
}

func (b *tab) click(what string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(what)))
}

// eval returns the value of an expression.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, server.Patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits until an expression is true.
func (b *tab) until(expression string) {
	b.t.Helper()
	for deadline := time.Now().Add(server.Patience / 2); ; time.Sleep(20 * time.Millisecond) {
		if eval[bool](b, expression) {
			return
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("never: %s\nseen: %s\ncomplaints: %q", expression, eval[string](b, `document.body.innerText.slice(0, 3000)`), b.complaints())
		}
	}
}

// untilSeen waits until a text is seen in an element.
func (b *tab) untilSeen(element, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(document.querySelector(%q)?.innerText ?? '').includes(%q)`, element, text))
}
