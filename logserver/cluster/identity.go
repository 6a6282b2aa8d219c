package cluster

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
)

// About is what the members are told of a node.
type About struct {
	Node     uuid.UUID         `json:"node"`
	Name     string            `json:"name"`
	Address  string            `json:"address"` // where other nodes reach it
	Clients  string            `json:"clients"` // where clients do
	Zone     string            `json:"zone,omitempty"`
	Region   string            `json:"region,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

func (a *About) encode() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings only
	}
	return b
}

// sameName refuses data of a node of another name. Names that come from an address may change with it.
func (o *Options) sameName(about []byte) error {
	was, err := decodeAbout(about)
	if err != nil || was.Name == "" || was.Name == o.Name || was.Name == nameOf(was.Address) || o.Name == nameOf(o.Address) {
		return nil // what is newer isn't understood
	}
	return fmt.Errorf("%w: it is node %s's (number %d of its cluster), and this one is named %s. Start it under that name; or, if it is a copy, "+
		"never run it, and give this node an empty BLOBS and DB: it joins as a new one", ErrOtherNode, was.Name, number(was.Node), o.Name)
}

// decodeAbout reads what a member says about itself. A newer version may say more.
func decodeAbout(b []byte) (a About, err error) {
	if len(b) == 0 {
		return a, nil
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("what a member says about itself: %w", err)
	}
	return a, nil
}

// regionOf returns the region that a member says it is in.
func regionOf(about []byte) string {
	a, err := decodeAbout(about)
	if err != nil {
		return ""
	}
	return a.Region
}

// zoneOf returns the zone that a member says it is in, with its region.
func zoneOf(about []byte) string {
	a, err := decodeAbout(about)
	if err != nil {
		return ""
	}
	return a.Region + "/" + a.Zone
}

// numbered is the version of the identifiers that end with the node's number.
const numbered = 8

// newIdentifier makes the identifier of a node that has no number yet.
func newIdentifier() (id uuid.UUID) {
	if _, err := rand.Read(id[:10]); err != nil {
		panic(err) // crypto/rand does not fail
	}
	id[6], id[8] = id[6]&0x0f|numbered<<4, id[8]&0x3f|0x80
	return id
}

// withNumber gives an identifier its number, of up to 48 bits.
func withNumber(id uuid.UUID, number uint64) uuid.UUID {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], number)
	copy(id[10:], n[2:])
	return id
}

// number returns the number in an identifier; a founder's is 1.
func number(id uuid.UUID) uint64 {
	if id.Version() != numbered {
		return 1
	}
	var n [8]byte
	copy(n[2:], id[10:])
	return binary.BigEndian.Uint64(n[:])
}

// sameNode tells whether two identifiers are one node's, numbered or not yet.
func sameNode(a, b uuid.UUID) bool { return [10]byte(a[:10]) == [10]byte(b[:10]) }
