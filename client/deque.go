package client

// deque is a queue in a ring that grows: what is pushed goes to its end and is
// taken from its front. The zero deque is empty.
type deque[T any] struct {
	ring  []T // its length is 0 or a power of two
	first int
	n     int
}

func (d *deque[T]) len() int { return d.n }

// at returns the i-th from the front, i < len.
func (d *deque[T]) at(i int) T { return d.ring[(d.first+i)&(len(d.ring)-1)] }

func (d *deque[T]) push(v T) {
	if d.n == len(d.ring) {
		d.resize(max(16, 2*d.n))
	}
	d.ring[(d.first+d.n)&(len(d.ring)-1)] = v
	d.n++
}

// pop takes the front; a deque that has become almost empty shrinks.
func (d *deque[T]) pop() T {
	var none T
	v := d.ring[d.first]
	d.ring[d.first] = none
	d.first = (d.first + 1) & (len(d.ring) - 1)
	d.n--
	if len(d.ring) > 4096 && d.n < len(d.ring)/8 {
		d.resize(len(d.ring) / 4)
	}
	return v
}

func (d *deque[T]) resize(size int) {
	ring := make([]T, size)
	for i := range d.n {
		ring[i] = d.at(i)
	}
	d.ring, d.first = ring, 0
}
