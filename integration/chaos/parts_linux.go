package chaos

import "github.com/ringlog/ringlog/integration/proof"

// The parts, whose shares come to 1.
var (
	partitions = proof.Part{Promises: "25", What: "partitions under load",
		Count: "PARTITIONS", Commit: 5, Long: 100, Share: 0.3}
	kills = proof.Part{Promises: "26", What: "kills of the leader under load",
		Count: "KILLS", Commit: 3, Long: 100, Share: 0.2}
	stalls = proof.Part{Promises: "26", What: "nodes stopped and continued under load",
		Count: "STALLS", Commit: 1, Long: 50, Share: 0.1}
	disks = proof.Part{Promises: "27, 28", What: "disks lost and their nodes replaced under load",
		Count: "DISKS", Commit: 1, Long: 20, Share: 0.1}
	copies = proof.Part{Promises: "30", What: "old copies of a disk put back",
		Count: "COPIES", Commit: 1, Long: 20, Share: 0.1}
	members = proof.Part{Promises: "28, 32", What: "ways from one node to three and back under load",
		Count: "MEMBERS", Commit: 1, Long: 20, Share: 0.1}
	rolls = proof.Part{Promises: "29", What: "restarts of all nodes in turn under load",
		Count: "ROLLS", Commit: 1, Long: 20, Share: 0.1}
)
