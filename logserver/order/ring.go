package order

// ring is a queue whose elements have running numbers. It grows and shrinks by
// chunks, so that nothing is ever copied.
type ring[T any] struct {
	chunks [][]T  // each of chunkLen
	first  uint64 // number of the oldest element
	skip   int    // elements before it in chunks[0]
	n      int
	spare  []T // an empty chunk that the next one needed is taken from
}

const chunkLen = 512

// next returns the number that the next element pushed will have.
func (g *ring[T]) next() uint64 { return g.first + uint64(g.n) }

// at returns the element with that number, which must be there.
func (g *ring[T]) at(number uint64) *T {
	i := int(number-g.first) + g.skip
	return &g.chunks[i/chunkLen][i%chunkLen]
}

// last returns the newest element; there is one.
func (g *ring[T]) last() *T { return g.at(g.next() - 1) }

func (g *ring[T]) push(v T) {
	if g.skip+g.n == len(g.chunks)*chunkLen {
		if g.spare == nil {
			g.spare = make([]T, chunkLen)
		}
		g.chunks, g.spare = append(g.chunks, g.spare), nil
	}
	g.n++
	*g.last() = v
}

// drop removes the oldest element; there is one.
func (g *ring[T]) drop() {
	var zero T
	*g.at(g.first) = zero
	g.first++
	g.skip++
	g.n--
	if g.skip == chunkLen {
		g.spare, g.chunks[0] = g.chunks[0], nil
		g.chunks = g.chunks[1:]
		g.skip = 0
	}
}
