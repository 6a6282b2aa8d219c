package protocol

// field is a set of known keys, most often of one.
type field uint32

const (
	fieldID field = 1 << iota
	fieldEntry
	fieldEntries
	fieldLog
	fieldKey
	fieldProducer
	fieldSeq
	fieldAfter
	fieldFrom
	fieldRead
	fieldFollow
	fieldMeta
	fieldEcho
	fieldHead
	fieldLogs
	fieldAuth
	fieldMembers
	fieldCount = iota
)

// deciding are the keys of which a message has exactly one.
const deciding = fieldEntry | fieldEntries | fieldFrom | fieldHead | fieldLogs | fieldAuth

// The keys that each kind of message knows.
const (
	appendFields = fieldID | fieldEntry | fieldEntries | fieldLog | fieldKey | fieldProducer | fieldSeq | fieldAfter
	readFields   = fieldFrom | fieldLog | fieldRead | fieldFollow | fieldMeta | fieldEcho
	headFields   = fieldHead | fieldLog | fieldID | fieldMembers
	logsFields   = fieldLogs
	authFields   = fieldAuth
)

// fieldOf returns the known key that these bytes are, or 0.
func fieldOf(key []byte) field {
	switch string(key) {
	case "id":
		return fieldID
	case "entry":
		return fieldEntry
	case "entries":
		return fieldEntries
	case "log":
		return fieldLog
	case "key":
		return fieldKey
	case "producer":
		return fieldProducer
	case "seq":
		return fieldSeq
	case "after":
		return fieldAfter
	case "from":
		return fieldFrom
	case "read":
		return fieldRead
	case "follow":
		return fieldFollow
	case "meta":
		return fieldMeta
	case "echo":
		return fieldEcho
	case "head":
		return fieldHead
	case "logs":
		return fieldLogs
	case "auth":
		return fieldAuth
	case "members":
		return fieldMembers
	}
	return 0
}

// message makes m of the values that object has found.
func (p *Parser) message(b []byte, m *Message) error {
	known, ok := field(0), false
	switch p.seen & deciding {
	case fieldEntry, fieldEntries:
		known = appendFields
		ok = p.append(b, m)
	case fieldFrom:
		known = readFields
		ok = p.read(b, m)
	case fieldHead:
		known = headFields
		ok = p.head(b, m)
	case fieldLogs:
		known = logsFields
		m.Kind, ok = KindLogs, string(p.value(b, fieldLogs)) == "true"
	case fieldAuth:
		known = authFields
		m.Kind = KindAuth
		m.Token, ok = p.text(b, fieldAuth)
	}
	if !ok || p.twice&known != 0 {
		return ErrMessage
	}
	for _, entry := range m.Entries {
		if len(entry) > p.Limits.MaxEntry {
			return ErrTooLong
		}
	}
	return nil
}

func (p *Parser) append(b []byte, m *Message) bool {
	m.Kind = KindAppend
	if m.ID = p.value(b, fieldID); m.ID == nil || !validID(m.ID) {
		return false
	}
	return p.entries(b, m) && p.log(b, m) && p.numbered(b, m) && p.key(b, m) && p.after(b, m)
}

// entries puts the entries into m, and takes the white space out of them.
func (p *Parser) entries(b []byte, m *Message) bool {
	if entry := p.value(b, fieldEntry); entry != nil {
		m.Entries = append(m.Entries, entry)
		if !isEntry(entry) {
			return false
		}
	} else {
		m.Multi = true
	}
	if p.spaced {
		for i, entry := range m.Entries {
			m.Entries[i] = appendCompact(entry[:0], entry)
		}
	}
	return len(m.Entries) > 0 && !p.odd
}

func (p *Parser) log(b []byte, m *Message) (ok bool) {
	m.Log, ok = p.name(b, fieldLog, MaxLog)
	return ok && (m.Log == nil || ValidLog(m.Log))
}

func (p *Parser) numbered(b []byte, m *Message) (ok bool) {
	if p.seen&(fieldProducer|fieldSeq) == 0 {
		return true
	}
	if m.Producer, ok = p.name(b, fieldProducer, MaxProducer); !ok || m.Producer == nil {
		return false
	}
	m.Seq, ok = positive(p.value(b, fieldSeq))
	return ok
}

func (p *Parser) key(b []byte, m *Message) (ok bool) {
	m.Key, ok = p.name(b, fieldKey, MaxKey)
	return ok
}

func (p *Parser) after(b []byte, m *Message) (ok bool) {
	if m.HasAfter = p.seen&fieldAfter != 0; !m.HasAfter {
		return true
	}
	m.After, ok = integer(p.value(b, fieldAfter))
	return ok
}

func (p *Parser) read(b []byte, m *Message) (ok bool) {
	m.Kind = KindRead
	if m.From, ok = parseFrom(p.value(b, fieldFrom)); !ok {
		return false
	}
	if p.seen&fieldRead != 0 {
		if m.Read, ok = positive(p.value(b, fieldRead)); !ok {
			return false
		}
	}
	m.Follow = true
	return p.flag(b, fieldFollow, &m.Follow) && p.flag(b, fieldMeta, &m.Meta) && p.flag(b, fieldEcho, &m.Echo) && p.log(b, m)
}

func (p *Parser) head(b []byte, m *Message) bool {
	m.Kind = KindHead
	m.ID = p.value(b, fieldID)
	return string(p.value(b, fieldHead)) == "true" && (m.ID == nil || validID(m.ID)) && p.flag(b, fieldMembers, &m.Members) && p.log(b, m)
}

// flag sets to if the message has that key, which must be true or false then.
func (p *Parser) flag(b []byte, f field, to *bool) (ok bool) {
	if p.seen&f == 0 {
		return true
	}
	*to, ok = boolean(p.value(b, f))
	return ok
}

// text decodes a value that must be a string, in place.
func (p *Parser) text(b []byte, f field) ([]byte, bool) {
	v := p.value(b, f)
	if v[0] != '"' {
		return nil, false
	}
	return decode(v), true
}

// name decodes a value that must be a string of 1 to top bytes; nil if the
// message does not have it.
func (p *Parser) name(b []byte, f field, top int) ([]byte, bool) {
	if p.seen&f == 0 {
		return nil, true
	}
	v, ok := p.text(b, f)
	return v, ok && 1 <= len(v) && len(v) <= top
}
