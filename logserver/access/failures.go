package access

import (
	"net/netip"
	"sync"
	"time"
)

// How many wrong tokens an address may say: so many at once, and one more in each of these times.
const (
	manyFailures  = 30
	failureEvery  = time.Second
	maxAddresses  = 4096 // beyond, those are forgotten that have been quiet for longest
	sixPrefixBits = 64   // what one owner of addresses has many of
)

// failures counts wrong tokens by address. The zero value is ready.
type failures struct {
	mu sync.Mutex // guards the following
	// until is when an address will be as if it had said none: each wrong one puts that off.
	until map[netip.Addr]time.Time
}

// tooMany tells whether an address has to wait.
func (f *failures) tooMany(a netip.Addr, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.until[owner(a)].Sub(now) > (manyFailures-1)*failureEvery
}

func (f *failures) add(a netip.Addr, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until == nil {
		f.until = make(map[netip.Addr]time.Time)
	}
	a = owner(a)
	until := f.until[a]
	if until.Before(now) {
		until = now
	}
	if _, known := f.until[a]; !known && len(f.until) >= maxAddresses {
		f.forget(now)
	}
	f.until[a] = until.Add(failureEvery)
}

// forget makes room: those go that need not be remembered, or else the one that needs it least.
func (f *failures) forget(now time.Time) {
	var least netip.Addr
	for a, until := range f.until {
		if !until.After(now) {
			delete(f.until, a)
		} else if !least.IsValid() || until.Before(f.until[least]) {
			least = a
		}
	}
	if len(f.until) >= maxAddresses {
		delete(f.until, least)
	}
}

// owner is the address that failures are counted for.
func owner(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(sixPrefixBits); err == nil {
			return p.Addr()
		}
	}
	return a
}
