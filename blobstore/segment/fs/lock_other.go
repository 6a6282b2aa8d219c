//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package fs

import "os"

// tryLock has no lock to take here: nothing keeps a second process away.
func tryLock(*os.File) (bool, error) { return true, nil }

// syncDir can't be done everywhere; these systems order names by themselves.
func syncDir(d *os.File) error {
	d.Sync()
	return nil
}
