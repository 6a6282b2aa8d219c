package check

import (
	"errors"
	"slices"

	"github.com/ringlog/ringlog/blobstore/segment"
)

// Repair is what is wrong with a directory, what is lost with it, and what can be done.
type Repair struct {
	*segment.Repair
	// Report is about the directory as it will be: it holds what was lost before, too.
	Report Report
	// Lost is what will be marked as lost.
	Lost []Lost
}

// Examine finds out what is wrong with a directory and what a repair would come to. It
// changes nothing, and reads everything twice. Its error says why there is no repair: a *segment.UnrepairableError,
// one that wraps order.ErrOrderLost, a *segment.ForeignError. What was found wrong is in
// the Repair even then, if there is one; it is to be closed.
func Examine(o Options) (*Repair, error) {
	physical, err := segment.Examine(o.Files, segment.ExamineOptions{
		Marked: o.Live, Progress: func(n int64) { o.progress(uint64(n)) },
	})
	if err != nil {
		return nil, err
	}
	r := &Repair{Repair: physical}
	o.Files, o.DB = physical.View(), ""
	if r.Report, err = Data(o); err != nil {
		return r, err
	}
	r.Lost = slices.DeleteFunc(slices.Clone(r.Report.Lost), func(l Lost) bool {
		_, found := physical.Found(l.Place)
		return !found
	})
	return r, nil
}

// Of returns what is lost with a damage.
func (r *Repair) Of(d *segment.Damage) (lost []Lost) {
	for _, l := range r.Lost {
		if d.Kind != 0 && l.Place == d.Place {
			lost = append(lost, l)
		}
	}
	return lost
}

// Damaged reports whether an error of Data is about damage to the segments, of which
// Examine tells more.
func Damaged(err error) bool {
	var damage *segment.DamageError
	var broken *Error
	return errors.As(err, &damage) || errors.As(err, &broken)
}
