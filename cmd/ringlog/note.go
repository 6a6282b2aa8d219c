package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/ringlog/ringlog/blobstore/segment/fs"
)

// Notes are files in a directory of segments that say why it must not be served. What they hold is for
// people.
const (
	backupNote  = "BACKUP"
	restoreNote = "RESTORING"

	isBackup    = "A backup. `ringlog restore` makes data to serve of it; `ringlog backup` goes on with it.\n"
	isRestoring = "A restore is under way here, or was broken off: then remove this directory and restore again.\n"
)

// refuseNoted refuses to serve a directory with a note in it.
func refuseNoted(blobs string) error {
	if isThere(filepath.Join(blobs, backupNote)) {
		return configErrorf("BLOBS: %s is a backup; `ringlog restore` makes data to serve of it (or remove %s from it, and never back up to it again)",
			blobs, backupNote)
	}
	if isThere(filepath.Join(blobs, restoreNote)) {
		return errRestoring(blobs)
	}
	return nil
}

func errRestoring(blobs string) error {
	return configErrorf("BLOBS: a restore into %s is under way or was broken off; remove the directory and restore again", blobs)
}

func isThere(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

// putNote writes a note, if it is not there.
func putNote(name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// dropNote takes the note off a restored directory, durably.
func dropNote(files fs.FS) error {
	return errors.Join(files.Remove(restoreNote), files.SyncDir())
}
