package order

func (c *Core) Replace(old, id uint64, about []byte) error { return ErrMembers }
