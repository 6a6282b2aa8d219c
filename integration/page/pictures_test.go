package page

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/ringlog/ringlog/integration/server"
)

// TestPictures leaves pictures of the page in SCREENSHOTS.
func TestPictures(t *testing.T) {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		t.Skip("SCREENSHOTS names no directory: run `make screenshots`")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := start(t)
	house(t, s)
	picture := func(name string, window size, scheme, fragment string, actions func(b *tab)) {
		b := open(t, s, window, scheme, fragment)
		b.until(`document.querySelectorAll('.row:not([hidden]):not(.waiting)').length > 5`)
		if actions != nil {
			actions(b)
		}
		png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	opened := func(b *tab) { b.untilSeen("#tree", "readings") }
	picture("light", desk, "light", "#house", nil)
	picture("dark", desk, "dark", "#house/1191", opened)
	picture("entry", desk, "light", "#house/1191", opened)
	picture("filter", desk, "light", "#house", func(b *tab) {
		b.kind("jq")
		b.enter("#filter", `select(.room == "kitchen") | .temperature`)
		b.untilSeen("#notice", "all searched")
	})
	picture("keys", desk, "dark", "#house", func(b *tab) { b.keys("?") })
	picture("phone", phone, "light", "#house", nil)
	picture("phone-dark", phone, "dark", "#house", func(b *tab) { b.click(`.tabs [data-view=server]`) })
	picture("phone-entry", phone, "light", "#house/1191", opened)
}

// house fills logs with what a house might say, some of it while somebody looks.
func house(t *testing.T, s *server.Server) {
	t.Helper()
	rooms := []string{"kitchen", "cellar", "bedroom", "attic"}
	entry := func(i int) string {
		room := rooms[i*7%len(rooms)]
		switch i % 6 {
		case 3:
			return fmt.Sprintf(`{"room":%q,"door":"open","by":["Ada","Grace"],"alarm":false}`, room)
		case 4:
			return fmt.Sprintf(`{"room":%q,"device":{"id":"th-%03d","firmware":"2.11.0","battery":0.%d0},"readings":[{"at":"10:0%d","temperature":%d.50},{"at":"10:1%d","temperature":%d.75}],"note":null}`, room, i%400, i%9+1, i%10, 18+i%6, i%10, 18+i%6)
		}
		return fmt.Sprintf(`{"room":%q,"temperature":%d.%d0,"humidity":%d,"serial":12345678901234567%03d}`, room, 17+i%8, i%10, 40+i%20, i%1000)
	}
	post(t, s, "audit", strings.Repeat(`{"who":"ada","did":"login"}`+"\n", 212))
	post(t, s, "orders", strings.Repeat(`{"order":77,"total":12.50}`+"\n", 48_000))
	post(t, s, "main", `{"hello":"world"}`)
	for i := 0; i < 1200; i += 40 { // spread over some seconds, for the plots
		var lines strings.Builder
		for j := i; j < i+40*(1+i%3); j++ {
			lines.WriteString(entry(j) + "\n")
		}
		post(t, s, "house", lines.String())
		time.Sleep(200 * time.Millisecond)
	}
}
