package crash

import "github.com/ringlog/ringlog/integration/proof"

// The parts, whose shares come to 1.
var (
	kills = proof.Part{Promises: "2, 10", What: "kills under load",
		Count: "KILLS", Commit: 20, Long: 1000, Share: 0.22}
	cuts = proof.Part{Promises: "3", What: "power cuts under load",
		Count: "CUTS", Commit: 5, Long: 200, Share: 0.25}
	gaps = proof.Part{Promises: "3a", What: "kills between write and flush, then a power cut",
		Count: "GAPS", Commit: 1, Long: 50, Share: 0.07}
	calls = proof.Part{Promises: "5, 14", What: "system calls killed, failed (EIO), out of space (ENOSPC)",
		Count: "CALLS", Commit: 30, Long: 100_000, Share: 0.25}
	fills = proof.Part{Promises: "13", What: "full disks",
		Count: "FILLS", Commit: 3, Long: 50, Share: 0.08}
	stops = proof.Part{Promises: "22", What: "ordered stops under load",
		Count: "STOPS", Commit: 5, Long: 200, Share: 0.05}
	histories = proof.Part{Promises: "8, 11", What: "histories checked by porcupine, a kill in each",
		Count: "HISTORIES", Commit: 3, Long: 200, Share: 0.05}
	backups = proof.Part{Promises: "33", What: "backups under load, restored and checked",
		Count: "BACKUPS", Commit: 6, Long: 100, Share: 0.03}
	flushes = proof.Part{Promises: "1, 6", What: "appends whose order of system calls was seen",
		Count: "APPENDS", Commit: 1000, Long: 10_000, Share: 0}
)
