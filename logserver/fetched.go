package logserver

import "container/list"

// recentContent keeps content that was fetched lately, up to limit bytes. Who has it guards it.
type recentContent struct {
	limit, bytes int
	byKey        map[fetchKey]*list.Element // of *keptContent
	order        list.List                  // the one that was wanted last at the front
}

type keptContent struct {
	key     fetchKey
	payload []byte
}

// find returns content, nil if it isn't kept.
func (r *recentContent) find(key fetchKey) []byte {
	e := r.byKey[key]
	if e == nil {
		return nil
	}
	r.order.MoveToFront(e)
	return e.Value.(*keptContent).payload
}

// add keeps content in the place of what was not wanted for the longest time.
func (r *recentContent) add(key fetchKey, payload []byte) {
	if r.byKey == nil {
		r.byKey = make(map[fetchKey]*list.Element)
	}
	if r.byKey[key] != nil {
		return
	}
	r.byKey[key] = r.order.PushFront(&keptContent{key, payload})
	for r.bytes += len(payload); r.bytes > r.limit; {
		oldest := r.order.Remove(r.order.Back()).(*keptContent)
		delete(r.byKey, oldest.key)
		r.bytes -= len(oldest.payload)
	}
}
