package index

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// edit changes the meta bucket of a file as another program would.
func edit(t *testing.T, path string, fn func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, fileMode, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewerFormat(t *testing.T) {
	m, file := sample(t, 80)
	path := filepath.Join(t.TempDir(), "index.db")
	write(t, path, file)
	edit(t, path, func(tx *bbolt.Tx) error {
		value := append([]byte(headerMagic), formatVersion+1)
		return tx.Bucket(bucketMeta).Put(headerKey, value)
	})
	x := mustOpen(t, path, Options{})
	if !strings.Contains(x.Rebuilt(), fmt.Sprintf("format version [%d]", formatVersion+1)) {
		t.Fatal(x.Rebuilt())
	}
	m.replay(x)
	m.check(x)
}

func TestAnotherProgramsFile(t *testing.T) {
	m, _ := sample(t, 80)
	path := filepath.Join(t.TempDir(), "index.db")
	edit(t, path, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("precious"))
		return err
	})
	if !m.survives(path, "another program's") {
		t.Fatal("not noticed")
	}
	edit(t, path+asideSuffix, func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte("precious")) == nil {
			t.Error("what was there has not been kept")
		}
		return nil
	})
}

// A file whose structure is sound, but not its rows. Opened whole, it is
// discarded at once; otherwise whoever comes to such a row is told.
func TestWrongRows(t *testing.T) {
	for name, change := range map[string]func(m *model, b *bbolt.Bucket) error{
		"first missing":  func(m *model, b *bbolt.Bucket) error { return removeRow(b, m.logs[1][0]) },
		"middle missing": func(m *model, b *bbolt.Bucket) error { return removeRow(b, m.logs[1][3]) },
		"last missing":   func(m *model, b *bbolt.Bucket) error { return removeRow(b, m.logs[1][len(m.logs[1])-1]) },
		"last of all missing": func(m *model, b *bbolt.Bucket) error {
			return removeRow(b, m.logs[7][len(m.logs[7])-1])
		},
		"of another file": func(m *model, b *bbolt.Bucket) error {
			r := m.logs[1][3]
			key, other := rowKey(1, r.First), newSalt()
			return b.Put(key[:], other.appendRow(nil, key[:], &r, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, file := sample(t, 160)
			path := filepath.Join(t.TempDir(), "index.db")
			spoil := func() {
				write(t, path, file)
				edit(t, path, func(tx *bbolt.Tx) error { return change(m, tx.Bucket(bucketRows)) })
			}
			spoil()
			x := mustOpen(t, path, Options{})
			if x.Rebuilt() == "" {
				t.Error("not noticed when opened")
			}
			if err := x.Close(); err != nil {
				t.Error(err)
			}
			spoil()
			m.eachRowRightOrBroken(path)
		})
	}
}

func removeRow(b *bbolt.Bucket, r Row) error {
	key := rowKey(r.Log, r.First)
	return b.Delete(key[:])
}

// eachRowRightOrBroken asks for every row by itself, for all rows at once, and by
// time, of a file that was not read whole when opened.
func (m *model) eachRowRightOrBroken(path string) {
	m.t.Helper()
	x := mustOpen(m.t, path, lazy)
	if x.Rebuilt() != "" {
		m.t.Fatal("opened whole")
	}
	noticed := false
	for log, rows := range m.logs {
		for i, r := range rows {
			for _, n := range []int{1, len(rows)} {
				got, err := x.Range(log, r.First, nil, n)
				if len(got) > len(rows)-i || !slices.Equal(got, rows[i:i+len(got)]) || err == nil && len(got) < min(n, len(rows)-i) {
					m.t.Fatalf("wrong rows of log %d from %d on: %v, %v", log, r.First, got, err)
				}
				noticed = noticed || err != nil
			}
			if _, _, err := x.AtTime(log, r.Time); err == nil {
				m.checkTime(x, log, r.Time)
			}
		}
	}
	if !noticed {
		m.t.Fatal("not noticed when read")
	}
	isBroken(m.t, x.Err())
}
