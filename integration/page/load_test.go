package page

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// frames scrolls the list down by as many pixels each frame, for so many frames. It returns how many frames showed an
// edge where rows should be, and how long the slowest and the middle one took in milliseconds.
const frames = `(async (pixels, count) => {
	const list = document.querySelector('#list'), took = []
	let bare = 0, before = performance.now()
	list.dispatchEvent(new WheelEvent('wheel'))
	for (let i = 0; i < count; i++) {
		list.scrollTop += pixels
		await new Promise(requestAnimationFrame)
		await new Promise(requestAnimationFrame)
		const now = performance.now()
		took.push((now - before) / 2)
		before = now
		const box = list.getBoundingClientRect()
		const rows = [...list.querySelectorAll('.row:not([hidden])')].map(row => row.getBoundingClientRect())
		if (Math.min(...rows.map(r => r.top)) > box.top + 1 || Math.max(...rows.map(r => r.bottom)) < box.bottom - 1) bare++
	}
	took.sort((a, b) => a - b)
	return [bare, took.at(-1), took[count >> 1]]
})(%d, %d)`

// A hundred thousand entries, and a million, scroll: no frame shows an edge, few elements are there, and every index is reached.
func TestManyEntries(t *testing.T) {
	s := start(t)
	post(t, s, "main", numbered(1, 100_000))
	post(t, s, "million", strings.Repeat("{}\n", 1_000_000))
	b := open(t, s, desk, "light", "")
	b.untilRow("100,000", "100000")
	b.keys("\u0301") // no key of ours: nothing happens
	b.enter("#jump", "1")
	b.untilSelected("1")
	for _, pixels := range []int{40, 700, 5000} {
		got := eval[[]float64](b, fmt.Sprintf(frames, pixels, 60))
		t.Logf("%d pixels a frame: slowest %.1f ms, middle %.1f ms", pixels, got[1], got[2])
		if got[0] > 0 {
			t.Errorf("%d pixels a frame: %v of 60 frames showed an edge", pixels, got[0])
		}
	}
	for _, index := range []string{"50000", "99999", "12345", "3"} {
		b.enter("#jump", index)
		b.untilRow(comma(index), index)
	}
	b.enter("#jump", "1")
	eval[string](b, `location.hash = 'million'`)
	b.untilRow("1,000,000", "{}")
	for _, index := range []string{"1", "500000", "999999", "777777"} {
		b.enter("#jump", index)
		b.untilRow(comma(index), "{}")
	}
	// One row is one row, also where the list is taller than a browser's elements may be.
	b.keys("j")
	b.untilSelected("777,778")
	b.keys("\u0301")
	got := eval[[]float64](b, fmt.Sprintf(frames, 26, 30))
	if got[0] > 0 {
		t.Errorf("%v of 30 frames showed an edge", got[0])
	}
	at := eval[int](b, `Math.min(...[...document.querySelectorAll('.row:not([hidden]) .index')].map(e => Number(e.textContent.replaceAll(',', ''))))`)
	if at < 777_000 || at > 778_500 {
		t.Errorf("30 rows on, it is at %d", at)
	}
	if n := eval[int](b, `document.querySelectorAll('#list *').length`); n > 3000 {
		t.Errorf("%d elements in the list", n)
	}
}

func comma(index string) string {
	for i := len(index) - 3; i > 0; i -= 3 {
		index = index[:i] + "," + index[i:]
	}
	return index
}

// While thousands of entries a second are appended, the page shows some of them, says so, and can be used; afterwards it shows
// all.
func TestQuickLog(t *testing.T) {
	s := start(t)
	post(t, s, "main", numbered(1, 100))
	b := open(t, s, desk, "light", "")
	b.untilRow("100", "100")
	stop, stopped := make(chan struct{}), make(chan int, 1)
	go func() { // 5,000 a second, in portions as programs send them
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := 101; ; n += 100 {
			select {
			case <-stop:
				stopped <- n - 1
				return
			case <-tick.C:
			}
			answer, err := http.Post("http://"+s.Addr+"/logs/main", "", strings.NewReader(numbered(n, n+99)))
			if err != nil {
				stopped <- -1
				return
			}
			answer.Body.Close()
		}
	}()
	b.untilSeen("#live", "Sampling")
	b.untilSeen("#notice", "entries a second: the newest are shown a few times a second")
	took := eval[[]float64](b, `(async () => {
		const took = []
		for (let i = 0, before = performance.now(); i < 90; i++) {
			await new Promise(requestAnimationFrame)
			const now = performance.now()
			took.push(now - before)
			before = now
		}
		took.sort((a, b) => a - b)
		return [took.at(-1), took[45]]
	})()`)
	t.Logf("frames at 5,000 appends a second: slowest %.1f ms, middle %.1f ms", took[0], took[1])
	b.keys(" ")
	b.untilSeen("#live", "Paused")
	b.enter("#jump", "5000")
	b.untilRow("5,000", `{"n":5000}`)
	b.keys("G")
	close(stop)
	last := <-stopped
	if last < 0 {
		t.Fatal("appending failed")
	}
	b.untilSeen("#live", "Live")
	b.untilRow(comma(fmt.Sprint(last)), fmt.Sprintf(`{"n":%d}`, last))
	post(t, s, "main", numbered(last+1, last+1))
	b.untilRow(comma(fmt.Sprint(last+1)), fmt.Sprintf(`{"n":%d}`, last+1))
}
