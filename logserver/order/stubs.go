package order

func (c *Core) About(id uint64) []byte                     { return nil }
func (c *Core) NextNumber() uint64                         { all := c.state.members.All(); return all[len(all)-1] + 1 }
func (c *Core) Replace(old, id uint64, about []byte) error { return ErrMembers }
