package segment

import "io"

// WithRandom makes salts and identities come from somewhere else.
func (o Options) WithRandom(r io.Reader) Options {
	o.random = r
	return o
}
